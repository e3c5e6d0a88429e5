// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What simulated guests wait for and how long, when they leave for the host, and where they run
 * next: locks, interrupts, sleep, PAUSE windows, placement. Worked out by hand; times in us, by US().
 */
#include "simulated_world.h"

/* w waits at 100 for 50 of u's, which has not run: it gets there at 3050, or 170. */
static void test_lock(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct program_input *input = world_input(SCHEDULER_EEVDF, 1);
		struct program *w, *u;
		struct outcome o;

		world_vm(input, 2);
		w = world_program(input, 0, 0, 0);
		u = world_program(input, 0, 1, 0);
		compute(w, US(100), true);
		wait_for(w, 1, US(50), false);
		compute(w, US(1000), true);
		compute(u, US(50000), false);
		o = outcome_of(input, i ? &policy_stock : &policy_none);
		g_assert_cmpfloat(o.spin, ==, i ? US(20) : US(2900));
		g_assert_cmpfloat(o.pauses, ==, i ? 1 : 144);
		g_assert_cmpfloat(o.yields, ==, i);
		g_assert_cmpfloat(o.futile, ==, 0);
	}
}

/*
 * u, preempted at 3050, is in the mode that the wait for it says, though it had come to the other: only in
 * kernel mode is it yielded to, at w's first PAUSE exit. Else w spins until its own slice is over.
 */
static void test_mode_of_holder(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct program_input *input = world_input(SCHEDULER_EEVDF, 1);
		struct program *w, *u;
		struct outcome o;

		world_vm(input, 2);
		u = world_program(input, 0, 0, 0);
		w = world_program(input, 0, 1, 0);
		compute(u, US(50000), !i);
		compute(w, US(100), true);
		wait_for(w, 0, US(50), i);
		compute(w, US(1000), true);
		o = outcome_of(input, &policy_stock);
		g_assert_cmpfloat(o.yields, ==, i);
		g_assert_cmpfloat(o.pauses, ==, i ? 1 : 144);
		g_assert_cmpfloat(o.futile, ==, 0);
	}
}

/* On a CPU of its own u is at 100 as w begins to wait, and gets there at 150. */
static void test_lock_elsewhere(void)
{
	struct program_input *input = world_input(SCHEDULER_EEVDF, 2);
	struct program *w, *u;
	struct outcome o;

	world_vm(input, 2);
	w = world_program(input, 0, 0, 0);
	u = world_program(input, 0, 1, 1);
	compute(w, US(100), true);
	wait_for(w, 1, US(50), false);
	compute(w, US(1000), true);
	compute(u, US(50000), true);
	o = outcome_of(input, &policy_none);
	g_assert_cmpfloat(o.spin, ==, US(50));
	g_assert_cmpint(o.ns, ==, US(1150));
}

/*
 * F6: nobody waits for one that sleeps (u halts at 0, w comes at 100), and who begins to
 * sleep lets go (u, on another CPU, at 200 of the 500 that are waited for).
 */
static void test_f6(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct program_input *input = world_input(SCHEDULER_EEVDF, 2);
		struct program *u, *w;
		struct outcome o;

		world_vm(input, 2);
		u = world_program(input, 0, 0, 0);
		w = world_program(input, 0, 1, 1);
		if (i)
			compute(u, US(200), true);
		rest(u, ITEM_HALT, US(10000));
		compute(w, US(100), true);
		wait_for(w, 0, US(500), false);
		compute(w, US(1000), true);
		o = outcome_of(input, &policy_none);
		g_assert_cmpfloat(o.spin, ==, i ? US(100) : 0);
		g_assert_cmpfloat(o.pauses, ==, i ? 4 : 0);
		g_assert_cmpint(o.ns, ==, i ? US(1200) : US(1100));
	}
}

