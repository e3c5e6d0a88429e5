// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin - what another directed-yield policy would have done on this host.
 *
 * This file is the table of subcommands and their dispatch. A new subcommand is
 * a row here, a .c file in the folder that does the work, and a manual page
 * beside it.
 */
#include <fcntl.h>
#include <glib.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analyze/import.h"
#include "analyze/info.h"
#include "analyze/report/report.h"
#include "analyze/report/export.h"
#include "capture/record.h"
#include "replay/replay.h"
#include "replay/simulate/simulate.h"
#include "replay/tune.h"
#include "schema/command.h"
#include "schema/last_words.h"
#include "schema/progress.h"
#ifndef RECORD_ONLY
#include "schema/db.h"
#endif

struct subcommand {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

static const struct subcommand subcommands[] = {
	{ "record", cmd_record, "record the scheduler and KVM of this host, within a budget" },
#ifndef RECORD_ONLY
	{ "import", cmd_import, "turn a recording into a database of facts" },
	{ "info", cmd_info, "what a database holds, and what could not be known" },
	{ "replay", cmd_replay, "every decision under other policies, and how faithful the replay is" },
	{ "tune", cmd_tune, "the gain for every ipi_window_ns, and the one to choose" },
	{ "simulate", cmd_simulate, "the recorded work run again under other policies, with all that follows" },
	{ "report", cmd_report, "the answers and what they rest on: on the terminal, or as one page" },
	{ "explain", cmd_explain, "one decision as each policy makes it, vCPU by vCPU" },
	{ "export", cmd_export, "a trace for the Perfetto UI, or tables as CSV" },
	{ "policies", cmd_policies, "the policies, what they stand for, and their limits" },
#endif
};

/* The usual way, of which a program for production hosts has the beginning. */
static const struct {
	const char *name, *example, *gives;
} tour[] = {
	{ "record", "sudo counterspin record -d 30s -o host17.dat", "what this host does, at little cost" },
	{ "import", "counterspin import host17.dat -o host17.db", "its facts, in an SQLite database" },
	{ "replay", "counterspin replay host17.db", "every decision under every policy, and gains" },
	{ "tune", "counterspin tune host17.db", "the ipi_window_ns to choose" },
	{ "simulate", "counterspin simulate host17.db", "the same with all that follows, if a model fits" },
	{ "report", "counterspin report host17.db -o host17.html", "the answer, on one page" },
};

static const struct subcommand *find_subcommand(const char *name)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(subcommands); i++)
		if (!strcmp(name, subcommands[i].name))
			return &subcommands[i];
	return NULL;
}

static void print_tour(void)
{
	puts("counterspin tells from a recording of a KVM host what another directed-yield policy would have\n"
	     "done there, and what it would have gained: before anybody patches or reboots a kernel.\n");
	for (unsigned int i = 0; i < G_N_ELEMENTS(tour); i++)
		if (find_subcommand(tour[i].name))
			printf("  %-46s %s\n", tour[i].example, tour[i].gives);
	puts("\nWhat is there besides:\n\n"
	     "  counterspin --help                             all commands\n"
	     "  counterspin COMMAND --help                     a command's options\n"
	     "  man counterspin                                the manual, from the beginning\n"
	     "  man counterspin-COMMAND                        a command's manual, with examples");
}

static void print_help(void)
{
	fputs("usage: counterspin COMMAND [OPTION…] [ARGUMENT…]\n"
	      "       counterspin --version | --help\n\n"
	      "What another KVM directed-yield policy would have done on a recorded host.\n\n", stdout);
	for (unsigned int i = 0; i < G_N_ELEMENTS(subcommands); i++)
		printf("  %-9s %s\n", subcommands[i].name, subcommands[i].summary);
	fputs("\n'counterspin COMMAND --help' shows a command's options, 'man counterspin-COMMAND' its manual.\n",
	      stdout);
}

/* Edits (insert, delete, replace, swap neighbours) that make a of b. */
static unsigned int edit_distance(const char *a, const char *b)
{
	unsigned int n = strlen(b), d[3][32] = { 0 };

	for (unsigned int j = 0; j <= n; j++)
		d[0][j] = j;
	for (unsigned int i = 1; a[i - 1]; i++) {
		unsigned int *row = d[i % 3], *above = d[(i + 2) % 3], *above2 = d[(i + 1) % 3];

		row[0] = i;
		for (unsigned int j = 1; j <= n; j++) {
			unsigned int cost = a[i - 1] != b[j - 1];

			row[j] = MIN(MIN(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], above2[j - 2] + 1);
		}
	}
	return d[strlen(a) % 3][n];
}

static int unknown_command(const char *name)
{
	const char *nearest = NULL;
	unsigned int best = 4;	/* farther than this is not a slip */

	for (unsigned int i = 0; i < G_N_ELEMENTS(subcommands) && strlen(name) < 32; i++) {
		unsigned int d = edit_distance(name, subcommands[i].name);

		if (d < best && d < strlen(subcommands[i].name)) {
			best = d;
			nearest = subcommands[i].name;
		}
	}
	fprintf(stderr, "counterspin: '%s' is not a command", name);
	if (nearest)
		fprintf(stderr, "; did you mean '%s'?", nearest);
	fputs(" (see counterspin --help)\n", stderr);
	return EXIT_USAGE;
}

/* A full disk or a closed pipe must not look like success. */
static int flush_stdout(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		perror("counterspin: cannot write to standard output");
		return EXIT_FAILED;
	}
	return status;
}

static int run_subcommand(int argc, char **argv)
{
	const struct subcommand *subcommand = find_subcommand(argv[0]);

	return subcommand ? flush_stdout(subcommand->run(argc, argv)) : unknown_command(argv[0]);
}

/*
 * Where a standard stream is closed, the next file opened would take its place, and get what is
 * said there. Talk goes nowhere then; results that go nowhere are a failure, so writing them fails.
 */
static void open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) < 0)
			return;
}

static void last_words(const char *why)
{
	progress_wipe();
	fprintf(stderr, "%s: %s\n", g_get_prgname() ? g_get_prgname() : "counterspin", why ? why : "out of memory");
	_exit(EXIT_FAILED);
}

int main(int argc, char **argv)
{
	open_standard_streams();
	last_words_begin(last_words);
#ifndef RECORD_ONLY
	db_last_words();
#endif
	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		print_tour();
		return flush_stdout(EXIT_USAGE);	/* nothing was asked: a script should notice */
	}
	if (!strcmp(argv[1], "--version")) {
		puts("counterspin " COUNTERSPIN_VERSION);
		return flush_stdout(EXIT_FINE);
	}
	if (argc > 2 && !strcmp(argv[1], "help")) {
		char *help[] = { argv[2], (char *)"--help", NULL };

		return run_subcommand(2, help);
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help();
		return flush_stdout(EXIT_FINE);
	}
	return run_subcommand(argc - 1, argv + 1);
}
