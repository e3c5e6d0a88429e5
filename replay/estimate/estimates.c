// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/estimates.h"

#include <math.h>
#include <string.h>

#include "replay/estimate/throughput.h"

/* Less than this is too little to say anything. */
enum { MIN_BLOCKS = 20, MIN_EPISODES = 200, MIN_CHANGED = 50 };

/* Shares beyond which the recording does not determine an answer. */
#define MAX_LOST 0.2
#define MIN_FIDELITY 0.95
#define MIN_KNOWN 0.8		/* outcomes of decisions */
#define MIN_PICKS_KNOWN 0.8	/* decisions at which both the policy's pick and the recorded policy's are known */
#define MIN_CONFIDENT 0.5	/* spin in episodes whose unblocker is known with confidence 2 or 3 */
#define MIN_SUPPORT 0.95	/* the policy's decisions of whose kind there are enough */
#define MIN_SUPPORTED 0.8	/* episodes that it changes whose gain can be told */
#define WIDE 0.02		/* of the vCPUs' CPU time, to either side of nothing */

/* Probability that chance alone makes a verdict, of all that are looked at together. */

/* By how much more an estimate may be off, per share of outcomes that no probe saw. */
#define IMPUTED_ERROR 0.5

/* Points of throughput: see further_error(). */
#define BLIND_ERROR 5

/* A policy under which waits take so many times the PAUSE exits is too far from what was recorded. */
#define FAR 2

static const char *const action_names[N_CHAIN_ACTIONS] = {
	[CHAIN_NONE] = "yield to nobody", [CHAIN_HIT] = "yield to a vCPU that is waited for",
	[CHAIN_NEAR_HIT] = "yield to a vCPU that one waited for waits for itself",
	[CHAIN_WRONG] = "yield to a vCPU that is not waited for",
	[CHAIN_SOME] = "yield where nobody knows who is waited for",
};

char *estimates_refused(const struct evidence *ev, const struct estimates_query *q, guint n_changed,
			enum verdict *verdict)
{
	double confident = ev->spin_by_confidence[2] + ev->spin_by_confidence[3];
	double picks_known = evidence_picks_known(ev, q->picks, q->baseline);

	/* first, as more of the same would not help */
	*verdict = VERDICT_NOT_IDENTIFIABLE;
	if (picks_known < MIN_PICKS_KNOWN)
		return g_strdup_printf("whom the policy and the recorded one would yield to is known at only %.0f %% of decisions",
				       100 * picks_known);
	*verdict = VERDICT_INSUFFICIENT_DATA;
	if (bootstrap_n_blocks(ev->bootstrap) < MIN_BLOCKS)
		return g_strdup_printf("%u blocks of %.0f ms were recorded, of %d that are needed",
				       bootstrap_n_blocks(ev->bootstrap), ev->block_ns / 1e6, MIN_BLOCKS);
	if (ev->n_used < MIN_EPISODES)
		return g_strdup_printf("%u episodes can be used, of %d that are needed", ev->n_used, MIN_EPISODES);
	if (n_changed < MIN_CHANGED)
		return g_strdup_printf("it changes %u decisions, of %d that are needed", n_changed, MIN_CHANGED);
	*verdict = VERDICT_NOT_IDENTIFIABLE;
	if (ev->lost > MAX_LOST)
		return g_strdup_printf("%.0f %% of the recording is lost", 100 * ev->lost);
	if (q->fidelity >= 0 && q->fidelity < MIN_FIDELITY)
		return g_strdup_printf("replay reproduces only %.1f %% of the kernel's own attempts", 100 * q->fidelity);
	if (ev->outcomes_known < MIN_KNOWN)
		return g_strdup_printf("what the kernel did is known of only %.0f %% of its decisions",
				       100 * ev->outcomes_known);
	if (q->uses_ipis && q->ipis_hidden)
		return g_strdup("IPIs are virtualised: which were out leaves no event");
	if (confident < MIN_CONFIDENT)
		return g_strdup_printf("whom it waits for is known of only %.0f %% of the spinning", 100 * confident);
	return NULL;
}

/* The same of the episode chain: what it has seen too little of. */
static char *why_not(const struct evidence *ev, const struct estimates_query *q, const struct throughput *t,
		     enum verdict *verdict)
{
	char *why = estimates_refused(ev, q, t->n_changed, verdict);

	if (why)
		return why;
	*verdict = VERDICT_NOT_IDENTIFIABLE;
	if (isnan(t->value[METRIC_THROUGHPUT_GAIN]))
		return g_strdup("no gain can be worked out: waits as they were recorded would not end under it");
	if (t->pauses_ratio > FAR)
		return g_strdup_printf("its waits would take %.1f times the PAUSE exits that were recorded: too far from them",
				       t->pauses_ratio);
	if (t->support < MIN_SUPPORT)
		return g_strdup_printf("%.0f %% of its decisions %s, which the recorded kernel hardly ever does",
				       100 * (1 - t->support), action_names[t->lacking]);
	return NULL;
}

