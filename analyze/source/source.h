/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source - a recording as one stream of events in time order.
 *
 * A source knows bytes and formats; it keeps no state about threads or vCPUs.
 */
#ifndef ANALYZE_SOURCE_SOURCE_H
#define ANALYZE_SOURCE_SOURCE_H

#include <glib.h>
#include <stdbool.h>

#include "analyze/source/event.h"

#define SOURCE_ERROR (g_quark_from_static_string("source"))

struct source;

/* What the recording says of itself. Strings are NULL where it does not. */
struct source_info {
	const char *format;	/* "trace.dat 7" */
	const char *kernel, *machine, *clock;
	unsigned int n_cpu;
	int64_t overruns;	/* records the recorder counted as lost, over all CPUs and buffers */
};

/*
 * Open the recording at path. Refuses, with one line in error, what is not a
 * recording, is cut short, comes from a 32-bit or big-endian machine, or was
 * made with a clock that cannot order events across CPUs.
 */
struct source *source_open(const char *path, bool hide_probes, GError **error);
void source_close(struct source *source);

const struct source_info *source_info(const struct source *source);

/* Does the recording declare events of this type (whether or not any occurred)? */
bool source_has(const struct source *source, enum event_type type);

/*
 * Call fn for every event of all CPUs and buffers, ordered by time; EV_MISSED
 * precedes the record it was found at. May be called again for another pass.
 * Returns false and sets error if the file cannot be read to its end.
 */
bool source_read(struct source *source, void (*fn)(void *user, const struct event *ev), void *user,
		 GError **error);

/* Call fn for every event type of the last pass, ordered by system and name. */
void source_for_each_count(const struct source *source,
			   void (*fn)(void *user, const char *system, const char *name, int64_t n,
				      int64_t used, const char *reason),
			   void *user);

#endif
