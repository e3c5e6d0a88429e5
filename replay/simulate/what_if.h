/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * what_if - the recorded work at another density: with more or fewer VMs or CPUs, or another
 * PAUSE window. Pure functions.
 */
#ifndef REPLAY_SIMULATE_WHAT_IF_H
#define REPLAY_SIMULATE_WHAT_IF_H

#include "replay/simulate/program.h"

struct what_if {
	int vms, cpus;		/* more, or fewer */
	int64_t window;		/* ns, of all VMs; 0: as recorded */
};

#define WHAT_IF_ERROR what_if_error_quark()
GQuark what_if_error_quark(void);

/* "vms=+1,cpus=-2,window=20us": each at most once, none of them nothing. */
bool what_if_parse(const char *text, struct what_if *w, GError **error);

/* As what_if_parse() takes it, one way to write each; newly allocated. */
char *what_if_text(const struct what_if *w);

/* Is there a VM and a CPU left? */
bool what_if_possible(const struct what_if *w, const struct program_input *input, GError **error);

/*
 * What is possible, done. Copies of VMs come after the recorded ones, of those with most work
 * first; those with least work go first. A copy is at another place of its programs, whose beginning it
 * lacks. CPUs come and go at the end, and tasks are spread by load. The new input shares the items
 * of programs with the old one, and is freed like it; it has no truth. origin[its VM] is the VM
 * that it is, or is a copy of; to be freed.
 */
struct program_input *what_if_apply(const struct what_if *w, const struct program_input *input,
				    unsigned int **origin);

#endif
