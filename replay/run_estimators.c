// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/run_estimators.h"

#include <math.h>

#include "schema/text_table.h"

#define REASON_WIDTH 34		/* so that figures of thousands of us leave the table within 100 columns */

static const char *const test_names[N_NATURAL_TESTS] = { "T1", "T2", "T3", "T4" };

/* A natural experiment that was not turned away before its tests. */
static bool was_tested(const struct natural_result *r)
{
	return r->status == NATURAL_VALID || r->status == NATURAL_REJECTED;
}

/* The covariate that differs most; one that is not known is worst of all. */
static int worst_balanced(const struct natural_result *r)
{
	int worst = 0;

	for (int c = 1; c < N_COVARIATES && !isnan(text_number(r->balance[worst], 2)); c++)
		if (!(fabs(r->balance[c]) <= fabs(text_number(r->balance[worst], 2))))
			worst = c;
	return worst;
}

static char *why_not_compared(const struct estimators *e)
{
	if (e->compared)
		return NULL;
	if (e->natural.status != NATURAL_VALID)
		return g_strdup("no check without a natural experiment");
	return g_strdup_printf("%zu of %zu decisions have too few yields of their kind",
			       e->doubly_robust.n_unsupported,
			       e->natural.n_treated + e->natural.n_untreated);
}

static char *direct_remark(const struct direct *d)
{
	if (isnan(d->ns) && d->n_unsupported)
		return g_strdup_printf("%zu have too few yields of their kind", d->n_unsupported);
	if (isnan(d->ns))
		return g_strdup("no first decision passed it over");
	if (isnan(d->lo_ns))
		return g_strdup("too many replicates without a value");
	return d->n_unsupported ? g_strdup_printf("%zu more have too few yields of their kind", d->n_unsupported) : NULL;
}

static char *doubly_robust_remark(const struct estimators *e)
{
	const struct doubly_robust *d = &e->doubly_robust;

	if (!e->compared)
		return why_not_compared(e);
	if (isnan(d->dr_lo_ns))
		return g_strdup("too many replicates without a value");
	return g_strdup_printf("the direct method says %+.1f of the same: %s", d->dm_ns / 1e3,
			       d->dm_suspect ? "suspect" : "agrees");
}

static struct estimator_figure figure(const char *name, double ns, double lo, double hi, gsize n, char *reason)
{
	if (isnan(ns) || isnan(lo))
		ns = lo = hi = NAN;
	return (struct estimator_figure){ name, ns / 1e3, lo / 1e3, hi / 1e3, n, reason };
}

void estimator_figures(const struct estimators *e, struct estimator_figure *figures)
{
	const struct natural_result *r = &e->natural;
	const struct doubly_robust *d = &e->doubly_robust;
	bool valid = r->status == NATURAL_VALID;

	figures[0] = figure("direct method", e->direct.ns, e->direct.lo_ns, e->direct.hi_ns, e->direct.n,
			    direct_remark(&e->direct));
	figures[1] = figure("natural experiment", valid ? r->effect_ns : NAN, r->lo_ns, r->hi_ns,
			    r->n_treated + r->n_untreated,
			    valid ? g_strdup("if anything it reads high") : natural_reason(r));
	figures[2] = figure("doubly robust", e->compared ? d->dr_ns : NAN, d->dr_lo_ns, d->dr_hi_ns,
			    e->compared ? d->n_treated + d->n_untreated : 0, doubly_robust_remark(e));
}

void estimator_figures_clear(struct estimator_figure *figures)
{
	for (unsigned int i = 0; i < N_ESTIMATORS; i++)
		g_clear_pointer(&figures[i].reason, g_free);
}

static void print_figures(const struct estimators *e)
{
	static const char *const headings[] = { "estimator", ">us", ">decisions", "" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));
	struct estimator_figure figures[N_ESTIMATORS];

	estimator_figures(e, figures);
	for (unsigned int i = 0; i < N_ESTIMATORS; i++) {
		const struct estimator_figure *f = &figures[i];

		text_table_cell(t, "%s", f->name);
		if (isnan(f->us))
			text_table_cell(t, "-");
		else
			text_table_cell(t, "%+.1f [%+.1f, %+.1f]", text_number(f->us, 1), text_number(f->lo, 1),
					text_number(f->hi, 1));
		text_table_count(t, f->n);
		text_table_wrapped(t, f->reason ? f->reason : "", REASON_WIDTH);
	}
	text_table_print(t, "  ", stdout);
	estimator_figures_clear(figures);
}

