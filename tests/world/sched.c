// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Run queues. All tasks weigh the same.
 *
 * EEVDF (from 6.6): the buddy of yield_to() is taken if it is eligible; else who runs goes on
 * while eligible and protected; else the eligible one with the earliest deadline. CFS (6.1): the
 * leftmost, or the second if that is to be skipped; the buddy if it is near enough to the leftmost.
 */
#include "tests/world/world.h"

enum { PRIO = 120, ESRCH_RESULT = -3 };

static struct task *runnable_current(const struct cpu *c)
{
	return c->current && c->current->state == TASK_RUNNING ? c->current : NULL;
}

static unsigned int nr_running(const struct cpu *c)
{
	return c->n_queued + (runnable_current(c) != NULL);
}

static gint64 sum_vruntime(const struct cpu *c)
{
	const struct task *current = runnable_current(c);
	gint64 sum = current ? current->vruntime : 0;

	for (unsigned int i = 0; i < c->n_queued; i++)
		sum += c->queue[i]->vruntime;
	return sum;
}

static gint64 average(const struct cpu *c)
{
	unsigned int n = nr_running(c);

	return n ? sum_vruntime(c) / n : c->min_vruntime;
}

static bool eligible(const struct cpu *c, const struct task *t, gint64 sum)
{
	return t->vruntime * (gint64)nr_running(c) <= sum;
}

static struct task *leftmost(const struct cpu *c, const struct task *but)
{
	struct task *found = NULL;

	for (unsigned int i = 0; i < c->n_queued; i++)
		if (c->queue[i] != but && (!found || c->queue[i]->vruntime < found->vruntime))
			found = c->queue[i];
	return found;
}

static void forget_buddy(struct cpu *c, const struct task *t)
{
	if (c->next == t)
		c->next = NULL;
	if (c->skip == t)
		c->skip = NULL;
}

/* CFS: it never goes back. */
static void advance_min_vruntime(struct world *w, struct cpu *c)
{
	const struct task *current = runnable_current(c), *left = leftmost(c, NULL);
	gint64 v = NEVER;

	if (w->s->scheduler != SCHED_CFS)
		return;
	if (current)
		v = current->vruntime;
	if (left)
		v = MIN(v, left->vruntime);
	if (v != NEVER)
		c->min_vruntime = MAX(c->min_vruntime, v);
}

/* --- onto a queue and off it --- */

static void insert(struct world *w, struct cpu *c, struct task *t)
{
	t->state = TASK_QUEUED;
	t->cpu = c->id;
	t->t_queued = w->now;
	c->queue[c->n_queued++] = t;
}

static void take_out(struct cpu *c, const struct task *t)
{
	unsigned int i = 0;

	while (c->queue[i] != t)
		i++;
	for (c->n_queued--; i < c->n_queued; i++)
		c->queue[i] = c->queue[i + 1];
}

/* What it leaves with, which it is to have where it comes to. t is still counted on c. */
static void keep_lag(struct world *w, struct cpu *c, struct task *t)
{
	gint64 limit = w->s->slice + w->s->tick;

	if (w->s->scheduler == SCHED_CFS)
		return;
	c->min_vruntime = average(c);
	t->lag = CLAMP(c->min_vruntime - t->vruntime, -limit, limit);
}

static void place_eevdf(struct world *w, struct cpu *c, struct task *t, bool migrated)
{
	gint64 n = nr_running(c), v = average(c);

	t->vruntime = v;
	if (n && (w->s->place_lag || migrated))
		t->vruntime -= t->lag * (n + 1) / n;
	t->deadline = t->vruntime + w->s->slice;
}

/* Of those that slept: some of what they missed. */
static void place_cfs(struct world *w, struct cpu *c, struct task *t, bool woken)
{
	if (woken)
		t->vruntime = MAX(t->vruntime, c->min_vruntime - w->s->latency / 2);
}

void sched_enqueue_new(struct world *w, struct task *t, struct cpu *c)
{
	t->vruntime = c->min_vruntime;
	t->deadline = t->vruntime + w->s->slice;
	insert(w, c, t);
}

/* From one CPU's queue to another's. */
static void migrate(struct world *w, struct cpu *by, struct task *t, struct cpu *to)
{
	struct cpu *from = &w->cpus[t->cpu];

	EMIT(w, by, sched_migrate_task, TEXT(t->comm), t->tid, PRIO, from->id, to->id);
	keep_lag(w, from, t);
	take_out(from, t);
	forget_buddy(from, t);
	if (w->s->scheduler == SCHED_CFS)
		t->vruntime += to->min_vruntime - from->min_vruntime;
	else
		place_eevdf(w, to, t, true);
	insert(w, to, t);
}

