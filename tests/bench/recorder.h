/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recorder - what ftrace and trace-cmd do on a host: events become ring-buffer pages, pages a
 * trace.dat. Pages wait in a temporary file per CPU beside the recording, so that memory does
 * not grow with it.
 */
#ifndef TESTS_BENCH_RECORDER_H
#define TESTS_BENCH_RECORDER_H

#include <glib.h>
#include <stdbool.h>

#define TRACE_EVENTS(X)                                                                  \
	X(sched_switch) X(sched_waking) X(sched_wakeup) X(sched_wakeup_new)              \
	X(sched_migrate_task) X(sched_process_fork) X(sched_process_free)                \
	X(kvm_entry) X(kvm_exit) X(kvm_userspace_exit) X(kvm_ple_window_update)          \
	X(kvm_vcpu_wakeup)                                                              \
	X(kvm_apic_ipi) X(kvm_apic_accept_irq) X(kvm_inj_virq) X(kvm_eoi) X(kvm_msr)     \
	X(kvm_hypercall) X(on_spin) X(on_spin_ret) X(yield_to) X(yield_to_ret)

enum trace_event {
#define X(name) EV_##name,
	TRACE_EVENTS(X)
#undef X
	N_TRACE_EVENTS,
};

struct recorder_options {
	const char *path;
	unsigned int n_cpus;
	int version;		/* 6 or 7 */
	bool zstd;		/* 7 only */
	bool probes;
	unsigned int n_deep;	/* vCPUs of whom on_spin tells the state */
};

struct recorder;

struct recorder *recorder_new(const struct recorder_options *options, GError **error);
void recorder_free(struct recorder *r);

/*
 * An event on 'cpu' while thread 'tid' ran there; a CPU's events come in order. 'values' are
 * the fields after the common ones, in the format's order; texts as pointers to 16 bytes.
 */
void recorder_add(struct recorder *r, unsigned int cpu, guint64 t, enum trace_event event,
		  unsigned int flags, int tid, const guint64 *values, unsigned int n_values);

guint64 recorder_count(const struct recorder *r, enum trace_event event);
guint64 recorder_total(const struct recorder *r);
const char *trace_event_name(enum trace_event event);

/* Write the file. 'cmdlines': "TID COMM" per line. */
bool recorder_finish(struct recorder *r, const char *release, const char *cmdlines, GError **error);

#endif
