/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * episode_gains - what a policy would have changed in each recorded episode, one
 * decision aside, and what that comes to. Explains single waits; it has no
 * feedback, and is never added to what the chain says.
 */
#ifndef REPLAY_ESTIMATE_EPISODE_GAINS_H
#define REPLAY_ESTIMATE_EPISODE_GAINS_H

#include "replay/estimate/rescore.h"

struct episode_gains {
	struct episode_gain *gains;	/* by episode; of meaning where it is used */
	guint n_fatal;			/* episodes in which a decision counts */
	guint n_unsupported;		/* of these, gain not known */
	guint n_changed;		/* decisions that the policy changes, in used episodes */
	/* ns over the whole recording */
	double spin, worst, best;	/* with bounds for episodes whose unblocker is not known */
	double response, n_ipi;		/* waits for IPIs: by how much they are shorter; how many */
	double yield_cost;		/* of yields that it makes and the recorded policy does not, less the reverse */
	double displaced;		/* time that unblockers run earlier, taken from others: no loss, but unfair */
	/* [n_replicates]: ns; response: ns per wait */
	double *spin_replicates, *response_replicates, *yield_cost_replicates, *displaced_replicates;
	guint n_replicates;
};

/* picks, baseline: by decision, of int. The same array gives exactly 0. */
struct episode_gains *episode_gains_of(struct rescore *rescore, struct bootstrap *bootstrap, const GArray *picks,
				       const GArray *baseline);
void episode_gains_free(struct episode_gains *gains);

/*
 * What a pick at a decision amounts to. recorded: it is the kernel's, whose effect
 * was seen; else the shadow says what the scheduler would have done.
 */
enum outcome_class episode_outcome(const struct rescore *rescore, guint episode, guint decision, int pick,
				   bool recorded);

#endif
