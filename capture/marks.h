/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * marks - host facts, and what the recorder has to say of itself, written into the
 * recording as trace markers.
 */
#ifndef CAPTURE_MARKS_H
#define CAPTURE_MARKS_H

#include <stdbool.h>

#include "capture/plan.h"
#include "capture/probes.h"
#include "capture/recorder.h"

struct marks_scan;

struct marks {
	struct instance *instance;
	struct spool *spool;			/* drained while many are written; NULL: the ring keeps the latest */
	const struct plan *plan;
	const struct probe_set *probes;		/* NULL: none */
	const struct recorder *recorder;
	const struct anonymize_key *hide_by;	/* NULL: nothing is hidden */
	const char *mode;			/* "duration", "command", ... */
	uint64_t buffer_bytes;
	/* its own */
	char **prepared, **said;		/* for the start; until now */
	struct vm_list *vms;			/* as they were last seen */
	GString *seen;				/* the same as text */
	struct marks_scan *scan;		/* a look that is under way */
	double next_look_s;			/* CLOCK_MONOTONIC */
};

/*
 * Gather what is to be said at the start, while nothing is recorded yet: to look at all processes of a
 * host takes its time, and a process that hangs may hold up who looks at it.
 */
void marks_prepare(struct marks *marks);

/* As recorder.mark: when is "start" or "stop"; all of them, or only that it goes on or pauses. */
void marks_write(void *marks, const char *when, bool all);

/*
 * As recorder.look: write which VMs are new, if any are. Looks once a second, or less often where
 * that would take more than a hundredth of a CPU; in a thread of its own.
 */
void marks_look(void *marks);

void marks_clear(struct marks *marks);

#endif
