// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The timeline's data of a made-up recording: two VMs of two vCPUs each and another thread share
 * CPUs 0 and 1 in turns of 1 ms, from 0 to 400 ms. What it shows is held against SQL.
 */
#include <cjson/cJSON.h>
#include <glib.h>
#include <string.h>

#include "analyze/report/timeline.h"
#include "schema/db.h"
#include "schema/sql.h"

#define HOSTILE "</script><script>alert(1)</script>\\\"\xe2\x80\xa8"

enum { T0 = 5000000, MS = 1000000 };

struct fixture {
	sqlite3 *db;
};

static void sql(struct fixture *f, const char *text)
{
	g_autoptr(GError) error = NULL;

	db_exec(f->db, text, &error);
	g_assert_no_error(error);
}

static void set_up(struct fixture *f, gconstpointer data)
{
	(void)data;
	g_assert_cmpint(sqlite3_open(":memory:", &f->db), ==, SQLITE_OK);
	sql(f, sql_facts);
	sql(f, sql_results);
	sql(f, "INSERT INTO recording VALUES('r', '', 'trace.dat 6', NULL, NULL, 'mono', 'svm', 2, 5000000, 405000000, "
	       "NULL, 0, 0, 0, 0, NULL, 1, 'test');"
	       "INSERT INTO vm VALUES(1, 'a', 1, 2, 'tgid', 1, 0, 1, 0, 0), (2, NULL, 2, 2, 'tgid', 1, 0, 1, 0, 0);"
	       "INSERT INTO vcpu VALUES(1, 1, 0, 0, 0, 0), (2, 1, 1, 1, 0, 0), (3, 2, 0, 0, 0, 0), (4, 2, 1, 1, 0, 0);"
	       "INSERT INTO thread VALUES(1, 101, 1, 'CPU 0/KVM', 1, NULL, 0, 1), (2, 102, 1, 'CPU 1/KVM', 2, NULL, 0, 1), "
	       "(3, 201, 2, 'q', 3, NULL, 0, 1), (4, 202, 2, 'q', 4, NULL, 0, 1), (5, 9, 9, 'rcu', NULL, NULL, 0, 1);"
	       /* each thread runs one turn in five on CPU n % 2, preempted, in a sleep or woken by thread 5 */
	       "WITH RECURSIVE turn(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM turn WHERE n < 399) "
	       "INSERT INTO on_cpu SELECT n + 1, n % 5 + 1, n % 2, iif(n < 5, NULL, 5000000 + n * 1000000 - "
	       "iif(n % 3 = 0, 400000, 4000000)), n % 2, iif(n % 3 = 0, 5, NULL), 5000000 + n * 1000000, "
	       "5000000 + (n + 1) * 1000000, 120, iif((n + 5) % 3 = 0, 'S', 'R'), 1, n % 2, 0, 0 FROM turn;");
	sql(f, "WITH RECURSIVE turn(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM turn WHERE n < 199) "
	       "INSERT INTO decision SELECT n + 1, n % 4 + 1, 5500000 + n * 2000000, iif(n % 7, 5600000 + n * 2000000, NULL), "
	       "n % 2, 'pause', 'probe', 1, 2, NULL, 0, 0, NULL, 0, 1, NULL, iif(n % 3, 1 - n % 2, NULL), 'probe', "
	       "iif(n % 3, 1, NULL), NULL, NULL, NULL, NULL, NULL FROM turn;"
	       "INSERT INTO attempt SELECT id, 0, pick_idx, 1, t_start, t_end, 'probe' FROM decision WHERE pick_idx NOT NULL;"
	       "WITH RECURSIVE turn(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM turn WHERE n < 99) "
	       "INSERT INTO ipi SELECT n + 1, n % 2 + 1, 2 - n % 2, 251, 'fixed', 'none', 'x2apic', 1, 5200000 + n * 4000000, "
	       "5200100 + n * 4000000, iif(n % 5, 5300000 + n * 4000000, NULL), iif(n % 5, 9500000 + n * 4000000, NULL), 1, 0 "
	       "FROM turn;"
	       "INSERT INTO episode VALUES(1, 1, 15000000, 45000000, 40000000, 46000000, 1, 5, 21, 5, 'IPI', 1, 3, 251, 4, "
	       "NULL, 0, 1);"
	       "INSERT INTO gap VALUES(1, 20000000, 21000000, 7, 'overrun'), (NULL, 300000000, 300000001, NULL, 'clock');"
	       "INSERT INTO replay VALUES(1, 'observed', '{}', 'probed', 200, 200, 0, 0, 0, 0, 0, 0, 0, 0, 'test', ''), "
	       "(2, 'ipi-aware', '{\"w\":5}', 'probed', 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'test', '');"
	       "INSERT INTO verdict VALUES(2, 5, NULL, 'no target', 1, 'lost opportunity', 'hit');");
}

