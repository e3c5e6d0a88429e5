/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * micro_trace - one wait that is small enough to be worked out by hand. Times of
 * its tables are us.
 *
 * vCPU 0 sends an IPI to vCPU 2 at 0 and spins 0-20, 40-60 and 200-430; it comes to
 * a decision at 20 and at 60, and yields to vCPU 3 at both. vCPU 2 was preempted
 * before 0, is switched in at 420, and acknowledges so that the wait ends at 430.
 */
#ifndef TESTS_UNIT_MICRO_TRACE_H
#define TESTS_UNIT_MICRO_TRACE_H

#include <glib.h>

#include "replay/estimate/gain.h"

enum { SPINNER = 0, RUNNER = 1, UNBLOCKER = 2, OTHER = 3, MAX_MICRO = 8 };

/* Strata: eligible; half as good; ineligible; too few yields. */
enum { STRATUM_E, STRATUM_H, STRATUM_I, STRATUM_X, N_MICRO_STRATA };

static const struct gain_efficacy micro_efficacies[N_MICRO_STRATA] = {
	/* supported, eligible, alpha, delta_ns, n_ns */
	[STRATUM_E] = { true, true, 1, 5000, 800000 },
	[STRATUM_H] = { true, true, .5, 10000, 800000 },
	[STRATUM_I] = { true, false, 0, 5000, 800000 },
	[STRATUM_X] = { false, true, 1, 5000, 800000 },
};

struct micro_trace {
	struct gain_episode episode;
	struct gain_decision decisions[MAX_MICRO];
	struct gain_span spans[MAX_MICRO];
};

static inline void micro_decision(struct micro_trace *m, int64_t t_us, int recorded,
				  int64_t t_in_us, int stratum)
{
	g_assert_cmpuint(m->episode.n_decisions, <, MAX_MICRO);
	m->decisions[m->episode.n_decisions++] = (struct gain_decision){
		.t = t_us * 1000, .recorded = recorded, .state = UNBLOCKER_READY,
		.t_in = t_in_us * 1000, .unblocker_awaits = NO_TARGET, .stratum = stratum,
	};
}

static inline void micro_span(struct micro_trace *m, int64_t t0_us, int64_t t1_us)
{
	g_assert_cmpuint(m->episode.n_spans, <, MAX_MICRO);
	m->spans[m->episode.n_spans++] = (struct gain_span){ t0_us * 1000, t1_us * 1000 };
}

/* A wait from 0 for vCPU 2; decisions and spans are to be added. It points into itself. */
static inline void micro_begin(struct micro_trace *m, int64_t t_end_us)
{
	*m = (struct micro_trace){
		.episode = {
			.t_end = t_end_us * 1000, .unblocker = UNBLOCKER, .confidence = 3,
			.decisions = m->decisions, .spans = m->spans,
			.efficacies = micro_efficacies,
		},
	};
}

static inline void micro_base(struct micro_trace *m, int stratum)
{
	micro_begin(m, 430);
	micro_decision(m, 20, OTHER, 420, stratum);
	micro_decision(m, 60, OTHER, 420, stratum);
	micro_span(m, 0, 20);
	micro_span(m, 40, 60);
	micro_span(m, 200, 430);
}

#endif