/* --- who runs --- */

static void mark_resched(struct cpu *c)
{
	c->resched = true;
	world_attention(c);
}

static struct task *pick_eevdf(const struct world *w, const struct cpu *c, bool by_buddy)
{
	struct task *current = runnable_current(c), *best;
	gint64 sum = sum_vruntime(c);

	if (by_buddy && c->next && eligible(c, c->next, sum))
		return c->next;
	if (current && !eligible(c, current, sum))
		current = NULL;
	if (current && w->s->run_to_parity && current->vruntime < current->vprot)
		return current;
	best = current;
	for (unsigned int i = 0; i < c->n_queued; i++) {
		struct task *t = c->queue[i];

		if ((!best || t->deadline < best->deadline) && eligible(c, t, sum))
			best = t;
	}
	return best ? best : runnable_current(c);
}

static struct task *pick_cfs(const struct world *w, const struct cpu *c)
{
	struct task *current = runnable_current(c), *left = leftmost(c, NULL), *second, *pick;
	gint64 gran = w->s->wakeup_granularity;

	if (!left || (current && current->vruntime < left->vruntime))
		left = current;
	pick = left;
	if (left && left == c->skip) {
		second = leftmost(c, left);
		if (current && current != left && (!second || current->vruntime < second->vruntime))
			second = current;
		if (second && second->vruntime - left->vruntime <= gran)
			pick = second;
	}
	if (c->next && c->next->vruntime - left->vruntime <= gran)
		pick = c->next;
	return pick;
}

static struct task *pick(const struct world *w, const struct cpu *c)
{
	if (!nr_running(c))
		return NULL;
	return w->s->scheduler == SCHED_CFS ? pick_cfs(w, c) : pick_eevdf(w, c, true);
}

/* The time that current has run may end its slice. */
static void update_current(struct world *w, struct cpu *c)
{
	struct task *t = runnable_current(c);

	if (w->s->scheduler == SCHED_CFS)
		advance_min_vruntime(w, c);
	if (!t || w->s->scheduler == SCHED_CFS || t->vruntime < t->deadline)
		return;
	t->deadline = t->vruntime + w->s->slice;
	forget_buddy(c, t);
	if (c->n_queued)
		mark_resched(c);
}

/* --- balancing --- */

static struct cpu *busiest(struct world *w, const struct cpu *but)
{
	struct cpu *found = NULL;

	for (unsigned int i = 0; i < w->s->n_cpus; i++)
		if (&w->cpus[i] != but && (!found || nr_running(&w->cpus[i]) > nr_running(found)))
			found = &w->cpus[i];
	return found;
}

/* Who has waited longest where most wait comes to c, if that is busier by 'by'. */
static void pull(struct world *w, struct cpu *c, unsigned int by)
{
	struct cpu *from = w->s->placement == PLACEMENT_PINNED ? NULL : busiest(w, c);
	struct task *t = NULL;

	if (!from || !from->n_queued || nr_running(from) < nr_running(c) + by)
		return;
	for (unsigned int i = 0; i < from->n_queued; i++)
		if (from->queue[i] != from->next && (!t || from->queue[i]->t_queued < t->t_queued))
			t = from->queue[i];
	if (!t)
		return;
	world_account(w, from);
	migrate(w, c, t, c);
}

/* --- switching --- */

static void switch_to(struct world *w, struct cpu *c, struct task *next, unsigned int state)
{
	struct task *prev = c->current;
	char idle[16] = "swapper";

	EMIT(w, c, sched_switch, TEXT(prev ? prev->comm : idle), prev ? prev->tid : 0, PRIO, state,
	     TEXT(next ? next->comm : idle), next ? next->tid : 0, PRIO);
	if (prev && state == STATE_RUNNING)
		insert(w, c, prev);
	if (prev && prev->vcpu)
		kvm_sched_out(prev->vcpu, state == STATE_RUNNING);
	c->current = next;
	if (!next)
		return;
	take_out(c, next);
	next->state = TASK_RUNNING;
	next->ran = 0;
	next->vprot = next->deadline;
	if (next->vcpu)
		kvm_sched_in(w, c, next->vcpu);
}

