// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>
#include <string.h>

#include "replay/policy_spec.h"
#include "replay/simulate/loop_json.h"
#include "schema/text_table.h"

static void percent_cell(struct text_table *t, double value)
{
	if (isnan(value))
		text_table_cell(t, "-");
	else
		text_table_cell(t, "%+.1f %%", value);
}

static void print_errors(const struct gate *gate)
{
	static const char *const headings[] = { "the model's error in", ">replicates",
						">unjittered", ">PASS", ">WARN" };
	const struct gate_errors *e = &gate->errors, *u = &gate->unjittered;
	const struct {
		const char *what, *pass, *warn;
		double mean, first;
	} rows[] = {
		{ "useful work", "3 %", "5 %", e->work, u->work },
		{ "spinning", "20 %", "40 %", e->spin, u->spin },
		{ "IPI response, median", "30 %", "", e->median, u->median },
		{ "IPI response, p99", "", "", e->p99, u->p99 },
	};
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		text_table_cell(t, "%s", rows[i].what);
		percent_cell(t, rows[i].mean);
		percent_cell(t, rows[i].first);
		text_table_cell(t, "%s", rows[i].pass);
		text_table_cell(t, "%s", rows[i].warn);
	}
	text_table_cell(t, "a VM's share of CPU time, points");
	text_table_cell(t, "%.1f", e->share);
	text_table_cell(t, "%.1f", u->share);
	text_table_cell(t, "2");
	text_table_cell(t, "%s", "");
	text_table_print(t, "  ", stdout);
}

static const char *yes_no(bool value)
{
	return value ? "yes" : "no";
}

