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

struct marks {
	struct instance *instance;
	const struct plan *plan;
	const struct probe_set *probes;		/* NULL: none */
	const struct recorder *recorder;
	const struct anonymize_key *hide_by;	/* NULL: nothing is hidden */
	const char *mode;			/* "duration", "command", ... */
	uint64_t buffer_bytes;
	char **said;				/* until now */
	GString *seen;				/* VMs and threads of vCPUs, as text; NULL: not looked yet */
	double next_look_s;			/* CLOCK_MONOTONIC */
};

/* As recorder.mark: when is "start" or "stop"; all of them, or only that it goes on or pauses. */
void marks_write(void *marks, const char *when, bool all);

/*
 * As recorder.look: write which VMs are new, if any are. Looks once a second, or less often where
 * that would take more than a hundredth of a CPU.
 */
void marks_look(void *marks);

void marks_clear(struct marks *marks);

#endif
