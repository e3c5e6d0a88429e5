/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scheduler - which fair scheduler the recorded host had, and with which settings, as
 * its facts and the kernel's release tell; the kernel's defaults where they are silent.
 */
#ifndef REPLAY_ESTIMATE_SCHEDULER_H
#define REPLAY_ESTIMATE_SCHEDULER_H

#include "replay/estimate/fair.h"
#include "replay/recorded.h"

enum shadow_scheduler { SHADOW_NONE, SHADOW_CFS, SHADOW_EEVDF };

/* Does the scheduler look at what yield_to() names? */
enum shadow_buddy {
	SHADOW_HONOURED,
	SHADOW_IGNORED,		/* EEVDF before PICK_BUDDY, with NEXT_BUDDY off: it has no effect */
	SHADOW_BUDDY_UNKNOWN,
};

struct scheduler_facts {
	enum shadow_scheduler scheduler;	/* SHADOW_NONE: neither features nor release are known */
	enum shadow_buddy buddy;
	struct fair_params params;		/* forfeit is not known: false */
	int64_t min_granularity;		/* CFS */
	bool run_to_parity;			/* EEVDF */
};

void scheduler_read(const struct recorded *recorded, struct scheduler_facts *facts);

/* Add a sentence for each of these facts that no kernel can have, and that is therefore not used. */
void scheduler_warnings(const struct recorded *recorded, GPtrArray *sentences);

/* The recorded slice, or CFS's granularity, ns; 0: not known. */
int64_t scheduler_slice(const struct recorded *recorded);

/* Is the kernel's release known, and this one or later? */
bool scheduler_since(const struct recorded *recorded, unsigned int major, unsigned int minor);

/* The weight of a thread of that kernel priority; 0: it is not of the fair class. */
unsigned int scheduler_weight(int64_t prio);

#endif
