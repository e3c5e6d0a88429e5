// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/fuzz/mutate.h"

#include <zstd.h>

#include "tests/fuzz/mutate_int.h"

enum {
	MAX_MUTATIONS = 8,
	MAX_IMAGE = 8 << 20,		/* no mutation makes more of it */
	MAX_UNPACKED = 4 << 20,
};

/* --- random numbers: splitmix64 --- */

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

struct random random_seeded(uint64_t seed, uint64_t n)
{
	return (struct random){ mix(mix(seed) + n) };
}

uint64_t random_next(struct random *random)
{
	return mix(random->state += 0x9e3779b97f4a7c15);
}

uint64_t random_below(struct random *random, uint64_t n)
{
	return n ? random_next(random) % n : 0;
}

/* --- spots --- */

static void add_spot(struct image *image, struct spot spot)
{
	size_t size = image->bytes->len;

	if (spot.from > spot.to || spot.to > size || spot.at > size || spot.bytes > size - spot.at)
		return;
	g_array_append_val(image->spots, spot);
}

void spot_number(struct image *image, enum group group, enum spot_kind kind, size_t at, unsigned int bytes)
{
	add_spot(image, (struct spot){ .kind = kind, .group = group, .at = at, .bytes = bytes });
}

void spot_size(struct image *image, enum group group, size_t at, unsigned int bytes, size_t from, size_t to)
{
	add_spot(image, (struct spot){ .kind = SIZE, .group = group, .at = at, .bytes = bytes, .from = from, .to = to });
}

void spot_range(struct image *image, enum group group, enum spot_kind kind, size_t from, size_t to)
{
	add_spot(image, (struct spot){ .kind = kind, .group = group, .at = from, .from = from, .to = to });
}

uint64_t load(const struct image *image, size_t at, unsigned int bytes)
{
	uint64_t v = 0;

	if (at <= image->bytes->len && bytes <= image->bytes->len - at)
		memcpy(&v, image->bytes->data + at, bytes);
	return v;
}

void store(struct image *image, size_t at, unsigned int bytes, uint64_t value)
{
	if (at <= image->bytes->len && bytes <= image->bytes->len - at)
		memcpy(image->bytes->data + at, &value, bytes);
}

uint64_t odd_number(struct image *image, unsigned int bytes, uint64_t old)
{
	struct random *r = image->random;
	uint64_t power = 1ULL << random_below(r, 8 * bytes);

	switch (random_below(r, 12)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX >> random_below(r, 3);	/* -1, the largest signed one */
	case 2:
		return UINT64_MAX >> (64 - 8 * bytes) >> 1;
	case 3:
		return power - random_below(r, 3) + 1;
	case 4:
		return old ^ power;
	case 5:
		return old + random_below(r, 17) - 8;
	case 6:
		return old * (2 + random_below(r, 4));
	case 7:
		return random_next(r);
	case 8:
		return random_below(r, 256);
	case 9:
		return image->bytes->len + random_below(r, 33) - 16;
	case 10:
		return load(image, random_below(r, image->bytes->len), bytes);
	default:
		return -old;
	}
}

void splice(struct image *image, size_t at, size_t old, const void *data, size_t size, bool fix)
{
	g_autofree void *copy = g_memdup2(data, size);	/* it may be of the image */
	GByteArray *b = image->bytes;
	uint64_t delta = size - old;

	if (at > b->len || old > b->len - at || size > MAX_IMAGE - MIN(b->len, MAX_IMAGE))
		return;
	for (guint i = 0; fix && i < image->spots->len; i++) {
		const struct spot *s = &g_array_index(image->spots, struct spot, i);
		uint64_t v = load(image, s->at, s->bytes);

		if ((s->kind == SIZE && s->from <= at && at + old <= s->to) ||
		    (s->kind == OFFSET && v <= b->len && v >= at + old && v > at))
			store(image, s->at, s->bytes, v + delta);
	}
	g_array_set_size(image->spots, 0);
	if (size > old) {
		guint tail = b->len - at - old;

		g_byte_array_set_size(b, b->len + (size - old));
		memmove(b->data + at + size, b->data + at + old, tail);
	} else if (size < old) {
		g_byte_array_remove_range(b, at + size, old - size);
	}
	if (size)
		memcpy(b->data + at, copy, size);
}

/* --- what is done to spots --- */

static const char *odd_text(struct image *image, char *room, size_t size)
{
	static const char *const words[] = {
		"", ";", "\n", ":", "[", "]", "[]", "0", "-1", "65535", "65536", "4294967295", "18446744073709551616",
		"99999999999999999999999999", "field:", "offset:", "size:", "signed:1;", "ID:", "name:", "__data_loc ",
		"\t", "common_type", "overrun:", "[mono]", "[x86-tsc]", "[local]", "\x1b[31m", "\xff\xfe", "%s%n", "{",
		"\noffset:0;\tsize:65535;\tsigned:1;\n",
	};

	if (random_below(image->random, 3))
		return words[random_below(image->random, G_N_ELEMENTS(words))];
	g_snprintf(room, size, "%" G_GUINT64_FORMAT, odd_number(image, 4, 65536) & 0xffffffff);
	return room;
}

