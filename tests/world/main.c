// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * world random SEED [--out=DIR] [--seconds=S] [--replicates=R]
 * world shape NAME VMS SEED [--out=DIR] [--seconds=S] [--replicates=R] [--sides]
 * world random SEED [--vms=N] [--cpus=N] [--window=NS]
 * world random SEED --override=DECISION=TARGET
 *
 * The world that a seed stands for, or one whose guests are of a known shape (shapes.c). With
 * --out: DIR/stock.dat, DIR/stock.dat.host.json and DIR/truth.json; without, the truth on standard
 * output. With --vms, --cpus (1 or -1 each) and --window the same world at another density. See
 * README.
 */
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/world/calibrate.h"
#include "tests/world/density.h"
#include "tests/world/shapes.h"
#include "tests/world/truth.h"

static char **arguments, *out, *override;
static double seconds = 4;
static gint replicates = 6, vms, cpus;
static gint64 window;
static gboolean sides;

static const GOptionEntry entries[] = {
	{ "out", 0, 0, G_OPTION_ARG_FILENAME, &out, "Write recording and truth there", "DIR" },
	{ "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &seconds, "Length of each run (4)", "S" },
	{ "replicates", 0, 0, G_OPTION_ARG_INT, &replicates,
	  "Runs of other programs, beside the recorded one (6)", "R" },
	{ "vms", 0, 0, G_OPTION_ARG_INT, &vms, "One VM more (1) or less (-1)", "N" },
	{ "cpus", 0, 0, G_OPTION_ARG_INT, &cpus, "One CPU more (1) or less (-1)", "N" },
	{ "window", 0, 0, G_OPTION_ARG_INT64, &window, "Another PAUSE window", "NS" },
	{ "sides", 0, 0, G_OPTION_ARG_NONE, &sides,
	  "Tell of scheduler sides, too; under EEVDF", NULL },
	{ "override", 0, 0, G_OPTION_ARG_STRING, &override,
	  "What if that decision had had that target (-1: nobody)?", "DECISION=TARGET" },
	{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &arguments, NULL, "random SEED | shape NAME VMS SEED" },
	{ NULL }
};

static int fail(int status, const char *message)
{
	fprintf(stderr, "world: %s\n", message);
	return status;
}

static bool number(const char *text, gint64 min, gint64 max, gint64 *value)
{
	return g_ascii_string_to_signed(text, 10, min, max, value, NULL);
}

static int write_world(const struct settings *s)
{
	g_autofree char *recording = NULL, *truth = NULL;
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	if (out && g_mkdir_with_parents(out, 0777))
		return fail(3, g_strerror(errno));
	recording = out ? g_build_filename(out, "stock.dat", NULL) : NULL;
	truth = out ? g_build_filename(out, "truth.json", NULL) : NULL;
	if (!truth_print(s, replicates, sides, recording, text, &error))
		return fail(3, error->message);
	if (!out)
		fputs(text->str, stdout);
	else if (!g_file_set_contents(truth, text->str, text->len, &error))
		return fail(3, error->message);
	return 0;
}

static int write_override(const struct settings *s)
{
	g_auto(GStrv) parts = g_strsplit(override, "=", 2);
	g_autoptr(GString) text = g_string_new(NULL);
	gint64 decision, target;

	if (g_strv_length(parts) != 2 || !number(parts[0], 1, G_MAXINT64, &decision) ||
	    !number(parts[1], NOBODY, MAX_VCPUS - 1, &target))
		return fail(2, "an override is DECISION=TARGET");
	if (!truth_print_override(s, decision, target, text))
		return fail(1, "no decision of this number");
	fputs(text->str, stdout);
	return 0;
}

/* 0: settings are as the arguments say. */
static int read_settings(struct settings *s)
{
	unsigned int n = arguments ? g_strv_length(arguments) : 0;
	gint64 seed, n_vms;

	if (n == 2 && !strcmp(arguments[0], "random") && number(arguments[1], 0, G_MAXINT64, &seed)) {
		settings_random(s, seed, seconds * 1e9);
		settings_calibrate(s);
		return 0;
	}
	if (n != 4 || strcmp(arguments[0], "shape") ||
	    !number(arguments[3], 0, G_MAXINT64, &seed))
		return fail(2, "wanted: random SEED, or shape NAME VMS SEED");
	if (!number(arguments[2], 1, MAX_VMS, &n_vms) ||
	    !settings_shape(s, arguments[1], n_vms, seed, seconds * 1e9))
		return fail(2, "shapes are dedup, vips and dbench, of 1 to 4 VMs");
	return 0;
}

int main(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	struct density density;
	struct settings s;
	int status;

	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return fail(2, error->message);
	if (seconds < 0.01 || seconds > 1000 || replicates < 0 || replicates > 1000)
		return fail(2, "a number is out of range");
	if (vms < -1 || vms > 1 || cpus < -1 || cpus > 1 || window < 0 || window > 1000 * MS)
		return fail(2, "another density is out of range");
	status = read_settings(&s);
	if (status)
		return status;
	density = (struct density){ vms, cpus, window };
	if (!settings_change_density(&s, &density))
		return fail(1, "a world cannot have as many, or as few");
	if (sides && s.scheduler != SCHED_EEVDF)
		return fail(2, "scheduler sides are of EEVDF, and this world has CFS");
	status = override ? write_override(&s) : write_world(&s);
	g_strfreev(arguments);
	g_free(out);
	g_free(override);
	return status;
}
