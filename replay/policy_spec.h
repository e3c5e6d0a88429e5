/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_spec - "ipi-aware:series=2,ipi_window_ns=20000000" as a policy and its
 * parameters, and back.
 */
#ifndef REPLAY_POLICY_SPEC_H
#define REPLAY_POLICY_SPEC_H

#include <cjson/cJSON.h>
#include <glib.h>

#include "replay/policies/policies.h"

#define POLICY_SPEC_ERROR (g_quark_from_static_string("policy-spec"))

extern const char *const stock_variant_names[];

/* What a policy is replayed with unless told otherwise: series v3, the kernel's defaults. */
struct policy_params policy_spec_defaults(void);

/*
 * The same for one policy on a recording: stock follows the recorded kernel's
 * variant.
 */
struct policy_params policy_spec_defaults_for(const struct policy *policy, const struct policy_params *recorded);

/* Parse spec; what it does not say is policy_spec_defaults_for(). */
const struct policy *policy_spec_parse(const char *spec, const struct policy_params *recorded,
				       struct policy_params *params, GError **error);

/* The parameters that policy heeds, as a JSON object; the caller frees it. */
cJSON *policy_spec_parameters(const struct policy *policy, const struct policy_params *params);

#endif
