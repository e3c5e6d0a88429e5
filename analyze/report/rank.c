// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/rank.h"

#include <math.h>

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void rank_sort(GArray *values)
{
	g_array_sort(values, by_value);
}

double rank_percentile(const GArray *values, double p)
{
	return values->len ? g_array_index(values, double, MAX((guint)ceil(p * values->len), 1) - 1) : NAN;
}
