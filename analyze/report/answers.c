// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The answers that a report starts with, one sentence to a question, from the
 * tables that it goes on with.
 */
#include <math.h>
#include <string.h>

#include "analyze/report/answers_int.h"
#include "analyze/report/format.h"
#include "analyze/report/reading.h"
#include "analyze/report/sections.h"

/* Spinning of this share of the vCPUs' time on a CPU is a problem; of the other, worth knowing; percent. */
enum { MUCH = 5, SOME = 1 };

/* Fewer of the kernel's attempts reproduced, or more decisions left out, and figures are doubtful; percent. */
enum { FAITHFUL = 95, LEFT_OUT = 10 };

/* Shorter recordings give wide intervals; seconds. */
enum { ENOUGH = 25 };

static const char *const problem = "Is spinning a problem here?";
static const char *const which = "Which ipi_window_ns?";
static const char *const sure = "How sure is this?";

static const struct cell *observed(const struct result *r, const char *metric)
{
	const struct table *t = result_table(r, "observed");
	const struct cell *row = answers_row(t, "all VMs", metric);

	return row ? &row[table_column(t, "value")] : NULL;
}

/* "waiting for an IPI 82 %, for a lock holder 12 %": what all VMs together spin for. */
static char *causes(sqlite3 *db, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(db, "SELECT cause, 100.0 * sum(spin_ns) / (SELECT sum(spin_ns) FROM spin_by_cause) "
					      "AS share FROM spin_by_cause GROUP BY cause ORDER BY share DESC, cause");
	GString *text = g_string_new(NULL);

	while (db_next(s, error)) {
		g_autofree char *cause = reading_word(s, 0);

		if (reading_real(s, 1) < 0.5)
			continue;
		g_string_append_printf(text, "%s%.0f %% %s%s", text->len ? ", " : "", reading_real(s, 1),
				       strcmp(cause, "unknown") ? "" : "for what is ",
				       !strcmp(cause, "IPI") ? "for the answer to an IPI" :
				       !strcmp(cause, "lock-holder preemption") ? "for a preempted lock holder" :
				       !strcmp(cause, "unknown") ? "not known" : cause);
	}
	return g_string_free(text, FALSE);
}

/* The VM that spins most of its time on a CPU; NULL: only one does, or it is not known. */
static const struct cell *worst_vm(const struct result *r)
{
	const struct table *t = result_table(r, "observed");
	unsigned int value = table_column(t, "value");
	const struct cell *worst = NULL;
	guint n = 0;

	for (guint i = 0; i < t->rows->len; i++) {
		const struct cell *row = t->rows->pdata[i];

		if (g_strcmp0(row[1].text, "spin_share") || !g_strcmp0(row[0].text, "all VMs") || !row[value].known)
			continue;
		n++;
		if (!worst || row[value].value > worst[value].value)
			worst = row;
	}
	return n > 1 ? worst : NULL;
}

/* Without a replay the PAUSE exits are all there is: their number, and what handling them took. */
static void answer_exits(struct result *r, sqlite3 *db, const char *exits, const char *why)
{
	g_autoptr(db_stmt) s = db_prepare(db, "SELECT (SELECT sum(n_pause) FROM vcpu) * 1e9 / span_ns, "
		"(SELECT sum(handling_ns) FROM exit_cost WHERE reason IN ('PAUSE_INSTRUCTION', 'pause')) / span_ns "
		"FROM recorded_time");
	double rate = 0, cpus = 0;

	if (db_next(s, NULL)) {
		rate = sqlite3_column_double(s, 0);
		cpus = sqlite3_column_double(s, 1);
	}
	result_answer(r, "problem", problem, ANSWER_UNKNOWN, "Not known yet: %s PAUSE exits were recorded, %.0f a second, and "
		      "handling them took %.2f CPUs; what the spinning between them cost is not known, %s.", exits, rate, cpus,
		      why);
}

static bool answer_problem(struct result *r, sqlite3 *db, GError **error)
{
	const struct cell *share = observed(r, "spin_share"), *cpus = observed(r, "spin_cpus"), *worst = worst_vm(r);
	unsigned int value = table_column(result_table(r, "observed"), "value");
	int64_t n = db_value(db, "SELECT sum(n_pause) FROM vcpu");
	g_autofree char *exits = format_count(n == DB_NULL ? 0 : n), *why = NULL, *most = NULL;
	GError *broken = NULL;
	double highest;

	if (n == DB_NULL || !n) {
		result_answer(r, "problem", problem, ANSWER_NO, "No: no PAUSE exit was recorded. (Where PAUSE exits are not "
			      "intercepted, spinning does not show.)");
		return true;
	}
	if (!share || !share->known || !cpus || !cpus->known) {
		answer_exits(r, db, exits, share ? "too little was recorded for that" :
			     "as no policy has been replayed ('counterspin replay' does it)");
		return true;
	}
	why = causes(db, &broken);
	if (broken) {
		g_propagate_error(error, broken);
		return false;
	}
	highest = worst ? MAX(worst[value].value, share->value) : share->value;
	most = worst ? g_strdup_printf("; most in %s, %.1f %% of its", worst[0].text, worst[value].value) : g_strdup("");
	result_answer(r, "problem", problem, highest >= MUCH ? ANSWER_YES : highest >= SOME ? ANSWER_PARTLY : ANSWER_NO,
		      "%s: vCPUs spin in %.2f CPUs, %.1f %% of the CPU time that they get%s: %s. (%s PAUSE exits; shorter waits "
		      "do not show. From %d %% on of a VM's time it is called a problem.)",
		      highest >= MUCH ? "Yes" : highest >= SOME ? "A little" : "No", cpus->value, share->value, most, why, exits,
		      MUCH);
	return true;
}

