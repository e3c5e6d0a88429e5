// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/tuning.h"

#include <math.h>
#include <stdlib.h>

#include "replay/estimate/throughput.h"
#include "replay/policy_spec.h"
#include "schema/progress.h"

/* How fast the mean response forgets: weight of the newest, one in so many. */
#define EWMA_WEIGHT 8

/* A difference of less is nothing that a single-decision estimate can tell, percent; or of less than this share. */
#define DIFFERENCE_FLOOR 0.1
#define DIFFERENCE_SHARE 0.35

const char *const window_statistic_names[N_WINDOW_STATISTICS] = { "ipi_window_ns", "ppm of mean response" };

static const char *const verdicts[] = {
	[WINDOW_NO_EVIDENCE] = "no evidence against the default",
	[WINDOW_BETTER] = "better than the default",
	[WINDOW_WORSE] = "worse than the default",
};

cJSON *tuning_parameters(const struct tuning *t)
{
	cJSON *parameters = policy_spec_parameters(t->policy, &t->params);

	cJSON_DeleteItemFromObject(parameters, "ipi_window_ns");
	return parameters;
}

const char *tuning_verdict(const struct tuning *t)
{
	return t->chosen ? verdicts[t->verdict] : verdict_names[t->refusal];
}

double tuning_gain(const struct tuning *t, double spin_ns)
{
	double saved = t->on_cpu > 0 ? spin_ns / t->on_cpu : 0;

	return 100 * saved / (1 - saved);
}

struct response {
	int64_t t, ns;
};

static int by_time(const void *a, const void *b)
{
	const struct response *x = a, *y = b;

	return (x->t > y->t) - (x->t < y->t);
}

/* Answers to one vCPU's IPIs, in the order in which they came. */
static GArray *responses_of(const struct evidence *ev, unsigned int vcpu)
{
	GArray *list = g_array_new(FALSE, FALSE, sizeof(struct response));

	for (guint i = ev->sends->first[vcpu]; i < ev->sends->first[vcpu + 1]; i++) {
		const struct send *send = send_at(ev->sends, i);
		struct response r;
		bool vague;

		if (send->tainted || !send_is_waited_for(ev->episodes, send))
			continue;
		send_answered(ev->episodes, send, false, &r.t, &vague);
		r.ns = r.t - send->t_first;
		if (r.t != NEVER)
			g_array_append_val(list, r);
	}
	g_array_sort(list, by_time);
	return list;
}

/*
 * Ages in millionths of what the vCPU's responses took so far, newest weighted most;
 * what is answered later is not known yet. Before the first there is no hint.
 */
static void make_relative(const struct evidence *ev, int64_t *ages)
{
	const struct episodes *e = ev->episodes;

	for (unsigned int vcpu = 1; vcpu <= ev->scores->recorded->n_vcpus; vcpu++) {
		g_autoptr(GArray) responses = responses_of(ev, vcpu);
		double mean = 0;
		guint next = 0;

		for (guint i = e->first[vcpu]; i < e->first[vcpu + 1]; i++) {
			int64_t t = scored_at(ev->scores, e->order[i])->t, *age = &ages[e->order[i]];

			for (; next < responses->len && g_array_index(responses, struct response, next).t <= t; next++) {
				double ns = g_array_index(responses, struct response, next).ns;

				mean += next ? (ns - mean) / EWMA_WEIGHT : ns;
			}
			*age = *age < 0 || mean <= 0 ? WINDOW_NONE : (int64_t)(1e6 * *age / mean);
		}
	}
}

/* A pick as single gains take it: where replay has the recorded policy's, the recorded one. */
static int as_recorded(const struct run *run, guint at, int pick)
{
	return pick == picked_by(run->scores, 0, at) ? scored_at(run->scores, at)->pick : pick;
}

static struct window_curve *curve_of(struct tuning *t, const int64_t *ages, struct window_decision **decisions)
{
	const struct evidence *ev = t->run->evidence;
	const struct episodes *e = ev->episodes;
	struct window_episode *episodes = g_new(struct window_episode, e->list->len + 1);
	struct window_curve *curve;
	gsize n = 0, n_decisions = 0;

	*decisions = g_new(struct window_decision, ev->scores->decisions->len + 1);
	for (guint i = 0; i < e->list->len; i++) {
		const struct episode *ep = episode_at(e, i);

		if (ev->cells[i] < 0)
			continue;
		episodes[n++] = (struct window_episode){
			&t->run->rescore->episodes[i], *decisions + n_decisions, ev->cells[i],
		};
		for (guint j = 0; j < ep->n; j++) {
			guint at = episode_decision(e, ep, j);
			int on = picked_by(t->run->scores, 1, at), off = picked_by(t->run->scores, 2, at);

			t->n_live += ages[at] >= 0 && on != off && on != PICK_UNKNOWN && off != PICK_UNKNOWN;
			t->n_inert += ages[at] >= 0 && on == off;
			(*decisions)[n_decisions++] = (struct window_decision){
				ages[at], as_recorded(t->run, at, off), as_recorded(t->run, at, on),
			};
		}
	}
	curve = window_curve_new(episodes, n, bootstrap_n_cells(ev->bootstrap));
	g_free(episodes);
	return curve;
}

struct draws {
	struct bootstrap *bootstrap;
	uint64_t n;
};

