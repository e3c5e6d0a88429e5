/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * counters - how often events fire, counted by perf without recording any. The
 * counters are file descriptors: whatever ends the process, they go.
 */
#ifndef CAPTURE_COUNTERS_H
#define CAPTURE_COUNTERS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define COUNTERS_ERROR (g_quark_from_static_string("counters"))

struct counters;

struct counters *counters_new(unsigned int n_cpu);
void counters_free(struct counters *counters);

/*
 * Count an event, on all CPUs that are online; filter may be NULL. Returns its index, from
 * 0 on; -1 and an error if the kernel refuses.
 */
int counters_add(struct counters *counters, const char *system, const char *name, const char *filter,
		 GError **error);

/* How often it has fired on a CPU since it was added. */
uint64_t counters_value(const struct counters *counters, int index, unsigned int cpu);
uint64_t counters_total(const struct counters *counters, int index);

#endif
