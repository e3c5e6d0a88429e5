// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/world/world.h"

#include <string.h>

enum { FIRST_TGID = 3000, TGID_STEP = 100, BACKGROUND_TID = 1500, HOST_PRIO = 120 };

bool world_measures(const struct world *w)
{
	return w->now >= w->t_start;
}

/* --- what is written down --- */

void world_emit(struct world *w, const struct cpu *c, enum trace_event event,
		const guint64 *values, unsigned int n_values)
{
	if (!world_measures(w))
		return;
	/* no two events at one time: their order is the order in which things happened */
	w->t_emit = MAX(w->now, w->t_emit + 1);
	recorder_add(w->tape, c->id, w->t_emit, event, 0, c->current ? c->current->tid : 0, values,
		     n_values);
}

/* --- time --- */

void world_account(struct world *w, struct cpu *c)
{
	gint64 ns = w->now - c->t_account;
	struct task *t = c->current;

	c->t_account = w->now;
	if (!ns)
		return;
	if (!t) {
		w->account.idle_ns += ns;
		return;
	}
	t->vruntime += ns;
	t->ran += ns;
	if (!t->vcpu) {
		t->left -= ns;
		return;
	}
	w->account.vcpu_ns += ns;
	if (t->vcpu->place != PLACE_GUEST) {
		t->vcpu->host_left -= ns;
		if (t->vcpu->wait != WAIT_NOTHING && t->vcpu->in_service == NOBODY)
			t->vcpu->waited_on_cpu += ns;
		return;
	}
	guest_ran(w, t->vcpu, ns);
}

void world_attention(struct cpu *c)
{
	c->attention = true;
}

void world_set_timer(struct world *w, struct task *t, gint64 when)
{
	gint64 was = t->t_timer;

	t->t_timer = when;
	if (when <= w->t_timer) {
		w->t_timer = when;
		return;
	}
	if (was > w->t_timer)
		return;
	w->t_timer = NEVER;
	for (unsigned int i = 0; i < w->n_tasks; i++)
		w->t_timer = MIN(w->t_timer, w->tasks[i].t_timer);
}

static gint64 task_left(const struct task *t)
{
	if (!t)
		return NEVER;
	if (!t->vcpu)
		return t->left;
	return t->vcpu->place == PLACE_GUEST ? guest_left(t->vcpu) : t->vcpu->host_left;
}

static gint64 cpu_due(const struct cpu *c)
{
	gint64 left = task_left(c->current);

	return left == NEVER ? NEVER : c->t_account + left;
}

/* --- what happens --- */

static void background_over(struct world *w, struct cpu *c)
{
	struct task *t = c->current;

	t->left = 20 * US + chance_exponential(&t->chance, t->run);
	world_set_timer(w, t, w->now + 50 * US + chance_exponential(&t->chance, t->sleep));
	sched_schedule(w, c, STATE_SLEEPING);
}

/* What runs on c has come to the end of what it was doing. */
static void stretch_over(struct world *w, struct cpu *c)
{
	struct vcpu *v = c->current->vcpu;

	world_account(w, c);
	if (!v)
		background_over(w, c);
	else if (v->place == PLACE_GUEST)
		guest_done(w, c, v);
	else
		kvm_host_done(w, c, v);
}

static void attend(struct world *w, struct cpu *c)
{
	world_account(w, c);
	if (c->current && c->current->vcpu)
		kvm_attention(w, c, c->current->vcpu);
	else if (c->resched)
		sched_schedule(w, c, STATE_RUNNING);
}

static void tick(struct world *w, struct cpu *c)
{
	struct vcpu *v = c->current ? c->current->vcpu : NULL;

	world_account(w, c);
	c->t_tick += w->s->tick;
	sched_tick(w, c);
	if (v && v->place == PLACE_GUEST)
		kvm_interrupt(w, c, v);
	else if (c->resched)
		world_attention(c);
}

static void timers(struct world *w)
{
	for (unsigned int i = 0; i < w->n_tasks; i++) {
		struct task *t = &w->tasks[i];

		if (t->t_timer > w->now)
			continue;
		world_set_timer(w, t, NEVER);
		if (t->vcpu)
			kvm_timer(w, t->vcpu);
		else if (t->state == TASK_BLOCKED)
			sched_wake(w, &w->cpus[t->cpu], t);
	}
}

static bool attend_all(struct world *w)
{
	for (unsigned int i = 0; i < w->s->n_cpus; i++) {
		if (!w->cpus[i].attention)
			continue;
		w->cpus[i].attention = false;
		attend(w, &w->cpus[i]);
		return true;
	}
	return false;
}

