// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tables of a report that are computed, not queried: steps of time, percentiles and
 * histograms, from small databases whose answers can be counted off.
 */
#include "analyze/report/sections.h"

#include <math.h>

#include "schema/sql.h"

#define US "000"
#define MS "000000"

struct fixture {
	sqlite3 *db;
	struct result *result;
};

static void sql(struct fixture *f, const char *text)
{
	g_autoptr(GError) error = NULL;

	db_exec(f->db, text, &error);
	g_assert_no_error(error);
}

/* One VM of four vCPUs; decisions, IPIs and episodes are what a test adds. */
static void setup(struct fixture *f, const void *params)
{
	(void)params;
	g_assert_cmpint(sqlite3_open(":memory:", &f->db), ==, SQLITE_OK);
	sql(f, sql_facts);
	sql(f, sql_results);
	sql(f, sql_reviewers);
	sql(f, sql_views);
	sql(f, "INSERT INTO recording (path, sha256, format, clock, n_cpu, t0, t1, events, used, ignored, lost, probes, importer) "
	       "VALUES ('', '', '', '', 1, 10" MS ", 12500" US ", 0, 0, 0, 0, 1, '');"
	       "INSERT INTO vm VALUES (1, 'red', 1, 4, 'tgid', 1, 0, 1, 0, 0);"
	       "INSERT INTO vcpu VALUES (1, 1, 0, 0, 9, 0), (2, 1, 1, 1, 0, 0), (3, 1, 2, 2, 0, 0), (4, 1, 3, 3, 0, 0);");
	f->result = result_new("test");
}

static void teardown(struct fixture *f, const void *params)
{
	(void)params;
	result_free(f->result);
	sqlite3_close(f->db);
}

static void decision(struct fixture *f, int64_t id, int64_t t, const char *pick)
{
	g_autofree char *text = g_strdup_printf(
		"INSERT INTO decision (id, vcpu, t_start, cpu, trigger, source, n_vcpus, n_exit, n_eoi, tainted, pick_idx, "
		"pick_source) VALUES (%" G_GINT64_FORMAT ", 1, %" G_GINT64_FORMAT ", 0, 'pause', 'probe', 4, 0, 0, 0, %s, 'probe')",
		id, t, pick);

	sql(f, text);
}

/* From vCPU 1 to 2; t_ack < 0: it is not seen. */
static void ipi(struct fixture *f, int vector, int64_t t_send, int64_t t_ack)
{
	g_autofree char *text = g_strdup_printf(
		"INSERT INTO ipi (sender, receiver, vector, mode, shorthand, path, n_receivers, t_send, t_ack, tracked, tainted) "
		"VALUES (1, 2, %d, 'fixed', 'none', 'x2apic', 1, %" G_GINT64_FORMAT ", nullif(%" G_GINT64_FORMAT ", -1), 1, 0)",
		vector, t_send, t_ack);

	sql(f, text);
}

static void episode(struct fixture *f, int64_t t0, int64_t t1, int tainted)
{
	g_autofree char *text = g_strdup_printf(
		"INSERT INTO episode (vcpu, t0, t1, t_lo, t_hi, spin_ns, first_decision, last_decision, n_decisions, cause, "
		"confidence, tainted, used) VALUES (1, %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", 0, 0, 0, 1, 1, 1, 'unknown', "
		"0, %d, 1)", t0, t1, tainted);

	sql(f, text);
}

static const struct table *fill(struct fixture *f, section_fill *sections, const char *id)
{
	g_autoptr(GError) error = NULL;
	const struct table *t;

	result_free(f->result);
	f->result = result_new("test");
	sections(f->result, f->db, &error);
	g_assert_no_error(error);
	t = result_table(f->result, id);
	g_assert_nonnull(t);
	return t;
}

static double value(const struct table *t, guint row, const char *key)
{
	const struct cell *cell = table_cell(t, row, key);

	return cell->known ? cell->value : NAN;
}

