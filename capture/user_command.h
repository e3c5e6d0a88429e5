/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * user_command - the command that is recorded: a process that is there before the
 * first event, and becomes the command when it is told to.
 */
#ifndef CAPTURE_USER_COMMAND_H
#define CAPTURE_USER_COMMAND_H

#include <glib.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#define USER_COMMAND_ERROR (g_quark_from_static_string("user-command"))

struct user_command {
	pid_t pid;			/* 0: there is none */
	int gate;			/* it waits until this closes after a byte; -1: it does not wait */
	_Atomic int *exec_errno;	/* shared with its process */
};

#define USER_COMMAND_NONE ((struct user_command){ .gate = -1 })

/* Make the process. Of this one's files it has the standard streams alone, and files as its limit. */
bool user_command_fork(struct user_command *command, char **argv, const struct rlimit *files, GError **error);

/* Let it run. */
void user_command_run(struct user_command *command);

/* Why it could not be run, once it has ended; 0: it was. */
int user_command_errno(const struct user_command *command);

/* One that still waits ends by itself. */
void user_command_clear(struct user_command *command);

#endif
