// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/spin.h"

#include <string.h>

#include "replay/bits.h"

/* A VM larger than this with an unknown start index is left uncertain. */
#define MAX_STARTS 1024

struct spin_observer {
	enum spin_mode mode;
	const struct spin_state *state;
	const GArray *observed;
	guint next;		/* SPIN_FOLLOW: the observed attempt that comes next */
	GArray *steps;
	struct spin_result *result;
};

struct spin_result *spin_result_new(unsigned int max_words)
{
	struct spin_result *r = g_new0(struct spin_result, 1);

	r->attempts = g_array_new(FALSE, FALSE, sizeof(struct attempt));
	r->dy_eligible = g_new0(uint64_t, max_words);
	r->dy_eligible_known = g_new0(uint64_t, max_words);
	return r;
}

bool spin_same_targets(const GArray *a, const GArray *b)
{
	if (a->len != b->len)
		return false;
	for (guint i = 0; i < a->len; i++)
		if (g_array_index(a, struct attempt, i).target_idx !=
		    g_array_index(b, struct attempt, i).target_idx)
			return false;
	return true;
}

void spin_result_free(struct spin_result *r)
{
	if (!r)
		return;
	g_array_unref(r->attempts);
	g_free(r->dy_eligible);
	g_free(r->dy_eligible_known);
	g_free(r);
}

static void note(struct spin *s, unsigned int idx, enum step step, int result)
{
	if (s->observer->steps) {
		struct spin_step row = { idx, s->round, step, result, !s->uncertain };

		g_array_append_val(s->observer->steps, row);
	}
}

/* One after the other, as the kernel looks at them. */
static void tell(struct spin *s, uint64_t who)
{
	for (; who; who &= who - 1) {
		uint64_t next = who & -who;

		s->uncertain |= (s->doubt & next) != 0;
		for (unsigned int why = 0; why < N_STEPS; why++)
			if (s->passed_over[why] & next)
				note(s, s->word * 64 + __builtin_ctzll(next), why, 0);
	}
}

void went_by(struct spin *s, uint64_t who)
{
	if (s->passed_over)
		tell(s, who);
	else
		s->uncertain |= (s->doubt & who) != 0;
}

/* saw() of one vCPU that the scan has come to. */
static bool saw_one(struct spin *s, enum seen what, unsigned int idx)
{
	unsigned int at = what * s->n_words;

	s->uncertain |= !get_bit(s->known + at, idx);
	return get_bit(s->seen + at, idx);
}

static const struct attempt *next_observed(const struct spin_observer *o, unsigned int idx)
{
	const struct attempt *a = o->observed && o->next < o->observed->len ?
				  &g_array_index(o->observed, struct attempt, o->next) : NULL;

	return a && a->target_idx == idx ? a : NULL;
}

bool dy_eligible(struct spin *s, unsigned int idx)
{
	struct spin_observer *o = s->observer;
	uint64_t *armed = o->result->dy_eligible, *known = o->result->dy_eligible_known;
	bool eligible;

	if (!saw_one(s, IN_SPIN_LOOP, idx))
		return true;
	if (o->mode == SPIN_FOLLOW) {
		/* whether the kernel went on to try it tells which phase it was in */
		eligible = next_observed(o, idx) != NULL;
	} else {
		if (!get_bit(known, idx))
			s->uncertain = true;
		eligible = get_bit(armed, idx);
	}
	put_bit(armed, idx, !eligible);
	put_bit(known, idx, o->mode == SPIN_FOLLOW || get_bit(known, idx));
	if (!eligible)
		note(s, idx, STEP_NOT_ELIGIBLE, 0);
	return eligible;
}

/* yield_to(), kernel/sched/core.c and syscalls.c (directed-yield.md 2.6), as far as events show it. */
static int modelled_result(struct spin *s, unsigned int idx)
{
	const struct spin_state *state = s->observer->state;

	if (state->spinner_rq_single && get_bit(state->rq_single, idx))
		return ESRCH_RESULT;
	/* woken, but its CPU has not put it on the queue yet: not TASK_RUNNING */
	return saw_one(s, ON_CPU, idx) || !saw_one(s, QUEUED, idx) ? 0 : 1;
}

static unsigned int times_tried(const GArray *attempts, unsigned int idx)
{
	unsigned int n = 0;

	for (guint i = 0; i < attempts->len; i++)
		n += g_array_index(attempts, struct attempt, i).target_idx == idx;
	return n;
}

