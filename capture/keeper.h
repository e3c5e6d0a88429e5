/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper - a second process that sees a recording to its end if the recorder is
 * killed. It sleeps until then. In a session of its own, so that what ends the
 * recorder by its terminal or process group does not end both.
 */
#ifndef CAPTURE_KEEPER_H
#define CAPTURE_KEEPER_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "capture/session.h"

#define KEEPER_ERROR (g_quark_from_static_string("keeper"))

struct keeper {
	pid_t pid;	/* 0: none */
	int end;	/* when it closes, and nothing was written to it, this process has been killed */
};

/*
 * session must not change any more, but for what spool_shared holds. While it has no head
 * nothing has been recorded: the keeper then only removes what is in the kernel.
 */
bool keeper_start(struct keeper *keeper, struct session *session, GError **error);

/* Has it ended, which only happens if it was killed? It is then to be started again. */
bool keeper_is_gone(struct keeper *keeper);

/* All is done. */
void keeper_dismiss(struct keeper *keeper);

#endif
