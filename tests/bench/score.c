// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * score - how fast decisions are scored under policies, and what else a replay spends.
 *
 * usage: score [--rounds N] [--asks N] [--keep N] [--split] DB
 *
 * A score is one policy asked at one decision, with all that a replay wants to know of the
 * answer. Decisions of DB, evenly spread, are kept in memory with the policies' own memory of IPIs
 * at each: 4096, so that they stay in a cache, as a replay has what it just read; more (--keep) are
 * fetched from memory over and over, and that is then what is measured. All of them are asked for
 * under every policy, again and again, as 'counterspin replay' asks (spin_ask) and by a plain loop
 * over vCPUs (tests/scalar_scan.h); both have given the same answers before that is timed. They
 * take turns; a line per policy has the medians over rounds, in ns of this thread's CPU time: per
 * score, and per score of the plain loop; then the ratio.
 *
 * --split: CPU seconds of the stages of one replay of DB, and the memory it took.
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "replay/policy_spec.h"
#include "replay/run.h"
#include "tests/scalar_scan.h"

/* Scores of each decision when what they add to a replay is measured. */
enum { OFTEN = 20 };

/* A decision in memory. */
struct kept {
	struct spin_state state;
	uint64_t *words;		/* its bitmaps */
	struct ipi_context *ipi;	/* [n_vcpus of the VM]: of the policies that have a tracker */
	struct answer_times *answers;	/* [n_policies] */
	int *hints;			/* [n_vcpus] */
	struct scalar_state *plain;
	GArray *attempts;
	unsigned int vm;
	bool whole;
	int *picks;			/* [n_policies]: of the engine; PICK_UNKNOWN */
};

struct lane {
	const struct policy *policy;
	struct policy spy;		/* the same, but that it tells its memory when it is asked */
	struct policy_params params;
	struct policy_vm *vms;		/* by VM, as before the recording: see keep() */
	unsigned int asked, spied;
};

struct bench {
	struct recorded *recorded;
	struct engine *engine;
	struct lane *lanes;		/* [n_policies] */
	struct spin_result *result;
	struct scalar_result *plain_result;
	GArray *kept;
	int64_t keep, n_decisions, seen;
};

/* What a spy was asked with: on_spin() has nothing of the caller's to leave it in. */
static const struct policy_vm *spied;

static int spy(struct policy_vm *vm, struct spin *s)
{
	(void)s;
	spied = vm;
	return NO_TARGET;
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what, GError *error)
{
	fprintf(stderr, "score: %s: %s\n", what, error ? error->message : "?");
	exit(3);
}

/* One after the other from *block. */
static uint64_t *copy(uint64_t **block, const uint64_t *words, unsigned int n)
{
	uint64_t *to = *block;

	memcpy(to, words, n * sizeof(*words));
	*block += n;
	return to;
}

static int kept_hint(const struct spin_state *state, unsigned int idx)
{
	return ((const int *)state->hints)[idx];
}

static int *keep_hints(const struct spin_state *s)
{
	int *hints = g_new(int, s->n_vcpus);

	for (unsigned int i = 0; i < s->n_vcpus; i++)
		hints[i] = s->hint(s, i);
	return hints;
}

/*
 * All policies that have a tracker are of one series here, so what it holds is the same for all;
 * those that have none never change theirs.
 */
static void keep(void *user, const struct engine_decision *decision)
{
	struct bench *b = user;
	const struct recorded_decision *d = decision->d;
	struct kept k;
	struct spin_state *s = &k.state;
	uint64_t *block;

	if (b->seen++ * b->keep / b->n_decisions < b->kept->len)
		return;
	k = (struct kept){
		.state = decision->state[STATE_PROBED], .vm = d->vm, .whole = b->recorded->vms[d->vm].whole,
		.attempts = g_array_copy(d->attempts), .picks = g_new(int, n_policies),
		.answers = g_new0(struct answer_times, n_policies), .hints = keep_hints(&decision->state[STATE_PROBED]),
	};
	block = k.words = g_new(uint64_t, (2 * N_SEEN + 3) * s->n_words);
	s->seen = copy(&block, s->seen, N_SEEN * s->n_words);
	s->known = copy(&block, s->known, N_SEEN * s->n_words);
	s->rq_single = copy(&block, s->rq_single, s->n_words);
	s->dy_eligible = copy(&block, s->dy_eligible, s->n_words);
	s->dy_eligible_known = copy(&block, s->dy_eligible_known, s->n_words);
	for (unsigned int p = 0; p < n_policies; p++) {
		struct lane *lane = &b->lanes[p];

		engine_ask(b->engine, lane->asked, STATE_PROBED, decision, SPIN_OBSERVED, NULL, b->result);
		k.picks[p] = b->result->uncertain ? PICK_UNKNOWN : b->result->pick;
		if (!lane->policy->on_ipi)
			continue;
		engine_ask(b->engine, lane->spied, STATE_PROBED, decision, SPIN_MODEL, NULL, b->result);
		g_free(k.ipi);
		k.ipi = g_memdup2(spied->ipi, spied->n_vcpus * sizeof(*k.ipi));
		k.answers[p] = spied->answers;
	}
	s->has_ipi = false;
	s->hint = kept_hint;
	s->hints = k.hints;
	k.plain = scalar_state_new(s);
	g_array_append_val(b->kept, k);
}

