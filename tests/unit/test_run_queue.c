// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One CPU's run queue, entity by entity: who is picked next, what a yield costs, what
 * the scheduler side does to it. Worked out by hand from scheduler-side.md; slice 3 ms,
 * equal weights unless said; times in us, by US().
 */
#include <glib.h>

#include "replay/simulate/run_queue.h"
#include "replay/simulate/side.h"
#include "simulated_world.h"

enum { A, B, C, D, E, N };

struct fixture {
	struct sim_host host;
	struct run_queue rq;
	struct sim_entity e[N];
};

static void set_up(struct fixture *f, enum scheduler scheduler, unsigned int n)
{
	static unsigned int weights[] = { 0, 1024, 2048 };
	struct program_input *input = world_input(scheduler, 1);

	f->host = input->host;
	f->host.n_groups = 3;
	f->host.group_weights = weights;
	world_free(input);
	run_queue_init(&f->rq, &f->host);
	for (unsigned int i = 0; i < N; i++)
		f->e[i] = (struct sim_entity){ .weight = WEIGHT_0, .number = i };
	for (unsigned int i = 0; i < n; i++)
		run_queue_enqueue(&f->rq, &f->e[i], true);
}

static int pick(struct fixture *f)
{
	struct sim_entity *se = run_queue_pick(&f->rq);

	return se ? (int)se->number : -1;
}

static int run_next(struct fixture *f, int64_t now)
{
	struct sim_entity *se = run_queue_pick(&f->rq);

	run_queue_set_curr(&f->rq, se, now);
	f->rq.resched = false;
	return se ? (int)se->number : -1;
}

/* Ticks of 1 ms up to 'ms', whoever is picked; who ran how long. */
static void run_for(struct fixture *f, unsigned int ms, int64_t *ran)
{
	for (unsigned int t = 0; t < ms; t++) {
		if (!f->rq.curr || f->rq.resched) {
			run_queue_update(&f->rq, US(1000) * t);
			run_next(f, US(1000) * t);
		}
		ran[f->rq.curr->number] += US(1000);
		run_queue_tick(&f->rq, US(1000) * (t + 1));
	}
}

static void test_shares(gconstpointer scheduler)
{
	int64_t ran[N] = { 0 };
	struct fixture f;

	set_up(&f, GPOINTER_TO_INT(scheduler), 3);
	run_for(&f, 300, ran);
	for (unsigned int i = 0; i < 3; i++)
		g_assert_cmpint(ABS(ran[i] - US(100000)), <=, US(3000));
	run_queue_release(&f.rq);
}

static void test_weights(gconstpointer scheduler)
{
	int64_t ran[N] = { 0 };
	struct fixture f;

	set_up(&f, GPOINTER_TO_INT(scheduler), 0);
	f.e[A].weight = 2048;
	run_queue_enqueue(&f.rq, &f.e[A], true);
	run_queue_enqueue(&f.rq, &f.e[B], true);
	run_for(&f, 300, ran);
	g_assert_cmpint(ABS(ran[A] - US(200000)), <=, US(4000));
	run_queue_release(&f.rq);
}

/* Groups of weight 1024 and 2048, of one and two tasks, beside one of the root: 1 : 2 : 1. */
static void test_groups(gconstpointer scheduler)
{
	int64_t ran[N] = { 0 };
	struct fixture f;

	set_up(&f, GPOINTER_TO_INT(scheduler), 0);
	f.e[A].group = 1;
	f.e[B].group = f.e[C].group = 2;
	for (unsigned int i = A; i <= D; i++)
		run_queue_enqueue(&f.rq, &f.e[i], true);
	g_assert_cmpuint(f.rq.root.n, ==, 3);
	g_assert_cmpuint(f.rq.n_tasks, ==, 4);
	run_for(&f, 400, ran);
	for (unsigned int i = A; i <= D; i++)
		g_assert_cmpint(ABS(ran[i] - US(100000)), <=, US(6000));
	/* the last of a group takes it along */
	run_queue_dequeue(&f.rq, &f.e[A], false);
	g_assert_cmpuint(f.rq.root.n, ==, 2);
	g_assert_cmpuint(f.rq.n_tasks, ==, 3);
	run_queue_release(&f.rq);
}

