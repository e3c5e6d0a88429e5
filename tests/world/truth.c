// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/world/truth.h"

#include <math.h>

#include "tests/world/recording.h"

/* Programs of run 0 are the recorded ones. */
static guint64 program_seed(const struct settings *s, unsigned int run)
{
	struct chance c = chance_new(s->seed, 1 + run);

	return chance_u64(&c);
}

/* What is told of: all policies, and then some with each scheduler side that is not plain. */
struct course { enum policy policy; enum side side; };

enum { WITH_SIDES = 2, MAX_COURSES = N_POLICIES + WITH_SIDES * (N_SIDES - 1) };

static unsigned int courses(bool sides, struct course all[MAX_COURSES])
{
	static const enum policy with[WITH_SIDES] = { POLICY_STOCK, POLICY_IPI_AWARE_RELAXED };
	unsigned int n = 0;

	for (unsigned int p = 0; p < N_POLICIES; p++)
		all[n++] = (struct course){ p, SIDE_PLAIN };
	for (unsigned int side = SIDE_PLAIN + 1; sides && side < N_SIDES; side++)
		for (unsigned int i = 0; i < WITH_SIDES; i++)
			all[n++] = (struct course){ with[i], side };
	return n;
}

static struct account run_once(const struct settings *s, struct course course, unsigned int run)
{
	g_autofree struct world *w = world_new(s, course.policy, program_seed(s, run), NULL);

	w->side = course.side;
	world_run(w);
	return w->account;
}

struct account truth_run(const struct settings *s, enum policy policy, unsigned int run)
{
	return run_once(s, (struct course){ policy, SIDE_PLAIN }, run);
}

static bool run_recorded(const struct settings *s, const char *path, struct account *account,
			 GError **error)
{
	struct recorder *tape = recording_begin(s, path, error);
	g_autofree struct world *w = NULL;
	bool ok;

	if (!tape)
		return false;
	w = world_new(s, POLICY_STOCK, program_seed(s, 0), tape);
	world_run(w);
	*account = w->account;
	ok = recording_end(w, path, error);
	recorder_free(tape);
	return ok;
}

/* --- figures --- */

enum figure { THROUGHPUT_GAIN, SPIN_CPU, SPIN_SEEN_CPU, IPI_RESPONSE, PAUSE_EXITS, YIELDS,
	      IDLE_SHARE, WORK_CPU, N_FIGURES };

static const char *const figure_names[N_FIGURES] = {
	"throughput_gain", "spin_cpu", "spin_seen_cpu", "ipi_response_us", "pause_exits_per_s",
	"yields_per_s", "idle_share", "work_cpu",
};

static double figure(const struct settings *s, enum figure f, const struct account *a,
		     const struct account *stock)
{
	double length = s->length, seconds = length / (1000 * MS);

	switch (f) {
	case THROUGHPUT_GAIN:
		return stock->work ? 100.0 * (a->work - stock->work) / stock->work : 0;
	case SPIN_CPU:
		return a->spin / length;
	case SPIN_SEEN_CPU:
		return a->spin_seen / length;
	case IPI_RESPONSE:
		return a->n_responses ? a->response / 1e3 / a->n_responses : 0;
	case PAUSE_EXITS:
		return a->n_pauses / seconds;
	case YIELDS:
		return a->n_yields / seconds;
	case WORK_CPU:
		return a->work / length;
	default:
		return a->idle_ns / length / s->n_cpus;
	}
}

static void print_figure(const struct settings *s, enum figure f, unsigned int n,
			 const struct account *a, const struct account *stock, GString *to)
{
	double sum = 0, squares = 0, mean;

	for (unsigned int r = 0; r < n; r++)
		sum += figure(s, f, &a[r], &stock[r]);
	mean = sum / n;
	for (unsigned int r = 0; r < n; r++)
		squares += pow(figure(s, f, &a[r], &stock[r]) - mean, 2);
	g_string_append_printf(to, ",\n   \"%s\": { \"own\": %.6f, \"mean\": %.6f, \"se\": ",
			       figure_names[f], figure(s, f, &a[0], &stock[0]), mean);
	if (n > 1)
		g_string_append_printf(to, "%.6f }", sqrt(squares / (n - 1) / n));
	else
		g_string_append(to, "null }");
}

