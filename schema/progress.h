/* SPDX-License-Identifier: GPL-2.0-or-later */
/* progress - a bar on standard error, where that is a terminal. */
#ifndef SCHEMA_PROGRESS_H
#define SCHEMA_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what;
	uint64_t total, done;	/* done never goes back */
	int64_t begun;		/* us, monotonic */
	bool terminal, shown;
};

void progress_begin(struct progress *progress, const char *what, uint64_t total);
void progress_show(struct progress *progress, uint64_t done);
void progress_end(struct progress *progress);	/* wipes the line */

#endif
