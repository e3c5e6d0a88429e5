/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tuning - what a policy gains as a function of how young a hint must be, and which
 * window to choose: the result of one 'counterspin tune'.
 */
#ifndef REPLAY_TUNING_H
#define REPLAY_TUNING_H

#include <cjson/cJSON.h>

#include "replay/estimate/estimates.h"
#include "replay/estimate/window.h"
#include "replay/run.h"

/* What a hint's age is measured by. */
enum window_statistic {
	WINDOW_AGE,		/* ns: ipi_window_ns */
	WINDOW_ADAPTIVE,	/* millionths of the sender's mean response so far (moving average) */
	N_WINDOW_STATISTICS,
};

extern const char *const window_statistic_names[N_WINDOW_STATISTICS];

struct tuning {
	const struct policy *policy;
	struct policy_params params;
	enum window_statistic statistic;
	int64_t default_window;
	struct run *run;		/* evidence, rescore, fidelity */
	struct window_curve *curve;
	double *low, *high;		/* [curve->n_points]: simultaneous band, ns of spinning */
	struct window_choice choice;
	bool chosen;			/* choice is of meaning; else see reason */
	/* over the default, percent: with what such a difference may be off by, which decides */
	double over_default[2];
	enum window_verdict verdict;
	enum verdict refusal;		/* VERDICT_NO_CLEAR_EFFECT: none */
	char *reason;
	double on_cpu;			/* ns, of the vCPUs, as far as episodes can be used */
	guint n_inert, n_live;		/* decisions at which a hint is there: it changes nothing; it may */
	/* by the episode chain, at the chosen and at the default window */
	struct estimate at_chosen, at_default;
};

/*
 * One pass over the recording. policy must heed ipi_window_ns. default_window: in the
 * statistic's unit. NULL with error set if the database cannot be read.
 */
struct tuning *tuning_new(struct recorded *recorded, const struct policy *policy, const struct policy_params *params,
			  enum window_statistic statistic, int64_t default_window, uint64_t seed, GError **error);
void tuning_free(struct tuning *tuning);

/* Without the window, which is what is tuned; the caller frees it. */
cJSON *tuning_parameters(const struct tuning *tuning);

/* In words, a refusal, too. */
const char *tuning_verdict(const struct tuning *tuning);

/* So much spinning less than at the default window, as a difference of gains. */
double tuning_over_default(const struct tuning *tuning, double spin_ns);

/* What so much spinning less is in useful work, percent. */
double tuning_gain(const struct tuning *tuning, double spin_ns);

#endif
