/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy - the one header a policy includes.
 *
 * A policy is a file in replay/policies/ that ends in a 'const struct policy'
 * and a row in replay/policies/policies.c. It re-expresses a version of
 * kvm_vcpu_on_spin() (virt/kvm/kvm_main.c): asked at a decision, it walks the
 * VM's vCPUs, passes some over, tries to yield to others, and returns whom it
 * yielded to. It remembers nothing but its ipi_context; last_boosted_vcpu and
 * dy_eligible are the recorded kernel's, supplied with each decision.
 */
#ifndef REPLAY_POLICY_H
#define REPLAY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#define NO_TARGET (-1)
#define ESRCH_RESULT (-3)

/* How kvm_vcpu_on_spin() walks and what it stores (directed-yield.md 2.2, 2.3, 2.7). */
enum stock_variant {
	STOCK_TWO_PASS_5_12,	/* up to 5.12: no exemption for pending interrupts */
	STOCK_TWO_PASS,		/* 5.13 to 6.12 */
	STOCK_LOOP_COUNTER,	/* 6.13 to 6.18.2: stores the loop counter, not the index */
	STOCK_SINGLE_LOOP,	/* 6.18.3 and later */
};

/* Module parameters by the kernel's names, and which version of the code to follow. */
struct policy_params {
	enum stock_variant stock_variant;
	unsigned int series;		/* 1, 2, 3: of the posted IPI-aware patches */
	bool ipi_tracking_enabled;
	uint64_t ipi_window_ns;
	bool enable_relaxed_boost;
};

/* vcpu->arch.ipi_context of the patches. */
struct ipi_context {
	int last_ipi_sender, last_ipi_receiver;	/* vcpu_idx; -1: none */
	bool pending_ipi;
	uint8_t vector;			/* series 3 */
	int64_t ipi_time_ns;
	bool unknown;			/* not seen since ipi_time_ns: it may hold anything until then */
};

/* A policy's own memory of one VM. */
struct policy_vm {
	unsigned int n_vcpus;
	const struct policy_params *params;
	struct ipi_context *ipi;	/* [n_vcpus] */
};

/* What a decision shows of every vCPU, one bitmap each. */
enum seen {
	READY, PREEMPTED, IN_KERNEL, BLOCKING, DY_RUNNABLE, PENDING_IRQ, ON_CPU, QUEUED, IN_SPIN_LOOP, N_SEEN,
};

/* Why a candidate was passed over, or taken. */
enum step {
	STEP_SELF, STEP_NOT_READY, STEP_BLOCKING, STEP_USER_MODE, STEP_NOT_PREEMPTED, STEP_NOT_ELIGIBLE,
	STEP_NOT_RECEIVER, STEP_TRIED,
};

struct spin_observer;	/* the engine's: records steps, supplies results */

/* One call of kvm_vcpu_on_spin(). */
struct spin {
	unsigned int me, n_vcpus;
	int64_t now;
	int last_boosted_vcpu;
	bool kernel_mode, kernel_mode_known;
	const uint64_t *seen[N_SEEN], *known[N_SEEN];
	uint64_t *dy_eligible;		/* this call's copy: scanning changes it */
	const uint64_t *dy_eligible_known;
	const struct ipi_context *ipi;	/* the spinner's, probed; NULL: the policy's own counts */
	bool uncertain;			/* the outcome hangs on a state that is not known */
	unsigned int round;		/* scans begun before this one */
	struct spin_observer *observer;
};

struct policy {
	const char *name;
	const char *stands_for;		/* kernel versions or patches */
	const char *summary;
	const char *inferred;		/* what in it was not read in source; NULL: nothing */
	const char *limits;
	const char *parameters;		/* blank-separated names of the parameters it heeds */
	/* Return the vcpu_idx that was yielded to, or NO_TARGET. */
	int (*on_spin)(struct policy_vm *vm, struct spin *s);
	/* May be NULL. A send that the tracker sees; an EOI; a reset of a vCPU. */
	void (*on_ipi)(struct policy_vm *vm, unsigned int sender, unsigned int receiver, uint8_t vector,
		       int64_t t);
	void (*on_eoi)(struct policy_vm *vm, unsigned int vcpu_idx, int vector, int64_t t);
	void (*on_reset)(struct policy_vm *vm, unsigned int vcpu_idx);
};

