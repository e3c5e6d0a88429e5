// SPDX-License-Identifier: GPL-2.0-or-later
/* What a VM's exits and interrupts cost, measured; and its place in the scheduler. */
#include <string.h>

#include "replay/simulate/extract_int.h"

#define SHORTEST_WINDOW_NS 1000

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(GArray *values, double otherwise)
{
	g_array_sort(values, by_value);
	return values->len ? g_array_index(values, double, values->len / 2) : otherwise;
}

/* PAUSE exit to PAUSE exit of one spin, in one stretch on the CPU, per unit. */
static double typical_gap(const struct extract *x, unsigned int vm)
{
	g_autoptr(GArray) gaps = g_array_new(FALSE, FALSE, sizeof(double));
	const struct pause_window *w = &x->e->windows[vm];

	for (guint i = 0; i < x->e->list->len; i++) {
		const struct episode *ep = episode_at(x->e, i);

		for (guint j = 1; ep->vm == vm && j < ep->n; j++) {
			guint before = episode_decision(x->e, ep, j - 1);
			int64_t t0 = scored_at(x->e->scores, before)->t;
			int64_t t1 = scored_at(x->e->scores, episode_decision(x->e, ep, j))->t;
			double gap = (t1 - t0) / x->e->unit[before];

			if (timeline_find(x->tl, ep->vcpu, t0) == timeline_find(x->tl, ep->vcpu, t1) && gap <= w->hi)
				g_array_append_val(gaps, gap);
		}
	}
	return median(gaps, (w->lo + w->hi) / 2);
}

/* Units of the first window after a switch, and of the longest. */
static void range_of_units(struct extract *x, unsigned int vm, double *first, double *longest)
{
	bool constant = x->e->windows[vm].unit == PAUSE_CONSTANT;

	*first = *longest = 0;
	for (guint i = 0; i < x->e->scores->decisions->len; i++) {
		double unit = x->e->unit[i];

		if (scored_at(x->e->scores, i)->vm != vm)
			continue;
		/* one of a decision is that of the window after it */
		*first = !*first || unit < *first ? unit : *first;
		*longest = MAX(*longest, unit);
	}
	*first = !*first ? 1 : constant ? *first : *first / 2;
	*longest = MAX(*longest, *first);
}

/* On the CPU from exit to return of kvm_vcpu_on_spin() when it yields; median, ns. */
static double typical_yield(const struct extract *x, unsigned int vm)
{
	g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));

	for (guint i = 0; i < x->e->scores->decisions->len; i++) {
		const struct scored *d = scored_at(x->e->scores, i);
		double ns;

		if (d->vm != vm || d->pick < 0 || d->t_end == DB_NULL)
			continue;
		ns = timeline_ran(x->tl, d->vcpu, d->t_end) - timeline_ran(x->tl, d->vcpu, d->t);
		g_array_append_val(values, ns);
	}
	return median(values, 0);
}

/* Mean of PAUSE exits to the next entry on the CPU, by VM and newly allocated; 0: none. NULL with error set. */
static double *mean_handling(const struct extract *x, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(x->recorded->db,
		"SELECT vcpu, sum(n), sum(handling_ns) FROM exit_stat, recording "
		"WHERE exit_reason = CASE isa WHEN 'svm' THEN 119 ELSE 40 END GROUP BY vcpu");
	double *ns = g_new0(double, x->recorded->n_vms + 1);
	g_autofree double *n = g_new0(double, x->recorded->n_vms + 1);
	GError *failed = NULL;

	while (db_next(s, &failed)) {
		int64_t vcpu = db_column(s, 0);

		if (vcpu < 1 || vcpu > x->tl->n_vcpus)
			continue;
		n[vm_of(x, vcpu)] += db_column(s, 1);
		ns[vm_of(x, vcpu)] += db_column(s, 2);
	}
	for (unsigned int vm = 0; vm < x->recorded->n_vms; vm++)
		ns[vm] = n[vm] > 0 ? ns[vm] / n[vm] : 0;
	if (!failed)
		return ns;
	g_propagate_error(error, failed);
	g_free(ns);
	return NULL;
}

/* What an exit takes before and after kvm_vcpu_on_spin(): its mean less that of the calls. */
static double around_call(const struct extract *x, unsigned int vm, double handling)
{
	double sum = 0, n = 0;

	for (guint i = 0; i < x->e->scores->decisions->len; i++) {
		const struct scored *d = scored_at(x->e->scores, i);

		if (d->vm != vm || d->t_end == DB_NULL)
			continue;
		sum += timeline_ran(x->tl, d->vcpu, d->t_end) - timeline_ran(x->tl, d->vcpu, d->t);
		n++;
	}
	return n > 0 ? MAX(handling - sum / n, 0) : 0;
}

