/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event - what a source yields: one tracepoint record, its fields as numbers.
 *
 * The list of events below is the whole vocabulary between recordings and the
 * model. Which fields exist in which kernel is in the table of
 * event_format.c; a field that the recorded kernel lacks is FIELD_ABSENT.
 */
#ifndef ANALYZE_SOURCE_EVENT_H
#define ANALYZE_SOURCE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#define FIELD_ABSENT INT64_MIN

/* type, system, name; probes are recognised by name and fields in any group */
#define EVENT_TYPES(X)                                                          \
	X(SCHED_SWITCH, "sched", "sched_switch")                                \
	X(SCHED_WAKING, "sched", "sched_waking")                                \
	X(SCHED_WAKEUP, "sched", "sched_wakeup")                                \
	X(SCHED_WAKEUP_NEW, "sched", "sched_wakeup_new")                        \
	X(SCHED_MIGRATE_TASK, "sched", "sched_migrate_task")                    \
	X(SCHED_PROCESS_FORK, "sched", "sched_process_fork")                    \
	X(SCHED_PROCESS_FREE, "sched", "sched_process_free")                    \
	X(KVM_ENTRY, "kvm", "kvm_entry")                                        \
	X(KVM_EXIT, "kvm", "kvm_exit")                                          \
	X(KVM_USERSPACE_EXIT, "kvm", "kvm_userspace_exit")                      \
	X(KVM_VCPU_WAKEUP, "kvm", "kvm_vcpu_wakeup")                            \
	X(KVM_PLE_WINDOW_UPDATE, "kvm", "kvm_ple_window_update")                \
	X(KVM_HYPERCALL, "kvm", "kvm_hypercall")                                \
	X(KVM_HV_HYPERCALL, "kvm", "kvm_hv_hypercall")                          \
	X(KVM_XEN_HYPERCALL, "kvm", "kvm_xen_hypercall")                        \
	X(KVM_MSR, "kvm", "kvm_msr")                                            \
	X(KVM_APIC, "kvm", "kvm_apic")                                          \
	X(KVM_APIC_IPI, "kvm", "kvm_apic_ipi")                                  \
	X(KVM_APIC_ACCEPT_IRQ, "kvm", "kvm_apic_accept_irq")                    \
	X(KVM_APICV_ACCEPT_IRQ, "kvm", "kvm_apicv_accept_irq")                  \
	X(KVM_AVIC_INCOMPLETE_IPI, "kvm", "kvm_avic_incomplete_ipi")            \
	X(KVM_HV_SEND_IPI, "kvm", "kvm_hv_send_ipi")                            \
	X(KVM_HV_SEND_IPI_EX, "kvm", "kvm_hv_send_ipi_ex")                      \
	X(KVM_INJ_VIRQ, "kvm", "kvm_inj_virq")                                  \
	X(KVM_EOI, "kvm", "kvm_eoi")                                            \
	X(KVM_PV_EOI, "kvm", "kvm_pv_eoi")                                      \
	X(TRACE_MARKER, "ftrace", "print")                                      \
	X(ON_SPIN, NULL, "on_spin")                                             \
	X(ON_SPIN_RET, NULL, "on_spin_ret")                                     \
	X(YIELD_TO, NULL, "yield_to")                                           \
	X(YIELD_TO_RET, NULL, "yield_to_ret")

enum event_type {
#define X(type, system, name) EV_##type,
	EVENT_TYPES(X)
#undef X
	EV_NTYPES,
	EV_MISSED = EV_NTYPES,	/* something of this CPU is missing before the next record */
	EV_TASK,		/* not a tracepoint: the source knows a thread's group or name */
	EV_IGNORED,		/* a record that no fact needs */
};

