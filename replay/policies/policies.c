// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/policies/policies.h"

#include <string.h>

const struct policy *const policies[] = {
	&policy_stock, &policy_ipi_aware, &policy_relaxed, &policy_ipi_aware_relaxed,
	&policy_receiver_first, &policy_ipi_chain, &policy_numa, &policy_adaptive_window, &policy_guest_hints,
	&policy_none,
};
const unsigned int n_policies = sizeof(policies) / sizeof(*policies);

const struct policy *policy_by_name(const char *name)
{
	for (unsigned int i = 0; i < n_policies; i++)
		if (!strcmp(policies[i]->name, name))
			return policies[i];
	return 0;
}
