// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The answers that a report starts with, one sentence to a question, from the
 * tables that it goes on with.
 */
#include <math.h>
#include <string.h>

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
static const char *const helps = "Would IPI-aware directed yield help?";
static const char *const which = "Which ipi_window_ns?";
static const char *const sure = "How sure is this?";

/* The row of table whose first columns are these; NULL: there is none. */
static const struct cell *find_row(const struct table *t, const char *first, const char *second)
{
	for (guint i = 0; i < t->rows->len; i++) {
		const struct cell *row = t->rows->pdata[i];

		if (!g_strcmp0(row[0].text, first) && (!second || !g_strcmp0(row[1].text, second)))
			return row;
	}
	return NULL;
}

static const struct cell *observed(const struct result *r, const char *metric)
{
	const struct table *t = result_table(r, "observed");
	const struct cell *row = find_row(t, "all VMs", metric);

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

		g_string_append_printf(text, "%s%.0f %% %s%s", text->len ? ", " : "", reading_real(s, 1),
				       strcmp(cause, "unknown") ? "" : "for what is ",
				       !strcmp(cause, "IPI") ? "for the answer to an IPI" :
				       !strcmp(cause, "lock-holder preemption") ? "for a preempted lock holder" :
				       !strcmp(cause, "unknown") ? "not known" : cause);
	}
	return g_string_free(text, FALSE);
}

static bool answer_problem(struct result *r, sqlite3 *db, GError **error)
{
	const struct cell *share = observed(r, "spin_share"), *cpus = observed(r, "spin_cpus");
	int64_t n = db_value(db, "SELECT sum(n_pause) FROM vcpu");
	g_autofree char *exits = format_count(n == DB_NULL ? 0 : n), *why = NULL;
	GError *broken = NULL;

	if (n == DB_NULL || !n) {
		result_answer(r, "problem", problem, ANSWER_NO, "No: no PAUSE exit was recorded. (Where PAUSE exits are not "
			      "intercepted, spinning does not show.)");
		return true;
	}
	if (!share || !share->known || !cpus || !cpus->known) {
		result_answer(r, "problem", problem, ANSWER_UNKNOWN, "Not known: %s PAUSE exits were recorded, %s.", exits,
			      share ? "but too little to say what they cost" :
			      "but no policy has been replayed ('counterspin replay' does it)");
		return true;
	}
	why = causes(db, &broken);
	if (broken) {
		g_propagate_error(error, broken);
		return false;
	}
	result_answer(r, "problem", problem, share->value >= MUCH ? ANSWER_YES : share->value >= SOME ? ANSWER_PARTLY : ANSWER_NO,
		      "%s: vCPUs spin in %.2f CPUs, %.1f %% of the CPU time that they get: %s. "
		      "(%s PAUSE exits; shorter waits do not show.)",
		      share->value >= MUCH ? "Yes" : share->value >= SOME ? "A little" : "No", cpus->value, share->value,
		      why, exits);
	return true;
}

/* What is to be said of one policy's gain. */
static char *gain_text(const struct result *r, const char *policy, enum answer_kind *kind)
{
	const struct table *gains = result_table(r, "gains"), *verdicts = result_table(r, "verdicts");
	const struct cell *gain = find_row(gains, policy, NULL), *verdict = find_row(verdicts, policy, NULL);
	const struct column *column = &gains->spec->columns[1];
	g_autofree char *text = NULL;
	const char *word;

	if (!gain || !verdict || !verdict[1].known)
		return NULL;
	word = verdict[1].text;
	if (!gain[1].known) {
		*kind = ANSWER_UNKNOWN;
		return g_strdup_printf("%s cannot be told (%s%s%s)", policy, word, verdict[3].known ? ": " : "",
				       verdict[3].known ? verdict[3].text : "");
	}
	text = format_cell(column, &gain[1]);
	*kind = !strcmp(word, "gain") ? ANSWER_YES : !strcmp(word, "loss") ? ANSWER_NO : ANSWER_PARTLY;
	return g_strdup_printf("%s %s %% useful work%s%s", policy, text, *kind == ANSWER_PARTLY ? ": " : "",
			       *kind == ANSWER_PARTLY ? word : "");
}

/* Those that help first, and then those of which it is not known. */
static void answer_helps(struct result *r, sqlite3 *db)
{
	static const char *const policies[] = { "ipi-aware", "ipi-aware+relaxed" };
	static const struct {
		enum answer_kind kind;
		const char *word;
	} order[] = {
		{ ANSWER_YES, "Yes" }, { ANSWER_PARTLY, "No clear effect" }, { ANSWER_NO, "No, it would cost" },
		{ ANSWER_UNKNOWN, "Not known" },
	};
	g_autoptr(GString) text = g_string_new(NULL);
	guint first = G_N_ELEMENTS(order);

	if (!db_value(db, "SELECT count(*) FROM decision")) {
		result_answer(r, "helps", helps, ANSWER_NO, "No: there is nothing to gain, as nobody spun long enough for a "
			      "directed yield.");
		return;
	}
	for (guint k = 0; k < G_N_ELEMENTS(order); k++)
		for (unsigned int i = 0; i < G_N_ELEMENTS(policies); i++) {
			enum answer_kind kind;
			g_autofree char *said = gain_text(r, policies[i], &kind);

			if (!said || kind != order[k].kind)
				continue;
			g_string_append_printf(text, "%s%s", text->len ? "; " : "", said);
			first = MIN(first, k);
		}
	if (text->len)
		result_answer(r, "helps", helps, order[first].kind, "%s: %s.", order[first].word, text->str);
	else
		result_answer(r, "helps", helps, ANSWER_UNKNOWN, "Not known: the IPI-aware policies have not been replayed "
			      "('counterspin replay' does it).");
}

