/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timers - what comes next: a binary heap of a fixed set of numbered timers; ties go to
 * the smaller number.
 */
#ifndef REPLAY_SIMULATE_TIMERS_H
#define REPLAY_SIMULATE_TIMERS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define NO_TIMER UINT32_MAX

struct timers {
	struct timer {
		int64_t t;
		uint32_t id;
	} *heap;		/* [n] */
	uint32_t *at;		/* [n_ids]: index into heap, NO_TIMER: not set */
	uint32_t n;
};

static inline void timers_init(struct timers *timers, uint32_t n_ids)
{
	timers->heap = g_new(struct timer, n_ids);
	timers->at = g_new(uint32_t, n_ids);
	timers->n = 0;
	for (uint32_t i = 0; i < n_ids; i++)
		timers->at[i] = NO_TIMER;
}

static inline void timers_release(struct timers *timers)
{
	g_free(timers->heap);
	g_free(timers->at);
}

static inline bool timer_before(struct timer a, struct timer b)
{
	return a.t < b.t || (a.t == b.t && a.id < b.id);
}

/* Let timer sink or rise from the hole at i to where it belongs. */
static inline void timers_put(struct timers *timers, uint32_t i, struct timer timer)
{
	struct timer *heap = timers->heap;

	for (uint32_t up; i && timer_before(timer, heap[up = (i - 1) / 2]); i = up) {
		heap[i] = heap[up];
		timers->at[heap[i].id] = i;
	}
	for (uint32_t down; (down = 2 * i + 1) < timers->n; i = down) {
		if (down + 1 < timers->n && timer_before(heap[down + 1], heap[down]))
			down++;
		if (!timer_before(heap[down], timer))
			break;
		heap[i] = heap[down];
		timers->at[heap[i].id] = i;
	}
	heap[i] = timer;
	timers->at[timer.id] = i;
}

static inline void timers_set(struct timers *timers, uint32_t id, int64_t t)
{
	uint32_t i = timers->at[id];

	if (i == NO_TIMER)
		i = timers->n++;
	else if (timers->heap[i].t == t)
		return;
	timers_put(timers, i, (struct timer){ t, id });
}

static inline void timers_clear(struct timers *timers, uint32_t id)
{
	uint32_t i = timers->at[id];
	struct timer last;

	if (i == NO_TIMER)
		return;
	timers->at[id] = NO_TIMER;
	last = timers->heap[--timers->n];
	if (last.id != id)
		timers_put(timers, i, last);
}

#endif
