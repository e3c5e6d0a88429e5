// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guest-hints - hypothetical: a guest that tells the host whom each of its vCPUs waits
 * for. The vCPU named comes first; if it spins itself, the one that it names. Then as
 * ipi-aware+relaxed. No posted series and no guest does this.
 */
#include "replay/policy.h"

static int named_by(struct policy_vm *vm, struct spin *s, unsigned int vcpu_idx)
{
	(void)vm;
	return guest_hint(s, vcpu_idx);
}

static int guest_hints_on_spin(struct policy_vm *vm, struct spin *s)
{
	return scan_chain_first(vm, s, named_by);
}

const struct policy policy_guest_hints = {
	.name = "guest-hints",
	.stands_for = "no kernel, no patch and no guest: what a paravirtual hint of whom a vCPU waits for would do",
	.summary = "the vCPU that the spinner's guest names, or that it leads to, then as ipi-aware+relaxed",
	.inferred = "series v3: as ipi-aware+relaxed",
	.limits = "as ipi-aware; replay's hints are receivers of IPIs without an EOI, waited for or not, and no holders "
		  "of locks; simulate's are holders, too, as inferred, and it is rather a bound there; what telling costs "
		  "a guest is in neither",
	.parameters = "series ipi_tracking_enabled ipi_window_ns enable_relaxed_boost",
	.on_spin = guest_hints_on_spin,
	.on_ipi = ipi_context_on_ipi,
	.on_eoi = ipi_context_on_eoi,
	.on_reset = ipi_context_on_reset,
};
