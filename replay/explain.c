// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin explain - one decision: the scan as each policy makes it, vCPU by
 * vCPU, with the state it saw, how that is known, and the filter that passed it
 * over.
 */
#include "replay/replay.h"

#include <stdio.h>
#include <string.h>

#include "replay/bits.h"
#include "replay/policy_spec.h"
#include "replay/run.h"
#include "schema/command.h"
#include "schema/progress.h"
#include "schema/text_table.h"

static char **option_policies, *option_state;
static gboolean option_json;

static const GOptionEntry options[] = {
	{ "policy", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &option_policies,
	  "Policy to explain, NAME[:PARAMETER=VALUE[,…]]; may be given again (default: all)", "POLICY" },
	{ "state", 0, 0, G_OPTION_ARG_STRING, &option_state,
	  "State shown to the policies: 'probed' where probes recorded it (default), or 'reconstructed'", "STATE" },
	{ "json", 0, 0, G_OPTION_ARG_NONE, &option_json, "Print JSON", NULL },
	G_OPTION_ENTRY_NULL
};

static const struct command command = {
	.name = "explain", .arguments = "DB DECISION", .options = options, .min_args = 2, .max_args = 2,
	.summary = "Show one decision as each policy makes it, vCPU by vCPU.",
};

static const char *const step_names[] = {
	[STEP_SELF] = "the spinner itself",
	[STEP_NOT_READY] = "not ready",
	[STEP_BLOCKING] = "blocking, no interrupt waits",
	[STEP_USER_MODE] = "preempted in user mode",
	[STEP_NOT_PREEMPTED] = "not preempted",
	[STEP_NOT_ELIGIBLE] = "spins itself, dy_eligible was off (now on)",
	[STEP_NOT_RECEIVER] = "not the receiver of the spinner's IPI",
	[STEP_TRIED] = "tried",
};

static const char *const seen_names[N_SEEN] = {
	"ready", "preempted", "in_kernel", "blocking", "dy_runnable", "pending_irq", "on_cpu", "queued",
	"in_spin_loop",
};

struct explain {
	int64_t id;
	enum state_kind kind;
	struct engine *engine;
	const struct recorded *recorded;
	const struct run *run;		/* for its list of policies */
	cJSON *result;			/* NULL: the decision has not come up */
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
			cJSON_AddNullToObject(o, seen_names[what]);
			cJSON_AddStringToObject(known, seen_names[what], "unknown");
			continue;
		}
		cJSON_AddBoolToObject(o, seen_names[what], get_bit(s->seen + what * s->n_words, idx));
		cJSON_AddStringToObject(known, seen_names[what], from_probe ? "probed" : "reconstructed");
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

static void visit(void *user, const struct engine_decision *e)
{
	static const char *const sources[N_OUTCOME_SOURCES] = { "unknown", "probed", "imputed", "inferred" };
	struct explain *x = user;
	const struct recorded_decision *d = e->d;
	const struct spin_state *s = &e->state[x->kind];
	cJSON *o, *observed, *vcpus, *list, *receivers;

	if (d->id != x->id)
		return;
	o = x->result = cJSON_CreateObject();
	cJSON_AddNumberToObject(o, "decision", d->id);
	cJSON_AddStringToObject(o, "vm", x->recorded->vms[d->vm].name);
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
	for (guint i = 0; i < x->run->policies->len; i++)
		cJSON_AddItemToArray(list, policy_json(x, e, x->run->policies->pdata[i]));
}

static const char *mark(const cJSON *vcpu, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(vcpu, key);

	return cJSON_IsNull(v) ? "?" : cJSON_IsTrue(v) ? "1" : "·";
}

