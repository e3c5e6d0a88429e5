/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_WORLD_CALIBRATE_H
#define TESTS_WORLD_CALIBRATE_H

#include "tests/world/settings.h"

/*
 * Let the guests compute more between their operations until stock spins no more than a share of
 * the CPU time that the seed says, 2 to 20 %: a host that does nothing else is nobody's.
 */
void settings_calibrate(struct settings *s);

#endif
