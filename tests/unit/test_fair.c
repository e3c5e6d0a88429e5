// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtual times of hand-made schedules, worked out by hand from the kernel's rules;
 * then many random schedules beside a scheduler that keeps nothing incrementally.
 * Weights are those of nice 0 unless said; times in us, by US().
 */
#include <glib.h>
#include <string.h>

#include "replay/estimate/fair.h"

#define US(x) ((int64_t)(x) * 1000)
#define W0 FAIR_WEIGHT_0

static const struct fair_params cfs = {
	.kind = FAIR_CFS, .slice = US(12000), .tick = US(4000), .wakeup_granularity = US(2000),
	.gentle_sleepers = true, .last_buddy = true,
};
static const struct fair_params eevdf = {
	.kind = FAIR_EEVDF,
	.slice = US(3000),
	.tick = US(4000),
	.place_lag = true,
	.delay_dequeue = true,
};

/* A model with entities 0 to n - 1 waiting on CPU 0 since 0. */
static struct fair *model(struct fair_params params, bool forfeit, unsigned int n)
{
	struct fair *f;

	params.forfeit = forfeit;
	f = fair_new(&params, n + 1);
	for (unsigned int i = 0; i < n; i++)
		fair_wake(f, i, 0, 0, W0, 0);
	return f;
}

static void run(struct fair *f, unsigned int e, int64_t t0, int64_t t1, bool runnable)
{
	fair_pick(f, e, 0, 0, W0, t0);
	fair_stop(f, e, t1, runnable);
}

static int64_t margin(struct fair *f, unsigned int e, int64_t t)
{
	struct fair_margin m;

	g_assert_true(fair_margin(f, e, t, &m));
	g_assert_cmpint(m.hi - m.margin, ==, m.margin - m.lo);
	return m.margin;
}

static int64_t doubt(struct fair *f, unsigned int e, int64_t t)
{
	struct fair_margin m;

	g_assert_true(fair_margin(f, e, t, &m));
	return m.hi - m.margin;
}

static void test_cfs_margin(void)
{
	struct fair *f = model(cfs, false, 2);
	struct fair_margin m;

	run(f, 0, 0, US(3000), true);
	/* 3 ms behind a leftmost at 0 */
	g_assert_cmpint(margin(f, 0, US(3000)), ==, US(2000 - 3000));
	g_assert_cmpint(margin(f, 1, US(3000)), ==, US(2000));
	fair_pick(f, 1, 0, 0, W0, US(3000));
	/* the current one is at 2 ms, then beyond, where 0 itself is leftmost */
	g_assert_cmpint(margin(f, 0, US(5000)), ==, US(2000 - 1000));
	g_assert_cmpint(margin(f, 0, US(8000)), ==, US(2000));
	g_assert_false(fair_margin(f, 1, US(8000), &m));
	g_assert_cmpint(fair_nr_running(f, 0), ==, 2);
	fair_stop(f, 1, US(8000), false);
	g_assert_cmpint(fair_nr_running(f, 0), ==, 1);
	g_assert_cmpint(fair_cpu(f, 1), ==, -1);
	fair_free(f);
}

/* A light one ages twice as fast; granularity is scaled by the weight of the leftmost. */
static void test_cfs_weight(void)
{
	struct fair *f = fair_new(&cfs, 2);

	fair_wake(f, 0, 0, 0, W0 / 2, 0);
	fair_wake(f, 1, 0, 0, 2 * W0, 0);
	fair_pick(f, 0, 0, 0, W0 / 2, 0);
	fair_stop(f, 0, US(1000), true);
	g_assert_cmpint(margin(f, 0, US(1000)), ==, US(1000 - 2000));
	fair_free(f);
}

static void test_cfs_sleeper(void)
{
	struct fair *f = model(cfs, false, 3);

	run(f, 0, 0, US(100), false);
	run(f, 1, US(100), US(20100), true);
	run(f, 2, US(20100), US(41100), true);
	/* back at min_vruntime - 12 ms / 2, which is certain; it is not known to run briefly */
	fair_wake(f, 0, 0, 0, W0, US(41100));
	g_assert_cmpint(margin(f, 0, US(41100)), ==, US(2000));
	g_assert_cmpint(doubt(f, 1, US(41100)), ==, US(12000 + 4000) / 2);
	g_assert_cmpint(margin(f, 1, US(41100)), ==, US(2000 - 6000));
	run(f, 0, US(41100), US(42100), true);
	g_assert_cmpint(margin(f, 1, US(42100)), ==, US(2000 - 5000));
	fair_free(f);
}