static void answer_which(struct result *r, sqlite3 *db)
{
	const struct table *t = result_table(r, "window_choice"), *reasons = result_table(r, "window_reasons");
	const struct cell *chosen, *verdict, *policy, *chain, *why;
	g_autofree char *window = NULL, *by_default = NULL, *gain = NULL;

	if (!t->rows->len) {
		result_answer(r, "window", which, ANSWER_UNKNOWN, db_value(db, "SELECT count(*) FROM window_choice") > 0 ?
			      "Not known: only multiples of the mean response were looked for ('counterspin tune' without "
			      "--adaptive looks for a window)." :
			      "Not known: no window has been looked for ('counterspin tune' does it).");
		return;
	}
	policy = table_cell(t, 0, "policy");
	chosen = table_cell(t, 0, "chosen");
	verdict = table_cell(t, 0, "verdict");
	chain = table_cell(result_table(r, "window_throughput"), 0, "throughput_at_chosen");
	why = answers_row(reasons, policy->text, NULL);
	by_default = format_ns(table_cell(t, 0, "default_window")->value);
	if (!chosen->known) {
		result_answer(r, "window", which, ANSWER_UNKNOWN, "None can be chosen for %s: %s%s%s.", policy->text, verdict->text,
			      why ? ": " : "", why ? why[1].text : "");
		return;
	}
	window = format_ns(chosen->value);
	gain = format_cell(&t->spec->columns[table_column(t, "over_default")], table_cell(t, 0, "over_default"));
	if (!g_strcmp0(verdict->text, "better than the default"))
		result_answer(r, "window", which, ANSWER_YES, "For %s %s (ipi_window_ns=%.0f): by single decisions better than the "
			      "default of %s by %s points.", policy->text, window, chosen->value, by_default, gain);
	else
		result_answer(r, "window", which, chain->known ? ANSWER_NO : ANSWER_UNKNOWN, "For %s the default, %s: nothing "
			      "speaks for another. (By single decisions %s is the smallest window that does about as well: %s "
			      "points%s.)", policy->text, by_default, window, gain, chain->known ? "" :
			      "; what either does for throughput cannot be told");
}

/* What was lost, in words; pauses between bursts are no losses. */
static void say_losses(sqlite3 *db, int64_t decisions, GString *good, GString *bad)
{
	int64_t gaps = db_value(db, "SELECT count(*) FROM gap WHERE why NOT LIKE 'between two bursts%'");
	int64_t uncounted = db_value(db, "SELECT count(*) FROM gap WHERE events IS NULL AND why NOT LIKE 'between two bursts%'");
	int64_t tainted = db_value(db, "SELECT count(*) FROM decision WHERE tainted");
	int64_t lost = db_value(db, "SELECT lost FROM recording");

	if (lost <= 0 && !gaps && !tainted)
		answers_say(good, "nothing was lost");
	else
		answers_say(100 * tainted > LEFT_OUT * decisions ? bad : good, "%" G_GINT64_FORMAT " events%s were lost in %" G_GINT64_FORMAT
		    " gaps, and %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " decisions are left out for that", MAX(lost, 0),
		    uncounted ? " and more that nobody counted" : "", gaps, tainted, decisions);
}

/* Does the model reproduce the recording, and do the two methods contradict each other? */
static void say_closed_loop(const struct result *r, GString *good, GString *bad)
{
	const struct table *compared = result_table(r, "replay_vs_simulate");
	const struct cell *gate = answers_row(result_table(r, "simulated_gate"), "as recorded", NULL);
	const struct cell *why = answers_row(result_table(r, "simulated_refusals"), "as recorded", NULL);
	guint contradictions = 0;

	if (!gate)
		return;
	if (!g_strcmp0(gate[1].text, "PASS"))
		answers_say(good, "the closed loop reproduces the recording (gate PASS: work is off by %.1f %%)", fabs(gate[2].value));
	else if (!g_strcmp0(gate[1].text, "WARN"))
		answers_say(bad, "the closed loop reproduces the recording only roughly (gate WARN%s%s; believe no more of it "
			    "than signs)", why && why[1].known ? ": " : "", why && why[1].known ? why[1].text : "");
	else
		answers_say(bad, "the closed loop does not reproduce the recording (gate REFUSE%s%s), so what feedback does is not "
			    "known", why && why[1].known ? ": " : "", why && why[1].known ? why[1].text : "");
	for (guint i = 0; i < compared->rows->len; i++)
		contradictions += !g_strcmp0(table_cell(compared, i, "agreement")->text, "contradictory");
	if (contradictions)
		answers_say(bad, "replay and simulate contradict each other in %u of %u figures", contradictions,
			    compared->rows->len);
}

