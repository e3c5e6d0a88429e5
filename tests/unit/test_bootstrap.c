// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cells and weights: what a replicate may and may not be made of, and whether
 * intervals made of them cover the truth of a series that remembers its past.
 */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "replay/estimate/bootstrap.h"
#include "replay/estimate/interval.h"
#include "replay/estimate/prng.h"

#define MS ((int64_t)1000000)
#define BLOCK (40 * MS)
#define CELL (10 * MS)

static void test_prng(void)
{
	struct prng prng = { 1234567 };
	struct prng twice[2] = { prng_new(7, 1), prng_new(7, 1) }, other = prng_new(7, 2);
	double sum = 0;

	/* the algorithm's published answers */
	g_assert_cmpuint(prng_next(&prng), ==, 6457827717110365317U);
	g_assert_cmpuint(prng_next(&prng), ==, 3203168211198807973U);
	g_assert_cmpuint(prng_next(&prng), ==, 9817491932198370423U);
	g_assert_cmpuint(prng_next(&twice[0]), ==, prng_next(&twice[1]));
	g_assert_cmpuint(prng_next(&twice[0]), !=, prng_next(&other));
	for (int i = 0; i < 10000; i++) {
		double x = prng_unit(&prng);

		g_assert_true(x >= 0 && x < 1);
		g_assert_cmpuint(prng_below(&prng, 3), <, 3);
		sum += x;
	}
	g_assert_cmpfloat_with_epsilon(sum / 10000, 0.5, 0.015);
}

static void test_block_length(void)
{
	g_assert_cmpint(bootstrap_block_ns(3 * MS, 100 * 1000), ==, 50 * MS);
	g_assert_cmpint(bootstrap_block_ns(6 * MS, 100 * 1000), ==, 60 * MS);
	g_assert_cmpint(bootstrap_block_ns(3 * MS, 9 * MS), ==, 90 * MS);
	g_assert_cmpint(bootstrap_block_ns(-1, INT64_MIN), ==, 50 * MS);
	g_assert_cmpint(bootstrap_block_ns(INT64_MAX, 0), ==, INT64_MAX);
}

static void test_cells(void)
{
	/* 10 cells; nothing; 4 cells and a short one; a single short one */
	const struct segment segments[] = {
		{ 5, 5 + 100 * MS }, { 150 * MS, 150 * MS }, { 200 * MS, 241 * MS },
		{ 241 * MS, 243 * MS },
	};
	struct bootstrap *b = bootstrap_new(segments, G_N_ELEMENTS(segments), BLOCK, 10, 1);

	g_assert_cmpuint(bootstrap_n_cells(b), ==, 16);
	g_assert_cmpuint(bootstrap_n_replicates(b), ==, 10);
	g_assert_cmpuint(bootstrap_n_blocks(b), ==, 4);
	g_assert_cmpint(bootstrap_cell(b, 4), ==, -1);
	g_assert_cmpint(bootstrap_cell(b, 5), ==, 0);
	g_assert_cmpint(bootstrap_cell(b, 5 + CELL - 1), ==, 0);
	g_assert_cmpint(bootstrap_cell(b, 5 + CELL), ==, 1);
	g_assert_cmpint(bootstrap_cell(b, 5 + 100 * MS - 1), ==, 9);
	g_assert_cmpint(bootstrap_cell(b, 5 + 100 * MS), ==, -1);
	g_assert_cmpint(bootstrap_cell(b, 150 * MS), ==, -1);
	g_assert_cmpint(bootstrap_cell(b, 200 * MS), ==, 10);
	g_assert_cmpint(bootstrap_cell(b, 240 * MS), ==, 14);
	g_assert_cmpint(bootstrap_cell(b, 241 * MS - 1), ==, 14);
	g_assert_cmpint(bootstrap_cell(b, 241 * MS), ==, 15);
	g_assert_cmpint(bootstrap_cell(b, 243 * MS), ==, -1);
	bootstrap_free(b);
}

/* Time goes into the cells that it is in, and nowhere if it is in a gap. */
static void test_spread(void)
{
	/* cells of 10, 10, 5; and of 10, 2 */
	const struct segment segments[] = { { 100 * MS, 125 * MS }, { 130 * MS, 142 * MS } };
	struct bootstrap *b = bootstrap_new(segments, 2, BLOCK, 10, 1);
	const double expected[] = { 7, 10, 5, 9, 0 }, all[] = { 10, 10, 5, 10, 2 };
	double cells[10] = { 0 };

	g_assert_cmpuint(bootstrap_n_cells(b), ==, 5);
	bootstrap_spread(b, 103 * MS, 139 * MS, cells + 1, 2);
	bootstrap_spread(b, 0, 100 * MS, cells + 1, 2);
	bootstrap_spread(b, 125 * MS, 130 * MS, cells + 1, 2);
	bootstrap_spread(b, 142 * MS, 900 * MS, cells + 1, 2);
	bootstrap_spread(b, 139 * MS, 103 * MS, cells + 1, 2);
	for (int i = 0; i < 5; i++) {
		g_assert_cmpfloat(cells[2 * i], ==, 0);
		g_assert_cmpfloat(cells[2 * i + 1], ==, expected[i] * MS);
	}
	memset(cells, 0, sizeof(cells));
	bootstrap_spread(b, INT64_MIN / 4, INT64_MAX / 4, cells, 1);
	for (int i = 0; i < 5; i++)
		g_assert_cmpfloat(cells[i], ==, all[i] * MS);
	bootstrap_free(b);
}

