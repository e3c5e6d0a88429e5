// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The shadow on small databases: what of a recording reaches the account of virtual
 * times, in which order, and what is said of candidates. VM 1 has vCPUs 1 to 3
 * (vcpu_idx 0 to 2), which are threads 1 to 3; threads 4 and 5 are others. Times are
 * us.
 */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "replay/estimate/shadow.h"
#include "schema/sql.h"

#define US(x) ((int64_t)(x) * 1000)

#define CFS \
	"INSERT INTO host_param VALUES ('sched.features', '', 'GENTLE_FAIR_SLEEPERS " \
	"NO_NEXT_BUDDY LAST_BUDDY'), " \
	"('sched.latency_ns', '', '12000000'), ('sched.wakeup_granularity_ns', '', '2000000'), " \
	"('hz', '', '250');"
#define EEVDF(buddy) \
	"INSERT INTO host_param VALUES ('sched.features', '', 'PLACE_LAG NO_NEXT_BUDDY " buddy \
	"'), " \
	"('sched.base_slice_ns', '', '3000000'), ('hz', '', '250');"
#define RECORDING(kernel, n_cpu) \
	"INSERT INTO recording (path, sha256, format, kernel, clock, n_cpu, t0, t1, events, " \
	"used, ignored, lost, " \
	"probes, importer) VALUES ('', '', '', " kernel ", '', " n_cpu \
	", 0, 1000000000, 0, 0, 0, 0, 1, '');"

struct fixture {
	sqlite3 *db;
	struct recorded *recorded;
	struct shadow *shadow;
	int64_t n_yields;
};

static void sql(struct fixture *f, const char *text)
{
	g_autoptr(GError) error = NULL;

	db_exec(f->db, text, &error);
	g_assert_no_error(error);
}

static void setup(struct fixture *f, const void *params)
{
	memset(f, 0, sizeof(*f));
	g_assert_cmpint(sqlite3_open(":memory:", &f->db), ==, SQLITE_OK);
	sql(f, sql_facts);
	sql(f, sql_results);
	sql(f, sql_views);
	sql(f, params);
	sql(f,
	    "INSERT INTO vm VALUES (1, NULL, 1, 3, 'tgid', 1, 0, 1, 0, 0);"
	    "INSERT INTO vcpu VALUES (1, 1, 0, 0, 0, 0), (2, 1, 1, 1, 0, 0), (3, 1, 2, 2, 0, 0);"
	    "INSERT INTO thread VALUES (1, 1, 1, '', 1, NULL, 0, 0), (2, 2, 1, '', 2, NULL, 0, 0), "
	    "(3, 3, 1, '', 3, NULL, 0, 0), (4, 4, 4, '', NULL, NULL, 0, 0), (5, 5, 5, '', NULL, "
	    "NULL, 0, 0);");
}

static void teardown(struct fixture *f, const void *params)
{
	(void)params;
	shadow_free(f->shadow);
	recorded_free(f->recorded);
	sqlite3_close(f->db);
}

/* A stretch of a thread; t_ready < 0: not known; prio 120 is nice 0. */
static void ran(struct fixture *f, unsigned int thread, unsigned int cpu, int64_t t_ready,
		int64_t t0, int64_t t1, const char *why, int prio)
{
	g_autofree char *ready = t_ready < 0 ? g_strdup("NULL, NULL") :
		g_strdup_printf("%" G_GINT64_FORMAT ", %u", US(t_ready), cpu);
	g_autofree char *text =
		g_strdup_printf("INSERT INTO on_cpu (thread, cpu, t_ready, cpu_ready, t0, t1, why, "
				"prio, guest_ns, n_exit) VALUES (%u, %u, %s, %" G_GINT64_FORMAT
				", %" G_GINT64_FORMAT ", %s%s%s, %d, "
				"0, 0)",
				thread, cpu, ready, US(t0), US(t1), why ? "'" : "",
				why ? why : "NULL", why ? "'" : "", prio);

	sql(f, text);
}

static void yielded(struct fixture *f, unsigned int vcpu, unsigned int target_idx, int64_t t)
{
	g_autofree char *text = g_strdup_printf(
		"INSERT INTO decision (id, vcpu, t_start, cpu, trigger, source, n_vcpus, "
		"n_exit, n_eoi, tainted) VALUES (%" G_GINT64_FORMAT ", %u, %" G_GINT64_FORMAT
		", 0, 'pause', 'probe', 3, "
		"0, 0, 0); INSERT INTO attempt VALUES (%" G_GINT64_FORMAT
		", 0, %u, 1, %" G_GINT64_FORMAT ", NULL, "
		"'probe')",
		f->n_yields, vcpu, US(t), f->n_yields, target_idx, US(t));

	f->n_yields++;
	sql(f, text);
}