static void answer_which(struct result *r)
{
	const struct table *t = result_table(r, "window_choice"), *why = result_table(r, "window_reasons");
	const struct cell *chosen, *verdict, *over;
	g_autofree char *window = NULL, *by_default = NULL, *gain = NULL;

	if (!t->rows->len) {
		result_answer(r, "window", which, ANSWER_UNKNOWN, "Not known: no window has been looked for "
			      "('counterspin tune' does it).");
		return;
	}
	chosen = table_cell(t, 0, "chosen");
	verdict = table_cell(t, 0, "verdict");
	over = table_cell(t, 0, "over_default");
	by_default = format_ns(table_cell(t, 0, "default_window")->value);
	if (!chosen->known) {
		result_answer(r, "window", which, ANSWER_UNKNOWN, "None can be chosen: %s%s%s.", verdict->text,
			      why->rows->len ? ": " : "", why->rows->len ? table_cell(why, 0, "why")->text : "");
		return;
	}
	window = format_ns(chosen->value);
	gain = format_cell(&t->spec->columns[table_column(t, "over_default")], over);
	if (!g_strcmp0(verdict->text, "better than the default"))
		result_answer(r, "window", which, ANSWER_YES, "%s (ipi_window_ns=%.0f): better than the default of %s by %s "
			      "points.", window, chosen->value, by_default, gain);
	else
		result_answer(r, "window", which, ANSWER_NO, "The default, %s: nothing speaks for another (the best was "
			      "reached at %s, where the gain differs by %s points).", by_default, window, gain);
}

static void say(GString *text, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void say(GString *text, const char *format, ...)
{
	va_list args;

	if (text->len)
		g_string_append(text, "; ");
	va_start(args, format);
	g_string_append_vprintf(text, format, args);
	va_end(args);
}

static void answer_sure(struct result *r, sqlite3 *db)
{
	const struct table *fidelity = result_table(r, "fidelity");
	g_autoptr(GString) good = g_string_new(NULL), bad = g_string_new(NULL);
	int64_t decisions = db_value(db, "SELECT count(*) FROM decision");
	int64_t tainted = db_value(db, "SELECT count(*) FROM decision WHERE tainted");
	int64_t lost = db_value(db, "SELECT lost FROM recording"), gaps = db_value(db, "SELECT count(*) FROM gap");
	double seconds = db_value(db, "SELECT t1 - t0 FROM recording") / 1e9;
	int64_t used = db_value(db, "SELECT CAST(100.0 * sum(used) / count(*) AS INTEGER) FROM episode");

	for (guint i = 0; i < fidelity->rows->len; i++) {
		double share = table_cell(fidelity, i, "attempts_share")->value;

		say(share >= FAITHFUL ? good : bad, "the kernel's own policy, replayed from %s state, tries the same as the "
		    "kernel at %.1f %% of decisions", table_cell(fidelity, i, "state")->text, share);
	}
	if (!fidelity->rows->len && decisions)
		say(bad, db_value(db, "SELECT probes FROM recording") ? "no policy has been replayed, so nothing is checked yet" :
		    "what the kernel did was not probed, so nothing checks the replay");
	if (lost > 0 || gaps > 0)
		say(100 * tainted > LEFT_OUT * decisions ? bad : good, "%" G_GINT64_FORMAT " events lost, %" G_GINT64_FORMAT
		    " gaps, and %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " decisions left out for them", lost, gaps, tainted,
		    decisions);
	else
		say(good, "nothing was lost");
	if (used != DB_NULL)
		say(100 - used > LEFT_OUT ? bad : good, "%d %% of the waits can be used", (int)used);
	if (seconds < ENOUGH && decisions)
		say(bad, "only %.3g s were recorded, %d s and more are better", seconds, ENOUGH);
	for (guint i = 0; i < r->warnings->len; i++)
		say(bad, "%s", (const char *)r->warnings->pdata[i]);
	if (!decisions)
		result_answer(r, "sure", sure, ANSWER_UNKNOWN, "There is nothing to be sure of: no decision was recorded; %s.",
			      good->str);
	else if (bad->len)
		result_answer(r, "sure", sure, ANSWER_PARTLY, "With reservations: %s. For it speaks: %s.", bad->str,
			      good->len ? good->str : "nothing");
	else
		result_answer(r, "sure", sure, ANSWER_YES, "Quite: %s.", good->str);
}

bool answers_add(struct result *r, sqlite3 *db, GError **error)
{
	if (!answer_problem(r, db, error))
		return false;
	answer_helps(r, db);
	answer_which(r);
	answer_sure(r, db);
	return true;
}
