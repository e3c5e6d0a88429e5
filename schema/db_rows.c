// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A batch as a virtual table: an eponymous one, "rows_of_TABLE", that has TABLE's
 * number of columns and the rows of whatever batch is being inserted
 * (https://www.sqlite.org/vtab.html).
 */
#include "schema/db_rows.h"

#include <string.h>

struct db_rows {
	sqlite3 *db;
	unsigned int columns;
	const struct db_batch *batch;	/* being inserted */
	char *table;
	GPtrArray *names;		/* of its columns */
	sqlite3_stmt *insert[DB_BATCH_COLUMNS + 1];	/* by number of columns; NULL: not needed so far */
};

struct rows_vtab {
	sqlite3_vtab base;
	struct db_rows *rows;
};

struct rows_cursor {
	sqlite3_vtab_cursor base;
	const struct db_batch *batch;
	unsigned int row;
};

static int rows_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out, char **message)
{
	struct db_rows *rows = aux;
	g_autoptr(GString) sql = g_string_new("CREATE TABLE x(");
	struct rows_vtab *v = sqlite3_malloc(sizeof(*v));
	int rc;

	(void)argc;
	(void)argv;
	(void)message;
	if (!v)
		return SQLITE_NOMEM;
	for (unsigned int i = 0; i < rows->columns; i++)
		g_string_append_printf(sql, i ? ",c%u" : "c%u", i);
	g_string_append_c(sql, ')');
	rc = sqlite3_declare_vtab(db, sql->str);
	*v = (struct rows_vtab){ .rows = rows };
	*out = &v->base;
	if (rc != SQLITE_OK)
		sqlite3_free(v);
	return rc;
}

static int rows_disconnect(sqlite3_vtab *vtab)
{
	sqlite3_free(vtab);
	return SQLITE_OK;
}

static int rows_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
	(void)vtab;
	info->estimatedCost = info->estimatedRows = DB_BATCH_ROWS;
	return SQLITE_OK;
}

static int rows_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
	struct rows_cursor *c = sqlite3_malloc(sizeof(*c));

	(void)vtab;
	if (!c)
		return SQLITE_NOMEM;
	*c = (struct rows_cursor){ 0 };
	*out = &c->base;
	return SQLITE_OK;
}

static int rows_close(sqlite3_vtab_cursor *cursor)
{
	sqlite3_free(cursor);
	return SQLITE_OK;
}

static int rows_filter(sqlite3_vtab_cursor *cursor, int index, const char *name, int argc, sqlite3_value **argv)
{
	struct rows_cursor *c = (struct rows_cursor *)cursor;

	(void)index;
	(void)name;
	(void)argc;
	(void)argv;
	c->batch = ((struct rows_vtab *)cursor->pVtab)->rows->batch;
	c->row = 0;
	return SQLITE_OK;
}

static int rows_next(sqlite3_vtab_cursor *cursor)
{
	((struct rows_cursor *)cursor)->row++;
	return SQLITE_OK;
}

static int rows_eof(sqlite3_vtab_cursor *cursor)
{
	const struct rows_cursor *c = (const struct rows_cursor *)cursor;

	return !c->batch || c->row >= c->batch->n;
}

static int rows_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column)
{
	const struct rows_cursor *c = (const struct rows_cursor *)cursor;
	unsigned int i = c->row * c->batch->columns + column;

	switch (c->batch->kinds[i]) {
	case DB_KIND_INT:
		sqlite3_result_int64(context, c->batch->values[i]);
		break;
	case DB_KIND_TEXT:
		sqlite3_result_text(context, (const char *)(intptr_t)c->batch->values[i], -1, SQLITE_STATIC);
		break;
	default:
		break;
	}
	return SQLITE_OK;
}

static int rows_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *rowid)
{
	*rowid = ((const struct rows_cursor *)cursor)->row;
	return SQLITE_OK;
}

static const sqlite3_module module = {
	.xConnect = rows_connect, .xDisconnect = rows_disconnect, .xBestIndex = rows_best_index,
	.xOpen = rows_open, .xClose = rows_close, .xFilter = rows_filter, .xNext = rows_next,
	.xEof = rows_eof, .xColumn = rows_column, .xRowid = rows_rowid,
};

struct db_rows *db_rows_new(sqlite3 *db, const char *table)
{
	struct db_rows *rows = g_new0(struct db_rows, 1);
	g_autofree char *list = g_strdup_printf("SELECT name FROM pragma_table_info('%s') ORDER BY cid", table);
	g_autofree char *name = g_strconcat("rows_of_", table, NULL);
	g_autoptr(db_stmt) s = db_prepare(db, list);
	int rc;

	rows->db = db;
	rows->table = g_strdup(table);
	rows->names = g_ptr_array_new_with_free_func(g_free);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW)
		g_ptr_array_add(rows->names, g_strdup((const char *)sqlite3_column_text(s, 0)));
	if (rc != SQLITE_DONE)
		g_error("%s: %s", table, sqlite3_errmsg(db));
	rows->columns = rows->names->len;
	g_assert(rows->columns > 0 && rows->columns <= DB_BATCH_COLUMNS);
	sqlite3_create_module(db, name, &module, rows);
	return rows;
}

/* Columns at the end that are NULL throughout, as without probes, are better left out. */
static sqlite3_stmt *insert_of(struct db_rows *rows, unsigned int n)
{
	g_autoptr(GString) names = g_string_new(NULL), columns = g_string_new(NULL);
	g_autofree char *sql = NULL;

	if (rows->insert[n])
		return rows->insert[n];
	for (unsigned int i = 0; i < n; i++) {
		g_string_append_printf(names, i ? ",\"%s\"" : "\"%s\"", (char *)rows->names->pdata[i]);
		g_string_append_printf(columns, i ? ",c%u" : "c%u", i);
	}
	sql = g_strdup_printf("INSERT INTO %s(%s) SELECT %s FROM rows_of_%s", rows->table, names->str, columns->str,
			      rows->table);
	rows->insert[n] = db_prepare(rows->db, sql);
	return rows->insert[n];
}

void db_rows_free(struct db_rows *rows)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(rows->insert); i++)
		sqlite3_finalize(rows->insert[i]);
	g_ptr_array_unref(rows->names);
	g_free(rows->table);
	g_free(rows);
}

struct db_batch *db_batch_new(void)
{
	struct db_batch *batch = g_new0(struct db_batch, 1);

	batch->texts = g_string_chunk_new(4096);
	return batch;
}

void db_batch_free(struct db_batch *batch)
{
	g_string_chunk_free(batch->texts);
	g_free(batch);
}

void db_batch_begin(struct db_batch *batch, struct db_rows *table)
{
	batch->table = table;
	batch->columns = table->columns;
	batch->n = batch->column = batch->used = 0;
	g_string_chunk_clear(batch->texts);
}

void db_batch_text(struct db_batch *batch, const char *text)
{
	db_batch_word(batch, text ? g_string_chunk_insert(batch->texts, text) : NULL);
}

bool db_rows_insert(struct db_batch *batch, GError **error)
{
	bool ok;

	batch->table->batch = batch;
	ok = !batch->n || db_run(insert_of(batch->table, batch->used), error);
	batch->table->batch = NULL;
	return ok;
}
