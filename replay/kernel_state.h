/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel_state - what no event shows: last_boosted_vcpu and dy_eligible of each
 * VM, carried along by the recorded kernel's own policy and corrected by every
 * observation.
 *
 * A target that was tried has its dy_eligible spent; a spinning one that was
 * scanned and not tried is armed. last_boosted_vcpu is stored when
 * kvm_vcpu_yield_to() returns, which is when the yielder runs again
 * (virt/kvm/kvm_main.c:kvm_vcpu_on_spin(); measured, directed-yield.md 2.2).
 */
#ifndef REPLAY_KERNEL_STATE_H
#define REPLAY_KERNEL_STATE_H

#include "replay/recorded.h"
#include "replay/spin.h"

struct kernel_state;

/* policy with params is what the recorded kernel ran; policy_vms are its contexts, by VM. */
struct kernel_state *kernel_state_new(const struct recorded *recorded, const struct policy *policy,
				      struct policy_vm *policy_vms);
void kernel_state_free(struct kernel_state *ks);

/* Bring the state forward to t: returns of yield_to() and ends of on_spin up to then. */
void kernel_state_advance(struct kernel_state *ks, int64_t t);

/* Fill in last_boosted_vcpu, dy_eligible and dy_eligible_known of state. */
void kernel_state_fill(struct kernel_state *ks, unsigned int vm, struct spin_state *state);

/* How the outcome of a decision is known. */
enum outcome_source {
	OUTCOME_UNKNOWN, OUTCOME_PROBED, OUTCOME_IMPUTED, OUTCOME_INFERRED, N_OUTCOME_SOURCES,
};

struct outcome {
	enum outcome_source source;
	int pick;		/* NO_TARGET: nobody */
};

/*
 * What the kernel did at a decision made from state. Seen by probes, it is that.
 * Else what the hypotheses about the kernel's state agree on, having foretold it
 * and seen what the thread did next; "imputed" if import had come to the same.
 */
struct outcome kernel_state_infer(struct kernel_state *ks, const struct recorded_decision *d,
				  const struct spin_state *state);

/* After kernel_state_infer() of the same decision: take its outcome into account. */
void kernel_state_observe(struct kernel_state *ks, const struct recorded_decision *d,
			  const struct spin_state *state);

/* Events are missing: nothing is known until observed again. */
void kernel_state_forget(struct kernel_state *ks);

#endif
