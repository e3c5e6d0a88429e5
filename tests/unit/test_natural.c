// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The natural experiment finds a known effect where the start index is drawn by
 * lot, and each of its tests fails in a world made to violate just that.
 */
#include "natural_world.h"

static struct natural_result run(const struct world_rules *rules, double *truth_ns)
{
	struct natural_result result;
	struct world w;

	world_make(&w, rules);
	natural_estimate(w.sample, w.bootstrap, &result);
	if (truth_ns)
		*truth_ns = w.truth_ns;
	world_clear(&w);
	return result;
}

static void assert_failed(const struct natural_result *r, bool t1, bool t2, bool t3, bool t4)
{
	g_test_message("effect %.0f [%.0f, %.0f], T1 %.1f %.3f, T3 %.0f, T4 %.0f +- %.0f",
		       r->effect_ns, r->lo_ns, r->hi_ns, r->count_z, r->count_ratio,
		       r->without_recent_ns, r->placebo_ns, r->placebo_se_ns);
	g_assert_cmpint(r->failed[TEST_COUNT], ==, t1);
	g_assert_cmpint(r->failed[TEST_BALANCE], ==, t2);
	g_assert_cmpint(r->failed[TEST_RECENT_BOOST], ==, t3);
	g_assert_cmpint(r->failed[TEST_PLACEBO], ==, t4);
	g_assert_cmpint(r->status, ==, t1 || t2 || t3 || t4 ? NATURAL_REJECTED : NATURAL_VALID);
}

static void assert_recovered(const struct natural_result *r, double truth_ns)
{
	g_assert_cmpfloat(r->lo_ns, <=, truth_ns);
	g_assert_cmpfloat(r->hi_ns, >=, truth_ns);
	g_assert_cmpfloat(r->se_ns, <, 5 * US);
}

static void test_random(void)
{
	struct world_rules rules = { .seed = 1, .n = 12000, .replicates = 400 };
	double truth_ns;
	struct natural_result r = run(&rules, &truth_ns), again = run(&rules, NULL);

	assert_failed(&r, false, false, false, false);
	assert_recovered(&r, truth_ns);
	g_assert_null(natural_reason(&r));
	g_assert_cmpuint(r.n_known, ==, 12000);
	g_assert_cmpuint(r.n_overlap, <, r.n_known);
	g_assert_cmpfloat(r.overlap_share, ==, (double)r.n_overlap / r.n_known);
	g_assert_cmpuint(r.n_treated + r.n_untreated, <=, r.n_overlap);
	g_assert_cmpuint(r.n_unfaithful, ==, 0);
	g_assert_cmpfloat(r.effect_ns, ==, again.effect_ns);
	g_assert_cmpfloat(r.lo_ns, ==, again.lo_ns);
	g_assert_cmpfloat(r.hi_ns, ==, again.hi_ns);
	g_assert_cmpfloat(r.placebo_se_ns, ==, again.placebo_se_ns);
}

/* Over many worlds, the interval holds the truth as often as it says. */
static void test_random_coverage(void)
{
	enum { WORLDS = 60 };
	unsigned int covered = 0, failed[N_NATURAL_TESTS] = { 0 };

	for (unsigned int k = 0; k < WORLDS; k++) {
		struct world_rules rules = { .seed = 100 + k, .n = 6000, .replicates = 150 };
		double truth_ns;
		struct natural_result r = run(&rules, &truth_ns);

		covered += r.lo_ns <= truth_ns && r.hi_ns >= truth_ns;
		for (int t = 0; t < N_NATURAL_TESTS; t++)
			failed[t] += r.failed[t];
	}
	g_test_message("covered %u of %u; failed T1 %u, T2 %u, T3 %u, T4 %u", covered, WORLDS,
		       failed[0], failed[1], failed[2], failed[3]);
	g_assert_cmpuint(covered, >=, WORLDS * 85 / 100);
	/* a valid experiment is seldom turned away */
	g_assert_cmpuint(failed[TEST_COUNT], ==, 0);
	g_assert_cmpuint(failed[TEST_BALANCE], <=, WORLDS / 10);
	g_assert_cmpuint(failed[TEST_RECENT_BOOST], <=, WORLDS / 10);
	g_assert_cmpuint(failed[TEST_PLACEBO], <=, WORLDS / 8);
}

