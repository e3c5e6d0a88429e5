// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Would IPI-aware directed yield help? By replay, as far as simulate does not contradict it; of the
 * scheduler's side by simulate alone.
 */
#include <math.h>
#include <stdarg.h>

#include "analyze/report/answers_int.h"
#include "analyze/report/format.h"

static const char *const helps = "Would IPI-aware directed yield help?";

/* Relaxed boost alone does as much of it as this share, and the IPIs have no part in the gain. */
#define BY_RELAXED 0.8

enum { MAX_SIDES = 4 };		/* to name */

const struct cell *answers_row(const struct table *t, const char *first, const char *second)
{
	for (guint i = 0; i < t->rows->len; i++) {
		const struct cell *row = t->rows->pdata[i];

		if (!g_strcmp0(row[0].text, first) && (!second || !g_strcmp0(row[1].text, second)))
			return row;
	}
	return NULL;
}

void answers_say(GString *text, const char *format, ...)
{
	va_list args;

	if (text->len)
		g_string_append(text, "; ");
	va_start(args, format);
	g_string_append_vprintf(text, format, args);
	va_end(args);
}

/* A policy's figure and verdict, as far as there are any. */
struct gain {
	enum answer_kind kind;
	bool contradictory;	/* of what sign it is */
	double value;		/* NaN: not known, or contradictory */
	char *text;		/* NULL: it was neither replayed nor simulated */
};

static enum answer_kind kind_of(const char *verdict)
{
	return !g_strcmp0(verdict, "gain") ? ANSWER_YES : !g_strcmp0(verdict, "loss") ? ANSWER_NO : ANSWER_PARTLY;
}

/* What simulate says of it on the plain side; NULL: it was not simulated. */
static const struct cell *simulated(const struct result *r, const char *policy, const char *column)
{
	const struct table *t = result_table(r, "simulated_gains");
	const struct cell *row = answers_row(t, policy, "plain");

	return row ? &row[table_column(t, column)] : NULL;
}

static char *figure(const struct result *r, const struct cell *cell)
{
	const struct table *t = result_table(r, "gains");

	return format_cell(&t->spec->columns[table_column(t, "throughput_gain")], cell);
}

/* Neither is picked. If both are sure of the sign, it is known; else nothing is. */
static struct gain contradiction(const struct result *r, const char *policy, const struct cell *replayed,
				 const char *verdict)
{
	const struct table *verdicts = result_table(r, "simulated_verdicts");
	const struct cell *by_loop = answers_row(verdicts, policy, "plain");
	g_autofree char *one = figure(r, replayed), *other = figure(r, simulated(r, policy, "simulated"));
	struct gain g = { kind_of(verdict), false, NAN, NULL };
	bool sign = g.kind != ANSWER_PARTLY && by_loop && !g_strcmp0(by_loop[table_column(verdicts, "verdict")].text, verdict);

	if (!sign) {
		g.kind = ANSWER_UNKNOWN;
		g.contradictory = true;
	}
	g.text = g_strdup_printf("%s%s%s is contradictory: replay says %s %%, simulate %s %%", sign ? "how much " : "", policy,
				 sign ? " changes" : "", one, other);
	return g;
}

/* What replay cannot tell, or was not asked. */
static struct gain by_simulate(const struct result *r, const char *policy, const struct cell *verdict)
{
	const struct cell *value = simulated(r, policy, "simulated");
	g_autofree char *alone = value && value->known ? figure(r, value) : NULL;
	g_autoptr(GString) text = g_string_new(policy);

	if (!verdict && !alone)
		return (struct gain){ ANSWER_UNKNOWN, false, NAN, NULL };
	if (!verdict)
		g_string_append(text, " was not replayed");
	else
		g_string_append_printf(text, " cannot be told (%s%s%s)", verdict[1].text, verdict[3].known ? ": " : "",
				       verdict[3].known ? verdict[3].text : "");
	if (alone)
		g_string_append_printf(text, ", and simulate alone says %s %%", alone);
	return (struct gain){ ANSWER_UNKNOWN, false, NAN, g_strdup(text->str) };
}

/* By the name alone it has its defaults; else the last that was replayed, or simulated, with other parameters. */
static const char *called(const struct result *r, const char *policy)
{
	g_autofree char *prefix = g_strdup_printf("%s:", policy);

	for (unsigned int i = 0; i < 2; i++) {
		const struct table *t = result_table(r, i ? "simulated_gains" : "gains");

		if (answers_row(t, policy, NULL))
			break;
		for (guint row = t->rows->len; row-- > 0; ) {
			const char *label = table_cell(t, row, "policy")->text;

			if (label && g_str_has_prefix(label, prefix))
				return label;
		}
	}
	return policy;
}

static struct gain gain_of(const struct result *r, const char *name)
{
	const char *policy = called(r, name);
	const struct cell *gain = answers_row(result_table(r, "gains"), policy, NULL);
	const struct cell *verdict = answers_row(result_table(r, "verdicts"), policy, NULL);
	const struct cell *agreement = simulated(r, policy, "agreement");
	const char *agrees = agreement && agreement->known ? agreement->text : "";
	struct gain g = { ANSWER_UNKNOWN, false, NAN, NULL };
	g_autofree char *text = NULL;