/* The others are measured as if it were not there. */
static void test_cfs_brief_sleeper(void)
{
	struct fair *f = model(cfs, false, 3);
	int64_t t = 0;

	for (unsigned int i = 0; i < 20; i++, t += US(10))
		run(f, 0, t, t + US(10), i < 19);
	run(f, 1, t, t + US(20000), true);
	run(f, 2, t, t + US(21000), true);
	t += US(21000);
	fair_wake(f, 0, 0, 0, W0, t);
	g_assert_cmpint(margin(f, 1, t), ==, US(2000));
	g_assert_cmpint(margin(f, 2, t), ==, US(1000));
	g_assert_cmpint(margin(f, 0, t), ==, US(2000));
	/* nor while it runs; afterwards it is one like others, 6 ms before 1 */
	fair_pick(f, 0, 0, 0, W0, t);
	g_assert_cmpint(margin(f, 1, t), ==, US(2000));
	fair_stop(f, 0, t, true);
	g_assert_cmpint(margin(f, 1, t), ==, US(2000 - 6000));
	fair_free(f);
}

/* What moves to another queue keeps its distance from min_vruntime, asleep or waiting. */
static void test_cfs_migration(void)
{
	struct fair *f = model(cfs, false, 3);

	run(f, 0, 0, US(5000), false);
	/* 3, on CPU 1, has come to 1 ms, and so has min_vruntime there */
	fair_pick(f, 3, 1, 0, W0, US(5000));
	fair_stop(f, 3, US(6000), true);
	fair_wake(f, 0, 1, 0, W0, US(6000));
	g_assert_cmpint(margin(f, 0, US(6000)), ==, US(2000 - 5000));
	/* 1 is at its queue's min_vruntime, 0, there, and so at 1 ms here */
	fair_pick(f, 1, 1, 0, W0, US(6000));
	fair_stop(f, 1, US(6500), true);
	g_assert_cmpint(margin(f, 1, US(6500)), ==, US(2000 - 500));
	g_assert_cmpint(margin(f, 3, US(6500)), ==, US(2000));
	g_assert_cmpint(fair_cpu(f, 1), ==, 1);
	g_assert_cmpint(fair_nr_running(f, 0), ==, 1);
	g_assert_cmpint(fair_nr_running(f, 1), ==, 3);
	fair_free(f);
}

/* Who is preempted by a wake-up may go on although it is behind. */
static void test_cfs_last(void)
{
	struct fair *f = model(cfs, false, 2);

	fair_pick(f, 0, 0, 0, W0, 0);
	fair_wake(f, 2, 0, 0, W0, US(1000));
	fair_stop(f, 0, US(1000), true);
	run(f, 2, US(1000), US(1100), false);
	run(f, 0, US(1100), US(1200), true);
	g_assert_cmpint(fair_check(f)->picks, ==, 3);
	g_assert_cmpint(fair_check(f)->allowed, ==, 3);
	fair_free(f);
}

/* A pick from behind is only to be expected of a buddy. */
static void test_cfs_check(void)
{
	struct fair *f = model(cfs, false, 3);

	run(f, 0, 0, US(1000), true);
	fair_pick(f, 1, 0, 0, W0, US(1000));
	fair_yield(f, 1, 0, US(1500));
	fair_stop(f, 1, US(1500), true);
	/* 1 ms behind the leftmost, and named: within granularity */
	fair_pick(f, 0, 0, 0, W0, US(1500));
	g_assert_cmpint(fair_check(f)->picks, ==, 3);
	g_assert_cmpint(fair_check(f)->allowed, ==, 3);
	g_assert_cmpint(fair_check(f)->hints, ==, 1);
	g_assert_cmpint(fair_check(f)->foretold, ==, 1);
	fair_stop(f, 0, US(1600), true);
	fair_pick(f, 1, 0, 0, W0, US(1600));
	fair_stop(f, 1, US(1700), true);
	/*
	 * 600 us behind 2, and not named. 2, which never ran, is the doubtful one, and put to where
	 * 1 is
	 */
	fair_pick(f, 1, 0, 0, W0, US(1700));
	fair_stop(f, 1, US(1700), true);
	g_assert_cmpint(fair_check(f)->picks, ==, 5);
	g_assert_cmpint(fair_check(f)->allowed, ==, 3);
	g_assert_cmpint(margin(f, 1, US(1700)), ==, US(2000));
	g_assert_cmpint(margin(f, 0, US(1700)), ==, US(2000 - 500));
	fair_free(f);
}

