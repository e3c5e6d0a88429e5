// SPDX-License-Identifier: GPL-2.0-or-later
/* The loops of kvm_vcpu_on_spin() that several policies share (directed-yield.md 2.2, 5). */
#include "replay/policy.h"

#include <string.h>

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
static uint64_t relaxed_wants(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	uint64_t up = awake(s, who), preempted = saw(s, PREEMPTED, up);

	(void)vm;
	pass_over(s, up & ~preempted, STEP_NOT_PREEMPTED);
	return preempted;
}

int scan_two_rounds(struct policy_vm *vm, struct spin *s, int *budget, scan_filter wants)
{
	int target = scan_single_loop(vm, s, budget, wants);

	if (target != NO_TARGET || !vm->params->enable_relaxed_boost)
		return target;
	if (vm->params->series >= 3 && *budget <= 0)
		return NO_TARGET;
	s->round++;
	return scan_single_loop(vm, s, budget, relaxed_wants);
}