static void tear_down(struct fixture *f, gconstpointer data)
{
	(void)data;
	g_assert_cmpint(sqlite3_close(f->db), ==, SQLITE_OK);
}

static void add_moments(struct fixture *f)
{
	sql(f, "INSERT INTO moment VALUES(1, 'longest IPI wait', 1, 1, 5, 13000000, 46000000, 'first'), "
	       "(2, 'lost opportunity', 2, 1, 7, 100500000, 180700000, 'second'), "
	       "(3, 'lost opportunity', 1, 1, 5, 5000000, 405000000, 'all')");
}

/* What explain prints of a decision, abridged: stock picks as the kernel did, ipi-aware nobody if id is odd. */
static void add_explanation(struct fixture *f, int id)
{
	char *text = sqlite3_mprintf("INSERT INTO explanation SELECT id, replace('{\"decision\":%d,"
		"\"yield_to_kernel_mode\":true,\"last_boosted_vcpu\":null,\"nr_running\":%d,\"unacknowledged_receivers\":[1],"
		"\"vcpus\":["
		"{\"vcpu_idx\":0,\"ready\":false,\"preempted\":null,\"dy_eligible\":true,\"known_by\":{\"ready\":\"probed\","
		"\"preempted\":\"unknown\",\"dy_eligible\":\"carried\"},\"racy\":false},"
		"{\"vcpu_idx\":1,\"ready\":true,\"preempted\":true,\"dy_eligible\":false,\"known_by\":{\"ready\":\"probed\","
		"\"preempted\":\"reconstructed\",\"dy_eligible\":\"carried\"},\"racy\":true}],"
		"\"policies\":[{\"name\":\"stock\",\"parameters\":{},\"pick_idx\":PICK,\"certain\":false,\"scan\":["
		"{\"vcpu_idx\":1,\"round\":1,\"step\":\"not ready\",\"certain\":true},"
		"{\"vcpu_idx\":1,\"round\":2,\"step\":\"tried\",\"result\":-3,\"certain\":false}]},"
		"{\"name\":\"ipi-aware\",\"parameters\":{\"w\":5},\"pick_idx\":%s,\"certain\":true,\"scan\":[]}]}', "
		"'PICK', coalesce(pick_idx, 'null')) FROM decision WHERE id = %d", id, id, id % 2 ? "null" : "PICK", id);

	sql(f, text);
	sqlite3_free(text);
}

static cJSON *timeline(struct fixture *f, size_t budget)
{
	g_autoptr(GError) error = NULL;
	cJSON *o = timeline_json(f->db, budget, &error);

	g_assert_no_error(error);
	g_assert_nonnull(o);
	return o;
}

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);

	g_assert_nonnull(item);
	return item;
}

static double number_at(const cJSON *list, int i)
{
	g_assert_true(cJSON_IsNumber(cJSON_GetArrayItem(list, i)));
	return cJSON_GetArrayItem(list, i)->valuedouble;
}

static const char *word(const cJSON *o, const cJSON *number)
{
	g_assert_true(cJSON_IsNumber(number));
	return cJSON_GetStringValue(cJSON_GetArrayItem(get(o, "names"), number->valueint));
}

/* Rows of groups of width values each. */
static int64_t grouped(const cJSON *groups, int width)
{
	int64_t n = 0;
	const cJSON *group;

	cJSON_ArrayForEach(group, groups) {
		g_assert_cmpint(cJSON_GetArraySize(cJSON_GetArrayItem(group, 1)) % width, ==, 0);
		n += cJSON_GetArraySize(cJSON_GetArrayItem(group, 1)) / width;
	}
	return n;
}

static void assert_count(struct fixture *f, int64_t n, const char *from, const cJSON *moment)
{
	g_autofree char *text = g_strdup_printf("SELECT count(*) FROM moment m JOIN %s AND m.id = %d", from,
						get(moment, "id")->valueint);

	g_assert_cmpint(n, >, 0);
	g_assert_cmpint(n, ==, db_value(f->db, text));
}

