// SPDX-License-Identifier: GPL-2.0-or-later
/* The vCPU loop on VMX without APICv: exits, interrupts, halts, kvm_vcpu_on_spin(). */
#include "tests/world/world.h"

enum {
	VMX_INTERRUPT = 1, VMX_WINDOW = 7, VMX_HLT = 12, VMX_VMCALL = 18, VMX_MSR = 32,
	VMX_PAUSE = 40, ISA_VMX = 1,
	MSR_X2APIC_EOI = 0x80b, MSR_X2APIC_ICR = 0x830, HC_SEND_IPI = 10,
	ICR_ASSERT = 0x4000, ICR_OTHERS = 0xc0000,
};
#define ON_SPIN_IP  0xffffffffc0a01000
#define YIELD_TO_IP 0xffffffffc0a01230
#define CALLER_IP   0xffffffffc0b04560

static const guint8 vectors[N_VECTORS] = {
	[VECTOR_CALL] = 0xfb, [VECTOR_RESCHED] = 0xfd, [VECTOR_TIMER] = 0xec,
};

static struct cpu *cpu_of(struct world *w, const struct vcpu *v)
{
	return &w->cpus[v->task->cpu];
}

static void spend(struct vcpu *v, gint64 ns, enum then then)
{
	v->place = PLACE_HOST;
	v->host_left = ns;
	v->then = then;
}

/* --- interrupts --- */

/* An interrupt for v from what runs on c. */
static void accept_irq(struct world *w, struct cpu *c, struct vcpu *v, enum vector vector)
{
	EMIT(w, c, kvm_apic_accept_irq, v->idx, 0, 0, vectors[vector]);
	v->pending |= 1U << vector;
	v->event = true;
}

/* v is to notice what is pending. */
static void kick(struct world *w, struct cpu *c, struct vcpu *v)
{
	v->kicked = true;
	if (v->task->state == TASK_BLOCKED) {
		v->ready = true;
		world_set_timer(w, v->task, NEVER);
		sched_wake(w, c, v->task);
	} else if (v->task->state == TASK_RUNNING) {
		world_attention(cpu_of(w, v));
	}
}

static void deliver(struct world *w, struct cpu *c, struct vcpu *v, enum vector vector)
{
	accept_irq(w, c, v, vector);
	kick(w, c, v);
}

static void inject(struct world *w, struct cpu *c, struct vcpu *v)
{
	unsigned int vector;

	v->window_wanted = false;
	if (!v->pending)
		return;
	if (v->in_service != NOBODY || v->irqs_off) {
		v->window_wanted = true;
		return;
	}
	vector = __builtin_ctz(v->pending);
	v->pending &= ~(1U << vector);
	EMIT(w, c, kvm_inj_virq, vectors[vector], 0, 0);
	guest_inject(w, v, vector);
}

static void set_guest_timer(struct world *w, struct vcpu *v)
{
	bool sleeps = v->phase == PHASE_HALT && v->idle_until > w->now;
	gint64 when = sleeps ? v->idle_until : w->s->guest_tick ? v->t_guest_tick : NEVER;

	if (v->task->t_timer != when)
		world_set_timer(w, v->task, when);
}

void kvm_timer(struct world *w, struct vcpu *v)
{
	v->timer_due = true;
	if (w->s->guest_tick && v->t_guest_tick <= w->now)
		v->t_guest_tick += ((w->now - v->t_guest_tick) / w->s->guest_tick + 1) *
				   w->s->guest_tick;
	kick(w, cpu_of(w, v), v);
}

/* --- into the guest and out of it --- */

static void enter(struct world *w, struct cpu *c, struct vcpu *v)
{
	if (c->resched && sched_schedule(w, c, STATE_RUNNING))
		return;
	if (v->timer_due) {
		v->timer_due = false;
		accept_irq(w, c, v, VECTOR_TIMER);
	}
	v->kicked = false;
	inject(w, c, v);
	EMIT(w, c, kvm_entry, v->idx, guest_rip(v), 0);
	v->event = false;
	v->place = PLACE_GUEST;
	set_guest_timer(w, v);
	if (!w->s->spin_survives)
		v->spin_left = v->ple_window;
	guest_entered(v);
}

static const unsigned int reasons[] = {
	[EXIT_INTERRUPT] = VMX_INTERRUPT, [EXIT_WINDOW] = VMX_WINDOW, [EXIT_HLT] = VMX_HLT,
	[EXIT_MSR] = VMX_MSR, [EXIT_PAUSE] = VMX_PAUSE,
};

