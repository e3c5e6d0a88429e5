// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/fidelity.h"

#include <string.h>

#include "replay/bits.h"

const char *const reason_names[N_REASONS] = {
	[REASON_LAST_BOOSTED] = "last_boosted_vcpu",
	[REASON_KERNEL_MODE] = "yield_to_kernel_mode",
	[REASON_READY] = "ready",
	[REASON_PREEMPTED] = "preempted",
	[REASON_IN_KERNEL] = "in_kernel",
	[REASON_IN_SPIN_LOOP] = "in_spin_loop",
	[REASON_DY_ELIGIBLE] = "dy_eligible",
	[REASON_BLOCKING] = "blocking",
	[REASON_IPI_CONTEXT] = "ipi_context",
	[REASON_RESULT] = "yield_to result",
	[REASON_OTHER] = "unexplained",
};

struct fidelity_doubt {
	unsigned int n_vms;
	uint64_t **spinners;	/* by VM: [n_words] */
};

struct fidelity_doubt *fidelity_doubt_new(const struct recorded *recorded)
{
	struct fidelity_doubt *doubt = g_new0(struct fidelity_doubt, 1);

	doubt->n_vms = recorded->n_vms;
	doubt->spinners = g_new0(uint64_t *, doubt->n_vms + 1);
	for (unsigned int i = 0; i < doubt->n_vms; i++)
		doubt->spinners[i] = g_new0(uint64_t, recorded->vms[i].n_words);
	return doubt;
}

void fidelity_doubt_free(struct fidelity_doubt *doubt)
{
	for (unsigned int i = 0; i < doubt->n_vms; i++)
		g_free(doubt->spinners[i]);
	g_free(doubt->spinners);
	g_free(doubt);
}

/* The spinner begins anew; if its scan was racy, those it went by are in doubt. */
static void update_doubt(struct fidelity_doubt *doubt, const struct recorded *r, const struct recorded_decision *d,
			 const struct spin_state *s, bool was_racy)
{
	uint64_t *spinners = doubt->spinners[d->vm];

	spinners[d->me / 64] &= ~(1ULL << (d->me % 64));
	for (unsigned int w = 0; was_racy && w < r->vms[d->vm].n_words; w++)
		spinners[w] |= s->seen[IN_SPIN_LOOP * s->n_words + w];
}

static bool racy(const struct recorded *r, const struct recorded_decision *d)
{
	for (unsigned int w = 0; w < r->vms[d->vm].n_words; w++)
		if (decision_bits(r, d, BITS_RACY)[w])
			return true;
	return false;
}

static unsigned int scan_position(const struct spin_state *s, unsigned int idx)
{
	return (idx + 2 * s->n_vcpus - MAX(s->last_boosted_vcpu, 0) - 1) % s->n_vcpus;
}

/* The vCPU that one of the two lists tried first where they part; *ours: we tried it, the kernel did not. */
static int where_they_part(const GArray *a, const GArray *b, const struct spin_state *s, bool *ours, bool *result)
{
	const struct attempt *x = NULL, *y = NULL;

	for (guint i = 0; i < MAX(a->len, b->len); i++) {
		x = i < a->len ? &g_array_index(a, struct attempt, i) : NULL;
		y = i < b->len ? &g_array_index(b, struct attempt, i) : NULL;
		if (!x || !y || x->target_idx != y->target_idx)
			break;
		if (y->result_known && x->result != y->result) {
			*result = true;
			return x->target_idx;
		}
	}
	*ours = x && (!y || scan_position(s, x->target_idx) < scan_position(s, y->target_idx));
	return *ours ? (int)x->target_idx : y ? (int)y->target_idx : -1;
}

/* How this state took or passed over idx, the last time it looked. */
static enum step step_of(const GArray *steps, unsigned int idx)
{
	enum step step = STEP_SELF;

	for (guint i = 0; i < steps->len; i++) {
		const struct spin_step *s = &g_array_index(steps, struct spin_step, i);

		if (s->idx == idx)
			step = s->step;
	}
	return step;
}

