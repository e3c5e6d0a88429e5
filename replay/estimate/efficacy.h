/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * efficacy - what a directed yield does for its target, learnt from the recording's
 * own yields.
 *
 * Every decision that found a vCPU ready is an observation of it: y, how long after
 * the decision it ran, and whether it was treated, that is, the kernel yielded to
 * it. Many would have run within the quick window without help, so what is to the
 * yield's credit is not p1, the share of the treated who did, but
 *	alpha = max(0, (p1 - p0) / (1 - p0)),
 * p0 being that of the untreated: the part that a yield turns into quick ones if it
 * never delays its target. Treated and untreated are compared within strata.
 */
#ifndef REPLAY_ESTIMATE_EFFICACY_H
#define REPLAY_ESTIMATE_EFFICACY_H

#include "replay/estimate/shadow.h"

#define EFFICACY_QUICK_NS   200000
#define EFFICACY_WAIT_NS    20000000	/* what longer waits count as */
#define EFFICACY_SUPPORT    30		/* observations, of the treated and of the untreated */
#define EFFICACY_MAX_NR     5		/* run queues as long or longer are one stratum */
#define EFFICACY_NO_P0      0.999	/* more run quickly without help: nothing to gain */

/* Time since it became ready: what stands for the margin if the shadow knows none. */
enum efficacy_wait {
	EFFICACY_WAIT_50US, EFFICACY_WAIT_200US, EFFICACY_WAIT_500US, EFFICACY_WAIT_1MS,
	EFFICACY_WAIT_2MS, EFFICACY_WAIT_4MS,	/* less than that */
	EFFICACY_WAIT_MORE,
	N_EFFICACY_WAITS,
};

enum { N_EFFICACY_BUCKETS = MAX((int)N_SHADOW_BUCKETS, (int)N_EFFICACY_WAITS) };

enum efficacy_by {
	EFFICACY_BY_MARGIN,	/* buckets are enum shadow_bucket */
	EFFICACY_BY_WAIT,	/* buckets are enum efficacy_wait */
};

struct efficacy_stratum {
	bool same_rq;			/* on the spinner's run queue */
	unsigned int nr_running;	/* of the candidate's run queue */
	unsigned int bucket;
};

/* Where the figures come from. */
enum efficacy_pool {
	EFFICACY_OWN,			/* the stratum itself */
	EFFICACY_OVER_NR,		/* all lengths of the run queue */
	EFFICACY_OVER_INELIGIBLE,	/* these, and all margins below 0 */
	EFFICACY_STRUCTURAL,		/* the kernel ignores the hint: alpha is 0 */
};

struct efficacy {
	bool supported;			/* false: alpha, delta and wait are 0 and mean nothing */
	enum efficacy_pool pooled;
	double alpha;
	double delta;			/* ns, mean y of the treated who were quick; 0: none was */
	double wait;			/* ns, mean min(y, EFFICACY_WAIT_NS) of untreated; 0: none */
	int64_t n1, n0;			/* treated and untreated that it rests on */
};

/* Observations of one side, treated or untreated, of one stratum, summed up. */
struct efficacy_counts {
	int64_t n, quick;
	double quick_y;		/* sum of y of the quick */
	double y;		/* sum of min(y, EFFICACY_WAIT_NS) */
};

struct efficacy_table;

/*
 * An empty table. ignored: the recorded scheduler does not look at what yield_to() names
 * (SHADOW_IGNORED), so that alpha is 0 unless a stratum's own p1 exceeds its p0 by more than three
 * standard errors.
 */
struct efficacy_table *efficacy_new(enum efficacy_by by, bool ignored);
void efficacy_free(struct efficacy_table *table);

/* waited >= 0 ns */
enum efficacy_wait efficacy_wait(int64_t waited);

/*
 * One ready candidate of one decision. y >= 0 ns; INT64_MAX if it did not run again, for which the
 * recording must go on for at least EFFICACY_WAIT_NS: leave the candidate out otherwise.
 */
void efficacy_count(struct efficacy_counts *counts, int64_t y);

/* Add what was counted, every observation so many times. */
void efficacy_add_counts(struct efficacy_table *table, const struct efficacy_stratum *stratum, bool treated,
			 const struct efficacy_counts *counts, uint32_t times);

/* Count one, and add it. */
void efficacy_add(struct efficacy_table *table, const struct efficacy_stratum *stratum,
		  bool treated, int64_t y);

/*
 * All is added: work out every stratum. Where either side has less than EFFICACY_SUPPORT
 * observations run-queue lengths are pooled, then the negative margins; never the two sides of
 * same_rq, nor eligible, ineligible and unknown, nor times of waiting. What then still has less is
 * not supported.
 */
void efficacy_settle(struct efficacy_table *table);

const struct efficacy *efficacy_of(const struct efficacy_table *table,
				   const struct efficacy_stratum *stratum);

#endif
