// SPDX-License-Identifier: GPL-2.0-or-later
/* The map of trace.dat 6 and 7 (trace-cmd.dat.v6.5(5), trace-cmd.dat.v7.5(5)), and what is done to its pages. */
#include "tests/fuzz/mutate_int.h"

enum {
	OPTION_BUFFER = 3, SECTION_OPTIONS = 0, SECTION_BUFFER = 3, SECTION_HEADERS = 16, SECTION_FTRACE = 17,
	SECTION_EVENTS = 18, SECTION_COMPRESSED = 1,
	PAGE_HEADER = 16, MAX_PAGES = 4096,
};

struct place {
	struct image *image;
	size_t at, end;
};

static uint64_t take(struct place *p, enum group group, enum spot_kind kind, unsigned int bytes)
{
	uint64_t v = load(p->image, p->at, bytes);

	spot_number(p->image, group, kind, p->at, bytes);
	p->at = MIN(p->at + bytes, p->end);
	return v;
}

static const char *take_name(struct place *p, enum group group)
{
	const char *name = (const char *)p->image->bytes->data + p->at;
	const void *nul = p->at < p->end ? memchr(name, 0, p->end - p->at) : NULL;
	size_t from = p->at;

	if (!nul) {
		p->at = p->end;
		return "";
	}
	p->at += strlen(name) + 1;
	spot_range(p->image, group, NAME, from, p->at);
	return name;
}

/* A number of bytes and so many bytes of text. */
static void take_text(struct place *p, enum group group, unsigned int bytes, bool part)
{
	size_t at = p->at, size = load(p->image, at, bytes);

	p->at = MIN(at + bytes, p->end);
	size = MIN(size, p->end - p->at);
	spot_size(p->image, group, at, bytes, p->at, p->at + size);
	if (size)
		spot_range(p->image, group, TEXT, p->at, p->at + size);
	p->at += size;
	if (part)
		spot_range(p->image, group, PART, at, p->at);
}

static void map_headers(struct place *p)
{
	take_name(p, ENVELOPE);
	take_text(p, ENVELOPE, 8, false);
	take_name(p, ENVELOPE);
	take_text(p, ENVELOPE, 8, false);
}

static void map_formats(struct place *p)
{
	uint64_t n = take(p, FORMATS, NUMBER, 4);

	for (uint64_t i = 0; i < n && p->at < p->end; i++)
		take_text(p, FORMATS, 8, true);
}

static void map_systems(struct place *p)
{
	uint64_t n = take(p, FORMATS, NUMBER, 4);

	for (uint64_t i = 0; i < n && p->at < p->end; i++) {
		size_t from = p->at;

		take_name(p, FORMATS);
		map_formats(p);
		spot_range(p->image, FORMATS, PART, from, p->at);
	}
}

static void map_pages(struct image *image, size_t from, size_t to)
{
	size_t size = image->page_size;

	if (size < 64 || size > 1 << 20)
		size = 4096;
	for (unsigned int i = 0; from + PAGE_HEADER <= to && i < MAX_PAGES; i++, from += size)
		spot_range(image, PAGES, PAGE, from, MIN(from + size, to));
}

static void map_chunks(struct image *image, size_t from, size_t to)
{
	struct place p = { image, from, to };
	uint64_t n = take(&p, PAGES, NUMBER, 4);

	for (uint64_t i = 0; i < n && p.at + 8 < p.end && i < MAX_PAGES; i++) {
		size_t at = p.at, size = MIN(load(image, at, 4), p.end - at - 8);

		spot_size(image, PAGES, at, 4, at + 8, at + 8 + size);
		spot_number(image, PAGES, NUMBER, at + 4, 4);
		spot_range(image, PAGES, PACKED, at + 8, at + 8 + size);
		p.at = at + 8 + size;
		spot_range(image, TABLES, PART, at, p.at);
	}
}

