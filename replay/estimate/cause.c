// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an episode waited for. An IPI, if one was out when the spinning began and
 * its answer came when the spinning ended; else a lock, whose holder can only be
 * guessed from who made progress at the end.
 */
#include <stdlib.h>
#include <string.h>

#include "replay/estimate/episode.h"

/* A vCPU that made less progress than this has released nothing. */
#define PROGRESS_NS 500

/* A vector is waited for by more than this share of its visible sends, or not. */
#define WAITED_SHARE 0.2

/* Sends before the first PAUSE exit that are looked at. */
enum { MAX_SENDS = 4 };

/* Could the spinning have begun with this send? */
static bool begins_with(const struct episodes *e, const struct episode *ep, const struct send *send)
{
	const struct scored *first = scored_at(e->scores, episode_decision(e, ep, 0));
	double window = e->windows[ep->vm].hi * e->unit[episode_decision(e, ep, 0)];
	int n_switches = timeline_find(e->tl, ep->vcpu, first->t) - timeline_find(e->tl, ep->vcpu, send->t_last);
	double waited = ipi_vector_waited(e, ep->vm, send->vector);
	double limit = 1.25 * window + (3.0 + first->n_eoi) * e->handlers[ep->vm].typical + (double)n_switches * C_SW;

	if (waited >= 0 && waited < WAITED_SHARE)
		return false;
	return timeline_ran(e->tl, ep->vcpu, first->t) - timeline_ran(e->tl, ep->vcpu, send->t_last) <= limit;
}

static bool explain_by(const struct episodes *e, struct episode *ep, int index)
{
	const struct send *send = send_at(e->sends, index);
	const struct scored *first = scored_at(e->scores, episode_decision(e, ep, 0));
	double window = e->windows[ep->vm].hi * e->unit[episode_decision(e, ep, 0)];
	bool must = index == send_outstanding(e, ep->vcpu, first->t), vague;
	int64_t typical, longest;
	const struct edge *last = send_answered(e, send, true, &longest, &vague);

	if (!last || (!must && !begins_with(e, ep, send)) || longest <= first->t || longest < ep->lo)
		return false;
	last = send_answered(e, send, false, &typical, &vague);
	if (last->ack_lo > ep->hi + window)
		return false;
	ep->cause = CAUSE_IPI;
	ep->send = index;
	ep->unblocker = last->receiver;
	ep->unblocker_vcpu = last->receiver_vcpu;
	ep->confidence = vague || ipi_vector_waited(e, ep->vm, send->vector) < 0 ? 2 : 3;
	ep->tainted |= send->tainted;
	ep->s = CLAMP(send->t_last, ep->s, first->t);
	ep->end = timeline_next_in(e->tl, ep->vcpu, CLAMP(typical, ep->lo, ep->hi));
	ep->end = CLAMP(ep->end, ep->lo, ep->hi);
	return true;
}

static bool explain_by_ipi(const struct episodes *e, struct episode *ep)
{
	const struct scored *first = scored_at(e->scores, episode_decision(e, ep, 0));
	int index = sends_before(e->sends, ep->vcpu, first->t);

	for (int n = 0; n < MAX_SENDS && index >= (int)e->sends->first[ep->vcpu]; n++, index--)
		if (explain_by(e, ep, index))
			return true;
	return false;
}

