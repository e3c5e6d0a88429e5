// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema/text_table.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

struct text_table {
	unsigned int n_columns;
	gboolean *right;
	GPtrArray *cells;	/* of char *, headings first */
};

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

void text_table_print(struct text_table *t, const char *indent, FILE *to)
{
	g_autofree glong *width = g_new0(glong, t->n_columns);

	for (guint i = 0; i < t->cells->len; i++) {
		glong n = g_utf8_strlen(t->cells->pdata[i], -1);

		width[i % t->n_columns] = MAX(width[i % t->n_columns], n);
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
