// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Other densities: what is understood, what becomes of programs, by hand; that work is neither lost
 * nor made; that nothing changes where nothing is changed; and what may be extrapolated.
 */
#include <math.h>

#include "replay/simulate/loop_what_if.h"
#include "simulated_world.h"

static struct what_if parsed(const char *text)
{
	struct what_if w;
	GError *error = NULL;

	g_assert_true(what_if_parse(text, &w, &error));
	g_assert_no_error(error);
	return w;
}

static void test_parse(void)
{
	static const char *const wrong[] = {
		"", ",", "vms", "vms=", "vms=1", "vms=+0", "vms=-0", "vms=+-1", "vms=+101", "vms=+1,", "cpus=2",
		"cpus=+x", "cpus=+4097", "vms=+1,vms=-1", "vms=+1,vms=+1", "cpus=+1,cpus=+1", "window=", "window=0",
		"window=99", "window=99ns", "window=-5us", "window=5ms", "window=1000000001", "window=1000001us",
		"window=5us,window=5us", "weight=+1", "VMS=+1", "vms=+1 ",
	};
	static const struct {
		const char *text, *again;
		struct what_if w;
	} right[] = {
		{ "vms=+1", "vms=+1", { 1, 0, 0 } },
		{ "cpus=-2", "cpus=-2", { 0, -2, 0 } },
		{ "window=20000", "window=20us", { 0, 0, 20000 } },
		{ "window=20us", "window=20us", { 0, 0, 20000 } },
		{ "window=1500ns", "window=1500ns", { 0, 0, 1500 } },
		{ "window=100", "window=100ns", { 0, 0, 100 } },
		{ "window=5us,cpus=+4096,vms=-100", "vms=-100,cpus=+4096,window=5us", { -100, 4096, 5000 } },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(wrong); i++) {
		struct what_if w;
		GError *error = NULL;

		g_assert_false(what_if_parse(wrong[i], &w, &error));
		g_assert_error(error, WHAT_IF_ERROR, 0);
		g_error_free(error);
	}
	for (unsigned int i = 0; i < G_N_ELEMENTS(right); i++) {
		struct what_if w = parsed(right[i].text), twice;
		g_autofree char *text = what_if_text(&w);

		g_assert_cmpstr(text, ==, right[i].again);
		twice = parsed(text);
		g_assert_true(w.vms == right[i].w.vms && w.cpus == right[i].w.cpus && w.window == right[i].w.window);
		g_assert_true(w.vms == twice.vms && w.cpus == twice.cpus && w.window == twice.window);
	}
}

static void test_possible(void)
{
	struct program_input *input = world_busy(SCHEDULER_CFS, 2, 3, 2, US(1000), 1);
	static const struct {
		const char *text;
		bool possible;
	} asked[] = {
		{ "vms=-2", true }, { "vms=-3", false }, { "cpus=-1", true }, { "cpus=-2", false },
		{ "vms=+9,cpus=-2", false }, { "vms=-3,cpus=+1", false }, { "vms=+1,cpus=+1", true },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(asked); i++) {
		struct what_if w = parsed(asked[i].text);
		g_autoptr(GError) error = NULL;

		g_assert_true(what_if_possible(&w, input, &error) == asked[i].possible);
		g_assert_true(!error == asked[i].possible);
	}
	world_free(input);
}

static struct program_input *applied(const char *text, const struct program_input *input, unsigned int **origin)
{
	struct what_if w = parsed(text);

	return what_if_apply(&w, input, origin);
}

static const struct program *program_at(const struct program_input *input, unsigned int i)
{
	return input->programs->pdata[i];
}

/*
 * VM 0 has least work, VM 1 most, VM 2 something. The recording is 3200 us long, so that copies are 100 us
 * ahead; VM 1's: compute 60 us, then from 60 us on a call, 80 us of computing; at 140 us a sleep.
 */
static struct program_input *three(void)
{
	struct program_input *input = world_input(SCHEDULER_EEVDF, 2);
	static const int64_t work[] = { US(50), US(1000), US(500) };

