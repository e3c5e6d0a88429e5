// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/engine.h"

#include <stdio.h>
#include <string.h>

#include "replay/nodes.h"
#include "replay/outstanding.h"
#include "schema/progress.h"

const char *const state_kind_names[N_STATE_KINDS] = { "probed", "reconstructed" };

bool state_kind_parse(const char *name, enum state_kind *kind)
{
	for (unsigned int k = 0; k < N_STATE_KINDS; k++) {
		*kind = k;
		if (!name || !strcmp(name, state_kind_names[k]))
			return true;
	}
	return false;
}

struct lane {
	const struct policy *policy;
	struct policy_params params;
	struct policy_vm *vms;
};

struct engine {
	struct recorded *recorded;
	GPtrArray *lanes;
	struct outstanding *outstanding;
	struct nodes *nodes;
	unsigned int n_kinds;		/* 1: nothing was probed, so the states are one */
	struct kernel_state *kernel_state[N_STATE_KINDS];
	int64_t told;			/* until when policies have been told what happened */
	struct engine_decision decision;
};

static void lane_free(void *p)
{
	struct lane *lane = p;

	g_free(lane->vms->ipi);
	g_free(lane->vms);
	g_free(lane);
}

unsigned int engine_add(struct engine *e, const struct policy *policy, const struct policy_params *params)
{
	struct lane *lane = g_new0(struct lane, 1);

	lane->policy = policy;
	lane->params = *params;
	lane->vms = g_new0(struct policy_vm, e->recorded->n_vms + 1);
	lane->vms[0].ipi = g_new0(struct ipi_context, e->recorded->n_slots + 1);	/* one block for all VMs */
	for (unsigned int i = 0; i < e->recorded->n_vms; i++) {
		struct policy_vm *vm = &lane->vms[i];

		vm->n_vcpus = e->recorded->vms[i].n_vcpus;
		vm->params = &lane->params;
		vm[1].ipi = vm->ipi + vm->n_vcpus;
		for (unsigned int idx = 0; idx < vm->n_vcpus; idx++)
			vm->ipi[idx] = (struct ipi_context){
				.last_ipi_sender = -1, .last_ipi_receiver = -1,
				.unknown = !e->recorded->vms[i].created,
				.ipi_time_ns = e->recorded->t0,
			};
	}
	g_ptr_array_add(e->lanes, lane);
	return e->lanes->len - 1;
}

static void state_init(struct spin_state *s, unsigned int max_words)
{
	s->seen = g_new0(uint64_t, (gsize)N_SEEN * (max_words + 1));
	s->known = g_new0(uint64_t, (gsize)N_SEEN * (max_words + 1));
	s->rq_single = g_new0(uint64_t, max_words + 1);
	s->dy_eligible = g_new0(uint64_t, max_words + 1);
	s->dy_eligible_known = g_new0(uint64_t, max_words + 1);
}

struct engine *engine_new(struct recorded *recorded, const struct policy *policy,
			  const struct policy_params *params)
{
	struct engine *e = g_new0(struct engine, 1);
	struct lane *lane;

	e->recorded = recorded;
	e->lanes = g_ptr_array_new_with_free_func(lane_free);
	e->outstanding = outstanding_new(recorded);
	e->nodes = nodes_new(recorded);
	e->decision.receivers = g_array_new(FALSE, FALSE, sizeof(unsigned int));
	engine_add(e, policy, params);
	lane = e->lanes->pdata[0];
	e->n_kinds = recorded->probes ? N_STATE_KINDS : 1;
	for (unsigned int k = 0; k < e->n_kinds; k++) {
		state_init(&e->decision.state[k], recorded->max_words);
		e->kernel_state[k] = kernel_state_new(recorded, policy, lane->vms);
	}
	return e;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	for (unsigned int k = 0; k < e->n_kinds; k++) {
		struct spin_state *s = &e->decision.state[k];

		kernel_state_free(e->kernel_state[k]);
		g_free(s->seen);
		g_free(s->known);
		g_free(s->rq_single);
		g_free(s->dy_eligible);
		g_free(s->dy_eligible_known);
	}
	outstanding_free(e->outstanding);
	nodes_free(e->nodes);
	g_array_unref(e->decision.receivers);
	g_ptr_array_unref(e->lanes);
	g_free(e);
}

static enum stock_variant variant_of(const char *release)
{
	unsigned int major = 0, minor = 0, patch = 0;