/* Two that wait for each other: the second passes, and releases the first after 50 more. */
static void test_cycle(void)
{
	struct program_input *input = world_input(SCHEDULER_EEVDF, 2);
	struct outcome o;

	world_vm(input, 2);
	for (unsigned int i = 0; i < 2; i++) {
		struct program *program = world_program(input, 0, i, i);

		compute(program, US(100), true);
		wait_for(program, !i, US(50), true);
		compute(program, US(1000), true);
	}
	o = outcome_of(input, &policy_none);
	g_assert_cmpfloat(o.spin, ==, US(50));
	g_assert_cmpfloat(o.pauses, ==, 2);
	g_assert_cmpint(o.ns, ==, US(1100));
}

/* PAUSE exits of a spin of 300: after 20, 40, 80, 80 and 80 more, the last of which it does not see. */
static void test_windows(void)
{
	struct program_input *input = world_input(SCHEDULER_EEVDF, 1);
	struct program_vm *vm = world_vm(input, 2);
	struct program *w = world_program(input, 0, 0, 0);
	struct outcome o;

	vm->window_max = US(80);
	vm->c_exit = US(3);
	rest(w, ITEM_SPIN, US(300));
	compute(w, US(10), true);
	o = outcome_of(input, &policy_stock);
	g_assert_cmpfloat(o.pauses, ==, 4);
	g_assert_cmpfloat(o.spin, ==, US(300 + 4 * 3));
	g_assert_cmpfloat(o.yields, ==, 0);
	g_assert_cmpint(o.ns, ==, US(322));
}

static void send_at(struct program *program, int64_t ns, enum item_kind kind, uint16_t receiver)
{
	compute(program, ns, true);
	send_to_one(program, kind, receiver, true);
}

/* When r, on a CPU of its own, is through: it sleeps, computes 100; s sends at 50 and 400. */
static int64_t slept(int64_t awake, struct item sleep, bool twice)
{
	struct program_input *input = world_input(SCHEDULER_EEVDF, 2);
	struct program *r, *s;

	world_vm(input, 2);
	r = world_program(input, 0, 0, 0);
	s = world_program(input, 0, 1, 1);
	compute(r, awake, true);
	add_item(r, sleep);
	if (twice)
		rest(r, ITEM_HALT_IPI, 0);
	compute(r, US(100), true);
	send_at(s, US(50), ITEM_SEND, 0);
	send_at(s, US(350), ITEM_SEND, 0);
	compute(s, US(100000), true);
	return outcome_of(input, &policy_stock).ns;
}

static void test_sleep(void)
{
	struct item ipi = { .kind = ITEM_HALT_IPI },
		    halt = { .kind = ITEM_HALT, .ns = US(300) }, io = { .kind = ITEM_IO, .ns = US(300) };

	g_assert_cmpint(slept(US(10), ipi, false), ==, US(50 + 5 + 100));
	/* it came while awake: no sleep */
	g_assert_cmpint(slept(US(100), ipi, false), ==, US(100 + 5 + 100));
	/* but the next one, then */
	g_assert_cmpint(slept(US(100), ipi, true), ==, US(400 + 5 + 100));
	/* woken in between, it sleeps again; that one was slept through */
	g_assert_cmpint(slept(US(10), halt, false), ==, US(310 + 100 + 5));
	g_assert_cmpint(slept(US(10), halt, true), ==, US(400 + 5 + 100));
	/* and not before it is back */
	g_assert_cmpint(slept(US(10), io, false), ==, US(310 + 5 + 100 + 5));
}

