/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_estimators - the estimators side by side: what is said of them, as text and as JSON. */
#ifndef REPLAY_RUN_ESTIMATORS_H
#define REPLAY_RUN_ESTIMATORS_H

#include <cjson/cJSON.h>

#include "replay/estimate/estimators.h"

enum { N_ESTIMATORS = 3 };

/* What one estimator says: by how much a wait is longer, us. */
struct estimator_figure {
	const char *name;
	double us, lo, hi;	/* NAN: refused */
	gsize n;		/* decisions */
	char *reason;		/* of a refusal, or what to mind; NULL */
};

/* figures: [N_ESTIMATORS], to be cleared by estimator_figures_clear(). */
void estimator_figures(const struct estimators *e, struct estimator_figure *figures);
void estimator_figures_clear(struct estimator_figure *figures);

/* What a test of the natural experiment found. */
struct natural_finding {
	const char *name, *what;
	char *found;
	int passed;		/* -1: it cannot be told, and so the experiment fails */
};

/*
 * findings: [N_NATURAL_TESTS], to be cleared by natural_findings_clear(). False, with
 * nothing to clear: the experiment was turned away before its tests.
 */
bool natural_findings(const struct natural_result *r, struct natural_finding *findings);
void natural_findings_clear(struct natural_finding *findings);

void run_print_estimators(const struct estimators *e);
cJSON *run_estimators_json(const struct estimators *e);

#endif
