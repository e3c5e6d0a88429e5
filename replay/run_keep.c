// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/run_keep.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "replay/policy_defaults.h"
#include "replay/policy_spec.h"
#include "replay/run_keep_moments.h"
#include "replay/run_keep_observed.h"

static const char *class_of(const struct run_verdict *v)
{
	return v->pick == NO_TARGET ? "no target" : v->observed == NO_TARGET ? "new target" : "other target";
}

static bool keep_verdicts(sqlite3 *db, const struct run_policy *p, int64_t replay, GError **error)
{
	g_autoptr(db_stmt) verdict = db_prepare_insert(db, "verdict");
	bool ok = true;

	for (guint i = 0; ok && i < p->verdicts->len; i++) {
		const struct run_verdict *v = &g_array_index(p->verdicts, struct run_verdict, i);

		db_bind_int(verdict, 1, replay);
		db_bind_int(verdict, 2, v->decision);
		db_bind_int(verdict, 3, v->pick == NO_TARGET ? DB_NULL : v->pick);
		db_bind_text(verdict, 4, class_of(v));
		db_bind_int(verdict, 5, v->n_attempts);
		for (unsigned int k = 0; k < N_PICKERS; k++)
			db_bind_text(verdict, 6 + k, v->outcomes[k] == OUTCOME_CLASS_UNKNOWN ? NULL :
				     outcome_class_names[v->outcomes[k]]);
		ok = db_run(verdict, error);
	}
	return ok;
}

static bool keep_gains(sqlite3 *db, const struct run *run, const struct run_policy *p, int64_t replay, GError **error)
{
	const struct evidence *ev = run->evidence;
	g_autoptr(db_stmt) add = db_prepare_insert(db, "episode_gain");
	bool ok = true;

	for (guint i = 0; ok && i < ev->episodes->list->len; i++) {
		const struct episode_gain *g = &p->gains->gains[i];

		if (ev->cells[i] < 0 || g->decision < 0)
			continue;
		db_bind_int(add, 1, replay);
		db_bind_int(add, 2, i + 1);
		db_bind_int(add, 3, scored_at(ev->scores, episode_decision(ev->episodes, episode_at(ev->episodes, i),
									  g->decision))->id);
		db_bind_text(add, 4, gain_class_names[g->class]);
		db_bind_real(add, 5, g->wall_ns);
		db_bind_real(add, 6, g->spin_ns);
		ok = db_run(add, error);
	}
	return ok;
}

static bool keep_estimates(sqlite3 *db, const struct run_policy *p, int64_t replay, GError **error)
{
	g_autoptr(db_stmt) add = db_prepare_insert(db, "estimate");
	bool ok = true;

	for (unsigned int m = 0; ok && m < N_METRICS; m++) {
		const struct estimate *e = &p->estimates[m];
		const double figures[] = {
			e->value, e->statistical[0], e->statistical[1], e->total[0], e->total[1], e->bounds[0],
			e->bounds[1], e->support,
		};

		db_bind_int(add, 1, replay);
		db_bind_text(add, 2, metric_infos[m].name);
		db_bind_text(add, 3, metric_infos[m].unit);
		db_bind_text(add, 4, metric_infos[m].method);
		for (unsigned int i = 0; i < G_N_ELEMENTS(figures); i++)
			db_bind_real(add, 5 + i, figures[i]);
		db_bind_text(add, 5 + G_N_ELEMENTS(figures), verdict_names[e->verdict]);
		db_bind_text(add, 6 + G_N_ELEMENTS(figures), e->reason);
		ok = db_run(add, error);
	}
	return ok;
}

/* What an earlier run of the same has left. */
static bool drop_policy(sqlite3 *db, const char *name, const char *parameters, const char *state, GError **error)
{
	static const char *const tables[] = { "verdict", "episode_gain", "estimate" };
	bool ok = true;

	for (unsigned int i = 0; ok && i < G_N_ELEMENTS(tables); i++) {
		g_autofree char *sql = g_strdup_printf("DELETE FROM %s WHERE replay = (SELECT id FROM replay "
						       "WHERE policy = ? AND parameters = ? AND state = ?)", tables[i]);
		g_autoptr(db_stmt) drop = db_prepare(db, sql);

		db_bind_text(drop, 1, name);
		db_bind_text(drop, 2, parameters);
		db_bind_text(drop, 3, state);
		ok = db_run(drop, error);
	}
	return ok;
}

