/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_json - the result of a replay as JSON.
 */
#ifndef REPLAY_RUN_JSON_H
#define REPLAY_RUN_JSON_H

#include <cjson/cJSON.h>

#include "replay/run.h"

/* disagreements: with the decisions that the replayed kernel policy does not reproduce. */
cJSON *run_json(const struct run *run, const struct recorded *recorded, bool disagreements);

#endif
