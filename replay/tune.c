// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin tune - the gain for every value of ipi_window_ns, and the one to choose.
 */
#include "replay/tune.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "replay/policy_spec.h"
#include "replay/tuning_keep.h"
#include "schema/command.h"
#include "schema/progress.h"
#include "schema/text_table.h"

enum { WIDTH = 100 };		/* columns of a line */

#define NO_DEFAULT G_MININT64	/* --default is not given; 0 is a window */
#define DEFAULT_WINDOW_NS 50000000
#define DEFAULT_WINDOW_PPM 2000000

static char **option_policies;
static gboolean option_adaptive, option_json;
static gint64 option_default = NO_DEFAULT, option_seed = 1;

static const GOptionEntry options[] = {
	{ "policy", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &option_policies,
	  "Policy to tune, NAME[:PARAMETER=VALUE[,…]] (default: ipi-aware+relaxed)", "POLICY" },
	{ "default", 0, 0, G_OPTION_ARG_INT64, &option_default,
	  "Window to compare with (default: 50000000 ns, or 2000000 with --adaptive)", "WINDOW" },
	{ "adaptive", 0, 0, G_OPTION_ARG_NONE, &option_adaptive,
	  "Windows in millionths of each vCPU's own mean response to its IPIs", NULL },
	{ "seed", 0, 0, G_OPTION_ARG_INT64, &option_seed, "Seed of the bootstrap (default: 1)", "N" },
	{ "json", 0, 0, G_OPTION_ARG_NONE, &option_json, "Print JSON", NULL },
	G_OPTION_ENTRY_NULL
};

static const struct command command = {
	.name = "tune", .arguments = "DB", .options = options, .min_args = 1, .max_args = 1,
	.summary = "The gain for every value of ipi_window_ns, and which to choose.",
	.description = "The curve and the choice are also kept in the database (tables window_step, window_choice).",
};

/* The lowest window of the point, which is in force from there on; none: below any hint's age. */
static double window_of(const struct window_point *p)
{
	return MAX(p->window_ns, 0);
}

static void add_gains(cJSON *o, const char *name, const struct tuning *t, const struct window_estimate *e)
{
	cJSON *gain = cJSON_AddObjectToObject(o, name);

	cJSON_AddNumberToObject(gain, "value", tuning_gain(t, e->ns));
	cJSON_AddNumberToObject(gain, "lo", tuning_gain(t, e->low));
	cJSON_AddNumberToObject(gain, "hi", tuning_gain(t, e->high));
}

static cJSON *chain_json(const struct estimate *e)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddNumberToObject(o, "value", e->value);
	cJSON_AddNumberToObject(o, "lo", e->total[0]);
	cJSON_AddNumberToObject(o, "hi", e->total[1]);
	cJSON_AddStringToObject(o, "verdict", verdict_names[e->verdict]);
	cJSON_AddItemToObject(o, "reason", e->reason ? cJSON_CreateString(e->reason) : cJSON_CreateNull());
	return o;
}

static cJSON *tuning_json(const struct tuning *t)
{
	cJSON *root = cJSON_CreateObject(), *over, *curve, *folds, *total;

	cJSON_AddStringToObject(root, "policy", t->policy->name);
	cJSON_AddItemToObject(root, "parameters", tuning_parameters(t));
	cJSON_AddStringToObject(root, "statistic", window_statistic_names[t->statistic]);
	cJSON_AddStringToObject(root, "unit", "percent");
	cJSON_AddStringToObject(root, "method", "per decision, no feedback");
	cJSON_AddNumberToObject(root, "seed", t->run->seed);
	cJSON_AddNumberToObject(root, "replicates", RUN_REPLICATES);
	cJSON_AddNumberToObject(root, "default", t->default_window);
	cJSON_AddItemToObject(root, "chosen", t->chosen ? cJSON_CreateNumber(MAX(t->choice.window_ns, 0)) :
			      cJSON_CreateNull());
	cJSON_AddItemToObject(root, "held_out_gain", t->chosen ?
			      cJSON_CreateNumber(tuning_gain(t, t->choice.held_out.ns)) : cJSON_CreateNull());
	cJSON_AddStringToObject(root, "verdict", tuning_verdict(t));
	cJSON_AddItemToObject(root, "reason", t->reason ? cJSON_CreateString(t->reason) : cJSON_CreateNull());
	if (t->chosen) {
		add_gains(root, "held_out", t, &t->choice.held_out);
		add_gains(root, "by_default", t, &t->choice.by_default);
		over = cJSON_AddObjectToObject(root, "over_default");
		cJSON_AddNumberToObject(over, "value", tuning_over_default(t, t->choice.over_default.ns));
		cJSON_AddNumberToObject(over, "lo", tuning_over_default(t, t->choice.over_default.low));
		cJSON_AddNumberToObject(over, "hi", tuning_over_default(t, t->choice.over_default.high));
		total = cJSON_AddArrayToObject(over, "total");
		for (unsigned int i = 0; i < 2; i++)
			cJSON_AddItemToArray(total, cJSON_CreateNumber(t->over_default[i]));
		folds = cJSON_AddArrayToObject(root, "fold_windows");
		for (unsigned int i = 0; i < WINDOW_FOLDS; i++)
			cJSON_AddItemToArray(folds, cJSON_CreateNumber(MAX(t->choice.fold_ns[i], 0)));
		cJSON_AddItemToObject(root, "throughput_gain_at_chosen", chain_json(&t->at_chosen));
		cJSON_AddItemToObject(root, "throughput_gain_at_default", chain_json(&t->at_default));
	}
	cJSON_AddNumberToObject(root, "hints_live", t->n_live);
	cJSON_AddNumberToObject(root, "hints_inert", t->n_inert);
	curve = cJSON_AddArrayToObject(root, "curve");
	for (size_t i = 0; i < t->curve->n_points; i++) {
		const struct window_point *p = &t->curve->points[i];
		cJSON *o = cJSON_CreateObject();

		cJSON_AddNumberToObject(o, "ipi_window_ns", window_of(p));
		cJSON_AddNumberToObject(o, "gain", tuning_gain(t, p->value.spin_ns));
		cJSON_AddNumberToObject(o, "lo", tuning_gain(t, t->low[i]));
		cJSON_AddNumberToObject(o, "hi", tuning_gain(t, t->high[i]));
		cJSON_AddItemToArray(curve, o);
	}
	return root;
}

