// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Episodes of small databases. VM 1 has vCPUs 1 to 4 (vcpu_idx 0 to 3), which are threads
 * 1 to 4. Times are us. vCPU 1 spins; unless a test says otherwise a window is 100.
 */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "replay/estimate/evidence.h"
#include "replay/run.h"
#include "schema/sql.h"

#define US(x) ((int64_t)(x) * 1000)

enum { CALL = 0xfb, CALL_MANY = 0xfc, RESCHED = 0xfd };

enum { NOT_ACKED = -1 };

struct fixture {
	sqlite3 *db;
	struct recorded *recorded;
	struct run *run;
	struct evidence *evidence;
	const struct episodes *e;
	int64_t n_decisions;
};

G_GNUC_PRINTF(2, 3) static void sql(struct fixture *f, const char *format, ...)
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

static void setup(struct fixture *f, const void *params)
{
	(void)params;
	memset(f, 0, sizeof(*f));
	g_assert_cmpint(sqlite3_open(":memory:", &f->db), ==, SQLITE_OK);
	sql(f, "%s", sql_facts);
	sql(f, "%s", sql_results);
	sql(f, "%s", sql_views);
	sql(f, "INSERT INTO recording (path, sha256, format, kernel, clock, n_cpu, t0, t1, events, "
	    "used, ignored, lost, probes, importer) "
	    "VALUES ('', '', '', '6.1.0', '', 4, 0, 2000000000, 0, 0, 0, 0, 1, '');"
	    "INSERT INTO vm VALUES (1, NULL, 1, 4, 'tgid', 1, 0, 1, 0, 0);");
	for (int v = 1; v <= 4; v++)
		sql(f, "INSERT INTO vcpu VALUES (%d, 1, %d, %d, 0, 0);"
		    "INSERT INTO thread VALUES (%d, %d, 1, '', %d, NULL, 0, 0)",
		    v, v - 1, v - 1, v, v, v);
}

static void teardown(struct fixture *f, const void *params)
{
	(void)params;
	evidence_free(f->evidence);
	run_free(f->run);
	recorded_free(f->recorded);
	sqlite3_close(f->db);
}

/* A stretch of a vCPU on a CPU of its own; why: "R" preempted or yielded, "S" went to sleep. */
static void ran(struct fixture *f, int vcpu, int64_t t0, int64_t t1, const char *why)
{
	sql(f, "INSERT INTO on_cpu (thread, cpu, t0, t1, why, in_kernel, prio, guest_ns, n_exit) "
	    "VALUES (%d, %d, %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", '%s', 1, 120, 0, 0)",
	    vcpu, vcpu - 1, US(t0), US(t1), why);
}

/* A decision of vCPU 1 that found nobody, in no time. */
static void spun(struct fixture *f, int64_t t)
{
	sql(f, "INSERT INTO decision (id, vcpu, t_start, t_end, cpu, trigger, source, n_vcpus, "
	    "n_exit, n_eoi, tainted, pick_source) VALUES (%" G_GINT64_FORMAT ", 1, %"
	    G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", 0, 'pause', 'probe', 4, 0, 0, 0, 'probe')",
	    f->n_decisions++, US(t), US(t));
}

/* vCPU 1 sends an IPI; it is injected and acknowledged at once, or never. */
static void sent(struct fixture *f, int64_t t, int vector, int receiver, int64_t ack)
{
	g_autofree char *acked = ack == NOT_ACKED ? g_strdup("NULL") :
				 g_strdup_printf("%" G_GINT64_FORMAT, US(ack));

	sql(f, "INSERT INTO ipi (sender, receiver, vector, mode, shorthand, path, n_receivers, "
	    "t_send, t_accept, t_inject, t_ack, tracked, tainted) "
	    "VALUES (1, %d, %d, 'fixed', 'none', 'x2apic', 1, %" G_GINT64_FORMAT ", %"
	    G_GINT64_FORMAT ", %s, %s, 1, 0)",
	    receiver, vector, US(t), US(t), acked, acked);
}

static void find(struct fixture *f)
{
	g_autoptr(GError) error = NULL;

	f->recorded = recorded_open(f->db, &error);
	g_assert_no_error(error);
	f->run = run_new(f->recorded, STATE_PROBED);
	run_execute(f->run, f->recorded, &error);
	g_assert_no_error(error);
	f->evidence = evidence_new(f->run->scores, 1, 1, &error);
	g_assert_no_error(error);
	f->e = f->evidence->episodes;
}

