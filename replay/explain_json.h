/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain_json - single decisions as each policy of a run makes them: the state that it
 * saw, and its scan vCPU by vCPU.
 */
#ifndef REPLAY_EXPLAIN_JSON_H
#define REPLAY_EXPLAIN_JSON_H

#include <cjson/cJSON.h>

#include "replay/run.h"

/* Names of a vCPU's states, by enum seen; keys of the JSON. */
extern const char *const explain_seen_names[N_SEEN];

/* Called for each decision that comes up; takes json. */
typedef void explain_taker(void *user, int64_t decision, cJSON *json);

/*
 * One pass over the recording that explains the decisions ids, [n], in the order in which
 * they were made; what is no decision is passed over. False with error set if the
 * database cannot be read.
 */
bool explain_json(struct run *run, struct recorded *recorded, const int64_t *ids, gsize n, explain_taker *take,
		  void *user, GError **error);

#endif
