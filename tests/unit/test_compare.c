// SPDX-License-Identifier: GPL-2.0-or-later
/* The interval of a difference, against numbers worked out by hand and published ones. */
#include "analyze/report/compare.h"

#include <math.h>

static void check(double a, double a_lo, double a_hi, double b, double b_lo, double b_hi, double lo, double hi)
{
	double interval[2];

	difference_interval(a, (double[]){ a_lo, a_hi }, b, (double[]){ b_lo, b_hi }, interval);
	g_assert_cmpfloat_with_epsilon(interval[0], lo, 1e-9 * (1 + fabs(lo)));
	g_assert_cmpfloat_with_epsilon(interval[1], hi, 1e-9 * (1 + fabs(hi)));
}

/*
 * b - a is 8. It can be less by what b can be less, 4, and a more, 3: by 5. It can be more by what b can
 * be more, 12, and a less, 5: by 13.
 */
static void test_by_hand(void)
{
	check(2, -3, 5, 10, 6, 22, 3, 21);
	/* the other way round it is the same interval, mirrored */
	check(10, 6, 22, 2, -3, 5, -21, -3);
	/* another scale, another origin */
	check(102, 97, 105, 110, 106, 122, 3, 21);
	check(0.02, -0.03, 0.05, 0.10, 0.06, 0.22, 0.03, 0.21);
}

/* Symmetric intervals: the root of the sum of squares. */
static void test_symmetric(void)
{
	check(10, 7, 13, 20, 16, 24, 5, 15);
	check(-1, -1.5, -0.5, -1, -2.2, 0.2, -1.3, 1.3);
	/* a thing and itself, as if of another stretch: wider by the root of 2 */
	check(5, 4, 6, 5, 4, 6, -sqrt(2), sqrt(2));
}

/* What is known exactly adds nothing. */
static void test_exact(void)
{
	check(0, 0, 0, 0, 0, 0, 0, 0);
	check(3, 3, 3, 5, 4, 7, 1, 4);
	check(5, 4, 7, 3, 3, 3, -4, -1);
}

/* Wilson's interval for k of n. */
static void wilson(double k, double n, double *interval)
{
	const double z = 1.959963984540054;
	double middle = (2 * k + z * z) / (2 * (n + z * z));
	double half = z * sqrt(z * z + 4 * k * (1 - k / n)) / (2 * (n + z * z));

	interval[0] = middle - half;
	interval[1] = middle + half;
}

/* Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10, which is this with Wilson's. */
static void test_published(void)
{
	static const struct {
		double k1, n1, k2, n2, lo, hi;
	} published[] = {
		{ 56, 70, 48, 80, 0.0524, 0.3339 }, { 9, 10, 3, 10, 0.1705, 0.8090 }, { 10, 10, 0, 10, 0.6075, 1 },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(published); i++) {
		double b[2], a[2], interval[2];

		wilson(published[i].k1, published[i].n1, b);
		wilson(published[i].k2, published[i].n2, a);
		difference_interval(published[i].k2 / published[i].n2, a, published[i].k1 / published[i].n1, b, interval);
		g_assert_cmpfloat_with_epsilon(interval[0], published[i].lo, 5e-5 + 1e-9);
		g_assert_cmpfloat_with_epsilon(interval[1], published[i].hi, 5e-5 + 1e-9);
	}
}

/* No interval of one: none of the difference, not half of one. */
static void test_none(void)
{
	static const double known[] = { 1, 3 }, none[] = { NAN, NAN };
	double interval[2];

	difference_interval(2, known, 2, none, interval);
	g_assert_true(isnan(interval[0]) && isnan(interval[1]));
	difference_interval(2, none, 2, known, interval);
	g_assert_true(isnan(interval[0]) && isnan(interval[1]));
	difference_interval(NAN, none, 2, known, interval);
	g_assert_true(isnan(interval[0]) && isnan(interval[1]));
	difference_interval(NAN, known, 2, known, interval);
	g_assert_true(isnan(interval[0]) && isnan(interval[1]));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/compare/by_hand", test_by_hand);
	g_test_add_func("/compare/symmetric", test_symmetric);
	g_test_add_func("/compare/exact", test_exact);
	g_test_add_func("/compare/published", test_published);
	g_test_add_func("/compare/none", test_none);
	return g_test_run();
}
