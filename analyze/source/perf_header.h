/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf_header - what a perf.data says besides its records: its events, their formats,
 * where the records are, the host (tools/perf/Documentation/perf.data-file-format.txt).
 */
#ifndef ANALYZE_SOURCE_PERF_HEADER_H
#define ANALYZE_SOURCE_PERF_HEADER_H

#include "analyze/source/event_format.h"
#include "analyze/source/input.h"
#include "analyze/source/perf_attr.h"

enum { PERF_MAX_CPUS = 8192 };	/* NR_CPUS of x86 at most */

/* Records that perf itself writes (tools/lib/perf/include/perf/event.h). */
enum perf_user_record {
	PERF_RECORD_HEADER_ATTR = 64,
	PERF_RECORD_HEADER_TRACING_DATA = 66,
	PERF_RECORD_ID_INDEX = 69,
	PERF_RECORD_AUXTRACE = 71,
	PERF_RECORD_HEADER_FEATURE = 80,
	PERF_RECORD_COMPRESSED = 81,
	PERF_RECORD_COMPRESSED2 = 83,
};

struct perf_header {
	const char *name;		/* of the recording, in messages */
	struct event_format *formats;
	struct perf_attrs attrs;
	const char *clock;		/* of all events; NULL: perf_header_know_events() was not called */
	bool has_formats, is_pipe, is_directory;
	uint64_t data_offset, data_size;	/* of the records, within the first file */
	char *kernel, *machine;		/* NULL: not said */
	unsigned int n_cpu;		/* 0: not said */
};

/*
 * Read the header of input's first file; formats found go to formats. In pipe mode all but the
 * place of the records is in records, see perf_header_record(). Release is needed in any case.
 */
bool perf_header_read(struct perf_header *header, const struct input *input, struct event_format *formats,
		      GError **error);
void perf_header_release(struct perf_header *header);

/*
 * All events are known, as their records begin. False, with error, if the records cannot be told
 * apart, or not be ordered. Later calls return true.
 */
bool perf_header_know_events(struct perf_header *header, GError **error);

/* Pipe mode: HEADER_ATTR, HEADER_FEATURE. Events are declared before the first record of one. */
bool perf_header_record(struct perf_header *header, uint32_t type, const uint8_t *record, unsigned int size,
			GError **error);
/* The data behind a HEADER_TRACING_DATA. */
bool perf_header_tracing_data(struct perf_header *header, const uint8_t *data, size_t size, GError **error);

#endif
