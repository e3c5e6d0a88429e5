// SPDX-License-Identifier: GPL-2.0-or-later
/* gain, outcome: waits worked out by hand. Expected numbers are us and exact. */
#include <math.h>

#include "micro_trace.h"

static struct episode_gain ask(const struct micro_trace *m, int first, int second)
{
	int picks[MAX_MICRO] = { first, second, second, second, second, second, second, second };

	return gain_of_episode(&m->episode, picks);
}

static void expect(const struct episode_gain *g, enum gain_class class, int decision,
		   double wall_us, double spin_us)
{
	g_assert_cmpstr(gain_class_names[g->class], ==, gain_class_names[class]);
	g_assert_cmpint(g->decision, ==, decision);
	g_assert_true(g->supported);
	g_assert_cmpfloat(g->wall_ns, ==, wall_us * 1000);
	g_assert_cmpfloat(g->spin_ns, ==, spin_us * 1000);
}

static void hit(void)
{
	struct micro_trace m;
	struct episode_gain g;

	micro_base(&m, STRATUM_E);
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_HIT, 0, 400 - 5, 20 + 230);
	g_assert_cmpuint(g.n[GAIN_HIT], ==, 1);
	g_assert_cmpuint(g.n_retries, ==, 0);
}

/* The filter takes OTHER first in the scan's order; stock takes it as recorded. */
static void same_picks(void)
{
	struct micro_trace m;
	struct episode_gain g;

	micro_base(&m, STRATUM_E);
	g = ask(&m, OTHER, OTHER);
	expect(&g, GAIN_SAME_PICK, -1, 0, 0);
	g_assert_cmpuint(g.n[GAIN_SAME_PICK], ==, 2);
	m.episode.n_decisions = 0;
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_SAME_PICK, -1, 0, 0);
}

static void futile_hit(void)
{
	struct micro_trace m;
	struct episode_gain g;

	micro_base(&m, STRATUM_I);
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_FUTILE_HIT, 0, 0, 0);
	/* eligible by the time of the second */
	m.decisions[1].stratum = STRATUM_E;
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_FUTILE_HIT, 0, 400 - 45, 230);
	g_assert_cmpuint(g.n_retries, ==, 1);
}

static void half_efficacy(void)
{
	struct micro_trace m;
	struct episode_gain g;

	micro_base(&m, STRATUM_H);
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_HIT, 0, 400 - (.5 * 10 + .25 * 50 + .25 * 400), .5 * 250 + .25 * 230);
	g_assert_cmpuint(g.n_retries, ==, 1);
	/* no second try */
	g = ask(&m, UNBLOCKER, OTHER);
	expect(&g, GAIN_HIT, 0, 400 - (.5 * 10 + .5 * 400), .5 * 250);
	g_assert_cmpuint(g.n_retries, ==, 0);
	/* one that cannot be judged is no try */
	m.decisions[1].stratum = STRATUM_X;
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_HIT, 0, 400 - (.5 * 10 + .5 * 400), .5 * 250);
	/* nor is one after it ran of itself */
	micro_base(&m, STRATUM_H);
	m.decisions[0].t_in = 60 * 1000;
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_HIT, 0, 40 - (.5 * 10 + .5 * 40), .5 * 250);
	/* it does not come later for being helped */
	m.decisions[0].t_in = 24 * 1000;
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_HIT, 0, 0, .5 * 250);
}

/* The recorded yield brought the unblocker in at 25, and the wait ended at 30. */
static void lost_trace(struct micro_trace *m)
{
	micro_begin(m, 30);
	micro_decision(m, 20, UNBLOCKER, 25, STRATUM_E);
	micro_span(m, 0, 20);
	micro_span(m, 25, 30);
}

static void loss(void)
{
	struct micro_trace m;
	struct episode_gain g;

	lost_trace(&m);
	g = ask(&m, OTHER, OTHER);
	expect(&g, GAIN_LOSS, 0, -795, -795 * 25 / 30.0);
	/* nobody is worse than another, by no more than this */
	g = ask(&m, NO_TARGET, NO_TARGET);
	expect(&g, GAIN_LOSS, 0, -795, -795 * 25 / 30.0);
	/* who waits no longer without help loses nothing */
	m.decisions[0].t_in = 25 * 1000;
	m.decisions[0].t = 20 * 1000 - 800000;
	g = ask(&m, OTHER, OTHER);
	expect(&g, GAIN_LOSS, 0, 0, 0);
}

