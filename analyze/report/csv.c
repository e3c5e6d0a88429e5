// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NULL is an empty field, an empty text is "". Lines end in CR LF. A text that a spreadsheet would take
 * for a formula stays as it is: who reads the file is to have what is in the table.
 */
#include "analyze/report/csv.h"

#include <string.h>

#include "schema/db.h"
#include "schema/progress.h"

static void put_quoted(struct output *o, const char *text, size_t n)
{
	output_write(o, "\"", 1);
	while (n) {
		const char *quote = memchr(text, '"', n);
		size_t part = quote ? (size_t)(quote - text) + 1 : n;

		output_write(o, text, part);
		if (quote)
			output_write(o, "\"", 1);
		text += part;
		n -= part;
	}
	output_write(o, "\"", 1);
}

static bool needs_quotes(const char *text, size_t n)
{
	if (!n)
		return true;
	for (size_t i = 0; i < n; i++)
		if (strchr("\",\r\n", text[i]))	/* and a NUL */
			return true;
	return text[0] == ' ' || text[n - 1] == ' ';
}

static void put_text(struct output *o, const char *text, size_t n)
{
	if (needs_quotes(text, n))
		put_quoted(o, text, n);
	else
		output_write(o, text, n);
}

/* Numbers as SQLite has them, but reals so that they are read back as they were. */
static void put_value(struct output *o, sqlite3_stmt *s, int i)
{
	char number[G_ASCII_DTOSTR_BUF_SIZE];

	switch (sqlite3_column_type(s, i)) {
	case SQLITE_NULL:
		return;
	case SQLITE_FLOAT:
		g_ascii_dtostr(number, sizeof(number), sqlite3_column_double(s, i));
		output_write(o, number, strlen(number));
		return;
	case SQLITE_INTEGER:
		output_write(o, sqlite3_column_text(s, i), sqlite3_column_bytes(s, i));
		return;
	default:
		put_text(o, (const char *)sqlite3_column_text(s, i), sqlite3_column_bytes(s, i));
	}
}

bool csv_export(sqlite3 *db, const char *table, struct output *o, uint64_t *rows, GError **error)
{
	char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", table);
	g_autoptr(db_stmt) s = db_prepare(db, sql);
	int n = sqlite3_column_count(s);
	GError *failed = NULL;

	sqlite3_free(sql);
	for (int i = 0; i < n; i++) {
		const char *name = sqlite3_column_name(s, i);

		output_write(o, ",", i > 0);
		put_text(o, name, strlen(name));
	}
	output_write(o, "\r\n", 2);
	while (!output_failed(o) && db_next(s, &failed)) {
		for (int i = 0; i < n; i++) {
			output_write(o, ",", i > 0);
			put_value(o, s, i);
		}
		output_write(o, "\r\n", 2);
		progress_turn(++*rows);
	}
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}