	input->length = US(3200);
	for (unsigned int v = 0; v < 3; v++) {
		struct program *p;

		world_vm(input, 2)->name = g_strdup_printf("VM %u", v);
		p = world_program(input, v, 0, v % 2);
		if (v == 1) {
			compute(p, US(60), true);
			add_item(p, (struct item){ .kind = ITEM_SENDWAIT, .first = 0, .n = 1, .t = US(60) });
			g_array_append_val(p->receivers, (uint16_t){ 1 });
			compute(p, US(80), false);
			g_array_index(p->items, struct item, 2).t = US(60);
			add_item(p, (struct item){ .kind = ITEM_HALT, .ns = US(300), .t = US(140) });
			compute(p, work[v] - US(140), false);
			g_array_index(p->items, struct item, 4).t = US(140);
		} else {
			compute(p, work[v], true);
		}
		p = world_program(input, v, 1, 1);
		rest(p, ITEM_HALT, US(3200));
	}
	return input;
}

static void three_free(struct program_input *input)
{
	for (unsigned int v = 0; v < 3; v++)
		g_free(input->vms[v].name);
	world_free(input);
}

static void test_more_vms(void)
{
	struct program_input *input = three(), *more;
	const struct program *copy;
	const struct item *items;
	unsigned int *origin;

	more = applied("vms=+4", input, &origin);
	g_assert_cmpuint(more->n_vms, ==, 7);
	g_assert_cmpuint(more->programs->len, ==, 14);
	/* in turn, the one with most work first */
	g_assert_cmpuint(origin[3], ==, 1);
	g_assert_cmpuint(origin[4], ==, 2);
	g_assert_cmpuint(origin[5], ==, 0);
	g_assert_cmpuint(origin[6], ==, 1);
	g_assert_cmpstr(more->vms[0].name, ==, "VM 0");
	g_assert_cmpstr(more->vms[3].name, ==, "copy of VM 1");
	g_assert_cmpstr(more->vms[6].name, ==, "copy 2 of VM 1");
	for (unsigned int i = 0; i < 6; i++) {
		g_assert_cmpuint(origin[i / 2], ==, i / 2 < 3 ? i / 2 : origin[i / 2]);
		g_assert_true(program_at(more, i)->items == program_at(input, i)->items);
	}
	/* at 100 us half of what was computed between 60 and 140 us is left, and the call is over */
	copy = program_at(more, 6);
	g_assert_cmpuint(copy->vm, ==, 3);
	g_assert_cmpuint(copy->items->len, ==, 3);
	items = (const struct item *)copy->items->data;
	g_assert_cmpint(items[0].kind, ==, ITEM_COMPUTE);
	g_assert_cmpint(items[0].ns, ==, US(40));
	g_assert_cmpint(items[1].kind, ==, ITEM_HALT);
	g_assert_cmpint(items[1].ns, ==, US(300));
	g_assert_cmpint(copy->progress, ==, US(40) + US(860));
	/* at 200 us 240 of the sleep of 300 us */
	items = (const struct item *)program_at(more, 12)->items->data;
	g_assert_cmpint(items[0].kind, ==, ITEM_HALT);
	g_assert_cmpint(items[0].ns, ==, US(240));
	g_assert_cmpint(program_at(more, 7)->items->len, ==, 1);
	g_assert_cmpint(g_array_index(program_at(more, 7)->items, struct item, 0).ns, ==, US(3100));
	program_input_free(more);
	g_free(origin);
	three_free(input);
}

static void test_fewer_vms(void)
{
	struct program_input *input = three(), *fewer;
	unsigned int *origin;

	fewer = applied("vms=-1", input, &origin);
	g_assert_cmpuint(fewer->n_vms, ==, 2);
	g_assert_cmpuint(origin[0], ==, 1);
	g_assert_cmpuint(origin[1], ==, 2);
	g_assert_cmpstr(fewer->vms[0].name, ==, "VM 1");
	g_assert_cmpuint(fewer->programs->len, ==, 4);
	for (unsigned int i = 0; i < 4; i++) {
		g_assert_true(program_at(fewer, i)->items == program_at(input, i + 2)->items);
		g_assert_cmpuint(program_at(fewer, i)->vm, ==, i / 2);
	}
	program_input_free(fewer);
	g_free(origin);
	three_free(input);
}

/* A vCPU that comes later than a copy is ahead comes so much earlier, and lacks nothing. */
static void test_late_vcpu(void)
{
	struct program_input *input = world_input(SCHEDULER_CFS, 1), *more;
	struct program *late;
	unsigned int *origin;

	input->length = US(3200);
	world_vm(input, 1);
	late = world_program(input, 0, 0, 0);
	late->t_start = US(500);
	compute(late, US(100), true);
	more = applied("vms=+1", input, &origin);
	g_assert_cmpint(program_at(more, 1)->t_start, ==, US(400));
	g_assert_cmpint(program_at(more, 1)->progress, ==, US(100));
	program_input_free(more);
	g_free(origin);
	world_free(input);
}

