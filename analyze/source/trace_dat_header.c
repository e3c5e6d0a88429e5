// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Layout: trace-cmd.dat.v6.5(5), trace-cmd.dat.v7.5(5). All numbers
 * little-endian, as other files are refused.
 */
#include "analyze/source/trace_dat_header.h"

#include <zstd.h>

#include "analyze/source/cursor.h"
#include "analyze/source/tracing_data.h"

enum {
	OPTION_DONE = 0,
	OPTION_DATE = 1,
	OPTION_CPUSTAT = 2,
	OPTION_BUFFER = 3,
	OPTION_TRACECLOCK = 4,
	OPTION_UNAME = 5,
	OPTION_OFFSET = 7,
	OPTION_CPUCOUNT = 8,
	OPTION_TSC2NSEC = 14,

	SECTION_OPTIONS = 0,
	SECTION_HEADER_INFO = 16,
	SECTION_FTRACE_FORMATS = 17,
	SECTION_EVENT_FORMATS = 18,
	SECTION_COMPRESSED = 1,

	MAX_SECTION_BYTES = 64 << 20,	/* of options and formats, uncompressed; real ones have kilobytes */
	MAX_PAGE_SIZE = 1 << 20,
	MAX_CPUS = 8192,		/* NR_CPUS of x86 at most */
	MAX_BUFFERS = 256,
	MAX_STREAMS = 65536,		/* CPUs of all buffers */
};

#define MAX_OVERRUNS (1LL << 40)

/* The file while its header is read. */
struct reading {
	struct trace_dat_header *h;
	struct event_format *formats;
	const char *name;
	unsigned int page_size;
	struct cursor c;
	GArray *instances;	/* version 6: offsets of buffer instances, with names in names */
	GPtrArray *names;
	uint64_t unpacked;	/* bytes of sections */
	unsigned int n_streams;
	bool has_pages, has_formats;
};

static bool fail(GError **error, const char *path, const char *format, ...) G_GNUC_PRINTF(3, 4);
static bool fail(GError **error, const char *path, const char *format, ...)
{
	va_list args;
	g_autofree char *what = NULL;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, SOURCE_ERROR, 0, "'%s': %s", path, what);
	return false;
}

