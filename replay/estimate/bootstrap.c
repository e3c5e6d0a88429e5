// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/bootstrap.h"

#include <glib.h>
#include <string.h>

#include "replay/estimate/prng.h"

enum { CELLS_PER_BLOCK = 4 };

#define MIN_BLOCK_NS ((int64_t)50 * 1000 * 1000)

/* A segment and its cells, [first, first + n). */
struct cells {
	int64_t t0, t1;
	uint32_t first, n;
};

/* Where a block may start: the offset-th cell of a segment. */
struct start {
	uint32_t segment, offset;
};

struct bootstrap {
	int64_t cell_ns;
	uint32_t replicates, n_cells, n_blocks;
	uint64_t seed;
	GArray *segments;	/* of struct cells */
	GArray *starts;		/* of struct start */
	GArray *shorts;		/* of guint: segments shorter than a block */
	uint32_t *weights;	/* [n_cells] */
};

int64_t bootstrap_block_ns(int64_t base_slice_ns, int64_t mean_episode_wall_ns)
{
	int64_t longest = MAX(MAX(base_slice_ns, mean_episode_wall_ns), 0);

	return longest > INT64_MAX / 10 ? INT64_MAX : MAX(MIN_BLOCK_NS, 10 * longest);
}

static void add_segment(struct bootstrap *b, const struct segment *segment, int64_t block_ns)
{
	int64_t length = segment->t1 - segment->t0;
	struct cells cells = {
		segment->t0, segment->t1, b->n_cells, (length - 1) / b->cell_ns + 1,
	};
	guint s = b->segments->len;

	g_array_append_val(b->segments, cells);
	b->n_cells += cells.n;
	if (length < block_ns) {
		g_array_append_val(b->shorts, s);
		return;
	}
	for (uint32_t offset = 0; offset < cells.n; offset++) {
		struct start start = { s, offset };

		g_array_append_val(b->starts, start);
	}
}

struct bootstrap *bootstrap_new(const struct segment *segments, size_t n, int64_t block_ns,
				uint32_t replicates, uint64_t seed)
{
	struct bootstrap *b = g_new0(struct bootstrap, 1);
	int64_t total = 0;

	g_assert(block_ns > 0);
	b->cell_ns = (block_ns - 1) / CELLS_PER_BLOCK + 1;
	b->replicates = replicates;
	b->seed = seed;
	b->segments = g_array_new(FALSE, FALSE, sizeof(struct cells));
	b->starts = g_array_new(FALSE, FALSE, sizeof(struct start));
	b->shorts = g_array_new(FALSE, FALSE, sizeof(guint));
	for (size_t i = 0; i < n; i++) {
		if (segments[i].t0 >= segments[i].t1)
			continue;
		g_assert(!b->segments->len || segments[i].t0 >=
			 g_array_index(b->segments, struct cells, b->segments->len - 1).t1);
		total += segments[i].t1 - segments[i].t0;
		add_segment(b, &segments[i], block_ns);
	}
	b->n_blocks = total ? (total - 1) / block_ns + 1 : 0;
	b->weights = g_new0(uint32_t, b->n_cells);
	return b;
}

void bootstrap_free(struct bootstrap *b)
{
	if (!b)
		return;
	g_array_unref(b->segments);
	g_array_unref(b->starts);
	g_array_unref(b->shorts);
	g_free(b->weights);
	g_free(b);
}

/* The first segment that ends after t; their number if there is none. */
static guint segment_at(const struct bootstrap *b, int64_t t)
{
	guint lo = 0, hi = b->segments->len;

	while (lo < hi) {
		guint mid = lo + (hi - lo) / 2;

		if (t < g_array_index(b->segments, struct cells, mid).t1)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

int32_t bootstrap_cell(const struct bootstrap *b, int64_t t)
{
	guint i = segment_at(b, t);
	const struct cells *s = i < b->segments->len ? &g_array_index(b->segments, struct cells, i) : NULL;

	return s && t >= s->t0 ? (int32_t)(s->first + (t - s->t0) / b->cell_ns) : -1;
}

void bootstrap_spread(const struct bootstrap *b, int64_t t0, int64_t t1, double *cells, unsigned int stride)
{
	for (guint i = segment_at(b, t0); i < b->segments->len; i++) {
		const struct cells *s = &g_array_index(b->segments, struct cells, i);
		int64_t end = MIN(t1, s->t1);

		if (s->t0 >= t1)
			break;
		for (int64_t t = MAX(t0, s->t0); t < end;) {
			int64_t from = t - s->t0, ns = MIN(end - t, b->cell_ns - from % b->cell_ns);

			cells[(s->first + from / b->cell_ns) * stride] += ns;
			t += ns;
		}
	}
}

uint32_t bootstrap_n_cells(const struct bootstrap *b)
{
	return b->n_cells;
}

uint32_t bootstrap_n_replicates(const struct bootstrap *b)
{
	return b->replicates;
}

uint32_t bootstrap_n_blocks(const struct bootstrap *b)
{
	return b->n_blocks;
}

/*
 * Blocks start in any cell of any long segment. If each segment drew its own, what
 * differs between segments would not be seen to vary, and a segment of one block's
 * length could draw nothing but itself. The last block is cut so that as many cells
 * are drawn as there are.
 */
static void draw_blocks(struct bootstrap *b, struct prng *prng)
{
	for (uint32_t left = b->starts->len, n; left; left -= n) {
		const struct start *start = &g_array_index(b->starts, struct start,
							   prng_below(prng, b->starts->len));
		const struct cells *s = &g_array_index(b->segments, struct cells, start->segment);

		n = MIN(left, CELLS_PER_BLOCK);
		for (uint32_t k = 0; k < n; k++)
			b->weights[s->first + (start->offset + k) % s->n]++;
	}
}

/* A segment shorter than a block is one, beside the others like it. */
static void draw_short_segments(struct bootstrap *b, struct prng *prng)
{
	for (guint i = 0; i < b->shorts->len; i++) {
		guint drawn = g_array_index(b->shorts, guint, prng_below(prng, b->shorts->len));
		const struct cells *s = &g_array_index(b->segments, struct cells, drawn);

		for (uint32_t k = 0; k < s->n; k++)
			b->weights[s->first + k]++;
	}
}

const uint32_t *bootstrap_weights(struct bootstrap *b, uint32_t replicate)
{
	struct prng prng = prng_new(b->seed, replicate);

	g_assert(replicate < b->replicates);
	if (b->n_cells)
		memset(b->weights, 0, b->n_cells * sizeof(*b->weights));
	draw_blocks(b, &prng);
	draw_short_segments(b, &prng);
	return b->weights;
}

double bootstrap_sum(const double *cells, const uint32_t *weights, uint32_t n)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += (weights ? weights[i] : 1) * cells[i];
	return sum;
}
