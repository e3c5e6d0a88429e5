// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a simulated decision shows to a policy, what its yield does, and what all that costs.
 * Worked out by hand; times in us, by US().
 */
#include <string.h>

#include "simulated_world.h"

/* Preempted in user mode u is passed over, unless it is known to be in the kernel while waited for. */
static void test_held_in_kernel(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct program_input *input = world_input(SCHEDULER_EEVDF, 1);
		struct program *u, *w;
		struct outcome o;

		world_vm(input, 2);
		u = world_program(input, 0, 0, 0);
		w = world_program(input, 0, 1, 0);
		compute(u, US(20000), false);
		compute(w, US(100), true);
		wait_for(w, 0, US(50), i);
		compute(w, US(1000), true);
		o = outcome_of(input, &policy_stock);
		g_assert_cmpfloat(o.yields, ==, i);
		g_assert_cmpfloat(o.spin, ==, i ? US(20) : US(2900));
	}
}

/*
 * u waits on another CPU, where two of another VM came before it: the yield at 120 names
 * it there and has that CPU choose anew. w, alone on its own, spins on until 125.
 */
static void test_yield_elsewhere(void)
{
	struct program_input *input = world_input(SCHEDULER_EEVDF, 2);
	struct simulation_setting setting = world_setting("stock");
	struct simulated *result;
	struct program *w;

	world_vm(input, 2);
	world_vm(input, 2);
	for (unsigned int i = 0; i < 2; i++)
		compute(world_program(input, 0, i, 1), US(50000), true);
	w = world_program(input, 1, 0, 0);
	compute(w, US(100), true);
	send_wait(w, 1, true);
	compute(w, US(1000), true);
	compute(world_program(input, 1, 1, 1), US(50000), false);
	result = simulate_run(input, &setting);
	g_assert_cmpfloat(result->vms[1].yields, ==, 1);
	g_assert_cmpfloat(result->vms[1].spin, ==, US(25));
	g_assert_cmpfloat(g_array_index(result->vms[1].responses, double, 0), ==, US(25));
	simulated_free(result);
	world_free(input);
}

/*
 * Two that only spin, 100 each. One inside its own yield is refused the first time: yields at
 * 20, 60, 100 and 140, and exits in vain at 40, 80, 120 and 160.
 */
static void test_refused_in_turn(void)
{
	struct program_input *input = world_input(SCHEDULER_EEVDF, 1);
	struct outcome o;

	world_vm(input, 2);
	for (unsigned int i = 0; i < 2; i++)
		rest(world_program(input, 0, i, 0), ITEM_SPIN, US(100));
	o = outcome_of(input, &policy_stock);
	g_assert_cmpfloat(o.pauses, ==, 8);
	g_assert_cmpfloat(o.yields, ==, 4);
	g_assert_cmpint(o.ns, ==, US(180));
}

/* What a policy is shown; a static, as a policy has nothing to call its own. */
static struct ask {
	unsigned int me;
	int last_boosted_vcpu;
	uint64_t in_spin_loop, ready, on_cpu;
} asks[16];
static unsigned int n_asks;

static int spy_on_spin(struct policy_vm *vm, struct spin *s)
{
	(void)vm;
	if (n_asks < G_N_ELEMENTS(asks))
		asks[n_asks++] = (struct ask){ s->me, s->last_boosted_vcpu, s->seen[IN_SPIN_LOOP],
					       s->seen[READY], s->seen[ON_CPU] };
	return s->me ? 0 : 1;
}

/* Two that yield to each other: what a yield stores is seen once the yielder runs again. */
static void test_last_boosted(void)
{
	static const struct policy spy = { .name = "spy", .on_spin = spy_on_spin };
	struct program_input *input = world_input(SCHEDULER_EEVDF, 1);

	world_vm(input, 2);
	for (unsigned int i = 0; i < 2; i++) {
		struct program *p = world_program(input, 0, i, 0);

		rest(p, ITEM_SPIN, US(65));
		compute(p, US(10), true);
	}
	n_asks = 0;
	outcome_of(input, &spy);
	g_assert_cmpuint(n_asks, >=, 4);
	for (unsigned int i = 0; i < 4; i++) {
		g_assert_cmpuint(asks[i].me, ==, i % 2);
		g_assert_cmphex(asks[i].on_cpu, ==, 1u << i % 2);
		g_assert_cmphex(asks[i].ready, ==, 2u >> i % 2);
		/* the other never ran, or is inside its own yield */
		g_assert_cmphex(asks[i].in_spin_loop, ==, i ? 3 : 1);
	}
	/* 0 -> 1 is stored as 0 is back, for the third; 1 -> 0 for the fourth */
	g_assert_cmpint(asks[0].last_boosted_vcpu, ==, 0);
	g_assert_cmpint(asks[1].last_boosted_vcpu, ==, 0);
	g_assert_cmpint(asks[2].last_boosted_vcpu, ==, 1);
	g_assert_cmpint(asks[3].last_boosted_vcpu, ==, 0);
}

static uint64_t looks[2][N_SEEN];

/* At 40 and at last. */
static int look_on_spin(struct policy_vm *vm, struct spin *s)
{
	(void)vm;
	for (unsigned int i = s->now == US(40) ? 0 : 1; i < 2; i++)
		for (unsigned int what = 0; what < N_SEEN; what++)
			looks[i][what] = s->seen[what];
	return NO_TARGET;
}

/*
 * 3 spins. 0 halts until 30, 1 is outside the guest until 30, 2 halts until 3 sends it an
 * interrupt at 0: none has run again by 40. By the end all have, and were preempted.
 */