/* A name from the file, at most max bytes of it, fit to be printed. */
static char *name_from(const char *text, size_t max)
{
	char *name = g_strndup(text, max);

	for (char *p = name; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return name;
}

/* "overrun: N" and "dropped events: N" of a per-CPU stats text */
static void add_overruns(struct trace_dat_header *h, const char *text, size_t len)
{
	g_autofree char *copy = g_strndup(text, len);
	static const char *const keys[] = { "\noverrun:", "\ndropped events:" };

	for (unsigned int i = 0; i < G_N_ELEMENTS(keys); i++) {
		const char *p = strstr(copy, keys[i]);

		/* the text may say anything */
		if (p)
			h->overruns += CLAMP(g_ascii_strtoll(p + strlen(keys[i]), NULL, 10), 0, MAX_OVERRUNS);
		h->overruns = MIN(h->overruns, MAX_OVERRUNS);
	}
}

static void buffer_free(void *p)
{
	struct trace_dat_buffer *b = p;

	g_free(b->name);
	g_free(b->clock);
	g_array_unref(b->cpus);
	g_free(b);
}

static struct trace_dat_buffer *add_buffer(struct reading *r, const char *name, const char *clock,
					   unsigned int page_size)
{
	struct trace_dat_buffer *b = g_new0(struct trace_dat_buffer, 1);

	b->name = name_from(name, 100);
	b->clock = clock && *clock ? name_from(clock, 32) : NULL;
	b->page_size = page_size;
	b->cpus = g_array_new(FALSE, FALSE, sizeof(struct trace_dat_cpu));
	g_ptr_array_add(r->h->buffers, b);
	return b;
}

/* What lies past the end of the file is lost, what lies before it is not. */
static void add_cpu(struct reading *r, struct trace_dat_buffer *b, unsigned int cpu, uint64_t offset,
		    uint64_t size)
{
	struct trace_dat_cpu c = { .cpu = cpu, .offset = offset, .size = size };

	if (cpu >= MAX_CPUS || !size || ++r->n_streams > MAX_STREAMS)
		return;
	if (offset > r->c.size || size > r->c.size - offset) {
		c.cut = true;
		c.offset = MIN(offset, r->c.size);
		c.size = r->c.size - c.offset;
	}
	r->h->n_cpu = MAX(r->h->n_cpu, cpu + 1);
	g_array_append_val(b->cpus, c);
}

/* Version 7: all of a buffer is in its option. */
static void read_buffer_option(struct reading *r, struct cursor *c)
{
	uint64_t offset = take_number(c, 8);
	const char *name = take_string(c), *clock;
	struct cursor section = r->c;
	struct trace_dat_buffer *b;
	unsigned int page_size, n;

	if (r->h->version == 6) {
		if (!c->bad && r->instances->len < MAX_BUFFERS) {
			g_array_append_val(r->instances, offset);
			g_ptr_array_add(r->names, name_from(name, 100));
		}
		return;
	}
	clock = take_string(c);
	page_size = take_number(c, 4);
	n = take_number(c, 4);
	section.pos = MIN(offset, section.size);
	take(&section, 2);
	if (c->bad || r->h->buffers->len >= MAX_BUFFERS)
		return;
	b = add_buffer(r, name, clock, page_size);
	b->compressed = take_number(&section, 2) & SECTION_COMPRESSED;
	for (unsigned int i = 0; i < n && !c->bad; i++) {
		unsigned int cpu = take_number(c, 4);
		uint64_t at = take_number(c, 8), size = take_number(c, 8);

		/* the size leaves out the count of chunks */
		if (!c->bad)
			add_cpu(r, b, cpu, at, size && b->compressed ? size + 4 : size);
	}
}

static void read_option(struct reading *r, unsigned int id, const char *data, size_t size)
{
	struct trace_dat_header *h = r->h;
	struct cursor c = { .data = (const uint8_t *)data, .size = size };
	const char *open, *close;
	g_autofree char *text = NULL;
	unsigned int n_cpu;

	switch (id) {
	case OPTION_TRACECLOCK:
		open = memchr(data, '[', size);
		close = open ? memchr(open, ']', data + size - open) : NULL;
		if (close && !h->clock)
			h->clock = name_from(open + 1, MIN(close - open - 1, 32));
		break;
	case OPTION_UNAME:
		text = g_strndup(data, MIN(size, 1000));
		if (!h->uname)
			h->uname = name_from(g_strstrip(text), 1000);
		break;
	case OPTION_CPUSTAT:
		add_overruns(h, data, size);
		break;
	case OPTION_CPUCOUNT:
		n_cpu = take_number(&c, 4);
		h->n_cpu = CLAMP(n_cpu, h->n_cpu, MAX_CPUS);
		break;
	case OPTION_DATE:		/* microseconds */
		text = g_strndup(data, MIN(size, 100));
		h->ts_offset += g_ascii_strtoull(text, NULL, 0) * 1000;
		break;
	case OPTION_OFFSET:
		text = g_strndup(data, MIN(size, 100));
		h->ts_offset += g_ascii_strtoull(text, NULL, 0);
		break;
	case OPTION_TSC2NSEC:
		/* an offset follows, which libtracecmd (1.3) does not add either: its times and ours are the same */
		h->mult = take_number(&c, 4);
		h->shift = take_number(&c, 4);
		break;
	case OPTION_BUFFER:
		read_buffer_option(r, &c);
		break;
	}
}

/* Options up to the DONE option; false if they run past the end. */
static bool read_options(struct reading *r, struct cursor *c)
{
	for (;;) {
		unsigned int id = take_number(c, 2);
		uint32_t size;
		const char *data;

		if (c->bad)
			return false;
		/* in version 7 the DONE option has the place of the next options; sections are walked instead */
		if (id == OPTION_DONE)
			return true;
		size = take_number(c, 4);
		data = take(c, size);
		if (!data)
			return false;
		read_option(r, id, data, size);
	}
}

static void read_cpu_table(struct reading *r, struct cursor *c, const char *name)
{
	struct trace_dat_buffer *b = add_buffer(r, name, NULL, r->page_size);
	unsigned int n_cpu = r->h->n_cpu;

	for (unsigned int cpu = 0; cpu < n_cpu && !c->bad; cpu++) {
		uint64_t offset = take_number(c, 8), size = take_number(c, 8);

		if (!c->bad)
			add_cpu(r, b, cpu, offset, size);
	}
}

static bool read_instances(struct reading *r, GError **error)
{
	for (guint i = 0; i < r->instances->len; i++) {
		uint64_t offset = g_array_index(r->instances, uint64_t, i);
		struct cursor c = r->c;
		const char *tag;

		c.pos = MIN(offset, c.size);
		tag = take(&c, 10);
		if (!tag || memcmp(tag, "flyrecord", 10))
			return fail(error, r->name, "damaged: buffer instance '%s' is not at byte %" G_GUINT64_FORMAT,
				    (char *)r->names->pdata[i], offset);
		read_cpu_table(r, &c, r->names->pdata[i]);
		if (c.bad)
			return fail(error, r->name, "truncated in buffer instance '%s'", (char *)r->names->pdata[i]);
	}
	return true;
}

static bool read_v6(struct reading *r, GError **error)
{
	struct cursor *c = &r->c;
	uint32_t n_cpu;

	r->has_pages = tracing_data_page_layout(c);
	tracing_data_ftrace_formats(c, r->formats);
	tracing_data_event_formats(c, r->formats);
	tracing_data_skip_the_rest(c);
	n_cpu = take_number(c, 4);
	if (n_cpu > MAX_CPUS)
		return fail(error, r->name, "damaged header: %u CPUs", n_cpu);
	r->h->n_cpu = n_cpu;
	for (;;) {
		const char *tag = take(c, 10);

		if (!tag)
			return fail(error, r->name, "truncated in its header, at byte %zu", c->size);
		if (!memcmp(tag, "options  ", 10)) {
			if (!read_options(r, c))
				return fail(error, r->name, "truncated in its options");
			continue;
		}
		if (!memcmp(tag, "latency  ", 10))
			return fail(error, r->name, "holds a latency text, no events");
		if (!memcmp(tag, "flyrecord", 10))
			break;
		return fail(error, r->name, "damaged header: unknown part at byte %zu", c->pos - 10);
	}
	r->h->n_cpu = n_cpu;
	read_cpu_table(r, c, "");
	if (c->bad)
		return fail(error, r->name, "truncated in its header, at byte %zu", c->size);
	return read_instances(r, error);
}

/* The plain bytes of a section as a cursor; false if they cannot be had. *plain is to be freed. */
static bool open_section(struct reading *r, struct cursor *out, const uint8_t *data, uint64_t size, bool compressed,
			 void **plain)
{
	struct cursor c = { .data = data, .size = size };
	uint32_t csize, usize;
	const void *from;

	*out = c;
	if (!compressed)
		return true;
	csize = take_number(&c, 4);
	usize = take_number(&c, 4);
	from = take(&c, csize);
	r->unpacked += usize;
	if (!from || r->unpacked > MAX_SECTION_BYTES)
		return false;
	*plain = g_try_malloc(MAX(usize, 1));
	*out = (struct cursor){ .data = *plain, .size = usize };
	return *plain && ZSTD_decompress(*plain, usize, from, csize) == usize;
}

static bool read_section(struct reading *r, unsigned int id, const uint8_t *data, uint64_t size, bool compressed)
{
	g_autofree void *plain = NULL;
	struct cursor c;

	if (id != SECTION_OPTIONS && id != SECTION_HEADER_INFO && id != SECTION_FTRACE_FORMATS &&
	    id != SECTION_EVENT_FORMATS)
		return true;
	if (!open_section(r, &c, data, size, compressed, &plain))
		return false;
	switch (id) {
	case SECTION_OPTIONS:
		return read_options(r, &c);
	case SECTION_HEADER_INFO:
		r->has_pages = tracing_data_page_layout(&c);
		break;
	case SECTION_FTRACE_FORMATS:
		tracing_data_ftrace_formats(&c, r->formats);
		break;
	case SECTION_EVENT_FORMATS:
		tracing_data_event_formats(&c, r->formats);
		break;
	}
	return !c.bad;
}

/* Sections follow one another to the end of the file, so cutting it anywhere shows. */
static bool read_v7(struct reading *r, GError **error)
{
	struct cursor *c = &r->c;
	const char *compression = take_string(c);
	uint64_t first;
	bool seen = false;

	take_string(c);
	first = take_number(c, 8);
	if (c->bad)
		return fail(error, r->name, "truncated in its header, at byte %zu", c->size);
	if (strcmp(compression, "zstd") && strcmp(compression, "none")) {
		g_autofree char *name = name_from(compression, 16);

		return fail(error, r->name, "compressed with '%s', only zstd and none are read", name);
	}
	if (!first || first >= c->size)
		return fail(error, r->name, "truncated: the recorder did not finish it, or its end is lost");
	while (c->pos < c->size) {
		size_t at = c->pos;
		unsigned int id = take_number(c, 2), flags = take_number(c, 2);
		uint64_t size;
		const void *data;

		take(c, 4);
		size = take_number(c, 8);
		data = take(c, size);
		if (!data)
			return fail(error, r->name, "truncated: section %u at byte %zu runs past the end",
				    id, at);
		if (!read_section(r, id, data, size, flags & SECTION_COMPRESSED))
			return fail(error, r->name, "damaged section %u at byte %zu", id, at);
		seen |= at == first && id == SECTION_OPTIONS;
	}
	if (!seen)
		return fail(error, r->name, "damaged header: no options section at byte %"
			    G_GUINT64_FORMAT, first);
	return true;
}

static int by_offset(const void *a, const void *b)
{
	const struct trace_dat_cpu *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* No byte belongs to two CPUs: else a small file could stand for any number of events. */
static bool check_apart(const struct reading *r, GError **error)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct trace_dat_cpu));

	for (guint i = 0; i < r->h->buffers->len; i++) {
		const struct trace_dat_buffer *b = r->h->buffers->pdata[i];

		if (b->cpus->len)
			g_array_append_vals(all, b->cpus->data, b->cpus->len);
	}
	g_array_sort(all, by_offset);
	for (guint i = 1; i < all->len; i++) {
		const struct trace_dat_cpu *a = &g_array_index(all, struct trace_dat_cpu, i - 1);
		const struct trace_dat_cpu *b = &g_array_index(all, struct trace_dat_cpu, i);

		/* 4: the count of chunks, of which not all versions may agree whose it is */
		if (b->offset < r->c.size && b->offset + 4 < a->offset + a->size)
			return fail(error, r->name, "damaged header: CPUs %u and %u share pages", a->cpu, b->cpu);
	}
	return true;
}

