// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Programs of small databases, worked out by hand. VM 1 has vCPUs 1 and 2 (vcpu_idx 0
 * and 1), which are threads 1 and 2 on CPUs 0 and 1; threads 3 to 6 are others. Times are
 * us. Too little is recorded to measure on: a window is 100, a handler 3, a switch 2; PAUSE exits
 * take 10.
 */
#include <glib.h>
#include <string.h>

#include "replay/run.h"
#include "replay/simulate/extract.h"
#include "schema/sql.h"

#define US(x) ((int64_t)(x) * 1000)

enum { CALL = 0xfb, RESCHED = 0xfd, NO_TIME = -1 };

struct fixture {
	sqlite3 *db;
	struct recorded *recorded;
	struct run *run;
	struct program_input *input;
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
	    "VALUES ('', '', '', '6.1.0', '', 2, 0, 1200000000, 0, 0, 0, 0, 1, '');"
	    "INSERT INTO vm VALUES (1, 'guest', 1, 2, 'tgid', 1, 0, 1, 0, 0);"
	    "INSERT INTO vcpu VALUES (1, 1, 0, 0, 0, 0), (2, 1, 1, 1, 0, 0);"
	    "INSERT INTO thread VALUES (1, 1, 1, '', 1, NULL, 0, 0), (2, 2, 1, '', 2, NULL, 0, 0),"
	    "(3, 3, 3, '', NULL, NULL, 0, 0), (4, 4, 4, '', NULL, NULL, 0, 0),"
	    "(5, 5, 5, '', NULL, NULL, 0, 0), (6, 6, 6, '', NULL, NULL, 0, 0)");
}

static void teardown(struct fixture *f, const void *params)
{
	(void)params;
	program_input_free(f->input);
	run_free(f->run);
	recorded_free(f->recorded);
	sqlite3_close(f->db);
}

/* A stretch on a CPU; why: "R", "S", or NULL at the end of the recording. */
static void ran_as(struct fixture *f, int thread, int cpu, int64_t ready, int64_t t0, int64_t t1, const char *why,
		   int in_kernel, int in_run, int prio)
{
	g_autofree char *woken = ready == NO_TIME ? g_strdup("NULL") :
				 g_strdup_printf("%" G_GINT64_FORMAT, US(ready));
	g_autofree char *left = why ? g_strdup_printf("'%s'", why) : g_strdup("NULL");

	sql(f, "INSERT INTO on_cpu (thread, cpu, t_ready, cpu_ready, t0, t1, why, in_kernel, in_kvm_run, prio, guest_ns, "
	    "n_exit) VALUES (%d, %d, %s, %d, %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", %s, %d, %d, %d, 0, 0)",
	    thread, cpu, woken, cpu, US(t0), US(t1), left, in_kernel, in_run, prio);
}

static void ran(struct fixture *f, int vcpu, int64_t ready, int64_t t0, int64_t t1, const char *why, int in_kernel)
{
	ran_as(f, vcpu, vcpu - 1, ready, t0, t1, why, in_kernel, 1, 120);
}

/* A decision of vCPU 1 that finds nobody. */
static void spun(struct fixture *f, int64_t t)
{
	sql(f, "INSERT INTO decision (id, vcpu, t_start, t_end, cpu, trigger, source, n_vcpus, n_exit, n_eoi, "
	    "tainted, pick_source) VALUES (%" G_GINT64_FORMAT ", 1, %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
	    ", 0, 'pause', 'probe', 2, 0, 0, 0, 'probe')", f->n_decisions++, US(t), US(t + 10));
}

/* Accepted at once, injected when it is acknowledged. */
static void sent(struct fixture *f, int sender, int64_t t, int vector, int receiver, int64_t ack)
{
	sql(f, "INSERT INTO ipi (sender, receiver, vector, mode, shorthand, path, n_receivers, t_send, t_accept, "
	    "t_inject, t_ack, tracked, tainted) VALUES (%d, %d, %d, 'fixed', 'none', 'x2apic', 1, %" G_GINT64_FORMAT
	    ", %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", %d, 0);"
	    "INSERT INTO eoi (t, vcpu, vector, how) VALUES (%" G_GINT64_FORMAT ", %d, %d, 'register')",
	    sender, receiver, vector, US(t), US(t), US(ack), US(ack), vector == CALL, US(ack), receiver, vector);
}

