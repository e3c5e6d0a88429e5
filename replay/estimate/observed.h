/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * observed - what was recorded, in figures that a reader compares between hosts, each
 * with an interval for another stretch of the same load. No policy has a part in it.
 */
#ifndef REPLAY_ESTIMATE_OBSERVED_H
#define REPLAY_ESTIMATE_OBSERVED_H

#include "replay/estimate/evidence.h"

enum observed_metric {
	OBSERVED_SPIN_CPUS, OBSERVED_SPIN_SHARE, OBSERVED_STEAL_SHARE, OBSERVED_PAUSE_EXITS, OBSERVED_YIELDS,
	OBSERVED_WASTED_YIELDS, OBSERVED_IPI_RESPONSE, OBSERVED_EPISODE_LENGTH, N_OBSERVED,
};

struct observed_info {
	const char *name, *unit;	/* as in table observed */
};

extern const struct observed_info observed_infos[N_OBSERVED];

/* What is added up, by cell of the bootstrap. Times in ns; what touches a gap is left out. */
enum observed_tally {
	TALLY_TIME,		/* recorded */
	TALLY_VCPU_TIME,	/* of all vCPUs that ever ran */
	TALLY_ON_CPU,		/* they were on a CPU */
	TALLY_QUEUED, TALLY_QUEUINGS, /* they were runnable, and not; how often */
	TALLY_EPISODES, TALLY_WALL, TALLY_SPIN, /* waits with PAUSE exits; their length; on a CPU */
	TALLY_DECISIONS,
	TALLY_KNOWN,		/* of these: what the kernel did is known */
	TALLY_YIELDS,		/* of these: it yielded to somebody */
	TALLY_JUDGED,		/* of these: whom the spinner waited for is known */
	TALLY_WASTED,		/* of these: it yielded to another */
	TALLY_IPIS, TALLY_RESPONSE, /* IPIs that were waited for and acknowledged; how long that took */
	N_TALLIES,
};

/* The tallies of one cell. */
struct observed_cell {
	double n[N_TALLIES];
};

struct observed_figure {
	double value;			/* NAN: not known, and reason says why */
	double statistical[2];		/* 95 %; NAN: too little was recorded */
	int64_t n;			/* episodes, exits, yields or IPIs that it rests on */
	const char *reason;		/* NULL */
};

/*
 * figures, [N_OBSERVED], from cells, [bootstrap_n_cells()]. Decisions of which it is not
 * known what the kernel did are taken to be like the others.
 */
void observed_figures(const struct observed_cell *cells, struct bootstrap *bootstrap,
		      struct observed_figure *figures);

/* A yield of which it is known whom the spinner waited for. */
struct judged_yield {
	int64_t decision;
	bool wasted;			/* to a vCPU that is not waited for, or has answered by then */
};

struct observed {
	unsigned int n_vms;
	GArray *judged;			/* of struct judged_yield, as OBSERVED_WASTED_YIELDS has them */
	struct observed_figure (*figures)[N_OBSERVED]; /* [n_vms + 1]: as in recorded.vms; last, all */
};

/* NULL with error set if the database cannot be read. */
struct observed *observed_new(const struct evidence *evidence, GError **error);
void observed_free(struct observed *observed);

/* Over all VMs. */
static inline const struct observed_figure *observed_of_all(const struct observed *o, enum observed_metric metric)
{
	return &o->figures[o->n_vms][metric];
}

#endif