static const struct shadow_quality *begin(struct fixture *f)
{
	g_autoptr(GError) error = NULL;

	f->recorded = recorded_open(f->db, &error);
	g_assert_no_error(error);
	f->shadow = shadow_new(f->recorded, &error);
	g_assert_no_error(error);
	return shadow_quality(f->shadow);
}

static struct shadow_view at(struct fixture *f, int64_t t, unsigned int spinner,
			     unsigned int candidate)
{
	g_autoptr(GError) error = NULL;
	struct shadow_view view;

	shadow_advance(f->shadow, US(t), &error);
	g_assert_no_error(error);
	shadow_candidate(f->shadow, spinner, candidate, &view);
	return view;
}

/* Two threads that take turns of 3 ms on CPU 0 up to 60 ms; there is no doubt of them in the end.
 */
static void take_turns(struct fixture *f)
{
	ran(f, 1, 0, 0, 0, 0, "R", 120);
	ran(f, 2, 0, 0, 0, 0, "R", 120);
	for (unsigned int i = 0; i < 20; i++)
		ran(f, 1 + i % 2, 0, i < 2 ? 0 : 3000 * (i - 1), 3000 * i, 3000 * (i + 1), "R",
		    120);
}

static void test_cfs(struct fixture *f, const void *params)
{
	const struct shadow_quality *q;
	struct shadow_view v;

	(void)params;
	take_turns(f);
	ran(f, 3, 1, 100, 100, 70000, NULL, 120);
	q = begin(f);
	g_assert_cmpint(q->scheduler, ==, SHADOW_CFS);
	g_assert_cmpint(q->buddy, ==, SHADOW_HONOURED);
	g_assert_cmpfloat(q->self_check[0], ==, 1);
	g_assert_true(isnan(q->self_check[1]));
	g_assert_cmpint(q->picks, ==, 22);
	/* 2 runs from 45 ms on; 1 is 3 ms ahead of it then */
	v = at(f, 45500, 2, 1);
	g_assert_cmpint(v.margin, ==, US(2000 - 2500));
	g_assert_cmpint(v.bucket, ==, SHADOW_1MS);
	v = at(f, 45900, 2, 1);
	g_assert_cmpint(v.margin, ==, US(2000 - 2100));
	g_assert_cmpint(v.bucket, ==, SHADOW_250US);
	g_assert_true(v.same_rq);
	g_assert_cmpint(v.nr_running, ==, 2);
	g_assert_cmpint(v.waited, ==, US(900));
	v = at(f, 46000, 3, 1);
	g_assert_cmpint(v.bucket, ==, SHADOW_ELIGIBLE);
	g_assert_false(v.same_rq);
	g_assert_cmpint(v.nr_running, ==, 2);
	/* who runs is no candidate */
	v = at(f, 46000, 1, 2);
	g_assert_cmpint(v.bucket, ==, SHADOW_UNKNOWN);
	g_assert_cmpint(v.margin, ==, DB_NULL);
	g_assert_cmpint(v.waited, ==, DB_NULL);
}

/* At the outset nobody's virtual time is known. */
static void test_doubt(struct fixture *f, const void *params)
{
	struct shadow_view v;

	(void)params;
	ran(f, 1, 0, 0, 0, 5000, "R", 120);
	ran(f, 2, 0, 0, 5000, 6000, "R", 120);
	begin(f);
	v = at(f, 1000, 1, 2);
	g_assert_cmpint(v.margin, ==, US(500));
	g_assert_cmpint(v.lo, ==, US(500 - 7000));
	g_assert_cmpint(v.hi, ==, US(500 + 7000));
	g_assert_cmpint(v.bucket, ==, SHADOW_UNKNOWN);
}

/*
 * 2 yields at 4 ms. If that costs it the rest of its slice the average is 3 ms at 7 ms, and 1
 * eligible; if not it is 7/3 ms.
 */
static void three_turns(struct fixture *f)
{
	ran(f, 1, 0, 0, 0, 3000, "R", 120);
	ran(f, 2, 0, 0, 3000, 4000, "R", 120);
	ran(f, 3, 0, 0, 4000, 7000, "R", 120);
	ran(f, 1, 0, 3000, 7000, 8000, "R", 120);
}

