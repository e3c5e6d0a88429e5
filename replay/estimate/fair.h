/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fair - the virtual time of the fair class, kept in account and never asked to
 * choose: who runs is told, as a recording shows it, and the run queues' state
 * that no event shows follows. One queue per CPU and group of entities that share
 * a cfs_rq there.
 *
 * The kernel's rules (kernel/sched/fair.c): vruntime grows by runtime * 1024 /
 * weight. EEVDF (6.6 and later) lets a buddy run if its lag, the weighted average
 * of the queue less its own vruntime, is not negative. CFS, before, lets it run if
 * it is behind the leftmost by no more than wakeup_granularity.
 *
 * Where an entity begins is not known. Whoever is picked was allowed to be, which
 * corrects it: the first corrections tell where it is, and the later ones how far
 * the account can be trusted. That is its doubt: it starts at slice + tick, halves
 * at each pick that was to be expected, and is at least the last correction.
 *
 * Entities are numbers below n, CPUs and groups small numbers. Times are ns; what
 * happens to one CPU comes in the order of time.
 */
#ifndef REPLAY_ESTIMATE_FAIR_H
#define REPLAY_ESTIMATE_FAIR_H

#include <stdbool.h>
#include <stdint.h>

#define FAIR_WEIGHT_0 1024	/* of nice 0 */

enum fair_kind { FAIR_CFS, FAIR_EEVDF };

struct fair_params {
	enum fair_kind kind;
	int64_t slice;			/* base_slice; CFS: sched_latency */
	int64_t tick;
	int64_t wakeup_granularity;	/* CFS */
	bool gentle_sleepers;		/* CFS: GENTLE_FAIR_SLEEPERS */
	bool last_buddy;		/* CFS: LAST_BUDDY */
	bool place_lag;			/* EEVDF: PLACE_LAG */
	bool delay_dequeue;		/* EEVDF: DELAY_DEQUEUE, with DELAY_ZERO */
	/*
	 * EEVDF, what a yield costs: true: an eligible yielder's vruntime becomes its deadline;
	 * false: only its deadline moves, which the account does not need then.
	 */
	bool forfeit;
};

/*
 * How well the account foretells, before each is used to correct it: picks among
 * several, and those that were allowed; hints that a pick met, and those of which it
 * was foretold whether they would be honoured.
 */
struct fair_check {
	int64_t picks, allowed;
	int64_t hints, foretold;
};

/*
 * How far a waiting entity is from being allowed, ns of virtual time: it is if this is not
 * negative. EEVDF: its lag; CFS: wakeup granularity less the distance to the leftmost, sleepers
 * that are just back and run briefly apart: they come first in any case, and the hint outlives
 * that.
 */
struct fair_margin {
	int64_t lo, margin, hi;		/* margin -+ doubt */
};

struct fair;

struct fair *fair_new(const struct fair_params *params, unsigned int n);
void fair_free(struct fair *fair);

/* e is woken onto a queue. Nothing happens if it is on one. */
void fair_wake(struct fair *fair, unsigned int e, unsigned int cpu, unsigned int group,
	       unsigned int weight, int64_t t);

/*
 * e gets the CPU, which has no current; from another CPU's queue it is migrated, from none it is
 * new.
 */
void fair_pick(struct fair *fair, unsigned int e, unsigned int cpu, unsigned int group,
	       unsigned int weight, int64_t t);

/* e leaves the CPU, to wait for it or to sleep. */
void fair_stop(struct fair *fair, unsigned int e, int64_t t, bool runnable);

/* e yields to target in favour of which the queue's hint is set. Nothing happens if e does not run.
 */
void fair_yield(struct fair *fair, unsigned int e, unsigned int target, int64_t t);

/* Nothing is known of e any more: it is on no queue, and new when it comes again. */
void fair_forget(struct fair *fair, unsigned int e);

/* The CPU on whose queue e runs or waits; -1: none. */
int fair_cpu(const struct fair *fair, unsigned int e);
bool fair_runs(const struct fair *fair, unsigned int e);

/* Entities that run or wait on cpu. */
unsigned int fair_nr_running(const struct fair *fair, unsigned int cpu);

/* The margin at t of e, which changes nothing. False: it does not wait. */
bool fair_margin(const struct fair *fair, unsigned int e, int64_t t, struct fair_margin *margin);

const struct fair_check *fair_check(const struct fair *fair);

#endif
