// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/chain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A class with fewer recorded decisions is not told from others of the same action. */
#define ENOUGH_IN_CLASS 15

/* Of an action with fewer a policy may make little use. */
#define ENOUGH_OF_ACTION 30

enum { STATES = N_CHAIN_CLASSES + 1 };	/* with CHAIN_START */

/* What the recording did in one cell: alike steps together. */
struct row {
	guint cell;
	uint8_t group, class;
	double n, last, spin, wall;
	double first;		/* of n: first decisions of their episodes */
};

/* What the policy picks there. */
struct picked_row {
	guint cell;
	uint8_t group, before, class;
	double n;
};

struct chain {
	GArray *rows;	/* of struct row */
	GArray *picked;	/* of struct picked_row */
};

/* Sums of one cell, before they become rows. */
struct cell_sums {
	struct row rows[N_CHAIN_GROUPS][N_CHAIN_CLASSES];
	double picked[N_CHAIN_GROUPS][STATES][N_CHAIN_CLASSES];
};

/* By group: near hits were recorded often enough to be told from other yields to one that is not waited for. */
struct near_hits {
	bool known[N_CHAIN_GROUPS];
};

static struct near_hits find_near_hits(const struct chain_step *steps, gsize n)
{
	struct near_hits near = { 0 };
	gsize seen[N_CHAIN_GROUPS] = { 0 };

	for (gsize i = 0; i < n; i++)
		seen[steps[i].group] += steps[i].recorded / N_CHAIN_CIRCUMSTANCES == CHAIN_NEAR_HIT;
	for (unsigned int g = 0; g < N_CHAIN_GROUPS; g++)
		near.known[g] = seen[g] >= ENOUGH_OF_ACTION;
	return near;
}

static unsigned int class_as_known(const struct near_hits *near, unsigned int group, unsigned int class)
{
	if (class / N_CHAIN_CIRCUMSTANCES != CHAIN_NEAR_HIT || near->known[group])
		return class;
	return chain_class(CHAIN_WRONG, class % N_CHAIN_CIRCUMSTANCES);
}

static void add_step(struct cell_sums *sums, const struct chain_step *s, const struct near_hits *near)
{
	struct row *r = &sums->rows[s->group][class_as_known(near, s->group, s->recorded)];

	r->n++;
	r->last += s->last;
	r->spin += s->spin;
	r->wall += s->wall;
	r->first += s->before == CHAIN_START;
	if (s->picked != CHAIN_CLASS_UNKNOWN)
		sums->picked[s->group][class_as_known(near, s->group, s->before)]
			    [class_as_known(near, s->group, s->picked)]++;
}

static void add_rows(struct chain *chain, guint cell, const struct cell_sums *sums)
{
	for (unsigned int g = 0; g < N_CHAIN_GROUPS; g++) {
		for (unsigned int a = 0; a < N_CHAIN_CLASSES; a++) {
			struct row r = sums->rows[g][a];

			r.cell = cell;
			r.group = g;
			r.class = a;
			if (r.n > 0)
				g_array_append_val(chain->rows, r);
		}
		for (unsigned int before = 0; before < STATES; before++)
			for (unsigned int a = 0; a < N_CHAIN_CLASSES; a++) {
				struct picked_row p = { cell, g, before, a, sums->picked[g][before][a] };

				if (p.n > 0)
					g_array_append_val(chain->picked, p);
			}
	}
}

/* Steps by cell: their places, those of cell c from first[c] on. */
static gsize *by_cell(const struct chain_step *steps, gsize n, guint n_cells, gsize **first)
{
	gsize *order = g_new(gsize, n + 1), *next = g_new0(gsize, (gsize)n_cells + 2);

	*first = g_new0(gsize, (gsize)n_cells + 2);
	for (gsize i = 0; i < n; i++)
		if (steps[i].cell < n_cells)
			(*first)[steps[i].cell + 1]++;
	for (guint c = 0; c < n_cells; c++)
		next[c + 1] = (*first)[c + 1] += (*first)[c];
	for (gsize i = 0; i < n; i++)
		if (steps[i].cell < n_cells)
			order[next[steps[i].cell]++] = i;
	g_free(next);
	return order;
}

struct chain *chain_new(const struct chain_step *steps, gsize n, guint n_cells)
{
	struct chain *chain = g_new0(struct chain, 1);
	struct cell_sums *sums = g_new(struct cell_sums, 1);
	struct near_hits near = find_near_hits(steps, n);
	g_autofree gsize *first = NULL, *order = by_cell(steps, n, n_cells, &first);

