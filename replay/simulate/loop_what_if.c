// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/loop_what_if.h"

#include <math.h>
#include <string.h>

#include "replay/simulate/loop_estimate.h"
#include "schema/progress.h"

#define MOST_SHARE_ERROR 2	/* points: as PASS is of the gate as recorded */
/* What tests/world/density.sh has tried, where figures were as good as those of the policies. */
#define MOST_DENSITY 2.0
#define MOST_WINDOW 4.2	/* four times, as it is measured */
/* Not tried */
#define PRESENCE 0.9
#define LEAST_PRESENCE 0.5
#define LEAST_SPIN 0.02	/* CPUs: of less, no share is taken */
#define UNMODELLED 0.2
#define MOST_UNMODELLED 0.5

bool loop_add_what_if(struct loop *loop, const struct what_if *asked)
{
	struct loop_what_if *wi = g_new0(struct loop_what_if, 1);

	wi->asked = *asked;
	wi->text = what_if_text(asked);
	for (guint i = 0; i < loop->what_ifs->len; i++) {
		const struct loop_what_if *other = loop->what_ifs->pdata[i];

		if (!strcmp(other->text, wi->text)) {
			loop_what_if_free(wi);
			return false;
		}
	}
	g_ptr_array_add(loop->what_ifs, wi);
	return true;
}

void loop_what_if_free(void *data)
{
	struct loop_what_if *wi = data;

	for (unsigned int m = 0; m < N_LOOP_METRICS; m++)
		g_free(wi->estimates[m].reason);
	for (unsigned int vm = 0; wi->vms && vm < wi->there->input->n_vms; vm++)
		g_free(wi->vms[vm].reason);
	g_free(wi->vms);
	g_free(wi->origin);
	loop_free(wi->there);
	g_free(wi->text);
	g_free(wi);
}

static void refuse(struct loop_what_if *wi, const char *reason)
{
	wi->result = GATE_REFUSE;
	wi->reason = reason;
}

void loop_what_if_refuse(struct loop_what_if *wi)
{
	wi->evidence = (struct what_if_evidence){ NAN, NAN, NAN, NAN, true };
	refuse(wi, "the model does not reproduce the recording as it was");
}

static double vcpus_per_cpu(const struct program_input *input)
{
	return (double)input->programs->len / input->host.n_cpu;
}

/* The VM's whose window is changed most, in whichever direction. */
static double window_ratio(const struct program_input *from, const struct program_input *to,
			   const unsigned int *origin)
{
	double most = 1;

	for (unsigned int vm = 0; vm < to->n_vms; vm++) {
		double ratio = (double)to->vms[vm].window / from->vms[origin[vm]].window;

		if (fabs(log(ratio)) > fabs(log(most)))
			most = ratio;
	}
	return most;
}

/* When the last thing began that p did but sleep to the end, ns from t0. */
static int64_t last_seen(const struct program *p, int64_t length)
{
	guint n = p->items->len;
	const struct item *last = n ? &g_array_index(p->items, struct item, n - 1) : NULL;

	if (!last)
		return 0;
	return last->kind == ITEM_HALT || last->kind == ITEM_HALT_IPI || last->kind == ITEM_IO
		       ? last->t
		       : length;
}

/* From the first that its first vCPU did to the last of its last: is any VM absent? */
static double presence_of(const struct program_input *input)
{
	int64_t from = 0, to = input->length;

	for (unsigned int vm = 0; vm < input->n_vms; vm++) {
		int64_t first = input->length, last = 0;

		for (guint i = 0; i < input->programs->len; i++) {
			const struct program *p = input->programs->pdata[i];

			if (p->vm != vm)
				continue;
			first = MIN(first, p->t_start);
			last = MAX(last, last_seen(p, input->length));
		}
		from = MAX(from, first);
		to = MIN(to, last);
	}
	return input->length > 0 ? (double)MAX(to - from, 0) / input->length : 0;
}

/* Spinning for what is not known belongs to the work: so much of it for each ns. */
static double unmodelled_there(const struct loop *loop, const struct loop_figures *there)
{
	const struct loop_figures *as_recorded = &loop->variants[loop->chosen].runs[0];
	double ns = loop->input->unmodelled_spin * as_recorded->spin / as_recorded->work;

	return fmin(ns * there->work / fmax(there->spin, LEAST_SPIN), 1);
}

