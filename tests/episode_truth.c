// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * episode_truth - episodes as they are inferred, against the guests' own account of
 * what they waited for at each PAUSE (lab/README).
 *
 * usage: episode_truth DB RECORDING	beside it RECORDING.truth.json and RECORDING.pauselog.vmN
 *
 * Prints NAME=VALUE a line; shares are in percent, of what the name's first word
 * counts, and 'none' of nothing. Record k of a vCPU is about its decision k.
 *
 *	episodes		all but the tainted
 *	mixed			of episodes: they hold records of more than one wait
 *	split			of episodes: they go on with the wait of the one before. A wait
 *				for IPIs ends where the vCPU sends again; a lock's seems to go on
 *				while its holder and the tickets ahead stay the same
 *	ipi_waits		episodes that begin as a wait for answers
 *	ipi_found		of these: called a wait for an IPI
 *	ipi_receivers		of the found: its unblocker had not answered at the last PAUSE
 *	ipi_false		of episodes called a wait for an IPI: they are none
 *	lock_waits		episodes that begin as a wait for a lock
 *	lock_ipi		of these: called a wait for an IPI
 *	lock_conf_N		of these: with confidence N, and a holder for 1 and 2
 *	lock_conf_N_right	of those: it held the lock at the last PAUSE
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "replay/run.h"
#include "tests/lab/guest.h"

struct log {
	struct pause_record *records;
	gsize n;
};

struct counts {
	guint episodes, mixed, split;
	guint ipi_waits, ipi_found, ipi_receivers, ipi_called, ipi_false;
	guint lock_waits, lock_ipi, lock[4], lock_right[4];
};

G_GNUC_NORETURN static void fail(const char *what, const char *why)
{
	fprintf(stderr, "episode_truth: %s: %s\n", what, why);
	exit(1);
}

static cJSON *read_json(const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	cJSON *json = g_file_get_contents(path, &text, NULL, &error) ? cJSON_Parse(text) : NULL;

	if (!json)
		fail(path, error ? error->message : "no JSON");
	return json;
}

/* The log of one VM, all of vCPU 0, then all of vCPU 1, ..., to logs by vcpu.id. */
static void take_log(const struct recorded *r, unsigned int vm, const char *path, struct log *logs,
		     GPtrArray *files)
{
	g_autoptr(GError) error = NULL;
	struct pause_record *records;
	gsize size;

	if (!g_file_get_contents(path, (char **)&records, &size, &error))
		fail(path, error->message);
	g_ptr_array_add(files, records);
	for (gsize i = 0; i < size / sizeof(*records); i++) {
		unsigned int idx = records[i].vcpu;
		unsigned int vcpu = idx < r->vms[vm].n_vcpus ? r->vms[vm].vcpus[idx] : 0;

		if (!vcpu)
			fail(path, "a vCPU that was not recorded");
		if (!logs[vcpu].n++)
			logs[vcpu].records = records + i;
	}
}

/* files is what is to be freed after logs. */
static void take_logs(const struct recorded *r, const char *recording, struct log *logs,
		      GPtrArray *files)
{
	g_autofree char *truth = g_strdup_printf("%s.truth.json", recording);
	g_autoptr(db_stmt) s = db_prepare(r->db, "SELECT tgid FROM vm ORDER BY id");
	cJSON *json = read_json(truth), *row;

	for (unsigned int vm = 0; db_next(s, NULL); vm++) {
		unsigned int n = 0;

		cJSON_ArrayForEach(row, cJSON_GetObjectItem(json, "vms")) {
			g_autofree char *path = g_strdup_printf("%s.pauselog.vm%u", recording, n++);
			const cJSON *pid = cJSON_GetObjectItem(row, "pid");

			if (cJSON_GetNumberValue(pid) == db_column(s, 0))
				take_log(r, vm, path, logs, files);
		}
	}
	cJSON_Delete(json);
}

static bool is_for_ipi(const struct pause_record *r)
{
	return r->op == OP_ipi || r->op == OP_multi || r->op == OP_bcast || r->op == OP_pvipi ||
	       (r->op == OP_lockipi && !r->queue);
}

/* Did the vCPU send something that it then waits for between two of its decisions? */
static bool sent_between(const struct episodes *e, const struct scored *d1, const struct scored *d2)
{
	int i = sends_before(e->sends, d2->vcpu, d2->t), first = e->sends->first[d2->vcpu];

	while (i >= first && send_at(e->sends, i)->vector == VECTOR_RESCHED)
		i--;
	return i >= first && send_at(e->sends, i)->t_last > d1->t;
}