static char *found_by(enum natural_test test, const struct natural_result *r)
{
	int worst = worst_balanced(r);

	switch (test) {
	case TEST_COUNT:
		return g_strdup_printf("%.3f times as often, z %+.1f", r->count_ratio, text_number(r->count_z, 1));
	case TEST_BALANCE:
		if (isnan(text_number(r->balance[worst], 2)))
			return g_strdup_printf("%s: not known", natural_covariate_names[worst]);
		return g_strdup_printf("%s: %+.2f s.d.", natural_covariate_names[worst], text_number(r->balance[worst], 2));
	case TEST_RECENT_BOOST:
		return g_strdup_printf("moves by %+.1f us, s.e. %.1f", text_number((r->without_recent_ns - r->effect_ns) / 1e3, 1),
				       r->se_ns / 1e3);
	case TEST_PLACEBO:
		return g_strdup_printf("%+.1f us, s.e. %.1f", text_number(r->placebo_ns / 1e3, 1),
				       r->placebo_se_ns / 1e3);
	case N_NATURAL_TESTS:
		break;
	}
	g_assert_not_reached();
}

/* Is what a test goes by a number at all? */
static bool can_be_told(enum natural_test test, const struct natural_result *r)
{
	const double figures[N_NATURAL_TESTS] = {
		[TEST_COUNT] = r->count_z + r->count_ratio, [TEST_BALANCE] = r->balance[worst_balanced(r)],
		[TEST_RECENT_BOOST] = r->without_recent_ns + r->effect_ns + r->se_ns,
		[TEST_PLACEBO] = r->placebo_ns + r->placebo_se_ns,
	};

	return !isnan(figures[test]);
}

bool natural_findings(const struct natural_result *r, struct natural_finding *findings)
{
	static const char *const says[N_NATURAL_TESTS] = {
		[TEST_COUNT] = "it is picked as often as start indices say",
		[TEST_BALANCE] = "what else the wait may hang on is alike",
		[TEST_RECENT_BOOST] = "the effect is the same without recent boosts",
		[TEST_PLACEBO] = "the spinner's previous wait shows none",
	};

	for (int i = 0; was_tested(r) && i < N_NATURAL_TESTS; i++)
		findings[i] = (struct natural_finding){
			test_names[i], says[i], found_by(i, r), !r->failed[i] ? 1 : can_be_told(i, r) ? 0 : -1,
		};
	return was_tested(r);
}

void natural_findings_clear(struct natural_finding *findings)
{
	for (int i = 0; i < N_NATURAL_TESTS; i++)
		g_clear_pointer(&findings[i].found, g_free);
}

static void print_tests(const struct natural_finding *findings)
{
	static const char *const headings[] = { "test", "", "found", "" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	for (int i = 0; i < N_NATURAL_TESTS; i++) {
		text_table_cell(t, "%s", findings[i].name);
		text_table_cell(t, "%s", findings[i].what);
		text_table_cell(t, "%s", findings[i].found);
		text_table_cell(t, "%s", findings[i].passed == 1 ? "passed" : "FAILED");
	}
	text_table_print(t, "  ", stdout);
}

void run_print_estimators(const struct estimators *e)
{
	const struct natural_result *r = &e->natural;
	struct natural_finding findings[N_NATURAL_TESTS];

	puts("\nEstimators side by side: by how much a wait is longer because its first decision does not\n"
	     "yield to the vCPU that is waited for, though it is ready (the recorded kernel's decisions):");
	print_figures(e);
	puts("  (where the truth of single decisions was known the direct method read up to three times high)");
	if (natural_findings(r, findings)) {
		puts("");
		print_tests(findings);
		natural_findings_clear(findings);
	}
	printf("\n  Of %zu waits %zu began with it ready", e->n_first, e->n_ready);
	if (e->n_uncertain)
		printf(" (%zu with states that are not known)", e->n_uncertain);
	if (r->n_known)
		printf(";\n  at %.0f %% of %zu the start index decided if it was picked",
		       100 * r->overlap_share, r->n_known);
	puts(".");
}

static void add_interval(cJSON *o, double lo, double hi)
{
	cJSON *pair = cJSON_AddArrayToObject(o, "statistical");

	cJSON_AddItemToArray(pair, cJSON_CreateNumber(lo));	/* a NaN becomes null */
	cJSON_AddItemToArray(pair, cJSON_CreateNumber(hi));
}

static void add_reason(cJSON *o, char *reason)
{
	cJSON_AddItemToObject(o, "reason",
			      reason ? cJSON_CreateString(reason) : cJSON_CreateNull());
	g_free(reason);
}

static cJSON *direct_json(const struct direct *d)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddNumberToObject(o, "value", d->ns);
	add_interval(o, d->lo_ns, d->hi_ns);
	cJSON_AddNumberToObject(o, "decisions", d->n);
	cJSON_AddNumberToObject(o, "unsupported", d->n_unsupported);
	return o;
}

