/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outcome - what one pick at one decision amounts to, in the words of those who
 * work on directed yield: did KVM nominate a vCPU that the spinner waits for, and
 * would the scheduler have run it?
 */
#ifndef REPLAY_ESTIMATE_OUTCOME_H
#define REPLAY_ESTIMATE_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

/* Beside a vcpu_idx and NO_TARGET: a pick that hangs on something not known. */
#define PICK_UNKNOWN (-2)

enum would_run { WOULD_NOT_RUN, WOULD_RUN, WOULD_RUN_UNKNOWN };

/*
 * Each pick is of exactly one class, the first in this order that holds. "Awaited"
 * is a vCPU whose progress the spinner needs and has not had; "ready" is off the
 * CPU and runnable, which is what a yield can change.
 */
enum outcome_class {
	OUTCOME_CLASS_UNKNOWN,	/* the pick, or whom the spinner waits for, is not known */
	OUTCOME_HIT,		/* awaited, ready, and the scheduler runs it */
	OUTCOME_SCHEDULER_MISMATCH, /* awaited and ready, but the scheduler does not run it */
	OUTCOME_NOMINATED,	/* awaited and ready; what the scheduler does is not known */
	OUTCOME_LOST_OPPORTUNITY, /* nobody, or a vCPU of none of these three, though one
				   * awaited was ready */
	OUTCOME_OVERBOOST,	/* a vCPU that is not awaited; none awaited was ready */
	OUTCOME_NOTHING_TO_GAIN, /* nobody, or an awaited vCPU that runs or sleeps; none awaited
				  * was ready */
	N_OUTCOME_CLASSES,
};

extern const char *const outcome_class_names[N_OUTCOME_CLASSES];

/* One decision, for whoever's pick; bitmaps of n_words words by vcpu_idx. */
struct outcome_query {
	unsigned int n_words;
	const uint64_t *awaited;	/* NULL: not known */
	const uint64_t *ready;
	enum would_run would_run;	/* the pick; of no meaning if it is nobody */
};

/*
 * The class of pick (a vcpu_idx below 64 * n_words, NO_TARGET or PICK_UNKNOWN): the
 * recorded one with what the scheduler was seen to do, a policy's with what the
 * shadow run queue says of it.
 */
enum outcome_class classify_decision(const struct outcome_query *query, int pick);

#endif
