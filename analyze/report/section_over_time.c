// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The recording in steps of time: what spins when. Of responses each step keeps the
 * longest, so that none is lost however long the recording.
 */
#include <inttypes.h>
#include <math.h>

#include "analyze/report/rank.h"
#include "analyze/report/reading.h"
#include "analyze/report/sections.h"

enum { MAX_STEPS = 400, MAX_VMS = 6, MAX_VM_STEPS = 120 };

static const struct table_spec totals = {
	.id = "over_time", .title = "All VMs over time", .page_only = true,
	.about = "wasted: of the yields of which it is known, those to a vCPU that is not waited for, or has answered by "
		 "then. Response: of IPIs sent in the step.",
	.empty = "Nothing was recorded.",
	.columns = {
		{ "t", "from", COLUMN_TIME }, { "pause_exits", "PAUSE exits 1/s", COLUMN_NUMBER },
		{ "yields", "yields 1/s", COLUMN_NUMBER }, { "wasted_yields", "wasted", COLUMN_PERCENT },
		{ "p50_ns", "IPI response median", COLUMN_NS }, { "p90_ns", "90 %", COLUMN_NS },
		{ "max_ns", "longest", COLUMN_NS }, { "lost", "touches a gap", COLUMN_YES },
	},
};

static const struct table_spec by_vm = {
	.id = "over_time_by_vm", .title = "PAUSE exits of the VMs that spin most", .page_only = true,
	.empty = "No VM spins.",
	.columns = {
		{ "t", "from", COLUMN_TIME }, { "vm", "VM", COLUMN_TEXT },
		{ "pause_exits", "PAUSE exits 1/s", COLUMN_NUMBER },
	},
};

struct steps {
	int64_t t0, t1;		/* of the recording */
	int64_t ns;		/* of each, but for the last */
	guint n;
};

/* Steps of 1, 2 or 5 times a power of ten ns, at least a millisecond, at most max of them. */
static struct steps steps_of(int64_t t0, int64_t t1, guint max)
{
	static const int64_t factors[] = { 1, 2, 5 };
	int64_t unit = 1000000;

	for (unsigned int i = 0;; unit *= ++i % 3 ? 1 : 10) {
		int64_t ns = unit * factors[i % 3];

		if ((t1 - t0) / ns < (int64_t)max)
			return (struct steps){ t0, t1, ns, (t1 - t0) / ns + 1 };
	}
}

struct step {
	double pauses, yields, outcomes, known, wasted;
	GArray *responses;	/* of double */
	bool lost;
};

/* Call add with the step of each row's first column; rows of other times are left out. */
static bool each_row(sqlite3 *db, const char *sql, const struct steps *steps, struct step *list,
		     void (*add)(struct step *, sqlite3_stmt *), GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(db, sql);
	GError *broken = NULL;

	while (db_next(s, &broken)) {
		int64_t t = reading_time(s, 0);

		if (t >= steps->t0 && (guint64)(t - steps->t0) / steps->ns < steps->n)
			add(&list[(t - steps->t0) / steps->ns], s);
	}
	if (broken)
		g_propagate_error(error, broken);
	return !broken;
}

static void add_decision(struct step *step, sqlite3_stmt *s)
{
	step->pauses++;
	step->outcomes += sqlite3_column_type(s, 1) != SQLITE_NULL;
	step->yields += sqlite3_column_int(s, 1);
	step->known += sqlite3_column_type(s, 2) != SQLITE_NULL;
	step->wasted += sqlite3_column_int(s, 2);
}

static void add_response(struct step *step, sqlite3_stmt *s)
{
	double ns = reading_real(s, 1);

	if (!isnan(ns))
		g_array_append_val(step->responses, ns);
}

static bool mark_gaps(sqlite3 *db, const struct steps *steps, struct step *list, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(db, "SELECT t0, t1 FROM gap");
	GError *broken = NULL;

	while (db_next(s, &broken)) {
		int64_t from = (MAX(reading_time(s, 0), steps->t0) - steps->t0) / steps->ns;
		int64_t end = reading_time(s, 1), to = end <= steps->t0 ? -1 : (end - 1 - steps->t0) / steps->ns;

		for (int64_t i = from; i <= to && i < (int64_t)steps->n; i++)
			list[i].lost = true;
	}
	if (broken)
		g_propagate_error(error, broken);
	return !broken;
}

/* Steps of which less than this share was recorded have no rates. */
#define ENOUGH 0.1

/* What of outcomes has to be known for yields to be told. */
#define MOST 0.8

/*
 * The seconds of each step that were recorded: the last may be a short one, and between
 * bursts there are none. NaN: too little for a rate. NULL: the database cannot be read.
 */
static double *recorded_seconds(sqlite3 *db, const struct steps *steps, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(db, "SELECT t0, t1 FROM gap WHERE cpu IS NULL AND why LIKE 'between two bursts%'");
	g_autofree double *seconds = g_new(double, steps->n);
	GError *broken = NULL;

	for (guint i = 0; i < steps->n; i++)
		seconds[i] = MIN(steps->ns, steps->t1 - steps->t0 - (int64_t)i * steps->ns) / 1e9;
	while (db_next(s, &broken)) {
		double from = (double)db_column(s, 0) - steps->t0, to = (double)db_column(s, 1) - steps->t0;

		for (guint i = MAX(from, 0) / steps->ns; i < steps->n && i * (double)steps->ns < to; i++)
			seconds[i] -= (MIN(to, (i + 1.0) * steps->ns) - MAX(from, i * (double)steps->ns)) / 1e9;
	}
	if (broken) {
		g_propagate_error(error, broken);
		return NULL;
	}
	for (guint i = 0; i < steps->n; i++)
		if (seconds[i] < ENOUGH * steps->ns / 1e9)
			seconds[i] = NAN;
	return g_steal_pointer(&seconds);
}

