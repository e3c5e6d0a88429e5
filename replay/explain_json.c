// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/explain_json.h"

#include "replay/bits.h"
#include "replay/policy_spec.h"

static const char *const step_names[] = {
	[STEP_SELF] = "the spinner itself",
	[STEP_NOT_READY] = "not ready",
	[STEP_BLOCKING] = "blocking, no interrupt waits",
	[STEP_USER_MODE] = "preempted in user mode",
	[STEP_NOT_PREEMPTED] = "not preempted",
	[STEP_NOT_ELIGIBLE] = "spinning, too, and not eligible this time",
	[STEP_NOT_RECEIVER] = "not the receiver of the spinner's IPI",
	[STEP_OTHER_NODE] = "on another NUMA node",
	[STEP_TRIED] = "tried",
};

const char *const explain_seen_names[N_SEEN] = {
	"ready", "preempted", "in_kernel", "blocking", "dy_runnable", "pending_irq", "on_cpu", "queued",
	"in_spin_loop", "same_node",
};

struct explain {
	GArray *ids;			/* of int64_t, ascending */
	enum state_kind kind;
	struct engine *engine;
	const struct recorded *recorded;
	const struct run *run;		/* for its list of policies */
	explain_taker *take;
	void *user;
};

/* Which of a vCPU's states come from the probe, which from events; "unknown" beats both. */
static cJSON *vcpu_json(const struct explain *x, const struct engine_decision *e, unsigned int idx)
{
	const struct recorded_decision *d = e->d;
	const struct spin_state *s = &e->state[x->kind];
	bool probed = x->kind == STATE_PROBED && get_bit(decision_bits(x->recorded, d, BITS_PROBED), idx);
	cJSON *o = cJSON_CreateObject(), *known;

	cJSON_AddNumberToObject(o, "vcpu_idx", idx);
	known = cJSON_CreateObject();
	for (unsigned int what = 0; what < N_SEEN; what++) {
		bool from_probe = probed && (what == READY || what == PREEMPTED || what == IN_KERNEL ||
					     what == IN_SPIN_LOOP);

		if (!get_bit(s->known + what * s->n_words, idx)) {
			cJSON_AddNullToObject(o, explain_seen_names[what]);
			cJSON_AddStringToObject(known, explain_seen_names[what], "unknown");
			continue;
		}
		cJSON_AddBoolToObject(o, explain_seen_names[what], get_bit(s->seen + what * s->n_words, idx));
		cJSON_AddStringToObject(known, explain_seen_names[what], from_probe ? "probed" : "reconstructed");
	}
	if (get_bit(s->dy_eligible_known, idx)) {
		cJSON_AddBoolToObject(o, "dy_eligible", get_bit(s->dy_eligible, idx));
		cJSON_AddStringToObject(known, "dy_eligible", probed ? "probed" : "carried");
	} else {
		cJSON_AddNullToObject(o, "dy_eligible");
		cJSON_AddStringToObject(known, "dy_eligible", "unknown");
	}
	cJSON_AddItemToObject(o, "known_by", known);
	cJSON_AddBoolToObject(o, "racy", get_bit(decision_bits(x->recorded, d, BITS_RACY), idx));
	return o;
}

static cJSON *attempts_json(const GArray *attempts)
{
	cJSON *list = cJSON_CreateArray();

	for (guint i = 0; i < attempts->len; i++) {
		const struct attempt *a = &g_array_index(attempts, struct attempt, i);
		cJSON *o = cJSON_CreateObject();

		cJSON_AddNumberToObject(o, "target_idx", a->target_idx);
		if (a->result_known)
			cJSON_AddNumberToObject(o, "result", a->result);
		else
			cJSON_AddNullToObject(o, "result");
		cJSON_AddItemToArray(list, o);
	}
	return list;
}

static void add_pick(cJSON *o, int pick)
{
	if (pick == NO_TARGET)
		cJSON_AddNullToObject(o, "pick_idx");
	else
		cJSON_AddNumberToObject(o, "pick_idx", pick);
}

