// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin replay - every recorded decision under any set of policies, and how
 * faithfully the recorded kernel's own policy is reproduced.
 */
#include "replay/replay.h"

#include <string.h>

#include "replay/policy_spec.h"
#include "replay/run.h"
#include "schema/command.h"
#include "schema/text_table.h"

static char **option_policies, *option_state;
static gboolean option_json, option_disagreements;

static const GOptionEntry options[] = {
	{ "policy", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &option_policies,
	  "Policy to replay, NAME[:PARAMETER=VALUE[,…]]; may be given again (default: all)", "POLICY" },
	{ "state", 0, 0, G_OPTION_ARG_STRING, &option_state,
	  "State shown to the policies: 'probed' where probes recorded it (default), or 'reconstructed'", "STATE" },
	{ "disagreements", 0, 0, G_OPTION_ARG_NONE, &option_disagreements,
	  "List the decisions that the replayed kernel policy does not reproduce", NULL },
	{ "json", 0, 0, G_OPTION_ARG_NONE, &option_json, "Print JSON", NULL },
	G_OPTION_ENTRY_NULL
};

static const struct command command = {
	.name = "replay", .arguments = "DB", .options = options, .min_args = 1, .max_args = 1,
	.summary = "Replay every recorded decision under other policies.",
	.description = "Results are also kept in the database (tables replay, verdict, outcome, fidelity, disagreement).",
};

static void print_policies(const struct run *run)
{
	static const char *const headings[] = {
		"policy", ">same pick", ">different", ">unknown", ">no target", ">IPI out", ">hits", ">share",
	};
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	for (guint i = 0; i < run->policies->len; i++) {
		const struct run_policy *p = run->policies->pdata[i];

		text_table_cell(t, "%s", p->label);
		text_table_count(t, p->same_pick);
		text_table_count(t, p->different_pick);
		text_table_count(t, p->unknown);
		text_table_count(t, p->no_target);
		text_table_count(t, p->receiver_waits);
		text_table_count(t, p->receiver_hits);
		if (p->receiver_waits)
			text_table_cell(t, "%.1f %%", 100.0 * p->receiver_hits / p->receiver_waits);
		else
			text_table_cell(t, "-");
	}
	text_table_print(t, "  ", stdout);
}

static void print_attempts(const struct run *run, bool probed)
{
	static const char *const headings[] = { "policy", ">yielded (1)", ">not yielded (0)", ">-ESRCH" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	for (guint i = 0; i < run->policies->len; i++) {
		const struct run_policy *p = run->policies->pdata[i];

		text_table_cell(t, "%s", p->label);
		text_table_count(t, p->attempts_yielded);
		if (p->policy || probed) {
			text_table_count(t, p->attempts_failed);
			text_table_count(t, p->attempts_esrch);
		} else {	/* only success shows without probes */
			text_table_cell(t, "?");
			text_table_cell(t, "?");
		}
	}
	text_table_print(t, "  ", stdout);
}

static void share_cell(struct text_table *t, int64_t n, int64_t of)
{
	if (of)
		text_table_cell(t, "%.2f %%", 100.0 * n / of);
	else
		text_table_cell(t, "-");
}

static void print_fidelity(const struct run *run)
{
	static const char *const headings[] = {
		"state", ">compared", ">same attempts", ">", ">same target", ">", ">unknown", ">racy",
		">racy, unequal",
	};
	static const char *const why_headings[] = { "state", "differs in", ">decisions", ">of these racy" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));
	struct text_table *why = text_table_new(why_headings, G_N_ELEMENTS(why_headings));
	bool any = false;

	for (unsigned int k = 0; k < N_STATE_KINDS; k++) {
		const struct fidelity *f = &run->fidelity[k];
		int64_t racy = 0;

		for (unsigned int i = 0; i < N_REASONS; i++) {
			racy += f->racy_reasons[i];
			if (!f->reasons[i])
				continue;
			any = true;
			text_table_cell(why, "%s", state_kind_names[k]);
			text_table_cell(why, "%s", reason_names[i]);
			text_table_count(why, f->reasons[i]);
			text_table_count(why, f->racy_reasons[i]);
		}
		text_table_cell(t, "%s", state_kind_names[k]);
		text_table_count(t, f->compared);
		text_table_count(t, f->attempt_lists_equal);
		share_cell(t, f->attempt_lists_equal, f->compared);
		text_table_count(t, f->targets_equal);
		share_cell(t, f->targets_equal, f->compared);
		text_table_count(t, f->unknown);
		text_table_count(t, f->racy);
		text_table_count(t, racy);
	}
	text_table_print(t, "  ", stdout);
	puts("\n  racy: a vCPU's state may have changed while the scan was looking, by the events around it,\n"
	     "        or what differs is a dy_eligible that such a scan left");
	if (any)
		puts("\nWhere the replayed kernel policy did not do what the kernel did:");
	text_table_print(why, "  ", any ? stdout : NULL);
}

