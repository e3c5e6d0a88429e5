/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf_zstd - the streams that COMPRESSED records of a perf.data are made of, unpacked
 * one behind another into a file.
 */
#ifndef ANALYZE_SOURCE_PERF_ZSTD_H
#define ANALYZE_SOURCE_PERF_ZSTD_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct perf_zstd;

/* Into the file fd, which is empty; at most limit bytes. name is the recording's, for errors. */
struct perf_zstd *perf_zstd_new(int fd, uint64_t limit, const char *name);
void perf_zstd_free(struct perf_zstd *zstd);

/* A stream begins. */
void perf_zstd_begin(struct perf_zstd *zstd);

/*
 * Unpack more of the stream. *damaged is set when it makes no sense; what comes later of this
 * stream is then passed over. False, with error: too much, or it cannot be written.
 */
bool perf_zstd_add(struct perf_zstd *zstd, const uint8_t *data, size_t size, bool *damaged, GError **error);

/* All streams are in the file; its bytes, NULL if there are none, are to be unmapped. */
bool perf_zstd_map(struct perf_zstd *zstd, const uint8_t **data, size_t *size, GError **error);

/* Bytes unpacked so far. */
uint64_t perf_zstd_size(const struct perf_zstd *zstd);

#endif
