// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/episode_gains.h"

#include <math.h>

#include "replay/bits.h"

/* Replicates in which efficacies are learned anew; and how many yields of a kind make that needless. */
enum { REFITS = 200, ENOUGH_YIELDS = 200 };

/* A displaced thread loses no more than this at a time: a slice, where the host facts tell none. */
#define SLICE_NS 3000000

enum outcome_class episode_outcome(const struct rescore *rs, guint episode, guint decision, int pick, bool recorded)
{
	const struct evidence *ev = rs->evidence;
	const struct episode *ep = episode_at(ev->episodes, episode);
	const struct scored *d = scored_at(ev->scores, decision);
	unsigned int n_words = ev->scores->recorded->vms[d->vm].n_words;
	g_autofree uint64_t *awaited = g_new0(uint64_t, n_words);
	struct outcome_query query = {
		.n_words = n_words, .ready = scored_bits_of(ev->scores, d, SCORED_READY),
		.awaited = ep->confidence >= GAIN_MIN_CONFIDENCE ? awaited : NULL,
	};

	for (unsigned int idx = 0; idx < d->n_vcpus; idx++)
		put_bit(awaited, idx, idx != d->me && episode_awaits(ev->episodes, ep, idx, d->t));
	if (pick >= 0 && recorded) {
		unsigned int vcpu = ev->scores->recorded->vms[d->vm].vcpus[pick];

		query.would_run = vcpu && timeline_next_in(ev->timeline, vcpu, d->t) - d->t <= EFFICACY_QUICK_NS ?
				  WOULD_RUN : WOULD_NOT_RUN;
	} else if (pick >= 0) {
		query.would_run = rescore_would_run(rs, decision, pick);
	}
	return classify_decision(&query, pick);
}

/* Gain of an episode if a given vCPU were its unblocker and a yield to it always worked. */
static double supposing(const struct rescore *rs, guint i, const int *picks, int unblocker)
{
	struct gain_efficacy sure = { .supported = true, .eligible = true, .alpha = 1 };
	struct gain_episode e = rs->episodes[i];
	const struct episode *ep = episode_at(rs->evidence->episodes, i);
	g_autofree struct gain_decision *decisions = g_memdup2(e.decisions, e.n_decisions * sizeof(*e.decisions));
	unsigned int vcpu = rs->evidence->scores->recorded->vms[ep->vm].vcpus[unblocker];
	struct episode_gain g;

	for (gsize j = 0; j < e.n_decisions; j++) {
		const struct scored *d = scored_at(rs->evidence->scores, episode_decision(rs->evidence->episodes, ep, j));

		decisions[j].stratum = 0;
		decisions[j].t_in = vcpu ? timeline_next_in(rs->evidence->timeline, vcpu, d->t) : GAIN_NEVER;
		decisions[j].state = get_bit(scored_bits_of(rs->evidence->scores, d, SCORED_READY), unblocker) ?
				     UNBLOCKER_READY : UNBLOCKER_ON_CPU;
	}
	for (guint k = 0; k < rs->efficacies->len; k++)
		sure.n_ns = MAX(sure.n_ns, g_array_index(rs->efficacies, struct gain_efficacy, k).n_ns);
	e.decisions = decisions;
	e.efficacies = &sure;
	e.confidence = GAIN_MIN_CONFIDENCE;
	e.unblocker = unblocker;
	g = gain_of_episode(&e, picks);
	return isnan(g.spin_ns) ? 0 : g.spin_ns;
}

/* Whom the policy newly picks first, or drops first: the best and the worst that may be true. */
static void bound(const struct rescore *rs, guint i, const int *picks, double spin, double *worst, double *best)
{
	const struct gain_episode *e = &rs->episodes[i];
	int taken = NO_TARGET, dropped = NO_TARGET;

	*worst = *best = spin;
	if (e->confidence >= GAIN_MIN_CONFIDENCE)
		return;
	for (gsize j = 0; j < e->n_decisions; j++) {
		if (picks[j] == e->decisions[j].recorded)
			continue;
		if (taken == NO_TARGET && picks[j] >= 0)
			taken = picks[j];
		if (dropped == NO_TARGET && e->decisions[j].recorded >= 0)
			dropped = e->decisions[j].recorded;
	}
	if (taken >= 0)
		*best = MAX(spin, supposing(rs, i, picks, taken));
	if (dropped >= 0)
		*worst = MIN(spin, supposing(rs, i, picks, dropped));
}

