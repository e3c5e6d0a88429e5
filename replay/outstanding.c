// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/outstanding.h"

#include "replay/bits.h"

/* A list this long is looked through for what has been acknowledged. */
enum { LONG_LIST = 64 };

struct one {
	unsigned int receiver;
	bool unicast;
	int64_t t_ack;		/* DB_NULL: not seen */
};

struct outstanding {
	const struct recorded *recorded;
	GArray **lists;		/* [n_slots], of struct one, by sender */
};

struct outstanding *outstanding_new(const struct recorded *recorded)
{
	struct outstanding *o = g_new0(struct outstanding, 1);

	o->recorded = recorded;
	o->lists = g_new0(GArray *, recorded->n_slots + 1);
	for (unsigned int i = 0; i < recorded->n_slots; i++)
		o->lists[i] = g_array_new(FALSE, FALSE, sizeof(struct one));
	return o;
}

void outstanding_free(struct outstanding *o)
{
	for (unsigned int i = 0; i < o->recorded->n_slots; i++)
		g_array_unref(o->lists[i]);
	g_free(o->lists);
	g_free(o);
}

static bool is_out(const struct one *one, int64_t now)
{
	return one->t_ack == DB_NULL || one->t_ack > now;
}

static void prune(GArray *list, int64_t now)
{
	guint n = 0;

	for (guint i = 0; i < list->len; i++) {
		struct one one = g_array_index(list, struct one, i);

		if (is_out(&one, now))
			g_array_index(list, struct one, n++) = one;
	}
	g_array_set_size(list, n);
}

void outstanding_add(struct outstanding *o, const struct recorded_ipi *ipi)
{
	GArray *list = o->lists[o->recorded->vms[ipi->vm].first + ipi->sender];
	struct one one = { ipi->receiver, ipi->unicast, ipi->t_ack };

	if (!o->recorded->vms[ipi->vm].acks_visible || ipi->receiver == ipi->sender)
		return;
	if (list->len >= LONG_LIST)
		prune(list, ipi->t_accept);
	g_array_append_val(list, one);
}

void outstanding_forget(struct outstanding *o)
{
	for (unsigned int i = 0; i < o->recorded->n_slots; i++)
		g_array_set_size(o->lists[i], 0);
}

void outstanding_receivers(struct outstanding *o, unsigned int vm, unsigned int idx, int64_t now,
			   GArray *receivers)
{
	GArray *list = o->lists[o->recorded->vms[vm].first + idx];

	prune(list, now);
	g_array_set_size(receivers, 0);
	for (guint i = 0; i < list->len; i++)
		if (g_array_index(list, struct one, i).unicast)
			g_array_append_val(receivers, g_array_index(list, struct one, i).receiver);
}

static int hint(const struct spin_state *state, unsigned int idx)
{
	const GArray *list = ((GArray *const *)state->hints)[idx];
	const uint64_t *on_cpu = state->seen + ON_CPU * state->n_words;
	const uint64_t *known = state->known + ON_CPU * state->n_words;

	for (guint i = 0; i < list->len; i++) {
		const struct one *one = &g_array_index(list, struct one, i);
		unsigned int to = one->receiver;

		if (to < state->n_vcpus && is_out(one, state->now) && !(get_bit(on_cpu, to) && get_bit(known, to)))
			return to;
	}
	return NO_TARGET;
}

void outstanding_hint(const struct outstanding *o, unsigned int vm, struct spin_state *state)
{
	state->hint = hint;
	state->hints = o->lists + o->recorded->vms[vm].first;
}
