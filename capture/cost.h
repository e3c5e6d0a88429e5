/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cost - what recording an event takes, measured on this host.
 */
#ifndef CAPTURE_COST_H
#define CAPTURE_COST_H

#include "capture/instance.h"

/*
 * Nanoseconds of CPU time that an event of the scheduler costs when it is recorded in the
 * instance: two threads wake each other in turns on one CPU, untraced and traced by turns,
 * for a quarter of a second, or a few on a busy host. No other thread's events are recorded. 0
 * and an error if it cannot be measured. The instance is empty and off before and after.
 */
double cost_measure(struct instance *instance, GError **error);

#endif
