/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_dat_header - what a trace.dat says before its events, for what
 * libtracecmd does not tell: trace clocks, uname, counted losses, and whether
 * every section the file announces is really in it.
 */
#ifndef ANALYZE_SOURCE_TRACE_DAT_HEADER_H
#define ANALYZE_SOURCE_TRACE_DAT_HEADER_H

#include <glib.h>
#include <stdbool.h>

struct trace_dat_header {
	int version;		/* 6 or 7 */
	unsigned int n_cpu;
	char *clock;		/* of the top-level buffer; NULL: not said */
	GPtrArray *clocks;	/* of every buffer that names one */
	char *uname;		/* "Linux HOST RELEASE MACHINE"; NULL: not said */
	bool has_tsc2nsec;
	gint64 overruns;
};

/* Parse and check the file at path; on failure release need not be called. */
bool trace_dat_header_read(struct trace_dat_header *header, const char *path, GError **error);
void trace_dat_header_release(struct trace_dat_header *header);

#endif
