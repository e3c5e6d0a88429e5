/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host - a simulated host that is overcommitted with KVM guests, for recordings of any size.
 *
 * A discrete-event simulation whose events a recorder writes down. The kernel's part (switches,
 * wake-ups, interrupts, kvm_vcpu_on_spin() of kernel 6.1 on SVM) follows the kernel where the
 * events would show it; the scheduler is round robin and costs are drawn at random. One seed,
 * one recording.
 *
 * Limits: it is there to have the event mix, the sizes and the consistency of real recordings,
 * not to predict anything; see generate_recording.c for how near it comes.
 */
#ifndef TESTS_BENCH_HOST_H
#define TESTS_BENCH_HOST_H

#include <glib.h>
#include <stdbool.h>

#include "tests/bench/recorder.h"

enum { MAX_VCPUS = 256, WORDS = MAX_VCPUS / 64, N_LOCKS = 2, US = 1000, MS = 1000 * US };

#define NEVER G_MAXUINT64
#define START (3600ULL * 1000 * MS)	/* the clock when the simulation begins */

/* prev_state as sched_switch shows it */
enum {
	STATE_RUNNING = 0, STATE_SLEEPING = 1, STATE_DEAD = 0x10, STATE_IDLE = 0x80,
	STATE_PREEMPTED = 0x100,
};

/* What can be pending at a vCPU, the most urgent first. */
enum vector {
	VECTOR_RESCHED, VECTOR_CALL_MANY, VECTOR_CALL, VECTOR_TIMER, VECTOR_DEVICE, N_VECTORS,
	NO_VECTOR = N_VECTORS,
};

enum thread_kind { VCPU, VMM, IOTHREAD, VHOST, KWORKER, DAEMON, FORKER, JOB };

struct thread {
	enum thread_kind kind;
	int tid, tgid;
	char comm[16];
	unsigned int cpu;		/* on which it runs or waits, or was last */
	enum { BLOCKED, WAKING, QUEUED, ON_CPU } state;
	struct thread *prev, *next;	/* in a run queue; next: handed over to a CPU, too */
	struct thread *next_irq;	/* of those whose timers expired on a CPU */
	bool irq_due;			/* it is one of those */
	unsigned int timer;		/* in the agenda */
	guint64 t_last;			/* its last event */
	guint64 work;			/* ns it still runs; vCPUs: not used */
	guint64 period;			/* mean sleep; 0: until somebody wakes it */
	struct vm *vm;
	struct vcpu *vcpu;
	struct thread *job;		/* FORKER: whom it forks */
	bool born;			/* JOB: alive */
};

/* Where a vCPU thread is; but for the first, in kvm_arch_vcpu_ioctl_run(). */
enum vcpu_place { IN_GUEST, IN_LOOP, IN_YIELD, IN_HALT };

enum guest_phase { COMPUTE, WAIT_ANSWER, WAIT_LOCK, CRITICAL, EXITING };
enum irq_stage { IRQ_ENTRY, IRQ_HANDLER };

/* Why a guest leaves. */
enum exit {
	EXIT_NONE, EXIT_INTR, EXIT_PAUSE, EXIT_ICR, EXIT_EOI, EXIT_DEADLINE, EXIT_HLT,
	EXIT_VINTR, EXIT_NPF, EXIT_PORT, EXIT_HYPERCALL,
};

struct vcpu {
	struct thread *thread;
	struct vm *vm;
	unsigned int idx;
	enum vcpu_place place;

	/* the guest */
	guint64 since;			/* its time is accounted for until then */
	enum guest_phase phase;
	unsigned int op;
	guint64 left;			/* ns of the phase; waiting: until the next PAUSE exit */
	enum exit leaving;		/* EXITING: how */
	bool user;			/* its mode, outside interrupts */
	unsigned int sends, target;
	enum vector vector;		/* of its sends */
	unsigned int waits;		/* answers outstanding */
	guint64 askers[WORDS];		/* those who wait for this one's answer */
	unsigned int lock;
	bool holds;
	guint64 idle_until;
	guint64 rip;			/* where it goes on */

	/* interrupts */
	unsigned int pending;		/* bits by enum vector */
	guint64 t_irq;			/* when the last was accepted */
	enum vector in_service;		/* NO_VECTOR: none */
	enum irq_stage stage;
	guint64 irq_left;
	bool window;			/* KVM waits for the guest to allow interrupts */
	guint64 window_left;
	bool open;			/* it has just allowed them */
	guint64 t_tick;			/* the guest's timer */

	/* kvm_vcpu_on_spin() */
	guint32 ple_window;
	bool preempted, ready, in_kernel, in_spin, dy_eligible;
	unsigned int yielded_to;
};

