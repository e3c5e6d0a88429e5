/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_dat - write a trace.dat, version 6 (trace-cmd.dat.v6(5)): what stands before
 * the ring buffers, and the ring buffers' pages as the kernel handed them out.
 */
#ifndef CAPTURE_TRACE_DAT_H
#define CAPTURE_TRACE_DAT_H

#include <glib.h>
#include <stdbool.h>

#include "capture/instance.h"

#define TRACE_DAT_ERROR (g_quark_from_static_string("trace-dat"))

struct trace_dat_event {
	const char *system, *name;
};

/*
 * Begin a file: its bytes up to the names of threads, with the formats of events[n] and of
 * trace markers as this kernel has them now.
 */
GByteArray *trace_dat_head(const struct trace_dat_event *events, unsigned int n, GError **error);

struct trace_dat {
	const GByteArray *head;
	const char *comms;			/* lines "TID NAME", or NULL */
	const char *clock, *uname;		/* uname: "Linux HOST RELEASE MACHINE" */
	unsigned int n_cpu, page_size;
	const struct instance_stats *stats;	/* n_cpu */
	const int *pages;			/* n_cpu files of whole pages, read from their beginning */
	bool consume;				/* the files give back their room as they are copied */
	/* NULL, or what changes a page before it is written; false: it cannot, zeros are written */
	bool (*change)(void *user, unsigned char *page, gsize size);
	void *user;
};

/* Write it all to fd, an empty file. */
bool trace_dat_write(int fd, const struct trace_dat *file, GError **error);

#endif
