// SPDX-License-Identifier: GPL-2.0-or-later
/* Layout: kernel/trace/trace_events.c, f_show(). The same since 2.6.31. */
#include "analyze/source/format_text.h"

#include <string.h>

enum { MAX_FIELDS = 16384, MAX_OFFSET = 65535 };

struct span {
	const char *p, *end;
};

static struct span next_line(struct span *rest)
{
	const char *nl = memchr(rest->p, '\n', rest->end - rest->p);
	struct span line = { rest->p, nl ? nl : rest->end };

	rest->p = nl ? nl + 1 : rest->end;
	return line;
}

static bool starts_with(struct span *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n))
		return false;
	s->p += n;
	return true;
}

static void skip_blanks(struct span *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
		s->p++;
}

/* A decimal number no larger than max; -1: there is none. */
static int64_t number(struct span *s, int64_t max)
{
	int64_t v = -1;

	skip_blanks(s);
	for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
		v = (v < 0 ? 0 : v) * 10 + (*s->p - '0');
		if (v > max)
			return -1;
	}
	return v;
}

static bool is_name(char c)
{
	return g_ascii_isalnum(c) || c == '_';
}

/* "TYPE name" or "TYPE name[N]": the last word before any bracket. */
static bool parse_declaration(struct span decl, struct format_field *f)
{
	const char *end = decl.end, *bracket = memchr(decl.p, '[', end - decl.p);
	struct span s = decl;

	f->is_dynamic = starts_with(&s, "__data_loc");
	/* "__data_loc char[] name" has its brackets at the type */
	if (bracket && !f->is_dynamic)
		end = bracket;
	while (end > decl.p && !is_name(end[-1]))
		end--;
	f->name = end;
	while (f->name > decl.p && is_name(f->name[-1]))
		f->name--;
	f->name_len = end - f->name;
	return f->name_len > 0;
}

/* "TYPE name;\toffset:N;\tsize:N;\tsigned:N;", after "field:" */
static bool parse_field(struct span line, struct format_field *f)
{
	const char *semicolon = memchr(line.p, ';', line.end - line.p);
	struct span s;
	int64_t offset, size, sign = 0;

	*f = (struct format_field){ 0 };
	if (!semicolon || !parse_declaration((struct span){ line.p, semicolon }, f))
		return false;
	s = (struct span){ semicolon + 1, line.end };
	skip_blanks(&s);
	if (!starts_with(&s, "offset:") || (offset = number(&s, MAX_OFFSET)) < 0 || !starts_with(&s, ";"))
		return false;
	skip_blanks(&s);
	if (!starts_with(&s, "size:") || (size = number(&s, MAX_OFFSET)) < 0 || !starts_with(&s, ";"))
		return false;
	skip_blanks(&s);
	if (starts_with(&s, "signed:"))
		sign = number(&s, 1);
	f->offset = offset;
	f->size = size;
	f->is_signed = sign == 1;
	return true;
}

bool format_text_parse(struct format_text *out, const char *text, size_t len)
{
	struct span rest = { text, text + len };
	int64_t id = -1;

	*out = (struct format_text){ .fields = g_array_new(FALSE, FALSE, sizeof(struct format_field)) };
	while (rest.p < rest.end) {
		struct span line = next_line(&rest);
		struct format_field f;

		skip_blanks(&line);
		if (starts_with(&line, "name:")) {
			skip_blanks(&line);
			out->name = line.p;
			while (line.p < line.end && is_name(*line.p))
				line.p++;
			out->name_len = line.p - out->name;
		} else if (starts_with(&line, "ID:")) {
			id = number(&line, 65535);
		} else if (starts_with(&line, "print fmt:")) {
			break;
		} else if (starts_with(&line, "field:")) {
			if (out->fields->len >= MAX_FIELDS || !parse_field(line, &f))
				goto bad;
			g_array_append_val(out->fields, f);
		}
	}
	out->id = id;
	if (out->name_len && id >= 0)
		return true;
bad:
	format_text_release(out);
	return false;
}

void format_text_release(struct format_text *format)
{
	g_clear_pointer(&format->fields, g_array_unref);
	*format = (struct format_text){ 0 };
}

const struct format_field *format_text_field(const struct format_text *format, const char *name)
{
	size_t n = strlen(name);

	for (guint i = 0; i < format->fields->len; i++) {
		const struct format_field *f = &g_array_index(format->fields, struct format_field, i);

		if (f->name_len == n && !memcmp(f->name, name, n))
			return f;
	}
	return NULL;
}
