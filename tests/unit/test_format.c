// SPDX-License-Identifier: GPL-2.0-or-later
/* Cells of a report as people read them: units, rounding where a unit ends, what is not known. */
#include "analyze/report/format.h"

#include <math.h>

struct sample {
	double value;
	const char *text;
};

static void check(char *(*format)(double), const struct sample *samples, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		g_autofree char *text = format(samples[i].value);

		g_assert_cmpstr(text, ==, samples[i].text);
	}
}

static void test_ns(void)
{
	static const struct sample samples[] = {
		{ 0, "0 ns" }, { -0.0, "0 ns" }, { -0.3, "0 ns" }, { 0.6, "1 ns" }, { 1, "1 ns" }, { 730, "730 ns" },
		{ 999.4, "999 ns" }, { 999.5, "1.00 us" }, { 1000, "1.00 us" }, { 1234, "1.23 us" },
		{ 9994, "9.99 us" }, { 9996, "10.0 us" }, { 12345, "12.3 us" }, { 99940, "99.9 us" },
		{ 99960, "100 us" }, { 999.4e3, "999 us" }, { 999.5e3, "1.00 ms" }, { 18.44e6, "18.4 ms" },
		{ 999.4e6, "999 ms" }, { 999.5e6, "1.00 s" }, { 5822956631.0, "5.82 s" }, { 59.96e9, "60.0 s" },
		{ 3600e9, "3600 s" }, { -1500, "-1.50 us" }, { -999.5e3, "-1.00 ms" },
	};

	check(format_ns, samples, G_N_ELEMENTS(samples));
}

static void test_count(void)
{
	static const struct sample samples[] = {
		{ 0, "0" }, { -0.0, "0" }, { -0.4, "0" }, { 7, "7" }, { 999, "999" }, { 1000, "1,000" },
		{ 13246, "13,246" }, { 123456, "123,456" }, { 1234567, "1,234,567" }, { 999999.6, "1,000,000" },
		{ -1, "-1" }, { -999, "-999" }, { -1000, "-1,000" }, { -123456, "-123,456" },
	};

	check(format_count, samples, G_N_ELEMENTS(samples));
}

/* An estimate of value with intervals, NaN for those it has not, as shown in a column. */
static void check_column(const struct column *column, const double *e, const char *want)
{
	const struct cell cell = { !isnan(e[0]), e[0], { e[1], e[2] }, { e[3], e[4] } };
	g_autofree char *text = format_cell(column, &cell);

	g_assert_cmpstr(text, ==, want);
}

static void check_estimate(unsigned int digits, bool sign, const double *e, const char *want)
{
	check_column(&(struct column){ "e", "e", COLUMN_ESTIMATE, digits, sign }, e, want);
}

static void test_estimate(void)
{
	/* the total interval where there is one, else the statistical, else none */
	static const struct column mixed = { "e", "e", COLUMN_ESTIMATE, 1, true, true };

	check_column(&mixed, (double[]){ -0.0284, -0.03, -0.02, -0.0448, -0.012 }, "-0.028 [-0.045, -0.012]");
	check_column(&mixed, (double[]){ -0.333, -0.34, -0.32, -0.5, -0.166 }, "-0.33 [-0.50, -0.17]");
	check_column(&mixed, (double[]){ 47.13, 46, 48, 37.59, 56.67 }, "+47.1 [+37.6, +56.7]");
	check_column(&mixed, (double[]){ 0, 0, 0, 0, 0 }, "0.0 [0.0, 0.0]");
	check_estimate(1, true, (double[]){ 5.14, 4, 6, 2.46, 7.75 }, "+5.1 [+2.5, +7.8]");
	check_estimate(1, true, (double[]){ 5.14, 4, 6, NAN, NAN }, "+5.1 [+4.0, +6.0]");
	check_estimate(1, true, (double[]){ 5.14, NAN, NAN, NAN, NAN }, "+5.1");
	check_estimate(1, true, (double[]){ NAN, NAN, NAN, NAN, NAN }, "-");
	check_estimate(2, false, (double[]){ 0.5, 0.456, 0.534, NAN, NAN }, "0.50 [0.46, 0.53]");
	/* what is shown as 0 has no sign, and does not round to -0.0 */
	check_estimate(1, true, (double[]){ 0, -0.0, 0, -0.01, 0.04 }, "0.0 [0.0, 0.0]");
	check_estimate(1, true, (double[]){ -0.04, -0.06, 0.06, NAN, NAN }, "0.0 [-0.1, +0.1]");
	check_estimate(0, true, (double[]){ -0.5, -1.4, 0.5, NAN, NAN }, "0 [-1, 0]");
	/* digits by the largest of the three, so that they can be compared: four before the point are enough */
	check_estimate(2, false, (double[]){ 2274.79, 2117.91, 2419.76, NAN, NAN }, "2275 [2118, 2420]");
	check_estimate(2, true, (double[]){ -5.25, -999.96, 20.25, NAN, NAN }, "-5 [-1000, +20]");
	check_estimate(2, true, (double[]){ -5.25, -999.94, 20.26, NAN, NAN }, "-5.2 [-999.9, +20.3]");
	check_estimate(2, true, (double[]){ 3, -1, 99.99, NAN, NAN }, "+3.00 [-1.00, +99.99]");
	check_estimate(1, true, (double[]){ 123456.7, 123456, 123457, NAN, NAN }, "+123457 [+123456, +123457]");
	/* one end alone is no interval */
	check_estimate(1, true, (double[]){ 1, 0, NAN, NAN, NAN }, "+1.0");
	/* rounding that makes a digit more */
	check_estimate(1, true, (double[]){ 9.96, -9.96, 99.96, NAN, NAN }, "+10.0 [-10.0, +100.0]");
}

