// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/source/perf_header.h"

#include "analyze/source/tracing_data.h"

enum {
	PIPE_HEADER = 16, FILE_HEADER = 104,	/* their sizes, by which they are told apart */
	SECTION = 16,				/* offset, size */
	ATTR_VER0 = 64, MAX_ATTR = 4096,	/* sizes of struct perf_event_attr */

	FEATURE_TRACING_DATA = 1,
	FEATURE_OSRELEASE = 4,
	FEATURE_ARCH = 6,
	FEATURE_NRCPUS = 7,
	FEATURE_EVENT_DESC = 12,
	FEATURE_DIR_FORMAT = 24,
	N_FEATURES = 256,

	MAX_STRING = 1000,
};

static bool fail(const struct perf_header *h, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);
static bool fail(const struct perf_header *h, GError **error, const char *format, ...)
{
	va_list args;
	g_autofree char *what = NULL;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, SOURCE_ERROR, 0, "'%s': %s", h->name, what);
	return false;
}

/* The bytes [offset, offset + size) of c; bad if they are not in it. */
static struct cursor section_of(const struct cursor *c, uint64_t offset, uint64_t size)
{
	struct cursor s = { .data = c->data, .bad = offset > c->size || size > c->size - offset };

	if (!s.bad) {
		s.data += offset;
		s.size = size;
	}
	return s;
}

/* u32 length, then a string padded with NULs; fit to be printed. */
static char *take_text(struct cursor *c)
{
	uint32_t len = take_number(c, 4);
	const char *bytes = take(c, len);
	char *text = bytes ? g_strndup(bytes, MIN(len, MAX_STRING)) : NULL;

	for (char *p = text; p && *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return text;
}

static bool read_formats(struct perf_header *h, struct cursor *c, GError **error)
{
	g_autofree char *what = g_strdup_printf("'%s': its event formats", h->name);
	const char *version;
	unsigned int page_size;

	if (h->has_formats)
		return true;
	if (!tracing_data_envelope(c, what, &version, &page_size, error))
		return false;
	/* header_page and header_event: of ring-buffer pages, which a perf.data has none of */
	for (int i = 0; i < 2; i++) {
		take_string(c);
		take(c, take_number(c, 8));
	}
	tracing_data_ftrace_formats(c, h->formats);
	tracing_data_event_formats(c, h->formats);
	if (c->bad)
		return fail(h, error, "damaged: its event formats are cut short");
	h->has_formats = true;
	return true;
}

/* A second source of ids: the first has none where old recorders wrote it, or perf inject. */
static bool read_event_desc(struct perf_header *h, struct cursor *c, GError **error)
{
	uint32_t n = take_number(c, 4), attr_size = take_number(c, 4);

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *bytes = take(c, attr_size);
		uint32_t n_ids = take_number(c, 4);
		const struct perf_attr *attr;

		take(c, take_number(c, 4));	/* its name */
		attr = c->bad ? NULL : perf_attrs_add(&h->attrs, bytes, attr_size);
		if (!attr || !perf_attrs_add_ids(&h->attrs, c, n_ids, attr))
			return fail(h, error, "damaged header: its event descriptions make no sense");
	}
	return true;
}

static bool read_feature(struct perf_header *h, unsigned int feature, struct cursor *c, GError **error)
{
	unsigned int n;

	switch (feature) {
	case FEATURE_TRACING_DATA:
		return read_formats(h, c, error);
	case FEATURE_OSRELEASE:
		g_free(h->kernel);
		h->kernel = take_text(c);
		break;
	case FEATURE_ARCH:
		g_free(h->machine);
		h->machine = take_text(c);
		break;
	case FEATURE_NRCPUS:	/* available, then online */
		n = take_number(c, 4);
		h->n_cpu = MIN(n, PERF_MAX_CPUS);
		break;
	case FEATURE_EVENT_DESC:
		return h->clock || read_event_desc(h, c, error);
	case FEATURE_DIR_FORMAT:
		if (!h->is_directory)
			return fail(h, error, "is one file of a recording in a directory\n"
				    "hint: import the directory");
		break;
	}
	return true;
}

/* Behind the records: a section for each feature, in order of their bits. */
static bool read_features(struct perf_header *h, const struct cursor *file, const uint8_t *bits, GError **error)
{
	struct cursor table = *file;

	table.pos = h->data_offset + h->data_size;
	for (unsigned int i = 0; i < N_FEATURES; i++) {
		struct cursor c;
		uint64_t offset;

		if (!(bits[i / 8] >> i % 8 & 1))
			continue;
		offset = take_number(&table, 8);
		c = section_of(file, offset, take_number(&table, 8));
		if (table.bad || c.bad)
			return fail(h, error, "truncated: feature %u, behind the records, runs past the end", i);
		if (!read_feature(h, i, &c, error))
			return false;
	}
	return true;
}