static void map_data(struct image *image, uint64_t offset, uint64_t size, bool compressed)
{
	size_t len = image->bytes->len;

	if (offset > len)
		return;
	size = MIN(size, len - offset);
	if (compressed)
		map_chunks(image, offset, offset + MIN(size + 4, len - offset));
	else
		map_pages(image, offset, offset + size);
}

/* u64 offset and size for each CPU */
static void map_cpu_table(struct place *p, uint64_t n_cpu)
{
	for (uint64_t i = 0; i < n_cpu && p->at < p->end; i++) {
		size_t at = p->at;
		uint64_t offset = take(p, TABLES, OFFSET, 8), size = load(p->image, p->at, 8), end = p->image->bytes->len;

		spot_size(p->image, TABLES, p->at, 8, MIN(offset, end), MIN(offset, end) + MIN(size, end - MIN(offset, end)));
		p->at = MIN(p->at + 8, p->end);
		spot_range(p->image, TABLES, PART, at, p->at);
		map_data(p->image, offset, size, false);
	}
}

static void map_instance(struct image *image, uint64_t offset, uint64_t n_cpu)
{
	struct place p = { image, MIN(offset, image->bytes->len), image->bytes->len };

	spot_range(image, TABLES, NAME, p.at, MIN(p.at + 10, p.end));
	p.at = MIN(p.at + 10, p.end);
	map_cpu_table(&p, n_cpu);
}

static void map_buffer(struct place *p, unsigned int version, uint64_t n_cpu)
{
	uint64_t offset = take(p, TABLES, OFFSET, 8), n;
	bool compressed = load(p->image, offset + 2, 2) & SECTION_COMPRESSED;

	take_name(p, TABLES);
	if (version == 6) {
		map_instance(p->image, offset, n_cpu);
		return;
	}
	take_name(p, TABLES);
	take(p, TABLES, NUMBER, 4);
	n = take(p, TABLES, NUMBER, 4);
	for (uint64_t i = 0; i < n && p->at < p->end; i++) {
		size_t at = p->at;
		uint64_t where, size;

		take(p, TABLES, NUMBER, 4);
		where = take(p, TABLES, OFFSET, 8);
		size = load(p->image, p->at, 8);
		if (where < p->image->bytes->len)
			spot_size(p->image, TABLES, p->at, 8, where,
				  where + MIN(size + 4 * compressed, p->image->bytes->len - where));
		p->at = MIN(p->at + 8, p->end);
		spot_range(p->image, TABLES, PART, at, p->at);
		map_data(p->image, where, size, compressed);
	}
}

static void map_options(struct place *p, unsigned int version, uint64_t n_cpu)
{
	while (p->at + 2 < p->end) {
		size_t at = p->at, size;
		unsigned int id = take(p, OPTIONS, NUMBER, 2);

		if (!id && version == 7) {
			take(p, OPTIONS, NUMBER, 4);
			take(p, OPTIONS, OFFSET, 8);
		}
		if (!id)
			return;
		size = MIN(load(p->image, p->at, 4), p->end - MIN(p->at + 4, p->end));
		spot_size(p->image, OPTIONS, p->at, 4, p->at + 4, p->at + 4 + size);
		p->at = MIN(p->at + 4, p->end);
		if (id == OPTION_BUFFER) {
			struct place in = { p->image, p->at, p->at + size };

			map_buffer(&in, version, n_cpu);
		} else if (id >= SECTION_HEADERS && size == 8) {
			spot_number(p->image, OPTIONS, OFFSET, p->at, 8);
		} else if (size) {
			spot_range(p->image, OPTIONS, TEXT, p->at, p->at + size);
		}
		p->at += size;
		spot_range(p->image, OPTIONS, PART, at, p->at);
	}
}

