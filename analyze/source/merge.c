// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A tree of losers (Knuth, volume 3, 5.4.1): node i holds who lost there, node 0
 * the winner. After a record is taken only the path from its leaf is played
 * again: log2(n) comparisons without mispredicted branches.
 */
#include "analyze/source/merge.h"

#include <glib.h>

struct entry {
	int64_t t;
	uint64_t rank;		/* stream number; OVER and more: no more records, after those of T_AFTER */
};
#define OVER (1ULL << 32)

struct merge {
	struct stream **streams;
	unsigned int n_leaves;
	struct entry winner;
	struct entry losers[];	/* [n_leaves], 0 unused */
};

static inline bool before(const struct entry *a, const struct entry *b)
{
	return (a->t < b->t) | ((a->t == b->t) & (a->rank < b->rank));
}

static inline struct entry head_of(struct stream **streams, unsigned int i)
{
	struct stream *s = streams[i];

	if (s->next == s->n)
		s->refill(s);
	if (s->next == s->n)
		return (struct entry){ T_AFTER, OVER + i };
	return (struct entry){ s->records[s->next].t, i };
}

/* The winner below node; fills in the losers. */
static struct entry play(struct merge *m, unsigned int node, unsigned int n)
{
	struct entry a, b;

	if (node >= m->n_leaves) {
		unsigned int i = node - m->n_leaves;

		return i < n ? head_of(m->streams, i) : (struct entry){ T_AFTER, OVER + i };
	}
	a = play(m, 2 * node, n);
	b = play(m, 2 * node + 1, n);
	m->losers[node] = before(&a, &b) ? b : a;
	return before(&a, &b) ? a : b;
}

struct merge *merge_new(struct stream **streams, unsigned int n)
{
	unsigned int leaves = 1;
	struct merge *m;

	while (leaves < n)
		leaves *= 2;
	m = g_malloc0(sizeof(*m) + leaves * sizeof(struct entry));
	m->streams = streams;
	m->n_leaves = leaves;
	m->winner = play(m, 1, n);
	return m;
}

void merge_free(struct merge *m)
{
	g_free(m);
}

struct stream *merge_next(struct merge *m)
{
	return m->winner.rank >= OVER ? NULL : m->streams[m->winner.rank];
}

void merge_took(struct merge *m)
{
	unsigned int leaf = m->winner.rank;
	struct entry e;

	m->streams[leaf]->next++;
	e = head_of(m->streams, leaf);
	for (unsigned int node = (leaf + m->n_leaves) / 2; node; node /= 2) {
		struct entry *other = &m->losers[node];
		/* all ones if the one that waits here wins: swapped by arithmetic, as no branch could be foretold */
		uint64_t swap = -(uint64_t)before(other, &e);
		uint64_t t = ((uint64_t)other->t ^ (uint64_t)e.t) & swap, rank = (other->rank ^ e.rank) & swap;

		other->t ^= t;
		e.t ^= t;
		other->rank ^= rank;
		e.rank ^= rank;
	}
	m->winner = e;
}
