// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/loop.h"

#include <math.h>

#include "replay/policy_spec.h"
#include "replay/simulate/loop_estimate.h"
#include "replay/simulate/loop_parts.h"
#include "replay/simulate/loop_what_if.h"
#include "schema/progress.h"

static void policy_free(void *data)
{
	struct loop_policy *p = data;

	for (unsigned int m = 0; m < N_LOOP_METRICS; m++) {
		g_free(p->estimates[m].reason);
		for (unsigned int vm = 0; vm < p->n_vms; vm++)
			g_free(p->vms[vm][m].reason);
	}
	g_free(p->vms);
	g_free(p->label);
	g_free(p);
}

struct loop *loop_new(const struct policy *recorded, const struct policy_params *params)
{
	struct loop *loop = g_new0(struct loop, 1);

	loop->recorded_policy = recorded;
	loop->recorded_params = *params;
	loop->policies = g_ptr_array_new_with_free_func(policy_free);
	loop->what_ifs = g_ptr_array_new_with_free_func(loop_what_if_free);
	loop->n_replicates = 20;
	loop->n_threads = 1;
	loop->lag_margin = LOOP_MARGIN;
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	for (unsigned int v = 0; v < loop->n_variants; v++) {
		replicates_free(loop->variants[v].runs, 1 + loop->n_replicates);
		for (guint i = 0; loop->variants[v].throughput && i < loop->policies->len; i++)
			g_free(loop->variants[v].throughput[i].reason);
		g_free(loop->variants[v].throughput);
	}
	for (unsigned int k = 0; k < loop->parts.n; k++)
		program_input_free(loop->parts.inputs[k]);
	replicates_free(loop->parts.runs, (size_t)loop->parts.n * loop->parts.n_lanes * (1 + loop->parts.n_replicates));
	g_free(loop->criteria);
	g_free(loop->parts.reason);
	g_free(loop->truth.vms);
	g_ptr_array_unref(loop->policies);
	g_ptr_array_unref(loop->what_ifs);
	if (loop->input)
		program_input_free(loop->input);
	g_free(loop);
}

static bool is_same(const struct policy *a, const struct policy_params *a_params,
		    const struct policy *b, const struct policy_params *b_params)
{
	cJSON *x, *y;
	bool same;

	if (a != b)
		return false;
	x = policy_spec_parameters(a, a_params);
	y = policy_spec_parameters(b, b_params);
	same = cJSON_Compare(x, y, true);
	cJSON_Delete(x);
	cJSON_Delete(y);
	return same;
}

bool loop_add(struct loop *loop, const struct policy *policy, const struct policy_params *params,
	      enum scheduler_side side, const char *label, const char **before)
{
	struct loop_policy *p;

	for (guint i = 0; i < loop->policies->len; i++) {
		p = loop->policies->pdata[i];
		if (p->side == side && is_same(p->policy, &p->params, policy, params)) {
			*before = p->label;
			return false;
		}
	}
	p = g_new0(struct loop_policy, 1);
	p->label = g_strdup(label);
	p->policy = policy;
	p->params = *params;
	p->side = side;
	p->recorded = side == SIDE_PLAIN &&
		      is_same(policy, params, loop->recorded_policy, &loop->recorded_params);
	g_ptr_array_add(loop->policies, p);
	return true;
}

/* Of the scheduler as it is taken to be, and what else it may have been. */
static void add_variants(struct loop *loop)
{
	bool eevdf = loop->input->host.scheduler == SCHEDULER_EEVDF;

	loop->n_variants = eevdf ? 4 : 1;
	for (unsigned int v = 0; v < loop->n_variants; v++) {
		struct loop_variant *variant = &loop->variants[v];

		variant->input = *loop->input;
		variant->as_recorded = !v;
		variant->input.host.forfeit ^= v & 1;
		variant->input.host.run_to_parity ^= v >> 1;
	}
}

