// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The state that no event shows: when last_boosted_vcpu is stored, what a scan
 * leaves in dy_eligible, and what is inferred where no probe saw the outcome.
 * One VM of 4 vCPUs; vCPU i is bit i.
 */
#include <glib.h>
#include <string.h>

#include "replay/kernel_state.h"
#include "replay/policies/policies.h"

struct fixture {
	struct recorded recorded;
	struct recorded_vm vm;
	struct recorded_decision d;
	struct policy_params params;
	struct policy_vm policy_vm;
	struct ipi_context ipi[4];
	struct spin_state state;
	struct kernel_state *ks;
};

static void setup(struct fixture *f, const void *created)
{
	memset(f, 0, sizeof(*f));
	f->vm = (struct recorded_vm){ .id = 1, .n_vcpus = 4, .n_words = 1, .whole = true, .created = created != NULL };
	f->recorded = (struct recorded){ .n_vms = 1, .n_vcpus = 4, .max_words = 1, .vms = &f->vm };
	f->params = (struct policy_params){ .stock_variant = STOCK_TWO_PASS };
	f->policy_vm = (struct policy_vm){ .n_vcpus = 4, .params = &f->params, .ipi = f->ipi };
	f->state = (struct spin_state){
		.n_vcpus = 4, .n_words = 1, .kernel_mode = true, .kernel_mode_known = true,
		.seen = g_new0(uint64_t, N_SEEN), .known = g_new0(uint64_t, N_SEEN),
		.rq_single = g_new0(uint64_t, 1), .dy_eligible = g_new0(uint64_t, 1),
		.dy_eligible_known = g_new0(uint64_t, 1),
	};
	for (unsigned int i = 0; i < N_SEEN; i++)
		f->state.known[i] = 0xf;
	f->d.attempts = g_array_new(FALSE, FALSE, sizeof(struct attempt));
	f->d.n_vcpus = 4;
	f->ks = kernel_state_new(&f->recorded, &policy_stock, &f->policy_vm);
}

static void teardown(struct fixture *f, const void *created)
{
	(void)created;
	kernel_state_free(f->ks);
	g_array_unref(f->d.attempts);
	g_free(f->state.seen);
	g_free(f->state.known);
	g_free(f->state.rq_single);
	g_free(f->state.dy_eligible);
	g_free(f->state.dy_eligible_known);
}

/* vCPU me spins from t to t_end; the bits of ready are preempted in kernel mode, spinning spin too. */
static void decide(struct fixture *f, unsigned int me, int64_t t, int64_t t_end, uint64_t ready, uint64_t spinning)
{
	f->d.id++;
	f->d.me = f->state.me = me;
	f->d.t_start = f->state.now = t;
	f->d.t_end = t_end;
	f->d.nr_running = 3;
	f->state.seen[READY] = f->state.seen[PREEMPTED] = f->state.seen[IN_KERNEL] = f->state.seen[QUEUED] = ready;
	f->state.seen[IN_SPIN_LOOP] = spinning;
	g_array_set_size(f->d.attempts, 0);
	kernel_state_advance(f->ks, t);
	kernel_state_fill(f->ks, 0, &f->state);
}

/* Probes saw it yield to pick (or to nobody). */
static void probed(struct fixture *f, int pick)
{
	struct attempt a = {
		.target_idx = MAX(pick, 0), .result = 1, .result_known = true, .t_call = f->d.t_start,
		.t_ret = f->d.t_end,
	};

	f->d.probed = f->d.outcome_known = true;
	f->d.pick = pick;
	if (pick >= 0)
		g_array_append_val(f->d.attempts, a);
	g_assert_cmpint(kernel_state_infer(f->ks, &f->d, &f->state).source, ==, OUTCOME_PROBED);
	kernel_state_observe(f->ks, &f->d, &f->state);
}

/* Nobody saw it; afterwards its thread was switched out (to next_idx), or went on. */
static struct outcome unseen(struct fixture *f, bool switched_out, int64_t next_idx)
{
	struct outcome o;

	f->d.probed = f->d.outcome_known = false;
	f->d.pick = NO_TARGET;
	f->d.switched_out = switched_out;
	f->d.next_idx = next_idx;
	o = kernel_state_infer(f->ks, &f->d, &f->state);
	kernel_state_observe(f->ks, &f->d, &f->state);
	return o;
}

static void test_stored_at_return(struct fixture *f, const void *created)
{
	(void)created;
	decide(f, 0, 100, 500, 0xe, 0);
	g_assert_cmpint(f->state.last_boosted_vcpu, ==, 0);
	probed(f, 1);
	/* vCPU 1 spins before vCPU 0 runs again: the old value */
	decide(f, 1, 200, 210, 0xc, 1);
	g_assert_cmpint(f->state.last_boosted_vcpu, ==, 0);
	probed(f, NO_TARGET);
	decide(f, 1, 499, 510, 0, 1);
	g_assert_cmpint(f->state.last_boosted_vcpu, ==, 0);
	probed(f, NO_TARGET);
	decide(f, 1, 600, 610, 0, 0);
	g_assert_cmpint(f->state.last_boosted_vcpu, ==, 1);
}

