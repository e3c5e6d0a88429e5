// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin simulate - the recorded work run again under other policies and scheduler
 * sides, with all that follows from them; or why that cannot be believed.
 */
#include "replay/simulate/simulate.h"

#include <math.h>
#include <string.h>

#include "replay/policy_spec.h"
#include "replay/run.h"
#include "replay/simulate/extract.h"
#include "replay/simulate/loop_json.h"
#include "replay/simulate/loop_what_if.h"
#include "schema/command.h"
#include "schema/progress.h"

#define NO_MARGIN (-1e300)	/* --lag-margin is not given */

enum { MAX_REPLICATES = 10000 };

static char **option_policies, **option_sides, **option_what_ifs;
static gboolean option_json;
static gint64 option_seed = 1;
static gint option_replicates = 20;
static double option_margin = NO_MARGIN;

static const GOptionEntry options[] = {
	{ "policy", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &option_policies,
	  "Policy to simulate, NAME[:PARAMETER=VALUE[,…]]; may be given again", "POLICY" },
	{ "side", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_sides,
	  "Side: 'plain' (default), 'debooster-v1', 'debooster-v2', 'lag-credit'; may be given "
	  "again",
	  "SIDE" },
	{ "lag-margin", 0, 0, G_OPTION_ARG_DOUBLE, &option_margin,
	  "Margin of lag-credit, slices per queued entity (default: 0.1)", "X" },
	{ "what-if", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_what_ifs,
	  "The same work at another density, too: vms=+N, cpus=-N, window=NS[,…]; may be given "
	  "again",
	  "CHANGE" },
	{ "replicates", 0, 0, G_OPTION_ARG_INT, &option_replicates,
	  "Runs of each policy (default: 20)", "N" },
	{ "seed", 0, 0, G_OPTION_ARG_INT64, &option_seed, "Seed of the replicates (default: 1)",
	  "N" },
	{ "json", 0, 0, G_OPTION_ARG_NONE, &option_json, "Print JSON", NULL },
	G_OPTION_ENTRY_NULL
};

static const struct command command = {
	.name = "simulate",
	.arguments = "DB",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.summary = "Run the recorded work again under other policies and scheduler sides.",
	.description = "Without --policy: stock, ipi-aware, relaxed and ipi-aware+relaxed. Results "
		       "are also kept in the\n"
		       "database (tables simulation, simulation_gate, simulation_density).",
};

static int side_of(const char *name)
{
	for (unsigned int side = 0; side < N_SCHEDULER_SIDES; side++)
		if (!strcmp(scheduler_side_names[side], name))
			return side;
	return -1;
}

struct wanted {
	const struct policy *policy;
	struct policy_params params;
	const char *label;
};

/* Before anything takes time: what is wrong with the call. */
static GArray *parse_policies(const struct policy_params *recorded, GError **error)
{
	static const char *const usual[] = { "stock", "ipi-aware", "relaxed", "ipi-aware+relaxed",
					     NULL };
	const char *const *specs = option_policies ? (const char *const *)option_policies : usual;
	g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(struct wanted));

	for (; *specs; specs++) {
		struct wanted w = { .label = *specs };

		w.policy = policy_spec_parse(*specs, recorded, &w.params, error);
		if (!w.policy)
			return NULL;
		g_array_append_val(list, w);
	}
	return g_steal_pointer(&list);
}

/* Each policy with each side; false: one is there twice. */
static bool add_policies(struct loop *loop, const GArray *list, GError **error)
{
	static const char *const plain[] = { "plain", NULL };
	const char *const *sides = option_sides ? (const char *const *)option_sides : plain;
	const char *before = NULL;

	for (; *sides; sides++)
		for (guint i = 0; i < list->len; i++) {
			const struct wanted *w = &g_array_index(list, struct wanted, i);

			if (loop_add(loop, w->policy, &w->params, side_of(*sides), w->label,
				     &before))
				continue;
			g_set_error(error, POLICY_SPEC_ERROR, 0,
				    "policy '%s' is given twice, as '%s' before", w->label, before);
			return false;
		}
	return true;
}

/* Questions of --what-if that are understood; false: they are not, or one is there twice. */
static bool add_what_ifs(struct loop *loop, GError **error)
{
	for (char **text = option_what_ifs; text && *text; text++) {
		struct what_if asked;

		if (!what_if_parse(*text, &asked, error))
			return false;
		if (!loop_add_what_if(loop, &asked)) {
			g_set_error(error, WHAT_IF_ERROR, 0, "--what-if '%s' is given twice",
				    *text);
			return false;
		}
	}
	return true;
}

static bool what_ifs_possible(const struct loop *loop, const struct program_input *input,
			      GError **error)
{
	for (guint i = 0; i < loop->what_ifs->len; i++) {
		const struct loop_what_if *wi = loop->what_ifs->pdata[i];

		if (!what_if_possible(&wi->asked, input, error))
			return false;
	}
	return true;
}

