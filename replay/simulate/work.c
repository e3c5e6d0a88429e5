// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/work.h"

struct work *work_new(const struct timeline *tl)
{
	struct work *w = g_new0(struct work, 1);

	w->tl = tl;
	w->lost = g_new0(GArray *, tl->n_vcpus + 1);
	for (unsigned int v = 0; v <= tl->n_vcpus; v++)
		w->lost[v] = g_array_new(FALSE, FALSE, sizeof(struct lost_time));
	return w;
}

void work_free(struct work *w)
{
	if (!w)
		return;
	for (unsigned int v = 0; v <= w->tl->n_vcpus; v++)
		g_array_unref(w->lost[v]);
	g_free(w->lost);
	g_free(w);
}

void work_lose(struct work *w, unsigned int vcpu, int64_t r0, int64_t r1)
{
	struct lost_time lost = { MAX(r0, 0), r1, 0 };

	if (lost.r1 > lost.r0)
		g_array_append_val(w->lost[vcpu], lost);
}

static int by_beginning(const void *a, const void *b)
{
	const struct lost_time *x = a, *y = b;

	return (x->r0 > y->r0) - (x->r0 < y->r0);
}

static void settle(GArray *lost)
{
	struct lost_time *list = (struct lost_time *)lost->data;
	guint n = 0;

	g_array_sort(lost, by_beginning);
	for (guint i = 0; i < lost->len; i++) {
		if (n && list[i].r0 <= list[n - 1].r1) {
			list[n - 1].r1 = MAX(list[n - 1].r1, list[i].r1);
			continue;
		}
		list[n] = list[i];
		list[n].before = n ? list[n - 1].before + list[n - 1].r1 - list[n - 1].r0 : 0;
		n++;
	}
	g_array_set_size(lost, n);
}

void work_settle(struct work *w)
{
	for (unsigned int v = 0; v <= w->tl->n_vcpus; v++)
		settle(w->lost[v]);
}

int64_t work_at_ran(const struct work *w, unsigned int vcpu, int64_t ran)
{
	const struct lost_time *list = (const struct lost_time *)w->lost[vcpu]->data;
	guint lo = 0, hi = w->lost[vcpu]->len;

	while (lo < hi) {
		guint mid = lo + (hi - lo) / 2;

		if (list[mid].r0 <= ran)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return ran;
	return ran - list[lo - 1].before - (MIN(ran, list[lo - 1].r1) - list[lo - 1].r0);
}

int64_t work_at(const struct work *w, unsigned int vcpu, int64_t t)
{
	return work_at_ran(w, vcpu, timeline_ran(w->tl, vcpu, t));
}
