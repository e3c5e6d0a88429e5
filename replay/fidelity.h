/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fidelity - does the recorded kernel's own policy, replayed, try the vCPUs that
 * the kernel tried? From the probed state it tests the policy, from the
 * reconstructed state the reconstruction as well.
 */
#ifndef REPLAY_FIDELITY_H
#define REPLAY_FIDELITY_H

#include "replay/engine.h"

/* What a difference hangs on. */
enum reason {
	REASON_LAST_BOOSTED,	/* the start index */
	REASON_KERNEL_MODE,	/* yield_to_kernel_mode */
	REASON_READY, REASON_PREEMPTED, REASON_IN_KERNEL, REASON_IN_SPIN_LOOP, REASON_DY_ELIGIBLE,
	REASON_BLOCKING,	/* passed over as blocking, but tried by the kernel */
	REASON_IPI_CONTEXT,	/* taken or refused as the IPI's receiver */
	REASON_RESULT,		/* what yield_to() returned */
	REASON_OTHER,		/* none of the states that were probed differs */
	N_REASONS,
};

extern const char *const reason_names[N_REASONS];

/*
 * Spinners whose dy_eligible a racy scan left in doubt, until they spin anew: what
 * differs in it later is that race's doing.
 */
struct fidelity_doubt;

struct fidelity_doubt *fidelity_doubt_new(const struct recorded *recorded);
void fidelity_doubt_free(struct fidelity_doubt *doubt);

struct fidelity {
	int64_t compared, attempt_lists_equal, targets_equal, racy, unknown;
	int64_t reasons[N_REASONS], racy_reasons[N_REASONS];
};

struct disagreement {
	int64_t decision;
	enum reason reason;
	int vcpu_idx;		/* -1: none in particular */
	bool racy;		/* a state changed during this scan, or dy_eligible was left by one like it */
};

/*
 * Compare lane 0's attempts at this decision with the observed ones. False if
 * they agree or cannot be compared; else out says why they differ.
 */
bool fidelity_note(struct fidelity *fidelity, struct engine *engine, const struct recorded *recorded,
		   const struct engine_decision *decision, enum state_kind kind,
		   struct fidelity_doubt *doubt, struct spin_result *scratch, GArray *steps,
		   struct disagreement *out);

#endif
