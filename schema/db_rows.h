/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * db_rows - many rows into a table at once.
 *
 * A batch is filled by one thread and inserted, as a whole, by the thread that
 * has the database.
 */
#ifndef SCHEMA_DB_ROWS_H
#define SCHEMA_DB_ROWS_H

#include <glib.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/db.h"

enum { DB_BATCH_ROWS = 512, DB_BATCH_COLUMNS = 32 };

/* How rows get into one table. */
struct db_rows;

/* Rows of a table of db, whose schema is ours. */
struct db_rows *db_rows_new(sqlite3 *db, const char *table);
void db_rows_free(struct db_rows *rows);

enum { DB_KIND_NULL, DB_KIND_INT, DB_KIND_TEXT };

struct db_batch {
	struct db_rows *table;
	unsigned int n, columns, column;	/* rows; their columns; of the row under way */
	unsigned int used;			/* columns up to the last that some row has a value in */
	uint8_t kinds[DB_BATCH_ROWS * DB_BATCH_COLUMNS];
	int64_t values[DB_BATCH_ROWS * DB_BATCH_COLUMNS];
	GStringChunk *texts;
};

struct db_batch *db_batch_new(void);
void db_batch_free(struct db_batch *batch);

/* Empty batch and make it one of table's. */
void db_batch_begin(struct db_batch *batch, struct db_rows *table);

static inline void db_batch_value(struct db_batch *b, unsigned int kind, int64_t value)
{
	unsigned int i = b->n * b->columns + b->column++;

	b->kinds[i] = kind;
	b->values[i] = value;
	if (kind != DB_KIND_NULL && b->column > b->used)
		b->used = b->column;
}

/* The next column of the row under way. DB_NULL and a NULL text are SQL NULL. */
static inline void db_batch_int(struct db_batch *b, int64_t value)
{
	db_batch_value(b, value == DB_NULL ? DB_KIND_NULL : DB_KIND_INT, value);
}

static inline void db_batch_bits(struct db_batch *b, uint64_t word)	/* never NULL */
{
	db_batch_value(b, DB_KIND_INT, (int64_t)word);
}

/* A text that outlives the batch, such as a literal. */
static inline void db_batch_word(struct db_batch *b, const char *text)
{
	db_batch_value(b, text ? DB_KIND_TEXT : DB_KIND_NULL, (intptr_t)text);
}

void db_batch_text(struct db_batch *batch, const char *text);	/* copied */

/* The row has all its columns. True: that was the last row the batch can take. */
static inline bool db_batch_end_row(struct db_batch *b)
{
	g_assert(b->column == b->columns);
	b->column = 0;
	return ++b->n == DB_BATCH_ROWS;
}

/* Insert the batch's rows into its table. */
bool db_rows_insert(struct db_batch *batch, GError **error);

#endif
