// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What reviewers of the IPI-aware patches ask: what their tracker misses, and
 * what becomes of the yields that stock makes.
 */
#include "analyze/report/sections.h"

static const struct table_spec coverage = {
	.id = "tracker_coverage", .title = "What the patches' tracker records, and what it misses",
	.about = "missed: a relation of two vCPUs that the tracker does not know. sends '-': there may be more than were seen.",
	.empty = "No IPI was seen.",
	.sql = "SELECT " VM_LABEL("vm") ", why, missed, seen, n_sends, n_edges, 100.0 * seen / sum(seen) OVER (PARTITION BY vm) "
	       "FROM tracker_coverage WHERE seen > 0 OR n_sends IS NULL ORDER BY vm, missed, seen DESC, why",
	.columns = {
		{ "vm", "VM", COLUMN_TEXT }, { "why", "how it was sent", COLUMN_TEXT },
		{ "missed", "missed", COLUMN_YES }, { "seen", "seen", COLUMN_COUNT },
		{ "n_sends", "sends", COLUMN_COUNT }, { "n_edges", "receivers", COLUMN_COUNT },
		{ "share", "share", COLUMN_PERCENT },
	},
};

static const struct table_spec fanout = {
	.id = "ipi_fanout", .title = "Vectors: to how many they go, and whether their senders wait",
	.about = "overwritten: unanswered when its sender's next tracked one went to another vCPU; the tracker remembers one.",
	.empty = "No IPI was seen.",
	.sql = "SELECT " VM_LABEL("vm") ", printf('0x%02x', vector), seen, 100 * f_multi, max_receivers, overwritten, "
	       "100 * f_wait FROM ipi_fanout ORDER BY vm, seen DESC, vector",
	.columns = {
		{ "vm", "VM", COLUMN_TEXT }, { "vector", "vector", COLUMN_TEXT }, { "seen", "seen", COLUMN_COUNT },
		{ "f_multi", "to several", COLUMN_PERCENT }, { "max_receivers", "most receivers", COLUMN_COUNT },
		{ "overwritten", "overwritten", COLUMN_COUNT }, { "f_wait", "waited for", COLUMN_PERCENT },
	},
};

#define KNOWN(what) "sum(" what " NOT NULL)"
#define SHARE(what) "100.0 * sum(" what ") / nullif(" KNOWN(what) ", 0)"

static const struct table_spec across = {
	.id = "yields_across", .title = "Recorded yields: to another run queue, to another cgroup?",
	.empty = "No yield is known.",
	.sql = "SELECT " VM_LABEL("vm") ", count(*), " KNOWN("across_queues") ", " SHARE("across_queues") ", "
	       KNOWN("across_cgroups") ", " SHARE("across_cgroups") " FROM yield_across GROUP BY vm ORDER BY vm",
	.columns = {
		{ "vm", "VM", COLUMN_TEXT }, { "yields", "yields", COLUMN_COUNT },
		{ "queues_known", "queue known of", COLUMN_COUNT }, { "across_queues", "across queues", COLUMN_PERCENT },
		{ "cgroups_known", "cgroup known of", COLUMN_COUNT }, { "across_cgroups", "across cgroups", COLUMN_PERCENT },
	},
};

static const struct table_spec woken = {
	.id = "yields_woken", .title = "Recorded yields: to vCPUs that were woken, not preempted",
	.about = "refused: the IPI-aware filter would pass it over; '-': of some it is not known.", .empty = "No yield is known.",
	.sql = "SELECT " VM_LABEL("vm") ", count(*), " KNOWN("woken") ", " SHARE("woken") ", "
	       "CASE WHEN NOT total(woken AND rejected IS NULL) THEN " SHARE("rejected") " END "
	       "FROM yield_woken GROUP BY vm ORDER BY vm",
	.columns = {
		{ "vm", "VM", COLUMN_TEXT }, { "yields", "yields", COLUMN_COUNT },
		{ "woken_known", "known of", COLUMN_COUNT }, { "woken", "woken", COLUMN_PERCENT },
		{ "rejected", "refused", COLUMN_PERCENT },
	},
};

bool sections_reviewers(struct result *r, sqlite3 *db, GError **error)
{
	struct section *s = result_section(r, "reviewers", "For reviewers of the patches");

	return section_query(s, &coverage, db, error) && section_query(s, &fanout, db, error) &&
	       section_query(s, &across, db, error) && section_query(s, &woken, db, error);
}
