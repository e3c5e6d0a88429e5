// SPDX-License-Identifier: GPL-2.0-or-later
/* window: curves worked out by hand, and against episodes asked at every window. */
#include <math.h>
#include <string.h>

#include "micro_trace.h"
#include "replay/estimate/window.h"

#define US 1000

static void expect_point(const struct window_point *p, int64_t window_us, double wall_us,
			 double spin_us)
{
	g_assert_cmpint(p->window_ns, ==, window_us == WINDOW_NONE ? WINDOW_NONE : window_us * US);
	g_assert_cmpfloat(p->value.wall_ns, ==, wall_us * US);
	g_assert_cmpfloat(p->value.spin_ns, ==, spin_us * US);
}

/* The base trace under a policy that knows the receiver if its IPI is young enough. */
static struct window_curve *base_curve(struct micro_trace *m, int stratum)
{
	static const struct window_decision decisions[] = {
		{ 20 * US, OTHER, UNBLOCKER }, { 60 * US, OTHER, UNBLOCKER },
	};
	struct window_episode we = { &m->episode, decisions, 1 };

	micro_base(m, stratum);
	return window_curve_new(&we, 1, 3);
}

static void two_steps(void)
{
	struct micro_trace m;
	struct window_curve *c = base_curve(&m, STRATUM_H);

	g_assert_cmpuint(c->n_points, ==, 3);
	expect_point(&c->points[0], WINDOW_NONE, 0, 0);
	expect_point(&c->points[1], 20, 195, 125);
	expect_point(&c->points[2], 60, 282.5, 182.5);
	g_assert_cmpuint(c->n_steps, ==, 2);
	for (int i = 0; i < 2; i++) {
		g_assert_cmpint(c->steps[i].age_ns, ==, (i ? 60 : 20) * US);
		g_assert_cmpuint(c->steps[i].cell, ==, 1);
		g_assert_cmpfloat(c->steps[i].more.wall_ns, ==, (i ? 87.5 : 195) * US);
	}
	g_assert_true(window_curve_at(c, WINDOW_NONE) == &c->points[0]);
	g_assert_true(window_curve_at(c, 20 * US - 1) == &c->points[0]);
	g_assert_true(window_curve_at(c, 20 * US) == &c->points[1]);
	g_assert_true(window_curve_at(c, 60 * US - 1) == &c->points[1]);
	g_assert_true(window_curve_at(c, 60 * US) == &c->points[2]);
	g_assert_true(window_curve_at(c, INT64_MAX) == &c->points[2]);
	window_curve_free(c);
}

/* Eligible: the first pick ends the matter, and the second hint's age is no step. */
static void expired(void)
{
	struct micro_trace m;
	struct window_curve *c = base_curve(&m, STRATUM_E);

	g_assert_cmpuint(c->n_points, ==, 2);
	expect_point(window_curve_at(c, 10 * US), WINDOW_NONE, 0, 0);
	expect_point(window_curve_at(c, 20 * US), 20, 395, 250);
	expect_point(window_curve_at(c, 50000 * US), 20, 395, 250);
	g_assert_cmpint(c->points[0].value.n_fatal, ==, 0);
	g_assert_cmpint(c->points[1].value.n_fatal, ==, 1);
	window_curve_free(c);
}

static void unsupported(void)
{
	struct micro_trace m;
	struct window_curve *c = base_curve(&m, STRATUM_X);

	g_assert_cmpuint(c->n_points, ==, 2);
	expect_point(&c->points[1], 20, 0, 0);
	g_assert_cmpint(c->points[1].value.n_fatal, ==, 1);
	g_assert_cmpint(c->points[1].value.n_unsupported, ==, 1);
	g_assert_cmpint(c->points[0].value.n_unsupported, ==, 0);
	window_curve_free(c);
}

static void nothing(void)
{
	struct window_curve *c = window_curve_new(NULL, 0, 4);
	double value = 1;

	g_assert_cmpuint(c->n_points, ==, 1);
	expect_point(&c->points[0], WINDOW_NONE, 0, 0);
	window_curve_sums(c, WINDOW_WALL, NULL, NULL, 1, &value);
	g_assert_cmpfloat(value, ==, 0);
	window_curve_free(c);
}

/* Random episodes, in parts as many as may be. */
enum { N_EPISODES = 300, N_CELLS = 24, MAX_DECISIONS = 12, N_RANDOM_STRATA = 6 };

