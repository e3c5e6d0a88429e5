/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Run-time state of the model, shared by its files. */
#ifndef ANALYZE_MODEL_MODEL_INT_H
#define ANALYZE_MODEL_MODEL_INT_H

#include "analyze/model/model.h"

#define HISTOGRAM_BUCKETS 40	/* 2^39 ns = 9 minutes */

/* Per-VM bitmaps over vcpu_idx: what the kernel's flags are, and which of them are known. */
enum bits {
	READY, PREEMPTED, IN_KERNEL, BLOCKING, DY_RUNNABLE, PENDING_IRQ, ON_CPU, QUEUED, IN_SPIN_LOOP,
	STATE_KNOWN, IN_KERNEL_KNOWN, IRQ_KNOWN, SPIN_KNOWN,
	UNSETTLED,	/* a switch or wake-up was seen, the flags may follow an instant later */
	N_BITS,
};

/* What a decision keeps of them. */
enum snapshot {
	SNAP_RACY = N_BITS, SNAP_RQ_SINGLE, SNAP_PROBED, SNAP_PROBED_READY, SNAP_PROBED_PREEMPTED,
	SNAP_PROBED_IN_KERNEL, SNAP_PROBED_IN_SPIN_LOOP, SNAP_PROBED_DY_ELIGIBLE, N_SNAPSHOT,
};

struct vcpu_run;

struct vm_run {
	const struct vm *vm;
	unsigned int n_words;
	uint64_t *bits;			/* [N_BITS][n_words] */
	GPtrArray *scans;		/* vCPUs whose scan is going on, few */
	int64_t n_accept, n_apicv, n_eoi;
};

struct thread_run {
	struct thread *thread;
	struct vcpu_run *vcpu;
	int on_cpu;			/* -1: not on a CPU */
	int queued;			/* CPU whose nr_running counts it; -1: none */
	struct on_cpu_row stretch;	/* the present one, or t_ready etc. of the next */
};

struct decision_run {
	bool open, scanning;
	bool descheduled;		/* imputed only: off the CPU since its exit */
	bool returned;			/* the last yield_to() has */
	struct decision_row row;
	uint64_t *snapshot;		/* [N_SNAPSHOT][n_words] */
	bool has_probed;
	GArray *attempts;		/* of struct attempt_row */
};

struct exit_count {
	int64_t reason, n, ns;
	uint32_t histogram[HISTOGRAM_BUCKETS];
};

struct ipi_send;
struct ipi_edge;

struct vcpu_run {
	const struct vcpu *vcpu;
	struct vm_run *vm;
	struct thread_run *thread;	/* that ran it last; NULL: none */
	bool in_kvm_run, run_known;
	bool switched_in;		/* kvm_sched_in() has yet to clear its flags */
	int64_t t_changed;		/* last switch, wake-up or interrupt */
	bool rip_kernel;		/* guest_rip of the last exit was in the high half */
	int64_t t_entry, t_exit;	/* of the guest stretch or exit under way; 0: not in one */
	int64_t t_off, off_ns;		/* switched out at; off a CPU during this exit */
	int64_t exit_reason, isa;
	int64_t ple_window;		/* DB_NULL: no update seen */
	int64_t ple_window_at_exit;
	int64_t n_exit, n_eoi;		/* since its previous decision */
	int64_t n_pause, n_miss;
	const char *spin_trigger;	/* an exit that calls on_spin, which has not shown yet */
	int64_t spin_kernel_mode, spin_t;
	struct decision_run decision;
	GArray *exits;			/* of struct exit_count, of exit_second */
	int64_t exit_second;
	uint16_t exit_slot[32];		/* by exit reason: where in exits it is likely to be */
	/* ipi.c */
	struct ipi_send *send;		/* under way */
	struct ipi_edge *pending;	/* received and not yet acknowledged, newest first */
	unsigned int n_pending;
	GArray *early_accepts;		/* accepts that may belong to a send not yet traced */
	bool wrote_xapic_icr;		/* in this exit */
	struct eoi_row eoi;		/* waits to see if it was a PV EOI; id 0: none */
};