static void add_totals(struct table *t, const struct steps *steps, const double *recorded, struct step *list)
{
	for (guint i = 0; i < steps->n; i++) {
		struct step *step = &list[i];
		double seconds = recorded[i];
		struct cell *row = table_row(t);

		rank_sort(step->responses);
		cell_set(&row[0], (double)i * steps->ns);
		cell_set(&row[1], step->pauses / seconds);
		cell_set(&row[2], step->outcomes < MOST * step->pauses ? NAN : step->pauses ?
			 step->yields / seconds * step->pauses / step->outcomes : 0 / seconds);
		cell_set(&row[3], step->known ? 100 * step->wasted / step->known : NAN);
		cell_set(&row[4], rank_percentile(step->responses, 0.5));
		cell_set(&row[5], rank_percentile(step->responses, 0.9));
		cell_set(&row[6], rank_percentile(step->responses, 1));
		cell_set(&row[7], step->lost);
	}
}

/* A decision's time; did it yield to somebody, and in vain? NULL: that is not known. */
#define YIELDS \
	"SELECT w.t, CASE WHEN d.pick_source NOT NULL OR o.source NOT NULL THEN w.pick_idx NOT NULL END, w.wasted " \
	"FROM decision_wait AS w JOIN decision AS d ON d.id = w.decision LEFT JOIN outcome AS o ON o.decision = d.id"

static bool fill_totals(struct section *section, sqlite3 *db, const struct steps *steps, GError **error)
{
	struct table *t = section_table(section, &totals);
	g_autofree struct step *list = g_new0(struct step, steps->n);
	g_autofree double *recorded = recorded_seconds(db, steps, error);
	bool ok = recorded;

	for (guint i = 0; i < steps->n; i++)
		list[i].responses = g_array_new(FALSE, FALSE, sizeof(double));
	ok = ok && each_row(db, YIELDS, steps, list, add_decision, error) &&
	     each_row(db, "SELECT t_send, response_ns FROM " WAITED_RESPONSE, steps, list, add_response, error) &&
	     mark_gaps(db, steps, list, error);
	if (ok)
		add_totals(t, steps, recorded, list);
	for (guint i = 0; i < steps->n; i++)
		g_array_unref(list[i].responses);
	return ok;
}

static bool fill_by_vm(struct section *section, sqlite3 *db, const struct steps *steps, GError **error)
{
	struct table *t = section_table(section, &by_vm);
	g_autofree char *sql = g_strdup_printf(
		"WITH RECURSIVE most AS (SELECT vm, sum(n_pause) AS n FROM vcpu GROUP BY vm HAVING n > 0 "
		"ORDER BY n DESC, vm LIMIT %d), "
		"step(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM step WHERE i + 1 < %u), "
		"counted AS (SELECT vcpu.vm, (t_start - %" PRId64 ") / %" PRId64 " AS i, count(*) AS n "
		"FROM decision JOIN vcpu ON vcpu.id = decision.vcpu WHERE t_start >= %" PRId64 " GROUP BY 1, 2) "
		"SELECT step.i, " VM_LABEL("most.vm") ", coalesce(counted.n, 0) FROM most JOIN step "
		"LEFT JOIN counted ON counted.vm = most.vm AND counted.i = step.i ORDER BY most.n DESC, most.vm, step.i",
		MAX_VMS, steps->n, steps->t0, steps->ns, steps->t0);
	g_autofree double *recorded = recorded_seconds(db, steps, error);
	g_autoptr(db_stmt) s = db_prepare(db, sql);
	GError *broken = NULL;

	while (recorded && db_next(s, &broken)) {
		struct cell *row = table_row(t);

		cell_set(&row[0], db_column(s, 0) * (double)steps->ns);
		cell_set_text(&row[1], (const char *)sqlite3_column_text(s, 1));
		cell_set(&row[2], db_column(s, 2) / recorded[db_column(s, 0)]);
	}
	if (broken)
		g_propagate_error(error, broken);
	return recorded && !broken;
}

bool sections_over_time(struct result *r, sqlite3 *db, GError **error)
{
	struct section *s = result_section(r, "over_time", "Over time");
	int64_t t0 = db_value(db, "SELECT t0 FROM recording"), t1 = db_value(db, "SELECT t1 FROM recording"), length;
	struct steps fine, coarse;

	if (t0 == DB_NULL || t1 < t0 || __builtin_sub_overflow(t1, t0, &length))
		t0 = t1 = 0;
	fine = steps_of(t0, t1, MAX_STEPS);
	coarse = steps_of(t0, t1, MAX_VM_STEPS);
	return fill_totals(s, db, &fine, error) && fill_by_vm(s, db, &coarse, error);
}
