// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/gate.h"

#include <glib.h>
#include <math.h>

#define PASS_WORK 3.0		/* percent */
#define PASS_SPIN 20.0
#define PASS_MEDIAN 30.0
#define PASS_SHARE 2.0		/* points */
#define LEAST_SPIN 0.02		/* CPUs: of less, no share is taken */
#define MUCH_UNMODELLED 0.2	/* more: signs at most */
#define MOST_UNMODELLED 0.5	/* it reproduces itself, whatever the policy: nothing can be said */
#define TYPICAL_SECONDS 25	/* 5 s of one load differ by 4 % in work, 15 % in spinning */

const char *const gate_result_names[N_GATE_RESULTS] = {
	[GATE_PASS] = "PASS", [GATE_WARN] = "WARN", [GATE_REFUSE] = "REFUSE",
};

static double percent(double value, double of)
{
	return of > 0 ? 100 * (value - of) / of : NAN;
}

struct gate_errors gate_errors_of(const struct loop_figures *simulated,
				  const struct loop_figures *recorded)
{
	double least = fmax(recorded->spin, LEAST_SPIN);
	struct gate_errors e = {
		.work = percent(simulated->work, recorded->work),
		.spin = 100 * (simulated->spin - recorded->spin) / least,
		.median = percent(simulated->p50, recorded->p50),
		.p99 = percent(simulated->p99, recorded->p99),
	};

	/* waits were recorded, and there are none: wholly wrong, not unknown */
	if (!isnan(recorded->p50) && isnan(simulated->p50))
		e.median = e.p99 = -100;
	for (unsigned int vm = 0; vm < recorded->n_vms; vm++)
		e.share = fmax(e.share, fabs(simulated->vms[vm].share - recorded->vms[vm].share));
	return e;
}

/* Comparisons with NaN are false: an unknown error in work refuses, in responses it does not. */
enum gate_result gate_judge(const struct gate_errors *e)
{
	if (fabs(e->work) <= PASS_WORK && fabs(e->spin) <= PASS_SPIN && !(fabs(e->median) > PASS_MEDIAN) &&
	    e->share <= PASS_SHARE)
		return GATE_PASS;
	if (fabs(e->work) <= 5 && fabs(e->spin) <= 40)
		return GATE_WARN;
	return GATE_REFUSE;
}

static void add(struct gate_errors *sum, const struct gate_errors *e, unsigned int n)
{
	sum->work += e->work / n;
	sum->spin += e->spin / n;
	sum->median += e->median / n;
	sum->p99 += e->p99 / n;
	sum->share += e->share / n;
}

/* Whatever is not understood fits by itself. */
static enum gate_result judge_unmodelled(double share)
{
	return share > MOST_UNMODELLED ? GATE_REFUSE : share > MUCH_UNMODELLED ? GATE_WARN : GATE_PASS;
}

struct gate gate_of(const struct loop_figures *runs, unsigned int n,
		    const struct loop_figures *recorded, double unmodelled_spin)
{
	struct gate gate = { .complete = true };

	for (unsigned int i = 0; i <= n; i++) {
		struct gate_errors e = gate_errors_of(&runs[i], recorded);

		gate.complete = gate.complete && runs[i].complete;
		if (i)
			add(&gate.errors, &e, n);
		else
			gate.unjittered = e;
	}
	/* one run is one draw: it raises doubts, and does not refuse */
	gate.result = MAX(gate_judge(&gate.errors), MIN(gate_judge(&gate.unjittered), GATE_WARN));
	gate.result = MAX(gate.result, judge_unmodelled(unmodelled_spin));
	if (!gate.complete)
		gate.result = GATE_REFUSE;
	return gate;
}

static void exceeds(GString *text, const char *what, double mean, double first, double limit, const char *unit)
{
	double e = fabs(first) > fabs(mean) ? first : mean;

	if (fabs(e) > limit)
		g_string_append_printf(text, "%s%s is off by %+.1f %s (PASS: %g)", text->len ? ", " : "", what, e,
				       unit, limit);
}

char *gate_criteria(const struct gate *gate, double unmodelled_spin)
{
	const struct gate_errors *e = &gate->errors, *u = &gate->unjittered;
	g_autoptr(GString) text = g_string_new(NULL);

	exceeds(text, "useful work", e->work, u->work, PASS_WORK, "%");
	exceeds(text, "spinning", e->spin, u->spin, PASS_SPIN, "%");
	exceeds(text, "the median response to IPIs", e->median, u->median, PASS_MEDIAN, "%");
	exceeds(text, "a VM's share of CPU time", e->share, u->share, PASS_SHARE, "points");
	if (unmodelled_spin > MUCH_UNMODELLED)
		g_string_append_printf(text, "%s%.0f %% of the spinning is not understood (PASS: %g)",
				       text->len ? ", " : "", 100 * unmodelled_spin, 100 * MUCH_UNMODELLED);
	return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

double gate_work_error(const struct gate *gate)
{
	return fmax(fabs(gate->errors.work), fabs(gate->unjittered.work));
}

const char *gate_reason(const struct gate *gate, double unmodelled_spin, bool ipis_hidden,
			double seconds)
{
	if (!gate->complete)
		return "the simulated vCPUs wait for each other in a circle, or hardly get on: "
		       "waits are not understood";
	if (ipis_hidden)
		return "IPIs reach vCPUs without an event (APICv, AVIC), so what is waited for is "
		       "not seen";
	if (unmodelled_spin > MUCH_UNMODELLED)
		return "what much of the spinning waits for is not known, so no policy can shorten "
		       "it in the model";
	if (seconds < TYPICAL_SECONDS)
		return "below 25 s a recording need not be typical of its load; or its scheduler "
		       "is not as modelled";
	return "the recorded scheduler does not behave as any that is modelled";
}
