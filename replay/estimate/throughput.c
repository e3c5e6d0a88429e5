// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/throughput.h"

#include <math.h>
#include <string.h>

#include "replay/estimate/chain_steps.h"

/*
 * Saved time is not all turned into work: it is spent in the recorded mixture of
 * work and waiting, so a unit of that mixture costs 1 now and 1 - saved then.
 */
static bool evaluate(const struct evidence *ev, const struct chain *policy, const struct chain_value *now,
		     const uint32_t *weights, struct chain_value *then, double *metrics)
{
	guint n = bootstrap_n_cells(ev->bootstrap);
	/* episodes that cannot be used are taken to be like the others */
	double on_cpu = bootstrap_sum(ev->on_cpu, weights, n) * ev->spin_used;
	double response = bootstrap_sum(ev->response, weights, n) * ev->spin_used;
	double seconds = ev->ns / 1e9 * ev->spin_used, saved;

	for (unsigned int m = 0; m < N_THROUGHPUT_METRICS; m++)
		metrics[m] = NAN;
	*then = (struct chain_value){ .unsupported = 1 };
	if (on_cpu <= 0 || isnan(now->spin) || !chain_evaluate(policy, weights, then))
		return false;
	saved = (now->spin - then->spin) / on_cpu;
	if (saved >= 1)
		return false;
	metrics[METRIC_THROUGHPUT_GAIN] = 100 * saved / (1 - saved);
	metrics[METRIC_SPIN_CPU_SAVED] = (now->spin - then->spin) / 1e9 / seconds;
	if (response > 0)
		metrics[METRIC_IPI_RESPONSE_CHANGE] = 100 * (then->ipi_wall - now->ipi_wall) / response;
	metrics[METRIC_PAUSE_EXITS_CHANGE] = 100 * (then->pauses / now->pauses / (1 - saved) - 1);
	metrics[METRIC_YIELDS_CHANGE] = (then->yields / (1 - saved) - now->yields) / seconds;
	return true;
}

/* What waits cost under these picks; NAN: there is nothing to tell it from. */
static struct chain_value value_of(const struct chain *chain, const uint32_t *weights)
{
	struct chain_value value;

	return chain_evaluate(chain, weights, &value) ? value : (struct chain_value){ .spin = NAN };
}

static struct chain *chain_of(const struct evidence *ev, const GArray *picks)
{
	g_autoptr(GArray) steps = chain_steps(ev->episodes, picks, ev->cells);

	return chain_new((const struct chain_step *)steps->data, steps->len, bootstrap_n_cells(ev->bootstrap));
}

/* What the baseline costs in each replicate, and as recorded last: the same for all policies. */
static const struct chain_value *baseline_values(struct evidence *ev, const GArray *baseline)
{
	guint n = bootstrap_n_replicates(ev->bootstrap);
	struct chain *chain;

	if (ev->baseline == baseline)
		return ev->baseline_values;
	chain = chain_of(ev, baseline);
	g_free(ev->baseline_values);
	ev->baseline = baseline;
	ev->baseline_values = g_new(struct chain_value, n + 1);
	for (guint r = 0; r < n; r++)
		ev->baseline_values[r] = value_of(chain, bootstrap_weights(ev->bootstrap, r));
	ev->baseline_values[n] = value_of(chain, NULL);
	chain_free(chain);
	return ev->baseline_values;
}

struct throughput *throughput_of(struct evidence *ev, const GArray *picks, const GArray *baseline)
{
	struct throughput *t = g_new0(struct throughput, 1);
	guint n_replicates = bootstrap_n_replicates(ev->bootstrap);
	const struct chain_value *now = baseline_values(ev, baseline);
	struct chain *policy = chain_of(ev, picks);
	g_autoptr(GArray) changes = evidence_changes(ev, picks, baseline);
	double metrics[N_THROUGHPUT_METRICS];
	struct chain_value then;

	t->n_changed = changes->len;
	evaluate(ev, policy, &now[n_replicates], NULL, &then, t->value);
	if (now[n_replicates].pauses > 0)
		t->pauses_ratio = then.pauses / now[n_replicates].pauses;
	t->support = isnan(t->value[METRIC_THROUGHPUT_GAIN]) ? NAN : CLAMP(1 - then.unsupported, 0, 1);
	t->lacking = then.lacking;
	for (unsigned int m = 0; m < N_THROUGHPUT_METRICS; m++)
		t->replicates[m] = g_new(double, n_replicates + 1);
	for (guint r = 0; r < n_replicates; r++) {
		/* picks that differ nowhere that counts have the baseline's value in every replicate, too */
		if (t->n_changed)
			evaluate(ev, policy, &now[r], bootstrap_weights(ev->bootstrap, r), &then, metrics);
		for (unsigned int m = 0; m < N_THROUGHPUT_METRICS; m++)
			t->replicates[m][r] = t->n_changed ? metrics[m] : t->value[m];
	}
	chain_free(policy);
	return t;
}

void throughput_free(struct throughput *t)
{
	if (!t)
		return;
	for (unsigned int m = 0; m < N_THROUGHPUT_METRICS; m++)
		g_free(t->replicates[m]);
	g_free(t);
}
