// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The chain on sets of waits that are small enough to be worked out by hand, and what
 * it must be on any.
 */
#include <glib.h>
#include <string.h>

#include "replay/estimate/chain.h"

#define NONE chain_class(CHAIN_NONE, 0)
#define NONE_LATER chain_class(CHAIN_NONE, CHAIN_LATER)
#define WRONG_LATER chain_class(CHAIN_WRONG, CHAIN_LATER)
#define HIT_LATER chain_class(CHAIN_HIT, CHAIN_LATER)
#define UNKNOWN CHAIN_CLASS_UNKNOWN

/* n alike steps; the wait is over after n_last of them. */
static void add(GArray *steps, guint n, guint n_last, struct chain_step step)
{
	for (guint i = 0; i < n; i++) {
		step.last = i < n_last;
		g_array_append_val(steps, step);
	}
}

/*
 * 100 waits: first nobody is yielded to, which costs 180 and ends one in ten; then
 * somebody who is not waited for, 120 and one in two; then one who is, 60. A policy picks
 * first, then second, then third where the kernel did these.
 */
static GArray *three_steps(uint8_t first, uint8_t second, uint8_t third)
{
	GArray *steps = g_array_new(FALSE, FALSE, sizeof(struct chain_step));

	add(steps, 100, 10, (struct chain_step){
		.before = CHAIN_START, .recorded = NONE, .picked = first,
		.spin = 180, .wall = 1800 });
	add(steps, 90, 45, (struct chain_step){
		.before = NONE, .recorded = WRONG_LATER, .picked = second,
		.spin = 120, .wall = 1200 });
	add(steps, 45, 45, (struct chain_step){
		.before = WRONG_LATER, .recorded = HIT_LATER, .picked = third,
		.spin = 60, .wall = 600 });
	return steps;
}

/* Takes steps; the whole of them is one cell. */
static bool evaluate(GArray *steps, struct chain_value *value)
{
	struct chain *chain = chain_new((const struct chain_step *)steps->data, steps->len, 1);
	bool ok = chain_evaluate(chain, NULL, value);

	chain_free(chain);
	g_array_unref(steps);
	return ok;
}

static void test_known_answers(void)
{
	const struct {
		uint8_t picks[3];
		double spin, pauses, yields;	/* of a wait */
	} rows[] = {
		/* the recorded policy: 180 + 0.9 (120 + 0.5 60) */
		{ { NONE, WRONG_LATER, HIT_LATER }, 315, 2.35, 1.35 },
		/* who is waited for, always: it has been yielded to only later, but that tells */
		{ { chain_class(CHAIN_HIT, 0), HIT_LATER, HIT_LATER }, 60, 1, 1 },
		/* 120 + 0.5 60 */
		{ { chain_class(CHAIN_WRONG, 0), HIT_LATER, HIT_LATER }, 150, 1.5, 1.5 },
		/* 180 / (1 - 0.9) */
		{ { NONE, NONE_LATER, NONE_LATER }, 1800, 10, 0 },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		const uint8_t *picks = rows[i].picks;
		struct chain_value v;

		g_assert_true(evaluate(three_steps(picks[0], picks[1], picks[2]), &v));
		g_assert_cmpfloat_with_epsilon(v.spin, 100 * rows[i].spin, 1e-6);
		g_assert_cmpfloat_with_epsilon(v.wall, 1000 * rows[i].spin, 1e-6);
		g_assert_cmpfloat_with_epsilon(v.ipi_wall, 1000 * rows[i].spin, 1e-6);
		g_assert_cmpfloat_with_epsilon(v.pauses, 100 * rows[i].pauses, 1e-6);
		g_assert_cmpfloat_with_epsilon(v.yields, 100 * rows[i].yields, 1e-6);
		g_assert_cmpfloat(v.unsupported, ==, 0);
		g_assert_cmpfloat(v.n_steps, ==, 235);
	}
}

/* Half of the first picks not known: the other half speak for all. */
static void test_unknown_picks(void)
{
	GArray *steps = three_steps(chain_class(CHAIN_HIT, 0), HIT_LATER, HIT_LATER);
	struct chain_value v;

	for (guint i = 0; i < 100; i += 2)
		g_array_index(steps, struct chain_step, i).picked = UNKNOWN;
	g_assert_true(evaluate(steps, &v));
	g_assert_cmpfloat_with_epsilon(v.spin, 6000, 1e-6);
	g_assert_cmpfloat(v.unsupported, ==, 0);
	/* of no first pick is it known: then it is as the others are, and not supported */
	g_assert_true(evaluate(three_steps(UNKNOWN, HIT_LATER, HIT_LATER), &v));
	g_assert_cmpfloat_with_epsilon(v.spin, 6000, 1e-6);
	g_assert_cmpfloat(v.unsupported, ==, 1);
	/* of no pick after one to nobody: as all the others are */
	g_assert_true(evaluate(three_steps(NONE, UNKNOWN, HIT_LATER), &v));
	/* V = 180 + 0.9 (100 V + 45 60) / 145 */
	g_assert_cmpfloat_with_epsilon(v.spin, 100 * (180 + .9 * 45 / 145 * 60) /
				       (1 - .9 * 100 / 145), 1e-6);
	g_assert_cmpfloat(v.unsupported, >, .5);
	/* of none at all: what was recorded */
	g_assert_true(evaluate(three_steps(UNKNOWN, UNKNOWN, UNKNOWN), &v));
	g_assert_cmpfloat(v.spin, ==, 31500);
	g_assert_cmpfloat(v.pauses, ==, 235);
	g_assert_cmpfloat(v.yields, ==, 135);
	g_assert_cmpfloat(v.unsupported, ==, 1);
}