static void map_v6(struct place *p)
{
	uint64_t n_cpu;
	size_t at;

	map_headers(p);
	map_formats(p);
	map_systems(p);
	take_text(p, OTHER, 4, false);
	take_text(p, OTHER, 4, false);
	take_text(p, OTHER, 8, false);
	n_cpu = take(p, ENVELOPE, NUMBER, 4);
	at = p->at;
	spot_range(p->image, ENVELOPE, NAME, at, MIN(at + 10, p->end));
	if (!memcmp(p->image->bytes->data + at, "options  ", MIN(10, p->end - at))) {
		p->at = MIN(at + 10, p->end);
		map_options(p, 6, n_cpu);
	}
	map_instance(p->image, p->at, n_cpu);
}

void map_tracing_data(struct image *image, size_t from, size_t to)
{
	struct place p = { image, MIN(from + 10, to), to };

	spot_range(image, ENVELOPE, NAME, from, p.at);
	take_name(&p, ENVELOPE);
	take(&p, ENVELOPE, NUMBER, 1);
	take(&p, ENVELOPE, NUMBER, 1);
	take(&p, ENVELOPE, NUMBER, 4);
	map_headers(&p);
	map_formats(&p);
	map_systems(&p);
}

static void map_section(struct image *image, unsigned int id, size_t from, size_t to)
{
	struct place in = { image, from, to };

	if (id == SECTION_OPTIONS)
		map_options(&in, 7, 0);
	else if (id == SECTION_HEADERS)
		map_headers(&in);
	else if (id == SECTION_FTRACE)
		map_formats(&in);
	else if (id == SECTION_EVENTS)
		map_systems(&in);
}

static void map_v7(struct place *p)
{
	static const enum group packed[] = { [SECTION_OPTIONS] = OPTIONS, [SECTION_HEADERS] = ENVELOPE,
					     [SECTION_FTRACE] = SECTIONS, [SECTION_EVENTS] = FORMATS };

	take_name(p, ENVELOPE);
	take_name(p, ENVELOPE);
	take(p, ENVELOPE, OFFSET, 8);
	while (p->at + 16 < p->end) {
		size_t at = p->at, size;
		unsigned int id = take(p, SECTIONS, NUMBER, 2), flags = take(p, SECTIONS, NUMBER, 2);

		take(p, SECTIONS, NUMBER, 4);
		size = MIN(load(p->image, p->at, 8), p->end - p->at - 8);
		p->at += 8;
		spot_size(p->image, SECTIONS, at + 8, 8, p->at, p->at + size);
		if (id == SECTION_BUFFER) {
			;	/* the option has told */
		} else if (flags & SECTION_COMPRESSED && size > 8) {
			spot_size(p->image, SECTIONS, p->at, 4, p->at + 8, p->at + size);
			spot_number(p->image, SECTIONS, NUMBER, p->at + 4, 4);
			spot_range(p->image, id < G_N_ELEMENTS(packed) ? packed[id] : OTHER, PACKED, p->at + 8,
				   p->at + size);
		} else {
			map_section(p->image, id, p->at, p->at + size);
		}
		p->at += size;
		spot_range(p->image, SECTIONS, PART, at, p->at);
	}
}

void map_trace_dat(struct image *image)
{
	struct place p = { image, 10, image->bytes->len };
	const char *version;

	if (p.end < 10)
		return;
	spot_range(image, ENVELOPE, NAME, 0, 10);
	version = take_name(&p, ENVELOPE);
	take(&p, ENVELOPE, NUMBER, 1);
	take(&p, ENVELOPE, NUMBER, 1);
	image->page_size = take(&p, ENVELOPE, NUMBER, 4);
	if (!strcmp(version, "6"))
		map_v6(&p);
	else
		map_v7(&p);
}

void map_packed(struct image *image, enum group group)
{
	struct place p = { image, 0, image->bytes->len };

	switch (group) {
	case ENVELOPE:
		map_headers(&p);
		break;
	case FORMATS:
		map_systems(&p);
		break;
	case SECTIONS:
		map_formats(&p);
		break;
	case OPTIONS:
		map_options(&p, 7, 0);
		break;
	case PAGES:
		map_pages(image, 0, p.end);
		break;
	default:
		break;
	}
}