static void emit_exit(struct world *w, struct cpu *c, struct vcpu *v, unsigned int reason)
{
	v->in_kernel = guest_in_kernel(v);
	EMIT(w, c, kvm_exit, reason, guest_rip(v), ISA_VMX, 0, 0, 0, 0, v->idx);
}

static void set_ple_window(struct world *w, struct cpu *c, struct vcpu *v, gint64 window)
{
	if (window == v->ple_window)
		return;
	EMIT(w, c, kvm_ple_window_update, v->idx, window * TSC_GHZ, v->ple_window * TSC_GHZ);
	v->ple_window = window;
}

void kvm_leave(struct world *w, struct cpu *c, struct vcpu *v, enum exit why, enum then then)
{
	bool hypercall = then == THEN_SEND && v->op.action == ACTION_CALL_MANY &&
			 v->vm->mix->multicast == MULTI_HYPERCALL;

	emit_exit(w, c, v, hypercall ? VMX_VMCALL : reasons[why]);
	if (why == EXIT_PAUSE)
		set_ple_window(w, c, v, MIN(2 * v->ple_window, MAX(w->s->ple_max, v->ple_window)));
	spend(v, w->s->exit_cost, then);
}

void kvm_interrupt(struct world *w, struct cpu *c, struct vcpu *v)
{
	kvm_leave(w, c, v, EXIT_INTERRUPT, THEN_ENTER);
}

void kvm_sched_out(struct vcpu *v, bool runnable)
{
	v->preempted = v->ready = runnable;
	if (runnable)
		v->preempted_in_kernel = v->in_kernel;
}

void kvm_sched_in(struct world *w, struct cpu *c, struct vcpu *v)
{
	v->preempted = v->ready = false;
	set_ple_window(w, c, v, w->s->ple_window);
	v->spin_left = MIN(v->spin_left, v->ple_window);
	spend(v, w->s->switch_cost, v->then);
}

void kvm_attention(struct world *w, struct cpu *c, struct vcpu *v)
{
	if (v->place == PLACE_POLL && (v->kicked || c->resched))
		spend(v, 0, v->kicked ? THEN_ENTER : THEN_HALT);
	else if (v->place == PLACE_GUEST && (v->kicked || c->resched))
		kvm_interrupt(w, c, v);
}

/* --- sending --- */

static void send_icr(struct world *w, struct cpu *c, struct vcpu *v, enum vector vector,
		     guint16 to, bool others)
{
	guint32 icr = vectors[vector] | (others ? ICR_OTHERS : 0) | ICR_ASSERT;
	unsigned int first = __builtin_ctz(to);

	EMIT(w, c, kvm_apic_ipi, icr, others ? 0 : first);
	if (!others && first != v->idx)
		policy_on_ipi(v, &v->vm->vcpus[first], vector, w->now);
	for (guint16 left = to; left; left &= left - 1)
		deliver(w, c, &v->vm->vcpus[__builtin_ctz(left)], vector);
	EMIT(w, c, kvm_msr, 1, MSR_X2APIC_ICR, (guint64)(others ? 0 : first) << 32 | icr, 0);
}

/* The exit has been handled: 'to_send', or as many of them as one exit does. */
static void send_now(struct world *w, struct cpu *c, struct vcpu *v)
{
	enum multicast how = v->op.action == ACTION_CALL_MANY ? v->vm->mix->multicast : MULTI_LOOP;
	bool poke = v->op.action == ACTION_POKE;
	enum vector vector = poke && !v->vm->mix->poke_by_call ? VECTOR_RESCHED : VECTOR_CALL;
	guint16 to = how == MULTI_LOOP ? v->to_send & -v->to_send : v->to_send;

	for (guint16 left = poke ? 0 : to; left; left &= left - 1)
		v->vm->vcpus[__builtin_ctz(left)].askers |= 1U << v->idx;
	v->unanswered |= poke ? 0 : to;
	v->to_send &= ~to;
	if (how == MULTI_HYPERCALL) {
		EMIT(w, c, kvm_hypercall, HC_SEND_IPI, to, 0, 0, vectors[vector]);
		for (guint16 left = to; left; left &= left - 1)
			deliver(w, c, &v->vm->vcpus[__builtin_ctz(left)], vector);
	} else {
		send_icr(w, c, v, vector, to, how == MULTI_SHORTHAND);
	}
	guest_sent(w, v);
}

/* --- halts --- */

static void woken(struct world *w, struct cpu *c, struct vcpu *v)
{
	v->blocking = false;
	EMIT(w, c, kvm_vcpu_wakeup, w->now - v->t_halt, 1, 1);
	spend(v, 0, THEN_ENTER);
}