static void test_forfeit(struct fixture *f, const void *params)
{
	const struct shadow_quality *q;

	(void)params;
	three_turns(f);
	yielded(f, 2, 2, 4000);
	q = begin(f);
	g_assert_cmpint(q->scheduler, ==, SHADOW_EEVDF);
	g_assert_true(q->forfeit);
	g_assert_cmpint(q->picks, ==, 4);
	g_assert_cmpfloat(q->self_check[0], ==, 0.75);
	g_assert_cmpfloat(q->self_check[1], ==, 1);
	g_assert_cmpint(q->hints, ==, 1);
	g_assert_cmpfloat(q->foretold[1], ==, 1);
	/* just before the yield, and just after it */
	g_assert_cmpint(at(f, 4000, 2, 1).margin, ==, (3000000 + 1000000) / 3 - US(3000));
	g_assert_cmpint(at(f, 4001, 2, 1).margin, ==, (US(3000 + 3000 + 1)) / 3 - US(3000));
}

/* The same yield, seen by no probe but inferred by a replay; it is as old as its decision. */
static void test_inferred(struct fixture *f, const void *params)
{
	(void)params;
	three_turns(f);
	yielded(f, 2, 2, 4000);
	sql(f, "DELETE FROM attempt; INSERT INTO outcome VALUES (0, 2, 'inferred', NULL)");
	g_assert_cmpint(begin(f)->hints, ==, 1);
	g_assert_cmpint(at(f, 4001, 2, 1).margin, ==, (US(3000 + 3000 + 1)) / 3 - US(3000));
}

static void test_no_forfeit(struct fixture *f, const void *params)
{
	(void)params;
	three_turns(f);
	g_assert_false(begin(f)->forfeit);
	g_assert_cmpint(at(f, 4001, 2, 1).margin, ==, (US(3000 + 1000 + 1)) / 3 - US(3000));
}

/* What is not in one cgroup is in no cfs_rq together; of the rest of it all is known. */
static void test_cgroups(struct fixture *f, const void *params)
{
	struct shadow_view v;

	(void)params;
	sql(f,
	    "UPDATE thread SET cgroup = CASE id WHEN 3 THEN '/vcpu2' ELSE '/vm' END WHERE id <= 3");
	take_turns(f);
	ran(f, 3, 0, 100, 60000, 61000, "R", 120);
	begin(f);
	v = at(f, 46000, 2, 1);
	g_assert_cmpint(v.bucket, ==, SHADOW_ELIGIBLE);
	g_assert_cmpint(v.margin, ==, 0);	/* as if 3 did not wait */
	g_assert_cmpint(v.nr_running, ==, 3);
	v = at(f, 46000, 2, 3);
	g_assert_cmpint(v.bucket, ==, SHADOW_UNKNOWN);
	g_assert_cmpint(v.margin, ==, DB_NULL);
	g_assert_true(v.same_rq);
	g_assert_cmpint(v.waited, ==, US(45900));
}

/* Neither features nor release: there is the time it has waited, and no more. */
static void test_unknown_scheduler(struct fixture *f, const void *params)
{
	const struct shadow_quality *q;
	struct shadow_view v;

	(void)params;
	take_turns(f);
	q = begin(f);
	g_assert_cmpint(q->scheduler, ==, SHADOW_NONE);
	g_assert_cmpint(q->buddy, ==, SHADOW_BUDDY_UNKNOWN);
	v = at(f, 46000, 2, 1);
	g_assert_cmpint(v.bucket, ==, SHADOW_UNKNOWN);
	g_assert_cmpint(v.waited, ==, US(1000));
	g_assert_cmpint(v.nr_running, ==, 2);
}

static void test_by_release(struct fixture *f, const void *scheduler)
{
	const struct shadow_quality *q = begin(f);
	bool is_cfs = strstr(scheduler, "6.5") != NULL;

	g_assert_cmpint(q->scheduler, ==, is_cfs ? SHADOW_CFS : SHADOW_EEVDF);
	g_assert_cmpint(q->buddy, ==, is_cfs ? SHADOW_HONOURED : SHADOW_BUDDY_UNKNOWN);
	g_assert_true(isnan(q->self_check[0]));
}

static void test_ignored(struct fixture *f, const void *params)
{
	(void)params;
	g_assert_cmpint(begin(f)->buddy, ==, SHADOW_IGNORED);
}

