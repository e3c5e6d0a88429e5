/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scalar_scan - the policies written a second time, plainly: one vCPU after the
 * other, a byte for each thing that is known of it, as the kernel's loop goes. What
 * replay/ does with 64 vCPUs at once is held against it, for results and for speed.
 */
#ifndef TESTS_SCALAR_SCAN_H
#define TESTS_SCALAR_SCAN_H

#include "replay/spin.h"

struct scalar_vcpu {
	bool seen[N_SEEN], known[N_SEEN];
	bool rq_single, dy_eligible, dy_eligible_known;
};

/* A spin_state with its bits spread out. */
struct scalar_state {
	struct spin_state state;	/* for what is not of a vCPU; not its bitmaps */
	struct scalar_vcpu *vcpus;	/* [n_vcpus] */
};

struct scalar_result {
	int pick;
	bool uncertain;
	GArray *attempts;		/* of struct attempt */
	GArray *steps;			/* of struct spin_step; NULL: not wanted */
	bool *dy_eligible, *dy_eligible_known;	/* [n_vcpus], after the scan */
};

struct scalar_state *scalar_state_new(const struct spin_state *state);
void scalar_state_free(struct scalar_state *state);

struct scalar_result *scalar_result_new(unsigned int max_vcpus, bool steps);
void scalar_result_free(struct scalar_result *result);

/* As spin_ask(). */
void scalar_ask(const struct policy *policy, const struct policy_vm *vm,
		const struct scalar_state *state, enum spin_mode mode, const GArray *observed,
		struct scalar_result *result);

#endif
