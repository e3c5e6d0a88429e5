// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/scalar_scan.h"

#include <string.h>

#include "replay/policies/policies.h"

struct scalar_state *scalar_state_new(const struct spin_state *s)
{
	struct scalar_state *st = g_new0(struct scalar_state, 1);

	st->state = *s;
	st->vcpus = g_new0(struct scalar_vcpu, s->n_vcpus + 1);
	for (unsigned int i = 0; i < s->n_vcpus; i++) {
		struct scalar_vcpu *v = &st->vcpus[i];

		for (unsigned int what = 0; what < N_SEEN; what++) {
			v->seen[what] = s->seen[what * s->n_words + i / 64] >> i % 64 & 1;
			v->known[what] = s->known[what * s->n_words + i / 64] >> i % 64 & 1;
		}
		v->rq_single = s->rq_single[i / 64] >> i % 64 & 1;
		v->dy_eligible = s->dy_eligible[i / 64] >> i % 64 & 1;
		v->dy_eligible_known = s->dy_eligible_known[i / 64] >> i % 64 & 1;
	}
	return st;
}

void scalar_state_free(struct scalar_state *state)
{
	g_free(state->vcpus);
	g_free(state);
}

struct scalar_result *scalar_result_new(unsigned int max_vcpus, bool steps)
{
	struct scalar_result *r = g_new0(struct scalar_result, 1);

	r->attempts = g_array_new(FALSE, FALSE, sizeof(struct attempt));
	r->steps = steps ? g_array_new(FALSE, FALSE, sizeof(struct spin_step)) : NULL;
	r->dy_eligible = g_new0(bool, max_vcpus + 1);
	r->dy_eligible_known = g_new0(bool, max_vcpus + 1);
	return r;
}

void scalar_result_free(struct scalar_result *r)
{
	g_array_unref(r->attempts);
	if (r->steps)
		g_array_unref(r->steps);
	g_free(r->dy_eligible);
	g_free(r->dy_eligible_known);
	g_free(r);
}

struct walk {
	const struct policy *policy;
	const struct policy_vm *vm;
	const struct scalar_state *st;
	enum spin_mode mode;
	const GArray *observed;
	guint next;		/* SPIN_FOLLOW: the observed attempt that comes next */
	int last_boosted_vcpu;
	int budget;
	unsigned int round;
	struct scalar_result *r;
};

typedef bool (*filter)(struct walk *w, unsigned int idx);

static bool pass(struct walk *w, unsigned int idx, enum step step, int result)
{
	struct spin_step row = { idx, w->round, step, result, !w->r->uncertain };

	if (w->r->steps)
		g_array_append_val(w->r->steps, row);
	return false;
}

static bool look(struct walk *w, enum seen what, unsigned int idx)
{
	if (!w->st->vcpus[idx].known[what])
		w->r->uncertain = true;
	return w->st->vcpus[idx].seen[what];
}

static bool is_known_to_be(const struct walk *w, enum seen what, unsigned int idx)
{
	return w->st->vcpus[idx].known[what] && w->st->vcpus[idx].seen[what];
}

static bool is_awake(struct walk *w, unsigned int idx)
{
	if (!look(w, READY, idx))
		return pass(w, idx, STEP_NOT_READY, 0);
	if (look(w, BLOCKING, idx) && !look(w, DY_RUNNABLE, idx))
		return pass(w, idx, STEP_BLOCKING, 0);
	return true;
}

static bool is_of_right_mode(struct walk *w, unsigned int idx, bool exempt)
{
	const struct spin_state *s = &w->st->state;
	bool irq, kernel;

	if (s->kernel_mode_known && !s->kernel_mode)
		return true;
	if (is_known_to_be(w, IN_KERNEL, idx) || (exempt && is_known_to_be(w, PENDING_IRQ, idx)))
		return true;
	irq = exempt && look(w, PENDING_IRQ, idx);
	kernel = look(w, IN_KERNEL, idx);
	if (irq || kernel)
		return true;
	if (!s->kernel_mode_known)
		w->r->uncertain = true;
	return !s->kernel_mode;
}

