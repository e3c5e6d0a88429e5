/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * input - the bytes of a recording, opened and mapped before any of them is
 * believed. Nothing here parses.
 */
#ifndef ANALYZE_SOURCE_INPUT_H
#define ANALYZE_SOURCE_INPUT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define SOURCE_ERROR (g_quark_from_static_string("source"))

struct input_file {
	char *name;		/* as in messages */
	int fd;
	const uint8_t *data;	/* NULL: empty */
	size_t size;
};

struct input {
	char *path;
	/* the recording; of a directory (perf record --threads) its file 'data', then its 'data.*' by name */
	struct input_file *files;
	unsigned int n_files;
	/* where what must be decompressed as a whole is kept: an unnamed file, or -1 */
	int scratch;
};

/*
 * Open and map path, a regular file or perf's directory. Refuses, with one line
 * in error, what cannot be read. A file that shrinks while it is mapped raises
 * SIGBUS in whoever reads it.
 */
struct input *input_open(const char *path, GError **error);

/* The same, but a file alone. */
struct input *input_open_file(const char *path, GError **error);
void input_close(struct input *input);

uint64_t input_size(const struct input *input);	/* bytes of all files */

/*
 * The reader is done with [data, data + size) for now. Mapped pages behind it may
 * go, so that the memory in use does not grow with the recording.
 */
void input_forget(const uint8_t *data, size_t size);

#endif
