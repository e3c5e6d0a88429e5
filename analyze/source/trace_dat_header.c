// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Layout: trace-cmd.dat.v6.5(5), trace-cmd.dat.v7.5(5). All numbers
 * little-endian, as other files are refused.
 */
#include "analyze/source/trace_dat_header.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "analyze/source/source.h"

enum {
	OPTION_DONE = 0,
	OPTION_CPUSTAT = 2,
	OPTION_BUFFER = 3,
	OPTION_TRACECLOCK = 4,
	OPTION_UNAME = 5,
	OPTION_CPUCOUNT = 8,
	OPTION_TSC2NSEC = 14,

	SECTION_OPTIONS = 0,
	SECTION_HEADER_SIZE = 16,
	SECTION_COMPRESSED = 1,

	MAX_OPTION_BYTES = 64 << 20,	/* uncompressed options; real ones have kilobytes */
};

/* A bounded reader: any read past the end sets bad and yields zeros. */
struct cursor {
	const guint8 *data;
	gsize size, pos;
	bool bad;
};

static const void *take(struct cursor *c, gsize n)
{
	const void *p = c->data + c->pos;

	if (c->bad || n > c->size - c->pos) {
		c->bad = true;
		return NULL;
	}
	c->pos += n;
	return p;
}

static guint64 take_number(struct cursor *c, unsigned int bytes)
{
	guint64 v = 0;
	const void *p = take(c, bytes);

	if (p)
		memcpy(&v, p, bytes);
	return v;
}

static const char *take_string(struct cursor *c)
{
	const void *start = c->data + c->pos;
	const void *nul = c->bad ? NULL : memchr(start, 0, c->size - c->pos);

	if (!nul) {
		c->bad = true;
		return "";
	}
	return take(c, (const guint8 *)nul - (const guint8 *)start + 1);
}

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

static void add_clock(struct trace_dat_header *h, const char *name, gsize len, bool top)
{
	char *clock = g_strndup(name, len);

	g_ptr_array_add(h->clocks, clock);
	if (top && !h->clock)
		h->clock = g_strdup(clock);
}

/* "overrun: N" and "dropped events: N" of a per-CPU stats text */
static void add_overruns(struct trace_dat_header *h, const char *text, gsize len)
{
	g_autofree char *copy = g_strndup(text, len);
	static const char *const keys[] = { "\noverrun:", "\ndropped events:" };

	for (unsigned int i = 0; i < G_N_ELEMENTS(keys); i++) {
		const char *p = strstr(copy, keys[i]);

		if (p)
			h->overruns += MAX(g_ascii_strtoll(p + strlen(keys[i]), NULL, 10), 0);
	}
}

static void read_option(struct trace_dat_header *h, unsigned int id, const char *data, gsize size)
{
	struct cursor c = { .data = (const guint8 *)data, .size = size };
	const char *open, *close;
	unsigned int n_cpu;

	switch (id) {
	case OPTION_TRACECLOCK:
		open = memchr(data, '[', size);
		close = open ? memchr(open, ']', data + size - open) : NULL;
		if (close)
			add_clock(h, open + 1, close - open - 1, true);
		break;
	case OPTION_UNAME:
		if (!h->uname)
			h->uname = g_strndup(data, strnlen(data, size));
		break;
	case OPTION_CPUSTAT:
		add_overruns(h, data, size);
		break;
	case OPTION_CPUCOUNT:
		n_cpu = take_number(&c, 4);
		h->n_cpu = MAX(h->n_cpu, n_cpu);
		break;
	case OPTION_TSC2NSEC:
		h->has_tsc2nsec = true;
		break;
	case OPTION_BUFFER:
		take(&c, 8);
		if (h->version == 7) {
			const char *name = take_string(&c), *clock = take_string(&c);

			take(&c, 4);
			n_cpu = take_number(&c, 4);
			h->n_cpu = MAX(h->n_cpu, n_cpu);
			if (!c.bad && *clock)
				add_clock(h, clock, strlen(clock), !*name);
		}
		break;
	}
}

/* Options up to the DONE option; false if they run past the end. */
static bool read_options(struct trace_dat_header *h, struct cursor *c)
{
	for (;;) {
		unsigned int id = take_number(c, 2);
		guint32 size;
		const char *data;

		if (c->bad)
			return false;
		if (id == OPTION_DONE)
			return true;
		size = take_number(c, 4);
		data = take(c, size);
		if (!data)
			return false;
		read_option(h, id, data, size);
	}
}

static bool read_v6(struct trace_dat_header *h, struct cursor *c, const char *path, GError **error)
{
	guint32 n;

	for (unsigned int i = 0; i < 2; i++) {	/* header_page, header_event */
		take_string(c);
		take(c, take_number(c, 8));
	}
	n = take_number(c, 4);
	for (guint32 i = 0; i < n && !c->bad; i++)
		take(c, take_number(c, 8));
	n = take_number(c, 4);
	for (guint32 i = 0; i < n && !c->bad; i++) {
		guint32 m;

		take_string(c);
		m = take_number(c, 4);
		for (guint32 j = 0; j < m && !c->bad; j++)
			take(c, take_number(c, 8));
	}
	take(c, take_number(c, 4));		/* kallsyms */
	take(c, take_number(c, 4));		/* printk */
	take(c, take_number(c, 8));		/* saved_cmdlines */
	h->n_cpu = take_number(c, 4);
	for (;;) {
		const char *tag = take(c, 10);

		if (!tag)
			return fail(error, path, "truncated in its header, at byte %zu", c->size);
		if (!memcmp(tag, "options  ", 10)) {
			if (!read_options(h, c))
				return fail(error, path, "truncated in its options");
			continue;
		}
		if (!memcmp(tag, "latency  ", 10))
			return fail(error, path, "holds a latency text, no events");
		if (!memcmp(tag, "flyrecord", 10))
			break;
		return fail(error, path, "damaged header: unknown part at byte %zu", c->pos - 10);
	}
	for (unsigned int cpu = 0; cpu < h->n_cpu && !c->bad; cpu++) {
		guint64 offset = take_number(c, 8), size = take_number(c, 8);

		if (!c->bad && (offset > c->size || size > c->size - offset))
			return fail(error, path,
				    "truncated: CPU %u's events end at byte %" G_GUINT64_FORMAT
				    ", the file at %zu", cpu, offset + size, c->size);
	}
	if (c->bad)
		return fail(error, path, "truncated in its header, at byte %zu", c->size);
	return true;
}

