// SPDX-License-Identifier: GPL-2.0-or-later
/* The map of perf.data (tools/perf/Documentation/perf.data-file-format.txt), and what is done to its records. */
#include <zstd.h>

#include "tests/fuzz/mutate_int.h"

enum {
	PIPE_HEADER = 16, ATTR_SIZE = 16, ATTRS = 24, DATA = 40, FEATURE_BITS = 72, FILE_HEADER = 104, N_FEATURES = 256,
	FEATURE_TRACING_DATA = 1, FEATURE_EVENT_DESC = 12,
	RECORD_HEADER = 8, RECORD_SAMPLE = 9, RECORD_ATTR = 64, RECORD_TRACING_DATA = 66, RECORD_COMPRESSED = 81,
	RECORD_COMPRESSED2 = 83,
	MAX_RECORDS = 20000, MAX_PLAIN = 4 << 20, PIECE = 20000,
};

static const uint16_t record_types[] = { 1, 2, 3, 4, 7, 9, 13, 14, 64, 65, 66, 68, 69, 71, 78, 79, 80, 81, 82, 83, 90 };

/* struct perf_event_attr, of which size bytes are there */
static void map_attr(struct image *image, size_t at, size_t size)
{
	static const struct { uint8_t at, bytes; } fields[] = {
		{ 0, 4 }, { 4, 4 }, { 8, 8 }, { 16, 8 }, { 24, 8 }, { 32, 8 }, { 40, 8 }, { 92, 4 },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(fields); i++)
		if (fields[i].at + fields[i].bytes <= size)
			spot_number(image, FORMATS, NUMBER, at + fields[i].at, fields[i].bytes);
}

static void map_ids(struct image *image, size_t from, size_t to)
{
	for (size_t at = from; at + 8 <= to; at += 8)
		spot_number(image, TABLES, NUMBER, at, 8);
}

/* A section's offset at at, and its size behind that. */
static void map_pointer(struct image *image, enum group group, size_t at, size_t *from, size_t *to)
{
	size_t end = image->bytes->len;

	*from = MIN(load(image, at, 8), end);
	*to = *from + MIN(load(image, at + 8, 8), end - *from);
	spot_number(image, group, OFFSET, at, 8);
	spot_size(image, group, at + 8, 8, *from, *to);
}

static void map_attrs(struct image *image)
{
	size_t entry = load(image, ATTR_SIZE, 8), from, to, ids, ids_end;

	spot_number(image, ENVELOPE, NUMBER, ATTR_SIZE, 8);
	map_pointer(image, ENVELOPE, ATTRS, &from, &to);
	if (entry < 80 || entry > 4096)
		return;
	for (size_t at = from; at + entry <= to; at += entry) {
		map_attr(image, at, entry - 16);
		map_pointer(image, TABLES, at + entry - 16, &ids, &ids_end);
		map_ids(image, ids, ids_end);
		spot_range(image, FORMATS, PART, at, at + entry);
	}
}

static void map_event_desc(struct image *image, size_t from, size_t to)
{
	size_t n = load(image, from, 4), attr_size = load(image, from + 4, 4), at = from + 8;

	spot_number(image, OPTIONS, NUMBER, from, 4);
	spot_number(image, OPTIONS, NUMBER, from + 4, 4);
	for (size_t i = 0; i < n && at + attr_size + 8 < to; i++) {
		size_t begin = at, ids = load(image, at + attr_size, 4), len = load(image, at + attr_size + 4, 4);

		map_attr(image, at, attr_size);
		at += attr_size;
		spot_number(image, OPTIONS, NUMBER, at, 4);
		spot_size(image, OPTIONS, at + 4, 4, at + 8, MIN(at + 8 + len, to));
		at += 8 + len;
		map_ids(image, MIN(at, to), MIN(at + 8 * ids, to));
		at += 8 * ids;
		spot_range(image, OPTIONS, PART, begin, MIN(at, to));
	}
}

static void map_features(struct image *image, size_t table)
{
	size_t from, to;

	for (unsigned int i = 0; i < N_FEATURES; i++) {
		if (!(load(image, FEATURE_BITS + i / 8, 1) >> i % 8 & 1))
			continue;
		map_pointer(image, TABLES, table, &from, &to);
		spot_range(image, TABLES, PART, table, MIN(table + 16, image->bytes->len));
		table += 16;
		if (i == FEATURE_TRACING_DATA) {
			map_tracing_data(image, from, to);
		} else if (i == FEATURE_EVENT_DESC) {
			map_event_desc(image, from, to);
		} else if (to - from > 4) {
			spot_size(image, OPTIONS, from, 4, from + 4, to);
			spot_range(image, OPTIONS, TEXT, from + 4, to);
		}
		spot_range(image, OPTIONS, PART, from, to);
	}
}

