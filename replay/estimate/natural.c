// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/natural.h"

#include <glib.h>
#include <math.h>

#include "replay/estimate/interval.h"
#include "replay/estimate/natural_int.h"

#define LEVEL 0.95
#define RECENT_BOOST_NS ((int64_t)100 * 1000)
#define MAX_UNFAITHFUL 0.05

#define MAX_COUNT_Z 4
#define MAX_COUNT_EXCESS 0.03
#define MAX_IMBALANCE 0.1
#define MAX_MOVE_SE 1
#define MAX_PLACEBO_SE 2

enum { MIN_TREATED = 30, MIN_UNTREATED = 50, MIN_BLOCKS = 20 };

const char *const natural_covariate_names[N_COVARIATES] = {
	[COVARIATE_VLAG] = "vlag",
	[COVARIATE_WAITED] = "waited",
	[COVARIATE_NR] = "nr_running",
	[COVARIATE_SAME_RQ] = "same run queue",
	[COVARIATE_SINCE_BOOST] = "since last boost",
	[COVARIATE_OPEN_EPISODES] = "open episodes",
};

bool natural_enough(size_t n_treated, size_t n_untreated, const struct bootstrap *bootstrap)
{
	return n_treated >= MIN_TREATED && n_untreated >= MIN_UNTREATED &&
	       bootstrap_n_blocks(bootstrap) >= MIN_BLOCKS;
}

static double difference(struct natural_means means)
{
	return means.untreated - means.treated;
}

static void count(const struct natural_sample *s, const struct bootstrap *bootstrap,
		  struct natural_result *r)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct natural_derived *d = &s->derived[i];
		const struct natural_record *record = &s->records[i];

		if (!d->known)
			continue;
		g_assert((uint32_t)record->cell < bootstrap_n_cells(bootstrap));
		r->n_known++;
		r->n_overlap += d->open;
		r->n_treated += d->enters && d->treated;
		r->n_untreated += d->enters && !d->treated;
		r->n_unfaithful += record->picks_by_start[record->last_boosted] != record->pick;
	}
	r->overlap_share = r->n_known ? (double)r->n_overlap / r->n_known : NAN;
}

static void test_count(const struct natural_sample *s, struct natural_result *r)
{
	double seen = 0, expected = 0, variance = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct natural_derived *d = &s->derived[i];

		if (!d->open)
			continue;
		seen += d->treated;
		expected += d->p;
		variance += d->p * (1 - d->p);
	}
	/* an open decision's p is neither 0 nor 1, and there are some */
	r->count_z = (seen - expected) / sqrt(variance);
	r->count_ratio = seen / expected;
	r->failed[TEST_COUNT] = !(fabs(r->count_z) < MAX_COUNT_Z ||
				  fabs(r->count_ratio - 1) <= MAX_COUNT_EXCESS);
}

/* Mean of the two groups' variances; NaN: known for less than half of either. */
static double pooled_variance(const struct natural_sample *s, const double *x)
{
	double sum[2] = { 0 }, squares[2] = { 0 };
	size_t n[2] = { 0 }, known[2] = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		bool treated = s->derived[i].treated;

		if (!s->derived[i].enters)
			continue;
		n[treated]++;
		if (isnan(x[i]))
			continue;
		known[treated]++;
		sum[treated] += x[i];
	}
	for (int t = 0; t < 2; t++)
		if (known[t] < 2 || 2 * known[t] < n[t])
			return NAN;
	for (size_t i = 0; i < s->n; i++) {
		bool treated = s->derived[i].treated;

		if (s->derived[i].enters && !isnan(x[i])) {
			double d = x[i] - sum[treated] / known[treated];

			squares[treated] += d * d;
		}
	}
	return (squares[0] / (known[0] - 1) + squares[1] / (known[1] - 1)) / 2;
}

static void test_balance(const struct natural_sample *s, struct natural_result *r)
{
	g_autofree double *x = g_new(double, s->n);

	for (int c = 0; c < N_COVARIATES; c++) {
		double variance, d;

		for (size_t i = 0; i < s->n; i++)
			x[i] = s->records[i].covariate[c];
		variance = pooled_variance(s, x);
		d = difference(natural_means(s, x, NULL, true));
		r->balance[c] = isnan(variance) ? NAN : d == 0 ? 0 : d / sqrt(variance);
		if (!(fabs(r->balance[c]) < MAX_IMBALANCE))
			r->failed[TEST_BALANCE] = true;
	}
}

/*
 * A start index that is the unblocker leaves it to the very end of the scan, so
 * without those decisions the probabilities of the others are conditional ones; and
 * strata lose unequally many, which must not look like another effect.
 */
static void test_recent_boost(const struct natural_sample *s, const double *wait,
			      struct natural_result *r)
{
	g_autofree double *outcome = g_memdup2(wait, s->n * sizeof(*wait));
	g_autofree double *odds = g_new(double, s->n);

