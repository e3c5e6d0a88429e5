/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scores - every decision of a recording with what each policy would have picked:
 * what one replay leaves for the estimators.
 */
#ifndef REPLAY_ESTIMATE_SCORES_H
#define REPLAY_ESTIMATE_SCORES_H

#include "replay/engine.h"
#include "replay/estimate/outcome.h"

/* What of every vCPU of the VM is kept, one bitmap each. */
enum scored_bits { SCORED_READY, SCORED_SPINNING, SCORED_ON_CPU, N_SCORED_BITS };

struct scored {
	int64_t id, t, t_end;		/* t_end: DB_NULL if lost */
	int64_t ple_window;		/* DB_NULL: not known */
	unsigned int vcpu;		/* vcpu.id of the spinner */
	unsigned int vm, me, n_vcpus;	/* index into recorded.vms; vcpu_idx */
	unsigned int n_eoi;		/* its EOIs since its previous decision */
	int pick;			/* observed: vcpu_idx, NO_TARGET, PICK_UNKNOWN */
	enum outcome_source source;
	bool tainted;
	gsize bits;			/* into words: [N_SCORED_BITS][n_words of its VM] */
};

struct scores {
	const struct recorded *recorded;
	GArray *decisions;		/* of struct scored, in time order */
	GArray *words;			/* of uint64_t */
	unsigned int n_lanes;
	GArray **picks;			/* by policy: of int, one per decision */
};

struct scores *scores_new(const struct recorded *recorded, unsigned int n_lanes);
void scores_free(struct scores *scores);

/* Add the decision that is being visited, and then each policy's pick of it. */
void scores_add(struct scores *scores, const struct engine_decision *decision, const struct spin_state *state);
void scores_pick(struct scores *scores, unsigned int policy, int pick);

static inline const struct scored *scored_at(const struct scores *s, unsigned int i)
{
	return &g_array_index(s->decisions, struct scored, i);
}

static inline int picked_by(const struct scores *s, unsigned int policy, unsigned int i)
{
	return g_array_index(s->picks[policy], int, i);
}

static inline const uint64_t *scored_bits_of(const struct scores *s, const struct scored *d,
					     enum scored_bits which)
{
	return &g_array_index(s->words, uint64_t, d->bits + which * s->recorded->vms[d->vm].n_words);
}

#endif