/* Bytes of the record at at; 0: there is none up to end. */
static size_t record_size(const struct image *image, size_t at, size_t end)
{
	size_t size = load(image, at + 6, 2);

	return at + RECORD_HEADER <= end && size >= RECORD_HEADER && size <= end - at ? size : 0;
}

static void map_records(struct image *image, size_t from, size_t to)
{
	size_t size;

	for (unsigned int i = 0; i < MAX_RECORDS && (size = record_size(image, from, to)); i++) {
		uint32_t type = load(image, from, 4);

		spot_range(image, RECORDS, RECORD, from, from + size);
		if (type == RECORD_TRACING_DATA) {	/* the data are behind it */
			size_t n = MIN(load(image, from + 8, 4), to - from - size);

			spot_size(image, FORMATS, from + 8, 4, from + size, from + size + n);
			map_tracing_data(image, from + size, from + size + n);
			size += n;
		} else if (type == RECORD_ATTR) {
			map_attr(image, from + RECORD_HEADER, size - RECORD_HEADER);
		}
		from += size;
	}
}

static bool is_pipe(const struct image *image)
{
	return load(image, 8, 8) == PIPE_HEADER;
}

static void find_data(const struct image *image, size_t *from, size_t *to)
{
	size_t end = image->bytes->len;

	*from = MIN(is_pipe(image) ? PIPE_HEADER : load(image, DATA, 8), end);
	*to = is_pipe(image) ? end : *from + MIN(load(image, DATA + 8, 8), end - *from);
}

void map_perf_data(struct image *image)
{
	size_t from, to;

	spot_range(image, ENVELOPE, NAME, 0, 8);
	spot_number(image, ENVELOPE, NUMBER, 8, 8);
	find_data(image, &from, &to);
	if (!is_pipe(image)) {
		map_attrs(image);
		map_pointer(image, ENVELOPE, DATA, &from, &to);
		for (size_t at = FEATURE_BITS; at < FILE_HEADER; at += 8)
			spot_number(image, ENVELOPE, NUMBER, at, 8);
		map_features(image, to);
	}
	map_records(image, from, to);
}

/* --- records --- */

void mutate_record(struct image *image, size_t from, size_t to)
{
	struct random *r = image->random;
	unsigned int bytes = random_below(r, 3) ? 8 : 4;
	size_t size = to - from, at;

	switch (random_below(r, 8)) {
	case 0:
		store(image, from, 4, random_below(r, 8) ? record_types[random_below(r, G_N_ELEMENTS(record_types))] :
		      odd_number(image, 4, load(image, from, 4)));
		return;
	case 1:
		store(image, from + 4, 2, odd_number(image, 2, load(image, from + 4, 2)));
		return;
	case 2:
		store(image, from + 6, 2, odd_number(image, 2, size));
		return;
	default:
		at = from + RECORD_HEADER + (random_below(r, size - MIN(size, RECORD_HEADER)) & ~(size_t)(bytes - 1));
		if (at + bytes <= to)
			store(image, at, bytes, odd_number(image, bytes, load(image, at, bytes)));
		return;
	}
}

static void swap_records(struct image *image, const struct spot *a, const struct spot *b)
{
	size_t n = a->to - a->from;
	g_autofree void *keep = g_memdup2(image->bytes->data + a->from, n);

	if (b->to - b->from != n)
		return;
	memmove(image->bytes->data + a->from, image->bytes->data + b->from, n);
	memcpy(image->bytes->data + b->from, keep, n);
}

/* One field of one type of record, in all of them; or many change places. */
void mutate_all_records(struct image *image)
{
	struct random *r = image->random;
	g_autoptr(GArray) records = g_array_new(FALSE, FALSE, sizeof(struct spot));
	unsigned int how = random_below(r, 6), bytes = random_below(r, 2) ? 8 : 4;
	uint64_t value, type;
	const struct spot *first;
	size_t at;

	for (guint i = 0; i < image->spots->len; i++)
		if (g_array_index(image->spots, struct spot, i).kind == RECORD)
			g_array_append_val(records, g_array_index(image->spots, struct spot, i));
	first = &g_array_index(records, struct spot, random_below(r, records->len));
	type = random_below(r, 4) ? RECORD_SAMPLE : load(image, first->from, 4);
	at = (RECORD_HEADER + random_below(r, 120)) & ~(size_t)(bytes - 1);
	value = odd_number(image, bytes, load(image, first->from + at, bytes));
	for (guint i = 0; i < records->len; i++) {
		const struct spot *s = &g_array_index(records, struct spot, i);
		uint64_t old = load(image, s->from + at, bytes);

		if (how == 0 && random_below(r, 2)) {
			swap_records(image, s, &g_array_index(records, struct spot, random_below(r, records->len)));
			continue;
		}
		if (load(image, s->from, 4) != type || s->from + at + bytes > s->to)
			continue;
		if (how == 1)
			value++;
		else if (how == 2)
			value = random_next(r) % 8;
		else if (how == 3)
			value = odd_number(image, bytes, old);
		else if (how == 4)
			value = old + ((uint64_t)i << (i % 32));
		store(image, s->from + at, bytes, value);
	}
}

