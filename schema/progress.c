// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema/progress.h"

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 30, SHOW_AFTER_US = 1000 * 1000, SHOW_EVERY_US = 100 * 1000 };

static struct progress {
	const char *what;		/* NULL: nothing is worked on */
	uint64_t total, done;
	int64_t begun, what_begun;	/* us, monotonic: the first of what was worked on; this */
	int64_t next;			/* when the line is to be drawn again */
	bool terminal, shown;
} progress;

/* In one piece, so that nothing comes between. */
static void draw(int64_t us)
{
	double part = progress.total ? MIN((double)progress.done / progress.total, 1) : 0;
	char bar[BAR + 1], much[BAR + 16] = "", left[32] = "";

	memset(bar, ' ', BAR);
	memset(bar, '#', part * BAR);
	bar[BAR] = '\0';
	if (progress.total)
		g_snprintf(much, sizeof(much), " [%s] %3.0f %%", bar, 100 * part);
	if (part > 0.02)
		g_snprintf(left, sizeof(left), "  %.0f s left", us / 1e6 / part * (1 - part));
	fprintf(stderr, "\r%s%s%s\033[K", progress.what, much, left);
	fflush(stderr);
	progress.shown = true;
}

void progress_begin(const char *what, uint64_t total)
{
	int64_t now = g_get_monotonic_time();

	if (!progress.what)
		progress = (struct progress){
			.begun = now, .next = now + SHOW_AFTER_US,
			.terminal = isatty(STDERR_FILENO) && g_strcmp0(g_getenv("TERM"), "dumb"),
		};
	progress.what = what;
	progress.what_begun = now;
	progress.total = total;
	progress.done = 0;
	if (progress.shown)
		progress.next = now;
	progress_show(0);
}

void progress_show(uint64_t done)
{
	int64_t now;

	progress.done = MAX(progress.done, done);
	if (!progress.terminal || !progress.what)
		return;
	now = g_get_monotonic_time();
	if (now < progress.next)
		return;
	progress.next = now + SHOW_EVERY_US;
	draw(now - progress.what_begun);
}

void progress_wipe(void)
{
	if (!progress.shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress.shown = false;
}

void progress_end(void)
{
	progress_wipe();
	progress.what = NULL;
}
