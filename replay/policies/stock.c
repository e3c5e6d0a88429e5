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

static uint64_t stock_wants(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	uint64_t up = awake(s, who), preempted = saw(s, PREEMPTED, up);

	/* commit 52acd22faa1a: since 5.13 a vCPU with a posted interrupt is taken in either mode */
	return (up & ~preempted) |
	       right_mode(s, preempted, vm->params->stock_variant != STOCK_TWO_PASS_5_12);
}

static int two_passes(struct policy_vm *vm, struct spin *s)
{
	unsigned int n = s->n_vcpus, first = s->last_boosted_vcpu + 1;
	int budget = 3;

	if (!scan_part(vm, s, first, n, &budget, stock_wants) && !s->result)
		scan_part(vm, s, 0, first < n ? first : n, &budget, stock_wants);
	return s->target;
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