static void test_eevdf_buddy(void)
{
	struct fixture f;

	set_up(&f, SCHEDULER_EEVDF, 3);
	g_assert_cmpint(run_next(&f, 0), ==, A);
	run_queue_update(&f.rq, US(300));
	/* A at 300, V at 100: out of turn, B is first; C is named */
	g_assert_cmpint(pick(&f), ==, B);
	run_queue_nominate(&f.rq, &f.e[C]);
	g_assert_cmpint(pick(&f), ==, C);
	/* not one that has had more than its share: V is (300 + 0 + 2000) / 3, by which A may go on */
	f.e[C].v = US(2000);
	g_assert_cmpint(pick(&f), ==, A);
	/* the hint outlives that */
	f.e[C].v = US(100);
	g_assert_cmpint(run_next(&f, US(300)), ==, C);
	g_assert_null(f.rq.root.next);
	run_queue_nominate(&f.rq, &f.e[B]);
	f.host.pick_buddy = false;
	f.e[A].v = 0;
	f.e[A].deadline = US(1000);
	g_assert_cmpint(pick(&f), !=, B);
	run_queue_release(&f.rq);
}

/* A hint in a group counts for nothing if the group itself is not eligible. */
static void test_eevdf_buddy_in_group(void)
{
	struct fixture f;

	set_up(&f, SCHEDULER_EEVDF, 0);
	f.e[A].group = f.e[B].group = f.e[C].group = 1;
	f.e[D].group = 2;
	for (unsigned int i = A; i <= D; i++)
		run_queue_enqueue(&f.rq, &f.e[i], true);
	g_assert_cmpint(run_next(&f, 0), ==, D);
	run_queue_nominate(&f.rq, &f.e[C]);
	g_assert_cmpint(pick(&f), ==, C);
	f.rq.group_entities[1].v = US(1000);
	g_assert_cmpint(pick(&f), ==, D);
	run_queue_release(&f.rq);
}

/*
 * One yields to another of its group: on the root queue it is their group that is to be next, and the
 * yielder was not (clear_buddies() climbs only from a buddy).
 */
static void test_buddy_of_the_group(gconstpointer scheduler)
{
	struct fixture f;

	set_up(&f, GPOINTER_TO_INT(scheduler), 0);
	f.e[A].group = f.e[B].group = 1;
	f.e[C].group = 2;
	for (unsigned int i = A; i <= C; i++)
		run_queue_enqueue(&f.rq, &f.e[i], true);
	f.rq.group_entities[2].v = US(1);
	f.rq.group_entities[2].deadline = US(2);
	f.rq.curr = NULL;
	run_queue_set_curr(&f.rq, &f.e[A], 0);
	run_queue_nominate(&f.rq, &f.e[B]);
	run_queue_yield(&f.rq, 0);
	g_assert_true(f.rq.root.next == &f.rq.group_entities[1]);
	g_assert_true(f.rq.groups[1].next == &f.e[B]);
	/* but who was the buddy itself is it no longer */
	f.rq.groups[1].next = &f.e[A];
	run_queue_yield(&f.rq, 0);
	g_assert_null(f.rq.root.next);
	run_queue_release(&f.rq);
}

/* Who preempts as it wakes is picked, whoever was nominated before. */
static void test_cfs_preempter(void)
{
	struct fixture f;

	set_up(&f, SCHEDULER_CFS, 2);
	run_next(&f, 0);
	run_queue_nominate(&f.rq, &f.e[B]);
	run_queue_update(&f.rq, US(3000));
	f.e[D].queue = &f.rq.root;
	f.e[D].v = US(-5000);
	run_queue_enqueue(&f.rq, &f.e[D], true);
	run_queue_check_preempt(&f.rq, &f.e[D]);
	g_assert_true(f.rq.resched);
	g_assert_cmpint(run_next(&f, US(3000)), ==, D);
	run_queue_release(&f.rq);
}

/* 6.18 without RUN_TO_PARITY: 0.7 ms of a slice are protected still. */
static void test_eevdf_minimum(void)
{
	struct fixture f;

	set_up(&f, SCHEDULER_EEVDF, 2);
	f.host.run_to_parity = false;
	f.host.protect_slice_min = true;
	g_assert_cmpint(run_next(&f, 0), ==, A);
	g_assert_cmpint(f.e[A].vprot, ==, US(700));
	f.host.run_to_parity = true;
	run_queue_set_curr(&f.rq, &f.e[B], 0);
	g_assert_cmpint(f.e[B].vprot, ==, f.e[B].deadline);
	run_queue_release(&f.rq);
}

