/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring_buffer - the pages of one CPU's trace buffer, as the kernel wrote them, as
 * a stream of records (include/linux/ring_buffer.h, kernel/trace/ring_buffer.c;
 * the layout has been the same since 4.16, which added absolute time stamps).
 */
#ifndef ANALYZE_SOURCE_RING_BUFFER_H
#define ANALYZE_SOURCE_RING_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "analyze/source/stream.h"

/* ns = ((raw * mult) >> shift) + (int64_t)offset, within 0 to T_LATEST; mult 0: raw + offset */
struct ring_buffer_clock {
	uint32_t mult, shift;
	uint64_t offset;
};

/* What streams of compressed pages share: 100 KB, which a thousand CPUs would have each. */
struct unpacker;

struct unpacker *unpacker_new(void);
void unpacker_unref(struct unpacker *unpacker);

/* The bytes data[size], which outlive the stream. */
struct ring_buffer_bytes {
	const uint8_t *data;
	size_t size;
	unsigned int page_size;
	struct unpacker *unpacker;	/* zstd, by chunks, as trace.dat 7 has them; NULL: plain pages */
	bool cut;		/* more is missing after them */
};

/*
 * What is damaged is passed over and becomes a RECORD_LOSS: a page with a bad
 * header, or of a time after T_LATEST, an event that leaves its page, or is at such
 * a time, and all after it in that page, records
 * whose time is before that of their predecessor. A page's successor tells which
 * of the two a step in time belongs to. Freed by stream->free().
 */
struct stream *ring_buffer_stream(unsigned int cpu, const struct ring_buffer_bytes *bytes,
				  const struct ring_buffer_clock *clock);

#endif
