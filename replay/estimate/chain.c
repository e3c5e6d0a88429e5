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

/* Alike steps of one cell. */
struct row {
	guint cell;
	uint8_t group, before, recorded, picked;
	double n, last, spin, wall;
};

struct chain {
	GArray *rows;	/* of struct row */
};

static uint32_t key_of(const struct row *r)
{
	return (uint32_t)r->group << 24 | (uint32_t)r->before << 16 | (uint32_t)r->recorded << 8 | r->picked;
}

static int by_key(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->cell != y->cell)
		return x->cell < y->cell ? -1 : 1;
	return (key_of(x) > key_of(y)) - (key_of(x) < key_of(y));
}

/*
 * Where a near hit was hardly ever recorded it is taken for what it is without
 * looking further: a yield to one that is not waited for.
 */
static void merge_near_hits(GArray *rows)
{
	double n[N_CHAIN_GROUPS] = { 0 };

	for (guint i = 0; i < rows->len; i++) {
		const struct row *r = &g_array_index(rows, struct row, i);

		n[r->group] += r->recorded / N_CHAIN_CIRCUMSTANCES == CHAIN_NEAR_HIT;
	}
	for (guint i = 0; i < rows->len; i++) {
		struct row *r = &g_array_index(rows, struct row, i);
		uint8_t *classes[] = { &r->before, &r->recorded, &r->picked };

		for (unsigned int c = 0; c < G_N_ELEMENTS(classes) && n[r->group] < ENOUGH_OF_ACTION; c++)
			if (*classes[c] / N_CHAIN_CIRCUMSTANCES == CHAIN_NEAR_HIT)
				*classes[c] += (CHAIN_WRONG - CHAIN_NEAR_HIT) * N_CHAIN_CIRCUMSTANCES;
	}
}

struct chain *chain_new(const struct chain_step *steps, gsize n, guint n_cells)
{
	struct chain *chain = g_new0(struct chain, 1);
	g_autoptr(GArray) rows = g_array_sized_new(FALSE, FALSE, sizeof(struct row), n);

	for (gsize i = 0; i < n; i++) {
		const struct chain_step *s = &steps[i];
		struct row r = {
			s->cell, s->group, s->before, s->recorded, s->picked, 1, s->last, s->spin, s->wall,
		};

		if (s->cell < n_cells)
			g_array_append_val(rows, r);
	}
	merge_near_hits(rows);
	g_array_sort(rows, by_key);
	chain->rows = g_array_new(FALSE, FALSE, sizeof(struct row));
	for (guint i = 0; i < rows->len; i++) {
		const struct row *r = &g_array_index(rows, struct row, i);
		struct row *last = chain->rows->len ?
				   &g_array_index(chain->rows, struct row, chain->rows->len - 1) : NULL;

		if (!last || by_key(last, r)) {
			g_array_append_val(chain->rows, *r);
			continue;
		}
		last->n += r->n;
		last->last += r->last;
		last->spin += r->spin;
		last->wall += r->wall;
	}
	return chain;
}

void chain_free(struct chain *chain)
{
	if (!chain)
		return;
	g_array_unref(chain->rows);
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
		g->n[r->recorded] += weight * r->n;
		g->last[r->recorded] += weight * r->last;
		g->spin[r->recorded] += weight * r->spin;
		g->wall[r->recorded] += weight * r->wall;
		g->of_action[r->recorded / N_CHAIN_CIRCUMSTANCES] += weight * r->n;
		if (r->before == CHAIN_START)
			g->episodes += weight * r->n;
		if (r->picked == CHAIN_CLASS_UNKNOWN)
			continue;
		g->picks[r->before][r->picked] += weight * r->n;
		g->all_picks[r->picked] += weight * r->n;
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
