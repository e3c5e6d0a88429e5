/* SPDX-License-Identifier: GPL-2.0-or-later */
/* density - a world with one VM or CPU more or less, or another PAUSE window. */
#ifndef TESTS_WORLD_DENSITY_H
#define TESTS_WORLD_DENSITY_H

#include "tests/world/settings.h"

struct density {
	int vms, cpus;		/* -1, 0, 1 */
	gint64 window;		/* ns; 0: as it is */
};

/*
 * Another VM is like that which does most work, and that which does least goes; a kernel scales its
 * scheduler's constants by CPUs. False: there is none of it, or more than a world can have.
 */
bool settings_change_density(struct settings *s, const struct density *d);

#endif