static void set_nothing(struct estimate *estimates, const struct evidence *ev, double picks_known)
{
	bool any = ev->scores->decisions->len > 0;

	for (unsigned int m = 0; m < N_METRICS; m++)
		estimates[m] = (struct estimate){
			.metric = m, .support = any ? picks_known : 0, .verdict = VERDICT_NO_CLEAR_EFFECT,
			.reason = g_strdup(any ? "its picks are the recorded policy's" : "no spinning"),
		};
}

/*
 * Are the picks the same wherever they count? If no wait can be used, they must be the same
 * everywhere. That neither is known does not make them the same.
 */
static bool changes_nothing(const struct evidence *ev, const struct estimates_query *q, guint n_changed,
			    double picks_known)
{
	return !n_changed && picks_known >= MIN_PICKS_KNOWN && (ev->n_used || !q->picks->len ||
			      !memcmp(q->picks->data, q->baseline->data, q->picks->len * sizeof(int)));
}

/*
 * What the method may be off by beyond what is usual: by as much as the two estimates
 * disagree; by what no probe saw; and for a policy that yields without knowing who is
 * waited for, where that one may be running on another CPU, by harm that builds up
 * over many yields and that neither estimate sees.
 */
static double further_error(const struct evidence *ev, const struct estimates_query *q, const struct episode_gains *g,
			    enum metric metric, double value, double saved)
{
	double ns = ev->ns * ev->spin_used, single = g->spin / ns, on_cpu = ev->on_cpu_ns / ev->ns;
	double imputed = IMPUTED_ERROR * (1 - ev->observed) * value, disagree = 0, blind = 0;
	/* percent of work that a CPU saved is worth */
	double per_cpu = metric == METRIC_THROUGHPUT_GAIN ? 100 / on_cpu : 1;

	if (metric == METRIC_THROUGHPUT_GAIN || metric == METRIC_SPIN_CPU_SAVED) {
		disagree = per_cpu * (single - saved);
		if (!q->uses_ipis && ev->scores->recorded->n_cpu > 1)
			blind = BLIND_ERROR * (metric == METRIC_THROUGHPUT_GAIN ? 1 : on_cpu / 100);
	}
	return sqrt(imputed * imputed + disagree * disagree + blind * blind);
}

/* share: of the evidence */
static void set_throughput(const struct evidence *ev, const struct estimates_query *q, struct throughput *t,
			   const struct episode_gains *g, double share, struct estimate *estimates)
{
	guint n = bootstrap_n_replicates(ev->bootstrap);

	for (unsigned int m = 0; m < N_THROUGHPUT_METRICS; m++) {
		double support = t->support * share;

		if (m == METRIC_IPI_RESPONSE_CHANGE && ev->n_ipi < MIN_EPISODES)
			estimate_refuse(&estimates[m], m, VERDICT_INSUFFICIENT_DATA,
					g_strdup_printf("%u visible waits for IPIs, of %d that are needed", ev->n_ipi,
							MIN_EPISODES));
		else
			estimate_set(&estimates[m], m, t->value[m], t->replicates[m], n, support,
				     further_error(ev, q, g, m, t->value[m], t->value[METRIC_SPIN_CPU_SAVED]));
	}
}

/* Why no figure per decision may be printed though throughput may; NULL: one may. */
static char *why_not_single(const struct evidence *ev, const struct episode_gains *g)
{
	double on_cpu = ev->on_cpu_ns * ev->spin_used;
	double supported = g->n_fatal ? 1 - (double)g->n_unsupported / g->n_fatal : 1;

	if (supported < MIN_SUPPORTED)
		return g_strdup_printf("of %u episodes that it changes only %.0f %% have a gain that can be told",
				       g->n_fatal, 100 * supported);
	if (g->worst < -WIDE * on_cpu && g->best > WIDE * on_cpu)
		return g_strdup_printf("where it is not known who is waited for, it may be anything from %+.1f to %+.1f %% "
				       "of CPU time", 100 * g->worst / on_cpu, 100 * g->best / on_cpu);
	return NULL;
}

