/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moment_cut - how much of a moment is shown: which of its rows, of which time, on which CPUs.
 */
#ifndef ANALYZE_REPORT_MOMENT_CUT_H
#define ANALYZE_REPORT_MOMENT_CUT_H

#include "analyze/report/moments.h"

/* Each level leaves out what the one before does, too. */
enum level {
	ALL,
	TELLING,	/* explanations of decisions alone that a policy makes differently, or of the moment's wait */
	OF_THE_VM,	/* CPUs on which the moment's VM did not run, and waits of other VMs */
	ONE_EXPLAINED,	/* explanations but the one to look at first */
	QUARTER,	/* all but a quarter of the time, around that decision */
	SIXTEENTH, SIXTY_FOURTH, THOUSANDTH,
	NAMED,		/* all but the sentence */
};

struct moment_cut {
	const struct shown_moment *m;
	const struct moments *moments;
	enum level level;
	int64_t t0, t1;		/* shown, ns from the moment's own start */
	GHashTable *cpus;	/* shown; NULL: all */
	int64_t least;		/* explanations are shown of decisions worth so much: DECISION_KEEP */
};

struct moment_cut *moment_cut_new(const struct moments *moments, const struct shown_moment *m, enum level level);
void moment_cut_free(struct moment_cut *cut);

/* Is the row shown? */
bool moment_cut_keeps(const struct moment_cut *cut, enum row_kind kind, const int64_t *row);

/* The value of a column as shown: times are from cut.t0. */
int64_t moment_cut_value(const struct moment_cut *cut, enum row_kind kind, const int64_t *row, unsigned int column);

/* How many rows are shown. */
unsigned int moment_cut_rows(const struct moment_cut *cut);

/* How many of the moment's CPUs are not. */
unsigned int moment_cut_cpus_left_out(const struct moment_cut *cut);

#endif