struct random_episode {
	struct gain_episode episode;
	struct gain_decision decisions[MAX_DECISIONS];
	struct window_decision heeds[MAX_DECISIONS];
	struct gain_span spans[MAX_DECISIONS + 1];
};

struct random_world {
	struct gain_efficacy efficacies[N_RANDOM_STRATA];
	struct random_episode episodes[N_EPISODES];
	struct window_episode windows[N_EPISODES];
};

static int random_pick(void)
{
	int pick = g_test_rand_int_range(0, 14);

	return pick < 5 ? UNBLOCKER : pick < 12 ? pick % 3 : pick < 13 ? NO_TARGET : PICK_UNKNOWN;
}

/* The spinner runs to each decision, and is off the CPU for a while after some of them. */
static void random_episode(struct random_world *w, struct random_episode *e)
{
	struct gain_episode *g = &e->episode;
	int64_t t = g_test_rand_int_range(0, 1000000), t_ran = t;
	int64_t t_ipi = t - g_test_rand_int_range(0, 100000), t_in;

	*g = (struct gain_episode){
		.s = t, .unblocker = UNBLOCKER, .confidence = g_test_rand_int_range(1, 4),
		.decisions = e->decisions, .spans = e->spans, .efficacies = w->efficacies,
		.n_decisions = g_test_rand_int_range(0, MAX_DECISIONS + 1),
		.yield_ns = g_test_rand_int_range(0, 30000),
	};
	for (size_t j = 0; j < g->n_decisions; j++) {
		struct gain_decision *d = &e->decisions[j];

		t += g_test_rand_int_range(1, 60000);
		*d = (struct gain_decision){
			.t = t, .recorded = random_pick(),
			.state = MAX(g_test_rand_int_range(-6, 3), 0),
			.unblocker_awaits = g_test_rand_int_range(-1, 4),
			.awaited_on_cpu = g_test_rand_bit(),
			.stratum = g_test_rand_int_range(-1, N_RANDOM_STRATA),
		};
		if (g_test_rand_int_range(0, 4) == 0)	/* another send */
			t_ipi = t - g_test_rand_int_range(0, 3);
		e->heeds[j] = (struct window_decision){
			g_test_rand_int_range(0, 8) ? t - t_ipi : WINDOW_NONE, random_pick(),
			random_pick(),
		};
		if (g_test_rand_bit()) {
			e->spans[g->n_spans++] = (struct gain_span){ t_ran, t };
			t += g_test_rand_int_range(1, 900000);
			t_ran = t;
		}
	}
	g->t_end = t + g_test_rand_int_range(1, 200000);
	e->spans[g->n_spans++] = (struct gain_span){ t_ran, g->t_end };
	t_in = g->t_end - g_test_rand_int_range(-10, 2000);
	for (size_t j = 0; j < g->n_decisions; j++)
		e->decisions[j].t_in = MAX(t_in, e->decisions[j].t);
}

static struct random_world *random_world_new(void)
{
	struct random_world *w = g_new0(struct random_world, 1);

	for (unsigned int i = 0; i < N_RANDOM_STRATA; i++)
		w->efficacies[i] = (struct gain_efficacy){
			i > 0, g_test_rand_bit(), g_test_rand_double(),
			g_test_rand_double_range(1e3, 1e5), g_test_rand_double_range(1e4, 1e7),
		};
	for (unsigned int i = 0; i < N_EPISODES; i++) {
		random_episode(w, &w->episodes[i]);
		w->windows[i] = (struct window_episode){
			&w->episodes[i].episode, w->episodes[i].heeds,
			g_test_rand_int_range(0, N_CELLS),
		};
	}
	return w;
}

struct brute {
	long double wall, spin;
	int64_t n_fatal, n_unsupported;
};

/* Ask every episode at this window. */
static struct brute brute_force(const struct random_world *w, int64_t window,
				const uint32_t *weights)
{
	struct brute b = { 0 };

	for (unsigned int i = 0; i < N_EPISODES; i++) {
		const struct window_episode *we = &w->windows[i];
		unsigned int times = weights ? weights[we->cell] : 1;
		int picks[MAX_DECISIONS];
		struct episode_gain g;

		for (size_t j = 0; j < we->episode->n_decisions; j++) {
			const struct window_decision *d = &we->decisions[j];

			picks[j] = d->age_ns >= 0 && d->age_ns <= window ? d->pick_on : d->pick_off;
		}
		g = gain_of_episode(we->episode, picks);
		b.wall += g.supported ? times * (long double)g.wall_ns : 0;
		b.spin += g.supported ? times * (long double)g.spin_ns : 0;
		b.n_fatal += gain_is_fatal(g.class);
		b.n_unsupported += !g.supported;
	}
	return b;
}

