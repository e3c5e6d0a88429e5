// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/user_command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/recorder.h"
#include "schema/command.h"

enum { GATE = STDERR_FILENO + 1, CANNOT_RUN = 127 };

/* Rings that it held open would keep the instance from being removed. */
G_GNUC_NORETURN static void become(struct user_command *c, char **argv, int gate, const struct rlimit *files)
{
	char byte;

	dup2(gate, GATE);
	close_range(GATE + 1, ~0U, 0);
	if (read(GATE, &byte, 1) != 1)	/* the recorder gave up */
		_exit(EXIT_FAILED);
	fcntl(GATE, F_SETFD, FD_CLOEXEC);
	recorder_release_signals();
	setrlimit(RLIMIT_NOFILE, files);
	execvp(argv[0], argv);
	*c->exec_errno = errno;
	_exit(CANNOT_RUN);
}

bool user_command_fork(struct user_command *c, char **argv, const struct rlimit *files, GError **error)
{
	int gate[2];

	*c = USER_COMMAND_NONE;
	c->exec_errno = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->exec_errno == MAP_FAILED || pipe2(gate, O_CLOEXEC)) {
		g_set_error(error, USER_COMMAND_ERROR, 0, "cannot make a pipe: %s", g_strerror(errno));
		return false;
	}
	fflush(NULL);
	c->pid = fork();
	if (!c->pid)
		become(c, argv, gate[0], files);
	close(gate[0]);
	c->gate = gate[1];
	if (c->pid > 0)
		return true;
	g_set_error(error, USER_COMMAND_ERROR, 0, "cannot make a process: %s", g_strerror(errno));
	return false;
}

void user_command_run(struct user_command *c)
{
	if (c->gate < 0)
		return;
	if (write(c->gate, "", 1) != 1)
		fprintf(stderr, "counterspin record: warning: the command cannot be started\n");
	close(c->gate);
	c->gate = -1;
}

int user_command_errno(const struct user_command *c)
{
	return c->exec_errno ? *c->exec_errno : 0;
}

void user_command_clear(struct user_command *c)
{
	if (c->gate >= 0)
		close(c->gate);
	if (c->exec_errno && c->exec_errno != MAP_FAILED)
		munmap(c->exec_errno, sizeof(*c->exec_errno));
	*c = USER_COMMAND_NONE;
}
