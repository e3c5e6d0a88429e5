// SPDX-License-Identifier: GPL-2.0-or-later
/* The loops of kvm_vcpu_on_spin() that several policies share (directed-yield.md 2.2, 5). */
#include "replay/policy.h"

#include <string.h>

enum { MAX_LINKS = 3 };

/* vCPUs first to end - 1, as far as they are in this word; some are. */
static uint64_t between(unsigned int word, unsigned int first, unsigned int end)
{
	uint64_t from = first > word * 64 ? ~0ULL << (first - word * 64) : ~0ULL;
	uint64_t below = end - word * 64 < 64 ? ~(~0ULL << (end - word * 64)) : ~0ULL;

	return from & below;
}

bool scan_part(struct policy_vm *vm, struct spin *s, unsigned int first, unsigned int end, int *budget,
	       scan_filter wants)
{
	for (s->word = first / 64; first < end && s->word * 64 < end; s->word++) {
		uint64_t self = s->me / 64 == s->word ? 1ULL << s->me % 64 : 0;
		uint64_t who = between(s->word, first, end), wanted;

		s->doubt = 0;
		if (s->passed_over)
			memset(s->passed_over, 0, N_STEPS * sizeof(*s->passed_over));
		pass_over(s, who & self, STEP_SELF);
		wanted = wants(vm, s, who & ~self);
		for (; wanted; wanted &= wanted - 1) {
			unsigned int idx = s->word * 64 + __builtin_ctzll(wanted);
			uint64_t so_far = who & (wanted ^ (wanted - 1));

			went_by(s, so_far);
			who &= ~so_far;
			if (!dy_eligible(s, idx))
				continue;
			s->result = try_yield(s, idx);
			if (s->result > 0)
				s->target = idx;
			if (s->result > 0 || (s->result < 0 && !--*budget))
				return true;
		}
		went_by(s, who);
	}
	return false;
}

int scan_single_loop(struct policy_vm *vm, struct spin *s, int *budget, scan_filter wants)
{
	unsigned int n = s->n_vcpus, first = (s->last_boosted_vcpu + 1) % n;

	if (n > 1 && !scan_part(vm, s, first, n, budget, wants))
		scan_part(vm, s, 0, first, budget, wants);
	return s->target;
}

/* Where the round's own test stands among the filters is inferred for v3 from v1 and v2. */
uint64_t preempted_candidates(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	uint64_t up = awake(s, who), preempted = saw(s, PREEMPTED, up);

	(void)vm;
	pass_over(s, up & ~preempted, STEP_NOT_PREEMPTED);
	return preempted;
}

bool second_round_follows(const struct policy_vm *vm, int budget)
{
	return vm->params->enable_relaxed_boost && (vm->params->series < 3 || budget > 0);
}

int scan_two_rounds(struct policy_vm *vm, struct spin *s, int *budget, scan_filter wants)
{
	int target = scan_single_loop(vm, s, budget, wants);

	if (target != NO_TARGET || !second_round_follows(vm, *budget))
		return target;
	s->round++;
	return scan_single_loop(vm, s, budget, preempted_candidates);
}

static uint64_t spins(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	(void)vm;
	return saw(s, IN_SPIN_LOOP, who);
}

static uint64_t is_awake(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	(void)vm;
	return awake(s, who);
}

static uint64_t anybody(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	(void)vm;
	(void)s;
	return who;
}

/* What a filter says of one vCPU, wherever it stands. */
static bool passes(struct policy_vm *vm, const struct spin *scan, unsigned int idx, scan_filter filter, bool *uncertain)
{
	struct spin s = *scan;
	bool passed;

	s.word = idx / 64;
	s.doubt = 0;
	s.passed_over = 0;
	passed = filter(vm, &s, 1ULL << idx % 64);
	*uncertain |= s.doubt != 0;
	return passed;
}

/* The first of the chain that can make progress; NO_TARGET: it ends, or leads back, before. */
static int end_of_chain(struct policy_vm *vm, struct spin *s, scan_link next)
{
	unsigned int at = s->me;

	for (unsigned int n = 0; n < MAX_LINKS; n++) {
		int to = next(vm, s, at);

		if (to < 0 || to == (int)s->me || !passes(vm, s, to, is_awake, &s->uncertain))
			return NO_TARGET;
		if (!passes(vm, s, to, spins, &s->uncertain))
			return to;
		at = to;
	}
	return NO_TARGET;
}

int scan_chain_first(struct policy_vm *vm, struct spin *s, scan_link next)
{
	int budget = 3, target = end_of_chain(vm, s, next);

	if (target != NO_TARGET && scan_part(vm, s, target, target + 1, &budget, anybody))
		return s->target;
	s->round++;
	return scan_two_rounds(vm, s, &budget, good_yield_candidates);
}
