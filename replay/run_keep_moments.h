/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_keep_moments - where to look in the recording, and what is to be seen there, as rows of the database. */
#ifndef REPLAY_RUN_KEEP_MOMENTS_H
#define REPLAY_RUN_KEEP_MOMENTS_H

#include "replay/run.h"

/* Tables moment and explanation, in place of what an earlier run has left; one more pass over the recording. */
bool run_keep_moments(struct run *run, sqlite3 *db, GError **error);

#endif
