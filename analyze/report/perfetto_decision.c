// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/perfetto_decision.h"

#include "analyze/report/reading.h"
#include "schema/db.h"

/* A policy that was replayed, and where its verdicts are at: they are read along with the decisions. */
struct replayed {
	char *label;
	int64_t unknown;	/* decisions of which replay cannot tell, and which have no verdict either */
	sqlite3_stmt *verdicts;
	int64_t decision;	/* of the verdict under way; DB_NULL: there is no more */
};

struct reading {
	struct perfetto_writer *writer;
	GHashTable *tracks;
	GPtrArray *policies;
	int64_t unknown;	/* decisions of which nobody can tell: touched by a gap, or the outcome not known */
};

/* What is known of a yield, first by the recording; and what replay took it to be, which verdicts differ from. */
#define SOURCE_KEPT "CASE WHEN outcome.decision IS NULL THEN d.pick_source ELSE outcome.source END"

static const char decisions_sql[] =
	"SELECT d.id, d.vcpu, d.t_start, d.t_end, d.cpu, d.trigger, d.n_vcpus, d.nr_running, d.result, d.tainted, "
	"coalesce(d.pick_source, outcome.source), "
	"CASE WHEN d.pick_source IS NULL THEN outcome.pick_idx ELSE d.pick_idx END, "
	SOURCE_KEPT ", CASE WHEN outcome.decision IS NULL THEN d.pick_idx ELSE outcome.pick_idx END "
	"FROM decision d LEFT JOIN outcome ON outcome.decision = d.id ORDER BY d.id";

enum {
	ID, VCPU, T_START, T_END, CPU, TRIGGER, N_VCPUS, NR_RUNNING, RESULT, TAINTED, SOURCE, PICK,
	KEPT_SOURCE, KEPT_PICK,
};

static void replayed_free(gpointer data)
{
	struct replayed *r = data;

	sqlite3_finalize(r->verdicts);
	g_free(r->label);
	g_free(r);
}

