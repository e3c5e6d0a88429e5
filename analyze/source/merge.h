/* SPDX-License-Identifier: GPL-2.0-or-later */
/* merge - streams, each in time order, as one in time order. */
#ifndef ANALYZE_SOURCE_MERGE_H
#define ANALYZE_SOURCE_MERGE_H

#include "analyze/source/stream.h"

struct merge;

/* streams[n] outlive the merge. Records of equal time come in the order of their streams. */
struct merge *merge_new(struct stream **streams, unsigned int n);
void merge_free(struct merge *merge);

/*
 * The stream that has the next record, at records[next]; the caller reads it and
 * calls merge_took(). NULL at the end. Records of T_AFTER come last.
 */
struct stream *merge_next(struct merge *merge);
void merge_took(struct merge *merge);

#endif