/* Why something is missing, or cannot be trusted, and how a gap row says it. */
#define LOSSES(X)                                                               \
	X(RECORDER, "the recorder lost events")                                 \
	X(PAGE_TORN, "a page is damaged")                                       \
	X(PAGE_ZEROED, "a page holds nothing but zeros")                        \
	X(CHUNK, "a compressed chunk is damaged")                               \
	X(RECORD, "a record is damaged, what follows cannot be found")          \
	X(SAMPLE, "a record is damaged")                                        \
	X(CUT, "the file ends before the events do")                            \
	X(CLOCK, "the clock stepped back")                                      \
	X(BURST, "between two bursts of the recording")                         \
	X(LATE, "the CPU ran a vCPU, but its events begin late")                \
	X(EARLY, "the CPU ran a vCPU, but its events end early")                \
	X(SILENCE_CPU, "the CPU ran a vCPU, but has no events")                 \
	X(SILENCE, "vCPUs ran, but no CPU has events")                          \
	X(ABSENT, "threads were queued on the CPU, but it has no events")       \
	X(PROBE, "the on_spin probe missed a call")                             \
	X(RETURN_PROBE, "a return probe missed a return")                       \
	X(UNPLACED, "the recorder counted them as lost, the events do not show where")

enum loss {
#define X(loss, text) LOSS_##loss,
	LOSSES(X)
#undef X
};

const char *loss_text(enum loss loss);

#define T_BEFORE INT64_MIN	/* a time before the first record, after the last */
#define T_AFTER  INT64_MAX
#define T_LATEST (INT64_MAX / 4) /* times of events are 0 to this, whatever their clock says: DB_LATEST */

#define CPU_ALL UINT16_MAX	/* ev.cpu of EV_MISSED */

/* vcpu->spin_loop and neighbours as the deep probe reads them, one u64 a vCPU */
#define DEEP_IN_SPIN_LOOP(state) (!!((state) & 0xff))
#define DEEP_DY_ELIGIBLE(state)  (!!((state) >> 8 & 0xff))
#define DEEP_PREEMPTED(state)    (!!((state) >> 24 & 0xff))
#define DEEP_READY(state)        (!!((state) >> 32 & 0xff))

struct event {
	int64_t t;		/* ns on the recording's clock */
	int32_t tid;		/* common_pid: the thread that ran; 0: the idle thread */
	int32_t tgid;		/* 0: the source does not say */
	uint16_t cpu;
	uint8_t type;		/* enum event_type */
	bool in_irq;		/* fired in an interrupt that happened to hit this thread */
	union {
		struct {
			int64_t prev_tid, prev_state, next_tid, next_prio;
			const char *prev_comm, *next_comm;	/* at most 16 bytes */
		} sched_switch;
		struct {
			int64_t tid, prio, target_cpu;
			const char *comm;
		} wake;		/* SCHED_WAKING, SCHED_WAKEUP, SCHED_WAKEUP_NEW */
		struct { int64_t tid, orig_cpu, dest_cpu; } migrate;
		struct { int64_t child_tid; } fork;
		struct { int64_t tid; } free;
		struct { int64_t vcpu_id, rip; } kvm_entry;
		struct { int64_t vcpu_id, exit_reason, isa, guest_rip; } kvm_exit;
		struct { int64_t old_window, new_window; } ple;
		struct { int64_t nr, a0, a1, a3; } hypercall;
		struct { int64_t code, rep_cnt, var_cnt; } hv_hypercall;
		struct { int64_t nr, a0; } xen_hypercall;
		struct { int64_t write, msr, data; } msr;
		struct { int64_t rw, reg, val; } apic;
		struct { int64_t icr_low, dest_id; } ipi;
		struct { int64_t vcpu_id, mode, vector; } accept;
		struct { int64_t icrh, icrl, id, index; } avic;
		struct { int64_t vector; } hv_send_ipi;
		struct { int64_t vector; } inj;
		struct { int64_t vector; } eoi;
		struct { const char *text; int64_t len; } marker;
		struct {
			int64_t vm_pid, vcpu_idx, vcpu_id, kernel_mode, last_boosted, n_vcpus;
			int64_t ipi_receiver, ipi_pending, ipi_time_ns;
			const uint64_t *state;	/* [n_deep], see DEEP_* */
			const uint8_t *in_kernel;
			int64_t n_deep;		/* 0: shallow probe */
		} on_spin;
		struct { int64_t vm_pid, target_idx, target_id; } yield_to;
		struct { int64_t ret; } yield_to_ret;
		struct {
			int64_t t0;	/* the last record before; T_BEFORE: none. ev.t may be T_AFTER */
			int64_t events;	/* 0: an unknown number */
			enum loss why;
		} missed;
		struct { const char *comm; } task;	/* of ev.tid; NULL: not said */
	};
	int64_t unused;		/* see event_format.c */
};

#endif
