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

/* What is to be known of a run, bit by bit. */
static char *digest(const struct simulated *result)
{
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "%ld %lu %a %a", (long)result->ns, (unsigned long)result->events,
			       result->idle, result->background);
	for (unsigned int v = 0; v < result->n_vms; v++) {
		const struct simulated_vm *vm = &result->vms[v];

		g_string_append_printf(text, "\n%a %a %a %a %a %a %a", vm->work, vm->spin, vm->on_cpu, vm->pauses,
				       vm->yields, vm->futile, vm->handlers);
		for (guint i = 0; i < vm->responses->len; i++)
			g_string_append_printf(text, " %a", g_array_index(vm->responses, double, i));
	}
	return g_string_free(text, FALSE);
}

static char *run_to_digest(const struct program_input *input, const struct simulation_setting *setting)
{
	struct simulated *result = simulate_run(input, setting);
	char *text = digest(result);

	simulated_free(result);
	return text;
}

/* Everything at once: groups, other tasks, one of them realtime, unequal VMs, ple windows that grow. */
static struct program_input *full_house(enum scheduler scheduler, uint64_t seed)
{
	static unsigned int weights[] = { 0, 1024, 512 }, nodes[] = { 0, 0, 1 };
	struct program_input *input = world_busy(scheduler, 3, 3, 4, US(100000), seed);
	int64_t turns[200];

	input->host.n_groups = 3;
	input->host.group_weights = weights;
	input->host.nodes = nodes;
	input->length = US(400000);
	input->vms[0].group = 1;
	input->vms[1].group = 2;
	input->vms[1].window_max = US(160);
	input->vms[2].weight = 2048;
	input->vms[2].acks_before_handler = false;
	for (unsigned int i = 0; i < G_N_ELEMENTS(turns); i++)
		turns[i] = i % 2 ? US(30) : US(700 + i);
	world_background(input, 0, turns, G_N_ELEMENTS(turns));
	world_background(input, 2, turns, G_N_ELEMENTS(turns))->realtime = true;
	return input;
}

/* F7, and that the same comes out of the same. */
static void test_f7(gconstpointer scheduler)
{
	struct program_input *input = full_house(GPOINTER_TO_INT(scheduler), 1);
	struct simulation_setting setting = world_setting("stock"), copy = setting;
	struct policy policy = *setting.policy;
	g_autofree char *first = run_to_digest(input, &setting), *again = run_to_digest(input, &setting);
	g_autofree char *of_copy = NULL, *of_other = NULL;

	policy.name = "copy";
	copy.policy = &policy;
	of_copy = run_to_digest(input, &copy);
	g_assert_cmpstr(first, ==, again);
	g_assert_cmpstr(first, ==, of_copy);
	copy.policy = policy_by_name("none");
	of_other = run_to_digest(input, &copy);
	g_assert_cmpstr(first, !=, of_other);
	world_free(input);
}

/* Each scheduler side makes a difference, and none under CFS. */
static void test_sides(void)
{
	for (unsigned int scheduler = SCHEDULER_CFS; scheduler <= SCHEDULER_EEVDF; scheduler++) {
		struct program_input *input = full_house(scheduler, 1);
		struct simulation_setting setting = world_setting("stock");
		g_autofree char *plain = run_to_digest(input, &setting);

		for (unsigned int side = SIDE_PLAIN + 1; side < N_SCHEDULER_SIDES; side++) {
			g_autofree char *other = NULL;

			setting.side = side;
			setting.lag_margin = 0.05;
			other = run_to_digest(input, &setting);
			g_assert_true(g_str_equal(plain, other) == (scheduler == SCHEDULER_CFS));
		}
		world_free(input);
	}
}

struct errand {
	const struct program_input *input;
	struct simulation_setting setting;
};

static gpointer run_errand(gpointer errand)
{
	const struct errand *e = errand;

	return run_to_digest(e->input, &e->setting);
}