static void test_looks(void)
{
	static const struct policy spy = { .name = "spy", .on_spin = look_on_spin };
	struct program_input *input = world_input(SCHEDULER_EEVDF, 1);

	world_vm(input, 4);
	for (unsigned int i = 0; i < 4; i++) {
		struct program *p = world_program(input, 0, i, 0);

		if (i < 3)
			rest(p, i == 1 ? ITEM_IO : ITEM_HALT, i == 2 ? US(200) : US(30));
		else
			send_to_one(p, ITEM_SEND, 2, true);
		if (i < 3)
			compute(p, US(100000), i == 2);
		else
			rest(p, ITEM_SPIN, US(5000));
	}
	memset(looks, 0, sizeof(looks));
	outcome_of(input, &spy);
	g_assert_cmphex(looks[0][READY], ==, 0x5);
	g_assert_cmphex(looks[0][PREEMPTED], ==, 0);
	g_assert_cmphex(looks[0][BLOCKING], ==, 0x5);
	g_assert_cmphex(looks[0][DY_RUNNABLE] & 0x5, ==, 0x4);
	g_assert_cmphex(looks[0][QUEUED], ==, 0xf);
	g_assert_cmphex(looks[0][ON_CPU], ==, 0x8);
	g_assert_cmphex(looks[1][READY], ==, 0x7);
	g_assert_cmphex(looks[1][PREEMPTED], ==, 0x7);
	g_assert_cmphex(looks[1][IN_KERNEL] & 0x7, ==, 0x4);
	g_assert_cmphex(looks[1][BLOCKING], ==, 0);
	g_assert_cmphex(looks[1][DY_RUNNABLE], ==, 0);
	g_assert_cmphex(looks[1][QUEUED], ==, 0xf);
	g_assert_cmphex(looks[1][ON_CPU], ==, 0x8);
	g_assert_cmphex(looks[1][PENDING_IRQ], ==, 0);
}

static int64_t t_ipi, t_eoi;

static int first_on_spin(struct policy_vm *vm, struct spin *s)
{
	(void)vm, (void)s;
	return 1;
}

static void note_ipi(struct policy_vm *vm, unsigned int sender, unsigned int receiver, uint8_t vector, int64_t t)
{
	(void)vm;
	g_assert_cmpuint(sender, ==, 0);
	g_assert_cmpuint(receiver, ==, 1);
	g_assert_cmpuint(vector, ==, VECTOR);
	t_ipi = t;
}

static void note_eoi(struct policy_vm *vm, unsigned int idx, int vector, int64_t t)
{
	(void)vm;
	g_assert_cmpuint(idx, ==, 1);
	g_assert_cmpint(vector, ==, VECTOR);
	t_eoi = t;
}

/*
 * F2 with costs: w is switched to 0-2, computes -102, spins -122, exits -125 and yields; u is
 * switched to -127, handles -132, computes -182 and halts; w is switched to -184, is back from
 * the yield at 191 and computes 1000.
 */
static void test_costs(void)
{
	static const struct policy spy = {
		.name = "spy", .on_spin = first_on_spin, .on_ipi = note_ipi, .on_eoi = note_eoi,
	};

	for (unsigned int i = 0; i < 2; i++) {
		struct program_input *input = world_input(SCHEDULER_EEVDF, 1);
		struct simulation_setting setting = world_setting("stock");
		struct program_vm *vm = world_vm(input, 2);
		struct program *w = world_program(input, 0, 0, 0), *u = world_program(input, 0, 1, 0);
		struct simulated *result;

		setting.policy = &spy;
		input->host.c_switch = US(2);
		vm->c_exit = US(3);
		vm->c_yield = US(7);
		vm->acks_before_handler = i;
		compute(w, US(100), true);
		send_wait(w, 1, true);
		compute(w, US(1000), true);
		compute(u, US(50), true);
		rest(u, ITEM_HALT, US(100000));
		result = simulate_run(input, &setting);
		g_assert_cmpint(result->ns, ==, US(1191));
		g_assert_cmpfloat(response_of(result, 0), ==, US(191 - 102));
		g_assert_cmpfloat(result->vms[0].work, ==, US(1150));
		g_assert_cmpfloat(result->vms[0].spinning, ==, US(20));
		g_assert_cmpfloat(result->vms[0].handlers, ==, US(5));
		g_assert_cmpfloat(result->vms[0].exits, ==, US(3 + 7));
		g_assert_cmpfloat(result->vms[0].switches, ==, US(2 + 2 + 2));
		g_assert_cmpfloat(result->vms[0].on_cpu, ==, US(1191));
		g_assert_cmpfloat(result->vms[0].spin, ==, US(20 + 3 + 2 + 7));
		g_assert_cmpfloat(result->vms[0].futile, ==, 0);
		g_assert_cmpint(t_ipi, ==, US(102));
		g_assert_cmpint(t_eoi, ==, i ? US(127) : US(132));
		simulated_free(result);
		world_free(input);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/simulated_yield/held_in_kernel", test_held_in_kernel);
	g_test_add_func("/simulated_yield/yield_elsewhere", test_yield_elsewhere);
	g_test_add_func("/simulated_yield/refused_in_turn", test_refused_in_turn);
	g_test_add_func("/simulated_yield/last_boosted", test_last_boosted);
	g_test_add_func("/simulated_yield/looks", test_looks);
	g_test_add_func("/simulated_yield/costs", test_costs);
	return g_test_run();
}
