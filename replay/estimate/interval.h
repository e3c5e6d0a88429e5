/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interval - from replicates of a figure to what may be said about it: intervals,
 * standard errors, and one word. A replicate in which the figure has no value
 * is NaN or infinite; it is counted, and over 5 % of them refuse any answer, since
 * those with a value are then no longer a fair sample.
 */
#ifndef REPLAY_ESTIMATE_INTERVAL_H
#define REPLAY_ESTIMATE_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Percentile interval. values: [n], sorted in place. *missing (may be NULL): how many
 * have no value. False, with NaN limits: too many without, or so few replicates that
 * the limits would be their least and greatest (level .95 needs 40).
 */
bool interval_percentile(double *values, size_t n, double level, double *lo, double *hi,
			 size_t *missing);

/* Standard deviation of the values; NaN: fewer than two, or too many without. */
double standard_error(const double *values, size_t n);

/*
 * Two-sided p value of "there is no effect" that goes with a 95 % interval: the side
 * towards zero is taken as 1.96 standard errors. NaN: no interval.
 */
double interval_p_value(double value, double lo, double hi);

/*
 * Holm's adjustment of n p values that are looked at together; [n] each, may be the
 * same array. NaN stays NaN and is no comparison.
 */
void holm_adjust(const double *p, size_t n, double *adjusted);

/*
 * Statistical interval and the model's own error m (>= 0, same unit), which longer
 * recordings do not shrink: added in quadrature to each half-width. Contains the
 * statistical interval, also where that one does not contain the value.
 */
void total_interval(double value, double stat_lo, double stat_hi, double m,
		    double *lo, double *hi);

enum verdict {
	VERDICT_GAIN, VERDICT_NO_CLEAR_EFFECT, VERDICT_LOSS,
	VERDICT_NOT_IDENTIFIABLE,	/* the recording does not determine the figure */
	VERDICT_INSUFFICIENT_DATA,	/* a longer recording might */
	VERDICT_REFUSED,		/* the estimator failed its own tests */
	N_VERDICTS,
};

extern const char *const verdict_names[N_VERDICTS];

/*
 * One of n that are compared: a gain or a loss is no clear effect if its adjusted p is 5 % or
 * more. Why goes before what *reason says, newly allocated.
 */
void verdict_among(enum verdict *verdict, char **reason, double p, size_t n);

/*
 * What a total interval says of an effect; NaN limits refuse. Too few data come
 * first: with them neither support nor tests can be judged.
 */
enum verdict verdict_of(double total_lo, double total_hi, bool enough_data, bool identifiable,
			bool refused);

#endif
