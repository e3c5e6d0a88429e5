// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/run_json.h"

#include <math.h>

#include "replay/policy_spec.h"
#include "replay/run_estimators.h"

static cJSON *fidelity_json(const struct run *run, enum state_kind kind, bool decisions)
{
	const struct fidelity *f = &run->fidelity[kind];
	cJSON *o = cJSON_CreateObject(), *reasons;

	cJSON_AddNumberToObject(o, "compared", f->compared);
	cJSON_AddNumberToObject(o, "attempt_lists_equal", f->attempt_lists_equal);
	cJSON_AddNumberToObject(o, "targets_equal", f->targets_equal);
	cJSON_AddNumberToObject(o, "unknown", f->unknown);
	cJSON_AddNumberToObject(o, "racy", f->racy);
	reasons = cJSON_AddArrayToObject(o, "disagreements");
	for (unsigned int i = 0; i < N_REASONS; i++) {
		cJSON *row;

		if (!f->reasons[i])
			continue;
		row = cJSON_CreateObject();
		cJSON_AddStringToObject(row, "reason", reason_names[i]);
		cJSON_AddNumberToObject(row, "decisions", f->reasons[i]);
		cJSON_AddNumberToObject(row, "racy", f->racy_reasons[i]);
		cJSON_AddItemToArray(reasons, row);
	}
	if (decisions) {
		cJSON *list = cJSON_AddArrayToObject(o, "decisions");

		for (guint i = 0; i < run->disagreements[kind]->len; i++) {
			const struct disagreement *d =
				&g_array_index(run->disagreements[kind], struct disagreement, i);
			cJSON *row = cJSON_CreateObject();

			cJSON_AddNumberToObject(row, "decision", d->decision);
			cJSON_AddStringToObject(row, "reason", reason_names[d->reason]);
			if (d->vcpu_idx >= 0)
				cJSON_AddNumberToObject(row, "vcpu_idx", d->vcpu_idx);
			cJSON_AddBoolToObject(row, "racy", d->racy);
			cJSON_AddItemToArray(list, row);
		}
	}
	return o;
}

/* Decisions at which a policy's pick is not the kernel's, by what a pick amounts to. */
static cJSON *outcomes_json(const guint *n)
{
	cJSON *o = cJSON_CreateObject();

	for (unsigned int c = 0; c < N_OUTCOME_CLASSES; c++)
		cJSON_AddNumberToObject(o, outcome_class_names[c], n[c]);
	return o;
}

static void add_interval(cJSON *o, const char *name, const double *limits)
{
	cJSON *pair = cJSON_AddArrayToObject(o, name);

	for (unsigned int i = 0; i < 2; i++)	/* a NaN becomes null */
		cJSON_AddItemToArray(pair, cJSON_CreateNumber(limits[i]));
}

static cJSON *estimates_json(const struct estimate *estimates)
{
	cJSON *list = cJSON_CreateArray();

	for (unsigned int m = 0; m < N_METRICS; m++) {
		const struct estimate *e = &estimates[m];
		cJSON *o = cJSON_CreateObject();

		cJSON_AddStringToObject(o, "metric", metric_infos[m].name);
		cJSON_AddStringToObject(o, "unit", metric_infos[m].unit);
		cJSON_AddStringToObject(o, "method", metric_infos[m].method);
		cJSON_AddNumberToObject(o, "value", e->value);
		add_interval(o, "statistical", e->statistical);
		add_interval(o, "total", e->total);
		if (!isnan(e->bounds[0]) && m == METRIC_EPISODE_SPIN_SAVED)
			add_interval(o, "bounds", e->bounds);
		cJSON_AddNumberToObject(o, "support", e->support);
		cJSON_AddStringToObject(o, "verdict", verdict_names[e->verdict]);
		cJSON_AddItemToObject(o, "reason", e->reason ? cJSON_CreateString(e->reason) : cJSON_CreateNull());
		cJSON_AddItemToArray(list, o);
	}
	return list;
}

static cJSON *evidence_json(const struct run *run)
{
	const struct evidence *ev = run->evidence;
	cJSON *o = cJSON_CreateObject(), *causes = cJSON_CreateObject(), *confidence = cJSON_CreateArray();

	cJSON_AddNumberToObject(o, "seed", run->seed);
	cJSON_AddNumberToObject(o, "replicates", RUN_REPLICATES);
	cJSON_AddNumberToObject(o, "block_ns", ev->block_ns);
	cJSON_AddNumberToObject(o, "blocks", bootstrap_n_blocks(ev->bootstrap));
	cJSON_AddNumberToObject(o, "seconds", ev->ns / 1e9);
	cJSON_AddNumberToObject(o, "lost", ev->lost);
	cJSON_AddNumberToObject(o, "episodes", ev->episodes->list->len);
	cJSON_AddNumberToObject(o, "episodes_used", ev->n_used);
	cJSON_AddNumberToObject(o, "spin_cpus", observed_of_all(run->observed, OBSERVED_SPIN_CPUS)->value);
	cJSON_AddNumberToObject(o, "spin_used", ev->spin_used);
	for (unsigned int c = 0; c < N_CAUSES; c++)
		cJSON_AddNumberToObject(causes, cause_names[c], ev->spin_by_cause[c]);
	cJSON_AddItemToObject(o, "spin_by_cause", causes);
	for (unsigned int c = 0; c < G_N_ELEMENTS(ev->spin_by_confidence); c++)
		cJSON_AddItemToArray(confidence, cJSON_CreateNumber(ev->spin_by_confidence[c]));
	cJSON_AddItemToObject(o, "spin_by_confidence", confidence);
	cJSON_AddNumberToObject(o, "outcomes_observed", ev->observed);
	cJSON_AddNumberToObject(o, "outcomes_known", ev->outcomes_known);
	return o;
}

