/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * estimate - one figure that a user reads, with what it rests on; or why there is none.
 */
#ifndef REPLAY_ESTIMATE_ESTIMATE_H
#define REPLAY_ESTIMATE_ESTIMATE_H

#include <glib.h>

#include "replay/estimate/interval.h"

enum metric {
	/* by the episode chain: what the VMs would have done with the time */
	METRIC_THROUGHPUT_GAIN,
	METRIC_SPIN_CPU_SAVED,
	METRIC_IPI_RESPONSE_CHANGE,
	METRIC_PAUSE_EXITS_CHANGE,
	METRIC_YIELDS_CHANGE,
	/* per decision: this spin alone, all else as recorded */
	METRIC_EPISODE_SPIN_SAVED,
	METRIC_EPISODE_RESPONSE_CHANGE,
	METRIC_YIELD_COST,
	METRIC_DISPLACED,
	N_METRICS,
};

struct metric_info {
	const char *name, *unit, *method, *says;
	double floor, share;	/* the model's own error: the larger of this, and of this share of the value */
};

extern const struct metric_info metric_infos[N_METRICS];

struct estimate {
	enum metric metric;
	double value;			/* NAN: refused, see reason */
	double statistical[2], total[2]; /* 95 % intervals; NAN with value */
	double bounds[2];		/* what it may be if what is not known is at its worst, at its best; NAN: none */
	double support;			/* share of the evidence that the figure rests on, 0 to 1; NAN: refused */
	enum verdict verdict;
	char *reason;			/* of a refusal, or what to mind; NULL */
};

/*
 * A figure from its value and its replicates, [n], which are sorted. A metric that is
 * better when it falls is a gain when it falls. widen: further error of the model, in
 * the metric's unit.
 */
void estimate_set(struct estimate *e, enum metric metric, double value, double *replicates, gsize n,
		  double support, double widen);

/* Widen the total interval until it has lo and hi, and say why. Takes reason. Nothing if there is no figure. */
void estimate_cover(struct estimate *e, double lo, double hi, char *reason);

/* No figure, and why. Takes reason. */
void estimate_refuse(struct estimate *e, enum metric metric, enum verdict verdict, char *reason);

#endif
