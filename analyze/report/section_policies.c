// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What policies would have done, and gained.
 */
#include "analyze/report/sections.h"

#define NOT_REPLAYED "No policy has been replayed yet: 'counterspin replay' does it."

static const struct table_spec summaries = {
	.id = "summaries", .title = "The policies ('counterspin policies' has their limits)", .empty = NOT_REPLAYED,
	.sql = "SELECT " POLICY_LABEL("id") ", summary FROM replay ORDER BY id",
	.columns = { { "policy", "policy", COLUMN_TEXT }, { "summary", "what it does", COLUMN_TEXT } },
};

static const struct table_spec policies = {
	.id = "policies", .title = "Decisions",
	.about = "no target: the policy yields to nobody; IPI out: the spinner has a unicast IPI of its own "
		 "unacknowledged; hits: the pick is its receiver.",
	.empty = NOT_REPLAYED,
	.sql = "SELECT " POLICY_LABEL("replay") ", decisions, same_pick, different_pick, unknown, no_target, receiver_waits, "
	       "receiver_hits, 100.0 * receiver_hits / receiver_waits FROM policy_vs_observed ORDER BY replay",
	.columns = {
		{ "policy", "policy", COLUMN_TEXT }, { "decisions", "decisions", COLUMN_COUNT },
		{ "same_pick", "same pick", COLUMN_COUNT }, { "different_pick", "different", COLUMN_COUNT },
		{ "unknown", "unknown", COLUMN_COUNT }, { "no_target", "no target", COLUMN_COUNT },
		{ "receiver_waits", "IPI out", COLUMN_COUNT }, { "receiver_hits", "hits", COLUMN_COUNT },
		{ "hit_share", "share", COLUMN_PERCENT },
	},
};

#define OUTCOME(name) "sum(CASE WHEN outcome = '" name "' THEN n ELSE 0 END)"

static const struct table_spec outcomes = {
	.id = "outcomes", .title = "What the picks amount to where they differ from the kernel's",
	.about = "kernel there: what the kernel did at the same decisions. hit: a vCPU that is waited for, and the scheduler "
		 "runs it; nominated: what the scheduler does is not known; mismatch: it runs another; lost: another or "
		 "nobody, though such a vCPU was ready; overboost: one that is not waited for, none that is was ready; "
		 "nothing: nobody, or such a vCPU, none that is waited for was ready; unknown: whom the spinner waits for is not "
		 "known, or its wait cannot be used.",
	.empty = "No pick is known to differ, or no policy has been replayed.",
	.sql = "SELECT " POLICY_LABEL("replay") ", whose, sum(n), " OUTCOME("hit") ", " OUTCOME("nominated") ", "
	       OUTCOME("scheduler mismatch") ", " OUTCOME("lost opportunity") ", " OUTCOME("overboost") ", "
	       OUTCOME("nothing to gain") ", " OUTCOME("unknown") " FROM outcome_by_policy "
	       "GROUP BY replay, whose ORDER BY replay, whose <> 'policy'",
	.columns = {
		{ "policy", "policy", COLUMN_TEXT }, { "whose", "whose", COLUMN_TEXT },
		{ "picks", "picks", COLUMN_COUNT }, { "hit", "hit", COLUMN_COUNT },
		{ "nominated", "nomin.", COLUMN_COUNT }, { "scheduler_mismatch", "mismatch", COLUMN_COUNT },
		{ "lost_opportunity", "lost", COLUMN_COUNT }, { "overboost", "overb.", COLUMN_COUNT },
		{ "nothing_to_gain", "nothing", COLUMN_COUNT }, { "unknown", "unkn.", COLUMN_COUNT },
	},
};

#define METRIC(alias, name) " LEFT JOIN estimate " alias " ON " alias ".replay = replay.id AND " alias ".metric = '" name "'"
#define FIGURE(e) e ".value, " e ".stat_lo, " e ".stat_hi, " e ".total_lo, " e ".total_hi"