static void check_window(const struct random_world *w, const struct window_curve *c, int64_t window)
{
	struct brute b = brute_force(w, window, NULL);
	const struct window_value *v = &window_curve_at(c, window)->value;

	g_assert_cmpfloat(fabsl(b.wall - v->wall_ns), <=, 1e-6L);
	g_assert_cmpfloat(fabsl(b.spin - v->spin_ns), <=, 1e-6L);
	g_assert_cmpint(b.n_fatal, ==, v->n_fatal);
	g_assert_cmpint(b.n_unsupported, ==, v->n_unsupported);
}

/* Weighted, and in groups; the groups' sum is the whole. */
static void check_weights(const struct random_world *w, const struct window_curve *c)
{
	g_autofree double *all = g_new(double, c->n_points);
	g_autofree double *grouped = g_new(double, 3 * c->n_points);
	uint32_t weights[N_CELLS];
	unsigned int group[N_CELLS];

	for (unsigned int i = 0; i < N_CELLS; i++) {
		weights[i] = g_test_rand_int_range(0, 5);
		group[i] = i % 3;
	}
	window_curve_sums(c, WINDOW_SPIN, weights, NULL, 1, all);
	window_curve_sums(c, WINDOW_SPIN, weights, group, 3, grouped);
	for (size_t p = 0; p < c->n_points; p++) {
		struct brute b = brute_force(w, c->points[p].window_ns, weights);

		g_assert_cmpfloat(fabsl(b.spin - all[p]), <=, 1e-5L);
		for (int k = 0; k < 3; k++)
			b.spin -= grouped[3 * p + k];
		g_assert_cmpfloat(fabsl(b.spin), <=, 1e-5L);
	}
}

/* An evaluation per episode, and one per distinct age at which a pick changes. */
static uint64_t evaluations_needed(const struct random_world *w)
{
	uint64_t n = N_EPISODES;

	for (unsigned int i = 0; i < N_EPISODES; i++) {
		const struct random_episode *e = &w->episodes[i];
		g_autoptr(GHashTable) ages = g_hash_table_new(g_int64_hash, g_int64_equal);

		for (size_t j = 0; j < e->episode.n_decisions; j++)
			if (e->heeds[j].age_ns >= 0 && e->heeds[j].pick_on != e->heeds[j].pick_off)
				g_hash_table_add(ages, (gpointer)&e->heeds[j].age_ns);
		n += g_hash_table_size(ages);
	}
	return n;
}

static void random_curves(void)
{
	for (int round = 0; round < 8; round++) {
		struct random_world *w = random_world_new();
		struct window_curve *c = window_curve_new(w->windows, N_EPISODES, N_CELLS);

		g_assert_cmpuint(c->n_points, >, 20);
		g_assert_cmpuint(c->n_evaluations, ==, evaluations_needed(w));
		check_window(w, c, WINDOW_NONE);
		check_window(w, c, 0);
		check_window(w, c, INT64_MAX);
		for (size_t p = 1; p < c->n_points; p++) {
			g_assert_cmpint(c->points[p].window_ns, >, c->points[p - 1].window_ns);
			check_window(w, c, c->points[p].window_ns);
			check_window(w, c, c->points[p].window_ns - 1);
		}
		/* ages that are no steps, too */
		for (unsigned int i = 0; i < N_EPISODES; i += 10)
			for (size_t j = 0; j < w->episodes[i].episode.n_decisions; j++)
				check_window(w, c, MAX(w->episodes[i].heeds[j].age_ns, 0));
		check_weights(w, c);
		window_curve_free(c);
		g_free(w);
	}
}

/*
 * Beside others a wait of a quarter of an hour, at whose end the first decision looks as if it
 * had come too late: its gain comes at age 0 and goes at the largest. What a sum in
 * doubles would lose of the others' meanwhile is a hundred times what it may.
 */