static void assert_bounds(const struct episode *ep, int64_t s, int64_t lo, int64_t end)
{
	g_assert_cmpint(ep->s, ==, US(s));
	g_assert_cmpint(ep->lo, ==, US(lo));
	g_assert_cmpint(ep->end, ==, US(end));
}

/*
 * vCPU 1 spins from 0 on, comes to decisions at 100 and at 240, after it was off its CPU
 * from 100 to 140, is off again from 240 to 400, and can go on at 433: a receiver has
 * acknowledged at 430, and then runs its handler for 3. All others run from 420 on.
 */
static void one_wait(struct fixture *f)
{
	ran(f, 1, 0, 100, "R");
	ran(f, 1, 140, 240, "R");
	ran(f, 1, 400, 2000, "R");
	for (int v = 2; v <= 4; v++)
		ran(f, v, 420, 2000, "R");
	spun(f, 100);
	spun(f, 240);
}

/* It waits for the last of its receivers. */
static void test_multicast(struct fixture *f, const void *params)
{
	const struct episode *ep;

	(void)params;
	one_wait(f);
	sent(f, 0, CALL_MANY, 3, 430);
	sent(f, 0, CALL_MANY, 4, 150);
	find(f);
	g_assert_cmpuint(f->e->list->len, ==, 1);
	ep = episode_at(f->e, 0);
	g_assert_cmpint(ep->cause, ==, CAUSE_IPI);
	g_assert_cmpint(ep->unblocker, ==, 2);
	g_assert_cmpuint(ep->unblocker_vcpu, ==, 3);
	g_assert_cmpint(ep->confidence, ==, 2);	/* nobody knows if this vector is waited for */
	g_assert_cmpuint(ep->n, ==, 2);
	g_assert_false(ep->tainted);
	assert_bounds(ep, 0, 240, 433);
	g_assert_cmpint(ep->spin, ==, US(100 + 100 + 33));
	/* the other has acknowledged at 150, but runs its handler only at 420 */
	g_assert_true(episode_awaits(f->e, ep, 3, US(422)));
	g_assert_false(episode_awaits(f->e, ep, 3, US(423)));
	g_assert_true(episode_awaits(f->e, ep, 2, US(423)));
	g_assert_false(episode_awaits(f->e, ep, 2, US(433)));
	g_assert_false(episode_awaits(f->e, ep, 1, US(100)));
}

/* A loop of unicasts is one wait, as long as no more than 30 of time on the CPU is between them. */
static void test_loop(struct fixture *f, const void *params)
{
	const struct episode *ep;

	(void)params;
	one_wait(f);
	sent(f, 0, CALL_MANY, 3, 425);
	sent(f, 29, CALL_MANY, 2, 430);
	sent(f, 58, CALL_MANY, 4, 300);
	find(f);
	g_assert_cmpuint(f->evidence->sends->sends->len, ==, 1);
	g_assert_cmpuint(f->e->list->len, ==, 1);
	ep = episode_at(f->e, 0);
	g_assert_cmpint(ep->cause, ==, CAUSE_IPI);
	g_assert_cmpint(ep->unblocker, ==, 1);
	assert_bounds(ep, 58, 240, 433);
}

/* What is off the CPU between them does not count; another vector does, and so does more time. */
static void test_no_loop(struct fixture *f, const void *params)
{
	(void)params;
	one_wait(f);
	sent(f, 90, CALL_MANY, 3, 1900);
	sent(f, 150, CALL_MANY, 2, 1900);	/* 20 on the CPU */
	sent(f, 160, CALL, 2, 1900);
	sent(f, 190, CALL, 3, 1900);		/* 30 */
	find(f);
	g_assert_cmpuint(f->evidence->sends->sends->len, ==, 3);
	g_assert_cmpuint(send_at(f->evidence->sends, 0)->n_edges, ==, 2);
	g_assert_cmpint(sends_before(f->evidence->sends, 1, US(89)), ==, -1);
	g_assert_cmpint(sends_before(f->evidence->sends, 1, US(159)), ==, 0);
	g_assert_cmpint(sends_before(f->evidence->sends, 1, US(5000)), ==, 2);
	g_assert_cmpint(sends_before(f->evidence->sends, 2, US(5000)), ==, -1);
}

