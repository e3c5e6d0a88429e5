/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two passes of identity share; for identity.c and identity_settle.c alone. */
#ifndef ANALYZE_MODEL_IDENTITY_INT_H
#define ANALYZE_MODEL_IDENTITY_INT_H

#include "analyze/model/identity.h"

#define MAX_CPUS 8192	/* NR_CPUS of x86 at most */
#define MAX_VCPUS 4096	/* KVM_MAX_VCPUS, arch/x86/include/asm/kvm_host.h, 6.1 to 7.2 */

/*
 * Threads by TID: the life that events refer to at this point of the pass. In a
 * damaged recording TIDs may be anything; one that no kernel gives is nobody's.
 */
enum { MAX_TID = (1 << 22) - 1 };	/* PID_MAX_LIMIT, include/linux/threads.h */
enum { TID_PAGE_BITS = 9, TID_PAGE = 1 << TID_PAGE_BITS, TID_PAGES = (MAX_TID >> TID_PAGE_BITS) + 1 };

/*
 * A CPU that runs a vCPU shows an event at least this often, as it exits at every
 * timer interrupt; other threads may run for as long as they please. In the
 * recordings that this was made with, a busy CPU was silent for 152 ms at most.
 */
#define SILENCE_NS 1000000000LL

/* In the second pass, event number n is the first of another life of its TID. */
struct rebirth {
	uint64_t n;
	struct thread *thread;
};

/* The waker accepted an interrupt for vcpu_id and at once woke the other: they share a VM. */
struct wake_evidence {
	struct thread *waker, *woken;
	int64_t vcpu_id;
};

struct cpu_note {
	int64_t t_first, t_last;
	bool seen, named, first_known;	/* named: as where a thread was queued */
	bool busy;		/* runs is a vCPU's */
	struct thread *first, *runs;	/* at the first event, since the last; NULL: the idle thread */
	int32_t accept_tid;	/* an accept in this thread's context, nothing else since; 0: none */
	int64_t accept_vcpu_id;
};

struct vcpu_place {		/* what probes say of a vCPU */
	int32_t vm_pid;
	int64_t vcpu_id, vcpu_idx;
};

struct identity {
	struct thread ***tids;	/* [TID_PAGES][TID_PAGE] */
	GArray *rebirths;	/* of struct rebirth, ascending */
	uint64_t n_events;	/* so far in this pass */
	guint next_rebirth;
	GHashTable *groups;	/* tid -> tgid, as the source told of tasks */
	GPtrArray *threads, *vms;
	GArray *cpus;		/* of struct cpu_note */
	GArray *gaps;		/* of struct identity_gap */
	GHashTable *wakes;	/* set of struct wake_evidence */
	GHashTable *places;	/* set of struct vcpu_place */
	GHashTable *n_online;	/* vm_pid -> n_vcpus, from probes */
	unsigned int n_vcpus;
	struct identity_span span;
	unsigned int n_busy;	/* CPUs whose busy is set */
	int64_t t_told;		/* until then a gap of all CPUs explains that they are silent */
	bool any;
	int64_t t_last;		/* the last event of any CPU, or the end of a gap of all */
	int64_t count[EV_NTYPES];
};

static inline struct thread *tid_lookup(const struct identity *id, int64_t tid)
{
	struct thread **page;

	if (tid <= 0 || tid > MAX_TID)
		return NULL;
	page = id->tids[tid >> TID_PAGE_BITS];
	return page ? page[tid & (TID_PAGE - 1)] : NULL;
}

void tid_set(struct identity *identity, struct thread *thread);

#endif