struct lock {
	bool held;
	guint16 *waiting;		/* ring of n_vcpus */
	unsigned int first, n;
};

struct vm {
	unsigned int id, n_vcpus;
	int tgid;
	struct vcpu *vcpus;
	const struct workload *workload;
	struct lock locks[N_LOCKS];
	unsigned int last_boosted;
	struct thread *vhost;
};

struct cpu {
	unsigned int id;
	char idle[16];			/* name of its idle thread */
	guint64 t;			/* of its last event */
	struct thread *current;		/* NULL: idle */
	struct thread *first, *last;	/* the run queue */
	unsigned int n_queued;
	struct thread *buddy;		/* in it, to be next */
	struct thread *irqs;		/* to be woken by interrupts that wait */
	struct thread *handed;		/* woken elsewhere, to be queued here */
	bool resched;
	bool kicked;			/* interrupted by another CPU */
	guint64 t_slice;		/* end of the slice */
	guint64 t_work;			/* end of what a thread other than a vCPU does */
};

struct host {
	struct recorder *recorder;
	guint64 t_recording;		/* before this nothing is recorded */
	bool probes;
	guint64 random;
	guint64 now;			/* of the CPU that is being simulated */
	unsigned int n_cpus, n_vms, n_threads;
	struct cpu *cpus;
	struct vm *vms;
	struct thread *threads;
	int next_tid;
	struct agenda *agenda;
};

struct host_options {
	unsigned int n_cpus, n_vms, n_vcpus;
	guint64 seed;
	bool probes;
	struct recorder *recorder;
};

struct host *host_new(const struct host_options *options);
void host_free(struct host *h);
void host_run(struct host *h, guint64 n_events);

/* --- host.c, for the other parts of the simulation --- */

guint64 host_random(struct host *h, guint64 below);
guint64 host_exponential(struct host *h, guint64 mean);
bool host_chance(struct host *h, unsigned int percent);
void host_spend(struct host *h, struct cpu *c, guint64 mean);
/* The CPU has something to do at t, or earlier. */
void host_call(struct host *h, struct cpu *c, guint64 t);
void host_set_timer(struct host *h, struct thread *t, guint64 when);
void host_emit(struct host *h, struct cpu *c, enum trace_event event, const guint64 *values,
	       unsigned int n_values);

#define EMIT(h, c, event, ...)                                               \
	host_emit((h), (c), EV_##event, (const guint64[]){ __VA_ARGS__ },    \
		  sizeof((const guint64[]){ __VA_ARGS__ }) / sizeof(guint64))
#define TEXT(comm) ((guint64)(gsize)(comm))

/* --- host_sched.c: threads and run queues --- */

void sched_enqueue(struct cpu *c, struct thread *t);
/* Wake t from what runs on c; false: it does not sleep. */
bool sched_wake(struct host *h, struct cpu *c, struct thread *t);
/* The scheduler is asked for a thread; false: it takes none but the one that runs. */
bool sched_switch(struct host *h, struct cpu *c, unsigned int prev_state);
/* yield_to(): 1, 0 or -3, as the kernel's. 1: the target is to be next on its CPU. */
int sched_yield_to(struct host *h, struct cpu *c, struct thread *target);
/* Handle all that is due on a CPU now. */
void sched_step(struct host *h, struct cpu *c, guint64 now);

/* --- host_kvm.c: the vCPU loop --- */

/* Its thread has been switched in. */
void kvm_resume(struct host *h, struct cpu *c);
void kvm_sched_in(struct host *h, struct cpu *c, struct vcpu *v);
void kvm_sched_out(struct vcpu *v, bool runnable);
/* The guest has run until now, c->t. */
void kvm_guest_ran(struct host *h, struct cpu *c);
/* An interrupt for v, from what runs on c. */
void kvm_deliver(struct host *h, struct cpu *c, struct vcpu *v, enum vector vector);

/* --- host_guest.c: what guests do --- */

const struct workload *guest_workload(unsigned int vm);
void guest_start(struct host *h, struct vcpu *v);
/* The guest is entered; it may be in the middle of something. */
void guest_entered(struct vcpu *v);
/* ns until it leaves, or does something else. */
guint64 guest_plan(struct vcpu *v);
/* It ran for so long; what it leaves for, if it does. */
enum exit guest_run(struct host *h, struct vcpu *v, guint64 ns);
/* The host has done what it left for. */
void guest_exit_done(struct host *h, struct vcpu *v, enum exit exit);
/* v has called 'other' and will wait until that has answered. */
void guest_called(struct vcpu *v, struct vcpu *other);
bool guest_in_kernel(const struct vcpu *v);
/* Where it is as it leaves. */
guint64 guest_rip(struct host *h, const struct vcpu *v, enum exit exit);

#endif
