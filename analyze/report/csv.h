/* SPDX-License-Identifier: GPL-2.0-or-later */
/* csv - the rows of a table or view as RFC 4180 has them: a line of column names, then a line a row. */
#ifndef ANALYZE_REPORT_CSV_H
#define ANALYZE_REPORT_CSV_H

#include <glib.h>
#include <sqlite3.h>
#include <stdbool.h>

#include "analyze/report/output.h"

/*
 * Write all of table, which is one of db's; rows goes on counting them, for progress_turn(). False,
 * with error, if db cannot be read; output tells for itself.
 */
bool csv_export(sqlite3 *db, const char *table, struct output *output, uint64_t *rows, GError **error);

#endif
