// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/source/tracing_data.h"

#include "analyze/source/format_text.h"
#include "analyze/source/input.h"

bool tracing_data_envelope(struct cursor *c, const char *what, const char **version, unsigned int *page_size,
			   GError **error)
{
	const char *magic = take(c, 10);
	uint8_t big_endian, long_size;

	if (!magic || memcmp(magic, "\x17\x08\x44tracing", 10)) {
		g_set_error(error, SOURCE_ERROR, 0, "%s: not tracing data", what);
		return false;
	}
	*version = take_string(c);
	big_endian = take_number(c, 1);
	long_size = take_number(c, 1);
	*page_size = take_number(c, 4);
	if (c->bad)
		g_set_error(error, SOURCE_ERROR, 0, "%s: truncated in its header, at byte %zu", what, c->size);
	else if (big_endian)
		g_set_error(error, SOURCE_ERROR, 0, "%s: recorded on a big-endian machine, not x86", what);
	else if (long_size != 8)
		g_set_error(error, SOURCE_ERROR, 0, "%s: recorded on a %u-bit machine, only 64-bit ones are read",
			    what, long_size * 8);
	else
		return true;
	return false;
}

/* In a header file of tracefs the fields stand as in a format, but there is no name and no id. */
static bool field_is_at(const struct format_text *text, const char *name, unsigned int offset, unsigned int size)
{
	const struct format_field *f = format_text_field(text, name);

	return f && f->offset == offset && (!size || f->size == size);
}

bool tracing_data_page_layout(struct cursor *c)
{
	struct format_text text;
	g_autofree char *page = NULL;
	const char *name = take_string(c), *bytes;
	uint64_t size = take_number(c, 8);
	bool ok;

	bytes = take(c, size);
	if (!bytes || strcmp(name, "header_page") || size > 65536)
		return false;
	page = g_strdup_printf("name: page\nID: 0\n%.*s", (int)size, bytes);
	ok = format_text_parse(&text, page, strlen(page)) && field_is_at(&text, "timestamp", 0, 8) &&
	     field_is_at(&text, "commit", 8, 8) && field_is_at(&text, "data", 16, 0);
	format_text_release(&text);
	name = take_string(c);
	take(c, take_number(c, 8));
	return ok && !c->bad && !strcmp(name, "header_event");
}

void tracing_data_ftrace_formats(struct cursor *c, struct event_format *formats)
{
	uint32_t n = take_number(c, 4);

	for (uint32_t i = 0; i < n && !c->bad; i++) {
		uint64_t size = take_number(c, 8);
		const char *text = take(c, size);

		if (text)
			event_format_add(formats, "ftrace", text, size);
	}
}

void tracing_data_event_formats(struct cursor *c, struct event_format *formats)
{
	uint32_t n_systems = take_number(c, 4);

	for (uint32_t i = 0; i < n_systems && !c->bad; i++) {
		const char *system = take_string(c);
		uint32_t n = take_number(c, 4);

		for (uint32_t j = 0; j < n && !c->bad; j++) {
			uint64_t size = take_number(c, 8);
			const char *text = take(c, size);

			if (text)
				event_format_add(formats, system, text, size);
		}
	}
}

void tracing_data_skip_the_rest(struct cursor *c)
{
	take(c, take_number(c, 4));	/* kallsyms */
	take(c, take_number(c, 4));	/* printk */
	take(c, take_number(c, 8));	/* saved_cmdlines */
}
