// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gate's table at its boundaries, what is held against what, and replicates: the same
 * draws for all, whoever runs them.
 */
#include <math.h>
#include <string.h>

#include "replay/simulate/replicates.h"
#include "simulated_world.h"

static enum gate_result judge(double work, double spin, double median, double share)
{
	struct gate_errors e = {
		.work = work, .spin = spin, .median = median, .p99 = 1000, .share = share
	};

	return gate_judge(&e);
}

static void test_table(void)
{
	g_assert_cmpint(judge(0, 0, 0, 0), ==, GATE_PASS);
	for (int sign = -1; sign <= 1; sign += 2) {
		g_assert_cmpint(judge(sign * 3.0, sign * 20.0, sign * 30.0, 2), ==, GATE_PASS);
		g_assert_cmpint(judge(sign * 3.01, 0, 0, 0), ==, GATE_WARN);
		g_assert_cmpint(judge(0, sign * 20.01, 0, 0), ==, GATE_WARN);
		g_assert_cmpint(judge(0, 0, sign * 30.01, 0), ==, GATE_WARN);
		g_assert_cmpint(judge(sign * 5.0, sign * 40.0, sign * 1e3, 50), ==, GATE_WARN);
		g_assert_cmpint(judge(sign * 5.01, 0, 0, 0), ==, GATE_REFUSE);
		g_assert_cmpint(judge(0, sign * 40.01, 0, 0), ==, GATE_REFUSE);
	}
	g_assert_cmpint(judge(0, 0, 0, 2.01), ==, GATE_WARN);
}

static void test_unknown(void)
{
	g_assert_cmpint(judge(0, 0, NAN, 0), ==, GATE_PASS);
	g_assert_cmpint(judge(NAN, 0, 0, 0), ==, GATE_REFUSE);
	g_assert_cmpint(judge(0, NAN, 0, 0), ==, GATE_REFUSE);
}

static struct loop_figures figures(double work, double spin, double median, struct vm_figures *vms)
{
	return (struct loop_figures){
		.work = work,
		.spin = spin,
		.response = median,
		.p50 = median,
		.p95 = median,
		.p99 = 2 * median,
		.complete = true,
		.n_vms = 2,
		.vms = vms,
	};
}

static void test_errors(void)
{
	struct vm_figures even[] = { { 1, 50 }, { 1, 50 } }, odd[] = { { 1, 53 }, { 1, 47 } };
	struct loop_figures recorded = figures(2, 0.5, 100, even),
			    simulated = figures(1.9, 0.6, 130, odd);
	struct gate_errors e = gate_errors_of(&simulated, &recorded);

	g_assert_cmpfloat_with_epsilon(e.work, -5, 1e-9);
	g_assert_cmpfloat_with_epsilon(e.spin, 20, 1e-9);
	g_assert_cmpfloat_with_epsilon(e.median, 30, 1e-9);
	g_assert_cmpfloat_with_epsilon(e.p99, 30, 1e-9);
	g_assert_cmpfloat_with_epsilon(e.share, 3, 1e-9);
	/* of little spinning, a share of 0.02 CPUs */
	recorded.spin = 0.001;
	simulated.spin = 0.003;
	e = gate_errors_of(&simulated, &recorded);
	g_assert_cmpfloat_with_epsilon(e.spin, 10, 1e-9);
	/* no waits in the recording: nothing to compare; none in the model: all wrong */
	recorded.p50 = NAN;
	g_assert_true(isnan(gate_errors_of(&simulated, &recorded).median));
	recorded.p50 = 100;
	simulated.p50 = NAN;
	g_assert_cmpfloat(gate_errors_of(&simulated, &recorded).median, ==, -100);
}

/* The worse of the mean over replicates and of the run without jitter; a standstill is refused. */
static void test_both(void)
{
	struct vm_figures even[] = { { 1, 50 }, { 1, 50 } };
	struct loop_figures recorded = figures(1, 0.5, 100, even), runs[3];
	struct gate gate;

	runs[0] = figures(1, 0.5, 100, even);
	runs[1] = figures(1.08, 0.5, 100, even);
	runs[2] = figures(0.94, 0.5, 100, even);
	gate = gate_of(runs, 2, &recorded, 0);
	g_assert_cmpint(gate.result, ==, GATE_PASS);
	g_assert_cmpfloat_with_epsilon(gate.errors.work, 1, 1e-9);
	g_assert_cmpfloat(gate.unjittered.work, ==, 0);
	runs[2].work = 1;
	gate = gate_of(runs, 2, &recorded, 0);
	g_assert_cmpint(gate.result, ==, GATE_WARN);
	runs[1].work = 1;
	g_assert_cmpint(gate_of(runs, 2, &recorded, 0).result, ==, GATE_PASS);
	/* one run without jitter is one draw, and raises no more than doubts */
	runs[0].work = 1.06;
	gate = gate_of(runs, 2, &recorded, 0);
	g_assert_cmpint(gate.result, ==, GATE_WARN);
	g_assert_cmpfloat_with_epsilon(gate_work_error(&gate), 6, 1e-9);
	runs[1].work = runs[2].work = 1.06;
	g_assert_cmpint(gate_of(runs, 2, &recorded, 0).result, ==, GATE_REFUSE);
	for (unsigned int i = 0; i < 3; i++)
		runs[i].work = 1;
	g_assert_cmpint(gate_of(runs, 2, &recorded, 0).result, ==, GATE_PASS);
	g_assert_cmpint(gate_of(runs, 2, &recorded, 0.21).result, ==, GATE_WARN);
	g_assert_cmpint(gate_of(runs, 2, &recorded, 0.51).result, ==, GATE_REFUSE);
	g_assert_cmpint(gate_of(runs, 2, &recorded, 0).result, ==, GATE_PASS);
	runs[1].complete = false;
	gate = gate_of(runs, 2, &recorded, 0);
	g_assert_cmpint(gate.result, ==, GATE_REFUSE);
	g_assert_nonnull(strstr(gate_reason(&gate, 0, false, 60), "circle"));
}

