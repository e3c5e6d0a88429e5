/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outstanding - IPIs that their receivers have not acknowledged, as of the time that replay has come to. */
#ifndef REPLAY_OUTSTANDING_H
#define REPLAY_OUTSTANDING_H

#include "replay/recorded.h"

struct outstanding;

struct outstanding *outstanding_new(const struct recorded *recorded);
void outstanding_free(struct outstanding *outstanding);

/* Sent now. Nothing is kept of VMs whose acknowledgements are not seen. */
void outstanding_add(struct outstanding *outstanding, const struct recorded_ipi *ipi);

/* Events are missing: of those sent before nothing is known. */
void outstanding_forget(struct outstanding *outstanding);

/* Of unsigned int: receivers of a vCPU's IPIs to one receiver each. */
void outstanding_receivers(struct outstanding *outstanding, unsigned int vm, unsigned int idx, int64_t now,
			   GArray *receivers);

/*
 * Have them told as hints, to whoever asks with state: of each vCPU the first receiver that
 * is not known to be on a CPU, in the order in which they were sent to.
 */
void outstanding_hint(const struct outstanding *outstanding, unsigned int vm, struct spin_state *state);

#endif
