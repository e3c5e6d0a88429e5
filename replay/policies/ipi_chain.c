// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ipi-chain - hypothetical: a receiver that spins itself, waiting for an IPI of its
 * own, is of no use; go on to the one that it waits for. Then as ipi-aware+relaxed.
 * No posted series does this.
 */
#include "replay/policy.h"

enum { MAX_LINKS = 3 };

static uint64_t spins(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	(void)vm;
	return saw(s, IN_SPIN_LOOP, who);
}

static uint64_t is_awake(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	(void)vm;
	return awake(s, who);
}

static uint64_t anybody(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	(void)vm;
	(void)s;
	return who;
}

/* What a filter says of one vCPU, wherever it stands. */
static bool passes(struct policy_vm *vm, const struct spin *scan, unsigned int idx, scan_filter filter, bool *uncertain)
{
	struct spin s = *scan;
	bool passed;

	s.word = idx / 64;
	s.doubt = 0;
	s.passed_over = 0;
	passed = filter(vm, &s, 1ULL << idx % 64);
	*uncertain |= s.doubt != 0;
	return passed;
}

/* The first of the chain that can make progress; NO_TARGET: it ends, or leads back, before. */
static int end_of_chain(struct policy_vm *vm, struct spin *s)
{
	unsigned int at = s->me;

	for (unsigned int n = 0; n < MAX_LINKS; n++) {
		int next = pending_ipi_receiver(vm, s, at);

		if (next < 0 || next == (int)s->me || !passes(vm, s, next, is_awake, &s->uncertain))
			return NO_TARGET;
		if (!passes(vm, s, next, spins, &s->uncertain))
			return next;
		at = next;
	}
	return NO_TARGET;
}

static int ipi_chain_on_spin(struct policy_vm *vm, struct spin *s)
{
	int budget = 3, target = end_of_chain(vm, s);

	if (target != NO_TARGET && scan_part(vm, s, target, target + 1, &budget, anybody))
		return s->target;
	s->round++;
	return scan_two_rounds(vm, s, &budget, good_yield_candidates);
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
