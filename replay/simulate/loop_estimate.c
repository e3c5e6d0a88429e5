// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/loop_estimate.h"

#include <math.h>

#include "replay/simulate/loop_parts.h"

/*
 * The model's own error: 1.6 points on simulated hosts (estimation.md 4.3); where a real
 * kernel's gains could be measured, those were 1.0 to 2.1 times what the loop said on one
 * CPU (on two, where untraced runs did a fifth more than recorded ones, 1.9 to 3.3 times).
 */
const struct loop_metric_info loop_metric_infos[N_LOOP_METRICS] = {
	[LOOP_THROUGHPUT] = { "throughput_gain", "percent", 1.6, 0.5, false },
	[LOOP_SPIN] = { "spin_cpu_saved", "CPUs", 0.01, 0.5, false },
	[LOOP_RESPONSE] = { "ipi_response_change", "percent", 2, 0.5, true },
	[LOOP_P50] = { "ipi_response_p50_change", "percent", 2, 0.5, true },
	[LOOP_P95] = { "ipi_response_p95_change", "percent", 2, 0.5, true },
	[LOOP_P99] = { "ipi_response_p99_change", "percent", 2, 0.5, true },
	[LOOP_PAUSES] = { "pause_exits_change", "percent", 3, 0.5, true },
	[LOOP_YIELDS] = { "yields_change", "1/s", 1, 0.5, false },
	[LOOP_SHARE] = { "share_change", "points", 0.2, 0.5, false },
};

void loop_estimate_refuse(struct loop_estimate *e, enum verdict verdict, const char *reason)
{
	*e = (struct loop_estimate){
		.value = NAN,
		.statistical = { NAN, NAN },
		.total = { NAN, NAN },
		.verdict = verdict,
		.reason = g_strdup(reason),
	};
}

void loop_refuse(const struct loop *loop, struct loop_policy *p, enum verdict verdict,
		 const char *reason)
{
	for (unsigned int m = 0; m < N_LOOP_METRICS; m++)
		loop_estimate_refuse(&p->estimates[m], verdict, reason);
	for (unsigned int vm = 0; vm < loop->input->n_vms; vm++)
		for (unsigned int m = 0; m < N_LOOP_METRICS; m++)
			loop_estimate_refuse(&p->vms[vm][m], verdict, NULL);
}

static double change(double value, double from)
{
	return value == from ? 0 : from > 0 ? 100 * (value - from) / from : NAN;
}

double loop_difference(enum loop_metric m, const struct loop_figures *with,
		       const struct loop_figures *without, int vm)
{
	switch (m) {
	case LOOP_THROUGHPUT:
		return vm < 0 ? change(with->work, without->work)
			      : change(with->vms[vm].work, without->vms[vm].work);
	case LOOP_SPIN:
		return without->spin - with->spin;
	case LOOP_RESPONSE:
		return change(with->response, without->response);
	case LOOP_P50:
		return change(with->p50, without->p50);
	case LOOP_P95:
		return change(with->p95, without->p95);
	case LOOP_P99:
		return change(with->p99, without->p99);
	case LOOP_PAUSES:
		return change(with->pauses, without->pauses);
	case LOOP_YIELDS:
		return with->yields - without->yields;
	default:
		return with->vms[vm].share - without->vms[vm].share;
	}
}

void loop_estimate_set(struct loop_estimate *e, enum loop_metric m, const struct loop_figures *with,
		       const struct loop_figures *without, unsigned int n, int vm, double half)
{
	loop_estimate_change(e, m, &loop_metric_infos[m], with, without, n, vm, half);
}

/* Replicates of both [1 + n], of which the first is left aside. */
void loop_estimate_change(struct loop_estimate *e, enum loop_metric m,
			  const struct loop_metric_info *info, const struct loop_figures *with,
			  const struct loop_figures *without, unsigned int n, int vm, double half)
{
	g_autofree double *differences = g_new(double, n);
	double error;

	for (unsigned int i = 0; i < n; i++)
		differences[i] = loop_difference(m, &with[1 + i], &without[1 + i], vm);
	*e = (struct loop_estimate){ 0 };
	if (!replicates_interval(differences, n, &e->value, e->statistical)) {
		loop_estimate_refuse(e, VERDICT_INSUFFICIENT_DATA, "a replicate has none of what it is taken of");
		return;
	}
	if (with == without) {	/* the recorded policy itself: 0, and known to be */
		e->verdict = VERDICT_NO_CLEAR_EFFECT;
		return;
	}
	if (isnan(half)) {
		loop_estimate_refuse(e, VERDICT_INSUFFICIENT_DATA, "too few fifths of the recording have such a figure");
		return;
	}
	e->statistical[0] = e->value - hypot(e->value - e->statistical[0], half);
	e->statistical[1] = e->value + hypot(e->statistical[1] - e->value, half);
	error = MAX(info->floor, info->share * fabs(e->value));
	total_interval(e->value, e->statistical[0], e->statistical[1], error, &e->total[0],
		       &e->total[1]);
	e->verdict = info->falls_when_better
			     ? verdict_of(-e->total[1], -e->total[0], true, true, false)
			     : verdict_of(e->total[0], e->total[1], true, true, false);
}

