/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gain - what one episode would have cost under another policy.
 *
 * Everything but this one wait is held as recorded. The first decision whose fate
 * differs counts, and no other: what comes after it did not happen. Summing over
 * decisions would count the same wait again at each of them.
 *
 *	release	nobody was picked, the policy picks a vCPU that is not awaited: the spinner
 *		leaves the CPU instead of spinning on to its next switch-out. The wait is as
 *		long as before, so a later decision may still count.
 *	hit	the policy picks the unblocker. With probability alpha it runs after delta; if not,
 *		every later decision that picks it again is another try, until it ran of itself.
 *	loss	the recorded pick was the unblocker, the policy's is not. With probability alpha
 *		it runs as late as one that nobody helped, or as a later pick of the policy has it.
 *
 * alpha is what a yield adds to the chance of running soon, beyond what vCPUs in the
 * same situation have without one. Times are ns; all functions are pure.
 */
#ifndef REPLAY_ESTIMATE_GAIN_H
#define REPLAY_ESTIMATE_GAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "replay/estimate/outcome.h"
#include "replay/policy.h"

/* From this confidence on an episode's unblocker is used. */
#define GAIN_MIN_CONFIDENCE 2

/* The time of what did not happen. */
#define GAIN_NEVER INT64_MAX

/* What a yield does to a vCPU in one situation (stratum), learnt from the recording's own. */
struct gain_efficacy {
	bool supported;		/* enough yields of its kind; else the rest means nothing */
	bool eligible;		/* by the scheduler's own test, as the shadow run queue has it */
	double alpha;		/* 0 to 1: attributable share that runs soon */
	double delta_ns;	/* mean delay to running, of those that run soon */
	double n_ns;		/* mean delay to running without a yield */
};

enum unblocker_state { UNBLOCKER_READY, UNBLOCKER_ON_CPU, UNBLOCKER_BLOCKED };

struct gain_decision {
	int64_t t;
	int recorded;		/* pick: vcpu_idx, NO_TARGET or PICK_UNKNOWN */
	enum unblocker_state state; /* at t */
	int64_t t_in;		/* unblocker's first switch-in at or after t; GAIN_NEVER: none */
	int unblocker_awaits;	/* vcpu_idx that the unblocker spins for itself; NO_TARGET: none */
	bool awaited_on_cpu;	/* an awaited vCPU runs; whom is not known: any other one */
	int stratum;		/* of the unblocker, index into efficacies; -1: not known */
};

/* Half open, on-CPU time of the spinner. */
struct gain_span {
	int64_t t0, t1;
};

struct gain_episode {
	int64_t s, t_end;	/* the wait, s < t_end */
	int unblocker;		/* vcpu_idx; NO_TARGET: not known */
	unsigned int confidence;	/* in cause and unblocker, 0 to 4 */
	const struct gain_decision *decisions;	/* in time order */
	size_t n_decisions;
	const struct gain_span *spans;	/* in time order, disjoint; cut to the wait by us */
	size_t n_spans;
	const struct gain_efficacy *efficacies;
	double yield_ns;	/* c_y: on-CPU cost of a yield to the spinner */
};

/*
 * Of a decision; and of an episode: of the decision that counts, else of the first
 * release, else of the first that differs.
 */
enum gain_class {
	/* nothing changes: 0 ns */
	GAIN_SAME_PICK,
	GAIN_MISS_MISS,		/* differs, but neither pick is the unblocker */
	GAIN_NEAR_HIT,		/* ... and the policy's is the one that the unblocker waits for */
	GAIN_SELF_STARVE,	/* ... and the spinner gives up its CPU though the unblocker runs */
	GAIN_MOOT,		/* one pick is the unblocker, or not known, but it runs or sleeps */
	GAIN_NO_UNBLOCKER,	/* differs, and whom it waits for is not known well enough */
	GAIN_NOT_MADE,		/* decisions only: the spinner, released, is off the CPU */
	/* something changes */
	GAIN_RELEASE,
	GAIN_HIT, GAIN_FUTILE_HIT, GAIN_LOSS,	/* the one that counts */
	/* it would, but how much cannot be said */
	GAIN_INCONSISTENT,	/* the unblocker did not run before the wait ended: taken as 0 */
	GAIN_UNSUPPORTED,	/* too few yields in that stratum: NAN */
	GAIN_UNKNOWN_PICK,	/* a pick is not known where it may matter: NAN */
	N_GAIN_CLASSES,
};

extern const char *const gain_class_names[N_GAIN_CLASSES];

struct episode_gain {
	enum gain_class class;
	int decision;		/* index of the one of that class; -1: all picks are the same */
	bool supported;		/* false: wall_ns and spin_ns are NAN */
	double wall_ns;		/* by how much the wait is shorter */
	double spin_ns;		/* on-CPU time of the spinner given back */
	double release_ns;	/* what releases before the decision that counts add to spin_ns */
	unsigned int n[N_GAIN_CLASSES]; /* decisions, up to the one that counts */
	unsigned int n_retries;	/* later tries that a hit includes */
};

/* Did a decision count, or would it if more were known? */
static inline bool gain_is_fatal(enum gain_class class)
{
	return class >= GAIN_HIT;
}

/*
 * The gain of episode e if the policy's picks are picks, one per decision. A futile
 * hit (the unblocker was not eligible) may still have a gain by a later try. After the
 * decision that counts, a pick that is not known is taken not to be the unblocker.
 * Releases end with the wait: the CPU time after it is work, not spin.
 */
struct episode_gain gain_of_episode(const struct gain_episode *e, const int *picks);

/* On-CPU time of the spinner in [t0, t1), within the wait. */
int64_t gain_spin(const struct gain_episode *e, int64_t t0, int64_t t1);

#endif
