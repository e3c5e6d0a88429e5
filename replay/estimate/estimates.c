// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/estimates.h"

#include <math.h>

#include "replay/estimate/throughput.h"

/* Less than this is too little to say anything. */
enum { MIN_BLOCKS = 20, MIN_EPISODES = 200, MIN_CHANGED = 50 };

/* Shares beyond which the recording does not determine an answer. */
#define MAX_LOST 0.2
#define MIN_FIDELITY 0.95
#define MIN_KNOWN 0.8		/* outcomes of decisions */
#define MIN_CONFIDENT 0.5	/* spin in episodes whose unblocker is known with confidence 2 or 3 */
#define MIN_SUPPORT 0.95	/* the policy's decisions of whose kind there are enough */

/* By how much more an estimate may be off, per share of outcomes that no probe saw. */
#define IMPUTED_ERROR 0.5

static const char *const action_names[N_CHAIN_ACTIONS] = {
	[CHAIN_NONE] = "yield to nobody", [CHAIN_HIT] = "yield to a vCPU that is waited for",
	[CHAIN_WRONG] = "yield to a vCPU that is not waited for",
	[CHAIN_SOME] = "yield where nobody knows who is waited for",
};

/* Why no figure of this policy may be printed; NULL: one may. */
static char *why_not(const struct evidence *ev, const struct estimates_query *q, const struct throughput *t,
		     enum verdict *verdict)
{
	double confident = ev->spin_by_confidence[2] + ev->spin_by_confidence[3];

	*verdict = VERDICT_INSUFFICIENT_DATA;
	if (bootstrap_n_blocks(ev->bootstrap) < MIN_BLOCKS)
		return g_strdup_printf("%u blocks of %.0f ms were recorded, of %d that are needed",
				       bootstrap_n_blocks(ev->bootstrap), ev->block_ns / 1e6, MIN_BLOCKS);
	if (ev->n_used < MIN_EPISODES)
		return g_strdup_printf("%u episodes can be used, of %d that are needed", ev->n_used, MIN_EPISODES);
	if (t->n_changed < MIN_CHANGED)
		return g_strdup_printf("it changes %u decisions, of %d that are needed", t->n_changed, MIN_CHANGED);
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
	if (t->support < MIN_SUPPORT)
		return g_strdup_printf("%.0f %% of its decisions %s, which the recorded kernel hardly ever does",
				       100 * (1 - t->support), action_names[t->lacking]);
	return NULL;
}

static void set_nothing(struct estimate *e, enum metric metric, const char *why)
{
	*e = (struct estimate){ .metric = metric, .support = 1, .verdict = VERDICT_NO_CLEAR_EFFECT, .reason = g_strdup(why) };
}

static void set_throughput(const struct evidence *ev, struct throughput *t, struct estimate *estimates)
{
	guint n = bootstrap_n_replicates(ev->bootstrap);

	for (unsigned int m = 0; m < N_THROUGHPUT_METRICS; m++) {
		double support = t->support * ev->spin_used;

		if (m == METRIC_IPI_RESPONSE_CHANGE && ev->n_ipi < MIN_EPISODES)
			estimate_refuse(&estimates[m], m, VERDICT_INSUFFICIENT_DATA, support,
					g_strdup_printf("%u visible waits for IPIs, of %d that are needed", ev->n_ipi,
							MIN_EPISODES));
		else
			estimate_set(&estimates[m], m, t->value[m], t->replicates[m], n, support,
				     IMPUTED_ERROR * (1 - ev->observed) * fabs(t->value[m]));
	}
}

void estimates_make(struct evidence *ev, const struct estimates_query *q, struct estimate *estimates)
{
	struct throughput *t = throughput_of(ev, q->picks, q->baseline);
	enum verdict verdict;
	char *why = t->n_changed ? why_not(ev, q, t, &verdict) : NULL;

	for (unsigned int m = 0; m < N_METRICS; m++) {
		if (!ev->scores->decisions->len)
			set_nothing(&estimates[m], m, "no spinning");
		else if (!t->n_changed)
			set_nothing(&estimates[m], m, "its picks are the recorded policy's");
		else if (why)
			estimate_refuse(&estimates[m], m, verdict, t->support * ev->spin_used, g_strdup(why));
	}
	if (t->n_changed && !why)
		set_throughput(ev, t, estimates);
	g_free(why);
	throughput_free(t);
}

void estimates_clear(struct estimate *estimates)
{
	for (unsigned int m = 0; m < N_METRICS; m++)
		g_clear_pointer(&estimates[m].reason, g_free);
}
