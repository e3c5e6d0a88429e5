// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a yield does for its target: figures worked out by hand, each step of backing off, and
 * refusal.
 */
#include <glib.h>

#include "replay/estimate/efficacy.h"

static void add(struct efficacy_table *table, struct efficacy_stratum s, bool treated, int64_t y,
		unsigned int n)
{
	while (n--)
		efficacy_add(table, &s, treated, y);
}

static const struct efficacy *settled(struct efficacy_table *table, struct efficacy_stratum s)
{
	efficacy_settle(table);
	return efficacy_of(table, &s);
}

static void test_figures(void)
{
	struct efficacy_table *table = efficacy_new(EFFICACY_BY_MARGIN, false);
	struct efficacy_stratum s = { true, 3, SHADOW_ELIGIBLE };
	const struct efficacy *e;

	/* p1 = 24/32: 16 at 10 us, 8 at exactly 200 us */
	add(table, s, true, 10000, 16);
	add(table, s, true, 200000, 8);
	add(table, s, true, 200001, 8);
	/* p0 = 16/64; the longest count as 20 ms */
	add(table, s, false, 100000, 16);
	add(table, s, false, 4000000, 32);
	add(table, s, false, 50000000, 8);
	add(table, s, false, INT64_MAX, 8);
	e = settled(table, s);
	g_assert_true(e->supported);
	g_assert_cmpint(e->pooled, ==, EFFICACY_OWN);
	g_assert_cmpfloat(e->alpha, ==, (0.75 - 0.25) / (1 - 0.25));
	g_assert_cmpfloat(e->delta, ==, (16 * 10000 + 8 * 200000) / 24.0);
	g_assert_cmpfloat(e->wait, ==, (16 * 100000.0 + 32 * 4000000.0 + 16 * 20000000.0) / 64);
	g_assert_cmpint(e->n1, ==, 32);
	g_assert_cmpint(e->n0, ==, 64);
	efficacy_free(table);
}

static double alpha(unsigned int q1, unsigned int n1, unsigned int q0, unsigned int n0,
		    bool ignored, enum efficacy_pool *pooled)
{
	struct efficacy_table *table = efficacy_new(EFFICACY_BY_MARGIN, ignored);
	struct efficacy_stratum s = { false, 2, SHADOW_250US };
	const struct efficacy *e;
	double a;

	add(table, s, true, 0, q1);
	add(table, s, true, 1000000, n1 - q1);
	add(table, s, false, 0, q0);
	add(table, s, false, 1000000, n0 - q0);
	e = settled(table, s);
	g_assert_true(e->supported);
	*pooled = e->pooled;
	a = e->alpha;
	efficacy_free(table);
	return a;
}

/* Never negative; nothing to gain where all run quickly anyway. */
static void test_bounds(void)
{
	enum efficacy_pool pooled;

	g_assert_cmpfloat(alpha(10, 40, 20, 40, false, &pooled), ==, 0);
	g_assert_cmpfloat(alpha(40, 40, 0, 40, false, &pooled), ==, 1);
	g_assert_cmpfloat(alpha(40, 40, 40, 40, false, &pooled), ==, 0);
	g_assert_cmpfloat(alpha(2000, 2000, 1999, 2000, false, &pooled), ==, 0);
	g_assert_cmpfloat(alpha(2000, 2000, 1998, 2000, false, &pooled), >, 0.99);
}

/* A kernel that ignores the hint: 0, unless what was seen says otherwise. */
static void test_ignored(void)
{
	struct efficacy_table *table = efficacy_new(EFFICACY_BY_MARGIN, true);
	const struct efficacy *e =
		settled(table, (struct efficacy_stratum){ true, 2, SHADOW_ELIGIBLE });
	enum efficacy_pool pooled;

	g_assert_true(e->supported);
	g_assert_cmpfloat(e->alpha, ==, 0);
	g_assert_cmpint(e->pooled, ==, EFFICACY_STRUCTURAL);
	efficacy_free(table);
	g_assert_cmpfloat(alpha(50, 100, 40, 100, true, &pooled), ==, 0); /* 1.4 standard errors */
	g_assert_cmpint(pooled, ==, EFFICACY_STRUCTURAL);
	g_assert_cmpfloat(alpha(70, 100, 40, 100, true, &pooled), ==, (0.7 - 0.4) / (1 - 0.4));
	g_assert_cmpint(pooled, ==, EFFICACY_OWN);
}

/* 29 treated of one length, 1 of another: only together are they 30. */
static void test_over_nr(void)
{
	struct efficacy_table *table = efficacy_new(EFFICACY_BY_MARGIN, false);
	struct efficacy_stratum two = { true, 2, SHADOW_ELIGIBLE },
				nine = { true, 9, SHADOW_ELIGIBLE };
	const struct efficacy *e;

	add(table, two, true, 0, 29);
	add(table, two, false, 1000000, 100);
	add(table, nine, true, 1000000, 1);
	/* none of these may be drawn upon */
	add(table, (struct efficacy_stratum){ false, 2, SHADOW_ELIGIBLE }, true, 1000000, 100);
	add(table, (struct efficacy_stratum){ true, 2, SHADOW_250US }, true, 1000000, 100);
	add(table, (struct efficacy_stratum){ true, 2, SHADOW_UNKNOWN }, true, 1000000, 100);
	e = settled(table, two);
	g_assert_true(e->supported);
	g_assert_cmpint(e->pooled, ==, EFFICACY_OVER_NR);
	g_assert_cmpint(e->n1, ==, 30);
	g_assert_cmpfloat(e->alpha, ==, 29 / 30.0);
	/* longer than 5 is 5, and a length that was never seen has the pool's figures */
	g_assert_cmpint(
		efficacy_of(table, &(struct efficacy_stratum){ true, 5, SHADOW_ELIGIBLE })->n1, ==,
		30);
	g_assert_cmpint(
		efficacy_of(table, &(struct efficacy_stratum){ true, 1, SHADOW_ELIGIBLE })->n1, ==,
		30);
	efficacy_free(table);
}

