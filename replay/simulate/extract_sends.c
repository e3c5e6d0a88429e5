// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IPIs as a program sends them, and which of them it waits for: those that an episode
 * shows, and of those too quickly answered to show as many as their vector's others.
 */
#include "replay/simulate/extract_int.h"

/* An answer that took its sender fewer windows on the CPU leaves no PAUSE exit to see. */
#define UNSEEN_WINDOWS 1.5

/* Of a vector of which fewer senders seem to wait none does, and of one with more all do. */
#define SELDOM_SHARE 0.2
#define ALWAYS_SHARE 0.8

enum { DRAW_SENDS = 1 };

/* Share of a vector's senders that wait; other VMs' tell where this one's are too few. */
static double waited(const struct extract *x, unsigned int vm, uint8_t vector)
{
	double share = ipi_vector_waited(x->e, vm, vector);
	unsigned int visible = 0, waits = 0;

	for (guint i = 0; share < 0 && i < x->e->vectors->len; i++) {
		const struct ipi_vector *v = &g_array_index(x->e->vectors, struct ipi_vector, i);

		visible += v->vector == vector ? v->visible : 0;
		waits += v->vector == vector ? v->waited : 0;
	}
	if (share < 0)
		share = visible ? (double)waits / visible : 0;
	return share < SELDOM_SHARE ? 0 : share >= ALWAYS_SHARE ? 1 : share;
}

static bool slept(const struct extract *x, unsigned int vcpu, int64_t t0, int64_t t1)
{
	int last = timeline_find(x->tl, vcpu, t1);

	for (int i = MAX(timeline_find(x->tl, vcpu, t0), 0); i < last; i++)
		if (!stretch_at(x, vcpu, i)->runnable)
			return true;
	return last >= 0 && t1 >= stretch_at(x, vcpu, last)->t1 && !stretch_at(x, vcpu, last)->runnable;
}

/*
 * The longest window that vcpu's next PAUSE exit may come after, if it spins from t on: one that
 * grows is what the last exit since its thread was switched in made of it.
 */
