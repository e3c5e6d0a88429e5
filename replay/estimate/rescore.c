// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/rescore.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "replay/bits.h"
#include "schema/progress.h"

/* Picks that the shadow allowed, below which waiting time stands for its margins. */
#define MIN_SELF_CHECK 0.6

enum { N_STRATA = 2 * (EFFICACY_MAX_NR + 1) * N_EFFICACY_BUCKETS };

static unsigned int index_of(const struct efficacy_stratum *s)
{
	return ((s->same_rq ? 1 : 0) * (EFFICACY_MAX_NR + 1) + MIN(s->nr_running, EFFICACY_MAX_NR)) *
	       N_EFFICACY_BUCKETS + s->bucket;
}

static struct efficacy_stratum stratum_of(unsigned int index)
{
	return (struct efficacy_stratum){
		.same_rq = index / N_EFFICACY_BUCKETS / (EFFICACY_MAX_NR + 1),
		.nr_running = index / N_EFFICACY_BUCKETS % (EFFICACY_MAX_NR + 1),
		.bucket = index % N_EFFICACY_BUCKETS,
	};
}

static struct efficacy_stratum view_stratum(const struct rescore *rs, const struct shadow_view *view)
{
	return (struct efficacy_stratum){
		.same_rq = view->same_rq, .nr_running = view->nr_running,
		.bucket = !rs->by_wait ? (unsigned int)view->bucket :
			  (unsigned int)efficacy_wait(view->waited == DB_NULL ? 0 : MAX(view->waited, 0)),
	};
}

/* Where a ready candidate is counted. */
static struct efficacy_counts *counts_of(const struct rescore *rs, int cell, unsigned int stratum, bool treated)
{
	gsize row = cell >= 0 ? (gsize)cell : bootstrap_n_cells(rs->evidence->bootstrap);

	return &rs->counts[(row * N_STRATA + stratum) * 2 + treated];
}

/* episode: whose first decision it is; NULL: nobody's. */
static void observe(struct rescore *rs, struct shadow *shadow, guint i, const struct episode *episode)
{
	const struct scored *d = scored_at(rs->evidence->scores, i);
	const unsigned int *vcpus = rs->evidence->scores->recorded->vms[d->vm].vcpus;
	const uint64_t *ready = scored_bits_of(rs->evidence->scores, d, SCORED_READY);
	int cell = bootstrap_cell(rs->evidence->bootstrap, d->t);

	for (unsigned int idx = 0; idx < d->n_vcpus; idx++) {
		struct shadow_view view;
		struct efficacy_stratum stratum;
		int64_t in;

		if (idx == d->me || !get_bit(ready, idx) || !vcpus[idx])
			continue;
		shadow_candidate(shadow, d->vcpu, vcpus[idx], &view);
		stratum = view_stratum(rs, &view);
		rs->strata[rs->strata_at[i] + idx] = index_of(&stratum);
		if (episode && (int)idx == episode->unblocker)
			rs->views[episode - episode_at(rs->evidence->episodes, 0)] = view;
		in = timeline_next_in(rs->evidence->timeline, vcpus[idx], d->t);
		if (d->tainted || d->pick == PICK_UNKNOWN ||
		    (in == NEVER && d->t + EFFICACY_WAIT_NS > rs->evidence->scores->recorded->t1))
			continue;
		efficacy_count(counts_of(rs, cell, index_of(&stratum), (int)idx == d->pick),
			       in == NEVER ? INT64_MAX : in - d->t);
	}
}

/* What is eligible: by the margin's sign; by waiting time all are, as far as that tells. */
static struct gain_efficacy efficacy_in(const struct rescore *rs, const struct efficacy_table *table, unsigned int i)
{
	struct efficacy_stratum stratum = stratum_of(i);
	const struct efficacy *from = efficacy_of(table, &stratum);

