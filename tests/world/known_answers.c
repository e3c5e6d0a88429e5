// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a world must give where that can be worked out by hand, and what it must keep to anywhere.
 */
#include <glib.h>
#include <string.h>

#include "tests/world/calibrate.h"
#include "tests/world/world.h"

/*
 * One CPU, slice 3 ms, tick 1 ms, PLE window 20 us, costs nil; an answer takes 5 us. A vCPU
 * computes 100 us, then calls another one, which never had the CPU and computes in user mode.
 */
static const struct settings call_settings = {
	.n_cpus = 1, .n_vms = 1, .n_vcpus = { 2 }, .forfeit = true, .run_to_parity = true,
	.mixes = { { "known", { 1 }, .compute = 1000 * MS, .n_locks = 1, .many = 1 } },
	.place_lag = true, .slice = 3 * MS, .tick = 1 * MS, .ple_window = 20 * US,
	.ple_max = 20 * US, .spin_survives = true, .ipi_window = 50 * MS, .irq_body = 5 * US,
	.length = 10 * MS,
};

static struct world *call(enum policy policy, bool woken, bool tracking, bool kernel)
{
	struct settings *s = g_memdup2(&call_settings, sizeof(call_settings));
	struct vcpu *caller, *called;
	struct world *w;

	if (!tracking)
		s->ipi_window = -1;
	w = world_new(s, policy, 1, NULL);
	caller = &w->vms[0].vcpus[0];
	called = &w->vms[0].vcpus[1];
	caller->op = (struct op){ .action = ACTION_CALL, .receivers = 1 << 1 };
	caller->left = 100 * US - 300;	/* sending takes the rest */
	called->op = (struct op){ .action = ACTION_NONE, .user = !kernel };
	called->left = 1000 * MS;
	called->preempted_in_kernel = kernel;
	called->preempted = !woken;
	world_run(w);
	g_free(s);
	return w;
}

static void expect(struct world *w, gint64 n_pauses, gint64 spin, gint64 response)
{
	g_assert_cmpint(w->account.n_pauses, ==, n_pauses);
	g_assert_cmpint(w->account.n_decisions, ==, n_pauses);
	g_assert_cmpint(w->account.n_responses, ==, 1);
	g_assert_cmpint(w->account.response, ==, response);
	g_assert_cmpint(w->account.spin, ==, spin);
	g_free(w);
}

/* Nobody yields: it spins from 100 us until its slice ends at 3 ms, then the other one answers. */
static void no_yield(void)
{
	expect(call(POLICY_NONE, true, true, false), 144, 2900 * US, 2905 * US);
	/* preempted in user mode: stock and the strict round of the patches leave it alone */
	expect(call(POLICY_STOCK, false, true, false), 144, 2900 * US, 2905 * US);
	/* the patches, knowing of no IPI, do not take one that was only woken; nor does relaxed */
	expect(call(POLICY_IPI_AWARE, true, false, false), 144, 2900 * US, 2905 * US);
	expect(call(POLICY_IPI_AWARE_RELAXED, true, false, false), 144, 2900 * US, 2905 * US);
	expect(call(POLICY_RELAXED, true, false, false), 144, 2900 * US, 2905 * US);
}

/* One decision, at 120 us; the answer is there at 125. */
static void yield(void)
{
	expect(call(POLICY_STOCK, false, true, true), 1, 20 * US, 25 * US);
	expect(call(POLICY_STOCK, true, true, false), 1, 20 * US, 25 * US);
	expect(call(POLICY_IPI_AWARE, true, true, false), 1, 20 * US, 25 * US);
	expect(call(POLICY_RECEIVER_FIRST, true, true, false), 1, 20 * US, 25 * US);
	expect(call(POLICY_RELAXED, false, false, false), 1, 20 * US, 25 * US);
}