/* --- pages --- */

struct event {
	size_t at, payload, size;	/* header; payload's place and size, 0: none */
	uint32_t type;
};

/* The event at *at, up to end; false: there is none. *at goes on. */
static bool next_event(const struct image *image, size_t *at, size_t end, struct event *e)
{
	uint32_t head, extra;

	if (*at + 4 > end)
		return false;
	head = load(image, *at, 4);
	extra = load(image, *at + 4, 4);
	*e = (struct event){ .at = *at, .type = head & 31 };
	if (e->type - 1 < 28) {
		e->payload = *at + 4;
		e->size = 4 * e->type;
	} else if (e->type == 30 || e->type == 31) {
		*at += 8;
		return true;
	} else if ((e->type == 29 && !(head >> 5)) || extra < 4) {
		return false;
	} else {
		e->payload = *at + 8;
		e->size = extra - 4;
	}
	*at = e->payload + e->size;
	return *at <= end;
}

static GArray *events_of(const struct image *image, size_t from, size_t to)
{
	GArray *events = g_array_new(FALSE, FALSE, sizeof(struct event));
	size_t at = from + PAGE_HEADER, end = MIN(at + (load(image, from + 8, 8) & 0xffffff), to);
	struct event e;

	while (next_event(image, &at, end, &e))
		g_array_append_val(events, e);
	return events;
}

static void mutate_page_header(struct image *image, size_t from)
{
	struct random *r = image->random;
	uint64_t commit = load(image, from + 8, 8);

	switch (random_below(r, 6)) {
	case 0:
		store(image, from, 8, odd_number(image, 8, load(image, from, 8)));
		break;
	case 1:
		store(image, from, 8, load(image, from, 8) + random_next(r) % (1 << 30) - (1 << 29));
		break;
	case 2:
		store(image, from + 8, 8, odd_number(image, 2, commit));
		break;
	case 3:
		store(image, from + 8, 8, commit ^ 1ULL << 31);
		break;
	case 4:
		store(image, from + 8, 8, commit | 3ULL << 30);
		store(image, from + PAGE_HEADER + (commit & 0xffff), 8, odd_number(image, 8, 1));
		break;
	default:
		store(image, from + 8, 8, odd_number(image, 8, commit));
		break;
	}
}

/* Host facts in a trace marker: as long as they were. */
static void mutate_marker(struct image *image, const struct event *e)
{
	const uint8_t *data = image->bytes->data + e->payload, *brace = memchr(data, '{', e->size);
	size_t n = brace ? e->size - (brace - data) : 0;
	g_autoptr(GByteArray) json = n ? mutate_json(brace, n, image->random) : NULL;

	if (!n)
		return;
	memset(image->bytes->data + e->payload + e->size - n, ' ', n);
	memcpy(image->bytes->data + e->payload + e->size - n, json->data, MIN(n, json->len));
}

static void mutate_event(struct image *image, const struct event *e, size_t to)
{
	struct random *r = image->random;
	unsigned int bytes = 1 << random_below(r, 4);
	uint32_t head = load(image, e->at, 4);
	size_t at;

	switch (random_below(r, e->size ? 8 : 4)) {
	case 0:		/* another kind, or size */
		store(image, e->at, 4, (head & ~31U) | random_below(r, 32));
		return;
	case 1:		/* the time */
		store(image, e->at, 4, (head & 31) | odd_number(image, 4, head >> 5) << 5);
		return;
	case 2:		/* a length, or the high part of a time */
		if (e->at + 8 <= to)
			store(image, e->at + 4, 4, odd_number(image, 4, load(image, e->at + 4, 4)));
		return;
	case 3:
		if (e->at + 8 <= to) {
			store(image, e->at, 4, (head & ~31U) | (30 + random_below(r, 2)));
			store(image, e->at + 4, 4, odd_number(image, 4, 1));
		}
		return;
	case 4:		/* common_type, common_flags */
		store(image, e->payload, 2, random_below(r, 2) ? random_below(r, 2000) :
		      load(image, e->payload, 2) ^ 1 << random_below(r, 5));
		return;
	case 5:		/* common_pid */
		if (e->size >= 8)
			store(image, e->payload + 4, 4, odd_number(image, 4, load(image, e->payload + 4, 4)));
		return;
	default:
		if (memmem(image->bytes->data + e->payload, e->size, "counterspin-host-facts", 22)) {
			mutate_marker(image, e);
			return;
		}
		at = random_below(r, e->size) & ~(size_t)(bytes - 1);
		if (at + bytes <= e->size)
			store(image, e->payload + at, bytes, odd_number(image, bytes, load(image, e->payload + at, bytes)));
		return;
	}
}

