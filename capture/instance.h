/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * instance - the tracefs instance that recordings are made in. There is one name
 * for it, "counterspin", so that a recorder finds what a killed one left. Nothing
 * outside of it is written to, and no file of the function tracer is opened.
 *
 * Who records holds a lock (flock) on the instance's directory, shared by recorder
 * and keeper; an instance that nobody has locked is an orphan.
 */
#ifndef CAPTURE_INSTANCE_H
#define CAPTURE_INSTANCE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <tracefs/tracefs.h>

#define INSTANCE_NAME "counterspin"
#define INSTANCE_ERROR (g_quark_from_static_string("instance"))

enum { INSTANCE_ERROR_FAILED, INSTANCE_ERROR_BUSY };

struct instance {
	struct tracefs_instance *tracefs;
	int lock;
	unsigned int n_cpu;	/* that have a ring buffer: the kernel's possible CPUs */
};

/* per_cpu/cpuN/stats: counts since the instance was made or cleared. */
struct instance_stats {
	uint64_t entries, overrun, commit_overrun, bytes, dropped, read;
};

/*
 * Is tracefs there, may this process use it, and do its PIDs mean the same to it? The error says
 * what is needed.
 */
bool instance_possible(GError **error);

/*
 * Make the instance, tracing off, and lock it. INSTANCE_ERROR_BUSY says who records; an
 * orphan has to be taken first.
 */
struct instance *instance_create(GError **error);

/* Lock what a killed recorder left, tracing off. NULL without an error: there is nothing. */
struct instance *instance_take_orphan(GError **error);

/* Remove it from the kernel: true also if it is gone already. */
bool instance_destroy(struct instance *instance, GError **error);
void instance_free(struct instance *instance);

/* Of the instance's own files; the error names file and text. */
bool instance_write(struct instance *instance, const char *file, const char *text, GError **error);

bool instance_event_exists(const struct instance *instance, const char *system, const char *event);

/* filter: NULL for none. */
bool instance_filter(struct instance *instance, const char *system, const char *event, const char *filter,
		     GError **error);
bool instance_enable(struct instance *instance, const char *system, const char *event, bool on, GError **error);
void instance_disable_all(struct instance *instance);

/* A note to whoever finds it as an orphan: names are to be hidden. */
void instance_set_private(struct instance *instance);
bool instance_is_private(const struct instance *instance);

bool instance_switch(struct instance *instance, bool on, GError **error);
bool instance_is_on(struct instance *instance);

/* Have the kernel switch tracing off when thread tid of this host ends, whatever ends it. */
bool instance_stop_with(struct instance *instance, int tid, GError **error);

/* Write a line into the recording, in one piece of at most INSTANCE_MARK_BYTES. */
enum { INSTANCE_MARK_BYTES = 960 };	/* TRACE_BUF_SIZE is 1024 up to v6.10, kernel/trace/trace.c */
bool instance_mark(struct instance *instance, const char *text, GError **error);

bool instance_stats(const struct instance *instance, unsigned int cpu, struct instance_stats *stats);

#endif