static void test_threads(void)
{
	struct program_input *input = full_house(SCHEDULER_EEVDF, 2);
	struct errand errands[] = {
		{ input, world_setting("stock") }, { input, world_setting("ipi-aware+relaxed") },
		{ input, world_setting("stock") }, { input, world_setting("ipi-aware+relaxed") },
	};
	GThread *threads[G_N_ELEMENTS(errands)];

	for (unsigned int i = 0; i < G_N_ELEMENTS(errands); i++)
		threads[i] = g_thread_new("simulate", run_errand, &errands[i]);
	for (unsigned int i = 0; i < G_N_ELEMENTS(errands); i++) {
		g_autofree char *alone = run_errand(&errands[i]), *beside = g_thread_join(threads[i]);

		g_assert_cmpstr(alone, ==, beside);
	}
	world_free(input);
}

/* No CPU time is lost or found, on any scheduler, under any policy and side. */
static void test_conservation(gconstpointer scheduler)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct program_input *input = full_house(GPOINTER_TO_INT(scheduler), seed);

		for (unsigned int p = 0; p < n_policies; p++)
			for (unsigned int side = 0; side < N_SCHEDULER_SIDES; side++) {
				struct simulation_setting setting = world_setting(policies[p]->name);
				struct simulated *result;
				double sum, pauses = 0;

				setting.side = side;
				setting.lag_margin = 0.05;
				setting.jitter = 0.01;
				setting.seed = seed;
				result = simulate_run(input, &setting);
				g_assert_true(result->exhausted);
				sum = result->idle + result->background;
				for (unsigned int v = 0; v < result->n_vms; v++) {
					sum += result->vms[v].on_cpu;
					pauses += result->vms[v].pauses;
					g_assert_cmpfloat(result->vms[v].spin, <=, result->vms[v].on_cpu);
					g_assert_cmpfloat(result->vms[v].futile, <=, result->vms[v].yields);
					g_assert_cmpfloat(result->vms[v].yields, <=, result->vms[v].pauses);
				}
				g_assert_cmpfloat(sum, ==, (double)result->ns * input->host.n_cpu);
				g_assert_cmpfloat(pauses, >, 100);
				simulated_free(result);
			}
		world_free(input);
	}
}

/* Two VMs that compute on one CPU, up to the end of the first: what the second has done by then. */
static double shared_work(enum scheduler scheduler, unsigned int weight, bool grouped)
{
	static unsigned int weights[] = { 0, 1024, 0 };
	struct program_input *input = world_input(scheduler, 1);
	struct simulation_setting setting = world_setting("stock");
	struct simulated *result;
	double work;

	weights[2] = weight;
	for (unsigned int v = 0; v < 2; v++) {
		struct program_vm *vm = world_vm(input, 1);

		vm->group = grouped ? v + 1 : 0;
		vm->weight = v && !grouped ? weight : 1024;
		compute(world_program(input, v, 0, 0), US(v ? 1000000 : 100000), true);
	}
	input->host.n_groups = grouped ? 3 : 1;
	input->host.group_weights = weights;
	result = simulate_run(input, &setting);
	g_assert_cmpfloat(result->vms[0].work, ==, US(100000));
	work = result->vms[1].work;
	simulated_free(result);
	world_free(input);
	return work;
}

static void test_sharing(gconstpointer scheduler)
{
	enum scheduler s = GPOINTER_TO_INT(scheduler);

	g_assert_cmpfloat_with_epsilon(shared_work(s, 1024, false), US(100000), US(4000));
	g_assert_cmpfloat_with_epsilon(shared_work(s, 2048, false), US(200000), US(8000));
	g_assert_cmpfloat_with_epsilon(shared_work(s, 512, false), US(50000), US(4000));
	g_assert_cmpfloat_with_epsilon(shared_work(s, 3072, true), US(300000), US(12000));
}

struct outcome {
	double pauses, spin, yields, futile;
	int64_t ns;
};

static struct outcome outcome_of(struct program_input *input, const struct policy *policy)
{
	struct simulation_setting setting = world_setting("stock");
	struct simulated *result;
	struct outcome o;

	setting.policy = policy;
	result = simulate_run(input, &setting);
	o = (struct outcome){ result->vms[0].pauses, result->vms[0].spin, result->vms[0].yields,
			      result->vms[0].futile, result->ns };
	simulated_free(result);
	world_free(input);
	return o;
}

