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
 * was there one? anonymize: hide names, which is also done if the
 * killed recorder did. probes_too: remove probes of our group even if there
 * is no instance; they may be somebody else's then. discard: if it cannot be saved, remove it all the same. Says on stderr what
 * it did.
 */
bool recover(const char *path, bool anonymize, bool probes_too, bool discard, bool *found, GError **error);

#endif