/* Waits that end with a hit only: to nobody is for ever. */
static void test_endless(void)
{
	GArray *steps = g_array_new(FALSE, FALSE, sizeof(struct chain_step));
	struct chain_value v;

	add(steps, 50, 0, (struct chain_step){
		.before = CHAIN_START, .recorded = NONE, .picked = NONE, .spin = 1 });
	add(steps, 50, 50, (struct chain_step){
		.before = NONE, .recorded = HIT_LATER, .picked = NONE, .spin = 1 });
	g_assert_false(evaluate(steps, &v));
}

/* n hits whose target spins, which cost 600, beside 40 whose does not, which cost 60. */
static double spin_of_spinning_hits(guint n)
{
	const unsigned int spinning = chain_class(CHAIN_HIT, CHAIN_TARGET_SPINS);
	GArray *steps = g_array_new(FALSE, FALSE, sizeof(struct chain_step));
	struct chain_value v;

	add(steps, 40, 40, (struct chain_step){
		.before = CHAIN_START, .recorded = chain_class(CHAIN_HIT, 0), .picked = spinning,
		.spin = 60 });
	add(steps, n, n, (struct chain_step){
		.before = CHAIN_START, .recorded = spinning, .picked = spinning, .spin = 600 });
	/* neither other actions nor other groups are of any use */
	add(steps, 1000, 1000, (struct chain_step){
		.before = CHAIN_START, .recorded = chain_class(CHAIN_WRONG, CHAIN_TARGET_SPINS),
		.picked = spinning, .spin = 1e6 });
	add(steps, 1000, 1000, (struct chain_step){
		.before = CHAIN_START, .recorded = spinning, .picked = spinning,
		.group = CHAIN_LOCK });
	g_assert_true(evaluate(steps, &v));
	g_assert_cmpfloat(v.unsupported, ==, 0);
	return v.spin / (1040 + n);
}

/* A class with fewer than 15 decisions is not told from others of its action. */
static void test_rare_classes(void)
{
	g_assert_cmpfloat_with_epsilon(spin_of_spinning_hits(15), 600, 1e-6);
	g_assert_cmpfloat_with_epsilon(spin_of_spinning_hits(14), (40 * 60 + 14 * 600) / 54.0,
				       1e-6);
	g_assert_cmpfloat_with_epsilon(spin_of_spinning_hits(0), 60, 1e-6);
}

/* Of an action with fewer than 30 a policy can make no use; which, and how much, is told. */
static void test_unsupported(void)
{
	for (guint n = 29; n <= 30; n++) {
		GArray *steps = g_array_new(FALSE, FALSE, sizeof(struct chain_step));
		struct chain_value v;

		add(steps, 100, 100, (struct chain_step){
			.before = CHAIN_START, .recorded = NONE, .picked = NONE, .spin = 9 });
		add(steps, n, n, (struct chain_step){
			.before = CHAIN_START, .recorded = chain_class(CHAIN_SOME, 0),
			.picked = chain_class(CHAIN_SOME, 0), .spin = 9 });
		g_assert_true(evaluate(steps, &v));
		g_assert_cmpfloat_with_epsilon(v.unsupported, n < 30 ? n / (100.0 + n) : 0, 1e-9);
		g_assert_cmpint(v.lacking, ==, n < 30 ? CHAIN_SOME : CHAIN_NONE);
	}
}

static void assert_same(const struct chain_value *a, const struct chain_value *b, double factor)
{
	g_assert_cmpfloat_with_epsilon(a->spin, factor * b->spin, 1e-6);
	g_assert_cmpfloat_with_epsilon(a->wall, factor * b->wall, 1e-6);
	g_assert_cmpfloat_with_epsilon(a->ipi_wall, factor * b->ipi_wall, 1e-6);
	g_assert_cmpfloat_with_epsilon(a->pauses, factor * b->pauses, 1e-6);
	g_assert_cmpfloat_with_epsilon(a->yields, factor * b->yields, 1e-6);
	g_assert_cmpfloat_with_epsilon(a->n_steps, factor * b->n_steps, 1e-6);
}

