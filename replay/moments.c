// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/moments.h"

#include <stdlib.h>

/* Of a margin before and after the wait: a quarter of it, but. */
#define MIN_MARGIN_NS 200000
#define MAX_MARGIN_NS 20000000

/* A wait this much shorter than the longest that is left is alike: it may be of a VM that was shown less. */
#define ALIKE 0.5

/* Decisions of a moment that are explained; of large VMs fewer, as each says something of every vCPU. */
enum { MAX_DECISIONS = 64, MIN_DECISIONS = 8, MAX_VCPU_ROWS = 1024 };

const char *const moment_kind_names[N_MOMENT_KINDS] = {
	[MOMENT_IPI_WAIT] = "longest IPI wait", [MOMENT_LOST_OPPORTUNITY] = "lost opportunity",
	[MOMENT_LOCK_WAIT] = "longest lock wait", [MOMENT_SCHEDULER_MISMATCH] = "scheduler mismatch",
	[MOMENT_OVERBOOST] = "overboost",
};

static const guint quotas[N_MOMENT_KINDS] = {
	[MOMENT_IPI_WAIT] = 4, [MOMENT_LOST_OPPORTUNITY] = 2, [MOMENT_LOCK_WAIT] = 2, [MOMENT_SCHEDULER_MISMATCH] = 2,
	[MOMENT_OVERBOOST] = 2,
};

/* What may be shown. */
struct candidate {
	guint episode, decision;
	int64_t wait;		/* ns: by which they are ordered */
	const struct run_policy *policy; /* that would have picked another; NULL: none in particular */
	int pick;
};

static void clear(void *p)
{
	g_free(((struct moment *)p)->what);
}

static int by_wait(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->wait != y->wait)
		return x->wait > y->wait ? -1 : 1;
	return (x->decision > y->decision) - (x->decision < y->decision);
}

static void add(GArray *list, const struct run *run, guint episode, guint decision, int64_t from,
		const struct run_policy *policy, int pick)
{
	const struct episode *ep = episode_at(run->evidence->episodes, episode);
	struct candidate c = { episode, decision, ep->end - from, policy, pick };

	if (!ep->tainted && ep->confidence >= GAIN_MIN_CONFIDENCE && !scored_at(run->scores, decision)->tainted && c.wait > 0)
		g_array_append_val(list, c);
}

static void add_waits(GArray *list, const struct run *run, enum cause cause)
{
	const struct episodes *e = run->evidence->episodes;

	for (guint i = 0; i < e->list->len; i++) {
		const struct episode *ep = episode_at(e, i);

		if (ep->cause == cause && ep->unblocker >= 0)
			add(list, run, i, episode_decision(e, ep, 0), ep->s, NULL, NO_TARGET);
	}
}

/* Where an IPI-aware policy would have got it right. */
static void add_lost(GArray *list, const struct run *run, const guint *episodes)
{
	for (guint i = 0; i < run->policies->len; i++) {
		const struct run_policy *p = run->policies->pdata[i];

		for (guint k = 0; p->policy && p->policy->on_ipi && k < p->verdicts->len; k++) {
			const struct run_verdict *v = &g_array_index(p->verdicts, struct run_verdict, k);
			guint ep = episodes[v->at];

			if (ep != G_MAXUINT &&
			    episode_outcome(run->rescore, ep, v->at, v->pick, false) == OUTCOME_HIT &&
			    episode_outcome(run->rescore, ep, v->at, v->observed, true) == OUTCOME_LOST_OPPORTUNITY)
				add(list, run, ep, v->at, scored_at(run->scores, v->at)->t, p, v->pick);
		}
	}
}

/* Where the kernel's own pick came to that. */
static void add_outcomes(GArray *list, const struct run *run, const guint *episodes, enum outcome_class class)
{
	for (guint at = 0; at < run->scores->decisions->len; at++) {
		const struct scored *d = scored_at(run->scores, at);

		if (episodes[at] != G_MAXUINT && d->pick >= 0 &&
		    episode_outcome(run->rescore, episodes[at], at, d->pick, true) == class)
			add(list, run, episodes[at], at, d->t, NULL, NO_TARGET);
	}
}