/* The first of the probed states in which what was shown to the policy differs from the probe. */
static enum reason differing_state(const struct engine_decision *decision, const struct spin_state *s,
				   unsigned int idx)
{
	const struct spin_state *truth = &decision->state[STATE_PROBED];
	static const struct { enum seen what; enum reason reason; } states[] = {
		{ READY, REASON_READY }, { PREEMPTED, REASON_PREEMPTED }, { IN_KERNEL, REASON_IN_KERNEL },
		{ IN_SPIN_LOOP, REASON_IN_SPIN_LOOP },
	};

	if (s->last_boosted_vcpu != truth->last_boosted_vcpu)
		return REASON_LAST_BOOSTED;
	if (s->kernel_mode != truth->kernel_mode)
		return REASON_KERNEL_MODE;
	for (unsigned int i = 0; i < G_N_ELEMENTS(states); i++)
		if (get_bit(s->seen + states[i].what * s->n_words, idx) !=
		    get_bit(truth->seen + states[i].what * s->n_words, idx))
			return states[i].reason;
	if (get_bit(s->seen + IN_SPIN_LOOP * s->n_words, idx) &&
	    get_bit(s->dy_eligible, idx) != get_bit(truth->dy_eligible, idx))
		return REASON_DY_ELIGIBLE;
	return REASON_OTHER;
}

static enum reason reason_of(const struct engine_decision *decision, enum state_kind kind, const GArray *steps,
			     int idx, bool ours, bool result)
{
	const struct spin_state *s = &decision->state[kind];
	enum reason reason;

	if (result)
		return REASON_RESULT;
	if (idx < 0)
		return REASON_OTHER;
	if (decision->has_probed) {
		reason = differing_state(decision, s, idx);
		if (reason != REASON_OTHER)
			return reason;
	}
	if (ours)
		return REASON_OTHER;
	switch (step_of(steps, idx)) {
	case STEP_BLOCKING:
		return REASON_BLOCKING;
	case STEP_NOT_PREEMPTED:
	case STEP_NOT_RECEIVER:
		return REASON_IPI_CONTEXT;
	case STEP_NOT_ELIGIBLE:
		return kind == STATE_PROBED ? REASON_OTHER : REASON_DY_ELIGIBLE;
	default:
		return REASON_OTHER;
	}
}

bool fidelity_note(struct fidelity *f, struct engine *engine, const struct recorded *recorded,
		   const struct engine_decision *decision, enum state_kind kind,
		   struct fidelity_doubt *doubt, struct spin_result *result, GArray *steps,
		   struct disagreement *out)
{
	const struct recorded_decision *d = decision->d;
	bool ours = false, by_result = false, lists_equal;

	if (!d->probed || (kind == STATE_PROBED && !decision->has_probed))
		return false;
	g_array_set_size(steps, 0);
	engine_ask(engine, 0, kind, decision, kind == STATE_PROBED ? SPIN_OBSERVED : SPIN_MODEL, steps, result);
	if (!d->outcome_known || d->tainted || result->uncertain) {
		f->unknown++;
		return false;
	}
	lists_equal = spin_same_targets(result->attempts, d->attempts);
	f->compared++;
	f->attempt_lists_equal += lists_equal;
	f->targets_equal += result->pick == d->pick;
	*out = (struct disagreement){ .decision = d->id, .racy = racy(recorded, d) };
	f->racy += out->racy;
	if (lists_equal && result->pick == d->pick) {
		update_doubt(doubt, recorded, d, &decision->state[kind], out->racy);
		return false;
	}
	out->vcpu_idx = where_they_part(result->attempts, d->attempts, &decision->state[kind], &ours, &by_result);
	out->reason = reason_of(decision, kind, steps, out->vcpu_idx, ours, by_result);
	out->racy |= out->reason == REASON_DY_ELIGIBLE && get_bit(doubt->spinners[d->vm], out->vcpu_idx);
	update_doubt(doubt, recorded, d, &decision->state[kind], out->racy);
	f->reasons[out->reason]++;
	f->racy_reasons[out->reason] += out->racy;
	return true;
}