/* The first episode of vcpu that ends after t. */
static guint first_after(const struct episodes *e, unsigned int vcpu, int64_t t)
{
	guint lo = e->first_episode[vcpu], hi = e->first_episode[vcpu + 1];

	while (lo < hi) {
		guint mid = lo + (hi - lo) / 2;

		if (episode_at(e, mid)->end <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int episode_of(const struct episodes *e, unsigned int vcpu, int64_t t)
{
	guint i = first_after(e, vcpu, t);

	return i < e->first_episode[vcpu + 1] && episode_at(e, i)->s <= t ? (int)i : -1;
}

bool episode_awaits_indirectly(const struct episodes *e, const struct episode *ep, unsigned int vcpu_idx, int64_t t)
{
	const struct recorded_vm *vm = &e->scores->recorded->vms[ep->vm];

	for (unsigned int idx = 0; idx < vm->n_vcpus; idx++) {
		int other;

		if (idx == ep->me || idx == vcpu_idx || !vm->vcpus[idx] || !episode_awaits(e, ep, idx, t))
			continue;
		other = episode_of(e, vm->vcpus[idx], t);
		if (other >= 0 && episode_awaits(e, episode_at(e, other), vcpu_idx, t))
			return true;
	}
	return false;
}

/* On-CPU time of vcpu in [t0, t1) outside its own episodes. */
static int64_t progress(const struct episodes *e, unsigned int vcpu, int64_t t0, int64_t t1)
{
	int64_t ran = timeline_ran(e->tl, vcpu, t1) - timeline_ran(e->tl, vcpu, t0);
	guint lo = first_after(e, vcpu, t0);

	for (; lo < e->first_episode[vcpu + 1] && episode_at(e, lo)->s < t1 && ran > 0; lo++) {
		const struct episode *ep = episode_at(e, lo);

		ran -= timeline_ran(e->tl, vcpu, MIN(ep->end, t1)) - timeline_ran(e->tl, vcpu, MAX(ep->s, t0));
	}
	return ran;
}

/* Was vcpu preempted in kernel mode at t? */
static bool preempted_in_kernel(const struct episodes *e, unsigned int vcpu, int64_t t)
{
	int i = timeline_find(e->tl, vcpu, t);
	const struct stretch *st = i >= 0 ? &g_array_index(e->tl->lines[vcpu], struct stretch, i) : NULL;

	return st && t >= st->t1 && st->runnable && st->in_kernel == 1;
}

struct suspects {
	unsigned int n, n_in_kernel;
	unsigned int latest, in_kernel;		/* vcpu.id: last switched in; in kernel mode */
	int64_t latest_in;
};

static void suspect(const struct episodes *e, const struct episode *ep, unsigned int vcpu, struct suspects *s)
{
	int i = timeline_find(e->tl, vcpu, ep->end);
	int64_t t_in = i >= 0 ? g_array_index(e->tl->lines[vcpu], struct stretch, i).t0 : 0;

	s->n++;
	if (preempted_in_kernel(e, vcpu, ep->lo)) {
		s->n_in_kernel++;
		s->in_kernel = vcpu;
	}
	if (!s->latest || t_in > s->latest_in) {
		s->latest = vcpu;
		s->latest_in = t_in;
	}
}

static void explain_by_lock(const struct episodes *e, struct episode *ep)
{
	const struct recorded *r = e->scores->recorded;
	const unsigned int *vcpus = r->vms[ep->vm].vcpus;
	struct suspects s = { 0 };

	for (unsigned int idx = 0; idx < r->vms[ep->vm].n_vcpus; idx++)
		if (idx != ep->me && vcpus[idx] &&
		    progress(e, vcpus[idx], ep->lo, ep->end) > PROGRESS_NS)
			suspect(e, ep, vcpus[idx], &s);
	if (!s.n)
		return;
	ep->unblocker_vcpu = s.n == 1 ? s.latest : s.n_in_kernel == 1 ? s.in_kernel : s.latest;
	ep->unblocker = r->vcpus[ep->unblocker_vcpu].idx;
	ep->confidence = s.n == 1 || s.n_in_kernel == 1 ? 2 : 1;
	for (guint j = 0; j < ep->n && ep->cause == CAUSE_UNKNOWN; j++)
		if (preempted_in_kernel(e, ep->unblocker_vcpu, scored_at(e->scores, episode_decision(e, ep, j))->t))
			ep->cause = CAUSE_LOCK;
}

void episodes_explain(struct episodes *e)
{
	for (guint i = 0; i < e->list->len; i++)
		explain_by_ipi(e, &g_array_index(e->list, struct episode, i));
	for (guint i = 0; i < e->list->len; i++) {
		struct episode *ep = &g_array_index(e->list, struct episode, i);

		if (ep->cause != CAUSE_IPI)
			explain_by_lock(e, ep);
		ep->spin = timeline_ran(e->tl, ep->vcpu, ep->end) - timeline_ran(e->tl, ep->vcpu, ep->s);
	}
}