/* A run of digits becomes another number, a line goes, comes twice, or goes elsewhere, something is put in. */
static void mutate_text(struct image *image, const struct spot *s, bool fix)
{
	const char *text = (const char *)image->bytes->data, *p;
	size_t at = s->from + random_below(image->random, s->to - s->from), end = s->to, from, to;
	char room[32];
	const char *odd = odd_text(image, room, sizeof(room));

	switch (random_below(image->random, 5)) {
	case 0:
	case 1:
		for (from = at; from < end && !g_ascii_isdigit(text[from]);)
			from++;
		for (to = from; to < end && g_ascii_isdigit(text[to]);)
			to++;
		splice(image, from, to - from, odd, strlen(odd), fix);
		return;
	case 2:
		p = memchr(text + at, '\n', end - at);
		from = p ? (size_t)(p + 1 - text) : at;
		p = memchr(text + from, '\n', end - from);
		to = p ? (size_t)(p + 1 - text) : end;
		if (random_below(image->random, 2))
			splice(image, from, to - from, NULL, 0, fix);
		else
			splice(image, at, 0, text + from, to - from, fix);
		return;
	default:
		splice(image, at, random_below(image->random, MIN(end - at, 9)), odd, strlen(odd), fix);
		return;
	}
}

static const struct spot *other_spot(const struct image *image, const struct spot *s)
{
	for (unsigned int i = 0; i < 16; i++) {
		const struct spot *o = &g_array_index(image->spots, struct spot,
						      random_below(image->random, image->spots->len));

		if (o->kind == s->kind && o->group == s->group && o->from != s->from)
			return o;
	}
	return s;
}

static void mutate_range(struct image *image, const struct spot *s, bool fix)
{
	const struct spot *o = other_spot(image, s);
	size_t n = s->to - s->from, part = random_below(image->random, n);
	const uint8_t *data = image->bytes->data;

	switch (random_below(image->random, 6)) {
	case 0:
		splice(image, s->from, n, NULL, 0, fix);
		break;
	case 1:
		splice(image, s->from, 0, data + s->from, n, fix);
		break;
	case 2:		/* another takes its place */
		splice(image, s->from, n, data + o->from, o->to - o->from, fix);
		break;
	case 3:
		splice(image, s->from, 0, data + o->from, o->to - o->from, fix);
		break;
	case 4:
		memset(image->bytes->data + s->from + part, 0, n - part);
		break;
	default:	/* torn: its second half is another's */
		memmove(image->bytes->data + s->from + part, data + o->from, MIN(n - part, o->to - o->from));
		break;
	}
}

/* Up to how many of a small thing fit: a reader's tables are to grow. */
static void multiply(struct image *image, const struct spot *s)
{
	size_t n = s->to - s->from, times = 1ULL << random_below(image->random, 13);
	g_autoptr(GByteArray) many = g_byte_array_new();

	for (size_t i = 0; i < times && many->len + n < MAX_IMAGE / 4; i++)
		g_byte_array_append(many, image->bytes->data + s->from, n);
	splice(image, s->from, 0, many->data, many->len, true);
}

/* What is packed is unpacked, mutated and packed; else it is only made to say that it holds more. */
static void mutate_packed(struct image *image, const struct spot *s)
{
	uint64_t usize = load(image, s->from - 4, 4);
	struct image in = { .random = image->random, .page_size = image->page_size };
	g_autoptr(GByteArray) packed = g_byte_array_new();
	unsigned int n = 1 + random_below(image->random, 3);
	size_t from = s->from, size;
	enum group group = s->group;

	if (!usize || usize > MAX_UNPACKED)
		return;
	in.bytes = g_byte_array_new();
	in.spots = g_array_new(FALSE, FALSE, sizeof(struct spot));
	g_byte_array_set_size(in.bytes, usize);
	size = ZSTD_decompress(in.bytes->data, usize, image->bytes->data + s->from, s->to - s->from);
	if (!ZSTD_isError(size)) {
		g_byte_array_set_size(in.bytes, size);
		for (unsigned int i = 0; i < n && in.bytes->len; i++) {
			g_array_set_size(in.spots, 0);
			map_packed(&in, group);
			mutate_once(&in);
		}
		if (!random_below(image->random, 16)) {	/* a bomb */
			size = in.bytes->len;
			g_byte_array_set_size(in.bytes, MAX_IMAGE << random_below(image->random, 4));
			memset(in.bytes->data + size, 0, in.bytes->len - size);
		}
		g_byte_array_set_size(packed, ZSTD_compressBound(in.bytes->len));
		size = ZSTD_compress(packed->data, packed->len, in.bytes->data, in.bytes->len, 1);
		splice(image, from, s->to - s->from, packed->data, size, true);
		store(image, from - 4, 4, in.bytes->len);
	}
	g_byte_array_unref(in.bytes);
	g_array_unref(in.spots);
}

