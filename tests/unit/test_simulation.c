// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whole simulations of hand-made programs, worked out by hand: known answers of
 * estimation.md 5, what must hold of any (time adds up, the same comes out twice), and
 * that CPUs are shared as weights say. Times in us, by US().
 */
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

static const struct policy *asked;
static int64_t t_ack;

static void note_eoi(struct policy_vm *vm, unsigned int vcpu_idx, int vector, int64_t t)
{
	t_ack = t;
	if (asked->on_eoi)
		asked->on_eoi(vm, vcpu_idx, vector, t);
}

static void check_f(bool kernel, const char *policy, bool tracking, double pauses, double spin, double response)
{
	struct program_input *input = f_input(kernel);
	struct simulation_setting setting = world_setting(policy);
	struct policy spy = *setting.policy;
	struct simulated *result;

	asked = setting.policy;
	spy.on_eoi = note_eoi;
	setting.policy = &spy;
	setting.params.ipi_tracking_enabled = tracking;
	input->vms[0].acks_before_handler = false;
	result = simulate_run(input, &setting);
	g_assert_cmpfloat(result->vms[0].pauses, ==, pauses);
	g_assert_cmpfloat(result->vms[0].spin, ==, US(spin));
	g_assert_cmpuint(result->vms[0].responses->len, ==, 1);
	g_assert_cmpfloat(t_ack - US(100), ==, US(response));
	g_assert_cmpfloat(response_of(result, 0), >=, US(response));
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
	g_test_add_func("/simulation/sides", test_sides);
	g_test_add_func("/simulation/threads", test_threads);
	g_test_add_func("/simulation/jitter", test_jitter);
	return g_test_run();
}