/* What the recording says, unless that cannot be: a scheduler that fits better need not be the one. */
static void choose_variant(struct loop *loop)
{
	if (loop->variants[0].gate.result != GATE_REFUSE)
		return;
	for (unsigned int v = 1; v < loop->n_variants; v++)
		if (loop->variants[v].gate.result < loop->variants[loop->chosen].gate.result)
			loop->chosen = v;
}

static void run_recorded(struct loop *loop)
{
	unsigned int per = 1 + loop->n_replicates;
	struct lane lanes[G_N_ELEMENTS(loop->variants)];
	struct loop_figures *runs;

	for (unsigned int v = 0; v < loop->n_variants; v++)
		lanes[v] = lane_of(&loop->variants[v].input, loop->recorded_policy,
				   &loop->recorded_params, SIDE_PLAIN, 0);
	progress_begin("simulating what was recorded", loop->n_variants * per);
	runs = replicates_run(lanes, loop->n_variants, loop->n_replicates, loop->seed,
			      loop->n_threads, 0);
	for (unsigned int v = 0; v < loop->n_variants; v++) {
		loop->variants[v].runs = g_memdup2(&runs[v * per], per * sizeof(*runs));
		loop->variants[v].gate =
			gate_of(loop->variants[v].runs, loop->n_replicates, &loop->truth,
				loop->input->unmodelled_spin);
		/* what was waited for then passes for locks, or for nothing */
		if (loop->ipis_hidden)
			loop->variants[v].gate.result = GATE_REFUSE;
	}
	choose_variant(loop);
	g_free(runs);
	loop->gate = &loop->variants[loop->chosen].gate;
	loop->criteria = gate_criteria(loop->gate, loop->input->unmodelled_spin);
	if (loop->gate->result == GATE_REFUSE)
		loop->reason = gate_reason(loop->gate, loop->input->unmodelled_spin,
					   loop->ipis_hidden, loop->truth.seconds);
}

char *loop_objection(const struct loop *loop)
{
	if (loop->criteria && loop->reason)
		return g_strdup_printf("%s; %s", loop->criteria, loop->reason);
	return g_strdup(loop->criteria ? loop->criteria : loop->reason);
}

bool loop_can_run(const struct loop *loop, const struct loop_policy *p)
{
	return p->side == SIDE_PLAIN || loop->input->host.scheduler == SCHEDULER_EEVDF;
}

/* Lanes of a policy under the chosen variant: with the lag margin, half of it, twice of it. */
static unsigned int n_lanes_of(const struct loop *loop, const struct loop_policy *p)
{
	return p->recorded || !loop_can_run(loop, p) ? 0 : p->side == SIDE_LAG_CREDIT ? 3 : 1;
}

static GArray *policy_lanes(const struct loop *loop, const struct loop_variant *v, bool margins)
{
	static const double factors[] = { 1, 0.5, 2 };
	GArray *lanes = g_array_new(FALSE, FALSE, sizeof(struct lane));

	for (guint i = 0; i < loop->policies->len; i++) {
		const struct loop_policy *p = loop->policies->pdata[i];
		unsigned int n = n_lanes_of(loop, p);

		for (unsigned int k = 0; k < (margins ? n : MIN(n, 1)); k++) {
			struct lane lane = lane_of(&v->input, p->policy, &p->params, p->side,
						   factors[k] * loop->lag_margin);

			g_array_append_val(lanes, lane);
		}
	}
	return lanes;
}

bool loop_complete(const struct loop_figures *runs, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (!runs[i].complete)
			return false;
	return true;
}

static const char *standstill(const struct loop_policy *p)
{
	if (p->side == SIDE_LAG_CREDIT)
		return "with the margin that is assumed, spinners that credit each other let nobody else run: the "
		       "patch's, which is not known, must be another";
	return "the simulated vCPUs come to a standstill, or nearly so";
}

