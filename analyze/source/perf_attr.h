/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf_attr - the events that a perf.data was recorded with, and where in their
 * records things are (include/uapi/linux/perf_event.h: PERF_RECORD_SAMPLE,
 * struct sample_id).
 */
#ifndef ANALYZE_SOURCE_PERF_ATTR_H
#define ANALYZE_SOURCE_PERF_ATTR_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "analyze/source/cursor.h"

struct perf_attr {
	uint32_t type;
	uint64_t config, sample_type, read_format, flags;
	int32_t clockid;		/* -1: the clock of perf itself */
	bool every_event;		/* none is left out, as -F and -c do */
	bool is_tracepoint;
	/* Bytes from the start of a SAMPLE; 0: not in it. */
	uint16_t id, tid, time, cpu;
	uint16_t variable;		/* READ and CALLCHAIN, whose lengths are in them */
	uint16_t raw;			/* 0: behind them, see perf_attr_find_raw() */
	uint16_t least;			/* a SAMPLE is not shorter */
	/* What other records end with; bytes before their end, 0: not in it. */
	uint16_t trailer, trailer_id, trailer_time, trailer_cpu;
};

struct perf_id {
	uint64_t id;
	const struct perf_attr *attr;	/* NULL: free */
};

struct perf_attrs {
	GPtrArray *all;			/* of struct perf_attr */
	struct perf_id *ids;		/* open addressing, at most a quarter full */
	unsigned int id_bits;		/* log2 of the room in ids */
	size_t n_ids;
	/* set by perf_attrs_check() */
	const struct perf_attr *only;	/* describes all samples; NULL: the id at sample_id tells */
	unsigned int sample_id;
	bool trailers_have_id;		/* their last 8 bytes */
};

void perf_attrs_init(struct perf_attrs *attrs);
void perf_attrs_release(struct perf_attrs *attrs);

/*
 * Add a struct perf_event_attr of size bytes, as the recorder knew it, unless it is there
 * already. NULL: it makes no sense, or there are too many.
 */
struct perf_attr *perf_attrs_add(struct perf_attrs *attrs, const uint8_t *bytes, size_t size);

/* Records of this id are attr's; the first that says so counts. False: too many, or not by chance alike. */
bool perf_attrs_add_id(struct perf_attrs *attrs, uint64_t id, const struct perf_attr *attr);
bool perf_attrs_add_ids(struct perf_attrs *attrs, struct cursor *ids, uint64_t n, const struct perf_attr *attr);

/*
 * All are there: can each record's event, time, CPU and raw data be found, on one clock that
 * orders events across CPUs? name is the recording's, for error. *clock: as trace.dat calls it.
 */
bool perf_attrs_check(struct perf_attrs *attrs, const char *name, const char **clock, GError **error);

/* Where RAW begins in the SAMPLE p[size], behind parts of variable length; 0: damaged. */
unsigned int perf_attr_find_raw(const struct perf_attr *attr, const uint8_t *p, unsigned int size);

static inline uint16_t perf_load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t perf_load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t perf_load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline size_t perf_id_slot(const struct perf_attrs *attrs, uint64_t id)
{
	/* ids count up, so that Fibonacci hashing spreads them evenly */
	return id * 0x9e3779b97f4a7c15 >> (64 - attrs->id_bits);
}

static inline const struct perf_attr *perf_attrs_find(const struct perf_attrs *attrs, uint64_t id)
{
	size_t mask = ((size_t)1 << attrs->id_bits) - 1;

	for (size_t i = perf_id_slot(attrs, id);; i = (i + 1) & mask)
		if (attrs->ids[i].id == id || !attrs->ids[i].attr)
			return attrs->ids[i].attr;
}

/* Whose the SAMPLE p[size] is; NULL: damaged. Its fixed part is there. */
static inline const struct perf_attr *perf_attrs_of_sample(const struct perf_attrs *attrs, const uint8_t *p,
							   unsigned int size)
{
	const struct perf_attr *a = attrs->only;

	if (!a) {
		if (size < attrs->sample_id + 8)
			return NULL;
		a = perf_attrs_find(attrs, perf_load64(p + attrs->sample_id));
	}
	return a && size >= a->least ? a : NULL;
}

/* How the record p[size] that is no SAMPLE ends; NULL: it is too short for that behind its own fields. */
static inline const struct perf_attr *perf_attrs_of_other(const struct perf_attrs *attrs, const uint8_t *p,
							  unsigned int size, unsigned int fields)
{
	const struct perf_attr *a = NULL;

	if (attrs->trailers_have_id && size >= 16)
		a = perf_attrs_find(attrs, perf_load64(p + size - 8));
	if (!a)		/* the recorder's own have no id; the first event's, as perf takes it */
		a = attrs->all->pdata[0];
	return size >= 8 + fields + a->trailer ? a : NULL;
}

#endif