	if (!release || sscanf(release, "%u.%u.%u", &major, &minor, &patch) < 2)
		return STOCK_SINGLE_LOOP;
	if (major < 5 || (major == 5 && minor <= 12))
		return STOCK_TWO_PASS_5_12;
	if (major == 5 || (major == 6 && minor <= 12))
		return STOCK_TWO_PASS;
	if (major == 6 && (minor < 18 || (minor == 18 && patch < 3)))
		return STOCK_LOOP_COUNTER;
	return STOCK_SINGLE_LOOP;
}

static bool param_on(const struct recorded *recorded, const char *name, bool *on)
{
	g_autofree char *value = recorded_param(recorded, name);

	if (value)
		*on = *value == 'Y' || *value == '1';
	return value != NULL;
}

const struct policy *engine_recorded_policy(const struct recorded *recorded, struct policy_params *params)
{
	g_autofree char *window = recorded_param(recorded, "kvm.ipi_window_ns");
	bool first = false;

	*params = (struct policy_params){
		.stock_variant = variant_of(recorded->kernel), .series = 3,
		.ipi_tracking_enabled = true, .ipi_window_ns = 50000000, .enable_relaxed_boost = true,
	};
	if (!param_on(recorded, "kvm.ipi_tracking_enabled", &params->ipi_tracking_enabled))
		return &policy_stock;
	/*
	 * A kernel with one of the series applied says so by its module parameters,
	 * but not which; v1 and v2, which act alike, are the ones read in full.
	 */
	params->series = 2;
	params->stock_variant = STOCK_SINGLE_LOOP;
	param_on(recorded, "kvm.enable_relaxed_boost", &params->enable_relaxed_boost);
	param_on(recorded, "kvm.ipi_first_scan", &first);
	if (window)
		params->ipi_window_ns = g_ascii_strtoull(window, NULL, 10);
	return first ? &policy_receiver_first :
	       params->enable_relaxed_boost ? &policy_ipi_aware_relaxed : &policy_ipi_aware;
}

static uint64_t all_of(unsigned int n_vcpus, unsigned int word)
{
	unsigned int n = n_vcpus > word * 64 ? n_vcpus - word * 64 : 0;

	return n >= 64 ? ~0ULL : (1ULL << n) - 1;
}

static void fill_reconstructed(const struct recorded *r, const struct recorded_decision *d, struct spin_state *s)
{
	static const struct { enum recorded_bits value, known; } from[] = {
		[READY] = { BITS_READY, BITS_STATE_KNOWN },
		[PREEMPTED] = { BITS_PREEMPTED, BITS_STATE_KNOWN },
		[IN_KERNEL] = { BITS_IN_KERNEL, BITS_IN_KERNEL_KNOWN },
		[BLOCKING] = { BITS_BLOCKING, BITS_STATE_KNOWN },
		[DY_RUNNABLE] = { BITS_DY_RUNNABLE, BITS_IRQ_KNOWN },
		[PENDING_IRQ] = { BITS_PENDING_IRQ, BITS_IRQ_KNOWN },
		[ON_CPU] = { BITS_ON_CPU, BITS_STATE_KNOWN },
		[QUEUED] = { BITS_QUEUED, BITS_STATE_KNOWN },
		[IN_SPIN_LOOP] = { BITS_IN_SPIN_LOOP, BITS_SPIN_KNOWN },
	};
	unsigned int n = r->vms[d->vm].n_words;
	bool whole = r->vms[d->vm].whole;

	for (unsigned int what = 0; what < G_N_ELEMENTS(from); what++) {
		for (unsigned int w = 0; w < n; w++) {
			uint64_t known = decision_bits(r, d, from[what].known)[w];

			s->seen[what * n + w] = decision_bits(r, d, from[what].value)[w];
			s->known[what * n + w] = whole ? known : 0;
		}
	}
	memcpy(s->rq_single, decision_bits(r, d, BITS_RQ_SINGLE), n * sizeof(uint64_t));
	s->me = d->me;
	s->n_vcpus = d->n_vcpus;
	s->n_words = n;
	s->now = d->t_start;
	s->kernel_mode_known = d->kernel_mode != DB_NULL;
	s->kernel_mode = d->kernel_mode == 1;
	s->spinner_rq_single = d->nr_running == 1;
	s->has_ipi = false;
}

