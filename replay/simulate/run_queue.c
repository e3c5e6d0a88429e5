// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/run_queue.h"

void run_queue_init(struct run_queue *rq, const struct sim_host *host)
{
	*rq = (struct run_queue){
		.host = host, .rules = host->scheduler == SCHEDULER_CFS ? &cfs_rules : &eevdf_rules,
		.penalty_time = INT64_MIN, .cancel_time = INT64_MIN,
	};
	if (host->n_groups < 2)
		return;
	rq->groups = g_new0(struct sim_queue, host->n_groups);
	rq->group_entities = g_new0(struct sim_entity, host->n_groups);
	for (unsigned int g = 1; g < host->n_groups; g++) {
		rq->group_entities[g].weight = host->group_weights[g];
		rq->group_entities[g].mine = &rq->groups[g];
		rq->groups[g].owner = &rq->group_entities[g];
	}
}

void run_queue_release(struct run_queue *rq)
{
	for (unsigned int g = 1; rq->groups && g < rq->host->n_groups; g++)
		g_free(rq->groups[g].e);
	g_free(rq->root.e);
	g_free(rq->groups);
	g_free(rq->group_entities);
}

void clear_buddies(struct sim_queue *q, const struct sim_entity *se)
{
	if (q->next == se)
		q->next = NULL;
	if (q->last == se)
		q->last = NULL;
	if (q->skip == se)
		q->skip = NULL;
}

static void put_on(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se, bool wakeup)
{
	rq->rules->place(rq, q, se, wakeup);
	if (q->n == q->size) {
		q->size = q->size ? 2 * q->size : 8;
		q->e = g_renew(struct sim_entity *, q->e, q->size);
	}
	se->slot = q->n;
	q->e[q->n++] = se;
	q->load += se->weight;
	se->queue = q;
	se->queued = true;
	se->seq = ++rq->seq;
}

static void take_off(struct run_queue *rq, struct sim_entity *se, bool sleep)
{
	struct sim_queue *q = se->queue;

	clear_buddies(q, se);
	rq->rules->leave(rq, q, se, sleep);
	q->e[se->slot] = q->e[--q->n];
	q->e[se->slot]->slot = se->slot;
	q->load -= se->weight;
	se->queued = se->delayed = false;
	/* the group has nobody left to run */
	if (!q->n && q->owner)
		take_off(rq, q->owner, sleep);
}

static struct sim_queue *queue_of(struct run_queue *rq, const struct sim_entity *se)
{
	return se->group ? &rq->groups[se->group] : &rq->root;
}

/* update_curr() of one level */
static void charge(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se, int64_t ns)
{
	se->v += virtual_time(ns, se->weight);
	se->exec += ns;
	if (rq->rules->charged(rq, q, se) && q->n > 1) {
		rq->resched = true;
		clear_buddies(q, se);
	}
}

void run_queue_update(struct run_queue *rq, int64_t now)
{
	struct sim_entity *se = rq->curr;
	int64_t ns = now - rq->clock;

	rq->clock = now;
	if (!se || ns <= 0 || !se->queued)
		return;
	charge(rq, se->queue, se, ns);
	if (se->group)
		charge(rq, &rq->root, root_entity(rq, se), ns);
}

/* requeue_delayed_entity(), with DELAY_ZERO: what it owed it has slept off, and no more */
static void requeue_delayed(struct run_queue *rq, struct sim_entity *se)
{
	struct sim_queue *q = se->queue;
	int64_t lag = eevdf_average(q) - se->v;

	se->delayed = false;
	if (lag <= 0)
		return;
	take_off(rq, se, true);
	se->lag = 0;
	if (q->owner && !q->owner->queued)
		put_on(rq, &rq->root, q->owner, true);
	put_on(rq, q, se, true);
}

void run_queue_enqueue(struct run_queue *rq, struct sim_entity *se, bool wakeup)
{
	struct sim_entity *root;

	if (se->queued) {
		requeue_delayed(rq, se);
		return;
	}
	put_on(rq, queue_of(rq, se), se, wakeup);
	root = root_entity(rq, se);
	if (!root->queued)
		put_on(rq, &rq->root, root, wakeup);
	rq->n_tasks++;
}