/* All parts, or none, which is no failure. */
static void extract_parts(struct loop_parts *parts, const struct run *run)
{
	for (unsigned int k = 0; k < LOOP_PARTS; k++) {
		g_autoptr(GError) error = NULL;

		parts->inputs[k] = extract_part(run->evidence, &run->rescore->quality, &run->recorded_params,
						option_seed, k, LOOP_PARTS, &error);
		if (!parts->inputs[k]) {
			parts->reason = g_strdup(error->message);
			while (k-- > 0)
				program_input_free(parts->inputs[k]);
			return;
		}
	}
	parts->n = LOOP_PARTS;
}

static struct program_input *extract(struct recorded *recorded, struct run *run, struct loop_parts *parts,
				     GError **error)
{
	struct program_input *input;

	if (!run_execute(run, recorded, error) || !run_gather(run, option_seed, error))
		return NULL;
	progress_begin("extracting programs", 0);
	input = extract_programs(run->evidence, &run->rescore->quality, &run->recorded_params,
				 option_seed, error);
	if (input)
		extract_parts(parts, run);
	return input;
}

static struct loop *simulate(struct recorded *recorded, GError **error)
{
	struct run *run = run_new(recorded, STATE_PROBED);
	struct loop *loop = loop_new(run->recorded_policy, &run->recorded_params);
	g_autoptr(GArray) list = parse_policies(&run->recorded_params, error);
	struct program_input *input =
		list && add_policies(loop, list, error) && add_what_ifs(loop, error)
			? extract(recorded, run, &loop->parts, error)
			: NULL;

	run_free(run);
	if (!input || !what_ifs_possible(loop, input, error)) {
		program_input_free(input);
		loop_free(loop);
		return NULL;
	}
	loop->n_replicates = option_replicates;
	loop->n_threads = g_get_num_processors();
	loop->seed = option_seed;
	loop->lag_margin = option_margin < 0 ? LOOP_MARGIN : option_margin;
	for (unsigned int vm = 0; vm < recorded->n_vms; vm++)
		loop->ipis_hidden |= recorded->vms[vm].ipis_hidden;
	loop_run(loop, input);
	return loop;
}

/* Is there any figure? */
static bool answered(const struct loop *loop)
{
	bool any = false;

	for (guint i = 0; !loop->reason && i < loop->policies->len; i++) {
		const struct loop_policy *p = loop->policies->pdata[i];

		any = any || !isnan(p->estimates[LOOP_THROUGHPUT].value);
	}
	return any;
}

static int simulate_db(const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(sqlite3) db = db_open(path, &error);
	struct recorded *recorded = db ? recorded_open(db, &error) : NULL;
	struct loop *loop = recorded ? simulate(recorded, &error) : NULL;
	int status;

	if (loop) {
		bool readonly = sqlite3_db_readonly(db, "main");

		if (readonly || !loop_keep(loop, recorded, db, &error))
			command_warn(&command, "results are not kept in '%s': %s", path,
				     readonly ? "it cannot be written" : error->message);
		progress_end();
		run_warn_of_facts(&command, recorded);
		if (option_json)
			command_print_json(loop_json(loop));
		else
			loop_print_text(loop);
		status = answered(loop) ? EXIT_FINE : EXIT_UNANSWERED;
	} else if (g_error_matches(error, POLICY_SPEC_ERROR, 0) ||
		   g_error_matches(error, WHAT_IF_ERROR, 0)) {
		status = command_usage(&command, "%s", error->message);
	} else {
		bool unanswered = g_error_matches(error, EXTRACT_ERROR, 0);

		status = command_fail(&command, error);
		status = unanswered ? EXIT_UNANSWERED : status;
	}
	loop_free(loop);
	recorded_free(recorded);
	return status;
}

int cmd_simulate(int argc, char **argv)
{
	bool credit = false;
	int status;

	if (!command_parse(&command, &argc, &argv, &status))
		return status;
	for (char **side = option_sides; side && *side; side++) {
		if (side_of(*side) < 0)
			return command_usage(&command,
					     "no scheduler side '%s': plain, debooster-v1, "
					     "debooster-v2, lag-credit",
					     *side);
		for (char **other = option_sides; other < side; other++)
			if (!strcmp(*other, *side))
				return command_usage(&command, "scheduler side '%s' is given twice",
						     *side);
		credit = credit || side_of(*side) == SIDE_LAG_CREDIT;
	}
	if (!run_seed_valid(option_seed))
		return command_usage(&command, "--seed is 0 to 2^53, not %" G_GINT64_FORMAT,
				     option_seed);
	if (option_replicates < 2 || option_replicates > MAX_REPLICATES)
		return command_usage(&command, "--replicates is 2 to %d, not %d", MAX_REPLICATES,
				     option_replicates);
	if (option_margin != NO_MARGIN && !(option_margin >= 0 && option_margin <= 1000))
		return command_usage(&command, "--lag-margin is 0 to 1000 slices, not %g",
				     option_margin);
	if (option_margin != NO_MARGIN && !credit)
		return command_usage(&command, "--lag-margin is of --side=lag-credit");
	return simulate_db(argv[1]);
}
