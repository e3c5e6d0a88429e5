// SPDX-License-Identifier: GPL-2.0-or-later
/* CFS, before 6.6 (scheduler-side.md 3.1; read in 5.10 and 6.1). sched_latency is host->slice. */
#include "replay/simulate/run_queue.h"

/* __pick_first_entity() of all but 'other'; the current included */
static struct sim_entity *leftmost(const struct sim_queue *q, const struct sim_entity *other)
{
	struct sim_entity *left = NULL;

	for (unsigned int i = 0; i < q->n; i++) {
		struct sim_entity *se = q->e[i];

		if (se != other && (!left || se->v < left->v || (se->v == left->v && se->seq < left->seq)))
			left = se;
	}
	return left;
}

/* update_min_vruntime() */
static void raise_floor(struct sim_queue *q)
{
	const struct sim_entity *left = leftmost(q, NULL);

	if (left)
		q->floor = MAX(q->floor, left->v);
}

/* place_entity(): a sleeper is credited half a latency (GENTLE_FAIR_SLEEPERS), or a whole one */
static void cfs_place(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se, bool wakeup)
{
	if (!se->queue)
		se->v = q->floor;
	else if (se->queue != q)
		se->v += q->floor - se->queue->floor;
	if (wakeup)
		se->v = MAX(se->v, q->floor - (rq->host->slice >> rq->host->gentle_sleepers));
}

static void cfs_leave(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se, bool sleep)
{
	(void)rq, (void)se, (void)sleep;
	raise_floor(q);
}

static bool cfs_delays(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se)
{
	(void)rq, (void)q, (void)se;
	return false;
}

static bool cfs_charged(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se)
{
	(void)rq, (void)se;
	raise_floor(q);
	return false;
}

/* sched_slice(): its share, on both levels, of a period that grows with the CPU's tasks (ALT_PERIOD) */
static int64_t ideal_runtime(const struct run_queue *rq, const struct sim_queue *q,
			     const struct sim_entity *se)
{
	const struct sim_host *host = rq->host;
	int64_t latency = host->slice, slice = MAX(latency, rq->n_tasks * host->min_granularity);

	slice = slice * se->weight / q->load;
	if (q->owner)
		slice = slice * q->owner->weight / rq->root.load;
	return MIN(MAX(slice, host->min_granularity), latency);
}

/* check_preempt_tick() */
static bool cfs_tick(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se)
{
	int64_t ideal = ideal_runtime(rq, q, se);

	if (se->exec > ideal) {
		clear_buddies(q, se);
		return true;
	}
	return se->exec >= rq->host->min_granularity && se->v - leftmost(q, NULL)->v > ideal;
}

/* wakeup_preempt_entity(): is x further behind left than left's wakeup granularity? */
static bool too_far(const struct run_queue *rq, const struct sim_entity *x, const struct sim_entity *left)
{
	return x->v - left->v > virtual_time(rq->host->wakeup_granularity, left->weight);
}

/* pick_next_entity() */
static struct sim_entity *cfs_pick(struct run_queue *rq, struct sim_queue *q)
{
	struct sim_entity *left = leftmost(q, NULL), *se = left;

	if (q->skip == left) {
		struct sim_entity *second = leftmost(q, left);

		if (second && !too_far(rq, second, left))
			se = second;
	}
	if (q->next && !too_far(rq, q->next, left))
		return q->next;
	if (q->last && !too_far(rq, q->last, left))
		return q->last;
	return se;
}

static void cfs_picked(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se)
{
	(void)rq, (void)q, (void)se;
}

static bool cfs_preempts(struct run_queue *rq, struct sim_queue *q, struct sim_entity *curr,
			 struct sim_entity *woken)
{
	const struct sim_host *host = rq->host;
	int64_t nr_latency = (host->slice + host->min_granularity - 1) / MAX(host->min_granularity, 1);

	if (!too_far(rq, curr, woken))
		return false;
	/* "bias pick_next to pick the sched entity that is triggering this preemption" */
	q->next = woken;
	if (q->owner)
		rq->root.next = q->owner;
	/* so that a short visitor does not end the turn; of a task, not of its group */
	if (host->last_buddy && curr == rq->curr && curr->queued && curr->queue->n >= nr_latency) {
		curr->queue->last = curr;
		if (curr->group)
			rq->root.last = root_entity(rq, curr);
	}
	return true;
}

static void cfs_yields(struct run_queue *rq, struct sim_entity *se)
{
	se->queue->skip = se;
	if (se->group)
		rq->root.skip = root_entity(rq, se);
}

const struct queue_rules cfs_rules = {
	.place = cfs_place,
	.leave = cfs_leave,
	.delays = cfs_delays,
	.charged = cfs_charged,
	.tick = cfs_tick,
	.pick = cfs_pick,
	.picked = cfs_picked,
	.preempts = cfs_preempts,
	.yields = cfs_yields,
};
