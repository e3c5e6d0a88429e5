// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/machine.h"

#include <string.h>

#include "replay/estimate/fair.h"

#define MS (1000 * 1000LL)
#define LOAD_NS (46 * MS)	/* PELT halves what was in 32 ms: LOAD_AVG_PERIOD / ln 2 */
#define BUSY_FACTOR 16		/* sd_init(): of intervals of sd_weight ms */
#define IMBALANCE_PCT 117	/* of a domain that shares its cache */

static bool is_idle(const struct sim_cpu *cpu)
{
	return !cpu->curr && !nr_running(cpu);
}

/* Where a task comes to run: idle where it was; idle, its node's first; else where it was. */
static struct sim_cpu *choose_cpu(struct sim *sim, const struct sim_task *task)
{
	struct sim_cpu *prev = &sim->cpus[task->cpu], *found = NULL;

	if (is_idle(prev))
		return prev;
	for (unsigned int c = 0; c < sim->n_cpus; c++) {
		struct sim_cpu *cpu = &sim->cpus[c];

		if (!is_idle(cpu))
			continue;
		if (cpu->node == prev->node)
			return cpu;
		if (!found)
			found = cpu;
	}
	return found ? found : prev;
}

static void enqueue_realtime(struct sim *sim, struct sim_cpu *cpu, struct sim_task *task)
{
	cpu->realtime[cpu->n_realtime++] = task;
	if (cpu->n_realtime == 1)
		machine_resched(sim, cpu);
}

void machine_wake(struct sim *sim, struct sim_task *task)
{
	bool first = task->state == TASK_ABSENT;
	struct sim_cpu *cpu = &sim->cpus[task->cpu];

	/* one that is new, on a queue though asleep, or not off the CPU yet, stays where it is */
	if (!first && !task->se.queued && cpu->curr != task)
		cpu = choose_cpu(sim, task);
	timers_clear(&sim->timers, timer_of_task(task));
	task->cpu = cpu->number;
	task->state = TASK_WAITING;
	task->since = sim->now;
	if (task->guest)
		guest_woken(sim, task->guest, first);
	if (task->realtime) {
		enqueue_realtime(sim, cpu, task);
		return;
	}
	run_queue_update(&cpu->rq, sim->now);
	run_queue_enqueue(&cpu->rq, &task->se, true);
	if (!cpu->curr)
		cpu->rq.resched = true;
	else if (!cpu->curr->realtime)
		run_queue_check_preempt(&cpu->rq, &task->se);
	if (cpu->rq.resched)
		machine_touch(sim, cpu);
}

void machine_sleep(struct sim *sim, struct sim_task *task, int64_t until)
{
	struct sim_cpu *cpu = &sim->cpus[task->cpu];

	task->state = TASK_ASLEEP;
	if (until != INT64_MAX)
		timers_set(&sim->timers, timer_of_task(task), until);
	if (task->realtime) {
		cpu->n_realtime--;
		memmove(cpu->realtime, cpu->realtime + 1, cpu->n_realtime * sizeof(*cpu->realtime));
	} else {
		run_queue_update(&cpu->rq, sim->now);
		run_queue_dequeue(&cpu->rq, &task->se, true);
	}
	machine_resched(sim, cpu);
}

/* Of cpu's waiting tasks the one that waits longest: detach_tasks() takes the one that ran last, last. */
static struct sim_task *longest_waiting(struct sim *sim, const struct sim_cpu *cpu)
{
	struct sim_task *longest = NULL;

	for (unsigned int g = 0; g < MAX(sim->host->n_groups, 1); g++) {
		const struct sim_queue *q = g ? &cpu->rq.groups[g] : &cpu->rq.root;

		for (unsigned int i = 0; i < q->n; i++) {
			struct sim_task *task = q->e[i]->mine ? NULL : task_of(sim, q->e[i]);

			if (task && task->state == TASK_WAITING && task != cpu->curr &&
			    (!longest || task->since < longest->since ||
			     (task->since == longest->since && task->number < longest->number)))
				longest = task;
		}
	}
	return longest;
}

/* A task of the CPU that the most run on; those of one's own node first. */
static struct sim_task *find_pull(struct sim *sim, const struct sim_cpu *to)
{
	struct sim_task *found = NULL;
	unsigned int most = 1;
	bool near = false;

	for (unsigned int c = 0; c < sim->n_cpus; c++)
		if (nr_running(&sim->cpus[c]) > most)
			near |= sim->cpus[c].node == to->node;
	for (unsigned int c = 0; c < sim->n_cpus; c++) {
		struct sim_cpu *cpu = &sim->cpus[c];
		struct sim_task *longest;

		if (nr_running(cpu) <= most || (near && cpu->node != to->node))
			continue;
		longest = longest_waiting(sim, cpu);
		if (longest) {
			found = longest;
			most = nr_running(cpu);
		}
	}
	return found;
}

static void migrate(struct sim *sim, struct sim_task *task, struct sim_cpu *to)
{
	struct sim_cpu *from = &sim->cpus[task->cpu];

	run_queue_update(&from->rq, sim->now);
	run_queue_update(&to->rq, sim->now);
	run_queue_dequeue(&from->rq, &task->se, false);
	if (from->rq.resched)
		machine_touch(sim, from);
	from->load -= task->se.weight;
	to->load += task->se.weight;
	task->cpu = to->number;
	run_queue_enqueue(&to->rq, &task->se, false);
}