static char *window_text(const struct tuning *t, double window)
{
	window = MAX(window, 0);
	if (t->statistic == WINDOW_ADAPTIVE)
		return g_strdup_printf("%.2f means", window / 1e6);
	if (window >= 999.5e6)
		return g_strdup_printf("%.3g s", window / 1e9);
	if (window >= 999.5e3)
		return g_strdup_printf("%.3g ms", window / 1e6);
	return g_strdup_printf("%.3g us", window / 1e3);
}

/* A curve of thousands of steps, at windows that a reader would try. */
static void print_curve(const struct tuning *t)
{
	static const char *const headings[] = { ">window", ">gain %", ">95 % band", "" };
	static const double times[] = { 0, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 5e7, 1e8, 1e9 };
	static const double means[] = { 0, 1e5, 2e5, 5e5, 7.5e5, 1e6, 1.5e6, 2e6, 3e6, 5e6, 1e7, 1e8 };
	bool adaptive = t->statistic == WINDOW_ADAPTIVE;
	struct text_table *table = text_table_new(headings, G_N_ELEMENTS(headings));

	for (unsigned int i = 0; i < (adaptive ? G_N_ELEMENTS(means) : G_N_ELEMENTS(times)); i++) {
		double window = adaptive ? means[i] : times[i];
		const struct window_point *p = window_curve_at(t->curve, (int64_t)window);
		size_t at = p - t->curve->points;
		g_autofree char *text = window_text(t, window);

		text_table_cell(table, "%s", text);
		text_table_cell(table, "%+.2f", text_number(tuning_gain(t, p->value.spin_ns), 2));
		text_table_cell(table, "[%+.2f, %+.2f]", text_number(tuning_gain(t, t->low[at]), 2),
				text_number(tuning_gain(t, t->high[at]), 2));
		text_table_cell(table, window == t->default_window ? "the default" : "");
	}
	text_table_print(table, "  ", stdout);
}

static void print_wrapped(char *text, unsigned int indent)
{
	g_autofree char *lines = text_wrap(text, WIDTH, indent);

	puts(lines);
	g_free(text);
}

static void print_interval(const char *what, double value, double low, double high)
{
	printf("  %-38s %+.2f %% [%+.2f, %+.2f]\n", what, text_number(value, 2), text_number(low, 2),
	       text_number(high, 2));
}

static void print_gain(const char *what, const struct tuning *t, const struct window_estimate *e)
{
	print_interval(what, tuning_gain(t, e->ns), tuning_gain(t, e->low), tuning_gain(t, e->high));
}

static void print_chain(const char *what, const struct estimate *e)
{
	if (isnan(e->value))
		print_wrapped(g_strdup_printf("  %-38s %s: %s", what, verdict_names[e->verdict], e->reason), 41);
	else
		print_interval(what, e->value, e->total[0], e->total[1]);
}

/* The recorded policy; where it is the one that is tuned, with the window that the kernel had. */
static char *recorded_name(const struct tuning *t)
{
	const struct policy *policy = t->run->recorded_policy;

	if (policy != t->policy)
		return g_strdup(policy->name);
	return g_strdup_printf("the recorded kernel's %s (ipi_window_ns=%" PRId64 ")", policy->name,
			       (int64_t)t->run->recorded_params.ipi_window_ns);
}

