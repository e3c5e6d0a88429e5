// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * none - never yield: the spinner goes back to spinning at once.
 */
#include "replay/policy.h"

static int none_on_spin(struct policy_vm *vm, struct spin *s)
{
	(void)vm;
	(void)s;
	return NO_TARGET;
}

const struct policy policy_none = {
	.name = "none",
	.stands_for = "no kernel: directed yield switched off",
	.summary = "yields to nobody",
	.limits = "a floor to compare with, not a proposal",
	.parameters = "",
	.on_spin = none_on_spin,
};
