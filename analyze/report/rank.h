/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rank - percentiles of numbers in memory, by nearest rank.
 */
#ifndef ANALYZE_REPORT_RANK_H
#define ANALYZE_REPORT_RANK_H

#include <glib.h>

/* Have values, of double and none NaN, ascend. */
void rank_sort(GArray *values);

/* The percentile of ascending values, p from 0 to 1; NaN: there are none. */
double rank_percentile(const GArray *values, double p);

#endif