/* The kernel's attempt at idx that stands where this one does: its first, second ... else its last. */
static const struct attempt *observed_of(const struct spin_observer *o, unsigned int idx)
{
	unsigned int earlier = times_tried(o->result->attempts, idx);
	const struct attempt *found = NULL;

	for (guint i = 0; o->observed && i < o->observed->len; i++) {
		const struct attempt *a = &g_array_index(o->observed, struct attempt, i);

		if (a->target_idx != idx || !a->result_known)
			continue;
		found = a;
		if (!earlier--)
			break;
	}
	return found;
}

int try_yield(struct spin *s, unsigned int idx)
{
	struct spin_observer *o = s->observer;
	const struct attempt *seen = o->mode == SPIN_FOLLOW ? next_observed(o, idx) :
				     o->mode == SPIN_OBSERVED ? observed_of(o, idx) : NULL;
	struct attempt a = { .target_idx = idx, .result_known = true };

	if (o->mode == SPIN_FOLLOW) {
		/* a vCPU that the kernel did not try: this state is wrong about it, so go on */
		if (!seen)
			return 0;
		o->next++;
		a.result = seen->result;
	} else {
		a.result = seen ? seen->result : modelled_result(s, idx);
	}
	g_array_append_val(o->result->attempts, a);
	note(s, idx, STEP_TRIED, a.result);
	return a.result;
}

int guest_hint(const struct spin *s, unsigned int idx)
{
	const struct spin_state *state = s->observer->state;

	return state->hint ? state->hint(state, idx) : NO_TARGET;
}

static void ask_once(const struct policy *policy, struct policy_vm *vm, const struct spin_state *state,
		     struct spin_observer *o, int last_boosted_vcpu)
{
	struct spin_result *r = o->result;
	uint64_t passed_over[N_STEPS] = { 0 };
	struct spin s = {
		.me = state->me, .n_vcpus = state->n_vcpus, .n_words = state->n_words, .now = state->now,
		.last_boosted_vcpu = last_boosted_vcpu, .kernel_mode = state->kernel_mode,
		.kernel_mode_known = state->kernel_mode_known, .seen = state->seen, .known = state->known,
		.ipi = state->has_ipi && policy->on_ipi ? &state->ipi : NULL, .target = NO_TARGET,
		.passed_over = o->steps ? passed_over : NULL, .observer = o,
	};

	memcpy(r->dy_eligible, state->dy_eligible, state->n_words * sizeof(uint64_t));
	memcpy(r->dy_eligible_known, state->dy_eligible_known, state->n_words * sizeof(uint64_t));
	g_array_set_size(r->attempts, 0);
	o->next = 0;
	r->pick = policy->on_spin(vm, &s);
	r->uncertain = s.uncertain;
}

int spin_stored_value(const struct policy_params *params, unsigned int n_vcpus, int last_boosted_vcpu, int pick)
{
	if (params->stock_variant != STOCK_LOOP_COUNTER)
		return pick;
	return (pick + 2 * (int)n_vcpus - last_boosted_vcpu - 1) % (int)n_vcpus;
}

void spin_ask(const struct policy *policy, struct policy_vm *vm, const struct spin_state *state,
	      enum spin_mode mode, const GArray *observed, GArray *steps, struct spin_result *result)
{
	struct spin_observer o = {
		.mode = mode, .state = state, .observed = observed, .steps = steps, .result = result,
	};
	unsigned int starts = MIN(state->n_vcpus, MAX_STARTS);
	bool uncertain = state->n_vcpus > MAX_STARTS;
	int pick = NO_TARGET;

	if (state->last_boosted_vcpu >= 0) {
		ask_once(policy, vm, state, &o, state->last_boosted_vcpu);
		return;
	}
	/* from the last start on until they differ; the scan from the first is the one that is told */
	o.steps = NULL;
	for (unsigned int start = starts; --start > 0 && !uncertain;) {
		ask_once(policy, vm, state, &o, start);
		uncertain = result->uncertain || (start + 1 < starts && result->pick != pick);
		pick = result->pick;
	}
	o.steps = steps;
	ask_once(policy, vm, state, &o, 0);
	result->uncertain |= uncertain || (starts > 1 && result->pick != pick);
	/* which spinners the scan went by, and flipped, depends on where it began */
	for (unsigned int w = 0; w < state->n_words; w++)
		result->dy_eligible_known[w] &= ~state->seen[IN_SPIN_LOOP * state->n_words + w] &
						state->known[IN_SPIN_LOOP * state->n_words + w];
}