static bool in_window(const struct walk *w, const struct ipi_context *c)
{
	uint64_t window = w->vm->params->ipi_window_ns;

	if (w->policy == &policy_adaptive_window && w->vm->answers.window_ns)
		window = w->vm->answers.window_ns;
	return (uint64_t)(w->st->state.now - c->ipi_time_ns) <= window;
}

static bool is_receiver(struct walk *w, unsigned int idx)
{
	const struct spin_state *s = &w->st->state;
	const struct ipi_context *c = s->has_ipi && w->policy->on_ipi ? &s->ipi : &w->vm->ipi[s->me];

	if (!w->vm->params->ipi_tracking_enabled || !in_window(w, c))
		return false;
	if (c->unknown)
		w->r->uncertain = true;
	return c->pending_ipi && c->last_ipi_receiver == (int)idx;
}

static bool stock_takes(struct walk *w, unsigned int idx)
{
	if (!is_awake(w, idx))
		return false;
	if (!look(w, PREEMPTED, idx))
		return true;
	return is_of_right_mode(w, idx, w->vm->params->stock_variant != STOCK_TWO_PASS_5_12) ||
	       pass(w, idx, STEP_USER_MODE, 0);
}

static bool first_round_takes(struct walk *w, unsigned int idx)
{
	if (!is_awake(w, idx))
		return false;
	if (is_receiver(w, idx))
		return true;
	if (!look(w, PREEMPTED, idx))
		return look(w, PENDING_IRQ, idx) || pass(w, idx, STEP_NOT_PREEMPTED, 0);
	return is_of_right_mode(w, idx, true) || pass(w, idx, STEP_USER_MODE, 0);
}

static bool second_round_takes(struct walk *w, unsigned int idx)
{
	return is_awake(w, idx) && (look(w, PREEMPTED, idx) || pass(w, idx, STEP_NOT_PREEMPTED, 0));
}

static bool receiver_alone(struct walk *w, unsigned int idx)
{
	return (is_receiver(w, idx) || pass(w, idx, STEP_NOT_RECEIVER, 0)) && is_awake(w, idx);
}

static const struct attempt *next_observed(const struct walk *w, unsigned int idx)
{
	const struct attempt *a;

	if (!w->observed || w->next >= w->observed->len)
		return NULL;
	a = &g_array_index(w->observed, struct attempt, w->next);
	return a->target_idx == idx ? a : NULL;
}

static bool may_be_yielded_to(struct walk *w, unsigned int idx)
{
	bool eligible;

	if (!look(w, IN_SPIN_LOOP, idx))
		return true;
	if (w->mode == SPIN_FOLLOW) {
		eligible = next_observed(w, idx) != NULL;
		w->r->dy_eligible_known[idx] = true;
	} else {
		eligible = w->r->dy_eligible[idx];
		if (!w->r->dy_eligible_known[idx])
			w->r->uncertain = true;
	}
	w->r->dy_eligible[idx] = !eligible;
	return eligible || pass(w, idx, STEP_NOT_ELIGIBLE, 0);
}

/* What was seen of its first, second ... attempt at this vCPU; then of the last. */
static const struct attempt *observed_of(const struct walk *w, unsigned int idx)
{
	const struct attempt *found = NULL;
	unsigned int earlier = 0;

	for (guint i = 0; i < w->r->attempts->len; i++)
		earlier += g_array_index(w->r->attempts, struct attempt, i).target_idx == idx;
	for (guint i = 0; w->observed && i < w->observed->len; i++) {
		const struct attempt *a = &g_array_index(w->observed, struct attempt, i);

		if (a->target_idx != idx || !a->result_known)
			continue;
		found = a;
		if (!earlier--)
			break;
	}
	return found;
}

