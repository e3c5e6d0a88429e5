// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin export - what a database holds, for other programs: a trace for the
 * Perfetto UI, or tables as CSV.
 */
#include "analyze/report/export.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/interrupt.h"
#include "analyze/report/csv.h"
#include "analyze/report/output.h"
#include "analyze/report/perfetto.h"
#include "analyze/report/reading.h"
#include "schema/command.h"
#include "schema/db.h"
#include "schema/progress.h"
#include "schema/temporary.h"

static char *option_format, *option_output, **option_tables;
static gboolean option_force;

static const GOptionEntry options[] = {
	{ "format", 0, 0, G_OPTION_ARG_STRING, &option_format, "perfetto or csv", "FORMAT" },
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &option_output,
	  "File (perfetto) or directory (csv) to write; -: standard output", "PATH" },
	{ "table", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_tables,
	  "csv: this table or view; may be given again (default: all tables)", "NAME" },
	{ "force", 'f', 0, G_OPTION_ARG_NONE, &option_force, "Replace existing files", NULL },
	G_OPTION_ENTRY_NULL
};

static const struct command command = {
	.name = "export", .arguments = "DB", .options = options, .min_args = 1, .max_args = 1,
	.summary = "Write a trace for the Perfetto UI, or tables as CSV.",
};

static bool to_stdout(void)
{
	return !strcmp(option_output, "-");
}

static int export_perfetto(sqlite3 *db)
{
	g_autoptr(GError) error = NULL;
	struct output *output = output_new(option_output, NULL, option_force, &error);
	bool ok = output && perfetto_export(db, output, &error) && output_complete(output, &error) &&
		  output_appear(output, &error);

	if (ok && !to_stdout()) {
		g_autofree char *size = g_format_size(output_bytes(output));

		fprintf(stderr, "%s: %s, for the Perfetto UI\n", option_output, size);
	}
	output_free(output);
	return ok ? EXIT_FINE : command_fail(&command, error);
}

/*
 * Names of the tables to write. False: one that was asked for is none. Whoever made the file may have put
 * others beside ours, of any name; they are not written.
 */
static bool choose_tables(GPtrArray *tables, GError **error)
{
	g_autoptr(sqlite3) model = db_model(error);
	g_autoptr(db_stmt) s = NULL;

	if (!model)
		return false;
	s = db_prepare(model, "SELECT name, type = 'view' FROM sqlite_schema WHERE type IN ('table', 'view') AND "
			      "name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name");
	while (db_next(s, error)) {
		const char *name = (const char *)sqlite3_column_text(s, 0);

		if (option_tables ? g_strv_contains((const char *const *)option_tables, name) : !db_column(s, 1))
			g_ptr_array_add(tables, g_strdup(name));
	}
	for (char **name = option_tables; name && *name && !*error; name++)
		if (!g_ptr_array_find_with_equal_func(tables, *name, g_str_equal, NULL))
			g_set_error(error, DB_ERROR, 0, "a database of counterspin has no table or view '%s'", *name);
	return !*error;
}

static uint64_t count_rows(sqlite3 *db, const GPtrArray *tables)
{
	uint64_t rows = 0;

	for (guint i = 0; i < tables->len; i++) {
		char *sql = sqlite3_mprintf("SELECT count(*) FROM \"%w\"", tables->pdata[i]);

		rows += db_value(db, sql);
		sqlite3_free(sql);
	}
	return rows;
}

/* Each table into a file without a name, in dir. */
static bool write_tables(sqlite3 *db, const GPtrArray *tables, const char *dir, GPtrArray *outputs,
			 GError **error)
{
	uint64_t rows = 0;

	for (guint i = 0; i < tables->len; i++) {
		g_autofree char *file = g_strconcat(tables->pdata[i], ".csv", NULL);
		g_autofree char *path = to_stdout() ? g_strdup("-") : g_build_filename(option_output, file, NULL);
		struct output *output = output_new(path, dir, option_force, error);

		if (!output)
			return false;
		g_ptr_array_add(outputs, output);
		if (!csv_export(db, tables->pdata[i], output, &rows, error) || !output_complete(output, error))
			return false;
	}
	return true;
}

