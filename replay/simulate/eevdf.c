// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EEVDF, since 6.6 (scheduler-side.md 2 and 3.2; read in 6.12.117 and 7.2.13). All slices
 * are host->slice.
 */
#include "replay/simulate/run_queue.h"

#define NORMALIZED_SLICE (700 * 1000LL)	/* normalized_sysctl_sched_base_slice, 6.12 to 7.2 */

/* Where a queue stands: V - base = sum / load, in exact arithmetic. */
struct average {
	int64_t base, sum, load;
};

static struct average average(const struct sim_queue *q)
{
	struct average a = { q->e[0]->v, 0, q->load };

	for (unsigned int i = 0; i < q->n; i++)
		a.sum += (q->e[i]->v - a.base) * q->e[i]->weight;
	return a;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

int64_t eevdf_average(const struct sim_queue *q)
{
	struct average a;

	if (!q->n)
		return q->floor;
	a = average(q);
	return a.base + floor_div(a.sum, a.load);
}

static bool is_eligible(const struct average *a, const struct sim_entity *se)
{
	return a->sum >= (se->v - a->base) * a->load;
}

bool eevdf_eligible(const struct sim_queue *q, const struct sim_entity *se)
{
	struct average a = average(q);

	return is_eligible(&a, se);
}

int64_t eevdf_lag_limit(const struct sim_host *host, const struct sim_entity *se)
{
	/* 6.12: max(2 * slice, TICK_NSEC); since slices of others count: largest slice + TICK_NSEC */
	int64_t limit = host->protect_slice_min ? host->slice + host->tick : MAX(2 * host->slice, host->tick);

	return virtual_time(limit, se->weight);
}

/* place_entity(): with the lag it left with, after it has moved V itself */
static void eevdf_place(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se, bool wakeup)
{
	int64_t lag = rq->host->place_lag && q->n ? se->lag : 0;

	(void)wakeup;
	se->v = eevdf_average(q) - lag * (q->load + se->weight) / MAX(q->load, 1);
	if (se->relative)
		se->deadline += se->v;
	else
		se->deadline = se->v + virtual_time(rq->host->slice, se->weight);
	se->relative = false;
}

static void eevdf_leave(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se, bool sleep)
{
	int64_t limit = eevdf_lag_limit(rq->host, se), v = eevdf_average(q);

	se->lag = CLAMP(v - se->v, -limit, limit);
	if (!sleep) {
		se->deadline -= se->v;
		se->relative = true;
	}
	q->floor = v;
}

static bool eevdf_delays(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se)
{
	return rq->host->delay_dequeue && !eevdf_eligible(q, se);
}

/* update_deadline() */
static bool eevdf_charged(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se)
{
	(void)q;
	if (se->v < se->deadline)
		return false;
	se->deadline = se->v + virtual_time(rq->host->slice, se->weight);
	return true;
}

static bool eevdf_tick(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se)
{
	(void)rq, (void)q, (void)se;
	return false;	/* the deadline has been looked at when it was charged */
}

static bool protected(const struct sim_host *host, const struct sim_entity *se)
{
	if (host->protect_slice_min)
		return se->v < se->vprot;
	return host->run_to_parity && se->vprot == se->deadline;
}

void eevdf_cancel_protection(const struct sim_host *host, struct sim_entity *se)
{
	se->vprot = host->protect_slice_min ? se->v : se->deadline + 1;
}

/* pick_eevdf(), and the buddy before it */
static struct sim_entity *pick(const struct sim_host *host, struct sim_queue *q, bool buddy)
{
	struct sim_entity *curr = q->curr && q->curr->queued ? q->curr : NULL, *best = NULL;
	struct average a = average(q);

	if (buddy && host->pick_buddy && q->next && is_eligible(&a, q->next))
		return q->next;
	if (q->n == 1)
		return q->e[0];
	if (curr && protected(host, curr) && is_eligible(&a, curr))
		return curr;
	for (unsigned int i = 0; i < q->n; i++) {
		struct sim_entity *se = q->e[i];

		if (best && (se->deadline > best->deadline ||
			     /* the current one only if it is strictly before */
			     (se->deadline == best->deadline &&
			      (se == curr || (best != curr && se->seq > best->seq)))))
			continue;
		if (is_eligible(&a, se))
			best = se;
	}
	return best;
}

static struct sim_entity *eevdf_pick(struct run_queue *rq, struct sim_queue *q)
{
	return pick(rq->host, q, true);
}

static void eevdf_picked(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se)
{
	int64_t minimum = se->v + virtual_time(MIN(NORMALIZED_SLICE, rq->host->slice), se->weight);

	(void)q;
	se->vprot = se->deadline;
	/* set_protect_slice(), 6.18: without RUN_TO_PARITY a quantum is protected still, so that all get on */
	if (rq->host->protect_slice_min && !rq->host->run_to_parity)
		se->vprot = MIN(se->vprot, minimum);
}

static bool eevdf_preempts(struct run_queue *rq, struct sim_queue *q, struct sim_entity *curr,
			   struct sim_entity *woken)
{
	(void)curr;
	return pick(rq->host, q, false) == woken;
}

static void eevdf_yields(struct run_queue *rq, struct sim_entity *se)
{
	int64_t vslice = virtual_time(rq->host->slice, se->weight);

	if (!rq->host->forfeit) {
		se->deadline += vslice;
	} else if (eevdf_eligible(se->queue, se)) {
		se->v = se->deadline;
		se->deadline += vslice;
	}
}

const struct queue_rules eevdf_rules = {
	.place = eevdf_place,
	.leave = eevdf_leave,
	.delays = eevdf_delays,
	.charged = eevdf_charged,
	.tick = eevdf_tick,
	.pick = eevdf_pick,
	.picked = eevdf_picked,
	.preempts = eevdf_preempts,
	.yields = eevdf_yields,
};
