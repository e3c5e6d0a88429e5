// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/evidence.h"

#include "replay/estimate/scheduler.h"

/* A cell is a quarter of a block; of a long recording blocks are longer, not more. */
#define MAX_BLOCKS 500

/* The recording without its gaps; false with error set. A pause between bursts is none, but no time either. */
static bool find_segments(struct evidence *ev, GError **error)
{
	const struct recorded *r = ev->scores->recorded;
	g_autoptr(db_stmt) s = db_prepare(r->db, "SELECT t0, t1, cpu IS NULL AND why LIKE 'between two bursts%' "
					  "FROM gap ORDER BY t0");
	struct segment segment = { r->t0, r->t1 };
	double recorded_ns = r->t1 - r->t0;
	GError *failed = NULL;

	while (db_next(s, &failed)) {
		int64_t t0 = db_column(s, 0), t1 = db_column(s, 1);

		segment.t1 = MIN(t0, r->t1);
		if (segment.t1 > segment.t0)
			g_array_append_val(ev->segments, segment);
		segment.t0 = MAX(segment.t0, t1);
		if (db_column(s, 2))
			recorded_ns -= MAX(MIN(t1, r->t1) - MAX(t0, r->t0), 0);
	}
	segment.t1 = r->t1;
	if (segment.t1 > segment.t0)
		g_array_append_val(ev->segments, segment);
	for (guint i = 0; i < ev->segments->len; i++) {
		const struct segment *sg = &g_array_index(ev->segments, struct segment, i);

		ev->ns += sg->t1 - sg->t0;
	}
	ev->lost = recorded_ns > 0 ? 1 - ev->ns / recorded_ns : 0;
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

static int64_t mean_wall(const struct episodes *e)
{
	double sum = 0;

	for (guint i = 0; i < e->list->len; i++)
		sum += episode_at(e, i)->end - episode_at(e, i)->s;
	return e->list->len ? sum / e->list->len : 0;
}

/* Episodes that can be used, into cells. */
static void place(struct evidence *ev)
{
	const struct episodes *e = ev->episodes;
	double used = 0;

	ev->cells = g_new(int, e->list->len + 1);
	for (guint i = 0; i < e->list->len; i++) {
		struct episode *ep = &g_array_index(e->list, struct episode, i);
		int cell = bootstrap_cell(ev->bootstrap, ep->s);
		bool known = true;

		ep->tainted |= cell < 0;
		for (guint j = 0; j < ep->n && known; j++)
			known = scored_at(e->scores, episode_decision(e, ep, j))->pick != PICK_UNKNOWN;
		ev->cells[i] = !ep->tainted && known ? cell : -1;
		ev->spin += ep->spin;
		ev->spin_by_cause[ep->cause] += ep->spin;
		ev->spin_by_confidence[MIN(ep->confidence, 3)] += ep->spin;
		if (ev->cells[i] < 0)
			continue;
		used += ep->spin;
		ev->n_used++;
		ev->n_ipi += ep->cause == CAUSE_IPI;
	}
	ev->spin_used = ev->spin > 0 ? used / ev->spin : 1;
	for (unsigned int c = 0; c < N_CAUSES; c++)
		ev->spin_by_cause[c] /= MAX(ev->spin, 1);
	for (unsigned int c = 0; c < 4; c++)
		ev->spin_by_confidence[c] /= MAX(ev->spin, 1);
}

/* The first segment, but for the very first, that begins after t. */
static guint segment_after(const GArray *segments, int64_t t)
{
	guint lo = 1, hi = MAX(segments->len, 1);

	while (lo < hi) {
		guint mid = lo + (hi - lo) / 2;

		if (g_array_index(segments, struct segment, mid).t0 <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Where a gap lies within an episode it is cut, whatever its decisions say. */
static void taint_across(struct evidence *ev)
{
	for (guint i = 0; i < ev->episodes->list->len; i++) {
		struct episode *ep = &g_array_index(ev->episodes->list, struct episode, i);
		guint k = segment_after(ev->segments, ep->s);

		ep->tainted |= k < ev->segments->len &&
			       ep->end > g_array_index(ev->segments, struct segment, k - 1).t1;
	}
}

static void measure(struct evidence *ev)
{
	uint32_t n = bootstrap_n_cells(ev->bootstrap);

	ev->on_cpu = g_new0(double, n + 1);
	ev->response = g_new0(double, n + 1);
	for (unsigned int v = 1; v <= ev->timeline->n_vcpus; v++)
		for (guint i = 0; i < ev->timeline->lines[v]->len; i++) {
			const struct stretch *st = &g_array_index(ev->timeline->lines[v], struct stretch, i);

			bootstrap_spread(ev->bootstrap, st->t0, st->t1, ev->on_cpu, 1);
		}
	for (uint32_t c = 0; c < n; c++)
		ev->on_cpu_ns += ev->on_cpu[c];
	for (guint i = 0; i < ev->sends->sends->len; i++) {
		const struct send *send = send_at(ev->sends, i);
		int32_t cell = bootstrap_cell(ev->bootstrap, send->t_first);
		int64_t answered;
		bool vague;

		if (cell < 0 || send->tainted || !send_is_waited_for(ev->episodes, send))
			continue;
		send_answered(ev->episodes, send, false, &answered, &vague);
		if (answered != NEVER)	/* the sender notices once it is on a CPU */
			answered = timeline_next_in(ev->timeline, send->vcpu, answered);
		if (answered != NEVER)
			ev->response[cell] += answered - send->t_first;
	}
}

static void count_outcomes(struct evidence *ev)
{
	const GArray *decisions = ev->scores->decisions;
	double observed = 0, known = 0;

	for (guint i = 0; i < decisions->len; i++) {
		const struct scored *d = scored_at(ev->scores, i);

		observed += d->source == OUTCOME_PROBED;
		known += d->pick != PICK_UNKNOWN;
	}
	ev->observed = decisions->len ? observed / decisions->len : 1;
	ev->outcomes_known = decisions->len ? known / decisions->len : 1;
}

struct evidence *evidence_new(const struct scores *scores, uint32_t n_replicates, uint64_t seed, GError **error)
{
	struct evidence *ev = g_new0(struct evidence, 1);

	ev->scores = scores;
	ev->segments = g_array_new(FALSE, FALSE, sizeof(struct segment));
	ev->timeline = find_segments(ev, error) ? timeline_load(scores->recorded, error) : NULL;
	ev->sends = ev->timeline ? sends_load(scores->recorded, ev->timeline, error) : NULL;
	if (!ev->sends) {
		evidence_free(ev);
		return NULL;
	}
	ev->episodes = episodes_find(scores, ev->timeline, ev->sends);
	ev->slice_ns = scheduler_slice(scores->recorded);
	ev->block_ns = bootstrap_block_ns(ev->slice_ns, mean_wall(ev->episodes));
	ev->block_ns = MAX(ev->block_ns, (int64_t)(ev->ns / MAX_BLOCKS));
	ev->bootstrap = bootstrap_new((const struct segment *)ev->segments->data, ev->segments->len, ev->block_ns,
				      n_replicates, seed);
	taint_across(ev);
	place(ev);
	measure(ev);
	count_outcomes(ev);
	return ev;
}

GArray *evidence_changes(const struct evidence *ev, const GArray *picks, const GArray *baseline)
{
	GArray *changes = g_array_new(FALSE, FALSE, sizeof(struct evidence_change));
	const struct episodes *e = ev->episodes;

	for (guint i = 0; i < e->list->len; i++)
		for (guint j = 0; ev->cells[i] >= 0 && j < episode_at(e, i)->n; j++) {
			struct evidence_change change = { i, episode_decision(e, episode_at(e, i), j) };

			if (g_array_index(picks, int, change.decision) != g_array_index(baseline, int, change.decision))
				g_array_append_val(changes, change);
		}
	return changes;
}

double evidence_picks_known(const struct evidence *ev, const GArray *picks, const GArray *baseline)
{
	g_autofree guint *episodes = evidence_used_episodes(ev);
	guint n = 0, known = 0;

	for (guint i = 0; i < ev->scores->decisions->len; i++) {
		if (ev->n_used && episodes[i] == G_MAXUINT)
			continue;
		n++;
		known += g_array_index(picks, int, i) != PICK_UNKNOWN && g_array_index(baseline, int, i) != PICK_UNKNOWN;
	}
	return n ? (double)known / n : 1;
}

guint *evidence_used_episodes(const struct evidence *ev)
{
	const struct episodes *e = ev->episodes;
	guint n = ev->scores->decisions->len, *of = g_new(guint, n + 1);

	for (guint i = 0; i < n; i++)
		of[i] = G_MAXUINT;
	for (guint i = 0; i < e->list->len; i++)
		for (guint j = 0; ev->cells[i] >= 0 && j < episode_at(e, i)->n; j++)
			of[episode_decision(e, episode_at(e, i), j)] = i;
	return of;
}

void evidence_free(struct evidence *ev)
{
	if (!ev)
		return;
	g_free(ev->baseline_values);
	g_free(ev->response);
	g_free(ev->on_cpu);
	g_free(ev->cells);
	bootstrap_free(ev->bootstrap);
	episodes_free(ev->episodes);
	sends_free(ev->sends);
	timeline_free(ev->timeline);
	g_array_unref(ev->segments);
	g_free(ev);
}