static void test_eevdf_yield(void)
{
	struct fixture f;

	for (unsigned int i = 0; i < 2; i++) {
		set_up(&f, SCHEDULER_EEVDF, 2);
		f.host.forfeit = i;
		g_assert_cmpint(run_next(&f, 0), ==, A);
		run_queue_yield(&f.rq, 0);
		g_assert_cmpint(f.e[A].v, ==, i ? US(3000) : 0);
		g_assert_cmpint(f.e[A].deadline, ==, US(6000));
		g_assert_cmpint(pick(&f), ==, B);
		run_queue_release(&f.rq);
	}
	/* not eligible: nothing to forfeit */
	set_up(&f, SCHEDULER_EEVDF, 2);
	run_next(&f, 0);
	run_queue_yield(&f.rq, US(1000));
	g_assert_cmpint(f.e[A].v, ==, US(1000));
	g_assert_cmpint(f.e[A].deadline, ==, US(3000));
	run_queue_release(&f.rq);
	/* alone: no effect at all */
	set_up(&f, SCHEDULER_EEVDF, 1);
	run_next(&f, 0);
	run_queue_yield(&f.rq, US(1000));
	g_assert_cmpint(f.e[A].deadline, ==, US(3000));
	run_queue_release(&f.rq);
}

/* Slice protection by deadline ends as the deadline moves; that by vprot does not, unless v does. */
static void test_eevdf_protection(void)
{
	struct fixture f;

	for (unsigned int i = 0; i < 2; i++) {
		set_up(&f, SCHEDULER_EEVDF, 2);
		f.host.forfeit = false;
		f.host.protect_slice_min = i;
		run_next(&f, 0);
		f.e[B].deadline = US(2000);
		g_assert_cmpint(pick(&f), ==, A);
		/* by vprot it was decided as the slice began */
		f.host.run_to_parity = false;
		g_assert_cmpint(pick(&f), ==, i ? A : B);
		f.host.run_to_parity = true;
		run_queue_yield(&f.rq, 0);
		g_assert_cmpint(pick(&f), ==, i ? A : B);
		/* one who wakes does not take it either */
		run_queue_check_preempt(&f.rq, &f.e[B]);
		g_assert_true(f.rq.resched == !i);
		run_queue_release(&f.rq);
	}
}

/* Who sleeps with debts stays until it is picked, or back at once. */
static void test_eevdf_delay(void)
{
	struct fixture f;

	set_up(&f, SCHEDULER_EEVDF, 2);
	run_next(&f, 0);
	run_queue_update(&f.rq, US(1000));
	run_queue_dequeue(&f.rq, &f.e[A], true);
	g_assert_true(f.e[A].delayed);
	g_assert_cmpuint(f.rq.n_tasks, ==, 2);
	g_assert_cmpint(run_next(&f, US(1000)), ==, B);
	/* no buddy */
	run_queue_nominate(&f.rq, &f.e[A]);
	g_assert_null(f.rq.root.next);
	run_queue_enqueue(&f.rq, &f.e[A], true);
	g_assert_false(f.e[A].delayed);
	g_assert_cmpint(f.e[A].v, ==, US(1000));
	run_queue_dequeue(&f.rq, &f.e[A], true);
	run_queue_update(&f.rq, US(4000));
	/* B at 3 ms, V at 2 ms: what A owed has been slept off, and is no credit */
	g_assert_cmpint(run_next(&f, US(4000)), ==, B);
	g_assert_false(f.e[A].queued);
	g_assert_cmpint(f.e[A].lag, ==, 0);
	g_assert_cmpuint(f.rq.n_tasks, ==, 1);
	run_queue_release(&f.rq);
}

/* Placed with the lag it left with: -1000 between two is V + 2000 beside one, which V then follows. */
static void test_eevdf_lag(void)
{
	struct fixture f;

	set_up(&f, SCHEDULER_EEVDF, 2);
	f.host.delay_dequeue = false;
	f.e[A].v = US(2000);
	run_queue_dequeue(&f.rq, &f.e[A], true);
	g_assert_cmpint(f.e[A].lag, ==, US(-1000));
	run_queue_enqueue(&f.rq, &f.e[A], true);
	g_assert_cmpint(f.e[A].v, ==, US(2000));
	g_assert_cmpint(eevdf_average(&f.rq.root) - f.e[A].v, ==, US(-1000));
	/* two slices are as much as is kept */
	f.e[A].v = US(60000);
	run_queue_dequeue(&f.rq, &f.e[A], true);
	g_assert_cmpint(f.e[A].lag, ==, US(-6000));
	run_queue_release(&f.rq);
}

