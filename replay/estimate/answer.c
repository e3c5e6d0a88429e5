// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How IPIs are answered: which vectors their senders wait for, and how long after
 * the acknowledgement a sender goes on.
 */
#include <stdlib.h>

#include "replay/estimate/episode.h"

/* Visible sends of a vector that it takes to say whether senders wait for it. */
enum { ENOUGH_SENDS = 20 };

/* A vector is always waited for if this share of its visible sends was spun after. */
#define ALWAYS_SHARE 0.8

/* From this share on an answer is a response that somebody waits for. */
#define RESPONSE_SHARE 0.5

/* Of a handler, where it cannot be measured. */
#define HANDLER_NS 3000

static struct ipi_vector *vector_of(const struct episodes *e, unsigned int vm, uint8_t vector)
{
	for (guint i = 0; i < e->vectors->len; i++) {
		struct ipi_vector *v = &g_array_index(e->vectors, struct ipi_vector, i);

		if (v->vm == vm && v->vector == vector)
			return v;
	}
	return NULL;
}

double ipi_vector_waited(const struct episodes *e, unsigned int vm, uint8_t vector)
{
	const struct ipi_vector *v = vector_of(e, vm, vector);

	return v && v->visible >= ENOUGH_SENDS ? (double)v->waited / v->visible : -1;
}

bool send_is_waited_for(const struct episodes *e, const struct send *send)
{
	return ipi_vector_waited(e, e->scores->recorded->vcpus[send->vcpu].vm, send->vector) >= RESPONSE_SHARE;
}

bool ipi_vector_always(const struct episodes *e, unsigned int vm, uint8_t vector)
{
	return ipi_vector_waited(e, vm, vector) >= ALWAYS_SHARE;
}

int64_t edge_answered(const struct episodes *e, unsigned int vm, const struct edge *edge, bool longest)
{
	int64_t handler = longest ? e->handlers[vm].longest : e->handlers[vm].typical;
	/* one that is written in guest memory was so some time before an exit noticed it */
	bool late = edge->ack_lo < edge->ack && !longest;
	int64_t ack = late ? edge->ack_lo : edge->ack, t;

	if (edge->ack == NEVER)
		return NEVER;
	t = timeline_when(e->tl, edge->receiver_vcpu, timeline_ran(e->tl, edge->receiver_vcpu, ack) + handler);
	return t == NEVER ? edge->ack : late ? MIN(t, edge->ack) : t;
}

const struct edge *send_answered(const struct episodes *e, const struct send *send, bool longest, int64_t *t,
				 bool *vague)
{
	unsigned int vm = e->scores->recorded->vcpus[send->vcpu].vm;
	const struct edge *last = NULL;

	*t = INT64_MIN;
	*vague = false;
	for (guint i = 0; i < send->n_edges; i++) {
		const struct edge *edge = edge_at(e->sends, send->edge + i);
		int64_t answered = edge_answered(e, vm, edge, longest);

		*vague |= edge->vague;
		if (answered >= *t) {
			*t = answered;
			last = edge;
		}
	}
	return last;
}

int send_outstanding(const struct episodes *e, unsigned int vcpu, int64_t t)
{
	int sent = sends_before(e->sends, vcpu, t), i = sent >= 0 ? e->waitable[sent] : -1;
	const struct send *send = i >= 0 ? send_at(e->sends, i) : NULL;
	int64_t answered;
	bool vague;

	/* of a vector that is waited for now and then it cannot be said whether it is this one */
	if (!send || !ipi_vector_always(e, e->scores->recorded->vcpus[vcpu].vm, send->vector))
		return -1;
	send_answered(e, send, true, &answered, &vague);
	return !send->tainted && answered != NEVER && answered >= t ? i : -1;
}

/* Its sender's last send up to each that may be waited for: what is between is looked over but once. */
static void find_waitable(struct episodes *e)
{
	e->waitable = g_new(int, e->sends->sends->len + 1);
	for (guint i = 0; i < e->sends->sends->len; i++) {
		const struct send *send = send_at(e->sends, i);
		double waited = ipi_vector_waited(e, e->scores->recorded->vcpus[send->vcpu].vm, send->vector);
		bool never = waited >= 0 && waited < 1 - ALWAYS_SHARE;

		e->waitable[i] = !never ? (int)i : i > e->sends->first[send->vcpu] ? e->waitable[i - 1] : -1;
	}
}

bool episode_awaits(const struct episodes *e, const struct episode *ep, unsigned int vcpu_idx, int64_t t)
{
	const struct send *send;

	if (ep->send < 0)
		return (int)vcpu_idx == ep->unblocker;
	send = send_at(e->sends, ep->send);
	for (guint i = 0; i < send->n_edges; i++) {
		const struct edge *edge = edge_at(e->sends, send->edge + i);

		if (edge->receiver == vcpu_idx && edge_answered(e, ep->vm, edge, false) > t)
			return true;
	}
	return false;
}

