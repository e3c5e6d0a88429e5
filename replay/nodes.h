/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nodes - NUMA nodes of the recorded host's CPUs, and on which of them each vCPU last
 * ran: what vcpu->cpu told the kernel.
 */
#ifndef REPLAY_NODES_H
#define REPLAY_NODES_H

#include "replay/recorded.h"

/*
 * By the host facts, [n_cpu], to be freed; a CPU of which they are silent is on node 0.
 * NULL: all are on one, or nothing is known of any.
 */
unsigned int *nodes_of_cpus(const struct recorded *recorded, unsigned int n_cpu);

/* Is anything known of them? */
bool nodes_are_recorded(const struct recorded *recorded);

struct nodes;

/* NULL: one node, or nothing is known. The functions below take NULL for that. */
struct nodes *nodes_new(struct recorded *recorded);
void nodes_free(struct nodes *nodes);

/* From the recording's beginning. */
void nodes_rewind(struct nodes *nodes);

/* Who came onto a CPU before t, or at t. */
bool nodes_advance(struct nodes *nodes, int64_t t, GError **error);

/* Nothing is known until seen again. */
void nodes_forget(struct nodes *nodes);

/* Fill in SAME_NODE of state, at a decision; all vCPUs are on one node if nodes is NULL. */
void nodes_fill(const struct nodes *nodes, const struct recorded_decision *d, struct spin_state *state);

#endif