static void print_disagreements(const struct run *run)
{
	static const char *const headings[] = { "state", ">decision", "differs in", ">vcpu_idx", "racy" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	for (unsigned int k = 0; k < N_STATE_KINDS; k++) {
		for (guint i = 0; i < run->disagreements[k]->len; i++) {
			const struct disagreement *d =
				&g_array_index(run->disagreements[k], struct disagreement, i);

			text_table_cell(t, "%s", state_kind_names[k]);
			text_table_cell(t, "%" G_GINT64_FORMAT, d->decision);
			text_table_cell(t, "%s", reason_names[d->reason]);
			if (d->vcpu_idx >= 0)
				text_table_cell(t, "%d", d->vcpu_idx);
			else
				text_table_cell(t, "-");
			text_table_cell(t, "%s", d->racy ? "yes" : "no");
		}
	}
	puts("\nDecisions not reproduced ('counterspin explain DB DECISION' shows one):");
	text_table_print(t, "  ", stdout);
}

/* What a reader must know before believing a figure; newly allocated strings. */
static GPtrArray *warnings_of(const struct run *run, const struct recorded *recorded)
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

static void print_known(const struct run *run)
{
	const int64_t *n = run->n_outcomes;

	if (n[OUTCOME_PROBED] < run->n_decisions)
		printf("Outcomes: %" G_GINT64_FORMAT " probed, %" G_GINT64_FORMAT " imputed from what followed, %"
		       G_GINT64_FORMAT " inferred by replaying %s\n(its own agreement with those says nothing), %"
		       G_GINT64_FORMAT " not known.\n", n[OUTCOME_PROBED], n[OUTCOME_IMPUTED], n[OUTCOME_INFERRED],
		       run->recorded_policy->name, n[OUTCOME_UNKNOWN]);
	if (run->n_tainted)
		printf("%" G_GINT64_FORMAT " decisions touch a gap or the recording's edge and are left out.\n",
		       run->n_tainted);
}

static void print_text(const struct run *run, const struct recorded *recorded)
{
	g_autoptr(GPtrArray) warnings = warnings_of(run, recorded);

	printf("%" G_GINT64_FORMAT " decisions of kvm_vcpu_on_spin() in %u VM%s; kernel %s ran %s",
	       run->n_decisions, recorded->n_vms, recorded->n_vms == 1 ? "" : "s",
	       recorded->kernel ? recorded->kernel : "(unknown)", run->recorded_policy->name);
	if (run->recorded_policy == &policy_stock)
		printf(" (%s)", stock_variant_names[run->recorded_params.stock_variant]);
	else
		printf(", taken as series v%u", run->recorded_params.series);
	printf(".\n");
	for (guint i = 0; i < warnings->len; i++)
		printf("WARNING: %s.\n", (char *)warnings->pdata[i]);
	print_known(run);
	printf("\nWhat each policy would have done, against what the kernel did (%s state):\n",
	       recorded->probes ? state_kind_names[run->state] : "reconstructed");
	print_policies(run);
	puts("\n"
	     "  same pick  the same vCPU, or nobody where the kernel yielded to nobody\n"
	     "  unknown    the policy's or the kernel's pick hangs on something not known\n"
	     "  no target  the policy yields to nobody (counted in the columns before, too)\n"
	     "  IPI out    the spinner has a unicast IPI of its own unacknowledged; hits: the pick is its receiver\n"
	     "\nyield_to() calls, by result:");
	print_attempts(run, recorded->probes);
	puts("\nFidelity of the replayed kernel policy:");
	if (!run->fidelity[STATE_PROBED].compared && !run->fidelity[STATE_RECONSTRUCTED].compared)
		puts("  cannot be told: no probes saw what the kernel tried");
	else
		print_fidelity(run);
	if (option_disagreements)
		print_disagreements(run);
}

static cJSON *fidelity_json(const struct run *run, enum state_kind kind)
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
	if (option_disagreements) {
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

static void print_json(const struct run *run, const struct recorded *recorded)
{
	g_autoptr(GPtrArray) warnings = warnings_of(run, recorded);
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
		cJSON_AddItemToObject(fidelity, state_kind_names[k], fidelity_json(run, k));
	command_print_json(root);
}

static const char *class_of(const struct run_verdict *v)
{
	return v->pick == NO_TARGET ? "no target" : v->observed == NO_TARGET ? "new target" : "other target";
}

static bool keep_policy(sqlite3 *db, const struct run_policy *p, const char *state, GError **error)
{
	g_autoptr(db_stmt) drop = db_prepare(db,
		"DELETE FROM verdict WHERE replay = (SELECT id FROM replay WHERE policy = ? AND parameters = ? AND state = ?)");
	g_autoptr(db_stmt) add = db_prepare(db,
		"INSERT OR REPLACE INTO replay VALUES((SELECT id FROM replay WHERE policy = ?1 AND parameters = ?2 AND "
		"state = ?3),?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14) RETURNING id");
	g_autoptr(db_stmt) verdict = db_prepare_insert(db, "verdict");
	cJSON *parameters = p->policy ? policy_spec_parameters(p->policy, &p->params) : cJSON_CreateObject();
	char *text = cJSON_PrintUnformatted(parameters);
	const int64_t counts[] = {
		p->decisions, p->same_pick, p->different_pick, p->unknown, p->no_target, p->receiver_waits,
		p->receiver_hits, p->attempts_yielded, p->attempts_failed, p->attempts_esrch,
	};
	bool ok;
	int64_t id = 0;

	for (int i = 0; i < 2; i++) {
		sqlite3_stmt *s = i ? add : drop;

		db_bind_text(s, 1, p->name);
		db_bind_text(s, 2, text);
		db_bind_text(s, 3, state);
	}
	for (unsigned int i = 0; i < G_N_ELEMENTS(counts); i++)
		db_bind_int(add, 4 + i, counts[i]);
	db_bind_text(add, 4 + G_N_ELEMENTS(counts), "counterspin " COUNTERSPIN_VERSION);
	ok = db_run(drop, error) && db_next(add, error);
	if (ok)
		id = db_column(add, 0);
	sqlite3_reset(add);
	for (guint i = 0; ok && i < p->verdicts->len; i++) {
		const struct run_verdict *v = &g_array_index(p->verdicts, struct run_verdict, i);

		db_bind_int(verdict, 1, id);
		db_bind_int(verdict, 2, v->decision);
		db_bind_int(verdict, 3, v->pick == NO_TARGET ? DB_NULL : v->pick);
		db_bind_text(verdict, 4, class_of(v));
		db_bind_int(verdict, 5, v->n_attempts);
		ok = db_run(verdict, error);
	}
	cJSON_free(text);
	cJSON_Delete(parameters);
	return ok;
}

static bool keep_fidelity(sqlite3 *db, const struct run *run, enum state_kind k, GError **error)
{
	const struct fidelity *f = &run->fidelity[k];
	g_autoptr(db_stmt) add = db_prepare_insert(db, "fidelity");
	g_autoptr(db_stmt) dis = db_prepare_insert(db, "disagreement");
	const int64_t counts[] = {
		f->compared, f->attempt_lists_equal, f->targets_equal, f->racy, f->unknown,
	};
	bool ok;

	db_bind_text(add, 1, state_kind_names[k]);
	db_bind_text(add, 2, run->recorded_policy->name);
	for (unsigned int i = 0; i < G_N_ELEMENTS(counts); i++)
		db_bind_int(add, 3 + i, counts[i]);
	ok = db_run(add, error);
	for (guint i = 0; ok && i < run->disagreements[k]->len; i++) {
		const struct disagreement *d = &g_array_index(run->disagreements[k], struct disagreement, i);

		db_bind_text(dis, 1, state_kind_names[k]);
		db_bind_int(dis, 2, d->decision);
		db_bind_text(dis, 3, reason_names[d->reason]);
		db_bind_int(dis, 4, d->vcpu_idx < 0 ? DB_NULL : d->vcpu_idx);
		db_bind_int(dis, 5, d->racy);
		ok = db_run(dis, error);
	}
	return ok;
}

static bool keep_outcomes(sqlite3 *db, const struct run *run, GError **error)
{
	static const char *const sources[N_OUTCOME_SOURCES] = {
		[OUTCOME_IMPUTED] = "imputed", [OUTCOME_INFERRED] = "inferred",
	};
	g_autoptr(db_stmt) add = db_prepare_insert(db, "outcome");
	bool ok = true;

	for (guint i = 0; ok && i < run->outcomes->len; i++) {
		const struct run_outcome *o = &g_array_index(run->outcomes, struct run_outcome, i);

		db_bind_int(add, 1, o->decision);
		db_bind_int(add, 2, o->outcome.pick < 0 ? DB_NULL : o->outcome.pick);
		db_bind_text(add, 3, sources[o->outcome.source]);
		db_bind_int(add, 4, o->last_boosted_vcpu < 0 ? DB_NULL : o->last_boosted_vcpu);
		ok = db_run(add, error);
	}
	return ok;
}

/* All or nothing, so that a reader never sees half a run. */
static bool keep(sqlite3 *db, const struct run *run, const char *state, GError **error)
{
	bool ok = db_exec(db, "BEGIN IMMEDIATE; DELETE FROM fidelity; DELETE FROM disagreement; DELETE FROM outcome", error);

	for (guint i = 0; ok && i < run->policies->len; i++)
		ok = keep_policy(db, run->policies->pdata[i], state, error);
	for (unsigned int k = 0; ok && k < N_STATE_KINDS; k++)
		ok = keep_fidelity(db, run, k, error);
	ok = ok && keep_outcomes(db, run, error);
	if (ok && db_exec(db, "COMMIT", error))
		return true;
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

static int replay(const char *path, enum state_kind state)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(sqlite3) db = db_open(path, &error);
	struct recorded *recorded = db ? recorded_open(db, &error) : NULL;
	struct run *run = recorded ? run_new(recorded, state) : NULL;
	int status = EXIT_FAILED;

	if (run)
		run_add(run, NULL, NULL, NULL);	/* observed */
	if (run && !run_add_specs(run, option_policies, &error)) {
		status = command_usage(&command, "%s", error->message);
	} else if (run && run_execute(run, recorded, &error)) {
		const char *shown = recorded->probes ? state_kind_names[state] : "reconstructed";
		bool readonly = sqlite3_db_readonly(db, "main");

		if (readonly || !keep(db, run, shown, &error))
			command_warn(&command, "results are not kept in '%s': %s", path,
				     readonly ? "it cannot be written" : error->message);
		if (option_json)
			print_json(run, recorded);
		else
			print_text(run, recorded);
		status = EXIT_FINE;
	} else {
		command_fail(&command, error);
	}
	run_free(run);
	recorded_free(recorded);
	return status;
}

int cmd_replay(int argc, char **argv)
{
	enum state_kind state;
	int status;

	if (!command_parse(&command, &argc, &argv, &status))
		return status;
	if (!state_kind_parse(option_state, &state))
		return command_usage(&command, "--state is 'probed' or 'reconstructed', not '%s'", option_state);
	return replay(argv[1], state);
}
