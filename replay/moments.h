/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moments - stretches of a recording that are worth a look: the longest waits, and
 * those in which the kernel and a policy, or the kernel and the scheduler, were at odds.
 */
#ifndef REPLAY_MOMENTS_H
#define REPLAY_MOMENTS_H

#include "replay/run.h"

enum moment_kind {
	MOMENT_IPI_WAIT, MOMENT_LOST_OPPORTUNITY, MOMENT_LOCK_WAIT, MOMENT_SCHEDULER_MISMATCH, MOMENT_OVERBOOST,
	N_MOMENT_KINDS,
};

extern const char *const moment_kind_names[N_MOMENT_KINDS];

struct moment {
	enum moment_kind kind;
	guint episode;		/* index into evidence.episodes */
	guint decision;		/* to look at first; index into scores */
	int64_t wait;		/* how long, ns, it was from there on */
	int64_t t0, t1;		/* to show, ns of the recording's clock: within it */
	char *what;		/* one sentence */
};

/*
 * At most 12 of struct moment in the order to show them, which the array frees; no two
 * overlap, none touches a gap. After run_estimate().
 */
GArray *moments_find(const struct run *run);

/* Append to ids, of int64_t, decisions of the spinner's VM in a moment: at most 64, nearest to the one to look at. */
void moment_decisions(const struct run *run, const struct moment *moment, GArray *ids);

#endif
