// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ipi-chain - hypothetical: a receiver that spins itself, waiting for an IPI of its
 * own, is of no use; go on to the one that it waits for. Then as ipi-aware+relaxed.
 * No posted series does this.
 */
#include "replay/policy.h"

static int ipi_chain_on_spin(struct policy_vm *vm, struct spin *s)
{
	return scan_chain_first(vm, s, pending_ipi_receiver);
}

const struct policy policy_ipi_chain = {
	.name = "ipi-chain",
	.stands_for = "no kernel and no patch: what following IPIs over several vCPUs would do",
	.summary = "the first vCPU along a chain of pending IPIs that does not spin itself, then as ipi-aware+relaxed",
	.inferred = "series v3: as ipi-aware+relaxed",
	.limits = "as ipi-aware; only vCPUs in kvm_vcpu_on_spin() are known to spin",
	.parameters = "series ipi_tracking_enabled ipi_window_ns enable_relaxed_boost",
	.on_spin = ipi_chain_on_spin,
	.on_ipi = ipi_context_on_ipi,
	.on_eoi = ipi_context_on_eoi,
	.on_reset = ipi_context_on_reset,
};