static cJSON *policy_json(const struct explain *x, const struct engine_decision *e, const struct run_policy *p)
{
	struct spin_result *r = spin_result_new(x->recorded->max_words + 1);
	g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(struct spin_step));
	cJSON *o = cJSON_CreateObject(), *list;

	engine_ask(x->engine, p->lane, x->kind, e, SPIN_OBSERVED, steps, r);
	cJSON_AddStringToObject(o, "name", p->name);
	cJSON_AddItemToObject(o, "parameters", policy_spec_parameters(p->policy, &p->params));
	add_pick(o, r->pick);
	cJSON_AddBoolToObject(o, "certain", !r->uncertain);
	cJSON_AddItemToObject(o, "attempts", attempts_json(r->attempts));
	list = cJSON_AddArrayToObject(o, "scan");
	for (guint i = 0; i < steps->len; i++) {
		const struct spin_step *s = &g_array_index(steps, struct spin_step, i);
		cJSON *row = cJSON_CreateObject();

		cJSON_AddNumberToObject(row, "vcpu_idx", s->idx);
		cJSON_AddNumberToObject(row, "round", s->round + 1);
		cJSON_AddStringToObject(row, "step", step_names[s->step]);
		if (s->step == STEP_TRIED)
			cJSON_AddNumberToObject(row, "result", s->result);
		cJSON_AddBoolToObject(row, "certain", s->certain);
		cJSON_AddItemToArray(list, row);
	}
	spin_result_free(r);
	return o;
}

static cJSON *decision_json(const struct explain *x, const struct engine_decision *e)
{
	static const char *const sources[N_OUTCOME_SOURCES] = { "unknown", "probed", "imputed", "inferred" };
	const struct recorded_decision *d = e->d;
	const struct spin_state *s = &e->state[x->kind];
	cJSON *o = cJSON_CreateObject(), *observed, *vcpus, *list, *receivers;

	cJSON_AddNumberToObject(o, "decision", d->id);
	cJSON_AddStringToObject(o, "vm", x->recorded->vms[d->vm].label);
	cJSON_AddNumberToObject(o, "vcpu_idx", d->me);
	cJSON_AddNumberToObject(o, "cpu", d->cpu);
	cJSON_AddNumberToObject(o, "t", d->t_start - x->recorded->t0);
	cJSON_AddNumberToObject(o, "n_vcpus", d->n_vcpus);
	cJSON_AddStringToObject(o, "state", state_kind_names[d->probed ? x->kind : STATE_RECONSTRUCTED]);
	if (s->kernel_mode_known)
		cJSON_AddBoolToObject(o, "yield_to_kernel_mode", s->kernel_mode);
	else
		cJSON_AddNullToObject(o, "yield_to_kernel_mode");
	if (s->last_boosted_vcpu >= 0)
		cJSON_AddNumberToObject(o, "last_boosted_vcpu", s->last_boosted_vcpu);
	else
		cJSON_AddNullToObject(o, "last_boosted_vcpu");
	if (d->nr_running != DB_NULL)
		cJSON_AddNumberToObject(o, "nr_running", d->nr_running);
	else
		cJSON_AddNullToObject(o, "nr_running");
	cJSON_AddBoolToObject(o, "tainted", d->tainted);
	receivers = cJSON_AddArrayToObject(o, "unacknowledged_receivers");
	for (guint i = 0; i < e->receivers->len; i++)
		cJSON_AddItemToArray(receivers, cJSON_CreateNumber(g_array_index(e->receivers, unsigned int, i)));
	observed = cJSON_AddObjectToObject(o, "observed");
	cJSON_AddStringToObject(observed, "source", sources[e->outcome.source]);
	add_pick(observed, e->outcome.pick);
	cJSON_AddItemToObject(observed, "attempts", attempts_json(d->attempts));
	vcpus = cJSON_AddArrayToObject(o, "vcpus");
	for (unsigned int idx = 0; idx < d->n_vcpus; idx++)
		cJSON_AddItemToArray(vcpus, vcpu_json(x, e, idx));
	list = cJSON_AddArrayToObject(o, "policies");
	for (guint i = 0; i < x->run->policies->len; i++) {
		const struct run_policy *p = x->run->policies->pdata[i];

		if (p->policy)	/* "observed" scans nothing */
			cJSON_AddItemToArray(list, policy_json(x, e, p));
	}
	return o;
}

static int by_id(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void visit(void *user, const struct engine_decision *e)
{
	struct explain *x = user;

	if (g_array_binary_search(x->ids, &e->d->id, by_id, NULL))
		x->take(x->user, e->d->id, decision_json(x, e));
}

bool explain_json(struct run *run, struct recorded *recorded, const int64_t *ids, gsize n, explain_taker *take,
		  void *user, GError **error)
{
	struct explain x = { .kind = run->state, .recorded = recorded, .run = run, .take = take, .user = user };
	bool ok;

	x.ids = g_array_sized_new(FALSE, FALSE, sizeof(*ids), n);
	g_array_append_vals(x.ids, ids, n);
	g_array_sort(x.ids, by_id);
	x.engine = run_engine(run, recorded);
	ok = engine_run(x.engine, visit, &x, error);
	engine_free(x.engine);
	g_array_unref(x.ids);
	return ok;
}