static void test_eevdf_lag(void)
{
	struct fair *f = model(eevdf, false, 3);

	run(f, 0, 0, US(3000), true);
	/* V = 1 ms */
	g_assert_cmpint(margin(f, 0, US(3000)), ==, US(-2000));
	g_assert_cmpint(margin(f, 1, US(3000)), ==, US(1000));
	fair_pick(f, 1, 0, 0, W0, US(3000));
	/* V = (3 + 1.5 + 0) / 3 ms */
	g_assert_cmpint(margin(f, 0, US(4500)), ==, US(-1500));
	g_assert_cmpint(margin(f, 2, US(4500)), ==, US(1500));
	fair_free(f);
}

/* Each group has its own queue on a CPU; the number of tasks is the CPU's. */
static void test_groups(void)
{
	struct fair *f = model(eevdf, false, 2);

	fair_wake(f, 2, 0, 1, W0, 0);
	run(f, 0, 0, US(2000), true);
	g_assert_cmpint(margin(f, 1, US(2000)), ==, US(1000));
	g_assert_cmpint(margin(f, 2, US(2000)), ==, 0);
	g_assert_cmpint(fair_nr_running(f, 0), ==, 3);
	fair_free(f);
}

static void yield_of_1(struct fair *f)
{
	run(f, 0, 0, US(3000), true);
	fair_pick(f, 1, 0, 0, W0, US(3000));
	fair_yield(f, 1, 2, US(4000));
	fair_stop(f, 1, US(4000), true);
}

static void test_eevdf_deadline_rule(void)
{
	struct fair *f = model(eevdf, false, 3);

	yield_of_1(f);
	/* only 1 ms was used: V = 4/3 ms */
	g_assert_cmpint(margin(f, 1, US(4000)), ==, 333333);
	g_assert_cmpint(margin(f, 0, US(4000)), ==, 1333333 - US(3000));
	fair_free(f);
}

static void test_eevdf_forfeit_rule(void)
{
	struct fair *f = model(eevdf, true, 3);

	yield_of_1(f);
	/* at 1 ms it was eligible, and went to its deadline of 3 ms: V = (3 + 3 + 0) / 3 ms */
	g_assert_cmpint(margin(f, 0, US(4000)), ==, US(-1000));
	g_assert_cmpint(margin(f, 1, US(4000)), ==, US(-1000));
	g_assert_cmpint(margin(f, 2, US(4000)), ==, US(2000));
	fair_free(f);
}

static void test_eevdf_forfeit_ineligible(void)
{
	struct fair *f = model(eevdf, true, 3);

	fair_pick(f, 0, 0, 0, W0, 0);
	fair_yield(f, 0, 1, US(600));
	fair_stop(f, 0, US(600), true);
	g_assert_cmpint(margin(f, 0, US(600)), ==, US(-400));
	fair_free(f);
}

/* What sleeps with a lag comes back with it. */
static void test_eevdf_place_lag(void)
{
	struct fair *f = model(eevdf, false, 3);

	run(f, 0, 0, US(3000), true);
	run(f, 1, US(3000), US(3900), false);	/* lag: 3.9/3 - 0.9 = 0.4 ms */
	run(f, 2, US(3900), US(5000), true);
	fair_wake(f, 1, 0, 0, W0, US(5000));
	g_assert_cmpint(margin(f, 1, US(5000)), ==, US(400));
	fair_free(f);
}

/* A lag is at most that of two slices, or a tick. */
static void test_eevdf_lag_limit(void)
{
	struct fair *f = model(eevdf, false, 2);

	run(f, 0, 0, US(30000), true);
	run(f, 1, US(30000), US(30000), false);
	fair_wake(f, 1, 0, 0, W0, US(30000));
	g_assert_cmpint(margin(f, 1, US(30000)), ==, US(6000));
	fair_free(f);
}

