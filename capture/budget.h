/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * budget - what recording may cost: a share of the time of whichever CPU records
 * most. What costs more is given up, in the order of plan.c; if that does not do,
 * the recording is made in bursts. Arithmetic alone: nothing here touches a kernel.
 */
#ifndef CAPTURE_BUDGET_H
#define CAPTURE_BUDGET_H

#include <stdbool.h>

struct budget_event {
	double weight;		/* its cost, in costs of an event of the scheduler */
	unsigned int shed;	/* rank; 0: never given up */
	const double *rates;	/* per second, for each CPU */
};

struct budget {
	unsigned int shed;	/* ranks up to this one are given up */
	double duty;		/* share of the time that is recorded; 1: all of it */
	double overhead;	/* estimated, of the busiest CPU, over all the time */
};

/* Less than this is no recording. */
#define BUDGET_MIN_DUTY 0.002

/* Share of its time that the busiest CPU spends recording what ranks above shed leave. */
double budget_overhead(const struct budget_event *events, unsigned int n, unsigned int n_cpu, double cost_ns,
		       unsigned int shed);

/* What keeps the overhead below limit, beginning at shed. duty 0: nothing does. */
struct budget budget_decide(const struct budget_event *events, unsigned int n, unsigned int n_cpu, double cost_ns,
			    double limit, unsigned int shed, unsigned int max_shed);

struct budget_burst {
	unsigned int on_ms, off_ms;
};

/*
 * A duty cycle in time: bursts of a second, as shorter ones would cost by being switched on and off, which
 * interrupts every CPU some dozen times. The pauses between are as long as they have to be.
 */
#define BUDGET_BURST_MS 1000.0
struct budget_burst budget_burst(double duty);

#endif