/* An IPI for which nobody waits, then a spin for a lock: the answer comes long before its end. */
static void test_async(struct fixture *f, const void *ack)
{
	const struct episode *ep;
	bool fits = GPOINTER_TO_INT(ack) > 800;

	ran(f, 1, 0, 2000, "R");
	ran(f, 3, 420, 2000, "R");
	for (int64_t t = 100; t <= 800; t += 100)
		spun(f, t);
	sent(f, 0, RESCHED, 3, GPOINTER_TO_INT(ack));
	find(f);
	g_assert_cmpuint(f->e->list->len, ==, 1);
	ep = episode_at(f->e, 0);
	g_assert_cmpuint(ep->n, ==, 8);
	g_assert_cmpint(ep->cause == CAUSE_IPI, ==, fits);
	g_assert_cmpint(ep->send, ==, fits ? 0 : -1);
	g_assert_cmpint(ep->confidence, <=, 2);
}

/* An acknowledgement in guest memory is noticed late: it is dated to the injection, with doubt. */
static void test_pv_eoi(struct fixture *f, const void *params)
{
	const struct edge *edge;
	const struct episode *ep;

	(void)params;
	one_wait(f);
	sent(f, 0, CALL, 3, 800);
	sql(f, "UPDATE ipi SET t_inject = 430000;"
	    "INSERT INTO eoi VALUES (1, 800000, 3, 251, 'pv')");
	find(f);
	edge = edge_at(f->evidence->sends, 0);
	g_assert_cmpint(edge->ack_lo, ==, US(430));
	g_assert_cmpint(edge->ack, ==, US(800));
	g_assert_true(edge->vague);
	ep = episode_at(f->e, 0);
	g_assert_cmpint(ep->cause, ==, CAUSE_IPI);
	g_assert_cmpint(ep->unblocker, ==, 2);
	assert_bounds(ep, 0, 240, 433);
}

/* The same interval, but a register was written, at the end of it: after the spinning. */
static void test_register_eoi(struct fixture *f, const void *params)
{
	(void)params;
	one_wait(f);
	sent(f, 0, CALL, 3, 800);
	sql(f, "UPDATE ipi SET t_inject = 430000;"
	    "INSERT INTO eoi VALUES (1, 800000, 3, 251, 'register')");
	find(f);
	g_assert_cmpint(edge_at(f->evidence->sends, 0)->ack_lo, ==, US(800));
	g_assert_false(edge_at(f->evidence->sends, 0)->vague);
	g_assert_cmpint(episode_at(f->e, 0)->cause, !=, CAUSE_IPI);
}

/* What is not acknowledged has no answer, unless no EOI is ever seen: then an injection is one. */
static void test_unacked(struct fixture *f, const void *params)
{
	(void)params;
	one_wait(f);
	sent(f, 0, CALL, 3, NOT_ACKED);
	sql(f, "UPDATE ipi SET t_inject = 430000");
	find(f);
	g_assert_cmpint(edge_at(f->evidence->sends, 0)->ack, ==, NEVER);
	g_assert_cmpint(episode_at(f->e, 0)->cause, !=, CAUSE_IPI);
	g_assert_cmpint(episode_at(f->e, 0)->unblocker, !=, 0);
}

static void test_hidden_eois(struct fixture *f, const void *params)
{
	(void)params;
	one_wait(f);
	sent(f, 0, CALL, 3, NOT_ACKED);
	sql(f, "UPDATE ipi SET t_inject = 430000; UPDATE vm SET eoi_virtual = 1");
	find(f);
	g_assert_cmpint(episode_at(f->e, 0)->cause, ==, CAUSE_IPI);
	g_assert_cmpint(episode_at(f->e, 0)->confidence, ==, 2);
	assert_bounds(episode_at(f->e, 0), 0, 240, 433);
}

/*
 * n waits from 'from' on, one in 10000, each on the CPU: sent at once, answered after 450, and
 * decisions all 100. Then vCPU 1 works.
 */
static void waits(struct fixture *f, int64_t from, unsigned int n)
{
	ran(f, 1, from, from + 10000 * n, "R");
	for (unsigned int i = 0; i < n; i++) {
		int64_t t = from + 10000 * i;

		ran(f, 3, t + 440, t + 460, "R");
		sent(f, t, CALL, 3, t + 450);
		for (int64_t k = 100; k <= 400; k += 100)
			spun(f, t + k);
	}
}