static void print_vcpus(const cJSON *o)
{
	static const char *const headings[] = {
		">vCPU", "ready", "preempted", "in_kernel", "blocking", "dy_runnable", "pending_irq", "on_cpu",
		"queued", "spins", "dy_elig.", "racy",
	};
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));
	const cJSON *vcpu;
	bool probed = false;

	cJSON_ArrayForEach(vcpu, cJSON_GetObjectItemCaseSensitive(o, "vcpus")) {
		const cJSON *known = cJSON_GetObjectItemCaseSensitive(vcpu, "known_by");

		probed |= !strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(known, "ready")), "probed");
		text_table_cell(t, "%.0f", cJSON_GetObjectItemCaseSensitive(vcpu, "vcpu_idx")->valuedouble);
		for (unsigned int what = 0; what < N_SEEN; what++)
			text_table_cell(t, "%s", mark(vcpu, seen_names[what]));
		text_table_cell(t, "%s", mark(vcpu, "dy_eligible"));
		text_table_cell(t, "%s", mark(vcpu, "racy"));
	}
	text_table_print(t, "  ", stdout);
	puts(probed ? "  known by: probes (ready, preempted, in_kernel, spins, dy_elig.), events (the rest)" :
		      "  known by: events; dy_elig. carried along by replaying the kernel's policy");
}

static void print_attempts(const cJSON *attempts)
{
	const cJSON *a;

	cJSON_ArrayForEach(a, attempts) {
		const cJSON *result = cJSON_GetObjectItemCaseSensitive(a, "result");

		printf(" vCPU %.0f", cJSON_GetObjectItemCaseSensitive(a, "target_idx")->valuedouble);
		if (cJSON_IsNumber(result))
			printf(" (yield_to() = %s)", result->valuedouble < 0 ? "-ESRCH" : result->valuedouble > 0 ? "1" : "0");
		else
			printf("(?)");
	}
}

static void print_pick(const cJSON *o)
{
	const cJSON *pick = cJSON_GetObjectItemCaseSensitive(o, "pick_idx");

	if (cJSON_IsNumber(pick))
		printf("vCPU %.0f", pick->valuedouble);
	else
		printf("nobody");
}

static void print_policy(const cJSON *p)
{
	static const char *const headings[] = { ">scan", ">round", ">vcpu_idx", "", "" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));
	char *parameters = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(p, "parameters"));
	const cJSON *step;
	int n = 0;

	printf("\n%s %s: ", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(p, "name")), parameters);
	print_pick(p);
	puts(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(p, "certain")) ? "" :
	     " (not certain: it hangs on a state that is not known)");
	cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(p, "scan")) {
		const cJSON *result = cJSON_GetObjectItemCaseSensitive(step, "result");

		text_table_cell(t, "%d", ++n);
		text_table_cell(t, "%.0f", cJSON_GetObjectItemCaseSensitive(step, "round")->valuedouble);
		text_table_cell(t, "%.0f", cJSON_GetObjectItemCaseSensitive(step, "vcpu_idx")->valuedouble);
		text_table_cell(t, "%s", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(step, "step")));
		text_table_cell(t, "%s%s", !result ? "" : result->valuedouble > 0 ? "yield_to() = 1" :
				result->valuedouble < 0 ? "yield_to() = -ESRCH" : "yield_to() = 0",
				cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(step, "certain")) ? "" : "  ?");
	}
	text_table_print(t, "  ", n ? stdout : NULL);
	cJSON_free(parameters);
}

