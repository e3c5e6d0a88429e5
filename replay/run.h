/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run - the result of one 'counterspin replay': what each policy would have done
 * at every decision, and how well the recorded kernel's own is reproduced. Text,
 * JSON and database rows are renderings of it.
 */
#ifndef REPLAY_RUN_H
#define REPLAY_RUN_H

#include "replay/engine.h"
#include "replay/estimate/estimates.h"
#include "replay/estimate/observed.h"
#include "replay/fidelity.h"
#include "schema/command.h"

/* Whose pick: the policy's, or what the kernel did at the same decision. */
enum { PICKER_POLICY, PICKER_KERNEL, N_PICKERS };

/* A decision at which the policy's pick is not the observed one. */
struct run_verdict {
	int64_t decision;
	guint at;		/* the same, in scores */
	int pick;		/* NO_TARGET: nobody */
	int observed;		/* likewise */
	unsigned int n_attempts;
	enum outcome_class outcomes[N_PICKERS];	/* what the picks amount to; after run_estimate() */
};

struct run_outcome {
	int64_t decision;
	struct outcome outcome;
	int last_boosted_vcpu;	/* -1: not known */
};

struct run_policy {
	const char *name;
	char *label;			/* name, with parameters as far as they were asked for */
	const struct policy *policy;	/* NULL: "observed", the engine's self-test */
	struct policy_params params;
	unsigned int lane;
	/* counts of decisions; their meaning is in schema/results.sql */
	int64_t decisions, same_pick, different_pick, unknown, no_target;
	int64_t receiver_waits, receiver_hits;
	int64_t attempts_yielded, attempts_failed, attempts_esrch;
	GArray *verdicts;		/* of struct run_verdict */
	GArray *ages;			/* of int64_t, by decision: of the spinner's pending IPI, ns; -1: none.
					 * NULL unless asked for by run_want_ages() */
	/* after run_estimate() */
	struct estimate estimates[N_METRICS];
	struct episode_gains *gains;
	guint n_outcomes[N_PICKERS][N_OUTCOME_CLASSES];	/* of verdicts */
	double agreement;		/* see estimators_agreement() */
};

struct run {
	struct recorded *recorded;	/* from run_execute() on; not ours */
	GPtrArray *policies;		/* of struct run_policy */
	enum state_kind state;		/* what the policies were shown */
	const struct policy *recorded_policy;
	struct policy_params recorded_params;
	struct fidelity fidelity[N_STATE_KINDS];
	GArray *disagreements[N_STATE_KINDS];	/* of struct disagreement */
	int64_t n_decisions, n_tainted;
	bool ipi_context_probed;	/* only patched kernels have one */
	int64_t n_outcomes[N_OUTCOME_SOURCES];
	GArray *outcomes;		/* of struct run_outcome: unprobed decisions */
	struct scores *scores;		/* lane 0: the recorded policy's picks; then policies' in their order */
	struct evidence *evidence;	/* after run_estimate() */
	struct rescore *rescore;
	struct observed *observed;	/* after run_estimate(), as the following */
	struct estimators estimators;
	uint64_t seed;
};

/* Add policies with run_add() before run_execute(); params of the recorded kernel are the defaults. */
struct run *run_new(const struct recorded *recorded, enum state_kind state);
void run_free(struct run *run);
void run_add(struct run *run, const struct policy *policy, const struct policy_params *params, const char *label);

/* Add the policies that specs (NULL-terminated, see policy_spec.h) name; NULL: all there are. */
bool run_add_specs(struct run *run, char **specs, GError **error);

bool run_execute(struct run *run, struct recorded *recorded, GError **error);

/* An engine with a lane for each policy; the recorded one's is that of the recorded kernel itself. */
struct engine *run_engine(struct run *run, struct recorded *recorded);

/* Have the ages of the last added policy's hints kept. */
void run_want_ages(struct run *run);

/* After run_execute(): what the recording has to say of gains. seed: of the bootstrap. */
bool run_gather(struct run *run, uint64_t seed, GError **error);

/* Figures of a policy, by its place: what estimates_make() wants to know. After run_gather(). */
struct estimates_query run_query(const struct run *run, guint policy);

/* Seeds that JSON can hold, so that what it says is what was used. */
static inline bool run_seed_valid(int64_t seed)
{
	return seed >= 0 && seed <= INT64_C(1) << 53;
}

/* Replicates of the bootstrap. */
enum { RUN_REPLICATES = 2000 };

/* What each policy would have gained, after run_gather(). */
bool run_estimate(struct run *run, GError **error);

/* What a reader must know before believing a figure: newly allocated strings, which the array frees. */
GPtrArray *run_warnings(const struct run *run, const struct recorded *recorded);

/* Those that are about host facts alone, on stderr: for who shows no others. */
void run_warn_of_facts(const struct command *command, const struct recorded *recorded);

#endif
