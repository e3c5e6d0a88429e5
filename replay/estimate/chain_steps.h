/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chain_steps - episodes and picks as the steps that chain.h learns from.
 */
#ifndef REPLAY_ESTIMATE_CHAIN_STEPS_H
#define REPLAY_ESTIMATE_CHAIN_STEPS_H

#include "replay/estimate/chain.h"
#include "replay/estimate/episode.h"

/*
 * The steps of the episodes that have a cell: GArray of struct chain_step.
 * picks: the policy's by decision, of int, see scores.h; cells: by episode, the
 * cell of the bootstrap it is in; -1: it is not to be used.
 */
GArray *chain_steps(const struct episodes *e, const GArray *picks, const int *cells);

#endif