static void loss_capped(void)
{
	struct micro_trace m;
	struct episode_gain g;

	lost_trace(&m);
	micro_decision(&m, 120, UNBLOCKER, 120, STRATUM_E);
	g = ask(&m, OTHER, UNBLOCKER);
	expect(&g, GAIN_LOSS, 0, -95, -95 * 25 / 30.0);
	/* a pick that comes after it would have run anyway caps nothing */
	m.decisions[1].t = (20 + 800) * 1000;
	g = ask(&m, OTHER, UNBLOCKER);
	expect(&g, GAIN_LOSS, 0, -795, -795 * 25 / 30.0);
	m.decisions[1].t = (20 + 799) * 1000;
	g = ask(&m, OTHER, UNBLOCKER);
	expect(&g, GAIN_LOSS, 0, -794, -794 * 25 / 30.0);
}

static void unsupported(void)
{
	struct micro_trace m;
	struct episode_gain g;

	for (int stratum = STRATUM_X; stratum >= -1; stratum -= STRATUM_X + 1) {
		micro_base(&m, stratum);
		g = ask(&m, UNBLOCKER, UNBLOCKER);
		g_assert_cmpint(g.class, ==, GAIN_UNSUPPORTED);
		g_assert_cmpint(g.decision, ==, 0);
		g_assert_false(g.supported);
		g_assert_true(isnan(g.wall_ns));
		g_assert_true(isnan(g.spin_ns));
		/* nothing hangs on it */
		g = ask(&m, OTHER, OTHER);
		expect(&g, GAIN_SAME_PICK, -1, 0, 0);
	}
}

static void moot(void)
{
	struct micro_trace m;
	struct episode_gain g;

	for (enum unblocker_state state = UNBLOCKER_ON_CPU; state <= UNBLOCKER_BLOCKED; state++) {
		micro_base(&m, STRATUM_E);
		m.decisions[0].state = m.decisions[1].state = state;
		g = ask(&m, OTHER, OTHER);
		expect(&g, GAIN_SAME_PICK, -1, 0, 0);
		g = ask(&m, UNBLOCKER, UNBLOCKER);
		expect(&g, GAIN_MOOT, 0, 0, 0);
		g_assert_cmpuint(g.n[GAIN_MOOT], ==, 2);
	}
	/* it stopped running before the second */
	m.decisions[1].state = UNBLOCKER_READY;
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_HIT, 1, 360 - 5, 230);
	g_assert_cmpuint(g.n[GAIN_MOOT], ==, 1);
}

static void misses(void)
{
	struct micro_trace m;
	struct episode_gain g;

	micro_base(&m, STRATUM_E);
	g = ask(&m, RUNNER, OTHER);
	expect(&g, GAIN_MISS_MISS, 0, 0, 0);
	g = ask(&m, NO_TARGET, OTHER);
	expect(&g, GAIN_MISS_MISS, 0, 0, 0);
	m.decisions[0].unblocker_awaits = RUNNER;
	g = ask(&m, RUNNER, OTHER);
	expect(&g, GAIN_NEAR_HIT, 0, 0, 0);
	g = ask(&m, NO_TARGET, OTHER);
	expect(&g, GAIN_MISS_MISS, 0, 0, 0);

	/* the unblocker ran when the spinner, left alone before, gave its CPU to a third */
	micro_base(&m, STRATUM_E);
	m.decisions[0].recorded = NO_TARGET;
	m.decisions[0].state = UNBLOCKER_ON_CPU;
	m.decisions[0].awaited_on_cpu = true;
	g = ask(&m, OTHER, OTHER);
	expect(&g, GAIN_SELF_STARVE, 0, 0, 0);
	/* it went off the CPU anyway */
	m.decisions[0].recorded = RUNNER;
	g = ask(&m, OTHER, OTHER);
	expect(&g, GAIN_MISS_MISS, 0, 0, 0);
}

static void inconsistent(void)
{
	struct micro_trace m;
	struct episode_gain g;

	micro_base(&m, STRATUM_E);
	m.decisions[0].t_in = 430 * 1000 + 1;
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_INCONSISTENT, 0, 0, 0);
	m.decisions[0].t_in = GAIN_NEVER;
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_INCONSISTENT, 0, 0, 0);
	m.decisions[0].t_in = 430 * 1000;
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_HIT, 0, 410 - 5, 250);
}

