// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/fair.h"

#include <glib.h>

#define BRIEF 100000	/* ns on a CPU */

typedef __int128 wide;		/* sums of weight * vruntime */

struct cpu {
	unsigned int nr_running;
	GPtrArray *queues;		/* of struct queue, by group; may be NULL */
};

struct entity {
	int64_t v, deadline;
	int64_t lag;			/* EEVDF: when it left its queue */
	int64_t doubt;
	unsigned int weight;
	bool known;
	bool delayed;			/* EEVDF: it sleeps, and is still on its queue */
	struct queue *queue;
	struct queue *home;		/* CFS: the last queue it was on, which v is relative to */
	bool woken;			/* and has not left the CPU since */
	const struct entity *woke_over;	/* CFS: who ran when it was woken */
	int64_t t_picked, burst;	/* CFS: how long it runs, moving average */
	GSequenceIter *at;
};

struct queue {
	unsigned int cpu_id;
	struct cpu *cpu;
	wide sum;			/* of weight * v, and of weight, of all on it */
	int64_t weight;
	int64_t idle_v;			/* EEVDF: the average when it was last not empty */
	int64_t min_v;			/* CFS: min_vruntime */
	unsigned int n_runnable;
	GSequence *sorted;		/* by v. CFS: who waits; EEVDF: who is delayed */
	struct entity *current;
	int64_t t_current;		/* current->v is as of then */
	struct entity *next;		/* what yield_to() named */
	bool next_is_new;		/* no pick has seen it yet */
	/* CFS */
	const struct entity *last, *skip;
	const struct entity *stopped;	/* left the CPU runnable, at the last switch */
};

struct fair {
	struct fair_params params;
	unsigned int n;
	struct entity *entities;
	GPtrArray *cpus;		/* of struct cpu */
	struct fair_check check;
};

static void queue_free(void *p)
{
	struct queue *q = p;

	if (!q)
		return;
	g_sequence_free(q->sorted);
	g_free(q);
}

static void cpu_free(void *p)
{
	struct cpu *cpu = p;

	g_ptr_array_unref(cpu->queues);
	g_free(cpu);
}

struct fair *fair_new(const struct fair_params *params, unsigned int n)
{
	struct fair *f = g_new0(struct fair, 1);

	f->params = *params;
	f->n = n;
	f->entities = g_new0(struct entity, n);
	f->cpus = g_ptr_array_new_with_free_func(cpu_free);
	return f;
}

void fair_free(struct fair *f)
{
	if (!f)
		return;
	g_ptr_array_unref(f->cpus);
	g_free(f->entities);
	g_free(f);
}

static struct queue *queue_of(struct fair *f, unsigned int cpu_id, unsigned int group)
{
	struct cpu *cpu;
	struct queue *q;

	while (f->cpus->len <= cpu_id) {
		cpu = g_new0(struct cpu, 1);
		cpu->queues = g_ptr_array_new_with_free_func(queue_free);
		g_ptr_array_add(f->cpus, cpu);
	}
	cpu = f->cpus->pdata[cpu_id];
	if (cpu->queues->len <= group)
		g_ptr_array_set_size(cpu->queues, group + 1);
	q = cpu->queues->pdata[group];
	if (!q) {
		q = g_new0(struct queue, 1);
		q->cpu_id = cpu_id;
		q->cpu = cpu;
		q->sorted = g_sequence_new(NULL);
		cpu->queues->pdata[group] = q;
	}
	return q;
}

