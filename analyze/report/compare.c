// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/compare.h"

#include <math.h>
#include <string.h>

#include "analyze/report/format.h"
#include "analyze/report/reading.h"
#include "analyze/report/sections.h"

static const struct table_spec recordings = {
	.id = "recordings", .title = "The recordings", .empty = "none",
	.columns = {
		{ "which", "", COLUMN_TEXT }, { "database", "database", COLUMN_TEXT },
		{ "kernel", "kernel", COLUMN_TEXT }, { "policy", "policy", COLUMN_TEXT }, { "n_cpu", "CPUs", COLUMN_COUNT },
		{ "vms", "VMs", COLUMN_COUNT }, { "vcpus", "vCPUs", COLUMN_COUNT },
		{ "duration_ns", "length", COLUMN_NS }, { "decisions", "decisions", COLUMN_COUNT },
		{ "lost", "lost events", COLUMN_COUNT }, { "gaps", "gaps", COLUMN_COUNT },
	},
};

static const struct table_spec observed = {
	.id = "observed_difference", .title = "What was observed",
	.about = "after - before, with a 95 % interval for other stretches of the same two loads. VMs are matched by name; "
		 "those with none of their own by number, which may be wrong.",
	.empty = "Not known: 'counterspin replay' has not been run on both.",
	.columns = {
		{ "vm", "VM", COLUMN_TEXT }, { "metric", "metric", COLUMN_TEXT }, { "unit", "unit", COLUMN_TEXT },
		{ "before", "before", COLUMN_NUMBER, 2 }, { "after", "after", COLUMN_NUMBER, 2 },
		{ "difference", "difference", COLUMN_ESTIMATE, 2, true }, { "verdict", "verdict", COLUMN_TEXT },
	},
};

static const struct table_spec gains = {
	.id = "gains_difference", .title = "What each policy would have gained in throughput, percent",
	.about = "Each against the policy that its own kernel ran; intervals with the method's error. Less than before is no "
		 "loss: where the kernel has got better, less is left to gain.",
	.empty = "Not known: 'counterspin replay' has not been run on both, or no policy can be told on either.",
	.columns = {
		{ "policy", "policy", COLUMN_TEXT }, { "before", "before", COLUMN_ESTIMATE, 1, true },
		{ "after", "after", COLUMN_ESTIMATE, 1, true },
		{ "difference", "difference", COLUMN_ESTIMATE, 1, true }, { "verdict", "left to gain", COLUMN_TEXT },
	},
};

/* The same of two databases are of one name and one kind. */
struct figure {
	char *name, *kind;	/* VM and metric; policy and parameters */
	char *unit;		/* NULL: that of the table */
	char *label;		/* to show; NULL: the name */
	double value, statistical[2], total[2];
};

static void figure_clear(void *p)
{
	struct figure *f = p;

	g_free(f->name);
	g_free(f->kind);
	g_free(f->unit);
	g_free(f->label);
}

void difference_interval(double a, const double *a_interval, double b, const double *b_interval, double *interval)
{
	double difference = b - a;

	interval[0] = difference - sqrt(pow(b - b_interval[0], 2) + pow(a_interval[1] - a, 2));
	interval[1] = difference + sqrt(pow(b_interval[1] - b, 2) + pow(a - a_interval[0], 2));
}

/* Rows of the members of struct figure; NULL: the database cannot be read. */
static GArray *figures_of(sqlite3 *db, const char *sql, GError **error)
{
	g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(struct figure));
	g_autoptr(db_stmt) s = db_prepare(db, sql);
	GError *broken = NULL;

	g_array_set_clear_func(list, figure_clear);
	while (db_next(s, &broken)) {
		struct figure f = {
			reading_word(s, 0), reading_word(s, 1), reading_text(s, 2), reading_text(s, 3), reading_real(s, 4),
			{ reading_real(s, 5), reading_real(s, 6) }, { reading_real(s, 7), reading_real(s, 8) },
		};

		g_array_append_val(list, f);
	}
	if (broken) {
		g_propagate_error(error, broken);
		return NULL;
	}
	return g_steal_pointer(&list);
}

static const struct figure *find_figure(const GArray *list, const struct figure *like)
{
	for (guint i = 0; i < list->len; i++) {
		const struct figure *f = &g_array_index(list, struct figure, i);

		if (!strcmp(f->name, like->name) && !strcmp(f->kind, like->kind))
			return f;
	}
	return NULL;
}

static const char *label_of(const struct figure *f)
{
	return f->label ? f->label : f->name;
}

