// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The scheduler side of the posted series: v1's and v2's debooster, as read, and v3's
 * lag credit, of which the margin is not known (scheduler-side.md 5 and 6).
 */
#include "replay/simulate/side.h"

#define MS (1000 * 1000LL)
#define RATE_LIMIT (6 * MS)

const char *const scheduler_side_names[N_SCHEDULER_SIDES] = {
	[SIDE_PLAIN] = "plain",
	[SIDE_DEBOOSTER_V1] = "debooster-v1",
	[SIDE_DEBOOSTER_V2] = "debooster-v2",
	[SIDE_LAG_CREDIT] = "lag-credit",
};

static bool within(int64_t now, int64_t since, int64_t limit)
{
	return since != INT64_MIN && now - since <= limit;
}

/* v1 moves the stamp of a call that it limits, too: a stream of yields is penalised once. */
static bool rate_limited(struct run_queue *rq, bool v1, int64_t now)
{
	bool limited = within(now, rq->penalty_time, RATE_LIMIT);

	if (v1 || !limited)
		rq->penalty_time = now;
	return limited;
}

static int64_t penalty_cap(unsigned int n, int64_t granularity)
{
	return n <= 2 ? 6 * granularity : n == 3 ? 4 * granularity : n <= 6 ? granularity * 5 / 2 :
	       n <= 8 ? 2 * granularity : n <= 12 ? granularity * 3 / 2 : granularity;
}

/*
 * What is left out has no effect: after the clamp the base penalty of a need of 0 is never
 * larger; and the debounce of a reverse pair (600 us) never counts, as that is younger than the rate limit.
 */
static int64_t penalty(const struct run_queue *rq, const struct sim_entity *y, const struct sim_entity *t,
		       unsigned int n)
{
	int64_t granularity = virtual_time(rq->host->slice, y->weight), need = MAX(t->v - y->v, 0);
	int64_t p = granularity + need + need / 10;

	return CLAMP(p, granularity, penalty_cap(n, granularity));
}

static void deboost(struct run_queue *rq, const struct sim_entity *target, bool same_rq, bool v1, int64_t t)
{
	int64_t now = v1 ? rq->clock : t, p;
	struct sim_entity *y = rq->curr;
	const struct sim_entity *of = target;
	unsigned int n;

	if (rate_limited(rq, v1, now) || !y || !same_rq || !target->queued || target == y)
		return;
	if (y->group != target->group) {
		y = root_entity(rq, y);
		of = root_entity(rq, (struct sim_entity *)target);
	}
	n = v1 || y->queue != &rq->root ? y->queue->n : rq->n_tasks;
	if (n <= 1)
		return;
	p = penalty(rq, y, of, n);
	y->v += p;
	y->deadline = y->v + virtual_time(rq->host->slice, y->weight);
	/* v1 sets y->vlag, which on its base shares its place with vprot */
	if (v1)
		eevdf_cancel_protection(rq->host, y);
}

/*
 * As requeue_delayed_entity() moves an entity: out and in again with the lag that it is to
 * have. The margin, slices per queued entity, is not known.
 */
static void credit(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se, double margin)
{
	int64_t others = q->load - se->weight, base = se->v, sum = 0, lag, shift;

	if (eevdf_eligible(q, se) || others <= 0)
		return;
	for (unsigned int i = 0; i < q->n; i++)
		sum += (q->e[i]->v - base) * q->e[i]->weight;
	lag = virtual_time((int64_t)(margin * q->n * rq->host->slice), se->weight);
	lag = MIN(lag, eevdf_lag_limit(rq->host, se));
	shift = (sum - (sum % others + others) % others) / others - lag * q->load / others;
	se->v += shift;
	se->deadline += shift;
	se->vprot += shift;
}

void side_yield_to(struct run_queue *rq, struct sim_entity *target, bool same_rq,
		   const struct simulation_setting *setting, int64_t now)
{
	/* all of it is EEVDF's */
	if (rq->host->scheduler != SCHEDULER_EEVDF)
		return;
	if (setting->side == SIDE_DEBOOSTER_V1 || setting->side == SIDE_DEBOOSTER_V2) {
		deboost(rq, target, same_rq, setting->side == SIDE_DEBOOSTER_V1, now);
	} else if (setting->side == SIDE_LAG_CREDIT && same_rq && target->queued) {
		run_queue_update(rq, now);
		credit(rq, target->queue, target, setting->lag_margin);
		if (target->group)
			credit(rq, &rq->root, root_entity(rq, target), setting->lag_margin);
	}
}

void side_yielded(struct run_queue *rq, const struct simulation_setting *setting, int64_t now)
{
	if (rq->host->scheduler != SCHEDULER_EEVDF || setting->side != SIDE_LAG_CREDIT || !rq->curr ||
	    within(now, rq->cancel_time, RATE_LIMIT))
		return;
	rq->cancel_time = now;
	eevdf_cancel_protection(rq->host, rq->curr);
	if (rq->curr->group)
		eevdf_cancel_protection(rq->host, root_entity(rq, rq->curr));
}
