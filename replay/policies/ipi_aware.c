// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ipi-aware - the IPI-aware candidate filter of the posted series, alone.
 *
 * The same round-robin loop as stock; only the filter differs. It is a filter and
 * not a sort: a vCPU preempted in kernel mode that comes earlier in the cyclic
 * order is yielded to before the receiver of the spinner's IPI. A woken vCPU that
 * was not preempted passes stock's filter, but not this one.
 */
#include "replay/policy.h"

static int ipi_aware_on_spin(struct policy_vm *vm, struct spin *s)
{
	int budget = 3;

	return scan_single_loop(vm, s, &budget, good_yield_candidates);
}

const struct policy policy_ipi_aware = {
	.name = "ipi-aware",
	.stands_for = "patches v1 to v3 with enable_relaxed_boost=0, by series",
	.summary = "takes the receiver of the spinner's pending IPI, else vCPUs preempted in kernel mode",
	.inferred = "series v3: the filter's body, the conditions of recording a send, and the rule that "
		    "clears on a matching EOI",
	.limits = "blind where IPIs are virtualised or sent by hypercall; EOIs by PV EOI clear nothing",
	.parameters = "series ipi_tracking_enabled ipi_window_ns",
	.on_spin = ipi_aware_on_spin,
	.on_ipi = ipi_context_on_ipi,
	.on_eoi = ipi_context_on_eoi,
	.on_reset = ipi_context_on_reset,
};