/* That senders of a vector always wait is learned. */
static void test_always(struct fixture *f, const void *params)
{
	(void)params;
	waits(f, 0, 25);
	find(f);
	g_assert_cmpfloat(ipi_vector_waited(f->e, 0, CALL), ==, 1);
	g_assert_true(ipi_vector_always(f->e, 0, CALL));
	g_assert_cmpfloat(ipi_vector_waited(f->e, 0, CALL_MANY), ==, -1);
	g_assert_cmpuint(f->e->list->len, ==, 25);
	for (guint i = 0; i < 25; i++) {
		const struct episode *ep = episode_at(f->e, i);

		g_assert_cmpint(ep->cause, ==, CAUSE_IPI);
		g_assert_cmpint(ep->confidence, ==, 3);
		g_assert_cmpint(ep->unblocker, ==, 2);
		g_assert_cmpuint(ep->n, ==, 4);
		assert_bounds(ep, 10000 * i, 10000 * i + 400, 10000 * i + 453);
	}
	g_assert_cmpint(f->e->windows[0].lo, ==, US(100));
	g_assert_cmpint(f->e->windows[0].hi, ==, US(100));
}

/* 19 sends are too few to learn that from. */
static void test_too_few_sends(struct fixture *f, const void *params)
{
	(void)params;
	waits(f, 0, 19);
	find(f);
	g_assert_cmpfloat(ipi_vector_waited(f->e, 0, CALL), ==, -1);
	g_assert_cmpint(episode_at(f->e, 0)->cause, ==, CAUSE_IPI);
	g_assert_cmpint(episode_at(f->e, 0)->confidence, ==, 2);
}

/* Who has one out that is always waited for can have done nothing else, however rarely it exits. */
static void test_outstanding(struct fixture *f, const void *params)
{
	(void)params;
	waits(f, 10000, 25);
	ran(f, 1, 0, 2000, "R");
	ran(f, 3, 1940, 1960, "R");
	spun(f, 100);
	spun(f, 1900);
	sent(f, 0, CALL, 3, 1950);
	/* ids ascend in time */
	sql(f, "CREATE TEMP TABLE old AS SELECT * FROM decision ORDER BY t_start;"
	    "DELETE FROM decision; UPDATE old SET id = rowid;"
	    "INSERT INTO decision SELECT * FROM old");
	sql(f, "CREATE TEMP TABLE o AS SELECT * FROM on_cpu ORDER BY t0; DELETE FROM on_cpu;"
	    "UPDATE o SET id = rowid; INSERT INTO on_cpu SELECT * FROM o");
	find(f);
	g_assert_cmpuint(f->e->list->len, ==, 26);
	g_assert_cmpuint(episode_at(f->e, 0)->n, ==, 2);
	g_assert_cmpint(episode_at(f->e, 0)->confidence, ==, 3);
	assert_bounds(episode_at(f->e, 0), 0, 1900, 1953);
}

/* One whose acknowledgement was never seen is not waited for for ever. */
static void test_never_answered(struct fixture *f, const void *params)
{
	(void)params;
	waits(f, 0, 25);
	ran(f, 1, 250000, 300000, "R");
	sent(f, 250000, CALL, 3, NOT_ACKED);
	for (int64_t t = 250100; t <= 250500; t += 100)
		spun(f, t);
	for (int64_t t = 290100; t <= 290500; t += 100)
		spun(f, t);
	find(f);
	g_assert_cmpuint(f->e->list->len, ==, 27);
	g_assert_cmpuint(episode_at(f->e, 26)->n, ==, 5);
	g_assert_cmpint(episode_at(f->e, 26)->cause, !=, CAUSE_IPI);
}

/* Who sends another one has gone on with something. */
static void test_child(struct fixture *f, const void *params)
{
	(void)params;
	ran(f, 1, 0, 2000, "R");
	ran(f, 3, 0, 2000, "R");
	for (int64_t t = 100; t <= 700; t += 100)
		spun(f, t);
	spun(f, 1500);
	sent(f, 310, CALL, 3, 750);
	find(f);
	g_assert_cmpuint(f->e->list->len, ==, 3);
	g_assert_cmpuint(episode_at(f->e, 0)->n, ==, 3);
	g_assert_cmpint(episode_at(f->e, 0)->parent, ==, -1);
	g_assert_cmpint(episode_at(f->e, 1)->parent, ==, 0);
	g_assert_cmpint(episode_at(f->e, 1)->cause, ==, CAUSE_IPI);
	assert_bounds(episode_at(f->e, 1), 310, 700, 753);
	/* it is not the child of the one after which it worked for long */
	g_assert_cmpint(episode_at(f->e, 2)->parent, ==, -1);
}

