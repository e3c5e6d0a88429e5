// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is between the marks is computing, in the guest mode that preemptions showed:
 * up to each of them in its mode, after the last one in that, and where there was none
 * in one drawn by the VM's share. Who holds a lock that somebody spins for is in the mode
 * that he was seen in when it began.
 */
#include "replay/simulate/extract_int.h"

enum { DRAW_MODES = 2 };

/* Where a vCPU was preempted while it computed. */
struct preemption {
	int64_t w;
	bool kernel;
};

static GArray *preemptions_of(const struct extract *x, unsigned int vcpu)
{
	GArray *list = g_array_new(FALSE, FALSE, sizeof(struct preemption));
	guint at = x->e->first_episode[vcpu];

	for (guint i = 0; i < x->tl->lines[vcpu]->len; i++) {
		const struct stretch *st = stretch_at(x, vcpu, i);
		int64_t r = st->ran + st->t1 - st->t0;
		struct preemption p = { work_at_ran(x->work, vcpu, r), st->in_kernel == 1 };

		while (at < x->e->first_episode[vcpu + 1] && x->waits[at].r1 < r)
			at++;
		if (!st->runnable || st->in_kernel < 0 || st->t1 <= x->t0 || st->t0 >= x->t1 ||
		    (at < x->e->first_episode[vcpu + 1] && x->waits[at].r0 < r))
			continue;	/* all spinning is in kernel mode */
		g_array_append_val(list, p);
	}
	return list;
}

/* The share of kernel mode by VM, newly allocated. */
static double *kernel_shares(const struct extract *x, GArray *const *preemptions)
{
	double *kernel = g_new0(double, x->recorded->n_vms + 1);
	g_autofree double *all = g_new0(double, x->recorded->n_vms + 1);

	for (unsigned int v = 1; v <= x->tl->n_vcpus; v++) {
		for (guint i = 0; i < preemptions[v]->len; i++)
			kernel[vm_of(x, v)] += g_array_index(preemptions[v], struct preemption, i).kernel;
		all[vm_of(x, v)] += preemptions[v]->len;
	}
	for (unsigned int vm = 0; vm < x->recorded->n_vms; vm++)
		kernel[vm] /= MAX(all[vm], 1);
	return kernel;
}

static int by_mark(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	if (x->t != y->t)
		return x->t < y->t ? -1 : 1;
	/* a send before the wait of the same instant, and a sleep after both */
	return (x->item.kind > y->item.kind) - (x->item.kind < y->item.kind);
}

static int by_beginning(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	return x->w0 != y->w0 ? (x->w0 > y->w0) - (x->w0 < y->w0) : (x->w1 > y->w1) - (x->w1 < y->w1);
}

/* Of two that overlap the first goes on. */
static void part(GArray *held)
{
	struct held *list = (struct held *)held->data;
	guint n = 0;

	g_array_sort(held, by_beginning);
	for (guint i = 0; i < held->len; i++) {
		struct held h = list[i];

		if (n)
			h.w0 = MAX(h.w0, list[n - 1].w1);
		if (h.w1 > h.w0)
			list[n++] = h;
	}
	g_array_set_size(held, n);
}

/* One vCPU's items as they come. */
struct writer {
	struct extract *x;
	unsigned int vcpu;
	struct program *program;
	const GArray *held, *preemptions;
	guint at_held, at_preemption;
	int64_t w;		/* all work before it is written */
	int64_t t;		/* when that was done, ns from the beginning of the span */
	double kernel_share;
	uint64_t n_drawn;
};

static void compute(struct writer *wr, int64_t ns, bool kernel)
{
	GArray *items = wr->program->items;
	struct item *last = items->len ? &g_array_index(items, struct item, items->len - 1) : NULL;
	struct item item = { .kind = ITEM_COMPUTE, .kernel = kernel, .ns = ns, .t = wr->t };

	if (ns <= 0)
		return;
	wr->program->progress += ns;
	if (last && last->kind == ITEM_COMPUTE && last->kernel == kernel)
		last->ns += ns;
	else
		g_array_append_val(items, item);
}

/* Up to w in one mode, but for what is held. */
static void compute_to(struct writer *wr, int64_t w, bool kernel)
{
	while (wr->w < w) {
		const struct held *h;
		bool in, is_kernel = kernel;
		int64_t to = w;

		while (wr->at_held < wr->held->len && g_array_index(wr->held, struct held, wr->at_held).w1 <= wr->w)
			wr->at_held++;
		h = wr->at_held < wr->held->len ? &g_array_index(wr->held, struct held, wr->at_held) : NULL;
		in = h && h->w0 <= wr->w;
		if (h)
			to = MIN(w, in ? h->w1 : h->w0);
		if (in)
			is_kernel = h->kernel;
		compute(wr, to - wr->w, is_kernel);
		wr->w = to;
	}
}

/* What was computed between two marks: up to w. */
static void compute_until(struct writer *wr, int64_t w)
{
	bool seen = false, kernel = false;

	for (; wr->at_preemption < wr->preemptions->len; wr->at_preemption++) {
		const struct preemption *p = &g_array_index(wr->preemptions, struct preemption, wr->at_preemption);

		if (p->w > w)
			break;
		if (p->w <= wr->w)
			continue;
		kernel = p->kernel;
		seen = true;
		compute_to(wr, p->w, kernel);
	}
	if (!seen)
		kernel = extract_draw(wr->x, DRAW_MODES + wr->vcpu, wr->n_drawn++) < wr->kernel_share;
	compute_to(wr, w, kernel);
}

static void write_program(struct extract *x, unsigned int vcpu, const GArray *preemptions, double kernel_share)
{
	struct extract_vcpu *v = &x->vcpus[vcpu];
	struct writer wr = {
		.x = x, .vcpu = vcpu, .program = v->program, .held = v->held, .preemptions = preemptions,
		.w = work_at(x->work, vcpu, x->t0), .kernel_share = kernel_share,
	};

	g_array_sort(v->marks, by_mark);
	extract_join_sleeps(x, vcpu);
	part(v->held);
	for (guint i = 0; i < v->marks->len; i++) {
		const struct mark *m = &g_array_index(v->marks, struct mark, i);

		compute_until(&wr, work_at_ran(x->work, vcpu, m->r));
		g_array_append_val(v->program->items, m->item);
		wr.t = m->item.t;
	}
	compute_until(&wr, work_at(x->work, vcpu, x->t1));
}

void extract_items(struct extract *x)
{
	unsigned int n = x->tl->n_vcpus;
	g_autofree GArray **preemptions = g_new0(GArray *, n + 1);
	g_autofree double *shares = NULL;

	for (unsigned int v = 1; v <= n; v++)
		preemptions[v] = preemptions_of(x, v);
	shares = kernel_shares(x, preemptions);
	for (unsigned int v = 1; v <= n; v++) {
		if (x->vcpus[v].program)
			write_program(x, v, preemptions[v], shares[vm_of(x, v)]);
		g_array_unref(preemptions[v]);
	}
}
