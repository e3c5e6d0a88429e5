/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Made-up decisions whose truth is known: two VMs of 8 vCPUs; a random set of vCPUs is
 * eligible, the first of them after the start index is picked; a pick of the awaited
 * one shortens the wait by 60 us, or by 120 if it lags far behind.
 */
#ifndef TESTS_UNIT_NATURAL_WORLD_H
#define TESTS_UNIT_NATURAL_WORLD_H

#include <glib.h>
#include <math.h>

#include "replay/estimate/natural.h"
#include "replay/estimate/prng.h"

#define US 1000.0
#define MS ((int64_t)1000000)

enum { WORLD_VCPUS = 8 };

struct world_rules {
	uint64_t seed;
	size_t n;
	uint32_t replicates;
	bool confounded;	/* where the scan starts hangs on the awaited vCPU's lag */
	bool without_strata;	/* and nobody tells */
	bool start_seeks_unblocker;	/* in 1 of 4 the scan starts just before it */
	bool receiver_known;	/* the recorded policy always picks it */
	double boosted_extra_ns;	/* longer wait where the start index is the awaited vCPU */
	double placebo_ns;	/* longer previous wait where it was not picked */
};

struct world {
	size_t n;
	struct natural_record *records;	/* [n] */
	int (*picks)[WORLD_VCPUS];	/* [n] */
	double *expected_ns;	/* [n]: mean wait if the awaited vCPU is picked */
	struct bootstrap *bootstrap;
	struct natural_sample *sample;
	double truth_ns;	/* effect of not picking it, over those compared that did not */
};

static int world_first_after(unsigned int eligible, int start)
{
	for (int k = 1; k <= WORLD_VCPUS; k++)
		if (eligible >> (start + k) % WORLD_VCPUS & 1)
			return (start + k) % WORLD_VCPUS;
	return -1;
}

/* From 0 to 7, few more likely than many, or the reverse. */
static int world_steps(struct prng *prng, bool far)
{
	int a = prng_below(prng, WORLD_VCPUS), b = prng_below(prng, WORLD_VCPUS);

	/* half of these and half of those are uniform */
	return far ? MAX(a, b) : MIN(a, b);
}

static int world_start(const struct world_rules *rules, struct prng *prng, unsigned int vm,
		       int unblocker, bool lags)
{
	int steps = -1;

	if (rules->confounded)
		steps = world_steps(prng, lags);
	else if (rules->start_seeks_unblocker && !prng_below(prng, 4))
		steps = 0;
	if (steps >= 0)
		return (unblocker + 2 * WORLD_VCPUS - 1 - steps) % WORLD_VCPUS;
	return vm ? world_steps(prng, true) : (int)prng_below(prng, WORLD_VCPUS);
}

static double world_exponential(struct prng *prng, double mean)
{
	return -mean * log(1 - prng_unit(prng));
}

static void world_fill(struct world *w, const struct world_rules *rules, struct prng *prng,
		       size_t i)
{
	struct natural_record *r = &w->records[i];
	int spinner = prng_below(prng, WORLD_VCPUS);
	int unblocker = (spinner + 1 + prng_below(prng, WORLD_VCPUS - 1)) % WORLD_VCPUS;
	unsigned int eligible = (prng_next(prng) >> 32 & 0xff & ~(1U << spinner)) | 1U << unblocker;
	bool lags = prng_below(prng, 2);
	double wait;

	*r = (struct natural_record){
		.t = i * MS * 5, .vm = i % 2, .episode = i, .n_vcpus = WORLD_VCPUS,
		.unblocker = unblocker, .n_eligible = __builtin_popcount(eligible),
		.stratum = rules->without_strata ? 0 : lags, .picks_by_start = w->picks[i],
		.since_boost_ns = prng_below(prng, 5 * MS),
		.covariate = {
			[COVARIATE_VLAG] = (lags ? -2000 : 200) * US + 100 * US * prng_unit(prng),
			[COVARIATE_WAITED] = world_exponential(prng, 500 * US),
			[COVARIATE_NR] = 2 + prng_below(prng, 4),
			[COVARIATE_SAME_RQ] = prng_below(prng, 3) == 0,
			[COVARIATE_SINCE_BOOST] = world_exponential(prng, 900 * US),
			[COVARIATE_OPEN_EPISODES] = 1 + prng_below(prng, 3),
		},
	};
	r->cell = bootstrap_cell(w->bootstrap, r->t);
	r->last_boosted = world_start(rules, prng, r->vm, unblocker, lags);
	for (int l = 0; l < WORLD_VCPUS; l++)
		w->picks[i][l] = rules->receiver_known ? unblocker : world_first_after(eligible, l);
	r->pick = w->picks[i][r->last_boosted];
	w->expected_ns[i] = (300 + 20 * r->n_eligible) * US + (lags ? 100 : 0) * US;
	/* others eligible just before it: it is seldom picked, and waited for longer */
	if (!rules->confounded)
		w->expected_ns[i] += (eligible >> (unblocker + 7) % WORLD_VCPUS & 1 ? 150 : 0) * US;
	wait = w->expected_ns[i] - 100 * US + world_exponential(prng, 100 * US);
	if (r->pick != unblocker)
		wait += (lags ? 120 : 60) * US;
	if (r->last_boosted == unblocker)
		wait += rules->boosted_extra_ns;
	r->wait_ns = wait;
	r->previous_wait_ns = prng_below(prng, 10) == 0 ? -1 :
			      200 * US + world_exponential(prng, 150 * US) +
			      (r->pick != unblocker ? rules->placebo_ns : 0);
}

static void world_fill_truth(struct world *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (!isnan(natural_propensity(w->sample, i)) && !natural_treated(w->sample, i)) {
			bool lags = w->records[i].covariate[COVARIATE_VLAG] < 0;

			w->truth_ns += (lags ? 120 : 60) * US;
			n++;
		}
	w->truth_ns = n ? w->truth_ns / n : NAN;
}

static void world_make(struct world *w, const struct world_rules *rules)
{
	struct prng prng = prng_new(rules->seed, 1);
	struct segment all = { 0, rules->n * MS * 5 };

	*w = (struct world){ .n = rules->n };
	w->records = g_new(struct natural_record, w->n);
	w->picks = g_malloc(w->n * sizeof(*w->picks));
	w->expected_ns = g_new(double, w->n);
	w->bootstrap = bootstrap_new(&all, 1, 50 * MS, rules->replicates, rules->seed);
	for (size_t i = 0; i < w->n; i++)
		world_fill(w, rules, &prng, i);
	w->sample = natural_sample_new(w->records, w->n);
	world_fill_truth(w);
}

static void world_clear(struct world *w)
{
	natural_sample_free(w->sample);
	bootstrap_free(w->bootstrap);
	g_free(w->expected_ns);
	g_free(w->picks);
	g_free(w->records);
}

#endif
