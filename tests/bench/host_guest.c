// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What guests do: compute, call each other's vCPUs and wait for the answer, take ticket locks,
 * sleep, talk to devices. Interrupts come between.
 */
#include "tests/bench/host.h"

enum op {
	CALL, CALL_MANY, CALL_ALL, CALL_PV, POKE, LOCK, USER_LOCK, LOCK_CALL, COMPUTE_LONG, SLEEP,
	DEVICE, PORT, N_OPS,
};

struct workload {
	guint16 weights[N_OPS];
	guint64 gap, idle;		/* mean ns before each op, and of each sleep */
};

static const struct workload workloads[] = {
	{ .weights = { [CALL] = 150, [CALL_MANY] = 40, [CALL_ALL] = 1, [CALL_PV] = 8, [POKE] = 40,
		       [LOCK] = 70, [USER_LOCK] = 25, [LOCK_CALL] = 6, [COMPUTE_LONG] = 20,
		       [SLEEP] = 24, [DEVICE] = 16, [PORT] = 1 },
	  .gap = 480 * US, .idle = 1 * MS },
	{ .weights = { [CALL] = 250, [CALL_MANY] = 60, [CALL_ALL] = 1, [CALL_PV] = 12, [POKE] = 40,
		       [LOCK] = 30, [USER_LOCK] = 8, [LOCK_CALL] = 4, [COMPUTE_LONG] = 15,
		       [SLEEP] = 24, [DEVICE] = 16, [PORT] = 1 },
	  .gap = 430 * US, .idle = 1 * MS },
	{ .weights = { [CALL] = 32, [CALL_MANY] = 8, [CALL_PV] = 1, [POKE] = 40, [LOCK] = 100,
		       [USER_LOCK] = 45, [LOCK_CALL] = 4, [COMPUTE_LONG] = 15, [SLEEP] = 24,
		       [DEVICE] = 16, [PORT] = 1 },
	  .gap = 430 * US, .idle = 2 * MS },
};

const struct workload *guest_workload(unsigned int vm)
{
	return &workloads[vm % G_N_ELEMENTS(workloads)];
}

static bool waits(const struct vcpu *v)
{
	return v->phase == WAIT_ANSWER || v->phase == WAIT_LOCK;
}

/* PAUSE instructions until the hardware gives up, at 16 ns each. */
static guint64 patience(const struct vcpu *v)
{
	return v->ple_window * 16;
}

/* It may go on: its answer has come, or its lock. */
static void notice(struct host *h, const struct vcpu *v)
{
	if (v->place == IN_GUEST)
		host_call(h, &h->cpus[v->thread->cpu], h->now + 100);
}

/* --- from one op to the next --- */

static void compute(struct host *h, struct vcpu *v, guint64 mean)
{
	v->phase = COMPUTE;
	v->op = N_OPS;
	v->user = !host_chance(h, 40);
	v->left = 300 + host_exponential(h, mean);
}

static void gap(struct host *h, struct vcpu *v)
{
	compute(h, v, v->vm->workload->gap);
}

void guest_start(struct host *h, struct vcpu *v)
{
	gap(h, v);
}

static void leave(struct vcpu *v, enum exit exit, guint64 after)
{
	v->user = false;
	v->phase = EXITING;
	v->leaving = exit;
	v->left = after;
}

static unsigned int another(struct host *h, const struct vcpu *v)
{
	unsigned int n = v->vm->n_vcpus;

	return n < 2 ? 0 : (v->idx + 1 + host_random(h, n - 1)) % n;
}

void guest_called(struct vcpu *v, struct vcpu *other)
{
	guint64 bit = 1ULL << v->idx % 64;

	if (other == v || other->askers[v->idx / 64] & bit)
		return;
	other->askers[v->idx / 64] |= bit;
	v->waits++;
}

static void send(struct host *h, struct vcpu *v, enum vector vector, unsigned int n)
{
	v->vector = vector;
	v->sends = n;
	v->target = another(h, v);
	leave(v, EXIT_ICR, 400);
}

static void call_all(struct vcpu *v)
{
	v->vector = VECTOR_CALL_MANY;
	v->sends = 1;
	v->target = v->vm->n_vcpus;
	leave(v, EXIT_ICR, 400);
}

