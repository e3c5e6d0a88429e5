/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recover - what a recorder left that was killed together with its keeper: an
 * instance that nobody has locked, perhaps still tracing, and probes. (Or only probes.)
 */
#ifndef CAPTURE_RECOVER_H
#define CAPTURE_RECOVER_H

#include <glib.h>
#include <stdbool.h>

/*
 * Stop it, write what its rings hold to path (which must not exist), and remove it. *found:
 * was there one? *saved: is there a file now? anonymize: hide names, which is also done if the
 * killed recorder did. discard: if it cannot be saved, remove it all the same. Says on stderr what
 * it did.
 */
bool recover(const char *path, bool anonymize, bool discard, bool *found, bool *saved, GError **error);

#endif
