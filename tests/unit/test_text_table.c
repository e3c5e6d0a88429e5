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

/* All of a name is there, in as many lines as it takes, and the other cells are beside its first. */
static void test_folded(void)
{
	static const char *const headings[] = { "policy", ">n" };
	static const char *const names[] = { "policy:first=0,second=1000", "policy:first=0,second=2000", "short" };
	struct text_table *t = text_table_new(headings, 2);
	char *text;

	for (unsigned int i = 0; i < G_N_ELEMENTS(names); i++) {
		text_table_cell(t, "%s", names[i]);
		text_table_cell(t, "%u", 10 * i);
	}
	text_table_fold(t, 0, 21);
	text = printed(t, " ");
	g_assert_cmpstr(text, ==,
			" policy            n\n"
			" policy:first=0,   0\n   second=1000\n"
			" policy:first=0,  10\n   second=2000\n"
			" short            20\n");
	free(text);
}

/* A table that fits is as it was. */
static void test_not_folded(void)
{
	static const char *const headings[] = { "policy", ">n" };
	struct text_table *t = text_table_new(headings, 2);
	char *text;

	text_table_cell(t, "policy:first=0,second=1000");
	text_table_cell(t, "0");
	text_table_fold(t, 0, 30);
	text = printed(t, " ");
	g_assert_cmpstr(text, ==, " policy                      n\n policy:first=0,second=1000  0\n");
	free(text);
}

static void test_fold(void)
{
	static const struct { const char *text; glong width; unsigned int indent; const char *after, *folded; } rows[] = {
		{ "", 4, 2, ",", "" }, { "abcd", 4, 2, ",", "abcd" }, { "ab,cd", 4, 1, ",", "ab,\n cd" },
		{ "ab,cd", 4, 0, "", "ab,c\nd" }, { "ab cd ef", 5, 2, "", "ab cd\n  ef" }, { "·····", 3, 1, ",", "···\n ··" },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GPtrArray) lines = text_fold(rows[i].text, rows[i].width, rows[i].indent, rows[i].after);
		g_autofree char *text = NULL;

		g_ptr_array_add(lines, NULL);
		text = g_strjoinv("\n", (char **)lines->pdata);
		g_assert_cmpstr(text, ==, rows[i].folded);
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
	g_test_add_func("/text_table/folded", test_folded);
	g_test_add_func("/text_table/not_folded", test_not_folded);
	g_test_add_func("/text_table/fold", test_fold);
	return g_test_run();
}
