// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/machine.h"

#include <string.h>

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

/* Of the busiest CPU's waiting tasks the one that waits longest; those of one's own node first. */
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
		struct sim_task *longest = NULL;

		if (nr_running(cpu) <= most || (near && cpu->node != to->node))
			continue;
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
		if (longest) {
			found = longest;
			most = nr_running(cpu);
		}
	}
	return found;
}

/* newidle_balance() */
static bool pull(struct sim *sim, struct sim_cpu *to)
{
	struct sim_task *task = sim->n_cpus > 1 ? find_pull(sim, to) : NULL;
	struct run_queue *from;

	if (!task)
		return false;
	from = &sim->cpus[task->cpu].rq;
	run_queue_update(from, sim->now);
	run_queue_dequeue(from, &task->se, false);
	if (from->resched)
		machine_touch(sim, &sim->cpus[task->cpu]);
	task->cpu = to->number;
	run_queue_enqueue(&to->rq, &task->se, false);
	return true;
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

void machine_tick(struct sim *sim)
{
	unsigned int n_busy = 0;

	for (unsigned int c = 0; c < sim->n_cpus; c++) {
		struct sim_cpu *cpu = &sim->cpus[c];

		if (!cpu->curr)
			continue;
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