static void print_variants(const struct loop *loop)
{
	static const char *const headings[] = { "forfeit", "run to parity", "gate",
						">work",   ">spinning",	    "" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	puts("\nSchedulers tried:");
	for (unsigned int i = 0; i < loop->n_variants; i++) {
		const struct loop_variant *v = &loop->variants[i];

		text_table_cell(t, "%s", yes_no(v->input.host.forfeit));
		text_table_cell(t, "%s", yes_no(v->input.host.run_to_parity));
		text_table_cell(t, "%s", gate_result_names[v->gate.result]);
		percent_cell(t, v->gate.errors.work);
		percent_cell(t, v->gate.errors.spin);
		text_table_cell(t, "%s%s", v->as_recorded ? "as recorded" : "",
				i == loop->chosen && !loop->reason
					? v->as_recorded ? ", taken" : "taken"
					: "");
	}
	text_table_print(t, "  ", stdout);
}

static void interval_cell(struct text_table *t, const double *limits)
{
	if (isnan(limits[0]))
		text_table_cell(t, "-");
	else
		text_table_cell(t, "[%+.1f, %+.1f]", limits[0], limits[1]);
}

static void label_cells(struct text_table *t, const struct loop_policy *p)
{
	text_table_cell(t, "%.34s", p->label);
	text_table_cell(t, "%s", scheduler_side_names[p->side]);
}

static void print_gains(const struct loop *loop)
{
	static const char *const headings[] = {
		"policy", "side", ">work %", ">95 %, chance", ">with the model's", "verdict"
	};
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	printf("\nUseful work against the recorded policy (%s), simulated likewise:\n",
	       loop->recorded_policy->name);
	for (guint i = 0; i < loop->policies->len; i++) {
		const struct loop_policy *p = loop->policies->pdata[i];
		const struct loop_estimate *e = &p->estimates[LOOP_THROUGHPUT];

		label_cells(t, p);
		if (isnan(e->value))
			text_table_cell(t, "-");
		else
			text_table_cell(t, "%+.2f", e->value);
		interval_cell(t, e->statistical);
		interval_cell(t, e->total);
		text_table_cell(t, "%s", verdict_names[e->verdict]);
	}
	text_table_print(t, "  ", stdout);
	if (!loop->parts.n)
		puts("  The recording is too short to be parted: chance is that of the replicates alone.");
}

static void print_others(const struct loop *loop)
{
	static const char *const headings[] = {
		"policy", "side", ">spin CPUs", ">IPI %",    ">p50",
		">p95",	  ">p99", ">PAUSE %",	">yields/s", ">share",
	};
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	puts("\nWhat else it changes (IPI: mean response and percentiles; share: most by any VM, "
	     "points):");
	for (guint i = 0; i < loop->policies->len; i++) {
		const struct loop_policy *p = loop->policies->pdata[i];

		label_cells(t, p);
		for (unsigned int m = LOOP_SPIN; m < N_LOOP_METRICS; m++) {
			double value = p->estimates[m].value;

			if (isnan(value))
				text_table_cell(t, "-");
			else if (m == LOOP_SPIN)	/* saved, as a change */
				text_table_cell(t, "%+.3f", value ? -value : 0);
			else
				text_table_cell(t, m == LOOP_YIELDS ? "%+.0f" : "%+.1f", value);
		}
	}
	text_table_print(t, "  ", stdout);
}

static void print_differing(const struct loop *loop, const struct loop_variant *v)
{
	printf("\nWith forfeit %s and run to parity %s the recording is reproduced, too, and gains "
	       "are others:\n",
	       v->input.host.forfeit ? "on" : "off", v->input.host.run_to_parity ? "on" : "off");
	for (guint i = 0; i < loop->policies->len; i++) {
		const struct loop_policy *p = loop->policies->pdata[i];
		const struct loop_estimate *e = &v->throughput[i];

		if (!isnan(e->value))
			printf("  %-34.34s %-12s %+.2f %% [%+.1f, %+.1f]\n", p->label,
			       scheduler_side_names[p->side], e->value, e->statistical[0],
			       e->statistical[1]);
	}
}

static void print_reason(const struct loop_policy *p, const char *reason)
{
	g_auto(GStrv) parts = g_strsplit(reason, "; ", -1);
	g_autofree char *lines = g_strjoinv(";\n  ", parts);

	printf("%s, %s:\n  %s.\n", p->label, scheduler_side_names[p->side], lines);
}

static void print_reasons(const struct loop *loop)
{
	const char *last = NULL;

	if (loop->gate->result == GATE_WARN)
		printf("\nModel error: believe no more than signs, and those only of work beyond "
		       "%.1f %%.\n",
		       2 * gate_work_error(loop->gate));
	for (guint i = 0; i < loop->policies->len; i++) {
		const struct loop_policy *p = loop->policies->pdata[i];
		const char *reason = p->estimates[LOOP_THROUGHPUT].reason;

		if (!reason ||
		    (p->side != SIDE_LAG_CREDIT && !isnan(p->estimates[LOOP_THROUGHPUT].value)) ||
		    (last && !strcmp(reason, last)))
			continue;
		print_reason(p, reason);
		last = reason;
	}
}

/* As --policy takes it. */
static char *recorded_spec(const struct loop *loop)
{
	cJSON *parameters = policy_spec_parameters(loop->recorded_policy, &loop->recorded_params);
	GString *spec = g_string_new(loop->recorded_policy->name);
	const cJSON *value;

	cJSON_ArrayForEach(value, parameters) {
		g_string_append_printf(spec, "%c%s=", value == parameters->child ? ':' : ',',
				       value->string);
		if (cJSON_IsString(value))
			g_string_append(spec, value->valuestring);
		else if (cJSON_IsNumber(value))
			g_string_append_printf(spec, "%.0f", value->valuedouble);
		else
			g_string_append(spec, cJSON_IsTrue(value) ? "1" : "0");
	}
	cJSON_Delete(parameters);
	return g_string_free(spec, FALSE);
}

void loop_print_text(const struct loop *loop)
{
	const struct sim_host *host = &loop->input->host;
	g_autofree char *spec = recorded_spec(loop);

	printf("%.2f s of %u vCPUs of %u VMs on %u CPUs (%s) run again, %u times each with 1 %% "
	       "jitter.\n"
	       "%.1f %% of the recorded spinning is for what is not known, and stays as long as it "
	       "was.\n\n",
	       loop->truth.seconds, loop->input->programs->len, loop->input->n_vms, host->n_cpu,
	       host->scheduler == SCHEDULER_CFS ? "CFS" : "EEVDF", loop->n_replicates,
	       100 * loop->input->unmodelled_spin);
	printf("Recorded was %s.\nDoes the model reproduce that? %s\n", spec,
	       gate_result_names[loop->gate->result]);
	print_errors(loop->gate);
	if (loop->n_variants > 1)
		print_variants(loop);
	if (loop->reason) {
		printf("\nNo gains: the model does not reproduce the recording. The likely "
		       "reason:\n  %s.\n",
		       loop->reason);
		return;
	}
	print_gains(loop);
	print_others(loop);
	for (unsigned int v = 0; v < loop->n_variants; v++)
		if (loop_differs(loop, &loop->variants[v]))
			print_differing(loop, &loop->variants[v]);
	print_reasons(loop);
	puts("\nSigns and order are what to take from here: where gains of a real kernel could be "
	     "measured, they\n"
	     "were 0.7 to 1.5 times those of the closed loop.");
}
