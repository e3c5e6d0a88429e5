/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timeline - when each vCPU's thread was on a CPU, and how long it had run by
 * then. Time in which a thread does not run is invisible to its guest, so waits
 * and progress are measured in time on the CPU.
 */
#ifndef REPLAY_ESTIMATE_TIMELINE_H
#define REPLAY_ESTIMATE_TIMELINE_H

#include "replay/recorded.h"

#define NEVER INT64_MAX

/* A stretch on a CPU, [t0, t1). Times in ns of the recording's clock. */
struct stretch {
	int64_t t0, t1;
	int64_t ran;		/* on a CPU before t0 */
	unsigned int cpu;
	bool runnable;		/* at t1: preempted, or yielded; false: went to sleep, or not known */
	int8_t in_kernel;	/* guest mode at its last exit; -1: not known */
	int8_t in_kvm_run;	/* at t1: inside ioctl(KVM_RUN); -1: not known */
	char why;		/* on_cpu.why, its first letter; 0: the recording or a gap ended it */
	int64_t t_ready;	/* became runnable; DB_NULL: not known */
};

/* By vcpu.id, from 1; each a GArray of struct stretch in time order. */
struct timeline {
	unsigned int n_vcpus;
	GArray **lines;
	int64_t total;		/* on-CPU time of all vCPUs */
};

/* Read table on_cpu. NULL with error set if it cannot be read. */
struct timeline *timeline_load(const struct recorded *recorded, GError **error);
void timeline_free(struct timeline *tl);

/* Index of the last stretch of vcpu that begins at or before t; -1: there is none. */
int timeline_find(const struct timeline *tl, unsigned int vcpu, int64_t t);

/* The stretch that contains t; NULL: it is not on a CPU. */
const struct stretch *timeline_at(const struct timeline *tl, unsigned int vcpu, int64_t t);

/* How long vcpu has run on a CPU until t. */
int64_t timeline_ran(const struct timeline *tl, unsigned int vcpu, int64_t t);

/* The first instant at which vcpu has run that long; NEVER. */
int64_t timeline_when(const struct timeline *tl, unsigned int vcpu, int64_t ran);

/* The first instant at or after t at which vcpu is on a CPU; NEVER. */
int64_t timeline_next_in(const struct timeline *tl, unsigned int vcpu, int64_t t);

#endif