void mutate_page(struct image *image, size_t from, size_t to)
{
	g_autoptr(GArray) events = events_of(image, from, to);
	unsigned int n = 1 + random_below(image->random, random_below(image->random, 4) ? 1 : 20);

	if (!events->len || !random_below(image->random, 4)) {
		mutate_page_header(image, from);
		return;
	}
	for (unsigned int i = 0; i < n; i++)
		mutate_event(image, &g_array_index(events, struct event, random_below(image->random, events->len)), to);
}

/* One field of one kind of event, in every page: all different, all alike, few values, or half of them odd. */
static void mutate_field(struct image *image, const GArray *pages)
{
	struct random *r = image->random;
	unsigned int how = random_below(r, 4), bytes = 1 << random_below(r, 4);
	uint64_t type = UINT64_MAX, value = 0;
	size_t at = SIZE_MAX;

	for (guint i = random_below(r, pages->len), n = pages->len; n--; i = (i + 1) % pages->len) {
		const struct spot *page = &g_array_index(pages, struct spot, i);
		g_autoptr(GArray) events = events_of(image, page->from, page->to);

		for (guint k = at == SIZE_MAX ? random_below(r, events->len) : 0; k < events->len; k++) {
			const struct event *e = &g_array_index(events, struct event, k);

			if (e->size < 8)
				continue;
			if (at == SIZE_MAX) {
				/* common_pid of every type, or a field of this one */
				type = random_below(r, 3) ? load(image, e->payload, 2) : UINT64_MAX;
				at = type == UINT64_MAX ? 4 : (8 + random_below(r, e->size - 7)) & ~(size_t)(bytes - 1);
				bytes = type == UINT64_MAX ? 4 : bytes;
				value = odd_number(image, bytes, load(image, e->payload + at, bytes));
			}
			if (at + bytes > e->size || (type != UINT64_MAX && type != load(image, e->payload, 2)))
				continue;
			if (how == 0)
				value++;
			else if (how == 1)
				value = random_next(r) % 8;
			else if (how == 2)
				value = odd_number(image, bytes, load(image, e->payload + at, bytes));
			store(image, e->payload + at, bytes, value);
		}
	}
}

void mutate_all_pages(struct image *image)
{
	struct random *r = image->random;
	g_autoptr(GArray) pages = g_array_new(FALSE, FALSE, sizeof(struct spot));
	unsigned int how = random_below(r, 8);

	for (guint i = 0; i < image->spots->len; i++) {
		const struct spot *s = &g_array_index(image->spots, struct spot, i);

		if (s->kind == PAGE)
			g_array_append_val(pages, *s);
	}
	if (how < 5) {
		mutate_field(image, pages);
		return;
	}
	for (guint i = 0; i < pages->len; i++) {
		const struct spot *page = &g_array_index(pages, struct spot, i);

		if (how == 5)		/* every page says that some were lost */
			store(image, page->from + 8, 8, load(image, page->from + 8, 8) | 1ULL << 31);
		else if (how == 6)
			store(image, page->from, 8, load(image, page->from, 8) + ((uint64_t)i << random_below(r, 60)));
		else if (random_below(r, 2))
			mutate_page(image, page->from, page->to);
	}
}
