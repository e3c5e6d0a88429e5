/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text_table - rows of cells as aligned columns on a terminal.
 */
#ifndef SCHEMA_TEXT_TABLE_H
#define SCHEMA_TEXT_TABLE_H

#include <glib.h>
#include <stdio.h>

struct text_table;

/* The header cells; a heading that starts with '>' makes a right-aligned column (of numbers). */
struct text_table *text_table_new(const char *const *headings, unsigned int n_columns);

/* Append a cell, row by row. */
void text_table_cell(struct text_table *table, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A whole number with thousands marked, so that columns of counts can be read. */
void text_table_count(struct text_table *table, gint64 n);

/* The last cell of a row, in as many lines of width columns as it takes; those are rows of their own. */
void text_table_wrapped(struct text_table *table, const char *text, unsigned int width);

/*
 * Have lines of at most width columns, by folding the cells of a column (of text, not the last) that is too
 * wide: cut short, names that differ at their end alone would look the same.
 */
void text_table_fold(struct text_table *table, unsigned int column, unsigned int width);

/* value, but plain 0 where so many decimals would make it -0. */
double text_number(double value, unsigned int decimals);

/*
 * text broken at spaces into lines of width columns, all but the first indented by so many; words
 * that are longer stand alone. Newly allocated, without a newline at the end.
 */
char *text_wrap(const char *text, unsigned int width, unsigned int indent);

/*
 * text in lines of at most width (> 0) columns, all but the first indented by so many (< width), broken at
 * spaces or behind one of the characters in after, else anywhere. Lines are char *; the last is not empty.
 */
GPtrArray *text_fold(const char *text, glong width, unsigned int indent, const char *after);

enum { TEXT_FOLD_INDENT = 2 };
#define TEXT_FOLD_NAMES ",:+="	/* where a policy and its parameters are broken */

/* Print, each line indented, and free. to may be NULL: only free. */
void text_table_print(struct text_table *table, const char *indent, FILE *to);

#endif