/* The unblocker runs earlier by what it then needs: so much later another thread does. */
static double displaced(const struct rescore *rs, guint i, const struct episode_gain *gain)
{
	const struct evidence *ev = rs->evidence;
	const struct episode *ep = episode_at(ev->episodes, i);
	int64_t t_in;

	if (gain->class != GAIN_HIT && gain->class != GAIN_FUTILE_HIT)
		return 0;
	t_in = rs->episodes[i].decisions[gain->decision].t_in;
	return CLAMP(timeline_ran(ev->timeline, ep->unblocker_vcpu, ep->end) -
		     timeline_ran(ev->timeline, ep->unblocker_vcpu, t_in), 0, ev->slice_ns > 0 ? ev->slice_ns : SLICE_NS);
}

static bool strata_are_thin(const struct rescore *rs)
{
	return rs->fewest_yields < ENOUGH_YIELDS;
}

/* Picks of an episode's decisions. */
static const int *picks_in(const struct rescore *rs, const int *picks, guint i)
{
	return picks + episode_at(rs->evidence->episodes, i)->first;
}

static void add_all(struct rescore *rs, const int *picks, struct episode_gain *gains)
{
	for (guint i = 0; i < rs->evidence->episodes->list->len; i++)
		if (rs->evidence->cells[i] >= 0)
			gains[i] = gain_of_episode(&rs->episodes[i], picks_in(rs, picks, i));
}

/* Does it hang on what a yield does, which is learned from the recording, too? */
static bool hangs_on_efficacy(const struct episode_gain *g)
{
	return g->class == GAIN_HIT || g->class == GAIN_FUTILE_HIT || g->class == GAIN_LOSS ||
	       g->class == GAIN_UNSUPPORTED;
}

/* Sums over used episodes, by cell. */
struct sums {
	double *spin, *response, *n_ipi;
};

/* settled: leave out the gains of those that efficacies learned anew may change. */
static struct sums sum_up(const struct rescore *rs, const struct episode_gain *gains, guint n_cells, bool settled)
{
	const struct evidence *ev = rs->evidence;
	struct sums s = { g_new0(double, n_cells + 1), g_new0(double, n_cells + 1), g_new0(double, n_cells + 1) };

	for (guint i = 0; i < ev->episodes->list->len; i++) {
		bool ipi = episode_at(ev->episodes, i)->cause == CAUSE_IPI;
		int cell = ev->cells[i];

		if (cell < 0)
			continue;
		s.n_ipi[cell] += ipi;
		if (!gains[i].supported || (settled && hangs_on_efficacy(&gains[i])))
			continue;
		s.spin[cell] += gains[i].spin_ns;
		s.response[cell] += ipi ? gains[i].wall_ns : 0;
	}
	return s;
}

static void sums_free(struct sums *s)
{
	g_free(s->spin);
	g_free(s->response);
	g_free(s->n_ipi);
}

/* Gains of some episodes by efficacies as a replicate has them. */
static void add_refitted(const struct rescore *rs, const GArray *episodes, const int *picks,
			 const struct gain_efficacy *efficacies, const uint32_t *weights, double *spin, double *response)
{
	for (guint n = 0; n < episodes->len; n++) {
		guint i = g_array_index(episodes, guint, n);
		uint32_t weight = weights[rs->evidence->cells[i]];
		struct gain_episode e = rs->episodes[i];
		struct episode_gain g;

		if (!weight)
			continue;
		e.efficacies = efficacies;
		g = gain_of_episode(&e, picks_in(rs, picks, i));
		if (!g.supported)
			continue;
		*spin += weight * g.spin_ns;
		if (episode_at(rs->evidence->episodes, i)->cause == CAUSE_IPI)
			*response += weight * g.wall_ns;
	}
}

/* What is not part of a gain, by cell. */
struct costs {
	double *yield, *displaced;
};

