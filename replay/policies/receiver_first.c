// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * receiver-first - hypothetical: the receiver of the spinner's pending IPI before
 * anybody else, wherever it stands in the cyclic order; then as
 * ipi-aware+relaxed. No posted series does this.
 */
#include "replay/policy.h"

static uint64_t receiver_wants(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	uint64_t receiver = ipi_receiver(vm, s, who);

	pass_over(s, who & ~receiver, STEP_NOT_RECEIVER);
	return awake(s, receiver);
}

static int receiver_first_on_spin(struct policy_vm *vm, struct spin *s)
{
	int budget = 3;
	int target = scan_single_loop(vm, s, &budget, receiver_wants);

	if (target != NO_TARGET || budget <= 0)
		return target;
	s->round++;
	return scan_two_rounds(vm, s, &budget, good_yield_candidates);
}

const struct policy policy_receiver_first = {
	.name = "receiver-first",
	.stands_for = "no kernel and no patch: what a true priority for the receiver would do",
	.summary = "the receiver of the spinner's pending IPI first, then as ipi-aware+relaxed",
	.inferred = "series v3: as ipi-aware+relaxed",
	.limits = "as ipi-aware; the receiver's dy_eligible check is made once more than in the posted series",
	.parameters = "series ipi_tracking_enabled ipi_window_ns enable_relaxed_boost",
	.on_spin = receiver_first_on_spin,
	.on_ipi = ipi_context_on_ipi,
	.on_eoi = ipi_context_on_eoi,
	.on_reset = ipi_context_on_reset,
};
