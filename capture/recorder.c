// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/recorder.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "capture/counters.h"

/*
 * TICK_MS: a ring of 4 MiB fills in that time at 30 M events a second. What the flight recorder
 * waits for counts AFTER_MS before and after.
 */
enum { TICK_MS = 50, SECOND_MS = 1000, AFTER_MS = 1000 };

/* A duty cycle that could be longer is made so only when it could be that much longer: no seesaw. */
#define SLACK 0.7

/* SIGTSTP: to stop it would not stop tracing. */
static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGTSTP };
static sigset_t held, before;

void recorder_hold_signals(void)
{
	sigemptyset(&held);
	for (unsigned int i = 0; i < G_N_ELEMENTS(signals); i++) {
		struct sigaction action;

		sigaction(signals[i], NULL, &action);
		if (signals[i] == SIGCHLD)
			signal(SIGCHLD, SIG_DFL);
		else if (action.sa_handler == SIG_IGN)
			continue;	/* nohup */
		sigaddset(&held, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &held, &before);
	signal(SIGPIPE, SIG_IGN);
}

void recorder_release_signals(void)
{
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* The state of a run. */
struct run {
	struct recorder *r;
	struct instance *instance;
	uint64_t begin, second, switched;	/* ms: of the run, of this second, of this burst or pause */
	uint64_t on_since, on_ms;		/* of this second that was recorded */
	bool on, stopping;
	double *events;				/* per CPU: recorded until the last second began */
	double overhead_sum;
	uint64_t spins, storm;			/* flight recorder: decisions until then; ms, when the storm came */
};

static void stop(struct run *run, const char *why)
{
	if (!run->stopping)
		run->r->why = why;
	run->stopping = true;
}

static bool switch_on(struct run *run, GError **error)
{
	if (!plan_enable(run->r->plan, run->instance, error) || !instance_switch(run->instance, true, error))
		return false;
	run->on = true;
	run->switched = run->on_since = now_ms();
	run->r->n_bursts++;
	run->r->mark(run->r->user, "start", run->r->n_bursts == 1);
	return true;
}

/* Events, too: one that fires while tracing is off costs a third of one that is recorded. */
static void switch_off(struct run *run, bool for_good)
{
	if (!run->on && !for_good)
		return;
	if (!run->on)	/* for the mark alone */
		instance_switch(run->instance, true, NULL);
	if (for_good)	/* what there is to be said then takes its time */
		plan_disable(run->r->plan, run->instance);
	run->r->mark(run->r->user, "stop", for_good);
	instance_switch(run->instance, false, NULL);
	plan_disable(run->r->plan, run->instance);
	run->switched = now_ms();
	if (run->on)
		run->on_ms += run->switched - run->on_since;
	run->on = false;
}

/* Events of the busiest CPU since the last time. */
static double busiest(struct run *run)
{
	double most = 0;

	for (unsigned int cpu = 0; cpu < run->instance->n_cpu; cpu++) {
		struct instance_stats s;
		double n;

		if (!instance_stats(run->instance, cpu, &s))
			continue;
		n = s.entries + s.read + s.overrun + s.dropped;
		most = MAX(most, n - run->events[cpu]);
		run->events[cpu] = n;
	}
	return most;
}

/* rate: recorded events per second of recording on the busiest CPU. */
static void keep_budget(struct run *run, double rate)
{
	struct recorder *r = run->r;
	double overhead = rate * r->cost_ns * r->weight / 1e9;
	bool bursts_allowed = !r->on_spin_rate;

	if (!r->limit || !r->cost_ns)
		return;
	if (overhead * r->budget.duty > r->limit && r->budget.shed < plan_max_shed()) {
		g_autofree char *why = g_strdup_printf("given up to keep the budget of %.3g %%", r->limit * 100);

		plan_shed(r->plan, run->instance, ++r->budget.shed, why);
	} else if (overhead * r->budget.duty > r->limit && bursts_allowed) {
		r->budget.duty = MAX(r->limit / overhead, BUDGET_MIN_DUTY);
	} else if (r->budget.duty < 1 && overhead * r->budget.duty < r->limit * SLACK) {
		r->budget.duty = overhead > r->limit ? r->limit / overhead : 1;
	}
}

static void watch_disk(struct run *run)
{
	struct recorder *r = run->r;
	g_autofree char *dir = session_directory(r->session->path);
	uint64_t bytes = spool_bytes(r->session->spool);
	struct statvfs fs;

	if (r->max_bytes && bytes >= r->max_bytes)
		stop(run, "it has reached --max-size");
	else if (!statvfs(dir, &fs) && (uint64_t)fs.f_bavail * fs.f_frsize < r->min_free_bytes)
		stop(run, "the disk is almost full (--min-free)");
}

static void watch_vms(struct run *run)
{
	const GPtrArray *vms = run->r->vms;

	for (unsigned int i = 0; vms && i < vms->len; i++)
		if (vms_still_there(vms->pdata[i]))
			return;
	if (vms)
		stop(run, "no chosen VM is left");
}

/* A line that the next one replaces; on a terminal alone. */
static void show(const struct run *run, uint64_t now)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[Krecording: %" G_GUINT64_FORMAT " s, %.1f MB, %.2g %% of the busiest CPU's time%s",
			(now - run->begin) / 1000, spool_bytes(run->r->session->spool) / 1e6,
			run->r->overhead_mean * 100, run->on ? "" : " (pause)");
}

static void each_second(struct run *run, uint64_t now)
{
	struct recorder *r = run->r;
	double seconds = (now - run->second) / 1000.0, on, most, overhead;

	if (run->on) {
		run->on_ms += now - run->on_since;
		run->on_since = now;
	}
	on = run->on_ms / 1000.0;
	most = busiest(run);
	overhead = most * r->cost_ns * r->weight / 1e9 / seconds;
	run->overhead_sum += overhead * seconds;
	r->overhead_mean = run->overhead_sum / ((now - run->begin) / 1000.0);
	if (on > 0.05)
		keep_budget(run, most / on);
	run->on_ms = 0;
	run->second = now;
	show(run, now);
	watch_disk(run);
	watch_vms(run);
	if (run->on)
		r->look(r->user);
	if (r->on_spin_rate && !run->storm) {
		uint64_t n = counters_total(r->counters, r->on_spin_counter);

		if ((n - run->spins) / seconds >= r->on_spin_rate) {
			run->storm = now;
			r->storm = true;
		}
		run->spins = n;
	}
}

static void wipe(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

static bool follow_bursts(struct run *run, uint64_t now, GError **error)
{
	struct budget_burst b = budget_burst(run->r->budget.duty);

	if (run->on && b.off_ms && now - run->switched >= b.on_ms)
		switch_off(run, false);
	else if (!run->on && now - run->switched >= b.off_ms)
		return switch_on(run, error);
	return true;
}

static void child_ended(struct run *run)
{
	struct recorder *r = run->r;
	g_autoptr(GError) error = NULL;

	if (keeper_is_gone(&r->keeper) && !run->stopping) {
		if (keeper_start(&r->keeper, r->session, &error))
			fprintf(stderr, "counterspin record: warning: its keeper was killed; another has taken its place\n");
		else
			fprintf(stderr, "counterspin record: warning: its keeper was killed, and there is no other: %s\n",
				error->message);
	}
	if (r->command && waitpid(r->command, &r->command_status, WNOHANG) == r->command) {
		r->command = 0;
		r->command_failed = r->command_status != 0;
		stop(run, "the command ended");
	}
}

/* Sleep for a tick, or until a signal. */
static void wait_a_tick(struct run *run)
{
	const struct timespec tick = { 0, TICK_MS * 1000000L };
	int signal = sigtimedwait(&held, NULL, &tick);

	run->r->session->spool->shared->beat++;
	if (signal == SIGTSTP)
		fprintf(stderr, "counterspin record: it cannot be stopped and go on later; interrupt it\n");
	else if (signal == SIGCHLD)
		child_ended(run);
	else if (signal > 0)
		stop(run, "interrupted");
}

static bool loop(struct run *run, GError **error)
{
	struct recorder *r = run->r;

	while (!run->stopping) {
		uint64_t now;

		wait_a_tick(run);
		now = now_ms();
		if (!r->session->overwrites && !spool_drain(r->session->spool, error)) {
			stop(run, "it cannot be written");
			return false;
		}
		if (now - run->second >= SECOND_MS)
			each_second(run, now);
		if (run->on && !instance_is_on(run->instance)) {
			stop(run, "somebody switched tracing off");
			break;
		}
		if (!follow_bursts(run, now, error))
			return false;
		if (run->storm && now - run->storm >= AFTER_MS)
			stop(run, "spinning has become as frequent as --on-spin-rate says");
		if (r->duration_ms && now - run->begin >= r->duration_ms)
			stop(run, "the time is over");
	}
	return true;
}

bool recorder_run(struct recorder *r, GError **error)
{
	struct run run = { .r = r, .instance = r->session->instance };
	g_autoptr(GError) trigger_error = NULL;
	bool ok;

	run.events = g_new0(double, run.instance->n_cpu);
	if (!instance_stop_with(run.instance, getpid(), &trigger_error))
		plan_lacks(r->plan, "stop by the kernel", trigger_error->message,
			   "if recorder and keeper are both killed, tracing goes on until the next start");
	run.begin = run.second = now_ms();
	if (r->counters)
		run.spins = counters_total(r->counters, r->on_spin_counter);
	ok = switch_on(&run, error) && loop(&run, error);
	r->ms = now_ms() - run.begin;
	if (r->ms && run.second > run.begin)
		r->overhead_mean = run.overhead_sum / ((run.second - run.begin) / 1000.0);
	wipe();
	switch_off(&run, true);
	g_free(run.events);
	return ok;
}