static void extract(struct fixture *f, uint64_t seed, GError **error)
{
	g_autoptr(GError) failed = NULL;

	f->recorded = recorded_open(f->db, &failed);
	g_assert_no_error(failed);
	f->run = run_new(f->recorded, STATE_PROBED);
	run_execute(f->run, f->recorded, &failed);
	g_assert_no_error(failed);
	run_gather(f->run, 1, &failed);
	g_assert_no_error(failed);
	f->input = extract_programs(f->run->evidence, &f->run->rescore->quality, &f->run->recorded_params, seed, error);
}

static void extract_well(struct fixture *f)
{
	g_autoptr(GError) error = NULL;

	extract(f, 1, &error);
	g_assert_no_error(error);
}

static const struct program *program(const struct fixture *f, guint i)
{
	g_assert_cmpuint(i, <, f->input->programs->len);
	return f->input->programs->pdata[i];
}

/* Item i, and all computing before it since the last: kind, ns. Advances i. */
static const struct item *expect(const struct program *p, guint *i, enum item_kind kind, int64_t ns)
{
	const struct item *item = NULL;
	int64_t sum = 0;

	g_assert_cmpuint(*i, <, p->items->len);
	do {
		item = &g_array_index(p->items, struct item, (*i)++);
		g_assert_cmpint(item->kind, ==, kind);
		sum += item->ns;
	} while (kind == ITEM_COMPUTE && *i < p->items->len &&
		 g_array_index(p->items, struct item, *i).kind == ITEM_COMPUTE);
	g_assert_cmpint(sum, ==, US(ns));
	return item;
}

/*
 * vCPU 1 calls vCPU 2 at 100000, which answers at 100240; waits from 300050 on for a lock that
 * vCPU 2, preempted in kernel mode, holds until it is back at 300400; halts for 100000, and once
 * more until vCPU 2 sends it an interrupt.
 */
static void two_vcpus(struct fixture *f)
{
	ran(f, 1, NO_TIME, 0, 50000, "R", 0);
	ran(f, 2, NO_TIME, 0, 300000, "R", 1);
	ran(f, 1, 50000, 50100, 500000, "S", 0);
	ran(f, 2, 300000, 300400, 400000, "R", 0);
	ran(f, 2, 400000, 400100, 1200000, NULL, 0);
	ran(f, 1, 600000, 600000, 700000, "S", 0);
	ran(f, 1, 750000, 750000, 1200000, NULL, 0);
	sent(f, 1, 100000, CALL, 2, 100240);
	spun(f, 100100);
	spun(f, 100200);
	spun(f, 300150);
	spun(f, 300250);
	spun(f, 300350);
	sent(f, 2, 750000, RESCHED, 1, 750020);
}

static void test_two_vcpus(struct fixture *f, const void *params)
{
	const struct program *p;
	const struct item *item;
	guint i = 0;

	(void)params;
	two_vcpus(f);
	extract_well(f);
	g_assert_cmpuint(f->input->programs->len, ==, 2);
	g_assert_cmpint(f->input->length, ==, US(1200000));
	p = program(f, 0);
	/* off the CPU for 100, two switches; its preemption was in user mode */
	item = expect(p, &i, ITEM_COMPUTE, 100000 - 100 - 4);
	g_assert_false(item->kernel);
	item = expect(p, &i, ITEM_SENDWAIT, 0);
	g_assert_cmpint(item->vector, ==, CALL);
	g_assert_true(item->tracked);
	g_assert_cmpuint(item->n, ==, 1);
	g_assert_cmpint(g_array_index(p->receivers, uint16_t, item->first), ==, 1);
	g_assert_cmpint(item->t, ==, US(100000));
	/* from the end of the handler to a window before the first PAUSE exit */
	expect(p, &i, ITEM_COMPUTE, 300050 - 100243);
	/* vCPU 2 progressed by 4 until the middle of what is between the last exit and the window's end */
	item = expect(p, &i, ITEM_WAIT, 2);
	g_assert_cmpint(item->unblocker, ==, 1);
	expect(p, &i, ITEM_COMPUTE, 500000 - 300406);
	expect(p, &i, ITEM_HALT, 100000);
	expect(p, &i, ITEM_COMPUTE, 100000 - 2);
	expect(p, &i, ITEM_HALT_IPI, 50000);
	expect(p, &i, ITEM_COMPUTE, 450000 - 2 - 3);
	g_assert_cmpuint(i, ==, p->items->len);

	p = program(f, 1);
	i = 0;
	/* in kernel mode until it was preempted, and until it released the lock; then in user mode */
	item = &g_array_index(p->items, struct item, 0);
	g_assert_true(item->kernel);
	g_assert_cmpint(item->ns, ==, US(300000 - 2 - 3 + 2));
	item = expect(p, &i, ITEM_COMPUTE, 750000 - 400 - 100 - 3 * 2 - 3);
	g_assert_false(item->kernel);
	item = expect(p, &i, ITEM_SEND, 0);
	g_assert_cmpint(item->vector, ==, RESCHED);
	g_assert_false(item->tracked);
	g_assert_cmpint(g_array_index(p->receivers, uint16_t, item->first), ==, 0);
	expect(p, &i, ITEM_COMPUTE, 450000);
	g_assert_cmpuint(i, ==, p->items->len);
}

