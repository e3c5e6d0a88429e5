/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop_what_if - the closed loop at another density (what_if.h): what becomes of the recorded
 * policy there against as recorded, and what other policies gain there. An extrapolation, which
 * has to pass the gate as recorded and one of its own.
 */
#ifndef REPLAY_SIMULATE_LOOP_WHAT_IF_H
#define REPLAY_SIMULATE_LOOP_WHAT_IF_H

#include "replay/simulate/loop.h"
#include "replay/simulate/what_if.h"

/* What the extrapolation is judged by. */
struct what_if_evidence {
	double density;		/* vCPUs a CPU, of that as recorded */
	double window;		/* the VM's that is changed most: of that as recorded */
	double presence;	/* share of the recording in which all VMs were there */
	double unmodelled_spin;	/* share of the spinning there that is ITEM_SPIN; NaN: not run */
	bool complete;		/* all runs of the recorded policy came to an end, or there were none */
};

struct loop_what_if {
	struct what_if asked;
	char *text;
	/* after loop_run() */
	struct what_if_evidence evidence;
	enum gate_result result;
	const char *reason;		/* of WARN and REFUSE; NULL: PASS */
	/* NULL: refused. The loop there; its VMs are the input's */
	struct loop *there;
	unsigned int *origin;		/* [VMs there]: VM as recorded */
	/* the recorded policy there, against as recorded; by VM: LOOP_THROUGHPUT alone */
	struct loop_estimate estimates[N_LOOP_METRICS];
	struct loop_estimate *vms;	/* [VMs there] */
};

/* Before loop_run(). False: it was asked before. */
bool loop_add_what_if(struct loop *loop, const struct what_if *asked);
void loop_what_if_free(void *what_if);

/* By loop_run(): the loop's gate lets it, or refuses. */
void loop_what_if_run(const struct loop *loop, struct loop_what_if *what_if);
void loop_what_if_refuse(struct loop_what_if *what_if);

/* May it be believed? *reason: NULL if so. Pure. */
enum gate_result what_if_judge(const struct what_if_evidence *evidence, const char **reason);

#endif
