// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/timeline.h"

#include <string.h>

#include "schema/progress.h"

static void add(struct timeline *tl, unsigned int vcpu, sqlite3_stmt *s)
{
	const char *why = (const char *)sqlite3_column_text(s, 4);
	int64_t in_kernel = db_column(s, 5), in_run = db_column(s, 6);
	GArray *line = tl->lines[vcpu];
	const struct stretch *last = line->len ? &g_array_index(line, struct stretch, line->len - 1) : NULL;
	struct stretch st = {
		.t0 = db_column(s, 2), .t1 = db_column(s, 3), .cpu = db_column(s, 1),
		.ran = last ? last->ran + last->t1 - last->t0 : 0,
		.runnable = why && *why == 'R', .in_kernel = in_kernel == DB_NULL ? -1 : in_kernel,
		.in_kvm_run = in_run == DB_NULL ? -1 : in_run, .why = why ? *why : 0, .t_ready = db_column(s, 7),
	};

	if (st.t_ready != DB_NULL && (recorded_no_time(st.t_ready) || st.t_ready > st.t0))
		st.t_ready = DB_NULL;
	if (st.t1 <= st.t0 || recorded_no_time(st.t0) || recorded_no_time(st.t1) || (last && st.t0 < last->t1))
		return;
	tl->total += st.t1 - st.t0;
	g_array_append_val(line, st);
}

struct timeline *timeline_load(const struct recorded *r, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(r->db,
		"SELECT vcpu, cpu, on_cpu.t0, on_cpu.t1, why, in_kernel, in_kvm_run, t_ready "
		"FROM on_cpu JOIN thread ON thread.id = thread WHERE vcpu NOT NULL ORDER BY on_cpu.id");
	struct timeline *tl = g_new0(struct timeline, 1);
	GError *failed = NULL;
	uint64_t n = 0;

	tl->n_vcpus = r->n_vcpus;
	tl->lines = g_new0(GArray *, r->n_vcpus + 1);
	for (unsigned int v = 0; v <= r->n_vcpus; v++)
		tl->lines[v] = g_array_new(FALSE, FALSE, sizeof(struct stretch));
	while (db_next(s, &failed)) {
		int64_t vcpu = db_column(s, 0);

		if (vcpu >= 1 && vcpu <= r->n_vcpus)
			add(tl, vcpu, s);
		progress_turn(n++);
	}
	if (!failed)
		return tl;
	g_propagate_error(error, failed);
	timeline_free(tl);
	return NULL;
}

void timeline_free(struct timeline *tl)
{
	if (!tl)
		return;
	for (unsigned int v = 0; v <= tl->n_vcpus; v++)
		g_array_unref(tl->lines[v]);
	g_free(tl->lines);
	g_free(tl);
}

int timeline_find(const struct timeline *tl, unsigned int vcpu, int64_t t)
{
	const GArray *line = tl->lines[vcpu];
	guint lo = 0, hi = line->len;

	while (lo < hi) {
		guint mid = lo + (hi - lo) / 2;

		if (g_array_index(line, struct stretch, mid).t0 <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (int)lo - 1;
}

const struct stretch *timeline_at(const struct timeline *tl, unsigned int vcpu, int64_t t)
{
	int i = timeline_find(tl, vcpu, t);
	const struct stretch *st = i >= 0 ? &g_array_index(tl->lines[vcpu], struct stretch, i) : NULL;

	return st && t < st->t1 ? st : NULL;
}

int64_t timeline_ran(const struct timeline *tl, unsigned int vcpu, int64_t t)
{
	int i = timeline_find(tl, vcpu, t);
	const struct stretch *st;

	if (i < 0)
		return 0;
	st = &g_array_index(tl->lines[vcpu], struct stretch, i);
	return st->ran + MIN(t, st->t1) - st->t0;
}

int64_t timeline_when(const struct timeline *tl, unsigned int vcpu, int64_t ran)
{
	const GArray *line = tl->lines[vcpu];
	const struct stretch *st;
	guint lo = 0, hi = line->len;

	/* the last stretch before which it had run less */
	while (lo < hi) {
		guint mid = lo + (hi - lo) / 2;

		if (g_array_index(line, struct stretch, mid).ran < ran)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return line->len ? g_array_index(line, struct stretch, 0).t0 : NEVER;
	st = &g_array_index(line, struct stretch, lo - 1);
	return st->t0 + ran - st->ran <= st->t1 ? st->t0 + ran - st->ran : NEVER;
}

int64_t timeline_next_in(const struct timeline *tl, unsigned int vcpu, int64_t t)
{
	const GArray *line = tl->lines[vcpu];
	int i = timeline_find(tl, vcpu, t);

	if (i >= 0 && t < g_array_index(line, struct stretch, i).t1)
		return t;
	return (guint)(i + 1) < line->len ? g_array_index(line, struct stretch, i + 1).t0 : NEVER;
}
