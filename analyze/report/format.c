// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/format.h"

#include <math.h>
#include <string.h>

enum { MOST_DIGITS = 4 };	/* after the point */

/* What is shown as 0 has no sign. */
static double unsigned_zero(double value, unsigned int digits)
{
	return fabs(value) * pow(10, digits) <= 0.5 ? 0 : value;
}

char *format_ns(double ns)
{
	static const struct {
		double from, unit;
		const char *name;
	} units[] = { { 999.5e6, 1e9, "s" }, { 999.5e3, 1e6, "ms" }, { 999.5, 1e3, "us" } };

	for (unsigned int i = 0; i < G_N_ELEMENTS(units); i++) {
		double n = ns / units[i].unit;

		if (fabs(ns) >= units[i].from)
			return g_strdup_printf("%.*f %s", fabs(n) < 9.995 ? 2 : fabs(n) < 99.95 ? 1 : 0, n,
					       units[i].name);
	}
	return g_strdup_printf("%.0f ns", unsigned_zero(ns, 0));
}

char *format_count(double n)
{
	g_autofree char *digits = g_strdup_printf("%.0f", unsigned_zero(n, 0));
	gsize len = strlen(digits), first = digits[0] == '-';
	GString *out = g_string_new(NULL);

	for (gsize i = 0; i < len; i++) {
		if (i > first && (len - i) % 3 == 0)
			g_string_append_c(out, ',');
		g_string_append_c(out, digits[i]);
	}
	return g_string_free(out, FALSE);
}

/* The column's digits, but for numbers that have four before them, and small ones of a column of several units. */
static unsigned int digits_of(const struct column *c, double largest)
{
	unsigned int digits = c->digits;

	for (double limit = pow(10, 1 - (int)digits); c->mixed && largest && digits < MOST_DIGITS && fabs(largest) < limit;
	     limit /= 10)
		digits++;
	for (double limit = 9999.5 / pow(10, digits); digits && fabs(largest) >= limit; limit *= 10)
		digits--;
	return digits;
}

static char *number(const struct column *c, double value, unsigned int digits)
{
	value = unsigned_zero(value, digits);
	return g_strdup_printf(c->sign && value ? "%+.*f" : "%.*f", (int)digits, value);
}

char *format_estimate(const struct column *column, double value)
{
	return isnan(value) ? g_strdup("-") : number(column, value, digits_of(column, value));
}

static char *interval_text(const struct column *column, const double *interval, unsigned int digits)
{
	g_autofree char *lo = number(column, interval[0], digits), *hi = number(column, interval[1], digits);

	return g_strdup_printf("[%s, %s]", lo, hi);
}

static double largest_of(const double *interval)
{
	return fmax(fabs(interval[0]), fabs(interval[1]));
}

char *format_interval(const struct column *column, const double *interval)
{
	if (isnan(interval[0]) || isnan(interval[1]))
		return g_strdup("-");
	return interval_text(column, interval, digits_of(column, largest_of(interval)));
}

static char *estimate(const struct column *column, const struct cell *cell)
{
	const double *interval = isnan(cell->total[0]) ? cell->statistical : cell->total;
	g_autofree char *value = NULL, *range = NULL;
	unsigned int digits;

	if (isnan(interval[0]) || isnan(interval[1]))
		return format_estimate(column, cell->value);
	digits = digits_of(column, fmax(fabs(cell->value), largest_of(interval)));
	value = number(column, cell->value, digits);
	range = interval_text(column, interval, digits);
	return g_strdup_printf("%s %s", value, range);
}

static char *percent(unsigned int digits, double value)
{
	return g_strdup_printf("%.*f %%", (int)digits, unsigned_zero(value, digits));
}

char *format_cell(const struct column *column, const struct cell *cell)
{
	if (!cell->known)
		return g_strdup("-");
	switch (column->kind) {
	case COLUMN_TEXT:
		return g_strdup(cell->text);
	case COLUMN_COUNT:
		return format_count(cell->value);
	case COLUMN_NUMBER:
		return format_estimate(column, cell->value);
	case COLUMN_PERCENT:
		return percent(column->digits ? column->digits : 1, cell->value);
	case COLUMN_NS:
		return format_ns(cell->value);
	case COLUMN_TIME:
		return g_strdup_printf("%.6f s", cell->value / 1e9);
	case COLUMN_YES:
		return g_strdup(cell->value ? "yes" : "no");
	case COLUMN_ESTIMATE:
		return estimate(column, cell);
	}
	g_assert_not_reached();
}
