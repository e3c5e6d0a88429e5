// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/policy_spec.h"
#include "replay/simulate/loop_json.h"

static bool keep_gate(const struct loop *loop, sqlite3 *db, GError **error)
{
	g_autoptr(db_stmt) add = db_prepare_insert(db, "simulation_gate");
	bool ok = true;

	for (unsigned int i = 0; ok && i < loop->n_variants; i++) {
		const struct loop_variant *v = &loop->variants[i];
		const struct gate_errors *e = &v->gate.errors;
		const double errors[] = { e->work, e->spin, e->median, e->p99, e->share };

		db_bind_text(add, 1, "");
		db_bind_int(add, 2, v->input.host.forfeit);
		db_bind_int(add, 3, v->input.host.run_to_parity);
		db_bind_int(add, 4, v->as_recorded);
		db_bind_int(add, 5, i == loop->chosen);
		db_bind_text(add, 6, gate_result_names[v->gate.result]);
		for (unsigned int k = 0; k < G_N_ELEMENTS(errors); k++)
			db_bind_real(add, 7 + k, errors[k]);
		db_bind_int(add, 12, loop->n_replicates);
		db_bind_int(add, 13, loop->seed);
		db_bind_text(add, 14, i == loop->chosen ? loop->reason : NULL);
		ok = db_run(add, error);
	}
	return ok;
}

static bool keep_estimate(db_stmt *add, const struct loop_policy *p, const char *parameters,
			  int64_t vm, enum loop_metric m, const struct loop_estimate *e,
			  GError **error)
{
	const double figures[] = { e->value, e->statistical[0], e->statistical[1], e->total[0],
				   e->total[1] };

	db_bind_text(add, 1, "");
	db_bind_text(add, 2, p->policy->name);
	db_bind_text(add, 3, parameters);
	db_bind_text(add, 4, scheduler_side_names[p->side]);
	db_bind_int(add, 5, vm);
	db_bind_text(add, 6, loop_metric_infos[m].name);
	db_bind_text(add, 7, loop_metric_infos[m].unit);
	for (unsigned int i = 0; i < G_N_ELEMENTS(figures); i++)
		db_bind_real(add, 8 + i, figures[i]);
	db_bind_text(add, 13, verdict_names[e->verdict]);
	db_bind_text(add, 14, e->reason);
	return db_run(add, error);
}

static bool keep_policy(const struct loop_policy *p, const struct recorded *recorded, db_stmt *add,
			GError **error)
{
	cJSON *parameters = policy_spec_parameters(p->policy, &p->params);
	char *text = cJSON_PrintUnformatted(parameters);
	bool ok = true;

	for (unsigned int m = 0; ok && m < N_LOOP_METRICS; m++)
		ok = keep_estimate(add, p, text, DB_NULL, m, &p->estimates[m], error);
	for (unsigned int vm = 0; ok && vm < p->n_vms; vm++)
		ok = keep_estimate(add, p, text, recorded->vms[vm].id, LOOP_THROUGHPUT,
				   &p->vms[vm][LOOP_THROUGHPUT], error) &&
		     keep_estimate(add, p, text, recorded->vms[vm].id, LOOP_SHARE,
				   &p->vms[vm][LOOP_SHARE], error);
	cJSON_free(text);
	cJSON_Delete(parameters);
	return ok;
}

bool loop_keep(const struct loop *loop, const struct recorded *recorded, sqlite3 *db,
	       GError **error)
{
	g_autoptr(db_stmt) add = db_prepare_insert(db, "simulation");
	bool ok =
		db_exec(db, "BEGIN IMMEDIATE; DELETE FROM simulation; DELETE FROM simulation_gate",
			error) &&
		keep_gate(loop, db, error);

	for (guint i = 0; ok && !loop->reason && i < loop->policies->len; i++)
		ok = keep_policy(loop->policies->pdata[i], recorded, add, error);
	if (ok && db_exec(db, "COMMIT", error))
		return true;
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}
