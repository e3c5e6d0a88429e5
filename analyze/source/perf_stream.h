/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perf_stream - the records of one CPU in a perf.data, out of the stretches that hold them. */
#ifndef ANALYZE_SOURCE_PERF_STREAM_H
#define ANALYZE_SOURCE_PERF_STREAM_H

#include "analyze/source/perf_index.h"
#include "analyze/source/stream.h"

/* What all streams of a recording share; freed with the last of them. */
struct perf_recording {
	struct perf_header header;
	struct perf_index index;
	double bytes_per_byte;		/* of the recording, to one in an extent */
	GPtrArray *streams;		/* of struct perf_stream; while all of them are there */
	unsigned int n_streams;
	uint64_t taken;			/* bytes, by all streams, since forgetting was last thought of */
	uint64_t forgotten;		/* up to here, over all sections */
};

void perf_recording_free(struct perf_recording *recording);

/*
 * The records of run, for CPU cpu; or of threads that were there before the recording.
 * A record that is older than its predecessors goes before them if they were not given out
 * yet; else it is lost, and told so, as is one that is damaged.
 */
struct stream *perf_stream_new(struct perf_recording *recording, const struct perf_run *run, unsigned int cpu);

#endif