/* Lay the probe's truth over the reconstruction. */
static void fill_probed(const struct recorded *r, const struct recorded_decision *d, struct spin_state *s)
{
	static const struct { enum seen what; enum recorded_bits probed; } from[] = {
		{ READY, BITS_PROBED_READY }, { PREEMPTED, BITS_PROBED_PREEMPTED },
		{ IN_KERNEL, BITS_PROBED_IN_KERNEL }, { IN_SPIN_LOOP, BITS_PROBED_IN_SPIN_LOOP },
	};
	const uint64_t *probed = decision_bits(r, d, BITS_PROBED);
	unsigned int n = s->n_words;

	for (unsigned int i = 0; i < G_N_ELEMENTS(from); i++) {
		const uint64_t *truth = decision_bits(r, d, from[i].probed);

		for (unsigned int w = 0; w < n; w++) {
			uint64_t *seen = &s->seen[from[i].what * n + w];

			*seen = (*seen & ~probed[w]) | (truth[w] & probed[w]);
			s->known[from[i].what * n + w] |= probed[w];
		}
	}
	for (unsigned int w = 0; w < n; w++) {
		s->dy_eligible[w] = (s->dy_eligible[w] & ~probed[w]) |
				    (decision_bits(r, d, BITS_PROBED_DY_ELIGIBLE)[w] & probed[w]);
		s->dy_eligible_known[w] |= probed[w];
	}
	if (d->probed_kernel_mode != DB_NULL) {
		s->kernel_mode = d->probed_kernel_mode;
		s->kernel_mode_known = true;
	}
	if (d->last_boosted >= 0 && d->last_boosted < d->n_vcpus)
		s->last_boosted_vcpu = d->last_boosted;
	if (d->ipi_pending != DB_NULL) {
		s->has_ipi = true;
		s->ipi = (struct ipi_context){
			.pending_ipi = d->ipi_pending, .last_ipi_receiver = d->ipi_receiver,
			.last_ipi_sender = -1, .ipi_time_ns = d->ipi_time_ns,
		};
	}
}

static void on_decision(struct engine *e, const struct recorded_decision *d,
			void (*visit)(void *user, const struct engine_decision *decision), void *user)
{
	const struct recorded *r = e->recorded;
	uint64_t deep = ~0ULL;

	e->decision.d = d;
	for (unsigned int k = 0; k < e->n_kinds; k++) {
		kernel_state_advance(e->kernel_state[k], d->t_start);
		fill_reconstructed(r, d, &e->decision.state[k]);
		nodes_fill(e->nodes, d, &e->decision.state[k]);
		outstanding_hint(e->outstanding, d->vm, &e->decision.state[k]);
		kernel_state_fill(e->kernel_state[k], d->vm, &e->decision.state[k]);
	}
	fill_probed(r, d, &e->decision.state[STATE_PROBED]);
	if (e->n_kinds == 1)
		e->decision.state[STATE_RECONSTRUCTED] = e->decision.state[STATE_PROBED];
	for (unsigned int w = 0; w < r->vms[d->vm].n_words; w++)
		deep &= decision_bits(r, d, BITS_PROBED)[w] | ~all_of(d->n_vcpus, w);
	e->decision.has_probed = d->probed && d->last_boosted != DB_NULL && deep == ~0ULL;
	outstanding_receivers(e->outstanding, d->vm, d->me, d->t_start, e->decision.receivers);
	e->decision.waits = e->decision.receivers->len > 0;
	for (unsigned int k = e->n_kinds; k-- > 0;)	/* what is told is STATE_PROBED's, the first */
		e->decision.outcome = kernel_state_infer(e->kernel_state[k], d, &e->decision.state[k]);
	visit(user, &e->decision);
	for (unsigned int k = 0; k < e->n_kinds; k++)
		kernel_state_observe(e->kernel_state[k], d, &e->decision.state[k]);
}

static void on_ipi(struct engine *e, const struct recorded_ipi *ipi)
{
	outstanding_add(e->outstanding, ipi);
	for (guint i = 0; ipi->tracked && i < e->lanes->len; i++) {
		struct lane *lane = e->lanes->pdata[i];

		if (lane->policy->on_ipi)
			lane->policy->on_ipi(&lane->vms[ipi->vm], ipi->sender, ipi->receiver, ipi->vector,
					     ipi->t_accept);
	}
}

static void on_eoi(struct engine *e, const struct recorded_eoi *eoi)
{
	for (guint i = 0; i < e->lanes->len; i++) {
		struct lane *lane = e->lanes->pdata[i];

		if (eoi->reset && lane->policy->on_reset)
			lane->policy->on_reset(&lane->vms[eoi->vm], eoi->idx);
		else if (!eoi->reset && eoi->hooked && lane->policy->on_eoi)
			lane->policy->on_eoi(&lane->vms[eoi->vm], eoi->idx, eoi->vector, eoi->t);
	}
}