/* The holder runs at the first decision, and is preempted before the second: in kernel mode or not. */
static void test_holder_preempted(struct fixture *f, const void *params)
{
	bool kernel = GPOINTER_TO_INT(params);
	const struct item *wait = NULL;
	const struct program *p;

	ran(f, 1, NO_TIME, 0, 1200000, NULL, 0);
	ran(f, 2, NO_TIME, 0, 300200, "R", kernel);
	ran(f, 2, 300200, 300400, 1200000, NULL, 0);
	spun(f, 300150);
	spun(f, 300250);
	spun(f, 300350);
	extract_well(f);
	p = program(f, 0);
	for (guint i = 0; i < p->items->len && !wait; i++)
		if (g_array_index(p->items, struct item, i).kind == ITEM_WAIT)
			wait = &g_array_index(p->items, struct item, i);
	g_assert_nonnull(wait);
	g_assert_cmpint(wait->kernel, ==, kernel);
}

static void test_figures(struct fixture *f, const void *params)
{
	const struct program_truth *t;
	const struct program_vm *vm;
	const struct sim_host *h;

	(void)params;
	two_vcpus(f);
	extract_well(f);
	t = &f->input->truth[0];
	g_assert_cmpfloat(t->work, ==, US(1049290 + 1199491));
	g_assert_cmpfloat(t->spin, ==, US(243 + 356));
	g_assert_cmpfloat(t->on_cpu, ==, US(1049900 + 1199500));
	g_assert_cmpfloat(t->pauses, ==, 5);
	g_assert_cmpfloat(t->yields, ==, 0);
	g_assert_cmpuint(t->responses->len, ==, 1);
	g_assert_cmpfloat(g_array_index(t->responses, double, 0), ==, US(243));
	g_assert_cmpfloat(f->input->work_error, ==, 0);
	g_assert_cmpfloat(f->input->unmodelled_spin, ==, 0);
	g_assert_cmpint(program(f, 0)->progress + program(f, 1)->progress, ==, US(1049290 + 1199491));
	vm = &f->input->vms[0];
	g_assert_cmpstr(vm->name, ==, "guest");
	g_assert_cmpuint(vm->n_vcpus, ==, 2);
	g_assert_cmpuint(vm->weight, ==, 1024);
	g_assert_cmpint(vm->c_exit, ==, US(10));
	g_assert_cmpint(vm->c_yield, ==, 0);
	/* from return to next exit */
	g_assert_cmpint(vm->window, ==, US(90));
	g_assert_cmpint(vm->window_max, ==, US(90));
	g_assert_cmpint(vm->handler, ==, US(3));
	h = &f->input->host;
	g_assert_cmpint(h->scheduler, ==, SCHEDULER_CFS);
	g_assert_cmpuint(h->n_cpu, ==, 2);
	g_assert_cmpint(h->slice, ==, 12000000);	/* of 2 CPUs: twice the kernel's default */
	g_assert_cmpint(h->tick, ==, 4000000);
	g_assert_cmpuint(h->n_groups, ==, 1);
	g_assert_cmpuint(h->stock_variant, ==, STOCK_TWO_PASS);
	g_assert_null(h->nodes);
}

