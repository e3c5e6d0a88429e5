// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In place of analyze/sandbox.c, in a program that only bench/sandbox.sh runs: the work is done
 * by the process itself, with all it may do, without limits and unwatched.
 */
#include "analyze/sandbox.h"

bool sandbox_is_built_in(void)
{
	return false;
}

bool sandbox_close(void)
{
	return true;
}

bool sandbox_run(const struct sandbox_limits *limits, bool (*work)(void *user), void (*tick)(void *user),
		 void *user, GError **error)
{
	(void)limits;
	(void)tick;
	(void)error;
	return work(user);
}

void sandbox_tame(char *text, size_t room)
{
	(void)text;
	(void)room;
}
