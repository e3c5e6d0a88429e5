// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/text.h"

#include <string.h>

#include "analyze/report/format.h"
#include "schema/text_table.h"

enum { WIDTH = 100, MAX_ROWS = 40, MIN_CELL = 8, MIN_LAST = 20 };

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

/* Text from a recording must not steer the terminal. */
static char *harmless(const char *text, glong max)
{
	GString *out = g_string_new(NULL);
	glong n = 0;

	for (const char *p = text; *p; p = g_utf8_next_char(p), n++) {
		gunichar c = g_utf8_get_char(p);

		if (n == max - 1 && *g_utf8_next_char(p)) {
			g_string_append(out, "…");
			break;
		}
		g_string_append_unichar(out, g_unichar_isprint(c) ? c : '?');
	}
	return g_string_free(out, FALSE);
}

/* Lines of at most width characters, between words where there are any; the last is not empty. */
static GPtrArray *lines_of(const char *text, glong width)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

	while (g_utf8_strlen(text, -1) > width) {
		const char *end = g_utf8_offset_to_pointer(text, width), *cut = end;

		while (cut > text && *cut != ' ')
			cut--;
		if (cut == text)
			cut = end;
		g_ptr_array_add(lines, g_strndup(text, cut - text));
		text = cut + (*cut == ' ');
	}
	g_ptr_array_add(lines, g_strdup(text));
	return lines;
}

/* What a policy is called in lines of at most width characters, after one of its signs where there are any. */
static GPtrArray *name_lines(const char *name, glong width)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

	while (g_utf8_strlen(name, -1) > width) {
		const char *end = g_utf8_offset_to_pointer(name, width), *cut = end;

		while (cut > name && !strchr(":,=_+- ", cut[-1]))
			cut--;
		if (cut == name)
			cut = end;
		g_ptr_array_add(lines, g_strndup(name, cut - name));
		name = cut;
	}
	g_ptr_array_add(lines, g_strdup(name));
	return lines;
}

/* Text in lines of the terminal's width, after first and then blanks as wide. */
static void print_wrapped(const char *first, const char *text, FILE *to)
{
	g_autofree char *clean = harmless(text, G_MAXLONG);
	glong indent = g_utf8_strlen(first, -1);
	g_autoptr(GPtrArray) lines = lines_of(clean, WIDTH - indent);

	for (guint i = 0; i < lines->len; i++)
		fprintf(to, "%*s%s\n", (int)indent, i ? "" : first, (char *)lines->pdata[i]);
}

/* All cells as shown, row by row, headings first. */
static GPtrArray *cells_of(const struct table *t, guint n)
{
	GPtrArray *cells = g_ptr_array_new_with_free_func(g_free);

	for (unsigned int c = 0; c < t->n_columns; c++)
		g_ptr_array_add(cells, g_strdup(t->spec->columns[c].heading));
	for (guint i = 0; i < n; i++)
		for (unsigned int c = 0; c < t->n_columns; c++) {
			const struct cell *row = t->rows->pdata[i];
			g_autofree char *cell = format_cell(&t->spec->columns[c], &row[c]);

			/* room_for_last() cuts what there is no room for */
			g_ptr_array_add(cells, harmless(cell, G_MAXLONG));
		}
	return cells;
}

static glong width_of(const GPtrArray *cells, unsigned int column, unsigned int n_columns)
{
	glong width = 0;

	for (guint i = column; i < cells->len; i += n_columns)
		width = MAX(width, g_utf8_strlen(cells->pdata[i], -1));
	return width;
}

static void cut_column(GPtrArray *cells, unsigned int column, unsigned int n_columns, glong width)
{
	for (guint i = column; i < cells->len; i += n_columns) {
		char *cell = cells->pdata[i];

		cells->pdata[i] = harmless(cell, width);
		g_free(cell);
	}
}

/*
 * What all columns but the last leave of the terminal's width to one of text, which is wrapped. Where
 * that is too little, the widest others of text are cut.
 */
static glong room_for_last(const struct table *t, GPtrArray *cells)
{
	unsigned int last = t->n_columns - 1;
	bool wraps = t->spec->columns[last].kind == COLUMN_TEXT;
	glong wanted = width_of(cells, last, t->n_columns);

	for (;;) {
		glong room = WIDTH - 2, most = MIN_CELL;
		unsigned int widest = last;

		for (unsigned int c = 0; c < last; c++) {
			glong width = width_of(cells, c, t->n_columns);

			room -= width + 2;
			if (t->spec->columns[c].kind == COLUMN_TEXT && width > most) {
				most = width;
				widest = c;
			}
		}
		if (room >= (wraps ? MIN(wanted, MIN_LAST) : wanted) || widest == last)
			return MAX(room, wraps ? MIN_CELL : wanted);
		cut_column(cells, widest, t->n_columns, most - 1);
	}
}

/* The column of what policies are called, which is not cut: what tells two apart is at the end. None: n_columns. */
static unsigned int name_column(const struct table *t)
{
	unsigned int c = 0;

	while (c < t->n_columns && strcmp(t->spec->columns[c].key, "policy"))
		c++;
	return c;
}