static void call_pv(struct host *h, struct vcpu *v)
{
	send(h, v, VECTOR_CALL_MANY, 2 + host_random(h, 3));
	leave(v, EXIT_HYPERCALL, 400);
}

static void hold(struct host *h, struct vcpu *v)
{
	v->holds = true;
	v->phase = CRITICAL;
	v->left = 500 + host_exponential(h, 300 * US);
}

static void take_lock(struct host *h, struct vcpu *v)
{
	struct lock *l;

	v->lock = host_random(h, N_LOCKS);
	v->user = v->op == USER_LOCK;
	l = &v->vm->locks[v->lock];
	if (!l->held) {
		l->held = true;
		hold(h, v);
		return;
	}
	l->waiting[(l->first + l->n++) % v->vm->n_vcpus] = v->idx;
	v->phase = WAIT_LOCK;
	v->left = patience(v);
}

static void drop_lock(struct host *h, struct vcpu *v)
{
	struct lock *l = &v->vm->locks[v->lock];
	struct vcpu *next;

	v->holds = false;
	if (!l->n) {
		l->held = false;
		return;
	}
	next = &v->vm->vcpus[l->waiting[l->first]];
	l->first = (l->first + 1) % v->vm->n_vcpus;
	l->n--;
	next->holds = true;
	notice(h, next);
}

static enum op choose(struct host *h, const struct workload *w)
{
	unsigned int sum = 0, r;

	for (unsigned int i = 0; i < N_OPS; i++)
		sum += w->weights[i];
	r = host_random(h, sum);
	for (unsigned int i = 0; i < N_OPS; i++) {
		if (r < w->weights[i])
			return i;
		r -= w->weights[i];
	}
	return COMPUTE_LONG;
}

static void begin_op(struct host *h, struct vcpu *v)
{
	v->op = v->vm->n_vcpus > 1 ? choose(h, v->vm->workload) : COMPUTE_LONG;
	switch ((enum op)v->op) {
	case CALL:
		send(h, v, VECTOR_CALL, 1);
		break;
	case CALL_MANY:
		send(h, v, VECTOR_CALL_MANY, MIN(2 + host_random(h, 2), v->vm->n_vcpus - 1));
		break;
	case CALL_ALL:
		call_all(v);
		break;
	case CALL_PV:
		call_pv(h, v);
		break;
	case POKE:
		send(h, v, VECTOR_RESCHED, 1);
		break;
	case LOCK:
	case USER_LOCK:
	case LOCK_CALL:
		take_lock(h, v);
		break;
	case SLEEP:
		leave(v, EXIT_HLT, 2 * US);
		break;
	case DEVICE:
		leave(v, EXIT_NPF, 1 * US);
		break;
	case PORT:
		leave(v, EXIT_PORT, 1 * US);
		break;
	default:
		compute(h, v, 400 * US);
	}
}

static void op_done(struct host *h, struct vcpu *v)
{
	if (v->holds)
		drop_lock(h, v);
	gap(h, v);
}

static void sent(struct host *h, struct vcpu *v)
{
	if (!v->waits) {
		op_done(h, v);
		return;
	}
	v->phase = WAIT_ANSWER;
	v->left = patience(v);
}

static void sent_one(struct host *h, struct vcpu *v)
{
	if (!--v->sends) {
		sent(h, v);
		return;
	}
	do
		v->target = (v->target + 1) % v->vm->n_vcpus;
	while (v->target == v->idx);
	leave(v, EXIT_ICR, 300);
}

/* --- interrupts --- */

static void answer(struct host *h, struct vcpu *v)
{
	for (unsigned int w = 0; w < WORDS; w++) {
		for (guint64 bits = v->askers[w]; bits; bits &= bits - 1) {
			struct vcpu *asker = &v->vm->vcpus[64 * w + __builtin_ctzll(bits)];

			if (!--asker->waits)
				notice(h, asker);
		}
		v->askers[w] = 0;
	}
}

static enum exit irq_over(struct host *h, struct vcpu *v)
{
	if (v->stage == IRQ_ENTRY)
		return EXIT_EOI;
	if (v->in_service == VECTOR_TIMER)
		return EXIT_DEADLINE;
	if (v->in_service == VECTOR_CALL || v->in_service == VECTOR_CALL_MANY)
		answer(h, v);
	v->in_service = NO_VECTOR;
	return EXIT_NONE;
}