static void test_dy_eligible(struct fixture *f, const void *created)
{
	(void)created;
	/* vCPUs 1 and 2 spin; the scan from 1 refuses both, arms both, and takes 3 */
	decide(f, 0, 100, 150, 0xe, 0x6);
	probed(f, 3);
	decide(f, 0, 200, 250, 0xe, 0x6);
	g_assert_cmphex(*f->state.dy_eligible, ==, 0x6);
	/* from 3 + 1: 0 is the spinner, 1 is armed and taken: spent; 2 is not reached */
	probed(f, 1);
	decide(f, 0, 300, 350, 0, 0);
	g_assert_cmphex(*f->state.dy_eligible, ==, 0x4);
}

static void test_end_clears(struct fixture *f, const void *created)
{
	(void)created;
	decide(f, 2, 50, 400, 0x8, 0);
	probed(f, 3);				/* vCPU 2 waits inside on_spin until 400 */
	decide(f, 0, 100, 150, 0x4, 0x4);
	probed(f, NO_TARGET);			/* refuses and arms it */
	decide(f, 0, 200, 250, 0, 0x4);
	g_assert_cmphex(*f->state.dy_eligible, ==, 0x4);
	probed(f, NO_TARGET);
	decide(f, 0, 401, 450, 0, 0);
	g_assert_cmphex(*f->state.dy_eligible, ==, 0);
}

static void test_unknown_start(struct fixture *f, const void *created)
{
	(void)created;
	decide(f, 0, 100, 150, 0xe, 0);
	g_assert_cmpint(f->state.last_boosted_vcpu, ==, -1);
	probed(f, 2);
	decide(f, 0, 200, 250, 0xe, 0);
	g_assert_cmpint(f->state.last_boosted_vcpu, ==, 2);
	probed(f, 3);
	kernel_state_forget(f->ks);
	decide(f, 0, 300, 350, 0xe, 0);
	g_assert_cmpint(f->state.last_boosted_vcpu, ==, -1);
}

static void test_inferred(struct fixture *f, const void *created)
{
	struct outcome o;

	(void)created;
	/* one candidate that passes, and the thread is switched out: that one */
	decide(f, 0, 100, 150, 0x4, 0);
	o = unseen(f, true, DB_NULL);
	g_assert_cmpint(o.source, ==, OUTCOME_INFERRED);
	g_assert_cmpint(o.pick, ==, 2);
	/* three pass: the one that comes next in the scan, as the start index is known */
	decide(f, 0, 200, 250, 0xe, 0);
	g_assert_cmpint(f->state.last_boosted_vcpu, ==, 2);
	o = unseen(f, true, 3);
	g_assert_cmpint(o.pick, ==, 3);
	g_assert_cmpint(o.source, ==, OUTCOME_INFERRED);
	/* nobody passes and it goes on */
	decide(f, 1, 300, 350, 0, 0);
	o = unseen(f, false, DB_NULL);
	g_assert_cmpint(o.pick, ==, NO_TARGET);
	g_assert_cmpint(o.source, ==, OUTCOME_INFERRED);
}

/* What followed does not fit what was foretold: then it is not known, rather than believed. */
static void test_contradicted(struct fixture *f, const void *created)
{
	struct outcome o;

	(void)created;
	decide(f, 0, 100, 150, 0xe, 0);	/* stock takes 1 */
	o = unseen(f, false, DB_NULL);	/* yet it went on, with others waiting on its CPU */
	g_assert_cmpint(o.source, ==, OUTCOME_UNKNOWN);
	decide(f, 0, 200, 250, 0xe, 0);
	g_assert_cmpint(f->state.last_boosted_vcpu, ==, -1);
}

/* The VM may have vCPUs that nobody knows of: even a scan that seems to have no candidates says nothing. */
static void test_not_whole(struct fixture *f, const void *created)
{
	(void)created;
	kernel_state_free(f->ks);
	f->vm.whole = false;
	f->ks = kernel_state_new(&f->recorded, &policy_stock, &f->policy_vm);
	decide(f, 0, 100, 150, 0, 0);
	g_assert_cmpint(unseen(f, false, DB_NULL).source, ==, OUTCOME_UNKNOWN);
	decide(f, 0, 200, 250, 0x4, 0);
	g_assert_cmpint(unseen(f, true, DB_NULL).source, ==, OUTCOME_UNKNOWN);
}

static void test_loop_counter(struct fixture *f, const void *created)
{
	(void)created;
	f->params.stock_variant = STOCK_LOOP_COUNTER;
	decide(f, 0, 100, 150, 0x8, 0);
	probed(f, 3);	/* from 0 + 1: vCPU 3 is at distance 2 */
	decide(f, 0, 200, 250, 0, 0);
	g_assert_cmpint(f->state.last_boosted_vcpu, ==, 2);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, created) \
	g_test_add("/kernel_state/" #name, struct fixture, created, setup, test_##name, teardown)
	ADD(stored_at_return, "created");
	ADD(dy_eligible, "created");
	ADD(end_clears, "created");
	ADD(unknown_start, NULL);
	ADD(inferred, "created");
	ADD(contradicted, "created");
	ADD(not_whole, "created");
	ADD(loop_counter, "created");
	return g_test_run();
}
