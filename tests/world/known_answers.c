// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a world must give where it can be worked out by hand: a vCPU that waits for another one's
 * answer on one CPU, slice 3 ms, tick 1 ms, PLE window 20 us, costs nil, an answer takes 5 us.
 */
#include <glib.h>

#include "tests/world/world.h"

static const struct mix mix = { "known", { 1 }, .compute = 100 * US, .n_locks = 1 };

static struct settings known_settings(void)
{
	struct settings s = {
		.n_cpus = 1, .n_vms = 1, .n_vcpus = { 2 }, .mixes = { mix }, .forfeit = true,
		.run_to_parity = true, .place_lag = true, .slice = 3 * MS, .tick = 1 * MS,
		.ple_window = 20 * US, .ple_max = 20 * US, .spin_survives = true,
		.ipi_window = 50 * MS, .irq_body = 5 * US, .eoi_late = true, .length = 4 * MS,
	};

	return s;
}

struct outcome {
	gint64 n_pauses_3ms, n_decisions, spin, response;
};

/* w computes 100 us, then calls u; u computes in user mode and was preempted, or woken, at 0. */
static struct outcome call(enum policy policy, bool woken, bool tracking)
{
	struct settings s = known_settings();
	g_autofree struct world *w = NULL;
	struct outcome o;
	struct vcpu *caller, *u;

	if (!tracking)
		s.ipi_window = -1;
	w = world_new(&s, policy, 1, NULL);
	caller = &w->vms[0].vcpus[0];
	u = &w->vms[0].vcpus[1];
	caller->op = (struct op){ .action = ACTION_CALL, .receivers = 1 << 1 };
	caller->left = 100 * US - 300;	/* sending takes the rest */
	u->op = (struct op){ .action = ACTION_NONE, .user = true };
	u->left = 1000 * MS;
	u->preempted_in_kernel = !woken;
	u->preempted = !woken;
	world_run(w);
	o.n_decisions = w->account.n_decisions;
	o.n_pauses_3ms = w->account.n_pauses;
	o.response = w->account.response;
	o.spin = w->account.spin;
	return o;
}

static void check(struct outcome o, gint64 n_pauses, gint64 spin, gint64 response)
{
	g_assert_cmpint(o.n_pauses_3ms, ==, n_pauses);
	g_assert_cmpint(o.n_decisions, ==, n_pauses);
	g_assert_cmpint(o.spin, ==, spin);
	g_assert_cmpint(o.response, ==, response);
}

/* Nobody yields: w spins until its slice ends, then u answers, then w's turn comes. */
static void no_yield(void)
{
	check(call(POLICY_NONE, false, true), 144, 2900 * US, 2905 * US);
}