static void test_nothing(void)
{
	const struct segment empty = { 7, 7 };
	struct bootstrap *b[] = {
		bootstrap_new(NULL, 0, BLOCK, 3, 1), bootstrap_new(&empty, 1, BLOCK, 3, 1),
	};

	for (size_t i = 0; i < G_N_ELEMENTS(b); i++) {
		g_assert_cmpuint(bootstrap_n_cells(b[i]), ==, 0);
		g_assert_cmpuint(bootstrap_n_blocks(b[i]), ==, 0);
		g_assert_cmpint(bootstrap_cell(b[i], 7), ==, -1);
		bootstrap_weights(b[i], 2);
		bootstrap_free(b[i]);
	}
	bootstrap_free(NULL);
}

static void test_one_cell(void)
{
	const struct segment segment = { 0, 1 };
	struct bootstrap *b = bootstrap_new(&segment, 1, BLOCK, 20, 1);

	g_assert_cmpuint(bootstrap_n_cells(b), ==, 1);
	g_assert_cmpuint(bootstrap_n_blocks(b), ==, 1);
	for (uint32_t r = 0; r < 20; r++)
		g_assert_cmpuint(bootstrap_weights(b, r)[0], ==, 1);
	bootstrap_free(b);
}

/* Segments that are one block or less: whoever crossed a border would weigh part of one. */
static void test_borders(void)
{
	const struct segment segments[] = {
		{ 0, 40 * MS }, { 40 * MS, 80 * MS }, { 80 * MS, 100 * MS },
		{ 100 * MS, 140 * MS }, { 140 * MS, 179 * MS }, { 179 * MS, 180 * MS },
	};
	const uint32_t first[] = { 0, 4, 8, 10, 14, 18, 19 };
	struct bootstrap *b = bootstrap_new(segments, G_N_ELEMENTS(segments), BLOCK, 500, 3);
	unsigned int varied = 0;

	g_assert_cmpuint(bootstrap_n_cells(b), ==, 19);
	for (uint32_t r = 0; r < 500; r++) {
		const uint32_t *w = bootstrap_weights(b, r);

		for (size_t s = 0; s < G_N_ELEMENTS(segments); s++)
			for (uint32_t c = first[s]; c < first[s + 1]; c++)
				g_assert_cmpuint(w[c], ==, w[first[s]]);
		/* as many long ones as there are, as many short ones */
		g_assert_cmpuint(w[0] + w[4] + w[10], ==, 3);
		g_assert_cmpuint(w[8] + w[14] + w[18], ==, 3);
		varied += w[0] != 1;
	}
	g_assert_cmpuint(varied, >, 100);
	bootstrap_free(b);
}

/* Two blocks of one segment can be told apart: runs of cells, around its end. */
static void test_circular(void)
{
	const struct segment segment = { 0, 70 * MS };
	struct bootstrap *b = bootstrap_new(&segment, 1, BLOCK, 2000, 3);
	unsigned int wrapped = 0;

	/* a block of 4 cells and one of 3, of 7 */
	for (uint32_t r = 0; r < 2000; r++) {
		const uint32_t *w = bootstrap_weights(b, r);
		bool found = false;

		for (int i = 0; i < 7 && !found; i++)
			for (int j = 0; j < 7 && !found; j++) {
				uint32_t expected[7] = { 0 };

				for (int k = 0; k < 4; k++)
					expected[(i + k) % 7]++;
				for (int k = 0; k < 3; k++)
					expected[(j + k) % 7]++;
				found = !memcmp(w, expected, sizeof(expected));
			}
		g_assert_true(found);
		wrapped += w[0] && w[6] && !w[3];
	}
	g_assert_cmpuint(wrapped, >, 0);
	bootstrap_free(b);
}

/* No cell is preferred, wherever it lies. */
static void test_fair(void)
{
	const struct segment segments[] = {
		{ 0, 1 * MS }, { 10 * MS, 137 * MS }, { 200 * MS, 230 * MS },
		{ 300 * MS, 1000 * MS }, { 1000 * MS, 1035 * MS },
	};
	enum { N = 4000 };
	struct bootstrap *b = bootstrap_new(segments, G_N_ELEMENTS(segments), BLOCK, N, 11);
	uint32_t n = bootstrap_n_cells(b);
	g_autofree double *sum = g_new0(double, n);

	g_assert_cmpuint(n, ==, 1 + 13 + 3 + 70 + 4);
	for (uint32_t r = 0; r < N; r++) {
		const uint32_t *w = bootstrap_weights(b, r);
		uint32_t total = 0;

		for (uint32_t c = 0; c < n; c++) {
			sum[c] += w[c];
			total += c >= 1 && c < 14 ? w[c] : c >= 17 && c < 87 ? w[c] : 0;
		}
		g_assert_cmpuint(total, ==, 83);
	}
	/* a weight's deviation is about 1 */
	for (uint32_t c = 0; c < n; c++)
		g_assert_cmpfloat_with_epsilon(sum[c] / N, 1, 4.5 / sqrt(N));
	bootstrap_free(b);
}

