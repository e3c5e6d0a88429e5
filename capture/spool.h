/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool - ring-buffer pages on their way from the kernel to the recording: a file
 * for each CPU, without a name, beside the recording that is to be. Recorder and
 * keeper share it; whichever is left can go on.
 */
#ifndef CAPTURE_SPOOL_H
#define CAPTURE_SPOOL_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/instance.h"

#define SPOOL_ERROR (g_quark_from_static_string("spool"))

/* What recorder and keeper both see. */
struct spool_shared {
	_Atomic int in_pipe;		/* of which CPU pages may be in the pipe; -1: of none */
	_Atomic unsigned int beat;	/* counted on by the recorder as long as it moves */
	_Atomic bool consumed;		/* the files have begun to give back their room */
};

struct spool {
	unsigned int n_cpu, page_size;
	int *rings, *files;		/* n_cpu each; -1: the CPU has none */
	int pipe[2];
	int reserve;			/* a file that holds room for what has to be written on a full disk */
	struct spool_shared *shared;
};

struct spool *spool_new(const struct instance *instance, const char *dir, GError **error);
void spool_free(struct spool *spool);

/* The rings alone: as long as any process has one open the instance cannot be removed. */
bool spool_open_rings(struct spool *spool, const struct instance *instance, GError **error);
void spool_close_rings(struct spool *spool);

/* Take what full pages there are, without waiting. An error is the disk's. */
bool spool_drain(struct spool *spool, GError **error);

/* Take all, also pages that are not full. Tracing should be off. */
bool spool_flush(struct spool *spool, GError **error);

uint64_t spool_bytes(const struct spool *spool);

/* Give back the room that was held. So much can then be written, however full the disk. */
enum { SPOOL_RESERVE_BYTES = 2 << 20 };
void spool_release_reserve(struct spool *spool);

#endif
