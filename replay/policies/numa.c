// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * numa - hypothetical: ipi-aware+relaxed, but each round looks first at the vCPUs that
 * last ran on the spinner's NUMA node (vcpu->cpu), then at the others. A yield goes to
 * another node only if the round has nobody on this one. No posted series does this.
 */
#include "replay/policy.h"

static uint64_t near(struct spin *s, uint64_t who)
{
	uint64_t here = saw(s, SAME_NODE, who);

	pass_over(s, who & ~here, STEP_OTHER_NODE);
	return here;
}

/* Those here have had their turn: of them there is nothing to note. */
static uint64_t far(struct spin *s, uint64_t who)
{
	return who & ~saw(s, SAME_NODE, who);
}

static uint64_t good_near(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	return good_yield_candidates(vm, s, near(s, who));
}

static uint64_t good_far(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	return good_yield_candidates(vm, s, far(s, who));
}

static uint64_t preempted_near(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	return preempted_candidates(vm, s, near(s, who));
}

static uint64_t preempted_far(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	return preempted_candidates(vm, s, far(s, who));
}

static bool some_are_far(const struct spin *s)
{
	const uint64_t *same = s->seen + SAME_NODE * s->n_words;

	for (unsigned int w = 0; w < s->n_words; w++) {
		unsigned int n = s->n_vcpus - w * 64;

		if (~same[w] & (n < 64 ? ~(~0ULL << n) : ~0ULL))
			return true;
	}
	return false;
}

/* One round in two parts, on one budget. */
static int near_then_far(struct policy_vm *vm, struct spin *s, int *budget, scan_filter here, scan_filter there)
{
	int before = *budget, target = scan_single_loop(vm, s, budget, here);

	if (target != NO_TARGET || (before > 0 && *budget <= 0) || !some_are_far(s))
		return target;
	s->round++;
	return scan_single_loop(vm, s, budget, there);
}

static int numa_on_spin(struct policy_vm *vm, struct spin *s)
{
	int budget = 3;
	int target = near_then_far(vm, s, &budget, good_near, good_far);

	if (target != NO_TARGET || !second_round_follows(vm, budget))
		return target;
	s->round++;
	return near_then_far(vm, s, &budget, preempted_near, preempted_far);
}

const struct policy policy_numa = {
	.name = "numa",
	.stands_for = "no kernel and no patch: what a preference for the spinner's NUMA node would do",
	.summary = "as ipi-aware+relaxed, each round first among vCPUs that last ran on the spinner's node",
	.inferred = "series v3: as ipi-aware+relaxed",
	.limits = "as ipi-aware; the same as ipi-aware+relaxed on one node, and where nodes are not recorded; what "
		  "memory of another node costs, which is what it would save, neither replay nor simulate knows",
	.parameters = "series ipi_tracking_enabled ipi_window_ns enable_relaxed_boost",
	.on_spin = numa_on_spin,
	.on_ipi = ipi_context_on_ipi,
	.on_eoi = ipi_context_on_eoi,
	.on_reset = ipi_context_on_reset,
};
