/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfetto_decision - a decision's mark in the trace: what it saw, what came of it, what each policy would pick. */
#ifndef ANALYZE_REPORT_PERFETTO_DECISION_H
#define ANALYZE_REPORT_PERFETTO_DECISION_H

#include <glib.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyze/report/perfetto_writer.h"

/*
 * Write all decisions of db, in the order of their ids, each onto tracks[its vCPU's id] (int64_t: uint64_t);
 * on_row(user) is called after each and ends it by returning false.
 */
bool perfetto_decisions(sqlite3 *db, struct perfetto_writer *writer, GHashTable *tracks, bool (*on_row)(void *user),
			void *user, GError **error);

#endif
