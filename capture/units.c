// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/units.h"

#include <glib.h>
#include <math.h>
#include <string.h>

struct unit {
	const char *name;
	double factor;
};

/* A number, not negative, and one of the units behind it. */
static bool parse(const char *text, const struct unit *units, double *value)
{
	char *end;
	double v = g_ascii_isdigit(*text) ? g_ascii_strtod(text, &end) : NAN;

	if (!isfinite(v))
		return false;
	for (const struct unit *u = units; u->name; u++)
		if (!g_ascii_strcasecmp(end, u->name)) {
			*value = v * u->factor;
			return true;
		}
	return false;
}

bool units_size(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { "T", 1LL << 40 },
		{ "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { "TiB", 1LL << 40 }, { NULL, 0 },
	};
	double v;

	if (!parse(text, units, &v) || v >= 1e18)
		return false;
	*bytes = v;
	return true;
}

bool units_time(const char *text, uint64_t *ms)
{
	static const struct unit units[] = {
		{ "", 1e3 }, { "s", 1e3 }, { "ms", 1 }, { "m", 6e4 }, { "min", 6e4 }, { "h", 3.6e6 }, { NULL, 0 },
	};
	double v;

	if (!parse(text, units, &v) || v >= 1e15 || (v > 0 && v < 1))
		return false;
	*ms = v;
	return true;
}

bool units_share(const char *text, double *share)
{
	static const struct unit units[] = { { "", 1 }, { "%", 0.01 }, { NULL, 0 } };
	double v;

	if (!parse(text, units, &v) || v > 1)
		return false;
	*share = v;
	return true;
}
