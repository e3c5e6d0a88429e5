/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine - a simulated host: its CPUs, the tasks on them, and who runs when. What a
 * task does with its time is guest.h's; whom a spinner yields to, kvm_yield.c's.
 *
 * Nobody is called back in the middle of something: whatever changes what a CPU should
 * do marks it (machine_touch), and simulation.c settles marked CPUs, in their order,
 * before time goes on.
 */
#ifndef REPLAY_SIMULATE_MACHINE_H
#define REPLAY_SIMULATE_MACHINE_H

#include "replay/simulate/guest.h"
#include "replay/simulate/run_queue.h"
#include "replay/simulate/simulation.h"
#include "replay/simulate/timers.h"
#include "replay/spin.h"

enum task_state { TASK_ABSENT, TASK_ASLEEP, TASK_WAITING, TASK_RUNS };

struct sim_task {
	struct sim_entity se;
	unsigned int number, cpu;	/* cpu: it is on, or was last */
	enum task_state state;
	bool realtime;
	struct sim_guest *guest;		/* NULL: a background task */
	int64_t since;			/* it runs, or waits, in what it does now */
	/* background */
	const struct background *background;
	guint turn;			/* the next of background->turns */
	int64_t left;			/* of a run, ns */
};

struct sim_cpu {
	struct run_queue rq;
	struct sim_task *curr;		/* NULL: idle */
	struct sim_task **realtime;	/* [n_realtime], first come first served; curr is the first */
	unsigned int n_realtime;
	unsigned int number, node;
	int64_t idle_since, idle;	/* ns */
	double load;			/* mean of the weight on it, over some 32 ms */
	int64_t balance_at;		/* its next look at how busy others are */
	unsigned int n_failed;		/* looks in a row that found nothing light enough */
};

struct sim {
	const struct program_input *input;
	const struct simulation_setting *setting;
	const struct sim_host *host;
	int64_t now;
	uint64_t events;
	bool over;			/* a program is exhausted */
	unsigned int n_cpus, n_tasks, n_guests;
	struct sim_cpu *cpus;
	struct sim_task *tasks;		/* guests' first, in the order of input->programs */
	struct sim_guest *guests;
	struct sim_vm *vms;
	struct timers timers;		/* the tick, tasks asleep, CPUs */
	uint64_t *touched;		/* bitmap of CPUs */
	unsigned int n_words;
	struct spin_result *answer;
	int64_t background;		/* ns on a CPU */
};

static inline uint32_t timer_of_tick(void)
{
	return 0;
}

static inline uint32_t timer_of_task(const struct sim_task *task)
{
	return 1 + task->number;
}

static inline uint32_t timer_of_cpu(const struct sim *sim, const struct sim_cpu *cpu)
{
	return 1 + sim->n_tasks + cpu->number;
}

static inline struct sim_task *task_of(struct sim *sim, const struct sim_entity *se)
{
	return &sim->tasks[se->number];
}

/* rq->nr_running: of all classes */
static inline unsigned int nr_running(const struct sim_cpu *cpu)
{
	return cpu->rq.n_tasks + cpu->n_realtime;
}

/* cpu is to be settled before time goes on. */
static inline void machine_touch(struct sim *sim, const struct sim_cpu *cpu)
{
	sim->touched[cpu->number / 64] |= 1ULL << cpu->number % 64;
}

static inline void machine_resched(struct sim *sim, struct sim_cpu *cpu)
{
	cpu->rq.resched = true;
	machine_touch(sim, cpu);
}

/* A task that is absent or asleep becomes runnable: on an idle CPU, else where it was. */
void machine_wake(struct sim *sim, struct sim_task *task);

/* A task that runs goes to sleep; until: INT64_MAX: until it is woken. */
void machine_sleep(struct sim *sim, struct sim_task *task, int64_t until);

/* Who is to run on cpu, does. */
void machine_schedule(struct sim *sim, struct sim_cpu *cpu);

/* The tick of all CPUs; a busy one's load balancing is part of it. */
void machine_tick(struct sim *sim);

#endif