static GArray *candidates_of(const struct run *run, enum moment_kind kind, const guint *episodes)
{
	GArray *list = g_array_new(FALSE, FALSE, sizeof(struct candidate));

	switch (kind) {
	case MOMENT_IPI_WAIT:
		add_waits(list, run, CAUSE_IPI);
		break;
	case MOMENT_LOCK_WAIT:
		add_waits(list, run, CAUSE_LOCK);
		break;
	case MOMENT_LOST_OPPORTUNITY:
		add_lost(list, run, episodes);
		break;
	case MOMENT_SCHEDULER_MISMATCH:
		add_outcomes(list, run, episodes, OUTCOME_SCHEDULER_MISMATCH);
		break;
	case MOMENT_OVERBOOST:
		add_outcomes(list, run, episodes, OUTCOME_OVERBOOST);
		break;
	case N_MOMENT_KINDS:
		break;
	}
	g_array_sort(list, by_wait);
	return list;
}

/* The stretch to show: the wait, and what was before and after it. */
static void place(const struct run *run, struct moment *m)
{
	const struct episode *ep = episode_at(run->evidence->episodes, m->episode);
	int64_t margin = CLAMP((ep->end - ep->s) / 4, MIN_MARGIN_NS, MAX_MARGIN_NS);

	m->t0 = ep->s - margin;
	m->t1 = ep->end + margin;
}

/* Up to the gaps, or the ends of the recording, that it lies between. */
static void clip(const struct run *run, struct moment *m)
{
	const GArray *segments = run->evidence->segments;
	int64_t s = episode_at(run->evidence->episodes, m->episode)->s;

	for (guint i = 0; i < segments->len; i++) {
		const struct segment *sg = &g_array_index(segments, struct segment, i);

		if (sg->t0 <= s && s < sg->t1) {
			m->t0 = MAX(m->t0, sg->t0);
			m->t1 = MIN(m->t1, sg->t1);
		}
	}
}

static bool is_free(const GArray *moments, const struct moment *m)
{
	for (guint i = 0; i < moments->len; i++) {
		const struct moment *other = &g_array_index(moments, struct moment, i);

		if (m->t0 < other->t1 && other->t0 < m->t1)
			return false;
	}
	return true;
}

static char *duration(int64_t ns)
{
	if (ns >= 999500000)
		return g_strdup_printf("%.3g s", ns / 1e9);
	return ns >= 999500 ? g_strdup_printf("%.3g ms", ns / 1e6) : g_strdup_printf("%.3g us", ns / 1e3);
}

static char *count_of(guint n, const char *one, const char *many)
{
	return g_strdup_printf("%u %s", n, n == 1 ? one : many);
}

/* "vCPU 3", or "nobody". */
static char *target(int pick)
{
	return pick < 0 ? g_strdup("nobody") : g_strdup_printf("vCPU %d", pick);
}

/* How many vCPUs it was sent to. */
static guint receivers(const struct sends *s, const struct send *send)
{
	guint n = 0;

	for (guint i = 0; i < send->n_edges; i++) {
		guint k = 0;

		while (edge_at(s, send->edge + k)->receiver != edge_at(s, send->edge + i)->receiver)
			k++;
		n += k == i;
	}
	return n;
}

/* What the wait was for, how long it took and what was tried meanwhile. */
static char *tell_wait(const struct run *run, const struct candidate *c)
{
	const struct episodes *e = run->evidence->episodes;
	const struct episode *ep = episode_at(e, c->episode);
	const struct send *send = ep->send >= 0 ? send_at(e->sends, ep->send) : NULL;
	g_autofree char *time = duration(ep->end - ep->s), *exits = NULL, *yields = NULL, *whom = NULL;
	guint others = 0, n_receivers = send ? receivers(e->sends, send) : 0;

	for (guint j = 0; j < ep->n; j++) {
		const struct scored *d = scored_at(e->scores, episode_decision(e, ep, j));

		others += d->pick >= 0 && !episode_awaits(e, ep, d->pick, d->t);
	}
	if (!send)
		whom = g_strdup_printf("vCPU %d, which by all signs held a lock", ep->unblocker);
	else if (n_receivers > 1)
		whom = g_strdup_printf("%u vCPUs to answer vector 0x%02x, vCPU %d last", n_receivers, send->vector,
				       ep->unblocker);
	else
		whom = g_strdup_printf("vCPU %d to answer vector 0x%02x", ep->unblocker, send->vector);
	exits = count_of(ep->n, "PAUSE exit", "PAUSE exits");
	yields = count_of(others, "yield", "yields");
	return g_strdup_printf("vCPU %u of %s waited %s for %s; %s, %s to others", ep->me,
			       run->recorded->vms[ep->vm].label, time, whom, exits, yields);
}

