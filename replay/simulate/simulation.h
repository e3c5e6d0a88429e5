/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simulation - programs (program.h) run on a model of the recorded host under a
 * directed-yield policy and a scheduler side: what feedback makes of a policy.
 *
 * Event-driven, in integer ns, deterministic: one input, one setting, one course of
 * events; at one time ticks come first, then sleepers by number, then CPUs by number.
 * Runs until the first program is exhausted.
 *
 * What it leaves out: balancing across nodes of CPUs that are all busy, affinity,
 * throttling, halt polling, interrupts that no vCPU sent (and their EOIs, which clear v1's
 * and v2's tracking), and what a cold cache costs.
 */
#ifndef REPLAY_SIMULATE_SIMULATION_H
#define REPLAY_SIMULATE_SIMULATION_H

#include "replay/policy.h"
#include "replay/simulate/program.h"

/* What yield_to() does beyond naming the target (scheduler-side.md 2, 5, 6). Under CFS all are plain. */
enum scheduler_side {
	SIDE_PLAIN,		/* the recorded kernel's */
	SIDE_DEBOOSTER_V1,	/* the yielder is penalised; the stamp moves at every call */
	SIDE_DEBOOSTER_V2,	/* ... at every penalty */
	SIDE_LAG_CREDIT,	/* v3: a target that is not eligible is credited */
	N_SCHEDULER_SIDES,
};

extern const char *const scheduler_side_names[N_SCHEDULER_SIDES];

struct simulation_setting {
	const struct policy *policy;
	struct policy_params params;
	enum scheduler_side side;
	double lag_margin;	/* SIDE_LAG_CREDIT: lag given, in slices per queued entity: not known */
	uint64_t seed;		/* of the jitter */
	double jitter;		/* each ITEM_COMPUTE is up to this share longer or shorter; 0: as recorded */
};

struct simulated_vm {
	/* ns, as program_truth: spin is all time on a CPU in waits with PAUSE exits */
	double work, spin, on_cpu;
	/* ns: what on_cpu is besides work */
	double spinning, handlers, exits, switches;
	double pauses, yields;
	double futile;		/* yields to a vCPU that the spinner does not wait for, where that is known */
	GArray *responses;	/* of double, ns, of ITEM_SENDWAIT: until its sender goes on */
};

struct simulated {
	int64_t ns;			/* simulated time */
	bool exhausted;		/* a program was; else all slept for ever, or it took 16 times as long as recorded */
	uint64_t events;	/* handled: wake-ups, ticks of busy CPUs, ends of what a task did */
	double idle, background;	/* CPU time of no vCPU, ns */
	unsigned int n_vms;
	struct simulated_vm *vms;
};

/* Run input once. Threads may run the same input at the same time. NULL never; to be freed. */
struct simulated *simulate_run(const struct program_input *input, const struct simulation_setting *setting);
void simulated_free(struct simulated *simulated);

#endif