/* --- COMPRESSED records --- */

/* What they hold, or what the records are if none is compressed; other says what else there was. */
static void unpack(const struct image *image, size_t from, size_t to, GByteArray *plain, GByteArray *other)
{
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	g_autofree uint8_t *room = g_malloc(PIECE);
	size_t size;

	for (; (size = record_size(image, from, to)); from += size) {
		uint32_t type = load(image, from, 4);
		size_t head = type == RECORD_COMPRESSED2 ? 16 : RECORD_HEADER;
		ZSTD_inBuffer in = { image->bytes->data + from + head, size - MIN(head, size), 0 };

		if (type == RECORD_TRACING_DATA)
			size += MIN(load(image, from + 8, 4), to - from - size);
		if (type != RECORD_COMPRESSED && type != RECORD_COMPRESSED2) {
			g_byte_array_append(other, image->bytes->data + from, size);
			continue;
		}
		if (type == RECORD_COMPRESSED2)
			in.size = MIN(in.size, load(image, from + 8, 8));
		while (in.pos < in.size && plain->len < MAX_PLAIN) {
			ZSTD_outBuffer out = { room, PIECE, 0 };
			size_t result = ZSTD_decompressStream(zstd, &out, &in);

			g_byte_array_append(plain, room, out.pos);
			if (ZSTD_isError(result) || (!out.pos && in.pos < in.size && !result))
				break;
		}
	}
	ZSTD_freeDCtx(zstd);
}

static void pack(GByteArray *to, const GByteArray *plain, bool newer)
{
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	g_autofree uint8_t *room = g_malloc(ZSTD_compressBound(PIECE) + PIECE);

	for (size_t at = 0; at < plain->len; at += PIECE) {
		ZSTD_inBuffer in = { plain->data + at, MIN(PIECE, plain->len - at), 0 };
		ZSTD_outBuffer out = { room, ZSTD_compressBound(PIECE) + PIECE, 0 };
		size_t pad, head = newer ? 16 : RECORD_HEADER;
		uint64_t header[2];

		ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_flush);
		pad = newer ? -out.pos % 8 : 0;
		header[0] = (newer ? RECORD_COMPRESSED2 : RECORD_COMPRESSED) | (uint64_t)(head + out.pos + pad) << 48;
		header[1] = out.pos;
		g_byte_array_append(to, (const guint8 *)header, head);
		memset(room + out.pos, 0, pad);
		g_byte_array_append(to, room, out.pos + pad);
	}
	ZSTD_freeCCtx(zstd);
}

bool mutate_perf_stream(struct image *image)
{
	struct random *r = image->random;
	g_autoptr(GByteArray) data = g_byte_array_new();
	struct image in = { .random = r, .bytes = g_byte_array_new() };
	unsigned int n = 1 + random_below(r, 3);
	size_t from, to;
	bool done;

	find_data(image, &from, &to);
	unpack(image, from, to, in.bytes, data);
	if (!in.bytes->len && !is_pipe(image) && !random_below(r, 4)) {	/* to be packed for the first time */
		g_byte_array_append(in.bytes, image->bytes->data + from, to - from);
		g_byte_array_set_size(data, 0);
	}
	done = in.bytes->len;
	in.spots = g_array_new(FALSE, FALSE, sizeof(struct spot));
	for (unsigned int i = 0; i < n && in.bytes->len; i++) {
		g_array_set_size(in.spots, 0);
		map_records(&in, 0, in.bytes->len);
		mutate_once(&in);
	}
	if (done && !random_below(r, 32)) {	/* a bomb */
		size_t size = in.bytes->len;

		g_byte_array_set_size(in.bytes, size + (1 << (20 + random_below(r, 7))));
		memset(in.bytes->data + size, 0, in.bytes->len - size);
	}
	if (done) {
		pack(data, in.bytes, random_below(r, 2));
		g_array_set_size(image->spots, 0);
		map_perf_data(image);
		splice(image, from, to - from, data->data, data->len, true);
	}
	g_byte_array_unref(in.bytes);
	g_array_unref(in.spots);
	return done;
}
