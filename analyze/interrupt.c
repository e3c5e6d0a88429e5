// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

static sigset_t held, before;
static struct sigaction chld_before;
static int arrived;

void interrupt_hold(void)
{
	sigset_t blocked;

	sigprocmask(SIG_SETMASK, NULL, &before);
	sigemptyset(&held);
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		struct sigaction action;

		sigaction(signals[i], NULL, &action);
		if (action.sa_handler != SIG_IGN && !sigismember(&before, signals[i]))
			sigaddset(&held, signals[i]);
	}
	/* were it ignored, nobody could learn how a child ended */
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL }, &chld_before);
	blocked = held;
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	arrived = 0;
}

static int wait_for(const sigset_t *set, int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000L };
	int signal = sigtimedwait(set, NULL, &time);

	if (signal > 0 && sigismember(&held, signal))
		arrived = signal;
	return signal;
}

bool interrupt_arrived(void)
{
	if (!arrived)
		wait_for(&held, 0);
	return arrived;
}

bool interrupt_sleep(int ms)
{
	sigset_t set = held;

	sigaddset(&set, SIGCHLD);
	return wait_for(&set, ms) < 0 && errno == EAGAIN;
}

void interrupt_release(void)
{
	if (arrived)
		raise(arrived);
	sigaction(SIGCHLD, &chld_before, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

void interrupt_child(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_SETMASK, &before, NULL);
}
