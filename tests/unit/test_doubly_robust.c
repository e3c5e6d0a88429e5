// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The doubly robust estimate is right if either the prediction or the probabilities
 * are, says so if the prediction is not, and is the stratified one if the prediction
 * is made of the same decisions.
 */
#include "natural_world.h"

#include "replay/estimate/doubly_robust.h"

/* Weighted mean wait of those that picked the unblocker, by stratum: nothing left to predict. */
static double *saturated(const struct world *w)
{
	double *predicted = g_new(double, w->n), wait[16] = { 0 }, odds[16] = { 0 };

	for (size_t i = 0; i < w->n; i++) {
		const struct natural_record *r = &w->records[i];
		double p = natural_propensity(w->sample, i);

		if (isnan(p) || r->pick != r->unblocker)
			continue;
		wait[r->stratum * 8 + r->n_eligible] += r->wait_ns * (1 - p) / p;
		odds[r->stratum * 8 + r->n_eligible] += (1 - p) / p;
	}
	for (size_t i = 0; i < w->n; i++) {
		unsigned int key = w->records[i].stratum * 8 + w->records[i].n_eligible;

		predicted[i] = odds[key] > 0 ? wait[key] / odds[key] : NAN;
	}
	return predicted;
}

static void test_saturated(void)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct world_rules rules = { .seed = seed, .n = 4000, .replicates = 60 };
		g_autofree double *predicted = NULL;
		struct natural_result natural;
		struct doubly_robust r;
		struct world w;

		world_make(&w, &rules);
		predicted = saturated(&w);
		natural_estimate(w.sample, w.bootstrap, &natural);
		g_assert_true(doubly_robust(w.sample, predicted, w.bootstrap, &r));
		g_assert_cmpfloat_with_epsilon(r.dr_ns, natural.effect_ns, 1e-3);
		g_assert_cmpfloat_with_epsilon(r.dm_ns, natural.effect_ns, 1e-3);
		g_assert_cmpuint(r.n_treated, ==, natural.n_treated);
		g_assert_cmpuint(r.n_untreated, ==, natural.n_untreated);
		g_assert_false(r.dm_suspect);
		world_clear(&w);
	}
}

/* With nothing predicted: the weighted difference by definition, of all decisions at once. */
static void test_no_prediction(void)
{
	struct world_rules rules = { .seed = 1, .n = 4000, .replicates = 60 };
	g_autofree double *predicted = g_new0(double, rules.n);
	double untreated = 0, n_untreated = 0, treated = 0, odds = 0;
	struct doubly_robust r;
	struct world w;

	world_make(&w, &rules);
	for (size_t i = 0; i < w.n; i++) {
		double p = natural_propensity(w.sample, i);

		if (isnan(p))
			continue;
		if (natural_treated(w.sample, i)) {
			treated += w.records[i].wait_ns * (1 - p) / p;
			odds += (1 - p) / p;
		} else {
			untreated += w.records[i].wait_ns;
			n_untreated++;
		}
	}
	g_assert_true(doubly_robust(w.sample, predicted, w.bootstrap, &r));
	g_assert_cmpfloat_with_epsilon(r.dm_ns, untreated / n_untreated, 1e-3);
	g_assert_cmpfloat_with_epsilon(r.dr_ns, untreated / n_untreated - treated / odds, 1e-3);
	world_clear(&w);
}

static void test_right_prediction(void)
{
	struct world_rules rules = { .seed = 1, .n = 8000, .replicates = 200 };
	struct doubly_robust r;
	struct world w;

	world_make(&w, &rules);
	g_assert_true(doubly_robust(w.sample, w.expected_ns, w.bootstrap, &r));
	g_assert_false(r.dm_suspect);
	g_assert_true(r.dm_lo_ns <= w.truth_ns && w.truth_ns <= r.dm_hi_ns);
	g_assert_true(r.dr_lo_ns <= w.truth_ns && w.truth_ns <= r.dr_hi_ns);
	g_assert_cmpfloat(r.lo_ns, ==, r.dm_lo_ns);
	g_assert_cmpfloat(r.hi_ns, ==, r.dm_hi_ns);
	world_clear(&w);
}

/* 40 us too much everywhere: the direct method is as wrong, the doubly robust one is not. */
static void test_wrong_prediction(void)
{
	struct world_rules rules = { .seed = 1, .n = 8000, .replicates = 200 };
	g_autofree double *predicted = NULL;
	struct doubly_robust r;
	struct world w;

	world_make(&w, &rules);
	predicted = g_memdup2(w.expected_ns, w.n * sizeof(*predicted));
	for (size_t i = 0; i < w.n; i++)
		predicted[i] += 40 * US;
	g_assert_true(doubly_robust(w.sample, predicted, w.bootstrap, &r));
	g_assert_true(r.dm_suspect);
	g_assert_cmpfloat_with_epsilon(r.dm_ns, w.truth_ns - 40 * US, 10 * US);
	g_assert_true(r.dr_lo_ns <= w.truth_ns && w.truth_ns <= r.dr_hi_ns);
	g_assert_true(r.lo_ns <= r.dm_lo_ns && r.hi_ns >= r.dr_hi_ns);
	g_assert_cmpfloat_with_epsilon(r.dm_ns - r.dr_ns, -40 * US, 3 * r.difference_se_ns);
	world_clear(&w);
}

