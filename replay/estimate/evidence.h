/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evidence - what one recording has to say, gathered for the estimators: its
 * episodes, the stretches of time that they are in, and how much of it counts.
 */
#ifndef REPLAY_ESTIMATE_EVIDENCE_H
#define REPLAY_ESTIMATE_EVIDENCE_H

#include "replay/estimate/bootstrap.h"
#include "replay/estimate/episode.h"

struct evidence {
	const struct scores *scores;
	struct timeline *timeline;
	struct sends *sends;
	struct episodes *episodes;
	GArray *segments;		/* of struct segment: the recording between its gaps */
	struct bootstrap *bootstrap;
	int64_t block_ns;
	int64_t slice_ns;		/* of the recorded host's scheduler; 0: not known */
	int *cells;			/* by episode; -1: not in a segment, or not to be used */
	double *on_cpu;			/* by cell: on-CPU time of all vCPUs, ns */
	double on_cpu_ns;		/* its sum */
	double *response;		/* by cell: from send to answer, summed over waits for IPIs, ns */
	double ns;			/* recorded, without gaps */
	double lost;			/* share of the recording that gaps take */
	/* of all episodes */
	double spin;			/* on the CPU, ns */
	double spin_used;		/* share that is in episodes that can be learned from */
	double spin_by_cause[N_CAUSES], spin_by_confidence[4]; /* shares */
	guint n_used, n_ipi;		/* episodes that can be learned from; of these, waits for IPIs */
	/* by replicate, and as recorded last: what waits cost under the picks of baseline; see throughput.c */
	const GArray *baseline;
	struct chain_value *baseline_values;
	double observed;		/* share of decisions whose outcome a probe saw */
	double outcomes_known;		/* ... or is inferred */
};

/* NULL with error set if the database cannot be read. */
struct evidence *evidence_new(const struct scores *scores, uint32_t n_replicates, uint64_t seed, GError **error);
void evidence_free(struct evidence *evidence);

/* A decision, index into scores, in a used episode, at which two policies differ. */
struct evidence_change {
	guint episode, decision;
};

/* All of them, in the order of episodes; picks, baseline: by decision, of int. */
GArray *evidence_changes(const struct evidence *evidence, const GArray *picks, const GArray *baseline);

/*
 * Share of the decisions in used episodes, or of all if none can be used, at which both
 * picks are known; of no decisions, 1.
 */
double evidence_picks_known(const struct evidence *evidence, const GArray *picks, const GArray *baseline);

/* By decision, newly allocated: the used episode that it is in; G_MAXUINT: none. */
guint *evidence_used_episodes(const struct evidence *evidence);

#endif
