// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/interval.h"

#include <glib.h>
#include <math.h>
#include <stdint.h>

#define MAX_MISSING 0.05
#define NORMAL_95 1.959963984540054

#define MAX_CHANCE 0.05

const char *const verdict_names[N_VERDICTS] = {
	[VERDICT_GAIN] = "gain",
	[VERDICT_NO_CLEAR_EFFECT] = "no clear effect",
	[VERDICT_LOSS] = "loss",
	[VERDICT_NOT_IDENTIFIABLE] = "not identifiable",
	[VERDICT_INSUFFICIENT_DATA] = "insufficient data",
	[VERDICT_REFUSED] = "refused",
};

static bool too_many_missing(size_t missing, size_t n)
{
	return missing > MAX_MISSING * n;
}

/* Enough replicates that a quantile on either side is not the very last one. */
static bool enough_replicates(size_t n, double level)
{
	return n * (1 - level) > 2 - 1e-9;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Move what has a value to the front; their number. */
static size_t keep_finite(double *values, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (isfinite(values[i]))
			values[kept++] = values[i];
	for (size_t i = kept; i < n; i++)
		values[i] = NAN;
	return kept;
}

/* Linear between the order statistics; n > 0. */
static double quantile(const double *sorted, size_t n, double share)
{
	double position = share * (n - 1);
	size_t below = position;
	size_t above = MIN(below + 1, n - 1);

	return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}

bool interval_percentile(double *values, size_t n, double level, double *lo, double *hi,
			 size_t *missing)
{
	size_t kept = keep_finite(values, n);

	*lo = *hi = NAN;
	if (missing)
		*missing = n - kept;
	if (too_many_missing(n - kept, n) || !enough_replicates(kept, level))
		return false;
	qsort(values, kept, sizeof(*values), compare);
	*lo = quantile(values, kept, (1 - level) / 2);
	*hi = quantile(values, kept, (1 + level) / 2);
	return true;
}

double standard_error(const double *values, size_t n)
{
	double sum = 0, squares = 0;
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (isfinite(values[i])) {
			sum += values[i];
			kept++;
		}
	if (kept < 2 || too_many_missing(n - kept, n))
		return NAN;
	for (size_t i = 0; i < n; i++)
		if (isfinite(values[i])) {
			double d = values[i] - sum / kept;

			squares += d * d;
		}
	return sqrt(squares / (kept - 1));
}

double interval_p_value(double value, double lo, double hi)
{
	double half = value > 0 ? value - lo : hi - value;

	if (isnan(value) || isnan(lo) || isnan(hi))
		return NAN;
	if (half <= 0)
		return value == 0 ? 1 : 0;
	return erfc(fabs(value) / half * NORMAL_95 / sqrt(2));
}

struct ranked {
	double p;
	size_t i;
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return x->p != y->p ? (x->p > y->p) - (x->p < y->p) : (x->i > y->i) - (x->i < y->i);
}

void holm_adjust(const double *p, size_t n, double *adjusted)
{
	g_autofree struct ranked *ranked = g_new(struct ranked, n);
	double least = 0;
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isnan(p[i]))
			ranked[m++] = (struct ranked){ p[i], i };
		adjusted[i] = p[i];
	}
	if (m)
		qsort(ranked, m, sizeof(*ranked), compare_ranked);
	for (size_t k = 0; k < m; k++) {
		least = MAX(least, MIN(1, (m - k) * ranked[k].p));
		adjusted[ranked[k].i] = least;
	}
}

void total_interval(double value, double stat_lo, double stat_hi, double m,
		    double *lo, double *hi)
{
	/* MAX() of NaN and 0 is 0, but no interval stays none */
	*lo = isnan(stat_lo) ? NAN : value - hypot(MAX(value - stat_lo, 0), m);
	*hi = isnan(stat_hi) ? NAN : value + hypot(MAX(stat_hi - value, 0), m);
}

enum verdict verdict_of(double total_lo, double total_hi, bool enough_data, bool identifiable,
			bool refused)
{
	if (!enough_data)
		return VERDICT_INSUFFICIENT_DATA;
	if (!identifiable)
		return VERDICT_NOT_IDENTIFIABLE;
	if (refused || isnan(total_lo) || isnan(total_hi))
		return VERDICT_REFUSED;
	if (total_lo > 0)
		return VERDICT_GAIN;
	if (total_hi < 0)
		return VERDICT_LOSS;
	return VERDICT_NO_CLEAR_EFFECT;
}

void verdict_among(enum verdict *verdict, char **reason, double p, size_t n)
{
	char *before = *reason;

	if ((*verdict != VERDICT_GAIN && *verdict != VERDICT_LOSS) || !(p >= MAX_CHANCE))
		return;
	*reason = g_strdup_printf("among %zu policies compared chance makes one such %s with p = %.2f (Holm)%s%s", n,
				  verdict_names[*verdict], p, before ? "; " : "", before ? before : "");
	*verdict = VERDICT_NO_CLEAR_EFFECT;
	g_free(before);
}