/* What is simultaneous goes: ticks, timers, then the CPUs in their order. */
static bool step(struct world *w)
{
	struct cpu *ticking = NULL, *due = NULL;
	gint64 t = w->t_timer, t_tick = NEVER, t_due = NEVER;

	for (unsigned int i = 0; i < w->s->n_cpus; i++) {
		struct cpu *c = &w->cpus[i];
		gint64 t_cpu = cpu_due(c);

		if (c->t_tick < t_tick) {
			t_tick = c->t_tick;
			ticking = c;
		}
		if (t_cpu < t_due) {
			t_due = t_cpu;
			due = c;
		}
	}
	t = MIN(t, MIN(t_tick, t_due));
	if (t >= w->t_end)
		return false;
	w->now = MAX(w->now, t);
	if (t_tick <= w->now)
		tick(w, ticking);
	else if (w->t_timer <= w->now)
		timers(w);
	else
		stretch_over(w, due);
	return true;
}

static void run_until(struct world *w, gint64 t)
{
	w->t_end = t;
	do
		while (attend_all(w))
			;
	while (step(w));
	w->now = t;
	for (unsigned int i = 0; i < w->s->n_cpus; i++)
		world_account(w, &w->cpus[i]);
}

void world_run(struct world *w)
{
	w->t_start = G_MAXINT64;	/* nothing is measured, nothing is written */
	run_until(w, w->s->warm);
	memset(&w->account, 0, sizeof(w->account));
	w->t_start = w->s->warm;
	run_until(w, w->s->warm + w->s->length);
	for (unsigned int i = 0; i < w->s->n_vms; i++)
		w->account.work += w->account.vm_work[i];
}

/* --- the beginning --- */

static struct task *add_task(struct world *w, int tid, int tgid)
{
	struct task *t = &w->tasks[w->n_tasks];

	t->id = w->n_tasks++;
	t->tid = tid;
	t->tgid = tgid;
	t->t_timer = NEVER;
	return t;
}

/* The streams of random worlds' vCPUs, then background tasks, then vCPUs of larger VMs. */
enum { SMALL = 8, STREAMS_BACKGROUND = 40, STREAMS_LARGE = 64 };

static unsigned int stream_of(const struct vm *vm, unsigned int idx)
{
	unsigned int n = vm->id * SMALL + idx % SMALL;

	return idx < SMALL ? n : STREAMS_LARGE + n;
}

static void add_vcpu(struct world *w, struct vm *vm, unsigned int idx, guint64 program_seed)
{
	struct vcpu *v = &vm->vcpus[idx];

	v->task = add_task(w, vm->tgid + 1 + idx, vm->tgid);
	g_snprintf(v->task->comm, sizeof(v->task->comm), "CPU %u/KVM", idx);
	v->task->vcpu = v;
	v->vm = vm;
	v->idx = idx;
	v->boosted = NOBODY;
	v->in_service = NOBODY;
	v->ple_window = w->s->ple_window;
	v->ipi.receiver = v->ipi.sender = NOBODY;
	v->program = chance_new(program_seed, stream_of(vm, idx));
	v->ready = v->preempted = true;
	guest_start(w, v);
	sched_enqueue_new(w, v->task, &w->cpus[v->task->id % w->s->n_cpus]);
}

static void add_background(struct world *w, unsigned int i, guint64 program_seed)
{
	struct task *t = add_task(w, BACKGROUND_TID + i, BACKGROUND_TID + i);

	g_snprintf(t->comm, sizeof(t->comm), "daemon%u", i);
	t->cpu = i % w->s->n_cpus;
	t->chance = chance_new(program_seed, STREAMS_BACKGROUND + i);
	t->run = w->s->background_run;
	t->sleep = w->s->background_sleep;
	t->left = 20 * US + chance_exponential(&t->chance, t->run);
	world_set_timer(w, t, 50 * US + chance_exponential(&t->chance, t->sleep));
}

struct world *world_new(const struct settings *s, enum policy policy, guint64 program_seed,
			struct recorder *tape)
{
	struct world *w = g_new0(struct world, 1);

	w->s = s;
	w->policy = policy;
	w->tape = tape;
	w->t_timer = NEVER;
	for (unsigned int i = 0; i < s->n_cpus; i++) {
		w->cpus[i].id = i;
		w->cpus[i].t_tick = s->tick + i * s->tick / s->n_cpus;
		w->cpus[i].attention = w->cpus[i].resched = true;
	}
	for (unsigned int i = 0; i < s->n_vms; i++) {
		struct vm *vm = &w->vms[i];

		vm->id = i;
		vm->tgid = FIRST_TGID + TGID_STEP * i;
		vm->n_vcpus = s->n_vcpus[i];
		vm->mix = &s->mixes[i];
		for (unsigned int k = 0; k < MAX_LOCKS; k++)
			vm->locks[k].holder = NOBODY;
	}
	for (unsigned int i = 0; i < s->n_vms; i++)
		for (unsigned int k = 0; k < s->n_vcpus[i]; k++)
			add_vcpu(w, &w->vms[i], k, program_seed);
	for (unsigned int i = 0; i < s->n_background; i++)
		add_background(w, i, program_seed);
	return w;
}
