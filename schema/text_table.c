// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema/text_table.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

struct text_table {
	unsigned int n_columns;
	gboolean *right;
	GPtrArray *cells;	/* of char *, headings first */
	unsigned int folded, fold_width;	/* column, and of all lines; 0: none is folded */
};

enum { MIN_FOLDED = 12 };

struct text_table *text_table_new(const char *const *headings, unsigned int n_columns)
{
	struct text_table *t = g_new0(struct text_table, 1);

	t->n_columns = n_columns;
	t->right = g_new0(gboolean, n_columns);
	t->cells = g_ptr_array_new_with_free_func(g_free);
	for (unsigned int i = 0; i < n_columns; i++) {
		t->right[i] = headings[i][0] == '>';
		g_ptr_array_add(t->cells, g_strdup(headings[i] + t->right[i]));
	}
	return t;
}

void text_table_cell(struct text_table *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_ptr_array_add(t->cells, g_strdup_vprintf(format, args));
	va_end(args);
}

void text_table_count(struct text_table *t, gint64 n)
{
	g_autofree char *digits = g_strdup_printf("%" G_GINT64_FORMAT, n);
	gsize len = strlen(digits), first = n < 0;
	GString *out = g_string_new(NULL);

	for (gsize i = 0; i < len; i++) {
		if (i > first && (len - i) % 3 == 0)
			g_string_append_c(out, ',');
		g_string_append_c(out, digits[i]);
	}
	g_ptr_array_add(t->cells, g_string_free(out, FALSE));
}

double text_number(double value, unsigned int decimals)
{
	return fabs(value) * pow(10, decimals) <= 0.5 ? 0 : value;
}

char *text_wrap(const char *text, unsigned int width, unsigned int indent)
{
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	GString *out = g_string_new(NULL);
	glong at = 0;

	for (char **word = words; *word; word++) {
		glong n = g_utf8_strlen(*word, -1);

		if (word == words) {
			at = n;
		} else if (at + 1 + n > width) {
			g_string_append_printf(out, "\n%*s", (int)indent, "");
			at = indent + n;
		} else {
			g_string_append_c(out, ' ');
			at += 1 + n;
		}
		g_string_append(out, *word);
	}
	return g_string_free(out, FALSE);
}

void text_table_wrapped(struct text_table *t, const char *text, unsigned int width)
{
	g_autofree char *wrapped = text_wrap(text, width, 0);
	g_auto(GStrv) lines = g_strsplit(wrapped, "\n", -1);

	text_table_cell(t, "%s", *lines ? *lines : "");
	for (char **line = lines; *line && line[1]; line++) {
		for (unsigned int column = 1; column < t->n_columns; column++)
			text_table_cell(t, "%s", "");
		text_table_cell(t, "%s", line[1]);
	}
}

void text_table_fold(struct text_table *t, unsigned int column, unsigned int width)
{
	t->folded = column;
	t->fold_width = width;
}

GPtrArray *text_fold(const char *text, glong width, unsigned int indent, const char *after)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
	glong room = width;

	while (g_utf8_strlen(text, -1) > room) {
		const char *end = g_utf8_offset_to_pointer(text, room), *cut = end;

		while (cut > text && *cut != ' ' && !strchr(after, cut[-1]))
			cut--;
		if (cut == text)
			cut = end;
		g_ptr_array_add(lines, g_strdup_printf("%*s%.*s", lines->len ? (int)indent : 0, "",
						       (int)(cut - text), text));
		text = cut + (*cut == ' ');
		room = width - indent;
	}
	g_ptr_array_add(lines, g_strdup_printf("%*s%s", lines->len ? (int)indent : 0, "", text));
	return lines;
}

/* Cells of the folded column in as many rows as they take, if the table is wider than it may be. */
static void fold(struct text_table *t, const glong *width, glong indent)
{
	GPtrArray *cells = g_ptr_array_new_with_free_func(g_free);
	glong room = t->fold_width - indent;

	for (unsigned int column = 0; column < t->n_columns; column++)
		room -= column == t->folded ? 0 : width[column] + 2;
	room = MAX(room, MIN_FOLDED);
	for (guint row = 0; row < t->cells->len; row += t->n_columns) {
		g_autoptr(GPtrArray) lines = text_fold(t->cells->pdata[row + t->folded], room, TEXT_FOLD_INDENT,
						       TEXT_FOLD_NAMES);

		for (guint line = 0; line < lines->len; line++)
			for (unsigned int column = 0; column < t->n_columns; column++)
				g_ptr_array_add(cells, g_strdup(column == t->folded ? lines->pdata[line] : line ? "" :
								t->cells->pdata[row + column]));
	}
	g_ptr_array_unref(t->cells);
	t->cells = cells;
}

static void measure(const struct text_table *t, glong *width)
{
	memset(width, 0, t->n_columns * sizeof(*width));
	for (guint i = 0; i < t->cells->len; i++) {
		glong n = g_utf8_strlen(t->cells->pdata[i], -1);

		width[i % t->n_columns] = MAX(width[i % t->n_columns], n);
	}
}

void text_table_print(struct text_table *t, const char *indent, FILE *to)
{
	g_autofree glong *width = g_new(glong, t->n_columns);

	measure(t, width);
	if (t->fold_width) {
		fold(t, width, g_utf8_strlen(indent, -1));
		measure(t, width);
	}
	for (guint row = 0; to && row < t->cells->len; row += t->n_columns) {
		g_autoptr(GString) line = g_string_new(indent);

		for (unsigned int column = 0; column < t->n_columns; column++) {
			const char *cell = t->cells->pdata[row + column];
			int pad = width[column] - g_utf8_strlen(cell, -1);

			g_string_append_printf(line, "%s%*s%s%*s", column ? "  " : "", t->right[column] ? pad : 0,
					       "", cell, t->right[column] ? 0 : pad, "");
		}
		fprintf(to, "%s\n", g_strchomp(line->str));
	}
	g_ptr_array_unref(t->cells);
	g_free(t->right);
	g_free(t);
}
