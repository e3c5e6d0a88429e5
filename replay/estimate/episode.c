// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/episode.h"

#include <string.h>

/* How much longer than the window two PAUSE exits of one spin may be apart. */
#define JOIN_FACTOR 1.25

const char *const cause_names[N_CAUSES] = { "unknown", "IPI", "lock-holder preemption" };

/* Decisions by vCPU, and by time as they are. */
static void sort(struct episodes *e)
{
	const struct scores *s = e->scores;
	unsigned int n_vcpus = s->recorded->n_vcpus;
	guint *next = g_new0(guint, n_vcpus + 2);

	e->order = g_new(guint, s->decisions->len + 1);
	e->first = g_new0(guint, n_vcpus + 2);
	for (guint i = 0; i < s->decisions->len; i++)
		e->first[scored_at(s, i)->vcpu + 1]++;
	for (unsigned int v = 1; v <= n_vcpus + 1; v++)
		next[v] = e->first[v] += e->first[v - 1];
	for (guint i = 0; i < s->decisions->len; i++)
		e->order[next[scored_at(s, i)->vcpu]++] = i;
	g_free(next);
}

/* Did the thread sleep between t1 and t2? *n_switches: how often it was switched out. */
static bool slept(const struct timeline *tl, unsigned int vcpu, int64_t t1, int64_t t2, int *n_switches)
{
	int first = timeline_find(tl, vcpu, t1), last = timeline_find(tl, vcpu, t2);

	*n_switches = MAX(last - first, 0);
	for (int i = MAX(first, 0); i < last; i++)
		if (!g_array_index(tl->lines[vcpu], struct stretch, i).runnable)
			return true;
	return false;
}

/* How two decisions of one vCPU that follow each other hang together. */
enum link { LINK_NONE, LINK_SAME, LINK_CHILD };

static enum link link_of(const struct episodes *e, guint a, guint b)
{
	const struct scored *d1 = scored_at(e->scores, a), *d2 = scored_at(e->scores, b);
	const struct pause_window *w = &e->windows[d1->vm];
	int n_switches, sent, out;
	double limit;

	if (d1->vcpu != d2->vcpu || d1->tainted || d2->tainted ||
	    slept(e->tl, d1->vcpu, d1->t, d2->t, &n_switches))
		return LINK_NONE;
	out = send_outstanding(e, d1->vcpu, d1->t);
	if (out >= 0 && out == send_outstanding(e, d1->vcpu, d2->t))
		return LINK_SAME;	/* however long it was: it cannot have gone on */
	limit = JOIN_FACTOR * w->hi * e->unit[a] + w->c_exit + (double)n_switches * C_SW +
		(double)d2->n_eoi * e->handlers[d1->vm].typical;
	if (timeline_ran(e->tl, d1->vcpu, d2->t) - timeline_ran(e->tl, d1->vcpu, d1->t) > limit)
		return LINK_NONE;
	sent = sends_before(e->sends, d1->vcpu, d2->t);
	return sent >= 0 && send_at(e->sends, sent)->t_last > d1->t ? LINK_CHILD : LINK_SAME;
}

/* The instant at which vcpu had run that long, but not before it last woke up: nobody spins in his sleep. */
static int64_t awake_when(const struct timeline *tl, unsigned int vcpu, int64_t ran, int64_t t)
{
	int64_t from = timeline_when(tl, vcpu, MAX(ran, 0));

	for (int i = timeline_find(tl, vcpu, t); i > 0; i--) {
		if (g_array_index(tl->lines[vcpu], struct stretch, i).t0 <= from)
			break;
		if (!g_array_index(tl->lines[vcpu], struct stretch, i - 1).runnable)
			return MIN(g_array_index(tl->lines[vcpu], struct stretch, i).t0, t);
	}
	return MIN(from, t);
}