	chain->rows = g_array_new(FALSE, FALSE, sizeof(struct row));
	chain->picked = g_array_new(FALSE, FALSE, sizeof(struct picked_row));
	for (guint cell = 0; cell < n_cells; cell++) {
		if (first[cell] == first[cell + 1])
			continue;
		memset(sums, 0, sizeof(*sums));
		for (gsize i = first[cell]; i < first[cell + 1]; i++)
			add_step(sums, &steps[order[i]], &near);
		add_rows(chain, cell, sums);
	}
	g_free(sums);
	return chain;
}

void chain_free(struct chain *chain)
{
	if (!chain)
		return;
	g_array_unref(chain->rows);
	g_array_unref(chain->picked);
	g_free(chain);
}

/* What the recording says of one group. */
struct group {
	double n[N_CHAIN_CLASSES], last[N_CHAIN_CLASSES], spin[N_CHAIN_CLASSES], wall[N_CHAIN_CLASSES];
	double of_action[N_CHAIN_ACTIONS];
	double picks[STATES][N_CHAIN_CLASSES];	/* the policy's, by the recorded class before */
	double all_picks[N_CHAIN_CLASSES];
	double episodes;
};

static void learn(struct group *groups, const struct chain *chain, const uint32_t *weights)
{
	for (guint i = 0; i < chain->rows->len; i++) {
		const struct row *r = &g_array_index(chain->rows, struct row, i);
		double weight = weights ? weights[r->cell] : 1;
		struct group *g = &groups[r->group];

		if (weight == 0)
			continue;
		g->n[r->class] += weight * r->n;
		g->last[r->class] += weight * r->last;
		g->spin[r->class] += weight * r->spin;
		g->wall[r->class] += weight * r->wall;
		g->of_action[r->class / N_CHAIN_CIRCUMSTANCES] += weight * r->n;
		g->episodes += weight * r->first;
	}
	for (guint i = 0; i < chain->picked->len; i++) {
		const struct picked_row *p = &g_array_index(chain->picked, struct picked_row, i);

		double n = (weights ? weights[p->cell] : 1) * p->n;

		groups[p->group].picks[p->before][p->class] += n;
		groups[p->group].all_picks[p->class] += n;
	}
}

/* A class that is too rare is taken for all of its action together: its first class stands for them. */
static void pool(struct group *g)
{
	for (unsigned int action = 0; action < N_CHAIN_ACTIONS; action++) {
		double n = 0, last = 0, spin = 0, wall = 0, picks[N_CHAIN_CLASSES] = { 0 };
		unsigned int first = action * N_CHAIN_CIRCUMSTANCES;

		for (unsigned int a = first; a < first + N_CHAIN_CIRCUMSTANCES; a++) {
			n += g->n[a];
			last += g->last[a];
			spin += g->spin[a];
			wall += g->wall[a];
			for (unsigned int b = 0; b < N_CHAIN_CLASSES; b++)
				picks[b] += g->picks[a][b];
		}
		for (unsigned int a = first; a < first + N_CHAIN_CIRCUMSTANCES; a++) {
			if (g->n[a] >= ENOUGH_IN_CLASS)
				continue;
			g->n[a] = n;
			g->last[a] = last;
			g->spin[a] = spin;
			g->wall[a] = wall;
			memcpy(g->picks[a], picks, sizeof(picks));
		}
	}
}

enum { COST_SPIN, COST_WALL, COST_PAUSE, COST_YIELD, COST_UNSUPPORTED, N_COSTS };

/* a x = b for all columns of b at once, by elimination with pivots; false: singular. */
static bool solve(double a[N_CHAIN_CLASSES][N_CHAIN_CLASSES], double b[N_CHAIN_CLASSES][N_COSTS], unsigned int n)
{
	for (unsigned int k = 0; k < n; k++) {
		unsigned int pivot = k;

		for (unsigned int i = k + 1; i < n; i++)
			if (fabs(a[i][k]) > fabs(a[pivot][k]))
				pivot = i;
		if (fabs(a[pivot][k]) < 1e-9)
			return false;
		for (unsigned int j = 0; j < n && pivot != k; j++) {
			double t = a[k][j];

			a[k][j] = a[pivot][j];
			a[pivot][j] = t;
		}
		for (unsigned int c = 0; c < N_COSTS && pivot != k; c++) {
			double t = b[k][c];

			b[k][c] = b[pivot][c];
			b[pivot][c] = t;
		}
		for (unsigned int i = 0; i < n; i++) {
			double f = i == k ? 0 : a[i][k] / a[k][k];

			if (f == 0)
				continue;
			for (unsigned int j = k; j < n; j++)
				a[i][j] -= f * a[k][j];
			for (unsigned int c = 0; c < N_COSTS; c++)
				b[i][c] -= f * b[k][c];
		}
	}
	for (unsigned int k = 0; k < n; k++)
		for (unsigned int c = 0; c < N_COSTS; c++)
			b[k][c] /= a[k][k];
	return true;
}

/*
 * Share of the policy's picks after state that are of each class. Where none of them is
 * known the group's others stand for them, and false is returned.
 */
