/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * format - cells of a result as people read them: units chosen by size, no more
 * digits than are read, thousands marked, '-' for what is not known.
 */
#ifndef ANALYZE_REPORT_FORMAT_H
#define ANALYZE_REPORT_FORMAT_H

#include "analyze/report/result.h"

/* A newly allocated string. An estimate comes with its total interval, or the statistical one where there is no other. */
char *format_cell(const struct column *column, const struct cell *cell);

/* The value of an estimate alone, and an interval of it; "-" where it has none. */
char *format_estimate(const struct column *column, double value);
char *format_interval(const struct column *column, const double *interval);

char *format_ns(double ns);		/* "730 ns", "12.3 us", "18.4 ms", "5.82 s" */
char *format_count(double n);		/* "13,246" */

static inline bool column_is_text(const struct column *column)
{
	return column->kind == COLUMN_TEXT || column->kind == COLUMN_YES;
}

#endif
