/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pause_window - how long a guest spins between two PAUSE exits. VMX counts
 * cycles and SVM PAUSEs, both may let the window grow at each exit, and an
 * emulated or nested CPU may do neither; so it is measured, as two edges.
 */
#ifndef REPLAY_ESTIMATE_PAUSE_WINDOW_H
#define REPLAY_ESTIMATE_PAUSE_WINDOW_H

#include "replay/estimate/scores.h"
#include "replay/estimate/timeline.h"

/* What the window is a multiple of. */
enum pause_unit {
	PAUSE_CONSTANT,		/* nothing: it does not change */
	PAUSE_DOUBLING,		/* it doubles at every exit since the thread was switched in */
	PAUSE_RECORDED,		/* the PLE window that kvm_ple_window_update showed */
};

/* Of one VM. Edges in ns of time on the CPU, from exit to exit, per unit. */
struct pause_window {
	enum pause_unit unit;
	double lo, hi;
	int64_t c_exit;		/* what handling a PAUSE exit takes if nobody is yielded to */
	unsigned int n;		/* gaps it was measured on; 0: assumed */
};

/*
 * Measure windows, [recorded->n_vms], newly allocated. order lists the decisions
 * by vCPU and time; unit, by decision, is filled with what window edges are to be
 * multiplied by. lo is the 10th percentile of the gaps between PAUSE exits within
 * one stretch on the CPU, hi the 98th of those up to four times lo.
 */
struct pause_window *pause_window_measure(const struct scores *scores, const struct timeline *tl,
					  const guint *order, double *unit);

#endif
