// SPDX-License-Identifier: GPL-2.0-or-later
/* Guest time, and what exits cost: per vCPU, reason and second. */
#include "analyze/model/model_int.h"

#include <string.h>

/* A vCPU has a few dozen reasons to exit; a damaged recording may have any number. */
enum { MAX_REASONS = 1000, REASON_OTHER = -1 };

static struct thread_run *running_thread(const struct model *m, const struct event *ev)
{
	struct thread_run *t = m->cpus[ev->cpu].current;

	return t && t->vcpu ? t : NULL;
}

void exits_flush(struct model *m, struct vcpu_run *v)
{
	for (guint i = 0; i < v->exits->len; i++) {
		const struct exit_count *c = &g_array_index(v->exits, struct exit_count, i);
		char text[HISTOGRAM_BUCKETS * 11 + 3], *p = text;
		unsigned int n = HISTOGRAM_BUCKETS;

		while (n > 1 && !c->histogram[n - 1])
			n--;
		*p++ = '[';
		for (unsigned int b = 0; b < n; b++)
			p += g_snprintf(p, 12, b ? ",%u" : "%u", c->histogram[b]);
		memcpy(p, "]", 2);
		facts_exit_stat(m->facts, &(struct exit_stat_row){
			.vcpu = v->vcpu->id, .second = v->exit_second, .exit_reason = c->reason,
			.n = c->n, .handling_ns = c->ns, .histogram = text,
		});
	}
	g_array_set_size(v->exits, 0);
}

static struct exit_count *count_of(struct model *m, struct vcpu_run *v, int64_t t, int64_t reason)
{
	int64_t offset = t - m->span.t0;
	uint16_t *slot;
	int64_t second = offset >= 0 ? offset / 1000000000 : -1 - (-offset - 1) / 1000000000;

	if (second != v->exit_second) {
		exits_flush(m, v);
		v->exit_second = second;
	}
	if (v->exits->len >= MAX_REASONS)
		reason = REASON_OTHER;
	/* nearly always where the slot of the reason says */
	slot = &v->exit_slot[(uint64_t)reason % G_N_ELEMENTS(v->exit_slot)];
	if (*slot < v->exits->len && g_array_index(v->exits, struct exit_count, *slot).reason == reason)
		return &g_array_index(v->exits, struct exit_count, *slot);
	for (*slot = 0; *slot < v->exits->len; (*slot)++)
		if (g_array_index(v->exits, struct exit_count, *slot).reason == reason)
			break;
	if (*slot == v->exits->len)
		g_array_append_val(v->exits, (struct exit_count){ .reason = reason });
	return &g_array_index(v->exits, struct exit_count, *slot);
}

void exits_entry(struct model *m, struct vcpu_run *v, const struct event *ev)
{
	if (v->t_exit) {
		struct exit_count *c = count_of(m, v, v->t_exit, v->exit_reason);
		int64_t ns = MAX(ev->t - v->t_exit - v->off_ns, 0);

		c->n++;
		c->ns += ns;
		c->histogram[MIN(ns ? 63 - __builtin_clzll(ns) : 0, HISTOGRAM_BUCKETS - 1)]++;
	}
	/* entered again from the exit fast path, which has no kvm_exit on SVM up to 6.1 */
	if (v->t_entry && running_thread(m, ev))
		running_thread(m, ev)->stretch.guest_ns += ev->t - v->t_entry;
	v->t_exit = v->off_ns = v->t_off = 0;
	v->t_entry = ev->t;
	v->wrote_xapic_icr = false;
}

void exits_exit(struct model *m, struct vcpu_run *v, const struct event *ev)
{
	struct thread_run *t = running_thread(m, ev);

	if (t && t->vcpu == v) {
		t->stretch.n_exit++;
		if (v->t_entry)
			t->stretch.guest_ns += ev->t - MAX(v->t_entry, t->stretch.t0);
	}
	v->t_entry = 0;
	v->t_exit = ev->t;
	v->off_ns = v->t_off = 0;
	v->isa = ev->kvm_exit.isa;
	v->exit_reason = v->isa == 1 ? ev->kvm_exit.exit_reason & 0xffff : ev->kvm_exit.exit_reason;
	v->n_exit++;
}