void loop_run_policies(struct loop *loop)
{
	const struct loop_variant *v = &loop->variants[loop->chosen];
	g_autoptr(GArray) lanes = policy_lanes(loop, v, true);
	unsigned int per = 1 + loop->n_replicates, at = 0;
	struct loop_figures *runs;

	loop_parts_run(loop);
	progress_begin("simulating policies", lanes->len * per);
	runs = replicates_run((struct lane *)lanes->data, lanes->len, loop->n_replicates,
			      loop->seed, loop->n_threads, 0);
	for (guint i = 0; i < loop->policies->len; i++) {
		struct loop_policy *p = loop->policies->pdata[i];
		unsigned int n = n_lanes_of(loop, p);

		if (!loop_can_run(loop, p))
			loop_refuse(loop, p, VERDICT_NOT_IDENTIFIABLE,
				    "this scheduler side is a change of EEVDF, and the recorded "
				    "host has CFS");
		else if (n && !loop_complete(&runs[at * per], n * per))
			loop_refuse(loop, p, VERDICT_REFUSED, standstill(p));
		else
			loop_estimate_policy(loop, p, p->recorded ? v->runs : &runs[at * per]);
		if (n > 1)
			loop_estimate_margin(loop, p, &runs[(at + 1) * per], &runs[(at + 2) * per]);
		at += n;
	}
	replicates_free(runs, (size_t)lanes->len * per);
	loop_compare(loop);
}

/* The gains under a variant that reproduces the recording, too. */
static void run_variant(struct loop *loop, struct loop_variant *v)
{
	g_autoptr(GArray) lanes = policy_lanes(loop, v, false);
	unsigned int per = 1 + loop->n_replicates, at = 0;
	struct loop_figures *runs;

	progress_begin("simulating policies on another scheduler", lanes->len * per);
	runs = replicates_run((struct lane *)lanes->data, lanes->len, loop->n_replicates,
			      loop->seed, loop->n_threads, 0);
	v->throughput = g_new0(struct loop_estimate, MAX(loop->policies->len, 1));
	for (guint i = 0; i < loop->policies->len; i++) {
		const struct loop_policy *p = loop->policies->pdata[i];

		if (n_lanes_of(loop, p) && !loop_complete(&runs[at * per], per))
			v->throughput[i] = (struct loop_estimate){ .value = NAN, .verdict = VERDICT_REFUSED };
		else if (n_lanes_of(loop, p))
			loop_estimate_set(&v->throughput[i], LOOP_THROUGHPUT, &runs[at * per],
					  v->runs, loop->n_replicates, -1, 0);
		else
			v->throughput[i] = (struct loop_estimate){ .value = p->recorded ? 0 : NAN };
		at += n_lanes_of(loop, p) > 0;
	}
	replicates_free(runs, (size_t)lanes->len * per);
}

void loop_set_input(struct loop *loop, struct program_input *input)
{
	loop->input = input;
	for (guint i = 0; i < loop->policies->len; i++) {
		struct loop_policy *p = loop->policies->pdata[i];

		p->n_vms = input->n_vms;
		p->vms = g_malloc0_n(MAX(input->n_vms, 1), sizeof(*p->vms));
	}
}

void loop_run(struct loop *loop, struct program_input *input)
{
	loop_set_input(loop, input);
	loop->truth = recorded_figures(loop->input);
	add_variants(loop);
	run_recorded(loop);
	if (loop->reason) {
		for (guint i = 0; i < loop->what_ifs->len; i++)
			loop_what_if_refuse(loop->what_ifs->pdata[i]);
		return;
	}
	loop_run_policies(loop);
	for (unsigned int v = 0; v < loop->n_variants; v++)
		if (v != loop->chosen && loop->variants[v].gate.result == GATE_PASS)
			run_variant(loop, &loop->variants[v]);
	for (guint i = 0; i < loop->what_ifs->len; i++)
		loop_what_if_run(loop, loop->what_ifs->pdata[i]);
}

bool loop_differs(const struct loop *loop, const struct loop_variant *v)
{
	for (guint i = 0; v->throughput && i < loop->policies->len; i++) {
		const struct loop_policy *p = loop->policies->pdata[i];
		const struct loop_estimate *a = &p->estimates[LOOP_THROUGHPUT],
					   *b = &v->throughput[i];

		if (a->statistical[1] < b->value || b->value < a->statistical[0])
			return true;
	}
	return false;
}