/* Real-time threads take time and no part. */
static void test_real_time(struct fixture *f, const void *params)
{
	struct shadow_view v;

	(void)params;
	ran(f, 1, 0, 0, 0, 1000, "R", 120);
	ran(f, 4, 0, 1000, 1000, 9000, "S", 50);
	ran(f, 2, 0, 0, 9000, 9500, "R", 120);
	begin(f);
	v = at(f, 8000, 1, 2);
	g_assert_cmpint(v.margin, ==, US(500));
	g_assert_cmpint(v.nr_running, ==, 2);
}

static void test_sleep(struct fixture *f, const void *params)
{
	struct shadow_view v;

	(void)params;
	ran(f, 1, 0, 0, 0, 1000, "S", 120);
	ran(f, 2, 0, 0, 1000, 9000, "R", 120);
	ran(f, 1, 0, 5000, 9000, 9500, "S", 120);
	begin(f);
	g_assert_cmpint(at(f, 500, 1, 2).nr_running, ==, 2);
	v = at(f, 4000, 2, 1);
	g_assert_cmpint(v.nr_running, ==, 0);
	g_assert_cmpint(v.waited, ==, DB_NULL);
	v = at(f, 5001, 2, 1);
	g_assert_cmpint(v.nr_running, ==, 2);
	g_assert_cmpint(v.waited, ==, US(1));
}

/* After a gap nothing is known of what was off the CPUs. */
static void test_gap(struct fixture *f, const void *params)
{
	(void)params;
	take_turns(f);
	sql(f, "INSERT INTO gap VALUES (1, 45100000, 45500000, 3, '')");
	begin(f);
	g_assert_cmpint(at(f, 45500, 2, 1).nr_running, ==, 2);
	g_assert_cmpint(at(f, 45501, 2, 1).nr_running, ==, 0);
	g_assert_cmpint(at(f, 45501, 2, 1).bucket, ==, SHADOW_UNKNOWN);
}

static void test_damaged(struct fixture *f, const void *row)
{
	GError *error = NULL;
	g_autofree char *text = g_strdup_printf(
		"INSERT INTO on_cpu (thread, cpu, t_ready, cpu_ready, t0, t1, guest_ns, "
		"n_exit) VALUES (%s, 0, 0)",
		(const char *)row);

	sql(f, RECORDING("'6.1.0'", "2"));
	sql(f, text);
	f->recorded = recorded_open(f->db, &error);
	g_assert_no_error(error);
	g_assert_null(shadow_new(f->recorded, &error));
	g_assert_error(error, RECORDED_ERROR, 0);
	g_assert_true(g_str_has_prefix(error->message, "damaged: "));
	g_clear_error(&error);
}

static void damaged_setup(struct fixture *f, const void *row)
{
	(void)row;
	setup(f, "");
}

/* Five threads at random on two CPUs, some asleep between; records may contradict each other. */
static void at_random(struct fixture *f, GRand *rand)
{
	int64_t end[2] = { 0, 0 }, ready[6] = { 0 };

	for (unsigned int i = 0; i < 2000; i++) {
		unsigned int cpu = end[1] < end[0], thread = g_rand_int_range(rand, 1, 6);
		int64_t t0 = end[cpu], t1 = t0 + g_rand_int_range(rand, 0, 3000);
		bool sleeps = !g_rand_int_range(rand, 0, 4);

		ran(f, thread, cpu, ready[thread] <= t0 ? ready[thread] : -1, t0, t1,
		    sleeps ? "S" : "R", 120 + 5 * (thread == 5));
		ready[thread] = sleeps ? t1 + g_rand_int_range(rand, 0, 2000) : t1;
		if (thread <= 3 && g_rand_int_range(rand, 0, 2))
			yielded(f, thread, g_rand_int_range(rand, 0, 3), t1);
		end[cpu] = t1;
	}
}

