/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mutate - copies of recordings and host facts, damaged where readers look: sizes,
 * counts, offsets, format texts, options, page and event headers, what is compressed.
 * What it is (trace.dat 6 or 7, perf.data, JSON) is seen from its first bytes.
 */
#ifndef TESTS_FUZZ_MUTATE_H
#define TESTS_FUZZ_MUTATE_H

#include <glib.h>
#include <stdint.h>

/* A reproducible sequence of numbers: number n of seed. */
struct random {
	uint64_t state;
};

struct random random_seeded(uint64_t seed, uint64_t n);
uint64_t random_next(struct random *random);
uint64_t random_below(struct random *random, uint64_t n);	/* 0 for n 0 */

/* data[size] with one to eight mutations, which follow from random alone. */
GByteArray *mutate(const uint8_t *data, size_t size, struct random *random);

#endif
