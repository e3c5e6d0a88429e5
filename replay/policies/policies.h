/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of policies. */
#ifndef REPLAY_POLICIES_POLICIES_H
#define REPLAY_POLICIES_POLICIES_H

#include "replay/policy.h"

extern const struct policy policy_stock, policy_ipi_aware, policy_relaxed, policy_ipi_aware_relaxed,
	policy_receiver_first, policy_ipi_chain, policy_numa, policy_adaptive_window, policy_guest_hints, policy_none;

extern const struct policy *const policies[];
extern const unsigned int n_policies;

/* NULL: there is none of that name. */
const struct policy *policy_by_name(const char *name);

#endif
