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
	uint64_t file_bytes;	/* size that a file it writes may reach */
};

/*
 * In the child, before it reads what it does not trust: from now on it cannot
 * open, execute, connect or signal anything. False: this kernel cannot confine it
 * (or the build has sanitizers, which need more). New threads are confined, too.
 */
bool sandbox_close(void);
bool sandbox_is_built_in(void);	/* false with sanitizers */

/*
 * Run work(user) in a child process within limits, calling tick(user) every 100 ms.
 * True if work returned true. False, with error set, if it crashed, came to a
 * limit, or SIGINT, SIGTERM or SIGHUP arrived (sandbox_interrupted() then says
 * which); false without an error if work returned false, having said why in memory
 * that it shares with the parent.
 *
 * The child dies with its parent. It must not use stdio's buffers of the parent.
 */
bool sandbox_run(const struct sandbox_limits *limits, bool (*work)(void *user), void (*tick)(void *user),
		 void *user, GError **error);

/* The signal that ended sandbox_run(); 0: none did. */
int sandbox_interrupted(void);

#endif
