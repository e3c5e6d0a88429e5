// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What numa, adaptive-window and guest-hints have to go by in a simulation, and what they make
 * of it. Worked out by hand; times in us, by US().
 */
#include "simulated_world.h"

enum wait { WAIT_LOCK, WAIT_IPI };

/*
 * 1, on CPU 1, and 2, on CPU 0, run from 0 until others take their turns at 3000: 0 on CPU 0, and
 * another VM's. From 3100 on 0 waits for 2, for 50 of its progress or for its answer. It exits
 * at 3120; next in the cyclic order is 1. Whoever it yields to, 2 has its CPU.
 */
static struct outcome first_yield(const struct policy *policy, bool two_nodes, enum wait wait)
{
	static unsigned int nodes[] = { 0, 1 };
	struct program_input *input = world_input(SCHEDULER_EEVDF, 2);
	struct program *w;

	input->host.nodes = two_nodes ? nodes : NULL;
	world_vm(input, 3);
	world_vm(input, 1);
	compute(world_program(input, 0, 2, 0), US(50000), true);
	compute(world_program(input, 0, 1, 1), US(50000), true);
	w = world_program(input, 0, 0, 0);
	compute(w, US(100), true);
	if (wait == WAIT_IPI)
		send_wait(w, 2, false);	/* the tracker does not see it */
	else
		wait_for(w, 2, US(50), true);
	compute(w, US(1000), true);
	compute(world_program(input, 1, 0, 1), US(50000), true);
	return outcome_of(input, policy);
}