static void print_row(const struct table *t, struct text_table *text, char **row, GPtrArray *name, glong room)
{
	unsigned int last = t->n_columns - 1, named = name_column(t);
	g_autoptr(GPtrArray) lines = lines_of(row[last], room);

	for (guint line = 0; line < MAX(lines->len, name ? name->len : 0); line++)
		for (unsigned int c = 0; c < t->n_columns; c++) {
			const GPtrArray *of = c == last ? lines : c == named ? name : NULL;

			text_table_cell(text, "%s", of ? (line < of->len ? (char *)of->pdata[line] : "") :
					line ? "" : row[c]);
		}
}

static void print_rows(const struct table *t, FILE *to)
{
	guint n = MIN(t->rows->len, MAX_ROWS);
	g_autoptr(GPtrArray) cells = cells_of(t, n), owned = g_ptr_array_new_with_free_func(g_free);
	g_autofree const char **headings = g_new0(const char *, t->n_columns);
	glong room = room_for_last(t, cells);
	unsigned int named = name_column(t);
	glong name_room = named < t->n_columns - 1 ? width_of(cells, named, t->n_columns) : 0;
	struct text_table *text;

	for (unsigned int c = 0; c < t->n_columns; c++) {
		g_ptr_array_add(owned, g_strdup_printf("%s%s", column_is_text(&t->spec->columns[c]) ? "" : ">",
						       t->spec->columns[c].heading));
		headings[c] = owned->pdata[c];
	}
	text = text_table_new(headings, t->n_columns);
	for (guint i = 1; i <= n; i++) {
		g_autoptr(GPtrArray) name = NULL;

		if (name_room) {
			g_autofree char *whole = format_cell(&t->spec->columns[named],
							     (const struct cell *)t->rows->pdata[i - 1] + named);
			g_autofree char *clean = harmless(whole, G_MAXLONG);

			name = name_lines(clean, name_room);
		}
		print_row(t, text, (char **)cells->pdata + i * t->n_columns, name, room);
	}
	text_table_print(text, "  ", to);
	if (n < t->rows->len)
		fprintf(to, "  … and %u more rows (--json has all)\n", t->rows->len - n);
}

/* A table of sentences is better read as such. */
static bool is_sentences(const struct table *t)
{
	const struct column *last = &t->spec->columns[t->n_columns - 1];

	for (unsigned int c = 0; c < t->n_columns; c++)
		if (t->spec->columns[c].kind != COLUMN_TEXT)
			return false;
	return !strcmp(last->key, "sentence") || !strcmp(last->key, "why");
}

static void print_sentences(const struct table *t, FILE *to)
{
	for (guint i = 0; i < t->rows->len; i++) {
		const struct cell *row = t->rows->pdata[i];
		g_autoptr(GString) line = g_string_new(NULL);

		for (unsigned int c = 0; c < t->n_columns; c++)
			if (row[c].known)
				g_string_append_printf(line, "%s%s", line->len ? ": " : "", row[c].text);
		print_wrapped("  ", line->str, to);
	}
}

static void print_table(const struct table *t, bool colour, FILE *to)
{
	if (t->spec->page_only || (!t->rows->len && !t->spec->empty))
		return;
	fprintf(to, "\n%s%s%s\n", colour ? DIM : "", t->spec->title, colour ? PLAIN : "");
	if (!t->rows->len)
		print_wrapped("  ", t->spec->empty, to);
	else if (is_sentences(t))
		print_sentences(t, to);
	else
		print_rows(t, to);
	if (t->rows->len && t->spec->about)
		print_wrapped("  ", t->spec->about, to);
}

static void print_answers(const struct result *r, bool colour, FILE *to)
{
	static const char *const colours[] = {
		[ANSWER_YES] = "\033[1;33m", [ANSWER_NO] = "\033[1;32m",
		[ANSWER_PARTLY] = "\033[1;33m", [ANSWER_UNKNOWN] = "\033[1;31m",
	};

	for (guint i = 0; i < r->answers->len; i++) {
		const struct answer *a = r->answers->pdata[i];

		fprintf(to, "%s%s%s\n", colour ? colours[a->kind] : "", a->question, colour ? PLAIN : "");
		print_wrapped("  ", a->sentence, to);
	}
}

static bool has_text(const struct section *s)
{
	for (guint i = 0; i < s->tables->len; i++)
		if (!((const struct table *)s->tables->pdata[i])->spec->page_only)
			return true;
	return s->notes->len;
}

void text_print(const struct result *r, bool colour, FILE *to)
{
	fputs(colour ? BOLD : "", to);
	print_wrapped("", r->title, to);
	fprintf(to, "%s\n", colour ? PLAIN : "");
	print_answers(r, colour, to);
	for (guint i = 0; i < r->warnings->len; i++)
		print_wrapped("WARNING: ", r->warnings->pdata[i], to);
	for (guint i = 0; i < r->sections->len; i++) {
		const struct section *s = r->sections->pdata[i];

		if (!has_text(s))
			continue;
		fprintf(to, "\n%s%s%s\n", colour ? BOLD : "== ", s->title, colour ? PLAIN : " ==");
		for (guint n = 0; n < s->notes->len; n++)
			print_wrapped("", s->notes->pdata[n], to);
		for (guint t = 0; t < s->tables->len; t++)
			print_table(s->tables->pdata[t], colour, to);
	}
}
