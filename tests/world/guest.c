// SPDX-License-Identifier: GPL-2.0-or-later
/* What guests do: one operation after the other, and the interrupts in between. */
#include "tests/world/world.h"

enum { SEND_NS = 300, HALT_NS = 500, MIN_COMPUTE = 200 };

static enum action draw_action(const struct mix *mix, guint64 random)
{
	unsigned int sum = 0, pick;

	for (unsigned int i = 0; i < N_ACTIONS; i++)
		sum += mix->weights[i];
	pick = random % sum;
	for (unsigned int i = 0; i < N_ACTIONS; i++) {
		if (pick < mix->weights[i])
			return i;
		pick -= mix->weights[i];
	}
	return ACTION_NONE;
}

/* n of the other vCPUs, one after the other from a random one on. */
static guint16 draw_receivers(const struct vcpu *v, guint64 random, unsigned int n)
{
	unsigned int others = v->vm->n_vcpus - 1, first = random % others;
	guint16 to = 0;

	for (unsigned int i = 0; i < MIN(n, others); i++)
		to |= 1U << (v->idx + 1 + (first + i) % others) % v->vm->n_vcpus;
	return to;
}

static gint64 length_of(const struct mix *mix, struct chance *c, enum action action)
{
	gint64 mean = action == ACTION_LOCK ? mix->critical :
		      action == ACTION_HALT ? mix->idle :
		      action == ACTION_IRQS_OFF ? mix->irqs_off : US;

	return MAX(chance_exponential(c, mean), MIN_COMPUTE);
}

static unsigned int n_receivers(const struct mix *mix, enum action action)
{
	if (action != ACTION_CALL_MANY)
		return 1;
	return mix->multicast == MULTI_SHORTHAND ? MAX_VCPUS : mix->many;
}

/* Each operation takes the same number of draws from its vCPU's stream, whatever it is. */
static void next_op(struct world *w, struct vcpu *v)
{
	const struct mix *mix = v->vm->mix;
	struct chance *c = &v->program;
	struct op *op = &v->op;

	op->action = draw_action(mix, chance_u64(c));
	op->compute = MAX(chance_exponential(c, mix->compute), MIN_COMPUTE);
	op->user = chance_percent(c, mix->user_percent);
	op->length = length_of(mix, c, op->action);
	op->lock = chance_between(c, 0, mix->n_locks - 1);
	op->call_inside = chance_percent(c, mix->call_inside_percent);
	op->receivers = draw_receivers(v, chance_u64(c), n_receivers(mix, op->action));
	v->phase = PHASE_COMPUTE;
	v->left = op->compute;
	if (world_measures(w))
		w->account.n_ops++;
}

void guest_start(struct world *w, struct vcpu *v)
{
	next_op(w, v);
	if (w->s->guest_tick)
		v->t_guest_tick = chance_between(&v->program, 1, w->s->guest_tick);
}

bool guest_in_kernel(const struct vcpu *v)
{
	return v->in_service != NOBODY || v->phase != PHASE_COMPUTE || !v->op.user ||
	       v->op.action == ACTION_IRQS_OFF;
}

guint64 guest_rip(const struct vcpu *v)
{
	guint64 kernel = 0xffffffff81000000 + (guint64)v->vm->id * 0x2000000;

	if (!guest_in_kernel(v))
		return 0x55d0000041f2a3;
	return kernel + (v->in_service != NOBODY ? 0x6f1c4 : 0x17d3b0 + v->phase * 0x1000);
}

/* --- waits --- */

bool guest_wait_over(const struct vcpu *v)
{
	return v->wait == WAIT_CALL ? !v->unanswered : v->wait == WAIT_LOCK && v->holds_lock;
}

static void begin_wait(struct world *w, struct vcpu *v, enum wait wait)
{
	v->phase = PHASE_WAIT;
	v->wait = wait;
	v->t_wait = w->now;
	v->spin_left = v->ple_window;
	v->waited_on_cpu = 0;
	v->wait_pauses = 0;
}

