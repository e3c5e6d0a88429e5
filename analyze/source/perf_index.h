/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf_index - which stretches of a perf.data hold the records of which CPU.
 *
 * perf record -a has one buffer per CPU and writes what is in them in turn, so that the
 * records of a CPU are in order, in runs; what is kept is as long as the number of runs.
 * Whatever else tells the order of records (FINISHED_ROUND) is not needed then.
 */
#ifndef ANALYZE_SOURCE_PERF_INDEX_H
#define ANALYZE_SOURCE_PERF_INDEX_H

#include "analyze/source/event.h"
#include "analyze/source/perf_header.h"
#include "analyze/source/perf_zstd.h"

/* Bytes that hold records, one after another: of a file, or of what its COMPRESSED records hold. */
struct perf_section {
	const uint8_t *data;
	uint64_t size;
	uint64_t base;		/* sizes of the sections before */
	bool to_end;		/* it ends where its file does */
	bool incomplete;	/* there were more records; why they are not found: */
	enum loss why;
};

/* size bytes of records of one CPU; at counts over all sections. */
struct perf_extent {
	uint64_t at, size;
};

struct perf_run {
	GArray *extents;	/* of struct perf_extent; NULL: none */
	bool incomplete;	/* there were more records, after these */
	enum loss why;
};

struct perf_index {
	struct perf_header *header;
	GArray *sections;	/* of struct perf_section */
	struct perf_run *cpus;	/* [PERF_MAX_CPUS] */
	struct perf_run tasks;	/* records of threads that were there before the recording */
	unsigned int n_cpu;	/* one more than the last that has records, or lacks some */
	uint64_t bytes;		/* in all extents */
	size_t n_extents;
	int64_t lost;		/* events that the kernel counted as lost, wherever that was */
	/* thread ids in samples are not those that events carry: the recorder had a PID namespace of its own */
	bool foreign_ids;
	uint8_t *unpacked;	/* NULL: nothing was compressed */
	size_t unpacked_size;
};

/*
 * Find all records of input. In pipe mode this fills header, too. False, with error, if the events,
 * or their CPU and time, cannot be told, or the records are in no order. Release in any case.
 */
bool perf_index_make(struct perf_index *index, struct perf_header *header, const struct input *input, GError **error);
void perf_index_release(struct perf_index *index);

/* Bytes of the record at p, of which left bytes are there; 0: it is none, or does not end within them. */
static inline unsigned int perf_record_size(const uint8_t *p, uint64_t left)
{
	unsigned int size;

	if (left < 8)
		return 0;
	size = perf_load16(p + 6);
	return size >= 8 && size <= left ? size : 0;
}

#endif
