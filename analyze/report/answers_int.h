/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answers_int - between the files that answer. */
#ifndef ANALYZE_REPORT_ANSWERS_INT_H
#define ANALYZE_REPORT_ANSWERS_INT_H

#include "analyze/report/result.h"

/* The row of table whose first columns are these, second NULL: whatever it is; NULL: there is none. */
const struct cell *answers_row(const struct table *table, const char *first, const char *second);

/* Append one more clause. */
void answers_say(GString *text, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Would the patches help? */
void answers_helps(struct result *result, sqlite3 *db);

#endif
