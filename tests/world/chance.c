// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/world/chance.h"

#define GOLDEN 0x9e3779b97f4a7c15ULL

static guint64 mix(guint64 z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;	/* splitmix64 */
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

struct chance chance_new(guint64 seed, guint64 stream)
{
	return (struct chance){ mix(mix(seed + GOLDEN) ^ mix(stream * GOLDEN + 1)) };
}

guint64 chance_u64(struct chance *c)
{
	return mix(c->state += GOLDEN);
}

gint64 chance_between(struct chance *c, gint64 from, gint64 to)
{
	return from + (gint64)((chance_u64(c) >> 32) * (guint64)(to - from + 1) >> 32);
}

bool chance_percent(struct chance *c, unsigned int percent)
{
	return chance_between(c, 0, 99) < percent;
}

/*
 * -ln(u) in 2^-30, without a libm whose last digit differs from machine to machine: the logarithm
 * of what is behind the leading one by a polynomial (Abramowitz and Stegun 4.1.43, good to 1e-5).
 */
static gint64 minus_ln(guint64 random)
{
	static const gint64 a[] = { 34529873, -146096265, 310821178, -528183224, 1073200186 };
	guint64 u = random >> 32 | 1;
	int exponent = 63 - __builtin_clzll(u);
	gint64 f = (u << (32 - exponent) & G_MAXUINT32) >> 2, ln = 0;

	for (unsigned int i = 0; i < G_N_ELEMENTS(a); i++)
		ln = (ln * f >> 30) + a[i];
	return (32 - exponent) * G_GINT64_CONSTANT(744261118) - (ln * f >> 30);	/* ln 2 */
}

gint64 chance_exponential(struct chance *c, gint64 mean)
{
	gint64 ln = CLAMP(minus_ln(chance_u64(c)), 0, G_GINT64_CONSTANT(8) << 30);

	return mean * (ln >> 10) >> 20;
}