static int yield(struct walk *w, unsigned int idx)
{
	const struct attempt *seen = w->mode == SPIN_FOLLOW ? next_observed(w, idx) :
				     w->mode == SPIN_OBSERVED ? observed_of(w, idx) : NULL;
	struct attempt a = { .target_idx = idx, .result_known = true };

	if (w->mode == SPIN_FOLLOW && !seen)
		return 0;
	if (w->mode == SPIN_FOLLOW)
		w->next++;
	if (seen)
		a.result = seen->result;
	else if (w->st->state.spinner_rq_single && w->st->vcpus[idx].rq_single)
		a.result = ESRCH_RESULT;
	else if (!look(w, ON_CPU, idx))
		a.result = look(w, QUEUED, idx);
	g_array_append_val(w->r->attempts, a);
	pass(w, idx, STEP_TRIED, a.result);
	return a.result;
}

static int single_loop(struct walk *w, filter wants)
{
	unsigned int n = w->st->state.n_vcpus;

	for (unsigned int i = 0; n > 1 && i < n; i++) {
		unsigned int idx = (w->last_boosted_vcpu + 1 + i) % n;
		int result;

		if (idx == w->st->state.me) {
			pass(w, idx, STEP_SELF, 0);
			continue;
		}
		if (!wants(w, idx) || !may_be_yielded_to(w, idx))
			continue;
		result = yield(w, idx);
		if (result > 0)
			return idx;
		if (result < 0 && !--w->budget)
			break;
	}
	return NO_TARGET;
}

static int two_passes(struct walk *w)
{
	int n = w->st->state.n_vcpus, last = w->last_boosted_vcpu, result = 0;

	for (int pass_no = 0; pass_no < 2 && !result && w->budget; pass_no++)
		for (int idx = 0; idx < n; idx++) {
			if (pass_no ? idx > last : idx <= last)
				continue;
			if (idx == (int)w->st->state.me) {
				pass(w, idx, STEP_SELF, 0);
				continue;
			}
			if (!stock_takes(w, idx) || !may_be_yielded_to(w, idx))
				continue;
			result = yield(w, idx);
			if (result > 0)
				return idx;
			if (result < 0 && !--w->budget)
				break;
		}
	return NO_TARGET;
}

static int two_rounds(struct walk *w)
{
	int target = single_loop(w, first_round_takes);

	if (target != NO_TARGET || !w->vm->params->enable_relaxed_boost ||
	    (w->vm->params->series >= 3 && w->budget <= 0))
		return target;
	w->round++;
	return single_loop(w, second_round_takes);
}

static bool is_near(struct walk *w, unsigned int idx)
{
	return look(w, SAME_NODE, idx) || pass(w, idx, STEP_OTHER_NODE, 0);
}

static bool first_round_takes_near(struct walk *w, unsigned int idx)
{
	return is_near(w, idx) && first_round_takes(w, idx);
}

static bool first_round_takes_far(struct walk *w, unsigned int idx)
{
	return !look(w, SAME_NODE, idx) && first_round_takes(w, idx);
}

static bool second_round_takes_near(struct walk *w, unsigned int idx)
{
	return is_near(w, idx) && second_round_takes(w, idx);
}

static bool second_round_takes_far(struct walk *w, unsigned int idx)
{
	return !look(w, SAME_NODE, idx) && second_round_takes(w, idx);
}

/* Near ones, then far ones if there are any; all is over with the third -ESRCH, as in one loop. */
static int near_first(struct walk *w, filter near, filter far)
{
	bool could_end = w->budget > 0, all_near = true;
	int target = single_loop(w, near);

	for (unsigned int i = 0; i < w->st->state.n_vcpus; i++)
		all_near = all_near && w->st->vcpus[i].seen[SAME_NODE];
	if (target != NO_TARGET || all_near || (could_end && w->budget <= 0))
		return target;
	w->round++;
	return single_loop(w, far);
}

static int numa(struct walk *w)
{
	int target = near_first(w, first_round_takes_near, first_round_takes_far);

	if (target != NO_TARGET || !w->vm->params->enable_relaxed_boost ||
	    (w->vm->params->series >= 3 && w->budget <= 0))
		return target;
	w->round++;
	return near_first(w, second_round_takes_near, second_round_takes_far);
}

