/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * window - what a policy gains as a function of ipi_window_ns, exactly.
 *
 * Whether a hint is young enough is the one thing that the window changes at a
 * decision, so its pick is pick_on from the hint's age on, and pick_off below. An
 * episode's gain is then a step function of the window, whose steps are at the ages
 * of its hints; so is their sum, and no grid is needed. Which hints there are, and
 * how the wait went on, is held as recorded.
 *
 * Episodes are gathered in cells of recorded time, so that a bootstrap replicate,
 * a weight for each cell, is one walk over the steps.
 */
#ifndef REPLAY_ESTIMATE_WINDOW_H
#define REPLAY_ESTIMATE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "replay/estimate/gain.h"

/* A window that no hint is young enough for; also the age of a hint that is not there. */
#define WINDOW_NONE (-1)

struct window_decision {
	int64_t age_ns;		/* of the spinner's pending IPI, 0 or more, or WINDOW_NONE */
	int pick_off, pick_on;	/* vcpu_idx, NO_TARGET or PICK_UNKNOWN: if too old, if not */
};

struct window_episode {
	const struct gain_episode *episode;
	const struct window_decision *decisions;	/* [episode->n_decisions] */
	unsigned int cell;				/* below the curve's n_cells */
};

/* Sums over episodes. */
struct window_value {
	double wall_ns, spin_ns;	/* of those with a gain that can be told */
	int64_t n_fatal;		/* episodes in which a decision counts */
	int64_t n_unsupported;		/* of these, gain not known and not in the sums */
};

/* From this window on one episode, of this cell, gains so much more. */
struct window_step {
	int64_t age_ns;
	unsigned int cell;
	struct window_value more;
};

/* Valid from window_ns to that of the next point. The first is at WINDOW_NONE. */
struct window_point {
	int64_t window_ns;
	size_t end;			/* steps up to and including its own */
	struct window_value value;
};

struct window_curve {
	unsigned int n_cells;
	struct window_value *base;	/* [n_cells]: at WINDOW_NONE */
	struct window_step *steps;	/* by age, then in the order of episodes */
	size_t n_steps;
	struct window_point *points;	/* by window */
	size_t n_points;		/* at least 1 */
	uint64_t n_evaluations;		/* of an episode at a window, to make it */
};

/* Sums are compensated: exact but for the rounding of single gains, and of a cell's base. */
struct window_curve *window_curve_new(const struct window_episode *episodes, size_t n_episodes,
				      unsigned int n_cells);
void window_curve_free(struct window_curve *curve);

/* The point in force at window_ns, WINDOW_NONE or more. */
const struct window_point *window_curve_at(const struct window_curve *curve, int64_t window_ns);

enum window_metric { WINDOW_WALL, WINDOW_SPIN };

/*
 * values[n_points * n_groups], rows by point: the sum over the cells of each group,
 * every cell taken weights[cell] times (NULL: once). group[cell] is below n_groups;
 * NULL: all in group 0.
 */
void window_curve_sums(const struct window_curve *curve, enum window_metric metric,
		       const uint32_t *weights, const unsigned int *group, unsigned int n_groups,
		       double *values);

/* Replicates of a bootstrap over cells: weights() gives [n_cells], the same when asked again. */
struct window_bootstrap {
	unsigned int n_replicates;
	const uint32_t *(*weights)(void *user, unsigned int replicate);
	void *user;
	double level;			/* of intervals, as .95 */
};

#define WINDOW_FOLDS 5

enum window_verdict {
	WINDOW_NO_EVIDENCE,	/* ... against the default: zero is in the interval */
	WINDOW_BETTER,		/* than the default, on data that did not choose it */
	WINDOW_WORSE,
};

struct window_estimate {
	double ns, low, high;	/* total over all cells; percentile interval */
};

struct window_choice {
	int64_t window_ns;	/* chosen from all cells */
	int64_t fold_ns[WINDOW_FOLDS];	/* from all but one fold */
	int64_t fold_low, fold_high;	/* interval of these, chosen anew in each replicate */
	struct window_estimate held_out; /* gain of each fold at the window the others chose */
	struct window_estimate by_default; /* gain at the default */
	struct window_estimate over_default; /* their difference, resampled together */
	enum window_verdict verdict;
};

/*
 * Choose a window, and say what it gains without having chosen it on the same data:
 * five runs of consecutive cells, each judged at the window that the other four
 * choose. The choice is the smallest window that falls short of the best by no more than
 * one standard error of that difference, since a short window bounds what stale
 * hints can do. Intervals hold the five windows fixed. False: fewer than two cells in
 * a fold, or fewer than two replicates.
 */
bool window_choose(const struct window_curve *curve, enum window_metric metric, int64_t default_ns,
		   const struct window_bootstrap *bootstrap, struct window_choice *choice);

/*
 * A band that covers the whole curve at once: low and high [n_points], half-width the
 * point's standard error times the level's quantile of the largest |t| over points.
 * Returns that quantile; 0 if nothing varies.
 */
double window_band(const struct window_curve *curve, enum window_metric metric,
		   const struct window_bootstrap *bootstrap, double *low, double *high);

#endif