static void test_counts(struct fixture *f, gconstpointer data)
{
	cJSON *o;
	const cJSON *moment;
	int n = 0;

	(void)data;
	add_moments(f);
	o = timeline(f, 1 << 20);
	cJSON_ArrayForEach(moment, get(o, "moments")) {
		assert_count(f, grouped(get(moment, "run"), 3), "on_cpu x ON x.t0 < m.t1 AND x.t1 > m.t0", moment);
		assert_count(f, grouped(get(moment, "waits"), 4),
			     "vcpu_state x ON x.state <> 'running' AND x.t0 < m.t1 AND x.t1 > m.t0", moment);
		assert_count(f, cJSON_GetArraySize(get(moment, "decisions")), "decision x ON x.t_start >= m.t0 AND "
			     "x.t_start < m.t1 JOIN vcpu v ON v.id = x.vcpu AND v.vm = m.vm", moment);
		g_assert_false(cJSON_IsTrue(get(get(moment, "omitted"), "picture")));
		n++;
		if (get(moment, "vm")->valueint == 1) {
			g_assert_cmpint(cJSON_GetArraySize(get(moment, "ipis")), ==, 0);
			continue;
		}
		assert_count(f, cJSON_GetArraySize(get(moment, "ipis")), "ipi x ON x.t_send < m.t1 AND "
			     "coalesce(x.t_ack, x.t_inject, x.t_accept, x.t_send) >= m.t0", moment);
		assert_count(f, cJSON_GetArraySize(get(moment, "gaps")), "gap x ON x.t0 < m.t1 AND x.t1 >= m.t0", moment);
		g_assert_cmpint(cJSON_GetArraySize(get(moment, "episodes")), ==, 1);
	}
	g_assert_cmpint(n, ==, 3);
	cJSON_Delete(o);
}

/* Times are from the moment's start, also of what began before; the kinds of waits are those of the view. */
static void test_times(struct fixture *f, gconstpointer data)
{
	static const char *const states[] = { "preempted", "preempted", "preempted", "waking", "blocked" };
	const cJSON *moment, *group;
	cJSON *o;

	(void)data;
	add_moments(f);
	o = timeline(f, 1 << 20);
	moment = cJSON_GetArrayItem(get(o, "moments"), 1);
	g_assert_cmpfloat(get(moment, "t0")->valuedouble, ==, 100500000 - T0);
	cJSON_ArrayForEach(group, get(moment, "waits")) {
		int vcpu = number_at(group, 0);
		const cJSON *list = cJSON_GetArrayItem(group, 1);

		for (int i = 0; i < cJSON_GetArraySize(list); i += 4) {
			g_autofree char *text = g_strdup_printf("SELECT count(*) FROM vcpu_state WHERE vcpu = %d AND state = '%s' "
				"AND t0 = %.0f AND t1 - t0 = %.0f", vcpu + 1, states[(int)number_at(list, i)],
				100500000 + number_at(list, i + 1), number_at(list, i + 2));

			g_assert_cmpint(db_value(f->db, text), ==, 1);
		}
	}
	group = cJSON_GetArrayItem(get(moment, "run"), 0);
	g_assert_cmpfloat(number_at(cJSON_GetArrayItem(group, 1), 1), <, 0);
	cJSON_Delete(o);
}

