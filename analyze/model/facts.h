/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts - rows into the fact tables; one struct and one function per table,
 * members in the order and with the meaning of schema/facts.sql.
 *
 * DB_NULL or a NULL pointer is SQL NULL. The first failure to write is kept and
 * makes all later calls do nothing; facts_finish() reports it.
 */
#ifndef ANALYZE_MODEL_FACTS_H
#define ANALYZE_MODEL_FACTS_H

#include <stdint.h>

#include "schema/db.h"

struct facts;

struct facts *facts_new(sqlite3 *db);
bool facts_finish(struct facts *facts, GError **error);	/* frees facts */

struct vm_row {
	int64_t id;
	const char *name;
	int64_t tgid, n_vcpus;
	const char *membership;
	bool idx_known, created, cpl_known, ipi_virtual, eoi_virtual;
};
void facts_vm(struct facts *facts, const struct vm_row *row);

struct vcpu_row {
	int64_t id, vm, vcpu_idx, vcpu_id, n_pause, n_miss;
};
void facts_vcpu(struct facts *facts, const struct vcpu_row *row);

struct thread_row {
	int64_t id, tid, tgid;
	const char *comm;
	int64_t vcpu;
	const char *cgroup;
	int64_t t0, t1;
};
void facts_thread(struct facts *facts, const struct thread_row *row);

struct on_cpu_row {
	int64_t id, thread, cpu, t_ready, cpu_ready, waker, t0, t1, prio;
	const char *why;
	int64_t in_kvm_run, in_kernel, guest_ns, n_exit;
};
void facts_on_cpu(struct facts *facts, const struct on_cpu_row *row);

struct exit_stat_row {
	int64_t vcpu, second, exit_reason, n, handling_ns;
	const char *histogram;
};
void facts_exit_stat(struct facts *facts, const struct exit_stat_row *row);

struct ipi_row {
	int64_t id, sender, receiver, vector;
	const char *mode, *shorthand, *path;
	int64_t n_receivers, t_send, t_accept, t_inject, t_ack;
	bool tracked, tainted;
};
void facts_ipi(struct facts *facts, const struct ipi_row *row);

struct eoi_row {
	int64_t id, t, vcpu, vector;
	const char *how;
};
void facts_eoi(struct facts *facts, const struct eoi_row *row);

struct decision_row {
	int64_t id, vcpu, t_start, t_end, cpu;
	const char *trigger, *source;
	int64_t yield_to_kernel_mode, n_vcpus, ple_window, n_exit, n_eoi, nr_running;
	bool tainted;
	int64_t switched_out, next_idx, pick_idx;
	const char *pick_source;
	int64_t result;
	int64_t probed_kernel_mode, last_boosted, ipi_pending, ipi_receiver, ipi_time_ns;
};
void facts_decision(struct facts *facts, const struct decision_row *row);

struct candidate_row {
	int64_t decision, word;
	uint64_t ready, preempted, in_kernel, blocking, dy_runnable, pending_irq, on_cpu, queued,
		 in_spin_loop, rq_single;
	uint64_t state_known, in_kernel_known, irq_known, spin_known, racy;
	bool has_probed;	/* else all of the following are NULL */
	uint64_t probed, probed_ready, probed_preempted, probed_in_kernel, probed_in_spin_loop,
		 probed_dy_eligible;
};
void facts_candidate(struct facts *facts, const struct candidate_row *row);

struct attempt_row {
	int64_t decision, n, target_idx, result, t_call, t_ret;
	const char *source;
};
void facts_attempt(struct facts *facts, const struct attempt_row *row);

struct gap_row {
	int64_t cpu, t0, t1, events;
	const char *why;
};
void facts_gap(struct facts *facts, const struct gap_row *row);

struct event_type_row {
	const char *system, *name;
	int64_t n, used;
	const char *reason;
};
void facts_event_type(struct facts *facts, const struct event_type_row *row);

void facts_host_param(struct facts *facts, const char *name, const char *when, const char *value);
void facts_unknowable(struct facts *facts, const char *what, const char *why);

struct recording_row {
	const char *path, *sha256, *format, *kernel, *machine, *clock, *isa;
	int64_t n_cpu, t0, t1, realtime_offset, events, used, ignored, lost;
	const char *host_facts;
	bool probes;
	const char *importer;
};
void facts_recording(struct facts *facts, const struct recording_row *row);

#endif