bool sched_schedule(struct world *w, struct cpu *c, unsigned int state)
{
	struct task *prev = c->current, *next;

	update_current(w, c);
	c->resched = false;
	if (prev && state != STATE_RUNNING) {
		keep_lag(w, c, prev);
		prev->state = TASK_BLOCKED;
		forget_buddy(c, prev);
	}
	if (!nr_running(c))
		pull(w, c, 2);
	next = pick(w, c);
	if (next)
		forget_buddy(c, next);
	if (next == prev)
		return false;
	switch_to(w, c, next, state);
	return true;
}

/* --- wake-ups --- */

static struct cpu *choose_cpu(struct world *w, const struct task *t)
{
	struct cpu *best = &w->cpus[t->cpu];

	if (w->s->placement == PLACEMENT_PINNED || !nr_running(best))
		return best;
	for (unsigned int i = 0; i < w->s->n_cpus; i++) {
		struct cpu *c = &w->cpus[i];

		if (!nr_running(c))
			return c;
		if (w->s->placement == PLACEMENT_SHORTEST && nr_running(c) < nr_running(best))
			best = c;
	}
	return best;
}

static bool preempts(struct world *w, struct cpu *c, const struct task *t)
{
	const struct task *current = runnable_current(c);

	if (!current)
		return true;
	if (w->s->scheduler == SCHED_CFS)
		return current->vruntime - t->vruntime > w->s->wakeup_granularity;
	return pick_eevdf(w, c, false) != current;
}

void sched_wake(struct world *w, struct cpu *c, struct task *t)
{
	struct cpu *to;

	EMIT(w, c, sched_waking, TEXT(t->comm), t->tid, PRIO, t->cpu);
	to = choose_cpu(w, t);
	if (to->id != t->cpu) {
		EMIT(w, c, sched_migrate_task, TEXT(t->comm), t->tid, PRIO, t->cpu, to->id);
		if (w->s->scheduler == SCHED_CFS)
			t->vruntime += to->min_vruntime - w->cpus[t->cpu].min_vruntime;
	}
	world_account(w, to);
	update_current(w, to);
	if (w->s->scheduler == SCHED_CFS)
		place_cfs(w, to, t, true);
	else
		place_eevdf(w, to, t, false);
	EMIT(w, c, sched_wakeup, TEXT(t->comm), t->tid, PRIO, to->id);
	insert(w, to, t);
	if (preempts(w, to, t))
		mark_resched(to);
}

/* --- ticks --- */

static void tick_cfs(struct world *w, struct cpu *c)
{
	gint64 n = nr_running(c), period = MAX(w->s->latency, n * w->s->min_granularity);
	gint64 ideal = MIN(period / n, w->s->latency);
	struct task *t = runnable_current(c), *left = leftmost(c, NULL);

	if (n < 2)
		return;
	if (t->ran > ideal) {
		forget_buddy(c, t);
		mark_resched(c);
	} else if (t->ran >= w->s->min_granularity && t->vruntime - left->vruntime > ideal) {
		mark_resched(c);
	}
}

void sched_tick(struct world *w, struct cpu *c)
{
	update_current(w, c);
	if (w->s->scheduler == SCHED_CFS && c->current)
		tick_cfs(w, c);
	if (w->s->balance && w->now % w->s->balance < w->s->tick)
		pull(w, c, 2);
	if (!c->current && c->n_queued)
		mark_resched(c);
}

/* --- yield_to() --- */

/* What the yielder gives up. */
static void yield_current(struct world *w, struct cpu *c)
{
	struct task *t = c->current;

	if (!c->n_queued)
		return;
	forget_buddy(c, t);
	world_account(w, c);
	update_current(w, c);
	if (w->s->scheduler == SCHED_CFS) {
		c->skip = t;
	} else if (!w->s->forfeit) {
		t->deadline += w->s->slice;
	} else if (eligible(c, t, sum_vruntime(c))) {
		t->vruntime = t->deadline;
		t->deadline += w->s->slice;
	}
}

int sched_yield_to(struct world *w, struct cpu *c, struct task *target)
{
	struct cpu *to = &w->cpus[target->cpu];

	if (nr_running(c) == 1 && nr_running(to) == 1)
		return ESRCH_RESULT;
	if (target->state != TASK_QUEUED)
		return 0;
	to->next = target;
	side_yield_to(w, c, target);
	yield_current(w, c);
	side_yielded(w, c);
	if (to != c)
		mark_resched(to);
	return 1;
}
