// SPDX-License-Identifier: GPL-2.0-or-later
/* What was recorded in the span, as a simulation of the recorded policy ought to come out. */
#include "replay/simulate/extract_int.h"

static int64_t clipped(int64_t a0, int64_t a1, int64_t b0, int64_t b1)
{
	return MAX(MIN(a1, b1) - MAX(a0, b0), 0);
}

static void add_waits(struct extract *x)
{
	for (guint i = 0; i < x->e->list->len; i++) {
		const struct episode *ep = episode_at(x->e, i);
		const struct wait *w = &x->waits[i];

		x->input->truth[ep->vm].spin += clipped(w->r0, w->r1, timeline_ran(x->tl, ep->vcpu, x->t0),
							timeline_ran(x->tl, ep->vcpu, x->t1));
	}
}

/* Of decisions of which it is not known what the kernel did as many yielded as of the others. */
static void add_decisions(struct extract *x)
{
	g_autofree double *known = g_new0(double, x->input->n_vms + 1);

	for (guint i = 0; i < x->e->scores->decisions->len; i++) {
		const struct scored *d = scored_at(x->e->scores, i);

		if (d->t < x->t0 || d->t >= x->t1)
			continue;
		x->input->truth[d->vm].pauses++;
		x->input->truth[d->vm].yields += d->pick >= 0;
		known[d->vm] += d->pick != PICK_UNKNOWN;
	}
	for (unsigned int vm = 0; vm < x->input->n_vms; vm++)
		x->input->truth[vm].yields *= known[vm] > 0 ? x->input->truth[vm].pauses / known[vm] : 0;
}

static void add_responses(struct extract *x)
{
	for (guint i = 0; i < x->sends->sends->len; i++) {
		const struct send *send = send_at(x->sends, i);
		int64_t end = x->episode_of[i] < 0 ? x->unseen_until[i] :
			timeline_when(x->tl, send->vcpu, x->waits[x->episode_of[i]].r1);
		double ns = end - send->t_last;

		if (extract_waited_for(x, i) && send->t_last >= x->t0 && end < x->t1 && ns >= 0)
			g_array_append_val(x->input->truth[vm_of(x, send->vcpu)].responses, ns);
	}
}

void extract_truth(struct extract *x)
{
	for (unsigned int v = 1; v <= x->tl->n_vcpus; v++) {
		struct program_truth *t = &x->input->truth[vm_of(x, v)];

		t->work += work_at(x->work, v, x->t1) - work_at(x->work, v, x->t0);
		t->on_cpu += timeline_ran(x->tl, v, x->t1) - timeline_ran(x->tl, v, x->t0);
	}
	add_waits(x);
	add_decisions(x);
	add_responses(x);
}