/* Are two records of one vCPU, one after the other, of the same wait, as far as they tell? */
static bool same_wait(const struct episodes *e, const struct pause_record *records, guint first,
		      guint k)
{
	const struct scored *d1 = scored_at(e->scores, e->order[first + k]);
	const struct scored *d2 = scored_at(e->scores, e->order[first + k + 1]);
	const struct pause_record *a = &records[k], *b = a + 1;

	if (a->op != b->op || is_for_ipi(a) != is_for_ipi(b))
		return false;
	if (is_for_ipi(a))
		return !(b->mask & ~a->mask) && !sent_between(e, d1, d2);
	return b->queue < a->queue || (b->queue == a->queue && b->blocker == a->blocker);
}

static void count(struct counts *c, const struct episodes *e, const struct episode *ep,
		  const struct pause_record *records)
{
	guint first = e->first[ep->vcpu], begin = ep->first - first, end = begin + ep->n;
	const struct pause_record *last = &records[end - 1];
	unsigned int confidence = MIN(ep->confidence, 3);
	bool called = ep->cause == CAUSE_IPI, one = true;

	for (guint k = begin; k + 1 < end; k++)
		one &= same_wait(e, records, first, k);
	c->episodes++;
	c->mixed += !one;
	c->split += begin && records[begin - 1].queue == records[begin].queue &&
		    same_wait(e, records, first, begin - 1);
	c->ipi_called += called;
	c->ipi_false += called && !is_for_ipi(&records[begin]);
	if (is_for_ipi(&records[begin])) {
		c->ipi_waits++;
		c->ipi_found += called;
		c->ipi_receivers += called && last->mask >> ep->unblocker & 1;
		return;
	}
	c->lock_waits++;
	c->lock_ipi += called;
	c->lock[confidence] += !called;
	c->lock_right[confidence] += !called && ep->unblocker == last->blocker;
}

static void print(const char *name, guint n, guint of)
{
	if (of)
		printf("%s=%.2f\n", name, 100.0 * n / of);
	else
		printf("%s=none\n", name);
}

static void print_all(const struct counts *c)
{
	printf("episodes=%u\n", c->episodes);
	print("mixed", c->mixed, c->episodes);
	print("split", c->split, c->episodes);
	printf("ipi_waits=%u\n", c->ipi_waits);
	print("ipi_found", c->ipi_found, c->ipi_waits);
	print("ipi_receivers", c->ipi_receivers, c->ipi_found);
	print("ipi_false", c->ipi_false, c->ipi_called);
	printf("lock_waits=%u\n", c->lock_waits);
	print("lock_ipi", c->lock_ipi, c->lock_waits);
	for (int confidence = 2; confidence >= 0; confidence--) {
		g_autofree char *name = g_strdup_printf("lock_conf_%d", confidence);
		g_autofree char *right = g_strdup_printf("%s_right", name);

		print(name, c->lock[confidence], c->lock_waits);
		if (confidence)
			print(right, c->lock_right[confidence], c->lock[confidence]);
	}
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(sqlite3) db = argc == 3 ? db_open(argv[1], &error) : NULL;
	struct recorded *r = db ? recorded_open(db, &error) : NULL;
	struct run *run = r ? run_new(r, STATE_PROBED) : NULL;
	struct timeline *tl = run && run_execute(run, r, &error) ? timeline_load(r, &error) : NULL;
	struct sends *sends = tl ? sends_load(r, tl, &error) : NULL;
	struct counts counts = { 0 };
	struct episodes *e;
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	g_autofree struct log *logs = NULL;

	if (!sends)
		fail(argc == 3 ? argv[1] : "usage",
		     error ? error->message : "episode_truth DB RECORDING");
	e = episodes_find(run->scores, tl, sends);
	logs = g_new0(struct log, r->n_vcpus + 1);
	take_logs(r, argv[2], logs, files);
	for (unsigned int v = 1; v <= r->n_vcpus; v++)
		if (logs[v].n != e->first[v + 1] - e->first[v])
			fail(argv[2], "the log and the recording are not of the same PAUSEs");
	for (guint i = 0; i < e->list->len; i++)
		if (!episode_at(e, i)->tainted)
			count(&counts, e, episode_at(e, i), logs[episode_at(e, i)->vcpu].records);
	print_all(&counts);
	episodes_free(e);
	sends_free(sends);
	timeline_free(tl);
	run_free(run);
	recorded_free(r);
	return 0;
}