static void add_lane(struct bench *b, struct lane *lane, const struct policy *policy,
		     const struct policy_params *recorded)
{
	lane->policy = policy;
	lane->spy = *policy;
	lane->spy.on_spin = spy;
	lane->params = policy_spec_defaults_for(policy, recorded);
	lane->asked = engine_add(b->engine, policy, &lane->params);
	lane->spied = engine_add(b->engine, &lane->spy, &lane->params);
	lane->vms = g_new0(struct policy_vm, b->recorded->n_vms);
	for (unsigned int vm = 0; vm < b->recorded->n_vms; vm++) {
		unsigned int n = b->recorded->vms[vm].n_vcpus;

		lane->vms[vm] = (struct policy_vm){
			.n_vcpus = n, .params = &lane->params, .ipi = g_new0(struct ipi_context, n),
		};
		for (unsigned int i = 0; i < n; i++)
			lane->vms[vm].ipi[i] = (struct ipi_context){
				.last_ipi_sender = -1, .last_ipi_receiver = -1,
				.unknown = !b->recorded->vms[vm].created, .ipi_time_ns = b->recorded->t0,
			};
	}
}

static bool load(struct bench *b, GError **error)
{
	struct policy_params params;
	const struct policy *policy = engine_recorded_policy(b->recorded, &params);
	unsigned int max_vcpus = 0;
	g_autoptr(db_stmt) count = db_prepare(b->recorded->db, "SELECT count(*) FROM decision");

	for (unsigned int vm = 0; vm < b->recorded->n_vms; vm++)
		max_vcpus = MAX(max_vcpus, b->recorded->vms[vm].n_vcpus);
	b->engine = engine_new(b->recorded, policy, &params);
	b->lanes = g_new0(struct lane, n_policies);
	for (unsigned int p = 0; p < n_policies; p++)
		add_lane(b, &b->lanes[p], policies[p], &params);
	b->result = spin_result_new(b->recorded->max_words + 1);
	b->plain_result = scalar_result_new(max_vcpus, false);
	b->kept = g_array_new(FALSE, FALSE, sizeof(struct kept));
	if (!db_next(count, error))
		return false;
	b->n_decisions = MAX(db_column(count, 0), b->keep);
	sqlite3_reset(count);
	return engine_run(b->engine, keep, b, error);
}

static struct policy_vm memory_of(const struct bench *b, const struct lane *lane, const struct kept *k)
{
	struct policy_vm vm = lane->vms[k->vm];

	if (lane->policy->on_ipi)
		vm.ipi = k->ipi;
	vm.answers = k->answers[lane - b->lanes];
	return vm;
}

static int ask(struct bench *b, const struct lane *lane, const struct kept *k)
{
	struct policy_vm vm = memory_of(b, lane, k);

	spin_ask(lane->policy, &vm, &k->state, SPIN_OBSERVED, k->attempts, NULL, b->result);
	return b->result->uncertain ? PICK_UNKNOWN : b->result->pick;
}

static int ask_plain(struct bench *b, const struct lane *lane, const struct kept *k)
{
	struct policy_vm vm = memory_of(b, lane, k);

	scalar_ask(lane->policy, &vm, k->plain, SPIN_OBSERVED, k->attempts, b->plain_result);
	return b->plain_result->uncertain ? PICK_UNKNOWN : b->plain_result->pick;
}

