// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/doubly_robust.h"

#include <glib.h>
#include <math.h>

#include "replay/estimate/interval.h"

#define LEVEL 0.95
#define MIN_SUPPORT 0.8
#define MAX_DIFFERENCE_SE 2

/* By how much each wait was longer than predicted, newly allocated; NaN where not compared. */
static double *residuals(const struct natural_sample *s, const double *predicted,
			 struct doubly_robust *out)
{
	size_t n = natural_n_records(s);
	double *residual = g_new(double, n);

	for (size_t i = 0; i < n; i++) {
		int64_t wait = natural_record(s, i)->wait_ns;

		residual[i] = NAN;
		if (isnan(natural_propensity(s, i)) || wait < 0)
			continue;
		if (isnan(predicted[i])) {
			out->n_unsupported++;
			continue;
		}
		residual[i] = MIN(wait, NATURAL_WAIT_CAP_NS) -
			      MIN(predicted[i], NATURAL_WAIT_CAP_NS);
		out->n_treated += natural_treated(s, i);
		out->n_untreated += !natural_treated(s, i);
	}
	return residual;
}

static bool supported(const struct doubly_robust *r)
{
	size_t n = r->n_treated + r->n_untreated;

	return n >= MIN_SUPPORT * (n + r->n_unsupported);
}

static bool fill_intervals(const struct natural_sample *s, const double *residual,
			   struct bootstrap *bootstrap, struct doubly_robust *r)
{
	uint32_t n = bootstrap_n_replicates(bootstrap);
	g_autofree double *dm = g_new(double, n), *dr = g_new(double, n);
	g_autofree double *difference = g_new(double, n);

	for (uint32_t k = 0; k < n; k++) {
		struct natural_means means =
			natural_means(s, residual, bootstrap_weights(bootstrap, k), false);

		dm[k] = means.untreated;
		dr[k] = means.untreated - means.treated;
		difference[k] = means.treated;
	}
	r->dr_se_ns = standard_error(dr, n);
	r->difference_se_ns = standard_error(difference, n);
	return interval_percentile(dm, n, LEVEL, &r->dm_lo_ns, &r->dm_hi_ns, NULL) &&
	       interval_percentile(dr, n, LEVEL, &r->dr_lo_ns, &r->dr_hi_ns, NULL);
}

static void compare(struct doubly_robust *r)
{
	r->lo_ns = r->dm_lo_ns;
	r->hi_ns = r->dm_hi_ns;
	r->dm_suspect = fabs(r->dm_ns - r->dr_ns) > MAX_DIFFERENCE_SE * r->difference_se_ns;
	if (r->dm_suspect) {
		r->lo_ns = MIN(r->lo_ns, r->dr_lo_ns);
		r->hi_ns = MAX(r->hi_ns, r->dr_hi_ns);
	}
}

static void refuse(struct doubly_robust *r)
{
	r->dm_ns = r->dm_lo_ns = r->dm_hi_ns = NAN;
	r->dr_ns = r->dr_lo_ns = r->dr_hi_ns = r->dr_se_ns = NAN;
	r->difference_se_ns = r->lo_ns = r->hi_ns = NAN;
}

bool doubly_robust(const struct natural_sample *s, const double *predicted,
		   struct bootstrap *bootstrap, struct doubly_robust *r)
{
	g_autofree double *residual = NULL;
	struct natural_means means;

	*r = (struct doubly_robust){ 0 };
	refuse(r);
	residual = residuals(s, predicted, r);
	if (!natural_enough(r->n_treated, r->n_untreated, bootstrap) || !supported(r))
		return false;
	means = natural_means(s, residual, NULL, false);
	r->dm_ns = means.untreated;
	r->dr_ns = means.untreated - means.treated;
	if (!fill_intervals(s, residual, bootstrap, r)) {
		refuse(r);
		return false;
	}
	compare(r);
	return true;
}

double agreement_share(const int *recorded, const int *policy, size_t n)
{
	size_t agreed = 0;

	for (size_t i = 0; i < n; i++)
		agreed += recorded[i] == policy[i];
	return n ? (double)agreed / n : NAN;
}