static void test_estimate_parts(void)
{
	const struct column column = { "e", "e", COLUMN_ESTIMATE, 1, true };
	static const double none[] = { NAN, NAN }, half[] = { NAN, 2 }, other_half[] = { -2, NAN }, both[] = { -3.04, 2 };
	g_autofree char *value = format_estimate(&column, -4.95), *unknown = format_estimate(&column, NAN);
	g_autofree char *no = format_interval(&column, none), *lo = format_interval(&column, half);
	g_autofree char *hi = format_interval(&column, other_half), *yes = format_interval(&column, both);

	g_assert_cmpstr(value, ==, "-5.0");
	g_assert_cmpstr(unknown, ==, "-");
	g_assert_cmpstr(no, ==, "-");
	g_assert_cmpstr(lo, ==, "-");
	g_assert_cmpstr(hi, ==, "-");
	g_assert_cmpstr(yes, ==, "[-3.0, +2.0]");
}

static void check_cell(const struct column *column, double value, const char *want)
{
	struct cell cell = { 0 };
	g_autofree char *text = NULL;

	cell_set(&cell, value);
	g_assert_cmpint(cell.known, ==, !isnan(value));
	text = format_cell(column, &cell);
	g_assert_cmpstr(text, ==, want);
}

static void test_kinds(void)
{
	const struct column count = { "c", "c", COLUMN_COUNT }, number = { "n", "n", COLUMN_NUMBER, 2 };
	const struct column change = { "n", "n", COLUMN_NUMBER, 2, true }, percent = { "p", "p", COLUMN_PERCENT };
	const struct column fine = { "p", "p", COLUMN_PERCENT, 2 }, ns = { "d", "d", COLUMN_NS };
	const struct column time = { "t", "t", COLUMN_TIME }, yes = { "y", "y", COLUMN_YES };
	const struct column *const all[] = { &count, &number, &change, &percent, &fine, &ns, &time, &yes };

	for (unsigned int i = 0; i < G_N_ELEMENTS(all); i++)
		check_cell(all[i], NAN, "-");
	check_cell(&count, 13246, "13,246");
	check_cell(&number, 0.745, "0.74");	/* which in binary is a little less */
	check_cell(&number, -0.004, "0.00");
	check_cell(&number, 99.994, "99.99");
	check_cell(&number, 99.996, "100.0");
	check_cell(&number, 1419.12, "1419");
	check_cell(&change, 0.25, "+0.25");
	check_cell(&change, 0, "0.00");
	check_cell(&percent, 99.96, "100.0 %");
	check_cell(&percent, -0.04, "0.0 %");
	check_cell(&fine, 99.68, "99.68 %");
	check_cell(&ns, 12345, "12.3 us");
	check_cell(&time, 1234567890, "1.234568 s");
	check_cell(&yes, 1, "yes");
	check_cell(&yes, 0, "no");
	g_assert_true(column_is_text(&yes));
	g_assert_false(column_is_text(&ns));
}

static void test_text(void)
{
	const struct column column = { "t", "t", COLUMN_TEXT };
	struct cell cell = { 0 };
	g_autofree char *unknown = format_cell(&column, &cell), *text = NULL;

	g_assert_cmpstr(unknown, ==, "-");
	cell_set_text(&cell, "not UTF-8: \xff.");
	text = format_cell(&column, &cell);
	g_assert_true(g_utf8_validate(text, -1, NULL));
	g_assert_true(g_str_has_prefix(text, "not UTF-8: "));
	cell_set_text(&cell, NULL);
	g_assert_false(cell.known);
	g_assert_null(cell.text);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/format/ns", test_ns);
	g_test_add_func("/format/count", test_count);
	g_test_add_func("/format/estimate", test_estimate);
	g_test_add_func("/format/estimate_parts", test_estimate_parts);
	g_test_add_func("/format/kinds", test_kinds);
	g_test_add_func("/format/text", test_text);
	return g_test_run();
}