static void bound(const struct episodes *e, struct episode *ep)
{
	const struct scored *first = scored_at(e->scores, episode_decision(e, ep, 0));
	guint last = episode_decision(e, ep, ep->n - 1);
	const struct pause_window *w = &e->windows[ep->vm];
	double before = e->unit[episode_decision(e, ep, 0)] * (w->unit == PAUSE_CONSTANT ? 1 : 0.5);
	int64_t next_in;

	ep->s = awake_when(e->tl, ep->vcpu, timeline_ran(e->tl, ep->vcpu, first->t) - (int64_t)(w->lo * before), first->t);
	ep->lo = scored_at(e->scores, last)->t;
	ep->hi = timeline_when(e->tl, ep->vcpu, timeline_ran(e->tl, ep->vcpu, ep->lo) +
			       (int64_t)(w->hi * e->unit[last]) + w->c_exit + C_SW);
	if (ep->hi == NEVER)
		ep->tainted = true;	/* it goes on beyond what was recorded */
	ep->hi = MIN(ep->hi, e->scores->recorded->t1);
	next_in = timeline_at(e->tl, ep->vcpu, ep->lo) ? NEVER : timeline_next_in(e->tl, ep->vcpu, ep->lo);
	if (next_in == NEVER) {
		int i = timeline_find(e->tl, ep->vcpu, ep->lo);
		const GArray *line = e->tl->lines[ep->vcpu];

		if (i >= 0 && (guint)i + 1 < line->len)
			next_in = g_array_index(line, struct stretch, i + 1).t0;
	}
	ep->end = next_in < ep->hi ? MIN(next_in + C_SW, ep->hi) : ep->lo + (ep->hi - ep->lo) / 2;
}

/* Nobody waits twice at once: the wait before was over when this one began. */
static void part(struct episodes *e, struct episode *ep)
{
	struct episode *last = e->list->len ? &g_array_index(e->list, struct episode, e->list->len - 1) : NULL;

	if (!last || last->vcpu != ep->vcpu)
		return;
	ep->s = MAX(ep->s, last->lo);
	last->end = CLAMP(ep->s, last->lo, last->end);
}

static void find(struct episodes *e)
{
	guint n = e->scores->decisions->len;
	int parent = -1;

	g_array_set_size(e->list, 0);
	for (guint i = 0; i < n;) {
		const struct scored *d = scored_at(e->scores, e->order[i]);
		struct episode ep = {
			.vm = d->vm, .vcpu = d->vcpu, .me = d->me, .first = i, .unblocker = -1, .send = -1,
			.parent = parent, .tainted = d->tainted,
		};
		enum link link = LINK_NONE;

		while (++i < n && (link = link_of(e, e->order[i - 1], e->order[i])) == LINK_SAME)
			ep.tainted |= scored_at(e->scores, e->order[i])->tainted;
		ep.n = i - ep.first;
		bound(e, &ep);
		part(e, &ep);
		parent = i < n && link == LINK_CHILD ? (int)e->list->len : -1;
		g_array_append_val(e->list, ep);
	}
}

struct episodes *episodes_find(const struct scores *scores, const struct timeline *tl, const struct sends *sends)
{
	struct episodes *e = g_new0(struct episodes, 1);

	e->scores = scores;
	e->tl = tl;
	e->sends = sends;
	sort(e);
	e->unit = g_new(double, scores->decisions->len + 1);
	e->windows = pause_window_measure(scores, tl, e->order, e->unit);
	e->handlers = g_new0(struct handler, scores->recorded->n_vms + 1);
	e->list = g_array_new(FALSE, FALSE, sizeof(struct episode));
	e->vectors = g_array_new(FALSE, FALSE, sizeof(struct ipi_vector));
	episodes_find_answers(e);
	find(e);
	e->first_episode = g_new0(guint, scores->recorded->n_vcpus + 2);
	for (guint i = 0; i < e->list->len; i++)
		e->first_episode[episode_at(e, i)->vcpu + 1]++;
	for (unsigned int v = 1; v <= scores->recorded->n_vcpus + 1; v++)
		e->first_episode[v] += e->first_episode[v - 1];
	episodes_explain(e);
	return e;
}

void episodes_free(struct episodes *e)
{
	if (!e)
		return;
	g_free(e->order);
	g_free(e->waitable);
	g_free(e->first);
	g_free(e->first_episode);
	g_free(e->unit);
	g_free(e->windows);
	g_free(e->handlers);
	g_array_unref(e->list);
	g_array_unref(e->vectors);
	g_free(e);
}