static void large_and_small(void)
{
	static const struct window_decision heeds[] = {
		{ INT64_MAX, OTHER, UNBLOCKER }, { 0, OTHER, UNBLOCKER },
	};
	struct random_world *w = random_world_new();
	struct window_episode *all = g_new(struct window_episode, N_EPISODES + 1);
	const int64_t quarter = 900000000;
	struct brute b = brute_force(w, INT64_MAX, NULL);
	struct window_curve *c;
	struct micro_trace m;

	micro_begin(&m, quarter + 10);
	micro_decision(&m, 20, OTHER, 0, STRATUM_H);
	m.decisions[0].t_in = GAIN_NEVER;
	micro_decision(&m, 60, OTHER, quarter, STRATUM_H);
	micro_span(&m, 0, quarter + 10);
	memcpy(all + 1, w->windows, sizeof(w->windows));
	all[0] = (struct window_episode){ &m.episode, heeds, 0 };
	c = window_curve_new(all, N_EPISODES + 1, N_CELLS);
	g_assert_cmpfloat(window_curve_at(c, INT64_MAX - 1)->value.spin_ns, >, quarter * US / 3);
	g_assert_cmpfloat(fabsl(b.spin - window_curve_at(c, INT64_MAX)->value.spin_ns), <=, 1e-6L);
	g_assert_cmpfloat(fabsl(b.wall - window_curve_at(c, INT64_MAX)->value.wall_ns), <=, 1e-6L);
	window_curve_free(c);
	g_free(all);
	g_free(w);
}

/*
 * Waits whose one decision picks the unblocker from some age on. A gain from 395 us
 * up, by good, or a loss by the same.
 */
struct planned {
	GPtrArray *traces;	/* of struct micro_trace */
	GArray *heeds;		/* of struct window_decision, one per episode */
	GArray *episodes;	/* of struct window_episode; decisions are set by planned_curve() */
	unsigned int n_cells;
	uint32_t *weights;	/* [n_cells] of the replicate asked for */
};

static struct planned *planned_new(unsigned int n_cells)
{
	struct planned *p = g_new0(struct planned, 1);

	p->traces = g_ptr_array_new_with_free_func(g_free);
	p->heeds = g_array_new(FALSE, FALSE, sizeof(struct window_decision));
	p->episodes = g_array_new(FALSE, FALSE, sizeof(struct window_episode));
	p->n_cells = n_cells;
	p->weights = g_new(uint32_t, n_cells);
	return p;
}

static void planned_free(struct planned *p)
{
	g_ptr_array_unref(p->traces);
	g_array_unref(p->heeds);
	g_array_unref(p->episodes);
	g_free(p->weights);
	g_free(p);
}

/* The unblocker runs delay_us after the decision; from age_us on it is picked (gain), or not. */
static void plan(struct planned *p, unsigned int cell, int64_t age_us, int64_t delay_us, bool gain)
{
	struct micro_trace *m = g_new(struct micro_trace, 1);
	int recorded = gain ? OTHER : UNBLOCKER;
	struct window_decision d = { age_us * US, recorded, gain ? UNBLOCKER : OTHER };
	struct window_episode we = { &m->episode, NULL, cell };

	micro_begin(m, 30 + delay_us);
	micro_decision(m, 20, recorded, 20 + delay_us, STRATUM_E);
	micro_span(m, 0, 30 + delay_us);
	g_ptr_array_add(p->traces, m);
	g_array_append_val(p->heeds, d);
	g_array_append_val(p->episodes, we);
}

static struct window_curve *planned_curve(struct planned *p)
{
	struct window_episode *e = &g_array_index(p->episodes, struct window_episode, 0);

	for (guint i = 0; i < p->episodes->len; i++)
		e[i].decisions = &g_array_index(p->heeds, struct window_decision, i);
	return window_curve_new(e, p->episodes->len, p->n_cells);
}

/* Cells drawn one by one, by a generator that begins anew for each replicate. */
static const uint32_t *draw(void *user, unsigned int replicate)
{
	struct planned *p = user;
	uint32_t x = 2654435761u * (replicate + 1);

	memset(p->weights, 0, p->n_cells * sizeof(*p->weights));
	for (unsigned int i = 0; i < p->n_cells; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		p->weights[x % p->n_cells]++;
	}
	return p->weights;
}