/* The runs as recorded, with the VMs of those there. To be freed like them. */
static struct loop_figures *mapped(const struct loop_figures *runs, unsigned int n,
				   const unsigned int *origin, unsigned int n_vms)
{
	struct loop_figures *copy = g_memdup2(runs, n * sizeof(*runs));

	for (unsigned int i = 0; i < n; i++) {
		copy[i].n_vms = n_vms;
		copy[i].vms = g_new(struct vm_figures, n_vms);
		for (unsigned int vm = 0; vm < n_vms; vm++)
			copy[i].vms[vm] = runs[i].vms[origin[vm]];
	}
	return copy;
}

/* A change of density is no policy; its error is as density.sh found it, of useful work. */
static struct loop_metric_info info_of(enum loop_metric m, bool by_vm)
{
	struct loop_metric_info info = loop_metric_infos[m];

	if (m == LOOP_THROUGHPUT) {
		info.floor = by_vm ? 5 : 2.5;
		info.share = by_vm ? 0.5 : 0.2;
	}
	return info;
}

/* Who gets the CPU, when there is another number of them, is told only where it is as recorded. */
static bool shares_known(const struct gate *gate)
{
	return fmax(gate->errors.share, gate->unjittered.share) <= MOST_SHARE_ERROR;
}

static bool doubted(const struct loop *loop, const struct loop_what_if *wi)
{
	return loop->gate->result == GATE_WARN || wi->result == GATE_WARN;
}

/* Of work, percent, where either gate warns. */
static double work_error(const struct loop *loop)
{
	return fmax(gate_work_error(loop->gate), info_of(LOOP_THROUGHPUT, false).floor);
}

/* Where it is doubted, work has twice its error in the interval, which has a sign only beyond that. */
static struct loop_metric_info info_there(const struct loop *loop, const struct loop_what_if *wi,
					  enum loop_metric m, bool by_vm)
{
	struct loop_metric_info info = info_of(m, by_vm);

	if (m == LOOP_THROUGHPUT && doubted(loop, wi))
		info.floor = fmax(info.floor, 2 * work_error(loop));
	return info;
}

static void doubt(const struct loop *loop, struct loop_what_if *wi)
{
	double error = work_error(loop);

	if (!doubted(loop, wi))
		return;
	for (unsigned int m = 0; m < LOOP_SHARE; m++)
		loop_estimate_doubt(&wi->estimates[m], m, error);
	for (unsigned int vm = 0; vm < wi->there->input->n_vms; vm++)
		loop_estimate_doubt(&wi->vms[vm], LOOP_THROUGHPUT, error);
}

static void estimate_density(const struct loop *loop, struct loop_what_if *wi)
{
	unsigned int n = loop->n_replicates, n_vms = wi->there->input->n_vms;
	struct loop_figures *before =
		mapped(loop->variants[loop->chosen].runs, 1 + n, wi->origin, n_vms);
	const struct loop_figures *after = wi->there->variants[0].runs;
	struct loop_metric_info info = info_there(loop, wi, LOOP_THROUGHPUT, true);

	for (unsigned int m = 0; m < N_LOOP_METRICS; m++) {
		struct loop_metric_info all = info_there(loop, wi, m, false);

		if (m != LOOP_SHARE)
			loop_estimate_change(&wi->estimates[m], m, &all, after, before, n, -1, 0);
	}
	wi->vms = g_new0(struct loop_estimate, n_vms);
	for (unsigned int vm = 0; vm < n_vms; vm++)
		if (shares_known(loop->gate))
			loop_estimate_change(&wi->vms[vm], LOOP_THROUGHPUT, &info, after, before, n,
					     vm, 0);
		else
			loop_estimate_refuse(&wi->vms[vm], VERDICT_REFUSED,
					     "as recorded, a VM's share of CPU time is off by more "
					     "than 2 points");
	doubt(loop, wi);
	replicates_free(before, 1 + n);
}

/* The same policies there, and the recorded one run. */
static struct loop *loop_there(const struct loop *loop, struct program_input *input)
{
	struct loop *there = loop_new(loop->recorded_policy, &loop->recorded_params);
	struct lane lane;