static void halt(struct world *w, struct cpu *c, struct vcpu *v)
{
	bool polled = v->place == PLACE_POLL;

	set_guest_timer(w, v);
	if (!polled)
		v->t_halt = w->now;
	if (v->pending || v->timer_due) {
		spend(v, 0, THEN_ENTER);
		return;
	}
	if (!polled && w->s->halt_poll && !c->n_queued && !c->resched) {
		v->place = PLACE_POLL;
		v->host_left = w->s->halt_poll;
		v->then = THEN_HALT;
		return;
	}
	v->blocking = true;
	v->then = THEN_WOKEN;
	sched_schedule(w, c, STATE_SLEEPING);
}

/* --- kvm_vcpu_on_spin() --- */

static void spin_over(struct world *w, struct cpu *c, struct vcpu *v)
{
	v->in_spin_loop = v->dy_eligible = false;
	EMIT(w, c, on_spin_ret, ON_SPIN_IP, CALLER_IP);
}

/* yield_to() has returned, which it does when the yielder runs again. */
static void yielded(struct world *w, struct cpu *c, struct vcpu *v)
{
	EMIT(w, c, yield_to_ret, YIELD_TO_IP, ON_SPIN_IP, 1);
	v->vm->last_boosted = v->boosted;
	spin_over(w, c, v);
	spend(v, w->s->yield_cost, THEN_ENTER);
}

static void emit_on_spin(struct world *w, struct cpu *c, const struct vcpu *me)
{
	guint64 values[7 + 2 * MAX_VCPUS] = {
		ON_SPIN_IP, me->vm->tgid, me->idx, me->idx, 1, me->vm->last_boosted,
		me->vm->n_vcpus,
	};

	for (unsigned int i = 0; i < me->vm->n_vcpus; i++) {
		const struct vcpu *v = &me->vm->vcpus[i];

		values[7 + 2 * i] = v->in_spin_loop | v->dy_eligible << 8 |
				    v->preempted << 24 | (guint64)v->ready << 32;
		values[8 + 2 * i] = v->preempted_in_kernel;
	}
	world_emit(w, c, EV_on_spin, values, 7 + 2 * settings_deep(w->s));
}

/* From the decision on: does somebody look at this one, or make it otherwise? */
static int decide(struct world *w, struct cpu *c, struct vcpu *me)
{
	struct override *o = &w->override;
	int idx = o->target;

	if (!world_measures(w) || ++w->account.n_decisions != o->decision)
		return policy_scan(w, c, me);
	o->vm = me->vm->id;
	o->vcpu = me->idx;
	o->t = w->now;
	if (!o->force)
		return policy_scan(w, c, me);
	if (idx < 0 || idx >= (int)me->vm->n_vcpus || idx == (int)me->idx)
		return NOBODY;
	o->result = policy_yield_to(w, c, &me->vm->vcpus[idx]);
	return o->result > 0 ? idx : NOBODY;
}

/* What is kept of a yield: its target, or how far from the start that was. */
static int kept(const struct world *w, const struct vm *vm, int target)
{
	int n = vm->n_vcpus;

	if (!w->s->loop_counter || w->policy != POLICY_STOCK)
		return target;
	return (target + n - (vm->last_boosted + 1) % n) % n;
}

static void on_spin(struct world *w, struct cpu *c, struct vcpu *me)
{
	int target;

	if (w->tape)
		emit_on_spin(w, c, me);
	me->in_spin_loop = true;
	target = decide(w, c, me);
	if (target == NOBODY) {
		spin_over(w, c, me);
		spend(me, 0, THEN_ENTER);
		return;
	}
	if (world_measures(w))
		w->account.n_yields++;
	me->boosted = kept(w, me->vm, target);
	me->then = THEN_YIELDED;
	if (!sched_schedule(w, c, STATE_RUNNING))
		yielded(w, c, me);
}

void kvm_host_done(struct world *w, struct cpu *c, struct vcpu *v)
{
	switch (v->then) {
	case THEN_ENTER:
		enter(w, c, v);
		break;
	case THEN_SPIN:
		on_spin(w, c, v);
		break;
	case THEN_YIELDED:
		yielded(w, c, v);
		break;
	case THEN_SEND:
		spend(v, w->s->send_cost, THEN_ENTER);
		send_now(w, c, v);
		break;
	case THEN_EOI:
		policy_on_eoi(v, v->in_service);
		EMIT(w, c, kvm_eoi, v->idx, vectors[v->in_service]);
		EMIT(w, c, kvm_msr, 1, MSR_X2APIC_EOI, 0, 0);
		spend(v, 0, THEN_ENTER);
		guest_eoi_done(w, v);
		break;
	case THEN_WOKEN:
		woken(w, c, v);
		break;
	case THEN_HALT:
		halt(w, c, v);
		break;
	}
}
