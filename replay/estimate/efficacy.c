// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/efficacy.h"

#include <math.h>

struct cell {
	struct efficacy_counts arm[2];	/* untreated, treated */
	struct efficacy result;
};

struct efficacy_table {
	enum efficacy_by by;
	bool ignored, settled;
	struct cell cells[2][EFFICACY_MAX_NR + 1][N_EFFICACY_BUCKETS];
};

struct efficacy_table *efficacy_new(enum efficacy_by by, bool ignored)
{
	struct efficacy_table *table = g_new0(struct efficacy_table, 1);

	table->by = by;
	table->ignored = ignored;
	return table;
}

void efficacy_free(struct efficacy_table *table)
{
	g_free(table);
}

enum efficacy_wait efficacy_wait(int64_t waited)
{
	static const int64_t below[N_EFFICACY_WAITS - 1] = {
		50000, 200000, 500000, 1000000, 2000000, 4000000,
	};
	unsigned int b = 0;

	while (b < G_N_ELEMENTS(below) && waited >= below[b])
		b++;
	return b;
}

static unsigned int n_buckets(const struct efficacy_table *table)
{
	return table->by == EFFICACY_BY_MARGIN ? N_SHADOW_BUCKETS : N_EFFICACY_WAITS;
}

static const struct cell *cell_of(const struct efficacy_table *table,
				  const struct efficacy_stratum *s)
{
	g_assert(s->bucket < n_buckets(table));
	return &table->cells[s->same_rq][MIN(s->nr_running, EFFICACY_MAX_NR)][s->bucket];
}

void efficacy_count(struct efficacy_counts *c, int64_t y)
{
	g_assert(y >= 0);
	c->n++;
	c->y += MIN(y, EFFICACY_WAIT_NS);
	if (y > EFFICACY_QUICK_NS)
		return;
	c->quick++;
	c->quick_y += y;
}

void efficacy_add_counts(struct efficacy_table *table, const struct efficacy_stratum *stratum, bool treated,
			 const struct efficacy_counts *counts, uint32_t times)
{
	struct efficacy_counts *c = &((struct cell *)cell_of(table, stratum))->arm[treated];

	g_assert(!table->settled);
	c->n += times * counts->n;
	c->quick += times * counts->quick;
	c->quick_y += times * counts->quick_y;
	c->y += times * counts->y;
}

void efficacy_add(struct efficacy_table *table, const struct efficacy_stratum *stratum,
		  bool treated, int64_t y)
{
	struct efficacy_counts one = { 0 };

	efficacy_count(&one, y);
	efficacy_add_counts(table, stratum, treated, &one, 1);
}

static bool supported(const struct efficacy_counts *arm)
{
	return MIN(arm[0].n, arm[1].n) >= EFFICACY_SUPPORT;
}

static void pool(struct efficacy_counts *into, const struct efficacy_counts *arm)
{
	for (unsigned int i = 0; i < 2; i++) {
		into[i].n += arm[i].n;
		into[i].quick += arm[i].quick;
		into[i].quick_y += arm[i].quick_y;
		into[i].y += arm[i].y;
	}
}

static void pool_over_nr(const struct efficacy_table *table, unsigned int same_rq,
			 unsigned int bucket, struct efficacy_counts *into)
{
	for (unsigned int nr = 0; nr <= EFFICACY_MAX_NR; nr++)
		pool(into, table->cells[same_rq][nr][bucket].arm);
}

static bool ineligible(const struct efficacy_table *table, unsigned int bucket)
{
	return table->by == EFFICACY_BY_MARGIN && bucket != SHADOW_ELIGIBLE &&
	       bucket != SHADOW_UNKNOWN;
}

/* The narrowest pool that is supported, or else the widest. */
static enum efficacy_pool back_off(const struct efficacy_table *table, unsigned int same_rq,
				   unsigned int nr, unsigned int bucket, struct efficacy_counts *arm)
{
	pool(arm, table->cells[same_rq][nr][bucket].arm);
	if (supported(arm))
		return EFFICACY_OWN;
	arm[0] = arm[1] = (struct efficacy_counts){ 0 };
	pool_over_nr(table, same_rq, bucket, arm);
	if (supported(arm) || !ineligible(table, bucket))
		return EFFICACY_OVER_NR;
	arm[0] = arm[1] = (struct efficacy_counts){ 0 };
	for (unsigned int b = 0; b < n_buckets(table); b++)
		if (ineligible(table, b))
			pool_over_nr(table, same_rq, b, arm);
	return EFFICACY_OVER_INELIGIBLE;
}

static double share(const struct efficacy_counts *c)
{
	return (double)c->quick / c->n;
}

static bool clearly_more(const struct efficacy_counts *arm)
{
	double p0 = share(&arm[0]), p1 = share(&arm[1]);

	return p1 - p0 > 3 * sqrt(p0 * (1 - p0) / arm[0].n + p1 * (1 - p1) / arm[1].n);
}

static double alpha_of(const struct efficacy_counts *arm)
{
	double p0 = share(&arm[0]), p1 = share(&arm[1]);

	return p0 > EFFICACY_NO_P0 ? 0 : MAX(0, (p1 - p0) / (1 - p0));
}

static void settle_cell(struct efficacy_table *table, unsigned int same_rq, unsigned int nr,
			unsigned int bucket)
{
	struct efficacy *e = &table->cells[same_rq][nr][bucket].result;
	struct efficacy_counts arm[2] = { 0 };

	*e = (struct efficacy){ .pooled = back_off(table, same_rq, nr, bucket, arm) };
	e->n0 = arm[0].n;
	e->n1 = arm[1].n;
	e->supported = supported(arm) || table->ignored;
	if (!e->supported)
		return;
	e->delta = arm[1].quick ? arm[1].quick_y / arm[1].quick : 0;
	e->wait = arm[0].n ? arm[0].y / arm[0].n : 0;
	if (table->ignored && !(supported(arm) && clearly_more(arm)))
		e->pooled = EFFICACY_STRUCTURAL;
	else
		e->alpha = alpha_of(arm);
}

void efficacy_settle(struct efficacy_table *table)
{
	for (unsigned int same_rq = 0; same_rq < 2; same_rq++)
		for (unsigned int nr = 0; nr <= EFFICACY_MAX_NR; nr++)
			for (unsigned int bucket = 0; bucket < n_buckets(table); bucket++)
				settle_cell(table, same_rq, nr, bucket);
	table->settled = true;
}

const struct efficacy *efficacy_of(const struct efficacy_table *table,
				   const struct efficacy_stratum *stratum)
{
	g_assert(table->settled);
	return &cell_of(table, stratum)->result;
}
