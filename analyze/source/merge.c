// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A tree of losers (Knuth, volume 3, 5.4.1): node i holds who lost there, node 0
 * the winner. After a record is taken only the path from its leaf is played
 * again: log2(n) comparisons. An entry is one number, time above and stream below,
 * so that a game is a minimum and a maximum and no branch that cannot be foretold.
 */
#include "analyze/source/merge.h"

#include <glib.h>

struct merge {
	struct stream **streams;
	unsigned int n, n_leaves;	/* n_leaves: 2^bits */
	unsigned int bits;
	int64_t base;			/* times are relative to it */
	uint64_t far;			/* entries from here on: a time too late to tell from base */
	uint64_t over;			/* ... and from here on: no more records */
	uint64_t winner;
	uint64_t losers[];		/* [n_leaves], 0 unused */
};

static inline uint64_t head_of(struct merge *m, unsigned int i)
{
	struct stream *s = m->streams[i];
	const struct record *r;
	uint64_t t;

	if (s->next == s->n)
		s->refill(s);
	if (s->next == s->n)
		return m->over | i;
	r = &s->records[s->next];
	if (r->kind == RECORD_EVENT)
		__builtin_prefetch(r->data);
	t = (uint64_t)r->t - (uint64_t)m->base;
	return t >= m->far >> m->bits ? m->far | i : t << m->bits | i;
}

/* The winner below node; fills in the losers. */
static uint64_t play(struct merge *m, unsigned int node)
{
	uint64_t a, b;

	if (node >= m->n_leaves) {
		unsigned int i = node - m->n_leaves;

		return i < m->n ? head_of(m, i) : m->over | i;
	}
	a = play(m, 2 * node);
	b = play(m, 2 * node + 1);
	m->losers[node] = MAX(a, b);
	return MIN(a, b);
}

/* The earliest time becomes the base. */
static void rebase(struct merge *m)
{
	int64_t base = T_AFTER;

	for (unsigned int i = 0; i < m->n; i++) {
		struct stream *s = m->streams[i];

		if (s->next == s->n)
			s->refill(s);
		if (s->next < s->n)
			base = MIN(base, s->records[s->next].t);
	}
	m->base = base;
	m->winner = play(m, 1);
}

struct merge *merge_new(struct stream **streams, unsigned int n)
{
	unsigned int bits = 0;
	struct merge *m;

	while (1U << bits < n)
		bits++;
	m = g_malloc0(sizeof(*m) + (sizeof(uint64_t) << bits));
	m->streams = streams;
	m->n = n;
	m->bits = bits;
	m->n_leaves = 1U << bits;
	m->far = 1ULL << 62;
	m->over = 1ULL << 63;
	rebase(m);
	return m;
}

void merge_free(struct merge *m)
{
	g_free(m);
}

struct stream *merge_next(struct merge *m)
{
	if (G_UNLIKELY(m->winner >= m->far)) {
		if (m->winner >= m->over)
			return NULL;
		rebase(m);
	}
	return m->streams[m->winner & (m->n_leaves - 1)];
}

void merge_took(struct merge *m)
{
	unsigned int leaf = m->winner & (m->n_leaves - 1);
	uint64_t e;

	m->streams[leaf]->next++;
	e = head_of(m, leaf);
	for (unsigned int node = (leaf + m->n_leaves) / 2; node; node /= 2) {
		uint64_t other = m->losers[node];

		m->losers[node] = MAX(other, e);
		e = MIN(other, e);
	}
	m->winner = e;
}