/* What each decision would bring if it alone differed, and what the episode brings. */
static void no_sum_over_decisions(void)
{
	struct micro_trace m;
	struct episode_gain first, second, both;

	micro_base(&m, STRATUM_E);
	first = ask(&m, UNBLOCKER, OTHER);
	second = ask(&m, OTHER, UNBLOCKER);
	both = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&first, GAIN_HIT, 0, 395, 250);
	expect(&second, GAIN_HIT, 1, 355, 230);
	expect(&both, GAIN_HIT, 0, 395, 250);
	g_assert_cmpfloat(first.wall_ns + second.wall_ns, ==, 750 * 1000);
}

/* Nobody was picked at 20; the spinner stayed on the CPU until 120. */
static void release_trace(struct micro_trace *m)
{
	micro_begin(m, 430);
	micro_decision(m, 20, NO_TARGET, 420, STRATUM_E);
	micro_span(m, 0, 120);
	micro_span(m, 200, 430);
}

static void release(void)
{
	struct micro_trace m;
	struct episode_gain g;

	release_trace(&m);
	g = ask(&m, OTHER, OTHER);
	expect(&g, GAIN_RELEASE, 0, 0, 120 - 20);
	g_assert_cmpfloat(g.release_ns, ==, 100 * 1000);
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_HIT, 0, 395, 100 + 230);

	/* an awaited vCPU runs: the wait may end before the spinner is back */
	m.decisions[0].awaited_on_cpu = true;
	g = ask(&m, OTHER, OTHER);
	expect(&g, GAIN_MISS_MISS, 0, 0, 0);
	/* the spinner was not on the CPU */
	release_trace(&m);
	m.decisions[0].t = 150 * 1000;
	g = ask(&m, OTHER, OTHER);
	expect(&g, GAIN_RELEASE, 0, 0, 0);
	/* on the CPU beyond the wait */
	release_trace(&m);
	m.decisions[0].t = 400 * 1000;
	m.spans[1].t1 = 900 * 1000;
	g = ask(&m, OTHER, OTHER);
	expect(&g, GAIN_RELEASE, 0, 0, 30);
}

static void release_ends_the_stretch(void)
{
	struct micro_trace m;
	struct episode_gain g;
	int picks[] = { OTHER, UNBLOCKER, OTHER, UNBLOCKER };

	release_trace(&m);
	micro_decision(&m, 60, NO_TARGET, 420, STRATUM_E);	/* not made: off the CPU */
	micro_decision(&m, 220, NO_TARGET, 420, STRATUM_E);
	micro_decision(&m, 320, NO_TARGET, 420, STRATUM_E);
	g = gain_of_episode(&m.episode, picks);
	expect(&g, GAIN_RELEASE, 0, 0, 100 + 210);
	g_assert_cmpuint(g.n[GAIN_RELEASE], ==, 2);
	g_assert_cmpuint(g.n[GAIN_NOT_MADE], ==, 2);
	/* a decision of the next stretch counts, beside the release before it */
	picks[2] = NO_TARGET;
	g = gain_of_episode(&m.episode, picks);
	expect(&g, GAIN_HIT, 3, 100 - 5, 100 + 110);
	g_assert_cmpfloat(g.release_ns, ==, 100 * 1000);
	/* ... also if the decision that counts has no gain of its own */
	m.decisions[3].t_in = GAIN_NEVER;
	g = gain_of_episode(&m.episode, picks);
	expect(&g, GAIN_INCONSISTENT, 3, 0, 100);
}

static void cost_of_a_yield(void)
{
	struct micro_trace m;
	struct episode_gain g;

	micro_base(&m, STRATUM_H);
	m.episode.yield_ns = 30 * 1000;
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_HIT, 0, 282.5, .5 * 220 + .25 * 200);
	m.episode.yield_ns = 240 * 1000;
	g = ask(&m, UNBLOCKER, UNBLOCKER);
	expect(&g, GAIN_HIT, 0, 282.5, .5 * 10);
	release_trace(&m);
	m.episode.yield_ns = 30 * 1000;
	g = ask(&m, OTHER, OTHER);
	expect(&g, GAIN_RELEASE, 0, 0, 70);
	m.episode.yield_ns = 101 * 1000;
	g = ask(&m, OTHER, OTHER);
	expect(&g, GAIN_RELEASE, 0, 0, 0);
}

