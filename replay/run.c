// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/run.h"

#include <math.h>
#include <string.h>

#include "replay/estimate/scheduler.h"
#include "replay/nodes.h"
#include "replay/policy_spec.h"
#include "schema/progress.h"

static void policy_free(void *p)
{
	struct run_policy *rp = p;

	estimates_clear(rp->estimates);
	episode_gains_free(rp->gains);
	g_array_unref(rp->verdicts);
	if (rp->ages)
		g_array_unref(rp->ages);
	g_free(rp->label);
	g_free(rp);
}

struct run *run_new(const struct recorded *recorded, enum state_kind state)
{
	struct run *run = g_new0(struct run, 1);

	run->state = state;
	run->policies = g_ptr_array_new_with_free_func(policy_free);
	run->outcomes = g_array_new(FALSE, FALSE, sizeof(struct run_outcome));
	run->recorded_policy = engine_recorded_policy(recorded, &run->recorded_params);
	for (unsigned int k = 0; k < N_STATE_KINDS; k++)
		run->disagreements[k] = g_array_new(FALSE, FALSE, sizeof(struct disagreement));
	return run;
}

void run_free(struct run *run)
{
	if (!run)
		return;
	for (unsigned int k = 0; k < N_STATE_KINDS; k++)
		g_array_unref(run->disagreements[k]);
	observed_free(run->observed);
	rescore_free(run->rescore);
	evidence_free(run->evidence);
	scores_free(run->scores);
	g_array_unref(run->outcomes);
	g_ptr_array_unref(run->policies);
	g_free(run);
}

void run_add(struct run *run, const struct policy *policy, const struct policy_params *params, const char *label)
{
	struct run_policy *rp = g_new0(struct run_policy, 1);

	rp->name = policy ? policy->name : "observed";
	rp->label = g_strdup(label ? label : rp->name);
	rp->policy = policy;
	if (params)
		rp->params = *params;
	rp->verdicts = g_array_new(FALSE, FALSE, sizeof(struct run_verdict));
	g_ptr_array_add(run->policies, rp);
}

void run_want_ages(struct run *run)
{
	struct run_policy *rp = run->policies->pdata[run->policies->len - 1];

	rp->ages = g_array_new(FALSE, FALSE, sizeof(int64_t));
}

/* Is a policy of the run that one, parameter by parameter? */
static bool is_same(const struct run_policy *rp, const struct policy *policy, const struct policy_params *params)
{
	cJSON *a, *b;
	bool same;

	if (rp->policy != policy)
		return false;
	a = policy_spec_parameters(rp->policy, &rp->params);
	b = policy_spec_parameters(policy, params);
	same = cJSON_Compare(a, b, true);
	cJSON_Delete(a);
	cJSON_Delete(b);
	return same;
}

static const struct run_policy *find_same(const struct run *run, const struct policy *policy,
					  const struct policy_params *params)
{
	for (guint i = 0; i < run->policies->len; i++)
		if (is_same(run->policies->pdata[i], policy, params))
			return run->policies->pdata[i];
	return NULL;
}

bool run_add_specs(struct run *run, char **specs, GError **error)
{
	for (unsigned int i = 0; !specs && i < n_policies; i++) {
		struct policy_params params = policy_spec_defaults_for(policies[i], &run->recorded_params);

		run_add(run, policies[i], &params, NULL);
	}
	for (; specs && *specs; specs++) {
		struct policy_params params;
		const struct policy *policy = policy_spec_parse(*specs, &run->recorded_params, &params, error);
		const struct run_policy *before = policy ? find_same(run, policy, &params) : NULL;

		if (before)	/* it would be a row twice, and a comparison too many */
			g_set_error(error, POLICY_SPEC_ERROR, 0, "policy '%s' is given twice, as '%s' before", *specs, before->label);
		if (!policy || before)
			return false;
		run_add(run, policy, &params, *specs);
	}
	return true;
}

struct visitor {
	struct run *run;
	struct engine *engine;
	const struct recorded *recorded;
	struct spin_result *result;
	GArray *steps;
	struct fidelity_doubt *doubt[N_STATE_KINDS];
};

static void count_attempts(struct run_policy *rp, const GArray *attempts)
{
	for (guint i = 0; i < attempts->len; i++) {
		const struct attempt *a = &g_array_index(attempts, struct attempt, i);

		if (!a->result_known)
			continue;
		rp->attempts_yielded += a->result > 0;
		rp->attempts_failed += !a->result;
		rp->attempts_esrch += a->result < 0;
	}
}

static bool contains(const GArray *receivers, int pick)
{
	for (guint i = 0; i < receivers->len; i++)
		if ((int)g_array_index(receivers, unsigned int, i) == pick)
			return true;
	return false;
}

