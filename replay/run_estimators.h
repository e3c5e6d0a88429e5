/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_estimators - the estimators side by side, as text and as JSON. */
#ifndef REPLAY_RUN_ESTIMATORS_H
#define REPLAY_RUN_ESTIMATORS_H

#include <cjson/cJSON.h>

#include "replay/estimate/estimators.h"

void run_print_estimators(const struct estimators *e);
cJSON *run_estimators_json(const struct estimators *e);

#endif
