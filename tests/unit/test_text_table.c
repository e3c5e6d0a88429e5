// SPDX-License-Identifier: GPL-2.0-or-later
/* Cells in, aligned lines out. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "schema/text_table.h"

static char *printed(struct text_table *t, const char *indent)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	text_table_print(t, indent, f);
	fclose(f);
	return text;
}

static void test_alignment(void)
{
	static const char *const headings[] = { "policy", ">n", "" };
	struct text_table *t = text_table_new(headings, 3);
	char *text;

	text_table_cell(t, "stock");
	text_table_count(t, 7);
	text_table_cell(t, "%s", "");
	text_table_cell(t, "ipi-aware");
	text_table_count(t, 1234567);
	text_table_cell(t, "x");
	text = printed(t, "  ");
	g_assert_cmpstr(text, ==,
			"  policy             n\n"
			"  stock              7\n"
			"  ipi-aware  1,234,567  x\n");
	free(text);
}

static void test_counts(void)
{
	static const struct { gint64 n; const char *text; } rows[] = {
		{ 0, "0" }, { 999, "999" }, { 1000, "1,000" }, { -1, "-1" }, { -999, "-999" },
		{ -1000, "-1,000" }, { 123456, "123,456" }, { G_MAXINT64, "9,223,372,036,854,775,807" },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		static const char *const headings[] = { "" };
		struct text_table *t = text_table_new(headings, 1);
		char *text, *line;

		text_table_count(t, rows[i].n);
		text = printed(t, "");
		line = g_strconcat("\n", rows[i].text, "\n", NULL);
		g_assert_cmpstr(text, ==, line);
		g_free(line);
		free(text);
	}
}

/* Columns are as wide as characters, not bytes. */
static void test_utf8(void)
{
	static const char *const headings[] = { "a", "b" };
	struct text_table *t = text_table_new(headings, 2);
	char *text;

	text_table_cell(t, "·");
	text_table_cell(t, "1");
	text = printed(t, "");
	g_assert_cmpstr(text, ==, "a  b\n·  1\n");
	free(text);
}

static void test_number(void)
{
	g_assert_cmpfloat(text_number(-0.04, 1), ==, 0);
	g_assert_false(signbit(text_number(-0.04, 1)));
	g_assert_false(signbit(text_number(-0.5, 0)));	/* printf() rounds to even */
	g_assert_cmpfloat(text_number(-0.06, 1), ==, -0.06);
	g_assert_true(isnan(text_number(NAN, 1)));
}

static void test_wrap(void)
{
	static const struct { const char *text; unsigned int width, indent; const char *wrapped; } rows[] = {
		{ "", 10, 0, "" }, { "a b", 3, 0, "a b" }, { "a bc", 3, 0, "a\nbc" }, { "abcdef gh", 3, 1, "abcdef\n gh" },
		{ "  a b c", 5, 4, "  a b\n    c" }, { "·· ··", 5, 0, "·· ··" },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *wrapped = text_wrap(rows[i].text, rows[i].width, rows[i].indent);

		g_assert_cmpstr(wrapped, ==, rows[i].wrapped);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/text_table/alignment", test_alignment);
	g_test_add_func("/text_table/counts", test_counts);
	g_test_add_func("/text_table/utf8", test_utf8);
	g_test_add_func("/text_table/number", test_number);
	g_test_add_func("/text_table/wrap", test_wrap);
	return g_test_run();
}
