/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare - two databases side by side, before and after a change, as a result. */
#ifndef ANALYZE_REPORT_COMPARE_H
#define ANALYZE_REPORT_COMPARE_H

#include "analyze/report/result.h"

/*
 * The interval of b - a from those of a and b, which are independent of each other
 * (method of variance estimates recovery, Zou and Donner 2008). NaN where either has none.
 */
void difference_interval(double a, const double *a_interval, double b, const double *b_interval, double *interval);

/* NULL with error set: a database cannot be read. */
struct result *compare(sqlite3 *before, const char *before_name, sqlite3 *after, const char *after_name,
		       GError **error);

#endif