	return (struct gain_efficacy){
		.supported = from->supported, .alpha = from->alpha, .delta_ns = from->delta,
		.n_ns = from->wait, .eligible = rs->by_wait || stratum.bucket == SHADOW_ELIGIBLE,
	};
}

/* NULL: every observation once, those in no cell, too. */
static struct efficacy_table *fit(const struct rescore *rs, const uint32_t *weights)
{
	struct efficacy_table *table = efficacy_new(rs->by_wait ? EFFICACY_BY_WAIT : EFFICACY_BY_MARGIN,
						    rs->quality.buddy == SHADOW_IGNORED);
	guint n_cells = bootstrap_n_cells(rs->evidence->bootstrap);

	for (guint cell = 0; cell < n_cells + !weights; cell++) {
		uint32_t times = weights ? weights[cell] : 1;

		for (unsigned int i = 0; times && i < N_STRATA; i++) {
			struct efficacy_stratum stratum = stratum_of(i);

			for (unsigned int treated = 0; treated < 2; treated++) {
				const struct efficacy_counts *c = counts_of(rs, cell, i, treated);

				if (c->n)
					efficacy_add_counts(table, &stratum, treated, c, times);
			}
		}
	}
	efficacy_settle(table);
	return table;
}

const struct gain_efficacy *rescore_refit(struct rescore *rs, guint replicate, const uint32_t *weights)
{
	struct gain_efficacy *y;

	if (replicate >= rs->refits->len)
		g_ptr_array_set_size(rs->refits, replicate + 1);
	y = rs->refits->pdata[replicate];
	if (!y) {
		struct efficacy_table *table = fit(rs, weights);

		y = rs->refits->pdata[replicate] = g_new(struct gain_efficacy, N_STRATA);
		for (unsigned int i = 0; i < N_STRATA; i++)
			y[i] = efficacy_in(rs, table, i);
		efficacy_free(table);
	}
	return y;
}

static void fit_all(struct rescore *rs)
{
	struct efficacy_table *table = fit(rs, NULL);

	rs->fewest_yields = INT64_MAX;
	for (unsigned int i = 0; i < N_STRATA; i++) {
		struct efficacy_stratum stratum = stratum_of(i);
		const struct efficacy *from = efficacy_of(table, &stratum);
		struct gain_efficacy y = efficacy_in(rs, table, i);

		g_array_append_val(rs->efficacies, y);
		if (y.supported && from->pooled != EFFICACY_STRUCTURAL)
			rs->fewest_yields = MIN(rs->fewest_yields, from->n1);
	}
	efficacy_free(table);
}