static void test_reasons(void)
{
	struct gate gate = { .result = GATE_REFUSE, .complete = true };

	g_assert_nonnull(strstr(gate_reason(&gate, 0.5, true, 60), "IPIs"));
	g_assert_nonnull(strstr(gate_reason(&gate, 0.5, false, 60), "spinning"));
	g_assert_nonnull(strstr(gate_reason(&gate, 0.1, false, 25), "any that is modelled"));
	g_assert_nonnull(strstr(gate_reason(&gate, 0.1, false, 24.9), "typical"));
}

static void test_interval(void)
{
	const double two[] = { 1, 3 }, same[] = { 0, 0, 0 }, missing[] = { 1, NAN };
	double mean, interval[2];

	g_assert_true(replicates_interval(two, 2, &mean, interval));
	g_assert_cmpfloat(mean, ==, 2);
	g_assert_cmpfloat_with_epsilon(interval[1], 2 + 12.706, 1e-3);
	g_assert_cmpfloat_with_epsilon(interval[0], 2 - 12.706, 1e-3);
	g_assert_true(replicates_interval(same, 3, &mean, interval));
	g_assert_true(mean == 0 && interval[0] == 0 && interval[1] == 0);
	g_assert_false(replicates_interval(missing, 2, &mean, interval));
	g_assert_true(isnan(mean) && isnan(interval[0]) && isnan(interval[1]));
}

/* More replicates than the table of Student's t has: no jump there. */
static void test_many(void)
{
	double differences[40], mean, before[2], after[2];

	for (unsigned int i = 0; i < 40; i++)
		differences[i] = i % 2 ? 1 : -1;
	g_assert_true(replicates_interval(differences, 30, &mean, before));
	g_assert_true(replicates_interval(differences, 32, &mean, after));
	g_assert_cmpfloat(after[1], <, before[1]);
	g_assert_cmpfloat(after[1], >, before[1] * 0.95);
}

static bool same_figures(const struct loop_figures *a, const struct loop_figures *b)
{
	return a->work == b->work && a->spin == b->spin && a->response == b->response &&
	       a->p99 == b->p99 && a->pauses == b->pauses && a->yields == b->yields &&
	       a->events == b->events && !memcmp(a->vms, b->vms, a->n_vms * sizeof(*a->vms));
}

static void test_replicates(void)
{
	enum { N = 3, LANES = 3 };
	struct program_input *input = world_busy(SCHEDULER_EEVDF, 2, 2, 4, US(100000), 1);
	struct lane lanes[LANES] = {
		{ input, world_setting("stock") },
		{ input, world_setting("ipi-aware") },
		{ input, world_setting("stock") },
	};
	struct loop_figures *one = replicates_run(lanes, LANES, N, 7, 1, 0);
	struct loop_figures *many = replicates_run(lanes, LANES, N, 7, 4, 0);
	struct loop_figures *other = replicates_run(lanes, LANES, N, 8, 2, 0);

	for (unsigned int i = 0; i < LANES * (1 + N); i++)
		g_assert_true(same_figures(&one[i], &many[i]));
	/* same draws for all lanes: a policy differs from another, and not from itself */
	for (unsigned int i = 0; i <= N; i++) {
		g_assert_true(same_figures(&one[i], &one[2 * (1 + N) + i]));
		g_assert_false(same_figures(&one[i], &one[1 + N + i]));
		g_assert_cmpfloat_with_epsilon(one[i].vms[0].share + one[i].vms[1].share, 100,
					       1e-9);
		g_assert_cmpfloat_with_epsilon(one[i].vms[0].work + one[i].vms[1].work, one[i].work,
					       1e-9);
		g_assert_true(one[i].p50 <= one[i].p95 && one[i].p95 <= one[i].p99);
	}
	/* the first has no jitter, so no seed; replicates are others with another seed */
	g_assert_true(same_figures(&one[0], &other[0]));
	g_assert_false(same_figures(&one[1], &other[1]));
	g_assert_false(same_figures(&one[0], &one[1]));
	g_assert_false(same_figures(&one[1], &one[2]));
	replicates_free(one, LANES * (1 + N));
	replicates_free(many, LANES * (1 + N));
	replicates_free(other, LANES * (1 + N));
	world_free(input);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/gate/table", test_table);
	g_test_add_func("/gate/unknown", test_unknown);
	g_test_add_func("/gate/errors", test_errors);
	g_test_add_func("/gate/both", test_both);
	g_test_add_func("/gate/reasons", test_reasons);
	g_test_add_func("/replicates/interval", test_interval);
	g_test_add_func("/replicates/many", test_many);
	g_test_add_func("/replicates/runs", test_replicates);
	return g_test_run();
}