static void test_first_yield(void)
{
	static const struct { const struct policy *policy; bool two_nodes; bool futile; } cases[] = {
		{ &policy_ipi_aware_relaxed, false, true }, { &policy_ipi_aware_relaxed, true, true },
		{ &policy_numa, false, true }, { &policy_numa, true, false },
		{ &policy_adaptive_window, false, true },
		{ &policy_guest_hints, false, false }, { &policy_guest_hints, true, false },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
		for (enum wait wait = WAIT_LOCK; wait <= WAIT_IPI; wait++) {
			struct outcome o = first_yield(cases[i].policy, cases[i].two_nodes, wait);

			g_test_message("%s, %s, %s", cases[i].policy->name, cases[i].two_nodes ? "two nodes" : "one node",
				       wait == WAIT_IPI ? "IPI" : "lock");
			g_assert_cmpfloat(o.yields, ==, 1);
			g_assert_cmpfloat(o.futile, ==, cases[i].futile);
			g_assert_cmpfloat(o.spin, ==, US(20));
		}
}

/* What a policy is shown; statics, as a policy has nothing to call its own. */
static struct ask {
	unsigned int me;
	uint64_t same_node;
	int hints[4];
} asks[1000];
static unsigned int n_asks;
static struct answer_times answers;

static int spy_on_spin(struct policy_vm *vm, struct spin *s)
{
	struct ask *ask = &asks[MIN(n_asks, G_N_ELEMENTS(asks) - 1)];

	n_asks++;
	ask->me = s->me;
	ask->same_node = s->seen[SAME_NODE] & s->known[SAME_NODE];
	for (unsigned int i = 0; i < s->n_vcpus; i++)
		ask->hints[i] = guest_hint(s, i);
	answers = vm->answers;
	return NO_TARGET;
}

static const struct policy spy = { .name = "spy", .on_spin = spy_on_spin };

/*
 * One CPU, a slice of 3000 for each in turn: 0 computes, 1 waits for 0, 2 for the answers of 0
 * and 1, 3 for nobody knows what. Only 3 has seen what all do.
 */
static void test_hints(void)
{
	static const int expected[][4] = { { -1, 0, -1, -1 }, { -1, 0, 0, -1 }, { -1, 0, 0, -1 } };
	struct program_input *input = world_input(SCHEDULER_EEVDF, 1);
	struct program *p[4];
	unsigned int seen = 0;

	world_vm(input, 4);
	for (unsigned int i = 0; i < 4; i++)
		p[i] = world_program(input, 0, i, 0);
	compute(p[0], US(3050), true);
	wait_for(p[1], 0, US(100), true);
	compute(p[1], US(1000), true);
	add_item(p[2], (struct item){ .kind = ITEM_SENDWAIT, .first = 0, .n = 2, .vector = VECTOR });
	g_array_append_vals(p[2]->receivers, (uint16_t[]){ 0, 1 }, 2);
	rest(p[3], ITEM_SPIN, US(50000));
	n_asks = 0;
	outcome_of(input, &spy);
	g_assert_cmpuint(n_asks, >, 3);
	for (unsigned int i = 0; i < MIN(n_asks, G_N_ELEMENTS(asks)); i++) {
		const int *want = expected[asks[i].me - 1];

		seen |= 1u << asks[i].me;
		for (unsigned int k = 0; k < 4; k++)
			g_assert_cmpint(asks[i].hints[k], ==, want[k]);
	}
	g_assert_cmphex(seen, ==, 0xe);
}

/* One that runs is no use to name: 1, on a CPU of its own, has been at 100 as 0 began to wait. */
static void test_hint_runs(void)
{
	struct program_input *input = world_input(SCHEDULER_EEVDF, 2);
	struct program *w;

	world_vm(input, 2);
	w = world_program(input, 0, 0, 0);
	compute(w, US(100), true);
	wait_for(w, 1, US(50), true);
	compute(world_program(input, 0, 1, 1), US(50000), true);
	n_asks = 0;
	outcome_of(input, &spy);
	g_assert_cmpuint(n_asks, ==, 2);
	g_assert_cmpint(asks[0].hints[0], ==, NO_TARGET);
	g_assert_cmpint(asks[1].hints[0], ==, NO_TARGET);
}

/* On CPU 0 of node 0: 0 and 2; on CPU 2 of node 1: 1; one that never ran, 3, is nowhere. */
static void test_nodes(void)
{
	static unsigned int nodes[] = { 0, 0, 1 };

	for (unsigned int i = 0; i < 2; i++) {
		struct program_input *input = world_input(SCHEDULER_EEVDF, 3);

		input->host.nodes = i ? nodes : NULL;
		world_vm(input, 4);
		compute(world_program(input, 0, 2, 0), US(50000), true);
		compute(world_program(input, 0, 1, 2), US(50000), true);
		rest(world_program(input, 0, 0, 0), ITEM_SPIN, US(100));
		n_asks = 0;
		outcome_of(input, &spy);
		g_assert_cmpuint(n_asks, ==, 4);
		g_assert_cmphex(asks[0].same_node & 0xf, ==, i ? 0x5 : 0xf);
	}
}

/*
 * 1, on a CPU of its own, has an IPI in its handler at once, for 5, and acknowledges it at
 * its end: 40 is 8 times that, 10 four deviations of half of it; 1 ms is the least window.
 */
static void test_answers(void)
{
	struct policy adaptive = policy_adaptive_window;
	struct program_input *input = world_input(SCHEDULER_EEVDF, 2);
	struct program *w;

	adaptive.on_spin = spy_on_spin;
	world_vm(input, 2)->acks_before_handler = false;
	w = world_program(input, 0, 0, 0);
	compute(w, US(100), true);
	send_wait(w, 1, true);
	rest(w, ITEM_SPIN, US(30));
	compute(world_program(input, 0, 1, 1), US(50000), true);
	n_asks = 0;
	outcome_of(input, &adaptive);
	g_assert_cmpuint(n_asks, ==, 1);
	g_assert_cmpuint(answers.srtt_8, ==, US(40));
	g_assert_cmpuint(answers.rttvar_4, ==, US(10));
	g_assert_cmpuint(answers.window_ns, ==, US(1000));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/simulated_extensions/first_yield", test_first_yield);
	g_test_add_func("/simulated_extensions/hints", test_hints);
	g_test_add_func("/simulated_extensions/hint_runs", test_hint_runs);
	g_test_add_func("/simulated_extensions/nodes", test_nodes);
	g_test_add_func("/simulated_extensions/answers", test_answers);
	return g_test_run();
}
