// SPDX-License-Identifier: GPL-2.0-or-later
/* Which part of a recording can be run again: without gaps, and with all VMs there. */
#include "replay/simulate/extract_int.h"

#define SHORTEST_NS 1000000000

/* Ends of the span in which VMs come up or go down are left out, if they are no more than this share of it. */
#define ENDS_SHARE 0.2

/* Until its vCPUs have found their CPUs: those that begin run alone, and idle CPUs pull them about. */
#define SETTLES_NS 100000000

static bool ended(const struct stretch *last)
{
	return last->why == 'X' || last->why == 'Z';
}

/* The instant from which a VM that was created while recording had all its vCPUs, settled; 0. */
static int64_t came_up(const struct extract *x, unsigned int vm)
{
	const struct recorded_vm *rv = &x->recorded->vms[vm];
	int64_t t = 0;

	for (unsigned int idx = 0; rv->created && idx < rv->n_vcpus; idx++) {
		unsigned int vcpu = rv->vcpus[idx];

		if (vcpu && x->tl->lines[vcpu]->len)
			t = MAX(t, stretch_at(x, vcpu, 0)->t0 + SETTLES_NS);
	}
	return t;
}

/* When the first of a VM's vCPU threads ended; NEVER. */
static int64_t went_down(const struct extract *x, unsigned int vm)
{
	const struct recorded_vm *rv = &x->recorded->vms[vm];
	int64_t t = NEVER;

	for (unsigned int idx = 0; idx < rv->n_vcpus; idx++) {
		unsigned int vcpu = rv->vcpus[idx];
		const GArray *line = vcpu ? x->tl->lines[vcpu] : NULL;
		const struct stretch *last = line && line->len ? stretch_at(x, vcpu, line->len - 1) : NULL;

		if (last && ended(last))
			t = MIN(t, last->t1);
	}
	return t;
}

/* Nothing is to be run again before the first VM is there, nor when the last is gone. */
static void clip_to_vms(struct extract *x)
{
	int64_t first = NEVER, last = 0;

	for (unsigned int v = 1; v <= x->tl->n_vcpus; v++) {
		const GArray *line = x->tl->lines[v];
		const struct stretch *end = line->len ? stretch_at(x, v, line->len - 1) : NULL;

		if (!end)
			continue;
		first = MIN(first, x->recorded->vms[vm_of(x, v)].created ? stretch_at(x, v, 0)->t0 : x->t0);
		last = MAX(last, ended(end) ? end->t1 : x->t1);
	}
	if (first < last && MIN(x->t1, last) - MAX(x->t0, first) >= SHORTEST_NS) {
		x->t0 = MAX(x->t0, first);
		x->t1 = MIN(x->t1, last);
	}
}

bool extract_span(struct extract *x, GError **error)
{
	const GArray *segments = x->ev->segments;
	int64_t t0, t1, end;

	for (guint i = 0; i < segments->len; i++) {
		const struct segment *s = &g_array_index(segments, struct segment, i);

		if (s->t1 - s->t0 > x->t1 - x->t0) {
			x->t0 = s->t0;
			x->t1 = s->t1;
		}
	}
	if (x->t1 - x->t0 < SHORTEST_NS) {
		g_set_error(error, EXTRACT_ERROR, 0, "the longest stretch without gaps is %.3f s, and it takes 1 s",
			    (x->t1 - x->t0) * 1e-9);
		return false;
	}
	clip_to_vms(x);
	t0 = x->t0;
	t1 = x->t1;
	end = ENDS_SHARE * (t1 - t0);
	for (unsigned int vm = 0; vm < x->recorded->n_vms; vm++) {
		int64_t up = came_up(x, vm), down = went_down(x, vm);

		if (up > t0 && up <= x->t0 + end)
			t0 = up;
		if (down < t1 && down >= x->t1 - end)
			t1 = down;
	}
	if (t1 - t0 >= SHORTEST_NS) {
		x->t0 = t0;
		x->t1 = t1;
	}
	return true;
}
