/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfetto_writer - tracks and events into a trace for the Perfetto UI, packet by packet.
 *
 * Knows Perfetto's format and nothing of the database. Times are ns on the clock that was given.
 * Strings may be any bytes. What is kept in memory is the distinct strings and the tracks.
 */
#ifndef ANALYZE_REPORT_PERFETTO_WRITER_H
#define ANALYZE_REPORT_PERFETTO_WRITER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyze/report/output.h"

struct perfetto_writer;

/*
 * Begin a trace whose times are of the recording's clock: by its name ("mono"). One that Perfetto does
 * not know stands as the trace's own, boottime. t is a time of it, and realtime what CLOCK_REALTIME
 * said then (DB_NULL: not known).
 */
struct perfetto_writer *perfetto_writer_new(struct output *output, const char *clock, int64_t t, int64_t realtime);
void perfetto_writer_free(struct perfetto_writer *writer);

/* A track that holds others, in the order of their making. parent 0: none. */
uint64_t perfetto_group(struct perfetto_writer *writer, const char *name, uint64_t parent);

/* A track for instants, or for values. */
uint64_t perfetto_track(struct perfetto_writer *writer, const char *name, uint64_t parent);
uint64_t perfetto_counter_track(struct perfetto_writer *writer, const char *name, uint64_t parent);

/*
 * A track for slices. Those of one track may not cross in Perfetto: slices that overlap are given
 * further tracks of the same name, which the UI shows as one.
 */
struct perfetto_lanes;
struct perfetto_lanes *perfetto_lanes(struct perfetto_writer *writer, const char *name, uint64_t parent);

/* Details and arrows of the next event. Details between perfetto_dict() and its end are members of it. */
void perfetto_int(struct perfetto_writer *writer, const char *name, int64_t value);	/* DB_NULL: none */
void perfetto_text(struct perfetto_writer *writer, const char *name, const char *value);	/* NULL: none */
void perfetto_dict(struct perfetto_writer *writer, const char *name);
void perfetto_dict_end(struct perfetto_writer *writer);
void perfetto_flow_begins(struct perfetto_writer *writer, uint64_t id);
void perfetto_flow_ends(struct perfetto_writer *writer, uint64_t id);

/* Events. Those of one track come in the order of their times. */
void perfetto_slice(struct perfetto_writer *writer, struct perfetto_lanes *lanes, int64_t t0, int64_t t1,
		    const char *name);
void perfetto_instant(struct perfetto_writer *writer, uint64_t track, int64_t t, const char *name);
void perfetto_count(struct perfetto_writer *writer, uint64_t track, int64_t t, int64_t value);

#endif