#define assert_value(t, row, key, want) g_assert_cmpfloat_with_epsilon(value(t, row, key), want, 1e-9 * (1 + fabs(want)))
#define assert_unknown(t, row, key) g_assert_false(table_cell(t, row, key)->known)

/* 2.5 ms in steps of 1 ms; what was before is of none of them, and the last is half as long. */
static void test_steps(struct fixture *f, const void *params)
{
	const struct table *t;

	(void)params;
	decision(f, 1, 9500000, "1");
	decision(f, 2, 10000000, "1");
	decision(f, 3, 10999999, "NULL");
	decision(f, 4, 12000000, "2");
	decision(f, 5, 12500000, "1");
	sql(f, "INSERT INTO gap VALUES (NULL, 9" MS ", 10" MS ", 1, 'before'), (0, 10200" US ", 11" MS ", 1, 'in the first')");
	t = fill(f, sections_over_time, "over_time");
	g_assert_cmpint(t->rows->len, ==, 3);
	assert_value(t, 0, "t", 0.);
	assert_value(t, 1, "t", 1e6);
	assert_value(t, 2, "t", 2e6);
	assert_value(t, 0, "pause_exits", 2000.);
	assert_value(t, 1, "pause_exits", 0.);
	assert_value(t, 2, "pause_exits", 4000.);
	assert_value(t, 0, "yields", 1000.);
	assert_value(t, 2, "yields", 4000.);
	assert_value(t, 0, "lost", 1.);
	assert_value(t, 1, "lost", 0.);
	assert_value(t, 2, "lost", 0.);
	assert_unknown(t, 0, "p50_ns");
	t = result_table(f->result, "over_time_by_vm");
	g_assert_cmpint(t->rows->len, ==, 3);
	g_assert_cmpstr(table_cell(t, 0, "vm")->text, ==, "red");
	assert_value(t, 0, "pause_exits", 2000.);
	assert_value(t, 1, "pause_exits", 0.);
	assert_value(t, 2, "pause_exits", 4000.);
	/* a gap is in every step that it reaches into */
	sql(f, "DELETE FROM gap; INSERT INTO gap VALUES (NULL, 10999" US ", 11001" US ", NULL, 'in two'), "
	       "(NULL, 13" MS ", 14" MS ", NULL, 'after')");
	t = fill(f, sections_over_time, "over_time");
	assert_value(t, 0, "lost", 1.);
	assert_value(t, 1, "lost", 1.);
	assert_value(t, 2, "lost", 0.);
}

/* Of a step's IPIs that are waited for: nearest ranks of those that were answered. */
static void test_step_responses(struct fixture *f, const void *params)
{
	const struct table *t;

	(void)params;
	sql(f, "INSERT INTO ipi_vector VALUES (1, 48, 9, 1, 0.1), (1, 49, 9, 9, 0.9)");
	for (int i = 1; i <= 10; i++)
		ipi(f, 49, 11000000 + i, 11000000 + i + 1000 * i);
	ipi(f, 48, 11000100, 11900000);	/* nobody waits for these */
	ipi(f, 49, 11000101, -1);
	ipi(f, 50, 12000000, 12000007);	/* for these it is not known */
	t = fill(f, sections_over_time, "over_time");
	assert_unknown(t, 0, "max_ns");
	assert_value(t, 1, "p50_ns", 5000.);
	assert_value(t, 1, "p90_ns", 9000.);
	assert_value(t, 1, "max_ns", 10000.);
	assert_value(t, 2, "p50_ns", 7.);
	assert_value(t, 2, "max_ns", 7.);
}

