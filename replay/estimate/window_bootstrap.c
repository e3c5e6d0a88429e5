// SPDX-License-Identifier: GPL-2.0-or-later
/* What replicates say of a curve: which window to choose, and how far off the curve may be. */
#include "replay/estimate/window.h"

#include <glib.h>
#include <math.h>

/* Mean and spread of a stream (Welford). */
struct moments {
	double mean, m2;
	unsigned int n;
};

static void moments_add(struct moments *m, double x)
{
	double from_old = x - m->mean;

	m->mean += from_old / ++m->n;
	m->m2 += from_old * (x - m->mean);
}

static double moments_deviation(const struct moments *m)
{
	return m->n > 1 ? sqrt(m->m2 / (m->n - 1)) : 0;
}

static gint by_size(gconstpointer a, gconstpointer b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Of sorted values, between the neighbours. */
static double quantile(const GArray *sorted, double q)
{
	double at = q * (sorted->len - 1);
	guint below = floor(at), above = MIN(below + 1, sorted->len - 1);
	double low = g_array_index(sorted, double, below);
	double high = g_array_index(sorted, double, above);

	return low + (at - below) * (high - low);
}

/* The middle of values, which are then sorted. */
static void set_interval(GArray *values, double level, double *low, double *high)
{
	g_array_sort(values, by_size);
	*low = quantile(values, (1 - level) / 2);
	*high = quantile(values, (1 + level) / 2);
}

/* Trained on all folds but this; all cells, if it is no fold. */
enum { ALL_CELLS = WINDOW_FOLDS, N_TRAININGS };

struct chooser {
	const struct window_curve *curve;
	enum window_metric metric;
	const struct window_bootstrap *bootstrap;
	unsigned int *fold;		/* by cell */
	double *values;			/* [n_points][WINDOW_FOLDS] */
	double scale[N_TRAININGS];	/* of values, to as many cells as there are */
	size_t chosen[N_TRAININGS];	/* points */
	double *error[N_TRAININGS];	/* [n_points]: of what a point falls short of the best by */
};

/* Take all cells once (NULL), or as a replicate does. False: a training would have no cell. */
static bool take(struct chooser *c, const uint32_t *weights)
{
	uint64_t n[WINDOW_FOLDS] = { 0 }, taken[WINDOW_FOLDS] = { 0 }, n_all = 0, taken_all = 0;

	for (unsigned int i = 0; i < c->curve->n_cells; i++) {
		n[c->fold[i]]++;
		taken[c->fold[i]] += weights ? weights[i] : 1;
	}
	for (unsigned int f = 0; f < WINDOW_FOLDS; f++) {
		n_all += n[f];
		taken_all += taken[f];
	}
	if (!taken_all)
		return false;
	c->scale[ALL_CELLS] = (double)n_all / taken_all;
	for (unsigned int f = 0; f < WINDOW_FOLDS; f++) {
		if (taken_all == taken[f])
			return false;
		c->scale[f] = (double)(n_all - n[f]) / (taken_all - taken[f]);
	}
	window_curve_sums(c->curve, c->metric, weights, c->fold, WINDOW_FOLDS, c->values);
	return true;
}

/* The gain of a training's cells at a point. */
static double training_gain(const struct chooser *c, unsigned int training, size_t point)
{
	double sum = 0;

	for (unsigned int f = 0; f < WINDOW_FOLDS; f++)
		if (f != training)
			sum += c->values[point * WINDOW_FOLDS + f];
	return sum * c->scale[training];
}

/* The first of the points that are best. */
static size_t best_point(const struct chooser *c, unsigned int training)
{
	size_t best = 0;

	for (size_t p = 1; p < c->curve->n_points; p++)
		if (training_gain(c, training, p) > training_gain(c, training, best))
			best = p;
	return best;
}

/* The first point that is as good as the best, give or take the standard error of the difference. */
static size_t smallest_good_point(const struct chooser *c, unsigned int training)
{
	double best = training_gain(c, training, best_point(c, training));
	size_t p = 0;

	while (best - training_gain(c, training, p) > c->error[training][p])
		p++;
	return p;
}

/* Standard errors of what each point falls short of the best by. False: fewer than two replicates. */
static bool measure_errors(struct chooser *c, const size_t *best)
{
	size_t n_points = c->curve->n_points;
	g_autofree struct moments *shortfall = g_new0(struct moments, N_TRAININGS * n_points);

	for (unsigned int r = 0; r < c->bootstrap->n_replicates; r++) {
		if (!take(c, c->bootstrap->weights(c->bootstrap->user, r)))
			continue;
		for (unsigned int t = 0; t < N_TRAININGS; t++) {
			double at_best = training_gain(c, t, best[t]);

			for (size_t p = 0; p < n_points; p++)
				moments_add(&shortfall[t * n_points + p], at_best - training_gain(c, t, p));
		}
	}
	for (unsigned int t = 0; t < N_TRAININGS; t++)
		for (size_t p = 0; p < n_points; p++)
			c->error[t][p] = moments_deviation(&shortfall[t * n_points + p]);
	return shortfall[ALL_CELLS * n_points].n > 1;
}

/* The choices from the data themselves. False: fewer than two replicates are of use. */
static bool choose_points(struct chooser *c)
{
	size_t best[N_TRAININGS];
	bool ok;

	take(c, NULL);
	for (unsigned int t = 0; t < N_TRAININGS; t++)
		best[t] = best_point(c, t);
	ok = measure_errors(c, best);
	take(c, NULL);
	for (unsigned int t = 0; t < N_TRAININGS; t++)
		c->chosen[t] = smallest_good_point(c, t);
	return ok;
}

/* The gain of all cells, each fold at the point that the others chose. */
static double held_out_gain(const struct chooser *c)
{
	double sum = 0;

	for (unsigned int f = 0; f < WINDOW_FOLDS; f++)
		sum += c->values[c->chosen[f] * WINDOW_FOLDS + f];
	return sum * c->scale[ALL_CELLS];
}

static void judge(struct chooser *c, size_t by_default, struct window_choice *choice)
{
	GArray *held_out = g_array_new(FALSE, FALSE, sizeof(double));
	GArray *at_default = g_array_new(FALSE, FALSE, sizeof(double));
	GArray *over = g_array_new(FALSE, FALSE, sizeof(double));
	GArray *windows = g_array_new(FALSE, FALSE, sizeof(double));
	double level = c->bootstrap->level, low, high;

	take(c, NULL);
	choice->held_out.ns = held_out_gain(c);
	choice->by_default.ns = training_gain(c, ALL_CELLS, by_default);
	choice->over_default.ns = choice->held_out.ns - choice->by_default.ns;
	for (unsigned int r = 0; r < c->bootstrap->n_replicates; r++) {
		double gain, gain_default, difference;

		if (!take(c, c->bootstrap->weights(c->bootstrap->user, r)))
			continue;
		gain = held_out_gain(c);
		gain_default = training_gain(c, ALL_CELLS, by_default);
		difference = gain - gain_default;
		g_array_append_val(held_out, gain);
		g_array_append_val(at_default, gain_default);
		g_array_append_val(over, difference);
		for (unsigned int f = 0; f < WINDOW_FOLDS; f++) {
			double window = c->curve->points[smallest_good_point(c, f)].window_ns;

			g_array_append_val(windows, window);
		}
	}
	set_interval(held_out, level, &choice->held_out.low, &choice->held_out.high);
	set_interval(at_default, level, &choice->by_default.low, &choice->by_default.high);
	set_interval(over, level, &choice->over_default.low, &choice->over_default.high);
	set_interval(windows, level, &low, &high);
	choice->fold_low = floor(low);
	choice->fold_high = ceil(high);
	choice->verdict = choice->over_default.low > 0 ? WINDOW_BETTER :
			  choice->over_default.high < 0 ? WINDOW_WORSE : WINDOW_NO_EVIDENCE;
	g_array_unref(held_out);
	g_array_unref(at_default);
	g_array_unref(over);
	g_array_unref(windows);
}

bool window_choose(const struct window_curve *curve, enum window_metric metric, int64_t default_ns,
		   const struct window_bootstrap *bootstrap, struct window_choice *choice)
{
	struct chooser c = { .curve = curve, .metric = metric, .bootstrap = bootstrap };
	bool ok;

	if (curve->n_cells < 2 * WINDOW_FOLDS || bootstrap->n_replicates < 2)
		return false;
	c.fold = g_new(unsigned int, curve->n_cells);
	c.values = g_new(double, curve->n_points * WINDOW_FOLDS);
	for (unsigned int t = 0; t < N_TRAININGS; t++)
		c.error[t] = g_new0(double, curve->n_points);
	for (unsigned int i = 0; i < curve->n_cells; i++)
		c.fold[i] = (uint64_t)i * WINDOW_FOLDS / curve->n_cells;
	ok = choose_points(&c);
	if (!ok)
		goto out;
	choice->window_ns = curve->points[c.chosen[ALL_CELLS]].window_ns;
	for (unsigned int f = 0; f < WINDOW_FOLDS; f++)
		choice->fold_ns[f] = curve->points[c.chosen[f]].window_ns;
	judge(&c, window_curve_at(curve, default_ns) - curve->points, choice);
out:
	for (unsigned int t = 0; t < N_TRAININGS; t++)
		g_free(c.error[t]);
	g_free(c.fold);
	g_free(c.values);
	return ok;
}

/* values [n_points] of a replicate, as of as many cells as there are. False: it takes none. */
static bool replicate(const struct window_curve *curve, enum window_metric metric,
		      const struct window_bootstrap *bootstrap, unsigned int r, double *values)
{
	const uint32_t *weights = bootstrap->weights(bootstrap->user, r);
	uint64_t taken = 0;

	for (unsigned int c = 0; c < curve->n_cells; c++)
		taken += weights[c];
	if (!taken)
		return false;
	window_curve_sums(curve, metric, weights, NULL, 1, values);
	for (size_t p = 0; p < curve->n_points; p++)
		values[p] *= (double)curve->n_cells / taken;
	return true;
}

double window_band(const struct window_curve *curve, enum window_metric metric,
		   const struct window_bootstrap *bootstrap, double *low, double *high)
{
	g_autofree struct moments *moments = g_new0(struct moments, curve->n_points);
	g_autofree double *estimate = g_new(double, curve->n_points);
	g_autofree double *values = g_new(double, curve->n_points);
	g_autoptr(GArray) largest = g_array_new(FALSE, FALSE, sizeof(double));
	double critical;

	for (unsigned int r = 0; r < bootstrap->n_replicates; r++) {
		if (!replicate(curve, metric, bootstrap, r, values))
			continue;
		for (size_t p = 0; p < curve->n_points; p++)
			moments_add(&moments[p], values[p]);
	}
	window_curve_sums(curve, metric, NULL, NULL, 1, estimate);
	for (unsigned int r = 0; r < bootstrap->n_replicates; r++) {
		double t = 0;

		if (!replicate(curve, metric, bootstrap, r, values))
			continue;
		for (size_t p = 0; p < curve->n_points; p++) {
			double error = moments_deviation(&moments[p]);

			if (error > 0)
				t = MAX(t, fabs(values[p] - estimate[p]) / error);
		}
		g_array_append_val(largest, t);
	}
	g_array_sort(largest, by_size);
	critical = largest->len ? quantile(largest, bootstrap->level) : 0;
	for (size_t p = 0; p < curve->n_points; p++) {
		low[p] = estimate[p] - critical * moments_deviation(&moments[p]);
		high[p] = estimate[p] + critical * moments_deviation(&moments[p]);
	}
	return critical;
}