	there->n_replicates = loop->n_replicates;
	there->n_threads = loop->n_threads;
	there->seed = loop->seed;
	there->lag_margin = loop->lag_margin;
	for (guint i = 0; i < loop->policies->len; i++) {
		const struct loop_policy *p = loop->policies->pdata[i];
		const char *before;

		loop_add(there, p->policy, &p->params, p->side, p->label, &before);
	}
	loop_set_input(there, input);
	there->n_variants = 1;
	there->variants[0].input = *input;
	there->variants[0].gate = *loop->gate;
	there->gate = &there->variants[0].gate;
	lane = lane_of(input, loop->recorded_policy, &loop->recorded_params, SIDE_PLAIN, 0);
	progress_begin("simulating another density", 1 + loop->n_replicates);
	there->variants[0].runs =
		replicates_run(&lane, 1, loop->n_replicates, loop->seed, loop->n_threads, 0);
	return there;
}

void loop_what_if_run(const struct loop *loop, struct loop_what_if *wi)
{
	const struct program_input *from = &loop->variants[loop->chosen].input;
	struct program_input *to;
	const struct loop_figures *runs;

	/* before copies are made */
	if (wi->asked.vms > (int)from->n_vms || wi->asked.cpus > (int)from->host.n_cpu) {
		wi->evidence = (struct what_if_evidence){ NAN, NAN, NAN, NAN, true };
		refuse(wi, "it is beyond twice the VMs or CPUs that were recorded");
		return;
	}
	to = what_if_apply(&wi->asked, from, &wi->origin);

	wi->evidence = (struct what_if_evidence){
		.density = vcpus_per_cpu(to) / vcpus_per_cpu(from),
		.window = window_ratio(from, to, wi->origin),
		.presence = presence_of(from),
		.unmodelled_spin = NAN,
		.complete = true,
	};
	wi->result = what_if_judge(&wi->evidence, &wi->reason);
	if (wi->result == GATE_REFUSE) {
		program_input_free(to);
		return;
	}
	wi->there = loop_there(loop, to);
	runs = wi->there->variants[0].runs;
	wi->evidence.complete = loop_complete(runs, 1 + loop->n_replicates);
	wi->evidence.unmodelled_spin = unmodelled_there(loop, &runs[0]);
	wi->result = what_if_judge(&wi->evidence, &wi->reason);
	if (wi->result == GATE_REFUSE)
		return;
	if (wi->result == GATE_PASS && loop->gate->result == GATE_WARN) {
		wi->result = GATE_WARN;
		wi->reason = "the model only just reproduces the recording as it was: take no more than signs";
	}
	estimate_density(loop, wi);
	wi->there->variants[0].gate.result = MAX(loop->gate->result, wi->result);
	loop_run_policies(wi->there);
}

enum gate_result what_if_judge(const struct what_if_evidence *e, const char **reason)
{
	enum gate_result result = GATE_REFUSE;

	*reason = NULL;
	if (!e->complete)
		*reason = "there the simulated vCPUs come to a standstill, or hardly get on";
	else if (e->density > MOST_DENSITY || e->density < 1 / MOST_DENSITY)
		*reason = "it is beyond half and twice the vCPUs a CPU that were recorded";
	else if (e->window < 1 / MOST_WINDOW)
		*reason = "waits shorter than the recorded window are not seen; below a quarter of it "
			  "they would be most";
	else if (e->window > MOST_WINDOW)
		*reason = "it is beyond four times the recorded window";
	else if (e->presence < LEAST_PRESENCE)
		*reason = "for most of the recording a VM was not there, so its density is no base";
	else if (e->unmodelled_spin > MOST_UNMODELLED)
		*reason = "what most of the spinning there waits for is not known";
	if (*reason)
		return result;
	result = GATE_WARN;
	if (e->presence < PRESENCE)
		*reason = "for some of the recording a VM was not there: take no more than signs";
	else if (e->unmodelled_spin > UNMODELLED)
		*reason = "what much of the spinning there waits for is not known: take no more than "
			  "signs";
	return *reason ? result : GATE_PASS;
}
