// SPDX-License-Identifier: GPL-2.0-or-later
/* What a VM's exits and interrupts cost, measured; and its place in the scheduler. */
#include <string.h>

#include "replay/simulate/extract_int.h"

#define SHORTEST_WINDOW_NS 1000

enum { N_UNITS = PAUSE_RECORDED + 1 };

enum {
	ENOUGH = 20,		/* of a VM's own to measure from; else all VMs' do */
	TRIMMED = 100,		/* one in so many is left out at either end */
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * Measured of one VM, or, from recorded.n_vms on, of all together: windows by their unit, all else
 * in the first. All of double, ns.
 */
struct samples {
	GArray *windows;	/* return of kvm_vcpu_on_spin() to the next PAUSE exit of the spin, per unit */
	GArray *exits, *yields;	/* on the CPU in kvm_vcpu_on_spin(): without a yield, and with one */
	GArray *acks;		/* a receiver's from injection to acknowledgement */
	GArray *switches;	/* from switch-in to the entry into the guest, as an injection shows it */
	GArray *kicks;		/* of a receiver that runs, from acceptance to injection */
};

static struct samples *samples_new(unsigned int n)
{
	struct samples *s = g_new0(struct samples, n);

	for (unsigned int i = 0; i < n; i++) {
		s[i].windows = g_array_new(FALSE, FALSE, sizeof(double));
		s[i].exits = g_array_new(FALSE, FALSE, sizeof(double));
		s[i].yields = g_array_new(FALSE, FALSE, sizeof(double));
		s[i].acks = g_array_new(FALSE, FALSE, sizeof(double));
		s[i].switches = g_array_new(FALSE, FALSE, sizeof(double));
		s[i].kicks = g_array_new(FALSE, FALSE, sizeof(double));
	}
	return s;
}

static void samples_free(struct samples *s, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		g_array_unref(s[i].windows);
		g_array_unref(s[i].exits);
		g_array_unref(s[i].yields);
		g_array_unref(s[i].acks);
		g_array_unref(s[i].switches);
		g_array_unref(s[i].kicks);
	}
	g_free(s);
}

/*
 * Mean of a VM's, of all VMs' if those are too few, or otherwise. What they cost in all is what
 * counts, so no median; but a thread that the host kept from running is no cost, so not the ends.
 */
static double typical(GArray *own, GArray *all, double otherwise)
{
	GArray *values = own->len >= ENOUGH ? own : all;
	guint end = values->len / TRIMMED, n = values->len - 2 * end;
	double sum = 0;

	g_array_sort(values, by_value);
	for (guint i = end; i < end + n; i++)
		sum += g_array_index(values, double, i);
	return n ? sum / n : otherwise;
}

/* Later is an injection that the guest was not ready for. */
static double median(GArray *values, double otherwise)
{
	g_array_sort(values, by_value);
	return values->len >= ENOUGH ? g_array_index(values, double, values->len / 2) : otherwise;
}

static double ran_between(const struct extract *x, unsigned int vcpu, int64_t t0, int64_t t1)
{
	return timeline_ran(x->tl, vcpu, t1) - timeline_ran(x->tl, vcpu, t0);
}

static void add(GArray *own, GArray *all, double ns)
{
	g_array_append_val(own, ns);
	g_array_append_val(all, ns);
}

static double param(const struct extract *x, const char *name, double otherwise)
{
	g_autofree char *text = recorded_param(x->recorded, name);
	double value = text ? g_ascii_strtod(text, NULL) : 0;

	return value > 0 ? value : otherwise;
}

/* Units of the first window after a switch, and of the longest. */
struct unit_range {
	double first, longest;
};

static struct unit_range range_of_units(const struct extract *x, unsigned int vm)
{
	enum pause_unit kind = x->e->windows[vm].unit;
	struct unit_range range = { 1, 1 };
	double least = 0, most = 1;

	for (guint i = 0; i < x->e->scores->decisions->len; i++) {
		const struct scored *d = scored_at(x->e->scores, i);
		double unit = kind == PAUSE_RECORDED ? d->ple_window : x->e->unit[i];

		if (d->vm != vm || unit <= 0)
			continue;
		least = !least || unit < least ? unit : least;
		most = MAX(most, unit);
	}
	if (kind == PAUSE_RECORDED) {
		range.first = param(x, "kvm_intel.ple_window", param(x, "kvm_amd.pause_filter_count", least ? least : 1));
		range.longest = param(x, "kvm_intel.ple_window_max", param(x, "kvm_amd.pause_filter_count_max", most));
	} else if (kind == PAUSE_DOUBLING) {
		range.longest = most;
	}
	range.longest = MAX(range.longest, range.first);
	return range;
}

/* Where windows grow, those tell that follow an exit without a yield: by it a window begins anew. */
static void add_windows(const struct extract *x, const struct episode *ep, double longest, struct samples *s,
			struct samples *all)
{
	const struct pause_window *w = &x->e->windows[ep->vm];

