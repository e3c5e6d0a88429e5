// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/estimators.h"

#include <math.h>

#include "replay/estimate/interval.h"

#define LEVEL 0.95

/* By how much wait i is longer for not beginning with a pick of its unblocker; NaN: unsupported. */
static double gain_of_pick(const struct rescore *rs, guint i)
{
	const struct gain_episode *e = &rs->episodes[i];
	g_autofree int *picks = g_new(int, e->n_decisions + 1);

	for (size_t j = 0; j < e->n_decisions; j++)
		picks[j] = e->decisions[j].recorded;
	picks[0] = e->unblocker;
	return gain_of_episode(e, picks).wall_ns;
}

/* By record: that gain, where the record has an unblocker and did not pick it; else NaN. */
static double *gains_of(const struct rescore *rs, const struct natural_records *records,
			size_t *n_unsupported)
{
	double *gains = g_new(double, records->n + 1);

	for (size_t i = 0; i < records->n; i++) {
		const struct natural_record *r = &records->list[i];
		bool untreated = r->unblocker >= 0 && r->pick != r->unblocker;

		gains[i] = untreated ? gain_of_pick(rs, i) : NAN;
		*n_unsupported += untreated && isnan(gains[i]);
	}
	return gains;
}

static double ratio(const double *sums, const double *counts, const uint32_t *weights, uint32_t n)
{
	double sum = 0, count = 0;

	for (uint32_t c = 0; c < n; c++) {
		sum += (weights ? weights[c] : 1) * sums[c];
		count += (weights ? weights[c] : 1) * counts[c];
	}
	return count > 0 ? sum / count : NAN;
}

/* Mean gain; what yields do is taken as learned once. */
static void measure_direct(const struct natural_records *records, const double *gains,
			   struct bootstrap *bootstrap, struct direct *out)
{
	uint32_t n_cells = bootstrap_n_cells(bootstrap), n = bootstrap_n_replicates(bootstrap);
	g_autofree double *sums = g_new0(double, n_cells + 1);
	g_autofree double *counts = g_new0(double, n_cells + 1);
	g_autofree double *values = g_new(double, n + 1);

	for (size_t i = 0; i < records->n; i++) {
		if (isnan(gains[i]))
			continue;
		sums[records->list[i].cell] += gains[i];
		counts[records->list[i].cell]++;
		out->n++;
	}
	out->ns = ratio(sums, counts, NULL, n_cells);
	for (uint32_t k = 0; k < n; k++)
		values[k] = ratio(sums, counts, bootstrap_weights(bootstrap, k), n_cells);
	interval_percentile(values, n, LEVEL, &out->lo_ns, &out->hi_ns, NULL);
}

/*
 * The direct method's wait, had the unblocker been picked, as a function of what was known
 * before: its mean over the stratum's waits that are compared and were not begun so. Those
 * that were then have no part in their own prediction.
 */
static double *predict(const struct natural_sample *sample, const double *gains)
{
	size_t n = natural_n_records(sample);
	double *predicted = g_new(double, n + 1);
	double sums[NO_STRATUM] = { 0 }, counts[NO_STRATUM] = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct natural_record *r = natural_record(sample, i);

		if (isnan(natural_propensity(sample, i)) || isnan(gains[i]))
			continue;
		sums[r->stratum] += MIN(r->wait_ns - gains[i], NATURAL_WAIT_CAP_NS);
		counts[r->stratum]++;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned int stratum = natural_record(sample, i)->stratum;

		predicted[i] = counts[stratum] > 0 ? sums[stratum] / counts[stratum] : NAN;
	}
	return predicted;
}

bool estimators_compare(const struct rescore *rs, struct recorded *recorded,
			const struct policy *policy, const struct policy_params *params,
			enum state_kind state, struct estimators *out, GError **error)
{
	struct bootstrap *bootstrap = rs->evidence->bootstrap;
	struct natural_records *records;
	g_autofree double *gains = NULL, *predicted = NULL;
	struct natural_sample *sample;

	records = natural_records_new(rs, recorded, policy, params, state, error);
	if (!records)
		return false;
	*out = (struct estimators){
		.n_first = rs->evidence->n_used, .n_ready = records->n_ready,
		.n_uncertain = records->n_uncertain,
	};
	gains = gains_of(rs, records, &out->direct.n_unsupported);
	measure_direct(records, gains, bootstrap, &out->direct);
	sample = natural_sample_new(records->list, records->n);
	natural_estimate(sample, bootstrap, &out->natural);
	predicted = predict(sample, gains);
	out->compared = doubly_robust(sample, predicted, bootstrap, &out->doubly_robust) &&
			out->natural.status == NATURAL_VALID;
	natural_sample_free(sample);
	natural_records_free(records);
	return true;
}

bool estimators_suspect(const struct estimators *e, double *lo, double *hi)
{
	const struct doubly_robust *d = &e->doubly_robust;

	*lo = *hi = 1;
	if (!e->compared || !d->dm_suspect)
		return false;
	*lo = d->dm_ns > 0 ? d->lo_ns / d->dm_ns : NAN;
	*hi = d->dm_ns > 0 ? d->hi_ns / d->dm_ns : NAN;
	return true;
}

double estimators_agreement(const struct evidence *ev, const GArray *picks)
{
	const struct episodes *e = ev->episodes;
	g_autofree int *recorded = g_new(int, e->list->len + 1);
	g_autofree int *policy = g_new(int, e->list->len + 1);
	size_t n = 0;

	for (guint i = 0; i < e->list->len; i++) {
		guint at = episode_decision(e, episode_at(e, i), 0);

		if (ev->cells[i] < 0 || g_array_index(picks, int, at) == PICK_UNKNOWN)
			continue;
		recorded[n] = scored_at(ev->scores, at)->pick;
		policy[n++] = g_array_index(picks, int, at);
	}
	return agreement_share(recorded, policy, n);
}