static void test_confounded(void)
{
	struct world_rules rules = { .seed = 2, .n = 12000, .replicates = 400, .confounded = true };
	double truth_ns;
	struct natural_result r = run(&rules, &truth_ns);

	assert_failed(&r, false, false, false, false);
	assert_recovered(&r, truth_ns);
	rules.without_strata = true;
	r = run(&rules, &truth_ns);
	g_assert_true(r.failed[TEST_BALANCE]);
	g_assert_cmpfloat(fabs(r.balance[COVARIATE_VLAG]), >, 0.3);
	g_assert_cmpfloat(r.lo_ns, >, truth_ns + 10 * US);
	g_assert_cmpint(r.status, ==, NATURAL_REJECTED);
}

static void test_count(void)
{
	struct world_rules rules = {
		.seed = 3, .n = 12000, .replicates = 400, .start_seeks_unblocker = true,
	};
	struct natural_result r = run(&rules, NULL);
	g_autofree char *reason = natural_reason(&r);

	assert_failed(&r, true, false, false, false);
	g_assert_cmpfloat(r.count_z, >, 4);
	g_assert_cmpfloat(r.count_ratio, >, 1.03);
	g_assert_cmpstr(reason, ==, "natural experiment rejected (T1)");
}

static void test_recent_boost(void)
{
	struct world_rules rules = {
		.seed = 1, .n = 12000, .replicates = 400, .boosted_extra_ns = 200 * US,
	};
	struct natural_result r = run(&rules, NULL);

	assert_failed(&r, false, false, true, false);
	g_assert_cmpfloat(r.without_recent_ns, <, r.effect_ns);
}

static void test_placebo(void)
{
	struct world_rules rules = {
		.seed = 1, .n = 12000, .replicates = 400, .placebo_ns = 30 * US,
	};
	struct natural_result r = run(&rules, NULL);

	assert_failed(&r, false, false, false, true);
	g_assert_cmpfloat_with_epsilon(r.placebo_ns, 30 * US, 3 * r.placebo_se_ns);
}

static void test_several_reasons(void)
{
	struct world_rules rules = {
		.seed = 1, .n = 12000, .replicates = 100,
		.boosted_extra_ns = 200 * US, .placebo_ns = 30 * US,
	};
	struct natural_result r = run(&rules, NULL);
	g_autofree char *reason = natural_reason(&r);

	g_assert_cmpstr(reason, ==, "natural experiment rejected (T3, T4)");
}

/* Nobody knows the spinners' previous waits, or how far the awaited vCPUs lag. */
static void test_untestable(void)
{
	struct world_rules rules = { .seed = 1, .n = 6000, .replicates = 100 };
	struct natural_result r;
	struct world w;

	world_make(&w, &rules);
	for (size_t i = 0; i < w.n; i++) {
		w.records[i].previous_wait_ns = -1;
		w.records[i].covariate[COVARIATE_VLAG] = NAN;
	}
	natural_estimate(w.sample, w.bootstrap, &r);
	g_assert_true(r.failed[TEST_BALANCE] && r.failed[TEST_PLACEBO]);
	g_assert_true(isnan(r.balance[COVARIATE_VLAG]) && isnan(r.placebo_ns));
	g_assert_cmpint(r.status, ==, NATURAL_REJECTED);
	world_clear(&w);
}

/*
 * By definition: start indices of the others in that VM within 15 s, not of its own
 * episode; elsewhere: those that are not the unblocker.
 */
static double propensity(const struct world *w, size_t i, bool elsewhere)
{
	const struct natural_record *r = &w->records[i];
	double picks = 0, total = 0;

	for (size_t k = 0; k < w->n; k++) {
		const struct natural_record *other = &w->records[k];

		if (other->vm != r->vm || other->episode == r->episode || other->last_boosted < 0 ||
		    llabs(other->t - r->t) > 15000 * MS ||
		    (elsewhere && other->last_boosted == r->unblocker))
			continue;
		total++;
		picks += r->picks_by_start[other->last_boosted] == r->unblocker;
	}
	return picks / total;
}