static bool check_pages(const struct reading *r, GError **error)
{
	if (!r->has_pages)
		return fail(error, r->name, "its ring-buffer pages have a layout that is not known");
	for (guint i = 0; i < r->h->buffers->len; i++) {
		const struct trace_dat_buffer *b = r->h->buffers->pdata[i];

		if (b->page_size < 64 || b->page_size > MAX_PAGE_SIZE || b->page_size % 8)
			return fail(error, r->name, "damaged header: pages of %u bytes", b->page_size);
	}
	if (!r->h->buffers->len)
		return fail(error, r->name, "has no buffers");
	if (r->n_streams > MAX_STREAMS)
		return fail(error, r->name, "damaged header: %u buffers of CPUs", r->n_streams);
	return check_apart(r, error);
}

bool trace_dat_header_read(struct trace_dat_header *header, const struct input_file *file,
			   struct event_format *formats, GError **error)
{
	struct reading r = {
		.h = header, .formats = formats, .name = file->name,
		.c = { .data = file->data, .size = file->size },
	};
	g_autofree char *what = g_strdup_printf("'%s'", file->name);
	g_autoptr(GArray) instances = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *shown = NULL;
	const char *version;

	*header = (struct trace_dat_header){ .buffers = g_ptr_array_new_with_free_func(buffer_free) };
	r.instances = instances;
	r.names = names;
	if (!tracing_data_envelope(&r.c, what, &version, &r.page_size, error))
		return false;
	if (!strcmp(version, "6"))
		header->version = 6;
	else if (!strcmp(version, "7"))
		header->version = 7;
	if (!header->version) {
		shown = name_from(version, 16);
		return fail(error, file->name, "trace.dat version '%s', only 6 and 7 are read", shown);
	}
	return (header->version == 6 ? read_v6(&r, error) : read_v7(&r, error)) && check_pages(&r, error);
}

void trace_dat_header_release(struct trace_dat_header *header)
{
	g_clear_pointer(&header->clock, g_free);
	g_clear_pointer(&header->uname, g_free);
	g_clear_pointer(&header->buffers, g_ptr_array_unref);
}
