/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rescore - the recording's episodes as gain.h wants them: what each decision saw of
 * the unblocker, and what a yield to it would have done, learnt from the recording's
 * own yields.
 */
#ifndef REPLAY_ESTIMATE_RESCORE_H
#define REPLAY_ESTIMATE_RESCORE_H

#include "replay/estimate/efficacy.h"
#include "replay/estimate/evidence.h"
#include "replay/estimate/gain.h"
#include "replay/estimate/shadow.h"

struct rescore {
	const struct evidence *evidence;
	struct gain_episode *episodes;	/* by episode; n_decisions 0: not to be used */
	GArray *decisions;		/* of struct gain_decision: theirs */
	GArray *spans;			/* of struct gain_span: theirs */
	GArray *efficacies;		/* of struct gain_efficacy: strata */
	double yield_ns;		/* what a successful yield costs the spinner on the CPU */
	struct shadow_quality quality;
	int64_t fewest_yields;		/* on which a stratum rests that is supported */
	struct efficacy_counts *counts;	/* [cells + 1][strata][treated]: to learn from; of no cell last */
	GPtrArray *refits;		/* by replicate: efficacies as rescore_refit() has learned them; NULL */
	bool by_wait;			/* strata are by waiting time: the shadow knows nothing */
	uint8_t *strata;		/* [strata_at[decision] + vcpu_idx]: index into efficacies; NO_STRATUM */
	gsize *strata_at;
	struct shadow_view *views;	/* by episode: of its unblocker, at its first decision; of meaning if ready */
};

enum { NO_STRATUM = 255 };

struct rescore *rescore_new(const struct evidence *evidence, GError **error);
void rescore_free(struct rescore *rescore);

/*
 * Efficacies learned anew for a replicate of the bootstrap, every cell taken
 * weights[cell] times. The first call for a replicate counts; they belong to rescore.
 */
const struct gain_efficacy *rescore_refit(struct rescore *rescore, guint replicate, const uint32_t *weights);

/* The stratum that a vCPU was in at a decision; NO_STRATUM: it was not ready. */
unsigned int rescore_stratum(const struct rescore *rescore, guint decision, unsigned int vcpu_idx);

/* Would the scheduler have run it, if it had been yielded to? */
enum would_run rescore_would_run(const struct rescore *rescore, guint decision, unsigned int vcpu_idx);

#endif