/*
 * The effect by definition, stratum by stratum, of which there are 2 x 8 at most. Without
 * recent boosts, they are still averaged by how many untreated they had.
 */
static double stratified_effect(const struct world *w, bool without_recent)
{
	double sum = 0, n = 0;

	for (unsigned int key = 0; key < 16; key++) {
		double y0 = 0, n0 = 0, y1 = 0, odds = 0, share = 0;

		for (size_t i = 0; i < w->n; i++) {
			const struct natural_record *r = &w->records[i];
			double p = natural_propensity(w->sample, i);

			if (isnan(p) || r->stratum * 8 + r->n_eligible != key)
				continue;
			share += r->pick != r->unblocker;
			if (without_recent && (r->last_boosted == r->unblocker ||
					       r->since_boost_ns < 100 * 1000))
				continue;
			if (r->pick == r->unblocker) {
				p = propensity(w, i, without_recent);
				y1 += MIN(r->wait_ns, 20 * MS) * (1 - p) / p;
				odds += (1 - p) / p;
			} else {
				y0 += MIN(r->wait_ns, 20 * MS);
				n0++;
			}
		}
		if (n0 > 0 && odds > 0) {
			sum += share * (y0 / n0 - y1 / odds);
			n += share;
		}
	}
	return sum / n;
}

/* Many episodes over 60 s, some with several records, some without a start index, in any order. */
static void test_by_definition(void)
{
	struct world_rules rules = { .seed = 5, .n = 4000, .replicates = 100 };
	struct prng prng = prng_new(5, 5);
	struct natural_result result;
	size_t entered = 0, of_kind[16][2] = { { 0 } };
	struct world w;

	world_make(&w, &rules);
	for (size_t i = 0; i < w.n; i++) {
		struct natural_record *r = &w.records[i];

		r->t *= 3;
		r->episode /= 1 + (i % 3 == 0) * 7;
		if (i % 11 == 0)
			r->last_boosted = -1;
		if (i % 13 == 0)
			r->unblocker = -1;
		if (i % 17 == 0)
			r->wait_ns = 90 * MS;
		if (i % 19 == 0)
			r->n_eligible = 1;
		if (i % 3 == 1)
			r->since_boost_ns = 99999 + i % 2;
	}
	for (size_t i = w.n - 1; i > 0; i--) {
		size_t k = prng_below(&prng, i + 1);
		struct natural_record swap = w.records[i];

		w.records[i] = w.records[k];
		w.records[k] = swap;
	}
	natural_sample_free(w.sample);
	w.sample = natural_sample_new(w.records, w.n);
	for (size_t i = 0; i < w.n; i++) {
		double p = natural_propensity(w.sample, i);

		if (isnan(p))
			continue;
		entered++;
		of_kind[w.records[i].stratum * 8 + w.records[i].n_eligible]
		       [natural_treated(w.sample, i)]++;
		g_assert_cmpuint(w.records[i].n_eligible, >=, 2);
		g_assert_cmpint(w.records[i].last_boosted, >=, 0);
		g_assert_cmpint(w.records[i].unblocker, >=, 0);
		g_assert_cmpfloat_with_epsilon(p, propensity(&w, i, false), 1e-12);
	}
	g_assert_cmpuint(entered, >, 2000);
	for (int key = 0; key < 16; key++)
		g_assert_true((!of_kind[key][0] && !of_kind[key][1]) ||
			      (of_kind[key][0] >= 10 && of_kind[key][1] >= 10));
	natural_estimate(w.sample, w.bootstrap, &result);
	g_assert_cmpuint(result.n_treated + result.n_untreated, ==, entered);
	g_assert_cmpfloat_with_epsilon(result.effect_ns, stratified_effect(&w, false), 1e-3);
	g_assert_cmpfloat_with_epsilon(result.without_recent_ns, stratified_effect(&w, true), 1e-3);
	world_clear(&w);
}

static void assert_nothing(const struct natural_result *r, enum natural_status status,
			   const char *reason)
{
	g_autofree char *text = natural_reason(r);

	g_assert_cmpint(r->status, ==, status);
	g_assert_nonnull(strstr(text, reason));
	g_assert_true(isnan(r->effect_ns) && isnan(r->lo_ns) && isnan(r->hi_ns) && isnan(r->se_ns));
}