static int by_v(const void *a, const void *b, void *user)
{
	const struct entity *x = a, *y = b;

	(void)user;
	if (x->v != y->v)
		return x->v < y->v ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void sorted_add(struct queue *q, struct entity *e)
{
	e->at = g_sequence_insert_sorted(q->sorted, e, by_v, NULL);
}

static void sorted_remove(struct entity *e)
{
	if (e->at)
		g_sequence_remove(e->at);
	e->at = NULL;
}

static struct entity *sorted_first(const struct queue *q)
{
	GSequenceIter *first = g_sequence_get_begin_iter(q->sorted);

	return g_sequence_iter_is_end(first) ? NULL : g_sequence_get(first);
}

/* calc_delta_fair() */
static int64_t virtual(int64_t delta, unsigned int weight)
{
	return weight == FAIR_WEIGHT_0 ? delta : (int64_t)((wide)delta * FAIR_WEIGHT_0 / weight);
}

static int64_t floor_div(wide a, int64_t b)
{
	wide q = a / b;

	return (int64_t)(q - (a % b < 0));
}

/* EEVDF: V */
static int64_t average(const struct queue *q)
{
	return q->weight ? floor_div(q->sum, q->weight) : q->idle_v;
}

static bool eligible(const struct queue *q, const struct entity *e)
{
	return q->sum >= (wide)e->v * q->weight;
}

static void move_to(struct queue *q, struct entity *e, int64_t v)
{
	q->sum += (wide)(v - e->v) * e->weight;
	e->v = v;
}

/* To where its lag is zero. */
static void move_to_average(struct queue *q, struct entity *e)
{
	int64_t rest = q->weight - e->weight;

	if (rest)
		move_to(q, e, floor_div(q->sum - (wide)e->v * e->weight, rest));
}

static int64_t current_v(const struct queue *q, int64_t t)
{
	return q->current->v + virtual(MAX(t - q->t_current, 0), q->current->weight);
}

static void update_current(struct queue *q, int64_t t)
{
	const struct entity *first = sorted_first(q);
	int64_t v;

	if (q->current) {
		move_to(q, q->current, current_v(q, t));
		q->t_current = MAX(t, q->t_current);
	}
	if (!q->current && !first)
		return;
	v = !first || (q->current && q->current->v < first->v) ? q->current->v : first->v;
	q->min_v = MAX(q->min_v, v);
}

static void update_deadline(const struct fair *f, struct entity *e)
{
	if (e->v >= e->deadline)
		e->deadline = e->v + virtual(f->params.slice, e->weight);
}

static void attach(struct queue *q, struct entity *e)
{
	q->sum += (wide)e->v * e->weight;
	q->weight += e->weight;
	e->queue = e->home = q;
	q->n_runnable++;
	q->cpu->nr_running++;
}

static void no_longer_runnable(struct queue *q)
{
	q->n_runnable--;
	q->cpu->nr_running--;
}

static void detach(struct entity *e)
{
	struct queue *q = e->queue;

	q->sum -= (wide)e->v * e->weight;
	q->weight -= e->weight;
	if (!q->weight)
		q->idle_v = e->v;
	sorted_remove(e);
	e->queue = NULL;
	if (!e->delayed)
		no_longer_runnable(q);
	e->delayed = false;
	if (q->current == e)
		q->current = NULL;
	q->next = q->next == e ? NULL : q->next;
	q->last = q->last == e ? NULL : q->last;
	q->skip = q->skip == e ? NULL : q->skip;
	q->stopped = q->stopped == e ? NULL : q->stopped;
}

/*
 * What sleeps but was not eligible is taken off when a pick comes across it, or nothing else is
 * left.
 */
static void reap(struct queue *q)
{
	struct entity *e;

	while ((e = sorted_first(q)) && (!q->n_runnable || eligible(q, e))) {
		e->lag = 0;
		e->doubt = 0;
		detach(e);
	}
}

static int64_t lag_of(const struct fair *f, const struct queue *q, const struct entity *e)
{
	int64_t limit = virtual(MAX(2 * f->params.slice, f->params.tick), e->weight);

	return CLAMP(average(q) - e->v, -limit, limit);
}

/* place_entity(): v such that the lag is this once e is on the queue. */
static void place_by_lag(struct queue *q, struct entity *e, int64_t lag)
{
	e->v = average(q);
	if (q->weight)
		e->v -= floor_div((wide)lag * (q->weight + e->weight), q->weight);
}

static void place_new(const struct fair *f, struct queue *q, struct entity *e)
{
	e->v = f->params.kind == FAIR_EEVDF ? average(q) : q->min_v;
	e->deadline = e->v + virtual(f->params.slice, e->weight);
	e->doubt = virtual(f->params.slice + f->params.tick, e->weight);
	e->burst = 2 * BRIEF;
	e->known = true;
}

static void place_woken(const struct fair *f, struct queue *q, struct entity *e)
{
	int64_t floor;

	if (f->params.kind == FAIR_EEVDF) {
		place_by_lag(q, e, f->params.place_lag ? e->lag : 0);
		e->deadline = e->v + virtual(f->params.slice, e->weight);
		return;
	}
	if (e->home != q)
		e->v += q->min_v - e->home->min_v;
	floor = q->min_v - (f->params.gentle_sleepers ? f->params.slice / 2 : f->params.slice);
	if (e->v <= floor) {
		e->v = floor;
		e->doubt = 0;
	}
}

/* requeue_delayed_entity() */
static void undelay(struct queue *q, struct entity *e)
{
	sorted_remove(e);
	e->delayed = false;
	q->n_runnable++;
	q->cpu->nr_running++;
	if (eligible(q, e))
		move_to_average(q, e);
}

void fair_wake(struct fair *f, unsigned int id, unsigned int cpu, unsigned int group,
	       unsigned int weight, int64_t t)
{
	struct entity *e = &f->entities[id];
	struct queue *q = queue_of(f, cpu, group);

	if (e->queue && !e->delayed)
		return;
	update_current(q, t);
	if (e->delayed && e->queue == q) {
		undelay(q, e);
		return;
	}
	if (e->delayed) {
		e->lag = 0;
		detach(e);
	}
	e->weight = weight;
	if (e->known)
		place_woken(f, q, e);
	else
		place_new(f, q, e);
	attach(q, e);
	if (f->params.kind == FAIR_CFS)
		sorted_add(q, e);
	e->woke_over = q->current;
	e->woken = true;
}

static void migrate(struct fair *f, struct entity *e, struct queue *q, int64_t t)
{
	struct queue *from = e->queue;
	int64_t lag, relative = e->deadline - e->v;

	update_current(from, t);
	update_current(q, t);
	lag = lag_of(f, from, e);
	detach(e);
	if (f->params.kind == FAIR_EEVDF)
		place_by_lag(q, e, lag);
	else
		e->v += q->min_v - from->min_v;
	e->deadline = e->v + relative;
	attach(q, e);
	if (f->params.kind == FAIR_CFS)
		sorted_add(q, e);
}

static void note_pick(struct fair *f, struct entity *e, bool allowed, int64_t correction)
{
	f->check.picks++;
	f->check.allowed += allowed;
	e->doubt = MAX(e->doubt / 2, correction);
}

static void check_eevdf(struct fair *f, struct queue *q, struct entity *e)
{
	if (eligible(q, e)) {
		note_pick(f, e, true, 0);
		return;
	}
	note_pick(f, e, false, e->v - average(q));
	move_to_average(q, e);
}

/*
 * Only a buddy may be behind the leftmost, or who comes after a leftmost that has
 * just yielded. If another was picked, one of the two is wrong: the doubtful one.
 */
static void check_cfs(struct fair *f, struct queue *q, struct entity *e)
{
	struct entity *left = sorted_first(q);
	bool buddy = e == q->next || e == q->last || left == q->skip;
	int64_t bound = buddy ? virtual(f->params.wakeup_granularity, left->weight) : 0;
	bool allowed = e->v - left->v <= bound;
	int64_t behind;

	for (; e->v - left->v > bound && left->doubt > e->doubt; left = sorted_first(q)) {
		left->doubt /= 2;
		move_to(q, left, e->v - bound);
		g_sequence_sort_changed(left->at, by_v, NULL);
	}
	behind = MAX(e->v - left->v - bound, 0);
	move_to(q, e, e->v - behind);
	note_pick(f, e, allowed, behind);
}

/*
 * A sleeper that is back with its credit runs first, as it does anyway, but briefly, and a hint
 * outlives that.
 */
static bool passes_soon(const struct entity *e)
{
	return e->woken && e->burst < BRIEF;
}

static const struct entity *cfs_leftmost(const struct queue *q, const struct entity *e)
{
	GSequenceIter *i = g_sequence_get_begin_iter(q->sorted);
	const struct entity *left = g_sequence_get(i);

	while (left != e && passes_soon(left)) {
		i = g_sequence_iter_next(i);
		left = g_sequence_get(i);
	}
	return left;
}

static int64_t cfs_margin(const struct fair *f, const struct queue *q, const struct entity *e,
			  int64_t t, int64_t *doubt)
{
	const struct entity *left = cfs_leftmost(q, e);
	int64_t v = left->v;

	if (q->current && !passes_soon(q->current) && current_v(q, t) < v) {
		left = q->current;
		v = current_v(q, t);
	}
	*doubt = left == e ? 0 : e->doubt + left->doubt;
	return virtual(f->params.wakeup_granularity, left->weight) - (e->v - v);
}

/*
 * The first pick since a hint: had its entity been allowed to, it would have been
 * picked. EEVDF is corrected by that, CFS not: there who was named may have lost to
 * somebody who preempted, and correcting it foretells fewer picks.
 */
static void check_hint(struct fair *f, struct queue *q, const struct entity *picked)
{
	struct entity *e = q->next;
	int64_t margin, doubt;

	if (!e || !q->next_is_new || (f->params.kind == FAIR_CFS && picked->woken))
		return;
	q->next_is_new = false;
	margin = f->params.kind == FAIR_EEVDF ? average(q) - e->v :
		 cfs_margin(f, q, e, q->t_current, &doubt);
	f->check.hints++;
	f->check.foretold += (margin >= 0) == (e == picked);
	if (e == picked || f->params.kind == FAIR_CFS)
		return;
	e->doubt = MAX(e->doubt / 2, margin);
	if (margin >= 0) {
		move_to_average(q, e);
		move_to(q, e, e->v + 1);
	}
}

static void switch_buddies(struct fair *f, struct queue *q, struct entity *e)
{
	/* who was preempted by a wake-up is to run again soon */
	if (f->params.last_buddy && e->woke_over && e->woke_over == q->stopped)
		q->last = q->stopped;
	q->stopped = NULL;
	e->woke_over = NULL;
	q->next = q->next == e ? NULL : q->next;
	q->last = q->last == e ? NULL : q->last;
	q->skip = q->skip == e ? NULL : q->skip;
}

void fair_pick(struct fair *f, unsigned int id, unsigned int cpu, unsigned int group,
	       unsigned int weight, int64_t t)
{
	struct entity *e = &f->entities[id];
	struct queue *q = queue_of(f, cpu, group);
	bool new = !e->queue;

	if (!e->queue || e->delayed) {
		if (new)
			e->known = false;
		fair_wake(f, id, cpu, group, weight, t);
	}
	if (e->queue != q)
		migrate(f, e, q, t);
	if (f->params.kind == FAIR_EEVDF)
		reap(q);
	check_hint(f, q, e);
	if (!new && q->n_runnable > 1) {
		if (f->params.kind == FAIR_EEVDF)
			check_eevdf(f, q, e);
		else
			check_cfs(f, q, e);
	}
	sorted_remove(e);
	switch_buddies(f, q, e);
	q->current = e;
	q->t_current = e->t_picked = t;
}

void fair_stop(struct fair *f, unsigned int id, int64_t t, bool runnable)
{
	struct entity *e = &f->entities[id];
	struct queue *q = e->queue;

	if (!q || q->current != e)
		return;
	update_current(q, t);
	update_deadline(f, e);
	e->burst += (MAX(t - e->t_picked, 0) - e->burst) / 8;
	e->woken = false;
	q->current = NULL;
	q->stopped = runnable ? e : NULL;
	if (runnable) {
		if (f->params.kind == FAIR_CFS)
			sorted_add(q, e);
		return;
	}
	e->lag = lag_of(f, q, e);
	if (f->params.kind == FAIR_EEVDF && f->params.delay_dequeue && !eligible(q, e)) {
		e->delayed = true;
		no_longer_runnable(q);
		sorted_add(q, e);
	} else {
		detach(e);
	}
	if (f->params.kind == FAIR_EEVDF && !q->n_runnable)
		reap(q);
}

void fair_yield(struct fair *f, unsigned int id, unsigned int target, int64_t t)
{
	struct entity *e = &f->entities[id];
	struct queue *q = e->queue;
	struct fair_margin margin;

	if (!q || q->current != e)
		return;
	if (fair_margin(f, target, t, &margin)) {
		f->entities[target].queue->next = &f->entities[target];
		f->entities[target].queue->next_is_new = true;
	}
	update_current(q, t);
	q->last = q->last == e ? NULL : q->last;
	q->skip = e;
	update_deadline(f, e);
	if (f->params.forfeit && eligible(q, e)) {
		move_to(q, e, e->deadline);
		update_deadline(f, e);
	}
}

void fair_forget(struct fair *f, unsigned int id)
{
	struct entity *e = &f->entities[id];

	if (e->queue)
		detach(e);
	e->known = false;
}

int fair_cpu(const struct fair *f, unsigned int id)
{
	const struct entity *e = &f->entities[id];

	return e->queue && !e->delayed ? (int)e->queue->cpu_id : -1;
}

bool fair_runs(const struct fair *f, unsigned int id)
{
	const struct entity *e = &f->entities[id];

	return e->queue && e->queue->current == e;
}

unsigned int fair_nr_running(const struct fair *f, unsigned int cpu)
{
	return cpu < f->cpus->len ? ((const struct cpu *)f->cpus->pdata[cpu])->nr_running : 0;
}

static int64_t eevdf_margin(const struct queue *q, const struct entity *e, int64_t t)
{
	wide sum = q->sum;

	if (q->current)
		sum += (wide)(current_v(q, t) - q->current->v) * q->current->weight;
	return floor_div(sum, q->weight) - e->v;
}

bool fair_margin(const struct fair *f, unsigned int id, int64_t t, struct fair_margin *out)
{
	const struct entity *e = &f->entities[id];
	const struct queue *q = e->queue;
	int64_t doubt = e->doubt;

	if (!q || q->current == e || e->delayed)
		return false;
	out->margin = f->params.kind == FAIR_EEVDF ? eevdf_margin(q, e, t) :
		      cfs_margin(f, q, e, t, &doubt);
	out->lo = out->margin - doubt;
	out->hi = out->margin + doubt;
	return true;
}

const struct fair_check *fair_check(const struct fair *f)
{
	return &f->check;
}
