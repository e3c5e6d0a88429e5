/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session - a recording under way, and how it ends. All that its end needs is here
 * and is the same in the recorder and in its keeper, so that either can do it.
 */
#ifndef CAPTURE_SESSION_H
#define CAPTURE_SESSION_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/anonymize.h"
#include "capture/instance.h"
#include "capture/spool.h"

#define SESSION_ERROR (g_quark_from_static_string("session"))

struct session {
	struct instance *instance;
	struct spool *spool;
	GByteArray *head;		/* of the file, with the formats of its events */
	char *path;			/* of the recording that is to be */
	bool force;			/* it may exist */
	bool probes;			/* ours are in the kernel */
	bool overwrites;		/* the ring keeps the latest: what it overwrote is not lost */
	int gate;			/* of the user's command, which the keeper is not to hold open; -1: none */
	uint64_t min_free_bytes;	/* of the file system, while it is written */
	struct anonymize_key key;
	struct tep_handle *formats;	/* that the anonymizer knows */
	struct anonymizer *anonymizer;	/* NULL: nothing is hidden */
};

/* What became of it. */
struct session_result {
	uint64_t events, lost, bytes;
	unsigned int lossy_cpus;
};

/* Directory of path, for files that belong to it. */
char *session_directory(const char *path);

/* How long to wait for somebody who looks at a probe, and so holds it. */
enum { SESSION_PROBES_MS = 1000 };

/* Nothing is in it, and nothing in the kernel. */
struct session *session_new(void);
void session_free(struct session *session);

/* From now on names and addresses are hidden by its key when it is written. */
bool session_anonymize(struct session *session, GError **error);

/*
 * Stop tracing, take what the rings hold, remove instance and probes, and only then write
 * the recording: whatever comes of that, the kernel is as it was. The name appears when
 * the file is whole.
 */
bool session_finish(struct session *session, struct session_result *result, GError **error);

/* Remove instance and probes; nothing is written. */
void session_abandon(struct session *session);

#endif