static bool next_verdict(struct replayed *r, GError **error)
{
	GError *failed = NULL;

	r->decision = db_next(r->verdicts, &failed) ? db_column(r->verdicts, 0) : DB_NULL;
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

static bool read_policies(sqlite3 *db, GPtrArray *policies, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(db,
		"SELECT id, unknown, label FROM replay JOIN policy_label l ON l.replay = id WHERE replay.policy <> 'observed' "
		"ORDER BY id");
	GError *failed = NULL;

	while (!failed && db_next(s, &failed)) {
		struct replayed *r = g_new0(struct replayed, 1);

		r->unknown = db_column(s, 1);
		r->label = reading_word(s, 2);
		r->verdicts = db_prepare(db, "SELECT decision, pick_idx, outcome, observed_outcome FROM verdict "
					     "WHERE replay = ? ORDER BY decision");
		db_bind_int(r->verdicts, 1, db_column(s, 0));
		g_ptr_array_add(policies, r);
		next_verdict(r, &failed);
	}
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

static void say_pick(struct perfetto_writer *w, bool known, int64_t pick)
{
	if (!known)
		perfetto_text(w, "pick_idx", "not known");
	else if (pick == DB_NULL)
		perfetto_text(w, "pick_idx", "nobody");
	else
		perfetto_int(w, "pick_idx", pick);
}

static const char *text(sqlite3_stmt *s, int i)
{
	return (const char *)sqlite3_column_text(s, i);
}

/* The observed outcome is in the verdict of whatever policy has one on this decision. */
static const char *observed_outcome(const struct reading *r, int64_t decision)
{
	for (guint i = 0; i < r->policies->len; i++) {
		const struct replayed *p = r->policies->pdata[i];

		if (p->decision == decision)
			return text(p->verdicts, 3);
	}
	return NULL;
}

/*
 * Where a policy has no verdict it picks what the kernel did, or what it picks is not known. Replay counts
 * the latter and does not say which they are, unless they are all those of which nobody can tell.
 */
static void say_policy(const struct reading *r, const struct replayed *p, sqlite3_stmt *d, bool known,
		       const char *outcome)
{
	struct perfetto_writer *w = r->writer;
	bool differs = p->decision == db_column(d, ID);

	perfetto_dict(w, p->label);
	if (differs) {
		int64_t pick = db_column(p->verdicts, 1);

		say_pick(w, true, pick);
		perfetto_text(w, "outcome", text(p->verdicts, 2));
	} else {
		say_pick(w, known, db_column(d, KEPT_PICK));
		perfetto_text(w, "outcome", known ? outcome : NULL);
		if (known && p->unknown > r->unknown)
			perfetto_text(w, "unless", "not known");
	}
	perfetto_dict_end(w);
}

static void say_decision(const struct reading *r, sqlite3_stmt *d)
{
	struct perfetto_writer *w = r->writer;
	uint64_t *track = g_hash_table_lookup(r->tracks, &(gint64){ db_column(d, VCPU) });
	bool outcome_known = text(d, SOURCE), known = text(d, KEPT_SOURCE) && !db_column(d, TAINTED);
	const char *outcome = observed_outcome(r, db_column(d, ID));
	int64_t pick = db_column(d, PICK), t_end = reading_int(d, T_END);
	char name[64] = "outcome not known";

	if (!track)
		return;
	if (outcome_known && pick == DB_NULL)
		g_strlcpy(name, "yields to nobody", sizeof(name));
	else if (outcome_known)
		g_snprintf(name, sizeof(name), "yields to vCPU %" G_GINT64_FORMAT, pick);
	perfetto_int(w, "decision", db_column(d, ID));
	say_pick(w, outcome_known, pick);
	perfetto_int(w, "result", db_column(d, RESULT));
	perfetto_text(w, "known_by", text(d, SOURCE));
	perfetto_text(w, "outcome", outcome);
	perfetto_int(w, "n_vcpus", db_column(d, N_VCPUS));
	perfetto_int(w, "nr_running", db_column(d, NR_RUNNING));
	perfetto_int(w, "cpu", db_column(d, CPU));
	perfetto_text(w, "trigger", text(d, TRIGGER));
	if (t_end != DB_NULL)
		perfetto_int(w, "took_ns", t_end - reading_time(d, T_START));
	perfetto_int(w, "tainted", db_column(d, TAINTED) ? 1 : DB_NULL);
	for (guint i = 0; i < r->policies->len; i++)
		say_policy(r, r->policies->pdata[i], d, known, outcome);
	perfetto_instant(w, *track, db_column(d, T_START), name);
}

static bool pass_verdicts(const struct reading *r, int64_t decision, GError **error)
{
	for (guint i = 0; i < r->policies->len; i++) {
		struct replayed *p = r->policies->pdata[i];

		while (p->decision != DB_NULL && p->decision <= decision)
			if (!next_verdict(p, error))
				return false;
	}
	return true;
}

bool perfetto_decisions(sqlite3 *db, struct perfetto_writer *writer, GHashTable *tracks, bool (*on_row)(void *user),
			void *user, GError **error)
{
	g_autoptr(GPtrArray) policies = g_ptr_array_new_with_free_func(replayed_free);
	struct reading r = {
		.writer = writer, .tracks = tracks, .policies = policies,
		.unknown = db_value(db, "SELECT count(*) FROM decision d LEFT JOIN outcome ON outcome.decision = d.id "
					"WHERE tainted OR " SOURCE_KEPT " IS NULL"),
	};
	g_autoptr(db_stmt) d = db_prepare(db, decisions_sql);
	GError *failed = NULL;

	if (!read_policies(db, policies, error))
		return false;
	while (db_next(d, &failed)) {
		say_decision(&r, d);
		if (!pass_verdicts(&r, db_column(d, ID), &failed) || !on_row(user))
			break;
	}
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}
