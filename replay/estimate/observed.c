// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/observed.h"

#include <math.h>

#include "replay/estimate/gain.h"
#include "replay/estimate/interval.h"

/* With fewer blocks drawn an interval says little of what else may be. */
enum { MIN_BLOCKS = 20 };

/* Share of decisions of which it must be known what the kernel did. */
#define MIN_KNOWN 0.8

const struct observed_info observed_infos[N_OBSERVED] = {
	[OBSERVED_SPIN_CPUS] = { "spin_cpus", "CPUs" },
	[OBSERVED_SPIN_SHARE] = { "spin_share", "percent" },
	[OBSERVED_STEAL_SHARE] = { "steal_share", "percent" },
	[OBSERVED_PAUSE_EXITS] = { "pause_exits", "1/s" },
	[OBSERVED_YIELDS] = { "yields", "1/s" },
	[OBSERVED_WASTED_YIELDS] = { "wasted_yields", "percent" },
	[OBSERVED_IPI_RESPONSE] = { "ipi_response", "us" },
	[OBSERVED_EPISODE_LENGTH] = { "episode_length", "us" },
};

/* How a figure is made: scale * over / under; and why there is none if there is nothing under it. */
static const struct {
	enum observed_tally over, under, n;
	double scale;
	const char *reason;
} recipes[N_OBSERVED] = {
	[OBSERVED_SPIN_CPUS] = { TALLY_SPIN, TALLY_TIME, TALLY_EPISODES, 1, "nothing was recorded between gaps" },
	[OBSERVED_SPIN_SHARE] = { TALLY_SPIN, TALLY_ON_CPU, TALLY_EPISODES, 100, "no vCPU was on a CPU" },
	[OBSERVED_STEAL_SHARE] = { TALLY_QUEUED, TALLY_VCPU_TIME, TALLY_QUEUINGS, 100, "no vCPU was on a CPU" },
	[OBSERVED_PAUSE_EXITS] = { TALLY_DECISIONS, TALLY_TIME, TALLY_DECISIONS, 1e9,
		"nothing was recorded between gaps" },
	[OBSERVED_YIELDS] = { TALLY_YIELDS, TALLY_TIME, TALLY_YIELDS, 1e9, "nothing was recorded between gaps" },
	[OBSERVED_WASTED_YIELDS] = { TALLY_WASTED, TALLY_JUDGED, TALLY_JUDGED, 100,
		"of no yield is it known whom the spinner waited for" },
	[OBSERVED_IPI_RESPONSE] = { TALLY_RESPONSE, TALLY_IPIS, TALLY_IPIS, 1e-3,
		"no IPI that is known to be waited for was seen acknowledged" },
	[OBSERVED_EPISODE_LENGTH] = { TALLY_WALL, TALLY_EPISODES, TALLY_EPISODES, 1e-3, "no waits with PAUSE exits" },
};

/* All sums in one walk over the cells. */
static struct observed_cell sum_up(const struct observed_cell *cells, guint n, const uint32_t *weights)
{
	struct observed_cell sum = { 0 };

	for (guint c = 0; c < n; c++) {
		double weight = weights ? weights[c] : 1;

		for (unsigned int i = 0; i < N_TALLIES; i++)
			sum.n[i] += weight * cells[c].n[i];
	}
	return sum;
}

static double figure_of(const struct observed_cell *sum, enum observed_metric m)
{
	double under = sum->n[recipes[m].under], scale = recipes[m].scale;

	if (m == OBSERVED_YIELDS && sum->n[TALLY_DECISIONS] > 0)
		scale *= sum->n[TALLY_DECISIONS] / sum->n[TALLY_KNOWN];
	return under > 0 ? scale * sum->n[recipes[m].over] / under : NAN;
}

void observed_figures(const struct observed_cell *cells, struct bootstrap *b, struct observed_figure *figures)
{
	guint n_cells = bootstrap_n_cells(b), n = bootstrap_n_replicates(b);
	struct observed_cell sum = sum_up(cells, n_cells, NULL);
	g_autofree double *replicates = g_new(double, (gsize)n * N_OBSERVED + 1);
	bool enough = bootstrap_n_blocks(b) >= MIN_BLOCKS;

	for (guint r = 0; enough && r < n; r++) {
		struct observed_cell drawn = sum_up(cells, n_cells, bootstrap_weights(b, r));

		for (unsigned int m = 0; m < N_OBSERVED; m++)
			replicates[(gsize)m * n + r] = figure_of(&drawn, m);
	}
	for (unsigned int m = 0; m < N_OBSERVED; m++) {
		struct observed_figure *f = &figures[m];

		*f = (struct observed_figure){
			.value = figure_of(&sum, m), .statistical = { NAN, NAN }, .n = llrint(sum.n[recipes[m].n]),
		};
		if (m == OBSERVED_YIELDS && sum.n[TALLY_KNOWN] < MIN_KNOWN * sum.n[TALLY_DECISIONS]) {
			f->value = NAN;
			f->reason = "what the kernel did is known of too few decisions";
		} else if (isnan(f->value)) {
			f->reason = recipes[m].reason;
		} else if (enough) {
			interval_percentile(replicates + (gsize)m * n, n, 0.95, &f->statistical[0], &f->statistical[1], NULL);
		}
	}
}

