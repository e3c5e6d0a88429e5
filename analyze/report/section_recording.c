// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was recorded, and how far it can be trusted.
 */
#include "analyze/report/reading.h"
#include "analyze/report/sections.h"

static const struct table_spec recording = {
	.id = "recording", .title = "The recording", .empty = "none",
	.sql = "SELECT path, kernel, (SELECT policy FROM fidelity), n_cpu, (SELECT count(*) FROM vm), "
	       "(SELECT count(*) FROM vcpu), span_ns, (SELECT count(*) FROM decision), probes "
	       "FROM recording JOIN recorded_time",
	.columns = {
		{ "path", "file", COLUMN_TEXT }, { "kernel", "kernel", COLUMN_TEXT },
		{ "policy", "policy", COLUMN_TEXT },
		{ "n_cpu", "CPUs", COLUMN_COUNT }, { "vms", "VMs", COLUMN_COUNT },
		{ "vcpus", "vCPUs", COLUMN_COUNT }, { "duration_ns", "length", COLUMN_NS },
		{ "decisions", "decisions", COLUMN_COUNT },
		{ "probes", "probed", COLUMN_YES },
	},
};

static const struct table_spec loss = {
	.id = "loss", .title = "What was lost or left out", .empty = "Nothing was lost.",
	.sql = "SELECT what, n, detail FROM loss",
	.columns = {
		{ "what", "what", COLUMN_TEXT }, { "n", "how many", COLUMN_COUNT }, { "detail", "", COLUMN_TEXT },
	},
};

static const struct table_spec gaps = {
	.id = "gaps", .title = "Gaps", .empty = "There are no gaps.",
	.sql = "SELECT why, count(*), count(DISTINCT cpu), sum(t1 - t0), min(t0) - (SELECT t0 FROM recording), sum(events) "
	       "FROM gap GROUP BY why ORDER BY count(*) DESC, why",
	.columns = {
		{ "why", "why", COLUMN_TEXT }, { "gaps", "gaps", COLUMN_COUNT }, { "cpus", "CPUs", COLUMN_COUNT },
		{ "lasting_ns", "lasting", COLUMN_NS }, { "first", "first at", COLUMN_TIME },
		{ "events", "events", COLUMN_COUNT },
	},
};

static const struct table_spec unknowable = {
	.id = "unknowable", .title = "What this recording cannot say",
	.empty = "Nothing that counterspin knows to ask is missing.",
	.sql = "SELECT what, why FROM unknowable",
	.columns = { { "what", "what", COLUMN_TEXT }, { "why", "why", COLUMN_TEXT } },
};

static const struct table_spec fidelity = {
	.id = "fidelity", .title = "Fidelity: the replayed kernel policy against what the kernel did",
	.about = "racy: a vCPU's state may have changed while the scan was looking.",
	.empty = "Nothing to compare: no decision was probed, no policy has been replayed, or none of its picks is known.",
	.sql = "SELECT state, policy, compared, attempt_lists_equal, 100.0 * attempt_lists_equal / compared, "
	       "100.0 * targets_equal / compared, unknown, racy FROM fidelity WHERE compared > 0",
	.columns = {
		{ "state", "state", COLUMN_TEXT }, { "policy", "policy", COLUMN_TEXT },
		{ "compared", "compared", COLUMN_COUNT }, { "attempt_lists_equal", "same attempts", COLUMN_COUNT },
		{ "attempts_share", "", COLUMN_PERCENT, 2 }, { "targets_share", "same target", COLUMN_PERCENT, 2 },
		{ "unknown", "unknown", COLUMN_COUNT }, { "racy", "racy", COLUMN_COUNT },
	},
};

static const struct table_spec disagreements = {
	.id = "disagreements", .title = "Where it did not do what the kernel did, by the state that differs",
	.empty = "Nowhere, of what could be compared.",
	.sql = "SELECT state, reason, count(*), sum(racy) FROM disagreement GROUP BY state, reason ORDER BY 1, 3 DESC, 2",
	.columns = {
		{ "state", "state", COLUMN_TEXT }, { "reason", "differs in", COLUMN_TEXT },
		{ "decisions", "decisions", COLUMN_COUNT }, { "racy", "of these racy", COLUMN_COUNT },
	},
};

bool sections_recording(struct result *r, sqlite3 *db, GError **error)
{
	struct section *s = result_section(r, "trust", "What was recorded, and how far to trust it");
	g_autoptr(db_stmt) warnings = db_prepare(db, "SELECT sentence FROM warning");
	GError *broken = NULL;

	while (db_next(warnings, &broken))
		g_ptr_array_add(r->warnings, reading_word(warnings, 0));
	if (broken) {
		g_propagate_error(error, broken);
		return false;
	}
	return section_query(s, &recording, db, error) && section_query(s, &loss, db, error) &&
	       section_query(s, &gaps, db, error) && section_query(s, &unknowable, db, error) &&
	       section_query(s, &fidelity, db, error) && section_query(s, &disagreements, db, error);
}