void run_queue_dequeue(struct run_queue *rq, struct sim_entity *se, bool sleep)
{
	if (sleep && rq->rules->delays(rq, se->queue, se)) {
		clear_buddies(se->queue, se);
		se->delayed = true;
		return;
	}
	take_off(rq, se, sleep);
	rq->n_tasks--;
}

void run_queue_check_preempt(struct run_queue *rq, struct sim_entity *se)
{
	struct sim_entity *curr = rq->curr;

	if (rq->resched || !curr || curr == se)
		return;
	/* find_matching_se() */
	if (curr->group != se->group) {
		curr = root_entity(rq, curr);
		se = root_entity(rq, se);
	}
	if (rq->rules->preempts(rq, se->queue, curr, se))
		rq->resched = true;
}

void run_queue_tick(struct run_queue *rq, int64_t now)
{
	struct sim_entity *se = rq->curr, *root;

	run_queue_update(rq, now);
	if (!se || !se->queued)
		return;
	if (se->queue->n > 1 && rq->rules->tick(rq, se->queue, se))
		rq->resched = true;
	root = root_entity(rq, se);
	if (root != se && rq->root.n > 1 && rq->rules->tick(rq, &rq->root, root))
		rq->resched = true;
}

struct sim_entity *run_queue_pick(struct run_queue *rq)
{
	struct sim_queue *q = &rq->root;

	while (q->n) {
		struct sim_entity *se = rq->rules->pick(rq, q);

		if (se->mine) {
			q = se->mine;
		} else if (se->delayed) {
			take_off(rq, se, true);
			if (se->lag > 0)
				se->lag = 0;
			rq->n_tasks--;
			q = &rq->root;
		} else {
			return se;
		}
	}
	return NULL;
}

/* put_prev_entity() and set_next_entity() of one queue; to may be NULL */
static void switch_curr(struct run_queue *rq, struct sim_queue *q, struct sim_entity *to)
{
	struct sim_entity *from = q->curr;

	if (from == to)
		return;
	if (from && from->queued && from->queue == q)
		from->seq = ++rq->seq;
	q->curr = to;
	if (!to)
		return;
	clear_buddies(q, to);
	to->exec = 0;
	rq->rules->picked(rq, q, to);
}

void run_queue_set_curr(struct run_queue *rq, struct sim_entity *se, int64_t now)
{
	struct sim_entity *prev = rq->curr;

	rq->clock = now;
	if (prev == se)
		return;
	if (prev && prev->group && (!se || se->group != prev->group))
		switch_curr(rq, &rq->groups[prev->group], NULL);
	if (se && se->group)
		switch_curr(rq, &rq->groups[se->group], se);
	switch_curr(rq, &rq->root, se ? root_entity(rq, se) : NULL);
	rq->curr = se;
}

void run_queue_nominate(struct run_queue *rq, struct sim_entity *se)
{
	struct sim_entity *root = root_entity(rq, se);

	if (!se->queued || se->delayed)
		return;
	se->queue->next = se;
	if (root != se && root->queued)
		rq->root.next = root;
}

/*
 * clear_buddies() (kernel/sched/fair.c, 6.1): it climbs only as long as the buddy is the entity, so
 * that of a group whose other task is the buddy nothing is forgotten.
 */
static void clear_buddies_up(struct run_queue *rq, struct sim_entity *se)
{
	struct sim_queue *q = se->queue;
	bool next = q->next == se, last = q->last == se, skip = q->skip == se;
	struct sim_entity *root = root_entity(rq, se);

	clear_buddies(q, se);
	if (!se->group)
		return;
	if (next && rq->root.next == root)
		rq->root.next = NULL;
	if (last && rq->root.last == root)
		rq->root.last = NULL;
	if (skip && rq->root.skip == root)
		rq->root.skip = NULL;
}

void run_queue_yield(struct run_queue *rq, int64_t now)
{
	struct sim_entity *se = rq->curr;

	if (!se || rq->n_tasks <= 1)
		return;
	clear_buddies_up(rq, se);
	run_queue_update(rq, now);
	rq->rules->yields(rq, se);
}
