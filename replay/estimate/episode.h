/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * episode - waits as they show from outside: runs of PAUSE exits of one vCPU that
 * belong to one spin, and what it waited for. An inference, with a confidence.
 */
#ifndef REPLAY_ESTIMATE_EPISODE_H
#define REPLAY_ESTIMATE_EPISODE_H

#include "replay/estimate/pause_window.h"
#include "replay/estimate/scores.h"
#include "replay/estimate/sends.h"
#include "replay/estimate/timeline.h"

/* What a context switch costs the vCPU that it comes back to, ns. */
#define C_SW 2000

enum cause { CAUSE_UNKNOWN, CAUSE_IPI, CAUSE_LOCK, N_CAUSES };

extern const char *const cause_names[N_CAUSES];

/* One wait, first PAUSE exit to progress. Times in ns; [s, end) with end in [lo, hi]. */
struct episode {
	unsigned int vm, vcpu, me;	/* index into recorded.vms; vcpu.id and vcpu_idx of the spinner */
	guint first, n;			/* its decisions, in episodes.order */
	int64_t s, lo, hi, end;
	int64_t spin;			/* on the CPU in [s, end) */
	enum cause cause;
	int unblocker;			/* vcpu_idx; -1: not known */
	unsigned int unblocker_vcpu;	/* vcpu.id; 0 */
	int confidence;			/* 0 to 3 */
	int send;			/* index into sends; -1: no IPI */
	int parent;			/* the episode it interrupted; -1 */
	bool tainted;			/* touches a gap */
};

/* Do the senders of a VM's vector wait? What a kernel uses it for is not assumed. */
struct ipi_vector {
	unsigned int vm;
	uint8_t vector;
	unsigned int visible;		/* sends whose wait, if it was one, had to show */
	unsigned int waited;		/* of these, sends that the sender spun after, at once */
};

/* From acknowledgement to the sender's progress, in ns of the receiver's time on a CPU. */
struct handler {
	int64_t typical, longest;
};

struct episodes {
	const struct scores *scores;
	const struct timeline *tl;
	const struct sends *sends;
	guint *order;			/* decisions by vCPU and time */
	double *unit;			/* by decision: see pause_window.h */
	struct pause_window *windows;	/* by VM */
	guint *first;			/* by vcpu.id: its first decision in order; [n_vcpus + 1]: the end */
	GArray *vectors;		/* of struct ipi_vector */
	int *waitable;			/* by send: the last up to it, of its sender, that may be waited for; -1 */
	struct handler *handlers;	/* by VM */
	GArray *list;			/* of struct episode, by vCPU and time */
	guint *first_episode;		/* by vcpu.id: its first in list; [n_vcpus + 1]: the end */
};

struct episodes *episodes_find(const struct scores *scores, const struct timeline *tl, const struct sends *sends);
void episodes_free(struct episodes *e);

static inline const struct episode *episode_at(const struct episodes *e, guint i)
{
	return &g_array_index(e->list, struct episode, i);
}

/* Decision j of an episode, and its index in scores. */
static inline guint episode_decision(const struct episodes *e, const struct episode *ep, guint j)
{
	return e->order[ep->first + j];
}

/*
 * Fill vectors, waitable and handlers (answer.c). A send's wait had to show if the sender ran
 * for more than two windows before the answer; the shortest handlers that explain
 * why senders still spun after an acknowledgement are what is known of handlers.
 */
void episodes_find_answers(struct episodes *e);

/* Share of visible sends that were waited for; -1: too few to tell. */
double ipi_vector_waited(const struct episodes *e, unsigned int vm, uint8_t vector);

/* Is the answer a response that somebody waits for, as far as the vector tells? */
bool send_is_waited_for(const struct episodes *e, const struct send *send);

/* Senders of this vector always wait: who has one out does nothing else. */
bool ipi_vector_always(const struct episodes *e, unsigned int vm, uint8_t vector);

/* When the receiver has run its handler since the acknowledgement, a typical or the longest one. NEVER. */
int64_t edge_answered(const struct episodes *e, unsigned int vm, const struct edge *edge, bool longest);

/* The edge of a send that is answered last, and when; *vague: its acknowledgement is. NULL: it has none. */
const struct edge *send_answered(const struct episodes *e, const struct send *send, bool longest, int64_t *t,
				 bool *vague);

/*
 * The IPI that vcpu, spinning at t, must be waiting for: its last of a vector whose
 * senders always wait, if that was not answered long before t. -1: none, or none
 * whose answer was ever seen.
 */
int send_outstanding(const struct episodes *e, unsigned int vcpu, int64_t t);

/* Does the spinner wait for vcpu_idx, at t? By its IPI if it has one, else by its unblocker. */
bool episode_awaits(const struct episodes *e, const struct episode *ep, unsigned int vcpu_idx, int64_t t);

/* The episode that vcpu is in at t; -1: none. */
int episode_of(const struct episodes *e, unsigned int vcpu, int64_t t);

/* Does a vCPU that the spinner waits for wait itself, for vcpu_idx, at t? */
bool episode_awaits_indirectly(const struct episodes *e, const struct episode *ep, unsigned int vcpu_idx, int64_t t);

/* Find cause, unblocker and confidence of every episode (cause.c). */
void episodes_explain(struct episodes *e);

#endif