static void test_cfs_buddies(void)
{
	struct fixture f;

	set_up(&f, SCHEDULER_CFS, 3);
	g_assert_cmpint(run_next(&f, 0), ==, A);
	f.e[B].v = US(100);
	f.e[C].v = US(1000);
	/* skipped for the second, as that is not too far; a buddy goes before */
	run_queue_yield(&f.rq, 0);
	g_assert_cmpint(pick(&f), ==, B);
	run_queue_nominate(&f.rq, &f.e[C]);
	g_assert_cmpint(pick(&f), ==, C);
	f.e[C].v = US(1001);
	g_assert_cmpint(pick(&f), ==, B);
	f.e[B].v = US(1001);
	g_assert_cmpint(pick(&f), ==, A);
	run_queue_release(&f.rq);
}

/* Of four that want the CPU, one that wakes takes it; then whom it took it from goes on. */
static void test_cfs_last_buddy(void)
{
	struct fixture f;

	for (unsigned int i = 0; i < 2; i++) {
		set_up(&f, SCHEDULER_CFS, 3);
		f.host.last_buddy = i;
		f.e[B].v = US(100);
		f.e[C].v = US(200);
		run_next(&f, 0);
		run_queue_update(&f.rq, US(900));
		/* it slept for long, for which it gets half a latency */
		f.e[D].queue = &f.rq.root;
		f.e[D].v = US(-5000);
		run_queue_enqueue(&f.rq, &f.e[D], true);
		g_assert_cmpint(f.e[D].v, ==, US(100 - 1500));
		run_queue_check_preempt(&f.rq, &f.e[D]);
		g_assert_true(f.rq.resched);
		g_assert_cmpint(run_next(&f, US(900)), ==, D);
		run_queue_dequeue(&f.rq, &f.e[D], true);
		g_assert_cmpint(run_next(&f, US(900)), ==, i ? A : B);
		run_queue_release(&f.rq);
	}
}

/* From a CPU where the least is at 1 ms to one where it is at 10. */
static void test_cfs_migration(void)
{
	struct fixture f, other;

	set_up(&f, SCHEDULER_CFS, 2);
	set_up(&other, SCHEDULER_CFS, 1);
	f.e[A].v = US(3000);
	f.e[B].v = f.rq.root.floor = US(1000);
	other.rq.root.floor = US(10000);
	run_queue_dequeue(&f.rq, &f.e[A], false);
	run_queue_enqueue(&other.rq, &f.e[A], false);
	g_assert_cmpint(f.e[A].v, ==, US(12000));
	run_queue_release(&f.rq);
	run_queue_release(&other.rq);
}

/* The turn of one of two is 1500, however far it is behind. */
static void test_cfs_turn(void)
{
	struct fixture f;

	set_up(&f, SCHEDULER_CFS, 2);
	f.e[B].v = US(100000);
	g_assert_cmpint(run_next(&f, 0), ==, A);
	run_queue_tick(&f.rq, US(1000));
	g_assert_false(f.rq.resched);
	run_queue_tick(&f.rq, US(2000));
	g_assert_true(f.rq.resched);
	run_queue_release(&f.rq);
}

/* What was left of a slice goes along to another CPU; who has slept gets a new one. */
static void test_eevdf_migration(void)
{
	struct fixture f, other;

	set_up(&f, SCHEDULER_EEVDF, 2);
	set_up(&other, SCHEDULER_EEVDF, 1);
	other.e[A].v = US(10000);
	f.e[A].v = f.e[B].v = US(1000);
	run_queue_dequeue(&f.rq, &f.e[A], false);
	run_queue_enqueue(&other.rq, &f.e[A], false);
	g_assert_cmpint(f.e[A].v, ==, US(10000));
	g_assert_cmpint(f.e[A].deadline, ==, US(12000));
	run_queue_dequeue(&other.rq, &f.e[A], true);
	run_queue_enqueue(&other.rq, &f.e[A], true);
	g_assert_cmpint(f.e[A].deadline, ==, US(13000));
	run_queue_release(&f.rq);
	run_queue_release(&other.rq);
}

static struct simulation_setting side(enum scheduler_side which)
{
	struct simulation_setting setting = world_setting("stock");

	setting.side = which;
	setting.lag_margin = 0.1;
	return setting;
}

