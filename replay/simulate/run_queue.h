/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_queue - the fair class of one CPU of a simulated host: entities on a root queue,
 * some of which stand for a cgroup with a queue of its own (two levels). CFS and EEVDF
 * differ in struct queue_rules. What the kernel keeps in trees is a small array here:
 * a CPU has few runnable tasks.
 *
 * After scheduler-side.md 1 to 3 (kernel/sched/fair.c). Left out: delayed dequeue of a
 * group's own entity, unequal slices, throttling, core scheduling; a group weighs the
 * same on every CPU.
 *
 * All times are ns; virtual time is ns * 1024 / weight. Nothing here allocates but a
 * queue that grows beyond what it ever held.
 */
#ifndef REPLAY_SIMULATE_RUN_QUEUE_H
#define REPLAY_SIMULATE_RUN_QUEUE_H

#include "replay/simulate/program.h"

#define WEIGHT_0 1024	/* of nice 0 */

struct sim_queue;

/* Something that competes for a CPU: a task, or a group on one CPU. */
struct sim_entity {
	int64_t v;		/* vruntime */
	int64_t deadline;	/* EEVDF; while 'relative': less v */
	int64_t lag;		/* EEVDF: V - v when it left its queue */
	int64_t vprot;		/* EEVDF: its slice is protected up to here, or while its deadline is this */
	int64_t exec;		/* ns that it ran since it was picked */
	uint64_t seq;		/* order of insertion, which ties go by */
	struct sim_queue *queue;	/* it is on, or was on last; NULL: never on one */
	struct sim_queue *mine;	/* of a group: its queue; NULL: a task */
	unsigned int weight, group;
	unsigned int slot;	/* in queue->e */
	unsigned int number;	/* a task's */
	bool queued;
	bool delayed;		/* queued, but asleep: not dequeued as it owes time */
	bool relative;
};

/* A cfs_rq. */
struct sim_queue {
	struct sim_entity **e;	/* [n], the current one included */
	unsigned int n, size;
	int64_t load;		/* sum of weights */
	int64_t floor;		/* CFS: min_vruntime; EEVDF: V when it was last left empty */
	struct sim_entity *curr, *next, *last, *skip;
	struct sim_entity *owner;	/* the entity that stands for this queue; NULL: root */
};

struct queue_rules;

struct run_queue {
	const struct sim_host *host;
	const struct queue_rules *rules;
	struct sim_queue root;
	struct sim_queue *groups;		/* [n_groups]; that of group 0 is not used */
	struct sim_entity *group_entities;	/* [n_groups] */
	struct sim_entity *curr;		/* the task that runs; NULL: none of the fair class */
	int64_t clock;			/* curr has been charged up to here: rq->clock as of the last update */
	unsigned int n_tasks;		/* h_nr_running, delayed ones included */
	uint64_t seq;
	bool resched;			/* somebody else is to run: to be scheduled at once */
	/* the scheduler side's, side.c; INT64_MIN: never */
	int64_t penalty_time, cancel_time;
};

/* What CFS and EEVDF do to one queue. All see curr charged up to now. */
struct queue_rules {
	/* where on q se comes in; wakeup: it slept */
	void (*place)(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se, bool wakeup);
	/* se is about to leave q */
	void (*leave)(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se, bool sleep);
	/* does se, which sleeps, stay on q? */
	bool (*delays)(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se);
	/* se->v of the current has grown; true: its turn is over */
	bool (*charged)(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se);
	/* at a tick; true: the current's turn is over */
	bool (*tick)(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se);
	struct sim_entity *(*pick)(struct run_queue *rq, struct sim_queue *q);	/* q->n > 0 */
	void (*picked)(struct run_queue *rq, struct sim_queue *q, struct sim_entity *se);
	/* does woken take the CPU from the current? */
	bool (*preempts)(struct run_queue *rq, struct sim_queue *q, struct sim_entity *curr,
			 struct sim_entity *woken);
	/* what it costs a task to yield */
	void (*yields)(struct run_queue *rq, struct sim_entity *se);
};

extern const struct queue_rules cfs_rules, eevdf_rules;

void run_queue_init(struct run_queue *rq, const struct sim_host *host);
void run_queue_release(struct run_queue *rq);

static inline int64_t virtual_time(int64_t ns, unsigned int weight)
{
	return weight == WEIGHT_0 ? ns : ns * WEIGHT_0 / weight;
}

/* The entity that stands for se on the root queue of its CPU: se, or its group's. */
static inline struct sim_entity *root_entity(struct run_queue *rq, struct sim_entity *se)
{
	return se->group ? &rq->group_entities[se->group] : se;
}

/* Charge the current task up to now; rq->resched is set if its turn is over. */
void run_queue_update(struct run_queue *rq, int64_t now);

/* se becomes runnable here: awoken, or come from another CPU. A delayed one is back in its place. */
void run_queue_enqueue(struct run_queue *rq, struct sim_entity *se, bool wakeup);

/* se leaves, to sleep or for another CPU. A sleeper may stay, delayed. */
void run_queue_dequeue(struct run_queue *rq, struct sim_entity *se, bool sleep);

/* rq->resched is set if se, just awoken, takes the CPU. */
void run_queue_check_preempt(struct run_queue *rq, struct sim_entity *se);

void run_queue_tick(struct run_queue *rq, int64_t now);

/* Who is to run; NULL: nobody. Delayed ones that it comes across leave. */
struct sim_entity *run_queue_pick(struct run_queue *rq);

/* se runs from now on, or none of the fair class. */
void run_queue_set_curr(struct run_queue *rq, struct sim_entity *se, int64_t now);

/* set_next_buddy(): se, if it waits here, and its group are to be picked next. */
void run_queue_nominate(struct run_queue *rq, struct sim_entity *se);

/* yield_task_fair(): of the current task. */
void run_queue_yield(struct run_queue *rq, int64_t now);

/* For the rules and side.c. */

void clear_buddies(struct sim_queue *q, const struct sim_entity *se);

/* V: weighted average of v over q, floor if it is empty. */
int64_t eevdf_average(const struct sim_queue *q);

/* V >= se->v, exactly. */
bool eevdf_eligible(const struct sim_queue *q, const struct sim_entity *se);

/* entity_lag()'s bound: how far V - v can be from 0 when se leaves. */
int64_t eevdf_lag_limit(const struct sim_host *host, const struct sim_entity *se);

/* The current's slice is no longer protected. */
void eevdf_cancel_protection(const struct sim_host *host, struct sim_entity *se);

#endif