static void test_no_records(void)
{
	struct world_rules rules = { .seed = 1, .n = 0, .replicates = 100 };
	struct natural_result r = run(&rules, NULL);

	assert_nothing(&r, NATURAL_NO_OVERLAP, "no overlap");
	g_assert_true(isnan(r.overlap_share));
	natural_sample_free(NULL);
}

static void test_receiver_known(void)
{
	struct world_rules rules = {
		.seed = 1, .n = 3000, .replicates = 100, .receiver_known = true,
	};
	struct natural_result r = run(&rules, NULL);

	assert_nothing(&r, NATURAL_NO_OVERLAP, "no overlap");
	g_assert_cmpuint(r.n_known, ==, 3000);
	g_assert_cmpfloat(r.overlap_share, ==, 0);
}

static void test_too_few(void)
{
	struct world_rules rules = { .seed = 1, .n = 150, .replicates = 100 };
	struct natural_result r = run(&rules, NULL);
	struct world w;

	assert_nothing(&r, NATURAL_TOO_FEW, "too few");
	/* 20 start indices of others tell how likely each is, 19 do not */
	rules.n = 2 * 20;
	r = run(&rules, NULL);
	g_assert_cmpuint(r.n_known, ==, 0);
	rules.n = 2 * 21;
	r = run(&rules, NULL);
	g_assert_cmpuint(r.n_known, ==, 42);
	/* many decisions in little time */
	rules.n = 6000;
	world_make(&w, &rules);
	bootstrap_free(w.bootstrap);
	w.bootstrap = bootstrap_new(&(struct segment){ 0, 950 * MS }, 1, 50 * MS, 100, 1);
	for (size_t i = 0; i < w.n; i++)
		w.records[i].cell = 0;
	natural_estimate(w.sample, w.bootstrap, &r);
	assert_nothing(&r, NATURAL_TOO_FEW, "too few");
	world_clear(&w);
}

static void test_unfaithful(void)
{
	struct world_rules rules = { .seed = 1, .n = 3000, .replicates = 100 };
	struct natural_result r;
	struct world w;

	world_make(&w, &rules);
	for (size_t i = 0; i < w.n; i += 15)
		w.records[i].pick = -1;
	natural_estimate(w.sample, w.bootstrap, &r);
	assert_nothing(&r, NATURAL_UNFAITHFUL, "200 of 3000");
	world_clear(&w);
}

/* Outside of every segment: no part of any figure. */
static void test_no_cell(void)
{
	struct world_rules rules = { .seed = 1, .n = 6000, .replicates = 100 };
	struct natural_result r;
	struct world w;

	world_make(&w, &rules);
	for (size_t i = 0; i < w.n; i += 3) {
		w.records[i].cell = -1;
		w.records[i].wait_ns = 19 * MS;
	}
	natural_sample_free(w.sample);
	w.sample = natural_sample_new(w.records, w.n);
	natural_estimate(w.sample, w.bootstrap, &r);
	g_assert_cmpuint(r.n_known, ==, 4000);
	g_assert_cmpfloat(r.effect_ns, <, 150 * US);
	world_clear(&w);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/natural/random", test_random);
	g_test_add_func("/natural/random/coverage", test_random_coverage);
	g_test_add_func("/natural/confounded", test_confounded);
	g_test_add_func("/natural/T1", test_count);
	g_test_add_func("/natural/T3", test_recent_boost);
	g_test_add_func("/natural/T4", test_placebo);
	g_test_add_func("/natural/several reasons", test_several_reasons);
	g_test_add_func("/natural/untestable", test_untestable);
	g_test_add_func("/natural/by definition", test_by_definition);
	g_test_add_func("/natural/no records", test_no_records);
	g_test_add_func("/natural/receiver known", test_receiver_known);
	g_test_add_func("/natural/too few", test_too_few);
	g_test_add_func("/natural/unfaithful", test_unfaithful);
	g_test_add_func("/natural/no cell", test_no_cell);
	return g_test_run();
}
