// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Policies filter 64 vCPUs at once; that must come to what looking at one after the
 * other comes to (tests/scalar_scan.h): on random states, with and without telling
 * the steps, whatever of them is not known.
 */
#include <glib.h>
#include <string.h>

#include "replay/estimate/prng.h"
#include "replay/policies/policies.h"
#include "tests/scalar_scan.h"

enum { MAX_VCPUS = 200, MAX_WORDS = (MAX_VCPUS + 63) / 64, SCENES = 400 };

struct scene {
	struct prng prng;
	struct policy_params params;
	struct policy_vm vm;
	struct spin_state state;
	struct ipi_context ipi[MAX_VCPUS];
	uint64_t seen[N_SEEN * MAX_WORDS], known[N_SEEN * MAX_WORDS];
	uint64_t rq_single[MAX_WORDS], dy_eligible[MAX_WORDS], dy_eligible_known[MAX_WORDS];
	int hints[MAX_VCPUS];
	uint64_t learnt;	/* adaptive-window's, ns */
	GArray *observed;	/* of struct attempt */
};

static int hint(const struct spin_state *state, unsigned int idx)
{
	return ((const int *)state->hints)[idx];
}

static bool chance(struct scene *sc, double p)
{
	return prng_unit(&sc->prng) < p;
}

/* Bits that are set with probability p; those beyond the last vCPU, too: they mean nothing. */
static void draw(struct scene *sc, uint64_t *words, unsigned int n, double p)
{
	for (unsigned int w = 0; w < n; w++) {
		words[w] = 0;
		for (unsigned int b = 0; b < 64; b++)
			words[w] |= (uint64_t)chance(sc, p) << b;
	}
}

/* Mostly set, mostly clear, neither, or all alike. */
static double odds(struct scene *sc)
{
	static const double choices[] = { 0, 0.02, 0.1, 0.5, 0.9, 0.98, 1 };

	return choices[prng_below(&sc->prng, G_N_ELEMENTS(choices))];
}

static struct ipi_context draw_context(struct scene *sc)
{
	unsigned int n = sc->state.n_vcpus;

	return (struct ipi_context){
		.last_ipi_sender = -1, .last_ipi_receiver = (int)prng_below(&sc->prng, n + 1) - 1,
		.pending_ipi = chance(sc, 0.7), .unknown = chance(sc, 0.2),
		.ipi_time_ns = 1000 - prng_below(&sc->prng, 200),
	};
}

static void draw_observed(struct scene *sc)
{
	static const int results[] = { 1, 0, 0, ESRCH_RESULT };
	unsigned int n = prng_below(&sc->prng, 6);

	g_array_set_size(sc->observed, 0);
	for (unsigned int i = 0; i < n; i++) {
		struct attempt a = {
			.target_idx = prng_below(&sc->prng, sc->state.n_vcpus),
			.result = results[prng_below(&sc->prng, G_N_ELEMENTS(results))],
			.result_known = chance(sc, 0.9),
		};

		g_array_append_val(sc->observed, a);
	}
}

static struct scene *scene_new(uint64_t number)
{
	struct scene *sc = g_new0(struct scene, 1);
	unsigned int n, words;
	double known;

	sc->prng = prng_new(1, number);
	n = 1 + prng_below(&sc->prng, chance(sc, 0.5) ? 8 : MAX_VCPUS);
	words = (n + 63) / 64;
	known = chance(sc, 0.3) ? 1 : chance(sc, 0.5) ? 0.99 : 0.8;
	sc->state = (struct spin_state){
		.me = prng_below(&sc->prng, n), .n_vcpus = n, .n_words = words, .now = 1000,
		.kernel_mode = chance(sc, 0.7), .kernel_mode_known = chance(sc, 0.8),
		.seen = sc->seen, .known = sc->known, .rq_single = sc->rq_single,
		.spinner_rq_single = chance(sc, 0.4), .dy_eligible = sc->dy_eligible,
		.dy_eligible_known = sc->dy_eligible_known, .has_ipi = chance(sc, 0.3),
		/* it may be from when the VM had more vCPUs */
		.last_boosted_vcpu = chance(sc, 0.2) ? -1 : (int)prng_below(&sc->prng, n + 2),
	};
	for (unsigned int what = 0; what < N_SEEN; what++) {
		draw(sc, sc->seen + what * words, words, odds(sc));
		draw(sc, sc->known + what * words, words, known);
	}
	draw(sc, sc->rq_single, words, odds(sc));
	draw(sc, sc->dy_eligible, words, 0.5);
	draw(sc, sc->dy_eligible_known, words, known);
	for (unsigned int i = 0; i < n; i++)
		sc->ipi[i] = draw_context(sc);
	sc->state.ipi = draw_context(sc);
	for (unsigned int i = 0; i < n; i++)
		sc->hints[i] = (int)prng_below(&sc->prng, n + 1) - 1;
	sc->state.hint = chance(sc, 0.9) ? hint : NULL;
	sc->state.hints = sc->hints;
	sc->params = (struct policy_params){
		.stock_variant = prng_below(&sc->prng, STOCK_SINGLE_LOOP + 1),
		.series = 1 + prng_below(&sc->prng, 3), .ipi_tracking_enabled = chance(sc, 0.8),
		.ipi_window_ns = 100, .enable_relaxed_boost = chance(sc, 0.8),
	};
	sc->vm = (struct policy_vm){ .n_vcpus = n, .params = &sc->params, .ipi = sc->ipi };
	sc->learnt = chance(sc, 0.5) ? prng_below(&sc->prng, 200) : 0;
	sc->observed = g_array_new(FALSE, FALSE, sizeof(struct attempt));
	draw_observed(sc);
	return sc;
}