/* Whom at waits for: by the tracker, or as its guest says. */
static int waits_for(struct walk *w, int at)
{
	const struct spin_state *s = &w->st->state;
	const struct ipi_context *c = at == (int)s->me && s->has_ipi ? &s->ipi : &w->vm->ipi[at];

	if (w->policy == &policy_guest_hints)
		return s->hint ? s->hint(s, at) : -1;
	if (!w->vm->params->ipi_tracking_enabled || !in_window(w, c))
		return -1;
	w->r->uncertain |= c->unknown;
	return c->pending_ipi ? c->last_ipi_receiver : -1;
}

/* The vCPU that a chain of at most three waits leads to over vCPUs that spin. */
static int end_of_chain(struct walk *w)
{
	const struct spin_state *s = &w->st->state;
	GArray *steps = w->r->steps;
	int at = s->me, end = NO_TARGET;

	w->r->steps = NULL;	/* nobody is passed over yet */
	for (unsigned int link = 0; link < 3 && end == NO_TARGET; link++) {
		at = waits_for(w, at);
		if (at < 0 || at == (int)s->me || !is_awake(w, at))
			break;
		if (!look(w, IN_SPIN_LOOP, at))
			end = at;
	}
	w->r->steps = steps;
	return end;
}

static int chain(struct walk *w)
{
	int target = end_of_chain(w), result = 0;

	if (target != NO_TARGET && may_be_yielded_to(w, target)) {
		result = yield(w, target);
		w->budget -= result < 0;
	}
	if (result > 0)
		return target;
	w->round++;
	return two_rounds(w);
}

static int on_spin(struct walk *w)
{
	int target;

	if (w->policy == &policy_none)
		return NO_TARGET;
	if (w->policy == &policy_stock)
		return w->vm->params->stock_variant <= STOCK_TWO_PASS ? two_passes(w) :
									single_loop(w, stock_takes);
	if (w->policy == &policy_ipi_aware)
		return single_loop(w, first_round_takes);
	if (w->policy == &policy_ipi_chain || w->policy == &policy_guest_hints)
		return chain(w);
	if (w->policy == &policy_numa)
		return numa(w);
	if (w->policy != &policy_receiver_first)
		return two_rounds(w);
	target = single_loop(w, receiver_alone);
	if (target != NO_TARGET || w->budget <= 0)
		return target;
	w->round++;
	return two_rounds(w);
}

static void ask_once(struct walk walk, int last_boosted_vcpu)
{
	struct scalar_result *r = walk.r;

	for (unsigned int i = 0; i < walk.st->state.n_vcpus; i++) {
		r->dy_eligible[i] = walk.st->vcpus[i].dy_eligible;
		r->dy_eligible_known[i] = walk.st->vcpus[i].dy_eligible_known;
	}
	r->uncertain = false;
	g_array_set_size(r->attempts, 0);
	if (r->steps)
		g_array_set_size(r->steps, 0);
	walk.last_boosted_vcpu = last_boosted_vcpu;
	walk.budget = 3;
	r->pick = on_spin(&walk);
}

void scalar_ask(const struct policy *policy, const struct policy_vm *vm,
		const struct scalar_state *st, enum spin_mode mode, const GArray *observed,
		struct scalar_result *r)
{
	struct walk walk = { policy, vm, st, mode, observed, .r = r };
	int n = st->state.n_vcpus, pick = NO_TARGET;
	bool uncertain = false;

	if (st->state.last_boosted_vcpu >= 0) {
		ask_once(walk, st->state.last_boosted_vcpu);
		return;
	}
	/* from wherever it may start; the scan from the first is told */
	for (int start = n - 1; start >= 0; start--) {
		ask_once(walk, start);
		uncertain |= r->uncertain || (start < n - 1 && r->pick != pick);
		pick = r->pick;
	}
	r->uncertain = uncertain;
	for (int i = 0; i < n; i++)
		if (st->vcpus[i].known[IN_SPIN_LOOP])
			r->dy_eligible_known[i] &= !st->vcpus[i].seen[IN_SPIN_LOOP];
		else
			r->dy_eligible_known[i] = false;
}
