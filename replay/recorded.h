/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recorded - the facts that replay needs, read from the database in time order.
 */
#ifndef REPLAY_RECORDED_H
#define REPLAY_RECORDED_H

#include <glib.h>

#include "replay/spin.h"
#include "schema/db.h"

#define RECORDED_ERROR (g_quark_from_static_string("recorded"))

/* No clock gets there: a row with such a time is damaged. Differences of others do not overflow. */
static inline bool recorded_no_time(int64_t t)
{
	return t < -DB_LATEST || t > DB_LATEST;
}

struct recorded_vm {
	int64_t id;
	char *label;		/* what it is called: view vm_label */
	unsigned int n_vcpus, n_words;
	unsigned int first;	/* place of its vCPU 0 in arrays over all VMs' vcpu_idx */
	unsigned int *vcpus;	/* vcpu.id by vcpu_idx; 0: that one is not known */
	bool whole;		/* all its vCPUs are known to be its own, and no others */
	bool created;		/* while recording: last_boosted_vcpu began as 0 */
	bool acks_visible;	/* EOIs are seen, so a wait for one can be */
	bool ipis_hidden;	/* IPIs reach its vCPUs without an event (APICv, AVIC) */
};

struct recorded_vcpu {
	unsigned int vm;	/* index into vms */
	unsigned int idx;
};

/* The candidate bitmaps of one decision, [n_words] each. */
enum recorded_bits {
	BITS_READY, BITS_PREEMPTED, BITS_IN_KERNEL, BITS_BLOCKING, BITS_DY_RUNNABLE, BITS_PENDING_IRQ,
	BITS_ON_CPU, BITS_QUEUED, BITS_IN_SPIN_LOOP, BITS_RQ_SINGLE, BITS_STATE_KNOWN, BITS_IN_KERNEL_KNOWN,
	BITS_IRQ_KNOWN, BITS_SPIN_KNOWN, BITS_RACY, BITS_PROBED, BITS_PROBED_READY,
	BITS_PROBED_PREEMPTED, BITS_PROBED_IN_KERNEL, BITS_PROBED_IN_SPIN_LOOP,
	BITS_PROBED_DY_ELIGIBLE, N_BITS,
};

struct recorded_decision {
	int64_t id, t_start, t_end;	/* DB_NULL: lost */
	unsigned int vcpu;		/* vcpu.id of the spinner */
	unsigned int vm, me;		/* index into vms; vcpu_idx */
	unsigned int cpu, n_vcpus;
	unsigned int n_eoi;
	int64_t ple_window;		/* DB_NULL: not known */
	bool probed;			/* the on_spin probe fired */
	int64_t kernel_mode;		/* DB_NULL: not known */
	int64_t probed_kernel_mode, last_boosted, nr_running;
	int64_t ipi_pending, ipi_receiver, ipi_time_ns;
	bool tainted;
	int64_t switched_out;		/* DB_NULL: not known */
	int64_t next_idx;		/* DB_NULL: not a vCPU of this VM */
	bool outcome_known;
	int pick;			/* NO_TARGET: nobody; valid if outcome_known */
	uint64_t *bits;			/* [N_BITS][n_words of its VM] */
	GArray *attempts;		/* of struct attempt */
};

struct recorded_ipi {
	unsigned int vm, sender, receiver;	/* vcpu_idx */
	uint8_t vector;
	bool tracked, unicast;
	int64_t t_accept, t_ack;	/* DB_NULL: no acknowledgement seen */
};

struct recorded_eoi {
	int64_t t;
	unsigned int vm, idx;
	int vector;
	bool reset;
	bool hooked;			/* it passes where the patches clear their context */
};

struct recorded_gap {
	int64_t t0, t1;
};

/* A vCPU comes onto a CPU. */
struct recorded_run {
	int64_t t;
	unsigned int vm, idx, cpu;
};

struct recorded {
	sqlite3 *db;
	char *kernel;			/* NULL: not known */
	int64_t t0, t1;
	bool probes;
	unsigned int n_cpu;		/* 1 to RECORDED_MAX_CPUS */
	int64_t n_decisions;		/* to show progress by: a damaged file may have others */
	unsigned int n_vms, n_vcpus, max_words;
	unsigned int n_slots;		/* of such arrays */
	struct recorded_vm *vms;
	struct recorded_vcpu *vcpus;	/* by vcpu.id, from 1 */
	/* streams; NULL before the first read */
	sqlite3_stmt *decisions, *candidates, *attempts, *ipis, *eois, *gaps, *runs;
	bool have_candidate, have_attempt;	/* a row waits for its decision */
	struct recorded_decision decision;
};

enum { RECORDED_MAX_CPUS = 8192 };	/* NR_CPUS at most, arch/x86/Kconfig, 6.1 to 7.2 */

struct recorded *recorded_open(sqlite3 *db, GError **error);
void recorded_free(struct recorded *recorded);

/* Start over from the first row of every stream. */
void recorded_rewind(struct recorded *recorded);

/* The next row in time order; false at the end, or with error set. */
bool recorded_next_decision(struct recorded *recorded, struct recorded_decision **decision, GError **error);
bool recorded_next_ipi(struct recorded *recorded, struct recorded_ipi *ipi, GError **error);
bool recorded_next_eoi(struct recorded *recorded, struct recorded_eoi *eoi, GError **error);
bool recorded_next_gap(struct recorded *recorded, struct recorded_gap *gap, GError **error);
bool recorded_next_run(struct recorded *recorded, struct recorded_run *run, GError **error);

/* Is the host's CPU of that number one of the recording? Else error says which thread is on it. */
bool recorded_has_cpu(const struct recorded *recorded, int64_t thread, int64_t cpu, GError **error);

/* Value of a host parameter (a GLOB pattern: any that matches), newly allocated; NULL: not known. */
char *recorded_param(const struct recorded *recorded, const char *name);

static inline uint64_t *decision_bits(const struct recorded *r, const struct recorded_decision *d,
				      enum recorded_bits which)
{
	return d->bits + which * r->vms[d->vm].n_words;
}

#endif
