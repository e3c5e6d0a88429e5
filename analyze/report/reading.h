/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reading - a database as reports read it, which may come from anybody: what gets
 * in is valid UTF-8 and of bounded length, numbers that can be reckoned with, and
 * times that can be subtracted from each other.
 */
#ifndef ANALYZE_REPORT_READING_H
#define ANALYZE_REPORT_READING_H

#include <glib.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/db.h"

enum { READING_TEXT = 200 };		/* characters */

#define READING_TIME DB_LATEST		/* nor is another whole number as far from 0 */
#define READING_REAL 1e30		/* no figure is as large */

/*
 * db_open(), and one state of it, whoever writes meanwhile. Fails, too, if the times
 * of its recording cannot be, or there is no recording.
 */
sqlite3 *reading_open(const char *path, GError **error);

/*
 * Column i of the current row as text, newly allocated: valid UTF-8, beyond READING_TEXT
 * characters an ellipsis. NULL for SQL NULL; of reading_word "" instead.
 */
char *reading_text(sqlite3_stmt *stmt, int i);
char *reading_word(sqlite3_stmt *stmt, int i);

/* All of it, where there is room for long ones. Not of SQL NULL. */
char *reading_all_text(sqlite3_stmt *stmt, int i);

/* As a number: NaN for SQL NULL, and for what is not finite or beyond READING_REAL. */
double reading_real(sqlite3_stmt *stmt, int i);

/* As a whole number, cut to +-READING_TIME; SQL NULL is DB_NULL. Of reading_time it is 0 instead. */
int64_t reading_int(sqlite3_stmt *stmt, int i);
int64_t reading_time(sqlite3_stmt *stmt, int i);

/* The same of a text or number from elsewhere. */
char *reading_cut(const char *text);
double reading_finite(double value);

/* text, of at most max characters (> 0), the last of them an ellipsis if it had more; valid UTF-8. */
char *reading_cut_to(const char *text, glong max);

#endif
