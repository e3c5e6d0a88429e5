// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * relaxed - the relaxed fallback alone: the posted series with
 * ipi_tracking_enabled=0. Without the tracker's callbacks no vCPU is ever a known
 * IPI receiver.
 */
#include "replay/policy.h"

static int relaxed_on_spin(struct policy_vm *vm, struct spin *s)
{
	int budget = 3;

	return scan_two_rounds(vm, s, &budget, good_yield_candidates);
}

const struct policy policy_relaxed = {
	.name = "relaxed",
	.stands_for = "patches v1 to v3 with ipi_tracking_enabled=0, by series",
	.summary = "vCPUs preempted in kernel mode, then a round that takes any preempted vCPU",
	.inferred = "series v3: as ipi-aware+relaxed",
	.limits = "a woken vCPU that was not preempted is never taken, which stock would do",
	.parameters = "series",
	.on_spin = relaxed_on_spin,
};
