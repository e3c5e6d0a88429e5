/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfetto - what a database holds as a trace for the Perfetto UI: see counterspin-export(1). */
#ifndef ANALYZE_REPORT_PERFETTO_H
#define ANALYZE_REPORT_PERFETTO_H

#include <glib.h>
#include <sqlite3.h>
#include <stdbool.h>

#include "analyze/report/output.h"

/* Write the trace of db. False, with error, if db cannot be read or holds no recording; output tells for itself. */
bool perfetto_export(sqlite3 *db, struct output *output, GError **error);

#endif