	for (size_t i = 0; i < s->n; i++) {
		const struct natural_record *record = &s->records[i];
		double p = s->derived[i].p_elsewhere;

		/* whoever was picked was picked from elsewhere, so p is 0 for untreated only */
		odds[i] = p > 0 ? (1 - p) / p : 0;
		if (record->last_boosted == record->unblocker ||
		    (record->since_boost_ns >= 0 && record->since_boost_ns < RECENT_BOOST_NS))
			outcome[i] = NAN;
	}
	r->without_recent_ns = difference(natural_means_fixed(s, outcome, odds));
	r->failed[TEST_RECENT_BOOST] =
		!(fabs(r->without_recent_ns - r->effect_ns) <= MAX_MOVE_SE * r->se_ns);
}

static double *waits(const struct natural_sample *s, bool previous)
{
	double *wait = g_new(double, s->n);

	for (size_t i = 0; i < s->n; i++) {
		int64_t ns = previous ? s->records[i].previous_wait_ns : s->records[i].wait_ns;

		wait[i] = ns < 0 ? NAN : MIN(ns, NATURAL_WAIT_CAP_NS);
	}
	return wait;
}

/* The difference in every replicate, newly allocated. */
static double *replicate(const struct natural_sample *s, const double *outcome,
			 struct bootstrap *bootstrap)
{
	uint32_t n = bootstrap_n_replicates(bootstrap);
	double *values = g_new(double, n);

	for (uint32_t k = 0; k < n; k++) {
		const uint32_t *weights = bootstrap_weights(bootstrap, k);

		values[k] = difference(natural_means(s, outcome, weights, true));
	}
	return values;
}

static void test_placebo(const struct natural_sample *s, struct bootstrap *bootstrap,
			 struct natural_result *r)
{
	g_autofree double *previous = waits(s, true);
	g_autofree double *values = replicate(s, previous, bootstrap);

	r->placebo_ns = difference(natural_means(s, previous, NULL, true));
	r->placebo_se_ns = standard_error(values, bootstrap_n_replicates(bootstrap));
	r->failed[TEST_PLACEBO] = !(fabs(r->placebo_ns) <= MAX_PLACEBO_SE * r->placebo_se_ns);
}

static bool estimate(const struct natural_sample *s, const double *wait,
		     struct bootstrap *bootstrap, struct natural_result *r)
{
	g_autofree double *values = replicate(s, wait, bootstrap);
	uint32_t n = bootstrap_n_replicates(bootstrap);

	r->effect_ns = difference(natural_means(s, wait, NULL, true));
	r->se_ns = standard_error(values, n);
	return interval_percentile(values, n, LEVEL, &r->lo_ns, &r->hi_ns, NULL);
}

static struct natural_result nothing(void)
{
	struct natural_result r = {
		.effect_ns = NAN, .se_ns = NAN, .lo_ns = NAN, .hi_ns = NAN, .overlap_share = NAN,
		.count_z = NAN, .count_ratio = NAN, .without_recent_ns = NAN, .placebo_ns = NAN,
		.placebo_se_ns = NAN,
	};

	for (int c = 0; c < N_COVARIATES; c++)
		r.balance[c] = NAN;
	return r;
}

void natural_estimate(const struct natural_sample *s, struct bootstrap *bootstrap,
		      struct natural_result *r)
{
	g_autofree double *wait = waits(s, false);

	*r = nothing();
	count(s, bootstrap, r);
	if (!r->n_overlap) {
		r->status = NATURAL_NO_OVERLAP;
		return;
	}
	if (r->n_unfaithful > MAX_UNFAITHFUL * r->n_known) {
		r->status = NATURAL_UNFAITHFUL;
		return;
	}
	if (!natural_enough(r->n_treated, r->n_untreated, bootstrap)) {
		r->status = NATURAL_TOO_FEW;
		return;
	}
	if (!estimate(s, wait, bootstrap, r)) {
		r->status = NATURAL_NO_INTERVAL;
		return;
	}
	test_count(s, r);
	test_balance(s, r);
	test_recent_boost(s, wait, r);
	test_placebo(s, bootstrap, r);
	r->status = NATURAL_VALID;
	for (int t = 0; t < N_NATURAL_TESTS; t++)
		if (r->failed[t])
			r->status = NATURAL_REJECTED;
}

static char *rejected_by(const struct natural_result *r)
{
	GString *text = g_string_new("natural experiment rejected (");

	for (int t = 0, n = 0; t < N_NATURAL_TESTS; t++)
		if (r->failed[t])
			g_string_append_printf(text, "%sT%d", n++ ? ", " : "", t + 1);
	g_string_append_c(text, ')');
	return g_string_free(text, FALSE);
}

char *natural_reason(const struct natural_result *r)
{
	switch (r->status) {
	case NATURAL_VALID:
		return NULL;
	case NATURAL_NO_OVERLAP:
		return g_strdup("no overlap: no pick of an awaited vCPU hung on the start index");
	case NATURAL_TOO_FEW:
		return g_strdup_printf("too few: %zu picked the awaited vCPU, %zu did not",
				       r->n_treated, r->n_untreated);
	case NATURAL_UNFAITHFUL:
		return g_strdup_printf("start index does not explain pick at %zu of %zu decisions",
				       r->n_unfaithful, r->n_known);
	case NATURAL_NO_INTERVAL:
		return g_strdup("too many replicates without a value");
	case NATURAL_REJECTED:
		return rejected_by(r);
	}
	g_assert_not_reached();
}
