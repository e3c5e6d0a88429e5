// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/loop_json.h"

#include "replay/policy_spec.h"
#include "replay/simulate/loop_what_if.h"

static void add_pair(cJSON *o, const char *name, const double *limits)
{
	cJSON *pair = cJSON_AddArrayToObject(o, name);

	for (unsigned int i = 0; i < 2; i++)	/* a NaN becomes null */
		cJSON_AddItemToArray(pair, cJSON_CreateNumber(limits[i]));
}

static void add_reason(cJSON *o, const char *reason)
{
	cJSON_AddItemToObject(o, "reason",
			      reason ? cJSON_CreateString(reason) : cJSON_CreateNull());
}

static void add_errors(cJSON *o, const struct gate_errors *e)
{
	cJSON_AddNumberToObject(o, "work_error", e->work);
	cJSON_AddNumberToObject(o, "spin_error", e->spin);
	cJSON_AddNumberToObject(o, "latency_error", e->median);
	cJSON_AddNumberToObject(o, "latency_p99_error", e->p99);
	cJSON_AddNumberToObject(o, "share_error", e->share);
}

static void add_gate(cJSON *o, const struct gate *gate)
{
	cJSON_AddStringToObject(o, "result", gate_result_names[gate->result]);
	add_errors(o, &gate->errors);
	add_errors(cJSON_AddObjectToObject(o, "unjittered"), &gate->unjittered);
	cJSON_AddBoolToObject(o, "complete", gate->complete);
}

/* vm: NULL is all. */
static cJSON *estimate_json(const struct loop_estimate *e, enum loop_metric m, const char *vm)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddItemToObject(o, "vm", vm ? cJSON_CreateString(vm) : cJSON_CreateNull());
	cJSON_AddStringToObject(o, "metric", loop_metric_infos[m].name);
	cJSON_AddStringToObject(o, "unit", loop_metric_infos[m].unit);
	cJSON_AddStringToObject(o, "method", LOOP_METHOD);
	cJSON_AddNumberToObject(o, "value", e->value);
	add_pair(o, "statistical", e->statistical);
	add_pair(o, "total", e->total);
	cJSON_AddStringToObject(o, "verdict", verdict_names[e->verdict]);
	add_reason(o, e->reason);
	return o;
}

static cJSON *policy_json(const struct loop *loop, const struct loop_policy *p)
{
	static const enum loop_metric by_vm[] = { LOOP_THROUGHPUT, LOOP_SHARE };
	cJSON *o = cJSON_CreateObject(), *list;

	cJSON_AddStringToObject(o, "name", p->policy->name);
	cJSON_AddItemToObject(o, "parameters", policy_spec_parameters(p->policy, &p->params));
	cJSON_AddStringToObject(o, "scheduler_side", scheduler_side_names[p->side]);
	if (p->side == SIDE_LAG_CREDIT)
		cJSON_AddNumberToObject(o, "lag_margin", loop->lag_margin);
	cJSON_AddBoolToObject(o, "recorded", p->recorded);
	list = cJSON_AddArrayToObject(o, "estimates");
	for (unsigned int m = 0; m < N_LOOP_METRICS; m++)
		cJSON_AddItemToArray(list, estimate_json(&p->estimates[m], m, NULL));
	for (unsigned int vm = 0; vm < p->n_vms; vm++)
		for (unsigned int i = 0; i < G_N_ELEMENTS(by_vm); i++)
			cJSON_AddItemToArray(list, estimate_json(&p->vms[vm][by_vm[i]], by_vm[i],
								 loop->input->vms[vm].name));
	return o;
}

static cJSON *variant_gain(const struct loop_policy *p, const struct loop_estimate *e)
{
	cJSON *o = estimate_json(e, LOOP_THROUGHPUT, NULL);

	cJSON_AddStringToObject(o, "name", p->policy->name);
	cJSON_AddItemToObject(o, "parameters", policy_spec_parameters(p->policy, &p->params));
	cJSON_AddStringToObject(o, "scheduler_side", scheduler_side_names[p->side]);
	return o;
}

