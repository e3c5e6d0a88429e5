/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * throughput - what a policy would have given back, by the episode chain: the
 * headline, and what goes with it.
 */
#ifndef REPLAY_ESTIMATE_THROUGHPUT_H
#define REPLAY_ESTIMATE_THROUGHPUT_H

#include "replay/estimate/chain.h"
#include "replay/estimate/estimate.h"
#include "replay/estimate/evidence.h"

/* The metrics it yields: METRIC_THROUGHPUT_GAIN to METRIC_YIELDS_CHANGE. */
enum { N_THROUGHPUT_METRICS = METRIC_YIELDS_CHANGE + 1 };

/* Of one policy's picks, against the recorded policy's. */
struct throughput {
	guint n_changed;	/* decisions that the policy changes, in episodes that are used */
	double support;		/* share of the policy's decisions of whose kind the recording has enough, 0 to 1;
				 * NAN: no gain can be worked out */
	enum chain_action lacking; /* the kind that it has fewest of */
	double pauses_ratio;	/* PAUSE exits of a wait, against the baseline's */
	double value[N_THROUGHPUT_METRICS];
	double *replicates[N_THROUGHPUT_METRICS]; /* [bootstrap_n_replicates()] */
};

/* picks, baseline: by decision, of int (see scores.h). The same array gives exactly 0. */
struct throughput *throughput_of(struct evidence *evidence, const GArray *picks, const GArray *baseline);
void throughput_free(struct throughput *throughput);

#endif