/* Yields of which it is known whether they are wasted are those of used waits with confidence. */
static void test_step_wasted(struct fixture *f, const void *params)
{
	const struct table *t;

	(void)params;
	decision(f, 1, 10000000, "1");
	decision(f, 2, 10000001, "2");
	decision(f, 3, 10000002, "NULL");
	decision(f, 4, 10000003, "3");
	decision(f, 5, 11000000, "1");
	sql(f, "INSERT INTO episode (id, vcpu, t0, t1, t_lo, t_hi, spin_ns, first_decision, last_decision, n_decisions, cause, "
	       "unblocker_idx, confidence, tainted, used) VALUES (1, 1, 0, 0, 0, 0, 0, 1, 4, 4, 'IPI', 1, 3, 0, 1), "
	       "(2, 1, 0, 0, 0, 0, 0, 5, 5, 1, 'IPI', 2, 1, 0, 1);"
	       "INSERT INTO judged_yield VALUES (1, 0), (2, 1), (4, 1)");
	t = fill(f, sections_over_time, "over_time");
	assert_value(t, 0, "wasted_yields", 200. / 3);
	assert_unknown(t, 1, "wasted_yields");
	assert_unknown(t, 2, "wasted_yields");
}

/* How many steps, and of what length, for a recording from t0 on. */
static void check_length(struct fixture *f, int64_t t0, int64_t t1, guint n, double ns)
{
	g_autofree char *text = g_strdup_printf("UPDATE recording SET t0 = %" G_GINT64_FORMAT ", t1 = %" G_GINT64_FORMAT, t0, t1);
	const struct table *t;

	sql(f, text);
	t = fill(f, sections_over_time, "over_time");
	g_assert_cmpint(t->rows->len, ==, n);
	for (guint i = 0; i < n; i++)
		assert_value(t, i, "t", i * ns);
}

static void test_lengths(struct fixture *f, const void *params)
{
	(void)params;
	check_length(f, 5, 5, 1, 1e6);
	check_length(f, 0, 399999999, 400, 1e6);
	check_length(f, 0, 400000000, 201, 2e6);
	check_length(f, 77, 77 + 5822956631, 292, 2e7);
	check_length(f, 0, INT64_C(3600000000000), 361, 1e10);
	/* of a damaged database: no crash */
	check_length(f, 9, 5, 1, 1e6);
	check_length(f, -INT64_MAX, INT64_MAX, 1, 1e6);
	sql(f, "DELETE FROM recording");
	g_assert_cmpint(fill(f, sections_over_time, "over_time")->rows->len, ==, 1);
}

/* The VM that spins most comes first, one that does not is left out. */
static void test_vms(struct fixture *f, const void *params)
{
	const struct table *t;

	(void)params;
	sql(f, "INSERT INTO vm VALUES (2, 'red', 22, 1, 'tgid', 1, 0, 1, 0, 0), (3, 'idle', 23, 1, 'tgid', 1, 0, 1, 0, 0), "
	       "(4, NULL, NULL, 1, 'inferred', 0, 0, 1, 0, 0);"
	       "INSERT INTO vcpu VALUES (5, 2, 0, 0, 10, 0), (6, 3, 0, 0, 0, 0), (7, 4, 0, 0, 1, 0)");
	t = fill(f, sections_over_time, "over_time_by_vm");
	g_assert_cmpint(t->rows->len, ==, 9);
	g_assert_cmpstr(table_cell(t, 0, "vm")->text, ==, "red (VM 2)");
	g_assert_cmpstr(table_cell(t, 3, "vm")->text, ==, "red (VM 1)");
	g_assert_cmpstr(table_cell(t, 6, "vm")->text, ==, "VM 4");
}

