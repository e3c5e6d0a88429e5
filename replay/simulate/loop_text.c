// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>
#include <string.h>

#include "replay/policy_spec.h"
#include "replay/simulate/loop_json.h"
#include "replay/simulate/loop_what_if.h"
#include "schema/text_table.h"

enum { WIDTH = 100 };

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

static void interval_cell(struct text_table *t, const double *limits, int digits)
{
	if (isnan(limits[0]))
		text_table_cell(t, "-");
	else
		text_table_cell(t, "[%+.*f, %+.*f]", digits, limits[0], digits, limits[1]);
}

static void label_cells(struct text_table *t, const struct loop_policy *p)
{
	text_table_cell(t, "%s", p->label);
	text_table_cell(t, "%s", scheduler_side_names[p->side]);
}

static void value_cell(struct text_table *t, double value, int digits)
{
	if (isnan(value))
		text_table_cell(t, "-");
	else
		text_table_cell(t, "%+.*f", digits, value);
}

/* with: "", or of what is asked there. */
static void print_gains(const struct loop *loop, const char *with)
{
	static const char *const headings[] = {
		"policy", "side", ">work %", ">95 %, chance", ">with the model's", "verdict"
	};
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	printf("\nUseful work%s against the recorded policy (%s), simulated likewise:\n", with,
	       loop->recorded_policy->name);
	for (guint i = 0; i < loop->policies->len; i++) {
		const struct loop_policy *p = loop->policies->pdata[i];
		const struct loop_estimate *e = &p->estimates[LOOP_THROUGHPUT];

		label_cells(t, p);
		value_cell(t, e->value, 2);
		interval_cell(t, e->statistical, 1);
		interval_cell(t, e->total, 1);
		text_table_cell(t, "%s", verdict_names[e->verdict]);
	}
	text_table_fold(t, 0, WIDTH);
	text_table_print(t, "  ", stdout);
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

			if (m == LOOP_SPIN)	/* saved, as a change */
				value_cell(t, value ? -value : 0, 3);
			else
				value_cell(t, value, m != LOOP_YIELDS);
		}
	}
	text_table_fold(t, 0, WIDTH);
	text_table_print(t, "  ", stdout);
}

