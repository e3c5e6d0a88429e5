// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin explain - one decision: the scan as each policy makes it, vCPU by
 * vCPU, with the state it saw, how that is known, and the filter that passed it
 * over.
 */
#include "replay/replay.h"

#include <stdio.h>
#include <string.h>

#include "replay/explain_json.h"
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

static const char *mark(const cJSON *vcpu, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(vcpu, key);

	return cJSON_IsNull(v) ? "?" : cJSON_IsTrue(v) ? "1" : "·";
}

static void print_vcpus(const cJSON *o)
{
	static const char *const headings[] = {
		">vCPU", "ready", "preempted", "in_kernel", "blocking", "dy_runnable", "pending_irq", "on_cpu",
		"queued", "spins", "same_node", "dy_elig.", "racy",
	};
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));
	const cJSON *vcpu;
	bool probed = false;

	cJSON_ArrayForEach(vcpu, cJSON_GetObjectItemCaseSensitive(o, "vcpus")) {
		const cJSON *known = cJSON_GetObjectItemCaseSensitive(vcpu, "known_by");

		probed |= !strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(known, "ready")), "probed");
		text_table_cell(t, "%.0f", cJSON_GetObjectItemCaseSensitive(vcpu, "vcpu_idx")->valuedouble);
		for (unsigned int what = 0; what < N_SEEN; what++)
			text_table_cell(t, "%s", mark(vcpu, explain_seen_names[what]));
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

static void take(void *user, int64_t decision, cJSON *json)
{
	cJSON **result = user;

	(void)decision;
	cJSON_Delete(*result);
	*result = json;
}

static int explain(const char *path, int64_t id, enum state_kind kind)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(sqlite3) db = db_open(path, &error);
	struct recorded *recorded = db ? recorded_open(db, &error) : NULL;
	struct run *run = recorded ? run_new(recorded, kind) : NULL;
	cJSON *result = NULL;
	int status = EXIT_FAILED;

	progress_begin("replaying decisions", recorded ? recorded->n_decisions : 0);
	if (run && !run_add_specs(run, option_policies, &error)) {
		status = command_usage(&command, "%s", error->message);
	} else if (!run || !explain_json(run, recorded, &id, 1, take, &result, &error)) {
		command_fail(&command, error);
	} else if (!result) {
		g_set_error(&error, ENGINE_ERROR, 0, "'%s' has no decision %" G_GINT64_FORMAT " (it has 1 to %"
			    G_GINT64_FORMAT ")", path, id, db_value(db, "SELECT count(*) FROM decision"));
		command_fail(&command, error);
	} else if (option_json) {
		progress_end();
		command_print_json(g_steal_pointer(&result));
		status = EXIT_FINE;
	} else {
		progress_end();
		print_text(result);
		status = EXIT_FINE;
	}
	cJSON_Delete(result);
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
