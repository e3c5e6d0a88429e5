// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>

#include "replay/policy_defaults.h"
#include "replay/policy_spec.h"
#include "replay/simulate/loop_json.h"
#include "replay/simulate/loop_what_if.h"

static bool keep_gate(const struct loop *loop, sqlite3 *db, GError **error)
{
	g_autoptr(db_stmt) add = db_prepare_insert(db, "simulation_gate");
	g_autofree char *objection = loop_objection(loop);
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
		db_bind_text(add, 14, i == loop->chosen ? objection : NULL);
		ok = db_run(add, error);
	}
	return ok;
}

static bool keep_what_if_gate(const struct loop *loop, const struct loop_what_if *wi, sqlite3 *db,
			      GError **error)
{
	g_autoptr(db_stmt) add = db_prepare_insert(db, "simulation_gate");
	const struct loop_variant *v = &loop->variants[loop->chosen];

	db_bind_text(add, 1, wi->text);
	db_bind_int(add, 2, v->input.host.forfeit);
	db_bind_int(add, 3, v->input.host.run_to_parity);
	db_bind_int(add, 4, v->as_recorded);
	db_bind_int(add, 5, 1);
	db_bind_text(add, 6, gate_result_names[wi->result]);
	for (unsigned int k = 7; k < 12; k++)	/* nothing was recorded to hold it against */
		db_bind_int(add, k, DB_NULL);
	db_bind_int(add, 12, loop->n_replicates);
	db_bind_int(add, 13, loop->seed);
	db_bind_text(add, 14, wi->reason);
	return db_run(add, error);
}

/* What it is of: VM, metric, and the figure, from column 'at' on. */
static bool keep_estimate(db_stmt *add, unsigned int at, int64_t vm, enum loop_metric m,
			  const struct loop_estimate *e, GError **error)
{
	const double figures[] = { e->value, e->statistical[0], e->statistical[1], e->total[0],
				   e->total[1] };

	db_bind_int(add, at++, vm);
	db_bind_text(add, at++, loop_metric_infos[m].name);
	db_bind_text(add, at++, loop_metric_infos[m].unit);
	for (unsigned int i = 0; i < G_N_ELEMENTS(figures); i++)
		db_bind_real(add, at++, figures[i]);
	db_bind_text(add, at++, verdict_names[e->verdict]);
	db_bind_text(add, at, e->reason);
	return db_run(add, error);
}

/* VMs that a recording has, by the index that they have in a loop. */
struct vm_ids {
	int64_t *ids;
	unsigned int n;		/* those after it are copies, which have none */
};

static bool keep_policy(const struct loop *loop, const struct loop_policy *p, const char *what_if,
			const struct vm_ids *vms, db_stmt *add, GError **error)
{
	cJSON *parameters = policy_spec_parameters(p->policy, &p->params);
	char *text = cJSON_PrintUnformatted(parameters);
	bool ok = true;

	db_bind_text(add, 1, what_if);
	db_bind_text(add, 2, p->policy->name);
	db_bind_text(add, 3, text);
	db_bind_text(add, 4, scheduler_side_names[p->side]);
	db_bind_real(add, 5, p->side == SIDE_LAG_CREDIT ? loop->lag_margin : NAN);
	for (unsigned int m = 0; ok && m < N_LOOP_METRICS; m++)
		ok = keep_estimate(add, 6, DB_NULL, m, &p->estimates[m], error);
	for (unsigned int vm = 0; ok && vm < vms->n; vm++)
		ok = keep_estimate(add, 6, vms->ids[vm], LOOP_THROUGHPUT,
				   &p->vms[vm][LOOP_THROUGHPUT], error) &&
		     keep_estimate(add, 6, vms->ids[vm], LOOP_SHARE, &p->vms[vm][LOOP_SHARE],
				   error);
	cJSON_free(text);
	cJSON_Delete(parameters);
	return ok;
}

static bool keep_policies(const struct loop *loop, const char *what_if, const struct vm_ids *vms,
			  sqlite3 *db, GError **error)
{
	g_autoptr(db_stmt) add = db_prepare_insert(db, "simulation");
	bool ok = true;

	for (guint i = 0; ok && !loop->reason && i < loop->policies->len; i++)
		ok = keep_policy(loop, loop->policies->pdata[i], what_if, vms, add, error);
	return ok;
}

static bool keep_density(const struct loop_what_if *wi, const struct vm_ids *vms, sqlite3 *db,
			 GError **error)
{
	g_autoptr(db_stmt) add = db_prepare_insert(db, "simulation_density");
	bool ok = true;

	db_bind_text(add, 1, wi->text);
	for (unsigned int m = 0; ok && m < LOOP_SHARE; m++)
		ok = keep_estimate(add, 2, DB_NULL, m, &wi->estimates[m], error);
	for (unsigned int vm = 0; ok && vm < vms->n; vm++)
		ok = keep_estimate(add, 2, vms->ids[vm], LOOP_THROUGHPUT, &wi->vms[vm], error);
	return ok;
}

static bool keep_what_if(const struct loop *loop, const struct loop_what_if *wi,
			 const struct recorded *recorded, sqlite3 *db, GError **error)
{
	g_autofree int64_t *ids = g_new(int64_t, recorded->n_vms + 1);
	struct vm_ids vms = { ids, 0 };

	if (!keep_what_if_gate(loop, wi, db, error))
		return false;
	if (wi->result == GATE_REFUSE)
		return true;
	vms.n = wi->there->input->n_vms - MAX(wi->asked.vms, 0);
	for (unsigned int vm = 0; vm < vms.n; vm++)
		ids[vm] = recorded->vms[wi->origin[vm]].id;
	return keep_density(wi, &vms, db, error) &&
	       keep_policies(wi->there, wi->text, &vms, db, error);
}

bool loop_keep(const struct loop *loop, const struct recorded *recorded, sqlite3 *db,
	       GError **error)
{
	g_autofree int64_t *ids = g_new(int64_t, recorded->n_vms + 1);
	const struct vm_ids vms = { ids, recorded->n_vms };
	bool ok = db_exec(db,
			  "BEGIN IMMEDIATE; DELETE FROM simulation; DELETE FROM simulation_gate;"
			  "DELETE FROM simulation_density",
			  error) &&
		  keep_gate(loop, db, error);

	for (unsigned int vm = 0; vm < vms.n; vm++)
		ids[vm] = recorded->vms[vm].id;
	ok = ok && keep_policies(loop, "", &vms, db, error);
	for (guint i = 0; ok && i < loop->what_ifs->len; i++)
		ok = keep_what_if(loop, loop->what_ifs->pdata[i], recorded, db, error);
	ok = ok && policy_defaults_keep(db, &loop->recorded_params, error);
	if (ok && db_exec(db, "COMMIT", error))
		return true;
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}
