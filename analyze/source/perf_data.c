// SPDX-License-Identifier: GPL-2.0-or-later
/* perf.data: a stream for each CPU, and one for the threads that were there before. */
#include "analyze/source/perf_stream.h"
#include "analyze/source/reader.h"

static void add_streams(struct reader *r, struct perf_recording *recording, const struct input *input)
{
	struct perf_index *index = &recording->index;

	recording->bytes_per_byte = index->bytes ? (double)input_size(input) / index->bytes : 0;
	/* first, and there even if empty: it holds the recording */
	g_ptr_array_add(r->streams, perf_stream_new(recording, &index->tasks, 0));
	for (unsigned int cpu = 0; cpu < index->n_cpu; cpu++)
		if (index->cpus[cpu].extents || index->cpus[cpu].incomplete)
			g_ptr_array_add(r->streams, perf_stream_new(recording, &index->cpus[cpu], cpu));
}

bool perf_data_open(struct reader *r, struct input *input, GError **error)
{
	struct perf_recording *recording = g_new0(struct perf_recording, 1);
	struct perf_header *header = &recording->header;
	struct perf_index *index = &recording->index;

	recording->streams = g_ptr_array_new();
	if (!perf_header_read(header, input, r->formats, error) ||
	    !perf_index_make(index, header, input, error)) {
		perf_recording_free(recording);
		return false;
	}
	r->format = header->is_directory ? "perf.data directory" : header->is_pipe ? "perf.data pipe" : "perf.data";
	r->kernel = g_strdup(header->kernel);
	r->machine = g_strdup(header->machine);
	r->clock = g_strdup(header->clock);
	r->n_cpu = MAX(header->n_cpu, index->n_cpu);
	r->overruns = index->lost;
	add_streams(r, recording, input);
	return true;
}
