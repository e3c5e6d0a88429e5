/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop_estimate - from replicates with a policy and without to the figures of a loop (loop.h). */
#ifndef REPLAY_SIMULATE_LOOP_ESTIMATE_H
#define REPLAY_SIMULATE_LOOP_ESTIMATE_H

#include "replay/simulate/loop.h"

/* What a run with the policy changes against one without; vm < 0: of all. */
double loop_difference(enum loop_metric m, const struct loop_figures *with,
		       const struct loop_figures *without, int vm);

/*
 * One figure, from replicates [1 + n] with and without, the first ones not used; vm < 0: of all.
 * half: what else there is of chance, half of its 95 % interval (loop_parts.h); 0: nothing known.
 */
void loop_estimate_set(struct loop_estimate *e, enum loop_metric m, const struct loop_figures *with,
		       const struct loop_figures *without, unsigned int n, int vm, double half);

/* The same, with another model error than that of loop_metric_infos. */
void loop_estimate_change(struct loop_estimate *e, enum loop_metric m,
			  const struct loop_metric_info *info, const struct loop_figures *with,
			  const struct loop_figures *without, unsigned int n, int vm, double half);

/* There is none, and why. */
void loop_estimate_refuse(struct loop_estimate *e, enum verdict verdict, const char *reason);

/* A model with a known error in work, percent, is believed in no more than signs. */
void loop_estimate_doubt(struct loop_estimate *e, enum loop_metric m, double error);

/* All figures of p; with: [1 + loop->n_replicates], under the chosen variant. */
void loop_estimate_policy(const struct loop *loop, struct loop_policy *p,
			  const struct loop_figures *with);

/* After it: with half the lag margin and with twice that. */
void loop_estimate_margin(const struct loop *loop, struct loop_policy *p,
			  const struct loop_figures *half, const struct loop_figures *twice);

/* After all: verdicts on work that chance among so many policies may have made are none (Holm, 5 %). */
void loop_compare(struct loop *loop);

/* No figures, and why. */
void loop_refuse(const struct loop *loop, struct loop_policy *p, enum verdict verdict,
		 const char *reason);

#endif
