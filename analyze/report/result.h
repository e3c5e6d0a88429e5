/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * result - what a report says: answers, and sections of sentences and tables.
 * Text, JSON and HTML are renderings of it and compute nothing.
 *
 * A table is described by a struct table_spec; most are filled by the rows of its
 * query, whose definitions are the views of schema/views.sql, simulated.sql and reviewers.sql.
 */
#ifndef ANALYZE_REPORT_RESULT_H
#define ANALYZE_REPORT_RESULT_H

#include <glib.h>
#include <stdbool.h>

#include "schema/db.h"

enum column_kind {
	COLUMN_TEXT,
	COLUMN_COUNT,
	COLUMN_NUMBER,		/* of the unit that its heading names */
	COLUMN_PERCENT,
	COLUMN_NS,		/* a duration */
	COLUMN_TIME,		/* ns since the recording's t0 */
	COLUMN_YES,		/* 0 or 1 */
	COLUMN_ESTIMATE,	/* five columns of the query: value, statistical, total interval */
};

struct column {
	const char *key;	/* of JSON, which has the number itself */
	const char *heading;	/* for people; names the unit that the kind does not imply */
	enum column_kind kind;
	unsigned int digits;	/* after the point, of numbers and estimates */
	bool sign;		/* show a plus */
	bool mixed;		/* of several units: small ones with as many digits as show two figures */
};

enum { MAX_COLUMNS = 14 };

struct table_spec {
	const char *id;		/* the key in JSON, the anchor in HTML */
	const char *title;
	const char *about;	/* what its columns mean, where the headings do not say; NULL: they do */
	const char *empty;	/* what it means that there are no rows; NULL: an earlier table says so */
	const char *sql;	/* the columns in order; NULL: filled by a function */
	bool page_only;		/* the data of a chart: too long for a terminal */
	struct column columns[MAX_COLUMNS];
};

struct cell {
	bool known;
	double value;			/* of all but COLUMN_TEXT; finite, or NaN if not known */
	double statistical[2], total[2];/* of COLUMN_ESTIMATE; NaN: none */
	char *text;			/* of COLUMN_TEXT, valid UTF-8, not long (reading.h); NULL if not known */
};

struct table {
	const struct table_spec *spec;
	unsigned int n_columns;
	GPtrArray *rows;	/* of struct cell [n_columns] */
};

struct section {
	const char *id, *title;
	GPtrArray *notes;	/* sentences */
	GPtrArray *tables;	/* of struct table */
};

enum answer_kind { ANSWER_YES, ANSWER_NO, ANSWER_PARTLY, ANSWER_UNKNOWN };
extern const char *const answer_kind_names[];

struct answer {
	const char *id, *question;
	enum answer_kind kind;
	char *sentence;
};

struct result {
	char *title;		/* what it is about */
	GPtrArray *answers;	/* of struct answer */
	GPtrArray *warnings;	/* sentences to read before any figure */
	GPtrArray *sections;	/* of struct section */
};

struct result *result_new(const char *title);
void result_free(struct result *result);

/* The section or table of that name; NULL: there is none. */
const struct table *result_table(const struct result *result, const char *id);

void result_answer(struct result *result, const char *id, const char *question, enum answer_kind kind,
		   const char *format, ...) G_GNUC_PRINTF(5, 6);
struct section *result_section(struct result *result, const char *id, const char *title);
void section_note(struct section *section, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A table without rows yet. */
struct table *section_table(struct section *section, const struct table_spec *spec);

/* One filled by its query. */
bool section_query(struct section *section, const struct table_spec *spec, sqlite3 *db, GError **error);

/* Append a row, all of whose cells are not known yet. */
struct cell *table_row(struct table *table);
void cell_set(struct cell *cell, double value);		/* not finite: not known */
void cell_set_estimate(struct cell *cell, double value, const double *statistical, const double *total);
void cell_set_text(struct cell *cell, const char *text);	/* NULL: not known */

/* Cut the text of all cells to so many characters. */
void result_cut_texts(struct result *result, glong max);

/* A column, or the cell of a row, by the column's key, which the table has. */
unsigned int table_column(const struct table *table, const char *key);
const struct cell *table_cell(const struct table *table, guint row, const char *key);

#endif
