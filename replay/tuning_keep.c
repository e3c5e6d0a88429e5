// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/tuning_keep.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "replay/policy_defaults.h"

/* The columns that tell whose curve it is. */
static void bind_subject(sqlite3_stmt *s, const struct tuning *t, const char *parameters)
{
	db_bind_text(s, 1, t->policy->name);
	db_bind_text(s, 2, parameters);
	db_bind_text(s, 3, window_statistic_names[t->statistic]);
}

static bool drop(sqlite3 *db, const char *table, const struct tuning *t, const char *parameters, GError **error)
{
	g_autofree char *sql = g_strdup_printf("DELETE FROM %s WHERE policy = ? AND parameters = ? AND statistic = ?", table);
	g_autoptr(db_stmt) s = db_prepare(db, sql);

	bind_subject(s, t, parameters);
	return db_run(s, error);
}

static bool keep_curve(sqlite3 *db, const struct tuning *t, const char *parameters, GError **error)
{
	g_autoptr(db_stmt) add = db_prepare_insert(db, "window_step");
	bool ok = true;

	for (size_t i = 0; ok && i < t->curve->n_points; i++) {
		const struct window_point *p = &t->curve->points[i];

		bind_subject(add, t, parameters);
		db_bind_int(add, 4, p->window_ns);
		db_bind_real(add, 5, p->value.spin_ns);
		db_bind_real(add, 6, p->value.wall_ns);
		db_bind_real(add, 7, tuning_gain(t, p->value.spin_ns));
		db_bind_real(add, 8, tuning_gain(t, t->low[i]));
		db_bind_real(add, 9, tuning_gain(t, t->high[i]));
		ok = db_run(add, error);
	}
	return ok;
}

static bool keep_choice(sqlite3 *db, const struct tuning *t, const char *parameters, GError **error)
{
	const struct window_choice *c = &t->choice;
	const struct window_estimate *over = &c->over_default;
	const double figures[] = {
		tuning_gain(t, c->held_out.ns), tuning_gain(t, c->held_out.low), tuning_gain(t, c->held_out.high),
		tuning_gain(t, c->by_default.ns), tuning_gain(t, c->by_default.low), tuning_gain(t, c->by_default.high),
		tuning_over_default(t, over->ns), tuning_over_default(t, over->low), tuning_over_default(t, over->high),
		t->over_default[0], t->over_default[1],
		t->at_chosen.value, t->at_chosen.total[0], t->at_chosen.total[1],
		t->at_default.value, t->at_default.total[0], t->at_default.total[1],
	};
	g_autoptr(db_stmt) add = db_prepare_insert(db, "window_choice");
	int column = 4;

	bind_subject(add, t, parameters);
	db_bind_int(add, column++, t->default_window);
	/* no window at all is 0, as it is printed */
	db_bind_int(add, column++, t->chosen ? MAX(c->window_ns, 0) : DB_NULL);
	db_bind_int(add, column++, t->chosen ? MAX(c->fold_low, 0) : DB_NULL);
	db_bind_int(add, column++, t->chosen ? MAX(c->fold_high, 0) : DB_NULL);
	for (unsigned int i = 0; i < G_N_ELEMENTS(figures); i++)
		db_bind_real(add, column++, t->chosen ? figures[i] : NAN);
	db_bind_int(add, column++, t->n_live);
	db_bind_int(add, column++, t->n_inert);
	db_bind_text(add, column++, tuning_verdict(t));
	db_bind_text(add, column, t->reason);
	return db_run(add, error);
}

bool tuning_keep(const struct tuning *t, sqlite3 *db, GError **error)
{
	cJSON *parameters = tuning_parameters(t);
	char *text = cJSON_PrintUnformatted(parameters);
	bool ok = db_exec(db, "BEGIN IMMEDIATE", error) && drop(db, "window_step", t, text, error) &&
		  drop(db, "window_choice", t, text, error) && keep_curve(db, t, text, error) &&
		  keep_choice(db, t, text, error) && policy_defaults_keep(db, &t->run->recorded_params, error);

	cJSON_free(text);
	cJSON_Delete(parameters);
	if (ok && db_exec(db, "COMMIT", error))
		return true;
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}