static unsigned int on_cpu(const struct program_input *input, int cpu)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < input->programs->len; i++)
		n += program_at(input, i)->cpu == cpu;
	return n;
}

/* Constants go by 1 + log2 of the CPUs, no more than 8; nodes and cgroups by how many there are. */
static void test_cpus(void)
{
	struct program_input *input = world_input(SCHEDULER_CFS, 4), *to;
	unsigned int nodes[] = { 0, 0, 1, 1 }, weights[] = { 0, 256, 512 }, *origin;

	input->host.nodes = nodes;
	input->host.n_groups = 3;
	input->host.group_weights = weights;
	input->length = US(1000);
	for (unsigned int v = 0; v < 2; v++) {
		world_vm(input, 4)->group = v + 1;
		for (unsigned int i = 0; i < 4; i++)
			compute(world_program(input, v, i, i), US(1000), true);
	}
	world_background(input, 3, (int64_t[]){ US(1), US(1) }, 2);
	to = applied("cpus=-2", input, &origin);
	g_assert_cmpuint(to->host.n_cpu, ==, 2);
	g_assert_cmpint(to->host.slice, ==, US(2000));	/* 3 to 2 */
	g_assert_cmpint(to->host.min_granularity, ==, US(500));
	g_assert_cmpint(to->host.tick, ==, input->host.tick);
	g_assert_cmpuint(to->host.group_weights[1], ==, 512);
	g_assert_cmpuint(to->host.group_weights[2], ==, 512);
	g_assert_cmpuint(on_cpu(to, 0), ==, 4);
	g_assert_cmpuint(on_cpu(to, 1), ==, 4);
	for (unsigned int i = 0; i < 8; i++)	/* who need not go stays, and VMs are mixed */
		g_assert_true(i % 4 > 1 || program_at(to, i)->cpu == (int)i % 4);
	g_assert_cmpint(((struct background *)to->backgrounds->pdata[0])->cpu, <, 2);
	program_input_free(to);
	g_free(origin);
	to = applied("cpus=+4", input, &origin);
	g_assert_cmpuint(to->host.n_cpu, ==, 8);
	g_assert_cmpint(to->host.slice, ==, US(4000));
	g_assert_cmpuint(to->host.nodes[3], ==, 1);
	g_assert_cmpuint(to->host.nodes[7], ==, 1);
	g_assert_cmpuint(to->host.group_weights[1], ==, 128);	/* it was on all four */
	g_assert_cmpuint(to->host.group_weights[2], ==, 512);
	for (int c = 0; c < 8; c++)
		g_assert_cmpuint(on_cpu(to, c), ==, 1);
	program_input_free(to);
	g_free(origin);
	to = applied("vms=+1", input, &origin);
	g_assert_cmpuint(to->host.n_groups, ==, 4);
	g_assert_cmpuint(to->vms[2].group, ==, 3);
	g_assert_cmpuint(to->host.group_weights[3], ==, 256);
	for (int c = 0; c < 4; c++)
		g_assert_cmpuint(on_cpu(to, c), ==, 3);
	program_input_free(to);
	g_free(origin);
	input->host.nodes = NULL;
	world_free(input);
}

static void test_window(void)
{
	struct program_input *input = world_busy(SCHEDULER_CFS, 1, 2, 2, US(1000), 1), *to;
	unsigned int *origin;

	input->vms[1].window_max = US(80);
	to = applied("window=40us", input, &origin);
	g_assert_cmpint(to->vms[0].window, ==, US(40));
	g_assert_cmpint(to->vms[0].window_max, ==, US(40));	/* it was constant, and is */
	g_assert_cmpint(to->vms[1].window, ==, US(40));
	g_assert_cmpint(to->vms[1].window_max, ==, US(80));
	g_assert_cmpint(input->vms[0].window, ==, US(20));
	program_input_free(to);
	g_free(origin);
	world_free(input);
}