static bool read_attrs(struct perf_header *h, const struct cursor *file, uint64_t entry_size, struct cursor *entries,
		       GError **error)
{
	if (entries->bad || entry_size < ATTR_VER0 + SECTION || entry_size > MAX_ATTR || entries->size % entry_size)
		return fail(h, error, "damaged header: its events are not where it says");
	while (entries->pos < entries->size) {
		const uint8_t *bytes = take(entries, entry_size - SECTION);
		uint64_t offset = take_number(entries, 8), size = take_number(entries, 8);
		struct cursor ids = section_of(file, offset, size);
		const struct perf_attr *attr = perf_attrs_add(&h->attrs, bytes, entry_size - SECTION);

		if (!attr || ids.bad || !perf_attrs_add_ids(&h->attrs, &ids, size / 8, attr))
			return fail(h, error, "damaged header: its events make no sense");
	}
	return true;
}

static bool read_file_header(struct perf_header *h, struct cursor *c, GError **error)
{
	uint64_t attr_size = take_number(c, 8), attrs_offset = take_number(c, 8), attrs_size = take_number(c, 8);
	const uint8_t *bits;
	struct cursor attrs;

	h->data_offset = take_number(c, 8);
	h->data_size = take_number(c, 8);
	take(c, SECTION);	/* event types, before 3.1 */
	bits = take(c, N_FEATURES / 8);
	if (!bits)
		return fail(h, error, "truncated in its header, at byte %zu", c->size);
	/* what is behind the records is written, and their size entered, when the recorder ends */
	if (!h->data_size)
		return fail(h, error, "the recorder did not finish it, so that it has no event formats\n"
			    "hint: end perf record with SIGINT or SIGTERM, or record through a pipe");
	if (h->data_offset > c->size || h->data_size > c->size - h->data_offset)
		return fail(h, error, "truncated: its records and event formats run past the end");
	attrs = section_of(c, attrs_offset, attrs_size);
	return read_attrs(h, c, attr_size, &attrs, error) && read_features(h, c, bits, error);
}

bool perf_header_read(struct perf_header *h, const struct input *input, struct event_format *formats, GError **error)
{
	const struct input_file *file = &input->files[0];
	struct cursor c = { .data = file->data, .size = file->size };
	const char *magic = take(&c, 8);
	uint64_t size = take_number(&c, 8);

	*h = (struct perf_header){
		.name = input->path, .formats = formats, .is_directory = strcmp(input->path, file->name) != 0,
	};
	perf_attrs_init(&h->attrs);
	if (magic && !memcmp(magic, "PERFFILE", 8))
		return fail(h, error, "perf.data version 1, only version 2 is read");
	if (magic && !memcmp(magic, "2ELIFREP", 8))
		return fail(h, error, "recorded on a big-endian machine, not x86");
	if (c.bad)
		return fail(h, error, "truncated in its header, at byte %zu", c.size);
	if (size == PIPE_HEADER) {
		h->is_pipe = true;
		h->data_offset = PIPE_HEADER;
		h->data_size = c.size - PIPE_HEADER;
		return true;
	}
	if (size != FILE_HEADER)
		return fail(h, error, "damaged header: its size is %" G_GUINT64_FORMAT, size);
	if (!read_file_header(h, &c, error) || !perf_header_know_events(h, error))
		return false;
	return h->has_formats || fail(h, error, "has no event formats (tracing data)");
}

bool perf_header_know_events(struct perf_header *h, GError **error)
{
	return h->clock || perf_attrs_check(&h->attrs, h->name, &h->clock, error);
}

bool perf_header_record(struct perf_header *h, uint32_t type, const uint8_t *record, unsigned int size, GError **error)
{
	struct cursor c = { .data = record, .size = size, .pos = 8 };
	const struct perf_attr *attr;
	uint64_t feature;
	uint32_t attr_size;

	if (type == PERF_RECORD_HEADER_FEATURE) {
		feature = take_number(&c, 8);
		c = (struct cursor){ .data = c.data + c.pos, .size = c.size - c.pos, .bad = c.bad };
		return c.bad || feature >= N_FEATURES || read_feature(h, feature, &c, error);
	}
	if (h->clock)
		return true;
	attr_size = size >= 16 ? perf_load32(record + 12) : 0;
	if (!attr_size)
		attr_size = ATTR_VER0;
	take(&c, attr_size);
	attr = c.bad ? NULL : perf_attrs_add(&h->attrs, record + 8, attr_size);
	if (!attr || !perf_attrs_add_ids(&h->attrs, &c, (c.size - c.pos) / 8, attr))
		return fail(h, error, "damaged: one of its events makes no sense");
	return true;
}

bool perf_header_tracing_data(struct perf_header *h, const uint8_t *data, size_t size, GError **error)
{
	struct cursor c = { .data = data, .size = size };

	return read_formats(h, &c, error);
}

void perf_header_release(struct perf_header *h)
{
	perf_attrs_release(&h->attrs);
	g_clear_pointer(&h->kernel, g_free);
	g_clear_pointer(&h->machine, g_free);
}