/* --- what the host asks --- */

static guint64 *clock_of(struct vcpu *v)
{
	if (v->in_service != NO_VECTOR)
		return &v->irq_left;
	return v->window ? &v->window_left : &v->left;
}

static bool wait_over(const struct vcpu *v)
{
	return v->in_service == NO_VECTOR && !v->window &&
	       ((v->phase == WAIT_ANSWER && !v->waits) || (v->phase == WAIT_LOCK && v->holds));
}

guint64 guest_plan(struct vcpu *v)
{
	return wait_over(v) ? 100 : *clock_of(v);
}

/* The phase's time is up. */
static enum exit phase_over(struct host *h, struct vcpu *v)
{
	if (v->in_service != NO_VECTOR)
		return irq_over(h, v);
	if (v->window) {
		v->window = false;
		return EXIT_VINTR;
	}
	switch (v->phase) {
	case EXITING:
		return v->leaving;
	case WAIT_ANSWER:
	case WAIT_LOCK:
		return EXIT_PAUSE;
	case COMPUTE:
		begin_op(h, v);
		return EXIT_NONE;
	default:
		if (v->op == LOCK_CALL)
			send(h, v, VECTOR_CALL, 1);
		else
			op_done(h, v);
		return EXIT_NONE;
	}
}

enum exit guest_run(struct host *h, struct vcpu *v, guint64 ns)
{
	for (;;) {
		guint64 *left = clock_of(v);
		enum exit exit;

		if (wait_over(v)) {
			if (v->phase == WAIT_LOCK)
				hold(h, v);
			else
				op_done(h, v);
			ns = 0;		/* was spent spinning */
			continue;
		}
		if (ns < *left) {
			*left -= ns;
			return EXIT_NONE;
		}
		ns -= *left;
		*left = 0;
		exit = phase_over(h, v);
		if (exit != EXIT_NONE)
			return exit;
	}
}

void guest_exit_done(struct host *h, struct vcpu *v, enum exit exit)
{
	switch (exit) {
	case EXIT_EOI:
		v->stage = IRQ_HANDLER;
		v->irq_left = 300 + host_exponential(h, 6 * US);
		break;
	case EXIT_DEADLINE:
		v->in_service = NO_VECTOR;
		break;
	case EXIT_ICR:
		sent_one(h, v);
		break;
	case EXIT_HYPERCALL:
		sent(h, v);
		break;
	case EXIT_HLT:
		v->idle_until = v->since + 20 * US + host_exponential(h, v->vm->workload->idle);
		gap(h, v);
		break;
	case EXIT_NPF:
	case EXIT_PORT:
		gap(h, v);
		break;
	default:
		break;
	}
}

void guest_entered(struct vcpu *v)
{
	if (waits(v) && v->in_service == NO_VECTOR)
		v->left = patience(v);	/* the hardware counts anew */
}

bool guest_in_kernel(const struct vcpu *v)
{
	return v->in_service != NO_VECTOR || !v->user;
}

/* The guest's kernel is where each VM's address space randomisation put it. */
guint64 guest_rip(struct host *h, const struct vcpu *v, enum exit exit)
{
	guint64 kernel = 0xffffffff81000000 + (v->vm->id % 64 << 21);
	guint64 user = 0x55d000000000 + ((guint64)v->vm->id << 28);

	switch (exit) {
	case EXIT_PAUSE:
		if (v->user)
			return user + 0x41f2a3;
		return kernel + (v->phase == WAIT_ANSWER ? 0x17d3b0 : 0xd3c5e2);
	case EXIT_ICR:
	case EXIT_EOI:
	case EXIT_DEADLINE:
		return kernel + 0x6f1c4;
	case EXIT_HLT:
		return kernel + 0xd3a41b;
	case EXIT_HYPERCALL:
		return kernel + 0x6a9d2;
	case EXIT_NPF:
	case EXIT_PORT:
		return kernel + 0x5b8e30 + host_random(h, 8) * 64;
	default:
		if (waits(v) && v->in_service == NO_VECTOR)
			return guest_rip(h, v, EXIT_PAUSE);
		if (guest_in_kernel(v))
			return kernel + host_random(h, 0xe00000);
		return user + host_random(h, 0x100000);
	}
}