/* Who sleeps does not spin. */
static void test_halt(struct fixture *f, const void *why)
{
	bool slept = *(const char *)why == 'S';

	ran(f, 1, 0, 250, why);
	ran(f, 1, 300, 2000, "R");
	for (int64_t t = 100; t <= 200; t += 100)
		spun(f, t);
	spun(f, 350);
	find(f);
	g_assert_cmpuint(f->e->list->len, ==, slept ? 2 : 1);
	g_assert_cmpint(episode_at(f->e, slept)->parent, ==, -1);
	g_assert_cmpint(episode_at(f->e, slept)->s, ==, slept ? US(300) : 0);
}

/* Nothing is learned from an episode that touches a gap, nor from one that the recording cuts. */
static void test_gap(struct fixture *f, const void *params)
{
	(void)params;
	ran(f, 1, 0, 2000000, "R");
	for (int64_t t = 100; t <= 600; t += 100)
		spun(f, t);
	spun(f, 10000);
	spun(f, 20000);
	spun(f, 1999950);
	sql(f, "INSERT INTO gap VALUES (0, 310000, 390000, 1, '');"
	    "UPDATE decision SET tainted = 1 WHERE t_start = 10000000");
	find(f);
	g_assert_cmpuint(f->e->list->len, ==, 4);
	for (guint i = 0; i < 4; i++) {
		g_assert_cmpint(episode_at(f->e, i)->tainted, ==, i != 2);
		g_assert_cmpint(f->evidence->cells[i] < 0, ==, i != 2);
	}
	g_assert_cmpuint(f->evidence->n_used, ==, 1);
	g_assert_cmpfloat_with_epsilon(f->evidence->lost, 80.0 / 2000000, 1e-12);
}

/* A window that doubles at each exit, up to 16 times 100, in each of 30 stretches. */
static void doubling(struct fixture *f)
{
	static const int64_t at[] = { 100, 300, 700, 1500, 3100, 4700 };

	for (int64_t i = 0; i < 30; i++) {
		ran(f, 1, 10000 * i, 10000 * i + 9000, "S");
		for (guint k = 0; k < G_N_ELEMENTS(at); k++)
			spun(f, 10000 * i + at[k]);
	}
}

static void test_doubling(struct fixture *f, const void *params)
{
	static const double units[] = { 2, 4, 8, 16, 16, 16 };	/* of the window to come */
	const struct pause_window *w;

	(void)params;
	doubling(f);
	find(f);
	w = &f->e->windows[0];
	g_assert_cmpint(w->unit, ==, PAUSE_DOUBLING);
	g_assert_cmpfloat(w->lo, ==, US(100));
	g_assert_cmpfloat(w->hi, ==, US(100));
	g_assert_cmpuint(w->n, ==, 150);
	for (guint i = 0; i < 180; i++)
		g_assert_cmpfloat(f->e->unit[f->e->order[i]], ==, units[i % 6]);
	g_assert_cmpuint(f->e->list->len, ==, 30);
	for (guint i = 0; i < 30; i++) {
		g_assert_cmpint(episode_at(f->e, i)->s, ==, US(10000 * i));
		g_assert_cmpint(episode_at(f->e, i)->hi, ==, US(10000 * i + 4700 + 1600 + 2));
	}
}

/* Where the window is recorded, and does grow, it is what it says. */
static void test_recorded_window(struct fixture *f, const void *params)
{
	(void)params;
	doubling(f);
	sql(f, "UPDATE decision SET ple_window = 4096 << min(id %% 6 + 1, 4)");
	find(f);
	g_assert_cmpint(f->e->windows[0].unit, ==, PAUSE_RECORDED);
	g_assert_cmpfloat_with_epsilon(f->e->windows[0].hi, US(100) / 4096.0, 1e-9);
	g_assert_cmpfloat(f->e->unit[f->e->order[1]], ==, 16384);
	g_assert_cmpuint(f->e->list->len, ==, 30);
}

/* A recorded window that grows while nothing else does is a CPU's that has none. */
static void test_window_of_no_use(struct fixture *f, const void *params)
{
	(void)params;
	waits(f, 0, 25);
	sql(f, "UPDATE decision SET ple_window = 4096 << id %% 4");
	find(f);
	g_assert_cmpint(f->e->windows[0].unit, ==, PAUSE_CONSTANT);
	g_assert_cmpfloat(f->e->windows[0].hi, ==, US(100));
}