static void scene_free(struct scene *sc)
{
	g_array_unref(sc->observed);
	g_free(sc);
}

static void compare_attempts(const GArray *got, const GArray *expected)
{
	g_assert_cmpuint(got->len, ==, expected->len);
	for (guint i = 0; i < MIN(got->len, expected->len); i++) {
		const struct attempt *a = &g_array_index(got, struct attempt, i);
		const struct attempt *b = &g_array_index(expected, struct attempt, i);

		g_assert_cmpuint(a->target_idx, ==, b->target_idx);
		g_assert_cmpint(a->result, ==, b->result);
		g_assert_true(a->result_known && b->result_known);
	}
}

static void compare_steps(const GArray *got, const GArray *expected)
{
	g_assert_cmpuint(got->len, ==, expected->len);
	for (guint i = 0; i < MIN(got->len, expected->len); i++) {
		const struct spin_step *a = &g_array_index(got, struct spin_step, i);
		const struct spin_step *b = &g_array_index(expected, struct spin_step, i);

		g_assert_cmpuint(a->idx, ==, b->idx);
		g_assert_cmpuint(a->round, ==, b->round);
		g_assert_cmpint(a->step, ==, b->step);
		g_assert_cmpint(a->result, ==, b->result);
		g_assert_cmpint(a->certain, ==, b->certain);
	}
}

static void compare(const struct scene *sc, const struct spin_result *got,
		    const struct scalar_result *expected)
{
	g_assert_cmpint(got->pick, ==, expected->pick);
	g_assert_cmpint(got->uncertain, ==, expected->uncertain);
	compare_attempts(got->attempts, expected->attempts);
	for (unsigned int i = 0; i < sc->state.n_vcpus; i++) {
		g_assert_cmpint(got->dy_eligible[i / 64] >> i % 64 & 1, ==, expected->dy_eligible[i]);
		g_assert_cmpint(got->dy_eligible_known[i / 64] >> i % 64 & 1, ==, expected->dy_eligible_known[i]);
	}
}

/* What random scenes must have come to, for the comparison to be one. */
struct tally {
	guint picks, nobody, uncertain, certain, attempts, refused;
};

static void count(struct tally *t, const struct scalar_result *r)
{
	t->picks += r->pick >= 0;
	t->nobody += r->pick == NO_TARGET;
	t->uncertain += r->uncertain;
	t->certain += !r->uncertain;
	t->attempts += r->attempts->len;
	for (guint i = 0; i < r->steps->len; i++)
		t->refused += g_array_index(r->steps, struct spin_step, i).step == STEP_NOT_ELIGIBLE;
}

static void ask(struct scene *sc, const struct policy *policy, struct tally *t)
{
	struct scalar_state *plain = scalar_state_new(&sc->state);
	struct scalar_result *expected = scalar_result_new(MAX_VCPUS, true);
	struct spin_result *got = spin_result_new(MAX_WORDS);
	g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(struct spin_step));

	for (enum spin_mode mode = SPIN_MODEL; mode <= SPIN_FOLLOW; mode++) {
		const GArray *observed = mode == SPIN_MODEL ? NULL : sc->observed;

		scalar_ask(policy, &sc->vm, plain, mode, observed, expected);
		count(t, expected);
		spin_ask(policy, &sc->vm, &sc->state, mode, observed, NULL, got);
		compare(sc, got, expected);
		g_array_set_size(steps, 0);
		spin_ask(policy, &sc->vm, &sc->state, mode, observed, steps, got);
		compare(sc, got, expected);
		compare_steps(steps, expected->steps);
		/* what the kernel tried is more like what a scan tries than chance is */
		if (mode != SPIN_FOLLOW && expected->attempts->len && chance(sc, 0.5)) {
			g_array_set_size(sc->observed, 0);
			g_array_append_vals(sc->observed, expected->attempts->data, expected->attempts->len);
		}
	}
	spin_result_free(got);
	scalar_result_free(expected);
	scalar_state_free(plain);
}

static void test_policy(gconstpointer data)
{
	const struct policy *policy = data;
	struct tally t = { 0 };

	for (unsigned int i = 0; i < SCENES && !g_test_failed(); i++) {
		struct scene *sc = scene_new(i);

		if (policy == &policy_adaptive_window)
			sc->vm.answers.window_ns = sc->learnt;
		ask(sc, policy, &t);
		if (g_test_failed())
			g_test_message("scene %u: %u vCPUs", i, sc->state.n_vcpus);
		scene_free(sc);
	}
	g_test_message("%u picks, %u nobody, %u uncertain, %u attempts, %u refused", t.picks, t.nobody,
		       t.uncertain, t.attempts, t.refused);
	if (policy == &policy_none)
		return;
	g_assert_cmpuint(t.picks, >, SCENES / 4);
	g_assert_cmpuint(t.nobody, >, SCENES / 4);
	g_assert_cmpuint(t.uncertain, >, SCENES / 4);
	g_assert_cmpuint(t.certain, >, SCENES / 4);
	g_assert_cmpuint(t.attempts, >, SCENES);
	g_assert_cmpuint(t.refused, >, SCENES);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_set_nonfatal_assertions();
	for (unsigned int i = 0; i < n_policies; i++) {
		g_autofree char *path = g_strdup_printf("/scoring/%s", policies[i]->name);

		g_test_add_data_func(path, policies[i], test_policy);
	}
	return g_test_run();
}
