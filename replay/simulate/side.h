/* SPDX-License-Identifier: GPL-2.0-or-later */
/* side - what yield_to() does to the queues beyond naming the target: the patches' scheduler side. */
#ifndef REPLAY_SIMULATE_SIDE_H
#define REPLAY_SIMULATE_SIDE_H

#include "replay/simulate/run_queue.h"
#include "replay/simulate/simulation.h"

/*
 * The current task of rq yields to target, which set_next_buddy() has named; same_rq: it
 * waits on rq, too. To be called before the yield itself, with rq->clock as it was.
 */
void side_yield_to(struct run_queue *rq, struct sim_entity *target, bool same_rq,
		   const struct simulation_setting *setting, int64_t now);

/* After the yield itself. */
void side_yielded(struct run_queue *rq, const struct simulation_setting *setting, int64_t now);

#endif
