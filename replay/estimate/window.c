// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/window.h"

#include <glib.h>
#include <math.h>
#include <string.h>

/* A sum and what its rounding lost (Neumaier). */
struct sum {
	double sum, lost;
};

static void add(struct sum *s, double x)
{
	double total = s->sum + x;

	s->lost += fabs(s->sum) >= fabs(x) ? s->sum - total + x : x - total + s->sum;
	s->sum = total;
}

struct value_sum {
	struct sum wall, spin;
	int64_t n_fatal, n_unsupported;
};

static void add_value(struct value_sum *s, const struct window_value *v)
{
	add(&s->wall, v->wall_ns);
	add(&s->spin, v->spin_ns);
	s->n_fatal += v->n_fatal;
	s->n_unsupported += v->n_unsupported;
}

static struct window_value value_of_sum(const struct value_sum *s)
{
	return (struct window_value){
		.wall_ns = s->wall.sum + s->wall.lost, .spin_ns = s->spin.sum + s->spin.lost,
		.n_fatal = s->n_fatal, .n_unsupported = s->n_unsupported,
	};
}

static struct window_value value_of_gain(const struct episode_gain *g)
{
	return (struct window_value){
		.wall_ns = g->supported ? g->wall_ns : 0, .spin_ns = g->supported ? g->spin_ns : 0,
		.n_fatal = gain_is_fatal(g->class), .n_unsupported = !g->supported,
	};
}

static struct window_value minus(const struct window_value *a, const struct window_value *b)
{
	return (struct window_value){
		.wall_ns = a->wall_ns - b->wall_ns, .spin_ns = a->spin_ns - b->spin_ns,
		.n_fatal = a->n_fatal - b->n_fatal,
		.n_unsupported = a->n_unsupported - b->n_unsupported,
	};
}

static bool is_zero(const struct window_value *v)
{
	return v->wall_ns == 0 && v->spin_ns == 0 && !v->n_fatal && !v->n_unsupported;
}

/* A decision whose pick changes at an age. */
struct switch_on {
	int64_t age_ns;
	size_t decision;
};