/* y at 0, t at 1000: 3000 + 1000 + 1000 / 10; with more than two the cap binds. */
static void test_debooster(void)
{
	struct simulation_setting v1 = side(SIDE_DEBOOSTER_V1), v2 = side(SIDE_DEBOOSTER_V2);
	struct fixture f;

	set_up(&f, SCHEDULER_EEVDF, 2);
	run_next(&f, 0);
	f.e[B].v = US(1000);
	side_yield_to(&f.rq, &f.e[B], true, &v1, 0);
	g_assert_cmpint(f.e[A].v, ==, US(4100));
	g_assert_cmpint(f.e[A].deadline, ==, US(7100));
	run_queue_release(&f.rq);

	/* no need: one granule */
	set_up(&f, SCHEDULER_EEVDF, 2);
	run_next(&f, 0);
	side_yield_to(&f.rq, &f.e[B], true, &v2, 0);
	g_assert_cmpint(f.e[A].v, ==, US(3000));
	run_queue_release(&f.rq);

	/* 3000 + 20000 + 2000, of which five entities allow 2.5 granules; y twice as heavy, its time half */
	set_up(&f, SCHEDULER_EEVDF, 5);
	f.e[A].weight = 2048;
	f.rq.root.load += 1024;
	run_next(&f, 0);
	f.e[B].v = US(20000);
	side_yield_to(&f.rq, &f.e[B], true, &v2, 0);
	g_assert_cmpint(f.e[A].v, ==, US(1500) * 5 / 2);
	g_assert_cmpint(f.e[A].deadline, ==, US(3750 + 1500));
	/* not on another's queue */
	f.rq.penalty_time = INT64_MIN;
	side_yield_to(&f.rq, &f.e[C], false, &v2, US(10));
	g_assert_cmpint(f.e[A].v, ==, US(3750));
	g_assert_cmpint(f.rq.penalty_time, ==, US(10));
	run_queue_release(&f.rq);
}

/* A yield every ms for 30 ms: v1 at 0 alone; v2 at 0, 7, 14, 21 and 28, as 6 ms is still too early. */
static void test_debooster_stream(void)
{
	for (unsigned int v = SIDE_DEBOOSTER_V1; v <= SIDE_DEBOOSTER_V2; v++) {
		struct simulation_setting setting = side(v);
		unsigned int n = 0;
		struct fixture f;

		set_up(&f, SCHEDULER_EEVDF, 2);
		run_next(&f, 0);
		for (unsigned int ms = 0; ms <= 30; ms++) {
			int64_t before;

			run_queue_update(&f.rq, US(1000) * ms);
			before = f.e[A].v;
			side_yield_to(&f.rq, &f.e[B], true, &setting, US(1000) * ms);
			n += f.e[A].v != before;
		}
		g_assert_cmpuint(n, ==, v == SIDE_DEBOOSTER_V1 ? 1 : 5);
		/* v1 again after a pause */
		run_queue_update(&f.rq, US(37000));
		f.e[B].v = f.e[A].v;
		side_yield_to(&f.rq, &f.e[B], true, &setting, US(37000));
		g_assert_cmpint(f.e[A].v, >, f.e[B].v);
		run_queue_release(&f.rq);
	}
}

/* The yielder and the target in different groups: the groups' entities are compared and penalised. */
static void test_debooster_groups(void)
{
	struct simulation_setting setting = side(SIDE_DEBOOSTER_V2);
	struct fixture f;

	set_up(&f, SCHEDULER_EEVDF, 0);
	f.e[A].group = 2;
	f.e[B].group = 1;
	run_queue_enqueue(&f.rq, &f.e[A], true);
	run_queue_enqueue(&f.rq, &f.e[B], true);
	g_assert_cmpint(run_next(&f, 0), ==, A);
	f.rq.group_entities[1].v = US(1000);
	side_yield_to(&f.rq, &f.e[B], true, &setting, 0);
	g_assert_cmpint(f.e[A].v, ==, 0);
	/* of weight 2048: 1500 + 1000 + 100 */
	g_assert_cmpint(f.rq.group_entities[2].v, ==, US(2600));
	run_queue_release(&f.rq);
}