static void begin_critical(struct vcpu *v)
{
	v->phase = PHASE_CRITICAL;
	v->left = v->op.length;
	v->irqs_off = v->vm->mix->lock_irqs_off && !v->op.call_inside;
}

static void end_wait(struct world *w, struct vcpu *v)
{
	struct account *a = &w->account;
	struct override *o = &w->override;
	bool lock = v->wait == WAIT_LOCK;

	a->spin += v->waited_on_cpu;
	a->spin_seen += v->wait_pauses ? v->waited_on_cpu : 0;
	if (o->t && !o->t_wait_end && o->vm == (int)v->vm->id && o->vcpu == (int)v->idx)
		o->t_wait_end = w->now;
	v->wait = WAIT_NOTHING;
	if (lock || v->holds_lock)
		begin_critical(v);
	else
		next_op(w, v);
}

/* --- locks --- */

static void drop_waiter(struct lock *l, unsigned int idx)
{
	unsigned int i = 0;

	while (l->queue[i] != idx)
		i++;
	for (l->n--; i < l->n; i++)
		l->queue[i] = l->queue[i + 1];
}

static void give(struct lock *l, struct vcpu *to)
{
	drop_waiter(l, to->idx);
	l->holder = to->idx;
	to->holds_lock = true;
}

/* It looks at the lock now: it spins in the guest, outside interrupts. */
static bool watches(const struct vcpu *v)
{
	return v->task->state == TASK_RUNNING && v->place == PLACE_GUEST && v->in_service == NOBODY;
}

/* A fair lock has an heir, running or not; any other is whoever's sees it first. */
static void release(struct vcpu *v)
{
	struct lock *l = &v->vm->locks[v->op.lock];

	l->holder = NOBODY;
	v->holds_lock = false;
	for (unsigned int i = 0; i < l->n; i++) {
		struct vcpu *waiter = &v->vm->vcpus[l->queue[i]];

		if (v->vm->mix->ticket || watches(waiter)) {
			give(l, waiter);
			return;
		}
	}
}

static void acquire(struct world *w, struct vcpu *v)
{
	struct lock *l = &v->vm->locks[v->op.lock];

	if (l->holder == NOBODY) {
		l->holder = v->idx;
		v->holds_lock = true;
		begin_critical(v);
		return;
	}
	l->queue[l->n++] = v->idx;
	begin_wait(w, v, WAIT_LOCK);
}

/* It spins again: a lock may have become free meanwhile. */
static void try_lock(struct vcpu *v)
{
	struct lock *l = &v->vm->locks[v->op.lock];

	if (v->wait == WAIT_LOCK && !v->holds_lock && l->holder == NOBODY && watches(v))
		give(l, v);
}

/* --- the course of an operation --- */

static void begin_send(struct vcpu *v)
{
	v->phase = PHASE_SEND;
	v->left = SEND_NS;
	v->to_send = v->op.receivers;
}

static void computed(struct world *w, struct vcpu *v)
{
	switch (v->op.action) {
	case ACTION_CALL:
	case ACTION_CALL_MANY:
	case ACTION_POKE:
		begin_send(v);
		break;
	case ACTION_LOCK:
		acquire(w, v);
		break;
	case ACTION_HALT:
		v->phase = PHASE_HALT;
		v->left = HALT_NS;
		v->idle_until = w->now + v->op.length;
		break;
	case ACTION_IRQS_OFF:
		if (!v->irqs_off) {
			v->irqs_off = true;
			v->left = v->op.length;
			break;
		}
		v->irqs_off = false;
		next_op(w, v);
		break;
	default:
		next_op(w, v);
	}
}

static void critical_over(struct world *w, struct vcpu *v)
{
	v->irqs_off = false;
	if (v->op.call_inside) {
		v->op.call_inside = false;
		begin_send(v);
		return;
	}
	release(v);
	next_op(w, v);
}

void guest_sent(struct world *w, struct vcpu *v)
{
	if (v->to_send) {
		v->left = SEND_NS;
	} else if (v->op.action != ACTION_POKE) {
		begin_wait(w, v, WAIT_CALL);
	} else {
		next_op(w, v);
	}
}