/* The same in every cell: gains from hints of 100 us on, losses from 10 ms on. */
static void choose_clear(void)
{
	struct planned *p = planned_new(40);
	struct window_bootstrap b = { 200, draw, p, .95 };
	struct window_curve *c;
	struct window_choice choice;

	for (unsigned int i = 0; i < p->n_cells; i++) {
		plan(p, i, 100, 405, true);
		plan(p, i, 200, 55 + i % 2, true);
		plan(p, i, 10000, 5, false);
	}
	c = planned_curve(p);
	g_assert_true(window_choose(c, WINDOW_WALL, 50000 * US, &b, &choice));
	g_assert_cmpint(choice.window_ns, ==, 200 * US);
	for (unsigned int f = 0; f < WINDOW_FOLDS; f++)
		g_assert_cmpint(choice.fold_ns[f], ==, 200 * US);
	g_assert_cmpint(choice.fold_low, ==, 200 * US);
	g_assert_cmpint(choice.fold_high, ==, 200 * US);
	g_assert_cmpfloat(choice.held_out.ns, ==, 40 * 450.5 * US);
	g_assert_cmpfloat(choice.held_out.low, <, choice.held_out.ns);
	g_assert_cmpfloat(choice.held_out.high, >, choice.held_out.ns);
	g_assert_cmpfloat(choice.by_default.ns, ==, 40 * (450.5 - 795) * US);
	/* the same in all cells: no interval to speak of */
	g_assert_cmpfloat(choice.over_default.ns, ==, 40 * 795. * US);
	g_assert_cmpfloat(fabs(choice.over_default.low - choice.over_default.ns), <, 1e-3);
	g_assert_cmpint(choice.verdict, ==, WINDOW_BETTER);
	/* the default is what is chosen, or as good */
	g_assert_true(window_choose(c, WINDOW_WALL, 300 * US, &b, &choice));
	g_assert_cmpfloat(choice.over_default.ns, ==, 0);
	g_assert_cmpint(choice.verdict, ==, WINDOW_NO_EVIDENCE);
	window_curve_free(c);
	planned_free(p);
}

/* What the largest window adds is a gain in one cell, a loss in another: noise, so the smaller one is taken. */
static void choose_small(void)
{
	struct planned *p = planned_new(40);
	struct window_bootstrap b = { 200, draw, p, .95 };
	struct window_curve *c;
	struct window_choice choice;

	for (unsigned int i = 0; i < p->n_cells; i++)
		plan(p, i, 100, 105 + 50 * (i % 4), true);
	plan(p, 7, 1000, 15, true);
	plan(p, 11, 1000, 795, false);
	c = planned_curve(p);
	g_assert_true(window_choose(c, WINDOW_WALL, 50000 * US, &b, &choice));
	g_assert_cmpint(choice.window_ns, ==, 100 * US);
	g_assert_cmpfloat(choice.over_default.ns, ==, -5. * US);
	g_assert_cmpfloat(choice.over_default.low, <, 0);
	g_assert_cmpfloat(choice.over_default.high, >, 0);
	g_assert_cmpint(choice.verdict, ==, WINDOW_NO_EVIDENCE);
	window_curve_free(c);
	planned_free(p);
}

/* Without the cells of one fold a larger window is the better one, by a little. */
static void choose_by_fold(void)
{
	struct planned *p = planned_new(40);
	struct window_bootstrap b = { 200, draw, p, .95 };
	struct window_curve *c;
	struct window_choice choice;

	for (unsigned int i = 0; i < p->n_cells; i++) {
		plan(p, i, 100, 405, true);
		plan(p, i, 200, i / 8 == 3 ? 5 : 55, i / 8 != 3);
	}
	c = planned_curve(p);
	g_assert_true(window_choose(c, WINDOW_WALL, 100 * US, &b, &choice));
	g_assert_cmpint(choice.window_ns, ==, 100 * US);
	for (unsigned int f = 0; f < WINDOW_FOLDS; f++)
		g_assert_cmpint(choice.fold_ns[f], ==, (f == 3 ? 200 : 100) * US);
	g_assert_cmpfloat(choice.held_out.ns, ==, (40 * 400. - 8 * 795.) * US);
	g_assert_cmpfloat(choice.over_default.ns, ==, -8 * 795. * US);
	g_assert_cmpint(choice.verdict, ==, WINDOW_WORSE);
	window_curve_free(c);
	planned_free(p);
}

/*
 * A gain of one fold alone: from all cells it seems to be worth a window at which the
 * others lose. Without that fold there is nothing to choose, and it is judged so.
 */