static void print_text(const struct tuning *t)
{
	const struct window_choice *c = &t->choice;
	g_autofree char *chosen = window_text(t, c->window_ns);
	g_autofree char *low = window_text(t, c->fold_low), *high = window_text(t, c->fold_high);
	g_autofree char *recorded = recorded_name(t);

	print_wrapped(g_strdup_printf("Gain of %s over %s in useful work, by the window in which a pending IPI counts%s "
				      "(single decisions, all else as recorded). %zu steps; %u decisions at which a hint "
				      "changes the pick, %u at which it does not. The band holds the whole curve at once.\n",
				      t->policy->name, recorded,
				      t->statistic == WINDOW_ADAPTIVE ?
				      " as a multiple of the sender's mean response time" : "",
				      t->curve->n_steps, t->n_live, t->n_inert), 0);
	print_curve(t);
	if (!t->chosen) {
		puts("");
		print_wrapped(g_strdup_printf("No choice: %s: %s.", verdict_names[t->refusal], t->reason), 0);
		return;
	}
	printf("\nChosen: %s", chosen);
	if (t->statistic == WINDOW_AGE)
		printf(" (ipi_window_ns=%" PRId64 ")", MAX(c->window_ns, 0));
	puts(", the smallest within one standard error of the best.\n"
	     "On data that did not choose it, with 95 % intervals:");
	print_gain("gain", t, &c->held_out);
	print_gain("gain at the default", t, &c->by_default);
	print_interval("difference, with the method's error", tuning_over_default(t, c->over_default.ns),
		       t->over_default[0], t->over_default[1]);
	printf("  %-38s %s to %s\n", "windows chosen in replicates, 95 %", low, high);
	printf("Verdict: %s.\n", tuning_verdict(t));
	if (t->reason)
		print_wrapped(g_strdup_printf("(%s.)", t->reason), 0);
	if (t->verdict != WINDOW_BETTER)
		puts("Nothing here speaks for another window than the default.");
	puts("");
	print_wrapped(g_strdup_printf("By the episode chain (see 'counterspin replay'), against %s, with the method's error:",
				      recorded), 0);
	print_chain("throughput at the chosen window", &t->at_chosen);
	print_chain("throughput at the default", &t->at_default);
}

static int tune(const char *path, const char *spec, enum window_statistic statistic, int64_t default_window)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(sqlite3) db = db_open(path, &error);
	struct recorded *recorded = db ? recorded_open(db, &error) : NULL;
	struct policy_params recorded_params, params;
	const struct policy *policy = NULL;
	struct tuning *t = NULL;
	int status = EXIT_FAILED;

	if (recorded) {
		engine_recorded_policy(recorded, &recorded_params);
		policy = policy_spec_parse(spec, &recorded_params, &params, &error);
		if (!policy)
			status = command_usage(&command, "%s", error->message);
		else if (!strstr(policy->parameters, "ipi_window_ns"))
			status = command_usage(&command, "policy '%s' has no ipi_window_ns", policy->name);
		else if (policy == &policy_ipi_chain)	/* its picks hang on the ages of several hints at once */
			status = command_usage(&command, "policy '%s' heeds IPIs of several vCPUs: its gain is no curve over "
					       "the spinner's own; compare windows by replay", policy->name);
		else
			t = tuning_new(recorded, policy, &params, statistic, default_window, option_seed, &error);
	}
	if (t) {
		bool readonly = sqlite3_db_readonly(db, "main");

		if (readonly || !tuning_keep(t, db, &error))
			command_warn(&command, "the curve is not kept in '%s': %s", path,
				     readonly ? "it cannot be written" : error->message);
		progress_end();
		run_warn_of_facts(&command, recorded);
		if (option_json)
			command_print_json(tuning_json(t));
		else
			print_text(t);
		status = t->chosen ? EXIT_FINE : EXIT_UNANSWERED;
	} else if (status == EXIT_FAILED) {
		command_fail(&command, error);
	}
	tuning_free(t);
	recorded_free(recorded);
	return status;
}

int cmd_tune(int argc, char **argv)
{
	enum window_statistic statistic;
	int status;

	if (!command_parse(&command, &argc, &argv, &status))
		return status;
	statistic = option_adaptive ? WINDOW_ADAPTIVE : WINDOW_AGE;
	if (!run_seed_valid(option_seed))
		return command_usage(&command, "--seed is 0 to 2^53, not %" G_GINT64_FORMAT, option_seed);
	if (option_policies && option_policies[1])
		return command_usage(&command, "--policy is given twice, one policy is tuned at a time");
	if (option_policies && strstr(option_policies[0], "ipi_window_ns="))
		return command_usage(&command, "ipi_window_ns is what is tuned, --default says what to compare with");
	if (option_default < 0 && option_default != NO_DEFAULT)
		return command_usage(&command, "--default is a window, not %" G_GINT64_FORMAT, option_default);
	return tune(argv[1], option_policies ? option_policies[0] : "ipi-aware+relaxed", statistic,
		    option_default != NO_DEFAULT ? option_default :
		    option_adaptive ? DEFAULT_WINDOW_PPM : DEFAULT_WINDOW_NS);
}
