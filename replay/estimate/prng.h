/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prng - SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", 2014): small, and any stream of any seed begins at once. Not for secrets.
 */
#ifndef REPLAY_ESTIMATE_PRNG_H
#define REPLAY_ESTIMATE_PRNG_H

#include <stdint.h>

struct prng {
	uint64_t state;
};

static inline uint64_t prng_mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline uint64_t prng_next(struct prng *prng)
{
	return prng_mix(prng->state += 0x9e3779b97f4a7c15);
}

/* One of many streams of a seed; neighbouring seeds and streams have nothing in common. */
static inline struct prng prng_new(uint64_t seed, uint64_t stream)
{
	struct prng prng = { seed };

	prng.state = prng_mix(prng_next(&prng) + stream);
	return prng;
}

/* Uniform in [0, n), n > 0, but for a share of n / 2^32. */
static inline uint32_t prng_below(struct prng *prng, uint32_t n)
{
	return (prng_next(prng) >> 32) * n >> 32;
}

/* Uniform in [0, 1). */
static inline double prng_unit(struct prng *prng)
{
	return (double)(prng_next(prng) >> 11) * 0x1p-53;
}

#endif
