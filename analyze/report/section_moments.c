// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stretches of the recording that are worth a look.
 */
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

bool sections_moments(struct result *r, sqlite3 *db, GError **error)
{
	return section_query(result_section(r, "moments", "Moments"), &moments, db, error);
}