static void set_single(const struct evidence *ev, struct episode_gains *g, double share, struct estimate *estimates)
{
	double ns = ev->ns * ev->spin_used, supported = g->n_fatal ? 1 - (double)g->n_unsupported / g->n_fatal : 1;
	double support = supported * share;
	struct estimate *e = &estimates[METRIC_EPISODE_SPIN_SAVED];

	for (guint k = 0; k < g->n_replicates; k++) {
		g->spin_replicates[k] /= ns;
		g->response_replicates[k] *= -1e-3;
	}
	estimate_set(e, METRIC_EPISODE_SPIN_SAVED, g->spin / ns, g->spin_replicates, g->n_replicates, support,
		     IMPUTED_ERROR * (1 - ev->observed) * fabs(g->spin / ns));
	e->bounds[0] = g->worst / ns;
	e->bounds[1] = g->best / ns;
	if (ev->n_ipi < MIN_EPISODES)
		estimate_refuse(&estimates[METRIC_EPISODE_RESPONSE_CHANGE], METRIC_EPISODE_RESPONSE_CHANGE,
				VERDICT_INSUFFICIENT_DATA,
				g_strdup_printf("%u visible waits for IPIs, of %d that are needed", ev->n_ipi, MIN_EPISODES));
	else
		estimate_set(&estimates[METRIC_EPISODE_RESPONSE_CHANGE], METRIC_EPISODE_RESPONSE_CHANGE,
			     -g->response / g->n_ipi / 1e3, g->response_replicates, g->n_replicates, support,
			     IMPUTED_ERROR * (1 - ev->observed) * fabs(g->response / g->n_ipi / 1e3));
	/* lines of their own, never part of a gain */
	for (guint k = 0; k < g->n_replicates; k++) {
		g->yield_cost_replicates[k] /= ns;
		g->displaced_replicates[k] /= ns;
	}
	estimate_set(&estimates[METRIC_YIELD_COST], METRIC_YIELD_COST, g->yield_cost / ns, g->yield_cost_replicates,
		     g->n_replicates, support, 0);
	estimate_set(&estimates[METRIC_DISPLACED], METRIC_DISPLACED, g->displaced / ns, g->displaced_replicates,
		     g->n_replicates, support, 0);
}

/* What the gain of single waits rests on was found wrong: say so, and have room for both. */
static void doubt(const struct estimators *check, struct estimate *e)
{
	double lo, hi, value = e->value;

	if (isnan(value) || !estimators_suspect(check, &lo, &hi))
		return;
	if (isnan(lo))
		estimate_refuse(e, e->metric, VERDICT_REFUSED,
				g_strdup("direct method suspect: it says no gain, the natural experiment says otherwise"));
	else
		estimate_cover(e, MIN(value * lo, value * hi), MAX(value * lo, value * hi),
			       g_strdup_printf("direct method suspect: by the natural experiment a gain is %.2f times "
					       "what it says; the interval has both",
					       check->doubly_robust.dr_ns / check->doubly_robust.dm_ns));
}

static void refuse(struct estimate *estimates, unsigned int first, unsigned int last, enum verdict verdict,
		   const char *why)
{
	for (unsigned int m = first; m <= last; m++)
		estimate_refuse(&estimates[m], m, verdict, g_strdup(why));
}

struct episode_gains *estimates_make(struct evidence *ev, struct rescore *rs, const struct estimates_query *q,
				     struct estimate *estimates)
{
	struct throughput *t = throughput_of(ev, q->picks, q->baseline);
	struct episode_gains *g = episode_gains_of(rs, ev->bootstrap, q->picks, q->baseline);
	enum verdict verdict = VERDICT_NOT_IDENTIFIABLE;
	double picks_known = evidence_picks_known(ev, q->picks, q->baseline);
	bool nothing = changes_nothing(ev, q, t->n_changed, picks_known);
	g_autofree char *why = nothing ? NULL : why_not(ev, q, t, &verdict);
	g_autofree char *why_single = nothing || why ? NULL : why_not_single(ev, g);

	if (nothing) {
		set_nothing(estimates, ev, picks_known);
	} else if (why) {
		refuse(estimates, 0, N_METRICS - 1, verdict, why);
	} else {
		set_throughput(ev, q, t, g, ev->spin_used * picks_known, estimates);
		if (why_single)
			refuse(estimates, N_THROUGHPUT_METRICS, N_METRICS - 1, VERDICT_NOT_IDENTIFIABLE, why_single);
		else
			set_single(ev, g, ev->spin_used * picks_known, estimates);
		for (unsigned int m = METRIC_EPISODE_SPIN_SAVED; q->estimators && m <= METRIC_EPISODE_RESPONSE_CHANGE; m++)
			doubt(q->estimators, &estimates[m]);
	}
	throughput_free(t);
	return g;
}

void estimates_compare(struct estimate *const *estimates, gsize n)
{
	g_autofree double *p = g_new(double, n + 1);

	for (gsize i = 0; i < n; i++)
		p[i] = interval_p_value(estimates[i]->value, estimates[i]->total[0], estimates[i]->total[1]);
	holm_adjust(p, n, p);
	for (gsize i = 0; i < n; i++)
		verdict_among(&estimates[i]->verdict, &estimates[i]->reason, p[i], n);
}

void estimates_clear(struct estimate *estimates)
{
	for (unsigned int m = 0; m < N_METRICS; m++)
		g_clear_pointer(&estimates[m].reason, g_free);
}
