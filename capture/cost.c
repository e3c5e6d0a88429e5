// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/cost.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* On a busy host a turn may have to wait for milliseconds; then fewer rounds have to do. */
enum { ROUNDS = 25, FEWEST_ROUNDS = 5, TURNS = 200 };
#define LONGEST_NS 1e9

#define COST_ERROR (g_quark_from_static_string("cost"))

static const char *const events[] = { "sched_switch", "sched_waking", "sched_wakeup" };

struct partner {
	int to[2], from[2];
	int tid;
	cpu_set_t cpu;
	pthread_t thread;
};

static void *answer(void *user)
{
	struct partner *p = user;
	char c;

	sched_setaffinity(0, sizeof(p->cpu), &p->cpu);
	p->tid = syscall(SYS_gettid);
	while (read(p->to[0], &c, 1) == 1)
		if (write(p->from[1], &c, 1) != 1)
			break;
	return NULL;
}

static bool turns(struct partner *p, unsigned int n)
{
	char c = 0;

	while (n--)
		if (write(p->to[1], &c, 1) != 1 || read(p->from[0], &c, 1) != 1)
			return false;
	return true;
}

static double now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static double count_events(const struct instance *instance)
{
	struct instance_stats s;
	double n = 0;

	for (unsigned int cpu = 0; cpu < instance->n_cpu; cpu++)
		if (instance_stats(instance, cpu, &s))
			n += s.entries + s.overrun + s.dropped;
	return n;
}

static bool trace(struct instance *instance, const char *filter, bool on, GError **error)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(events); i++)
		if ((on && !instance_filter(instance, "sched", events[i], filter, error)) ||
		    !instance_enable(instance, "sched", events[i], on, error))
			return false;
	return instance_switch(instance, on, error);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The difference that tracing makes to so many turns, for each event that it recorded. */
static double measure(struct instance *instance, struct partner *p, GError **error)
{
	g_autofree char *filter = g_strdup_printf("common_pid == %d || common_pid == %d", (int)syscall(SYS_gettid),
						  p->tid);
	double cost[ROUNDS], before, untraced, traced, n, begin = now_ns(CLOCK_MONOTONIC);
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		if (i >= FEWEST_ROUNDS && now_ns(CLOCK_MONOTONIC) - begin > LONGEST_NS)
			break;
		before = now_ns(CLOCK_PROCESS_CPUTIME_ID);
		if (!turns(p, TURNS))
			return 0;
		untraced = now_ns(CLOCK_PROCESS_CPUTIME_ID) - before;
		if (!trace(instance, filter, true, error))
			return 0;
		n = count_events(instance);
		before = now_ns(CLOCK_PROCESS_CPUTIME_ID);
		if (!turns(p, TURNS))
			return 0;
		traced = now_ns(CLOCK_PROCESS_CPUTIME_ID) - before;
		n = count_events(instance) - n;
		if (!trace(instance, filter, false, error))
			return 0;
		cost[i] = n >= TURNS ? (traced - untraced) / n : 0;
	}
	qsort(cost, i, sizeof(*cost), by_size);
	return cost[i / 2];
}

double cost_measure(struct instance *instance, GError **error)
{
	struct partner p = { .to = { -1, -1 }, .from = { -1, -1 } };
	double cost = 0;
	cpu_set_t before;
	int cpu = sched_getcpu();

	CPU_ZERO(&p.cpu);
	CPU_SET(cpu < 0 ? 0 : cpu, &p.cpu);
	if (!sched_getaffinity(0, sizeof(before), &before) && !pipe2(p.to, O_CLOEXEC) && !pipe2(p.from, O_CLOEXEC) &&
	    !sched_setaffinity(0, sizeof(p.cpu), &p.cpu) && !pthread_create(&p.thread, NULL, answer, &p)) {
		if (turns(&p, TURNS))	/* it has told its TID */
			cost = measure(instance, &p, error);
		close(p.to[1]);
		p.to[1] = -1;
		pthread_join(p.thread, NULL);
		sched_setaffinity(0, sizeof(before), &before);
	}
	for (unsigned int i = 0; i < 2; i++) {
		if (p.to[i] >= 0)
			close(p.to[i]);
		if (p.from[i] >= 0)
			close(p.from[i]);
	}
	for (unsigned int i = 0; i < G_N_ELEMENTS(events); i++)
		instance_filter(instance, "sched", events[i], NULL, NULL);
	tracefs_instance_file_clear(instance->tracefs, "trace");
	if (cost <= 0 && error && !*error)
		g_set_error(error, COST_ERROR, 0, "tracing made no difference that could be measured");
	return MAX(cost, 0);
}
