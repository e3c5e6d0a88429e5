/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * identity - who is who in a recording: lives of TIDs, vCPUs, VMs.
 *
 * Neither a vCPU's place in its VM nor its thread group is in any event that
 * comes early enough (host facts may be the last records, a vCPU may first run
 * at the end), yet every bitmap depends on them. So a first pass over the
 * events settles identities, and the second makes facts.
 */
#ifndef ANALYZE_MODEL_IDENTITY_H
#define ANALYZE_MODEL_IDENTITY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyze/model/host_facts.h"
#include "analyze/source/event.h"

struct vm;

struct vcpu {
	int64_t id;
	struct vm *vm;
	unsigned int idx;
	int64_t vcpu_id;
};

/* How the vCPUs of a VM were found to belong together. */
enum membership { MEMBERSHIP_TGID, MEMBERSHIP_INFERRED, MEMBERSHIP_UNKNOWN };

struct vm {
	int64_t id;
	int32_t tgid;		/* 0: not known */
	char *name;		/* NULL: not known */
	unsigned int n_vcpus;
	struct vcpu **vcpus;	/* [n_vcpus] by vcpu_idx; NULL: never seen */
	enum membership membership;
	bool idx_known, created, cpl_known;
};

struct thread {
	int64_t id;		/* from 1, in order of t0 */
	int32_t tid, tgid;	/* tgid 0: not known */
	char comm[17];
	char *cgroup;
	int64_t t0, t1;
	int64_t vcpu_id;	/* -1: not a vCPU thread */
	struct vcpu *vcpu;	/* set by identity_settle() */
	enum { FIRST_RUNNING, FIRST_WOKEN, FIRST_SWITCHED_IN } first;	/* how it first appeared */
	bool born;		/* ... which shows that it was created while recording */
	bool slept_first;	/* it slept before its first KVM event */
	bool ended;
	int64_t n_high, n_low_pause;	/* exits with guest_rip in the high half; VMX PAUSE exits with a low one */
	struct thread *previous;	/* life of the same TID */
};

struct identity;

struct identity *identity_new(void);
void identity_free(struct identity *identity);

/* Event types that the first pass wants, a bit each; of the others it wants the thread. */
uint64_t identity_wants(void);

/* First pass: take note of one event. */
void identity_note(struct identity *identity, const struct event *ev);

/* First pass: the recorder paused, as its own markers say. */
void identity_note_pause(struct identity *identity, int64_t t0, int64_t t1);

/* Between the passes: form VMs and vCPUs. Host facts win over inference. */
void identity_settle(struct identity *identity, const struct host_facts *facts);

/*
 * The life of tid at the present point of the pass. identity_follow() is called
 * with every event of the second pass, before its threads are looked up.
 * NULL: tid 0 (the idle threads), or a TID the first pass did not see.
 */
void identity_follow(struct identity *identity);
struct thread *identity_thread(const struct identity *identity, int64_t tid);

const GPtrArray *identity_threads(const struct identity *identity);	/* of struct thread, by id */
const GPtrArray *identity_vms(const struct identity *identity);	/* of struct vm, by id */
unsigned int identity_n_vcpus(const struct identity *identity);	/* vcpu ids are 1 to this */

/* First pass: span of the recording, and whether a type of event occurred at all. */
struct identity_span {
	int64_t t0;		/* latest first event over CPUs that were not idle before it */
	int64_t t_first, t1;	/* first and last event of all */
	unsigned int n_cpu;	/* highest CPU seen + 1 */
};

/* Something is missing in [t0, t1), whether the source said so or the events show it. */
struct identity_gap {
	int cpu;		/* -1: all */
	int64_t t0, t1;
	int64_t events;		/* 0: an unknown number */
	enum loss why;
};
const GArray *identity_gaps(const struct identity *identity);	/* in order of t0; of settled identities */

const struct identity_span *identity_span(const struct identity *identity);
int64_t identity_count(const struct identity *identity, enum event_type type);

#endif
