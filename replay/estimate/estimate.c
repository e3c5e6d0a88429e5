// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/estimate.h"

#include <math.h>

/*
 * The model's own error does not shrink with longer recordings. Its size is what
 * the same method was off by where a real kernel's gain could be measured (in
 * proportion to the estimate), and on simulated hosts (tests/world).
 */
const struct metric_info metric_infos[N_METRICS] = {
	[METRIC_THROUGHPUT_GAIN] = { "throughput_gain", "percent", "episode chain",
		"useful work of the VMs, against the recorded policy", 1.5, 0.35 },
	[METRIC_SPIN_CPU_SAVED] = { "spin_cpu_saved", "CPUs", "episode chain",
		"CPU time no longer spent spinning", 0.01, 0.35 },
	[METRIC_IPI_RESPONSE_CHANGE] = { "ipi_response_change", "percent", "episode chain",
		"mean time from sending an IPI to its answer", 2, 0.45 },
	[METRIC_PAUSE_EXITS_CHANGE] = { "pause_exits_change", "percent", "episode chain",
		"PAUSE exits per second", 3, 0.25 },
	[METRIC_YIELDS_CHANGE] = { "yields_change", "1/s", "episode chain",
		"successful directed yields per second", 1, 0.35 },
	[METRIC_EPISODE_SPIN_SAVED] = { "episode_spin_saved", "CPUs", "per decision, no feedback",
		"CPU time of single waits, all else as recorded", 0.01, 0.35 },
	[METRIC_EPISODE_RESPONSE_CHANGE] = { "episode_response_change", "us", "per decision, no feedback",
		"mean length of a visible wait for an IPI, all else as recorded", 1, 0.45 },
	[METRIC_YIELD_COST] = { "yield_cost", "CPUs", "per decision, no feedback",
		"CPU time of yields that it makes and the recorded policy does not", 0.001, 0.35 },
	[METRIC_DISPLACED] = { "displaced", "CPUs", "per decision, no feedback",
		"CPU time that those waited for get earlier, from others: unfair, but no loss", 0.001, 0.35 },
};

static bool falls_when_better(enum metric metric)
{
	return metric == METRIC_IPI_RESPONSE_CHANGE || metric == METRIC_PAUSE_EXITS_CHANGE ||
	       metric == METRIC_EPISODE_RESPONSE_CHANGE || metric == METRIC_YIELD_COST || metric == METRIC_DISPLACED;
}

static void judge(struct estimate *e)
{
	e->verdict = falls_when_better(e->metric) ? verdict_of(-e->total[1], -e->total[0], true, true, false) :
						    verdict_of(e->total[0], e->total[1], true, true, false);
}

void estimate_refuse(struct estimate *e, enum metric metric, enum verdict verdict, char *reason)
{
	*e = (struct estimate){
		.metric = metric, .value = NAN, .statistical = { NAN, NAN }, .total = { NAN, NAN }, .bounds = { NAN, NAN },
		.support = NAN, .verdict = verdict, .reason = reason,
	};
}

void estimate_set(struct estimate *e, enum metric metric, double value, double *replicates, gsize n,
		  double support, double widen)
{
	const struct metric_info *info = &metric_infos[metric];
	double m = MAX(info->floor, info->share * fabs(value)), lo, hi;
	gsize missing;

	*e = (struct estimate){ .metric = metric, .value = value, .bounds = { NAN, NAN }, .support = support };
	if (!interval_percentile(replicates, n, 0.95, &lo, &hi, &missing)) {
		estimate_refuse(e, metric, VERDICT_INSUFFICIENT_DATA,
				g_strdup_printf("%zu of %zu replicates of the recording have no value", missing, n));
		return;
	}
	e->statistical[0] = lo;
	e->statistical[1] = hi;
	total_interval(value, lo, hi, sqrt(m * m + widen * widen), &e->total[0], &e->total[1]);
	judge(e);
}

void estimate_cover(struct estimate *e, double lo, double hi, char *reason)
{
	if (isnan(e->value)) {
		g_free(reason);
		return;
	}
	e->total[0] = MIN(e->total[0], lo);
	e->total[1] = MAX(e->total[1], hi);
	g_free(e->reason);
	e->reason = reason;
	judge(e);
}
