/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replicates - one simulation is one draw from a chaotic system: so all are run many times with
 * work a little longer or shorter, each policy with the same draws (estimation.md 3.5).
 */
#ifndef REPLAY_SIMULATE_REPLICATES_H
#define REPLAY_SIMULATE_REPLICATES_H

#include "replay/simulate/gate.h"
#include "replay/simulate/simulation.h"

#define REPLICATES_JITTER 0.01

/* What is run: seed and jitter of the setting are replicates' own. */
struct lane {
	const struct program_input *input;
	struct simulation_setting setting;
};

static inline struct lane lane_of(const struct program_input *input, const struct policy *policy,
				  const struct policy_params *params, enum scheduler_side side,
				  double margin)
{
	return (struct lane){
		input, { .policy = policy, .params = *params, .side = side, .lag_margin = margin }
	};
}

/*
 * Run each of lanes [n_lanes] without jitter and then n times with: returns
 * [n_lanes][1 + n]. The same whatever n_threads (> 0) is. Shows progress, from 'done' runs on.
 */
struct loop_figures *replicates_run(const struct lane *lanes, unsigned int n_lanes, unsigned int n,
				    uint64_t seed, unsigned int n_threads, unsigned int done);
void replicates_free(struct loop_figures *figures, size_t n);

/* What was recorded, in the same figures; vms is to be freed. */
struct loop_figures recorded_figures(const struct program_input *input);

/*
 * Mean of n (>= 2) paired differences, and its 95 % interval by Student's t. False, with NaN: a
 * difference has no value.
 */
bool replicates_interval(const double *differences, unsigned int n, double *mean,
			 double interval[2]);

#endif
