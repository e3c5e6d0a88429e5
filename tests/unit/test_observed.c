// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Figures of what was recorded, from tallies that are small enough to be worked out by
 * hand; and when there is none, or no interval.
 */
#include <glib.h>
#include <math.h>

#include "replay/estimate/observed.h"

#define MS ((int64_t)1000000)
#define BLOCK (40 * MS)

/* 10 ms of four vCPUs, on the CPU a quarter of the time. */
static const struct observed_cell alike = { {
	[TALLY_TIME] = 10 * MS, [TALLY_VCPU_TIME] = 40 * MS, [TALLY_ON_CPU] = 10 * MS,
	[TALLY_QUEUED] = 16 * MS, [TALLY_QUEUINGS] = 3,
	[TALLY_EPISODES] = 2, [TALLY_WALL] = 5 * MS, [TALLY_SPIN] = 3 * MS,
	[TALLY_DECISIONS] = 10, [TALLY_KNOWN] = 9, [TALLY_YIELDS] = 6, [TALLY_JUDGED] = 4, [TALLY_WASTED] = 1,
	[TALLY_IPIS] = 5, [TALLY_RESPONSE] = 2 * MS,
} };

static const double answers[N_OBSERVED] = {
	[OBSERVED_SPIN_CPUS] = 0.3, [OBSERVED_SPIN_SHARE] = 30, [OBSERVED_STEAL_SHARE] = 40,
	[OBSERVED_PAUSE_EXITS] = 1000,
	/* 600 of those that are known; as many of the tenth that is not */
	[OBSERVED_YIELDS] = 600 / 0.9,
	[OBSERVED_WASTED_YIELDS] = 25, [OBSERVED_IPI_RESPONSE] = 400, [OBSERVED_EPISODE_LENGTH] = 2500,
};

static struct bootstrap *blocks(int n)
{
	const struct segment segment = { 0, n * BLOCK };

	return bootstrap_new(&segment, 1, BLOCK, 200, 1);
}

static void test_alike(void)
{
	static const int64_t n[N_OBSERVED] = {
		[OBSERVED_SPIN_CPUS] = 160, [OBSERVED_SPIN_SHARE] = 160, [OBSERVED_STEAL_SHARE] = 240,
		[OBSERVED_PAUSE_EXITS] = 800, [OBSERVED_YIELDS] = 480, [OBSERVED_WASTED_YIELDS] = 320,
		[OBSERVED_IPI_RESPONSE] = 400, [OBSERVED_EPISODE_LENGTH] = 160,
	};
	struct bootstrap *b = blocks(20);
	struct observed_cell cells[80];
	struct observed_figure f[N_OBSERVED];

	for (int c = 0; c < 80; c++)
		cells[c] = alike;
	observed_figures(cells, b, f);
	for (int m = 0; m < N_OBSERVED; m++) {
		g_assert_cmpfloat_with_epsilon(f[m].value, answers[m], 1e-9 * answers[m]);
		g_assert_cmpfloat_with_epsilon(f[m].statistical[0], answers[m], 1e-9 * answers[m]);
		g_assert_cmpfloat_with_epsilon(f[m].statistical[1], answers[m], 1e-9 * answers[m]);
		g_assert_cmpint(f[m].n, ==, n[m]);
		g_assert_null(f[m].reason);
	}
	bootstrap_free(b);
}

/* Half of the time is busier: the figure is in between, and how much so varies. */
static void test_unlike(void)
{
	struct bootstrap *b = blocks(20);
	struct observed_cell cells[80];
	struct observed_figure f[N_OBSERVED];

	for (int c = 0; c < 80; c++) {
		cells[c] = alike;
		if (c >= 40)
			cells[c].n[TALLY_SPIN] *= 2;
	}
	observed_figures(cells, b, f);
	g_assert_cmpfloat_with_epsilon(f[OBSERVED_SPIN_CPUS].value, 0.45, 1e-9);
	g_assert_cmpfloat(f[OBSERVED_SPIN_CPUS].statistical[0], <, 0.42);
	g_assert_cmpfloat(f[OBSERVED_SPIN_CPUS].statistical[0], >, 0.3);
	g_assert_cmpfloat(f[OBSERVED_SPIN_CPUS].statistical[1], >, 0.48);
	g_assert_cmpfloat(f[OBSERVED_SPIN_CPUS].statistical[1], <, 0.6);
	g_assert_cmpfloat_with_epsilon(f[OBSERVED_STEAL_SHARE].statistical[1], 40, 1e-9);
	bootstrap_free(b);
}

static void test_little(void)
{
	struct bootstrap *b = blocks(19);
	struct observed_cell cells[76];
	struct observed_figure f[N_OBSERVED];

	for (int c = 0; c < 76; c++)
		cells[c] = alike;
	observed_figures(cells, b, f);
	for (int m = 0; m < N_OBSERVED; m++) {
		g_assert_cmpfloat_with_epsilon(f[m].value, answers[m], 1e-9 * answers[m]);
		g_assert_true(isnan(f[m].statistical[0]) && isnan(f[m].statistical[1]));
		g_assert_null(f[m].reason);
	}
	bootstrap_free(b);
}

static void test_nothing(void)
{
	struct bootstrap *b = blocks(20), *none = blocks(0);
	struct observed_cell cells[80] = { 0 };
	struct observed_figure f[N_OBSERVED];

	/* time goes by and nothing happens: rates are 0, means are not known */
	for (int c = 0; c < 80; c++) {
		cells[c].n[TALLY_TIME] = 10 * MS;
		cells[c].n[TALLY_VCPU_TIME] = 40 * MS;
		cells[c].n[TALLY_ON_CPU] = 10 * MS;
	}
	observed_figures(cells, b, f);
	for (int m = OBSERVED_SPIN_CPUS; m <= OBSERVED_YIELDS; m++) {
		g_assert_cmpfloat(f[m].value, ==, 0);
		g_assert_cmpfloat(f[m].statistical[1], ==, 0);
		g_assert_null(f[m].reason);
	}
	for (int m = OBSERVED_WASTED_YIELDS; m < N_OBSERVED; m++) {
		g_assert_true(isnan(f[m].value) && isnan(f[m].statistical[0]));
		g_assert_nonnull(f[m].reason);
		g_assert_cmpint(f[m].n, ==, 0);
	}
	/* no time at all */
	observed_figures(NULL, none, f);
	for (int m = 0; m < N_OBSERVED; m++)
		g_assert_true(isnan(f[m].value) && f[m].reason);
	/* too little is known of what the kernel did */
	for (int c = 0; c < 80; c++) {
		cells[c] = alike;
		cells[c].n[TALLY_KNOWN] = 7;
	}
	observed_figures(cells, b, f);
	g_assert_true(isnan(f[OBSERVED_YIELDS].value) && isnan(f[OBSERVED_YIELDS].statistical[0]));
	g_assert_nonnull(f[OBSERVED_YIELDS].reason);
	g_assert_cmpfloat_with_epsilon(f[OBSERVED_PAUSE_EXITS].value, 1000, 1e-9);
	bootstrap_free(b);
	bootstrap_free(none);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/observed/alike", test_alike);
	g_test_add_func("/observed/unlike", test_unlike);
	g_test_add_func("/observed/little", test_little);
	g_test_add_func("/observed/nothing", test_nothing);
	return g_test_run();
}
