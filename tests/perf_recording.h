/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf_recording - what its parts share: the events of a trace.dat, how they are to be
 * written, and perf's records of them.
 */
#ifndef TESTS_PERF_RECORDING_H
#define TESTS_PERF_RECORDING_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct event {
	guint64 t;
	guint64 seq;		/* as libtracecmd gave it */
	bool moved;		/* by --shuffle */
	gint64 missed;		/* before it: 0 none, below 0 not known how many */
	unsigned int cpu, size;
	guint8 *data;
};

/* Options, see perf_recording.c. */
struct mode {
	gboolean pipe, zstd, zstd2, directory, guest, foreign_ids, no_groups, frequency, backward;
	char *damage;
	gint64 clockid, rounds, shuffle, lost_samples, sample_type, every;
	char *release, *machine;
};
extern struct mode mode;

/* --- perf_recording_trace.c: the trace.dat, through libtracecmd --- */

extern unsigned int n_cpus;
extern GArray *events;		/* of struct event, by time */
extern GArray *types;		/* of guint: ids of the tracepoints that occur, ascending */
extern GHashTable *groups;	/* tid to tgid */
extern GHashTable *names;	/* tid to comm */

void read_trace(const char *path);
int type_of(const struct event *e);
int tid_of(const struct event *e);
int group_of(int tid);
bool is_named(const struct event *e, const char *name);
bool field_of(const struct event *e, const char *name, long long *value);
char *full_name_of_type(guint type);	/* "sched:sched_switch", to be freed */
GByteArray *tracing_data(void);		/* the formats of all events that it declares */

/* --- perf_recording_records.c --- */

enum {
	HEADER_ATTR = 64, HEADER_TRACING_DATA = 66, FINISHED_ROUND = 68, HEADER_FEATURE = 80,
	COMPRESSED = 81, FINISHED_INIT = 82, COMPRESSED2 = 83,

	ATTR_SIZE = 128,
};

extern gint64 n_samples;	/* written so far */

gsize begin_record(GByteArray *to, unsigned int type, unsigned int misc);
void end_record(GByteArray *to, gsize at);
void put_attr(GByteArray *to, guint i);	/* types->len: the dummy event */
void put_ids(GByteArray *to, guint i);
bool put_feature(GByteArray *to, unsigned int bit);	/* false: there is none */
void put_event(GByteArray *to, const struct event *e);	/* with what perf writes along with it */
void put_tasks(GByteArray *to);		/* threads that are there at the start */
void put_mark(GByteArray *to, unsigned int type);
void put_lost_samples(GByteArray *to);

/* --- bytes --- */

static inline void put(GByteArray *to, guint64 value, unsigned int bytes)
{
	value = GUINT64_TO_LE(value);
	g_byte_array_append(to, (guint8 *)&value, bytes);
}

static inline void put_bytes(GByteArray *to, const void *data, gsize size)
{
	g_byte_array_append(to, data, size);
}

static inline void pad(GByteArray *to, gsize multiple)
{
	while (to->len % multiple)
		put(to, 0, 1);
}

static inline void put_at(GByteArray *to, gsize at, guint64 value, unsigned int bytes)
{
	value = GUINT64_TO_LE(value);
	memcpy(to->data + at, &value, bytes);
}

static inline G_GNUC_NORETURN void die(const char *what)
{
	fprintf(stderr, "perf_recording: %s\n", what);
	exit(2);
}

#endif