/* Two send to one that is away until 300: it handles both at once; and one sends to two. */
static void test_receivers(void)
{
	struct program_input *input = world_input(SCHEDULER_EEVDF, 4);
	struct simulation_setting setting = world_setting("none");
	struct simulated *result;
	struct program *p;

	world_vm(input, 4);
	for (unsigned int i = 0; i < 2; i++) {
		p = world_program(input, 0, i, i);
		send_at(p, US(50 + 10 * i), ITEM_SENDWAIT, 2);
		if (i) {
			uint16_t idle = 3;

			g_array_append_val(p->receivers, idle);
			g_array_index(p->items, struct item, 1).n = 2;
		}
		compute(p, US(1000), true);
	}
	for (unsigned int i = 2; i < 4; i++) {
		p = world_program(input, 0, i, i);
		rest(p, i == 2 ? ITEM_IO : ITEM_HALT, US(300));
		compute(p, US(10000), true);
	}
	result = simulate_run(input, &setting);
	g_assert_cmpuint(result->vms[0].responses->len, ==, 2);
	g_assert_cmpfloat(response_of(result, 0), ==, US(305 - 50));
	g_assert_cmpfloat(response_of(result, 1), ==, US(305 - 60));
	g_assert_cmpfloat(result->vms[0].handlers, ==, US(5 + 5));
	g_assert_cmpint(result->ns, ==, US(1305));
	simulated_free(result);
	world_free(input);
}

/* A receiver that runs is got out of the guest first (7), where it loses that time; two at once are one kick. */
static void test_kick(void)
{
	struct program_input *input = world_input(SCHEDULER_EEVDF, 3);
	struct simulation_setting setting = world_setting("none");
	struct simulated *result;
	struct program *p;

	input->host.c_kick = US(7);
	world_vm(input, 3);
	for (unsigned int i = 0; i < 2; i++) {
		p = world_program(input, 0, i, i);
		send_at(p, US(50 + 3 * i), ITEM_SENDWAIT, 2);
		compute(p, US(1000), true);
	}
	compute(world_program(input, 0, 2, 2), US(500), true);
	result = simulate_run(input, &setting);
	g_assert_cmpfloat(response_of(result, 0), ==, US(7 + 5));
	g_assert_cmpfloat(response_of(result, 1), ==, US(4 + 5));
	g_assert_cmpfloat(result->vms[0].exits, ==, US(7));
	g_assert_cmpint(result->ns, ==, US(500 + 7 + 5));
	simulated_free(result);
	world_free(input);
}

/*
 * Five compute on one CPU and one on another, none of which is ever idle: in the long run the one has
 * company, if both CPUs are of one node.
 */
static void test_balance(gconstpointer data)
{
	static unsigned int nodes[] = { 0, 1 };
	bool apart = GPOINTER_TO_INT(data);
	struct program_input *input = world_input(SCHEDULER_EEVDF, 2);
	struct simulation_setting setting = world_setting("none");
	struct simulated *result;

	input->host.nodes = apart ? nodes : NULL;
	world_vm(input, 5);
	world_vm(input, 1);
	for (unsigned int i = 0; i < 5; i++)
		compute(world_program(input, 0, i, 0), US(1000000), true);
	compute(world_program(input, 1, 0, 1), US(1e7), true);
	result = simulate_run(input, &setting);
	g_assert_cmpfloat_with_epsilon(result->vms[1].work / result->ns, apart ? 1 : 1.0 / 3, apart ? 0.01 : 0.04);
	g_assert_cmpfloat(result->idle, ==, 0);
	simulated_free(result);
	world_free(input);
}

/*
 * Two begin on one CPU of two, the other is idle: at the first tick it pulls the one that
 * waits. Whoever sleeps comes back to its own CPU, as that is idle.
 */
static void test_pull(void)
{
	struct program_input *input = world_input(SCHEDULER_EEVDF, 2);
	struct simulation_setting setting = world_setting("stock");
	struct simulated *result;

	for (unsigned int v = 0; v < 2; v++) {
		struct program *p;

		world_vm(input, 1);
		p = world_program(input, v, 0, 0);
		compute(p, US(3000), true);
		rest(p, ITEM_HALT, US(100));
		compute(p, US(1000), true);
	}
	result = simulate_run(input, &setting);
	g_assert_cmpint(result->ns, ==, US(4100));
	g_assert_cmpfloat(result->vms[1].work, ==, US(3000));
	g_assert_cmpfloat(result->idle, ==, US(1000 + 100 + 100));
	simulated_free(result);
	world_free(input);
}

