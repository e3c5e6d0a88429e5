/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan - which events a recording is made of on this kernel: those that it has, with
 * the filters that save most, and in which order they are given up when they cost
 * more than the budget.
 */
#ifndef CAPTURE_PLAN_H
#define CAPTURE_PLAN_H

#include <cjson/cJSON.h>
#include <glib.h>
#include <stdbool.h>

#include "capture/instance.h"

#define PLAN_ERROR (g_quark_from_static_string("plan"))

/* Events that cost more than a tracepoint does: weights of the cost measured for those. */
#define PLAN_WEIGHT_PROBE 3.0		/* a breakpoint or a function's entry hooked, and fields fetched */
#define PLAN_WEIGHT_RETURN 5.0		/* the return address replaced, too */

struct plan_event {
	const char *system, *name;
	const char *filter;	/* what import has a use for; NULL: all of them */
	bool by_vcpu;		/* always fires in the thread of the vCPU it is about */
	bool needed;		/* no facts at all without it */
	unsigned int shed;	/* 1 is given up first; 0: never */
	const char *without;	/* what a recording lacks without it */
};

struct planned {
	const struct plan_event *event;
	char *filter;		/* with the chosen VMs; NULL: none */
	double weight;
	bool on;		/* not given up */
	bool enabled;		/* now, in the kernel */
	bool filtered;		/* the filter has been set */
};

/* A capability that this kernel lacks, or that was given up. */
struct plan_lack {
	char *what, *why, *without;
};

struct plan {
	GArray *events;		/* of struct planned; of these the kernel has the event */
	GArray *lacks;		/* of struct plan_lack */
	unsigned int shed;	/* ranks up to this one are given up */
};

/* All events that any plan has, i from 0 on; NULL behind the last. */
const struct plan_event *plan_known(unsigned int i);

/* The highest rank of plan_event.shed. */
unsigned int plan_max_shed(void);

/* What this kernel has. tids: of the vCPUs to record, all if NULL. Fails if a needed event is missing. */
struct plan *plan_new(const struct instance *instance, const GArray *tids, GError **error);
void plan_free(struct plan *plan);

/* An event of a probe. filter may be NULL. */
void plan_add_probe(struct plan *plan, const char *name, const char *filter, double weight);

/* Takes a copy of all three. */
void plan_lacks(struct plan *plan, const char *what, const char *why, const char *without);

/* All lacks: an array of objects with what, why and without. The caller frees it. */
cJSON *plan_lacks_json(const struct plan *plan);

/*
 * Enable all that are on, with their filters, or disable all. What the kernel refuses
 * becomes a lack, but for needed events.
 */
bool plan_enable(struct plan *plan, struct instance *instance, GError **error);
void plan_disable(struct plan *plan, struct instance *instance);

/* Give up the events of all ranks up to this one, with why. They stay given up. */
void plan_shed(struct plan *plan, struct instance *instance, unsigned int rank, const char *why);

#endif