/* The VM whose share changes most; that another has less is a loss. */
static void estimate_fairness(struct loop_policy *p, unsigned int n_vms)
{
	struct loop_estimate *e = &p->estimates[LOOP_SHARE], most = { 0 };

	for (unsigned int vm = 0; vm < n_vms; vm++)
		if (!vm || fabs(p->vms[vm][LOOP_SHARE].value) > fabs(most.value))
			most = p->vms[vm][LOOP_SHARE];
	*e = most;
	e->reason = g_strdup(most.reason);
	if (most.value < 0) {
		e->value = -most.value;
		for (unsigned int k = 0; k < 2; k++) {
			e->statistical[k] = -most.statistical[1 - k];
			e->total[k] = -most.total[1 - k];
		}
	}
	e->verdict = most.verdict == VERDICT_NO_CLEAR_EFFECT ? most.verdict : VERDICT_LOSS;
}

void loop_estimate_doubt(struct loop_estimate *e, enum loop_metric m, double error)
{
	if (isnan(e->value))
		return;
	g_free(e->reason);
	e->reason = g_strdup_printf(
		"the gate says WARN, and work is off by %.1f %%: take no more than the sign", error);
	if (m == LOOP_THROUGHPUT && fabs(e->value) <= 2 * error)
		e->verdict = VERDICT_NO_CLEAR_EFFECT;
}

static void estimate_one(const struct loop *loop, const struct loop_policy *p, struct loop_estimate *e,
			 enum loop_metric m, const struct loop_figures *with, int vm)
{
	struct loop_metric_info info = loop_metric_infos[m];

	/* beyond that a gain is not the model's error in work */
	if (m == LOOP_THROUGHPUT && loop->gate->result == GATE_WARN)
		info.floor = MAX(info.floor, 2 * gate_work_error(loop->gate));
	loop_estimate_change(e, m, &info, with, loop->variants[loop->chosen].runs, loop->n_replicates, vm,
			     loop_parts_half(loop, p, m, vm));
}

void loop_estimate_policy(const struct loop *loop, struct loop_policy *p,
			  const struct loop_figures *with)
{
	for (unsigned int vm = 0; vm < loop->input->n_vms; vm++) {
		estimate_one(loop, p, &p->vms[vm][LOOP_THROUGHPUT], LOOP_THROUGHPUT, with, vm);
		estimate_one(loop, p, &p->vms[vm][LOOP_SHARE], LOOP_SHARE, with, vm);
	}
	for (unsigned int m = 0; m < N_LOOP_METRICS; m++)
		if (m != LOOP_SHARE)
			estimate_one(loop, p, &p->estimates[m], m, with, -1);
	estimate_fairness(p, loop->input->n_vms);
	if (loop->gate->result != GATE_WARN || p->recorded)
		return;
	for (unsigned int m = 0; m < N_LOOP_METRICS; m++)
		loop_estimate_doubt(&p->estimates[m], m, gate_work_error(loop->gate));
	for (unsigned int vm = 0; vm < loop->input->n_vms; vm++) {
		loop_estimate_doubt(&p->vms[vm][LOOP_THROUGHPUT], LOOP_THROUGHPUT, gate_work_error(loop->gate));
		loop_estimate_doubt(&p->vms[vm][LOOP_SHARE], LOOP_SHARE, gate_work_error(loop->gate));
	}
}

/* Widened to hold what half the margin gives, and what twice does; vm < 0: of all. */
static void widen(const struct loop *loop, struct loop_estimate *e, enum loop_metric m, int vm,
		  const struct loop_figures *half, const struct loop_figures *twice)
{
	const struct loop_figures *without = loop->variants[loop->chosen].runs;
	struct loop_estimate a, b;
	char *before = e->reason;

	if (isnan(e->value))
		return;
	loop_estimate_set(&a, m, half, without, loop->n_replicates, vm, 0);
	loop_estimate_set(&b, m, twice, without, loop->n_replicates, vm, 0);
	e->total[0] = MIN(e->total[0], MIN(a.value, b.value));
	e->total[1] = MAX(e->total[1], MAX(a.value, b.value));
	if (e->total[0] <= 0 && e->total[1] >= 0)
		e->verdict = VERDICT_NO_CLEAR_EFFECT;
	e->reason = g_strdup_printf("approximate: the margin is not known; half of %g gives %+.3g, twice "
				    "%+.3g%s%s", loop->lag_margin,
				    a.value, b.value, before ? "; " : "", before ? before : "");
	g_free(before);
	g_free(a.reason);
	g_free(b.reason);
}

void loop_estimate_margin(const struct loop *loop, struct loop_policy *p,
			  const struct loop_figures *half, const struct loop_figures *twice)
{
	for (unsigned int m = 0; m < N_LOOP_METRICS; m++)
		if (m != LOOP_SHARE)
			widen(loop, &p->estimates[m], m, -1, half, twice);
	for (unsigned int vm = 0; vm < p->n_vms; vm++) {
		widen(loop, &p->vms[vm][LOOP_THROUGHPUT], LOOP_THROUGHPUT, vm, half, twice);
		widen(loop, &p->vms[vm][LOOP_SHARE], LOOP_SHARE, vm, half, twice);
	}
}

void loop_compare(struct loop *loop)
{
	g_autofree struct loop_estimate **estimates = g_new(struct loop_estimate *, loop->policies->len + 1);
	g_autofree double *p = g_new(double, loop->policies->len + 1);
	gsize n = 0;

	for (guint i = 0; i < loop->policies->len; i++) {
		struct loop_policy *policy = loop->policies->pdata[i];
		struct loop_estimate *e = &policy->estimates[LOOP_THROUGHPUT];

		if (policy->recorded || isnan(e->value))
			continue;
		p[n] = interval_p_value(e->value, e->total[0], e->total[1]);
		estimates[n++] = e;
	}
	holm_adjust(p, n, p);
	for (gsize i = 0; i < n; i++)
		verdict_among(&estimates[i]->verdict, &estimates[i]->reason, p[i], n);
}
