/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy - the one header a policy includes.
 *
 * A policy is a file in replay/policies/ that ends in a 'const struct policy'
 * and a row in replay/policies/policies.c. It re-expresses a version of
 * kvm_vcpu_on_spin() (virt/kvm/kvm_main.c): asked at a decision, it walks the
 * VM's vCPUs, passes some over, tries to yield to others, and returns whom it
 * yielded to. It remembers nothing but what is in its policy_vm; last_boosted_vcpu
 * and dy_eligible are the recorded kernel's, supplied with each decision.
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

/* How long a VM's tracked IPIs took to be answered, smoothed as in RFC 6298; ns. */
struct answer_times {
	uint64_t srtt_8;		/* 8 times the mean; 0: none was answered yet */
	uint64_t rttvar_4;		/* 4 times the mean deviation */
	uint64_t window_ns;		/* in the place of ipi_window_ns; 0: that one holds */
};

/* A policy's own memory of one VM. */
struct policy_vm {
	unsigned int n_vcpus;
	const struct policy_params *params;
	struct ipi_context *ipi;	/* [n_vcpus] */
	struct answer_times answers;	/* of a policy that takes them */
};

/* What a decision shows of every vCPU, one bitmap each. */
enum seen {
	READY, PREEMPTED, IN_KERNEL, BLOCKING, DY_RUNNABLE, PENDING_IRQ, ON_CPU, QUEUED, IN_SPIN_LOOP,
	SAME_NODE,	/* the CPU it last ran on is of the spinner's NUMA node; set where all are taken for one */
	N_SEEN,
};

/* Why a candidate was passed over, or taken. */
enum step {
	STEP_SELF, STEP_NOT_READY, STEP_BLOCKING, STEP_USER_MODE, STEP_NOT_PREEMPTED, STEP_NOT_ELIGIBLE,
	STEP_NOT_RECEIVER, STEP_OTHER_NODE, STEP_TRIED, N_STEPS,
};

struct spin_observer;	/* the engine's: records steps, supplies results */

/*
 * One call of kvm_vcpu_on_spin(). Filters look at 64 vCPUs at a time, those of one
 * word of the bitmaps: who is a set of them, bit i being vCPU 64 * word + i. What a
 * filter says of one must not hang on the others, so that it comes to the same as
 * the kernel's loop, which looks at one after the other and may not get to all.
 */
