/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop - the result of one 'counterspin simulate': whether the closed loop reproduces the
 * recording, and what each policy and scheduler side changes against the simulated recorded
 * policy. Text, JSON and database rows are renderings of it.
 */
#ifndef REPLAY_SIMULATE_LOOP_H
#define REPLAY_SIMULATE_LOOP_H

#include "replay/estimate/interval.h"
#include "replay/simulate/replicates.h"

#define LOOP_METHOD "closed loop"
#define LOOP_MARGIN 0.1		/* of lag-credit, unless said: nobody outside knows it */

enum loop_metric {
	LOOP_THROUGHPUT, LOOP_SPIN, LOOP_RESPONSE, LOOP_P50, LOOP_P95, LOOP_P99, LOOP_PAUSES,
	LOOP_YIELDS, LOOP_SHARE,
	N_LOOP_METRICS,
};

struct loop_metric_info {
	const char *name, *unit;
	double floor, share; /* the model's own error: the larger of this and this of the value */
	bool falls_when_better;
};

extern const struct loop_metric_info loop_metric_infos[N_LOOP_METRICS];

/* NaN, with a reason: there is none. */
struct loop_estimate {
	double value, statistical[2], total[2];
	enum verdict verdict;
	char *reason;
};

struct loop_policy {
	unsigned int lane;		/* of loop.parts; 0: none */
	char *label;			/* as it was asked for */
	const struct policy *policy;
	struct policy_params params;
	enum scheduler_side side;
	bool recorded;			/* what was recorded */
	/* of all VMs; LOOP_SHARE: the largest change of any, unsigned */
	struct loop_estimate estimates[N_LOOP_METRICS];
	unsigned int n_vms;
	/* [n_vms]: LOOP_THROUGHPUT and LOOP_SHARE, the others are not set */
	struct loop_estimate (*vms)[N_LOOP_METRICS];
};

enum { LOOP_PARTS = 5 };

/* Fifths of the recording, each extracted for itself. */
struct loop_parts {
	struct program_input *inputs[LOOP_PARTS];
	unsigned int n;			/* LOOP_PARTS, or 0 */
	char *reason;			/* why there are none */
	struct loop_figures *runs;	/* [n][n_lanes][1 + n_replicates] */
	unsigned int n_lanes, n_replicates;
};

/* A scheduler that the recorded host may have had. */
struct loop_variant {
	struct program_input input;	/* shares all but host with the extracted one */
	bool as_recorded;		/* what the recording and the release say */
	struct gate gate;
	struct loop_figures *runs;	/* [1 + n]: the recorded policy's */
	struct loop_estimate *throughput;	/* [policies]; NULL: not run, or chosen */
};

struct loop {
	const struct policy *recorded_policy;
	struct policy_params recorded_params;
	GPtrArray *policies;		/* of struct loop_policy */
	GPtrArray *what_ifs;		/* of struct loop_what_if (loop_what_if.h), of --what-if */
	unsigned int n_replicates, n_threads;
	uint64_t seed;
	double lag_margin;
	bool ipis_hidden;
	struct loop_parts parts;	/* inputs and n, if there are any, before loop_run(), which takes them */
	/* after loop_run() */
	struct program_input *input;
	struct loop_figures truth;
	struct loop_variant variants[4];
	unsigned int n_variants, chosen;
	const struct gate *gate;	/* of the chosen variant */
	char *criteria;			/* limits of PASS that are exceeded; NULL: none */
	const char *reason;		/* likely, of a refusal; NULL: there are gains */
};

/* 20 replicates, one thread, lag margin 0.1; what is to be otherwise is set before loop_run(). */
struct loop *loop_new(const struct policy *recorded, const struct policy_params *params);
void loop_free(struct loop *loop);

/* False: it is there already, as *before says. */
bool loop_add(struct loop *loop, const struct policy *policy, const struct policy_params *params,
	      enum scheduler_side side, const char *label, const char **before);

/* Once. Takes input. */
void loop_run(struct loop *loop, struct program_input *input);

/* What the gate objects to: criteria, and the reason of a refusal. Newly allocated; NULL: nothing. */
char *loop_objection(const struct loop *loop);

/* Scheduler sides other than plain are changes of EEVDF. */
bool loop_can_run(const struct loop *loop, const struct loop_policy *p);

/*
 * What loop_run() is made of, for loops at another density: takes input; and, once the chosen
 * variant has runs and a gate, estimates of all policies under it.
 */
void loop_set_input(struct loop *loop, struct program_input *input);
void loop_run_policies(struct loop *loop);

/* Did all n runs come to their end? */
bool loop_complete(const struct loop_figures *runs, unsigned int n);

/* That variant passes, too, and a policy's gain in work is not in the chosen one's interval. */
bool loop_differs(const struct loop *loop, const struct loop_variant *variant);

#endif