/* Between two, a margin of 0.1 slices each is 600; t goes 1200 below the other, as it takes V along. */
static void test_lag_credit(void)
{
	struct simulation_setting setting = side(SIDE_LAG_CREDIT);
	struct fixture f;

	set_up(&f, SCHEDULER_EEVDF, 2);
	run_next(&f, 0);
	f.e[B].v = US(2000);
	run_queue_nominate(&f.rq, &f.e[B]);
	g_assert_cmpint(pick(&f), ==, A);
	side_yield_to(&f.rq, &f.e[B], true, &setting, 0);
	g_assert_cmpint(f.e[B].v, ==, US(-1200));
	g_assert_cmpint(eevdf_average(&f.rq.root) - f.e[B].v, ==, US(600));
	g_assert_cmpint(f.e[B].deadline, ==, US(3000 - 3200));
	g_assert_cmpint(pick(&f), ==, B);
	/* one that is eligible needs none */
	side_yield_to(&f.rq, &f.e[B], true, &setting, 0);
	g_assert_cmpint(f.e[B].v, ==, US(-1200));
	/* never more than may be kept */
	f.e[B].v = US(2000);
	setting.lag_margin = 1000;
	side_yield_to(&f.rq, &f.e[B], true, &setting, 0);
	g_assert_cmpint(eevdf_average(&f.rq.root) - f.e[B].v, ==, US(6000));
	run_queue_release(&f.rq);
}

/* Once per 6 ms the yielder's protection ends. */
static void test_lag_credit_cancels(void)
{
	struct simulation_setting setting = side(SIDE_LAG_CREDIT);
	struct fixture f;

	set_up(&f, SCHEDULER_EEVDF, 2);
	run_next(&f, 0);
	f.e[B].deadline = US(2000);
	g_assert_cmpint(pick(&f), ==, A);
	side_yielded(&f.rq, &setting, 0);
	g_assert_cmpint(pick(&f), ==, B);
	f.e[A].vprot = f.e[A].deadline;
	side_yielded(&f.rq, &setting, US(6000));
	g_assert_cmpint(pick(&f), ==, A);
	side_yielded(&f.rq, &setting, US(6001));
	g_assert_cmpint(pick(&f), ==, B);
	run_queue_release(&f.rq);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		GTestDataFunc run;
	} both[] = { { "shares", test_shares }, { "weights", test_weights }, { "groups", test_groups } };

	g_test_init(&argc, &argv, NULL);
	for (unsigned int i = 0; i < G_N_ELEMENTS(both); i++) {
		g_autofree char *cfs = g_strdup_printf("/run_queue/cfs/%s", both[i].name);
		g_autofree char *eevdf = g_strdup_printf("/run_queue/eevdf/%s", both[i].name);

		g_test_add_data_func(cfs, GINT_TO_POINTER(SCHEDULER_CFS), both[i].run);
		g_test_add_data_func(eevdf, GINT_TO_POINTER(SCHEDULER_EEVDF), both[i].run);
	}
	g_test_add_func("/run_queue/eevdf/buddy", test_eevdf_buddy);
	g_test_add_func("/run_queue/eevdf/buddy_in_group", test_eevdf_buddy_in_group);
	g_test_add_func("/run_queue/eevdf/minimum", test_eevdf_minimum);
	g_test_add_data_func("/run_queue/eevdf/buddy_of_the_group", GINT_TO_POINTER(SCHEDULER_EEVDF),
			     test_buddy_of_the_group);
	g_test_add_data_func("/run_queue/cfs/buddy_of_the_group", GINT_TO_POINTER(SCHEDULER_CFS),
			     test_buddy_of_the_group);
	g_test_add_func("/run_queue/cfs/preempter", test_cfs_preempter);
	g_test_add_func("/run_queue/eevdf/yield", test_eevdf_yield);
	g_test_add_func("/run_queue/eevdf/protection", test_eevdf_protection);
	g_test_add_func("/run_queue/eevdf/delay", test_eevdf_delay);
	g_test_add_func("/run_queue/eevdf/lag", test_eevdf_lag);
	g_test_add_func("/run_queue/cfs/buddies", test_cfs_buddies);
	g_test_add_func("/run_queue/cfs/last_buddy", test_cfs_last_buddy);
	g_test_add_func("/run_queue/cfs/migration", test_cfs_migration);
	g_test_add_func("/run_queue/cfs/turn", test_cfs_turn);
	g_test_add_func("/run_queue/eevdf/migration", test_eevdf_migration);
	g_test_add_func("/run_queue/debooster", test_debooster);
	g_test_add_func("/run_queue/debooster/stream", test_debooster_stream);
	g_test_add_func("/run_queue/debooster/groups", test_debooster_groups);
	g_test_add_func("/run_queue/lag_credit", test_lag_credit);
	g_test_add_func("/run_queue/lag_credit/cancels", test_lag_credit_cancels);
	return g_test_run();
}