/* What sleeps ineligible keeps its place in the average until it is eligible, and then has no lag.
 */
static void test_eevdf_delay(void)
{
	struct fair *f = model(eevdf, false, 3);

	run(f, 0, 0, US(3000), false);
	g_assert_cmpint(fair_nr_running(f, 0), ==, 2);
	g_assert_cmpint(margin(f, 1, US(3000)), ==, US(1000));
	/* woken too early, it has -2 ms + 1 ms still */
	run(f, 1, US(3000), US(6000), true);
	fair_wake(f, 0, 0, 0, W0, US(6000));
	g_assert_cmpint(margin(f, 0, US(6000)), ==, US(-1000));
	fair_free(f);
	f = model(eevdf, false, 3);
	run(f, 0, 0, US(3000), false);
	run(f, 1, US(3000), US(6000), true);
	run(f, 2, US(6000), US(9000), true);
	/* the next pick comes across it at V = 3 ms: all is forgotten, and so known */
	run(f, 1, US(9000), US(12000), true);
	g_assert_cmpint(margin(f, 2, US(12000)), ==, US(1500));
	fair_wake(f, 0, 0, 0, W0, US(12000));
	g_assert_cmpint(margin(f, 0, US(12000)), ==, 0);
	g_assert_cmpint(doubt(f, 0, US(12000)), ==, 0);
	fair_free(f);
}

/* Whoever is picked was eligible; that corrects it, and tells how far to trust it. */
static void test_eevdf_check(void)
{
	struct fair *f = model(eevdf, false, 2);

	g_assert_cmpint(doubt(f, 0, 0), ==, US(3000 + 4000));
	run(f, 0, 0, US(2000), true);
	g_assert_cmpint(doubt(f, 0, US(2000)), ==, US(3500));
	g_assert_cmpint(margin(f, 0, US(2000)), ==, US(-1000));
	run(f, 0, US(2000), US(2000), true);
	g_assert_cmpint(margin(f, 0, US(2000)), ==, 0);
	g_assert_cmpint(doubt(f, 0, US(2000)), ==, US(1750));
	g_assert_cmpint(fair_check(f)->picks, ==, 2);
	g_assert_cmpint(fair_check(f)->allowed, ==, 1);
	for (unsigned int i = 0; i < 20; i++)
		run(f, i % 2, US(2000), US(2000), true);
	g_assert_cmpint(doubt(f, 0, US(2000)), <, US(10));
	/* a correction of 1 ms is a doubt of 1 ms */
	run(f, 0, US(2000), US(4000), true);
	run(f, 0, US(4000), US(4000), true);
	g_assert_cmpint(doubt(f, 0, US(4000)), ==, US(1000));
	fair_free(f);
}

/* A hint that was not followed was not eligible. */
static void test_eevdf_hint(void)
{
	struct fair *f = model(eevdf, false, 3);

	fair_pick(f, 0, 0, 0, W0, 0);
	fair_yield(f, 0, 1, US(900));
	fair_stop(f, 0, US(900), true);
	g_assert_cmpint(margin(f, 1, US(900)), ==, US(300));
	fair_pick(f, 2, 0, 0, W0, US(900));
	g_assert_cmpint(fair_check(f)->hints, ==, 1);
	g_assert_cmpint(fair_check(f)->foretold, ==, 0);
	g_assert_cmpint(margin(f, 1, US(900)), <, 0);
	g_assert_cmpint(margin(f, 1, US(900)), >, US(-1));
	g_assert_cmpint(doubt(f, 1, US(900)), ==, US(3500));
	fair_free(f);
}

static void test_forget(void)
{
	struct fair *f = model(eevdf, false, 2);
	struct fair_margin m;

	run(f, 0, 0, US(2000), true);
	fair_forget(f, 0);
	g_assert_false(fair_margin(f, 0, US(2000), &m));
	g_assert_cmpint(fair_nr_running(f, 0), ==, 1);
	fair_wake(f, 0, 0, 0, W0, US(2000));
	g_assert_cmpint(margin(f, 0, US(2000)), ==, 0);
	g_assert_cmpint(doubt(f, 0, US(2000)), ==, US(7000));
	fair_free(f);
}