/* vm: NULL is all. */
static void add_observed(cJSON *list, const char *vm, const struct observed_figure *figures)
{
	for (unsigned int m = 0; m < N_OBSERVED; m++) {
		const struct observed_figure *f = &figures[m];
		cJSON *o = cJSON_CreateObject();

		cJSON_AddItemToObject(o, "vm", vm ? cJSON_CreateString(vm) : cJSON_CreateNull());
		cJSON_AddStringToObject(o, "metric", observed_infos[m].name);
		cJSON_AddStringToObject(o, "unit", observed_infos[m].unit);
		cJSON_AddNumberToObject(o, "value", f->value);
		add_interval(o, "statistical", f->statistical);
		cJSON_AddNumberToObject(o, "n", f->n);
		cJSON_AddItemToObject(o, "reason", f->reason ? cJSON_CreateString(f->reason) : cJSON_CreateNull());
		cJSON_AddItemToArray(list, o);
	}
}

static cJSON *observed_json(const struct run *run, const struct recorded *recorded)
{
	cJSON *list = cJSON_CreateArray();

	add_observed(list, NULL, run->observed->figures[recorded->n_vms]);
	for (unsigned int vm = 0; vm < recorded->n_vms; vm++)
		add_observed(list, recorded->vms[vm].label, run->observed->figures[vm]);
	return list;
}

cJSON *run_json(const struct run *run, const struct recorded *recorded, bool disagreements)
{
	g_autoptr(GPtrArray) warnings = run_warnings(run, recorded);
	cJSON *root = cJSON_CreateObject(), *list, *fidelity, *said;

	said = cJSON_AddArrayToObject(root, "warnings");
	cJSON_AddStringToObject(root, "state", recorded->probes ? state_kind_names[run->state] : "reconstructed");
	list = cJSON_AddArrayToObject(root, "policies");
	for (guint i = 0; i < run->policies->len; i++) {
		const struct run_policy *p = run->policies->pdata[i];
		cJSON *o = cJSON_CreateObject(), *attempts;

		cJSON_AddStringToObject(o, "name", p->name);
		cJSON_AddItemToObject(o, "parameters", p->policy ?
				      policy_spec_parameters(p->policy, &p->params) : cJSON_CreateObject());
		cJSON_AddNumberToObject(o, "decisions", p->decisions);
		cJSON_AddNumberToObject(o, "same_pick", p->same_pick);
		cJSON_AddNumberToObject(o, "different_pick", p->different_pick);
		cJSON_AddNumberToObject(o, "unknown", p->unknown);
		cJSON_AddNumberToObject(o, "no_target", p->no_target);
		cJSON_AddNumberToObject(o, "receiver_hits", p->receiver_hits);
		cJSON_AddNumberToObject(o, "receiver_waits", p->receiver_waits);
		attempts = cJSON_AddObjectToObject(o, "attempts");
		cJSON_AddNumberToObject(attempts, "yielded", p->attempts_yielded);
		cJSON_AddNumberToObject(attempts, "failed", p->attempts_failed);
		cJSON_AddNumberToObject(attempts, "esrch", p->attempts_esrch);
		cJSON_AddItemToObject(o, "outcomes", outcomes_json(p->n_outcomes[PICKER_POLICY]));
		cJSON_AddItemToObject(o, "observed_outcomes", outcomes_json(p->n_outcomes[PICKER_KERNEL]));
		cJSON_AddItemToObject(o, "estimates", estimates_json(p->estimates));
		cJSON_AddNumberToObject(o, "agreement_share", p->agreement);
		cJSON_AddItemToArray(list, o);
	}
	cJSON_AddItemToObject(root, "evidence", evidence_json(run));
	cJSON_AddItemToObject(root, "observed", observed_json(run, recorded));
	cJSON_AddItemToObject(root, "estimators", run_estimators_json(&run->estimators));
	for (guint i = 0; i < warnings->len; i++)
		cJSON_AddItemToArray(said, cJSON_CreateString(warnings->pdata[i]));
	fidelity = cJSON_AddObjectToObject(root, "fidelity");
	cJSON_AddStringToObject(fidelity, "policy", run->recorded_policy->name);
	cJSON_AddItemToObject(fidelity, "parameters",
			      policy_spec_parameters(run->recorded_policy, &run->recorded_params));
	for (unsigned int k = 0; k < N_STATE_KINDS; k++)
		cJSON_AddItemToObject(fidelity, state_kind_names[k], fidelity_json(run, k, disagreements));
	return root;
}
