// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the top: moments; the pCPUs; each VM with its vCPUs; what was lost. First all tracks, then the
 * events of each kind in the order of time, as the database yields them.
 */
#include "analyze/report/perfetto.h"

#include "analyze/report/perfetto_decision.h"
#include "analyze/report/perfetto_writer.h"
#include "analyze/report/reading.h"
#include "schema/db.h"
#include "schema/progress.h"

enum { SECOND_NS = 1000000000, ROWS_BETWEEN_LOOKS = 4096 };

struct export {
	sqlite3 *db;
	struct output *output;
	struct perfetto_writer *writer;
	uint64_t root, all_cpus, all_lost;
	struct perfetto_lanes *moments;
	/* by id (int64_t): groups and tracks are uint64_t, tracks for slices perfetto_lanes */
	GHashTable *vms, *pauses, *cpus, *states, *waits, *decisions, *ipis, *lost;
	int64_t t0, t1;		/* of what there is to show */
	/* the send that is being put together; send is what tells it from others, NULL: none is */
	char *send, *send_name;
	uint64_t send_track;
	int64_t send_t;
	int64_t counted_vm, counted_to;	/* PAUSE exits so far: until when */
	uint64_t rows;
};

static const char *text(sqlite3_stmt *s, int i)
{
	return (const char *)sqlite3_column_text(s, i);
}

static gpointer of(GHashTable *tracks, int64_t id)
{
	return g_hash_table_lookup(tracks, &id);
}

static void keep(GHashTable *tracks, int64_t id, gpointer track)
{
	g_hash_table_insert(tracks, g_memdup2(&id, sizeof(id)), track);
}

static void keep_track(GHashTable *tracks, int64_t id, uint64_t track)
{
	keep(tracks, id, g_memdup2(&track, sizeof(track)));
}

static uint64_t track_of(GHashTable *tracks, int64_t id)
{
	uint64_t *track = of(tracks, id);

	return track ? *track : 0;
}

/* A row has been seen to. False: to write more would be in vain. */
static bool row_done(void *user)
{
	struct export *x = user;

	if (++x->rows % ROWS_BETWEEN_LOOKS)
		return true;
	progress_show(x->rows);
	return !output_failed(x->output);
}

/* --- tracks */

static void add_moments(struct export *x, sqlite3_stmt *s)
{
	(void)s;
	x->moments = perfetto_lanes(x->writer, "moments", x->root);
}

static void add_cpu(struct export *x, sqlite3_stmt *s)
{
	g_autofree char *name = g_strdup_printf("CPU %s", text(s, 0));

	if (!x->all_cpus)
		x->all_cpus = perfetto_group(x->writer, "pCPUs", x->root);
	keep(x->cpus, db_column(s, 0), perfetto_lanes(x->writer, name, x->all_cpus));
}

static void add_vm(struct export *x, sqlite3_stmt *s)
{
	uint64_t group = perfetto_group(x->writer, text(s, 1), x->root);

	keep_track(x->vms, db_column(s, 0), group);
	keep_track(x->pauses, db_column(s, 0),
		   perfetto_counter_track(x->writer, "PAUSE exits, by the second", group));
}

/* What its thread does, and below that what the guest is after. */
static void add_vcpu(struct export *x, sqlite3_stmt *s)
{
	int64_t vcpu = db_column(s, 0);
	g_autofree char *name = g_strdup_printf("vCPU %s", text(s, 1));
	uint64_t group = perfetto_group(x->writer, name, track_of(x->vms, db_column(s, 2)));

	keep(x->states, vcpu, perfetto_lanes(x->writer, "state", group));
	keep(x->waits, vcpu, perfetto_lanes(x->writer, "waits", group));
	keep_track(x->decisions, vcpu, perfetto_track(x->writer, "decisions", group));
	keep_track(x->ipis, vcpu, perfetto_track(x->writer, "IPIs", group));
}

/* CPU -1 stands for all. */
static void add_lost(struct export *x, sqlite3_stmt *s)
{
	if (!x->all_lost)
		x->all_lost = perfetto_group(x->writer, "lost", x->root);
	keep(x->lost, db_column(s, 0), perfetto_lanes(x->writer, text(s, 1), x->all_lost));
}

/* --- events */