/* The decision made otherwise than the policy would. */
static void override(void)
{
	struct world *w = world_new(&call_settings, POLICY_NONE, 1, NULL);
	struct vcpu *caller = &w->vms[0].vcpus[0], *called = &w->vms[0].vcpus[1];

	w->override = (struct override){ .decision = 3, .target = 1, .force = true };
	caller->op = (struct op){ .action = ACTION_CALL, .receivers = 1 << 1 };
	caller->left = 100 * US - 300;
	called->op = (struct op){ .action = ACTION_NONE, .user = true };
	called->left = 1000 * MS;
	world_run(w);
	g_assert_cmpint(w->override.t, ==, 160 * US);
	g_assert_cmpint(w->override.result, ==, 1);
	expect(w, 3, 60 * US, 65 * US);
}

static struct settings some_world(guint64 seed)
{
	struct settings s;

	settings_random(&s, seed, 200 * MS);
	settings_calibrate(&s);
	return s;
}

static struct world *run(const struct settings *s, enum policy policy)
{
	struct world *w = world_new(s, policy, s->seed, NULL);

	world_run(w);
	return w;
}

/* CPU time is never made nor lost: all of it went to vCPUs, to others, or to nobody. */
static void conserved(void)
{
	for (guint64 seed = 1; seed <= 40; seed++) {
		struct settings s = some_world(seed);
		g_autofree struct world *w = run(&s, seed % N_POLICIES);
		const struct account *a = &w->account;

		if (!s.n_background)
			g_assert_cmpint(a->vcpu_ns + a->idle_ns, ==, s.n_cpus * s.length);
		g_assert_cmpint(a->vcpu_ns + a->idle_ns, <=, s.n_cpus * s.length);
		g_assert_cmpint(a->work, <=, a->vcpu_ns);
		g_assert_cmpint(a->work, >, 0);
		g_assert_cmpint(a->n_ops, >, 0);
	}
}

/* The same again is the same, byte for byte; other programs are another course of events. */
static void deterministic(void)
{
	for (guint64 seed = 1; seed <= 10; seed++) {
		struct settings s = some_world(seed);
		g_autofree struct world *a = run(&s, POLICY_STOCK), *b = run(&s, POLICY_STOCK);
		g_autofree struct world *c = world_new(&s, POLICY_STOCK, seed + 1, NULL);

		world_run(c);
		g_assert_cmpmem(&a->account, sizeof(a->account), &b->account, sizeof(b->account));
		g_assert_cmpint(memcmp(&a->account, &c->account, sizeof(a->account)), !=, 0);
	}
}

/* The n-th operation of a vCPU is the same under every policy. */
static void common_programs(void)
{
	struct settings s = some_world(6);
	g_autofree struct world *a = run(&s, POLICY_STOCK), *b = run(&s, POLICY_RELAXED);
	unsigned int n_equal = 0;

	g_assert_cmpint(memcmp(&a->account, &b->account, sizeof(a->account)), !=, 0);
	for (unsigned int i = 0; i < a->vms[0].n_vcpus; i++) {
		struct chance x = a->vms[0].vcpus[i].program, y = b->vms[0].vcpus[i].program;

		/* one stream is further on than the other: the one behind comes to where that is */
		for (unsigned int k = 0; k < 100000 && !n_equal; k++) {
			n_equal += x.state == b->vms[0].vcpus[i].program.state;
			n_equal += y.state == a->vms[0].vcpus[i].program.state;
			chance_u64(&x);
			chance_u64(&y);
		}
		g_assert_cmpuint(n_equal, >, 0);
		n_equal = 0;
	}
}

/* Draws are as often under a time as an exponential distribution says. */
static void exponential(void)
{
	struct chance c = chance_new(1, 1);
	gint64 sum = 0, under_ln2 = 0, n = 1000000;

	for (gint64 i = 0; i < n; i++) {
		gint64 ns = chance_exponential(&c, 1 * MS);

		sum += ns;
		under_ln2 += ns < 693147;
	}
	g_assert_cmpint(ABS(sum / n - 1 * MS), <, 5 * US);
	g_assert_cmpint(ABS(under_ln2 - n / 2), <, n / 500);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/world/exponential", exponential);
	g_test_add_func("/world/no_yield", no_yield);
	g_test_add_func("/world/yield", yield);
	g_test_add_func("/world/override", override);
	g_test_add_func("/world/conserved", conserved);
	g_test_add_func("/world/deterministic", deterministic);
	g_test_add_func("/world/common_programs", common_programs);
	return g_test_run();
}
