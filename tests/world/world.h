/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world - a simulated host, overcommitted with KVM guests, of which all is known: how much
 * useful work its guests do under each directed-yield policy, how long they spin, how long
 * their IPIs take.
 *
 * A discrete-event simulation in ns. Host: run queues as EEVDF or CFS keep them, ticks,
 * wake-ups, idle balancing, and kvm_vcpu_on_spin() on VMX without APICv. Guests: programs that
 * compute, call each other, take locks, disable interrupts and sleep; each vCPU draws its
 * program from a stream of its own, so that its n-th operation is the same under every policy.
 * It shares no code with what it is to judge.
 *
 * All state is in struct world; one settings, one policy, one seed: one course of events.
 */
#ifndef TESTS_WORLD_WORLD_H
#define TESTS_WORLD_WORLD_H

#include <glib.h>
#include <stdbool.h>

#include "tests/bench/recorder.h"
#include "tests/world/chance.h"
#include "tests/world/settings.h"

#define NEVER G_MAXINT64
#define NOBODY (-1)

enum task_state { TASK_BLOCKED, TASK_QUEUED, TASK_RUNNING };

/* prev_state as sched_switch shows it */
enum { STATE_RUNNING = 0, STATE_SLEEPING = 1 };

struct task {
	unsigned int id;
	int tid, tgid;
	char comm[16];
	struct vcpu *vcpu;		/* NULL: it belongs to no guest */
	enum task_state state;
	unsigned int cpu;		/* where it runs or waits, or was last */
	gint64 vruntime;
	gint64 deadline, vprot;		/* EEVDF */
	gint64 lag;			/* EEVDF: of a task that is on no queue */
	gint64 ran;			/* since it was picked */
	gint64 t_queued;
	gint64 t_timer;			/* NEVER: none is set */
	gint64 left, run, sleep;	/* not a vCPU: to run now; means */
	struct chance chance;
};

struct cpu {
	unsigned int id;
	struct task *current;		/* NULL: idle */
	struct task *queue[MAX_TASKS];	/* waiting, without current */
	unsigned int n_queued;
	struct task *next, *skip;	/* buddies */
	gint64 min_vruntime;		/* of CFS; of EEVDF: the average when the queue ran empty */
	bool resched;
	bool attention;			/* something concerns what runs there, now */
	gint64 t_account;		/* its time is accounted for until then */
	gint64 t_tick;
	gint64 t_penalty, t_cancel;	/* side.c: the last; 0: none was */
};

enum vector { VECTOR_CALL, VECTOR_RESCHED, VECTOR_TIMER, N_VECTORS };

/* What the vCPU thread does once it has spent its time in the host. */
enum then { THEN_ENTER, THEN_SPIN, THEN_YIELDED, THEN_SEND, THEN_EOI, THEN_HALT,
	    THEN_WOKEN };
enum place { PLACE_HOST, PLACE_POLL, PLACE_GUEST };
enum phase { PHASE_COMPUTE, PHASE_SEND, PHASE_WAIT, PHASE_CRITICAL, PHASE_HALT };
enum wait { WAIT_NOTHING, WAIT_CALL, WAIT_LOCK };
enum irq_stage { IRQ_BEFORE_EOI, IRQ_BODY };

/* One operation of a program: compute, then do something. */
struct op {
	enum action action;
	gint64 compute;
	bool user;			/* computes in user mode */
	gint64 length;			/* of the critical section, or of the sleep */
	unsigned int lock;
	bool call_inside;		/* the critical section calls somebody */
	guint16 receivers;		/* bit per vcpu_idx */
};

/* What the IPI-aware patches keep per vCPU. */
struct ipi_record {
	int receiver, sender;
	bool pending;
	gint64 t;
	enum vector vector;
};

struct vcpu {
	struct task *task;
	struct vm *vm;
	unsigned int idx;