/*
 * A scheduler that looks at all it has for everything: one CPU, entities that all
 * began at 0, picks by the rule. Its virtual times are to be the account's, which
 * therefore foretells all of it.
 */
#define N 6

struct naive {
	const struct fair_params *params;
	int64_t v[N], deadline[N], lag[N], min_v;
	bool queued[N];
	int current, next, skip;
};

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t naive_average(const struct naive *s)
{
	int64_t sum = 0, n = 0;

	for (unsigned int i = 0; i < N; i++)
		if (s->queued[i]) {
			sum += s->v[i];
			n++;
		}
	return n ? floor_div(sum, n) : 0;
}

/* The first by v (CFS), or by deadline among the eligible; of those but one. */
static int naive_first(const struct naive *s, int but)
{
	const int64_t *key = s->params->kind == FAIR_CFS ? s->v : s->deadline;
	int first = -1;

	for (int i = 0; i < N; i++)
		if (s->queued[i] && i != but &&
		    (s->params->kind == FAIR_CFS || s->v[i] <= naive_average(s)) &&
		    (first < 0 || key[i] < key[first]))
			first = i;
	return first;
}

static int64_t naive_margin(const struct naive *s, int e)
{
	return s->params->kind == FAIR_CFS ?
		       s->params->wakeup_granularity - (s->v[e] - s->v[naive_first(s, -1)]) :
		       naive_average(s) - s->v[e];
}

static void naive_min_v(struct naive *s)
{
	int64_t min = INT64_MAX;

	for (unsigned int i = 0; i < N; i++)
		if (s->queued[i])
			min = MIN(min, s->v[i]);
	if (min != INT64_MAX)
		s->min_v = MAX(s->min_v, min);
}

static int naive_pick(struct naive *s)
{
	int e = naive_first(s, -1);

	if (s->next >= 0 && s->queued[s->next] && naive_margin(s, s->next) >= 0)
		e = s->next;
	else if (s->params->kind == FAIR_CFS && e == s->skip && naive_first(s, e) >= 0 &&
		 s->v[naive_first(s, e)] - s->v[e] <= s->params->wakeup_granularity)
		e = naive_first(s, e);
	s->current = e;
	if (s->next == e)
		s->next = -1;
	if (s->skip == e)
		s->skip = -1;
	return e;
}

static void naive_yield(struct naive *s, int target)
{
	int e = s->current;

	s->next = target;
	s->skip = e;
	if (s->v[e] >= s->deadline[e])
		s->deadline[e] = s->v[e] + s->params->slice;
	if (!s->params->forfeit) {
		s->deadline[e] += s->params->slice;
	} else if (s->v[e] <= naive_average(s)) {
		s->v[e] = s->deadline[e];
		s->deadline[e] += s->params->slice;
	}
}

static void naive_sleep(struct naive *s, int e)
{
	int64_t limit = MAX(2 * s->params->slice, s->params->tick);

	s->lag[e] = CLAMP(naive_average(s) - s->v[e], -limit, limit);
	s->queued[e] = false;
	if (s->next == e)
		s->next = -1;
	if (s->skip == e)
		s->skip = -1;
}

static void naive_wake(struct naive *s, int e)
{
	int64_t n = 0;

	for (unsigned int i = 0; i < N; i++)
		n += s->queued[i];
	if (s->params->kind == FAIR_CFS)
		s->v[e] = MAX(s->v[e], s->min_v - s->params->slice / 2);
	else
		s->v[e] = naive_average(s) - floor_div(s->lag[e] * (n + 1), n);
	s->deadline[e] = s->v[e] + s->params->slice;
	s->queued[e] = true;
}

static int waiting(const struct naive *s, GRand *rand)
{
	int e = g_rand_int_range(rand, 0, N);

	for (unsigned int i = 0; i < N; i++, e = (e + 1) % N)
		if (s->queued[e] && e != s->current)
			return e;
	return -1;
}

