// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema/progress.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 30, SHOW_AFTER_US = 300 * 1000 };

void progress_begin(struct progress *p, const char *what, uint64_t total)
{
	const char *term = g_getenv("TERM");

	*p = (struct progress){
		.what = what, .total = total, .begun = g_get_monotonic_time(),
		.terminal = isatty(STDERR_FILENO) && g_strcmp0(term, "dumb"),
	};
}

void progress_show(struct progress *p, uint64_t done)
{
	int64_t us = g_get_monotonic_time() - p->begun;
	double part;
	char bar[BAR + 1];

	p->done = MAX(p->done, done);
	part = p->total ? MIN((double)p->done / p->total, 1) : 0;
	if (!p->terminal || us < SHOW_AFTER_US)
		return;
	memset(bar, ' ', BAR);
	memset(bar, '#', part * BAR);
	bar[BAR] = '\0';
	fprintf(stderr, "\r%s [%s] %3.0f %%", p->what, bar, 100 * part);
	if (part > 0.02)
		fprintf(stderr, "  %.0f s left  ", us / 1e6 / part * (1 - part));
	fputs("\033[K", stderr);
	fflush(stderr);
	p->shown = true;
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	fflush(stderr);
}