/* All of them get their names, and so does the directory if there is none; or else none of those that are new. */
static bool appear(const GPtrArray *tables, const GPtrArray *outputs, bool make, GError **error)
{
	guint n = 0;

	if (make && mkdir(option_output, 0700)) {
		g_set_error(error, DB_ERROR, 0, "cannot make '%s': %s", option_output, g_strerror(errno));
		return false;
	}
	while (n < outputs->len && output_appear(outputs->pdata[n], error))
		n++;
	if (n == outputs->len)
		return true;
	for (guint i = 0; i < n && !option_force; i++) {
		g_autofree char *file = g_strconcat(tables->pdata[i], ".csv", NULL);
		g_autofree char *path = g_build_filename(option_output, file, NULL);

		unlink(path);
	}
	if (make)
		rmdir(option_output);
	return false;
}

static bool write_csv(sqlite3 *db, const GPtrArray *tables, GError **error)
{
	g_autoptr(GPtrArray) outputs = g_ptr_array_new_with_free_func((GDestroyNotify)output_free);
	bool there = to_stdout() || g_file_test(option_output, G_FILE_TEST_EXISTS), ok;
	g_autofree char *dir = there ? g_strdup(option_output) : g_path_get_dirname(option_output);

	if (!to_stdout() && there && !g_file_test(option_output, G_FILE_TEST_IS_DIR)) {
		g_set_error(error, DB_ERROR, 0, "'%s' exists and is not a directory", option_output);
		return false;
	}
	if (!to_stdout())
		temporary_remove_orphans(dir);
	progress_begin("writing rows", count_rows(db, tables));
	ok = write_tables(db, tables, dir, outputs, error);
	progress_end();
	if (!ok || to_stdout())
		return ok;
	interrupt_hold();
	ok = appear(tables, outputs, !there, error);
	interrupt_release();
	if (ok)
		fprintf(stderr, "%s: %u table%s\n", option_output, tables->len, tables->len == 1 ? "" : "s");
	return ok;
}

static int export_csv(sqlite3 *db)
{
	g_autoptr(GPtrArray) tables = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;

	if (!choose_tables(tables, &error))
		return option_tables ? command_usage(&command, "%s", error->message) : command_fail(&command, error);
	if (to_stdout() && tables->len != 1)
		return command_usage(&command, "standard output takes one table: name it with --table");
	return write_csv(db, tables, &error) ? EXIT_FINE : command_fail(&command, error);
}

/* Without trailing slashes, which would hide in what directory a new one is. */
static void tidy_output(void)
{
	size_t n = strlen(option_output);

	while (n > 1 && option_output[n - 1] == '/')
		option_output[--n] = '\0';
}

static bool check_options(int *status)
{
	bool perfetto = !g_strcmp0(option_format, "perfetto");

	*status = EXIT_USAGE;
	if (!g_strcmp0(option_format, "parquet"))
		command_usage(&command, "no Parquet: there is no library for it that this program could use; "
					"export CSV, or see counterspin-export(1)");
	else if (!perfetto && g_strcmp0(option_format, "csv"))
		command_usage(&command, option_format ? "'%s' is not a format: perfetto, csv" :
			      "no format: --format=perfetto or --format=csv", option_format);
	else if (!option_output || !*option_output)
		command_usage(&command, "where to? --output=%s", perfetto ? "FILE" : "DIRECTORY");
	else if (perfetto && option_tables)
		command_usage(&command, "--table is for csv");
	else if (to_stdout() && option_force)
		command_usage(&command, "--force replaces files, not standard output");
	else if (perfetto && to_stdout() && isatty(STDOUT_FILENO))
		command_usage(&command, "a trace is no text for a terminal: --output=FILE");
	else
		return true;
	return false;
}

int cmd_export(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(sqlite3) db = NULL;
	int status;

	if (!command_parse(&command, &argc, &argv, &status) || !check_options(&status))
		return status;
	tidy_output();
	db = reading_open(argv[1], &error);
	if (!db)
		return command_fail(&command, error);
	return strcmp(option_format, "csv") ? export_perfetto(db) : export_csv(db);
}
