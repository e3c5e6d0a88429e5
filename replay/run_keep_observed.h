/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_keep_observed - what a replay says of the recording itself, no policy's part, as
 * rows of the database: for a report, which reads nothing else.
 */
#ifndef REPLAY_RUN_KEEP_OBSERVED_H
#define REPLAY_RUN_KEEP_OBSERVED_H

#include "replay/run.h"

/* Tables observed, warning, estimator, natural_test, in place of what an earlier run has left. */
bool run_keep_observed(const struct run *run, sqlite3 *db, GError **error);

#endif
