/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check - how often the plan's events fire on this host, and what recording them
 * would cost: counted, not recorded.
 */
#ifndef CAPTURE_CHECK_H
#define CAPTURE_CHECK_H

#include <glib.h>
#include <stdbool.h>

#include "capture/budget.h"
#include "capture/plan.h"
#include "capture/vms.h"

struct check {
	unsigned int n_cpu, n_events;
	double seconds;
	double *rates;			/* n_events x n_cpu, of the plan's events, per second */
	double *loads;			/* the same, weighed, and with what their filters reject */
	double pause_exits;		/* per second; -1: not counted */
	double decisions;		/* on_spin, where it is probed; -1: not counted */
	double cost_ns;			/* of an event; 0: not known */
};

/*
 * Count for ms milliseconds, sleeping meanwhile; false if it was interrupted (SIGINT, SIGTERM
 * and SIGHUP are held). What perf does not count becomes a lack of the plan and has rate 0.
 */
bool check_count(struct check *check, struct plan *plan, unsigned int n_cpu, unsigned int ms);
void check_clear(struct check *check);

/* The filter by which kvm:kvm_exit shows PAUSE exits alone (exit_reason; isa 1: VMX, 2: SVM). */
extern const char check_pause_filter[];

/* What an event of the plan costs on average, in costs of one of the scheduler, by what was counted. */
double check_weight(const struct check *check, const struct plan *plan);

/* What keeps the plan within limit, by what was counted. */
struct budget check_budget(const struct check *check, const struct plan *plan, double limit);

/* For people, or as JSON, on stdout. */
void check_print(const struct check *check, const struct plan *plan, const struct vm_list *vms,
		 const struct budget *budget, double limit);
void check_print_json(const struct check *check, const struct plan *plan, const struct vm_list *vms,
		      const struct budget *budget, double limit);

#endif
