/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_keep - the result of a replay as rows of the database (schema/results.sql).
 */
#ifndef REPLAY_RUN_KEEP_H
#define REPLAY_RUN_KEEP_H

#include "replay/run.h"

/*
 * Replace what earlier runs of the same policies have left; state names the state
 * that they were shown. All or nothing, so that a reader never sees half a run.
 */
bool run_keep(struct run *run, sqlite3 *db, const char *state, GError **error);

#endif