static void replicate(struct episode_gains *g, struct rescore *rs, struct bootstrap *b, const int *picks,
		      const struct costs *costs)
{
	guint n = bootstrap_n_cells(b);
	bool refit = strata_are_thin(rs);
	struct sums s = sum_up(rs, g->gains, n, refit);
	g_autoptr(GArray) unsettled = g_array_new(FALSE, FALSE, sizeof(guint));

	for (guint i = 0; refit && i < rs->evidence->episodes->list->len; i++)
		if (rs->evidence->cells[i] >= 0 && hangs_on_efficacy(&g->gains[i]))
			g_array_append_val(unsettled, i);
	g->n_replicates = refit ? MIN(REFITS, bootstrap_n_replicates(b)) : bootstrap_n_replicates(b);
	g->spin_replicates = g_new(double, g->n_replicates + 1);
	g->response_replicates = g_new(double, g->n_replicates + 1);
	g->yield_cost_replicates = g_new(double, g->n_replicates + 1);
	g->displaced_replicates = g_new(double, g->n_replicates + 1);
	for (guint k = 0; k < g->n_replicates; k++) {
		const uint32_t *weights = bootstrap_weights(b, k);
		double spin = bootstrap_sum(s.spin, weights, n), response = bootstrap_sum(s.response, weights, n);
		double n_ipi = bootstrap_sum(s.n_ipi, weights, n);

		if (refit)
			add_refitted(rs, unsettled, picks, rescore_refit(rs, k, weights), weights, &spin, &response);
		g->spin_replicates[k] = spin;
		g->yield_cost_replicates[k] = bootstrap_sum(costs->yield, weights, n);
		g->displaced_replicates[k] = bootstrap_sum(costs->displaced, weights, n);
		g->response_replicates[k] = n_ipi > 0 ? response / n_ipi : NAN;
	}
	sums_free(&s);
}

/* cost: by cell, what more yields cost. */
static void count_changes(struct episode_gains *g, const struct rescore *rs, const GArray *picks,
			  const GArray *baseline, double *cost)
{
	g_autoptr(GArray) changes = evidence_changes(rs->evidence, picks, baseline);

	g->n_changed = changes->len;
	for (guint i = 0; i < changes->len; i++) {
		const struct evidence_change *c = &g_array_index(changes, struct evidence_change, i);
		int pick = g_array_index(picks, int, c->decision), base = g_array_index(baseline, int, c->decision);

		cost[rs->evidence->cells[c->episode]] += ((pick >= 0) - (base >= 0)) * rs->yield_ns;
	}
}

/*
 * The policy's picks in the order of episodes; where they are the baseline's, the
 * recorded ones, so that replay's own errors cancel.
 */
static int *picks_of(const struct rescore *rs, const GArray *picks, const GArray *baseline)
{
	const struct episodes *e = rs->evidence->episodes;
	guint n = e->scores->decisions->len;
	int *own = g_new(int, n + 1);

	for (guint j = 0; j < n; j++) {
		guint at = e->order[j];
		int pick = g_array_index(picks, int, at);

		own[j] = pick == g_array_index(baseline, int, at) ? scored_at(e->scores, at)->pick : pick;
	}
	return own;
}

struct episode_gains *episode_gains_of(struct rescore *rs, struct bootstrap *b, const GArray *picks,
				       const GArray *baseline)
{
	struct episode_gains *g = g_new0(struct episode_gains, 1);
	guint n = rs->evidence->episodes->list->len, n_cells = bootstrap_n_cells(b);
	g_autofree int *own = picks_of(rs, picks, baseline);
	struct costs costs = { g_new0(double, n_cells + 1), g_new0(double, n_cells + 1) };
	struct sums s;

	g->gains = g_new0(struct episode_gain, n + 1);
	add_all(rs, own, g->gains);
	s = sum_up(rs, g->gains, n_cells, false);
	g->spin = bootstrap_sum(s.spin, NULL, n_cells);
	g->response = bootstrap_sum(s.response, NULL, n_cells);
	g->n_ipi = bootstrap_sum(s.n_ipi, NULL, n_cells);
	sums_free(&s);
	for (guint i = 0; i < n; i++) {
		double worst, best;

		if (rs->evidence->cells[i] < 0)
			continue;
		g->n_fatal += gain_is_fatal(g->gains[i].class);
		g->n_unsupported += !g->gains[i].supported;
		bound(rs, i, picks_in(rs, own, i), g->gains[i].supported ? g->gains[i].spin_ns : 0, &worst, &best);
		g->worst += worst;
		g->best += best;
		costs.displaced[rs->evidence->cells[i]] += displaced(rs, i, &g->gains[i]);
	}
	count_changes(g, rs, picks, baseline, costs.yield);
	g->yield_cost = bootstrap_sum(costs.yield, NULL, n_cells);
	g->displaced = bootstrap_sum(costs.displaced, NULL, n_cells);
	replicate(g, rs, b, own, &costs);
	g_free(costs.yield);
	g_free(costs.displaced);
	return g;
}

void episode_gains_free(struct episode_gains *g)
{
	if (!g)
		return;
	g_free(g->gains);
	g_free(g->spin_replicates);
	g_free(g->response_replicates);
	g_free(g->yield_cost_replicates);
	g_free(g->displaced_replicates);
	g_free(g);
}
