/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bootstrap - what another stretch of the same load could have looked like: blocks
 * of recorded time, drawn with replacement. One vCPU that loses its CPU stalls many
 * others, so episodes are not independent of each other; stretches of time much
 * longer than an episode nearly are (moving-block bootstrap, Kuensch 1989, circular).
 *
 * Time is cut into cells of a quarter of a block, and a replicate is a weight for
 * each cell: how often the drawn blocks cover it. Whatever happened in a cell (an
 * episode belongs to the cell it starts in) counts that often, in all VMs alike; a
 * ratio's numerator and denominator are weighted together.
 */
#ifndef REPLAY_ESTIMATE_BOOTSTRAP_H
#define REPLAY_ESTIMATE_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

/* A stretch [t0, t1) of the recording, ns, between gaps or bursts: no block leaves it. */
struct segment {
	int64_t t0, t1;
};

struct bootstrap;

/*
 * Block length, ns: 50 ms, or ten slices of the scheduler, or ten mean waits,
 * whichever is longest. What is not known (<= 0) does not count.
 */
int64_t bootstrap_block_ns(int64_t base_slice_ns, int64_t mean_episode_wall_ns);

/*
 * segments: [n], ascending and disjoint; empty ones are ignored. block_ns > 0.
 * Every cell's expected weight is 1, and in each replicate the weights of the
 * cells of all segments of a block's length or more add up to the number of those cells.
 */
struct bootstrap *bootstrap_new(const struct segment *segments, size_t n, int64_t block_ns,
				uint32_t replicates, uint64_t seed);
void bootstrap_free(struct bootstrap *b);

/* The cell of time t, ns; -1: t is in no segment. */
int32_t bootstrap_cell(const struct bootstrap *b, int64_t t);

uint32_t bootstrap_n_cells(const struct bootstrap *b);
uint32_t bootstrap_n_replicates(const struct bootstrap *b);

/* Recorded time in block lengths, rounded up: what an interval rests on. */
uint32_t bootstrap_n_blocks(const struct bootstrap *b);

/*
 * Weights of the cells, [bootstrap_n_cells()], in one replicate; valid until the next
 * call. They depend on the seed and the replicate's number only, not on the order of calls.
 */
const uint32_t *bootstrap_weights(struct bootstrap *b, uint32_t replicate);

/* Add to cells[cell * stride] the time, ns, that [t0, t1) has in that cell. */
void bootstrap_spread(const struct bootstrap *b, int64_t t0, int64_t t1, double *cells, unsigned int stride);

/* A figure by cell, [n], summed with every cell taken weights[cell] times; NULL: once. */
double bootstrap_sum(const double *cells, const uint32_t *weights, uint32_t n);

#endif