static void phase_over(struct world *w, struct cpu *c, struct vcpu *v)
{
	bool closed = v->irqs_off;

	switch (v->phase) {
	case PHASE_COMPUTE:
		computed(w, v);
		break;
	case PHASE_CRITICAL:
		critical_over(w, v);
		break;
	case PHASE_SEND:
		kvm_leave(w, c, v, EXIT_MSR, THEN_SEND);
		return;
	case PHASE_HALT:
		if (w->now >= v->idle_until)
			next_op(w, v);
		else
			kvm_leave(w, c, v, EXIT_HLT, THEN_HALT);
		return;
	case PHASE_WAIT:
		v->wait_pauses++;
		if (world_measures(w))
			w->account.n_pauses++;
		kvm_leave(w, c, v, EXIT_PAUSE, THEN_SPIN);
		v->spin_left = v->ple_window;
		return;
	}
	if (closed && !v->irqs_off && v->window_wanted)
		kvm_leave(w, c, v, EXIT_WINDOW, THEN_ENTER);
}

/* --- interrupts --- */

void guest_inject(struct world *w, struct vcpu *v, enum vector vector)
{
	v->in_service = vector;
	v->stage = IRQ_BEFORE_EOI;
	v->irq_left = w->s->irq_entry;
	if (vector == VECTOR_CALL) {
		v->serving = v->askers;
		v->askers = 0;
	}
	if (w->s->eoi_late)
		v->irq_left += w->s->irq_body;
}

static void answer(struct world *w, const struct vcpu *v, struct vcpu *asker)
{
	asker->unanswered &= ~(1U << v->idx);
	if (asker->unanswered || asker->wait != WAIT_CALL)
		return;
	w->account.response += w->now - asker->t_wait;
	w->account.n_responses++;
}

static void answer_all(struct world *w, struct vcpu *v)
{
	for (; v->in_service == VECTOR_CALL && v->serving; v->serving &= v->serving - 1)
		answer(w, v, &v->vm->vcpus[__builtin_ctz(v->serving)]);
}

static void irq_over(struct world *w, struct cpu *c, struct vcpu *v)
{
	v->in_service = NOBODY;
	if (v->phase == PHASE_HALT)
		v->left = HALT_NS;
	try_lock(v);
	if (v->window_wanted)
		kvm_leave(w, c, v, EXIT_WINDOW, THEN_ENTER);
}

static void irq_stage_over(struct world *w, struct cpu *c, struct vcpu *v)
{
	if (v->stage == IRQ_BEFORE_EOI) {
		if (w->s->eoi_late)
			answer_all(w, v);
		kvm_leave(w, c, v, EXIT_MSR, THEN_EOI);
		return;
	}
	if (!w->s->eoi_late)
		answer_all(w, v);
	irq_over(w, c, v);
}

void guest_eoi_done(struct world *w, struct vcpu *v)
{
	v->stage = IRQ_BODY;
	v->irq_left = w->s->eoi_late ? 0 : w->s->irq_body;
}

void guest_entered(struct vcpu *v)
{
	if (v->phase == PHASE_HALT && v->in_service == NOBODY)
		v->left = HALT_NS;
	try_lock(v);
}

/* --- what the host asks --- */

gint64 guest_left(const struct vcpu *v)
{
	if (v->in_service != NOBODY)
		return v->irq_left;
	if (v->phase == PHASE_WAIT)
		return guest_wait_over(v) ? 0 : v->spin_left;
	return v->left;
}

void guest_ran(struct world *w, struct vcpu *v, gint64 ns)
{
	if (v->in_service != NOBODY) {
		v->irq_left -= ns;
	} else if (v->phase == PHASE_WAIT) {
		v->spin_left -= ns;
		v->waited_on_cpu += ns;
	} else {
		v->left -= ns;
		w->account.vm_work[v->vm->id] += ns;
	}
}

void guest_done(struct world *w, struct cpu *c, struct vcpu *v)
{
	if (v->in_service != NOBODY)
		irq_stage_over(w, c, v);
	else if (guest_wait_over(v))
		end_wait(w, v);
	else
		phase_over(w, c, v);
}
