// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/run_keep.h"

#include <cjson/cJSON.h>

#include "replay/policy_spec.h"

static const char *class_of(const struct run_verdict *v)
{
	return v->pick == NO_TARGET ? "no target" : v->observed == NO_TARGET ? "new target" : "other target";
}

static bool keep_policy(sqlite3 *db, const struct run_policy *p, const char *state, GError **error)
{
	g_autoptr(db_stmt) drop = db_prepare(db,
		"DELETE FROM verdict WHERE replay = (SELECT id FROM replay WHERE policy = ? AND parameters = ? AND state = ?)");
	g_autoptr(db_stmt) add = db_prepare(db,
		"INSERT OR REPLACE INTO replay VALUES((SELECT id FROM replay WHERE policy = ?1 AND parameters = ?2 AND "
		"state = ?3),?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14) RETURNING id");
	g_autoptr(db_stmt) verdict = db_prepare_insert(db, "verdict");
	cJSON *parameters = p->policy ? policy_spec_parameters(p->policy, &p->params) : cJSON_CreateObject();
	char *text = cJSON_PrintUnformatted(parameters);
	const int64_t counts[] = {
		p->decisions, p->same_pick, p->different_pick, p->unknown, p->no_target, p->receiver_waits,
		p->receiver_hits, p->attempts_yielded, p->attempts_failed, p->attempts_esrch,
	};
	bool ok;
	int64_t id = 0;

	for (int i = 0; i < 2; i++) {
		sqlite3_stmt *s = i ? add : drop;

		db_bind_text(s, 1, p->name);
		db_bind_text(s, 2, text);
		db_bind_text(s, 3, state);
	}
	for (unsigned int i = 0; i < G_N_ELEMENTS(counts); i++)
		db_bind_int(add, 4 + i, counts[i]);
	db_bind_text(add, 4 + G_N_ELEMENTS(counts), "counterspin " COUNTERSPIN_VERSION);
	ok = db_run(drop, error) && db_next(add, error);
	if (ok)
		id = db_column(add, 0);
	sqlite3_reset(add);
	for (guint i = 0; ok && i < p->verdicts->len; i++) {
		const struct run_verdict *v = &g_array_index(p->verdicts, struct run_verdict, i);

		db_bind_int(verdict, 1, id);
		db_bind_int(verdict, 2, v->decision);
		db_bind_int(verdict, 3, v->pick == NO_TARGET ? DB_NULL : v->pick);
		db_bind_text(verdict, 4, class_of(v));
		db_bind_int(verdict, 5, v->n_attempts);
		ok = db_run(verdict, error);
	}
	cJSON_free(text);
	cJSON_Delete(parameters);
	return ok;
}

static bool keep_fidelity(sqlite3 *db, const struct run *run, enum state_kind k, GError **error)
{
	const struct fidelity *f = &run->fidelity[k];
	g_autoptr(db_stmt) add = db_prepare_insert(db, "fidelity");
	g_autoptr(db_stmt) dis = db_prepare_insert(db, "disagreement");
	const int64_t counts[] = {
		f->compared, f->attempt_lists_equal, f->targets_equal, f->racy, f->unknown,
	};
	bool ok;

	db_bind_text(add, 1, state_kind_names[k]);
	db_bind_text(add, 2, run->recorded_policy->name);
	for (unsigned int i = 0; i < G_N_ELEMENTS(counts); i++)
		db_bind_int(add, 3 + i, counts[i]);
	ok = db_run(add, error);
	for (guint i = 0; ok && i < run->disagreements[k]->len; i++) {
		const struct disagreement *d = &g_array_index(run->disagreements[k], struct disagreement, i);

		db_bind_text(dis, 1, state_kind_names[k]);
		db_bind_int(dis, 2, d->decision);
		db_bind_text(dis, 3, reason_names[d->reason]);
		db_bind_int(dis, 4, d->vcpu_idx < 0 ? DB_NULL : d->vcpu_idx);
		db_bind_int(dis, 5, d->racy);
		ok = db_run(dis, error);
	}
	return ok;
}

static bool keep_outcomes(sqlite3 *db, const struct run *run, GError **error)
{
	static const char *const sources[N_OUTCOME_SOURCES] = {
		[OUTCOME_IMPUTED] = "imputed", [OUTCOME_INFERRED] = "inferred",
	};
	g_autoptr(db_stmt) add = db_prepare_insert(db, "outcome");
	bool ok = true;

	for (guint i = 0; ok && i < run->outcomes->len; i++) {
		const struct run_outcome *o = &g_array_index(run->outcomes, struct run_outcome, i);

		db_bind_int(add, 1, o->decision);
		db_bind_int(add, 2, o->outcome.pick < 0 ? DB_NULL : o->outcome.pick);
		db_bind_text(add, 3, sources[o->outcome.source]);
		db_bind_int(add, 4, o->last_boosted_vcpu < 0 ? DB_NULL : o->last_boosted_vcpu);
		ok = db_run(add, error);
	}
	return ok;
}

bool run_keep(const struct run *run, sqlite3 *db, const char *state, GError **error)
{
	bool ok = db_exec(db, "BEGIN IMMEDIATE; DELETE FROM fidelity; DELETE FROM disagreement; DELETE FROM outcome", error);

	for (guint i = 0; ok && i < run->policies->len; i++)
		ok = keep_policy(db, run->policies->pdata[i], state, error);
	for (unsigned int k = 0; ok && k < N_STATE_KINDS; k++)
		ok = keep_fidelity(db, run, k, error);
	ok = ok && keep_outcomes(db, run, error);
	if (ok && db_exec(db, "COMMIT", error))
		return true;
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}
