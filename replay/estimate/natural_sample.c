// SPDX-License-Identifier: GPL-2.0-or-later
/* How likely each decision was to pick the awaited vCPU, and means weighted by it. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "replay/estimate/natural_int.h"

/* Half of the time around a decision whose start indices count. */
#define WINDOW_NS ((int64_t)15 * 1000 * 1000 * 1000)
#define OVERLAP 0.02

enum { MIN_STARTS = 20, MIN_PER_STRATUM = 10 };

static int compare_by_time(const void *a, const void *b)
{
	const struct natural_record *x = *(const struct natural_record *const *)a;
	const struct natural_record *y = *(const struct natural_record *const *)b;

	if (x->vm != y->vm)
		return x->vm < y->vm ? -1 : 1;
	return (x->t > y->t) - (x->t < y->t);
}

static int compare_by_episode(const void *a, const void *b)
{
	const struct natural_record *x = *(const struct natural_record *const *)a;
	const struct natural_record *y = *(const struct natural_record *const *)b;

	if (x->vm != y->vm)
		return x->vm < y->vm ? -1 : 1;
	return (x->episode > y->episode) - (x->episode < y->episode);
}

static const struct natural_record **sorted(const struct natural_sample *s,
					    int (*compare)(const void *, const void *))
{
	const struct natural_record **order = g_new(const struct natural_record *, s->n);

	for (size_t i = 0; i < s->n; i++)
		order[i] = &s->records[i];
	qsort(order, s->n, sizeof(*order), compare);
	return order;
}

static bool start_known(const struct natural_record *r)
{
	return r->last_boosted >= 0 && (unsigned int)r->last_boosted < r->n_vcpus;
}

static void count_start(int64_t *starts, const struct natural_record *r, int by)
{
	if (start_known(r))
		starts[r->last_boosted] += by;
}

/* starts: [n_vcpus] at least, how often each start index was seen. */
static void fill_propensity(struct natural_derived *d, const struct natural_record *r,
			    const int64_t *starts)
{
	int64_t picks = 0, picks_elsewhere = 0, elsewhere = 0, total = 0;

	for (unsigned int l = 0; l < r->n_vcpus; l++) {
		bool here = (int)l == r->unblocker, picked = r->picks_by_start[l] == r->unblocker;

		total += starts[l];
		elsewhere += here ? 0 : starts[l];
		picks += picked ? starts[l] : 0;
		picks_elsewhere += picked && !here ? starts[l] : 0;
	}
	if (total < MIN_STARTS)
		return;
	d->known = true;
	d->treated = r->pick == r->unblocker;
	d->p = (double)picks / total;
	d->p_elsewhere = elsewhere ? (double)picks_elsewhere / elsewhere : NAN;
	d->open = r->n_eligible >= 2 && d->p > OVERLAP && d->p < 1 - OVERLAP;
}

/* Where each record stands in by_episode: its episode's other records are its neighbours. */
static size_t *ranks(const struct natural_sample *s, const struct natural_record **by_episode)
{
	size_t *rank = g_new(size_t, s->n);

	for (size_t k = 0; k < s->n; k++)
		rank[by_episode[k] - s->records] = k;
	return rank;
}

static bool around(const struct natural_record *r, const struct natural_record *of)
{
	return r->vm == of->vm && r->t >= of->t - WINDOW_NS && r->t <= of->t + WINDOW_NS;
}

static void count_episode(int64_t *starts, const struct natural_record **by_episode, size_t n,
			  size_t rank, int by)
{
	const struct natural_record *r = by_episode[rank];
	size_t k = rank;

	while (k > 0 && !compare_by_episode(&by_episode[k - 1], &r))
		k--;
	for (; k < n && !compare_by_episode(&by_episode[k], &r); k++)
		if (around(by_episode[k], r))
			count_start(starts, by_episode[k], by);
}

static void fill_propensities(struct natural_sample *s)
{
	g_autofree const struct natural_record **by_time = sorted(s, compare_by_time);
	g_autofree const struct natural_record **by_episode = sorted(s, compare_by_episode);
	g_autofree size_t *rank = ranks(s, by_episode);
	g_autofree int64_t *starts = NULL;
	unsigned int max_vcpus = 0;
	size_t first = 0, end = 0;

	for (size_t i = 0; i < s->n; i++)
		max_vcpus = MAX(max_vcpus, s->records[i].n_vcpus);
	starts = g_new0(int64_t, max_vcpus);
	for (size_t k = 0; k < s->n; k++) {
		const struct natural_record *r = by_time[k];
		size_t i = r - s->records;

		for (; end < s->n && (end <= k || around(by_time[end], r)); end++)
			count_start(starts, by_time[end], 1);
		for (; !around(by_time[first], r); first++)
			count_start(starts, by_time[first], -1);
		if (r->unblocker < 0 || r->cell < 0 || !start_known(r))
			continue;
		count_episode(starts, by_episode, s->n, rank[i], -1);
		fill_propensity(&s->derived[i], r, starts);
		count_episode(starts, by_episode, s->n, rank[i], 1);
	}
}

static int compare_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t stratum_key(const struct natural_record *r)
{
	return (uint64_t)r->stratum << 32 | r->n_eligible;
}