/* The unblocker is a guess, or not even that. */
static void low_confidence(void)
{
	for (int guess = 0; guess < 2; guess++) {
		struct micro_trace m;
		struct episode_gain g;

		micro_base(&m, STRATUM_E);
		m.episode.confidence = 1;
		m.episode.unblocker = guess ? UNBLOCKER : NO_TARGET;
		g = ask(&m, UNBLOCKER, UNBLOCKER);
		expect(&g, GAIN_NO_UNBLOCKER, 0, 0, 0);
		g = ask(&m, NO_TARGET, OTHER);
		expect(&g, GAIN_NO_UNBLOCKER, 0, 0, 0);
		release_trace(&m);
		m.episode.confidence = 1;
		m.episode.unblocker = guess ? UNBLOCKER : NO_TARGET;
		g = ask(&m, OTHER, OTHER);
		expect(&g, GAIN_RELEASE, 0, 0, 100);
		g = ask(&m, UNBLOCKER, UNBLOCKER);
		expect(&g, GAIN_RELEASE, 0, 0, 100);
		m.episode.confidence = GAIN_MIN_CONFIDENCE;
		m.episode.unblocker = UNBLOCKER;
		g = ask(&m, UNBLOCKER, UNBLOCKER);
		expect(&g, GAIN_HIT, 0, 395, 330);
	}
}

static void pick_not_known(void)
{
	struct micro_trace m;
	struct episode_gain g;

	/* it may be the unblocker */
	micro_base(&m, STRATUM_E);
	g = ask(&m, PICK_UNKNOWN, OTHER);
	g_assert_cmpint(g.class, ==, GAIN_UNKNOWN_PICK);
	g_assert_false(g.supported);
	g_assert_true(isnan(g.wall_ns) && isnan(g.spin_ns));
	m.decisions[0].recorded = PICK_UNKNOWN;
	g = ask(&m, OTHER, OTHER);
	g_assert_cmpint(g.class, ==, GAIN_UNKNOWN_PICK);
	/* it came too late to matter */
	micro_base(&m, STRATUM_E);
	g = ask(&m, UNBLOCKER, PICK_UNKNOWN);
	expect(&g, GAIN_HIT, 0, 395, 250);
	/* the unblocker runs: whoever it was */
	m.decisions[0].state = UNBLOCKER_ON_CPU;
	m.decisions[0].awaited_on_cpu = true;
	g = ask(&m, PICK_UNKNOWN, OTHER);
	expect(&g, GAIN_MOOT, 0, 0, 0);
	/* nobody known to be awaited: it matters only if it may have been a release */
	micro_base(&m, STRATUM_E);
	m.episode.confidence = 0;
	g = ask(&m, PICK_UNKNOWN, OTHER);
	expect(&g, GAIN_NO_UNBLOCKER, 0, 0, 0);
	m.decisions[0].recorded = NO_TARGET;
	g = ask(&m, PICK_UNKNOWN, OTHER);
	g_assert_cmpint(g.class, ==, GAIN_UNKNOWN_PICK);
	m.decisions[0].recorded = PICK_UNKNOWN;
	g = ask(&m, NO_TARGET, OTHER);
	expect(&g, GAIN_NO_UNBLOCKER, 0, 0, 0);
	g = ask(&m, OTHER, OTHER);
	g_assert_cmpint(g.class, ==, GAIN_UNKNOWN_PICK);
}

static void spin(void)
{
	struct micro_trace m;

	micro_base(&m, STRATUM_E);
	g_assert_cmpint(gain_spin(&m.episode, 35 * 1000, 430 * 1000), ==, 250 * 1000);
	g_assert_cmpint(gain_spin(&m.episode, 20 * 1000, 40 * 1000), ==, 0);
	g_assert_cmpint(gain_spin(&m.episode, 10 * 1000, 50 * 1000), ==, 20 * 1000);
	g_assert_cmpint(gain_spin(&m.episode, -100, 1000 * 1000), ==, 270 * 1000);
	g_assert_cmpint(gain_spin(&m.episode, 50 * 1000, 50 * 1000), ==, 0);
	g_assert_cmpint(gain_spin(&m.episode, 500 * 1000, 600 * 1000), ==, 0);
}

