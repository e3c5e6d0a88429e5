// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is waited for, and how long: causes, and distributions.
 */
#include <math.h>

#include "analyze/report/rank.h"
#include "analyze/report/reading.h"
#include "analyze/report/sections.h"

/* Histograms have so many buckets to a factor of ten. */
enum { PER_DECADE = 8 };

static const struct table_spec causes = {
	.id = "spin_by_cause", .title = "What vCPUs spin for",
	.about = "Waits that end before the first PAUSE exit do not show.",
	.empty = "No waits are known: there were no PAUSE exits, or no policy has been replayed.",
	.sql = "SELECT " VM_LABEL("vm") ", cause, episodes, decisions, spin_ns, spin_share, p50_wall_ns, p99_wall_ns "
	       "FROM spin_by_cause ORDER BY vm, spin_ns DESC, cause",
	.columns = {
		{ "vm", "VM", COLUMN_TEXT }, { "cause", "cause", COLUMN_TEXT }, { "episodes", "waits", COLUMN_COUNT },
		{ "decisions", "PAUSE exits", COLUMN_COUNT }, { "spin_ns", "spinning", COLUMN_NS },
		{ "spin_share", "share", COLUMN_PERCENT }, { "p50_wall_ns", "median", COLUMN_NS },
		{ "p99_wall_ns", "99 %", COLUMN_NS },
	},
};

static const struct table_spec latency = {
	.id = "ipi_latency", .title = "IPIs by vector: from the send to the last acknowledgement",
	.empty = "No IPI was seen.",
	.sql = "SELECT " VM_LABEL("vm") ", printf('0x%02x', vector), sends, answered, p50_ns, p90_ns, p99_ns, max_ns, "
	       "100 * waited_share FROM ipi_latency ORDER BY sends DESC, vm, vector",
	.columns = {
		{ "vm", "VM", COLUMN_TEXT }, { "vector", "vector", COLUMN_TEXT }, { "sends", "sends", COLUMN_COUNT },
		{ "answered", "answered", COLUMN_COUNT }, { "p50_ns", "median", COLUMN_NS },
		{ "p90_ns", "90 %", COLUMN_NS }, { "p99_ns", "99 %", COLUMN_NS }, { "max_ns", "longest", COLUMN_NS },
		{ "waited_share", "waited for", COLUMN_PERCENT },
	},
};

static const struct table_spec percentiles = {
	.id = "percentiles", .title = "How long",
	.about = "IPI response: from the send to the last acknowledgement, of vectors that are waited for (of all, where that "
		 "is not known).",
	.empty = "Neither IPIs nor waits were seen.",
	.columns = {
		{ "what", "what", COLUMN_TEXT }, { "n", "number", COLUMN_COUNT }, { "mean_ns", "mean", COLUMN_NS },
		{ "p50_ns", "median", COLUMN_NS }, { "p90_ns", "90 %", COLUMN_NS }, { "p99_ns", "99 %", COLUMN_NS },
		{ "p999_ns", "99.9 %", COLUMN_NS }, { "max_ns", "longest", COLUMN_NS },
	},
};

#define HISTOGRAM_COLUMNS { \
	{ "from_ns", "from", COLUMN_NS }, { "to_ns", "to", COLUMN_NS }, { "n", "number", COLUMN_COUNT }, \
	{ "share", "share", COLUMN_PERCENT }, { "cumulative", "up to here", COLUMN_PERCENT }, \
}

static const struct table_spec response_histogram = {
	.id = "ipi_response_histogram", .title = "IPI response", .page_only = true,
	.empty = "No answered IPI was seen.", .columns = HISTOGRAM_COLUMNS,
};

static const struct table_spec length_histogram = {
	.id = "episode_length_histogram", .title = "Length of waits with PAUSE exits", .page_only = true,
	.empty = "No waits are known: there were no PAUSE exits, or no policy has been replayed.",
	.columns = HISTOGRAM_COLUMNS,
};

static void add_percentiles(struct table *t, const char *what, const GArray *values)
{
	static const double shares[] = { 0.5, 0.9, 0.99, 0.999, 1 };
	double sum = 0;
	struct cell *row;

	if (!values->len)
		return;
	for (guint i = 0; i < values->len; i++)
		sum += g_array_index(values, double, i);
	row = table_row(t);
	cell_set_text(&row[0], what);
	cell_set(&row[1], values->len);
	cell_set(&row[2], sum / values->len);
	for (unsigned int i = 0; i < G_N_ELEMENTS(shares); i++)
		cell_set(&row[3 + i], rank_percentile(values, shares[i]));
}

/* Buckets of equal width on a logarithmic axis, from the first that holds anything to the last. */
static void add_histogram(struct table *t, const GArray *values)
{
	guint done = 0;
	int bucket = 0;

	if (values->len)
		bucket = floor(PER_DECADE * log10(MAX(g_array_index(values, double, 0), 1)));
	for (; done < values->len; bucket++) {
		double to = pow(10, (bucket + 1.0) / PER_DECADE);
		guint first = done;
		struct cell *row;

		while (done < values->len && g_array_index(values, double, done) < to)
			done++;
		row = table_row(t);
		cell_set(&row[0], pow(10, (double)bucket / PER_DECADE));
		cell_set(&row[1], to);
		cell_set(&row[2], done - first);
		cell_set(&row[3], 100.0 * (done - first) / values->len);
		cell_set(&row[4], 100.0 * done / values->len);
	}
}

/* The numbers that sql yields, ascending; NULL: the database cannot be read. */
static GArray *values_of(sqlite3 *db, const char *sql, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(db, sql);
	g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));
	GError *broken = NULL;

	while (db_next(s, &broken)) {
		double value = reading_real(s, 0);

		if (!isnan(value))
			g_array_append_val(values, value);
	}
	if (broken) {
		g_propagate_error(error, broken);
		return NULL;
	}
	rank_sort(values);
	return g_steal_pointer(&values);
}

bool sections_waits(struct result *r, sqlite3 *db, GError **error)
{
	struct section *s = result_section(r, "waits", "What is waited for, and how long");
	g_autoptr(GArray) responses = NULL, lengths = NULL;
	struct table *t;

	if (!section_query(s, &causes, db, error))
		return false;
	responses = values_of(db, "SELECT response_ns FROM " WAITED_RESPONSE, error);
	lengths = responses ? values_of(db, "SELECT t1 - t0 FROM episode WHERE NOT tainted", error) : NULL;
	if (!lengths)
		return false;
	t = section_table(s, &percentiles);
	add_percentiles(t, "IPI response", responses);
	add_percentiles(t, "wait with PAUSE exits", lengths);
	add_histogram(section_table(s, &response_histogram), responses);
	add_histogram(section_table(s, &length_histogram), lengths);
	return section_query(s, &latency, db, error);
}