/* CPU time adds up at any density; and one seed, one result. */
static void test_conservation(void)
{
	static const char *const asked[] = { "vms=+2", "vms=-1", "cpus=+3", "cpus=-2", "vms=+1,cpus=-1,window=7us" };
	struct program_input *input = world_busy(SCHEDULER_EEVDF, 3, 3, 4, US(50000), 1);
	struct simulation_setting setting = world_setting("ipi-aware");

	input->length = US(200000);
	setting.jitter = 0.01;
	for (unsigned int i = 0; i < G_N_ELEMENTS(asked); i++) {
		unsigned int *origin;
		struct program_input *to = applied(asked[i], input, &origin);
		struct simulated *result = simulate_run(to, &setting), *again = simulate_run(to, &setting);
		double sum = result->idle + result->background;

		g_assert_true(result->exhausted);
		g_assert_cmpuint(result->events, ==, again->events);
		for (unsigned int v = 0; v < result->n_vms; v++) {
			g_assert_cmpfloat(result->vms[v].work, ==, again->vms[v].work);
			g_assert_cmpfloat(result->vms[v].work, >, 0);
			sum += result->vms[v].on_cpu;
		}
		g_assert_cmpfloat(sum, ==, (double)result->ns * to->host.n_cpu);
		simulated_free(result);
		simulated_free(again);
		program_input_free(to);
		g_free(origin);
	}
	world_free(input);
}

/* A recording of what a simulation does: so the gate passes. */
static struct program_input *reproduced(void)
{
	struct program_input *input = world_busy(SCHEDULER_CFS, 2, 2, 4, US(100000), 1);
	struct simulation_setting setting = world_setting("stock");
	struct simulated *result;

	for (unsigned int i = 0; i < input->programs->len; i++) {	/* 2.5 times as long as the work */
		struct program *p = input->programs->pdata[i];
		int64_t t = 0;

		for (guint k = 0; k < p->items->len; k++) {
			struct item *item = &g_array_index(p->items, struct item, k);

			item->t = t;
			t += item->kind == ITEM_COMPUTE ? item->ns * 5 / 2 : 0;
		}
	}
	g_ptr_array_set_free_func(input->programs, program_free);
	g_ptr_array_set_free_func(input->backgrounds, background_free);
	input->length = US(300000);
	result = simulate_run(input, &setting);
	input->length = result->ns;
	input->truth = g_new0(struct program_truth, input->n_vms);
	for (unsigned int v = 0; v < input->n_vms; v++) {
		const struct simulated_vm *vm = &result->vms[v];

		input->vms[v].name = g_strdup_printf("VM %u", v);
		input->truth[v] = (struct program_truth){ vm->work, vm->spin, vm->on_cpu, vm->pauses, vm->yields,
							  g_array_ref(vm->responses) };
	}
	simulated_free(result);
	return input;
}

/* off: the truth is so much more work than the simulation does. */
static struct loop *loop_asked_of(const char *const *asked, double off)
{
	struct program_input *input = reproduced();
	struct simulation_setting setting = world_setting("stock");
	struct loop *loop = loop_new(setting.policy, &setting.params);
	const char *before;

	loop->n_replicates = 4;
	loop->seed = 1;
	loop_add(loop, setting.policy, &setting.params, SIDE_PLAIN, "stock", &before);
	loop_add(loop, policy_by_name("ipi-aware"), &setting.params, SIDE_PLAIN, "ipi-aware", &before);
	for (; *asked; asked++) {
		struct what_if w = parsed(*asked);

		g_assert_true(loop_add_what_if(loop, &w));
		g_assert_false(loop_add_what_if(loop, &w));
	}
	for (unsigned int vm = 0; vm < input->n_vms; vm++)
		input->truth[vm].work *= off;
	loop_run(loop, input);
	return loop;
}

static struct loop *loop_asked(const char *const *asked)
{
	return loop_asked_of(asked, 1);
}

static const struct loop_estimate *gain(const struct loop *loop, unsigned int policy)
{
	return ((struct loop_policy *)loop->policies->pdata[policy])->estimates;
}

/* A window that is the recorded one changes nothing, exactly; half of it does, and so does a VM more. */
static void test_loop(void)
{
	struct loop *loop = loop_asked((const char *const[]){ "window=20us", "window=10us", "vms=+1", NULL });
	const struct loop_what_if *same = loop->what_ifs->pdata[0], *half = loop->what_ifs->pdata[1],
				  *more = loop->what_ifs->pdata[2];

	g_assert_cmpint(loop->gate->result, !=, GATE_REFUSE);
	g_assert_cmpint(same->result, ==, GATE_PASS);
	for (unsigned int m = 0; m < LOOP_SHARE; m++) {
		g_assert_cmpfloat(same->estimates[m].value, ==, 0);
		g_assert_cmpfloat(same->estimates[m].statistical[1], ==, 0);
		g_assert_cmpint(same->estimates[m].verdict, ==, VERDICT_NO_CLEAR_EFFECT);
		for (unsigned int p = 0; p < 2; p++)
			g_assert_cmpfloat(gain(loop, p)[m].value, ==, gain(same->there, p)[m].value);
	}
	g_assert_cmpfloat(half->estimates[LOOP_PAUSES].value, >, 0);
	g_assert_cmpfloat(gain(half->there, 0)[LOOP_THROUGHPUT].value, ==, 0);
	g_assert_cmpuint(more->there->input->n_vms, ==, 3);
	for (unsigned int v = 0; v < 3; v++)
		g_assert_cmpfloat(more->vms[v].value, <, -20);
	g_assert_cmpfloat(more->evidence.density, ==, 1.5);
	loop_free(loop);
}