	/* host */
	enum place place;
	gint64 host_left;
	enum then then;
	bool in_kernel;			/* the guest, when it last left */
	bool ready, preempted, preempted_in_kernel, blocking, event;
	bool in_spin_loop, dy_eligible;
	int boosted;			/* what last_boosted_vcpu becomes when its yield returns */
	gint64 ple_window;
	struct ipi_record ipi;

	/* guest: its program */
	struct chance program;
	struct op op;
	enum phase phase;
	gint64 left;
	bool irqs_off, holds_lock;
	guint16 to_send;			/* receivers still to be sent to */
	enum wait wait;
	guint16 unanswered;		/* vCPUs whose answer it waits for */
	gint64 t_wait;			/* since when it waits */
	gint64 spin_left;		/* to the next PAUSE exit */
	gint64 waited_on_cpu;		/* of this wait */
	unsigned int wait_pauses;
	gint64 idle_until;		/* PHASE_HALT */
	gint64 t_halt;			/* when KVM began to halt it */
	gint64 t_guest_tick;

	/* guest: interrupts */
	bool timer_due, kicked, window_wanted;
	unsigned int pending;		/* bit per vector */
	int in_service;			/* vector, or NOBODY */
	enum irq_stage stage;
	gint64 irq_left;
	guint16 askers, serving;		/* who waits for its answer */
};

struct lock {
	int holder;			/* vcpu_idx, or NOBODY */
	guint8 queue[MAX_VCPUS];	/* waiters in the order they came */
	unsigned int n;
};

struct vm {
	unsigned int id, n_vcpus;
	int tgid;
	const struct mix *mix;
	struct vcpu vcpus[MAX_VCPUS];
	struct lock locks[MAX_LOCKS];
	int last_boosted;
};

enum policy { POLICY_STOCK, POLICY_IPI_AWARE, POLICY_RELAXED, POLICY_IPI_AWARE_RELAXED,
	      POLICY_RECEIVER_FIRST, POLICY_NONE, N_POLICIES };

extern const char *const policy_names[N_POLICIES];

/* What yield_to() does beyond naming the target; under EEVDF. */
enum side { SIDE_PLAIN, SIDE_DEBOOSTER_V1, SIDE_DEBOOSTER_V2, SIDE_LAG_CREDIT, N_SIDES };

extern const char *const side_names[N_SIDES];

/* Sums over the measured span. */
struct account {
	gint64 work;			/* ns that programs advanced */
	gint64 spin;			/* ns on a CPU in waits, with exits, without handlers */
	gint64 spin_seen;		/* of waits that met a PAUSE exit */
	gint64 vcpu_ns;			/* vCPUs on CPUs */
	gint64 idle_ns;			/* of all CPUs */
	gint64 response;		/* of calls that were waited for, to the last answer */
	gint64 n_responses, n_pauses, n_decisions, n_yields, n_ops;
	gint64 vm_work[MAX_VMS];
};

/* One decision made otherwise than the policy would, and what became of it. */
struct override {
	gint64 decision;		/* from 1; 0: none */
	int target;			/* vcpu_idx, or NOBODY */
	bool force;			/* false: only look what becomes of it */
	int result;			/* of the yield_to() */
	int vm, vcpu;			/* whose decision; NOBODY: there was none of this number */
	gint64 t, t_wait_end;		/* of the decision, of its wait; 0: never ended */
};

struct world {
	const struct settings *s;
	enum policy policy;
	enum side side;
	gint64 now, t_start, t_end;	/* measured: [t_start, t_end) */
	gint64 t_emit;
	struct cpu cpus[MAX_CPUS];
	struct vm vms[MAX_VMS];
	struct task tasks[MAX_TASKS];
	unsigned int n_tasks;
	gint64 t_timer;			/* the first of all tasks' */
	struct recorder *tape;		/* NULL: nothing is written */
	struct account account;
	struct override override;
};

/* --- world.c --- */

/* Programs are drawn from program_seed. Freed by g_free(). */
struct world *world_new(const struct settings *s, enum policy policy, guint64 program_seed,
			struct recorder *tape);
