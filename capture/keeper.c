// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "schema/command.h"

enum { BEAT_MS = 1000, MISSED_BEATS = 10 };

static int take_over(struct session *s, pid_t recorder)
{
	struct session_result result;
	g_autoptr(GError) error = NULL;

	fprintf(stderr, "counterspin record: the recorder, process %d, was killed\n", (int)recorder);
	if (!s->head || !s->spool) {	/* it had not begun */
		if (!s->instance)
			s->instance = instance_take_orphan(NULL);
		/* without it nothing else was made, or it is somebody else's by now */
		s->probes &= s->instance != NULL;
		session_abandon(s);
		fprintf(stderr, "counterspin record: nothing was recorded; nothing of it is left in the kernel\n");
		return EXIT_FAILED;
	}
	if (s->spool->shared->consumed) {
		session_abandon(s);
		fprintf(stderr, "counterspin record: it was killed while it wrote '%s', which is lost; nothing of it "
			"is left\n", s->path);
		return EXIT_FAILED;
	}
	/* it may have been about to remove the instance, or have done so */
	spool_open_rings(s->spool, s->instance, NULL);
	if (!session_finish(s, &result, &error)) {
		fprintf(stderr, "counterspin record: %s\n", error->message);
		return EXIT_FAILED;
	}
	fprintf(stderr, "counterspin record: its keeper wrote '%s' (%.1f MB, %" G_GUINT64_FORMAT " events); nothing of "
		"it is left in the kernel\n", s->path, result.bytes / 1e6, result.events);
	return EXIT_FINE;
}

/* Until the recorder is done, or dead. One that has been stopped is not to let tracing go on. */
static void watch(struct session *s, int end)
{
	struct pollfd fd = { .fd = end, .events = POLLIN };
	unsigned int beat = 0, still = 0;

	while (poll(&fd, 1, s->spool ? BEAT_MS : -1) <= 0) {
		still = s->spool->shared->beat == beat ? still + 1 : 0;
		beat = s->spool->shared->beat;
		if (still == MISSED_BEATS && instance_is_on(s->instance)) {
			instance_disable_all(s->instance);
			fprintf(stderr, "counterspin record: warning: the recorder has not moved for %u s; its keeper has "
				"switched tracing off\n", BEAT_MS * MISSED_BEATS / 1000);
		}
	}
}

G_GNUC_NORETURN static void keep(struct session *s, int end, pid_t recorder)
{
	sigset_t all;
	char c;

	if (s->gate >= 0)	/* it opens when the recorder closes it, or dies */
		close(s->gate);
	setsid();
	prctl(PR_SET_NAME, "counterspin-keep");
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (s->spool)
		spool_close_rings(s->spool);
	watch(s, end);
	_exit(read(end, &c, 1) == 1 ? EXIT_FINE : take_over(s, recorder));
}

bool keeper_start(struct keeper *k, struct session *s, GError **error)
{
	pid_t self = getpid();
	int ends[2];

	*k = (struct keeper){ .end = -1 };
	if (pipe2(ends, O_CLOEXEC)) {
		g_set_error(error, KEEPER_ERROR, 0, "cannot make a pipe: %s", g_strerror(errno));
		return false;
	}
	fflush(NULL);
	k->pid = fork();
	if (!k->pid) {
		close(ends[1]);
		keep(s, ends[0], self);
	}
	close(ends[0]);
	k->end = ends[1];
	if (k->pid > 0)
		return true;
	g_set_error(error, KEEPER_ERROR, 0, "cannot make a process: %s", g_strerror(errno));
	close(k->end);
	*k = (struct keeper){ .end = -1 };
	return false;
}

bool keeper_is_gone(struct keeper *k)
{
	if (k->pid <= 0 || waitpid(k->pid, NULL, WNOHANG) != k->pid)
		return false;
	close(k->end);
	*k = (struct keeper){ .end = -1 };
	return true;
}

void keeper_dismiss(struct keeper *k)
{
	if (k->pid <= 0)
		return;
	while (write(k->end, "", 1) < 0 && errno == EINTR)
		;
	close(k->end);
	while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*k = (struct keeper){ .end = -1 };
}