static void test_deterministic(void)
{
	const struct segment segment = { 0, 1000 * MS };
	struct bootstrap *a = bootstrap_new(&segment, 1, BLOCK, 50, 5);
	struct bootstrap *b = bootstrap_new(&segment, 1, BLOCK, 50, 5);
	struct bootstrap *other = bootstrap_new(&segment, 1, BLOCK, 50, 6);
	size_t size = bootstrap_n_cells(a) * sizeof(uint32_t);

	for (uint32_t r = 0; r < 50; r++) {
		const uint32_t *a_weights = bootstrap_weights(a, r);

		bootstrap_weights(b, 49 - r);
		g_assert_cmpmem(a_weights, size, bootstrap_weights(b, r), size);
		g_assert_true(memcmp(a_weights, bootstrap_weights(other, r), size));
		g_assert_true(memcmp(a_weights, bootstrap_weights(b, (r + 1) % 50), size));
	}
	bootstrap_free(a);
	bootstrap_free(b);
	bootstrap_free(other);
}

/* Roughly normal, deviation 1. */
static double noise(struct prng *prng)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += prng_unit(prng);
	return sum;
}

enum { REPLICATES = 300 };

/*
 * A value per ms over n_segments stretches; each remembers .9 of the one before.
 * Share of series whose 95 % interval for the mean holds the true mean, 0.
 */
static double coverage(unsigned int n_series, unsigned int n_segments, int64_t segment_ms,
		       int64_t block_ns)
{
	g_autofree struct segment *segments = g_new(struct segment, n_segments);
	unsigned int covered = 0;

	for (unsigned int s = 0; s < n_segments; s++)
		segments[s] = (struct segment){ s * 1000 * MS, (s * 1000 + segment_ms) * MS };
	for (unsigned int k = 0; k < n_series; k++) {
		struct bootstrap *b = bootstrap_new(segments, n_segments, block_ns, REPLICATES, k);
		g_autofree double *sum = g_new0(double, bootstrap_n_cells(b));
		g_autofree double *n = g_new0(double, bootstrap_n_cells(b));
		struct prng prng = prng_new(1000 + k, 0);
		double means[REPLICATES], lo, hi;

		for (unsigned int s = 0; s < n_segments; s++) {
			double x = noise(&prng);

			for (int64_t t = segments[s].t0; t < segments[s].t1; t += MS) {
				int32_t cell = bootstrap_cell(b, t);

				x = 0.9 * x + sqrt(1 - 0.9 * 0.9) * noise(&prng);
				sum[cell] += x;
				n[cell]++;
			}
		}
		for (uint32_t r = 0; r < REPLICATES; r++) {
			const uint32_t *w = bootstrap_weights(b, r);
			double total = 0, count = 0;

			for (uint32_t c = 0; c < bootstrap_n_cells(b); c++) {
				total += w[c] * sum[c];
				count += w[c] * n[c];
			}
			means[r] = total / count;
		}
		g_assert_true(interval_percentile(means, REPLICATES, 0.95, &lo, &hi, NULL));
		covered += lo <= 0 && hi >= 0;
		bootstrap_free(b);
	}
	return (double)covered / n_series;
}

static void test_coverage(void)
{
	const struct {
		unsigned int n_segments;
		int64_t segment_ms;
	} cases[] = { { 1, 2000 }, { 10, 200 }, { 20, 101 }, { 40, 50 }, { 80, 30 } };

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		double share = coverage(250, cases[i].n_segments, cases[i].segment_ms, 50 * MS);

		g_test_message("%u stretches of %d ms: %.3f", cases[i].n_segments,
			       (int)cases[i].segment_ms, share);
		g_assert_cmpfloat(share, >=, 0.85);
		g_assert_cmpfloat(share, <=, 0.99);
	}
}

/* Without blocks, the series' memory makes intervals far too narrow. */
static void test_coverage_without_blocks(void)
{
	g_assert_cmpfloat(coverage(60, 1, 2000, 2 * MS), <, 0.7);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/bootstrap/prng", test_prng);
	g_test_add_func("/bootstrap/block length", test_block_length);
	g_test_add_func("/bootstrap/cells", test_cells);
	g_test_add_func("/bootstrap/spread", test_spread);
	g_test_add_func("/bootstrap/nothing", test_nothing);
	g_test_add_func("/bootstrap/one cell", test_one_cell);
	g_test_add_func("/bootstrap/borders", test_borders);
	g_test_add_func("/bootstrap/circular", test_circular);
	g_test_add_func("/bootstrap/fair", test_fair);
	g_test_add_func("/bootstrap/deterministic", test_deterministic);
	g_test_add_func("/bootstrap/coverage", test_coverage);
	g_test_add_func("/bootstrap/coverage without blocks", test_coverage_without_blocks);
	return g_test_run();
}
