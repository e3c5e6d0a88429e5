// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/run_json.h"

#include "replay/policy_spec.h"

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
		cJSON_AddItemToArray(list, o);
	}
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