/* Say whose figures in list have none to compare with in other. */
static void note_missing(struct section *s, const char *what, const char *where, const GArray *list, const GArray *other)
{
	g_autoptr(GString) names = g_string_new(NULL);
	const char *last = NULL;

	for (guint i = 0; i < list->len; i++) {
		const struct figure *f = &g_array_index(list, struct figure, i);

		if (find_figure(other, f) || !g_strcmp0(label_of(f), last))
			continue;
		last = label_of(f);
		g_string_append_printf(names, "%s%s", names->len ? ", " : "", last);
	}
	if (names->len && other->len)
		section_note(s, "%s only %s, and so not compared: %s.", what, where, names->str);
}

/* The difference and what it says, into two cells. */
static void set_difference(struct cell *cells, const struct figure *a, const struct figure *b)
{
	double statistical[2], total[2], *widest = isnan(a->total[0]) ? statistical : total;

	difference_interval(a->value, a->statistical, b->value, b->statistical, statistical);
	difference_interval(a->value, a->total, b->value, b->total, total);
	cell_set_estimate(cells, b->value - a->value, statistical, total);
	if (isnan(b->value - a->value))
		cell_set_text(cells + 1, isnan(a->value) ? "not known before" : "not known after");
	else if (isnan(widest[0]) || isnan(widest[1]))
		cell_set_text(cells + 1, "too little for an interval");
	else
		cell_set_text(cells + 1, widest[0] > 0 ? "higher" : widest[1] < 0 ? "lower" : "no clear difference");
}

/* Pauses between bursts are no losses. */
#define LOSSES "(SELECT count(*) FROM gap WHERE why NOT LIKE 'between two bursts%')"

static bool add_recording(struct table *t, const char *which, const char *name, sqlite3 *db, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(db, "SELECT kernel, (SELECT policy FROM fidelity), n_cpu, "
					      "(SELECT count(*) FROM vm), (SELECT count(*) FROM vcpu), span_ns, "
					      "(SELECT count(*) FROM decision), lost, " LOSSES " FROM recording JOIN recorded_time");
	struct cell *row = table_row(t);
	GError *broken = NULL;

	cell_set_text(&row[0], which);
	cell_set_text(&row[1], name);
	if (db_next(s, &broken)) {
		for (int i = 0; i < 2; i++)
			{
			g_autofree char *text = reading_text(s, i);

			cell_set_text(&row[2 + i], text);
		}
		for (int i = 2; i < 9; i++)
			cell_set(&row[2 + i], reading_real(s, i));
	}
	if (broken)
		g_propagate_error(error, broken);
	return !broken;
}

#define OBSERVED \
	"SELECT coalesce(" VM_LABEL("vm") ", 'all VMs'), metric, unit, NULL, value, stat_lo, stat_hi, NULL, NULL FROM observed " \
	"ORDER BY vm IS NOT NULL, vm, rowid"

static bool add_observed(struct section *s, sqlite3 *before, sqlite3 *after, GError **error)
{
	g_autoptr(GArray) a = figures_of(before, OBSERVED, error), b = a ? figures_of(after, OBSERVED, error) : NULL;
	struct table *t = section_table(s, &observed);

	for (guint i = 0; b && i < a->len; i++) {
		const struct figure *fa = &g_array_index(a, struct figure, i), *fb = find_figure(b, fa);
		struct cell *row;

		if (!fb)
			continue;
		row = table_row(t);
		cell_set_text(&row[0], fa->name);
		cell_set_text(&row[1], fa->kind);
		cell_set_text(&row[2], fa->unit);
		cell_set(&row[3], fa->value);
		cell_set(&row[4], fb->value);
		set_difference(&row[5], fa, fb);
	}
	if (b) {
		note_missing(s, "VMs", "before", a, b);
		note_missing(s, "VMs", "after", b, a);
	}
	return b;
}

/* The variant of stock is the kernel's, and so may be what has changed. */
#define GAINS \
	"SELECT policy, CASE policy WHEN 'stock' THEN '' ELSE parameters END, NULL, " POLICY_LABEL("replay.id") ", " \
	"value, stat_lo, stat_hi, total_lo, total_hi FROM estimate JOIN replay ON replay.id = estimate.replay " \
	"WHERE metric = 'throughput_gain' ORDER BY replay.id"