	for (guint j = 1; j < ep->n; j++) {
		guint before = episode_decision(x->e, ep, j - 1);
		const struct scored *d = scored_at(x->e->scores, before);
		int64_t t = scored_at(x->e->scores, episode_decision(x->e, ep, j))->t;
		/* what is recorded of a window is what it was at the exit, before it grew */
		double unit = w->unit == PAUSE_RECORDED ? MIN(2.0 * d->ple_window, longest) : x->e->unit[before];
		double gap = ran_between(x, ep->vcpu, d->t, t) / x->e->unit[before];

		if (d->t_end != DB_NULL && d->t_end < t && unit > 0 && gap <= w->hi &&
		    (w->unit == PAUSE_CONSTANT || d->pick == NO_TARGET) &&
		    timeline_find(x->tl, ep->vcpu, d->t_end) == timeline_find(x->tl, ep->vcpu, t))
			add(s[ep->vm].windows, all->windows, ran_between(x, ep->vcpu, d->t_end, t) / unit);
	}
}

/*
 * Of an interrupt that came while its receiver was off the CPU: it is injected before all else. Of one
 * that came while it ran: after it was got out of the guest.
 */
static void add_entry(const struct extract *x, const struct edge *edge, struct samples *s, struct samples *all)
{
	int i = edge->inject == DB_NULL || edge->accept == DB_NULL ? -1 :
		timeline_find(x->tl, edge->receiver_vcpu, edge->inject);
	const struct stretch *st = i > 0 ? stretch_at(x, edge->receiver_vcpu, i) : NULL;
	unsigned int vm = vm_of(x, edge->receiver_vcpu);

	if (!st || edge->inject >= st->t1)
		return;
	if (edge->accept >= st->t0)
		add(s[vm].kicks, all->kicks, edge->inject - edge->accept);
	else if (edge->accept >= stretch_at(x, edge->receiver_vcpu, i - 1)->t1)
		add(s[vm].switches, all->switches, edge->inject - st->t0);
}

static struct samples *take_samples(const struct extract *x)
{
	unsigned int n = x->recorded->n_vms;
	struct samples *s = samples_new(n + N_UNITS), *all = &s[n];
	g_autofree double *longest = g_new(double, n + 1);

	for (unsigned int vm = 0; vm < n; vm++)
		longest[vm] = range_of_units(x, vm).longest;
	for (guint i = 0; i < x->e->list->len; i++)
		add_windows(x, episode_at(x->e, i), longest[episode_at(x->e, i)->vm], s,
			    &all[x->e->windows[episode_at(x->e, i)->vm].unit]);
	for (guint i = 0; i < x->e->scores->decisions->len; i++) {
		const struct scored *d = scored_at(x->e->scores, i);

		if (d->t_end == DB_NULL || d->t_end < d->t)
			continue;
		if (d->pick == NO_TARGET)
			add(s[d->vm].exits, all->exits, ran_between(x, d->vcpu, d->t, d->t_end));
		else if (d->pick >= 0)
			add(s[d->vm].yields, all->yields, ran_between(x, d->vcpu, d->t, d->t_end));
	}
	for (guint i = 0; i < x->sends->edges->len; i++) {
		const struct edge *edge = edge_at(x->sends, i);

		add_entry(x, edge, s, all);
		if (edge->inject != DB_NULL && edge->ack != NEVER && edge->ack_lo == edge->ack &&
		    edge->ack >= edge->inject)
			add(s[vm_of(x, edge->receiver_vcpu)].acks, all->acks,
			    ran_between(x, edge->receiver_vcpu, edge->inject, edge->ack));
	}
	return s;
}

static void measure(struct extract *x, unsigned int vm, const struct samples *s, const struct samples *all)
{
	struct program_vm *pv = &x->input->vms[vm];
	const struct pause_window *w = &x->e->windows[vm];
	struct unit_range range = range_of_units(x, vm);
	double before = typical(s->acks, all->acks, 0), after = x->e->handlers[vm].typical;
	double yield = typical(s->yields, all->yields, 0) - x->input->host.c_switch;
	double exit = typical(s->exits, all->exits, MAX(yield, 0)), window;

	pv->c_exit = exit;
	pv->c_yield = MAX(yield - exit, 0);
	window = typical(s->windows, all[w->unit].windows, (w->lo + w->hi) / 2 - exit);
	pv->window = MAX(window * range.first, SHORTEST_WINDOW_NS);
	pv->window_max = MAX(window * range.longest, pv->window);
	pv->handler = before + after;
	pv->acks_before_handler = before < after;
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
	g_autofree char **paths = g_new0(char *, n + 1);
	struct samples *samples = take_samples(x);
	bool ok = find_cgroups(x, paths, error);

	x->input->host.c_switch = median(samples[n].switches, C_SW);
	x->input->host.c_kick = median(samples[n].kicks, 0);
	for (unsigned int vm = 0; ok && vm < n; vm++) {
		struct program_vm *pv = &x->input->vms[vm];

		pv->name = g_strdup(x->recorded->vms[vm].label);
		pv->n_vcpus = x->recorded->vms[vm].n_vcpus;
		pv->group = extract_group(x, paths[vm]);
		measure(x, vm, &samples[vm], &samples[n]);
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
	samples_free(samples, n + N_UNITS);
	return ok;
}
