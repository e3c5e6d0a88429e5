// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin replay - every recorded decision under any set of policies, and how
 * faithfully the recorded kernel's own policy is reproduced.
 */
#include "replay/replay.h"

#include "replay/run_json.h"
#include "replay/run_keep.h"
#include "replay/run_text.h"
#include "schema/command.h"
#include "schema/progress.h"

static char **option_policies, *option_state;
static gboolean option_json, option_disagreements;
static gint64 option_seed = 1;

static const GOptionEntry options[] = {
	{ "policy", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &option_policies,
	  "Policy to replay, NAME[:PARAMETER=VALUE[,…]]; may be given again (default: all)", "POLICY" },
	{ "state", 0, 0, G_OPTION_ARG_STRING, &option_state,
	  "State shown to the policies: 'probed' where probes recorded it (default), or 'reconstructed'", "STATE" },
	{ "disagreements", 0, 0, G_OPTION_ARG_NONE, &option_disagreements,
	  "List the decisions that the replayed kernel policy does not reproduce", NULL },
	{ "seed", 0, 0, G_OPTION_ARG_INT64, &option_seed, "Seed of the bootstrap (default: 1)", "N" },
	{ "json", 0, 0, G_OPTION_ARG_NONE, &option_json, "Print JSON", NULL },
	G_OPTION_ENTRY_NULL
};

static const struct command command = {
	.name = "replay", .arguments = "DB", .options = options, .min_args = 1, .max_args = 1,
	.summary = "Replay every recorded decision under other policies.",
	.description = "Results are also kept in the database ('man counterspin-replay', TABLES).",
};

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
	} else if (run && run_execute(run, recorded, &error) && run_gather(run, option_seed, &error) &&
		   run_estimate(run, &error)) {
		const char *shown = recorded->probes ? state_kind_names[state] : "reconstructed";
		bool readonly = sqlite3_db_readonly(db, "main"), kept;

		progress_begin("keeping results", 0);
		kept = !readonly && run_keep(run, db, shown, &error);
		if (!kept)
			command_warn(&command, "results are not kept in '%s': %s", path,
				     readonly ? "it cannot be written" : error->message);
		progress_end();
		if (option_json)
			command_print_json(run_json(run, recorded, option_disagreements));
		else
			run_print_text(run, recorded, kept ? path : NULL, option_disagreements);
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
	if (!run_seed_valid(option_seed))
		return command_usage(&command, "--seed is 0 to 2^53, not %" G_GINT64_FORMAT, option_seed);
	if (!state_kind_parse(option_state, &state))
		return command_usage(&command, "--state is 'probed' or 'reconstructed', not '%s'", option_state);
	return replay(argv[1], state);
}