static char *tell(const struct run *run, enum moment_kind kind, const struct candidate *c)
{
	const struct scored *d = scored_at(run->scores, c->decision);
	const char *vm = run->recorded->vms[d->vm].label;
	g_autofree char *time = duration(c->wait), *kernel = target(d->pick), *better = target(c->pick);

	switch (kind) {
	case MOMENT_LOST_OPPORTUNITY:
		return g_strdup_printf("vCPU %u of %s waited %s more after the kernel yielded to %s; %s would have yielded to %s, "
				       "which it waited for", d->me, vm, time, kernel, c->policy->label, better);
	case MOMENT_SCHEDULER_MISMATCH:
		return g_strdup_printf("vCPU %u of %s waited %s more after the kernel yielded to %s, which it waited for: "
				       "the scheduler ran others first", d->me, vm, time, kernel);
	case MOMENT_OVERBOOST:
		return g_strdup_printf("vCPU %u of %s waited %s more after the kernel yielded to %s, which it did not wait for; "
				       "nobody that it waited for was ready", d->me, vm, time, kernel);
	case MOMENT_IPI_WAIT:
	case MOMENT_LOCK_WAIT:
	case N_MOMENT_KINDS:
		break;
	}
	return tell_wait(run, c);
}

/* How many moments of a kind a VM has. */
static guint shown(const struct run *run, const GArray *moments, enum moment_kind kind, unsigned int vm)
{
	guint n = 0;

	for (guint i = 0; i < moments->len; i++) {
		const struct moment *m = &g_array_index(moments, struct moment, i);

		n += m->kind == kind && episode_at(run->evidence->episodes, m->episode)->vm == vm;
	}
	return n;
}

/* The longest that is free; or one nearly as long, of a VM of which less is shown. False: there is none. */
static bool choose(const struct run *run, GArray *moments, enum moment_kind kind, const GArray *candidates)
{
	struct moment best = { 0 };
	const struct candidate *chosen = NULL;
	int64_t longest = 0;
	guint least = 0;

	for (guint i = 0; i < candidates->len && (!chosen || least > 0); i++) {
		const struct candidate *c = &g_array_index(candidates, struct candidate, i);
		struct moment m = {
			.kind = kind, .episode = c->episode, .decision = c->decision, .wait = c->wait,
		};
		guint n;

		if (chosen && c->wait < ALIKE * longest)
			break;
		n = shown(run, moments, kind, episode_at(run->evidence->episodes, c->episode)->vm);
		place(run, &m);
		if ((chosen && n >= least) || !is_free(moments, &m))
			continue;
		longest = MAX(longest, c->wait);
		least = n;
		best = m;
		chosen = c;
	}
	if (!chosen)
		return false;
	clip(run, &best);
	best.what = tell(run, kind, chosen);
	g_array_append_val(moments, best);
	return true;
}

static int by_kind(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->wait != y->wait ? (x->wait < y->wait) - (x->wait > y->wait) : (x->t0 > y->t0) - (x->t0 < y->t0);
}

GArray *moments_find(const struct run *run)
{
	GArray *moments = g_array_new(FALSE, FALSE, sizeof(struct moment));
	g_autofree guint *episodes = evidence_used_episodes(run->evidence);

	g_array_set_clear_func(moments, clear);
	for (unsigned int kind = 0; kind < N_MOMENT_KINDS; kind++) {
		g_autoptr(GArray) candidates = candidates_of(run, kind, episodes);

		for (guint n = 0; n < quotas[kind] && choose(run, moments, kind, candidates); n++)
			;
	}
	g_array_sort(moments, by_kind);
	return moments;
}

struct near {
	int64_t distance, id;
};

static int by_distance(const void *a, const void *b)
{
	const struct near *x = a, *y = b;

	return x->distance != y->distance ? (x->distance > y->distance) - (x->distance < y->distance) :
					    (x->id > y->id) - (x->id < y->id);
}

void moment_decisions(const struct run *run, const struct moment *m, GArray *ids)
{
	const struct scored *first = scored_at(run->scores, m->decision);
	guint limit = CLAMP(MAX_VCPU_ROWS / MAX(first->n_vcpus, 1), MIN_DECISIONS, MAX_DECISIONS);
	g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(struct near));

	for (guint i = 0; i < run->scores->decisions->len; i++) {
		const struct scored *d = scored_at(run->scores, i);
		struct near near = { ABS(d->t - first->t), d->id };

		if (d->vm == first->vm && d->t >= m->t0 && d->t < m->t1)
			g_array_append_val(list, near);
	}
	g_array_sort(list, by_distance);
	for (guint i = 0; i < MIN(list->len, limit); i++)
		g_array_append_val(ids, g_array_index(list, struct near, i).id);
}
