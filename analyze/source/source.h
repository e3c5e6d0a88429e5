/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source - recordings as one stream of events in time order.
 *
 * A source knows bytes and formats; it keeps no state about threads or vCPUs.
 */
#ifndef ANALYZE_SOURCE_SOURCE_H
#define ANALYZE_SOURCE_SOURCE_H

#include <glib.h>
#include <stdbool.h>

#include "analyze/source/event.h"
#include "analyze/source/input.h"

struct source;

/* What the recording says of itself. Strings are NULL where it does not. */
struct source_info {
	const char *format;	/* "trace.dat 7" */
	const char *kernel, *machine, *clock;
	unsigned int n_cpu;
	int64_t overruns;	/* records the recorder counted as lost, over all CPUs and buffers */
};

/*
 * Read the recordings inputs[n], bursts of one: of one kernel and clock, none
 * overlapping another. They outlive the source. Refuses, with one line in error,
 * what is not a recording, comes from a 32-bit or big-endian machine, was made
 * with a clock that cannot order events across CPUs, or whose header is damaged.
 */
struct source *source_new(struct input **inputs, unsigned int n, bool hide_probes, GError **error);
void source_free(struct source *source);

const struct source_info *source_info(const struct source *source);

/* Does a recording declare events of this type (whether or not any occurred)? */
bool source_has(const struct source *source, enum event_type type);

/*
 * Call fn for every event of all CPUs and buffers, ordered by time. EV_MISSED
 * says what is not there: it comes at the time of the first record after (at
 * T_AFTER if there is none), for one CPU or for CPU_ALL. Types whose bit in wanted
 * is not set come as EV_IGNORED. May be called again for another pass. *taken, if given, is kept at the bytes read in this pass.
 * Fails if bursts overlap.
 */
bool source_read(struct source *source, uint64_t wanted, void (*fn)(void *user, const struct event *ev),
		 void *user, _Atomic uint64_t *taken, GError **error);

/* Call fn for every event type of the last pass, ordered by system and name; each name once. */
void source_for_each_count(const struct source *source,
			   void (*fn)(void *user, const char *system, const char *name, int64_t n,
				      int64_t used, const char *reason),
			   void *user);

#endif