static void visit_policy(struct visitor *v, const struct engine_decision *decision, guint index)
{
	struct run_policy *rp = v->run->policies->pdata[index];
	const struct recorded_decision *d = decision->d;
	struct spin_result *r = v->result;
	const struct outcome *outcome = &decision->outcome;
	bool outcome_known = outcome->source != OUTCOME_UNKNOWN && !d->tainted, known = true;
	int pick = outcome->pick;
	const GArray *attempts = d->attempts;

	rp->decisions++;
	if (rp->policy) {
		engine_ask(v->engine, rp->lane, v->run->state, decision, SPIN_OBSERVED, NULL, r);
		pick = r->pick;
		attempts = r->attempts;
		known = !r->uncertain;
	}
	if (rp->ages) {
		const struct ipi_context *c = engine_ipi_context(v->engine, rp->lane, d->vm, d->me);
		int64_t age = c->pending_ipi || c->unknown ? MAX(d->t_start - c->ipi_time_ns, 0) : -1;

		g_array_append_val(rp->ages, age);
	}
	scores_pick(v->run->scores, index + 1, known && (rp->policy || outcome_known) ? pick : PICK_UNKNOWN);
	if (!known || d->tainted || (!rp->policy && !outcome_known)) {
		rp->unknown++;
		return;
	}
	if (!rp->policy && !d->probed)	/* all that can be said: the one that succeeded */
		rp->attempts_yielded += pick >= 0;
	else
		count_attempts(rp, attempts);
	rp->no_target += pick == NO_TARGET;
	if (decision->waits) {
		rp->receiver_waits++;
		rp->receiver_hits += contains(decision->receivers, pick);
	}
	if (!outcome_known) {
		rp->unknown++;
	} else if (pick == outcome->pick) {
		rp->same_pick++;
	} else {
		struct run_verdict verdict = {
			d->id, v->run->scores->decisions->len - 1, pick, outcome->pick, attempts->len,
		};

		rp->different_pick++;
		g_array_append_val(rp->verdicts, verdict);
	}
}

static void visit(void *user, const struct engine_decision *decision)
{
	struct visitor *v = user;
	struct run *run = v->run;

	scores_add(run->scores, decision, &decision->state[run->state]);
	engine_ask(v->engine, 0, run->state, decision, SPIN_OBSERVED, NULL, v->result);
	scores_pick(run->scores, 0, v->result->uncertain ? PICK_UNKNOWN : v->result->pick);
	run->n_decisions++;
	run->n_tainted += decision->d->tainted;
	run->n_outcomes[decision->outcome.source]++;
	run->ipi_context_probed |= decision->d->ipi_pending != DB_NULL;
	if (!decision->d->probed) {
		struct run_outcome row = {
			decision->d->id, decision->outcome, decision->state[run->state].last_boosted_vcpu,
		};

		g_array_append_val(run->outcomes, row);
	}
	for (guint i = 0; i < run->policies->len; i++)
		visit_policy(v, decision, i);
	for (unsigned int k = 0; k < N_STATE_KINDS; k++) {
		struct disagreement dis;

		if (fidelity_note(&run->fidelity[k], v->engine, v->recorded, decision, k, v->doubt[k],
				  v->result, v->steps, &dis))
			g_array_append_val(run->disagreements[k], dis);
	}
}

struct engine *run_engine(struct run *run, struct recorded *recorded)
{
	struct engine *engine = engine_new(recorded, run->recorded_policy, &run->recorded_params);

	for (guint i = 0; i < run->policies->len; i++) {
		struct run_policy *rp = run->policies->pdata[i];

		if (rp->policy)
			rp->lane = is_same(rp, run->recorded_policy, &run->recorded_params) ? 0 :
				   engine_add(engine, rp->policy, &rp->params);
	}
	return engine;
}

bool run_execute(struct run *run, struct recorded *recorded, GError **error)
{
	struct visitor v = { .run = run, .recorded = recorded };
	bool ok;

	run->recorded = recorded;
	run->scores = scores_new(recorded, run->policies->len + 1);
	v.engine = run_engine(run, recorded);
	v.result = spin_result_new(recorded->max_words + 1);
	v.steps = g_array_new(FALSE, FALSE, sizeof(struct spin_step));
	for (unsigned int k = 0; k < N_STATE_KINDS; k++)
		v.doubt[k] = fidelity_doubt_new(recorded);
	progress_begin("replaying decisions", recorded->n_decisions);
	ok = engine_run(v.engine, visit, &v, error);
	engine_free(v.engine);
	spin_result_free(v.result);
	g_array_unref(v.steps);
	for (unsigned int k = 0; k < N_STATE_KINDS; k++)
		fidelity_doubt_free(v.doubt[k]);
	return ok;
}

static bool ipis_hidden(const struct recorded *recorded)
{
	for (unsigned int vm = 0; vm < recorded->n_vms; vm++)
		if (recorded->vms[vm].ipis_hidden)
			return true;
	return false;
}

bool run_gather(struct run *run, uint64_t seed, GError **error)
{
	run->seed = seed;
	progress_begin("reading facts", 0);
	run->evidence = evidence_new(run->scores, RUN_REPLICATES, seed, error);
	run->rescore = run->evidence ? rescore_new(run->evidence, error) : NULL;
	return run->rescore != NULL;
}

struct estimates_query run_query(const struct run *run, guint policy)
{
	const struct run_policy *rp = run->policies->pdata[policy];
	const struct fidelity *f = &run->fidelity[run->state];