static void wait_for(struct program *program, uint16_t unblocker, int64_t ns, bool kernel)
{
	add_item(program, (struct item){ .kind = ITEM_WAIT, .unblocker = unblocker, .ns = ns, .kernel = kernel });
}

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
	struct item ipi = { .kind = ITEM_HALT_IPI }, second = { .kind = ITEM_HALT_IPI, .n = 2 },
		    halt = { .kind = ITEM_HALT, .ns = US(300) }, io = { .kind = ITEM_IO, .ns = US(300) };

	g_assert_cmpint(slept(US(10), ipi, false), ==, US(50 + 5 + 100));
	/* it came while awake: no sleep */
	g_assert_cmpint(slept(US(100), ipi, false), ==, US(100 + 5 + 100));
	/* unless the second is meant */
	g_assert_cmpint(slept(US(100), second, false), ==, US(400 + 5 + 100));
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

/* Programs are jittered alike under all policies. */
static void test_jitter(void)
{
	int64_t ns[3];

	for (unsigned int i = 0; i < 3; i++) {
		struct program_input *input = world_input(SCHEDULER_EEVDF, 1);
		struct simulation_setting setting = world_setting(i ? "relaxed" : "stock");
		struct simulated *result;
		struct program *p;

		world_vm(input, 1);
		p = world_program(input, 0, 0, 0);
		for (unsigned int n = 0; n < 100; n++)
			compute(p, US(10), true);
		setting.jitter = 0.1;
		setting.seed = i / 2;
		result = simulate_run(input, &setting);
		ns[i] = result->ns;
		g_assert_cmpint(ABS(ns[i] - US(1000)), <=, US(100));
		simulated_free(result);
		world_free(input);
	}
	g_assert_cmpint(ns[0], ==, ns[1]);
	g_assert_cmpint(ns[1], !=, ns[2]);
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
	add_item(r, (struct item){ .kind = ITEM_HALT_IPI, .n = 2 });
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
		g_assert_cmpfloat(response_of(result, 0), ==, US(132 - 102));
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
	static const struct {
		const char *name;
		GTestDataFunc run;
	} both[] = { { "f7", test_f7 }, { "conservation", test_conservation }, { "sharing", test_sharing } };

	g_test_init(&argc, &argv, NULL);
	for (unsigned int i = 0; i < G_N_ELEMENTS(both); i++) {
		g_autofree char *cfs = g_strdup_printf("/simulation/cfs/%s", both[i].name);
		g_autofree char *eevdf = g_strdup_printf("/simulation/eevdf/%s", both[i].name);

		g_test_add_data_func(cfs, GINT_TO_POINTER(SCHEDULER_CFS), both[i].run);
		g_test_add_data_func(eevdf, GINT_TO_POINTER(SCHEDULER_EEVDF), both[i].run);
	}
	g_test_add_func("/simulation/f1", test_f1);
	g_test_add_func("/simulation/f2", test_f2);
	g_test_add_func("/simulation/f3_f4", test_f3_f4);
	g_test_add_func("/simulation/f5", test_f5);
	g_test_add_func("/simulation/f6", test_f6);
	g_test_add_func("/simulation/sides", test_sides);
	g_test_add_func("/simulation/threads", test_threads);
	g_test_add_func("/simulation/lock", test_lock);
	g_test_add_func("/simulation/cycle", test_cycle);
	g_test_add_func("/simulation/held_in_kernel", test_held_in_kernel);
	g_test_add_func("/simulation/windows", test_windows);
	g_test_add_func("/simulation/sleep", test_sleep);
	g_test_add_func("/simulation/receivers", test_receivers);
	g_test_add_func("/simulation/pull", test_pull);
	g_test_add_func("/simulation/wake_placement", test_wake_placement);
	g_test_add_func("/simulation/jitter", test_jitter);
	g_test_add_func("/simulation/preempted_spin", test_preempted_spin);
	g_test_add_func("/simulation/costs", test_costs);
	g_test_add_func("/simulation/lock_elsewhere", test_lock_elsewhere);
	g_test_add_func("/simulation/yield_elsewhere", test_yield_elsewhere);
	g_test_add_func("/simulation/refused_in_turn", test_refused_in_turn);
	g_test_add_func("/simulation/woken_on_its_way_out", test_woken_on_its_way_out);
	g_test_add_func("/simulation/looks", test_looks);
	g_test_add_func("/simulation/last_boosted", test_last_boosted);
	return g_test_run();
}