/* To look changes nothing, wherever it is done. */
static void test_looking(struct fixture *f, const void *params)
{
	GRand *rand = g_rand_new_with_seed(1);
	g_autoptr(GError) error = NULL;
	unsigned int n_known = 0;
	struct shadow *other;

	(void)params;
	at_random(f, rand);
	begin(f);
	other = shadow_new(f->recorded, &error);
	g_assert_no_error(error);
	for (int64_t t = 0; t < 1500000; t += g_rand_int_range(rand, 0, 500)) {
		struct shadow_view seen[4], unseen;

		for (unsigned int c = 1; c <= 3; c++)
			seen[c] = at(f, t, 1 + c % 3, c);
		if (g_rand_int_range(rand, 0, 50))
			continue;
		shadow_advance(other, US(t), &error);
		for (unsigned int c = 1; c <= 3; c++) {
			shadow_candidate(other, 1 + c % 3, c, &unseen);
			g_assert_cmpint(unseen.bucket, ==, seen[c].bucket);
			g_assert_cmpint(unseen.same_rq, ==, seen[c].same_rq);
			g_assert_cmpint(unseen.nr_running, ==, seen[c].nr_running);
			g_assert_cmpint(unseen.margin, ==, seen[c].margin);
			g_assert_cmpint(unseen.hi, ==, seen[c].hi);
			g_assert_cmpint(unseen.waited, ==, seen[c].waited);
			n_known += unseen.margin != DB_NULL;
		}
	}
	g_assert_cmpint(n_known, >, 20);
	shadow_free(other);
	g_rand_free(rand);
}

static void test_bucket(void)
{
	static const struct { int64_t margin; enum shadow_bucket bucket; } rows[] = {
		{ INT64_MAX, SHADOW_ELIGIBLE }, { 0, SHADOW_ELIGIBLE }, { -1, SHADOW_250US },
		{ -249999, SHADOW_250US }, { -250000, SHADOW_500US }, { -499999, SHADOW_500US },
		{ -500000, SHADOW_1MS }, { -1000000, SHADOW_2MS }, { -1999999, SHADOW_2MS },
		{ -2000000, SHADOW_BEYOND },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++)
		g_assert_cmpint(shadow_bucket(rows[i].margin), ==, rows[i].bucket);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, path, params) \
	g_test_add("/shadow/" path, struct fixture, params, setup, test_##name, teardown)
#define ADD_DAMAGED(path, row) \
	g_test_add("/shadow/damaged/" path, struct fixture, row, damaged_setup, test_damaged, \
		   teardown)
	g_test_add_func("/shadow/bucket", test_bucket);
	ADD(cfs, "cfs", RECORDING("'6.1.0'", "2") CFS);
	ADD(doubt, "doubt", RECORDING("'6.12.0'", "2") EEVDF("PICK_BUDDY"));
	ADD(forfeit, "forfeit", RECORDING("'6.12.0'", "2") EEVDF("PICK_BUDDY"));
	ADD(inferred, "inferred", RECORDING("'6.12.0'", "2") EEVDF("PICK_BUDDY"));
	ADD(no_forfeit, "no_forfeit", RECORDING("'6.12.0'", "2") EEVDF("PICK_BUDDY"));
	ADD(cgroups, "cgroups", RECORDING("'6.1.0'", "2") CFS);
	ADD(unknown_scheduler, "unknown_scheduler", RECORDING("NULL", "2"));
	ADD(by_release, "by_release/6.5", RECORDING("'6.5.13-amd64'", "2"));
	ADD(by_release, "by_release/6.6", RECORDING("'6.6.0'", "2"));
	ADD(by_release, "by_release/7.2", RECORDING("'7.2.13'", "2"));
	ADD(ignored, "ignored", RECORDING("'6.6.0'", "2") EEVDF(""));
	ADD(real_time, "real_time", RECORDING("'6.12.0'", "2") EEVDF("PICK_BUDDY"));
	ADD(sleep, "sleep", RECORDING("'6.12.0'", "2") EEVDF("PICK_BUDDY"));
	ADD(gap, "gap", RECORDING("'6.1.0'", "2") CFS);
	ADD(looking, "looking/cfs", RECORDING("'6.1.0'", "2") CFS);
	ADD(looking, "looking/eevdf", RECORDING("'6.12.0'", "2") EEVDF("PICK_BUDDY DELAY_DEQUEUE"));
	ADD_DAMAGED("thread", "99, 0, 0, 0, 0, 1");
	ADD_DAMAGED("cpu", "1, -1, 0, 0, 0, 1");
	ADD_DAMAGED("far_cpu", "1, 8192, NULL, NULL, 0, 1");
	ADD_DAMAGED("next_cpu", "1, 2, NULL, NULL, 0, 1");
	ADD_DAMAGED("next_cpu_ready", "1, 0, 0, 2, 0, 1");
	ADD_DAMAGED("cpu_ready", "1, 0, 0, -5, 0, 1");
	return g_test_run();
}