static void test_over_ineligible(void)
{
	struct efficacy_table *table = efficacy_new(EFFICACY_BY_MARGIN, false);
	const struct efficacy *e;

	for (unsigned int b = SHADOW_250US; b <= SHADOW_BEYOND; b++) {
		add(table, (struct efficacy_stratum){ true, b, b }, true, 0, 6);
		add(table, (struct efficacy_stratum){ true, b, b }, false, 1000000, 20);
	}
	add(table, (struct efficacy_stratum){ true, 2, SHADOW_ELIGIBLE }, true, 1000000, 100);
	add(table, (struct efficacy_stratum){ true, 2, SHADOW_UNKNOWN }, true, 1000000, 100);
	add(table, (struct efficacy_stratum){ false, 2, SHADOW_250US }, true, 1000000, 29);
	add(table, (struct efficacy_stratum){ false, 2, SHADOW_250US }, false, 1000000, 99);
	e = settled(table, (struct efficacy_stratum){ true, 3, SHADOW_1MS });
	g_assert_true(e->supported);
	g_assert_cmpint(e->pooled, ==, EFFICACY_OVER_INELIGIBLE);
	g_assert_cmpint(e->n1, ==, 30);
	g_assert_cmpint(e->n0, ==, 100);
	g_assert_cmpfloat(e->alpha, ==, 1);
	/* one treated short on the other side of the run queue: refused, with nothing filled in */
	e = efficacy_of(table, &(struct efficacy_stratum){ false, 2, SHADOW_250US });
	g_assert_false(e->supported);
	g_assert_cmpint(e->n1, ==, 29);
	g_assert_cmpfloat(e->alpha, ==, 0);
	g_assert_cmpfloat(e->wait, ==, 0);
	efficacy_free(table);
}

/* Eligible and unknown have nobody to lean upon; nor has either arm. */
static void test_refused(void)
{
	struct efficacy_table *table = efficacy_new(EFFICACY_BY_MARGIN, false);
	const struct efficacy_stratum eligible = { true, 2, SHADOW_ELIGIBLE },
				      unknown = { true, 2, SHADOW_UNKNOWN };
	const struct efficacy_stratum untreated = { true, 2, SHADOW_1MS },
				      alone = { false, 2, SHADOW_1MS };

	add(table, eligible, true, 0, 29);
	add(table, eligible, false, 0, 1000);
	add(table, unknown, true, 0, 29);
	add(table, unknown, false, 0, 1000);
	add(table, untreated, false, 0, 1000);
	add(table, alone, true, 0, 1000);
	add(table, alone, false, 0, 29);
	efficacy_settle(table);
	g_assert_false(efficacy_of(table, &eligible)->supported);
	g_assert_false(efficacy_of(table, &unknown)->supported);
	g_assert_false(efficacy_of(table, &untreated)->supported);
	g_assert_false(efficacy_of(table, &alone)->supported);
	efficacy_free(table);
}

/* Times of waiting: their limits, and that only run-queue lengths are pooled. */
static void test_by_wait(void)
{
	static const struct { int64_t waited; enum efficacy_wait bucket; } rows[] = {
		{ 0, EFFICACY_WAIT_50US }, { 49999, EFFICACY_WAIT_50US },
		{ 50000, EFFICACY_WAIT_200US }, { 199999, EFFICACY_WAIT_200US },
		{ 499999, EFFICACY_WAIT_500US }, { 999999, EFFICACY_WAIT_1MS },
		{ 1999999, EFFICACY_WAIT_2MS }, { 3999999, EFFICACY_WAIT_4MS },
		{ 4000000, EFFICACY_WAIT_MORE }, { INT64_MAX, EFFICACY_WAIT_MORE },
	};
	struct efficacy_table *table = efficacy_new(EFFICACY_BY_WAIT, false);
	struct efficacy_stratum s = { true, 2, EFFICACY_WAIT_1MS };

	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++)
		g_assert_cmpint(efficacy_wait(rows[i].waited), ==, rows[i].bucket);
	for (unsigned int b = 0; b < N_EFFICACY_WAITS; b++) {
		s.bucket = b;
		add(table, s, true, 0, 29);
		add(table, s, false, 0, 29);
	}
	s = (struct efficacy_stratum){ true, 3, EFFICACY_WAIT_MORE };
	add(table, s, true, 0, 1);
	add(table, s, false, 1000000, 1);
	efficacy_settle(table);
	g_assert_cmpint(efficacy_of(table, &s)->pooled, ==, EFFICACY_OVER_NR);
	g_assert_true(efficacy_of(table, &s)->supported);
	s.bucket = EFFICACY_WAIT_1MS;
	g_assert_false(efficacy_of(table, &s)->supported);
	efficacy_free(table);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/efficacy/figures", test_figures);
	g_test_add_func("/efficacy/bounds", test_bounds);
	g_test_add_func("/efficacy/ignored", test_ignored);
	g_test_add_func("/efficacy/over_nr", test_over_nr);
	g_test_add_func("/efficacy/over_ineligible", test_over_ineligible);
	g_test_add_func("/efficacy/refused", test_refused);
	g_test_add_func("/efficacy/by_wait", test_by_wait);
	return g_test_run();
}