/* Every decision yields: no gap is within one stretch, and all are taken as they are. */
static void test_all_yield(struct fixture *f, const void *params)
{
	(void)params;
	for (int64_t i = 0; i < 30; i++) {
		ran(f, 1, 1000 * i, 1000 * i + 100, "R");
		spun(f, 1000 * i + 100);
	}
	ran(f, 1, 40000, 41000, "R");
	find(f);
	g_assert_cmpint(f->e->windows[0].unit, ==, PAUSE_CONSTANT);
	g_assert_cmpuint(f->e->windows[0].n, ==, 29);
	g_assert_cmpfloat(f->e->windows[0].lo, ==, US(100));
	g_assert_cmpfloat(f->e->windows[0].hi, ==, US(100));
	g_assert_cmpuint(f->e->list->len, ==, 1);
}

/* n gaps; 20 are measured, of fewer nothing is said. */
static void test_few_gaps(struct fixture *f, const void *n)
{
	bool enough = GPOINTER_TO_INT(n) >= 20;

	ran(f, 1, 0, 2000000, "R");
	for (int i = 0; i <= GPOINTER_TO_INT(n); i++)
		spun(f, 60 * (i + 1));
	find(f);
	g_assert_cmpuint(f->e->windows[0].n, ==, enough ? 20 : 0);
	g_assert_cmpfloat(f->e->windows[0].lo, ==, US(enough ? 60 : 100));
	g_assert_cmpfloat(f->e->windows[0].hi, ==, US(enough ? 60 : 100));
}

/* Handling an exit takes what it takes where nobody is yielded to; of some the return is lost. */
static void test_handling(struct fixture *f, const void *params)
{
	(void)params;
	ran(f, 1, 0, 1000, "R");
	for (int64_t t = 100; t <= 500; t += 100)
		spun(f, t);
	sql(f, "UPDATE decision SET t_end = t_start + 1000 * (id + 1);"
	    "UPDATE decision SET t_end = NULL WHERE id = 0;"
	    "UPDATE decision SET pick_idx = 1 WHERE id = 4");
	find(f);
	g_assert_cmpint(f->e->windows[0].c_exit, ==, US(3));
}

/* Two loops, one slower than the other; what is slower still is none. */
static void test_slow_loop(struct fixture *f, const void *slower)
{
	int64_t t = 100, slow = GPOINTER_TO_INT(slower);

	ran(f, 1, 0, 2000000, "R");
	for (int i = 0; i < 100; i++, t += i % 10 ? 100 : slow)
		spun(f, t);
	find(f);
	g_assert_cmpfloat(f->e->windows[0].lo, ==, US(100));
	g_assert_cmpfloat(f->e->windows[0].hi, ==, US(slow <= 400 ? slow : 100));
	g_assert_cmpuint(f->e->list->len, ==, slow <= 400 ? 1 : 10);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, path, params) \
	g_test_add("/episode/" path, struct fixture, params, setup, test_##name, teardown)
	ADD(multicast, "multicast", NULL);
	ADD(loop, "loop", NULL);
	ADD(no_loop, "no_loop", NULL);
	ADD(async, "async/answered", GINT_TO_POINTER(430));
	ADD(async, "async/fits", GINT_TO_POINTER(850));
	ADD(pv_eoi, "eoi/pv", NULL);
	ADD(register_eoi, "eoi/register", NULL);
	ADD(unacked, "eoi/none", NULL);
	ADD(hidden_eois, "eoi/hidden", NULL);
	ADD(always, "vector/always", NULL);
	ADD(too_few_sends, "vector/too_few", NULL);
	ADD(outstanding, "vector/outstanding", NULL);
	ADD(never_answered, "vector/never_answered", NULL);
	ADD(child, "child", NULL);
	ADD(halt, "halt", "S");
	ADD(halt, "no_halt", "R");
	ADD(gap, "gap", NULL);
	ADD(doubling, "window/doubling", NULL);
	ADD(recorded_window, "window/recorded", NULL);
	ADD(window_of_no_use, "window/of_no_use", NULL);
	ADD(all_yield, "window/all_yield", NULL);
	ADD(few_gaps, "window/few_gaps", GINT_TO_POINTER(19));
	ADD(few_gaps, "window/enough_gaps", GINT_TO_POINTER(20));
	ADD(handling, "window/handling", NULL);
	ADD(slow_loop, "window/slow_loop", GINT_TO_POINTER(350));
	ADD(slow_loop, "window/no_loop", GINT_TO_POINTER(450));
	return g_test_run();
}