/* Where the scan starts hangs on a lag that no stratum knows, but the prediction does. */
static void test_wrong_probabilities(void)
{
	struct world_rules rules = {
		.seed = 1, .n = 8000, .replicates = 200, .confounded = true, .without_strata = true,
	};
	struct natural_result natural;
	struct doubly_robust r;
	struct world w;

	world_make(&w, &rules);
	natural_estimate(w.sample, w.bootstrap, &natural);
	g_assert_cmpfloat(natural.lo_ns, >, w.truth_ns);
	g_assert_true(doubly_robust(w.sample, w.expected_ns, w.bootstrap, &r));
	g_assert_true(r.dr_lo_ns <= w.truth_ns && w.truth_ns <= r.dr_hi_ns);
	world_clear(&w);
}

/* Over many worlds: nobody is suspected without reason more often than 1 in 20, about. */
static void test_suspicion(void)
{
	enum { WORLDS = 60 };
	unsigned int suspected = 0, covered = 0;

	for (unsigned int k = 0; k < WORLDS; k++) {
		struct world_rules rules = { .seed = 300 + k, .n = 3000, .replicates = 150 };
		struct doubly_robust r;
		struct world w;

		world_make(&w, &rules);
		g_assert_true(doubly_robust(w.sample, w.expected_ns, w.bootstrap, &r));
		suspected += r.dm_suspect;
		covered += r.dr_lo_ns <= w.truth_ns && w.truth_ns <= r.dr_hi_ns;
		world_clear(&w);
	}
	g_test_message("suspected %u, covered %u of %u", suspected, covered, WORLDS);
	g_assert_cmpuint(suspected, <=, WORLDS / 8);
	g_assert_cmpuint(covered, >=, WORLDS * 85 / 100);
}

/* How many of 10 predictions are missing, and whether there is an answer. */
static void check_support(unsigned int missing, bool expected)
{
	struct world_rules rules = { .seed = 1, .n = 4000, .replicates = 100 };
	struct doubly_robust r;
	struct world w;

	world_make(&w, &rules);
	for (size_t i = 0; i < w.n; i++)
		if (i % 10 < missing)
			w.expected_ns[i] = NAN;
	g_assert_cmpint(doubly_robust(w.sample, w.expected_ns, w.bootstrap, &r), ==, expected);
	g_assert_cmpint(isnan(r.dr_ns), ==, !expected);
	g_assert_cmpint(isnan(r.dm_lo_ns) && isnan(r.hi_ns), ==, !expected);
	g_assert_cmpuint(r.n_unsupported, >, 0);
	world_clear(&w);
}

static void test_support(void)
{
	check_support(1, true);
	check_support(3, false);
	check_support(10, false);
}

static void test_no_records(void)
{
	struct world_rules rules = { .seed = 1, .n = 0, .replicates = 100 };
	struct doubly_robust r;
	struct world w;

	world_make(&w, &rules);
	g_assert_false(doubly_robust(w.sample, w.expected_ns, w.bootstrap, &r));
	g_assert_true(isnan(r.dm_ns) && isnan(r.dr_ns) && isnan(r.lo_ns));
	world_clear(&w);
}

static void test_agreement(void)
{
	const int recorded[] = { 1, -1, 2, 3, -1 }, policy[] = { 1, -1, 3, 3, 0 };

	g_assert_cmpfloat(agreement_share(recorded, policy, 5), ==, 0.6);
	g_assert_cmpfloat(agreement_share(recorded, recorded, 5), ==, 1);
	g_assert_true(isnan(agreement_share(NULL, NULL, 0)));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/doubly robust/saturated", test_saturated);
	g_test_add_func("/doubly robust/no prediction", test_no_prediction);
	g_test_add_func("/doubly robust/right prediction", test_right_prediction);
	g_test_add_func("/doubly robust/wrong prediction", test_wrong_prediction);
	g_test_add_func("/doubly robust/wrong probabilities", test_wrong_probabilities);
	g_test_add_func("/doubly robust/suspicion", test_suspicion);
	g_test_add_func("/doubly robust/support", test_support);
	g_test_add_func("/doubly robust/no records", test_no_records);
	g_test_add_func("/doubly robust/agreement", test_agreement);
	return g_test_run();
}
