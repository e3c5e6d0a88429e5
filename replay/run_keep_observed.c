// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/run_keep_observed.h"

#include "replay/run_estimators.h"

static bool keep_figures(sqlite3 *db, int64_t vm, const struct observed_figure *figures, GError **error)
{
	g_autoptr(db_stmt) add = db_prepare_insert(db, "observed");
	bool ok = true;

	for (unsigned int m = 0; ok && m < N_OBSERVED; m++) {
		const struct observed_figure *f = &figures[m];

		db_bind_int(add, 1, vm);
		db_bind_text(add, 2, observed_infos[m].name);
		db_bind_text(add, 3, observed_infos[m].unit);
		db_bind_real(add, 4, f->value);
		db_bind_real(add, 5, f->statistical[0]);
		db_bind_real(add, 6, f->statistical[1]);
		db_bind_int(add, 7, f->n);
		db_bind_text(add, 8, f->reason);
		ok = db_run(add, error);
	}
	return ok;
}

static bool keep_judged(sqlite3 *db, const struct observed *o, GError **error)
{
	g_autoptr(db_stmt) add = db_prepare_insert(db, "judged_yield");
	bool ok = true;

	for (guint i = 0; ok && i < o->judged->len; i++) {
		const struct judged_yield *yield = &g_array_index(o->judged, struct judged_yield, i);

		db_bind_int(add, 1, yield->decision);
		db_bind_int(add, 2, yield->wasted);
		ok = db_run(add, error);
	}
	return ok;
}

static bool keep_warnings(sqlite3 *db, const struct run *run, GError **error)
{
	g_autoptr(GPtrArray) warnings = run_warnings(run, run->recorded);
	g_autoptr(db_stmt) add = db_prepare_insert(db, "warning");
	bool ok = true;

	for (guint i = 0; ok && i < warnings->len; i++) {
		db_bind_text(add, 1, warnings->pdata[i]);
		ok = db_run(add, error);
	}
	return ok;
}

static bool keep_estimators(sqlite3 *db, const struct run *run, GError **error)
{
	struct estimator_figure figures[N_ESTIMATORS];
	g_autoptr(db_stmt) add = db_prepare_insert(db, "estimator");
	bool ok = true;

	estimator_figures(&run->estimators, figures);
	for (unsigned int i = 0; ok && i < N_ESTIMATORS; i++) {
		const struct estimator_figure *f = &figures[i];

		db_bind_text(add, 1, f->name);
		db_bind_real(add, 2, f->us);
		db_bind_real(add, 3, f->lo);
		db_bind_real(add, 4, f->hi);
		db_bind_int(add, 5, f->n);
		db_bind_text(add, 6, f->reason);
		ok = db_run(add, error);
	}
	estimator_figures_clear(figures);
	return ok;
}

static bool keep_tests(sqlite3 *db, const struct run *run, GError **error)
{
	struct natural_finding findings[N_NATURAL_TESTS];
	g_autoptr(db_stmt) add = db_prepare_insert(db, "natural_test");
	bool ok = true;

	if (!natural_findings(&run->estimators.natural, findings))
		return true;
	for (unsigned int i = 0; ok && i < N_NATURAL_TESTS; i++) {
		db_bind_text(add, 1, findings[i].name);
		db_bind_text(add, 2, findings[i].what);
		db_bind_text(add, 3, findings[i].found);
		db_bind_int(add, 4, findings[i].passed < 0 ? DB_NULL : findings[i].passed);
		ok = db_run(add, error);
	}
	natural_findings_clear(findings);
	return ok;
}

bool run_keep_observed(const struct run *run, sqlite3 *db, GError **error)
{
	const struct recorded *r = run->recorded;
	bool ok = db_exec(db, "DELETE FROM observed; DELETE FROM judged_yield; DELETE FROM warning; DELETE FROM estimator; "
			  "DELETE FROM natural_test", error) &&
		  keep_figures(db, DB_NULL, run->observed->figures[r->n_vms], error);

	for (unsigned int vm = 0; ok && vm < r->n_vms; vm++)
		ok = keep_figures(db, r->vms[vm].id, run->observed->figures[vm], error);
	return ok && keep_judged(db, run->observed, error) && keep_warnings(db, run, error) &&
	       keep_estimators(db, run, error) && keep_tests(db, run, error);
}
