/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chain - what waits would cost under another policy, from what the recorded
 * decisions were followed by.
 *
 * An episode is a chain of decisions. What a kind of action costs until the next
 * decision, and how often the wait is over by then, is learned from the recorded
 * ones; a policy's chain takes the same costs as often as the policy, asked at the
 * recorded decisions, takes each kind. Nothing is simulated, and an unblocker need
 * not be known to tell a yield from none. Assumes that an action's effect does not
 * depend on why the kernel took it, that the policy's picks are those along the
 * recorded chains, and that the rest of the host stays as recorded; the last makes
 * it read low for policies that shorten others' spinning, too.
 */
#ifndef REPLAY_ESTIMATE_CHAIN_H
#define REPLAY_ESTIMATE_CHAIN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Waits are only compared with their like. */
enum chain_group { CHAIN_IPI, CHAIN_LOCK, CHAIN_REST, N_CHAIN_GROUPS };

/* What a pick does for the spinner. */
enum chain_action {
	CHAIN_NONE,		/* it yields to nobody */
	CHAIN_HIT,		/* to a vCPU that it waits for */
	CHAIN_NEAR_HIT,		/* to one that such a vCPU waits for itself */
	CHAIN_WRONG,		/* to another */
	CHAIN_SOME,		/* to one, where nobody knows for whom it waits */
	N_CHAIN_ACTIONS,
};

/* An action and its circumstances, as one number below N_CHAIN_CLASSES. */
enum {
	CHAIN_TARGET_SPINS = 1,	/* the target spins itself */
	CHAIN_HELP_RUNS = 2,	/* one that it waits for is on a CPU; CHAIN_REST: any other of its VM */
	CHAIN_LATER = 4,	/* not the first decision of its episode */
	N_CHAIN_CIRCUMSTANCES = 8,
	N_CHAIN_CLASSES = N_CHAIN_ACTIONS * N_CHAIN_CIRCUMSTANCES,
	CHAIN_START = N_CHAIN_CLASSES,	/* before the first decision */
	CHAIN_CLASS_UNKNOWN = 255,
};

static inline unsigned int chain_class(enum chain_action action, unsigned int circumstances)
{
	return action * N_CHAIN_CIRCUMSTANCES + circumstances;
}

/* One decision of an episode. */
struct chain_step {
	guint cell;		/* of the bootstrap; its episode's */
	uint8_t group;
	uint8_t before;		/* class of the recorded pick before it; CHAIN_START */
	uint8_t recorded;	/* class of the recorded pick */
	uint8_t picked;		/* class of the policy's; CHAIN_CLASS_UNKNOWN */
	bool last;		/* the wait is over before another decision */
	double spin, wall;	/* until the next decision, or the end: on the CPU, and in all; ns */
};

/* Sums over all episodes of what happens from the first decision on. */
struct chain_value {
	double spin, wall;		/* ns */
	double pauses, yields;		/* decisions, and those that yield */
	double ipi_wall;		/* wall, of group IPI */
	double n_steps;			/* decisions that it was learned from */
	/* share of the policy's decisions whose class the recording has too few of, or which are not known */
	double unsupported;
	enum chain_action lacking;	/* the one that it has too few of, if unsupported is too much */
};

struct chain;

/* Steps of one policy, all of them, in any order. The array is not kept. */
struct chain *chain_new(const struct chain_step *steps, gsize n, guint n_cells);
void chain_free(struct chain *chain);

/*
 * What the policy's chains cost. weights: how often each cell counts, NULL for once
 * (its pick is the recorded one: the recorded costs, up to classes too rare to be
 * told apart). False: there are no steps.
 */
bool chain_evaluate(const struct chain *chain, const uint32_t *weights, struct chain_value *value);

#endif
