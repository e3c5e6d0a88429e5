/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the mutator's files share: an image, and the spots in it that a map of its
 * format found. Maps believe nothing: images have been mutated before.
 */
#ifndef TESTS_FUZZ_MUTATE_INT_H
#define TESTS_FUZZ_MUTATE_INT_H

#include <stdbool.h>
#include <string.h>

#include "tests/fuzz/mutate.h"

enum spot_kind {
	NUMBER,		/* little-endian, of 'bytes' bytes */
	OFFSET,		/* ... a place in the image */
	SIZE,		/* ... the size of [from, to) */
	TEXT,		/* [from, to): of a format, of an option */
	NAME,		/* [from, to): with its NUL */
	PART,		/* [from, to): what can be left out, doubled, put elsewhere: a format, a section */
	PAGE,		/* [from, to): of a ring buffer */
	RECORD,		/* [from, to): of perf */
	PACKED,		/* [from, to): zstd; u32 sizes of it and of what is in it stand before */
	N_KINDS,
};

/* What is in PACKED; what a map calls the spots. */
enum group { ENVELOPE, FORMATS, OPTIONS, SECTIONS, TABLES, PAGES, RECORDS, OTHER, N_GROUPS };

struct spot {
	enum spot_kind kind;
	enum group group;
	unsigned int bytes;
	size_t at, from, to;
};

struct image {
	GByteArray *bytes;
	GArray *spots;		/* of struct spot */
	unsigned int page_size;
	struct random *random;
};

void spot_number(struct image *image, enum group group, enum spot_kind kind, size_t at, unsigned int bytes);
void spot_size(struct image *image, enum group group, size_t at, unsigned int bytes, size_t from, size_t to);
void spot_range(struct image *image, enum group group, enum spot_kind kind, size_t from, size_t to);

uint64_t load(const struct image *image, size_t at, unsigned int bytes);	/* 0 outside of it */
void store(struct image *image, size_t at, unsigned int bytes, uint64_t value);

/* A number that readers may not have thought of, instead of old. */
uint64_t odd_number(struct image *image, unsigned int bytes, uint64_t old);

/*
 * data[size] in place of [at, at + old). With fix, sizes and offsets that this
 * changes are put right. Spots are no longer valid.
 */
void splice(struct image *image, size_t at, size_t old, const void *data, size_t size, bool fix);

/* Mutate the image in one place. */
void mutate_once(struct image *image);

/* Event headers, times, payloads of the ring-buffer page [from, to), or of all pages. */
void mutate_page(struct image *image, size_t from, size_t to);
void mutate_all_pages(struct image *image);
/* Headers and bodies of perf's records. */
void mutate_record(struct image *image, size_t from, size_t to);
void mutate_all_records(struct image *image);
/* perf's zstd: all records packed, unpacked, packed anew with something changed. */
bool mutate_perf_stream(struct image *image);

/* Find the spots. */
void map_trace_dat(struct image *image);
void map_perf_data(struct image *image);
void map_tracing_data(struct image *image, size_t from, size_t to);	/* of perf.data: formats, as in trace.dat 6 */
void map_packed(struct image *image, enum group group);		/* what a PACKED of group holds */

GByteArray *mutate_json(const uint8_t *data, size_t size, struct random *random);

#endif
