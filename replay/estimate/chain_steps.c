// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/chain_steps.h"

#include "replay/bits.h"

static enum chain_group group_of(const struct episode *ep)
{
	return ep->cause == CAUSE_IPI ? CHAIN_IPI : ep->confidence >= 2 ? CHAIN_LOCK : CHAIN_REST;
}

/* Is there help on a CPU: one that the spinner waits for; if that is not known, any other of the VM? */
static bool help_runs(const struct episodes *e, const struct episode *ep, const struct scored *d)
{
	const uint64_t *on_cpu = scored_bits_of(e->scores, d, SCORED_ON_CPU);
	bool known = group_of(ep) != CHAIN_REST;

	for (unsigned int idx = 0; idx < d->n_vcpus; idx++)
		if (idx != d->me && get_bit(on_cpu, idx) && (!known || episode_awaits(e, ep, idx, d->t)))
			return true;
	return false;
}

static uint8_t class_of(const struct episodes *e, const struct episode *ep, const struct scored *d, int pick,
			unsigned int circumstances)
{
	if (pick == PICK_UNKNOWN)
		return CHAIN_CLASS_UNKNOWN;
	if (pick == NO_TARGET)
		return chain_class(CHAIN_NONE, circumstances);
	if (get_bit(scored_bits_of(e->scores, d, SCORED_SPINNING), pick))
		circumstances |= CHAIN_TARGET_SPINS;
	return chain_class(group_of(ep) == CHAIN_REST ? CHAIN_SOME :
			   episode_awaits(e, ep, pick, d->t) ? CHAIN_HIT :
			   episode_awaits_indirectly(e, ep, pick, d->t) ? CHAIN_NEAR_HIT : CHAIN_WRONG, circumstances);
}

static void add(GArray *steps, const struct episodes *e, const struct episode *ep, const GArray *picks, guint cell)
{
	uint8_t before = CHAIN_START;

	for (guint j = 0; j < ep->n; j++) {
		guint at = episode_decision(e, ep, j);
		const struct scored *d = scored_at(e->scores, at);
		bool last = j + 1 == ep->n;
		int64_t until = last ? MAX(ep->end, d->t) : scored_at(e->scores, episode_decision(e, ep, j + 1))->t;
		unsigned int circumstances = (help_runs(e, ep, d) ? CHAIN_HELP_RUNS : 0) | (j ? CHAIN_LATER : 0);
		struct chain_step step = {
			.cell = cell, .group = group_of(ep), .before = before, .last = last,
			.recorded = class_of(e, ep, d, d->pick, circumstances),
			.picked = class_of(e, ep, d, g_array_index(picks, int, at), circumstances),
			.spin = timeline_ran(e->tl, d->vcpu, until) - timeline_ran(e->tl, d->vcpu, d->t),
			.wall = until - d->t,
		};

		before = step.recorded;
		g_array_append_val(steps, step);
	}
}

GArray *chain_steps(const struct episodes *e, const GArray *picks, const int *cells)
{
	GArray *steps = g_array_new(FALSE, FALSE, sizeof(struct chain_step));

	for (guint i = 0; i < e->list->len; i++)
		if (cells[i] >= 0)
			add(steps, e, episode_at(e, i), picks, cells[i]);
	return steps;
}
