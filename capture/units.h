/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * units - sizes, times and shares as people write them.
 */
#ifndef CAPTURE_UNITS_H
#define CAPTURE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* "64M", "1.5G", "4096": bytes; K, M, G, T are powers of 1024. */
bool units_size(const char *text, uint64_t *bytes);

/* "30s", "500ms", "2m", "1h"; without a unit: seconds. */
bool units_time(const char *text, uint64_t *ms);

/* "2%", "0.5%", "0.02": a share from 0 to 1. */
bool units_share(const char *text, double *share);

#endif
