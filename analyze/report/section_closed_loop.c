// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The closed loop: what 'counterspin simulate' has found out, and whether replay says the same.
 */
#include "analyze/report/format.h"
#include "analyze/report/sections.h"

enum { MAX_NAMED = 8 };		/* contradictions */

#define MARGIN_IS "margin: of the side lag-credit, slices per queued entity, as assumed."
#define NOT_SIMULATED "Nothing has been simulated yet: 'counterspin simulate DB' does it."

#define WHAT_IF "coalesce(nullif(what_if, ''), 'as recorded')"
#define FIGURE(value, prefix) value ", " prefix "stat_lo, " prefix "stat_hi, " prefix "total_lo, " prefix "total_hi"

/* A metric of rows that are grouped by policy and side. */
#define PICK(metric, column) "max(CASE WHEN metric = '" metric "' THEN " column " END)"
#define PICKED(metric) PICK(metric, "value") ", " PICK(metric, "stat_lo") ", " PICK(metric, "stat_hi") ", " \
		       PICK(metric, "total_lo") ", " PICK(metric, "total_hi")
#define OF_ALL_VMS " FROM simulated_change WHERE what_if = '' AND vm IS NULL GROUP BY place ORDER BY place"

#define POLICY { "policy", "policy", COLUMN_TEXT }
#define SIDE { "scheduler_side", "side", COLUMN_TEXT }
#define MARGIN { "lag_margin", "margin", COLUMN_NUMBER, 3 }

static const struct table_spec gate = {
	.id = "simulated_gate", .title = "The gate: does the model reproduce what was recorded?",
	.about = "Errors of the recorded policy, simulated, against the recording, percent; share: of the VM that "
		 "is farthest off, points of CPU time. PASS: gains are believed; WARN: no more than signs; REFUSE: "
		 "nothing. passing: whichever of the schedulers tried reproduce the recording.",
	.empty = NOT_SIMULATED,
	.sql = "SELECT " WHAT_IF ", result, work_error, spin_error, latency_error, latency_p99_error, share_error, "
	       "scheduler, passing FROM simulated_gate ORDER BY what_if",
	.columns = {
		{ "what_if", "of", COLUMN_TEXT }, { "result", "gate", COLUMN_TEXT },
		{ "work_error", "work", COLUMN_NUMBER, 1, true }, { "spin_error", "spinning", COLUMN_NUMBER, 1, true },
		{ "latency_error", "IPI p50", COLUMN_NUMBER, 1, true },
		{ "latency_p99_error", "p99", COLUMN_NUMBER, 1, true }, { "share_error", "share", COLUMN_NUMBER, 1 },
		{ "scheduler", "scheduler", COLUMN_TEXT }, { "passing", "passing", COLUMN_TEXT },
	},
};

static const struct table_spec refusals = {
	.id = "simulated_refusals", .title = "What the gate objects to",
	.sql = "SELECT " WHAT_IF ", reason FROM simulated_gate WHERE reason NOT NULL ORDER BY what_if",
	.columns = { { "what_if", "of", COLUMN_TEXT }, { "why", "why", COLUMN_TEXT } },
};

static const struct table_spec gains = {
	.id = "simulated_gains", .title = "Gain in throughput, simulated and replayed, percent, with 95 % intervals",
	.about = "Two methods, and no mean of them. contradictory: both are sure of a sign, and it is not the same, "
		 "or (if the gate says PASS) their intervals have nothing in common. Of the scheduler's side replay can "
		 "tell nothing.",
	.sql = "SELECT label, scheduler_side, " FIGURE("throughput_gain", "") ", " FIGURE("replayed", "replayed_")
	       ", agreement FROM simulated_gain WHERE what_if = '' ORDER BY place",
	.columns = {
		POLICY, SIDE,
		{ "simulated", "simulated %", COLUMN_ESTIMATE, 1, true },
		{ "replayed", "replayed %", COLUMN_ESTIMATE, 1, true },
		{ "agreement", "do they agree?", COLUMN_TEXT },
	},
};