static const uint32_t *weights(void *user, unsigned int replicate)
{
	struct draws *draws = user;

	progress_show(draws->n++);
	return bootstrap_weights(draws->bootstrap, replicate);
}

/* The chain's gain with this window. */
static void evaluate_chain(struct tuning *t, const int64_t *ages, int64_t window, struct estimate *estimates)
{
	const struct scores *scores = t->run->scores;
	g_autoptr(GArray) picks = g_array_sized_new(FALSE, FALSE, sizeof(int), scores->decisions->len);
	struct estimates_query query = run_query(t->run, 0);

	for (guint i = 0; i < scores->decisions->len; i++) {
		int pick = picked_by(scores, ages[i] >= 0 && ages[i] <= window ? 1 : 2, i);

		g_array_append_val(picks, pick);
	}
	query.picks = picks;
	episode_gains_free(estimates_make(t->run->evidence, t->run->rescore, &query, estimates));
}

double tuning_over_default(const struct tuning *t, double spin_ns)
{
	return tuning_gain(t, t->choice.by_default.ns + spin_ns) - tuning_gain(t, t->choice.by_default.ns);
}

static void judge(struct tuning *t)
{
	const struct window_estimate *e = &t->choice.over_default;
	double value = tuning_over_default(t, e->ns);

	total_interval(value, tuning_over_default(t, e->low), tuning_over_default(t, e->high),
		       MAX(DIFFERENCE_FLOOR, DIFFERENCE_SHARE * fabs(value)), &t->over_default[0], &t->over_default[1]);
	t->verdict = t->over_default[0] > 0 ? WINDOW_BETTER : t->over_default[1] < 0 ? WINDOW_WORSE : WINDOW_NO_EVIDENCE;
}

static void choose(struct tuning *t, const int64_t *ages)
{
	struct bootstrap *b = t->run->evidence->bootstrap;
	struct draws draws = { b, 0 };
	struct window_bootstrap wb = { bootstrap_n_replicates(b), weights, &draws, 0.95 };
	struct estimates_query query = run_query(t->run, 0);
	struct estimate estimates[N_METRICS];

	t->low = g_new0(double, t->curve->n_points);
	t->high = g_new0(double, t->curve->n_points);
	progress_begin("trying windows", 4 * wb.n_replicates);	/* twice for the band, twice to choose */
	window_band(t->curve, WINDOW_SPIN, &wb, t->low, t->high);
	t->reason = estimates_refused(t->run->evidence, &query, t->n_live, &t->refusal);
	if (t->reason)
		return;
	t->chosen = window_choose(t->curve, WINDOW_SPIN, t->default_window, &wb, &t->choice);
	if (!t->chosen) {
		t->refusal = VERDICT_INSUFFICIENT_DATA;
		t->reason = g_strdup("too little was recorded to choose on one part and judge on another");
		return;
	}
	judge(t);
	evaluate_chain(t, ages, t->choice.window_ns, estimates);
	t->at_chosen = estimates[METRIC_THROUGHPUT_GAIN];
	t->at_chosen.reason = g_strdup(t->at_chosen.reason);
	estimates_clear(estimates);
	evaluate_chain(t, ages, t->default_window, estimates);
	t->at_default = estimates[METRIC_THROUGHPUT_GAIN];
	t->at_default.reason = g_strdup(t->at_default.reason);
	estimates_clear(estimates);
	if (t->verdict == WINDOW_BETTER && !(t->at_chosen.value > t->at_default.value)) {
		t->verdict = WINDOW_NO_EVIDENCE;
		t->reason = g_strdup("single decisions would gain more, but the episode chain does not show it");
	}
}

struct tuning *tuning_new(struct recorded *recorded, const struct policy *policy, const struct policy_params *params,
			  enum window_statistic statistic, int64_t default_window, uint64_t seed, GError **error)
{
	struct tuning *t = g_new0(struct tuning, 1);
	struct policy_params on = *params, off = *params;
	struct window_decision *decisions = NULL;
	struct run_policy *rp;
	int64_t *ages;

	on.ipi_window_ns = INT64_MAX;
	off.ipi_tracking_enabled = false;
	t->policy = policy;
	t->params = *params;
	t->statistic = statistic;
	t->default_window = default_window;
	t->refusal = VERDICT_NO_CLEAR_EFFECT;
	t->run = run_new(recorded, STATE_PROBED);
	run_add(t->run, policy, &on, NULL);
	run_want_ages(t->run);
	run_add(t->run, policy, &off, NULL);
	if (!run_execute(t->run, recorded, error) || !run_gather(t->run, seed, error)) {
		tuning_free(t);
		return NULL;
	}
	rp = t->run->policies->pdata[0];
	ages = (int64_t *)rp->ages->data;
	if (statistic == WINDOW_ADAPTIVE)
		make_relative(t->run->evidence, ages);
	t->on_cpu = t->run->evidence->on_cpu_ns * t->run->evidence->spin_used;
	t->curve = curve_of(t, ages, &decisions);
	choose(t, ages);
	g_free(decisions);
	return t;
}

void tuning_free(struct tuning *t)
{
	if (!t)
		return;
	g_free(t->at_chosen.reason);
	g_free(t->at_default.reason);
	g_free(t->reason);
	g_free(t->low);
	g_free(t->high);
	if (t->curve)
		window_curve_free(t->curve);
	run_free(t->run);
	g_free(t);
}
