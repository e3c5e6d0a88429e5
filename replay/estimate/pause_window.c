// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/pause_window.h"

#include <stdlib.h>

enum { ENOUGH = 20 };		/* gaps to measure from */
#define ASSUMED_NS 100000.0
enum { MAX_DOUBLINGS = 12 };

/*
 * Where PAUSEs are counted and not cycles, the window depends on the loop that has
 * them, and one that looks at several vCPUs takes some times longer than a lock's.
 * Gaps of more than this many times the shortest are taken for work between waits.
 */
#define SLOWEST_LOOP 4

struct gap {
	double ns, ple_window;	/* ple_window: 0 if not known */
	unsigned int n_exits;	/* PAUSE exits since the thread was switched in */
	bool whole;		/* it was not switched out meanwhile */
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(GArray *sorted, double q)
{
	return g_array_index(sorted, double, (guint)(q * (sorted->len - 1)));
}

/* How a VM's window changes. */
struct growth {
	enum pause_unit unit;
	unsigned int doublings;	/* PAUSE_DOUBLING: then it has reached its maximum */
	double base;		/* PAUSE_RECORDED: what it is before an update is seen */
};

static double unit_of(const struct growth *growth, unsigned int n_exits, double ple_window)
{
	switch (growth->unit) {
	case PAUSE_RECORDED:
		return ple_window > 0 ? ple_window : growth->base;
	case PAUSE_DOUBLING:
		return 1 << MIN(n_exits, growth->doublings);
	default:
		return 1;
	}
}

static double median_at(const GArray *gaps, unsigned int n_exits, GArray *values)
{
	g_array_set_size(values, 0);
	for (guint i = 0; i < gaps->len; i++) {
		const struct gap *g = &g_array_index(gaps, struct gap, i);

		if (g->n_exits == n_exits)
			g_array_append_val(values, g->ns);
	}
	g_array_sort(values, by_value);
	return values->len >= ENOUGH ? quantile(values, 0.5) : 0;
}

/* Where nearly every decision yields, few gaps are whole; then the others must do. */
static void keep_whole(GArray *gaps)
{
	guint n = 0;

	for (guint i = 0; i < gaps->len; i++)
		n += g_array_index(gaps, struct gap, i).whole;
	if (n < ENOUGH)
		return;
	n = 0;
	for (guint i = 0; i < gaps->len; i++)
		if (g_array_index(gaps, struct gap, i).whole)
			g_array_index(gaps, struct gap, n++) = g_array_index(gaps, struct gap, i);
	g_array_set_size(gaps, n);
}

/* A recorded window is believed if gaps grow with it; doubling only if gaps do grow. */
static struct growth find_growth(const GArray *gaps, GArray *values)
{
	struct growth growth = { .unit = PAUSE_CONSTANT, .doublings = 1 };
	double first = median_at(gaps, 1, values), last = first, next;
	guint n_known = 0;

	if (!first || median_at(gaps, 3, values) < 2 * first)
		return growth;
	growth.unit = PAUSE_DOUBLING;
	while (growth.doublings < MAX_DOUBLINGS && (next = median_at(gaps, growth.doublings + 1, values)) > 1.5 * last) {
		last = next;
		growth.doublings++;
	}
	for (guint i = 0; i < gaps->len; i++) {
		double window = g_array_index(gaps, struct gap, i).ple_window;

		n_known += window > 0;
		if (window > 0 && (growth.base == 0 || window < growth.base))
			growth.base = window;
	}
	if (n_known > gaps->len / 2)
		growth.unit = PAUSE_RECORDED;
	return growth;
}

static struct growth measure(const GArray *gaps, struct pause_window *w)
{
	g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));
	struct growth growth = find_growth(gaps, values);
	guint n = 0;

	w->unit = growth.unit;
	g_array_set_size(values, 0);
	for (guint i = 0; i < gaps->len; i++) {
		const struct gap *g = &g_array_index(gaps, struct gap, i);
		double value = g->ns / unit_of(&growth, g->n_exits, g->ple_window);

		g_array_append_val(values, value);
	}
	if (values->len < ENOUGH) {
		w->lo = w->hi = ASSUMED_NS;
		return growth;
	}
	w->n = values->len;
	g_array_sort(values, by_value);
	w->lo = quantile(values, 0.1);
	while (n < values->len && g_array_index(values, double, n) <= SLOWEST_LOOP * w->lo)
		n++;
	g_array_set_size(values, n);
	w->hi = quantile(values, 0.98);
	return growth;
}

static int64_t median_handling(const struct scores *scores, unsigned int vm)
{
	g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));

	for (guint i = 0; i < scores->decisions->len; i++) {
		const struct scored *d = scored_at(scores, i);
		double ns;

		if (d->vm != vm || d->pick != NO_TARGET || d->t_end == DB_NULL)
			continue;
		ns = d->t_end - d->t;
		g_array_append_val(values, ns);
	}
	g_array_sort(values, by_value);
	return values->len ? quantile(values, 0.5) : 0;
}

struct pause_window *pause_window_measure(const struct scores *scores, const struct timeline *tl,
					  const guint *order, double *unit)
{
	unsigned int n_vms = scores->recorded->n_vms;
	struct pause_window *windows = g_new0(struct pause_window, n_vms + 1);
	struct growth *growths = g_new0(struct growth, n_vms + 1);
	GArray **gaps = g_new0(GArray *, n_vms + 1);
	unsigned int *n_exits = g_new0(unsigned int, scores->decisions->len + 1);

	for (unsigned int vm = 0; vm < n_vms; vm++)
		gaps[vm] = g_array_new(FALSE, FALSE, sizeof(struct gap));
	for (guint i = 1; i < scores->decisions->len; i++) {
		const struct scored *last = scored_at(scores, order[i - 1]), *d = scored_at(scores, order[i]);
		struct gap g = { .ple_window = last->ple_window == DB_NULL ? 0 : last->ple_window };

		if (last->vcpu != d->vcpu)
			continue;
		g.ns = timeline_ran(tl, d->vcpu, d->t) - timeline_ran(tl, d->vcpu, last->t);
		g.whole = timeline_find(tl, d->vcpu, last->t) == timeline_find(tl, d->vcpu, d->t);
		if (g.whole)
			n_exits[i] = n_exits[i - 1] + 1;
		g.n_exits = n_exits[i];
		g_array_append_val(gaps[d->vm], g);
	}
	for (unsigned int vm = 0; vm < n_vms; vm++) {
		keep_whole(gaps[vm]);
		growths[vm] = measure(gaps[vm], &windows[vm]);
		windows[vm].c_exit = median_handling(scores, vm);
		g_array_unref(gaps[vm]);
	}
	for (guint i = 0; i < scores->decisions->len; i++) {
		const struct scored *d = scored_at(scores, order[i]);

		unit[order[i]] = unit_of(&growths[d->vm], n_exits[i] + 1,
					 d->ple_window == DB_NULL ? 0 : d->ple_window);
	}
	g_free(growths);
	g_free(n_exits);
	g_free(gaps);
	return windows;
}
