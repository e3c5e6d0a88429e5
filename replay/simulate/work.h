/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * work - how far each vCPU's guest had got: its time on a CPU without what was lost
 * to waiting, interrupts of others, switches and PAUSE exits. Time on a CPU is counted
 * as timeline_ran() counts it, from the beginning of the recording.
 */
#ifndef REPLAY_SIMULATE_WORK_H
#define REPLAY_SIMULATE_WORK_H

#include "replay/estimate/timeline.h"

/* [r0, r1) of a vCPU's time on a CPU, lost. */
struct lost_time {
	int64_t r0, r1;
	int64_t before;		/* lost before r0 */
};

struct work {
	const struct timeline *tl;
	GArray **lost;		/* by vcpu.id: of struct lost_time */
};

struct work *work_new(const struct timeline *tl);
void work_free(struct work *work);

/* Before work_settle(): what is lost twice counts once. Nothing if r1 <= r0. */
void work_lose(struct work *work, unsigned int vcpu, int64_t r0, int64_t r1);
void work_settle(struct work *work);

/* After it: what vcpu had done when it had run that long, or at t; ns. */
int64_t work_at_ran(const struct work *work, unsigned int vcpu, int64_t ran);
int64_t work_at(const struct work *work, unsigned int vcpu, int64_t t);

#endif