/* A vCPU's state as this decision saw it. Looking at what is not known makes the outcome uncertain. */
static inline bool saw(struct spin *s, enum seen what, unsigned int idx)
{
	if (!(s->known[what][idx / 64] >> (idx % 64) & 1))
		s->uncertain = true;
	return s->seen[what][idx / 64] >> (idx % 64) & 1;
}

/* Is either set? Not uncertain if one of them is known to be. */
static inline bool saw_either(struct spin *s, enum seen a, enum seen b, unsigned int idx)
{
	unsigned int w = idx / 64, shift = idx % 64;
	bool seen_a, seen_b;

	if ((s->seen[a][w] & s->known[a][w]) >> shift & 1 || (s->seen[b][w] & s->known[b][w]) >> shift & 1)
		return true;
	seen_a = saw(s, a, idx);
	seen_b = saw(s, b, idx);
	return seen_a || seen_b;
}

static inline bool in_kernel_mode(struct spin *s)
{
	if (!s->kernel_mode_known)
		s->uncertain = true;
	return s->kernel_mode;
}

/*
 * The CPL filter for a preempted vCPU: any, if the spinner was not in kernel mode;
 * else one preempted in kernel mode or (exempt) with an interrupt posted.
 */
static inline bool right_mode(struct spin *s, unsigned int idx, bool exempt)
{
	if (s->kernel_mode_known && !s->kernel_mode)
		return true;
	if (exempt ? saw_either(s, PENDING_IRQ, IN_KERNEL, idx) : saw(s, IN_KERNEL, idx))
		return true;
	return !in_kernel_mode(s);
}

/* Implemented by the engine (spin.c). */

/* Note why idx is passed over; always false, so that a filter can return it. */
bool pass_over(struct spin *s, unsigned int idx, enum step why);

/*
 * kvm_vcpu_eligible_for_directed_yield(): a vCPU that spins itself is refused and
 * accepted in turn, each check flipping its dy_eligible (directed-yield.md 2.5).
 */
bool dy_eligible(struct spin *s, unsigned int idx);

/* kvm_vcpu_yield_to(): 1 yielded, 0 not, ESRCH_RESULT. */
int try_yield(struct spin *s, unsigned int idx);

/*
 * The round-robin body that every posted version shares (single loop). From the
 * vCPU after last_boosted_vcpu, all n in cyclic order: wants() filters, then
 * dy_eligible(), then try_yield(). *budget is the number of -ESRCH results left.
 */
int scan_single_loop(struct policy_vm *vm, struct spin *s, int *budget,
		     bool (*wants)(struct policy_vm *vm, struct spin *s, unsigned int idx));

/*
 * The series' two rounds: scan_single_loop() with wants(); if nobody was yielded
 * to and enable_relaxed_boost, once more for any preempted vCPU, on what is left
 * of the budget. Series 3 wants some left; v1 and v2 do not look, and a second
 * round that begins with none counts down past zero and never ends early.
 */
int scan_two_rounds(struct policy_vm *vm, struct spin *s, int *budget,
		    bool (*wants)(struct policy_vm *vm, struct spin *s, unsigned int idx));

/* The two filters that all versions begin with: ready, and not blocked without an interrupt. */
static inline bool awake(struct spin *s, unsigned int idx)
{
	if (!saw(s, READY, idx))
		return pass_over(s, idx, STEP_NOT_READY);
	if (saw(s, BLOCKING, idx) && !saw(s, DY_RUNNABLE, idx))
		return pass_over(s, idx, STEP_BLOCKING);
	return true;
}

/* The tracker of the IPI-aware patches; policies that use it put these into their table. */
void ipi_context_on_ipi(struct policy_vm *vm, unsigned int sender, unsigned int receiver, uint8_t vector,
			int64_t t);
void ipi_context_on_eoi(struct policy_vm *vm, unsigned int vcpu_idx, int vector, int64_t t);
void ipi_context_on_reset(struct policy_vm *vm, unsigned int vcpu_idx);

/* kvm_vcpu_is_ipi_receiver(): does the spinner have an IPI to idx pending, within the window? */
bool is_ipi_receiver(struct policy_vm *vm, struct spin *s, unsigned int idx);

/* The receiver of vcpu_idx's own pending IPI, if that is within the window; -1: none. */
int pending_ipi_receiver(struct policy_vm *vm, struct spin *s, unsigned int vcpu_idx);

/* The filters of the patches' first round: awake(), and kvm_vcpu_is_good_yield_candidate(). */
bool good_yield_candidate(struct policy_vm *vm, struct spin *s, unsigned int idx);

#endif
