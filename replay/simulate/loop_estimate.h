/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop_estimate - from replicates with a policy and without to the figures of a loop (loop.h). */
#ifndef REPLAY_SIMULATE_LOOP_ESTIMATE_H
#define REPLAY_SIMULATE_LOOP_ESTIMATE_H

#include "replay/simulate/loop.h"

/* One figure, from replicates [1 + n] with and without, the first ones not used; vm < 0: of all. */
void loop_estimate_set(struct loop_estimate *e, enum loop_metric m, const struct loop_figures *with,
		       const struct loop_figures *without, unsigned int n, int vm);

/* The same, with another model error than that of loop_metric_infos. */
void loop_estimate_change(struct loop_estimate *e, enum loop_metric m,
			  const struct loop_metric_info *info, const struct loop_figures *with,
			  const struct loop_figures *without, unsigned int n, int vm);

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

/* No figures, and why. */
void loop_refuse(const struct loop *loop, struct loop_policy *p, enum verdict verdict,
		 const char *reason);

#endif