static void say_moment(struct export *x, sqlite3_stmt *s)
{
	perfetto_text(x->writer, "what", text(s, 3));
	perfetto_int(x->writer, "decision", db_column(s, 4));
	perfetto_slice(x->writer, x->moments, db_column(s, 0), db_column(s, 1), text(s, 2));
}

static void say_stretch(struct export *x, sqlite3_stmt *s)
{
	struct perfetto_lanes *cpu = of(x->cpus, db_column(s, 0));

	perfetto_int(x->writer, "tid", db_column(s, 4));
	perfetto_text(x->writer, "why", text(s, 5));
	perfetto_int(x->writer, "prio", db_column(s, 6));
	perfetto_int(x->writer, "guest_ns", db_column(s, 7));
	perfetto_int(x->writer, "n_exit", db_column(s, 8));
	perfetto_slice(x->writer, cpu, db_column(s, 1), db_column(s, 2), text(s, 3));
}

static void say_state(struct export *x, sqlite3_stmt *s)
{
	struct perfetto_lanes *vcpu = of(x->states, db_column(s, 0));

	if (!vcpu)
		return;
	perfetto_int(x->writer, "cpu", db_column(s, 4));
	perfetto_slice(x->writer, vcpu, db_column(s, 1), db_column(s, 2), text(s, 3));
}

/* "waits for vCPU 3 (IPI 251)" */
static void say_episode(struct export *x, sqlite3_stmt *s)
{
	struct perfetto_lanes *vcpu = of(x->waits, db_column(s, 0));
	const char *cause = text(s, 3), *unblocker = text(s, 4), *vector = text(s, 5);
	g_autofree char *name = g_strdup_printf("waits%s%s (%s%s%s)", unblocker ? " for vCPU " : "",
						unblocker ? unblocker : "", cause, vector ? " " : "",
						vector ? vector : "");

	if (!vcpu)
		return;
	perfetto_int(x->writer, "episode", db_column(s, 6));
	perfetto_text(x->writer, "cause", cause);
	perfetto_int(x->writer, "unblocker_idx", db_column(s, 4));
	perfetto_int(x->writer, "confidence", db_column(s, 7));
	perfetto_int(x->writer, "spin_ns", db_column(s, 8));
	perfetto_int(x->writer, "n_decisions", db_column(s, 9));
	perfetto_int(x->writer, "tainted", db_column(s, 10) ? 1 : DB_NULL);
	perfetto_slice(x->writer, vcpu, db_column(s, 1), db_column(s, 2), name);
}

/* Columns of the statement that yields both ends of each edge, below. */
enum {
	IPI_T, IPI_RECEIVED, IPI_VCPU, IPI_SEND, IPI_ID, IPI_VECTOR, IPI_MODE, IPI_SHORTHAND, IPI_PATH, IPI_N_RECEIVERS,
	IPI_ACCEPT_NS, IPI_INJECT_NS, IPI_ACK_NS, IPI_TAINTED, IPI_RECEIVER, IPI_SENDER_IDX,
};

/* The mark of the send under way has all its arrows. */
static void end_send(struct export *x)
{
	if (x->send)
		perfetto_instant(x->writer, x->send_track, x->send_t, x->send_name);
	g_clear_pointer(&x->send, g_free);
	g_clear_pointer(&x->send_name, g_free);
}

static void say_send(struct export *x, sqlite3_stmt *s)
{
	if (g_strcmp0(x->send, text(s, IPI_SEND))) {
		end_send(x);
		x->send = g_strdup(text(s, IPI_SEND));
		x->send_name = g_strdup_printf("sends IPI %s", text(s, IPI_VECTOR));
		x->send_track = track_of(x->ipis, db_column(s, IPI_VCPU));
		x->send_t = db_column(s, IPI_T);
		perfetto_text(x->writer, "mode", text(s, IPI_MODE));
		perfetto_text(x->writer, "shorthand", text(s, IPI_SHORTHAND));
		perfetto_text(x->writer, "path", text(s, IPI_PATH));
		perfetto_int(x->writer, "n_receivers", db_column(s, IPI_N_RECEIVERS));
	}
	if (db_column(s, IPI_RECEIVER) != DB_NULL)
		perfetto_flow_begins(x->writer, db_column(s, IPI_ID));
}