static double window_at(const struct extract *x, unsigned int vcpu, int64_t t)
{
	unsigned int vm = vm_of(x, vcpu);
	const struct pause_window *w = &x->e->windows[vm];
	const struct program_vm *pv = &x->input->vms[vm];
	guint lo = x->e->first[vcpu], hi = x->e->first[vcpu + 1];
	const struct scored *d;

	if (w->unit == PAUSE_CONSTANT)
		return MAX(pv->window, w->hi);
	while (lo < hi) {
		guint mid = lo + (hi - lo) / 2;

		if (scored_at(x->e->scores, x->e->order[mid])->t < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == x->e->first[vcpu])
		return pv->window;
	d = scored_at(x->e->scores, x->e->order[lo - 1]);
	if (timeline_find(x->tl, vcpu, d->t) != timeline_find(x->tl, vcpu, t))
		return pv->window;
	return MIN(2 * pv->window * MAX(x->e->unit[x->e->order[lo - 1]], 1), pv->window_max);
}

/* If the sender waited until its answer and nothing shows it: when that was; 0. */
static int64_t unseen(const struct extract *x, guint i)
{
	const struct send *send = send_at(x->sends, i);
	unsigned int vm = vm_of(x, send->vcpu);
	bool more = i + 1 < x->sends->first[send->vcpu + 1], vague;
	int64_t answered, ran;

	send_answered(x->e, send, false, &answered, &vague);
	if (answered == NEVER || answered <= send->t_last || send->tainted ||
	    (more && send_at(x->sends, i + 1)->t_first < answered))
		return 0;
	ran = timeline_ran(x->tl, send->vcpu, answered) - timeline_ran(x->tl, send->vcpu, send->t_last);
	if (ran > UNSEEN_WINDOWS * window_at(x, send->vcpu, send->t_last) ||
	    slept(x, send->vcpu, send->t_last, answered))
		return 0;
	return extract_draw(x, DRAW_SENDS, i) < waited(x, vm, send->vector) ? answered : 0;
}

/*
 * What its handlers take of a receiver, and that it is got out of the guest for them. Several
 * interrupts may be handled at once.
 */
static void lose_handler(struct extract *x, const struct edge *edge)
{
	unsigned int vm = vm_of(x, edge->receiver_vcpu);
	int64_t handler = x->input->vms[vm].handler, after = x->e->handlers[vm].typical, r;

	if (edge->accept != DB_NULL && edge->inject != DB_NULL &&
	    timeline_find(x->tl, edge->receiver_vcpu, edge->accept) ==
	    timeline_find(x->tl, edge->receiver_vcpu, edge->inject)) {
		r = timeline_ran(x->tl, edge->receiver_vcpu, edge->inject);
		work_lose(x->work, edge->receiver_vcpu, r - x->input->host.c_kick, r);
	}
	if (edge->ack == NEVER)
		return;
	/* of an acknowledgement that was noticed late only its beginning is known */
	if (edge->ack_lo < edge->ack) {
		r = timeline_ran(x->tl, edge->receiver_vcpu, edge->ack_lo);
		work_lose(x->work, edge->receiver_vcpu, r, r + handler);
		return;
	}
	r = timeline_ran(x->tl, edge->receiver_vcpu, edge->ack);
	work_lose(x->work, edge->receiver_vcpu, r + after - handler, r + after);
}

/* Is send i the beginning of a loop that the next one of its sender goes on with, before it is answered? */
static bool goes_on(const struct extract *x, guint i)
{
	const struct send *send = send_at(x->sends, i), *next = send + 1;
	int64_t window = x->input->vms[vm_of(x, send->vcpu)].window, answered;
	bool vague;

	if (i + 1 >= x->sends->first[send->vcpu + 1] || next->vector != send->vector || extract_waited_for(x, i) ||
	    timeline_ran(x->tl, send->vcpu, next->t_first) - timeline_ran(x->tl, send->vcpu, send->t_last) > window ||
	    slept(x, send->vcpu, send->t_last, next->t_first))
		return false;
	send_answered(x->e, send, false, &answered, &vague);
	return answered > next->t_first;
}

/* Sends from the first of a loop to i: i waits for the answers to all. */
static void find_loop(struct extract *x, guint i)
{
	x->loop_of[i] = i;
	if (extract_waited_for(x, i))
		while (x->loop_of[i] > x->sends->first[send_at(x->sends, i)->vcpu] && goes_on(x, x->loop_of[i] - 1))
			x->loop_of[i]--;
}

void extract_sends(struct extract *x)
{
	for (guint i = 0; i < x->sends->edges->len; i++)
		lose_handler(x, edge_at(x->sends, i));
	for (guint i = 0; i < x->sends->sends->len; i++) {
		unsigned int vcpu = send_at(x->sends, i)->vcpu;

		x->unseen_until[i] = x->episode_of[i] < 0 ? unseen(x, i) : 0;
		if (x->unseen_until[i])
			work_lose(x->work, vcpu, timeline_ran(x->tl, vcpu, send_at(x->sends, i)->t_last),
				  timeline_ran(x->tl, vcpu, x->unseen_until[i]));
	}
	for (guint i = 0; i < x->sends->sends->len; i++)
		find_loop(x, i);
}

static void add_receivers(struct extract *x, struct program *p, guint i, struct item *item)
{
	const struct send *send = send_at(x->sends, i);

	for (guint k = 0; k < send->n_edges; k++) {
		const struct edge *edge = edge_at(x->sends, send->edge + k);
		uint16_t receiver = edge->receiver;

		if (!x->vcpus[edge->receiver_vcpu].program || vm_of(x, edge->receiver_vcpu) != p->vm)
			continue;
		item->tracked |= edge->tracked;
		g_array_append_val(p->receivers, receiver);
	}
	item->n = p->receivers->len - item->first;
}

/* From the last, so that what was sent in a loop is known before it is come to. */
void extract_mark_sends(struct extract *x)
{
	for (guint end = x->sends->sends->len, first; end > 0; end = first) {
		const struct send *send = send_at(x->sends, end - 1);
		struct program *p = x->vcpus[send->vcpu].program;
		struct item item = {
			.kind = extract_waited_for(x, end - 1) ? ITEM_SENDWAIT : ITEM_SEND, .vector = send->vector,
		};

		first = x->loop_of[end - 1];
		if (!p || send->t_last < x->t0 || send->t_last >= x->t1)
			continue;
		item.first = p->receivers->len;
		for (guint i = first; i < end; i++)
			add_receivers(x, p, i, &item);
		if (item.n)
			extract_mark(x, send->vcpu, send->t_last, &item);
	}
}