static const struct table_spec verdicts = {
	.id = "simulated_verdicts", .title = "Verdicts on throughput, by simulate alone",
	.about = MARGIN_IS,
	.sql = "SELECT label, scheduler_side, lag_margin, verdict, reason FROM simulated_gain WHERE what_if = '' ORDER BY place",
	.columns = {
		POLICY, SIDE, MARGIN, { "verdict", "verdict", COLUMN_TEXT }, { "reason", "reservations", COLUMN_TEXT },
	},
};

static const struct table_spec compared = {
	.id = "replay_vs_simulate", .title = "Whatever both replay and simulate estimate (plain scheduler side)",
	.page_only = true,
	.sql = "SELECT label, metric, " FIGURE("replayed", "replayed_") ", " FIGURE("simulated", "simulated_")
	       ", unit, agreement FROM replay_vs_simulate ORDER BY place, metric <> 'throughput_gain', metric",
	.columns = {
		POLICY, { "metric", "metric", COLUMN_TEXT }, { "replayed", "replayed", COLUMN_ESTIMATE, 2, true },
		{ "simulated", "simulated", COLUMN_ESTIMATE, 2, true }, { "unit", "unit", COLUMN_TEXT },
		{ "agreement", "do they agree?", COLUMN_TEXT },
	},
};

static const struct table_spec effects = {
	.id = "simulated_effects", .title = "What else each would gain, simulated",
	.sql = "SELECT label, scheduler_side, " PICKED("spin_cpu_saved") ", " PICKED("ipi_response_change") OF_ALL_VMS,
	.columns = {
		POLICY, SIDE,
		{ "spin_cpu_saved", "spin saved CPUs", COLUMN_ESTIMATE, 2, true },
		{ "ipi_response_change", "IPI response %", COLUMN_ESTIMATE, 1, true },
	},
};

static const struct table_spec side_effects = {
	.id = "simulated_side_effects", .title = "What else would change, simulated",
	.sql = "SELECT label, scheduler_side, " PICKED("pause_exits_change") ", " PICKED("yields_change") OF_ALL_VMS,
	.columns = {
		POLICY, SIDE,
		{ "pause_exits_change", "PAUSE exits %", COLUMN_ESTIMATE, 0, true },
		{ "yields_change", "yields 1/s", COLUMN_ESTIMATE, 0, true },
	},
};

static const struct table_spec responses = {
	.id = "simulated_responses", .title = "Percentiles of the response to IPIs that are waited for, simulated, percent",
	.sql = "SELECT label, scheduler_side, " PICKED("ipi_response_p50_change") ", " PICKED("ipi_response_p95_change") ", "
	       PICKED("ipi_response_p99_change") OF_ALL_VMS,
	.columns = {
		POLICY, SIDE,
		{ "ipi_response_p50_change", "p50", COLUMN_ESTIMATE, 0, true },
		{ "ipi_response_p95_change", "p95", COLUMN_ESTIMATE, 0, true },
		{ "ipi_response_p99_change", "p99", COLUMN_ESTIMATE, 0, true },
	},
};

static const struct table_spec vms = {
	.id = "simulated_vms", .title = "Who pays: each VM, simulated",
	.about = "share: points of the CPU time of all VMs.",
	.sql = "SELECT label, scheduler_side, name, " FIGURE("throughput_gain", "gain_") ", "
	       FIGURE("share_change", "share_") " FROM simulated_vm WHERE what_if = '' ORDER BY place, vm",
	.columns = {
		POLICY, SIDE, { "vm", "VM", COLUMN_TEXT },
		{ "throughput_gain", "throughput %", COLUMN_ESTIMATE, 1, true },
		{ "share_change", "share", COLUMN_ESTIMATE, 1, true },
	},
};

