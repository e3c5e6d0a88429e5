/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine - one scan over the recorded decisions in time order, merged with IPI
 * sends, EOIs, yield returns and gaps. At each decision every lane (a policy with
 * parameters) can be asked, from the probed or from the reconstructed state.
 */
#ifndef REPLAY_ENGINE_H
#define REPLAY_ENGINE_H

#include "replay/kernel_state.h"
#include "replay/policies/policies.h"
#include "replay/recorded.h"
#include "replay/spin.h"

#define ENGINE_ERROR (g_quark_from_static_string("engine"))

/* Where a candidate's state comes from: the probe's snapshot where it has one, or events alone. */
enum state_kind { STATE_PROBED, STATE_RECONSTRUCTED, N_STATE_KINDS };

extern const char *const state_kind_names[N_STATE_KINDS];

/* The kind of that name; NULL is STATE_PROBED. False: there is none. */
bool state_kind_parse(const char *name, enum state_kind *kind);

struct engine;

/* Lane 0 is the recorded kernel's own policy; it drives the kernel state. */
struct engine *engine_new(struct recorded *recorded, const struct policy *recorded_policy,
			  const struct policy_params *params);
void engine_free(struct engine *engine);

/* Add a policy; returns its lane. */
unsigned int engine_add(struct engine *engine, const struct policy *policy,
			const struct policy_params *params);

/* The policy and stock variant that a recording's kernel ran, by its release and parameters. */
const struct policy *engine_recorded_policy(const struct recorded *recorded, struct policy_params *params);

/* A decision, as a visitor sees it. Valid during the visit. */
struct engine_decision {
	const struct recorded_decision *d;
	struct spin_state state[N_STATE_KINDS];
	struct outcome outcome;	/* what the kernel did */
	bool has_probed;	/* deep probes: every vCPU's state is in state[STATE_PROBED] */
	bool waits;		/* the spinner has unacknowledged unicast IPIs of its own out */
	GArray *receivers;	/* of unsigned int: their receivers */
};

/*
 * Run over the whole recording; visit is called at every decision, and progress is counted
 * in decisions (schema/progress.h: it is the caller's to begin). No policy is told
 * what a decision could not know: one that stands behind something later is tainted.
 */
bool engine_run(struct engine *engine, void (*visit)(void *user, const struct engine_decision *decision),
		void *user, GError **error);

/* During a visit: ask a lane. mode and steps as in spin_ask(). */
void engine_ask(struct engine *engine, unsigned int lane, enum state_kind kind,
		const struct engine_decision *decision, enum spin_mode mode, GArray *steps,
		struct spin_result *result);

/* A lane's own record of the IPI that a vCPU has out (vm: index into recorded.vms). */
const struct ipi_context *engine_ipi_context(const struct engine *engine, unsigned int lane, unsigned int vm,
					     unsigned int vcpu_idx);

#endif
