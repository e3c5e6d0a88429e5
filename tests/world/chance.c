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
 * -ln(u) in 2^-32, without a libm whose last digit differs from machine to machine: the binary
 * logarithm bit by bit, from squaring.
 */
static guint64 minus_ln(guint64 random)
{
	guint64 u = random >> 32 | 1, log2 = 0, x;
	int exponent = 63 - __builtin_clzll(u);

	x = u << (31 - exponent);	/* in [2^31, 2^32): 1 to 2 */
	for (int bit = 0; bit < 24; bit++) {
		x = x * x >> 31;
		log2 <<= 1;
		if (x >> 32) {
			x >>= 1;
			log2 |= 1;
		}
	}
	log2 = ((guint64)exponent << 24 | log2);
	return ((32ULL << 24) - log2) * 2977044472ULL >> 24;	/* ln 2 in 2^-32 */
}

gint64 chance_exponential(struct chance *c, gint64 mean)
{
	guint64 ln = MIN(minus_ln(chance_u64(c)), 8ULL << 32);

	return (gint64)((guint64)mean * (ln >> 12) >> 20);
}
