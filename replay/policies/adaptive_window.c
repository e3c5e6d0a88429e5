// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * adaptive-window - hypothetical: ipi-aware+relaxed, whose window follows what the VM's
 * tracked IPIs took from send to EOI, by the rules of TCP's retransmission timer (RFC
 * 6298, in integers as tcp_rtt_estimator() in net/ipv4/tcp_input.c). No posted series
 * does this.
 */
#include "replay/policy.h"

#define MIN_WINDOW_NS 1000000ULL	/* of a preempted receiver that is not nominated: ours */
#define MAX_ANSWER_NS (1LL << 40)	/* of longer ones (18 min) sums could overflow */

/* ipi_window_ns is the most; until the first answer it is the window. */
static uint64_t window(const struct policy_vm *vm)
{
	uint64_t ns = vm->answers.srtt_8 / 8 + vm->answers.rttvar_4, most = vm->params->ipi_window_ns;

	if (ns < MIN_WINDOW_NS)
		ns = MIN_WINDOW_NS;
	return ns < most ? ns : most;
}

/* Late answers count, too: of those in the window alone it could not grow again. */
static void answered(struct policy_vm *vm, int64_t ns)
{
	struct answer_times *a = &vm->answers;
	int64_t m = ns < 1 ? 1 : ns < MAX_ANSWER_NS ? ns : MAX_ANSWER_NS;

	if (!a->srtt_8) {
		a->srtt_8 = m * 8;
		a->rttvar_4 = m * 2;
	} else {
		m -= a->srtt_8 / 8;
		a->srtt_8 += m;
		a->rttvar_4 += (m < 0 ? -m : m) - (int64_t)(a->rttvar_4 / 4);
	}
	a->window_ns = window(vm);
}

static void adaptive_window_on_eoi(struct policy_vm *vm, unsigned int vcpu_idx, int vector, int64_t t)
{
	const struct ipi_context *sender = ipi_answered(vm, vcpu_idx, vector);

	if (sender && sender->pending_ipi)
		answered(vm, t - sender->ipi_time_ns);
	ipi_context_on_eoi(vm, vcpu_idx, vector, t);
}

static int adaptive_window_on_spin(struct policy_vm *vm, struct spin *s)
{
	int budget = 3;

	return scan_two_rounds(vm, s, &budget, good_yield_candidates);
}

const struct policy policy_adaptive_window = {
	.name = "adaptive-window",
	.stands_for = "no kernel and no patch: what a window that follows the VM's answers would do",
	.summary = "as ipi-aware+relaxed, in a window of the mean answer and 4 deviations, 1 ms to ipi_window_ns",
	.inferred = "series v3: as ipi-aware+relaxed",
	.limits = "as ipi-aware; answers before the recording are not known; a window of quick answers may lapse before a "
		  "slow one; v1 and v2 take any EOI for an answer, those of timers, too, which simulate does not have",
	.parameters = "series ipi_tracking_enabled ipi_window_ns enable_relaxed_boost",
	.on_spin = adaptive_window_on_spin,
	.on_ipi = ipi_context_on_ipi,
	.on_eoi = adaptive_window_on_eoi,
	.on_reset = ipi_context_on_reset,
};
