/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interrupt - SIGINT, SIGTERM and SIGHUP wait until they are asked for, so that
 * nothing is left half done.
 */
#ifndef ANALYZE_INTERRUPT_H
#define ANALYZE_INTERRUPT_H

#include <stdbool.h>

/* From now on they wait; but for those that whoever started this program has it ignore or block. */
void interrupt_hold(void);

/* Has one arrived? It then has until interrupt_release(), whatever is done about it. */
bool interrupt_arrived(void);

/* Sleep until one arrives, a child ends, or ms have passed: only then true. */
bool interrupt_sleep(int ms);

/* They do as they did before. The one that has arrived ends this process, for its parent to see. */
void interrupt_release(void);

/* In a child, which its parent ends: SIGTERM does so, too, those that terminals send do not. */
void interrupt_child(void);

#endif
