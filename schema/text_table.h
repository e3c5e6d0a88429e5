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

/* value, but plain 0 where so many decimals would make it -0. */
double text_number(double value, unsigned int decimals);

/*
 * text broken at spaces into lines of width columns, all but the first indented by so many; words
 * that are longer stand alone. Newly allocated, without a newline at the end.
 */
char *text_wrap(const char *text, unsigned int width, unsigned int indent);

/* Print, each line indented, and free. to may be NULL: only free. */
void text_table_print(struct text_table *table, const char *indent, FILE *to);

#endif
