// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/policy_defaults.h"

#include "replay/policy_spec.h"

bool policy_defaults_keep(sqlite3 *db, const struct policy_params *recorded, GError **error)
{
	bool ok = db_exec(db, "DELETE FROM policy_default", error);
	g_autoptr(db_stmt) add = db_prepare_insert(db, "policy_default");

	for (unsigned int i = 0; ok && i < n_policies; i++) {
		struct policy_params params = policy_spec_defaults_for(policies[i], recorded);
		cJSON *parameters = policy_spec_parameters(policies[i], &params);
		char *text = cJSON_PrintUnformatted(parameters);

		db_bind_text(add, 1, policies[i]->name);
		db_bind_text(add, 2, text);
		ok = db_run(add, error);
		cJSON_free(text);
		cJSON_Delete(parameters);
	}
	return ok;
}