/* Work of each VM, CPUs: mean over runs. */
static void print_vm_work(const struct settings *s, unsigned int n, const struct account *a,
			  GString *to)
{
	g_string_append(to, ",\n   \"vm_work_cpu\": [");
	for (unsigned int i = 0; i < s->n_vms; i++) {
		double sum = 0;

		for (unsigned int r = 0; r < n; r++)
			sum += a[r].vm_work[i];
		g_string_append_printf(to, "%s%.6f", i ? ", " : "", sum / n / s->length);
	}
	g_string_append(to, "]");
}

static void print_vms(const struct settings *s, const struct account *a,
		      const struct account *stock, GString *to)
{
	g_string_append(to, ",\n   \"vm_gain_own\": [");
	for (unsigned int i = 0; i < s->n_vms; i++)
		g_string_append_printf(to, "%s%.6f", i ? ", " : "", stock->vm_work[i] ?
				       100.0 * (a->vm_work[i] - stock->vm_work[i]) / stock->vm_work[i] : 0);
	g_string_append(to, "]");
}

static void print_courses(const struct settings *s, const struct course *courses, unsigned int n_courses,
			  unsigned int n, struct account *const *all, GString *to)
{
	for (unsigned int i = 0; i < n_courses; i++) {
		g_string_append_printf(to, "%s\n  { \"name\": \"%s\", \"scheduler_side\": \"%s\"",
				       i ? "," : "", policy_names[courses[i].policy],
				       side_names[courses[i].side]);
		g_string_append_printf(to, ",\n   \"decisions\": %" G_GINT64_FORMAT
				       ", \"ops\": %" G_GINT64_FORMAT,
				       all[i][0].n_decisions, all[i][0].n_ops);
		for (unsigned int f = 0; f < N_FIGURES; f++)
			print_figure(s, f, n, all[i], all[0], to);
		print_vm_work(s, n, all[i], to);
		print_vms(s, all[i], all[0], to);
		g_string_append(to, " }");
	}
}

bool truth_print(const struct settings *s, unsigned int replicates, bool sides, const char *path,
		 GString *to, GError **error)
{
	struct course list[MAX_COURSES];
	unsigned int n = courses(sides, list);
	struct account *all[MAX_COURSES];
	bool ok = true;

	G_STATIC_ASSERT(POLICY_STOCK == 0);	/* what the others are held against */
	for (unsigned int i = 0; i < n; i++) {
		all[i] = g_new0(struct account, replicates + 1);
		for (unsigned int r = 0; ok && r <= replicates; r++) {
			if (i == 0 && r == 0 && path)
				ok = run_recorded(s, path, &all[i][r], error);
			else
				all[i][r] = run_once(s, list[i], r);
		}
	}
	g_string_append(to, "{\n \"format\": \"counterspin-world-truth\",\n \"version\": 1,\n"
			" \"world\": ");
	settings_print(s, to);
	g_string_append_printf(to, ",\n \"runs\": %u,\n \"policies\": [", replicates + 1);
	print_courses(s, list, n, replicates + 1, all, to);
	g_string_append(to, "\n ]\n}\n");
	for (unsigned int i = 0; i < n; i++)
		g_free(all[i]);
	return ok;
}

/* --- one decision --- */

static struct world *run_override(const struct settings *s, gint64 decision, bool force, int target)
{
	struct world *w = world_new(s, POLICY_STOCK, program_seed(s, 0), NULL);

	w->override = (struct override){
		.decision = decision, .target = target, .force = force,
		.vm = NOBODY, .vcpu = NOBODY,
	};
	world_run(w);
	return w;
}

static void print_wait(const char *name, const struct world *w, GString *to)
{
	const struct override *o = &w->override;

	g_string_append_printf(to, ",\n \"%s\": { \"wait_us\": ", name);
	if (o->t_wait_end)
		g_string_append_printf(to, "%.3f", (o->t_wait_end - o->t) / 1e3);
	else
		g_string_append(to, "null");
	g_string_append_printf(to, ", \"work_ns\": %" G_GINT64_FORMAT " }", w->account.work);
}

bool truth_print_override(const struct settings *s, gint64 decision, int target, GString *to)
{
	g_autofree struct world *was = run_override(s, decision, false, target);
	g_autofree struct world *other = run_override(s, decision, true, target);

	if (was->override.vcpu == NOBODY)
		return false;
	g_string_append_printf(to,
		"{\n \"decision\": %" G_GINT64_FORMAT ", \"vm\": %d, \"vcpu_idx\": %d, \"target\": %d, "
		"\"result\": %d",
		decision, was->override.vm, was->override.vcpu, target, other->override.result);
	print_wait("stock", was, to);
	print_wait("override", other, to);
	g_string_append(to, "\n}\n");
	return true;
}
