/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop_json - a loop as JSON, as a page, and as rows of the database. */
#ifndef REPLAY_SIMULATE_LOOP_JSON_H
#define REPLAY_SIMULATE_LOOP_JSON_H

#include <cjson/cJSON.h>

#include "replay/recorded.h"
#include "replay/simulate/loop.h"

/* The caller frees it. */
cJSON *loop_json(const struct loop *loop);

void loop_print_text(const struct loop *loop);

/* Replace what an earlier run has left. False with error set. */
bool loop_keep(const struct loop *loop, const struct recorded *recorded, sqlite3 *db,
	       GError **error);

#endif