static bool keep_policy(sqlite3 *db, const struct run *run, const struct run_policy *p, const char *state,
			GError **error)
{
	g_autoptr(db_stmt) add = db_prepare(db,
		"INSERT OR REPLACE INTO replay VALUES((SELECT id FROM replay WHERE policy = ?1 AND parameters = ?2 AND "
		"state = ?3),?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15) RETURNING id");
	cJSON *parameters = p->policy ? policy_spec_parameters(p->policy, &p->params) : cJSON_CreateObject();
	char *text = cJSON_PrintUnformatted(parameters);
	const int64_t counts[] = {
		p->decisions, p->same_pick, p->different_pick, p->unknown, p->no_target, p->receiver_waits,
		p->receiver_hits, p->attempts_yielded, p->attempts_failed, p->attempts_esrch,
	};
	bool ok;
	int64_t id = 0;

	db_bind_text(add, 1, p->name);
	db_bind_text(add, 2, text);
	db_bind_text(add, 3, state);
	for (unsigned int i = 0; i < G_N_ELEMENTS(counts); i++)
		db_bind_int(add, 4 + i, counts[i]);
	db_bind_text(add, 4 + G_N_ELEMENTS(counts), "counterspin " COUNTERSPIN_VERSION);
	db_bind_text(add, 5 + G_N_ELEMENTS(counts), p->policy ? p->policy->summary : "what the kernel did");
	ok = drop_policy(db, p->name, text, state, error) && db_next(add, error);
	if (ok)
		id = db_column(add, 0);
	sqlite3_reset(add);
	ok = ok && keep_verdicts(db, p, id, error) && keep_gains(db, run, p, id, error) &&
	     keep_estimates(db, p, id, error);
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

static bool keep_episodes(sqlite3 *db, const struct run *run, GError **error)
{
	const struct episodes *e = run->evidence->episodes;
	g_autoptr(db_stmt) add = db_prepare_insert(db, "episode");
	bool ok = true;

	for (guint i = 0; ok && i < e->list->len; i++) {
		const struct episode *ep = episode_at(e, i);
		const struct send *send = ep->send >= 0 ? send_at(e->sends, ep->send) : NULL;
		const struct edge *edge = NULL;
		int64_t answered;
		bool vague;

		if (send)
			edge = send_answered(e, send, false, &answered, &vague);
		const int64_t row[] = {
			i + 1, ep->vcpu, ep->s, ep->end, ep->lo, ep->hi, ep->spin,
			scored_at(e->scores, episode_decision(e, ep, 0))->id,
			scored_at(e->scores, episode_decision(e, ep, ep->n - 1))->id, ep->n,
		};
		for (unsigned int c = 0; c < G_N_ELEMENTS(row); c++)
			db_bind_int(add, 1 + c, row[c]);
		db_bind_text(add, 11, cause_names[ep->cause]);
		db_bind_int(add, 12, ep->unblocker < 0 ? DB_NULL : ep->unblocker);
		db_bind_int(add, 13, ep->confidence);
		db_bind_int(add, 14, send ? send->vector : DB_NULL);
		db_bind_int(add, 15, edge ? edge->ipi : DB_NULL);
		db_bind_int(add, 16, ep->parent < 0 ? DB_NULL : ep->parent + 1);
		db_bind_int(add, 17, ep->tainted);
		db_bind_int(add, 18, run->evidence->cells[i] >= 0);
		ok = db_run(add, error);
	}
	return ok;
}

static bool keep_vectors(sqlite3 *db, const struct run *run, GError **error)
{
	const struct episodes *e = run->evidence->episodes;
	g_autoptr(db_stmt) add = db_prepare_insert(db, "ipi_vector");
	bool ok = true;

	for (guint i = 0; ok && i < e->vectors->len; i++) {
		const struct ipi_vector *v = &g_array_index(e->vectors, struct ipi_vector, i);
		double waited = ipi_vector_waited(e, v->vm, v->vector);

		db_bind_int(add, 1, e->scores->recorded->vms[v->vm].id);
		db_bind_int(add, 2, v->vector);
		db_bind_int(add, 3, v->visible);
		db_bind_int(add, 4, v->waited);
		db_bind_real(add, 5, waited < 0 ? NAN : waited);
		ok = db_run(add, error);
	}
	return ok;
}

bool run_keep(struct run *run, sqlite3 *db, const char *state, GError **error)
{
	bool ok = db_exec(db, "BEGIN IMMEDIATE; DELETE FROM fidelity; DELETE FROM disagreement; DELETE FROM outcome; "
			  "DELETE FROM episode_gain; DELETE FROM episode; DELETE FROM ipi_vector", error) &&
		  keep_episodes(db, run, error) && keep_vectors(db, run, error);

	for (guint i = 0; ok && i < run->policies->len; i++)
		ok = keep_policy(db, run, run->policies->pdata[i], state, error);
	for (unsigned int k = 0; ok && k < N_STATE_KINDS; k++)
		ok = keep_fidelity(db, run, k, error);
	ok = ok && keep_outcomes(db, run, error) && run_keep_observed(run, db, error) && run_keep_moments(run, db, error) &&
	     policy_defaults_keep(db, &run->recorded_params, error);
	if (ok && db_exec(db, "COMMIT", error))
		return true;
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}
