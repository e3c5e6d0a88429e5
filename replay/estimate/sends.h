/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sends - interprocessor interrupts as their senders saw them: what was sent at
 * once, or in one loop, is one thing to wait for.
 */
#ifndef REPLAY_ESTIMATE_SENDS_H
#define REPLAY_ESTIMATE_SENDS_H

#include "replay/estimate/timeline.h"

/* One IPI to one receiver. */
struct edge {
	int64_t ipi;		/* ipi.id */
	unsigned int receiver;	/* vcpu_idx */
	unsigned int receiver_vcpu;	/* vcpu.id */
	int64_t t_send;
	/*
	 * When the receiver acknowledged it: an EOI that a register write showed is
	 * known to the instant, one through guest memory (PV EOI) to the interval from
	 * injection to the exit that noticed it. NEVER: not at all, or not seen.
	 */
	int64_t ack_lo, ack;
	int64_t accept, inject;	/* DB_NULL: not seen */
	bool tracked;		/* the IPI-aware tracker would record it */
	bool vague;		/* the acknowledgement is inferred from an injection, or from a long interval */
	bool tainted;
};

/* IPIs of one vector that one vCPU sent with little time on the CPU between them. */
struct send {
	unsigned int vcpu;	/* vcpu.id of the sender */
	uint8_t vector;
	bool tainted;
	int64_t t_first, t_last;
	guint edge, n_edges;
};

struct sends {
	unsigned int n_vcpus;
	GArray *edges;		/* of struct edge */
	GArray *sends;		/* of struct send, by sender and time */
	guint *first;		/* by vcpu.id: its first in sends; [n_vcpus + 1] is the end */
};

/* Read tables ipi and eoi. NULL with error set if they cannot be read. */
struct sends *sends_load(const struct recorded *recorded, const struct timeline *tl, GError **error);
void sends_free(struct sends *sends);

static inline const struct send *send_at(const struct sends *s, guint i)
{
	return &g_array_index(s->sends, struct send, i);
}

static inline const struct edge *edge_at(const struct sends *s, guint i)
{
	return &g_array_index(s->edges, struct edge, i);
}

/* Index of the last send of vcpu that began at or before t; -1: there is none. */
int sends_before(const struct sends *s, unsigned int vcpu, int64_t t);

#endif