/* Nobody else of the VM does anything while vCPU 1 spins: it is not known for what. */
static void test_unknown(struct fixture *f, const void *params)
{
	const struct program *p;
	guint i = 0;

	(void)params;
	ran(f, 1, NO_TIME, 0, 1200000, NULL, 0);
	ran_as(f, 2, 1, NO_TIME, 0, 100000, "S", 0, 0, 120);
	ran(f, 2, 600000, 600000, 1200000, NULL, 0);
	spun(f, 300150);
	spun(f, 300250);
	extract_well(f);
	p = program(f, 0);
	expect(p, &i, ITEM_COMPUTE, 300050 - 2);
	expect(p, &i, ITEM_SPIN, 300250 - 300050 + (100 + 10 + 2) / 2);
	expect(p, &i, ITEM_COMPUTE, 1200000 - 300306);
	g_assert_cmpuint(i, ==, p->items->len);
	g_assert_cmpfloat(f->input->unmodelled_spin, ==, 1);
	/* it slept outside the guest */
	p = program(f, 1);
	i = 0;
	expect(p, &i, ITEM_COMPUTE, 100000 - 2);
	expect(p, &i, ITEM_IO, 500000);
	expect(p, &i, ITEM_COMPUTE, 600000 - 2);
}

/* Two calls one after the other, and then a wait for both. */
static void test_loop(struct fixture *f, const void *params)
{
	const struct program *p;
	guint i = 0;

	(void)params;
	ran(f, 1, NO_TIME, 0, 1200000, NULL, 0);
	ran(f, 2, NO_TIME, 0, 1200000, NULL, 0);
	sent(f, 1, 100000, CALL, 2, 100200);
	sent(f, 1, 100060, CALL, 2, 100200);
	spun(f, 100160);
	extract_well(f);
	p = program(f, 0);
	expect(p, &i, ITEM_COMPUTE, 100060 - 2);
	g_assert_cmpuint(expect(p, &i, ITEM_SENDWAIT, 0)->n, ==, 2);
	expect(p, &i, ITEM_COMPUTE, 1200000 - 100203);
	g_assert_cmpuint(i, ==, p->items->len);
}

/* A halt that an interrupt breaks, which is handled and no more, is one. */
static void test_idle(struct fixture *f, const void *params)
{
	const struct program *p;
	guint i = 0;

	(void)params;
	ran(f, 1, NO_TIME, 0, 500000, "S", 0);
	ran(f, 2, NO_TIME, 0, 1200000, NULL, 0);
	ran(f, 1, 600000, 600000, 600007, "S", 0);
	ran(f, 1, 700000, 700000, 1200000, NULL, 0);
	sent(f, 2, 600000, RESCHED, 1, 600002);
	extract_well(f);
	p = program(f, 0);
	expect(p, &i, ITEM_COMPUTE, 500000 - 2);
	expect(p, &i, ITEM_HALT, 200000);
	expect(p, &i, ITEM_COMPUTE, 7 - 2 - 3 + 500000 - 2);
	g_assert_cmpuint(i, ==, p->items->len);
}

static void assert_turns(const struct background *b, const int64_t *turns, guint n)
{
	g_assert_cmpuint(b->turns->len, ==, n);
	for (guint i = 0; i < n; i++)
		g_assert_cmpint(g_array_index(b->turns, int64_t, i), ==, US(turns[i]));
}

/* Thread 3 takes turns; 4 and 5 hardly run, and are one; 6 is a real-time thread. */
static void test_background(struct fixture *f, const void *params)
{
	static const int64_t turns[] = { 10000, 1000, 9000, 1000 }, rest[] = { 1000, 100, 3900, 50 };
	static const int64_t rt[] = { 7000, 10 };

	(void)params;
	ran(f, 1, NO_TIME, 0, 1200000, NULL, 0);
	ran_as(f, 4, 1, 1000, 1000, 1100, "S", 0, 0, 120);
	ran_as(f, 5, 1, 5000, 5000, 5050, "S", 0, 0, 120);
	ran_as(f, 6, 1, 7000, 7000, 7010, "S", 0, 0, 49);
	ran_as(f, 3, 1, 10000, 10000, 11000, "S", 0, 0, 130);
	ran_as(f, 3, 1, 20000, 20000, 20500, "R", 0, 0, 130);
	ran_as(f, 3, 1, 20500, 20600, 21100, "S", 0, 0, 130);
	extract_well(f);
	g_assert_cmpuint(f->input->backgrounds->len, ==, 3);
	assert_turns(f->input->backgrounds->pdata[0], turns, G_N_ELEMENTS(turns));
	g_assert_cmpuint(((struct background *)f->input->backgrounds->pdata[0])->nice_weight, ==, 110);
	assert_turns(f->input->backgrounds->pdata[1], rest, G_N_ELEMENTS(rest));
	assert_turns(f->input->backgrounds->pdata[2], rt, G_N_ELEMENTS(rt));
	g_assert_true(((struct background *)f->input->backgrounds->pdata[2])->realtime);
}