static bool shares(const struct group *g, unsigned int state, double *q)
{
	const double *picks = g->picks[state];
	double sum = 0, all = 0;

	for (unsigned int b = 0; b < N_CHAIN_CLASSES; b++) {
		sum += picks[b];
		all += g->all_picks[b];
	}
	for (unsigned int b = 0; b < N_CHAIN_CLASSES; b++)
		q[b] = sum > 0 ? picks[b] / sum : all > 0 ? g->all_picks[b] / all : 0;
	return sum > 0;
}

/* Classes that the policy's chains get to. */
static unsigned int reach(const struct group *g, unsigned int *classes)
{
	unsigned int n = 0;

	for (unsigned int a = 0; a < N_CHAIN_CLASSES; a++)
		if (g->all_picks[a] > 0)
			classes[n++] = a;
	return n;
}

/* Of none of the policy's picks in this group is it known what they are. */
static void take_recorded(const struct group *g, double *costs)
{
	for (unsigned int a = 0; a < N_CHAIN_CLASSES; a++) {
		costs[COST_SPIN] += g->spin[a];
		costs[COST_WALL] += g->wall[a];
		costs[COST_PAUSE] += g->n[a];
		costs[COST_YIELD] += a / N_CHAIN_CIRCUMSTANCES != CHAIN_NONE ? g->n[a] : 0;
	}
	costs[COST_UNSUPPORTED] = costs[COST_PAUSE];
}

static bool evaluate(struct group *g, double *costs, double *lacking)
{
	double a[N_CHAIN_CLASSES][N_CHAIN_CLASSES], b[N_CHAIN_CLASSES][N_COSTS], q[N_CHAIN_CLASSES];
	unsigned int classes[N_CHAIN_CLASSES], n = reach(g, classes);

	memset(costs, 0, N_COSTS * sizeof(*costs));
	if (g->episodes == 0)
		return true;
	if (!n) {
		take_recorded(g, costs);
		return true;
	}
	pool(g);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int class = classes[i], action = class / N_CHAIN_CIRCUMSTANCES;
		bool known = g->n[class] > 0;
		double go_on = known ? 1 - g->last[class] / g->n[class] : 0;

		b[i][COST_SPIN] = known ? g->spin[class] / g->n[class] : 0;
		b[i][COST_WALL] = known ? g->wall[class] / g->n[class] : 0;
		b[i][COST_PAUSE] = 1;
		b[i][COST_YIELD] = action != CHAIN_NONE;
		b[i][COST_UNSUPPORTED] = g->of_action[action] < ENOUGH_OF_ACTION;
		if (!shares(g, class, q) && go_on > 0)
			b[i][COST_UNSUPPORTED] = 1;
		for (unsigned int j = 0; j < n; j++)
			a[i][j] = (i == j) - go_on * q[classes[j]];
	}
	if (!solve(a, b, n))
		return false;
	if (!shares(g, CHAIN_START, q))
		costs[COST_UNSUPPORTED] = g->episodes;
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int c = 0; c < N_COSTS; c++)
			costs[c] += g->episodes * q[classes[i]] * b[i][c];
		if (g->of_action[classes[i] / N_CHAIN_CIRCUMSTANCES] < ENOUGH_OF_ACTION)
			lacking[classes[i] / N_CHAIN_CIRCUMSTANCES] += g->episodes * q[classes[i]] * b[i][COST_PAUSE];
	}
	costs[COST_UNSUPPORTED] = MIN(costs[COST_UNSUPPORTED], costs[COST_PAUSE]);
	return true;
}

bool chain_evaluate(const struct chain *chain, const uint32_t *weights, struct chain_value *value)
{
	struct group groups[N_CHAIN_GROUPS] = { 0 };
	double lacking[N_CHAIN_ACTIONS] = { 0 };

	*value = (struct chain_value){ 0 };
	learn(groups, chain, weights);
	for (unsigned int g = 0; g < N_CHAIN_GROUPS; g++) {
		double costs[N_COSTS];

		for (unsigned int a = 0; a < N_CHAIN_CLASSES; a++)
			value->n_steps += groups[g].n[a];
		if (!evaluate(&groups[g], costs, lacking))
			return false;
		value->spin += costs[COST_SPIN];
		value->wall += costs[COST_WALL];
		value->pauses += costs[COST_PAUSE];
		value->yields += costs[COST_YIELD];
		value->unsupported += costs[COST_UNSUPPORTED];
		if (g == CHAIN_IPI)
			value->ipi_wall = costs[COST_WALL];
	}
	if (value->pauses > 0)
		value->unsupported /= value->pauses;
	for (unsigned int a = 0; a < N_CHAIN_ACTIONS; a++)
		if (lacking[a] > lacking[value->lacking])
			value->lacking = a;
	return value->n_steps > 0;
}
