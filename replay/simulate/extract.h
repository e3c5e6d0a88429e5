/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extract - the programs that a recording shows (program.h). */
#ifndef REPLAY_SIMULATE_EXTRACT_H
#define REPLAY_SIMULATE_EXTRACT_H

#include "replay/estimate/evidence.h"
#include "replay/estimate/shadow.h"
#include "replay/simulate/program.h"

#define EXTRACT_ERROR (g_quark_from_static_string("extract"))

/*
 * Of the longest part of the recording between gaps, without its ends where VMs came up
 * and went down. Work is conserved within 0.5 %, or error says by how much it is not; the
 * same if the recording cannot be run again (less than a second, no scheduler known).
 * quality: which yield rule the shadow found the host to have; NULL: by its release.
 * recorded: parameters of the recorded kernel's policy. seed: of what is drawn where
 * nothing was seen (who waits, guest mode). NULL with error set.
 */
struct program_input *extract_programs(const struct evidence *evidence, const struct shadow_quality *quality,
				       const struct policy_params *recorded, uint64_t seed, GError **error);

/* The same of part i of n of that time, all as long; an error, too, if they are shorter than 0.5 s. */
struct program_input *extract_part(const struct evidence *evidence, const struct shadow_quality *quality,
				   const struct policy_params *recorded, uint64_t seed, unsigned int i,
				   unsigned int n, GError **error);

#endif
