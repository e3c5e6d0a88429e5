// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The natural experiment's records of a small recording: VM 1 has vCPUs 1 to 4 (vcpu_idx 0
 * to 3, bits 1, 2, 4 and 8), of which every decision was probed. Times of its tables are us.
 */
#include <glib.h>
#include <math.h>

#include "replay/estimate/natural_records.h"
#include "schema/sql.h"

#define US(x) ((int64_t)(x) * 1000)

enum { N_DECISIONS = 7, N_EPISODES = 6, STRATUM = 17 };

/* What the probe saw: who is ready, who spins, whose dy_eligible is set; what is known. */
static const struct {
	int64_t t;
	unsigned int me, ready, spinning, dy_eligible, in_kernel_known;
	int last_boosted, pick, failed;	/* -1: nobody; tried before the pick, in vain */
} decisions[N_DECISIONS] = {
	{ 1000, 0, 14, 0, 0, 15, 1, 2, -1 },
	{ 1500, 0, 14, 0, 0, 15, 2, 3, -1 },	/* of the same wait */
	{ 2000, 1, 8, 0, 0, 15, 2, 3, -1 },
	{ 3000, 0, 14, 2, 0, 15, 3, 2, -1 },	/* vCPU 1 spins, and is refused */
	{ 4000, 0, 14, 0, 0, 15, 0, 2, 1 },	/* the kernel could not yield to vCPU 1 */
	{ 5000, 0, 14, 0, 0, 7, 2, 1, -1 },	/* nobody knows whom it would pick after vCPU 2 */
	{ 6000, 0, 6, 0, 0, 15, 1, 2, -1 },
};

/* Spinner's vcpu.id; place and number of its decisions; from, to; awaited vcpu_idx; confidence. */
#define WAIT(spinner, at, count, from, to, awaited, sure) { \
	.vcpu = (spinner), .me = (spinner) - 1, .first = (at), .n = (count), .s = US(from), \
	.end = US(to), .unblocker = (awaited), .confidence = (sure) }

/* By vCPU and time. */
static const struct episode episodes[N_EPISODES] = {
	WAIT(1, 0, 2, 900, 1800, 3, 3), WAIT(1, 2, 1, 2900, 3400, 3, 2),
	WAIT(1, 3, 1, 3900, 4400, 1, 3), WAIT(1, 4, 1, 4900, 5400, 2, 3),
	WAIT(1, 5, 1, 5900, 6400, 3, 3), WAIT(2, 6, 1, 1900, 3050, 3, 1),
};
enum { TAINTED = 3 };
static const guint order[N_DECISIONS] = { 0, 1, 3, 4, 5, 6, 2 };

struct fixture {
	sqlite3 *db;
	struct recorded *recorded;
	struct scores *scores;
	struct evidence evidence;
	struct episodes episodes;
	struct rescore rescore;
	struct policy_params params;
	struct natural_records *records;
};

static void sql(struct fixture *f, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void sql(struct fixture *f, const char *format, ...)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	db_exec(f->db, text, &error);
	g_assert_no_error(error);
}

static void record(struct fixture *f, unsigned int i)
{
	long long t = US(decisions[i].t);
	unsigned int ready = decisions[i].ready, n = 0;

	sql(f, "INSERT INTO decision (id, vcpu, t_start, t_end, cpu, trigger, source, "
	    "yield_to_kernel_mode, n_vcpus, n_exit, n_eoi, tainted, switched_out, pick_idx, "
	    "pick_source, probed_kernel_mode, last_boosted) VALUES (%u, %u, %lld, %lld, 0, "
	    "'pause', 'probe', 1, 4, 0, 0, 0, 1, %d, 'probe', 1, %d)", i + 1,
	    decisions[i].me + 1, t, t + 50000, decisions[i].pick, decisions[i].last_boosted);
	sql(f, "INSERT INTO candidate VALUES (%u, 0, %u, %u, %u, 0, 0, 0, %u, 15, %u, 0, 15, %u, "
	    "15, 15, 0, %u, %u, %u, %u, %u, %u)", i + 1, ready, ready, ready, 15 & ~ready,
	    decisions[i].spinning, decisions[i].in_kernel_known, decisions[i].in_kernel_known,
	    ready, ready, ready, decisions[i].spinning, decisions[i].dy_eligible);
	if (decisions[i].failed >= 0)
		sql(f, "INSERT INTO attempt VALUES (%u, %u, %d, 0, %lld, %lld, 'probe')", i + 1,
		    n++, decisions[i].failed, t, t);
	sql(f, "INSERT INTO attempt VALUES (%u, %u, %d, 1, %lld, %lld, 'probe')", i + 1, n,
	    decisions[i].pick, t, t + 50000);
}

static void add(void *user, const struct engine_decision *decision)
{
	scores_add(user, decision, &decision->state[STATE_PROBED]);
}

