// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whole simulations of hand-made programs, worked out by hand: known answers of
 * estimation.md 5, what must hold of any (time adds up, the same comes out twice), and
 * that CPUs are shared as weights say. Times in us, by US().
 */
#include <string.h>

#include "simulated_world.h"

/*
 * F1 to F7 (slice 3 ms, tick 1 ms, window 20 us, no costs, handler 5 us): w computes
 * 100 us and waits for an interrupt of u, which was woken at 0 and computes on and on.
 */
static struct program_input *f_input(bool kernel)
{
	struct program_input *input = world_input(SCHEDULER_EEVDF, 1);
	struct program *w, *u;

	world_vm(input, 2);
	w = world_program(input, 0, 0, 0);
	compute(w, US(100), true);
	send_wait(w, 1, true);
	compute(w, US(20000), true);
	u = world_program(input, 0, 1, 0);
	compute(u, US(20000), kernel);
	return input;
}

static void check_f(bool kernel, const char *policy, bool tracking, double pauses, double spin, double response)
{
	struct program_input *input = f_input(kernel);
	struct simulation_setting setting = world_setting(policy);
	struct simulated *result;

	setting.params.ipi_tracking_enabled = tracking;
	result = simulate_run(input, &setting);
	g_assert_cmpfloat(result->vms[0].pauses, ==, pauses);
	g_assert_cmpfloat(result->vms[0].spin, ==, US(spin));
	g_assert_cmpuint(result->vms[0].responses->len, ==, 1);
	g_assert_cmpfloat(response_of(result, 0), ==, US(response));
	g_assert_true(result->exhausted);
	simulated_free(result);
	world_free(input);
}

static void test_f1(void)
{
	check_f(true, "none", true, 144, 2900, 2905);
}

static void test_f2(void)
{
	check_f(true, "stock", true, 1, 20, 25);
}

/* woken, never preempted: its mode does not matter to stock, and the receiver is taken at once */
static void test_f3_f4(void)
{
	check_f(false, "stock", true, 1, 20, 25);
	check_f(false, "ipi-aware", true, 1, 20, 25);
}

/* neither preempted nor known to be a receiver: neither round takes it */
static void test_f5(void)
{
	check_f(false, "ipi-aware", false, 144, 2900, 2905);
	check_f(false, "ipi-aware+relaxed", false, 144, 2900, 2905);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/simulation/f1", test_f1);
	g_test_add_func("/simulation/f2", test_f2);
	g_test_add_func("/simulation/f3_f4", test_f3_f4);
	g_test_add_func("/simulation/f5", test_f5);
	return g_test_run();
}