static cJSON *tests_json(const struct natural_result *r)
{
	cJSON *o = cJSON_CreateObject(), *balance;

	for (int i = 0; i < N_NATURAL_TESTS; i++) {
		cJSON *test = cJSON_AddObjectToObject(o, test_names[i]);

		cJSON_AddBoolToObject(test, "passed", !r->failed[i]);
		switch (i) {
		case TEST_COUNT:
			cJSON_AddNumberToObject(test, "z", r->count_z);
			cJSON_AddNumberToObject(test, "ratio", r->count_ratio);
			break;
		case TEST_BALANCE:
			balance = cJSON_AddObjectToObject(test, "deviations");
			for (int c = 0; c < N_COVARIATES; c++)
				cJSON_AddNumberToObject(balance, natural_covariate_names[c],
							r->balance[c]);
			break;
		case TEST_RECENT_BOOST:
			cJSON_AddNumberToObject(test, "moved_ns",
						r->without_recent_ns - r->effect_ns);
			cJSON_AddNumberToObject(test, "se_ns", r->se_ns);
			break;
		case TEST_PLACEBO:
			cJSON_AddNumberToObject(test, "effect_ns", r->placebo_ns);
			cJSON_AddNumberToObject(test, "se_ns", r->placebo_se_ns);
			break;
		}
	}
	return o;
}

static cJSON *natural_json(const struct natural_result *r)
{
	bool valid = r->status == NATURAL_VALID;
	cJSON *o = cJSON_CreateObject();

	cJSON_AddNumberToObject(o, "value", valid ? r->effect_ns : NAN);
	add_interval(o, valid ? r->lo_ns : NAN, valid ? r->hi_ns : NAN);
	add_reason(o, natural_reason(r));
	cJSON_AddNumberToObject(o, "known", r->n_known);
	cJSON_AddNumberToObject(o, "overlap_share", r->overlap_share);
	cJSON_AddNumberToObject(o, "treated", r->n_treated);
	cJSON_AddNumberToObject(o, "untreated", r->n_untreated);
	cJSON_AddNumberToObject(o, "unfaithful", r->n_unfaithful);
	cJSON_AddItemToObject(o, "tests", was_tested(r) ? tests_json(r) : cJSON_CreateNull());
	return o;
}

static cJSON *doubly_robust_json(const struct estimators *e)
{
	const struct doubly_robust *d = &e->doubly_robust;
	cJSON *o = cJSON_CreateObject();

	cJSON_AddNumberToObject(o, "value", e->compared ? d->dr_ns : NAN);
	add_interval(o, e->compared ? d->dr_lo_ns : NAN, e->compared ? d->dr_hi_ns : NAN);
	add_reason(o, why_not_compared(e));
	cJSON_AddNumberToObject(o, "direct", e->compared ? d->dm_ns : NAN);
	cJSON_AddNumberToObject(o, "difference_se", e->compared ? d->difference_se_ns : NAN);
	cJSON_AddItemToObject(o, "direct_suspect",
			      e->compared ? cJSON_CreateBool(d->dm_suspect) : cJSON_CreateNull());
	return o;
}

cJSON *run_estimators_json(const struct estimators *e)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "unit", "ns");
	cJSON_AddNumberToObject(o, "waits", e->n_first);
	cJSON_AddNumberToObject(o, "ready", e->n_ready);
	cJSON_AddNumberToObject(o, "uncertain", e->n_uncertain);
	cJSON_AddItemToObject(o, "direct", direct_json(&e->direct));
	cJSON_AddItemToObject(o, "natural", natural_json(&e->natural));
	cJSON_AddItemToObject(o, "doubly_robust", doubly_robust_json(e));
	return o;
}
