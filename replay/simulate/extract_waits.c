// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Episodes as a program waits: an IPI's answer is waited for where it is sent; a lock,
 * until its holder has got as far as it had then (estimation.md 3.2, residual edges).
 */
#include "replay/simulate/extract_int.h"

/* A lock is taken to be released in the middle of its holder's progress, but so soon after its beginning. */
#define RELEASE_NS 250000

#define SHORTEST_RESIDUAL_NS 1000

/* The last PAUSE exit's: nobody goes on before kvm_vcpu_on_spin() has returned. */
static int64_t returns(const struct extract *x, const struct episode *ep)
{
	const struct scored *d = scored_at(x->e->scores, episode_decision(x->e, ep, ep->n - 1));

	return d->t_end == DB_NULL || d->t_end < d->t ? d->t : d->t_end;
}

/* Nobody spins in his sleep, nor sends meanwhile. */
static int64_t end_of(const struct extract *x, const struct episode *ep)
{
	int64_t end = MAX(ep->end, returns(x, ep));
	int sent = sends_before(x->sends, ep->vcpu, end);
	int i = timeline_find(x->tl, ep->vcpu, ep->lo);

	for (; i >= 0 && i < (int)x->tl->lines[ep->vcpu]->len && stretch_at(x, ep->vcpu, i)->t0 < end; i++)
		if (!stretch_at(x, ep->vcpu, i)->runnable)
			end = MIN(end, stretch_at(x, ep->vcpu, i)->t1);
	for (; sent >= (int)x->sends->first[ep->vcpu] && send_at(x->sends, sent)->t_last > ep->lo; sent--)
		end = MIN(end, send_at(x->sends, sent)->t_first);
	end = MAX(end, ep->lo);
	i = timeline_find(x->tl, ep->vcpu, end);
	/* who was switched in to see it goes on when that is done */
	if (i >= 0 && stretch_at(x, ep->vcpu, i)->t0 > ep->lo)
		end = MAX(end, MIN(stretch_at(x, ep->vcpu, i)->t0 + x->input->host.c_switch,
				   stretch_at(x, ep->vcpu, i)->t1));
	return end;
}

/* A wait for an answer begins with the question; another not before what was done before it. */
static int64_t begin_of(const struct extract *x, const struct episode *ep)
{
	int64_t first = scored_at(x->e->scores, episode_decision(x->e, ep, 0))->t;
	int sent = sends_before(x->sends, ep->vcpu, first);

	if (ep->send >= 0)
		return MIN(send_at(x->sends, ep->send)->t_last, first);
	return sent < 0 ? ep->s : CLAMP(send_at(x->sends, sent)->t_last, ep->s, first);
}

static void lose_exits(struct extract *x, unsigned int vcpu)
{
	int64_t c_exit = x->input->vms[vm_of(x, vcpu)].c_exit;

	for (guint i = x->e->first[vcpu]; i < x->e->first[vcpu + 1]; i++) {
		const struct scored *d = scored_at(x->e->scores, x->e->order[i]);
		int64_t r = timeline_ran(x->tl, vcpu, d->t);

		work_lose(x->work, vcpu, r, r + c_exit);
		if (d->t_end != DB_NULL)
			work_lose(x->work, vcpu, r, timeline_ran(x->tl, vcpu, d->t_end));
	}
}

static void lose_switches(struct extract *x, unsigned int vcpu)
{
	for (guint i = 0; i < x->tl->lines[vcpu]->len; i++) {
		const struct stretch *st = stretch_at(x, vcpu, i);

		work_lose(x->work, vcpu, st->ran, st->ran + MIN(st->t1 - st->t0, x->input->host.c_switch));
	}
}

void extract_waits(struct extract *x)
{
	for (guint i = 0; i < x->sends->sends->len; i++)
		x->episode_of[i] = -1;
	for (unsigned int v = 1; v <= x->tl->n_vcpus; v++) {
		int64_t last = 0;	/* where the one before ended, on the CPU */

		for (guint i = x->e->first_episode[v]; i < x->e->first_episode[v + 1]; i++) {
			const struct episode *ep = episode_at(x->e, i);
			struct wait *w = &x->waits[i];

			w->t0 = begin_of(x, ep);
			w->r0 = MAX(timeline_ran(x->tl, v, w->t0), last);
			w->r1 = MAX(timeline_ran(x->tl, v, end_of(x, ep)), w->r0);
			last = w->r1;
			work_lose(x->work, v, w->r0, w->r1);
			if (ep->send >= 0 && x->episode_of[ep->send] < 0)
				x->episode_of[ep->send] = i;
		}
		lose_exits(x, v);
		lose_switches(x, v);
	}
}

/*
 * The guest mode in which vcpu held what was waited for from t to end, as a preemption meanwhile, or the
 * one before it, showed it; kernel if none did.
 */
static bool in_kernel(const struct extract *x, unsigned int vcpu, int64_t t, int64_t end)
{
	int i = timeline_find(x->tl, vcpu, t);
	const struct stretch *st = i >= 0 ? stretch_at(x, vcpu, i) : NULL;

	return !st || (t < st->t1 && st->t1 >= end) || st->in_kernel != 0;
}

/* The wait of ep for what its unblocker holds. */
static struct item wait_for(struct extract *x, const struct episode *ep, int64_t t0, int64_t r1)
{
	unsigned int u = ep->unblocker_vcpu;
	int64_t when = timeline_when(x->tl, ep->vcpu, r1), end = MAX(when == NEVER ? ep->end : when, ep->lo);
	int64_t lo = work_at(x->work, u, ep->lo), hi = work_at(x->work, u, end);
	int64_t release = lo + MIN((hi - lo) / 2, RELEASE_NS);
	int64_t first = scored_at(x->e->scores, episode_decision(x->e, ep, 0))->t;
	struct held held = { work_at(x->work, u, first), release, in_kernel(x, u, first, end) };

	if (held.w1 > held.w0)
		g_array_append_val(x->vcpus[u].held, held);
	return (struct item){
		.kind = ITEM_WAIT, .unblocker = ep->unblocker, .kernel = held.kernel,
		.ns = MAX(release - work_at(x->work, u, t0), SHORTEST_RESIDUAL_NS),
	};
}

void extract_mark_waits(struct extract *x)
{
	double spin = 0, unmodelled = 0;

	for (guint i = 0; i < x->e->list->len; i++) {
		const struct episode *ep = episode_at(x->e, i);
		int64_t t0 = MAX(x->waits[i].t0, x->t0);
		int64_t r0 = MAX(x->waits[i].r0, timeline_ran(x->tl, ep->vcpu, x->t0));
		int64_t r1 = MIN(x->waits[i].r1, timeline_ran(x->tl, ep->vcpu, x->t1));
		bool whole = x->waits[i].t0 >= x->t0;
		struct item item = { .kind = ITEM_SPIN, .ns = r1 - r0 };

		if (r1 <= r0)
			continue;
		spin += r1 - r0;
		if (whole && ep->send >= 0)
			continue;	/* its mark is the send's */
		if (whole && ep->unblocker >= 0 && ep->confidence > 0 && x->vcpus[ep->unblocker_vcpu].program)
			item = wait_for(x, ep, t0, r1);
		if (item.kind == ITEM_SPIN)
			unmodelled += item.ns;
		extract_mark(x, ep->vcpu, t0, &item);
	}
	x->input->unmodelled_spin = spin > 0 ? unmodelled / spin : 0;
}