/* Damage without knowledge of formats. */
static void noise(struct image *image)
{
	struct random *r = image->random;
	GByteArray *b = image->bytes;
	size_t at = random_below(r, b->len), n = 1 + random_below(r, MIN(b->len - at, 64));

	if (!b->len)
		return;
	switch (random_below(r, 8)) {
	case 0:
		b->data[at] ^= 1 << random_below(r, 8);
		break;
	case 1:
		for (size_t i = 0; i < n; i++)
			b->data[at + i] = random_next(r);
		break;
	case 2:
		memset(b->data + at, random_below(r, 2) ? 0 : 0xff, n);
		break;
	case 3:
		store(image, at, 4, odd_number(image, 4, load(image, at, 4)));
		break;
	case 4:
		store(image, at & ~7ULL, 8, odd_number(image, 8, load(image, at & ~7ULL, 8)));
		break;
	case 5:
		memmove(b->data + at, b->data + random_below(r, b->len - n + 1), n);
		break;
	case 6:
		splice(image, at, random_below(r, 2) ? n : 0, b->data + at, random_below(r, n), false);
		break;
	default:
		if (!random_below(r, 4))
			g_byte_array_set_size(b, at);	/* cut */
		break;
	}
}

/* What leads deepest into a reader comes most often. */
static const unsigned int weights[N_GROUPS] = {
	[ENVELOPE] = 1, [FORMATS] = 4, [OPTIONS] = 2, [SECTIONS] = 1, [TABLES] = 4, [PAGES] = 20, [RECORDS] = 20,
	[OTHER] = 1,
};

static const struct spot *pick_spot(struct image *image)
{
	unsigned int n[N_GROUPS] = { 0 }, sum = 0, group = 0;
	uint64_t k;

	for (guint i = 0; i < image->spots->len; i++) {
		enum group g = g_array_index(image->spots, struct spot, i).group;

		sum += n[g]++ ? 0 : weights[g];
	}
	if (!sum)
		return NULL;
	k = random_below(image->random, sum);
	while (!n[group] || k >= weights[group]) {
		k -= n[group] ? weights[group] : 0;
		group++;
	}
	k = random_below(image->random, n[group]);
	for (guint i = 0;; i++) {
		const struct spot *s = &g_array_index(image->spots, struct spot, i);

		if (s->group == group && !k--)
			return s;
	}
}

void mutate_once(struct image *image)
{
	struct random *r = image->random;
	const struct spot *s = pick_spot(image);
	struct spot spot;
	bool fix = random_below(r, 4);

	if (!s || !random_below(r, 8)) {
		noise(image);
		return;
	}
	spot = *s;	/* the array changes */
	switch (spot.kind) {
	case NUMBER:
	case OFFSET:
	case SIZE:
		store(image, spot.at, spot.bytes, odd_number(image, spot.bytes, load(image, spot.at, spot.bytes)));
		break;
	case TEXT:
	case NAME:
		mutate_text(image, &spot, fix);
		break;
	case PART:
		if (!random_below(r, 16))
			multiply(image, &spot);
		else
			mutate_range(image, &spot, fix);
		break;
	case PAGE:
		if (!random_below(r, 6))
			mutate_range(image, &spot, fix);
		else if (!random_below(r, 6))
			mutate_all_pages(image);
		else
			mutate_page(image, spot.from, spot.to);
		break;
	case RECORD:
		if (!random_below(r, 3))
			mutate_range(image, &spot, fix);
		else if (!random_below(r, 6))
			mutate_all_records(image);
		else
			mutate_record(image, spot.from, spot.to);
		break;
	default:
		mutate_packed(image, &spot);
		break;
	}
}

GByteArray *mutate(const uint8_t *data, size_t size, struct random *random)
{
	unsigned int n = 1 + random_below(random, MAX_MUTATIONS);
	struct image image = { .random = random };
	void (*map)(struct image *image) = NULL;

	n = random_below(random, 2) ? 1 : n;
	if (size && data[0] == '{')
		return mutate_json(data, size, random);
	if (size > 10 && !memcmp(data, "\x17\x08\x44tracing", 10))
		map = map_trace_dat;
	else if (size > 16 && !memcmp(data, "PERFILE2", 8))
		map = map_perf_data;
	image.bytes = g_byte_array_new();
	image.spots = g_array_new(FALSE, FALSE, sizeof(struct spot));
	g_byte_array_append(image.bytes, data, size);
	for (unsigned int i = 0; i < n && image.bytes->len; i++) {
		if (map == map_perf_data && !random_below(random, 4) && mutate_perf_stream(&image))
			continue;
		g_array_set_size(image.spots, 0);
		if (map)
			map(&image);
		mutate_once(&image);
	}
	g_array_unref(image.spots);
	return image.bytes;
}
