/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spin - one policy asked at one decision: the other side of policy.h.
 */
#ifndef REPLAY_SPIN_H
#define REPLAY_SPIN_H

#include <glib.h>

#include "replay/policy.h"

struct attempt {
	unsigned int target_idx;
	int result;		/* 1, 0, ESRCH_RESULT */
	bool result_known;
	int64_t t_call, t_ret;	/* DB_NULL: not seen; observed attempts only */
};

/* One candidate looked at, for explain. */
struct spin_step {
	unsigned int idx, round;
	enum step step;
	int result;		/* STEP_TRIED only */
	bool certain;		/* false: the scan had looked at something not known */
};

/*
 * What the spinner's vCPUs were like, whichever way it is known; words of
 * n_words each, by enum seen. Built by the engine once per decision and state.
 */
struct spin_state {
	unsigned int me, n_vcpus, n_words;
	int64_t now;
	bool kernel_mode, kernel_mode_known;
	uint64_t *seen;			/* [N_SEEN][n_words] */
	uint64_t *known;		/* [N_SEEN][n_words] */
	uint64_t *rq_single;		/* [n_words]; alone on its run queue */
	bool spinner_rq_single;
	int last_boosted_vcpu;		/* -1: not known */
	uint64_t *dy_eligible, *dy_eligible_known;	/* [n_words] */
	struct ipi_context ipi;
	bool has_ipi;			/* ipi is probed */
	/* guest_hint() of policy.h, asked if a policy asks; NULL: no guest tells anything */
	int (*hint)(const struct spin_state *state, unsigned int vcpu_idx);
	const void *hints;		/* what hint() goes by */
};

/* How try_yield() and dy_eligible() answer. */
enum spin_mode {
	SPIN_MODEL,		/* results from the state alone */
	SPIN_OBSERVED,		/* results as observed for vCPUs the kernel tried, else from the state */
	SPIN_FOLLOW,		/* the kernel's own scan: refusals and results are those it showed */
};

struct spin_result {
	int pick;			/* vcpu_idx or NO_TARGET */
	bool uncertain;
	GArray *attempts;		/* of struct attempt, in order */
	uint64_t *dy_eligible, *dy_eligible_known;	/* [n_words], after the scan */
};

/* What the kernel stores in last_boosted_vcpu after a success at pick in a scan from last_boosted_vcpu + 1. */
int spin_stored_value(const struct policy_params *params, unsigned int n_vcpus, int last_boosted_vcpu, int pick);

/* Did two lists of struct attempt try the same vCPUs in the same order? */
bool spin_same_targets(const GArray *a, const GArray *b);

struct spin_result *spin_result_new(unsigned int max_words);
void spin_result_free(struct spin_result *result);

/*
 * Ask policy. observed are the recorded kernel's attempts (may be NULL with
 * SPIN_MODEL). If state->last_boosted_vcpu is not known the policy is asked from
 * every start; the outcome is certain only if all agree. steps, if not NULL, gets
 * a struct spin_step per candidate looked at.
 */
void spin_ask(const struct policy *policy, struct policy_vm *vm, const struct spin_state *state,
	      enum spin_mode mode, const GArray *observed, GArray *steps, struct spin_result *result);

#endif
