// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/scores.h"

struct scores *scores_new(const struct recorded *recorded, unsigned int n_lanes)
{
	struct scores *s = g_new0(struct scores, 1);

	s->recorded = recorded;
	s->decisions = g_array_new(FALSE, FALSE, sizeof(struct scored));
	s->words = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	s->n_lanes = n_lanes;
	s->picks = g_new0(GArray *, n_lanes + 1);
	for (unsigned int p = 0; p < n_lanes; p++)
		s->picks[p] = g_array_new(FALSE, FALSE, sizeof(int));
	return s;
}

void scores_free(struct scores *s)
{
	if (!s)
		return;
	for (unsigned int p = 0; p < s->n_lanes; p++)
		g_array_unref(s->picks[p]);
	g_free(s->picks);
	g_array_unref(s->words);
	g_array_unref(s->decisions);
	g_free(s);
}

void scores_add(struct scores *s, const struct engine_decision *decision, const struct spin_state *state)
{
	static const enum seen kept[N_SCORED_BITS] = {
		[SCORED_READY] = READY, [SCORED_SPINNING] = IN_SPIN_LOOP, [SCORED_ON_CPU] = ON_CPU,
	};
	const struct recorded_decision *d = decision->d;
	struct scored row = {
		.id = d->id, .t = d->t_start, .t_end = d->t_end, .ple_window = d->ple_window, .vcpu = d->vcpu,
		.vm = d->vm, .me = d->me, .n_vcpus = d->n_vcpus, .n_eoi = d->n_eoi,
		.pick = decision->outcome.source == OUTCOME_UNKNOWN ? PICK_UNKNOWN : decision->outcome.pick,
		.source = decision->outcome.source, .tainted = d->tainted, .bits = s->words->len,
	};

	for (unsigned int b = 0; b < N_SCORED_BITS; b++)
		g_array_append_vals(s->words, state->seen + kept[b] * state->n_words, state->n_words);
	g_array_append_val(s->decisions, row);
}

void scores_pick(struct scores *s, unsigned int policy, int pick)
{
	g_array_append_val(s->picks[policy], pick);
}