/* Its first decision after t; the index is into order, and first[vcpu + 1] if there is none. */
static guint decision_after(const struct episodes *e, unsigned int vcpu, int64_t t)
{
	guint lo = e->first[vcpu], hi = e->first[vcpu + 1];

	while (lo < hi) {
		guint mid = lo + (hi - lo) / 2;

		if (scored_at(e->scores, e->order[mid])->t <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Does the decision at place i of order go on with the spinning that was under way at t? */
static bool goes_on(const struct episodes *e, unsigned int vcpu, int64_t t, guint i)
{
	const struct scored *d = i < e->first[vcpu + 1] ? scored_at(e->scores, e->order[i]) : NULL;
	int n_switches;

	if (!d)
		return false;
	n_switches = timeline_find(e->tl, vcpu, d->t) - timeline_find(e->tl, vcpu, t);
	return timeline_ran(e->tl, vcpu, d->t) - timeline_ran(e->tl, vcpu, t) <=
	       1.25 * e->windows[d->vm].hi * e->unit[e->order[i]] + (3.0 + d->n_eoi) * HANDLER_NS +
	       (double)n_switches * C_SW;
}

static void count(struct episodes *e, const struct send *send)
{
	unsigned int vm = e->scores->recorded->vcpus[send->vcpu].vm;
	struct ipi_vector *v = vector_of(e, vm, send->vector), fresh = { vm, send->vector };
	double window = e->windows[vm].hi;
	guint next = decision_after(e, send->vcpu, send->t_last);
	int64_t t;
	bool vague;

	send_answered(e, send, false, &t, &vague);
	if (t == NEVER || send->tainted || t - send->t_last < 3 * window ||
	    timeline_ran(e->tl, send->vcpu, t) - timeline_ran(e->tl, send->vcpu, send->t_last) < 2 * window)
		return;
	if (!v) {
		g_array_append_val(e->vectors, fresh);
		v = vector_of(e, vm, send->vector);
	}
	v->visible++;
	v->waited += goes_on(e, send->vcpu, send->t_last, next) && scored_at(e->scores, e->order[next])->t < t;
}

/*
 * How long the last receiver had run since its acknowledgement when the sender was
 * seen to spin once more; 0: it was not, or so late that it may be another wait.
 */
static int64_t spun_after(const struct episodes *e, const struct send *send, int64_t until)
{
	guint i = decision_after(e, send->vcpu, send->t_last);
	int64_t last = send->t_last, answered, ns;
	const struct edge *edge;
	bool vague;

	edge = send_answered(e, send, false, &answered, &vague);
	if (!edge || edge->ack == NEVER || vague || send->tainted)
		return 0;
	for (; goes_on(e, send->vcpu, last, i); i++) {
		last = scored_at(e->scores, e->order[i])->t;
		if (last >= until)
			return 0;
		if (last > edge->ack) {
			ns = timeline_ran(e->tl, edge->receiver_vcpu, last) -
			     timeline_ran(e->tl, edge->receiver_vcpu, edge->ack);
			return ns < e->windows[scored_at(e->scores, e->order[i])->vm].lo ? ns : 0;
		}
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void measure_handlers(struct episodes *e, unsigned int vm)
{
	const GArray *sends = e->sends->sends;
	g_autoptr(GArray) after = g_array_new(FALSE, FALSE, sizeof(int64_t));

	for (guint i = 0; i < sends->len; i++) {
		const struct send *send = send_at(e->sends, i);
		bool more = i + 1 < sends->len && send_at(e->sends, i + 1)->vcpu == send->vcpu;
		int64_t ns;

		if (e->scores->recorded->vcpus[send->vcpu].vm != vm || !ipi_vector_always(e, vm, send->vector))
			continue;
		ns = spun_after(e, send, more ? send_at(e->sends, i + 1)->t_first : NEVER);
		if (ns > 0)
			g_array_append_val(after, ns);
	}
	if (after->len < ENOUGH_SENDS)
		return;
	g_array_sort(after, by_value);
	e->handlers[vm] = (struct handler){
		.typical = MAX(HANDLER_NS, g_array_index(after, int64_t, after->len / 2)),
		.longest = MAX(HANDLER_NS, 2 * g_array_index(after, int64_t, (guint)(after->len * 0.9))),
	};
}

void episodes_find_answers(struct episodes *e)
{
	for (unsigned int vm = 0; vm < e->scores->recorded->n_vms; vm++)
		e->handlers[vm] = (struct handler){ HANDLER_NS, HANDLER_NS };
	for (guint i = 0; i < e->sends->sends->len; i++)
		count(e, send_at(e->sends, i));
	find_waitable(e);
	for (unsigned int vm = 0; vm < e->scores->recorded->n_vms; vm++)
		measure_handlers(e, vm);
}
