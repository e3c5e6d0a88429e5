// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stretches of the recording that are worth a look.
 */
#include "analyze/report/reading.h"
#include "analyze/report/sections.h"

static const struct table_spec moments = {
	.id = "moments", .title = "Worth a look ('counterspin explain' shows the decision; the page draws them)",
	.empty = "None: there are no waits, or no policy has been replayed.",
	.sql = "SELECT kind, moment.t0 - (SELECT t0 FROM recording), moment.t1 - moment.t0, decision, what "
	       "FROM moment ORDER BY id",
	.columns = {
		{ "kind", "what", COLUMN_TEXT }, { "t0", "from", COLUMN_TIME }, { "length_ns", "length", COLUMN_NS },
		{ "decision", "decision", COLUMN_COUNT }, { "what", "", COLUMN_TEXT },
	},
};

/* Policies whose picks are explained there, which are those of the last replay; others, whose results are older. */
#define LAST_RUN \
	"WITH last AS (SELECT explain FROM explanation WHERE json_valid(explain) ORDER BY decision LIMIT 1), " \
	"asked AS (SELECT p.value ->> 'name' AS policy, p.value ->> 'parameters' AS parameters, last.explain ->> 'state' AS state " \
	"FROM last, json_each(last.explain, '$.policies') AS p WHERE p.type = 'object') " \
	"SELECT l.label FROM replay r JOIN policy_label l ON l.replay = r.id " \
	"WHERE r.policy <> 'observed' AND EXISTS (SELECT * FROM moment) AND EXISTS (SELECT * FROM asked) AND "
#define IN_IT "(r.policy, r.parameters, r.state) IN (SELECT policy, parameters, state FROM asked) ORDER BY r.id"

/* Labels, a row each, with commas. */
static char *list_of(sqlite3 *db, const char *sql, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(db, sql);
	GString *text = g_string_new(NULL);

	while (db_next(s, error)) {
		g_autofree char *label = reading_word(s, 0);

		g_string_append_printf(text, "%s%s", text->len ? ", " : "", label);
	}
	return g_string_free(text, FALSE);
}

/* Moments are replaced by every replay, a policy's figures only by a replay of it. */
static bool note_run(struct section *section, sqlite3 *db, GError **error)
{
	GError *broken = NULL;
	g_autofree char *last = list_of(db, LAST_RUN IN_IT, &broken);
	g_autofree char *earlier = broken ? NULL : list_of(db, LAST_RUN "NOT " IN_IT, &broken);

	if (broken) {
		g_propagate_error(error, broken);
		return false;
	}
	if (*earlier)
		section_note(section, "Moments are of the last replay, which was of %s; what was replayed before has no part in "
			     "them: %s.", *last ? last : "no policy that is here", earlier);
	return true;
}

bool sections_moments(struct result *r, sqlite3 *db, GError **error)
{
	struct section *s = result_section(r, "moments", "Moments");

	return note_run(s, db, error) && section_query(s, &moments, db, error);
}