/* newidle_balance() */
static bool pull(struct sim *sim, struct sim_cpu *to)
{
	struct sim_task *task = sim->n_cpus > 1 ? find_pull(sim, to) : NULL;

	if (task)
		migrate(sim, task, to);
	return task;
}

static struct sim_task *pick(struct sim *sim, struct sim_cpu *cpu)
{
	struct sim_entity *se;

	if (cpu->n_realtime)
		return cpu->realtime[0];
	se = run_queue_pick(&cpu->rq);
	if (!se && pull(sim, cpu))
		se = run_queue_pick(&cpu->rq);
	return se ? task_of(sim, se) : NULL;
}

void machine_schedule(struct sim *sim, struct sim_cpu *cpu)
{
	struct sim_task *prev = cpu->curr, *next;

	run_queue_update(&cpu->rq, sim->now);
	cpu->rq.resched = false;
	next = pick(sim, cpu);
	cpu->rq.resched = false;
	run_queue_set_curr(&cpu->rq, next && !next->realtime ? &next->se : NULL, sim->now);
	/* woken while it was on its way out, it never left */
	if (next == prev && (!prev || prev->state == TASK_RUNS))
		return;
	if (prev && prev->state == TASK_RUNS)
		prev->state = TASK_WAITING;
	if (prev) {
		prev->since = sim->now;
		if (prev->guest)
			guest_switched_out(sim, prev->guest);
	} else {
		cpu->idle += sim->now - cpu->idle_since;
	}
	cpu->curr = next;
	cpu->idle_since = sim->now;
	if (!next)
		return;
	next->state = TASK_RUNS;
	next->since = sim->now;
	if (next->guest)
		guest_switched_in(sim, next->guest);
}

/* A busy CPU's tick, if others wait there, has idle ones look for something to pull (nohz balancing). */
static void tick_idle(struct sim *sim)
{
	bool waits = false;

	for (unsigned int c = 0; c < sim->n_cpus; c++)
		waits |= nr_running(&sim->cpus[c]) > 1;
	for (unsigned int c = 0; waits && c < sim->n_cpus; c++)
		if (is_idle(&sim->cpus[c]))
			machine_resched(sim, &sim->cpus[c]);
}

static double weight_on(const struct sim *sim, const struct sim_cpu *cpu)
{
	double weight = (double)cpu->n_realtime * FAIR_WEIGHT_0;

	for (unsigned int g = 0; g < MAX(sim->host->n_groups, 1); g++) {
		const struct sim_queue *q = g ? &cpu->rq.groups[g] : &cpu->rq.root;

		for (unsigned int i = 0; i < q->n; i++)
			weight += q->e[i]->mine ? 0 : q->e[i]->weight;
	}
	return weight;
}

static void track_load(const struct sim *sim, struct sim_cpu *cpu)
{
	double share = sim->now <= sim->host->tick ? 1 : MIN(1, (double)sim->host->tick / LOAD_NS);

	cpu->load += share * (weight_on(sim, cpu) - cpu->load);
}

/*
 * load_balance() of a CPU that is busy: from the CPU of its node with the largest load, if that is
 * larger by imbalance_pct, a task that is no heavier than what is wanting to the mean of both, and at
 * every failure half as heavy (kernel/sched/fair.c, 6.1: calculate_imbalance(), detach_tasks()). One
 * domain, of one node.
 */
static void balance(struct sim *sim, struct sim_cpu *to)
{
	struct sim_cpu *busiest = NULL;
	struct sim_task *task;

	to->balance_at = sim->now + BUSY_FACTOR * sim->n_cpus * MS;
	for (unsigned int c = 0; c < sim->n_cpus; c++) {
		struct sim_cpu *cpu = &sim->cpus[c];

		if (cpu->node == to->node && nr_running(cpu) > 1 && (!busiest || cpu->load > busiest->load))
			busiest = cpu;
	}
	if (!busiest || busiest == to || 100 * busiest->load <= IMBALANCE_PCT * to->load)
		return;
	task = longest_waiting(sim, busiest);
	if (!task || task->se.weight >> MIN(to->n_failed, 31) > (busiest->load - to->load) / 2) {
		to->n_failed++;
		return;
	}
	to->n_failed = 0;
	migrate(sim, task, to);
	if (!to->curr->realtime)
		run_queue_check_preempt(&to->rq, &task->se);
	if (to->rq.resched)
		machine_touch(sim, to);
}

void machine_tick(struct sim *sim)
{
	unsigned int n_busy = 0;

	for (unsigned int c = 0; sim->n_cpus > 1 && c < sim->n_cpus; c++)
		track_load(sim, &sim->cpus[c]);
	for (unsigned int c = 0; c < sim->n_cpus; c++) {
		struct sim_cpu *cpu = &sim->cpus[c];

		if (!cpu->curr)
			continue;
		if (sim->n_cpus > 1 && sim->now >= cpu->balance_at)
			balance(sim, cpu);
		n_busy++;
		if (cpu->curr->realtime)
			continue;
		run_queue_tick(&cpu->rq, sim->now);
		if (cpu->rq.resched)
			machine_touch(sim, cpu);
	}
	sim->events += n_busy;
	if (n_busy < sim->n_cpus)
		tick_idle(sim);
	timers_set(&sim->timers, timer_of_tick(), sim->now + sim->host->tick);
}