/* What a doubted model says of work: twice its error is in the interval, and the verdict is the interval's. */
static void assert_doubted(const struct loop_estimate *e, double error)
{
	bool sure = e->total[0] > 0 || e->total[1] < 0;

	g_assert_cmpfloat(e->total[1] - e->value, >=, 2 * error);
	g_assert_cmpfloat(e->value - e->total[0], >=, 2 * error);
	g_assert_true((e->verdict != VERDICT_NO_CLEAR_EFFECT) == sure);
	g_assert_nonnull(strstr(e->reason, "no more than the sign"));
}

static void test_doubt(void)
{
	struct loop *loop = loop_asked_of((const char *const[]){ "window=10us", "vms=+1", "vms=-1", NULL }, 1.04);
	double error = gate_work_error(loop->gate);

	g_assert_cmpint(loop->gate->result, ==, GATE_WARN);
	g_assert_cmpfloat(error, >, 3);
	for (guint i = 0; i < loop->what_ifs->len; i++) {
		const struct loop_what_if *wi = loop->what_ifs->pdata[i];

		g_assert_cmpint(wi->result, ==, GATE_WARN);
		assert_doubted(&wi->estimates[LOOP_THROUGHPUT], error);
		for (unsigned int vm = 0; vm < wi->there->input->n_vms; vm++)
			assert_doubted(&wi->vms[vm], error);
	}
	loop_free(loop);
}

static enum gate_result judge(double density, double window, double presence, double unmodelled)
{
	struct what_if_evidence e = { density, window, presence, unmodelled, true };
	const char *reason;
	enum gate_result result = what_if_judge(&e, &reason);

	g_assert_true(!reason == (result == GATE_PASS));
	e.complete = false;
	g_assert_cmpint(what_if_judge(&e, &reason), ==, GATE_REFUSE);
	return result;
}

static void test_judge(void)
{
	g_assert_cmpint(judge(1, 1, 1, 0), ==, GATE_PASS);
	g_assert_cmpint(judge(2, 4, 0.9, 0.2), ==, GATE_PASS);
	g_assert_cmpint(judge(0.5, 0.25, 0.9, NAN), ==, GATE_PASS);
	g_assert_cmpint(judge(2.01, 1, 1, 0), ==, GATE_REFUSE);
	g_assert_cmpint(judge(0.49, 1, 1, 0), ==, GATE_REFUSE);
	g_assert_cmpint(judge(1, 4.3, 1, 0), ==, GATE_REFUSE);
	g_assert_cmpint(judge(1, 0.23, 1, 0), ==, GATE_REFUSE);
	g_assert_cmpint(judge(1, 1, 0.89, 0), ==, GATE_WARN);
	g_assert_cmpint(judge(1, 1, 0.49, 0), ==, GATE_REFUSE);
	g_assert_cmpint(judge(1, 1, 1, 0.21), ==, GATE_WARN);
	g_assert_cmpint(judge(1, 1, 1, 0.51), ==, GATE_REFUSE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/what_if/parse", test_parse);
	g_test_add_func("/what_if/possible", test_possible);
	g_test_add_func("/what_if/more_vms", test_more_vms);
	g_test_add_func("/what_if/fewer_vms", test_fewer_vms);
	g_test_add_func("/what_if/late_vcpu", test_late_vcpu);
	g_test_add_func("/what_if/cpus", test_cpus);
	g_test_add_func("/what_if/window", test_window);
	g_test_add_func("/what_if/conservation", test_conservation);
	g_test_add_func("/what_if/loop", test_loop);
	g_test_add_func("/what_if/doubt", test_doubt);
	g_test_add_func("/what_if/judge", test_judge);
	return g_test_run();
}