static void compare(const struct naive *s, struct fair *f, int64_t t)
{
	struct fair_margin m;

	for (int i = 0; i < N; i++) {
		bool waits = s->queued[i] && i != s->current;

		g_assert_cmpint(fair_margin(f, i, t, &m), ==, waits);
		if (waits)
			g_assert_cmpint(m.margin, ==, naive_margin(s, i));
	}
}

static void random_schedule(struct fair_params params, bool forfeit, unsigned int seed)
{
	GRand *rand = g_rand_new_with_seed(seed);
	struct naive s = { .params = &params, .next = -1, .skip = -1 };
	struct fair *f;
	int64_t t = 0;

	params.forfeit = forfeit;
	params.delay_dequeue = params.last_buddy = false;
	f = fair_new(&params, N);
	for (int i = 0; i < N; i++) {
		fair_wake(f, i, 0, 0, W0, 0);
		s.deadline[i] = params.slice;
		s.queued[i] = true;
	}
	for (unsigned int step = 0; step < 3000; step++) {
		int64_t ran = g_rand_int_range(rand, US(100), US(3000));
		int e = naive_pick(&s), other;

		fair_pick(f, e, 0, 0, W0, t);
		s.v[e] += ran;
		t += ran;
		naive_min_v(&s);
		compare(&s, f, t);
		other = waiting(&s, rand);
		if (other >= 0 && g_rand_int_range(rand, 0, 2)) {
			naive_yield(&s, other);
			fair_yield(f, e, other, t);
		}
		if (s.v[e] >= s.deadline[e])
			s.deadline[e] = s.v[e] + params.slice;
		other = other >= 0 && !g_rand_int_range(rand, 0, 4);
		fair_stop(f, e, t, !other);
		s.current = -1;
		if (other)
			naive_sleep(&s, e);
		naive_min_v(&s);
		compare(&s, f, t);
		e = g_rand_int_range(rand, 0, N);
		if (!s.queued[e]) {
			naive_wake(&s, e);
			fair_wake(f, e, 0, 0, W0, t);
		}
	}
	g_assert_cmpint(fair_check(f)->picks, >, 2000);
	g_assert_cmpint(fair_check(f)->allowed, ==, fair_check(f)->picks);
	g_assert_cmpint(fair_check(f)->hints, >, 100);
	g_assert_cmpint(fair_check(f)->foretold, ==, fair_check(f)->hints);
	fair_free(f);
	g_rand_free(rand);
}

static void test_random_cfs(void)
{
	for (unsigned int seed = 1; seed <= 20; seed++)
		random_schedule(cfs, false, seed);
}

static void test_random_eevdf(void)
{
	for (unsigned int seed = 1; seed <= 20; seed++)
		random_schedule(eevdf, seed % 2, seed);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/fair/cfs/margin", test_cfs_margin);
	g_test_add_func("/fair/cfs/weight", test_cfs_weight);
	g_test_add_func("/fair/cfs/sleeper", test_cfs_sleeper);
	g_test_add_func("/fair/cfs/brief_sleeper", test_cfs_brief_sleeper);
	g_test_add_func("/fair/cfs/migration", test_cfs_migration);
	g_test_add_func("/fair/cfs/last", test_cfs_last);
	g_test_add_func("/fair/cfs/check", test_cfs_check);
	g_test_add_func("/fair/eevdf/lag", test_eevdf_lag);
	g_test_add_func("/fair/eevdf/deadline_rule", test_eevdf_deadline_rule);
	g_test_add_func("/fair/eevdf/forfeit_rule", test_eevdf_forfeit_rule);
	g_test_add_func("/fair/eevdf/forfeit_ineligible", test_eevdf_forfeit_ineligible);
	g_test_add_func("/fair/eevdf/place_lag", test_eevdf_place_lag);
	g_test_add_func("/fair/eevdf/lag_limit", test_eevdf_lag_limit);
	g_test_add_func("/fair/eevdf/delay", test_eevdf_delay);
	g_test_add_func("/fair/eevdf/check", test_eevdf_check);
	g_test_add_func("/fair/eevdf/hint", test_eevdf_hint);
	g_test_add_func("/fair/groups", test_groups);
	g_test_add_func("/fair/forget", test_forget);
	g_test_add_func("/fair/random/cfs", test_random_cfs);
	g_test_add_func("/fair/random/eevdf", test_random_eevdf);
	return g_test_run();
}