static void print_text(const cJSON *o)
{
	const cJSON *mode = cJSON_GetObjectItemCaseSensitive(o, "yield_to_kernel_mode");
	const cJSON *last = cJSON_GetObjectItemCaseSensitive(o, "last_boosted_vcpu");
	const cJSON *nr = cJSON_GetObjectItemCaseSensitive(o, "nr_running");
	const cJSON *observed = cJSON_GetObjectItemCaseSensitive(o, "observed");
	const cJSON *receivers = cJSON_GetObjectItemCaseSensitive(o, "unacknowledged_receivers"), *r, *p;

	printf("decision %.0f: vCPU %.0f of %s spins on CPU %.0f at %.9f s\n",
	       cJSON_GetObjectItemCaseSensitive(o, "decision")->valuedouble,
	       cJSON_GetObjectItemCaseSensitive(o, "vcpu_idx")->valuedouble,
	       cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "vm")),
	       cJSON_GetObjectItemCaseSensitive(o, "cpu")->valuedouble,
	       cJSON_GetObjectItemCaseSensitive(o, "t")->valuedouble / 1e9);
	printf("yield_to_kernel_mode %s, last_boosted_vcpu ", cJSON_IsNull(mode) ? "?" : cJSON_IsTrue(mode) ? "1" : "0");
	printf(cJSON_IsNumber(last) ? "%.0f" : "?", cJSON_IsNumber(last) ? last->valuedouble : 0);
	printf(", nr_running ");
	printf(cJSON_IsNumber(nr) ? "%.0f" : "?", cJSON_IsNumber(nr) ? nr->valuedouble : 0);
	puts(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "tainted")) ? "; touches a gap" : "");
	printf("its unicast IPIs out: %s", cJSON_GetArraySize(receivers) ? "to vCPU" : "none");
	cJSON_ArrayForEach(r, receivers)
		printf(" %.0f", r->valuedouble);
	printf("\nthe kernel (%s): ", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(observed, "source")));
	if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(observed, "source")), "unknown"))
		print_pick(observed);
	else
		printf("not known");
	if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(observed, "attempts"))) {
		printf("; tried");
		print_attempts(cJSON_GetObjectItemCaseSensitive(observed, "attempts"));
	}
	printf("\n\nState of the VM's vCPUs (%s; · is 0, ? not known):\n",
	       cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "state")));
	print_vcpus(o);
	cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(o, "policies"))
		print_policy(p);
}

static bool add_lanes(struct explain *x, struct run *run, GError **error)
{
	if (!run_add_specs(run, option_policies, error))
		return false;
	x->engine = engine_new((struct recorded *)x->recorded, run->recorded_policy, &run->recorded_params);
	for (guint i = 0; i < run->policies->len; i++) {
		struct run_policy *p = run->policies->pdata[i];

		p->lane = engine_add(x->engine, p->policy, &p->params);
	}
	return true;
}

static int explain(const char *path, int64_t id, enum state_kind kind)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(sqlite3) db = db_open(path, &error);
	struct recorded *recorded = db ? recorded_open(db, &error) : NULL;
	struct run *run = recorded ? run_new(recorded, kind) : NULL;
	struct explain x = { .id = id, .kind = kind, .recorded = recorded, .run = run };
	int status = EXIT_FAILED;

	progress_begin("replaying decisions", recorded ? recorded->n_decisions : 0);
	if (run && !add_lanes(&x, run, &error)) {
		status = command_usage(&command, "%s", error->message);
	} else if (!run || !engine_run(x.engine, visit, &x, &error)) {
		command_fail(&command, error);
	} else if (!x.result) {
		g_set_error(&error, ENGINE_ERROR, 0, "'%s' has no decision %" G_GINT64_FORMAT " (it has 1 to %"
			    G_GINT64_FORMAT ")", path, id, db_value(db, "SELECT count(*) FROM decision"));
		command_fail(&command, error);
	} else if (option_json) {
		progress_end();
		command_print_json(g_steal_pointer(&x.result));
		status = EXIT_FINE;
	} else {
		progress_end();
		print_text(x.result);
		status = EXIT_FINE;
	}
	cJSON_Delete(x.result);
	engine_free(x.engine);
	run_free(run);
	recorded_free(recorded);
	return status;
}

int cmd_explain(int argc, char **argv)
{
	enum state_kind kind;
	guint64 id;
	int status;

	if (!command_parse(&command, &argc, &argv, &status))
		return status;
	if (!g_ascii_string_to_unsigned(argv[2], 10, 1, INT64_MAX, &id, NULL))
		return command_usage(&command, "'%s' is not the number of a decision", argv[2]);
	if (!state_kind_parse(option_state, &kind))
		return command_usage(&command, "--state is 'probed' or 'reconstructed', not '%s'", option_state);
	return explain(argv[1], id, kind);
}
