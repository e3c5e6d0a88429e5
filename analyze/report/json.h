/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json - a result for machines: every table an array of objects by its columns' keys. */
#ifndef ANALYZE_REPORT_JSON_H
#define ANALYZE_REPORT_JSON_H

#include <cjson/cJSON.h>

#include "analyze/report/result.h"

/*
 * { "title", "answers": [{ "id", "question", "answer", "sentence" }], "warnings": [...],
 *   "notes": { section: [...] }, table: [{ column: value, ... }], ... }. Times are ns, an
 * estimate is { "value", "statistical": [lo, hi], "total": [lo, hi] }, what is not known null.
 */
cJSON *json_of(const struct result *result);

#endif
