// SPDX-License-Identifier: GPL-2.0-or-later
/* The loops of kvm_vcpu_on_spin() that several policies share (directed-yield.md 2.2, 5). */
#include "replay/policy.h"

int scan_single_loop(struct policy_vm *vm, struct spin *s, int *budget,
		     bool (*wants)(struct policy_vm *vm, struct spin *s, unsigned int idx))
{
	unsigned int n = s->n_vcpus;

	if (n < 2)
		return NO_TARGET;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int idx = (s->last_boosted_vcpu + 1 + i) % n;
		int result;

		if (idx == s->me) {
			pass_over(s, idx, STEP_SELF);
			continue;
		}
		if (!wants(vm, s, idx) || !dy_eligible(s, idx))
			continue;
		result = try_yield(s, idx);
		if (result > 0)
			return idx;
		if (result < 0 && !--*budget)
			break;
	}
	return NO_TARGET;
}

/* Where the round's own test stands among the filters is inferred for v3 from v1 and v2. */
static bool relaxed_wants(struct policy_vm *vm, struct spin *s, unsigned int idx)
{
	(void)vm;
	if (!awake(s, idx))
		return false;
	return saw(s, PREEMPTED, idx) || pass_over(s, idx, STEP_NOT_PREEMPTED);
}

int scan_two_rounds(struct policy_vm *vm, struct spin *s, int *budget,
		    bool (*wants)(struct policy_vm *vm, struct spin *s, unsigned int idx))
{
	int target = scan_single_loop(vm, s, budget, wants);

	if (target != NO_TARGET || !vm->params->enable_relaxed_boost)
		return target;
	if (vm->params->series >= 3 && *budget <= 0)
		return NO_TARGET;
	s->round++;
	return scan_single_loop(vm, s, budget, relaxed_wants);
}