struct cpu_run {
	bool seen;
	int64_t t_last;
	struct thread_run *current;	/* NULL: idle, or not known */
	int nr_running;
	bool nr_known;			/* it was idle since the last gap */
	struct vcpu_run *unsettled[3];
	unsigned int n_unsettled;
	int64_t loose_accept;		/* vcpu_id of an accept whose VM is not known; -1: none */
};

struct model {
	struct facts *facts;
	struct identity *identity;
	struct model_input input;
	struct identity_span span;
	struct thread_run *threads;	/* by thread id */
	struct vcpu_run *vcpus;		/* by vcpu id */
	struct vm_run *vms;		/* by vm id */
	unsigned int n_vms, n_vcpus, n_threads;
	struct cpu_run *cpus;
	const struct identity_gap **gap_ends;	/* identity_gaps() in order of t1 */
	unsigned int next_gap, next_gap_end;	/* not begun yet, not ended yet */
	int64_t t_next_gap;		/* when the next begins or ends */
	int64_t gap_until;		/* of those begun, the latest end */
	int64_t next_on_cpu, next_decision, next_ipi, next_eoi;
	struct ipi_edge *free_edges;
	struct model_result result;
};

static inline uint64_t *vm_bits(const struct vm_run *vm, enum bits which)
{
	return vm->bits + which * vm->n_words;
}

static inline bool vcpu_bit(const struct vcpu_run *v, enum bits which)
{
	return vm_bits(v->vm, which)[v->vcpu->idx / 64] >> (v->vcpu->idx % 64) & 1;
}

static inline void vcpu_set(const struct vcpu_run *v, enum bits which, bool value)
{
	uint64_t *word = &vm_bits(v->vm, which)[v->vcpu->idx / 64], bit = 1ULL << (v->vcpu->idx % 64);

	*word = value ? *word | bit : *word & ~bit;
}

static inline uint64_t *snapshot_bits(const struct vcpu_run *v, unsigned int which)
{
	return v->decision.snapshot + which * v->vm->n_words;
}

/* The run state of a TID at this point; NULL for the idle threads. */
struct thread_run *model_thread(const struct model *m, int64_t tid);

/* A flag of v changed or is about to: scans of its VM that are looking may see either value. */
void model_vcpu_changed(struct vcpu_run *v, struct cpu_run *cpu, int64_t t);

/* A probe ought to have fired between t0 and ev: a gap of this vCPU's alone. */
void model_missed_probe(struct model *m, const struct event *ev, int64_t t0, enum loss why);

/* sched.c */
void sched_seen(struct model *m, const struct event *ev, struct thread_run *self);
void sched_switch(struct model *m, const struct event *ev);
void sched_waking(struct model *m, const struct event *ev, struct thread_run *self);
void sched_wakeup(struct model *m, const struct event *ev);
void sched_migrate(struct model *m, const struct event *ev);
void sched_gap(struct model *m, int cpu, int64_t t0);	/* cpu -1: all */
void sched_finish(struct model *m);

/* exits.c */
void exits_entry(struct model *m, struct vcpu_run *v, const struct event *ev);
void exits_exit(struct model *m, struct vcpu_run *v, const struct event *ev);
void exits_flush(struct model *m, struct vcpu_run *v);

/* decision.c */
void decision_exit(struct model *m, struct vcpu_run *v, const struct event *ev, const char *trigger,
		   int64_t kernel_mode);
void decision_event(struct model *m, struct vcpu_run *v, const struct event *ev);
void decision_switch_out(struct model *m, struct vcpu_run *v, const struct event *ev,
			 const struct vcpu_run *next);
void decision_switch_in(struct model *m, struct vcpu_run *v, const struct event *ev);
void decision_gap(struct model *m, struct vcpu_run *v);
void decision_close(struct model *m, struct vcpu_run *v, int64_t t_end);

/* ipi.c */
void ipi_event(struct model *m, const struct event *ev, struct thread_run *self);
void ipi_finish_send(struct model *m, struct vcpu_run *v);
void ipi_flush_eoi(struct model *m, struct vcpu_run *v, const struct event *next);
void ipi_finish(struct model *m, struct vcpu_run *v);
void ipi_gap(struct vcpu_run *v);	/* acceptances and writes before it belong to no send after it */
void ipi_free_edges(struct model *m);

#endif