static bool on_gap(struct engine *e, const struct recorded_gap *gap, GError **error)
{
	for (unsigned int k = 0; k < e->n_kinds; k++)
		kernel_state_forget(e->kernel_state[k]);
	outstanding_forget(e->outstanding);
	for (guint i = 0; i < e->lanes->len; i++) {
		struct lane *lane = e->lanes->pdata[i];

		for (unsigned int vm = 0; vm < e->recorded->n_vms; vm++)
			for (unsigned int idx = 0; idx < lane->vms[vm].n_vcpus; idx++) {
				lane->vms[vm].ipi[idx] = (struct ipi_context){
					.last_ipi_sender = -1, .last_ipi_receiver = -1,
					.unknown = true, .ipi_time_ns = gap->t1,
				};
			}
	}
	if (!nodes_advance(e->nodes, gap->t1 - 1, error))
		return false;
	nodes_forget(e->nodes);
	return true;
}

bool engine_run(struct engine *e, void (*visit)(void *user, const struct engine_decision *decision),
		void *user, GError **error)
{
	struct recorded *r = e->recorded;
	struct recorded_decision *d = NULL;
	struct recorded_ipi ipi;
	struct recorded_eoi eoi;
	struct recorded_gap gap;
	GError *failed = NULL;
	uint64_t n = 0;
	bool has_d = recorded_next_decision(r, &d, &failed);
	bool has_ipi = !failed && recorded_next_ipi(r, &ipi, &failed);
	bool has_eoi = !failed && recorded_next_eoi(r, &eoi, &failed);
	bool has_gap = !failed && recorded_next_gap(r, &gap, &failed);

	/*
	 * What comes before a decision has happened; what is simultaneous goes gap, EOI, IPI, decision.
	 * One that the probe missed may stand behind later ones: it would be judged with hindsight.
	 */
	e->told = INT64_MIN;
	nodes_rewind(e->nodes);
	while (has_d && !failed) {
		if (has_gap && gap.t1 <= d->t_start && (!has_eoi || gap.t1 <= eoi.t) &&
		    (!has_ipi || gap.t1 <= ipi.t_accept)) {
			has_gap = on_gap(e, &gap, &failed) && recorded_next_gap(r, &gap, &failed);
		} else if (has_eoi && eoi.t <= d->t_start && (!has_ipi || eoi.t <= ipi.t_accept)) {
			on_eoi(e, &eoi);
			e->told = MAX(e->told, eoi.t);
			has_eoi = recorded_next_eoi(r, &eoi, &failed);
		} else if (has_ipi && ipi.t_accept <= d->t_start) {
			on_ipi(e, &ipi);
			e->told = MAX(e->told, ipi.t_accept);
			has_ipi = recorded_next_ipi(r, &ipi, &failed);
		} else {
			d->tainted |= d->t_start < e->told;
			e->told = MAX(e->told, d->t_start);
			if (!nodes_advance(e->nodes, d->t_start, &failed))
				break;
			on_decision(e, d, visit, user);
			progress_turn(++n);
			has_d = recorded_next_decision(r, &d, &failed);
		}
	}
	recorded_rewind(r);	/* half-read statements would keep a writer out */
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

void engine_ask(struct engine *e, unsigned int lane_index, enum state_kind kind,
		const struct engine_decision *decision, enum spin_mode mode, GArray *steps,
		struct spin_result *result)
{
	const struct lane *lane = e->lanes->pdata[lane_index];
	const struct spin_state *state = &decision->state[kind];
	struct spin_state without;

	/* what probes saw of ipi_context is the recorded policy's; others have their own */
	if (state->has_ipi && lane_index) {
		without = *state;
		without.has_ipi = false;
		state = &without;
	}
	spin_ask(lane->policy, &lane->vms[decision->d->vm], state, mode, decision->d->attempts, steps,
		 result);
	if (!e->recorded->vms[decision->d->vm].whole)
		result->uncertain = true;
}

const struct ipi_context *engine_ipi_context(const struct engine *e, unsigned int lane_index, unsigned int vm,
					     unsigned int vcpu_idx)
{
	const struct lane *lane = e->lanes->pdata[lane_index];

	return &lane->vms[vm].ipi[vcpu_idx];
}