	if (!gain || !verdict || !verdict[1].known)
		return by_simulate(r, policy, NULL);
	if (!gain[1].known)
		return by_simulate(r, policy, verdict);
	if (!g_strcmp0(agrees, "contradictory"))
		return contradiction(r, policy, &gain[1], verdict[1].text);
	g.kind = kind_of(verdict[1].text);
	g.value = gain[1].value;
	text = figure(r, &gain[1]);
	g.text = g_strdup_printf("%s %s %%%s", policy, text, !g_strcmp0(agrees, "agree") ? ", and simulate agrees" : "");
	return g;
}

/* Of the scheduler's side of the patches replay knows nothing. */
static char *sides(const struct result *r)
{
	const struct table *t = result_table(r, "simulated_gains"), *verdicts = result_table(r, "simulated_verdicts");
	unsigned int value = table_column(t, "simulated"), n = 0;
	g_autoptr(GString) text = g_string_new(NULL);
	const struct cell *gate = answers_row(result_table(r, "simulated_gate"), "as recorded", "REFUSE");
	const char *why = gate ? "the model does not reproduce the recording" : NULL;

	for (guint i = 0; i < t->rows->len; i++) {
		const struct cell *row = t->rows->pdata[i];
		g_autofree char *shown = NULL;

		if (!g_strcmp0(row[1].text, "plain"))
			continue;
		shown = figure(r, &row[value]);
		if (!row[value].known)
			why = table_cell(verdicts, i, "reason")->text;
		else if (n++ < MAX_SIDES)
			answers_say(text, "%s with %s %s %%", row[0].text, row[1].text, shown);
	}
	if (n)
		return g_strdup_printf("Only simulate can tell of the scheduler's side: %s%s.", text->str,
				       n > MAX_SIDES ? "; and others (see below)" : "");
	return why ? g_strdup_printf("The scheduler's side cannot be told: %s.", why) :
		     g_strdup("The scheduler's side is not in this: only simulate can tell, of hosts with EEVDF ('counterspin simulate --side').");
}

/*
 * The series has two parts: knowing of IPIs, and a relaxed second round that does not. What
 * the second does alone is no merit of the first.
 */
static void answer(struct result *r, const struct gain *ipi, const struct gain *both, const struct gain *relaxed)
{
	static const char *const words[] = {
		[ANSWER_YES] = "Yes, in useful work", [ANSWER_PARTLY] = "No clear effect on useful work",
		[ANSWER_NO] = "No, it would cost useful work", [ANSWER_UNKNOWN] = "Not known",
	};
	const struct table *fidelity = result_table(r, "fidelity");
	const char *recorded = fidelity->rows->len ? table_cell(fidelity, 0, "policy")->text : NULL;
	enum answer_kind kind = ipi->kind == ANSWER_YES || !both->text ? ipi->kind :
				both->kind == ANSWER_UNKNOWN && ipi->text ? ipi->kind : both->kind;
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *side = sides(r);
	bool contradictory = kind != ANSWER_YES && (ipi->contradictory || both->contradictory);
	const char *word = contradictory ? "Not known, as replay and simulate contradict each other" : words[kind];

	for (unsigned int i = 0; i < 3; i++) {
		const struct gain *g = (const struct gain *[]){ ipi, both, relaxed }[i];

		if (g->text)
			answers_say(text, "%s%s", g == relaxed ? "without knowing of IPIs, " : "", g->text);
	}
	if (kind == ANSWER_YES && ipi->kind != ANSWER_YES && relaxed->value >= BY_RELAXED * both->value) {
		kind = ANSWER_PARTLY;
		word = "The series would, but by its relaxed boost, not by knowing of IPIs";
	}
	if (contradictory)
		kind = ANSWER_UNKNOWN;
	if (recorded && g_str_has_prefix(recorded, "ipi-aware"))
		result_answer(r, "helps", helps, contradictory ? kind : ANSWER_PARTLY,
			      "This kernel already ran %s; against that: %s. %s", recorded, text->str, side);
	else
		result_answer(r, "helps", helps, kind, "%s: %s. %s", word, text->str, side);
}

void answers_helps(struct result *r, sqlite3 *db)
{
	struct gain ipi = gain_of(r, "ipi-aware"), both = gain_of(r, "ipi-aware+relaxed"), relaxed = gain_of(r, "relaxed");

	if (!db_value(db, "SELECT count(*) FROM decision"))
		result_answer(r, "helps", helps, ANSWER_NO, "No: there is nothing to gain, as nobody spun long enough for a "
			      "directed yield.");
	else if (!ipi.text && !both.text)
		result_answer(r, "helps", helps, ANSWER_UNKNOWN, "Not known: the IPI-aware policies have not been replayed "
			      "('counterspin replay' does it).");
	else
		answer(r, &ipi, &both, &relaxed);
	g_free(ipi.text);
	g_free(both.text);
	g_free(relaxed.text);
}
