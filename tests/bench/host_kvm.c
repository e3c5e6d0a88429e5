// SPDX-License-Identifier: GPL-2.0-or-later
/* The vCPU loop of kernel 6.1 on SVM without AVIC, as far as its tracepoints show it. */
#include "tests/bench/host.h"

enum {
	SVM_INTR = 0x60, SVM_VINTR = 0x64, SVM_PAUSE = 0x77, SVM_HLT = 0x78, SVM_IOIO = 0x7b,
	SVM_MSR = 0x7c, SVM_VMMCALL = 0x81, SVM_NPF = 0x400, ISA_SVM = 2,
	MSR_DEADLINE = 0x6e0, MSR_X2APIC_EOI = 0x80b, MSR_X2APIC_ICR = 0x830,
	HC_SEND_IPI = 10, USER_EXIT_IO = 2,
	PLE_BASE = 3000, PLE_GROW = 2, PLE_MAX = 65535, YIELD_TRIES = 3,
	ICR_ASSERT = 0x4000, ICR_OTHERS = 0xc0000,
};

/* How often a guest is entered with interrupts disabled; how often a yield brings no switch. */
enum { CLOSED_PERCENT = 12, UNFAIR_PERCENT = 2 };

static const guint8 vectors[N_VECTORS] = {
	[VECTOR_RESCHED] = 0xfd, [VECTOR_CALL_MANY] = 0xfc, [VECTOR_CALL] = 0xfb,
	[VECTOR_TIMER] = 0xec, [VECTOR_DEVICE] = 0x25,
};

/* --- interrupts --- */

void kvm_deliver(struct host *h, struct cpu *c, struct vcpu *v, enum vector vector)
{
	struct thread *t = v->thread;

	host_spend(h, c, 400);
	EMIT(h, c, kvm_apic_accept_irq, v->idx, 0, 0, vectors[vector]);
	v->pending |= 1 << vector;
	v->t_irq = MAX(v->t_irq, c->t);
	if (v->place == IN_HALT && sched_wake(h, c, t))
		return;
	if (v->place == IN_GUEST && t->cpu != c->id) {
		struct cpu *to = &h->cpus[t->cpu];

		to->kicked = true;
		host_call(h, to, c->t + 700);
	}
}

static void check_timer(struct host *h, struct cpu *c, struct vcpu *v)
{
	if (c->t < v->t_tick)
		return;
	v->t_tick = c->t + 4 * MS;
	if (!(v->pending & 1 << VECTOR_TIMER))
		kvm_deliver(h, c, v, VECTOR_TIMER);
}

static void inject(struct host *h, struct cpu *c, struct vcpu *v)
{
	bool open = v->open;

	v->open = false;
	if (!v->pending || v->window)
		return;
	c->t = MAX(c->t, v->t_irq + 1);
	if (v->in_service != NO_VECTOR || (!open && host_chance(h, CLOSED_PERCENT))) {
		v->window = true;
		v->window_left = 1 * US + host_exponential(h, 4 * US);
		return;
	}
	v->in_service = __builtin_ctz(v->pending);
	v->pending &= ~(1U << v->in_service);
	v->stage = IRQ_ENTRY;
	v->irq_left = 500 + host_exponential(h, 500);
	host_spend(h, c, 300);
	EMIT(h, c, kvm_inj_virq, vectors[v->in_service], 0, 0);
}

/* --- into the guest and out of it --- */

static void plan(struct host *h, struct cpu *c, struct vcpu *v)
{
	guint64 t = v->since + guest_plan(v);

	t = MIN(t, v->t_tick);
	if (c->n_queued)
		t = MIN(t, MAX(c->t_slice, v->since));
	if (c->resched)
		t = v->since;
	host_call(h, c, t);
}

static void enter(struct host *h, struct cpu *c, struct vcpu *v)
{
	check_timer(h, c, v);
	inject(h, c, v);
	host_spend(h, c, 700);
	EMIT(h, c, kvm_entry, v->idx, v->rip, 0);
	v->place = IN_GUEST;
	v->since = c->t;
	c->kicked = false;
	guest_entered(v);
	plan(h, c, v);
}

static void set_ple_window(struct host *h, struct cpu *c, struct vcpu *v, guint32 window)
{
	if (window == v->ple_window)
		return;
	host_spend(h, c, 300);
	EMIT(h, c, kvm_ple_window_update, v->idx, window, v->ple_window);
	v->ple_window = window;
}

static void emit_exit(struct host *h, struct cpu *c, struct vcpu *v, enum exit exit,
		      unsigned int reason, guint64 info1, guint64 info2)
{
	v->rip = guest_rip(h, v, exit);
	EMIT(h, c, kvm_exit, reason, v->rip, ISA_SVM, info1, info2, 0, 0, v->idx);
	v->rip += exit == EXIT_INTR || exit == EXIT_VINTR ? 0 : 2;	/* the next instruction */
	v->in_kernel = guest_in_kernel(v);
	v->place = IN_LOOP;
	host_spend(h, c, 400);
}

