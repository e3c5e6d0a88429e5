/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace_dat_7 - a trace.dat of version 7, laid out as trace-cmd 3.1.6 does. */
#ifndef TESTS_BENCH_TRACE_DAT_7_H
#define TESTS_BENCH_TRACE_DAT_7_H

#include <glib.h>
#include <stdbool.h>

#include "tests/bench/spool.h"
#include "tests/recording_writer.h"

bool trace_dat_7_write(const char *path, const struct recording *r, struct spool *spool,
		       bool zstd, GError **error);

#endif
