/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shadow - the recorded host's fair scheduler, followed along the recorded
 * stretches: would a vCPU thread that waits be run next if kvm_vcpu_yield_to()
 * named it? No event shows that; it hangs on virtual times (fair.h).
 *
 * A stream: advance it in the order of time, ask about candidates in between.
 *
 * What it cannot see. Threads are in one cfs_rq of their CPU if the host facts give
 * them the same cgroup or none; two that are not in one have an unknown bucket, as
 * have vCPUs that libvirt put into a cgroup each, and so have all of them if
 * neither the sched features nor the kernel's release are known. In a cgroup other
 * than the root the levels above can still lose the hint. A migration shows when the
 * thread runs on its new CPU, and not before. Autogroups are not told by host facts.
 * Yields are those that were probed, imputed or, if a replay has left them in the
 * database, inferred; where half of them are missing it foretells clearly less.
 */
#ifndef REPLAY_ESTIMATE_SHADOW_H
#define REPLAY_ESTIMATE_SHADOW_H

#include "replay/estimate/scheduler.h"

/*
 * By the margin of the thread, ns of virtual time, which the scheduler wants not to be negative to
 * honour the hint. EEVDF: its lag. CFS: wakeup granularity less its distance to the leftmost.
 */
enum shadow_bucket {
	SHADOW_ELIGIBLE,
	SHADOW_250US,		/* (-250 us, 0) */
	SHADOW_500US,		/* (-500 us, -250 us] */
	SHADOW_1MS, SHADOW_2MS,
	SHADOW_BEYOND,		/* <= -2 ms */
	SHADOW_UNKNOWN,		/* or what is known reaches more than 250 us to both sides of 0 */
	N_SHADOW_BUCKETS,
};

extern const char *const shadow_bucket_names[N_SHADOW_BUCKETS];

/* The bucket of a margin that is known. */
enum shadow_bucket shadow_bucket(int64_t margin);

struct shadow_quality {
	enum shadow_scheduler scheduler;
	enum shadow_buddy buddy;
	bool forfeit;		/* EEVDF: the yield rule that was kept: vruntime becomes deadline */
	/*
	 * Switches to a thread where another waited, and the share of them that the account allowed
	 * before it was corrected; with [0] the deadline rule, [1] the forfeit rule. CFS has one
	 * rule.
	 */
	int64_t picks;
	double self_check[2];	/* NAN: no such rule, or no picks */
	/*
	 * Yields whose target waited, and the share of them where the account knew if it would be
	 * picked next.
	 */
	int64_t hints;
	double foretold[2];
};

struct shadow_view {
	enum shadow_bucket bucket;
	bool same_rq;			/* on the spinner's CPU */
	unsigned int nr_running;	/* fair threads on its CPU; 0: it is on no queue */
	int64_t lo, margin, hi;		/* DB_NULL if nothing is known */
	int64_t waited;			/* ns since it was runnable; DB_NULL: unknown, or not */
};

struct shadow;

/*
 * A shadow at the beginning of the recording, which must outlive it. Reads the recording once,
 * under both rules of what a yield costs, and keeps the one that foretells better. NULL: damaged.
 */
struct shadow *shadow_new(const struct recorded *recorded, GError **error);
void shadow_free(struct shadow *shadow);

/* Bring it to t, which never goes back: all that happened before t. */
bool shadow_advance(struct shadow *shadow, int64_t t, GError **error);

/* What became of candidate at that time, for a yield by spinner; both are ids of vcpu. */
void shadow_candidate(struct shadow *shadow, int64_t spinner, int64_t candidate,
		      struct shadow_view *view);

const struct shadow_quality *shadow_quality(const struct shadow *shadow);

#endif
