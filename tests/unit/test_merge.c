// SPDX-License-Identifier: GPL-2.0-or-later
/* merge: n streams come out as one, in time order, equal times in the order of streams. */
#include <glib.h>
#include <stdlib.h>

#include "analyze/source/merge.h"

struct list {
	struct stream stream;
	GArray *all;		/* of struct record */
	guint at;
};

/* Windows of one to three records, so that a refill falls everywhere. */
static void refill(struct stream *s)
{
	struct list *l = (struct list *)s;

	s->next = 0;
	s->n = MIN(1 + l->at % 3, l->all->len - l->at);
	s->records = &g_array_index(l->all, struct record, l->at);
	l->at += s->n;
}

static struct list *lists_new(unsigned int n)
{
	struct list *lists = g_new0(struct list, n);

	for (unsigned int i = 0; i < n; i++) {
		lists[i].all = g_array_new(FALSE, TRUE, sizeof(struct record));
		lists[i].stream = (struct stream){ .cpu = i, .refill = refill };
	}
	return lists;
}

static void add(struct list *l, int64_t t)
{
	struct record r = { .t = t, .kind = RECORD_LOSS };

	g_array_append_val(l->all, r);
}

/* Merge them, check order and number of what comes, and free them. */
static void check(struct list *lists, unsigned int n)
{
	g_autofree struct stream **streams = g_new(struct stream *, n + 1);
	guint total = 0, seen = 0;
	int64_t t = INT64_MIN;
	unsigned int last = 0;
	struct merge *m;
	struct stream *s;

	for (unsigned int i = 0; i < n; i++) {
		streams[i] = &lists[i].stream;
		total += lists[i].all->len;
	}
	m = merge_new(streams, n);
	while ((s = merge_next(m))) {
		const struct record *r = &s->records[s->next];

		g_assert_cmpint(r->t, >=, t);
		if (r->t == t)
			g_assert_cmpuint(s->cpu, >=, last);
		t = r->t;
		last = s->cpu;
		seen++;
		merge_took(m);
	}
	g_assert_null(merge_next(m));
	g_assert_cmpuint(seen, ==, total);
	merge_free(m);
	for (unsigned int i = 0; i < n; i++)
		g_array_unref(lists[i].all);
	g_free(lists);
}

static void random_streams(void)
{
	for (unsigned int n = 0; n <= 70; n++) {
		struct list *lists = lists_new(n);

		for (unsigned int i = 0; i < n; i++) {
			int64_t t = g_test_rand_int_range(0, 50);

			for (int k = g_test_rand_int_range(0, 60); k > 0; k--, t += g_test_rand_int_range(0, 3))
				add(&lists[i], t);
		}
		check(lists, n);
	}
}

/* Further apart than an entry can tell: it moves its base. */
static void far_apart(void)
{
	static const int64_t times[] = {
		INT64_MIN, INT64_MIN + 1, -1, 0, 1LL << 40, (1LL << 56) + 5, 1LL << 61, (1LL << 62) + 1,
		INT64_MAX - 1, INT64_MAX, INT64_MAX,
	};

	for (unsigned int n = 1; n <= 9; n++) {
		struct list *lists = lists_new(n);

		for (unsigned int i = 0; i < n; i++)
			for (unsigned int k = i % 3; k < G_N_ELEMENTS(times); k += 1 + i % 2)
				add(&lists[i], times[k]);
		check(lists, n);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/merge/random", random_streams);
	g_test_add_func("/merge/far apart", far_apart);
	return g_test_run();
}