/* A second reading of the rules: which class one state has. */
static enum outcome_class class_wanted(unsigned int awaited, unsigned int ready, int pick,
				       enum would_run run)
{
	bool of_awaited = pick >= 0 && awaited & 1 << pick;
	bool of_ready = pick >= 0 && ready & 1 << pick;

	if (pick == PICK_UNKNOWN)
		return OUTCOME_CLASS_UNKNOWN;
	if (of_awaited && of_ready && run == WOULD_RUN)
		return OUTCOME_HIT;
	if (of_awaited && of_ready && run == WOULD_NOT_RUN)
		return OUTCOME_SCHEDULER_MISMATCH;
	if (of_awaited && of_ready)
		return OUTCOME_NOMINATED;
	if (awaited & ready)
		return OUTCOME_LOST_OPPORTUNITY;
	return pick >= 0 && !of_awaited ? OUTCOME_OVERBOOST : OUTCOME_NOTHING_TO_GAIN;
}

static void outcome_classes(void)
{
	unsigned int n[N_OUTCOME_CLASSES] = { 0 };

	for (unsigned int i = 0; i < 8 * 8 * 5 * 3; i++) {
		unsigned int awaited = i % 8, ready = i / 8 % 8;
		int pick = (int)(i / 64 % 5) + PICK_UNKNOWN;
		enum would_run run = i / 320;
		uint64_t a[] = { 0, awaited }, r[] = { 0, ready };
		struct outcome_query q = { 2, a, r, run };
		int idx = pick < 0 ? pick : 64 + pick;
		enum outcome_class class = classify_decision(&q, idx);

		g_assert_cmpint(class, ==, class_wanted(awaited, ready, pick, run));
		n[class]++;
		q.awaited = NULL;
		g_assert_cmpint(classify_decision(&q, idx), ==, OUTCOME_CLASS_UNKNOWN);
	}
	/* of 64 states each, three picks of vCPUs, with three answers; nobody; not known */
	g_assert_cmpuint(n[OUTCOME_CLASS_UNKNOWN], ==, 64 * 3);
	g_assert_cmpuint(n[OUTCOME_HIT], ==, 3 * 16);
	g_assert_cmpuint(n[OUTCOME_SCHEDULER_MISMATCH], ==, 3 * 16);
	g_assert_cmpuint(n[OUTCOME_NOMINATED], ==, 3 * 16);
	/* in 27 of 64 none is both awaited and ready; a vCPU is in 16 */
	g_assert_cmpuint(n[OUTCOME_LOST_OPPORTUNITY], ==, 3 * (64 - 27) + 9 * (64 - 27 - 16));
	g_assert_cmpuint(n[OUTCOME_OVERBOOST], ==, 9 * (2 * 9));
	g_assert_cmpuint(n[OUTCOME_NOTHING_TO_GAIN], ==, 3 * 27 + 9 * 9);
	for (unsigned int i = 0; i < N_OUTCOME_CLASSES; i++)
		g_assert_nonnull(outcome_class_names[i]);
	for (unsigned int i = 0; i < N_GAIN_CLASSES; i++)
		g_assert_nonnull(gain_class_names[i]);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/gain/hit", hit);
	g_test_add_func("/gain/same picks", same_picks);
	g_test_add_func("/gain/futile hit", futile_hit);
	g_test_add_func("/gain/half efficacy", half_efficacy);
	g_test_add_func("/gain/loss", loss);
	g_test_add_func("/gain/loss capped", loss_capped);
	g_test_add_func("/gain/unsupported", unsupported);
	g_test_add_func("/gain/moot", moot);
	g_test_add_func("/gain/misses", misses);
	g_test_add_func("/gain/inconsistent", inconsistent);
	g_test_add_func("/gain/no sum over decisions", no_sum_over_decisions);
	g_test_add_func("/gain/release", release);
	g_test_add_func("/gain/release ends the stretch", release_ends_the_stretch);
	g_test_add_func("/gain/cost of a yield", cost_of_a_yield);
	g_test_add_func("/gain/low confidence", low_confidence);
	g_test_add_func("/gain/pick not known", pick_not_known);
	g_test_add_func("/gain/spin", spin);
	g_test_add_func("/outcome/classes", outcome_classes);
	return g_test_run();
}