static void test_explanation(struct fixture *f, gconstpointer data)
{
	const cJSON *d, *e;
	cJSON *o;

	(void)data;
	add_moments(f);
	add_explanation(f, 5);
	o = timeline(f, 1 << 20);
	g_assert_cmpint(cJSON_GetArraySize(get(o, "policies")), ==, 2);
	g_assert_cmpstr(cJSON_GetStringValue(cJSON_GetArrayItem(get(o, "states"), 2)), ==, "dy_eligible");
	d = cJSON_GetArrayItem(get(cJSON_GetArrayItem(get(o, "moments"), 0), "decisions"), 0);
	g_assert_cmpfloat(number_at(d, 0), ==, 5);
	g_assert_cmpfloat(number_at(d, 6), ==, 1);
	g_assert_cmpstr(word(o, cJSON_GetArrayItem(d, 5)), ==, "probed");
	g_assert_cmpstr(word(o, cJSON_GetArrayItem(d, 7)), ==, "1+");
	g_assert_cmpstr(word(o, cJSON_GetArrayItem(d, 9)), ==, "1? -");
	g_assert_cmpstr(word(o, cJSON_GetArrayItem(d, 10)), ==, "hit||lost opportunity");
	e = cJSON_GetArrayItem(d, 11);
	g_assert_cmpfloat(number_at(e, 0), ==, 1);
	g_assert_true(cJSON_IsNull(cJSON_GetArrayItem(e, 1)));
	g_assert_cmpfloat(number_at(e, 2), ==, 5);
	g_assert_cmpfloat(number_at(cJSON_GetArrayItem(e, 3), 0), ==, 1);
	/* known by: probed, unknown, carried; what is unknown is '?', vCPU 1 adds reconstructed */
	g_assert_cmpstr(word(o, cJSON_GetArrayItem(cJSON_GetArrayItem(e, 4), 0)), ==, "0?3");
	g_assert_cmpstr(word(o, cJSON_GetArrayItem(cJSON_GetArrayItem(e, 4), 1)), ==, "152!");
	g_assert_cmpstr(word(o, cJSON_GetArrayItem(cJSON_GetArrayItem(e, 5), 0)), ==, "1a/1b!?");
	g_assert_cmpstr(word(o, cJSON_GetArrayItem(cJSON_GetArrayItem(e, 5), 1)), ==, "");
	cJSON_Delete(o);
}

/* Part of its time, or the whole picture, is left out. */
static bool is_cut(const cJSON *moment)
{
	const cJSON *omitted = get(moment, "omitted");

	return cJSON_IsTrue(get(omitted, "picture")) || get(omitted, "ns")->valuedouble > 0;
}

/* What is left of a moment is all of its time: whose decisions, and in which the one to look at first is. */
static void assert_window(struct fixture *f, const cJSON *moment)
{
	double t0 = get(moment, "t0")->valuedouble + T0, t1 = t0 + get(moment, "len")->valuedouble;
	g_autofree char *stretches = g_strdup_printf("on_cpu x ON x.t0 < %.0f AND x.t1 >= %.0f AND x.t0 < m.t1 "
						     "AND x.t1 > m.t0", t1, t0);
	g_autofree char *window = g_strdup_printf("decision x ON x.t_start >= %.0f AND x.t_start < %.0f "
		"JOIN vcpu v ON v.id = x.vcpu AND v.vm = m.vm", t0, t1);
	const cJSON *d, *ipi;
	bool found = false;

	if (cJSON_IsTrue(get(get(moment, "omitted"), "picture")))
		return;
	assert_count(f, cJSON_GetArraySize(get(moment, "decisions")), window, moment);
	assert_count(f, grouped(get(moment, "run"), 3), stretches, moment);
	cJSON_ArrayForEach(ipi, get(moment, "ipis")) {
		g_autofree char *sent = g_strdup_printf("SELECT count(*) FROM ipi WHERE id = %.0f AND t_send = %.0f AND "
			"t_accept = %.0f", number_at(ipi, 0), t0 + number_at(ipi, 5), t0 + number_at(ipi, 6));

		g_assert_cmpint(db_value(f->db, sent), ==, 1);
	}
	cJSON_ArrayForEach(d, get(moment, "decisions"))
		found |= number_at(d, 0) == get(moment, "decision")->valuedouble;
	g_assert_true(found || get(moment, "id")->valueint == 2);	/* whose decision is of another time */
}

static void test_budget(struct fixture *f, gconstpointer data)
{
	static const size_t budgets[] = { 60000, 30000, 20000, 10000, 6000 };
	size_t before = SIZE_MAX;

	(void)data;
	add_moments(f);
	for (int i = 1; i <= 200; i++)
		add_explanation(f, i);
	for (unsigned int i = 0; i < G_N_ELEMENTS(budgets); i++) {
		cJSON *o = timeline(f, budgets[i]);
		char *text = cJSON_PrintUnformatted(o);
		const cJSON *moment;

		g_assert_cmpuint(strlen(text), <=, budgets[i]);
		g_assert_cmpuint(strlen(text), <=, before);
		before = strlen(text);
		cJSON_ArrayForEach(moment, get(o, "moments"))
			assert_window(f, moment);
		/* all are still named; the last gives way before the first does */
		moment = cJSON_GetArrayItem(get(o, "moments"), 2);
		g_assert_cmpstr(cJSON_GetStringValue(get(moment, "what")), ==, "all");
		g_assert_true(is_cut(moment) || !is_cut(cJSON_GetArrayItem(get(o, "moments"), 0)));
		if (i == 0 || i + 1 == G_N_ELEMENTS(budgets))
			g_assert_true(is_cut(moment) == (i > 0));
		cJSON_free(text);
		cJSON_Delete(o);
	}
}

