/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extract - the programs that a recording shows (program.h). */
#ifndef REPLAY_SIMULATE_EXTRACT_H
#define REPLAY_SIMULATE_EXTRACT_H

#include "replay/estimate/evidence.h"
#include "replay/simulate/program.h"

/*
 * Work is conserved within 0.5 %, or error says by how much it is not; the same if the
 * recording cannot be run again (gaps, no scheduler known). seed: of what is drawn where
 * nothing was seen (who waits, guest mode). NULL with error set.
 */
struct program_input *extract_programs(const struct evidence *evidence, const struct policy_params *recorded,
				       uint64_t seed, GError **error);

#endif
