/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clean - texts of recordings and databases, which may come from anybody, so that a
 * terminal shows them and does nothing else: valid UTF-8 in one line, '?' for each
 * control character.
 */
#ifndef SCHEMA_CLEAN_H
#define SCHEMA_CLEAN_H

#include <glib.h>
#include <sqlite3.h>

/* Newly allocated. */
char *clean_text(const char *text);

/* Column i of the current row, newly allocated; NULL for SQL NULL. */
char *clean_column(sqlite3_stmt *stmt, int i);

#endif
