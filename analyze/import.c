// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin import - a recording becomes a database of facts.
 *
 * This process opens files and names the database when it is complete; a child in
 * a sandbox reads the one and fills the other.
 */
#include "analyze/import.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyze/import_job.h"
#include "analyze/interrupt.h"
#include "analyze/sandbox.h"
#include "schema/command.h"
#include "schema/db.h"
#include "schema/last_words.h"
#include "schema/progress.h"
#include "schema/temporary.h"

#define MIB (1ULL << 20)

enum { MAX_BURSTS = 1000 };

static char *option_output, *option_host_facts;
static gboolean option_force, option_ignore_probes, option_no_host_facts, option_strict;

static const GOptionEntry options[] = {
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &option_output,
	  "Database to write (default: RECORDING.db)", "DB" },
	{ "host-facts", 0, 0, G_OPTION_ARG_FILENAME, &option_host_facts,
	  "Host facts (default: RECORDING.host.json where it exists)", "FILE" },
	{ "no-host-facts", 0, 0, G_OPTION_ARG_NONE, &option_no_host_facts,
	  "Do without host facts from a file", NULL },
	{ "force", 'f', 0, G_OPTION_ARG_NONE, &option_force, "Replace an existing database", NULL },
	{ "ignore-probes", 0, 0, G_OPTION_ARG_NONE, &option_ignore_probes,
	  "Import as if the ground-truth probes had not been recorded", NULL },
	{ "strict", 0, 0, G_OPTION_ARG_NONE, &option_strict, "End with status 1 if anything was lost; planned pauses do not count", NULL },
	G_OPTION_ENTRY_NULL
};

static const struct command command = {
	.name = "import", .arguments = "RECORDING…", .options = options, .min_args = 1, .max_args = MAX_BURSTS,
	.summary = "Turn a recording (trace.dat, perf.data) into an SQLite database of facts.",
	.description = "The recording needs scheduler and KVM events of all CPUs on one clock; "
		       "see counterspin-import(1). Several are bursts of one.",
};

struct watch {
	struct import_job job;
	struct import_report *report;	/* shared with the child */
	uint64_t bytes;			/* of all inputs; each is read twice */
};

static void last_words(const char *why)
{
	db_build_abandon();
	progress_wipe();
	fprintf(stderr, "counterspin import: %s\n", why ? why : "out of memory");
	_exit(EXIT_FAILED);
}

static bool work(void *user)
{
	struct watch *w = user;

	return import_job_run(&w->job, w->report);
}

static void tick(void *user)
{
	struct watch *w = user;
	uint64_t pass = w->report->pass;

	progress_show((pass > 1 ? w->bytes : 0) + w->report->taken);
}

/* What a file from anywhere may cost, set by its size: several times what the worst of real ones do. */
static struct sandbox_limits limits_for(uint64_t bytes)
{
	return (struct sandbox_limits){
		.memory_bytes = 512 * MIB,
		.cpu_s = 20 + bytes / MIB,
		.wall_s = 10 * (20 + bytes / MIB),
		.file_bytes = 1024 * MIB + 256 * bytes,
	};
}

static void close_inputs(struct input **inputs, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		input_close(inputs[i]);
	g_free(inputs);
}

static bool open_inputs(struct import_job *job, char **paths, unsigned int n, const char *output, GError **error)
{
	g_autofree char *dir = g_path_get_dirname(output);

	temporary_remove_orphans(dir);
	job->inputs = g_new0(struct input *, n);
	job->host_facts = g_new0(struct input *, n);
	for (unsigned int i = 0; i < n; i++) {
		g_autofree char *beside = g_strconcat(paths[i], ".host.json", NULL);
		struct input *in = input_open(paths[i], error);

		if (!in)
			return false;
		job->inputs[job->n_inputs++] = in;
		in->scratch = temporary_scratch(dir);
		if (option_no_host_facts || option_host_facts || !g_file_test(beside, G_FILE_TEST_EXISTS))
			continue;
		in = input_open_file(beside, error);
		if (!in)
			return false;
		job->host_facts[job->n_host_facts++] = in;
	}
	if (option_host_facts) {
		job->host_facts[0] = input_open_file(option_host_facts, error);
		if (!job->host_facts[0])
			return false;
		job->n_host_facts = 1;
	}
	return true;
}

