/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream - records of one CPU in time order, as its buffer in the recording
 * holds them; what the readers of formats make and the merge consumes.
 */
#ifndef ANALYZE_SOURCE_STREAM_H
#define ANALYZE_SOURCE_STREAM_H

#include <stdint.h>

#include "analyze/source/event.h"

#define STREAM_RECORDS 64	/* at most, in one window */

enum record_kind {
	RECORD_EVENT,	/* a tracepoint fired */
	RECORD_LOSS,	/* something is missing, or cannot be believed, before t */
	RECORD_TASK,	/* perf: tid belongs to thread group tgid from now on */
};

struct record {
	int64_t t;		/* ns. Loss: of the stream's next record; T_AFTER: none follows */
	union {
		const uint8_t *data;	/* event: from common_type on. Task: comm, 16 bytes, or NULL */
		int64_t t0;		/* loss: the last record before it; T_BEFORE: there was none */
	};
	union {
		struct {
			union {
				uint32_t size;	/* event: readable bytes at data */
				int32_t tid;	/* task */
			};
			int32_t tgid;	/* event, task; 0: not said */
		};
		int64_t events;		/* loss: how many; 0: not known */
	};
	uint8_t kind;		/* enum record_kind */
	uint8_t why;		/* loss: enum loss */
};

/*
 * A window of records; refill() makes the next one and sets n, 0 at the end.
 * Times never descend, within a window or from one to the next. What records
 * point at lives until the next refill() of the same stream.
 */
struct stream {
	unsigned int cpu;
	struct record *records;
	unsigned int n, next;
	uint64_t taken;		/* bytes of the recording behind the window */
	void (*refill)(struct stream *stream);
	void (*rewind)(struct stream *stream);	/* to before the first record, for another pass */
	void (*free)(struct stream *stream);
};

#endif
