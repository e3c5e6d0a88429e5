/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * format_text - a tracepoint's 'format' file as tracefs has it: name, id, and
 * where the fields are. What it says of printing is not read.
 */
#ifndef ANALYZE_SOURCE_FORMAT_TEXT_H
#define ANALYZE_SOURCE_FORMAT_TEXT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct format_field {
	const char *name;	/* [name_len], not NUL-terminated, within the text */
	uint32_t name_len;
	uint32_t offset, size;	/* bytes, from common_type on */
	bool is_signed;
	bool is_dynamic;	/* __data_loc: at offset is u16 offset, u16 length of the data */
};

struct format_text {
	const char *name;	/* within the text, as above */
	uint32_t name_len;
	int id;
	GArray *fields;		/* of struct format_field, in the text's order */
};

/*
 * Parse text[len]. False if it has no name, no id in 0..65535, or a field that
 * does not say where it is; out is then empty. Needs format_text_release().
 */
bool format_text_parse(struct format_text *out, const char *text, size_t len);
void format_text_release(struct format_text *format);

/* The field of that name; NULL: there is none. */
const struct format_field *format_text_field(const struct format_text *format, const char *name);

#endif
