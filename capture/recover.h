/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recover - what a recorder left that was killed together with its keeper: an
 * instance that nobody has locked, perhaps still tracing, and probes.
 */
#ifndef CAPTURE_RECOVER_H
#define CAPTURE_RECOVER_H

#include <glib.h>
#include <stdbool.h>

/*
 * Stop it, write what its rings hold to path (which must not exist), and remove it. *found:
 * was there one? *saved: is there a file now? Says on stderr what it did.
 */
bool recover(const char *path, bool *found, bool *saved, GError **error);

#endif
