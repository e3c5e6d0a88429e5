/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between natural.c and natural_sample.c. */
#ifndef REPLAY_ESTIMATE_NATURAL_INT_H
#define REPLAY_ESTIMATE_NATURAL_INT_H

#include "replay/estimate/natural.h"

struct natural_derived {
	bool known;		/* unblocker and start index, and how likely that one was */
	bool open;		/* either outcome was likely enough */
	bool enters;		/* and its stratum has enough of either */
	bool treated;		/* the unblocker was picked */
	size_t stratum;		/* of those of the sample, from 0 */
	double p;		/* that it would be */
	double p_elsewhere;	/* given that the start index is another; NaN: it never is */
};

/* Weights, and weighted outcomes, of one stratum. */
struct natural_sums {
	double untreated_weight, untreated, treated_weight, treated;
};

struct natural_sample {
	const struct natural_record *records;
	size_t n, n_strata;
	struct natural_derived *derived;	/* [n] */
	double *odds;		/* [n]: (1 - p) / p, of being untreated */
	double *n_untreated;	/* [n_strata]: that enter */
	struct natural_sums *sums;	/* [max(n_strata, 1)], scratch */
};

/*
 * natural_means(), stratified, with other odds, [n]; strata are averaged with the numbers
 * of untreated in the sample, whatever the outcome leaves out of them.
 */
struct natural_means natural_means_fixed(const struct natural_sample *sample,
					 const double *outcome, const double *odds);

#endif
