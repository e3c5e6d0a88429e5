/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_dat_header - what a trace.dat says before its events: formats, where
 * each CPU's pages are, clocks, uname, counted losses.
 *
 * libtracecmd reads headers, too, but tells neither clocks nor statistics, makes
 * temporary files, and dies of some damaged ones.
 */
#ifndef ANALYZE_SOURCE_TRACE_DAT_HEADER_H
#define ANALYZE_SOURCE_TRACE_DAT_HEADER_H

#include <stdbool.h>

#include "analyze/source/event_format.h"
#include "analyze/source/input.h"

struct trace_dat_cpu {
	unsigned int cpu;
	uint64_t offset, size;	/* of its pages, or compressed chunks; within the file */
	bool cut;		/* the file says there are more */
};

struct trace_dat_buffer {
	char *name, *clock;	/* "": top level; clock NULL: not said */
	unsigned int page_size;
	bool compressed;
	GArray *cpus;		/* of struct trace_dat_cpu */
};

struct trace_dat_header {
	int version;		/* 6 or 7 */
	unsigned int n_cpu;
	char *clock;		/* of the top-level buffer; NULL: not said */
	char *uname;		/* "Linux HOST RELEASE MACHINE"; NULL: not said */
	GPtrArray *buffers;	/* of struct trace_dat_buffer */
	int64_t overruns;
	/* ns = ((raw * mult) >> shift) + ts_offset; mult 0: raw + ts_offset */
	uint32_t mult, shift;
	uint64_t ts_offset;	/* modulo 2^64, so it may stand for a negative one */
};

/*
 * Parse and check file, adding its event formats to formats. Fails on whatever
 * leaves in doubt how to read the events; release is needed in any case.
 */
bool trace_dat_header_read(struct trace_dat_header *header, const struct input_file *file,
			   struct event_format *formats, GError **error);
void trace_dat_header_release(struct trace_dat_header *header);

#endif
