/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * estimators - one question put to all estimators that can answer it, side by side: what
 * does a wait cost that does not begin with a yield to the vCPU it waits for, if that one
 * is ready? It is about the recorded kernel's decisions, so there is one answer for a
 * recording. The direct method is what figures of policies rest on, and the others check it.
 */
#ifndef REPLAY_ESTIMATE_ESTIMATORS_H
#define REPLAY_ESTIMATE_ESTIMATORS_H

#include "replay/estimate/doubly_robust.h"
#include "replay/estimate/natural_records.h"

/* By the gain of one episode: mean ns, with 95 % interval; NaN: no decision, or no interval. */
struct direct {
	double ns, lo_ns, hi_ns;
	size_t n;		/* first decisions that did not pick the ready unblocker */
	size_t n_unsupported;	/* beside them: too few yields of their kind to tell */
};

struct estimators {
	size_t n_first;		/* waits that can be learned from */
	size_t n_ready, n_uncertain;	/* see natural_records.h */
	struct direct direct;
	struct natural_result natural;
	/* on the natural experiment's sample; of meaning if compared: that one is valid, too */
	bool compared;
	struct doubly_robust doubly_robust;
};

/* Parameters as of natural_records_new(). False with error set if the database cannot be read. */
bool estimators_compare(const struct rescore *rescore, struct recorded *recorded,
			const struct policy *policy, const struct policy_params *params,
			enum state_kind state, struct estimators *out, GError **error);

/*
 * Does the check contradict the direct method? Then the limits of both intervals, as multiples
 * of what the direct method says; NaN if that is no gain.
 */
bool estimators_suspect(const struct estimators *e, double *lo, double *hi);

/*
 * Share of waits at whose first decision the policy picks what the kernel did; picks: by
 * decision, of int. NaN: there are none. No gain follows from it (doubly_robust.h).
 */
double estimators_agreement(const struct evidence *evidence, const GArray *picks);

#endif