struct spin {
	unsigned int me, n_vcpus, n_words;
	int64_t now;
	int last_boosted_vcpu;
	bool kernel_mode, kernel_mode_known;
	const uint64_t *seen, *known;	/* [N_SEEN][n_words] */
	const struct ipi_context *ipi;	/* the spinner's, probed; NULL: the policy's own counts */
	unsigned int round;		/* scans begun before this one */
	unsigned int word;		/* that is looked at */
	uint64_t doubt;			/* of its vCPUs: those judged by something that is not known */
	uint64_t *passed_over;		/* [N_STEPS] of its vCPUs, why; NULL: nobody asks */
	int result;			/* of the last try_yield(); 0: there was none */
	int target;			/* who was yielded to, NO_TARGET */
	bool uncertain;			/* the outcome hangs on a state that is not known */
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

/* Those of who that were seen so at this decision. To look at what is not known leaves a doubt. */
static inline uint64_t saw(struct spin *s, enum seen what, uint64_t who)
{
	unsigned int at = what * s->n_words + s->word;

	s->doubt |= who & ~s->known[at];
	return who & s->seen[at];
}

/* Those of who that are known to be so. */
static inline uint64_t known_to_be(const struct spin *s, enum seen what, uint64_t who)
{
	unsigned int at = what * s->n_words + s->word;

	return who & s->seen[at] & s->known[at];
}

/* Note why who are passed over, should somebody ask. */
static inline void pass_over(struct spin *s, uint64_t who, enum step why)
{
	if (s->passed_over)
		s->passed_over[why] |= who;
}

/* The two filters that all versions begin with: ready, and not blocked without an interrupt. */
static inline uint64_t awake(struct spin *s, uint64_t who)
{
	uint64_t ready = saw(s, READY, who), blocking = saw(s, BLOCKING, ready);

	blocking &= ~saw(s, DY_RUNNABLE, blocking);
	pass_over(s, who & ~ready, STEP_NOT_READY);
	pass_over(s, blocking, STEP_BLOCKING);
	return ready & ~blocking;
}

/*
 * The CPL filter for preempted vCPUs: any, if the spinner was not in kernel mode;
 * else those preempted in kernel mode or (exempt) with an interrupt posted. Of two
 * reasons to take one the one that is known leaves no doubt.
 */
static inline uint64_t right_mode(struct spin *s, uint64_t who, bool exempt)
{
	uint64_t right;

	if (s->kernel_mode_known && !s->kernel_mode)
		return who;
	right = known_to_be(s, IN_KERNEL, who) | (exempt ? known_to_be(s, PENDING_IRQ, who) : 0);
	right |= saw(s, IN_KERNEL, who & ~right) | (exempt ? saw(s, PENDING_IRQ, who & ~right) : 0);
	if (!s->kernel_mode_known)
		s->doubt |= who & ~right;
	if (!s->kernel_mode)
		return who;
	pass_over(s, who & ~right, STEP_USER_MODE);
	return right;
}

/* A filter: those of who that the scan tries to yield to, if they are eligible. */
typedef uint64_t (*scan_filter)(struct policy_vm *vm, struct spin *s, uint64_t who);

/*
 * The body of every version's loop, over vCPUs first to end - 1 but for the spinner:
 * wants() filters, then kvm_vcpu_eligible_for_directed_yield(), which refuses and
 * accepts a vCPU that spins itself in turn, then kvm_vcpu_yield_to(). *budget is the
 * number of -ESRCH results left. True if that ends the scan: s->target was yielded
 * to, or the budget is used up.
 */
bool scan_part(struct policy_vm *vm, struct spin *s, unsigned int first, unsigned int end, int *budget,
	       scan_filter wants);

/*
 * The round-robin loop that every posted version shares: from the vCPU after
 * last_boosted_vcpu all in cyclic order. Returns s->target.
 */
int scan_single_loop(struct policy_vm *vm, struct spin *s, int *budget, scan_filter wants);

/*
 * The series' two rounds: scan_single_loop() with wants(); if nobody was yielded
 * to and enable_relaxed_boost, once more for any preempted vCPU, on what is left
 * of the budget. Series 3 wants some left; v1 and v2 do not look, and a second
 * round that begins with none counts down past zero and never ends early.
 */
int scan_two_rounds(struct policy_vm *vm, struct spin *s, int *budget, scan_filter wants);

/* After a first round that yielded to nobody: is there a second? */
bool second_round_follows(const struct policy_vm *vm, int budget);

/* The filter of the second round. */
uint64_t preempted_candidates(struct policy_vm *vm, struct spin *s, uint64_t who);

/* Whom vcpu_idx waits for, by some account; NO_TARGET: nobody, or there is none. */
typedef int (*scan_link)(struct policy_vm *vm, struct spin *s, unsigned int vcpu_idx);

/*
 * From the spinner along next(), three links at most: the first vCPU that is awake and
 * does not spin itself is tried; the chain ends at one that sleeps, or at the spinner. If
 * that yielded to nobody, scan_two_rounds() with good_yield_candidates(). Returns s->target.
 */
int scan_chain_first(struct policy_vm *vm, struct spin *s, scan_link next);

/* The tracker of the IPI-aware patches; policies that use it put these into their table. */
void ipi_context_on_ipi(struct policy_vm *vm, unsigned int sender, unsigned int receiver, uint8_t vector,
			int64_t t);
void ipi_context_on_eoi(struct policy_vm *vm, unsigned int vcpu_idx, int vector, int64_t t);
void ipi_context_on_reset(struct policy_vm *vm, unsigned int vcpu_idx);

/* The sender's record of the IPI that an EOI of vcpu_idx answers, by the rules of the series; NULL: of none. */
struct ipi_context *ipi_answered(const struct policy_vm *vm, unsigned int vcpu_idx, int vector);

/* kvm_vcpu_is_ipi_receiver(): who of them has an IPI of the spinner pending, within the window. */
uint64_t ipi_receiver(struct policy_vm *vm, struct spin *s, uint64_t who);

/* The receiver of vcpu_idx's own pending IPI, if that is within the window; -1: none. */
int pending_ipi_receiver(struct policy_vm *vm, struct spin *s, unsigned int vcpu_idx);

/* The filters of the patches' first round: awake(), and kvm_vcpu_is_good_yield_candidate(). */
uint64_t good_yield_candidates(struct policy_vm *vm, struct spin *s, uint64_t who);

/* Implemented by the engine (spin.c), for scan_part(). */

/* The scan went by who; of those passed over note why. */
void went_by(struct spin *s, uint64_t who);

/* kvm_vcpu_eligible_for_directed_yield(), each check of a spinning vCPU flipping its dy_eligible. */
bool dy_eligible(struct spin *s, unsigned int idx);

/* kvm_vcpu_yield_to(): 1 yielded, 0 not, ESRCH_RESULT. */
int try_yield(struct spin *s, unsigned int idx);

/* Whom vcpu_idx's guest says it waits for: one that is not on a CPU; NO_TARGET: it names nobody. */
int guest_hint(const struct spin *s, unsigned int vcpu_idx);

#endif
