/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wish - what the user of 'counterspin record' asks for, and whether that makes
 * sense before anything is done about it.
 */
#ifndef CAPTURE_WISH_H
#define CAPTURE_WISH_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/probes.h"
#include "schema/command.h"

#define WISH_ERROR (g_quark_from_static_string("wish"))

/* Strings are the command line's. */
struct wish {
	const char *path;
	bool path_given, force, anonymize;
	bool check, json, recover;	/* instead of recording; json goes with check */
	uint64_t duration_ms;		/* 0: until something else ends it */
	uint64_t buffer_bytes;		/* of all CPUs' rings; 0: not said */
	uint64_t max_bytes;
	uint64_t min_free_bytes;	/* of the file system; 0: not said */
	double budget;			/* share of the busiest CPU's time; 0: any */
	double on_spin_rate;		/* flight recorder; 0: none */
	enum probes_mode probes;
	char **vms;			/* names or PIDs; NULL: all */
	char **command;			/* NULL: none */
};

extern const struct command record_command;

/* As command_parse(), options and arguments checked. */
bool wish_parse(struct wish *wish, int argc, char **argv, int *status);

/* May the recording stand there, and is there room? What --min-free is if it was not said is set. */
bool wish_check_output(struct wish *wish, GError **error);

#endif
