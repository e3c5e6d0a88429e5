/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two passes of identity share; for identity.c and identity_settle.c alone. */
#ifndef ANALYZE_MODEL_IDENTITY_INT_H
#define ANALYZE_MODEL_IDENTITY_INT_H

#include "analyze/model/identity.h"

#define MAX_VCPUS 4096	/* KVM_MAX_VCPUS, arch/x86/include/asm/kvm_host.h, 6.1 to 7.2 */

struct tid_lives {
	GPtrArray *lives;	/* of struct thread */
	int current;		/* life that events refer to; -1: none yet */
	bool ended;		/* it is over: the next event that names tid begins another */
};

/* The waker accepted an interrupt for vcpu_id and at once woke the other: they share a VM. */
struct wake_evidence {
	struct thread *waker, *woken;
	int64_t vcpu_id;
};

struct cpu_note {
	int64_t t_first, t_last;
	bool seen;
	int32_t accept_tid;	/* an accept in this thread's context, nothing else since; 0: none */
	int64_t accept_vcpu_id;
};

struct vcpu_place {		/* what probes say of a vCPU */
	int32_t vm_pid;
	int64_t vcpu_id, vcpu_idx;
};

struct identity {
	GHashTable *tids;	/* tid -> struct tid_lives */
	GPtrArray *threads, *vms;
	GArray *cpus;		/* of struct cpu_note */
	GArray *gaps;		/* of struct identity_gap */
	GHashTable *wakes;	/* set of struct wake_evidence */
	GHashTable *places;	/* set of struct vcpu_place */
	GHashTable *n_online;	/* vm_pid -> n_vcpus, from probes */
	unsigned int n_vcpus;
	struct identity_span span;
	int64_t count[EV_NTYPES];
};

#endif