/* What is dropped first is said, and the decision to look at first is explained to the end. */
static void test_omitted(struct fixture *f, gconstpointer data)
{
	const cJSON *last, *d;
	int explained = 0;
	cJSON *o;
	char *text;
	size_t all;

	(void)data;
	add_moments(f);
	for (int i = 1; i <= 200; i++)
		add_explanation(f, i);
	o = timeline(f, 1 << 20);
	text = cJSON_PrintUnformatted(o);
	all = strlen(text);
	cJSON_free(text);
	g_assert_cmpint(get(get(cJSON_GetArrayItem(get(o, "moments"), 2), "omitted"), "explanations")->valueint, ==, 0);
	cJSON_Delete(o);
	o = timeline(f, all - 1);
	last = cJSON_GetArrayItem(get(o, "moments"), 2);
	cJSON_ArrayForEach(d, get(last, "decisions"))
		explained += cJSON_IsArray(cJSON_GetArrayItem(d, 11));
	g_assert_cmpint(get(get(last, "omitted"), "explanations")->valueint, ==,
			cJSON_GetArraySize(get(last, "decisions")) - explained);
	g_assert_cmpint(get(get(last, "omitted"), "explanations")->valueint, >, 0);
	g_assert_cmpint(get(get(cJSON_GetArrayItem(get(o, "moments"), 0), "omitted"), "explanations")->valueint, ==, 0);
	cJSON_ArrayForEach(d, get(last, "decisions"))
		if (number_at(d, 0) == 5)
			g_assert_true(cJSON_IsArray(cJSON_GetArrayItem(d, 11)));
	cJSON_Delete(o);
}

static void test_hostile(struct fixture *f, gconstpointer data)
{
	char *text = sqlite3_mprintf("UPDATE vm SET name = %Q WHERE id = 1; UPDATE thread SET comm = %Q; "
				     "UPDATE explanation SET explain = '{'", HOSTILE, HOSTILE), *printed;
	cJSON *o, *again;

	(void)data;
	add_moments(f);
	add_explanation(f, 5);
	sql(f, text);
	sqlite3_free(text);
	o = timeline(f, 1 << 20);
	printed = cJSON_PrintUnformatted(o);
	again = cJSON_Parse(printed);
	g_assert_true(cJSON_Compare(o, again, true));
	g_assert_cmpstr(cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetArrayItem(get(again, "vms"), 0), 1)), ==, HOSTILE);
	g_assert_cmpstr(cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetArrayItem(get(again, "vms"), 1), 1)), ==, "VM 2");
	g_assert_cmpstr(cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetArrayItem(get(again, "threads"), 0), 1)), ==,
			HOSTILE);
	cJSON_free(printed);
	cJSON_Delete(again);
	cJSON_Delete(o);
}

static void test_nothing(struct fixture *f, gconstpointer data)
{
	cJSON *o;

	(void)data;
	o = timeline(f, TIMELINE_BUDGET);
	g_assert_true(cJSON_IsArray(get(o, "moments")));
	g_assert_cmpint(cJSON_GetArraySize(get(o, "moments")), ==, 0);
	cJSON_Delete(o);
	/* nobody replayed: moments of somebody else's making, without explanations or policies */
	sql(f, "DELETE FROM replay; DELETE FROM verdict; DELETE FROM recording");
	add_moments(f);
	o = timeline(f, TIMELINE_BUDGET);
	g_assert_cmpint(cJSON_GetArraySize(get(o, "moments")), ==, 3);
	g_assert_cmpint(cJSON_GetArraySize(get(o, "policies")), ==, 0);
	cJSON_Delete(o);
}

#define ADD(name) g_test_add("/timeline/" #name, struct fixture, NULL, set_up, test_##name, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD(counts);
	ADD(times);
	ADD(explanation);
	ADD(budget);
	ADD(omitted);
	ADD(hostile);
	ADD(nothing);
	return g_test_run();
}