static void add_time(const struct evidence *ev, struct observed_cell *cells, unsigned int n_vcpus)
{
	for (guint i = 0; i < ev->segments->len; i++) {
		const struct segment *s = &g_array_index(ev->segments, struct segment, i);

		bootstrap_spread(ev->bootstrap, s->t0, s->t1, &cells->n[TALLY_TIME], N_TALLIES);
	}
	for (guint c = 0; c < bootstrap_n_cells(ev->bootstrap); c++)
		cells[c].n[TALLY_VCPU_TIME] = n_vcpus * cells[c].n[TALLY_TIME];
}

/* Of one VM; the number of its vCPUs that ever ran. */
static unsigned int add_on_cpu(const struct evidence *ev, unsigned int vm, struct observed_cell *cells)
{
	unsigned int n = 0;

	for (unsigned int v = 1; v <= ev->timeline->n_vcpus; v++) {
		const GArray *line = ev->timeline->lines[v];

		if (ev->scores->recorded->vcpus[v].vm != vm)
			continue;
		n += line->len > 0;
		for (guint i = 0; i < line->len; i++) {
			const struct stretch *st = &g_array_index(line, struct stretch, i);

			bootstrap_spread(ev->bootstrap, st->t0, st->t1, &cells->n[TALLY_ON_CPU], N_TALLIES);
		}
	}
	return n;
}

