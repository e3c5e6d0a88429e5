// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * No hindsight: what comes after a decision is not known at it. VM 1 has vCPUs 1 to 3.
 * vCPU 1 spins at 100, 200 and 300; vCPUs 2 and 3 have been preempted in user mode, so
 * that only the receiver of an IPI is yielded to.
 */
#include <glib.h>

#include "replay/run.h"
#include "schema/sql.h"

enum { N_DECISIONS = 3, RECEIVER = 2 };

#define IPI_TO_3(t_accept) \
	"INSERT INTO ipi (sender, receiver, vector, mode, shorthand, path, n_receivers, t_send, " \
	"t_accept, tracked, tainted) " \
	"VALUES (1, 3, 251, 'fixed', 'none', 'x2apic', 1, 90, " t_accept ", 1, 0)"

static void sql(sqlite3 *db, const char *text)
{
	g_autoptr(GError) error = NULL;

	db_exec(db, text, &error);
	g_assert_no_error(error);
}

static sqlite3 *small_database(void)
{
	sqlite3 *db;

	g_assert_cmpint(sqlite3_open(":memory:", &db), ==, SQLITE_OK);
	sql(db, sql_facts);
	sql(db, sql_results);
	sql(db, sql_views);
	sql(db, "INSERT INTO recording (path, sha256, format, kernel, clock, n_cpu, t0, t1, "
	    "events, used, ignored, lost, probes, importer) "
	    "VALUES ('', '', '', '6.18.3', '', 1, 0, 1000, 0, 0, 0, 0, 1, '');"
	    "INSERT INTO vm VALUES (1, NULL, 1, 3, 'tgid', 1, 1, 1, 0, 0);"
	    "INSERT INTO vcpu VALUES (1, 1, 0, 0, 0, 0), (2, 1, 1, 1, 0, 0), (3, 1, 2, 2, 0, 0);"
	    "INSERT INTO decision (id, vcpu, t_start, t_end, cpu, trigger, source, "
	    "yield_to_kernel_mode, n_vcpus, n_exit, n_eoi, tainted, pick_source, last_boosted, "
	    "nr_running) SELECT value, 1, 100 * value, 100 * value, 0, 'pause', 'probe', "
	    "1, 3, 0, 0, 0, 'probe', 0, 3 FROM json_each('[1, 2, 3]');"
	    "INSERT INTO candidate (decision, word, ready, preempted, in_kernel, blocking, "
	    "dy_runnable, pending_irq, on_cpu, queued, in_spin_loop, rq_single, state_known, "
	    "in_kernel_known, irq_known, spin_known, racy) "
	    "SELECT id, 0, 6, 6, 0, 0, 0, 0, 1, 7, 0, 0, 7, 7, 7, 7, 0 FROM decision");
	return db;
}

static struct run *replay(sqlite3 *db, struct recorded **r)
{
	static char spec[] = "ipi-aware:series=v1";
	char *specs[] = { spec, NULL };
	GError *error = NULL;
	struct run *run;

	*r = recorded_open(db, &error);
	g_assert_no_error(error);
	run = run_new(*r, STATE_PROBED);
	g_assert_true(run_add_specs(run, specs, &error));
	g_assert_true(run_execute(run, *r, &error));
	g_assert_cmpuint(run->scores->decisions->len, ==, N_DECISIONS);
	return run;
}

static void forget(struct run *run, struct recorded *r, sqlite3 *db)
{
	run_free(run);
	recorded_free(r);
	sqlite3_close(db);
}

static void assert_picks(struct run *run, int first, int second, int third)
{
	const int want[N_DECISIONS] = { first, second, third };

	for (unsigned int i = 0; i < N_DECISIONS; i++)
		g_assert_cmpint(picked_by(run->scores, 1, i), ==, want[i]);
}

/* Only what is between its acceptance and its acknowledgement, both included in what is known. */
static void test_in_time(void)
{
	sqlite3 *db = small_database();
	struct recorded *r;
	struct run *run;

	sql(db, IPI_TO_3("101") "; UPDATE ipi SET t_ack = 201;"
	    "INSERT INTO eoi VALUES (1, 201, 3, 251, 'register')");
	run = replay(db, &r);
	assert_picks(run, NO_TARGET, RECEIVER, NO_TARGET);
	g_assert_cmpint(((struct run_policy *)run->policies->pdata[0])->receiver_waits, ==, 1);
	for (unsigned int i = 0; i < N_DECISIONS; i++)
		g_assert_false(scored_at(run->scores, i)->tainted);
	forget(run, r, db);
}

/* An IPI that nobody has accepted has been told nobody, whatever row it stands in. */
static void test_no_time(void)
{
	sqlite3 *db = small_database();
	struct recorded *r;
	struct run *run;

	sql(db, IPI_TO_3("NULL"));
	run = replay(db, &r);
	assert_picks(run, NO_TARGET, NO_TARGET, NO_TARGET);
	g_assert_cmpint(((struct run_policy *)run->policies->pdata[0])->receiver_waits, ==, 0);
	forget(run, r, db);
}

/* A decision that stands behind what came after it is of no use: policies know of that by then. */
static void test_hindsight(const void *later)
{
	sqlite3 *db = small_database();
	struct recorded *r;
	struct run *run;

	sql(db, "UPDATE decision SET t_start = 250 WHERE id = 2");
	sql(db, "UPDATE decision SET t_start = 150 WHERE id = 3");
	sql(db, later);
	run = replay(db, &r);
	g_assert_false(scored_at(run->scores, 0)->tainted);
	g_assert_false(scored_at(run->scores, 1)->tainted);
	g_assert_true(scored_at(run->scores, 2)->tainted);
	g_assert_cmpint(run->n_tainted, ==, 1);
	forget(run, r, db);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/engine/in_time", test_in_time);
	g_test_add_func("/engine/no_time", test_no_time);
	g_test_add_data_func("/engine/hindsight/decision", "", test_hindsight);
	g_test_add_data_func("/engine/hindsight/ipi", IPI_TO_3("200"), test_hindsight);
	return g_test_run();
}