/* One wakes, after 100 us, where another computes; the other CPU is idle, and of another node or not there. */
static void test_wake_placement(void)
{
	for (unsigned int n_cpu = 1; n_cpu <= 2; n_cpu++) {
		unsigned int nodes[] = { 0, 1 };
		struct program_input *input = world_input(SCHEDULER_EEVDF, n_cpu);
		struct program *p;

		input->host.nodes = nodes;
		input->host.tick = US(100000);
		world_vm(input, 1);
		world_vm(input, 1);
		p = world_program(input, 0, 0, 0);
		rest(p, ITEM_HALT, US(100));
		compute(p, US(1000), true);
		compute(world_program(input, 1, 0, 0), US(2000), true);
		g_assert_cmpint(outcome_of(input, &policy_stock).ns, ==, US(n_cpu == 1 ? 2000 : 1100));
	}
}

/* r is woken as it falls asleep, by the one that it has just let go; and is there for a third at 75. */
static void test_woken_on_its_way_out(void)
{
	struct program_input *input = world_input(SCHEDULER_EEVDF, 3);
	struct simulation_setting setting = world_setting("none");
	struct simulated *result;
	struct program *s, *r;

	world_vm(input, 2);
	s = world_program(input, 0, 0, 0);
	r = world_program(input, 0, 1, 1);
	send_at(s, US(50), ITEM_SENDWAIT, 1);
	send_at(s, 0, ITEM_SEND, 1);
	send_at(s, US(20), ITEM_SENDWAIT, 1);
	compute(s, US(1000), true);
	rest(r, ITEM_HALT_IPI, 0);
	rest(r, ITEM_HALT_IPI, 0);
	compute(r, US(100), true);
	result = simulate_run(input, &setting);
	g_assert_cmpuint(result->vms[0].responses->len, ==, 2);
	g_assert_cmpfloat(response_of(result, 0), ==, US(5));
	g_assert_cmpfloat(response_of(result, 1), ==, US(5));
	g_assert_cmpint(result->ns, ==, US(50 + 5 + 5 + 100 + 5));
	simulated_free(result);
	world_free(input);
}

/* A counter to the next PAUSE exit that a realtime task, at 30 for 10, only holds up: exits after 40 and 80. */
static void test_preempted_spin(void)
{
	static const int64_t turns[] = { US(30), US(10) };
	struct program_input *input = world_input(SCHEDULER_EEVDF, 1);
	struct program_vm *vm = world_vm(input, 1);
	struct outcome o;

	vm->window = vm->window_max = US(40);
	rest(world_program(input, 0, 0, 0), ITEM_SPIN, US(100));
	world_background(input, 0, turns, 2)->realtime = true;
	o = outcome_of(input, &policy_stock);
	g_assert_cmpfloat(o.pauses, ==, 2);
	g_assert_cmpfloat(o.spin, ==, US(100));
	g_assert_cmpint(o.ns, ==, US(110));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/simulated_guest/lock", test_lock);
	g_test_add_func("/simulated_guest/mode_of_holder", test_mode_of_holder);
	g_test_add_func("/simulated_guest/lock_elsewhere", test_lock_elsewhere);
	g_test_add_func("/simulated_guest/f6", test_f6);
	g_test_add_func("/simulated_guest/cycle", test_cycle);
	g_test_add_func("/simulated_guest/windows", test_windows);
	g_test_add_func("/simulated_guest/sleep", test_sleep);
	g_test_add_func("/simulated_guest/receivers", test_receivers);
	g_test_add_func("/simulated_guest/kick", test_kick);
	g_test_add_data_func("/simulated_guest/balance", GINT_TO_POINTER(false), test_balance);
	g_test_add_data_func("/simulated_guest/balance_apart", GINT_TO_POINTER(true), test_balance);
	g_test_add_func("/simulated_guest/pull", test_pull);
	g_test_add_func("/simulated_guest/wake_placement", test_wake_placement);
	g_test_add_func("/simulated_guest/woken_on_its_way_out", test_woken_on_its_way_out);
	g_test_add_func("/simulated_guest/preempted_spin", test_preempted_spin);
	return g_test_run();
}
