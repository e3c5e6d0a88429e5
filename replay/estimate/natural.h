/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * natural - the start index as a natural experiment. Whom a round-robin scan picks
 * hangs on the index it starts from, which is left over from an earlier yield: where
 * that is as good as drawn by lot, decisions that happened to pick the awaited vCPU
 * can be compared with those that did not, each weighted by how likely it was to.
 *
 * It is not so by itself: the vCPUs behind the start index ran recently, hence lag
 * behind, hence get the CPU late even if they are picked. So the comparison is made
 * within strata of the awaited vCPU's lag, and four tests must pass before its result
 * may be printed. Even then it rather reads high.
 *
 * Limits: where the recorded kernel already prefers the IPI's receiver, nothing is left
 * to chance. What is said holds for the decisions with overlap, not for the others.
 */
#ifndef REPLAY_ESTIMATE_NATURAL_H
#define REPLAY_ESTIMATE_NATURAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "replay/estimate/bootstrap.h"

/* Longer waits count as this, ns: a few of them would be all of the mean. */
#define NATURAL_WAIT_CAP_NS ((int64_t)20 * 1000 * 1000)

/* What must not differ between the compared decisions, of the awaited vCPU where not said else. */
enum natural_covariate {
	COVARIATE_VLAG,		/* ns, or the middle of its bucket */
	COVARIATE_WAITED,	/* ns since it lost the CPU */
	COVARIATE_NR,		/* tasks on its run queue */
	COVARIATE_SAME_RQ,	/* 1: that is the spinner's own */
	COVARIATE_SINCE_BOOST,	/* ns since it was last boosted */
	COVARIATE_OPEN_EPISODES,	/* waits that are going on in the VM */
	N_COVARIATES,
};

extern const char *const natural_covariate_names[N_COVARIATES];

/* The first decision of an episode. -1 or NaN: not known. */
struct natural_record {
	int64_t t;		/* ns */
	unsigned int vm;
	int64_t episode;
	unsigned int n_vcpus;	/* of the VM */
	int last_boosted;	/* the start index */
	const int *picks_by_start;	/* [n_vcpus]: the recorded policy's pick from each */
	int pick;		/* recorded; -1: nobody */
	int unblocker;		/* the awaited vCPU; -1: the record tells of start indices only */
	unsigned int n_eligible;	/* vCPUs that one start index or another would pick */
	unsigned int stratum;	/* of the unblocker: run queue, lag */
	int64_t wait_ns;	/* from the decision to the end of the wait */
	int64_t previous_wait_ns;	/* the same in the spinner's previous episode; -1: none */
	int64_t since_boost_ns;	/* since the VM's last boost, of whomever; -1: taken as long ago */
	double covariate[N_COVARIATES];
	int cell;		/* of the bootstrap; -1: in none */
};

/* Records with what is derived from them. The records must outlive it. */
struct natural_sample;

/*
 * Start indices are as likely as they were in the VM within 15 s of the decision, not
 * counting the decision's own episode (at least 20 others). A decision is open if its
 * unblocker was one of two or more who could be picked, with a probability in
 * (.02, .98). It enters if, of the open ones of its stratum with as many who could be
 * picked, 10 picked the unblocker and 10 did not.
 */
struct natural_sample *natural_sample_new(const struct natural_record *records, size_t n);
void natural_sample_free(struct natural_sample *sample);

/* The probability that record i picked the unblocker; NaN: it does not enter. */
double natural_propensity(const struct natural_sample *sample, size_t i);

/* Means of an outcome, in its unit; NaN: nothing to compare. */
struct natural_means {
	double untreated;	/* over the decisions that did not pick the unblocker */
	double treated;		/* over those that did, weighted to be like the untreated */
};

/*
 * outcome: [n], NaN: not known, left out. weights: of cells, NULL: all 1. stratified:
 * compare within strata, average with the numbers of untreated (strata without
 * treated are left out); else all at once.
 */
struct natural_means natural_means(const struct natural_sample *sample, const double *outcome,
				   const uint32_t *weights, bool stratified);

enum natural_test {
	/* T1: the unblocker is picked as often as the probabilities say */
	TEST_COUNT,
	/*
	 * T2: after weighting, covariates differ by less than a tenth of their standard
	 * deviation. Chance alone makes that of them in a few hundred weighted decisions:
	 * so few fail.
	 */
	TEST_BALANCE,
	/*
	 * T3: without decisions whose start index is the unblocker, or that follow a boost
	 * within 100 us, the effect is the same to a standard error (probabilities given
	 * another start index, strata averaged as before)
	 */
	TEST_RECENT_BOOST,
	/* T4: no effect on the spinner's previous wait, to two standard errors */
	TEST_PLACEBO,
	N_NATURAL_TESTS,
};

enum natural_status {
	NATURAL_VALID,
	NATURAL_NO_OVERLAP,	/* no decision was open */
	NATURAL_TOO_FEW,	/* under 30 that picked the unblocker, 50 others, 20 blocks */
	NATURAL_UNFAITHFUL,	/* over 5 %: the start index does not give the recorded pick */
	NATURAL_NO_INTERVAL,
	NATURAL_REJECTED,	/* a test failed */
};

struct natural_result {
	enum natural_status status;
	/*
	 * What not picking the unblocker cost each decision that did not: mean ns, with
	 * standard error and 95 % percentile interval. To be printed if NATURAL_VALID only.
	 */
	double effect_ns, se_ns, lo_ns, hi_ns;
	size_t n_known;		/* unblocker, start index and its likelihood known */
	size_t n_overlap;	/* of those: open; n_overlap / n_known is the overlap share */
	size_t n_treated, n_untreated;	/* of those: in a stratum with enough of either */
	size_t n_unfaithful;	/* of n_known */
	double overlap_share;	/* NaN: nothing known */
	double count_z, count_ratio;	/* T1 */
	double balance[N_COVARIATES];	/* T2, in deviations; NaN: known for under half */
	double without_recent_ns;	/* T3 */
	double placebo_ns, placebo_se_ns;	/* T4 */
	bool failed[N_NATURAL_TESTS];	/* what cannot be tested fails */
};

/* bootstrap: whose cells the records name. */
void natural_estimate(const struct natural_sample *sample, struct bootstrap *bootstrap,
		      struct natural_result *result);

/* Why no result, newly allocated: "natural experiment rejected (T2, T4)"; NULL: there is one. */
char *natural_reason(const struct natural_result *result);

/* For other estimators on the same sample. */
size_t natural_n_records(const struct natural_sample *sample);
const struct natural_record *natural_record(const struct natural_sample *sample, size_t i);
bool natural_treated(const struct natural_sample *sample, size_t i);

/* Whether a comparison of so many rests on enough. */
bool natural_enough(size_t n_treated, size_t n_untreated, const struct bootstrap *bootstrap);

#endif