void kvm_sched_in(struct host *h, struct cpu *c, struct vcpu *v)
{
	v->preempted = v->ready = false;
	set_ple_window(h, c, v, PLE_BASE);
}

void kvm_sched_out(struct vcpu *v, bool runnable)
{
	v->preempted = v->ready = runnable;
}

/* --- kvm_vcpu_on_spin() --- */

static bool eligible(struct vcpu *v)
{
	bool is = !v->in_spin || v->dy_eligible;

	if (v->in_spin)
		v->dy_eligible = !v->dy_eligible;
	return is;
}

/* A vCPU whose latest event is yet to come, by this CPU's time, still runs. */
static bool wanted(const struct cpu *c, const struct vcpu *me, struct vcpu *v)
{
	if (v == me || !v->ready || v->thread->t_last > c->t)
		return false;
	if (v->thread->state == BLOCKED && !v->pending)
		return false;
	if (v->preempted && me->in_kernel && !v->in_kernel)
		return false;
	return eligible(v);
}

static int yield_to(struct host *h, struct cpu *c, struct vcpu *v)
{
	int result;

	if (h->probes) {
		host_spend(h, c, 300);
		EMIT(h, c, yield_to, 0xffffffffc0a01230, v->vm->tgid, v->idx, v->idx, v->preempted,
		     v->ready, v->in_kernel);
	}
	host_spend(h, c, 300);
	result = sched_yield_to(h, c, v->thread);
	if (result <= 0 && h->probes)
		EMIT(h, c, yield_to_ret, 0xffffffffc0a01230, 0xffffffffc0a01100, result);
	return result;
}

/* The index of whom it yielded to, or -1. */
static int scan(struct host *h, struct cpu *c, struct vcpu *me)
{
	struct vm *vm = me->vm;
	unsigned int tries = YIELD_TRIES;

	for (unsigned int k = 1; k <= vm->n_vcpus && tries; k++) {
		unsigned int i = (vm->last_boosted + k) % vm->n_vcpus;
		int result;

		if (!wanted(c, me, &vm->vcpus[i]))
			continue;
		result = yield_to(h, c, &vm->vcpus[i]);
		if (result > 0)
			return i;
		tries -= result < 0;
	}
	return -1;
}

static void on_spin_end(struct host *h, struct cpu *c, struct vcpu *v)
{
	v->in_spin = v->dy_eligible = false;
	host_spend(h, c, 300);
	if (h->probes)
		EMIT(h, c, on_spin_ret, 0xffffffffc0a01000, 0xffffffffc0b04560);
}

static void yielded(struct host *h, struct cpu *c, struct vcpu *v)
{
	host_spend(h, c, 300);
	if (h->probes)
		EMIT(h, c, yield_to_ret, 0xffffffffc0a01230, 0xffffffffc0a01100, 1);
	v->vm->last_boosted = v->yielded_to;
	on_spin_end(h, c, v);
}

/* False: another thread runs now, and this one is still inside. */
static bool on_spin(struct host *h, struct cpu *c, struct vcpu *v)
{
	int target;

	host_spend(h, c, 300);
	if (h->probes)
		EMIT(h, c, on_spin, 0xffffffffc0a01000, v->vm->tgid, v->idx, v->idx, v->in_kernel,
		     v->vm->last_boosted, v->vm->n_vcpus);
	v->in_spin = true;
	target = scan(h, c, v);
	if (target < 0) {
		on_spin_end(h, c, v);
		return true;
	}
	v->yielded_to = target;
	v->place = IN_YIELD;
	/* fairness may keep the scheduler from taking anybody else */
	if (!host_chance(h, UNFAIR_PERCENT) && sched_switch(h, c, STATE_RUNNING))
		return false;
	yielded(h, c, v);
	return true;
}

/* --- exits --- */

static void call(struct host *h, struct cpu *c, struct vcpu *v, unsigned int receiver)
{
	struct vcpu *other = &v->vm->vcpus[receiver];

	kvm_deliver(h, c, other, v->vector);
	if (v->vector == VECTOR_CALL || v->vector == VECTOR_CALL_MANY)
		guest_called(v, other);
}

static void send_icr(struct host *h, struct cpu *c, struct vcpu *v)
{
	bool others = v->target == v->vm->n_vcpus;
	guint32 icr = vectors[v->vector] | (others ? ICR_OTHERS : 0) | ICR_ASSERT;
	guint32 destination = others ? 0 : v->target;

	EMIT(h, c, kvm_apic_ipi, icr, destination);
	for (unsigned int i = 0; i < v->vm->n_vcpus; i++)
		if (i == v->target || (others && i != v->idx))
			call(h, c, v, i);
	host_spend(h, c, 300);
	EMIT(h, c, kvm_msr, 1, MSR_X2APIC_ICR, (guint64)destination << 32 | icr, 0);
}

