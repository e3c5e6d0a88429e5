/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output - where a report goes: standard output, or a file that has its name
 * only when it is complete (schema/temporary.h), mode 0600.
 */
#ifndef ANALYZE_REPORT_OUTPUT_H
#define ANALYZE_REPORT_OUTPUT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output;

/*
 * Begin what will be at path; "-" is standard output. The file is made in dir (NULL: where path is,
 * and what killed programs left there is removed; in dir that is up to the caller, once).
 * Fails if path is there and replace is not set; if it is no file, or a database of ours, in any case.
 */
struct output *output_new(const char *path, const char *dir, bool replace, GError **error);

/* Goes on as if nothing were after it has failed, which output_failed() and output_complete() tell. */
void output_write(struct output *output, const void *data, size_t n);
bool output_failed(const struct output *output);
uint64_t output_bytes(const struct output *output);	/* so far */

/* All is written: have it on disk, all but the name. */
bool output_complete(struct output *output, GError **error);

/* Give it its name. True: it is there; false: nothing has changed. */
bool output_appear(struct output *output, GError **error);

/* What has no name yet is gone. */
void output_free(struct output *output);

#endif
