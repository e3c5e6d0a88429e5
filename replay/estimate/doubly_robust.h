/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doubly_robust - the direct method held against the natural experiment. The direct
 * method predicts how long a wait would have been had the awaited vCPU been picked;
 * where the start index picked it by chance, that can be looked up. The doubly robust
 * estimate corrects the prediction by what it is wrong on those, and is right
 * if either the prediction or the probabilities are (Dudik, Langford, Li, 2011).
 *
 * Limits: the decisions with overlap only. If the natural experiment fails its tests
 * this says nothing: a difference may then be the probabilities' fault.
 */
#ifndef REPLAY_ESTIMATE_DOUBLY_ROBUST_H
#define REPLAY_ESTIMATE_DOUBLY_ROBUST_H

#include "replay/estimate/natural.h"

/* Effects: mean ns that not picking the awaited vCPU cost each decision that did not. */
struct doubly_robust {
	size_t n_treated, n_untreated;	/* compared */
	size_t n_unsupported;	/* open, but without a prediction */
	double dm_ns, dm_lo_ns, dm_hi_ns;	/* direct method, with 95 % intervals */
	double dr_ns, dr_lo_ns, dr_hi_ns, dr_se_ns;
	double difference_se_ns;	/* of dm - dr */
	bool dm_suspect;	/* which is over two of those */
	double lo_ns, hi_ns;	/* of the direct method; suspect: wide enough for both */
};

/*
 * predicted: [natural_n_records()], ns, the direct method's wait from the decision if
 * the awaited vCPU is picked, taken as given in every replicate; NaN: unsupported. False, all
 * figures NaN: too few decisions, under 80 % of them supported, or too many replicates
 * without a value.
 */
bool doubly_robust(const struct natural_sample *sample, const double *predicted,
		   struct bootstrap *bootstrap, struct doubly_robust *out);

/*
 * Share of decisions in which a policy picks what was picked; [n] each; NaN: there are
 * none. It is not a gain: what the recorded policy picks is no matter of chance.
 */
double agreement_share(const int *recorded, const int *policy, size_t n);

#endif