/* To as many as it has sends, from its target on; among the first 64. */
static void send_hypercall(struct host *h, struct cpu *c, struct vcpu *v)
{
	guint64 receivers = 0;

	for (unsigned int k = 0; k < v->sends; k++)
		receivers |= 1ULL << (v->target + k) % MIN(v->vm->n_vcpus, 64);
	if (v->idx < 64)
		receivers &= ~(1ULL << v->idx);
	EMIT(h, c, kvm_hypercall, HC_SEND_IPI, receivers, 0, 0, vectors[v->vector]);
	for (; receivers; receivers &= receivers - 1)
		call(h, c, v, __builtin_ctzll(receivers));
}

static bool halt(struct host *h, struct cpu *c, struct vcpu *v)
{
	check_timer(h, c, v);
	if (v->pending)
		return true;
	host_spend(h, c, 1 * US);
	v->place = IN_HALT;
	v->t_tick = v->idle_until;
	sched_switch(h, c, STATE_SLEEPING);
	host_set_timer(h, v->thread, MAX(v->idle_until, v->thread->t_last + 1));
	return false;
}

static void access_memory(struct host *h, struct cpu *c, struct vcpu *v)
{
	if (host_chance(h, 70))		/* ioeventfd */
		sched_wake(h, c, v->vm->vhost);
	else
		host_spend(h, c, 2 * US);
}

static void access_port(struct host *h, struct cpu *c, struct vcpu *v)
{
	(void)v;
	host_spend(h, c, 2 * US);
	EMIT(h, c, kvm_userspace_exit, USER_EXIT_IO, 0);
	host_spend(h, c, 2 * US);
}

static void write_msr(struct host *h, struct cpu *c, guint32 msr, guint64 value)
{
	host_spend(h, c, 300);
	EMIT(h, c, kvm_msr, 1, msr, value, 0);
}

/* False: another thread runs now. */
static bool handle_exit(struct host *h, struct cpu *c, struct vcpu *v, enum exit exit)
{
	static const guint16 reasons[] = {
		[EXIT_INTR] = SVM_INTR, [EXIT_PAUSE] = SVM_PAUSE, [EXIT_ICR] = SVM_MSR,
		[EXIT_EOI] = SVM_MSR, [EXIT_DEADLINE] = SVM_MSR, [EXIT_HLT] = SVM_HLT,
		[EXIT_VINTR] = SVM_VINTR, [EXIT_NPF] = SVM_NPF, [EXIT_PORT] = SVM_IOIO,
		[EXIT_HYPERCALL] = SVM_VMMCALL,
	};
	bool msr = reasons[exit] == SVM_MSR, npf = exit == EXIT_NPF;

	emit_exit(h, c, v, exit, reasons[exit], msr ? 1 : npf ? 0x100000006 : 0,
		  npf ? 0xfe000000 + host_random(h, 1 << 20) * 16 : 0);
	switch (exit) {
	case EXIT_PAUSE:
		set_ple_window(h, c, v, MIN(v->ple_window * PLE_GROW, PLE_MAX));
		return on_spin(h, c, v);
	case EXIT_ICR:
		send_icr(h, c, v);
		break;
	case EXIT_EOI:
		EMIT(h, c, kvm_eoi, v->idx, vectors[v->in_service]);
		write_msr(h, c, MSR_X2APIC_EOI, 0);
		break;
	case EXIT_DEADLINE:
		write_msr(h, c, MSR_DEADLINE, v->t_tick * 3 - START);
		break;
	case EXIT_HLT:
		guest_exit_done(h, v, exit);
		return halt(h, c, v);
	case EXIT_NPF:
		access_memory(h, c, v);
		break;
	case EXIT_PORT:
		access_port(h, c, v);
		break;
	case EXIT_HYPERCALL:
		send_hypercall(h, c, v);
		break;
	case EXIT_VINTR:
		v->open = true;
		break;
	default:
		break;
	}
	guest_exit_done(h, v, exit);
	return true;
}

/* Before each entry the loop looks whether it should rather give way. */
static void loop(struct host *h, struct cpu *c, struct vcpu *v)
{
	bool preempted = host_chance(h, 1);

	if (c->resched && sched_switch(h, c, preempted ? STATE_PREEMPTED : STATE_RUNNING))
		return;
	enter(h, c, v);
}

void kvm_resume(struct host *h, struct cpu *c)
{
	struct vcpu *v = c->current->vcpu;

	host_spend(h, c, 900);
	if (v->place == IN_YIELD)
		yielded(h, c, v);
	v->place = IN_LOOP;
	enter(h, c, v);
}

void kvm_guest_ran(struct host *h, struct cpu *c)
{
	struct vcpu *v = c->current->vcpu;
	enum exit exit = guest_run(h, v, c->t - v->since);

	v->since = c->t;
	if (exit == EXIT_NONE && (c->kicked || c->resched || c->t >= v->t_tick))
		exit = EXIT_INTR;
	if (exit == EXIT_NONE) {
		plan(h, c, v);
		return;
	}
	if (handle_exit(h, c, v, exit))
		loop(h, c, v);
}