static void test_percentiles(struct fixture *f, const void *params)
{
	static const struct {
		const char *key;
		double want;
	} wanted[] = {
		{ "n", 1000 }, { "mean_ns", 500500 }, { "p50_ns", 500e3 }, { "p90_ns", 900e3 }, { "p99_ns", 990e3 },
		{ "p999_ns", 999e3 }, { "max_ns", 1e6 },
	};
	const struct table *t;

	(void)params;
	g_assert_cmpint(fill(f, sections_waits, "percentiles")->rows->len, ==, 0);
	episode(f, 100, 107, 0);
	episode(f, 100, 100000, 1);
	for (int i = 1000; i > 0; i--)
		ipi(f, 49, i, i + 1000 * i);
	t = fill(f, sections_waits, "percentiles");
	g_assert_cmpint(t->rows->len, ==, 2);
	for (unsigned int i = 0; i < G_N_ELEMENTS(wanted); i++)
		assert_value(t, 0, wanted[i].key, wanted[i].want);
	/* of one value every percentile is that value */
	assert_value(t, 1, "n", 1.);
	for (unsigned int i = 1; i < G_N_ELEMENTS(wanted); i++)
		assert_value(t, 1, wanted[i].key, 7.);
	/* by vector it is the same */
	t = result_table(f->result, "ipi_latency");
	g_assert_cmpint(t->rows->len, ==, 1);
	assert_value(t, 0, "sends", 1000.);
	assert_value(t, 0, "p50_ns", 500e3);
	assert_value(t, 0, "p90_ns", 900e3);
	assert_value(t, 0, "p99_ns", 990e3);
	assert_value(t, 0, "max_ns", 1e6);
}

/* Buckets touch each other, hold everything once, and say how much is below their end. */
static void check_histogram(const struct table *t, const double *values, guint n)
{
	for (guint i = 0; i < t->rows->len; i++) {
		double from = value(t, i, "from_ns"), to = value(t, i, "to_ns"), in = 0, below = 0;

		for (guint k = 0; k < n; k++) {
			below += values[k] < to;
			in += values[k] < to && (values[k] >= from || (!i && values[k] < 1));
		}
		g_assert_cmpfloat(value(t, i, "n"), ==, in);
		assert_value(t, i, "share", 100 * in / n);
		assert_value(t, i, "cumulative", 100 * below / n);
		g_assert_cmpfloat_with_epsilon(log10(to / from), 0.125, 1e-9);
		if (i)
			g_assert_cmpfloat(from, ==, value(t, i - 1, "to_ns"));
	}
	g_assert_cmpfloat(value(t, 0, "n"), >, 0);
	g_assert_cmpfloat(value(t, t->rows->len - 1, "n"), >, 0);
	assert_value(t, t->rows->len - 1, "cumulative", 100.);
}

static void test_histogram(struct fixture *f, const void *params)
{
	/* powers of ten begin a bucket; many in between are empty */
	static const double lengths[] = { 0, 1, 5, 999, 1000, 1001, 1e6, 1e6, 1e9 };
	double responses[100];
	const struct table *t;

	(void)params;
	g_assert_cmpint(fill(f, sections_waits, "ipi_response_histogram")->rows->len, ==, 0);
	g_assert_cmpint(result_table(f->result, "episode_length_histogram")->rows->len, ==, 0);
	for (guint i = 0; i < G_N_ELEMENTS(lengths); i++)
		episode(f, 50, 50 + lengths[i], 0);
	episode(f, 0, INT64_C(1000000000000), 1);	/* touches a gap */
	for (int i = 0; i < 100; i++) {
		responses[i] = 1000 + 7 * i;
		ipi(f, 49, i, i + responses[i]);
	}
	t = fill(f, sections_waits, "ipi_response_histogram");
	g_assert_cmpint(t->rows->len, ==, 2);
	check_histogram(t, responses, G_N_ELEMENTS(responses));
	t = result_table(f->result, "episode_length_histogram");
	g_assert_cmpint(t->rows->len, ==, 73);
	check_histogram(t, lengths, G_N_ELEMENTS(lengths));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/sections/steps", struct fixture, NULL, setup, test_steps, teardown);
	g_test_add("/sections/step_responses", struct fixture, NULL, setup, test_step_responses, teardown);
	g_test_add("/sections/step_wasted", struct fixture, NULL, setup, test_step_wasted, teardown);
	g_test_add("/sections/lengths", struct fixture, NULL, setup, test_lengths, teardown);
	g_test_add("/sections/vms", struct fixture, NULL, setup, test_vms, teardown);
	g_test_add("/sections/percentiles", struct fixture, NULL, setup, test_percentiles, teardown);
	g_test_add("/sections/histogram", struct fixture, NULL, setup, test_histogram, teardown);
	return g_test_run();
}