/* Number the strata of the open decisions. */
static void fill_strata(struct natural_sample *s)
{
	g_autofree uint64_t *keys = g_new(uint64_t, s->n);
	size_t n = 0, n_distinct = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->derived[i].open)
			keys[n++] = stratum_key(&s->records[i]);
	if (n)
		qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t k = 0; k < n; k++)
		if (!k || keys[k] != keys[k - 1])
			keys[n_distinct++] = keys[k];
	for (size_t i = 0; i < s->n; i++) {
		uint64_t key = stratum_key(&s->records[i]), *found;

		if (!s->derived[i].open)
			continue;
		found = bsearch(&key, keys, n_distinct, sizeof(key), compare_keys);
		s->derived[i].stratum = found - keys;
	}
	s->n_strata = n_distinct;
}

/* Open decisions enter in strata that have enough of either kind. */
static void choose(struct natural_sample *s)
{
	g_autofree size_t *n_treated = g_new0(size_t, s->n_strata);
	g_autofree size_t *n_untreated = g_new0(size_t, s->n_strata);

	s->n_untreated = g_new0(double, s->n_strata);
	for (size_t i = 0; i < s->n; i++)
		if (s->derived[i].open)
			(s->derived[i].treated ? n_treated : n_untreated)[s->derived[i].stratum]++;
	for (size_t i = 0; i < s->n; i++) {
		struct natural_derived *d = &s->derived[i];

		d->enters = d->open && n_treated[d->stratum] >= MIN_PER_STRATUM &&
			    n_untreated[d->stratum] >= MIN_PER_STRATUM;
		s->odds[i] = d->enters ? (1 - d->p) / d->p : 0;
		if (d->enters && !d->treated)
			s->n_untreated[d->stratum]++;
	}
}

struct natural_sample *natural_sample_new(const struct natural_record *records, size_t n)
{
	struct natural_sample *s = g_new0(struct natural_sample, 1);

	s->records = records;
	s->n = n;
	s->derived = g_new0(struct natural_derived, n);
	s->odds = g_new0(double, n);
	if (n) {
		fill_propensities(s);
		fill_strata(s);
		choose(s);
	}
	s->sums = g_new(struct natural_sums, MAX(s->n_strata, 1));
	return s;
}

void natural_sample_free(struct natural_sample *s)
{
	if (!s)
		return;
	g_free(s->derived);
	g_free(s->odds);
	g_free(s->n_untreated);
	g_free(s->sums);
	g_free(s);
}

size_t natural_n_records(const struct natural_sample *s)
{
	return s->n;
}

const struct natural_record *natural_record(const struct natural_sample *s, size_t i)
{
	return &s->records[i];
}

bool natural_treated(const struct natural_sample *s, size_t i)
{
	return s->derived[i].treated;
}

double natural_propensity(const struct natural_sample *s, size_t i)
{
	return s->derived[i].enters ? s->derived[i].p : NAN;
}

static void add_record(struct natural_sums *sums, bool treated, double outcome, double weight)
{
	if (treated) {
		sums->treated_weight += weight;
		sums->treated += weight * outcome;
	} else {
		sums->untreated_weight += weight;
		sums->untreated += weight * outcome;
	}
}

static void fill_sums(const struct natural_sample *s, const double *outcome, const double *odds,
		      const uint32_t *weights, bool stratified)
{
	memset(s->sums, 0, MAX(s->n_strata, 1) * sizeof(*s->sums));
	for (size_t i = 0; i < s->n; i++) {
		const struct natural_derived *d = &s->derived[i];
		uint32_t times = !d->enters ? 0 : weights ? weights[s->records[i].cell] : 1;

		if (times && !isnan(outcome[i]))
			add_record(&s->sums[stratified ? d->stratum : 0], d->treated, outcome[i],
				   times * (d->treated ? odds[i] : 1));
	}
}

/* Average of the sums' means, weighted with shares, [n]; NULL: with the untreated in the sums. */
static struct natural_means average(const struct natural_sums *sums, size_t n,
				    const double *shares)
{
	struct natural_means means = { 0, 0 };
	double total = 0;

	for (size_t k = 0; k < n; k++) {
		double share = shares ? shares[k] : sums[k].untreated_weight;

		if (sums[k].treated_weight <= 0 || sums[k].untreated_weight <= 0)
			continue;
		means.untreated += share * sums[k].untreated / sums[k].untreated_weight;
		means.treated += share * sums[k].treated / sums[k].treated_weight;
		total += share;
	}
	means.untreated = total > 0 ? means.untreated / total : NAN;
	means.treated = total > 0 ? means.treated / total : NAN;
	return means;
}

struct natural_means natural_means(const struct natural_sample *s, const double *outcome,
				   const uint32_t *weights, bool stratified)
{
	fill_sums(s, outcome, s->odds, weights, stratified);
	return average(s->sums, stratified ? s->n_strata : 1, NULL);
}

struct natural_means natural_means_fixed(const struct natural_sample *s, const double *outcome,
					 const double *odds)
{
	fill_sums(s, outcome, odds, NULL, true);
	return average(s->sums, s->n_strata, s->n_untreated);
}
