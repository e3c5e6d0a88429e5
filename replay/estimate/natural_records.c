// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/natural_records.h"

#include <math.h>

#include "replay/bits.h"
#include "schema/progress.h"

/* Whom to yield to could have helped: the unblocker, if it is known and ready at decision at. */
static int ready_unblocker(const struct rescore *rs, const struct episode *ep, guint at)
{
	const struct scores *scores = rs->evidence->scores;

	if (ep->unblocker < 0 || ep->confidence < GAIN_MIN_CONFIDENCE ||
	    !get_bit(scored_bits_of(scores, scored_at(scores, at), SCORED_READY), ep->unblocker) ||
	    rescore_stratum(rs, at, ep->unblocker) == NO_STRATUM)
		return -1;
	return ep->unblocker;
}

/* Of the spinner's wait before episode i, from its first decision; -1: none that is known. */
static int64_t previous_wait(const struct episodes *e, guint i)
{
	const struct episode *ep = episode_at(e, i), *was = i ? episode_at(e, i - 1) : NULL;

	if (!was || was->vcpu != ep->vcpu || was->tainted || was->end > ep->s)
		return -1;
	return MAX(was->end - scored_at(e->scores, episode_decision(e, was, 0))->t, 0);
}

static void fill_state(struct natural_record *r, const struct shadow_view *view)
{
	r->covariate[COVARIATE_VLAG] = view->margin == DB_NULL ? NAN : view->margin;
	r->covariate[COVARIATE_WAITED] = view->waited == DB_NULL ? NAN : view->waited;
	r->covariate[COVARIATE_NR] = view->nr_running ? view->nr_running : NAN;
	r->covariate[COVARIATE_SAME_RQ] = view->nr_running ? view->same_rq : NAN;
}

static void fill_waits(struct natural_records *records, const struct rescore *rs)
{
	const struct evidence *ev = rs->evidence;
	const struct episodes *e = ev->episodes;

	for (guint i = 0; i < records->n; i++) {
		const struct episode *ep = episode_at(e, i);
		guint at = episode_decision(e, ep, 0);
		const struct scored *d = scored_at(ev->scores, at);
		struct natural_record *r = &records->list[i];

		*r = (struct natural_record){
			.t = d->t, .vm = ep->vm, .episode = i, .n_vcpus = d->n_vcpus,
			.last_boosted = -1, .pick = d->pick,
			.unblocker = ready_unblocker(rs, ep, at), .wait_ns = MAX(ep->end - d->t, 0),
			.previous_wait_ns = previous_wait(e, i), .since_boost_ns = -1,
			.cell = ev->cells[i],
		};
		for (int c = 0; c < N_COVARIATES; c++)
			r->covariate[c] = NAN;
		if (r->cell < 0 || r->n_vcpus > NATURAL_MAX_VCPUS)
			r->unblocker = -1;
		if (r->unblocker < 0)
			continue;
		records->n_ready++;
		r->stratum = rescore_stratum(rs, at, r->unblocker);
		fill_state(r, &rs->views[i]);
	}
}

/* Episode whose first decision each one is, plus 1; 0: of none. */
static guint *episodes_by_first(const struct episodes *e)
{
	guint *first = g_new0(guint, e->scores->decisions->len + 1);

	for (guint i = 0; i < e->list->len; i++)
		first[episode_decision(e, episode_at(e, i), 0)] = i + 1;
	return first;
}

