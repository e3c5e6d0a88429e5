// SPDX-License-Identifier: GPL-2.0-or-later
/* Sleeps: halted until something comes, or outside the guest, where no interrupt ends them. */
#include "replay/simulate/extract_int.h"

/* To be woken by an interrupt and to halt again takes no more than so many handlers and exits. */
#define IDLE_COSTS 2

/* By receiver, when IPIs reached it. */
struct arrivals {
	guint *first;		/* by vcpu.id; [n_vcpus + 1] is the end */
	int64_t *t;
};

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static struct arrivals arrivals_of(const struct extract *x)
{
	const GArray *edges = x->sends->edges;
	unsigned int n = x->tl->n_vcpus;
	struct arrivals a = { g_new0(guint, n + 2), g_new(int64_t, edges->len + 1) };
	g_autofree guint *next = g_new0(guint, n + 2);

	for (guint i = 0; i < edges->len; i++)
		a.first[edge_at(x->sends, i)->receiver_vcpu + 1]++;
	for (unsigned int v = 1; v <= n + 1; v++)
		next[v] = a.first[v] += a.first[v - 1];
	for (guint i = 0; i < edges->len; i++) {
		const struct edge *edge = edge_at(x->sends, i);

		a.t[next[edge->receiver_vcpu]++] = edge->accept == DB_NULL ? edge->t_send : edge->accept;
	}
	for (unsigned int v = 1; v <= n; v++)
		qsort(a.t + a.first[v], a.first[v + 1] - a.first[v], sizeof(*a.t), by_time);
	return a;
}

/* Asleep in [t0, t1) after its stretch before; *next: its first arrival that may be later than t0. */
static void sleeps(struct extract *x, unsigned int vcpu, const struct stretch *before, int64_t t0, int64_t t1,
		   const struct arrivals *a, guint *next)
{
	struct item item = { .kind = ITEM_HALT, .ns = t1 - t0 };

	while (*next < a->first[vcpu + 1] && a->t[*next] < t0)
		(*next)++;
	if (before && (before->in_kvm_run == 0 || before->why == 'D'))
		item.kind = ITEM_IO;
	else if (t1 < x->t1 && *next < a->first[vcpu + 1] && a->t[*next] <= t1)
		item.kind = ITEM_HALT_IPI;
	if (item.ns > 0)
		extract_mark(x, vcpu, t0, &item);
}

static void mark(struct extract *x, unsigned int vcpu, const struct arrivals *a)
{
	const GArray *line = x->tl->lines[vcpu];
	guint next = a->first[vcpu];

	for (guint i = 0; i < line->len; i++) {
		const struct stretch *st = stretch_at(x, vcpu, i);
		const struct stretch *after = i + 1 < line->len ? stretch_at(x, vcpu, i + 1) : NULL;
		bool seen = after && after->t_ready != DB_NULL;
		int64_t woken = seen ? MAX(after->t_ready, st->t1) : after ? after->t0 : x->t1;

		/* of one that a gap cut short a waking tells that it slept */
		if (!st->runnable && (st->why || seen) && st->t1 < x->t1 && woken > x->t0)
			sleeps(x, vcpu, st, MAX(st->t1, x->t0), MIN(woken, x->t1), a, &next);
	}
}

void extract_mark_sleeps(struct extract *x)
{
	struct arrivals a = arrivals_of(x);

	for (unsigned int v = 1; v <= x->tl->n_vcpus; v++)
		if (x->vcpus[v].program)
			mark(x, v, &a);
	g_free(a.first);
	g_free(a.t);
}

/*
 * An interrupt that wakes a vCPU which then does nothing but handle it and sleep on has ended no
 * wait of a program's: it sleeps until what ends the last of these sleeps.
 */
void extract_join_sleeps(struct extract *x, unsigned int vcpu)
{
	GArray *marks = x->vcpus[vcpu].marks;
	const struct program_vm *vm = &x->input->vms[vm_of(x, vcpu)];
	struct mark *list = (struct mark *)marks->data;
	guint n = 0;

	for (guint i = 0; i < marks->len; i++) {
		struct mark *last = n ? &list[n - 1] : NULL;
		bool halts = list[i].item.kind == ITEM_HALT || list[i].item.kind == ITEM_HALT_IPI;

		if (last && halts && last->item.kind == ITEM_HALT_IPI &&
		    work_at_ran(x->work, vcpu, list[i].r) - work_at_ran(x->work, vcpu, list[i - 1].r) <=
		    IDLE_COSTS * (vm->handler + vm->c_exit)) {
			last->item.ns = list[i].t + list[i].item.ns - last->t;
			last->item.kind = list[i].item.kind;
		} else {
			list[n++] = list[i];
		}
	}
	g_array_set_size(marks, n);
}
