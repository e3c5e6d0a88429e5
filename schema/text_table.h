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

/* Print, each line indented, and free. to may be NULL: only free. */
void text_table_print(struct text_table *table, const char *indent, FILE *to);

#endif