/* When each VM last yielded to anybody, and to the unblocker. */
static void fill_boosts(struct natural_records *records, const struct rescore *rs,
			const guint *first)
{
	const struct scores *scores = rs->evidence->scores;
	const struct recorded *recorded = scores->recorded;
	g_autofree int64_t *of_vm = g_new(int64_t, recorded->n_vms + 1);
	g_autofree int64_t *of_vcpu = g_new(int64_t, recorded->n_vcpus + 1);

	for (unsigned int vm = 0; vm < recorded->n_vms; vm++)
		of_vm[vm] = DB_NULL;
	for (unsigned int v = 0; v <= recorded->n_vcpus; v++)
		of_vcpu[v] = DB_NULL;
	for (guint k = 0; k < scores->decisions->len; k++) {
		const struct scored *d = scored_at(scores, k);
		const unsigned int *vcpus = recorded->vms[d->vm].vcpus;

		if (first[k]) {
			struct natural_record *r = &records->list[first[k] - 1];
			int64_t boosted = r->unblocker < 0 ? DB_NULL : of_vcpu[vcpus[r->unblocker]];

			if (of_vm[d->vm] != DB_NULL)
				r->since_boost_ns = d->t - of_vm[d->vm];
			if (boosted != DB_NULL)
				r->covariate[COVARIATE_SINCE_BOOST] = d->t - boosted;
		}
		if (d->pick >= 0)
			of_vm[d->vm] = of_vcpu[vcpus[d->pick]] = d->t;
	}
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* How many of [n] sorted times are t or before. */
static size_t until(const int64_t *times, size_t n, int64_t t)
{
	size_t from = 0;

	while (from < n) {
		size_t middle = from + (n - from) / 2;

		if (times[middle] <= t)
			from = middle + 1;
		else
			n = middle;
	}
	return from;
}

/* How many waits of one VM have begun and not ended. */
static void fill_open(struct natural_records *records, const struct episodes *e, unsigned int vm)
{
	g_autofree int64_t *s = g_new(int64_t, e->list->len + 1);
	g_autofree int64_t *end = g_new(int64_t, e->list->len + 1);
	size_t n = 0;

	for (guint i = 0; i < e->list->len; i++) {
		const struct episode *ep = episode_at(e, i);

		if (ep->vm == vm) {
			s[n] = ep->s;
			end[n++] = ep->end;
		}
	}
	qsort(s, n, sizeof(*s), by_time);
	qsort(end, n, sizeof(*end), by_time);
	for (size_t i = 0; i < records->n; i++) {
		struct natural_record *r = &records->list[i];

		if (r->vm == vm)
			r->covariate[COVARIATE_OPEN_EPISODES] =
				(double)until(s, n, r->t) - (double)until(end, n, r->t);
	}
}

static size_t n_picks(const struct natural_records *records)
{
	size_t n = 0;

	for (size_t i = 0; i < records->n; i++)
		n += records->list[i].unblocker < 0 ? 0 : records->list[i].n_vcpus;
	return n;
}

struct asker {
	struct natural_records *records;
	struct engine *engine;
	enum state_kind kind;
	const struct scores *scores;
	const guint *first;		/* by decision */
	guint at;			/* the decision that comes next */
	int *picks;			/* room for its picks */
	struct spin_result *result;
};

/* False: at some start it is not certain. eligible: whom the picks name. */
static bool ask_all(struct asker *a, const struct engine_decision *decision, uint64_t *eligible)
{
	struct engine_decision from = *decision;

	for (unsigned int start = 0; start < decision->d->n_vcpus; start++) {
		from.state[a->kind].last_boosted_vcpu = start;
		engine_ask(a->engine, 0, a->kind, &from, SPIN_MODEL, NULL, a->result);
		if (a->result->uncertain)
			return false;
		a->picks[start] = a->result->pick;
		if (a->picks[start] >= 0)
			put_bit(eligible, a->picks[start], true);
	}
	return true;
}

static void visit(void *user, const struct engine_decision *decision)
{
	struct asker *a = user;
	guint at = a->at++, episode = a->first[at];
	struct natural_record *r;
	uint64_t eligible = 0;

	g_assert(scored_at(a->scores, at)->id == decision->d->id);
	if (!episode)
		return;
	r = &a->records->list[episode - 1];
	r->last_boosted = decision->state[a->kind].last_boosted_vcpu;
	if (r->unblocker < 0 || r->last_boosted < 0)
		return;
	if (!ask_all(a, decision, &eligible)) {
		a->records->n_uncertain++;
		r->unblocker = -1;
		return;
	}
	r->n_eligible = __builtin_popcountll(eligible);
	r->picks_by_start = a->picks;
	a->picks += r->n_vcpus;
}

static bool fill_picks(struct natural_records *records, const struct rescore *rs,
		       struct recorded *recorded, const struct policy *policy,
		       const struct policy_params *params,
		       enum state_kind state, const guint *first, GError **error)
{
	struct asker a = {
		.records = records, .kind = state, .scores = rs->evidence->scores, .first = first,
	};
	bool ok;

	records->picks = a.picks = g_new(int, n_picks(records) + 1);
	a.engine = engine_new(recorded, policy, params);
	a.result = spin_result_new(recorded->max_words + 1);
	progress_begin("comparing estimators", recorded->n_decisions);
	ok = engine_run(a.engine, visit, &a, error);
	spin_result_free(a.result);
	engine_free(a.engine);
	return ok;
}

struct natural_records *natural_records_new(const struct rescore *rs, struct recorded *recorded,
					    const struct policy *policy,
					    const struct policy_params *params,
					    enum state_kind state, GError **error)
{
	struct natural_records *records = g_new0(struct natural_records, 1);
	const struct episodes *e = rs->evidence->episodes;
	g_autofree guint *first = episodes_by_first(e);

	records->n = e->list->len;
	records->list = g_new0(struct natural_record, records->n + 1);
	fill_waits(records, rs);
	fill_boosts(records, rs, first);
	for (unsigned int vm = 0; vm < recorded->n_vms; vm++)
		fill_open(records, e, vm);
	if (fill_picks(records, rs, recorded, policy, params, state, first, error))
		return records;
	natural_records_free(records);
	return NULL;
}

void natural_records_free(struct natural_records *records)
{
	if (!records)
		return;
	g_free(records->picks);
	g_free(records->list);
	g_free(records);
}
