/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * estimates - all figures of one policy, and the rules by which some are refused.
 */
#ifndef REPLAY_ESTIMATE_ESTIMATES_H
#define REPLAY_ESTIMATE_ESTIMATES_H

#include "replay/estimate/estimate.h"
#include "replay/estimate/episode_gains.h"
#include "replay/estimate/estimators.h"

/* A policy to be estimated, against the recorded kernel's. */
struct estimates_query {
	const GArray *picks, *baseline;	/* by decision, of int; see scores.h */
	bool uses_ipis;			/* it heeds which IPIs are out */
	bool ipis_hidden;		/* some VM's IPIs leave no event */
	double fidelity;		/* share of the kernel's attempts that its replay reproduces; -1: not known */
	const struct estimators *estimators; /* what checks figures per decision; NULL: nothing */
};

/*
 * Why the recording can say nothing of a policy that changes n_changed decisions, newly
 * allocated; NULL: it can. *verdict: of the refusal.
 */
char *estimates_refused(const struct evidence *evidence, const struct estimates_query *query, guint n_changed,
			enum verdict *verdict);

/*
 * estimates: [N_METRICS], to be cleared by estimates_clear(). Returns what they say of
 * single episodes.
 */
struct episode_gains *estimates_make(struct evidence *evidence, struct rescore *rescore,
				     const struct estimates_query *query, struct estimate *estimates);

/*
 * One figure of each of n policies that are compared, as they are looked at together: a gain
 * or a loss that chance among so many may have made, by Holm's adjustment at 5 %, is no clear
 * effect, and the reason says so. What was refused, and policies without a change, do not belong here.
 */
void estimates_compare(struct estimate *const *estimates, gsize n);

void estimates_clear(struct estimate *estimates);

#endif