static void score(struct fixture *f)
{
	g_autoptr(GError) error = NULL;
	struct engine *engine;

	f->recorded = recorded_open(f->db, &error);
	g_assert_no_error(error);
	f->scores = scores_new(f->recorded, 0);
	engine = engine_new(f->recorded, &policy_stock, &f->params);
	g_assert_true(engine_run(engine, add, f->scores, &error));
	engine_free(engine);
	g_assert_cmpuint(f->scores->decisions->len, ==, N_DECISIONS);
}

/* What the estimators before this one would have found. */
static void find(struct fixture *f)
{
	struct rescore *rs = &f->rescore;

	f->episodes = (struct episodes){
		.scores = f->scores, .order = g_memdup2(order, sizeof(order)),
		.list = g_array_new(FALSE, FALSE, sizeof(struct episode)),
	};
	g_array_append_vals(f->episodes.list, episodes, N_EPISODES);
	f->evidence = (struct evidence){
		.scores = f->scores, .episodes = &f->episodes, .cells = g_new0(int, N_EPISODES),
	};
	f->evidence.cells[TAINTED] = -1;
	g_array_index(f->episodes.list, struct episode, TAINTED).tainted = true;
	rs->evidence = &f->evidence;
	rs->strata = g_new(uint8_t, N_DECISIONS * 4);
	rs->strata_at = g_new(gsize, N_DECISIONS);
	rs->views = g_new0(struct shadow_view, N_EPISODES);
	for (unsigned int i = 0; i < N_DECISIONS; i++) {
		rs->strata_at[i] = i * 4;
		for (unsigned int idx = 0; idx < 4; idx++) {
			bool ready = decisions[i].ready >> idx & 1;

			rs->strata[i * 4 + idx] = ready ? STRATUM : NO_STRATUM;
		}
	}
	rs->views[0] = (struct shadow_view){
		.margin = -7, .waited = DB_NULL, .nr_running = 3, .same_rq = true,
	};
}

static void make(struct fixture *f)
{
	g_autoptr(GError) error = NULL;

	f->records = natural_records_new(&f->rescore, f->recorded, &policy_stock, &f->params,
					 STATE_PROBED, &error);
	g_assert_no_error(error);
}

static void setup(struct fixture *f, const void *variant)
{
	f->params = (struct policy_params){ .stock_variant = GPOINTER_TO_INT(variant) };
	g_assert_cmpint(sqlite3_open(":memory:", &f->db), ==, SQLITE_OK);
	sql(f, "%s", sql_facts);
	sql(f, "%s", sql_results);
	sql(f, "%s", sql_views);
	sql(f, "INSERT INTO recording (path, sha256, format, kernel, clock, n_cpu, t0, t1, events, "
	    "used, ignored, lost, probes, importer) VALUES ('', '', '', '6.1.0', '', 2, 0, "
	    "1000000000, 0, 0, 0, 0, 1, '');"
	    "INSERT INTO vm VALUES (1, NULL, 1, 4, 'tgid', 1, 0, 1, 0, 0);"
	    "INSERT INTO vcpu VALUES (1, 1, 0, 0, 0, 0), (2, 1, 1, 1, 0, 0), (3, 1, 2, 2, 0, 0), "
	    "(4, 1, 3, 3, 0, 0)");
	for (unsigned int i = 0; i < N_DECISIONS; i++)
		record(f, i);
	score(f);
	find(f);
	make(f);
}

static void teardown(struct fixture *f, const void *variant)
{
	(void)variant;
	natural_records_free(f->records);
	g_free(f->rescore.views);
	g_free(f->rescore.strata_at);
	g_free(f->rescore.strata);
	g_free(f->evidence.cells);
	g_array_unref(f->episodes.list);
	g_free(f->episodes.order);
	scores_free(f->scores);
	recorded_free(f->recorded);
	sqlite3_close(f->db);
}

static void assert_picks(const struct natural_record *r, int p0, int p1, int p2, int p3,
			 unsigned int n_eligible)
{
	const int want[] = { p0, p1, p2, p3 };

	g_assert_nonnull(r->picks_by_start);
	for (unsigned int l = 0; l < 4; l++)
		g_assert_cmpint(r->picks_by_start[l], ==, want[l]);
	g_assert_cmpuint(r->n_eligible, ==, n_eligible);
}

/* Whatever a variant keeps as its start index, a scan from there is the same. */
static void test_picks(struct fixture *f, const void *variant)
{
	static const int last_boosted[N_EPISODES] = { 1, 3, 0, 2, 1, 2 };
	static const int64_t t[N_EPISODES] = { 1000, 3000, 4000, 5000, 6000, 2000 };
	const struct natural_record *r = f->records->list;

	(void)variant;
	g_assert_cmpuint(f->records->n, ==, N_EPISODES);
	assert_picks(&r[0], 1, 2, 3, 1, 3);
	assert_picks(&r[1], 2, 2, 3, 2, 2);
	/* from 0 the kernel was seen not to yield to 1, which no state told it would */
	assert_picks(&r[2], 1, 2, 3, 1, 3);
	g_assert_cmpint(r[2].pick, ==, 2);
	for (unsigned int i = 0; i < N_EPISODES; i++) {
		g_assert_cmpint(r[i].last_boosted, ==, last_boosted[i]);
		g_assert_cmpint(r[i].t, ==, US(t[i]));
	}
}