static void choose_held_out(void)
{
	struct planned *p = planned_new(10);
	struct window_bootstrap b = { 200, draw, p, .95 };
	struct window_curve *c;
	struct window_choice choice;

	for (unsigned int i = 0; i < p->n_cells; i++)
		for (unsigned int n = i / 2 == 2 ? 40 : 1; n > 0; n--)
			plan(p, i, 500, i / 2 == 2 ? 405 : 5, i / 2 == 2);
	c = planned_curve(p);
	g_assert_true(window_choose(c, WINDOW_WALL, WINDOW_NONE, &b, &choice));
	g_assert_cmpint(choice.window_ns, ==, 500 * US);
	g_assert_cmpfloat(window_curve_at(c, 500 * US)->value.wall_ns, ==,
			  (80 * 400. - 8 * 795.) * US);
	for (unsigned int f = 0; f < WINDOW_FOLDS; f++)
		g_assert_cmpint(choice.fold_ns[f], ==, f == 2 ? WINDOW_NONE : 500 * US);
	g_assert_cmpint(choice.fold_low, ==, WINDOW_NONE);
	g_assert_cmpint(choice.fold_high, ==, 500 * US);
	g_assert_cmpfloat(choice.held_out.ns, ==, -8 * 795. * US);
	g_assert_cmpfloat(choice.over_default.ns, ==, -8 * 795. * US);
	g_assert_cmpint(choice.verdict, ==, WINDOW_WORSE);
	window_curve_free(c);
	planned_free(p);
}

/* The band holds as many replicates, from end to end, as its level says. */
static void band(void)
{
	struct planned *p = planned_new(40);
	struct window_bootstrap b = { 999, draw, p, .9 };
	struct window_curve *c;
	g_autofree double *low = NULL, *high = NULL, *values = NULL;
	unsigned int n_inside = 0;
	double critical, sum = 0, squares = 0;

	for (unsigned int i = 0; i < p->n_cells; i++)
		for (unsigned int k = 0; k < 6; k++)
			plan(p, i, 100 * (k + 1) + i, 5 + (i * 7919 + k * 104729) % 500, k != 3);
	c = planned_curve(p);
	low = g_new(double, c->n_points);
	high = g_new(double, c->n_points);
	values = g_new(double, c->n_points);
	critical = window_band(c, WINDOW_SPIN, &b, low, high);
	g_assert_cmpfloat(critical, >, 1.645);	/* one point alone would have that */
	g_assert_cmpfloat(low[0], ==, 0);
	g_assert_cmpfloat(high[0], ==, 0);
	for (size_t i = 1; i < c->n_points; i++) {
		const struct window_value *v = &c->points[i].value;

		g_assert_cmpfloat(low[i], <, v->spin_ns);
		g_assert_cmpfloat(high[i], >, v->spin_ns);
	}
	for (unsigned int r = 0; r < b.n_replicates; r++) {
		bool inside = true;

		window_curve_sums(c, WINDOW_SPIN, draw(p, r), NULL, 1, values);
		for (size_t i = 0; i < c->n_points; i++)
			inside &= values[i] > low[i] - 1e-3 && values[i] < high[i] + 1e-3;
		n_inside += inside;
		sum += values[3];
		squares += values[3] * values[3];
	}
	g_assert_cmpfloat_with_epsilon((high[3] - low[3]) / (2 * critical),
				       sqrt((squares - sum * sum / 999) / 998), 1e-3);
	g_assert_cmpuint(n_inside, >=, 898);
	g_assert_cmpuint(n_inside, <=, 900);
	window_curve_free(c);
	planned_free(p);
}

static void choose_refused(void)
{
	struct planned *p = planned_new(9);
	struct window_bootstrap b = { 100, draw, p, .95 };
	struct window_curve *c = planned_curve(p);
	struct window_choice choice;

	g_assert_false(window_choose(c, WINDOW_WALL, 0, &b, &choice));
	window_curve_free(c);
	planned_free(p);
	p = planned_new(10);
	b.user = p;
	c = planned_curve(p);
	b.n_replicates = 1;
	g_assert_false(window_choose(c, WINDOW_WALL, 0, &b, &choice));
	b.n_replicates = 2;
	g_assert_true(window_choose(c, WINDOW_WALL, 0, &b, &choice));
	g_assert_cmpint(choice.window_ns, ==, WINDOW_NONE);
	window_curve_free(c);
	planned_free(p);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/window/two steps", two_steps);
	g_test_add_func("/window/expired", expired);
	g_test_add_func("/window/unsupported", unsupported);
	g_test_add_func("/window/nothing", nothing);
	g_test_add_func("/window/random curves", random_curves);
	g_test_add_func("/window/large and small", large_and_small);
	g_test_add_func("/window/choose/by fold", choose_by_fold);
	g_test_add_func("/window/choose/clear", choose_clear);
	g_test_add_func("/window/choose/small", choose_small);
	g_test_add_func("/window/choose/held out", choose_held_out);
	g_test_add_func("/window/choose/refused", choose_refused);
	g_test_add_func("/window/band", band);
	return g_test_run();
}
