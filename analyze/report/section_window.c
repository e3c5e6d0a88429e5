// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gain for every ipi_window_ns, and the one that was chosen.
 */
#include "analyze/report/sections.h"

/*
 * Choices of ipi_window_ns: of the patches' own policy first, with its defaults first, else the last. The first is
 * the one that answers rest on.
 */
#define TUNED \
	"FROM (SELECT c.*, c.rowid AS run, coalesce(l.label, c.policy) AS label FROM window_choice c LEFT JOIN policy_label l " \
	"ON l.nearest AND l.policy = c.policy AND l.parameters = c.parameters WHERE c.statistic = 'ipi_window_ns') "
#define TUNED_ORDER "ORDER BY policy <> 'ipi-aware+relaxed', label <> policy, run DESC"

#define NOT_TUNED "No window has been looked for yet: 'counterspin tune' does it."

/* A curve of thousands of steps: those at which it moves by what the eye sees on a page. */
static const struct table_spec curve = {
	.id = "window_curve", .title = "The curve: gain from this window on", .page_only = true,
	.empty = NOT_TUNED,
	.sql = "WITH step AS (SELECT *, lag(gain) OVER w AS before, row_number() OVER w AS n, count(*) OVER () AS steps, "
	       "min(gain) OVER () AS least, max(gain) OVER () - min(gain) OVER () AS span FROM window_step "
	       "WHERE statistic = 'ipi_window_ns' AND (policy, parameters, statistic) IN "
	       "(SELECT policy, parameters, statistic " TUNED TUNED_ORDER " LIMIT 1) "
	       "WINDOW w AS (ORDER BY ipi_window_ns)) "
	       "SELECT max(ipi_window_ns, 0), gain, lo, hi FROM step WHERE n = 1 OR n = steps OR steps <= 350 OR "
	       "CAST(150 * (gain - least) / span AS INTEGER) <> CAST(150 * (before - least) / span AS INTEGER) "
	       "OR n * 150 / steps <> (n - 1) * 150 / steps ORDER BY ipi_window_ns",
	.columns = {
		{ "ipi_window_ns", "window", COLUMN_NS }, { "gain", "gain %", COLUMN_NUMBER, 2, true },
		{ "lo", "band from", COLUMN_NUMBER, 2, true }, { "hi", "to", COLUMN_NUMBER, 2, true },
	},
};

static const struct table_spec at = {
	.id = "window_at", .title = "Gain by the window in which a pending IPI counts (single decisions)",
	.about = "The band holds the whole curve at once.", .empty = NOT_TUNED,
	.sql = "WITH tried(w) AS (VALUES (0), (2e4), (5e4), (1e5), (2e5), (5e5), (1e6), (2e6), (5e6), (1e7), (2e7), (5e7), "
	       "(1e8), (1e9)), tuned AS (SELECT policy, parameters, statistic " TUNED TUNED_ORDER " LIMIT 1) "
	       "SELECT w, gain, lo, hi, NULL, NULL FROM tried JOIN tuned JOIN window_step AS s ON s.policy = tuned.policy "
	       "AND s.parameters = tuned.parameters AND s.statistic = tuned.statistic AND s.ipi_window_ns = "
	       "(SELECT max(ipi_window_ns) FROM window_step AS b WHERE b.policy = tuned.policy AND "
	       "b.parameters = tuned.parameters AND b.statistic = tuned.statistic AND b.ipi_window_ns <= w) ORDER BY w",
	.columns = {
		{ "ipi_window_ns", "window", COLUMN_NS }, { "gain", "gain %", COLUMN_ESTIMATE, 2, true },
	},
};

static const struct table_spec choice = {
	.id = "window_choice", .title = "The choice, by single decisions on data that did not choose it", .empty = NOT_TUNED,
	.about = "chosen: the smallest window within one standard error of the best. over default: in points, with the "
		 "method's error.",
	.sql = "SELECT label, chosen, default_window, held_out, held_out_lo, held_out_hi, NULL, NULL, "
	       "over_default, over_default_stat_lo, over_default_stat_hi, over_default_total_lo, over_default_total_hi, "
	       "verdict " TUNED TUNED_ORDER,
	.columns = {
		{ "policy", "policy", COLUMN_TEXT }, { "chosen", "chosen", COLUMN_NS },
		{ "default_window", "default", COLUMN_NS }, { "held_out", "gain %", COLUMN_ESTIMATE, 1, true },
		{ "over_default", "over default", COLUMN_ESTIMATE, 2, true },
		{ "verdict", "verdict", COLUMN_TEXT },
	},
};

static const struct table_spec throughput = {
	.id = "window_throughput", .title = "Throughput there, by the episode chain, percent against the recorded policy",
	.empty = NOT_TUNED,
	.sql = "SELECT label, throughput_at_chosen, NULL, NULL, throughput_at_chosen_lo, throughput_at_chosen_hi, "
	       "throughput_at_default, NULL, NULL, throughput_at_default_lo, throughput_at_default_hi "
	       TUNED TUNED_ORDER,
	.columns = {
		{ "policy", "policy", COLUMN_TEXT },
		{ "throughput_at_chosen", "at the chosen window", COLUMN_ESTIMATE, 1, true },
		{ "throughput_at_default", "at the default", COLUMN_ESTIMATE, 1, true },
	},
};

static const struct table_spec reasons = {
	.id = "window_reasons", .title = "Reservations", .empty = "No reservations, or no window has been looked for.",
	.sql = "SELECT label, reason " TUNED "WHERE reason NOT NULL " TUNED_ORDER,
	.columns = { { "policy", "policy", COLUMN_TEXT }, { "why", "why", COLUMN_TEXT } },
};

bool sections_window(struct result *r, sqlite3 *db, GError **error)
{
	struct section *s = result_section(r, "window", "Which ipi_window_ns");
	const struct table *t;

	if (!section_query(s, &choice, db, error) || !section_query(s, &throughput, db, error) ||
	    !section_query(s, &reasons, db, error) || !section_query(s, &curve, db, error) ||
	    !section_query(s, &at, db, error))
		return false;
	t = result_table(r, choice.id);
	if (t->rows->len > 1)
		section_note(s, "The curve, and the answer above, are those of %s.", table_cell(t, 0, "policy")->text);
	return true;
}
