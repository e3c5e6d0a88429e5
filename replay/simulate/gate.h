/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate - does the closed loop reproduce the recording? The recorded policy is simulated and held
 * against what was recorded; unless that is near enough there are no gains (estimation.md 3.4).
 * Pure functions.
 */
#ifndef REPLAY_SIMULATE_GATE_H
#define REPLAY_SIMULATE_GATE_H

#include <stdbool.h>

/* What a run of the model comes to, or the recording itself. */
struct vm_figures {
	double work;		/* CPUs: ns of progress a ns */
	double share;		/* of all VMs' time on a CPU, points: 0 to 100 */
};

struct loop_figures {
	double work;		/* CPUs */
	double spin;		/* CPUs: in waits with PAUSE exits, on a CPU */
	/* ns: mean and percentiles, from sending an IPI that is waited for to going on; NaN: none */
	double response, p50, p95, p99;
	double pauses, yields;	/* 1/s */
	bool complete;		/* a program came to its end: no deadlock, no crawling */
	double seconds, events;	/* of simulated time; events handled */
	unsigned int n_vms;
	struct vm_figures *vms;	/* [n_vms] */
};

enum gate_result { GATE_PASS, GATE_WARN, GATE_REFUSE, N_GATE_RESULTS };

extern const char *const gate_result_names[N_GATE_RESULTS];

/* Of the model, relative to what was recorded. NaN: there is nothing to hold it against. */
struct gate_errors {
	double work;		/* percent, signed */
	double spin;		/* percent, signed: of the recorded spinning, or 0.02 CPUs */
	double median, p99;	/* percent, signed: of the response to IPIs */
	double share;		/* points: the largest of any VM, unsigned */
};

struct gate {
	enum gate_result result;	/* by errors; WARN if unjittered or what is not modelled say so */
	struct gate_errors errors;	/* mean over replicates */
	struct gate_errors unjittered;	/* of the run with all work as long as recorded */
	bool complete;
};

struct gate_errors gate_errors_of(const struct loop_figures *simulated,
				  const struct loop_figures *recorded);

enum gate_result gate_judge(const struct gate_errors *errors);

/* runs: [1 + n], the first without jitter. n > 0. unmodelled_spin: share of the recorded spinning */
struct gate gate_of(const struct loop_figures *runs, unsigned int n,
		    const struct loop_figures *recorded, double unmodelled_spin);

/* percent: the largest error in work that the gate knows of. */
double gate_work_error(const struct gate *gate);

/* Which limits of PASS are exceeded, and by what, newly allocated; NULL: none is. */
char *gate_criteria(const struct gate *gate, double unmodelled_spin);

/* Why the model is likely not to fit; seconds: that were recorded. Never NULL. */
const char *gate_reason(const struct gate *gate, double unmodelled_spin, bool ipis_hidden,
			double seconds);

#endif