	return (struct estimates_query){
		.picks = run->scores->picks[rp->policy ? policy + 1 : 0], .baseline = run->scores->picks[0],
		.uses_ipis = rp->policy && rp->policy->on_ipi, .ipis_hidden = ipis_hidden(run->scores->recorded),
		.fidelity = f->compared ? (double)f->attempt_lists_equal / f->compared : -1,
	};
}

/* What the picks amount to wherever a policy's is not the kernel's; of waits that cannot be used nobody knows. */
static void classify(struct run *run, struct run_policy *rp, const guint *episodes)
{
	for (guint i = 0; i < rp->verdicts->len; i++) {
		struct run_verdict *v = &g_array_index(rp->verdicts, struct run_verdict, i);
		const int picks[N_PICKERS] = { v->pick, v->observed };
		guint episode = episodes[v->at];

		for (unsigned int k = 0; k < N_PICKERS; k++) {
			v->outcomes[k] = episode == G_MAXUINT ? OUTCOME_CLASS_UNKNOWN :
					 episode_outcome(run->rescore, episode, v->at, picks[k], k == PICKER_KERNEL);
			rp->n_outcomes[k][v->outcomes[k]]++;
		}
	}
}

/* Verdicts on the headline hold for all policies together. */
static void compare(struct run *run)
{
	g_autoptr(GPtrArray) heads = g_ptr_array_new();

	for (guint i = 0; i < run->policies->len; i++) {
		struct run_policy *rp = run->policies->pdata[i];
		struct estimate *head = &rp->estimates[METRIC_THROUGHPUT_GAIN];

		if (rp->gains->n_changed && !isnan(head->value))
			g_ptr_array_add(heads, head);
	}
	estimates_compare((struct estimate *const *)heads->pdata, heads->len);
}

bool run_estimate(struct run *run, GError **error)
{
	g_autofree guint *episodes = evidence_used_episodes(run->evidence);

	run->observed = observed_new(run->evidence, error);
	if (!run->observed || !estimators_compare(run->rescore, run->recorded, run->recorded_policy, &run->recorded_params,
						  run->state, &run->estimators, error))
		return false;
	progress_begin("estimating gains", run->policies->len);
	for (guint i = 0; i < run->policies->len; i++) {
		struct run_policy *rp = run->policies->pdata[i];
		struct estimates_query query = run_query(run, i);

		query.estimators = &run->estimators;

		rp->gains = estimates_make(run->evidence, run->rescore, &query, rp->estimates);
		classify(run, rp, episodes);
		rp->agreement = estimators_agreement(run->evidence, run->scores->picks[i + 1]);
		progress_show(i + 1);
	}
	compare(run);
	return true;
}

static bool has_policy(const struct run *run, const struct policy *policy)
{
	for (guint i = 0; i < run->policies->len; i++)
		if (((const struct run_policy *)run->policies->pdata[i])->policy == policy)
			return true;
	return false;
}

GPtrArray *run_warnings(const struct run *run, const struct recorded *recorded)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *kvm = recorded_param(recorded, "kvm.*");
	g_autofree char *shed = recorded_param(recorded, "recorder.shed");
	const char *policy = run->recorded_policy->name;

	if (shed && g_ascii_strtoll(shed, NULL, 10) > 0)
		g_ptr_array_add(list, g_strdup("the recorder gave up events to keep within its budget; "
					       "'counterspin info' says which"));
	if (run->recorded_policy == &policy_stock && run->ipi_context_probed)
		g_ptr_array_add(list, g_strdup_printf("the kernel ran patched (its ipi_context was probed), but "
						      "the host facts do not say how; %s is assumed", policy));
	else if (!kvm)
		g_ptr_array_add(list, g_strdup_printf("which policy the kernel ran is not recorded; %s is assumed", policy));
	if (!recorded->kernel)
		g_ptr_array_add(list, g_strdup("the kernel's release is not recorded; 6.18.3 or later is assumed"));
	scheduler_warnings(recorded, list);
	if (run->evidence && recorded->n_cpu > 1)
		g_ptr_array_add(list, g_strdup_printf("gains may read low by half: %u CPUs, and estimates have no feedback",
						      recorded->n_cpu));
	if (has_policy(run, &policy_numa) && !nodes_are_recorded(recorded))
		g_ptr_array_add(list, g_strdup_printf("the CPUs' NUMA nodes are not recorded; %s takes them for one",
						      policy_numa.name));
	for (unsigned int k = 0; k < N_STATE_KINDS; k++) {
		const struct fidelity *f = &run->fidelity[k];

		if (f->compared >= 100 && f->attempt_lists_equal < 0.95 * f->compared)
			g_ptr_array_add(list, g_strdup_printf(
				"replayed %s from %s state reproduces only %.1f %% of the kernel's attempts: "
				"it probably ran something else", policy, state_kind_names[k],
				100.0 * f->attempt_lists_equal / f->compared));
	}
	return list;
}

void run_warn_of_facts(const struct command *command, const struct recorded *recorded)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);

	scheduler_warnings(recorded, list);
	for (guint i = 0; i < list->len; i++)
		command_warn(command, "%s", (char *)list->pdata[i]);
}