static cJSON *variant_json(const struct loop *loop, const struct loop_variant *v)
{
	cJSON *o = cJSON_CreateObject(), *list;

	cJSON_AddBoolToObject(o, "as_recorded", v->as_recorded);
	cJSON_AddBoolToObject(o, "chosen", v == &loop->variants[loop->chosen]);
	cJSON_AddBoolToObject(o, "forfeit", v->input.host.forfeit);
	cJSON_AddBoolToObject(o, "run_to_parity", v->input.host.run_to_parity);
	add_gate(o, &v->gate);
	if (!v->throughput)
		return o;
	cJSON_AddBoolToObject(o, "differs", loop_differs(loop, v));
	list = cJSON_AddArrayToObject(o, "throughput_gain");
	for (guint i = 0; i < loop->policies->len; i++)
		cJSON_AddItemToArray(list, variant_gain(loop->policies->pdata[i], &v->throughput[i]));
	return o;
}

static void add_policies(cJSON *o, const struct loop *loop)
{
	cJSON *list = cJSON_AddArrayToObject(o, "policies");

	for (guint i = 0; !loop->reason && i < loop->policies->len; i++)
		cJSON_AddItemToArray(list, policy_json(loop, loop->policies->pdata[i]));
}

static void add_what_if_gate(cJSON *root, const struct loop_what_if *wi)
{
	cJSON *o = cJSON_AddObjectToObject(root, "gate");
	const struct what_if_evidence *e = &wi->evidence;

	cJSON_AddStringToObject(o, "result", gate_result_names[wi->result]);
	cJSON_AddNumberToObject(o, "density", e->density);
	cJSON_AddNumberToObject(o, "window", e->window);
	cJSON_AddNumberToObject(o, "presence", 100 * e->presence);
	cJSON_AddNumberToObject(o, "unmodelled_spin", 100 * e->unmodelled_spin);
	cJSON_AddBoolToObject(o, "complete", e->complete);
	add_reason(o, wi->reason);
}

static cJSON *what_if_json(const struct loop_what_if *wi)
{
	cJSON *o = cJSON_CreateObject(), *list;
	const struct loop *there = wi->there;

	cJSON_AddStringToObject(o, "what_if", wi->text);
	cJSON_AddBoolToObject(o, "extrapolation", true);
	add_what_if_gate(o, wi);
	list = cJSON_AddArrayToObject(o, "density");
	if (wi->result == GATE_REFUSE) {
		cJSON_AddArrayToObject(o, "policies");
		return o;
	}
	for (unsigned int m = 0; m < LOOP_SHARE; m++)
		cJSON_AddItemToArray(list, estimate_json(&wi->estimates[m], m, NULL));
	for (unsigned int vm = 0; vm < there->input->n_vms; vm++)
		cJSON_AddItemToArray(list, estimate_json(&wi->vms[vm], LOOP_THROUGHPUT,
							 there->input->vms[vm].name));
	add_policies(o, there);
	return o;
}

cJSON *loop_json(const struct loop *loop)
{
	cJSON *root = cJSON_CreateObject(), *o, *list;
	char *objection;

	cJSON_AddStringToObject(root, "method", LOOP_METHOD);
	cJSON_AddNumberToObject(root, "seed", loop->seed);
	cJSON_AddNumberToObject(root, "replicates", loop->n_replicates);
	cJSON_AddNumberToObject(root, "seconds", loop->truth.seconds);
	cJSON_AddNumberToObject(root, "jackknife_parts", loop->parts.n);
	cJSON_AddNumberToObject(root, "events", loop->variants[loop->chosen].runs[0].events);
	cJSON_AddNumberToObject(root, "work_conserved_error", 100 * loop->input->work_error);
	cJSON_AddNumberToObject(root, "unmodelled_spin", 100 * loop->input->unmodelled_spin);
	o = cJSON_AddObjectToObject(root, "recorded");
	cJSON_AddStringToObject(o, "name", loop->recorded_policy->name);
	cJSON_AddItemToObject(
		o, "parameters",
		policy_spec_parameters(loop->recorded_policy, &loop->recorded_params));
	cJSON_AddStringToObject(o, "scheduler",
				loop->input->host.scheduler == SCHEDULER_CFS ? "CFS" : "EEVDF");
	o = cJSON_AddObjectToObject(root, "gate");
	add_gate(o, loop->gate);
	objection = loop_objection(loop);
	add_reason(o, objection);
	g_free(objection);
	list = cJSON_AddArrayToObject(root, "variants");
	for (unsigned int v = 0; v < loop->n_variants; v++)
		cJSON_AddItemToArray(list, variant_json(loop, &loop->variants[v]));
	add_policies(root, loop);
	list = cJSON_AddArrayToObject(root, "what_if");
	for (guint i = 0; i < loop->what_ifs->len; i++)
		cJSON_AddItemToArray(list, what_if_json(loop->what_ifs->pdata[i]));
	return root;
}
