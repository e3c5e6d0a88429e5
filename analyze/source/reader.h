/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reader - what a reader of one format makes of a recording: its streams, and
 * what it says of itself.
 */
#ifndef ANALYZE_SOURCE_READER_H
#define ANALYZE_SOURCE_READER_H

#include "analyze/source/event_format.h"
#include "analyze/source/input.h"
#include "analyze/source/stream.h"

struct reader {
	const char *path;	/* of its input */
	struct event_format *formats;
	GPtrArray *streams;	/* of struct stream */
	const char *format;	/* "trace.dat 7" */
	char *kernel, *machine, *clock;	/* NULL: not said */
	unsigned int n_cpu;
	int64_t overruns;	/* records the recorder counted as lost */
};

/* Fill reader, whose formats are there and empty. The input outlives it. */
bool trace_dat_open(struct reader *reader, struct input *input, GError **error);
bool perf_data_open(struct reader *reader, struct input *input, GError **error);

#endif
