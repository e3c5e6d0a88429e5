// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ipi-aware+relaxed - the posted series with both mechanisms.
 *
 * A first round with the IPI-aware filter; if it yielded to nobody, a second one
 * that takes any preempted vCPU, whatever its mode. Both rounds run the
 * dy_eligible check, so a spinning vCPU that the first refused (and armed) is
 * taken by the second.
 */
#include "replay/policy.h"

static int ipi_aware_relaxed_on_spin(struct policy_vm *vm, struct spin *s)
{
	int budget = 3;

	return scan_two_rounds(vm, s, &budget, good_yield_candidates);
}

const struct policy policy_ipi_aware_relaxed = {
	.name = "ipi-aware+relaxed",
	.stands_for = "patches v1 to v3 as posted, by series",
	.summary = "IPI-aware round, then a round that takes any preempted vCPU",
	.inferred = "series v3: as ipi-aware; and where the second round's test stands among the filters",
	.limits = "as ipi-aware",
	.parameters = "series ipi_tracking_enabled ipi_window_ns enable_relaxed_boost",
	.on_spin = ipi_aware_relaxed_on_spin,
	.on_ipi = ipi_context_on_ipi,
	.on_eoi = ipi_context_on_eoi,
	.on_reset = ipi_context_on_reset,
};