/* cells: by VM. Time on a run queue is not part of a timeline. */
static bool add_queued(const struct evidence *ev, struct observed_cell **cells, GError **error)
{
	const struct recorded *r = ev->scores->recorded;
	g_autoptr(db_stmt) s = db_prepare(r->db,
		"SELECT vcpu, t_ready, on_cpu.t0 FROM on_cpu JOIN thread ON thread.id = thread "
		"WHERE vcpu NOT NULL AND t_ready < on_cpu.t0");
	GError *failed = NULL;

	while (db_next(s, &failed)) {
		int64_t vcpu = db_column(s, 0), t0 = db_column(s, 1), t1 = db_column(s, 2);
		int32_t cell;

		if (vcpu < 1 || vcpu > r->n_vcpus || recorded_no_time(t0) || recorded_no_time(t1))
			continue;
		cell = bootstrap_cell(ev->bootstrap, t0);
		bootstrap_spread(ev->bootstrap, t0, t1, &cells[r->vcpus[vcpu].vm]->n[TALLY_QUEUED], N_TALLIES);
		if (cell >= 0)
			cells[r->vcpus[vcpu].vm][cell].n[TALLY_QUEUINGS]++;
	}
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

static void add_decisions(const struct evidence *ev, struct observed_cell **cells)
{
	for (guint i = 0; i < ev->scores->decisions->len; i++) {
		const struct scored *d = scored_at(ev->scores, i);
		int32_t cell = d->tainted ? -1 : bootstrap_cell(ev->bootstrap, d->t);
		double *n = cell >= 0 ? cells[d->vm][cell].n : NULL;

		if (!n)
			continue;
		n[TALLY_DECISIONS]++;
		n[TALLY_KNOWN] += d->pick != PICK_UNKNOWN;
		n[TALLY_YIELDS] += d->pick >= 0;
	}
}

/* Whether a yield of an episode was wasted. */
static void judge_yields(const struct evidence *ev, const struct episode *ep, double *n, GArray *judged)
{
	const struct episodes *e = ev->episodes;

	for (guint j = 0; ep->confidence >= GAIN_MIN_CONFIDENCE && j < ep->n; j++) {
		const struct scored *d = scored_at(ev->scores, episode_decision(e, ep, j));

		struct judged_yield yield = { d->id, false };

		if (d->tainted || d->pick < 0)
			continue;
		yield.wasted = !episode_awaits(e, ep, d->pick, d->t);
		g_array_append_val(judged, yield);
		n[TALLY_JUDGED]++;
		n[TALLY_WASTED] += yield.wasted;
	}
}

static void add_episodes(const struct evidence *ev, struct observed_cell **cells, GArray *judged)
{
	for (guint i = 0; i < ev->episodes->list->len; i++) {
		const struct episode *ep = episode_at(ev->episodes, i);
		int32_t cell = ep->tainted ? -1 : bootstrap_cell(ev->bootstrap, ep->s);
		double *n = cell >= 0 ? cells[ep->vm][cell].n : NULL;

		if (!n)
			continue;
		n[TALLY_EPISODES]++;
		n[TALLY_WALL] += ep->end - ep->s;
		n[TALLY_SPIN] += ep->spin;
		judge_yields(ev, ep, n, judged);
	}
}

/*
 * Is it known that somebody waited for it: as the vector's senders do, or, where too few
 * sends tell that, as a wait that shows did?
 */
static bool was_waited_for(const struct evidence *ev, guint i, const bool *shows)
{
	const struct send *send = send_at(ev->sends, i);
	unsigned int vm = ev->scores->recorded->vcpus[send->vcpu].vm;

	return send_is_waited_for(ev->episodes, send) ||
	       (shows[i] && ipi_vector_waited(ev->episodes, vm, send->vector) < 0);
}

static void add_sends(const struct evidence *ev, struct observed_cell **cells)
{
	g_autofree bool *shows = g_new0(bool, ev->sends->sends->len + 1);

	for (guint i = 0; i < ev->episodes->list->len; i++)
		if (episode_at(ev->episodes, i)->send >= 0)
			shows[episode_at(ev->episodes, i)->send] = true;
	for (guint i = 0; i < ev->sends->sends->len; i++) {
		const struct send *send = send_at(ev->sends, i);
		int32_t cell = bootstrap_cell(ev->bootstrap, send->t_first);
		int64_t last = INT64_MIN;
		double *n;

		if (cell < 0 || send->tainted || !was_waited_for(ev, i, shows))
			continue;
		for (guint k = 0; k < send->n_edges; k++)
			last = MAX(last, edge_at(ev->sends, send->edge + k)->ack);
		if (last == NEVER || last < send->t_first)
			continue;
		n = cells[ev->scores->recorded->vcpus[send->vcpu].vm][cell].n;
		n[TALLY_IPIS]++;
		n[TALLY_RESPONSE] += last - send->t_first;
	}
}

/* The tallies of all VMs into those of all, which come last; recorded time is the same for each. */
static void add_up(struct observed_cell **cells, unsigned int n_vms, guint n_cells)
{
	for (unsigned int vm = 0; vm < n_vms; vm++)
		for (guint c = 0; c < n_cells; c++)
			for (unsigned int i = 0; i < N_TALLIES; i++)
				if (i != TALLY_TIME)
					cells[n_vms][c].n[i] += cells[vm][c].n[i];
}

struct observed *observed_new(const struct evidence *ev, GError **error)
{
	const struct recorded *r = ev->scores->recorded;
	guint n_cells = bootstrap_n_cells(ev->bootstrap);
	struct observed_cell **cells = g_new(struct observed_cell *, r->n_vms + 1);
	struct observed *o = NULL;

	for (unsigned int vm = 0; vm <= r->n_vms; vm++) {
		cells[vm] = g_new0(struct observed_cell, n_cells + 1);
		add_time(ev, cells[vm], vm < r->n_vms ? add_on_cpu(ev, vm, cells[vm]) : 0);
	}
	if (add_queued(ev, cells, error)) {
		o = g_new(struct observed, 1);
		o->n_vms = r->n_vms;
		o->judged = g_array_new(FALSE, FALSE, sizeof(struct judged_yield));
		add_decisions(ev, cells);
		add_episodes(ev, cells, o->judged);
		add_sends(ev, cells);
		add_up(cells, r->n_vms, n_cells);
		o->figures = g_malloc_n(r->n_vms + 1, sizeof(*o->figures));
		for (unsigned int vm = 0; vm <= r->n_vms; vm++)
			observed_figures(cells[vm], ev->bootstrap, o->figures[vm]);
	}
	for (unsigned int vm = 0; vm <= r->n_vms; vm++)
		g_free(cells[vm]);
	g_free(cells);
	return o;
}

void observed_free(struct observed *o)
{
	if (!o)
		return;
	g_array_unref(o->judged);
	g_free(o->figures);
	g_free(o);
}