static void print_differing(const struct loop *loop, const struct loop_variant *v)
{
	static const char *const headings[] = { "policy", "side", ">work %", ">95 %, chance" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	printf("\nWith forfeit %s and run to parity %s the recording is reproduced, too, and gains "
	       "are others:\n",
	       v->input.host.forfeit ? "on" : "off", v->input.host.run_to_parity ? "on" : "off");
	for (guint i = 0; i < loop->policies->len; i++) {
		const struct loop_policy *p = loop->policies->pdata[i];
		const struct loop_estimate *e = &v->throughput[i];

		if (isnan(e->value))
			continue;
		label_cells(t, p);
		value_cell(t, e->value, 2);
		interval_cell(t, e->statistical, 1);
	}
	text_table_fold(t, 0, WIDTH);
	text_table_print(t, "  ", stdout);
}

static void print_wrapped(const char *before, const char *text)
{
	g_autofree char *line = g_strconcat(before, text, ".", NULL);
	g_autofree char *wrapped = text_wrap(line, WIDTH - 2, 2);

	printf("  %s\n", wrapped);
}

/* Of policies that nobody has posted, what they cannot be believed for. */
static void print_limits(const struct loop *loop)
{
	for (guint i = 0; i < loop->policies->len; i++) {
		const struct loop_policy *p = loop->policies->pdata[i];
		g_autofree char *before = g_strdup_printf("%s stands for ", p->policy->name);
		g_autofree char *limits = g_strdup_printf("%s; %s", p->policy->stands_for, p->policy->limits);

		if (g_str_has_prefix(p->policy->stands_for, "no kernel"))
			print_wrapped(before, limits);
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
		printf("\nThe gate says WARN: believe no more than signs; intervals of work have twice its "
		       "error, %.1f %%.\n",
		       2 * gate_work_error(loop->gate));
	for (guint i = 0; i < loop->policies->len; i++) {
		const struct loop_policy *p = loop->policies->pdata[i];
		const struct loop_estimate *e = &p->estimates[LOOP_THROUGHPUT];
		const char *reason = e->reason;
		/* an interval without 0, and no verdict */
		bool strange = e->verdict == VERDICT_NO_CLEAR_EFFECT && (e->total[0] > 0 || e->total[1] < 0);

		if (!reason ||
		    (p->side != SIDE_LAG_CREDIT && loop->gate->result == GATE_WARN && !isnan(e->value) && !strange) ||
		    (last && !strcmp(reason, last)))
			continue;
		print_reason(p, reason);
		last = reason;
	}
}

static void density_row(struct text_table *t, const char *what, const char *vm,
			const struct loop_estimate *e, int digits)
{
	text_table_cell(t, "%s%s", what, vm);
	value_cell(t, e->value, digits);
	interval_cell(t, e->statistical, digits);
	interval_cell(t, e->total, digits);
}

/* Saved, as a change. */
static struct loop_estimate negated(const struct loop_estimate *e)
{
	return (struct loop_estimate){
		.value = e->value ? -e->value : 0,
		.statistical = { 0 - e->statistical[1], 0 - e->statistical[0] },
		.total = { 0 - e->total[1], 0 - e->total[0] },
	};
}

static void print_density(const struct loop_what_if *wi)
{
	static const char *const headings[] = { "the recorded policy there", ">change",
						">95 %, chance", ">with the model's" };
	static const char *const rows[LOOP_SHARE] = {
		"useful work, all VMs, %", "spinning, CPUs",	   "IPI response, mean, %",
		"IPI response, p50, %",	   "IPI response, p95, %", "IPI response, p99, %",
		"PAUSE exits, %",	   "yields, 1/s",
	};
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));
	struct loop_estimate spin = negated(&wi->estimates[LOOP_SPIN]);

	for (unsigned int m = 0; m < LOOP_SHARE; m++) {
		density_row(t, rows[m], "", m == LOOP_SPIN ? &spin : &wi->estimates[m],
			    m == LOOP_SPIN ? 3 : m != LOOP_YIELDS);
		for (unsigned int vm = 0; m == LOOP_THROUGHPUT && vm < wi->there->input->n_vms;
		     vm++)
			density_row(t, "  of ", wi->there->input->vms[vm].name, &wi->vms[vm], 1);
	}
	text_table_fold(t, 0, WIDTH);
	text_table_print(t, "  ", stdout);
}

static void print_what_if(const struct loop_what_if *wi)
{
	g_autofree char *with = g_strdup_printf(" with %s", wi->text);
	const struct program_input *there = wi->there ? wi->there->input : NULL;

	printf("\nWhat if %s? May that be extrapolated? %s", wi->text,
	       gate_result_names[wi->result]);
	if (wi->reason)
		printf(":\n  %s.\n", wi->reason);
	else
		puts("");
	if (wi->result == GATE_REFUSE)
		return;
	printf("An extrapolation: %u vCPUs of %u VM%s on %u CPU%s, against as recorded, both "
	       "simulated.\n",
	       there->programs->len, there->n_vms, there->n_vms == 1 ? "" : "s", there->host.n_cpu,
	       there->host.n_cpu == 1 ? "" : "s");
	print_density(wi);
	print_gains(wi->there, with);
	print_others(wi->there);
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
	if (loop->criteria)
		print_wrapped("", loop->criteria);
	print_errors(loop->gate);
	if (loop->n_variants > 1)
		print_variants(loop);
	if (loop->reason) {
		printf("\nNo gains: the model does not reproduce the recording. The likely "
		       "reason:\n  %s.\n",
		       loop->reason);
		return;
	}
	print_gains(loop, "");
	if (loop->parts.reason)
		print_wrapped("Chance is that of the replicates alone, and not of parts of the recording: ",
			      loop->parts.reason);
	print_others(loop);
	for (unsigned int v = 0; v < loop->n_variants; v++)
		if (loop_differs(loop, &loop->variants[v]))
			print_differing(loop, &loop->variants[v]);
	print_reasons(loop);
	print_limits(loop);
	for (guint i = 0; i < loop->what_ifs->len; i++)
		print_what_if(loop->what_ifs->pdata[i]);
	puts("\nSigns and order are what to take from here: where gains of a real kernel could be "
	     "measured, they\n"
	     "were 1.0 to 2.1 times those of the closed loop on one CPU, and 1.9 to 3.3 times on two.");
}
