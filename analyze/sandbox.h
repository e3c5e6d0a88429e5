/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sandbox - work on bytes from anywhere, done by a child process that can use what
 * is already open and its own memory, and nothing else.
 */
#ifndef ANALYZE_SANDBOX_H
#define ANALYZE_SANDBOX_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define SANDBOX_ERROR (g_quark_from_static_string("sandbox"))

struct sandbox_limits {
	uint64_t memory_bytes;	/* of its own: what it maps of files does not count */
	uint64_t cpu_s;		/* over all its threads */
	uint64_t wall_s;	/* in which this process was not stopped */
	uint64_t file_bytes;	/* size that a file it writes may reach */
};

/*
 * In the child, before it reads what it does not trust: from now on it cannot
 * open, execute, connect or signal anything; new threads neither. False: this
 * kernel cannot confine it (or the build has sanitizers, which need more). If it
 * could but fails to, the child ends.
 */
bool sandbox_close(void);
bool sandbox_is_built_in(void);	/* false with sanitizers */

/*
 * Run work(user) in a child process within limits, calling tick(user) every 100 ms.
 * True if work returned true. False, with error set, if it crashed, ran out of
 * memory, came to a limit or was interrupted; false without an error if work
 * returned false, having said why in memory that it shares with the parent.
 *
 * Interrupts must be held (analyze/interrupt.h). The child dies with its parent. It
 * has no standard streams, and of what is open only what closes at an exec().
 */
bool sandbox_run(const struct sandbox_limits *limits, bool (*work)(void *user), void (*tick)(void *user),
		 void *user, GError **error);

/* A text of the child's, of room bytes at most: ended, and nothing in it that a terminal would obey. */
void sandbox_tame(char *text, size_t room);

#endif