/* Of what begins with an age. */
static gint by_age(gconstpointer a, gconstpointer b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

G_STATIC_ASSERT(G_STRUCT_OFFSET(struct switch_on, age_ns) == 0);
G_STATIC_ASSERT(G_STRUCT_OFFSET(struct window_step, age_ns) == 0);

struct builder {
	GArray *picks;		/* of int: the episode's, at the window so far */
	GArray *switches;	/* of struct switch_on: the episode's */
	GArray *steps;		/* of struct window_step */
	struct value_sum *base;	/* by cell */
	uint64_t n_evaluations;
};

static struct window_value evaluate(struct builder *b, const struct window_episode *we)
{
	struct episode_gain g = gain_of_episode(we->episode, &g_array_index(b->picks, int, 0));

	b->n_evaluations++;
	return value_of_gain(&g);
}

/* Begin with all hints too old; note the decisions that heed one. */
static void lay_out(struct builder *b, const struct window_episode *we)
{
	g_array_set_size(b->picks, we->episode->n_decisions);
	g_array_set_size(b->switches, 0);
	for (size_t j = 0; j < we->episode->n_decisions; j++) {
		const struct window_decision *d = &we->decisions[j];
		struct switch_on on = { d->age_ns, j };

		g_array_index(b->picks, int, j) = d->pick_off;
		if (d->age_ns != WINDOW_NONE && d->pick_on != d->pick_off)
			g_array_append_val(b->switches, on);
	}
	g_array_sort(b->switches, by_age);
}

static void add_episode(struct builder *b, const struct window_episode *we)
{
	struct window_value value, before;
	size_t j;

	lay_out(b, we);
	before = evaluate(b, we);
	add_value(&b->base[we->cell], &before);
	for (guint i = 0; i < b->switches->len;) {
		const struct switch_on *on = &g_array_index(b->switches, struct switch_on, i);
		struct window_step step = { on->age_ns, we->cell };

		for (; i < b->switches->len; i++) {
			on = &g_array_index(b->switches, struct switch_on, i);
			if (on->age_ns != step.age_ns)
				break;
			j = on->decision;
			g_array_index(b->picks, int, j) = we->decisions[j].pick_on;
		}
		value = evaluate(b, we);
		step.more = minus(&value, &before);
		if (!is_zero(&step.more))
			g_array_append_val(b->steps, step);
		before = value;
	}
}

static void sum_up(struct window_curve *curve)
{
	struct value_sum sum = { 0 };
	struct window_point *p;

	curve->points = g_new(struct window_point, curve->n_steps + 1);
	for (unsigned int c = 0; c < curve->n_cells; c++)
		add_value(&sum, &curve->base[c]);
	p = &curve->points[curve->n_points++];
	*p = (struct window_point){ .window_ns = WINDOW_NONE, .value = value_of_sum(&sum) };
	for (size_t i = 0; i < curve->n_steps; i++) {
		add_value(&sum, &curve->steps[i].more);
		if (curve->steps[i].age_ns != p->window_ns)
			p = &curve->points[curve->n_points++];
		*p = (struct window_point){ curve->steps[i].age_ns, i + 1, value_of_sum(&sum) };
	}
}

struct window_curve *window_curve_new(const struct window_episode *episodes, size_t n_episodes,
				      unsigned int n_cells)
{
	struct window_curve *curve = g_new0(struct window_curve, 1);
	struct builder b = {
		.picks = g_array_new(FALSE, FALSE, sizeof(int)),
		.switches = g_array_new(FALSE, FALSE, sizeof(struct switch_on)),
		.steps = g_array_new(FALSE, FALSE, sizeof(struct window_step)),
		.base = g_new0(struct value_sum, n_cells),
	};

	curve->n_cells = n_cells;
	curve->base = g_new(struct window_value, n_cells);
	for (size_t i = 0; i < n_episodes; i++)
		add_episode(&b, &episodes[i]);
	for (unsigned int c = 0; c < n_cells; c++)
		curve->base[c] = value_of_sum(&b.base[c]);
	g_array_sort(b.steps, by_age);
	curve->steps = (struct window_step *)g_array_steal(b.steps, &curve->n_steps);
	sum_up(curve);
	curve->n_evaluations = b.n_evaluations;
	g_array_unref(b.picks);
	g_array_unref(b.switches);
	g_array_unref(b.steps);
	g_free(b.base);
	return curve;
}

void window_curve_free(struct window_curve *curve)
{
	if (!curve)
		return;
	g_free(curve->base);
	g_free(curve->steps);
	g_free(curve->points);
	g_free(curve);
}

const struct window_point *window_curve_at(const struct window_curve *curve, int64_t window_ns)
{
	size_t low = 0, high = curve->n_points;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (curve->points[middle].window_ns > window_ns)
			high = middle;
		else
			low = middle;
	}
	return &curve->points[low];
}

void window_curve_sums(const struct window_curve *curve, enum window_metric metric,
		       const uint32_t *weights, const unsigned int *group, unsigned int n_groups,
		       double *values)
{
	g_autofree struct sum *sums = g_new0(struct sum, n_groups);
	size_t i = 0;

	for (unsigned int c = 0; c < curve->n_cells; c++)
		add(&sums[group ? group[c] : 0], (weights ? weights[c] : 1) *
		    (metric == WINDOW_WALL ? curve->base[c].wall_ns : curve->base[c].spin_ns));
	for (size_t p = 0; p < curve->n_points; p++) {
		for (; i < curve->points[p].end; i++) {
			const struct window_step *s = &curve->steps[i];

			add(&sums[group ? group[s->cell] : 0], (weights ? weights[s->cell] : 1) *
			    (metric == WINDOW_WALL ? s->more.wall_ns : s->more.spin_ns));
		}
		for (unsigned int g = 0; g < n_groups; g++)
			values[p * n_groups + g] = sums[g].sum + sums[g].lost;
	}
}
