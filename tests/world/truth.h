/* SPDX-License-Identifier: GPL-2.0-or-later */
/* truth - what a world's policies are worth: runs, and what they add up to. */
#ifndef TESTS_WORLD_TRUTH_H
#define TESTS_WORLD_TRUTH_H

#include <glib.h>
#include <stdbool.h>

#include "tests/world/world.h"

/* One run: its programs are the recorded ones (0), or others. */
struct account truth_run(const struct settings *s, enum policy policy, unsigned int run);

/*
 * Run every policy with the recorded programs (run 0) and with 'replicates' others; write what
 * they did as JSON to 'to'; with sides, stock and ipi-aware+relaxed under each scheduler side, too.
 * With a path, run 0 of stock is recorded there.
 */
bool truth_print(const struct settings *s, unsigned int replicates, bool sides, const char *path,
		 GString *to, GError **error);

/*
 * What one decision of the recorded run decides: run it as it was, and with the decision's
 * target another (NOBODY: nobody).
 */
bool truth_print_override(const struct settings *s, gint64 decision, int target, GString *to);

#endif