static void say_warnings(const struct watch *w)
{
	g_auto(GStrv) lines = g_strsplit(w->report->warnings, "\n", -1);

	for (char **line = lines; *line; line++)
		if (**line)
			command_warn(&command, "%s", *line);
}

static bool build(struct watch *w, const char *output, GError **error)
{
	struct sandbox_limits limits;
	bool ok;

	w->job.build = db_build_new(output, option_force, error);
	if (!w->job.build)
		return false;
	for (unsigned int i = 0; i < w->job.n_inputs; i++)
		w->bytes += input_size(w->job.inputs[i]);
	limits = limits_for(w->bytes);
	progress_begin("import", 2 * w->bytes);
	ok = sandbox_run(&limits, work, tick, w, error);
	progress_end();
	sandbox_tame(w->report->error, sizeof(w->report->error));
	sandbox_tame(w->report->warnings, sizeof(w->report->warnings));
	say_warnings(w);
	if (!ok && !*error)
		g_set_error_literal(error, SANDBOX_ERROR, 0, *w->report->error ? w->report->error : "failed");
	else if (!ok && *w->report->error)
		g_prefix_error(error, "'%s': %s: ", w->job.inputs[0]->path, w->report->error);
	else if (!ok)
		g_prefix_error(error, "'%s': ", w->job.inputs[0]->path);
	ok = ok && db_build_settle(w->job.build, error);
	if (interrupt_arrived()) {	/* from here on it is too late */
		g_clear_error(error);
		g_set_error_literal(error, SANDBOX_ERROR, 0, "interrupted");
		ok = false;
	}
	if (ok)
		return db_build_commit(g_steal_pointer(&w->job.build), error);
	db_build_abort(g_steal_pointer(&w->job.build));
	return false;
}

static int report(const struct watch *w, const char *output)
{
	const struct import_report *r = w->report;
	g_autoptr(GError) error = NULL;

	if (!db_sync_name(output, &error))
		command_warn(&command, "%s", error->message);
	fprintf(stderr, "%s: %" G_GINT64_FORMAT " events, %" G_GINT64_FORMAT " decisions, %" G_GINT64_FORMAT
		" lost, %" G_GINT64_FORMAT " gap%s", output, r->events, r->decisions, r->lost, r->gaps,
		r->gaps == 1 ? "" : "s");
	if (r->pauses)	/* as 'record' makes them to keep its budget */
		fprintf(stderr, ", %" G_GINT64_FORMAT " planned pause%s", r->pauses, r->pauses == 1 ? "" : "s");
	fputc('\n', stderr);
	if (!r->gaps)
		return EXIT_FINE;
	if (!option_strict) {
		command_warn(&command, "the recording has gaps; decisions that touch one are left out of estimates "
			     "(counterspin info %s)", output);
		return EXIT_FINE;
	}
	fprintf(stderr, "counterspin import: the recording has gaps (counterspin info %s)\n", output);
	return EXIT_UNANSWERED;
}

int cmd_import(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *output = NULL;
	struct watch w = { 0 };
	int status;
	bool ok;

	if (!command_parse(&command, &argc, &argv, &status))
		return status;
	if (option_no_host_facts && option_host_facts)
		return command_usage(&command, "--host-facts and --no-host-facts exclude each other");
	output = option_output ? g_strdup(option_output) : g_strconcat(argv[1], ".db", NULL);
	w.report = mmap(NULL, sizeof(*w.report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w.report == MAP_FAILED)
		g_error("out of memory");
	w.job.ignore_probes = option_ignore_probes;
	last_words_begin(last_words);
	signal(SIGPIPE, SIG_IGN);	/* the database matters more than who listens */
	interrupt_hold();
	ok = open_inputs(&w.job, argv + 1, argc - 1, output, &error) && build(&w, output, &error);
	status = ok ? report(&w, output) : command_fail(&command, error);
	close_inputs(w.job.inputs, w.job.n_inputs);
	close_inputs(w.job.host_facts, w.job.n_host_facts);
	munmap(w.report, sizeof(*w.report));
	interrupt_release();
	return status;
}
