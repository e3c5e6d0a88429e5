/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recorder - the time between the first event and the last: takes what the rings
 * hold, watches what it costs and what room there is, and knows when to stop.
 */
#ifndef CAPTURE_RECORDER_H
#define CAPTURE_RECORDER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/budget.h"
#include "capture/keeper.h"
#include "capture/plan.h"
#include "capture/session.h"
#include "capture/vms.h"

#define RECORDER_ERROR (g_quark_from_static_string("recorder"))

struct recorder {
	/* set by the caller */
	struct session *session;
	struct plan *plan;
	struct keeper keeper;		/* started; it watches on when recording has ended */
	double limit;			/* of the overhead; 0: none */
	double cost_ns;			/* of an event; 0: not known */
	double weight;			/* of the events that are recorded, on average */
	struct budget budget;		/* to begin with */
	uint64_t duration_ms;		/* 0: until something else ends it */
	uint64_t max_bytes, min_free_bytes;
	GPtrArray *vms;			/* of struct vm_process *: it ends when all are gone; NULL: of no matter */
	pid_t command;			/* it ends when this child does; 0: none */
	double on_spin_rate;		/* flight recorder: what it waits for, per second; 0: none */
	int on_spin_counter;		/* of counters */
	struct counters *counters;
	/* Write host facts into the recording, when: "start" or "stop"; all of them, or that it goes on or pauses. */
	void (*mark)(void *user, const char *when, bool all);
	void (*look)(void *user);	/* for VMs that are new; called every second while it records */
	void *user;

	/* what came of it */
	const char *why;		/* it ended */
	bool command_failed;
	int command_status;		/* as of waitpid() */
	double overhead_mean;
	unsigned int n_bursts;
	uint64_t ms;			/* how long it took, pauses included */
	bool storm;			/* on_spin_rate was reached */
};

/* From now on SIGINT, SIGTERM, SIGHUP and SIGCHLD wait for recorder_run(). */
void recorder_hold_signals(void);
/* In a child that is to become the user's command. */
void recorder_release_signals(void);

/*
 * Record. False, with an error, if it had to end for a failure; what was recorded until
 * then is worth keeping all the same. Tracing is off afterwards.
 */
bool recorder_run(struct recorder *recorder, GError **error);

#endif
