// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin report - what a database says, on a terminal, as JSON, or as one
 * page to send to somebody.
 */
#include "analyze/report/report.h"

#include <string.h>
#include <unistd.h>

#include "analyze/report/compare.h"
#include "analyze/report/html.h"
#include "analyze/report/json.h"
#include "analyze/report/reading.h"
#include "analyze/report/sections.h"
#include "analyze/report/text.h"
#include "schema/command.h"
#include "schema/progress.h"

enum { STEPS_PER_TICK = 100000 };	/* of SQLite's machine: about a millisecond */

static char *option_output, *option_compare;
static gboolean option_json, option_force;

static const GOptionEntry options[] = {
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &option_output,
	  "Write one self-contained HTML page to FILE", "FILE" },
	{ "force", 'f', 0, G_OPTION_ARG_NONE, &option_force, "Replace FILE if it exists", NULL },
	{ "compare", 0, 0, G_OPTION_ARG_FILENAME, &option_compare,
	  "Show what is different in DB2, recorded after a change", "DB2" },
	{ "json", 0, 0, G_OPTION_ARG_NONE, &option_json, "Print JSON", NULL },
	G_OPTION_ENTRY_NULL
};

static const struct command command = {
	.name = "report", .arguments = "DB", .options = options, .min_args = 1, .max_args = 1,
	.summary = "Show what a database says: the answers first, then what they rest on.",
};

static struct result *gather(sqlite3 *db, const char *path, GError **error)
{
	static section_fill *const sections[] = {
		sections_recording, sections_time, sections_over_time, sections_waits, sections_policies, sections_closed_loop,
		sections_window, sections_moments, sections_reviewers, answers_add,
	};
	g_autofree char *name = g_path_get_basename(path);
	struct result *r = result_new(name);

	progress_begin("reading results", G_N_ELEMENTS(sections));
	for (unsigned int i = 0; i < G_N_ELEMENTS(sections); i++) {
		if (!sections[i](r, db, error)) {
			result_free(r);
			return NULL;
		}
		progress_show(i + 1);
	}
	return r;
}

static int show(struct result *r, sqlite3 *db)
{
	g_autoptr(GError) error = NULL;
	bool ok;

	if (option_output) {
		progress_begin("writing the page", 0);
		ok = html_write(r, db, option_output, option_force, &error);
		progress_end();
		return ok ? EXIT_FINE : command_fail(&command, error);
	}
	progress_end();
	if (option_json)
		command_print_json(json_of(r));
	else
		text_print(r, isatty(STDOUT_FILENO) && !g_getenv("NO_COLOR") && g_strcmp0(g_getenv("TERM"), "dumb"), stdout);
	return EXIT_FINE;
}

/* One query may take longer than all others. */
static int tick(G_GNUC_UNUSED void *user)
{
	progress_show(0);
	return 0;
}

static void watch(sqlite3 *db)
{
	sqlite3_progress_handler(db, STEPS_PER_TICK, tick, NULL);
}

static int report(const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(sqlite3) db = reading_open(path, &error);
	g_autoptr(sqlite3) other = db && option_compare ? reading_open(option_compare, &error) : NULL;
	struct result *r = NULL;
	int status;

	if (db)
		watch(db);
	if (other)
		watch(other);
	if (db && !option_compare) {
		r = gather(db, path, &error);
	} else if (other) {
		g_autofree char *before = g_path_get_basename(path), *after = g_path_get_basename(option_compare);

		progress_begin("comparing results", 0);
		r = compare(db, before, other, after, &error);
	}
	progress_end();
	status = r ? show(r, db) : command_fail(&command, error);
	result_free(r);
	return status;
}

int cmd_report(int argc, char **argv)
{
	int status;

	if (!command_parse(&command, &argc, &argv, &status))
		return status;
	if (option_output && option_json)
		return command_usage(&command, "--json goes to standard output, --output writes a page: not both");
	if (option_force && !option_output)
		return command_usage(&command, "--force is about the FILE of --output");
	return report(argv[1]);
}
