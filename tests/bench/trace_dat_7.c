// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/trace_dat_7.h"

#include <string.h>
#include <zstd.h>

enum { SECTION_OPTIONS = 0, SECTION_STRINGS = 15, SECTION_FIRST_PART = 16, SECTION_HEADER = 16 };

/* The file before the first CPU's data, and what is needed to write on. */
struct file_7 {
	const struct recording *r;
	struct spool *spool;
	bool zstd;
	GByteArray *bytes;
	guint64 at;		/* where in the file 'bytes' begin */
	GByteArray *strings;	/* descriptions of sections */
};

static void store(GByteArray *at, gsize offset, guint64 value)
{
	value = GUINT64_TO_LE(value);
	memcpy(at->data + offset, &value, 8);
}

static guint64 put_section(struct file_7 *f, unsigned int id, const char *description,
			   bool compressed, guint64 size)
{
	guint64 offset = f->at + f->bytes->len;

	put_number(f->bytes, id, 2);
	put_number(f->bytes, compressed, 2);
	put_number(f->bytes, f->strings->len, 4);
	put_number(f->bytes, size, 8);
	put_name(f->strings, description);
	return offset;
}

static guint64 put_whole_section(struct file_7 *f, unsigned int id, const char *description,
				 bool compress, const GByteArray *content)
{
	g_autoptr(GByteArray) smaller = compress ? spool_compress(f->spool, content) : NULL;
	const GByteArray *put = compress ? smaller : content;
	guint64 offset = put_section(f, id, description, compress, put->len);

	g_byte_array_append(f->bytes, put->data, put->len);
	return offset;
}

static void put_pointer(GByteArray *options, unsigned int id, guint64 offset)
{
	put_number(options, id, 2);
	put_number(options, 8, 4);
	put_number(options, offset, 8);
}

static void put_start(struct file_7 *f)
{
	recording_put_start(f->bytes, f->r);
	put_name(f->bytes, f->zstd ? "zstd" : "none");
	put_name(f->bytes, f->zstd ? ZSTD_versionString() : "");
	put_number(f->bytes, 0, 8);	/* the first options */
}

/* Parts, then options that point to them; the last of which points to the options at the end. */
static void put_parts(struct file_7 *f)
{
	static const char *const descriptions[RECORDING_PARTS] = {
		"headers", "ftrace events", "events format", "kallsyms", "printk", "command lines",
	};
	g_autoptr(GByteArray) options = g_byte_array_new();
	gsize first_options = f->bytes->len - 8;
	guint64 offset;

	for (unsigned int i = 0; i < RECORDING_PARTS; i++) {
		g_autoptr(GByteArray) part = g_byte_array_new();

		recording_put_part[i](part, f->r);
		offset = put_whole_section(f, SECTION_FIRST_PART + i, descriptions[i], f->zstd, part);
		put_pointer(options, SECTION_FIRST_PART + i, offset);
	}
	recording_put_options(options, f->r);
	put_option(options, OPTION_VERSION, "3.1.6 not-a-git-repo");
	put_pointer(options, OPTION_DONE, 0);
	offset = put_whole_section(f, SECTION_OPTIONS, "options", false, options);
	store(f->bytes, first_options, offset);
}

static guint64 page_aligned(guint64 offset)
{
	return (offset + RECORDING_PAGE - 1) / RECORDING_PAGE * RECORDING_PAGE;
}

/* The section's header, and the option for the end of the file. */
static GByteArray *put_buffer(struct file_7 *f)
{
	GByteArray *option = g_byte_array_new();
	gsize second_options = f->bytes->len - 8;
	guint64 offset = put_section(f, OPTION_BUFFER, "buffer flyrecord ", f->zstd, 0);
	guint64 data = f->at + f->bytes->len, end = data;

	put_number(option, offset, 8);
	put_name(option, "");
	put_name(option, f->r->clock);
	put_number(option, RECORDING_PAGE, 4);
	put_number(option, f->r->n_cpus, 4);
	for (unsigned int i = 0; i < f->r->n_cpus; i++) {
		put_number(option, i, 4);
		put_number(option, page_aligned(end), 8);
		put_number(option, f->r->cpus[i].bytes, 8);
		end = page_aligned(end) + f->r->cpus[i].bytes;
	}
	store(f->bytes, f->bytes->len - 8, end - data);
	store(f->bytes, second_options, end);
	return option;
}

static bool write_cpus(struct file_7 *f, struct spool_file *file, GError **error)
{
	static const guint8 zeros[RECORDING_PAGE];
	guint64 at = f->bytes->len;
	bool ok = spool_file_write(file, f->bytes->data, f->bytes->len, error);

	for (unsigned int i = 0; ok && i < f->r->n_cpus; i++) {
		ok = spool_file_write(file, zeros, page_aligned(at) - at, error) &&
		     spool_file_take(file, f->spool, i, error);
		at = page_aligned(at) + f->r->cpus[i].bytes;
	}
	g_byte_array_set_size(f->bytes, 0);
	f->at = at;
	return ok;
}

static void put_end(struct file_7 *f, const GByteArray *buffer_option)
{
	g_autoptr(GByteArray) options = g_byte_array_new(), strings = NULL;

	put_number(options, OPTION_BUFFER, 2);
	put_number(options, buffer_option->len, 4);
	g_byte_array_append(options, buffer_option->data, buffer_option->len);
	put_pointer(options, OPTION_DONE, 0);
	put_whole_section(f, SECTION_OPTIONS, "options", false, options);
	strings = g_byte_array_new();
	g_byte_array_append(strings, f->strings->data, f->strings->len);
	put_name(strings, "strings");
	put_whole_section(f, SECTION_STRINGS, "strings", f->zstd, strings);
}

bool trace_dat_7_write(const char *path, const struct recording *r, struct spool *spool,
		       bool zstd, GError **error)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new(), strings = g_byte_array_new();
	g_autoptr(GByteArray) buffer_option = NULL;
	struct file_7 f = { .r = r, .spool = spool, .zstd = zstd, .bytes = bytes, .strings = strings };
	struct spool_file *file = spool_file_new(path, error);
	bool ok = file;

	if (!ok)
		return false;
	put_start(&f);
	put_parts(&f);
	buffer_option = put_buffer(&f);
	ok = write_cpus(&f, file, error);
	put_end(&f, buffer_option);
	ok = ok && spool_file_write(file, f.bytes->data, f.bytes->len, error);
	return spool_file_close(file, ok ? error : NULL) && ok;
}
