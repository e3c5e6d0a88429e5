/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shapes - hosts whose guests do what a known program does, by what is known of its shape: Dedup
 * and VIPS of PARSEC, and Dbench, which the series on KVM directed yield reports. 16 CPUs, VMs of
 * 16 vCPUs, all of which do the same.
 */
#ifndef TESTS_WORLD_SHAPES_H
#define TESTS_WORLD_SHAPES_H

#include "tests/world/settings.h"

/* False: no such shape, or no such number of VMs (1 to MAX_VMS). */
bool settings_shape(struct settings *s, const char *name, unsigned int n_vms, guint64 seed,
		    gint64 length);

#endif
