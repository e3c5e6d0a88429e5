// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/run_keep_moments.h"

#include "replay/explain_json.h"
#include "replay/moments.h"

static bool keep_moments(sqlite3 *db, const struct run *run, const GArray *moments, GError **error)
{
	g_autoptr(db_stmt) add = db_prepare_insert(db, "moment");
	bool ok = true;

	for (guint i = 0; ok && i < moments->len; i++) {
		const struct moment *m = &g_array_index(moments, struct moment, i);
		const struct scored *d = scored_at(run->scores, m->decision);

		db_bind_int(add, 1, i + 1);
		db_bind_text(add, 2, moment_kind_names[m->kind]);
		db_bind_int(add, 3, run->recorded->vms[d->vm].id);
		db_bind_int(add, 4, m->episode + 1);
		db_bind_int(add, 5, d->id);
		db_bind_int(add, 6, m->t0);
		db_bind_int(add, 7, m->t1);
		db_bind_text(add, 8, m->what);
		ok = db_run(add, error);
	}
	return ok;
}

struct keeper {
	sqlite3_stmt *add;
	GError *error;		/* the first; nothing is kept after it */
};

static void keep_explanation(void *user, int64_t decision, cJSON *json)
{
	struct keeper *k = user;
	char *text = k->error ? NULL : cJSON_PrintUnformatted(json);

	if (text) {
		db_bind_int(k->add, 1, decision);
		db_bind_text(k->add, 2, text);
		db_run(k->add, &k->error);
	}
	cJSON_free(text);
	cJSON_Delete(json);
}

static bool keep_explanations(sqlite3 *db, struct run *run, const GArray *moments, GError **error)
{
	g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int64_t));
	g_autoptr(db_stmt) add = db_prepare_insert(db, "explanation");
	struct keeper keeper = { .add = add };

	for (guint i = 0; i < moments->len; i++)
		moment_decisions(run, &g_array_index(moments, struct moment, i), ids);
	if (!ids->len)
		return true;
	if (!explain_json(run, run->recorded, (const int64_t *)ids->data, ids->len, keep_explanation, &keeper, error)) {
		g_clear_error(&keeper.error);
		return false;
	}
	if (keeper.error)
		g_propagate_error(error, keeper.error);
	return !keeper.error;
}

bool run_keep_moments(struct run *run, sqlite3 *db, GError **error)
{
	g_autoptr(GArray) moments = moments_find(run);

	return db_exec(db, "DELETE FROM explanation; DELETE FROM moment", error) &&
	       keep_moments(db, run, moments, error) && keep_explanations(db, run, moments, error);
}