static const struct table_spec gains = {
	.id = "gains", .title = "What each would have gained, with 95 % intervals (method's own error included)",
	.about = "Against the recorded policy, its behaviour re-weighted, no feedback. '-' where it cannot be told.",
	.empty = NOT_REPLAYED,
	.sql = "SELECT " POLICY_LABEL("replay.id") ", " FIGURE("t") ", " FIGURE("s") ", " FIGURE("i")
	       " FROM replay" METRIC("t", "throughput_gain") METRIC("s", "spin_cpu_saved")
	       METRIC("i", "ipi_response_change") " ORDER BY " POLICY_ORDER,
	.columns = {
		{ "policy", "policy", COLUMN_TEXT },
		{ "throughput_gain", "throughput %", COLUMN_ESTIMATE, 1, true },
		{ "spin_cpu_saved", "spin saved CPUs", COLUMN_ESTIMATE, 2, true },
		{ "ipi_response_change", "IPI response %", COLUMN_ESTIMATE, 1, true },
	},
};

static const struct table_spec verdicts = {
	.id = "verdicts", .title = "Verdicts on throughput",
	.about = "support: share of the evidence that the figure rests on; none where it is refused.", .empty = NOT_REPLAYED,
	.sql = "SELECT " POLICY_LABEL("replay") ", verdict, 100 * support, reason FROM policy_vs_observed ORDER BY replay",
	.columns = {
		{ "policy", "policy", COLUMN_TEXT }, { "verdict", "verdict", COLUMN_TEXT },
		{ "support", "support", COLUMN_PERCENT }, { "reason", "why", COLUMN_TEXT },
	},
};

static const struct table_spec side_effects = {
	.id = "side_effects", .title = "What else would change",
	.about = "yield cost: CPUs spent in yields that the recorded policy does not make; displaced: CPUs that those "
		 "waited for get earlier, from others.",
	.empty = NOT_REPLAYED,
	.sql = "SELECT " POLICY_LABEL("replay.id") ", " FIGURE("p") ", " FIGURE("y") ", " FIGURE("c") ", " FIGURE("d")
	       " FROM replay" METRIC("p", "pause_exits_change") METRIC("y", "yields_change") METRIC("c", "yield_cost")
	       METRIC("d", "displaced") " ORDER BY " POLICY_ORDER,
	.columns = {
		{ "policy", "policy", COLUMN_TEXT },
		{ "pause_exits_change", "PAUSE exits %", COLUMN_ESTIMATE, 0, true },
		{ "yields_change", "yields 1/s", COLUMN_ESTIMATE, 0, true },
		{ "yield_cost", "cost CPUs", COLUMN_ESTIMATE, 2, true },
		{ "displaced", "displaced CPUs", COLUMN_ESTIMATE, 2, true },
	},
};

static const struct table_spec estimators = {
	.id = "estimators", .title = "By how much a wait is longer if its first decision passes over who is waited for",
	.empty = NOT_REPLAYED,
	.sql = "SELECT name, us, lo, hi, NULL, NULL, decisions, reason FROM estimator "
	       "ORDER BY name = 'doubly robust', name = 'natural experiment', name",
	.columns = {
		{ "name", "estimator", COLUMN_TEXT }, { "us", "us", COLUMN_ESTIMATE, 1, true },
		{ "decisions", "decisions", COLUMN_COUNT }, { "reason", "why", COLUMN_TEXT },
	},
};

static const struct table_spec tests = {
	.id = "natural_tests", .title = "What the natural experiment has to pass",
	.empty = "Not tested: there are too few picks for it, or no policy has been replayed.",
	.sql = "SELECT name, what, found, passed FROM natural_test ORDER BY name",
	.columns = {
		{ "name", "test", COLUMN_TEXT }, { "what", "what", COLUMN_TEXT }, { "found", "found", COLUMN_TEXT },
		{ "passed", "passed", COLUMN_YES },
	},
};

bool sections_policies(struct result *r, sqlite3 *db, GError **error)
{
	struct section *gain = result_section(r, "gains", "What other policies would gain");
	struct section *outcome;

	if (!section_query(gain, &gains, db, error) || !section_query(gain, &verdicts, db, error) ||
	    !section_query(gain, &summaries, db, error) ||
	    !section_query(gain, &side_effects, db, error) || !section_query(gain, &estimators, db, error) ||
	    !section_query(gain, &tests, db, error))
		return false;
	outcome = result_section(r, "outcomes", "What other policies would do");
	return section_query(outcome, &policies, db, error) && section_query(outcome, &outcomes, db, error);
}