/* Of how many cells it is, is nothing to the whole; weights count a cell so many times. */
static void test_cells(void)
{
	g_autoptr(GArray) steps = three_steps(chain_class(CHAIN_WRONG, 0), HIT_LATER, HIT_LATER);
	g_autoptr(GArray) twice = g_array_new(FALSE, FALSE, sizeof(struct chain_step));
	uint32_t weights[8] = { 3, 3, 3, 3, 3, 3, 3, 3 };
	struct chain_value whole, v;
	struct chain *chain;

	for (guint i = 0; i < steps->len; i++)
		g_array_index(steps, struct chain_step, i).cell = i % 7;
	g_assert_true(evaluate(g_array_ref(steps), &whole));
	g_assert_cmpfloat(whole.n_steps, ==, 34);	/* those of cell 0 */
	for (guint i = 0; i < steps->len; i++)
		g_array_index(steps, struct chain_step, i).cell = 0;
	g_assert_true(evaluate(g_array_ref(steps), &whole));
	for (guint i = 0; i < steps->len; i++)
		g_array_index(steps, struct chain_step, i).cell = i % 7;
	chain = chain_new((const struct chain_step *)steps->data, steps->len, 8);
	g_assert_true(chain_evaluate(chain, NULL, &v));
	assert_same(&v, &whole, 1);
	g_assert_true(chain_evaluate(chain, weights, &v));
	assert_same(&v, &whole, 3);
	/* cells 0 to 2 once, cell 3 twice, the others not */
	memcpy(weights, (uint32_t[8]){ 1, 1, 1, 2 }, sizeof(weights));
	for (guint i = 0; i < steps->len; i++)
		for (guint k = 0; k < weights[i % 7]; k++) {
			struct chain_step step = g_array_index(steps, struct chain_step, i);

			step.cell = 0;
			g_array_append_val(twice, step);
		}
	g_assert_true(chain_evaluate(chain, weights, &v));
	g_assert_true(evaluate(g_array_ref(twice), &whole));
	assert_same(&v, &whole, 1);
	memset(weights, 0, sizeof(weights));
	g_assert_false(chain_evaluate(chain, weights, &v));
	g_assert_cmpfloat(v.spin, ==, 0);
	chain_free(chain);
	g_assert_false(evaluate(g_array_new(FALSE, FALSE, sizeof(struct chain_step)), &v));
}

/* Episodes at random, of so few classes that none is rare; *recorded: what they cost. */
static GArray *at_random(GRand *rand, struct chain_value *recorded)
{
	GArray *steps = g_array_new(FALSE, FALSE, sizeof(struct chain_step));
	unsigned int n_classes = g_rand_int_range(rand, 1, 9), classes[8];

	*recorded = (struct chain_value){ 0 };
	for (unsigned int i = 0; i < n_classes; i++)
		classes[i] = g_rand_int_range(rand, 0, N_CHAIN_CLASSES);
	for (unsigned int i = 0; i < 3000; i++) {
		struct chain_step step = {
			.before = CHAIN_START, .group = g_rand_int_range(rand, 0, N_CHAIN_GROUPS),
		};

		while (!step.last) {
			unsigned int class = classes[g_rand_int_range(rand, 0, n_classes)];

			/* what comes next, and what it costs, depends on more than a chain knows */
			if (step.before != CHAIN_START && g_rand_boolean(rand))
				class = step.before;
			step.recorded = step.picked = class;
			step.last = g_rand_int_range(rand, 0, 3 + class % 3) == 0;
			step.spin = g_rand_int_range(rand, 0, 100000) * (1 + class);
			step.wall = step.spin + g_rand_int_range(rand, 0, 100000);
			g_array_append_val(steps, step);
			step.before = class;
			recorded->spin += step.spin;
			recorded->wall += step.wall;
			recorded->ipi_wall += step.group == CHAIN_IPI ? step.wall : 0;
			recorded->pauses++;
			recorded->yields += class / N_CHAIN_CIRCUMSTANCES != CHAIN_NONE;
		}
	}
	return steps;
}

/* The recorded policy's chain costs what was recorded. */
static void test_reproduces(void)
{
	GRand *rand = g_rand_new_with_seed(1);

	for (unsigned int i = 0; i < 50; i++) {
		struct chain_value recorded, v;

		g_assert_true(evaluate(at_random(rand, &recorded), &v));
		g_assert_cmpfloat_with_epsilon(v.spin / recorded.spin, 1, 1e-9);
		g_assert_cmpfloat_with_epsilon(v.wall / recorded.wall, 1, 1e-9);
		g_assert_cmpfloat_with_epsilon(v.ipi_wall / recorded.ipi_wall, 1, 1e-9);
		g_assert_cmpfloat_with_epsilon(v.pauses / recorded.pauses, 1, 1e-9);
		g_assert_cmpfloat_with_epsilon(v.yields, recorded.yields, 1e-4);
		g_assert_cmpfloat(v.n_steps, ==, recorded.pauses);
		g_assert_cmpfloat(v.unsupported, ==, 0);
	}
	g_rand_free(rand);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/chain/known_answers", test_known_answers);
	g_test_add_func("/chain/unknown_picks", test_unknown_picks);
	g_test_add_func("/chain/endless", test_endless);
	g_test_add_func("/chain/rare_classes", test_rare_classes);
	g_test_add_func("/chain/unsupported", test_unsupported);
	g_test_add_func("/chain/cells", test_cells);
	g_test_add_func("/chain/reproduces", test_reproduces);
	return g_test_run();
}