static bool add_gains(struct section *s, sqlite3 *before, sqlite3 *after, GError **error)
{
	g_autoptr(GArray) a = figures_of(before, GAINS, error), b = a ? figures_of(after, GAINS, error) : NULL;
	struct table *t = section_table(s, &gains);

	for (guint i = 0; b && i < a->len; i++) {
		const struct figure *fa = &g_array_index(a, struct figure, i), *fb = find_figure(b, fa);
		struct cell *row;

		if (!fb || (isnan(fa->value) && isnan(fb->value)))
			continue;
		row = table_row(t);
		cell_set_text(&row[0], label_of(fa));
		cell_set_estimate(&row[1], fa->value, fa->statistical, fa->total);
		cell_set_estimate(&row[2], fb->value, fb->statistical, fb->total);
		set_difference(&row[3], fa, fb);
	}
	if (b) {
		note_missing(s, "Policies, with their parameters,", "before", a, b);
		note_missing(s, "Policies, with their parameters,", "after", b, a);
	}
	return b;
}

/* Observed metrics of which less is better, as an answer says them. */
static const struct {
	const char *metric, *name;
} headlines[] = {
	{ "pause_exits", "PAUSE exits (1/s)" }, { "spin_cpus", "CPUs spent spinning" }, { "ipi_response", "mean IPI response (us)" },
	{ "wasted_yields", "wasted yields (percent)" }, { "steal_share", "steal (percent)" },
};

static void answer_changed(struct result *r)
{
	const struct table *t = result_table(r, "observed_difference");
	g_autoptr(GString) text = g_string_new(NULL);
	bool lower = false, higher = false;

	for (guint i = 0; i < t->rows->len; i++)
		for (unsigned int h = 0; h < G_N_ELEMENTS(headlines); h++) {
			const struct cell *row = t->rows->pdata[i];
			g_autofree char *difference = NULL;

			if (g_strcmp0(row[0].text, "all VMs") || g_strcmp0(row[1].text, headlines[h].metric) || !row[5].known)
				continue;
			difference = format_cell(&t->spec->columns[5], &row[5]);
			g_string_append_printf(text, "%s%s %s, %s", text->len ? "; " : "", headlines[h].name, difference,
					       row[6].text);
			lower |= !strcmp(row[6].text, "lower");
			higher |= !strcmp(row[6].text, "higher");
		}
	if (!text->len)
		result_answer(r, "changed", "What has changed?", ANSWER_UNKNOWN, "%s", t->spec->empty);
	else
		result_answer(r, "changed", "What has changed?", lower && !higher ? ANSWER_YES : lower || higher ? ANSWER_PARTLY :
			      ANSWER_NO, "Over all VMs: %s. Whether the load was the same cannot be told from this.", text->str);
}

/* What replay has to say of one of them. */
static void add_sentences(struct result *r, const char *which, sqlite3 *db)
{
	g_autoptr(db_stmt) s = db_prepare(db, "SELECT sentence FROM warning");

	while (db_next(s, NULL)) {
		g_autofree char *sentence = g_utf8_make_valid((const char *)sqlite3_column_text(s, 0), -1);

		g_ptr_array_add(r->warnings, g_strdup_printf("%s: %s", which, sentence));
	}
}

static void add_warnings(struct result *r, sqlite3 *before, sqlite3 *after)
{
	static const struct {
		const char *sql, *sentence;
	} same[] = {
		{ "SELECT n_cpu FROM recording", "the two hosts have different numbers of CPUs" },
		{ "SELECT count(*) FROM vm", "the two recordings have different numbers of VMs" },
		{ "SELECT count(*) FROM vcpu", "the two recordings have different numbers of vCPUs" },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(same); i++)
		if (db_value(before, same[i].sql) != db_value(after, same[i].sql))
			g_ptr_array_add(r->warnings, g_strdup(same[i].sentence));
	if (db_value(before, "SELECT " LOSSES) + db_value(after, "SELECT " LOSSES) > 0)
		g_ptr_array_add(r->warnings, g_strdup("events were lost, see 'gaps'; what touches a gap is left out"));
	add_sentences(r, "before", before);
	add_sentences(r, "after", after);
}

struct result *compare(sqlite3 *before, const char *before_name, sqlite3 *after, const char *after_name,
		       GError **error)
{
	g_autofree char *title = g_strdup_printf("%s (before) and %s (after)", before_name, after_name);
	struct result *r = result_new(title);
	struct section *s = result_section(r, "difference", "Before and after");
	struct table *t = section_table(s, &recordings);

	if (!add_recording(t, "before", before_name, before, error) || !add_recording(t, "after", after_name, after, error) ||
	    !add_observed(s, before, after, error) || !add_gains(s, before, after, error)) {
		result_free(r);
		return NULL;
	}
	add_warnings(r, before, after);
	answer_changed(r);
	return r;
}
