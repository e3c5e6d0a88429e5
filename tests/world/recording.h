/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recording - what a recorder would have written of a world: trace.dat and host facts. */
#ifndef TESTS_WORLD_RECORDING_H
#define TESTS_WORLD_RECORDING_H

#include <glib.h>
#include <stdbool.h>

#include "tests/world/world.h"

/* One at a time: the formats are laid out for all. */
struct recorder *recording_begin(const struct settings *s, const char *path, GError **error);
/* PATH and PATH.host.json; the world's run is over. */
bool recording_end(const struct world *w, const char *path, GError **error);

#endif
