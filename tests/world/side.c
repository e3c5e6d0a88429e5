// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the posted series add to yield_to() in EEVDF: v1's and v2's debooster, which penalises the
 * yielder, and v3's lag credit, which makes the target eligible by a margin that is not known: a
 * tenth of a slice for each that is queued, as counterspin assumes. All of them only where both are
 * on one run queue. Written from the patches, as far as they are known, not from counterspin's.
 */
#include "tests/world/world.h"

#define BETWEEN (6 * MS)

const char *const side_names[N_SIDES] = {
	[SIDE_PLAIN] = "plain", [SIDE_DEBOOSTER_V1] = "debooster-v1",
	[SIDE_DEBOOSTER_V2] = "debooster-v2", [SIDE_LAG_CREDIT] = "lag-credit",
};

/* The largest penalty, in tenths of a slice, of a queue of n. */
static unsigned int most(unsigned int n)
{
	static const unsigned int few[] = { 60, 60, 60, 40, 25, 25, 25, 20, 20 };

	return n < G_N_ELEMENTS(few) ? few[n] : n <= 12 ? 15 : 10;
}

static void penalise(struct world *w, struct cpu *c, const struct task *target, bool v1)
{
	struct task *t = c->current;
	gint64 slice = w->s->slice, behind = MAX(target->vruntime - t->vruntime, 0);
	bool too_early = c->t_penalty && w->now - c->t_penalty <= BETWEEN;

	if (v1 || !too_early)
		c->t_penalty = w->now;
	if (too_early || target->cpu != c->id)
		return;
	t->vruntime += MIN(slice + behind * 11 / 10, slice * most(c->n_queued + 1) / 10);
	t->deadline = t->vruntime + slice;
	if (v1)
		t->vprot = t->vruntime;		/* its lag is stored in the same place */
}

static void credit(struct world *w, struct cpu *c, struct task *target)
{
	gint64 n = c->n_queued, others = c->current->vruntime - target->vruntime;
	gint64 margin = MIN((n + 1) * w->s->slice / 10, w->s->slice + w->s->tick), shift;

	if (target->cpu != c->id)
		return;
	for (unsigned int i = 0; i < c->n_queued; i++)
		others += c->queue[i]->vruntime - target->vruntime;
	if (others >= 0)	/* it is eligible */
		return;
	/* of those without it, less what puts the average with it a margin beyond it */
	shift = others / n - margin * (n + 1) / n;
	target->vruntime += shift;
	target->deadline += shift;
}

void side_yield_to(struct world *w, struct cpu *c, struct task *target)
{
	if (w->side == SIDE_DEBOOSTER_V1 || w->side == SIDE_DEBOOSTER_V2)
		penalise(w, c, target, w->side == SIDE_DEBOOSTER_V1);
	else if (w->side == SIDE_LAG_CREDIT)
		credit(w, c, target);
}

void side_yielded(struct world *w, struct cpu *c)
{
	if (w->side != SIDE_LAG_CREDIT || (c->t_cancel && w->now - c->t_cancel <= BETWEEN))
		return;
	c->t_cancel = w->now;
	c->current->vprot = c->current->vruntime;
}