static bool read_v7_options(struct trace_dat_header *h, const guint8 *data, guint64 size, bool compressed)
{
	struct cursor c = { .data = data, .size = size };
	g_autofree void *plain = NULL;

	if (compressed) {
		guint32 csize = take_number(&c, 4), usize = take_number(&c, 4);
		const void *from = take(&c, csize);

		if (!from || usize > MAX_OPTION_BYTES)
			return false;
		plain = g_try_malloc(usize);
		if (!plain || ZSTD_decompress(plain, usize, from, csize) != usize)
			return false;
		c = (struct cursor){ .data = plain, .size = usize };
	}
	return read_options(h, &c);
}

/* Sections follow one another to the end of the file, so cutting it anywhere shows. */
static bool read_v7(struct trace_dat_header *h, struct cursor *c, const char *path, GError **error)
{
	const char *compression = take_string(c);
	guint64 first;
	bool seen = false;

	take_string(c);
	first = take_number(c, 8);
	if (c->bad)
		return fail(error, path, "truncated in its header, at byte %zu", c->size);
	if (strcmp(compression, "zstd") && strcmp(compression, "none"))
		return fail(error, path, "compressed with '%s', only zstd and none are read",
			    compression);
	if (!first || first >= c->size)
		return fail(error, path, "truncated: the recorder did not finish it, or its end is lost");
	while (c->pos < c->size) {
		gsize at = c->pos;
		unsigned int id = take_number(c, 2), flags = take_number(c, 2);
		guint64 size;
		const void *data;

		take(c, 4);
		size = take_number(c, 8);
		data = take(c, size);
		if (!data)
			return fail(error, path, "truncated: section %u at byte %zu runs past the end",
				    id, at);
		if (id != SECTION_OPTIONS)
			continue;
		if (!read_v7_options(h, data, size, flags & SECTION_COMPRESSED))
			return fail(error, path, "damaged options section at byte %zu", at);
		seen |= at == first;
	}
	if (!seen)
		return fail(error, path, "damaged header: no options section at byte %"
			    G_GUINT64_FORMAT, first);
	return true;
}

static bool read_header(struct trace_dat_header *h, struct cursor *c, const char *path, GError **error)
{
	const char *magic = take(c, 10), *version;
	guint8 big_endian, long_size;

	if (c->size >= 8 && (!memcmp(c->data, "PERFILE2", 8) || !memcmp(c->data, "PERFFILE", 8)))
		return fail(error, path, "a perf.data recording, only trace.dat is read\n"
			    "hint: record with trace-cmd, see counterspin-import(1)");
	if (c->size >= 16 && !memcmp(c->data, "SQLite format 3", 16))
		return fail(error, path, "a database, not a recording\n"
			    "hint: counterspin info and replay read databases");
	if (!magic || memcmp(magic, "\x17\x08\x44tracing", 10))
		return fail(error, path, "not a trace.dat recording");
	version = take_string(c);
	big_endian = take_number(c, 1);
	long_size = take_number(c, 1);
	take(c, 4);
	if (c->bad)
		return fail(error, path, "truncated in its header, at byte %zu", c->size);
	if (big_endian)
		return fail(error, path, "recorded on a big-endian machine, not x86");
	if (long_size != 8)
		return fail(error, path, "recorded on a %u-bit machine, only 64-bit ones are read",
			    long_size * 8);
	if (!strcmp(version, "6"))
		h->version = 6;
	else if (!strcmp(version, "7"))
		h->version = 7;
	else
		return fail(error, path, "trace.dat version '%.16s', only 6 and 7 are read", version);
	return h->version == 6 ? read_v6(h, c, path, error) : read_v7(h, c, path, error);
}

bool trace_dat_header_read(struct trace_dat_header *header, const char *path, GError **error)
{
	g_autoptr(GMappedFile) file = NULL;
	struct cursor c;
	bool ok;

	if (access(path, R_OK) || !g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
		g_set_error(error, SOURCE_ERROR, 0, "cannot read '%s': %s", path,
			    access(path, R_OK) ? g_strerror(errno) :
			    g_file_test(path, G_FILE_TEST_IS_DIR) ? g_strerror(EISDIR) : "not a regular file");
		return false;
	}
	file = g_mapped_file_new(path, FALSE, NULL);
	if (!file) {
		g_set_error(error, SOURCE_ERROR, 0, "cannot read '%s'", path);
		return false;
	}
	*header = (struct trace_dat_header){ .clocks = g_ptr_array_new_with_free_func(g_free) };
	c = (struct cursor){ .data = (const guint8 *)g_mapped_file_get_contents(file),
			     .size = g_mapped_file_get_length(file) };
	ok = read_header(header, &c, path, error);
	if (!ok)
		trace_dat_header_release(header);
	return ok;
}

void trace_dat_header_release(struct trace_dat_header *header)
{
	g_clear_pointer(&header->clock, g_free);
	g_clear_pointer(&header->uname, g_free);
	g_clear_pointer(&header->clocks, g_ptr_array_unref);
}