/* From the beginning to the end, s->warm + s->length. */
void world_run(struct world *w);
/* Its time until now is accounted for. */
void world_account(struct world *w, struct cpu *c);
/* What runs on c has to look at something now. */
void world_attention(struct cpu *c);
void world_set_timer(struct world *w, struct task *t, gint64 when);
bool world_measures(const struct world *w);
void world_emit(struct world *w, const struct cpu *c, enum trace_event event,
		const guint64 *values, unsigned int n_values);

#define EMIT(w, c, event, ...)                                                \
	do {                                                                  \
		if ((w)->tape)                                                \
			world_emit((w), (c), EV_##event,                      \
				   (const guint64[]){ __VA_ARGS__ },          \
				   sizeof((const guint64[]){ __VA_ARGS__ }) / \
					   sizeof(guint64));                  \
	} while (0)
#define TEXT(comm) ((guint64)(gsize)(comm))

/* --- sched.c --- */

void sched_enqueue_new(struct world *w, struct task *t, struct cpu *c);
/* Wake t, which sleeps, from c. */
void sched_wake(struct world *w, struct cpu *c, struct task *t);
/* Choose who runs on c; false: as before. 'state': the state of the one that ran. */
bool sched_schedule(struct world *w, struct cpu *c, unsigned int state);
void sched_tick(struct world *w, struct cpu *c);
/* yield_to(): 1, 0 or -3 as the kernel's; 1: c must be rescheduled now. */
int sched_yield_to(struct world *w, struct cpu *c, struct task *target);

/* --- side.c --- */

/* Before the yielder gives up anything, which current is; and after. */
void side_yield_to(struct world *w, struct cpu *c, struct task *target);
void side_yielded(struct world *w, struct cpu *c);

/* --- kvm.c: the vCPU loop --- */

void kvm_sched_in(struct world *w, struct cpu *c, struct vcpu *v);
void kvm_sched_out(struct vcpu *v, bool runnable);
/* The time in the host is over. */
void kvm_host_done(struct world *w, struct cpu *c, struct vcpu *v);
/* The guest is to leave because the host wants something. */
void kvm_interrupt(struct world *w, struct cpu *c, struct vcpu *v);
void kvm_attention(struct world *w, struct cpu *c, struct vcpu *v);
/* Time has come for v's timer. */
void kvm_timer(struct world *w, struct vcpu *v);
/* The guest leaves by itself. */
enum exit { EXIT_INTERRUPT, EXIT_WINDOW, EXIT_HLT, EXIT_MSR, EXIT_PAUSE };
void kvm_leave(struct world *w, struct cpu *c, struct vcpu *v, enum exit why, enum then then);

/* --- policy.c --- */

/* One scan: whom it yielded to, or NOBODY. */
int policy_scan(struct world *w, struct cpu *c, struct vcpu *me);
/* One kvm_vcpu_yield_to() with what probes show of it. */
int policy_yield_to(struct world *w, struct cpu *c, struct vcpu *target);
void policy_on_ipi(struct vcpu *sender, struct vcpu *receiver, enum vector vector, gint64 t);
void policy_on_eoi(struct vcpu *v, enum vector vector);

/* --- guest.c: programs --- */

void guest_start(struct world *w, struct vcpu *v);
bool guest_in_kernel(const struct vcpu *v);
/* ns until the guest does something else. */
gint64 guest_left(const struct vcpu *v);
/* It ran for so long. */
void guest_ran(struct world *w, struct vcpu *v, gint64 ns);
/* guest_left() is 0. */
void guest_done(struct world *w, struct cpu *c, struct vcpu *v);
/* What it waits for has come. */
bool guest_wait_over(const struct vcpu *v);
/* It is entered; KVM has injected what is in service. */
void guest_entered(struct vcpu *v);
void guest_inject(struct world *w, struct vcpu *v, enum vector vector);
void guest_eoi_done(struct world *w, struct vcpu *v);
void guest_sent(struct world *w, struct vcpu *v);
guint64 guest_rip(const struct vcpu *v);

#endif
