// SPDX-License-Identifier: GPL-2.0-or-later
/* Run queues are round robin; who was asleep goes first. */
#include "tests/bench/agenda.h"
#include "tests/bench/host.h"

enum { SLICE = 4 * MS, IDLE_BALANCE = 4 * MS, LLC_CPUS = 8, NICE_0 = 120 };

/* --- run queues --- */

static void link_thread(struct cpu *c, struct thread *t, struct thread *before)
{
	t->next = before;
	t->prev = before ? before->prev : c->last;
	*(t->prev ? &t->prev->next : &c->first) = t;
	*(before ? &before->prev : &c->last) = t;
	c->n_queued++;
	t->state = QUEUED;
	t->cpu = c->id;
}

static void unlink_thread(struct cpu *c, struct thread *t)
{
	*(t->prev ? &t->prev->next : &c->first) = t->next;
	*(t->next ? &t->next->prev : &c->last) = t->prev;
	t->prev = t->next = NULL;
	c->n_queued--;
	if (c->buddy == t)
		c->buddy = NULL;
}

void sched_enqueue(struct cpu *c, struct thread *t)
{
	link_thread(c, t, NULL);
}

static struct cpu *busiest(struct host *h)
{
	struct cpu *found = &h->cpus[0];

	for (unsigned int i = 1; i < h->n_cpus; i++)
		if (h->cpus[i].n_queued > found->n_queued)
			found = &h->cpus[i];
	return found;
}

static void emit_migrate(struct host *h, struct cpu *c, const struct thread *t, unsigned int to)
{
	EMIT(h, c, sched_migrate_task, TEXT(t->comm), t->tid, NICE_0, t->cpu, to);
}

/* Load balancing: the one that waits longest on the fullest queue, if that is fuller by two. */
static void pull(struct host *h, struct cpu *c)
{
	struct cpu *from = busiest(h);
	struct thread *t = from->first;

	if (from->n_queued < c->n_queued + 2 || t == from->buddy || t->t_last >= c->t)
		return;
	host_spend(h, c, 500);
	emit_migrate(h, c, t, c->id);
	unlink_thread(from, t);
	t->t_last = c->t;
	sched_enqueue(c, t);
}

/* --- wake-ups --- */

static struct cpu *choose_cpu(struct host *h, const struct thread *t)
{
	struct cpu *was = &h->cpus[t->cpu], *c;
	unsigned int base = t->cpu / LLC_CPUS * LLC_CPUS;

	if (!was->current || t->kind == KWORKER)
		return was;
	for (unsigned int i = base; i < MIN(base + LLC_CPUS, h->n_cpus); i++)
		if (!h->cpus[i].current && !h->cpus[i].n_queued)
			return &h->cpus[i];
	c = &h->cpus[host_random(h, h->n_cpus)];
	return !c->current || (c->n_queued < was->n_queued && host_chance(h, 60)) ? c : was;
}

/* A thread is runnable on c; 'from': the CPU that says so. */
static void make_runnable(struct host *h, struct cpu *c, struct thread *t, const struct cpu *from)
{
	const struct thread *current = c->current;
	bool first = t->kind != VCPU || host_chance(h, 50);

	link_thread(c, t, first ? c->first : NULL);
	t->t_last = from->t;
	if (!current || (first && current->kind == VCPU))
		c->resched = true;
	host_call(h, c, c->resched ? from->t + 1 * US : MAX(from->t, c->t_slice));
}

bool sched_wake(struct host *h, struct cpu *c, struct thread *t)
{
	struct cpu *to;

	if (t->state != BLOCKED)
		return false;
	host_set_timer(h, t, NEVER);
	host_spend(h, c, 400);
	c->t = MAX(c->t, t->t_last + 1);
	EMIT(h, c, sched_waking, TEXT(t->comm), t->tid, NICE_0, t->cpu);
	if (t->vcpu)
		t->vcpu->ready = true;
	to = choose_cpu(h, t);
	host_spend(h, c, 300);
	if (to->id != t->cpu)
		emit_migrate(h, c, t, to->id);
	t->cpu = to->id;
	if (to->id / LLC_CPUS != c->id / LLC_CPUS) {	/* TTWU_QUEUE */
		t->state = WAKING;
		t->t_last = c->t;
		t->next = to->handed;
		to->handed = t;
		host_call(h, to, c->t + 1 * US);
		return true;
	}
	host_spend(h, c, 300);
	EMIT(h, c, sched_wakeup, TEXT(t->comm), t->tid, NICE_0, to->id);
	make_runnable(h, to, t, c);
	return true;
}

static void take_handed(struct host *h, struct cpu *c)
{
	while (c->handed) {
		struct thread *t = c->handed;

		c->handed = t->next;
		c->t = MAX(c->t, t->t_last);
		host_spend(h, c, 400);
		EMIT(h, c, sched_wakeup, TEXT(t->comm), t->tid, NICE_0, c->id);
		make_runnable(h, c, t, c);
	}
}

static void take_irqs(struct host *h, struct cpu *c)
{
	while (c->irqs) {
		struct thread *t = c->irqs;

		sched_wake(h, c, t);
		c->irqs = t->next_irq;
		t->irq_due = false;
	}
}

/* --- switches --- */

