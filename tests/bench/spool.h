/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool - pages of every CPU, kept in unnamed files until the recording's header can be
 * written; optionally compressed in chunks, as trace-cmd 3.1.6 does.
 */
#ifndef TESTS_BENCH_SPOOL_H
#define TESTS_BENCH_SPOOL_H

#include <glib.h>
#include <stdbool.h>

struct spool;
struct spool_file;	/* the recording */

struct spool *spool_new(const char *path, unsigned int n_cpus, bool zstd, GError **error);
void spool_free(struct spool *s);
void spool_add(struct spool *s, unsigned int cpu, const void *page, gsize size);

/* No more of this CPU; bytes that it will take in the recording. */
guint64 spool_finish(struct spool *s, unsigned int cpu);

/* False, and why, if anything could not be written since spool_new(). */
bool spool_ok(const struct spool *s, GError **error);

/* The bytes as one compressed section of trace.dat 7 has them, sizes first; to be freed. */
GByteArray *spool_compress(struct spool *s, const GByteArray *bytes);

struct spool_file *spool_file_new(const char *path, GError **error);
bool spool_file_write(struct spool_file *f, const void *bytes, gsize size, GError **error);
/* Move what a CPU has to the end of the recording. */
bool spool_file_take(struct spool_file *f, struct spool *s, unsigned int cpu, GError **error);
/* f may be NULL. */
bool spool_file_close(struct spool_file *f, GError **error);

#endif
