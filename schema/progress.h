/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress - how far a command is that takes longer than a second: one line on standard
 * error, where that is a terminal, and wiped before anything else is said there.
 *
 * There is one line, so there is one progress, of whichever thread does the work.
 */
#ifndef SCHEMA_PROGRESS_H
#define SCHEMA_PROGRESS_H

#include <stdint.h>

/* A loop of short turns looks at the clock once in so many. */
enum { PROGRESS_STRIDE = 4096 };

/*
 * What is worked on from now on ("replaying decisions"; kept), and of how much: in any
 * unit; 0 if that is not known. What was worked on before is done.
 */
void progress_begin(const char *what, uint64_t total);

/* So much of it is done. It never goes back. */
void progress_show(uint64_t done);

/* The same, from a loop that must not be slowed down: done counts its turns, 0, 1, 2... */
static inline void progress_turn(uint64_t done)
{
	if (done % PROGRESS_STRIDE == 0)
		progress_show(done);
}

/* Wipe the line, for something else to be said; it comes back as the work goes on. Takes no memory. */
void progress_wipe(void);

/* All is done; the next progress_begin() is another command's, as it were. */
void progress_end(void);

#endif
