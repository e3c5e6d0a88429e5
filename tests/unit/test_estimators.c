// SPDX-License-Identifier: GPL-2.0-or-later
/* What becomes of a figure that the check contradicts. */
#include <glib.h>
#include <math.h>

#include "replay/estimate/estimate.h"
#include "replay/estimate/estimators.h"

/* The direct method says 100 [80, 120], the check 30 [10, 50]. */
static struct estimators contradicted(void)
{
	return (struct estimators){
		.compared = true,
		.doubly_robust = {
			.dm_ns = 100, .dm_lo_ns = 80, .dm_hi_ns = 120, .dr_ns = 30, .dr_lo_ns = 10,
			.dr_hi_ns = 50, .dm_suspect = true, .lo_ns = 10, .hi_ns = 120,
		},
	};
}

static void test_suspect(void)
{
	struct estimators e = contradicted();
	double lo, hi;

	g_assert_true(estimators_suspect(&e, &lo, &hi));
	g_assert_cmpfloat(lo, ==, 0.1);
	g_assert_cmpfloat(hi, ==, 1.2);
	e.doubly_robust.dm_ns = -1;	/* no multiple of that is a gain */
	g_assert_true(estimators_suspect(&e, &lo, &hi));
	g_assert_true(isnan(lo) && isnan(hi));
}

static void test_not_suspect(void)
{
	struct estimators e = contradicted();
	double lo, hi;

	e.compared = false;	/* without a valid natural experiment it contradicts nothing */
	g_assert_false(estimators_suspect(&e, &lo, &hi));
	e = contradicted();
	e.doubly_robust.dm_suspect = false;
	g_assert_false(estimators_suspect(&e, &lo, &hi));
	g_assert_cmpfloat(lo, ==, 1);
	g_assert_cmpfloat(hi, ==, 1);
}

static struct estimate figure(enum metric metric, double value)
{
	double replicates[100];
	struct estimate e;

	for (unsigned int k = 0; k < G_N_ELEMENTS(replicates); k++)
		replicates[k] = value;
	estimate_set(&e, metric, value, replicates, G_N_ELEMENTS(replicates), 1, 0);
	return e;
}

static void test_cover(void)
{
	struct estimate e = figure(METRIC_EPISODE_SPIN_SAVED, 1), was = e;

	g_assert_cmpint(e.verdict, ==, VERDICT_GAIN);
	estimate_cover(&e, 0.9, 1.1, g_strdup("inside"));
	g_assert_cmpfloat(e.total[0], ==, was.total[0]);
	g_assert_cmpfloat(e.total[1], ==, was.total[1]);
	estimate_cover(&e, -0.1, 1.2, g_strdup("below"));
	g_assert_cmpfloat(e.total[0], ==, -0.1);
	g_assert_cmpfloat(e.total[1], ==, was.total[1]);
	g_assert_cmpfloat(e.statistical[0], ==, was.statistical[0]);
	g_assert_cmpfloat(e.value, ==, 1);
	g_assert_cmpint(e.verdict, ==, VERDICT_NO_CLEAR_EFFECT);
	g_assert_cmpstr(e.reason, ==, "below");
	g_free(e.reason);
}

/* One that is better when it falls. */
static void test_cover_response(void)
{
	struct estimate e = figure(METRIC_EPISODE_RESPONSE_CHANGE, -100);

	g_assert_cmpint(e.verdict, ==, VERDICT_GAIN);
	estimate_cover(&e, -100, 5, g_strdup("above"));
	g_assert_cmpfloat(e.total[1], ==, 5);
	g_assert_cmpint(e.verdict, ==, VERDICT_NO_CLEAR_EFFECT);
	g_free(e.reason);
}

static void test_cover_nothing(void)
{
	struct estimate e;

	estimate_refuse(&e, METRIC_EPISODE_SPIN_SAVED, VERDICT_INSUFFICIENT_DATA, g_strdup("too few"));
	estimate_cover(&e, -1, 1, g_strdup("not said"));
	g_assert_true(isnan(e.total[0]) && isnan(e.total[1]));
	g_assert_cmpint(e.verdict, ==, VERDICT_INSUFFICIENT_DATA);
	g_assert_cmpstr(e.reason, ==, "too few");
	g_free(e.reason);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/estimators/suspect", test_suspect);
	g_test_add_func("/estimators/not suspect", test_not_suspect);
	g_test_add_func("/estimators/cover", test_cover);
	g_test_add_func("/estimators/cover/response", test_cover_response);
	g_test_add_func("/estimators/cover/nothing", test_cover_nothing);
	return g_test_run();
}