/* Does the kernel's own policy, replayed, do what the kernel did? */
static void say_fidelity(const struct result *r, sqlite3 *db, GString *good, GString *bad)
{
	const struct table *fidelity = result_table(r, "fidelity");
	g_autoptr(GString) shares = g_string_new(NULL);
	bool doubtful = false;

	for (guint i = 0; i < fidelity->rows->len; i++) {
		double share = table_cell(fidelity, i, "attempts_share")->value;
		double compared = table_cell(fidelity, i, "compared")->value;
		double all = compared + table_cell(fidelity, i, "unknown")->value;
		bool few = compared < (100 - LEFT_OUT) / 100.0 * all;

		doubtful |= few || share < FAITHFUL;
		g_string_append_printf(shares, "%s%.1f %%%s from %s state", shares->len ? ", " : "", share,
				       shares->len ? "" : " of decisions", table_cell(fidelity, i, "state")->text);
		if (few)
			g_string_append_printf(shares, " (of the %.0f %% that can be compared)", 100 * compared / all);
	}
	if (shares->len)
		answers_say(doubtful ? bad : good, "the kernel's own policy, replayed, tries the same as the kernel did: at %s",
			    shares->str);
	else if (!db_value(db, "SELECT probes FROM recording"))
		answers_say(bad, "what the kernel did was not probed, so nothing checks the replay ('counterspin record' probes "
				 "where it can)");
	else if (!db_value(db, "SELECT count(*) FROM replay"))
		answers_say(bad, "no policy has been replayed, so nothing is checked yet");
	else
		answers_say(bad, "at no decision is it known both what the kernel tried and what its policy, replayed, would try, "
				 "so nothing checks the replay");
}

static void answer_sure(struct result *r, sqlite3 *db)
{
	const struct table *unknowable = result_table(r, "unknowable");
	g_autoptr(GString) good = g_string_new(NULL), bad = g_string_new(NULL);
	int64_t decisions = db_value(db, "SELECT count(*) FROM decision");
	double seconds = db_value(db, "SELECT span_ns FROM recorded_time") / 1e9;
	int64_t used = db_value(db, "SELECT CAST(100.0 * sum(used) / count(*) AS INTEGER) FROM episode");
	/* the recorded policy gains 0 over itself, unless too few of its picks are known */
	int64_t picks_unknown = db_value(db, "SELECT count(*) FROM estimate JOIN replay ON replay.id = replay "
					     "WHERE policy = 'observed' AND metric = 'throughput_gain' AND value IS NULL");

	if (decisions)
		say_fidelity(r, db, good, bad);
	say_losses(db, decisions, good, bad);
	if (picks_unknown)
		answers_say(bad, "whom the kernel's own policy would yield to is known at too few decisions to compare others with it");
	else if (used != DB_NULL)
		answers_say(100 - used > LEFT_OUT ? bad : good, "%d %% of the waits can be used", (int)used);
	if (seconds < ENOUGH && decisions)
		answers_say(bad, "only %.3g s were recorded, %d s and more are better", seconds, ENOUGH);
	if (unknowable->rows->len)
		answers_say(bad, "%u thing%s cannot be known from this recording (see below)", unknowable->rows->len,
		    unknowable->rows->len == 1 ? "" : "s");
	if (r->warnings->len)
		answers_say(bad, "mind the warning%s", r->warnings->len == 1 ? "" : "s");
	say_closed_loop(r, good, bad);
	if (!decisions)
		result_answer(r, "sure", sure, ANSWER_UNKNOWN, "There is nothing to be sure of: no decision was recorded; %s.",
			      good->str);
	else if (bad->len)
		result_answer(r, "sure", sure, ANSWER_PARTLY, "With reservations: %s.%s%s%s", bad->str,
			      good->len ? " In its favour: " : "", good->str, good->len ? "." : "");
	else
		result_answer(r, "sure", sure, ANSWER_YES, "Quite: %s.", good->str);
}

bool answers_add(struct result *r, sqlite3 *db, GError **error)
{
	if (!answer_problem(r, db, error))
		return false;
	answers_helps(r, db);
	answer_which(r, db);
	answer_sure(r, db);
	return true;
}