/* Of a receiver's time on the CPU from injection to acknowledgement. */
static double before_ack(const struct extract *x, unsigned int vm)
{
	g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));

	for (guint i = 0; i < x->sends->edges->len; i++) {
		const struct edge *edge = edge_at(x->sends, i);
		double ns;

		if (vm_of(x, edge->receiver_vcpu) != vm || edge->inject == DB_NULL || edge->ack == NEVER ||
		    edge->ack_lo < edge->ack || edge->ack < edge->inject)
			continue;
		ns = timeline_ran(x->tl, edge->receiver_vcpu, edge->ack) -
		     timeline_ran(x->tl, edge->receiver_vcpu, edge->inject);
		g_array_append_val(values, ns);
	}
	return median(values, 0);
}

static void measure(struct extract *x, unsigned int vm, double handling)
{
	struct program_vm *pv = &x->input->vms[vm];
	const struct pause_window *w = &x->e->windows[vm];
	double first, longest, gap = typical_gap(x, vm), yield = typical_yield(x, vm), before = before_ack(x, vm);
	double around = around_call(x, vm, handling);

	range_of_units(x, vm, &first, &longest);
	x->first_unit[vm] = first;
	pv->c_exit = w->c_exit + MIN(around, w->c_exit);
	pv->c_yield = yield > 0 ? MAX(yield - w->c_exit - C_SW, 0) : 0;
	/* gaps hold the exit at their beginning */
	pv->window = MAX(gap * first - pv->c_exit, SHORTEST_WINDOW_NS);
	pv->window_max = MAX(gap * longest - pv->c_exit, pv->window);
	pv->handler = before + x->e->handlers[vm].typical;
	pv->acks_before_handler = before < x->e->handlers[vm].typical;
}

/* What two paths have in common, newly allocated. */
static char *common(const char *a, const char *b)
{
	size_t n = 0, end = 0;

	for (; a[n] && a[n] == b[n]; n++)
		if (a[n] == '/')
			end = n;
	if ((!a[n] || a[n] == '/') && (!b[n] || b[n] == '/'))
		end = n;
	return g_strndup(a, end);
}

/* The cgroup that holds all its vCPUs, by VM: of char *, NULL if one is not known. */
static bool find_cgroups(const struct extract *x, char **paths, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(x->recorded->db,
		"SELECT vcpu, cgroup FROM thread WHERE vcpu NOT NULL ORDER BY id");
	GError *failed = NULL;

	while (db_next(s, &failed)) {
		int64_t vcpu = db_column(s, 0);
		const char *cgroup = (const char *)sqlite3_column_text(s, 1);
		char **path, *before;

		if (vcpu < 1 || vcpu > x->tl->n_vcpus)
			continue;
		path = &paths[vm_of(x, vcpu)];
		before = *path;
		*path = before ? common(before, cgroup ? cgroup : "") : g_strdup(cgroup ? cgroup : "");
		g_free(before);
	}
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

bool extract_vms(struct extract *x, GError **error)
{
	unsigned int n = x->recorded->n_vms;
	g_autofree double *handling = mean_handling(x, error);
	g_autofree char **paths = g_new0(char *, n + 1);
	bool ok = handling && find_cgroups(x, paths, error);

	for (unsigned int vm = 0; ok && vm < n; vm++) {
		struct program_vm *pv = &x->input->vms[vm];

		pv->name = g_strdup(x->recorded->vms[vm].name);
		pv->n_vcpus = x->recorded->vms[vm].n_vcpus;
		pv->group = extract_group(x, paths[vm]);
		measure(x, vm, handling[vm]);
	}
	x->n_vm_groups = x->group_ns->len - 1;
	for (unsigned int v = 1; ok && v <= x->tl->n_vcpus; v++)
		for (guint i = 0; i < x->tl->lines[v]->len; i++) {
			const struct stretch *st = stretch_at(x, v, i);
			int64_t t0 = MAX(st->t_ready == DB_NULL ? st->t0 : st->t_ready, x->t0);

			g_array_index(x->group_ns, double, x->input->vms[vm_of(x, v)].group) +=
				MAX(MIN(st->t1, x->t1) - t0, 0);
		}
	for (unsigned int vm = 0; vm < n; vm++)
		g_free(paths[vm]);
	return ok;
}
