/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bit vcpu_idx of a bitmap in 64-bit words. */
#ifndef REPLAY_BITS_H
#define REPLAY_BITS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool get_bit(const uint64_t *words, unsigned int idx)
{
	return words[idx / 64] >> (idx % 64) & 1;
}

static inline void put_bit(uint64_t *words, unsigned int idx, bool value)
{
	uint64_t mask = 1ULL << (idx % 64);

	words[idx / 64] = value ? words[idx / 64] | mask : words[idx / 64] & ~mask;
}

#endif
