// SPDX-License-Identifier: GPL-2.0-or-later
/* From replicates to intervals, bands and one word; each answer can be worked out by hand. */
#include <glib.h>
#include <math.h>

#include "replay/estimate/interval.h"
#include "replay/estimate/prng.h"

static void test_percentile(void)
{
	double values[101], lo, hi;
	size_t missing = 99;

	for (int i = 0; i <= 100; i++)
		values[i] = (i * 37) % 101;
	g_assert_true(interval_percentile(values, 101, 0.95, &lo, &hi, &missing));
	g_assert_cmpfloat_with_epsilon(lo, 2.5, 1e-9);
	g_assert_cmpfloat_with_epsilon(hi, 97.5, 1e-9);
	g_assert_cmpuint(missing, ==, 0);
	g_assert_true(interval_percentile(values, 101, 0.5, &lo, &hi, NULL));
	g_assert_cmpfloat_with_epsilon(lo, 25, 1e-9);
	g_assert_cmpfloat_with_epsilon(hi, 75, 1e-9);
}

static void test_percentile_missing(void)
{
	double values[100], lo, hi;
	size_t missing;

	for (int i = 0; i < 100; i++)
		values[i] = i % 20 == 7 ? (i % 40 == 7 ? NAN : INFINITY) : 1;
	g_assert_true(interval_percentile(values, 100, 0.95, &lo, &hi, &missing));
	g_assert_cmpuint(missing, ==, 5);
	g_assert_cmpfloat(lo, ==, 1);
	g_assert_cmpfloat(hi, ==, 1);
	values[50] = NAN;
	g_assert_false(interval_percentile(values, 100, 0.95, &lo, &hi, &missing));
	g_assert_cmpuint(missing, ==, 6);
	g_assert_true(isnan(lo) && isnan(hi));
}

static void test_percentile_few(void)
{
	double values[40] = { 0 }, lo, hi;
	size_t missing = 99;

	g_assert_false(interval_percentile(NULL, 0, 0.95, &lo, &hi, &missing));
	g_assert_cmpuint(missing, ==, 0);
	g_assert_true(isnan(lo) && isnan(hi));
	g_assert_false(interval_percentile(values, 39, 0.95, &lo, &hi, NULL));
	g_assert_true(interval_percentile(values, 40, 0.95, &lo, &hi, NULL));
}

static void test_standard_error(void)
{
	double values[] = { 2, 4, 4, 4, 5, 5, 7, 9 }, many[40];

	g_assert_cmpfloat_with_epsilon(standard_error(values, 8), sqrt(32. / 7), 1e-12);
	g_assert_cmpfloat(standard_error(values + 1, 3), ==, 0);
	g_assert_true(isnan(standard_error(values, 1)));
	g_assert_true(isnan(standard_error(NULL, 0)));
	for (int i = 0; i < 40; i++)
		many[i] = i % 2;
	many[0] = many[1] = NAN;
	g_assert_cmpfloat_with_epsilon(standard_error(many, 40), sqrt(9.5 / 37), 1e-12);
	many[2] = NAN;
	g_assert_true(isnan(standard_error(many, 40)));
}

static void test_p_value(void)
{
	g_assert_cmpfloat_with_epsilon(interval_p_value(1, 0, 9), 0.05, 1e-9);
	g_assert_cmpfloat_with_epsilon(interval_p_value(-1, -9, 0), 0.05, 1e-9);
	g_assert_cmpfloat_with_epsilon(interval_p_value(2, 1, 2), 8.9e-5, 1e-6);
	g_assert_cmpfloat(interval_p_value(0, -1, 1), ==, 1);
	g_assert_cmpfloat(interval_p_value(0, 0, 0), ==, 1);
	g_assert_cmpfloat(interval_p_value(1, 1, 1), ==, 0);
	g_assert_true(isnan(interval_p_value(1, NAN, NAN)));
	g_assert_true(isnan(interval_p_value(NAN, 0, 1)));
}

static void test_holm(void)
{
	double p[] = { 0.01, 0.04, NAN, 0.03, 0.005, 0.9 };
	const double adjusted[] = { 0.04, 0.09, NAN, 0.09, 0.025, 0.9 };

	holm_adjust(p, G_N_ELEMENTS(p), p);
	for (size_t i = 0; i < G_N_ELEMENTS(p); i++)
		if (isnan(adjusted[i]))
			g_assert_true(isnan(p[i]));
		else
			g_assert_cmpfloat_with_epsilon(p[i], adjusted[i], 1e-12);
	p[0] = 0.7;
	p[1] = 0.6;
	holm_adjust(p, 2, p);
	g_assert_cmpfloat(p[0], ==, 1);
	g_assert_cmpfloat(p[1], ==, 1);
	holm_adjust(p, 0, p);
	g_assert_cmpfloat(p[0], ==, 1);
}

static void test_total(void)
{
	double lo, hi;

	total_interval(10, 7, 22, 4, &lo, &hi);
	g_assert_cmpfloat(lo, ==, 5);
	g_assert_cmpfloat_with_epsilon(hi, 10 + sqrt(160), 1e-12);
	total_interval(10, 7, 22, 0, &lo, &hi);
	g_assert_cmpfloat(lo, ==, 7);
	g_assert_cmpfloat(hi, ==, 22);
	/* a value beside its percentile interval */
	total_interval(10, 11, 15, 1, &lo, &hi);
	g_assert_cmpfloat(lo, ==, 9);
	g_assert_cmpfloat(hi, >, 15);
	total_interval(10, NAN, NAN, 1, &lo, &hi);
	g_assert_true(isnan(lo) && isnan(hi));
}

static void test_verdict(void)
{
	g_assert_cmpint(verdict_of(0.1, 3, true, true, false), ==, VERDICT_GAIN);
	g_assert_cmpint(verdict_of(0, 3, true, true, false), ==, VERDICT_NO_CLEAR_EFFECT);
	g_assert_cmpint(verdict_of(-1, 3, true, true, false), ==, VERDICT_NO_CLEAR_EFFECT);
	g_assert_cmpint(verdict_of(-3, 0, true, true, false), ==, VERDICT_NO_CLEAR_EFFECT);
	g_assert_cmpint(verdict_of(-3, -0.1, true, true, false), ==, VERDICT_LOSS);
	g_assert_cmpint(verdict_of(0.1, 3, true, true, true), ==, VERDICT_REFUSED);
	g_assert_cmpint(verdict_of(NAN, NAN, true, true, false), ==, VERDICT_REFUSED);
	g_assert_cmpint(verdict_of(0.1, NAN, true, true, false), ==, VERDICT_REFUSED);
	g_assert_cmpint(verdict_of(0.1, 3, true, false, true), ==, VERDICT_NOT_IDENTIFIABLE);
	g_assert_cmpint(verdict_of(0.1, 3, false, false, true), ==, VERDICT_INSUFFICIENT_DATA);
	g_assert_cmpstr(verdict_names[VERDICT_NO_CLEAR_EFFECT], ==, "no clear effect");
	for (int v = 0; v < N_VERDICTS; v++)
		g_assert_nonnull(verdict_names[v]);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/interval/percentile", test_percentile);
	g_test_add_func("/interval/percentile/missing", test_percentile_missing);
	g_test_add_func("/interval/percentile/few", test_percentile_few);
	g_test_add_func("/interval/standard error", test_standard_error);
	g_test_add_func("/interval/p value", test_p_value);
	g_test_add_func("/interval/holm", test_holm);
	g_test_add_func("/interval/total", test_total);
	g_test_add_func("/interval/verdict", test_verdict);
	return g_test_run();
}
