// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/replicates.h"

#include <math.h>

#include "schema/progress.h"

struct batch {
	const struct lane *lanes;
	unsigned int per_lane;
	uint64_t seed;
	struct loop_figures *figures;
	GAsyncQueue *done;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Nearest rank, of sorted values; n > 0, 0 < share <= 1. */
static double percentile(const double *values, guint n, double share)
{
	return values[(guint)ceil(share * n) - 1];
}

/* Takes what responses holds out of order. */
static void set_responses(struct loop_figures *f, GArray *responses)
{
	const double *values = (const double *)responses->data;
	double sum = 0;

	f->response = f->p50 = f->p95 = f->p99 = NAN;
	if (!responses->len)
		return;
	g_array_sort(responses, by_value);
	for (guint i = 0; i < responses->len; i++)
		sum += values[i];
	f->response = sum / responses->len;
	f->p50 = percentile(values, responses->len, 0.5);
	f->p95 = percentile(values, responses->len, 0.95);
	f->p99 = percentile(values, responses->len, 0.99);
}

static void add_vm(struct loop_figures *f, unsigned int vm, double work, double spin, double on_cpu,
		   double pauses, double yields, double ns)
{
	f->work += work / ns;
	f->spin += spin / ns;
	f->pauses += pauses / ns * 1e9;
	f->yields += yields / ns * 1e9;
	f->vms[vm].work = work / ns;
	f->vms[vm].share = on_cpu;
}

/* What add_vm() left as time. */
static void set_shares(struct loop_figures *f)
{
	double sum = 0;

	for (unsigned int vm = 0; vm < f->n_vms; vm++)
		sum += f->vms[vm].share;
	for (unsigned int vm = 0; vm < f->n_vms; vm++)
		f->vms[vm].share *= sum > 0 ? 100 / sum : 0;
}

static struct loop_figures figures_of(const struct simulated *s)
{
	struct loop_figures f = {
		.n_vms = s->n_vms,
		.vms = g_new0(struct vm_figures, MAX(s->n_vms, 1)),
		.complete = s->exhausted,
		.seconds = s->ns / 1e9,
		.events = s->events,
	};
	g_autoptr(GArray) responses = g_array_new(FALSE, FALSE, sizeof(double));

	for (unsigned int vm = 0; vm < s->n_vms; vm++) {
		const struct simulated_vm *v = &s->vms[vm];

		add_vm(&f, vm, v->work, v->spin, v->on_cpu, v->pauses, v->yields, MAX(s->ns, 1));
		g_array_append_vals(responses, v->responses->data, v->responses->len);
	}
	set_shares(&f);
	set_responses(&f, responses);
	return f;
}

struct loop_figures recorded_figures(const struct program_input *input)
{
	struct loop_figures f = {
		.n_vms = input->n_vms,
		.vms = g_new0(struct vm_figures, MAX(input->n_vms, 1)),
		.complete = true,
		.seconds = input->length / 1e9,
	};
	g_autoptr(GArray) responses = g_array_new(FALSE, FALSE, sizeof(double));

	for (unsigned int vm = 0; vm < input->n_vms; vm++) {
		const struct program_truth *t = &input->truth[vm];

		add_vm(&f, vm, t->work, t->spin, t->on_cpu, t->pauses, t->yields,
		       MAX(input->length, 1));
		g_array_append_vals(responses, t->responses->data, t->responses->len);
	}
	set_shares(&f);
	set_responses(&f, responses);
	return f;
}

static void work(void *job, void *data)
{
	struct batch *b = data;
	unsigned int i = GPOINTER_TO_UINT(job) - 1, replicate = i % b->per_lane;
	const struct lane *lane = &b->lanes[i / b->per_lane];
	struct simulation_setting setting = lane->setting;
	struct simulated *simulated;

	setting.seed = b->seed * UINT64_C(0x9e3779b97f4a7c15) + replicate;
	setting.jitter = replicate ? REPLICATES_JITTER : 0;
	simulated = simulate_run(lane->input, &setting);
	b->figures[i] = figures_of(simulated);
	simulated_free(simulated);
	g_async_queue_push(b->done, job);
}

struct loop_figures *replicates_run(const struct lane *lanes, unsigned int n_lanes, unsigned int n,
				    uint64_t seed, unsigned int n_threads, unsigned int done)
{
	unsigned int n_jobs = n_lanes * (1 + n);
	struct batch b = {
		.lanes = lanes,
		.per_lane = 1 + n,
		.seed = seed,
		.figures = g_new0(struct loop_figures, MAX(n_jobs, 1)),
		.done = g_async_queue_new(),
	};
	GThreadPool *pool = g_thread_pool_new(work, &b, n_threads, FALSE, NULL);

	for (unsigned int i = 0; i < n_jobs; i++)
		g_thread_pool_push(pool, GUINT_TO_POINTER(i + 1), NULL);
	for (unsigned int i = 0; i < n_jobs; i++) {
		g_async_queue_pop(b.done);
		progress_show(done + i + 1);
	}
	g_thread_pool_free(pool, FALSE, TRUE);
	g_async_queue_unref(b.done);
	return b.figures;
}

void replicates_free(struct loop_figures *figures, size_t n)
{
	for (size_t i = 0; figures && i < n; i++)
		g_free(figures[i].vms);
	g_free(figures);
}

/* 97.5 % point of Student's t, by degrees of freedom. */
static double student(unsigned int df)
{
	static const double points[] = {
		12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
		2.201,	2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
		2.080,	2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
	};
	const double z = 1.959964;

	return df <= G_N_ELEMENTS(points) ? points[df - 1] : z + (z * z * z + z) / (4 * df);
}

bool replicates_interval(const double *differences, unsigned int n, double *mean,
			 double interval[2])
{
	double sum = 0, squares = 0, half;

	for (unsigned int i = 0; i < n; i++)
		sum += differences[i];
	*mean = sum / n;
	for (unsigned int i = 0; i < n; i++)
		squares += (differences[i] - *mean) * (differences[i] - *mean);
	half = student(n - 1) * sqrt(squares / (n - 1) / n);
	interval[0] = *mean - half;
	interval[1] = *mean + half;
	if (isfinite(*mean))
		return true;
	*mean = interval[0] = interval[1] = NAN;
	return false;
}