static const struct table_spec density = {
	.id = "simulated_density", .title = "EXTRAPOLATION: the same work at another density, under the recorded policy",
	.about = "Against the recorded policy simulated as recorded. Nobody has measured this: see its gate.",
	.sql = "SELECT what_if, coalesce(name, 'all VMs'), metric, " FIGURE("value", "") ", unit, verdict "
	       "FROM simulated_density ORDER BY what_if, vm NOT NULL, vm, metric <> 'throughput_gain', metric",
	.columns = {
		{ "what_if", "what if", COLUMN_TEXT }, { "vm", "VM", COLUMN_TEXT }, { "metric", "metric", COLUMN_TEXT },
		{ "value", "change", COLUMN_ESTIMATE, 1, true, true }, { "unit", "unit", COLUMN_TEXT },
		{ "verdict", "verdict", COLUMN_TEXT },
	},
};

static const struct table_spec density_reasons = {
	.id = "simulated_density_reasons", .title = "Reservations about that",
	.sql = "SELECT DISTINCT what_if, reason FROM simulated_density WHERE reason NOT NULL ORDER BY what_if, reason",
	.columns = {
		{ "what_if", "what if", COLUMN_TEXT }, { "why", "why", COLUMN_TEXT },
	},
};

static const struct table_spec extrapolations = {
	.id = "extrapolated_gains", .title = "EXTRAPOLATION: gain in throughput there, percent",
	.about = "Against the recorded policy simulated at the same density. " MARGIN_IS,
	.sql = "SELECT what_if, label, scheduler_side, lag_margin, " FIGURE("throughput_gain", "") ", verdict, reason "
	       "FROM simulated_gain WHERE what_if <> '' ORDER BY what_if, place",
	.columns = {
		{ "what_if", "what if", COLUMN_TEXT }, POLICY, SIDE, MARGIN,
		{ "throughput_gain", "simulated %", COLUMN_ESTIMATE, 1, true },
		{ "verdict", "verdict", COLUMN_TEXT }, { "reason", "reservations", COLUMN_TEXT },
	},
};

/* Above the tables: what the gate makes of them. */
static void note_gate(struct section *s, const struct table *t)
{
	for (guint i = 0; i < t->rows->len; i++) {
		const char *of = table_cell(t, i, "what_if")->text, *result = table_cell(t, i, "result")->text;

		bool recorded = !g_strcmp0(of, "as recorded");

		if (!g_strcmp0(result, "REFUSE"))
			section_note(s, "REFUSE, %s: %s, so there are no gains.", of,
				     recorded ? "the model does not reproduce it" : "that cannot be extrapolated");
		else if (!g_strcmp0(result, "WARN"))
			section_note(s, "WARN, %s: %s; believe no more than signs.", of,
				     recorded ? "the model reproduces it only roughly" : "an extrapolation on weak ground");
	}
}

static void note_contradictions(struct section *s, const struct table *t)
{
	guint n = 0;

	for (guint i = 0; i < t->rows->len; i++) {
		const struct cell *replayed = table_cell(t, i, "replayed"), *simulated = table_cell(t, i, "simulated");
		g_autofree char *one = NULL, *other = NULL;

		if (g_strcmp0(table_cell(t, i, "agreement")->text, "contradictory") || ++n > MAX_NAMED)
			continue;
		one = format_cell(&t->spec->columns[table_column(t, "replayed")], replayed);
		other = format_cell(&t->spec->columns[table_column(t, "simulated")], simulated);
		section_note(s, "Contradictory: %s, %s (%s): replay says %s, simulate %s.",
			     table_cell(t, i, "policy")->text, table_cell(t, i, "metric")->text,
			     table_cell(t, i, "unit")->text, one, other);
	}
	if (n > MAX_NAMED)
		section_note(s, "Contradictory, too: %u more figures.", n - MAX_NAMED);
}

bool sections_closed_loop(struct result *r, sqlite3 *db, GError **error)
{
	static const struct table_spec *const tables[] = {
		&gate, &refusals, &gains, &verdicts, &compared, &effects, &responses, &side_effects, &vms, &density,
		&density_reasons, &extrapolations,
	};
	struct section *s = result_section(r, "closed_loop", "The closed loop: what follows from a policy, simulated");

	for (unsigned int i = 0; i < G_N_ELEMENTS(tables); i++)
		if (!section_query(s, tables[i], db, error))
			return false;
	note_gate(s, result_table(r, gate.id));
	note_contradictions(s, result_table(r, compared.id));
	return true;
}