/* At the receiver: where the interrupt got into the guest, or else was accepted. */
static void say_receipt(struct export *x, sqlite3_stmt *s)
{
	g_autofree char *name = g_strdup_printf("IPI %s from vCPU %s", text(s, IPI_VECTOR), text(s, IPI_SENDER_IDX));

	end_send(x);
	perfetto_int(x->writer, "ipi", db_column(s, IPI_ID));
	perfetto_int(x->writer, "accept_ns", db_column(s, IPI_ACCEPT_NS));
	perfetto_int(x->writer, "inject_ns", db_column(s, IPI_INJECT_NS));
	perfetto_int(x->writer, "ack_ns", db_column(s, IPI_ACK_NS));
	perfetto_int(x->writer, "tainted", db_column(s, IPI_TAINTED) ? 1 : DB_NULL);
	perfetto_flow_ends(x->writer, db_column(s, IPI_ID));
	perfetto_instant(x->writer, track_of(x->ipis, db_column(s, IPI_VCPU)), db_column(s, IPI_T), name);
}

/* Both ends of each edge; at one time a send comes first, for arrows lead on in the order of the file. */
static void say_ipi(struct export *x, sqlite3_stmt *s)
{
	if (db_column(s, IPI_RECEIVED))
		say_receipt(x, s);
	else
		say_send(x, s);
}

static void say_gap(struct export *x, sqlite3_stmt *s)
{
	struct perfetto_lanes *cpu = of(x->lost, db_column(s, 0));

	perfetto_int(x->writer, "events", db_column(s, 4));
	perfetto_slice(x->writer, cpu, db_column(s, 1), db_column(s, 2), text(s, 3));
}

/* A second without any is a 0, and so is the time after the last. */
static void count_to(struct export *x, int64_t t)
{
	uint64_t track = track_of(x->pauses, x->counted_vm);

	if (track && x->counted_to < t)
		perfetto_count(x->writer, track, x->counted_to, 0);
}

static void say_pauses(struct export *x, sqlite3_stmt *s)
{
	int64_t vm = db_column(s, 0), t = CLAMP(reading_time(s, 1), x->t0, x->t1);

	if (vm != x->counted_vm) {
		count_to(x, x->t1);
		x->counted_vm = vm;
		x->counted_to = x->t0;
	}
	count_to(x, t);
	perfetto_count(x->writer, track_of(x->pauses, vm), t, db_column(s, 2));
	x->counted_to = MIN(reading_time(s, 1) + SECOND_NS, x->t1);
}

static const struct part {
	const char *sql;
	void (*say)(struct export *export, sqlite3_stmt *row);
} parts[] = {
	{ "SELECT 1 FROM moment LIMIT 1", add_moments },
	{ "SELECT DISTINCT cpu FROM on_cpu ORDER BY cpu", add_cpu },
	{ "SELECT vm, label FROM vm_label ORDER BY vm", add_vm },
	{ "SELECT id, vcpu_idx, vm FROM vcpu ORDER BY vm, vcpu_idx", add_vcpu },
	{ "SELECT DISTINCT coalesce(cpu, -1) AS c, CASE WHEN cpu IS NULL THEN 'all CPUs' ELSE 'CPU ' || cpu END "
	  "FROM gap ORDER BY c", add_lost },
	{ "SELECT t0, t1, kind, what, decision FROM moment ORDER BY t0, id", say_moment },
	{ "SELECT cpu, o.t0, o.t1, CASE WHEN vcpu.id IS NULL THEN coalesce(comm, 'thread') || ' ' || tid "
	  "ELSE label || ' vCPU ' || vcpu.vcpu_idx END, tid, why, prio, "
	  "CASE WHEN vcpu.id NOT NULL THEN guest_ns END, CASE WHEN vcpu.id NOT NULL THEN n_exit END "
	  "FROM on_cpu o JOIN thread ON thread.id = o.thread LEFT JOIN vcpu ON vcpu.id = thread.vcpu "
	  "LEFT JOIN vm_label USING (vm) ORDER BY o.t0, o.id", say_stretch },
	{ "SELECT vcpu, t0, t1, state, cpu FROM vcpu_state ORDER BY t0, vcpu, t1", say_state },
	{ "SELECT vcpu, t0, t1, cause, unblocker_idx, vector, id, confidence, spin_ns, n_decisions, tainted "
	  "FROM episode ORDER BY t0, id", say_episode },
	{ "SELECT t_send AS t, 0 AS received, sender AS vcpu, "
	  "t_send || ' ' || sender || ' ' || vector || ' ' || mode || ' ' || shorthand || ' ' || path AS send, "
	  "id, vector, mode, shorthand, path, n_receivers, NULL, NULL, NULL, NULL, receiver, NULL FROM ipi "
	  "UNION ALL "
	  "SELECT max(t_send, coalesce(t_inject, t_accept, t_send)), 1, receiver, NULL, "
	  "ipi.id, vector, NULL, NULL, NULL, NULL, t_accept - t_send, t_inject - t_send, t_ack - t_send, tainted, "
	  "NULL, vcpu_idx FROM ipi JOIN vcpu ON vcpu.id = sender WHERE receiver NOT NULL "
	  "ORDER BY t, received, send, ipi.id", say_ipi },
	{ "SELECT coalesce(cpu, -1), t0, t1, why, events FROM gap ORDER BY t0, t1, cpu, why", say_gap },
	/* exit_reason: PAUSE_INSTRUCTION of VMX, PAUSE of SVM */
	{ "SELECT vcpu.vm, recording.t0 + second * 1000000000, sum(n) FROM exit_stat JOIN vcpu ON vcpu.id = vcpu "
	  "JOIN recording WHERE exit_reason = CASE isa WHEN 'vmx' THEN 40 WHEN 'svm' THEN 119 END "
	  "GROUP BY vcpu.vm, second ORDER BY vcpu.vm, second", say_pauses },
};