/* Both must give what the engine gave when it came by. */
static void check(struct bench *b)
{
	for (guint i = 0; i < b->kept->len; i++) {
		const struct kept *k = &g_array_index(b->kept, struct kept, i);

		for (unsigned int p = 0; p < n_policies; p++) {
			int pick = ask(b, &b->lanes[p], k), plain = ask_plain(b, &b->lanes[p], k);

			if (pick != plain || (k->whole && pick != k->picks[p])) {
				fprintf(stderr, "score: decision %u: %s picks %d, plainly %d, in the engine %d\n", i,
					policies[p]->name, pick, plain, k->picks[p]);
				exit(3);
			}
		}
	}
}

/* ns per score over all decisions, several times over. */
static double time_policy(struct bench *b, const struct lane *lane,
			  int (*how)(struct bench *, const struct lane *, const struct kept *), int64_t asks)
{
	int64_t times = MAX(1, asks / b->kept->len), sum = 0;
	double start = cpu_seconds(), ns;

	for (int64_t t = 0; t < times; t++)
		for (guint i = 0; i < b->kept->len; i++)
			sum += how(b, lane, &g_array_index(b->kept, struct kept, i));
	ns = 1e9 * (cpu_seconds() - start) / times / b->kept->len;
	if (sum == INT64_MIN)	/* never: so that it is computed */
		ns = 0;
	return ns;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void print(const char *name, double ns, double plain)
{
	printf("%-20s %8.1f %11.2f %8.1f %8.2f\n", name, ns, 1e3 / ns, plain, plain / ns);
}

static void measure(struct bench *b, unsigned int rounds, int64_t asks)
{
	g_autofree double *all = g_new0(double, rounds), *all_plain = g_new0(double, rounds);
	g_autofree double *ns = g_new0(double, n_policies * rounds);
	g_autofree double *plain = g_new0(double, n_policies * rounds);

	for (unsigned int r = 0; r < rounds; r++)
		for (unsigned int p = 0; p < n_policies; p++) {
			ns[p * rounds + r] = time_policy(b, &b->lanes[p], ask, asks);
			plain[p * rounds + r] = time_policy(b, &b->lanes[p], ask_plain, asks);
			all[r] += ns[p * rounds + r] / n_policies;
			all_plain[r] += plain[p * rounds + r] / n_policies;
		}
	printf("%-20s %8s %11s %8s %8s\n", "policy", "ns/score", "M scores/s", "plain ns", "ratio");
	for (unsigned int p = 0; p < n_policies; p++)
		print(policies[p]->name, median(ns + p * rounds, rounds), median(plain + p * rounds, rounds));
	print("all", median(all, rounds), median(all_plain, rounds));
}

static void read_all(struct recorded *r)
{
	struct recorded_decision *d;
	struct recorded_ipi ipi;
	struct recorded_eoi eoi;
	struct recorded_gap gap;
	GError *error = NULL;

	while (recorded_next_decision(r, &d, &error))
		;
	while (!error && recorded_next_ipi(r, &ipi, &error))
		;
	while (!error && recorded_next_eoi(r, &eoi, &error))
		;
	while (!error && recorded_next_gap(r, &gap, &error))
		;
	recorded_rewind(r);
	if (error)
		die("reading", error);
}

/* A replay's engine with its policies, and nothing that is done with their answers. */
struct asker {
	struct engine *engine;
	unsigned int n_lanes, times;
	struct spin_result *result;
};

static void ask_all(void *user, const struct engine_decision *decision)
{
	struct asker *a = user;

	for (unsigned int t = 0; t < a->times; t++)
		for (unsigned int lane = 0; lane < a->n_lanes; lane++)
			engine_ask(a->engine, lane, STATE_PROBED, decision, SPIN_OBSERVED, NULL, a->result);
}

static double time_engine(struct recorded *r, unsigned int times)
{
	struct policy_params params;
	const struct policy *recorded = engine_recorded_policy(r, &params);
	struct asker a = { engine_new(r, recorded, &params), 1, times, spin_result_new(r->max_words + 1) };
	double start = cpu_seconds();
	GError *error = NULL;

	for (unsigned int p = 0; p < n_policies; p++) {
		struct policy_params own = policy_spec_defaults_for(policies[p], &params);

		a.n_lanes = 1 + engine_add(a.engine, policies[p], &own);
	}
	if (!engine_run(a.engine, ask_all, &a, &error))
		die("replaying", error);
	engine_free(a.engine);
	spin_result_free(a.result);
	return cpu_seconds() - start;
}

static void stage(const char *what, double seconds, double of)
{
	printf("%-44s %9.3f %5.1f %%\n", what, seconds, 100 * seconds / of);
}

static long resident_kib(void)
{
	g_autofree char *text = NULL;
	const char *line;

	if (!g_file_get_contents("/proc/self/status", &text, NULL, NULL))
		return 0;
	line = strstr(text, "VmHWM:");
	return line ? atol(line + strlen("VmHWM:")) : 0;
}

static void split(struct recorded *r)
{
	struct run *run = run_new(r, STATE_PROBED);
	double start = cpu_seconds(), reading, state, scoring, executing, estimating;
	GError *error = NULL;

	read_all(r);
	reading = cpu_seconds() - start;
	state = time_engine(r, 0);
	scoring = (time_engine(r, OFTEN) - state) / OFTEN;	/* once would be lost in the noise */
	run_add(run, NULL, NULL, NULL);
	start = cpu_seconds();
	if (!run_add_specs(run, NULL, &error) || !run_execute(run, r, &error))
		die("replaying", error);
	executing = cpu_seconds() - start;
	start = cpu_seconds();
	if (!run_gather(run, 1, &error) || !run_estimate(run, &error))
		die("estimating", error);
	estimating = cpu_seconds() - start;
	printf("%-44s %9s\n", "stage", "CPU s");
	stage("reading the facts of decisions", reading, executing + estimating);
	stage("what the kernel's state was", state - reading, executing + estimating);
	stage("scoring: every policy, every decision", scoring, executing + estimating);
	stage("counting, and fidelity", executing - scoring - state, executing + estimating);
	stage("estimates", estimating, executing + estimating);
	stage("all, without writing and printing", executing + estimating, executing + estimating);
	printf("%" G_GINT64_FORMAT " decisions, %u policies; %.1f MiB resident at most\n",
	       run->n_decisions, n_policies, resident_kib() / 1024.0);
	run_free(run);
}

static void bench_free(struct bench *b)
{
	for (guint i = 0; i < b->kept->len; i++) {
		struct kept *k = &g_array_index(b->kept, struct kept, i);

		g_free(k->words);
		g_free(k->ipi);
		g_free(k->answers);
		g_free(k->hints);
		g_free(k->picks);
		scalar_state_free(k->plain);
		g_array_unref(k->attempts);
	}
	g_array_unref(b->kept);
	for (unsigned int p = 0; p < n_policies; p++) {
		for (unsigned int vm = 0; vm < b->recorded->n_vms; vm++)
			g_free(b->lanes[p].vms[vm].ipi);
		g_free(b->lanes[p].vms);
	}
	engine_free(b->engine);
	g_free(b->lanes);
	spin_result_free(b->result);
	scalar_result_free(b->plain_result);
}

int main(int argc, char **argv)
{
	gint rounds = 9;
	gint64 asks = 1000000, keep_most = 4096;
	gboolean splits = FALSE;
	const GOptionEntry options[] = {
		{ "rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "Rounds that medians are over (9)", "N" },
		{ "asks", 0, 0, G_OPTION_ARG_INT64, &asks, "Scores in a turn (1000000)", "N" },
		{ "keep", 0, 0, G_OPTION_ARG_INT64, &keep_most, "Decisions in memory (4096)", "N" },
		{ "split", 0, 0, G_OPTION_ARG_NONE, &splits, "The stages of a replay instead", NULL },
		G_OPTION_ENTRY_NULL
	};
	g_autoptr(GOptionContext) context = g_option_context_new("DB");
	g_autoptr(sqlite3) db = NULL;
	struct bench b = { 0 };
	GError *error = NULL;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 2 || rounds < 1 ||
	    keep_most < 1) {
		fprintf(stderr, "usage: score [--rounds N] [--asks N] [--keep N] [--split] DB\n");
		return 2;
	}
	b.keep = keep_most;
	db = db_open(argv[1], &error);
	b.recorded = db ? recorded_open(db, &error) : NULL;
	if (!b.recorded)
		die(argv[1], error);
	if (splits) {
		split(b.recorded);
	} else {
		if (!load(&b, &error))
			die(argv[1], error);
		if (!b.kept->len)
			die(argv[1], g_error_new_literal(ENGINE_ERROR, 0, "it has no decisions"));
		check(&b);
		printf("%u decisions\n", b.kept->len);
		measure(&b, rounds, asks);
		bench_free(&b);
	}
	recorded_free(b.recorded);
	return 0;
}