/* These tell where scans began, and no more. */
static void test_starts_only(struct fixture *f, const void *variant)
{
	/* the last three: tainted; its unblocker is not ready; nor known with confidence */
	static const int unblockers[N_EPISODES] = { 3, 3, 1, -1, -1, -1 };

	(void)variant;
	for (unsigned int i = 0; i < N_EPISODES; i++) {
		g_assert_cmpint(f->records->list[i].unblocker, ==, unblockers[i]);
		g_assert_cmpint(f->records->list[i].last_boosted, >=, 0);
	}
	g_assert_cmpint(f->records->list[TAINTED].cell, ==, -1);
	g_assert_cmpuint(f->records->n_ready, ==, 3);
	g_assert_cmpuint(f->records->n_uncertain, ==, 0);
}

/* Were the fourth wait one to use, whom it could pick is not known. */
static void test_uncertain(struct fixture *f, const void *variant)
{
	(void)variant;
	f->evidence.cells[TAINTED] = 0;
	natural_records_free(f->records);
	make(f);
	g_assert_cmpuint(f->records->n_ready, ==, 4);
	g_assert_cmpuint(f->records->n_uncertain, ==, 1);
	g_assert_cmpint(f->records->list[TAINTED].unblocker, ==, -1);
	g_assert_cmpint(f->records->list[TAINTED].last_boosted, ==, 2);
	assert_picks(&f->records->list[2], 1, 2, 3, 1, 3);
}

static void test_waits(struct fixture *f, const void *variant)
{
	static const int64_t waits[N_EPISODES] = { 800, 400, 400, 400, 400, 1050 };
	/* none before the first of a vCPU, and after a tainted one */
	static const int64_t previous[N_EPISODES] = { -1, US(800), US(400), US(400), -1, -1 };
	static const int64_t since_boost[N_EPISODES] = {
		-1, US(1000), US(1000), US(1000), US(1000), US(500),
	};
	static const double open[N_EPISODES] = { 1, 2, 1, 1, 1, 1 };
	const struct natural_record *r = f->records->list;

	(void)variant;
	for (unsigned int i = 0; i < N_EPISODES; i++) {
		g_assert_cmpint(r[i].wait_ns, ==, US(waits[i]));
		g_assert_cmpint(r[i].previous_wait_ns, ==, previous[i]);
		g_assert_cmpint(r[i].since_boost_ns, ==, since_boost[i]);
		g_assert_cmpfloat(r[i].covariate[COVARIATE_OPEN_EPISODES], ==, open[i]);
	}
	/* vCPU 3 was yielded to at 2000, vCPU 1 never before 4000 */
	g_assert_true(isnan(r[0].covariate[COVARIATE_SINCE_BOOST]));
	g_assert_cmpfloat(r[1].covariate[COVARIATE_SINCE_BOOST], ==, US(1000));
	g_assert_true(isnan(r[2].covariate[COVARIATE_SINCE_BOOST]));
}

static void test_situation(struct fixture *f, const void *variant)
{
	const struct natural_record *r = f->records->list;

	(void)variant;
	g_assert_cmpuint(r[0].stratum, ==, STRATUM);
	g_assert_cmpfloat(r[0].covariate[COVARIATE_VLAG], ==, -7);
	g_assert_true(isnan(r[0].covariate[COVARIATE_WAITED]));
	g_assert_cmpfloat(r[0].covariate[COVARIATE_NR], ==, 3);
	g_assert_cmpfloat(r[0].covariate[COVARIATE_SAME_RQ], ==, 1);
	/* on no run queue that is known */
	g_assert_true(isnan(r[1].covariate[COVARIATE_NR]));
	g_assert_true(isnan(r[1].covariate[COVARIATE_SAME_RQ]));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, variant, test) \
	g_test_add("/natural_records/" name, struct fixture, GINT_TO_POINTER(variant), setup, \
		   test, teardown)
	ADD("picks/two passes", STOCK_TWO_PASS, test_picks);
	ADD("picks/loop counter", STOCK_LOOP_COUNTER, test_picks);
	ADD("picks/single loop", STOCK_SINGLE_LOOP, test_picks);
	ADD("starts only", STOCK_TWO_PASS, test_starts_only);
	ADD("uncertain", STOCK_TWO_PASS, test_uncertain);
	ADD("waits", STOCK_TWO_PASS, test_waits);
	ADD("situation", STOCK_TWO_PASS, test_situation);
	return g_test_run();
}
