// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/agenda.h"

struct agenda {
	unsigned int n;
	guint64 *when;		/* by actor */
	unsigned int *place;	/* by actor: in the heap */
	unsigned int *heap;	/* actors */
};

struct agenda *agenda_new(unsigned int n)
{
	struct agenda *a = g_new(struct agenda, 1);

	a->n = n;
	a->when = g_new(guint64, n);
	a->place = g_new(unsigned int, n);
	a->heap = g_new(unsigned int, n);
	for (unsigned int i = 0; i < n; i++) {
		a->when[i] = G_MAXUINT64;
		a->place[i] = a->heap[i] = i;
	}
	return a;
}

void agenda_free(struct agenda *a)
{
	g_free(a->when);
	g_free(a->place);
	g_free(a->heap);
	g_free(a);
}

static inline bool before(const struct agenda *a, unsigned int x, unsigned int y)
{
	return a->when[x] < a->when[y] || (a->when[x] == a->when[y] && x < y);
}

static inline void put(struct agenda *a, unsigned int place, unsigned int actor)
{
	a->heap[place] = actor;
	a->place[actor] = place;
}

static void rise(struct agenda *a, unsigned int actor)
{
	unsigned int place = a->place[actor];

	while (place && before(a, actor, a->heap[(place - 1) / 2])) {
		put(a, place, a->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	put(a, place, actor);
}

static void sink(struct agenda *a, unsigned int actor)
{
	unsigned int place = a->place[actor], child;

	while ((child = 2 * place + 1) < a->n) {
		if (child + 1 < a->n && before(a, a->heap[child + 1], a->heap[child]))
			child++;
		if (!before(a, a->heap[child], actor))
			break;
		put(a, place, a->heap[child]);
		place = child;
	}
	put(a, place, actor);
}

void agenda_set(struct agenda *a, unsigned int actor, guint64 when)
{
	bool earlier = when < a->when[actor];

	a->when[actor] = when;
	if (earlier)
		rise(a, actor);
	else
		sink(a, actor);
}

void agenda_bring_forward(struct agenda *a, unsigned int actor, guint64 when)
{
	if (when >= a->when[actor])
		return;
	a->when[actor] = when;
	rise(a, actor);
}

unsigned int agenda_next(const struct agenda *a, guint64 *when)
{
	*when = a->when[a->heap[0]];
	return a->heap[0];
}
