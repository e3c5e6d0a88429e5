// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Several policies compared: of verdicts that each alone would bear, those remain that
 * hold for all together. Intervals are chosen for their p values.
 */
#include <glib.h>
#include <math.h>

#include "replay/estimate/estimates.h"

/* Standard errors from 0 that go with a two-sided p value. */
#define Z_10 1.644854
#define Z_4 2.053749
#define Z_2 2.326348
#define Z_1 2.575829
#define Z_95 1.959964

static struct estimate figure(double value, double z, enum verdict verdict, const char *reason)
{
	double half = fabs(value) * Z_95 / z;

	return (struct estimate){
		.metric = METRIC_THROUGHPUT_GAIN, .value = value, .total = { value - half, value + half },
		.verdict = verdict, .reason = g_strdup(reason),
	};
}

static void compare(struct estimate *e, gsize n)
{
	g_autofree struct estimate **list = g_new(struct estimate *, n + 1);

	for (gsize i = 0; i < n; i++)
		list[i] = &e[i];
	estimates_compare(list, n);
}

static void clear(struct estimate *e, gsize n)
{
	for (gsize i = 0; i < n; i++)
		g_free(e[i].reason);
}

/* 0.01 and 0.04 are 0.02 and 0.04: the sign and what is no figure do not matter. */
static void test_stands(void)
{
	struct estimate e[] = {
		figure(5, Z_4, VERDICT_GAIN, NULL), figure(-7, Z_1, VERDICT_LOSS, "mind this"),
		{ .value = NAN, .total = { NAN, NAN }, .verdict = VERDICT_NOT_IDENTIFIABLE },
	};

	compare(e, 1);
	g_assert_cmpint(e[0].verdict, ==, VERDICT_GAIN);
	compare(e, 3);
	g_assert_cmpint(e[0].verdict, ==, VERDICT_GAIN);
	g_assert_cmpint(e[1].verdict, ==, VERDICT_LOSS);
	g_assert_cmpint(e[2].verdict, ==, VERDICT_NOT_IDENTIFIABLE);
	g_assert_null(e[0].reason);
	g_assert_cmpstr(e[1].reason, ==, "mind this");
	g_assert_null(e[2].reason);
	compare(e, 0);
	clear(e, 3);
}

/* 0.02, 0.04 and 0.1 are 0.06, 0.08 and 0.1. */
static void test_falls(void)
{
	struct estimate e[] = {
		figure(5, Z_4, VERDICT_GAIN, NULL), figure(1, Z_10, VERDICT_NO_CLEAR_EFFECT, NULL),
		figure(-7, Z_2, VERDICT_LOSS, "mind this"),
	};

	compare(e, 3);
	for (int i = 0; i < 3; i++)
		g_assert_cmpint(e[i].verdict, ==, VERDICT_NO_CLEAR_EFFECT);
	g_assert_cmpstr(e[0].reason, ==, "among 3 policies compared chance makes one such gain with p = 0.08 (Holm)");
	g_assert_null(e[1].reason);
	g_assert_cmpstr(e[2].reason, ==,
			"among 3 policies compared chance makes one such loss with p = 0.06 (Holm); mind this");
	g_assert_cmpfloat(e[0].value, ==, 5);	/* figures stay */
	g_assert_cmpfloat(e[0].total[0], >, 0);
	clear(e, 3);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/estimates/compare/stands", test_stands);
	g_test_add_func("/estimates/compare/falls", test_falls);
	return g_test_run();
}