static bool write_part(struct export *x, const struct part *part, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(x->db, part->sql);
	GError *failed = NULL;

	while (db_next(s, &failed)) {
		part->say(x, s);
		if (!row_done(x))
			break;
	}
	end_send(x);
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

static bool write_parts(struct export *x, GError **error)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(parts) && !output_failed(x->output); i++)
		if (!write_part(x, &parts[i], error))
			return false;
	count_to(x, x->t1);
	return perfetto_decisions(x->db, x->writer, x->decisions, row_done, x, error);
}

static bool begin(struct export *x, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(x->db,
		"SELECT clock, t0, CASE WHEN realtime_offset NOT NULL THEN t0 + realtime_offset END, path, "
		"min(t0, coalesce((SELECT min(t0) FROM on_cpu), t0)), t1 FROM recording");
	g_autofree char *name = NULL;

	if (!db_next(s, error)) {
		if (!*error)
			g_set_error(error, DB_ERROR, 0, "the database holds no recording");
		return false;
	}
	x->t0 = reading_time(s, 4);
	x->t1 = reading_time(s, 5);
	x->writer = perfetto_writer_new(x->output, text(s, 0), db_column(s, 1), db_column(s, 2));
	name = g_strdup_printf("counterspin: %s", text(s, 3));
	x->root = perfetto_group(x->writer, name, 0);
	return true;
}

bool perfetto_export(sqlite3 *db, struct output *output, GError **error)
{
	struct export x = { .db = db, .output = output, .counted_vm = DB_NULL };
	const struct {
		GHashTable **table;
		GDestroyNotify free;	/* lanes belong to the writer */
	} tables[] = {
		{ &x.vms, g_free }, { &x.pauses, g_free }, { &x.decisions, g_free }, { &x.ipis, g_free },
		{ &x.cpus }, { &x.states }, { &x.waits }, { &x.lost },
	};
	GError *failed = NULL;
	bool ok;

	for (unsigned int i = 0; i < G_N_ELEMENTS(tables); i++)
		*tables[i].table = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, tables[i].free);
	/* a stretch is a row of table on_cpu and more than one of the view vcpu_state, an edge has two ends */
	progress_begin("writing rows",
		       db_value(db, "SELECT (SELECT count(*) FROM on_cpu) * 2 + (SELECT count(*) FROM ipi) * 2 + "
				    "(SELECT count(*) FROM decision) + (SELECT count(*) FROM episode)"));
	ok = begin(&x, &failed) && write_parts(&x, &failed);
	progress_end();
	if (failed)
		g_propagate_error(error, failed);
	for (unsigned int i = 0; i < G_N_ELEMENTS(tables); i++)
		g_hash_table_unref(*tables[i].table);
	perfetto_writer_free(x.writer);
	g_free(x.send);
	g_free(x.send_name);
	return ok;
}