/* vCPUs have a cgroup each within their VM's, and its threads are in that, too. */
static void test_cgroups(struct fixture *f, const void *params)
{
	(void)params;
	sql(f, "UPDATE thread SET cgroup = '/machine/guest/vcpu' || (id - 1) WHERE vcpu NOT NULL;"
	    "UPDATE thread SET cgroup = '/machine/guest/emulator' WHERE id = 3;"
	    "UPDATE thread SET cgroup = '/machine/guests' WHERE id = 4");
	ran(f, 1, NO_TIME, 0, 1200000, NULL, 0);
	ran(f, 2, NO_TIME, 0, 1200000, NULL, 0);
	ran_as(f, 3, 1, 10000, 10000, 20000, "S", 0, 0, 120);
	ran_as(f, 4, 1, 30000, 30000, 40000, "S", 0, 0, 120);
	extract_well(f);
	g_assert_cmpuint(f->input->vms[0].group, ==, 1);
	g_assert_cmpuint(f->input->backgrounds->len, ==, 2);
	g_assert_cmpuint(((struct background *)f->input->backgrounds->pdata[0])->group, ==, 1);
	g_assert_cmpuint(((struct background *)f->input->backgrounds->pdata[1])->group, ==, 2);
	g_assert_cmpuint(f->input->host.n_groups, ==, 3);
	g_assert_cmpuint(f->input->host.group_weights[1], ==, 512);	/* shared by two CPUs */
	g_assert_cmpuint(f->input->host.group_weights[2], ==, 1024);
}

/* What is before a gap is no part of a program; times begin after it. */
static void test_gap(struct fixture *f, const void *params)
{
	const struct program *p;
	guint i = 0;

	(void)params;
	sql(f, "INSERT INTO gap VALUES (NULL, 100000000, 150000000, 5, 'lost')");
	ran(f, 1, NO_TIME, 0, 100000, NULL, 0);
	ran(f, 1, NO_TIME, 151000, 500000, "S", 0);
	ran(f, 1, 510000, 510000, 1200000, NULL, 0);
	extract_well(f);
	g_assert_cmpint(f->input->length, ==, US(1050000));
	p = program(f, 0);
	expect(p, &i, ITEM_COMPUTE, 349000 - 2);
	g_assert_cmpint(expect(p, &i, ITEM_HALT, 10000)->t, ==, US(350000));
	expect(p, &i, ITEM_COMPUTE, 690000 - 2);
}

static void refused(struct fixture *f, const char *why)
{
	g_autoptr(GError) error = NULL;

	extract(f, 1, &error);
	g_assert_null(f->input);
	g_assert_nonnull(error);
	g_assert_nonnull(strstr(error->message, why));
}

static void test_too_short(struct fixture *f, const void *params)
{
	(void)params;
	sql(f, "INSERT INTO gap VALUES (NULL, 600000000, 650000000, 5, 'lost')");
	ran(f, 1, NO_TIME, 0, 1200000, NULL, 0);
	refused(f, "is 0.600 s");
}

static void test_no_scheduler(struct fixture *f, const void *params)
{
	(void)params;
	sql(f, "UPDATE recording SET kernel = NULL");
	ran(f, 1, NO_TIME, 0, 1200000, NULL, 0);
	refused(f, "release");
}

static void test_nothing(struct fixture *f, const void *params)
{
	(void)params;
	refused(f, "nothing");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *path;
		void (*test)(struct fixture *f, const void *params);
	} tests[] = {
		{ "/extract/two-vcpus", test_two_vcpus },
		{ "/extract/figures", test_figures },
		{ "/extract/unknown", test_unknown },
		{ "/extract/loop", test_loop },
		{ "/extract/idle", test_idle },
		{ "/extract/background", test_background },
		{ "/extract/cgroups", test_cgroups },
		{ "/extract/gap", test_gap },
		{ "/extract/too-short", test_too_short },
		{ "/extract/no-scheduler", test_no_scheduler },
		{ "/extract/nothing", test_nothing },
	};

	g_test_init(&argc, &argv, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].path, struct fixture, NULL, setup, tests[i].test, teardown);
	g_test_add("/extract/holder-in-user-mode", struct fixture, GINT_TO_POINTER(false), setup,
		   test_holder_preempted, teardown);
	g_test_add("/extract/holder-in-kernel-mode", struct fixture, GINT_TO_POINTER(true), setup,
		   test_holder_preempted, teardown);
	return g_test_run();
}
