/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tuning_keep - the result of a tuning as rows of the database (schema/results.sql).
 */
#ifndef REPLAY_TUNING_KEEP_H
#define REPLAY_TUNING_KEEP_H

#include "replay/tuning.h"

/* Replace what an earlier tuning of the same policy by the same statistic has left. All or nothing. */
bool tuning_keep(const struct tuning *tuning, sqlite3 *db, GError **error);

#endif