static void resume(struct host *h, struct cpu *c)
{
	struct thread *t = c->current;

	c->t_work = NEVER;
	if (!t)
		host_call(h, c, c->t + IDLE_BALANCE);
	else if (t->vcpu)
		kvm_resume(h, c);
	else
		host_call(h, c, c->t_work = c->t + t->work);
}

static void emit_switch(struct host *h, struct cpu *c, const struct thread *next,
			unsigned int prev_state)
{
	const struct thread *prev = c->current;

	EMIT(h, c, sched_switch, TEXT(prev ? prev->comm : c->idle), prev ? prev->tid : 0, NICE_0,
	     prev_state, TEXT(next ? next->comm : c->idle), next ? next->tid : 0, NICE_0);
}

static void switch_out(struct host *h, struct cpu *c, unsigned int prev_state)
{
	struct thread *prev = c->current;
	bool runnable = prev_state == STATE_RUNNING || prev_state == STATE_PREEMPTED;

	if (!prev)
		return;
	if (prev->vcpu)
		kvm_sched_out(prev->vcpu, runnable);
	if (runnable)
		sched_enqueue(c, prev);
	else
		prev->state = BLOCKED;
	if (!runnable && prev->period)
		host_set_timer(h, prev, c->t + host_exponential(h, prev->period) + 10 * US);
}

static void switch_in(struct host *h, struct cpu *c, struct thread *next)
{
	c->current = next;
	c->t_slice = c->t + SLICE;
	if (!next)
		return;
	next->state = ON_CPU;
	next->t_last = c->t;
	if (!next->vcpu && !next->work)
		next->work = 5 * US + host_exponential(h, 20 * US);
	if (next->vcpu)
		kvm_sched_in(h, c, next->vcpu);
}

bool sched_switch(struct host *h, struct cpu *c, unsigned int prev_state)
{
	bool runnable = prev_state == STATE_RUNNING || prev_state == STATE_PREEMPTED;
	struct thread *next;

	c->resched = false;
	if (!c->n_queued && !(runnable && c->current))
		pull(h, c);
	next = c->buddy ? c->buddy : c->first;
	if (!next && (runnable || !c->current)) {
		c->t_slice = c->t + SLICE;
		return false;
	}
	if (next) {
		unlink_thread(c, next);
		c->t = MAX(c->t, next->t_last);
	}
	host_spend(h, c, 900);
	emit_switch(h, c, next, prev_state);
	switch_out(h, c, prev_state);
	switch_in(h, c, next);
	resume(h, c);
	return true;
}

int sched_yield_to(struct host *h, struct cpu *c, struct thread *target)
{
	struct cpu *to = &h->cpus[target->cpu];

	if (!c->n_queued && to->n_queued + !!to->current == 1)
		return -3;
	if (target->state != QUEUED)
		return 0;
	to->buddy = target;
	if (to != c) {
		to->resched = true;
		host_call(h, to, c->t + 1 * US);
	}
	return 1;
}

/* --- threads other than vCPUs --- */

static void fork_job(struct host *h, struct cpu *c, struct thread *job)
{
	if (job->born) {
		if (job->state != BLOCKED)
			return;
		EMIT(h, c, sched_process_free, TEXT(job->comm), job->tid, NICE_0);
		host_spend(h, c, 2 * US);
	}
	job->born = true;
	job->tid = job->tgid = h->next_tid++;
	EMIT(h, c, sched_process_fork, TEXT(c->current->comm), c->current->tid, TEXT(job->comm),
	     job->tid);
	host_spend(h, c, 1 * US);
	job->work = 200 * US + host_exponential(h, 300 * US);
	EMIT(h, c, sched_wakeup_new, TEXT(job->comm), job->tid, NICE_0, c->id);
	make_runnable(h, c, job, c);
	host_spend(h, c, 1 * US);
}

static void work_done(struct host *h, struct cpu *c)
{
	struct thread *t = c->current;
	struct vm *vm = t->vm;

	t->work = 0;
	if (t->kind == FORKER)
		fork_job(h, c, t->job);
	if (vm && host_chance(h, t->kind == VHOST ? 60 : 25))
		kvm_deliver(h, c, &vm->vcpus[host_random(h, vm->n_vcpus)], VECTOR_DEVICE);
	sched_switch(h, c, t->kind == KWORKER ? STATE_IDLE :
			   t->kind == JOB     ? STATE_DEAD :
						STATE_SLEEPING);
}

static void thread_ran(struct host *h, struct cpu *c)
{
	if (c->t >= c->t_work) {
		work_done(h, c);
		return;
	}
	if (c->resched && c->n_queued) {
		c->current->work = c->t_work - c->t;
		sched_switch(h, c, STATE_RUNNING);
		return;
	}
	c->resched = false;
	host_call(h, c, c->t_work);
}

void sched_step(struct host *h, struct cpu *c, guint64 now)
{
	agenda_set(h->agenda, c->id, NEVER);
	c->t = MAX(c->t + 1, now);
	take_irqs(h, c);
	take_handed(h, c);
	if (c->n_queued && c->t >= c->t_slice) {
		c->resched = true;
		if (host_chance(h, 5))
			pull(h, c);
	}
	h->now = c->t;
	if (c->current && c->current->vcpu)
		kvm_guest_ran(h, c);
	else if (c->current)
		thread_ran(h, c);
	else if (!sched_switch(h, c, STATE_RUNNING))
		resume(h, c);
}