static bool learn(struct rescore *rs, GError **error)
{
	const struct scores *scores = rs->evidence->scores;
	const struct episodes *e = rs->evidence->episodes;
	struct shadow *shadow = shadow_new(scores->recorded, error);
	g_autofree const struct episode **begins = NULL;	/* by decision */
	bool ok = true;

	if (!shadow)
		return false;
	begins = g_new0(const struct episode *, scores->decisions->len + 1);
	for (guint i = 0; i < e->list->len; i++)
		begins[episode_decision(e, episode_at(e, i), 0)] = episode_at(e, i);
	rs->quality = *shadow_quality(shadow);
	rs->by_wait = rs->quality.scheduler == SHADOW_NONE ||
		      !(rs->quality.self_check[rs->quality.forfeit] >= MIN_SELF_CHECK);
	progress_begin("learning what yields do", scores->decisions->len);
	for (guint i = 0; ok && i < scores->decisions->len; i++) {
		progress_turn(i);
		ok = shadow_advance(shadow, scored_at(scores, i)->t, error);
		if (ok)
			observe(rs, shadow, i, begins[i]);
	}
	if (ok)
		fit_all(rs);
	shadow_free(shadow);
	return ok;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* From the exit to the switch, and from the switch back until the call is done: median over yields. */
static double measure_yield(const struct evidence *ev)
{
	g_autoptr(GArray) costs = g_array_new(FALSE, FALSE, sizeof(double));

	for (guint i = 0; i < ev->scores->decisions->len; i++) {
		const struct scored *d = scored_at(ev->scores, i);
		const GArray *line = ev->timeline->lines[d->vcpu];
		int at = timeline_find(ev->timeline, d->vcpu, d->t);
		const struct stretch *out, *in;
		double ns;

		if (d->pick < 0 || d->t_end == DB_NULL || at < 0 || (guint)at + 1 >= line->len)
			continue;
		out = &g_array_index(line, struct stretch, at);
		in = &g_array_index(line, struct stretch, at + 1);
		if (d->t_end < in->t0 || d->t_end > in->t1)
			continue;
		ns = out->t1 - d->t + d->t_end - in->t0;
		g_array_append_val(costs, ns);
	}
	g_array_sort(costs, by_value);
	return costs->len ? g_array_index(costs, double, costs->len / 2) : 0;
}

static void add_spans(struct rescore *rs, const struct episode *ep)
{
	const struct timeline *tl = rs->evidence->timeline;
	const GArray *line = tl->lines[ep->vcpu];

	for (guint i = MAX(timeline_find(tl, ep->vcpu, ep->s), 0); i < line->len; i++) {
		const struct stretch *st = &g_array_index(line, struct stretch, i);
		struct gain_span span = { st->t0, st->t1 };

		if (st->t0 >= ep->end)
			break;
		if (st->t1 > ep->s)
			g_array_append_val(rs->spans, span);
	}
}

/* Is a vCPU that it waits for on a CPU; if none is known, any other of its VM? */
static bool awaited_runs(const struct rescore *rs, const struct episode *ep, const struct scored *d)
{
	const struct scores *scores = rs->evidence->scores;
	const uint64_t *on_cpu = scored_bits_of(scores, d, SCORED_ON_CPU);

	for (unsigned int idx = 0; idx < d->n_vcpus; idx++)
		if (idx != d->me && get_bit(on_cpu, idx) &&
		    (ep->confidence < GAIN_MIN_CONFIDENCE || episode_awaits(rs->evidence->episodes, ep, idx, d->t)))
			return true;
	return false;
}

static struct gain_decision decision_of(const struct rescore *rs, const struct episode *ep, guint at)
{
	const struct scores *scores = rs->evidence->scores;
	const struct scored *d = scored_at(scores, at);
	struct gain_decision g = {
		.t = d->t, .recorded = d->pick, .t_in = GAIN_NEVER, .unblocker_awaits = NO_TARGET,
		.awaited_on_cpu = awaited_runs(rs, ep, d), .stratum = -1, .state = UNBLOCKER_BLOCKED,
	};
	unsigned int u = ep->unblocker, stratum;
	int other;

	if (ep->unblocker < 0)
		return g;
	if (get_bit(scored_bits_of(scores, d, SCORED_READY), u))
		g.state = UNBLOCKER_READY;
	else if (get_bit(scored_bits_of(scores, d, SCORED_ON_CPU), u))
		g.state = UNBLOCKER_ON_CPU;
	other = episode_of(rs->evidence->episodes, ep->unblocker_vcpu, d->t);
	if (other >= 0)
		g.unblocker_awaits = episode_at(rs->evidence->episodes, other)->unblocker;
	g.t_in = timeline_next_in(rs->evidence->timeline, ep->unblocker_vcpu, d->t);
	stratum = rescore_stratum(rs, at, u);
	g.stratum = stratum == NO_STRATUM ? -1 : (int)stratum;
	return g;
}

static void arrange(struct rescore *rs)
{
	const struct episodes *e = rs->evidence->episodes;
	guint d = 0, s = 0;

	for (guint i = 0; i < e->list->len; i++) {
		const struct episode *ep = episode_at(e, i);
		struct gain_episode *g = &rs->episodes[i];

		*g = (struct gain_episode){
			.s = ep->s, .t_end = MAX(ep->end, ep->s + 1), .unblocker = ep->unblocker,
			.confidence = ep->confidence, .yield_ns = rs->yield_ns,
		};
		if (rs->evidence->cells[i] < 0)
			continue;
		for (guint j = 0; j < ep->n; j++) {
			struct gain_decision row = decision_of(rs, ep, episode_decision(e, ep, j));

			g_array_append_val(rs->decisions, row);
		}
		add_spans(rs, ep);
		g->n_decisions = rs->decisions->len - d;
		g->n_spans = rs->spans->len - s;
		d = rs->decisions->len;
		s = rs->spans->len;
	}
	d = s = 0;	/* the arrays have stopped moving */
	for (guint i = 0; i < e->list->len; i++) {
		struct gain_episode *g = &rs->episodes[i];

		g->decisions = &g_array_index(rs->decisions, struct gain_decision, d);
		g->spans = &g_array_index(rs->spans, struct gain_span, s);
		g->efficacies = (const struct gain_efficacy *)rs->efficacies->data;
		d += g->n_decisions;
		s += g->n_spans;
	}
}

struct rescore *rescore_new(const struct evidence *ev, GError **error)
{
	struct rescore *rs = g_new0(struct rescore, 1);
	gsize at = 0;

	rs->evidence = ev;
	rs->decisions = g_array_new(FALSE, FALSE, sizeof(struct gain_decision));
	rs->spans = g_array_new(FALSE, FALSE, sizeof(struct gain_span));
	rs->efficacies = g_array_sized_new(FALSE, FALSE, sizeof(struct gain_efficacy), N_STRATA);
	rs->counts = g_new0(struct efficacy_counts, (gsize)(bootstrap_n_cells(ev->bootstrap) + 1) * N_STRATA * 2);
	rs->refits = g_ptr_array_new_with_free_func(g_free);
	rs->episodes = g_new0(struct gain_episode, ev->episodes->list->len + 1);
	rs->views = g_new0(struct shadow_view, ev->episodes->list->len + 1);
	rs->strata_at = g_new(gsize, ev->scores->decisions->len + 1);
	for (guint i = 0; i < ev->scores->decisions->len; i++) {
		rs->strata_at[i] = at;
		at += scored_at(ev->scores, i)->n_vcpus;
	}
	rs->strata = g_malloc(at + 1);
	memset(rs->strata, NO_STRATUM, at + 1);
	rs->yield_ns = measure_yield(ev);
	if (!learn(rs, error)) {
		rescore_free(rs);
		return NULL;
	}
	arrange(rs);
	return rs;
}

void rescore_free(struct rescore *rs)
{
	if (!rs)
		return;
	g_free(rs->strata);
	g_free(rs->strata_at);
	g_free(rs->views);
	g_free(rs->episodes);
	g_array_unref(rs->efficacies);
	g_free(rs->counts);
	g_ptr_array_unref(rs->refits);
	g_array_unref(rs->spans);
	g_array_unref(rs->decisions);
	g_free(rs);
}

unsigned int rescore_stratum(const struct rescore *rs, guint decision, unsigned int vcpu_idx)
{
	return rs->strata[rs->strata_at[decision] + vcpu_idx];
}

enum would_run rescore_would_run(const struct rescore *rs, guint decision, unsigned int vcpu_idx)
{
	unsigned int stratum = rescore_stratum(rs, decision, vcpu_idx), bucket;

	if (stratum == NO_STRATUM || rs->by_wait)
		return WOULD_RUN_UNKNOWN;
	if (rs->quality.buddy == SHADOW_IGNORED)
		return WOULD_NOT_RUN;
	bucket = stratum_of(stratum).bucket;
	return bucket == SHADOW_UNKNOWN ? WOULD_RUN_UNKNOWN : bucket == SHADOW_ELIGIBLE ? WOULD_RUN : WOULD_NOT_RUN;
}
