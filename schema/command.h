/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command - what every subcommand shares: exit statuses, option parsing, the
 * one line that says what went wrong, and JSON on stdout.
 */
#ifndef SCHEMA_COMMAND_H
#define SCHEMA_COMMAND_H

#include <cjson/cJSON.h>
#include <glib.h>
#include <stdbool.h>

enum exit_status {
	EXIT_FINE = 0,
	EXIT_UNANSWERED = 1,	/* the question could not be answered */
	EXIT_USAGE = 2,
	EXIT_FAILED = 3,
};

struct command {
	const char *name;	/* "import" */
	const char *arguments;	/* "RECORDING [-o DB]": the synopsis after the options */
	const char *summary;	/* one line */
	const char *description;/* after the options of --help; NULL: none */
	const GOptionEntry *options;
	int min_args, max_args;
};

/*
 * Parse argv by command's options; what is left are *argv[1..*argc-1], their
 * number checked. False after printing why (status *status) or the help.
 */
bool command_parse(const struct command *command, int *argc, char ***argv, int *status);

/* "counterspin NAME: message" on stderr; returns EXIT_FAILED, or EXIT_USAGE for a wrong call. */
int command_fail(const struct command *command, const GError *error);
int command_usage(const struct command *command, const char *format, ...) G_GNUC_PRINTF(2, 3);
void command_warn(const struct command *command, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Print root, indented, and free it. */
void command_print_json(cJSON *root);

#endif
