/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probes_int - between probes.c and probes_plan.c. */
#ifndef CAPTURE_PROBES_INT_H
#define CAPTURE_PROBES_INT_H

#include "capture/probes.h"

/* A file of tracefs, all of it. Errors: of G_FILE_ERROR, PROBES_ERROR_FAILED without tracefs. */
char *probes_read_tracefs(const char *name, GError **error);

#endif
