/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_defaults - which parameters a policy's name alone stands for, kept for whoever names results. */
#ifndef REPLAY_POLICY_DEFAULTS_H
#define REPLAY_POLICY_DEFAULTS_H

#include "replay/policies/policies.h"
#include "schema/db.h"

/* Of all policies, on a recording of a kernel with these parameters. Within the caller's transaction. */
bool policy_defaults_keep(sqlite3 *db, const struct policy_params *recorded, GError **error);

#endif
