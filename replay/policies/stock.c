// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stock - kvm_vcpu_on_spin() as released (virt/kvm/kvm_main.c).
 *
 * One scan over the VM's vCPUs from the one after the last boosted, taking the
 * first that passes the filters and accepts the yield. Up to 6.12 the scan is
 * two passes, which differ from one loop in a single way: the second pass is
 * entered only if the last result was 0, so a first pass that ends in -ESRCH ends
 * the scan. What last_boosted_vcpu becomes is the engine's business.
 */
#include "replay/policy.h"

static bool stock_wants(struct policy_vm *vm, struct spin *s, unsigned int idx)
{
	if (!awake(s, idx))
		return false;
	if (!saw(s, PREEMPTED, idx))
		return true;
	/* commit 52acd22faa1a: since 5.13 a vCPU with a posted interrupt is taken in either mode */
	return right_mode(s, idx, vm->params->stock_variant != STOCK_TWO_PASS_5_12) ||
	       pass_over(s, idx, STEP_USER_MODE);
}

static int two_passes(struct policy_vm *vm, struct spin *s)
{
	int last = s->last_boosted_vcpu, budget = 3, result = 0;

	for (int pass = 0; pass < 2 && !result && budget; pass++) {
		int from = pass ? 0 : last + 1, to = pass ? last : (int)s->n_vcpus - 1;

		for (int idx = from; idx <= to && idx < (int)s->n_vcpus; idx++) {
			if ((unsigned int)idx == s->me) {
				pass_over(s, idx, STEP_SELF);
				continue;
			}
			if (!stock_wants(vm, s, idx) || !dy_eligible(s, idx))
				continue;
			result = try_yield(s, idx);
			if (result > 0)
				return idx;
			if (result < 0 && !--budget)
				break;
		}
	}
	return NO_TARGET;
}

static int stock_on_spin(struct policy_vm *vm, struct spin *s)
{
	int budget = 3;

	if (vm->params->stock_variant <= STOCK_TWO_PASS)
		return two_passes(vm, s);
	return scan_single_loop(vm, s, &budget, stock_wants);
}

const struct policy policy_stock = {
	.name = "stock",
	.stands_for = "every released kernel, 5.10 to 7.2, by stock_variant",
	.summary = "the first eligible vCPU, round robin from the last boosted",
	.inferred = "which of 6.13 to 6.18.x have the loop-counter defect is bracketed, not read",
	.limits = "yield_to() results of vCPUs the kernel did not try are modelled from the run queues; "
		  "tasks that never switch are invisible there",
	.parameters = "stock_variant",
	.on_spin = stock_on_spin,
};
