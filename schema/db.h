/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * db - the C face of the database: making one, opening one, rows in and out.
 */
#ifndef SCHEMA_DB_H
#define SCHEMA_DB_H

#include <glib.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define DB_ERROR (g_quark_from_static_string("db"))

/* PRAGMA user_version of a database that this program writes and reads. */
#define DB_VERSION 6

#define DB_NULL INT64_MIN	/* a 64-bit value that stands for SQL NULL */

/* A database under construction; it has no name until db_build_commit(). */
struct db_build;

/*
 * Start building a database that will be at path, or where path leads if it is a
 * symbolic link. The file is a temporary one (schema/temporary.h) in the same
 * directory, so that an existing database is untouched and a killed program leaves
 * nothing, or what the next build in the directory removes. Fails if path exists
 * and replace is false, or is not a database of ours, or cannot be written.
 */
struct db_build *db_build_new(const char *path, bool replace, GError **error);

/*
 * Fill it, perhaps in a child process: from open, which makes the tables, to
 * close, which leaves all on disk but the name.
 */
bool db_build_open(struct db_build *build, GError **error);
sqlite3 *db_build_handle(struct db_build *build);
bool db_build_close(struct db_build *build, GError **error);

/* Check that the file holds a database of ours, whoever filled it, and have it on disk, all but the name. */
bool db_build_settle(struct db_build *build, GError **error);

/*
 * Give it its name, mode 0600, in place of a database that is there if and only if
 * replace was set. True: it is there; false: nothing has changed. Frees build in
 * any case.
 */
bool db_build_commit(struct db_build *build, GError **error);
void db_build_abort(struct db_build *build);

/* This process ends now, and has no memory to do more: leave no file of a build that is under way. */
void db_build_abandon(void);

/* Have the name of the database at path on disk, too. */
bool db_sync_name(const char *path, GError **error);

/* That SQLite has no memory is to be said as last_words.h does. Before anything else of SQLite's. */
void db_last_words(void);

/*
 * Open the database at path and check that it is one of ours, of this version
 * and with this version's tables. Where writing is not allowed it is opened for
 * reading alone, which sqlite3_db_readonly() tells.
 */
sqlite3 *db_open(const char *path, GError **error);

/* One in memory with our tables and views and no rows. */
sqlite3 *db_model(GError **error);

/* Is the file at path a database of ours, of whatever version? By its first bytes. */
bool db_is_ours(const char *path);

bool db_exec(sqlite3 *db, const char *sql, GError **error);

/* Prepare sql; as db_open() has compared the schema, not fitting it is a broken invariant. */
sqlite3_stmt *db_prepare(sqlite3 *db, const char *sql);

typedef sqlite3_stmt db_stmt;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(db_stmt, sqlite3_finalize)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3, sqlite3_close)

/* Step to the next row. False at the end, or with error set if the database cannot be read. */
bool db_next(sqlite3_stmt *stmt, GError **error);

/* "INSERT INTO table VALUES(?,...)" over all its columns. */
sqlite3_stmt *db_prepare_insert(sqlite3 *db, const char *table);

/* Bind parameter i (from 1): DB_NULL or a NULL text binds NULL. Text must live until the step. */
void db_bind_int(sqlite3_stmt *stmt, int i, int64_t value);
void db_bind_real(sqlite3_stmt *stmt, int i, double value);	/* a NaN binds NULL */
void db_bind_text(sqlite3_stmt *stmt, int i, const char *text);
void db_bind_bits(sqlite3_stmt *stmt, int i, uint64_t word);	/* never NULL */

/* Run a statement that returns no rows, and make it ready for the next. */
bool db_run(sqlite3_stmt *stmt, GError **error);

/* Column i of the current row; SQL NULL is DB_NULL. */
int64_t db_column(sqlite3_stmt *stmt, int i);
uint64_t db_column_bits(sqlite3_stmt *stmt, int i);	/* NULL is 0 */

/* The one number that sql yields; DB_NULL if it yields none. */
int64_t db_value(sqlite3 *db, const char *sql);

#endif
