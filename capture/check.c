// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "capture/counters.h"
#include "capture/probes.h"
#include "schema/command.h"
#include "schema/text_table.h"

/*
 * Bytes of an event in the ring, header included, by and large: 8 common ones and the fields
 * (32 to 72), 4 for time and length.
 */
enum { EVENT_BYTES = 56, FEW_PAUSES = 1, ENOUGH_EVENTS = 1000 };

/* Of an event that a short filter rejects: it is made, looked at and thrown away. */
#define WEIGHT_REJECTED 0.5

const char check_pause_filter[] = "(isa == 1 && exit_reason == 40) || (isa == 2 && exit_reason == 0x77)";

static bool sleep_ms(unsigned int ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000L };
	sigset_t set, held;

	sigprocmask(SIG_SETMASK, NULL, &held);
	sigemptyset(&set);
	for (int s = SIGHUP; s <= SIGTERM; s++)
		if ((s == SIGHUP || s == SIGINT || s == SIGTERM) && sigismember(&held, s))
			sigaddset(&set, s);
	return sigtimedwait(&set, NULL, &left) < 0;
}

/* Counters of a planned event, and what they said when all had been set up. */
struct counted {
	int matched, all;	/* all: without its filter; -1: none */
};

static void count_all(const struct counters *counters, const struct counted *c, unsigned int n_cpu, uint64_t *values)
{
	for (unsigned int cpu = 0; cpu < n_cpu; cpu++) {
		values[cpu] = c->matched < 0 ? 0 : counters_value(counters, c->matched, cpu);
		values[n_cpu + cpu] = c->all < 0 ? values[cpu] : counters_value(counters, c->all, cpu);
	}
}

static struct counted add_counters(struct counters *counters, struct plan *plan, const struct planned *p)
{
	struct counted c = { .all = -1 };
	g_autoptr(GError) why = NULL;

	c.matched = counters_add(counters, p->event->system, p->event->name, p->filter, &why);
	if (c.matched < 0)
		plan_lacks(plan, "counting", why->message, "its share of the overhead is not known beforehand");
	else if (p->filter)
		c.all = counters_add(counters, p->event->system, p->event->name, NULL, NULL);
	return c;
}

bool check_count(struct check *c, struct plan *plan, unsigned int n_cpu, unsigned int ms)
{
	unsigned int n = plan->events->len;
	struct counters *counters = counters_new(n_cpu);
	g_autofree struct counted *counted = g_new(struct counted, n);
	g_autofree uint64_t *before = g_new(uint64_t, (size_t)n * 2 * n_cpu), *after = g_new(uint64_t, 2 * n_cpu);
	uint64_t pauses = 0, spins = 0;
	struct timespec t0, t1;
	int pause, spin = -1;
	bool ok;

	*c = (struct check){ .cost_ns = c->cost_ns, .n_cpu = n_cpu, .n_events = n, .pause_exits = -1, .decisions = -1 };
	c->rates = g_new0(double, (size_t)n * n_cpu);
	c->loads = g_new0(double, (size_t)n * n_cpu);
	for (unsigned int i = 0; i < n; i++) {
		const struct planned *p = &g_array_index(plan->events, struct planned, i);

		counted[i] = add_counters(counters, plan, p);
		if (!strcmp(p->event->name, "on_spin"))
			spin = counted[i].matched;
	}
	pause = counters_add(counters, "kvm", "kvm_exit", check_pause_filter, NULL);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	for (unsigned int i = 0; i < n; i++)
		count_all(counters, &counted[i], n_cpu, before + (size_t)i * 2 * n_cpu);
	pauses = pause < 0 ? 0 : counters_total(counters, pause);
	spins = spin < 0 ? 0 : counters_total(counters, spin);
	ok = sleep_ms(ms);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	c->seconds = t1.tv_sec - t0.tv_sec + (t1.tv_nsec - t0.tv_nsec) / 1e9;
	for (unsigned int i = 0; i < n; i++) {
		const struct planned *p = &g_array_index(plan->events, struct planned, i);

		count_all(counters, &counted[i], n_cpu, after);
		for (unsigned int cpu = 0; cpu < n_cpu; cpu++) {
			const uint64_t *b = before + (size_t)i * 2 * n_cpu;
			double matched = after[cpu] - b[cpu], all = after[n_cpu + cpu] - b[n_cpu + cpu];

			c->rates[i * n_cpu + cpu] = matched / c->seconds;
			c->loads[i * n_cpu + cpu] = (matched * p->weight + MAX(all - matched, 0) * WEIGHT_REJECTED) /
						    c->seconds;
		}
	}
	if (pause >= 0)
		c->pause_exits = (counters_total(counters, pause) - pauses) / c->seconds;
	if (spin >= 0)
		c->decisions = (counters_total(counters, spin) - spins) / c->seconds;
	counters_free(counters);
	return ok;
}

void check_clear(struct check *c)
{
	g_free(c->rates);
	g_free(c->loads);
	c->rates = c->loads = NULL;
}

struct budget check_budget(const struct check *c, const struct plan *plan, double limit)
{
	g_autofree struct budget_event *events = g_new0(struct budget_event, c->n_events);

	for (unsigned int i = 0; i < c->n_events; i++) {
		const struct planned *p = &g_array_index(plan->events, struct planned, i);

		events[i] = (struct budget_event){
			.weight = 1, .shed = p->event->shed, .rates = c->loads + i * c->n_cpu,
		};
	}
	return budget_decide(events, c->n_events, c->n_cpu, c->cost_ns, limit, 0, plan_max_shed());
}

static double total(const struct check *c, unsigned int event)
{
	double sum = 0;

	for (unsigned int cpu = 0; cpu < c->n_cpu; cpu++)
		sum += c->rates[event * c->n_cpu + cpu];
	return sum;
}

static double total_all(const struct check *c)
{
	double sum = 0;

	for (unsigned int i = 0; i < c->n_events; i++)
		sum += total(c, i);
	return sum;
}

double check_weight(const struct check *c, const struct plan *plan)
{
	double load = 0, sum = 0, events = total_all(c);
	unsigned int n = 0;

	for (unsigned int i = 0; i < c->n_events * c->n_cpu; i++)
		load += c->loads[i];
	if (events * c->seconds >= ENOUGH_EVENTS)
		return load / events;
	/* little was seen: by kind, as if all were as frequent */
	for (unsigned int i = 0; i < plan->events->len; i++, n++)
		sum += g_array_index(plan->events, struct planned, i).weight;
	return n ? sum / n : 1;
}

static void print_events(const struct check *c, const struct plan *plan)
{
	static const char *const headings[] = { "event", ">events/s", ">given up as", "filter" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	for (unsigned int i = 0; i < c->n_events; i++) {
		const struct planned *p = &g_array_index(plan->events, struct planned, i);

		text_table_cell(t, "%s:%s", p->event->system, p->event->name);
		text_table_count(t, total(c, i) + 0.5);
		if (p->event->shed)
			text_table_cell(t, "%u", p->event->shed);
		else
			text_table_cell(t, "never");
		text_table_cell(t, "%.60s", p->filter ? p->filter : "");
	}
	text_table_print(t, "  ", stdout);
}

static void print_lacks(const struct plan *plan)
{
	if (plan->lacks->len)
		puts("\nWhat cannot be had here:");
	for (unsigned int i = 0; i < plan->lacks->len; i++) {
		const struct plan_lack *l = &g_array_index(plan->lacks, struct plan_lack, i);

		printf("  no %s (%s)%s%s\n", l->what, l->why, *l->without ? "; so: " : "", l->without);
	}
}

static void print_budget(const struct check *c, const struct budget *b, double limit, double without)
{
	struct budget_burst burst = budget_burst(b->duty);

	if (c->cost_ns <= 0) {
		puts("Overhead: not known, what an event costs could not be measured");
		return;
	}
	printf("Overhead: %.2f %% of the busiest CPU's time with all of it (%.0f ns an event)\n", without * 100,
	       c->cost_ns);
	if (!limit)
		puts("Budget:   none");
	else if (!b->duty)
		printf("Budget:   %.3g %% cannot be kept\n", limit * 100);
	else if (b->duty < 1)
		printf("Budget:   %.3g %% is kept by giving up ranks 1 to %u, in bursts of %u ms every %.1f s\n",
		       limit * 100, b->shed, burst.on_ms, (burst.on_ms + burst.off_ms) / 1000.0);
	else if (b->shed)
		printf("Budget:   %.3g %% is kept by giving up ranks 1 to %u: %.2f %%\n", limit * 100, b->shed,
		       b->overhead * 100);
	else
		printf("Budget:   %.3g %% is kept\n", limit * 100);
}

static double overhead_of_all(const struct check *c, const struct plan *plan)
{
	return check_budget(c, plan, 1e9).overhead;
}

void check_print(const struct check *c, const struct plan *plan, const struct vm_list *vms,
		 const struct budget *budget, double limit)
{
	unsigned int n_vcpus = 0;

	for (unsigned int i = 0; i < vms->vms->len; i++)
		n_vcpus += ((struct vm_process *)vms->vms->pdata[i])->vcpus->len;
	printf("%u VM%s with %u vCPUs on %u CPUs; counted for %.1f s\n\n", vms->vms->len,
	       vms->vms->len == 1 ? "" : "s", n_vcpus, c->n_cpu, c->seconds);
	print_events(c, plan);
	printf("\nEvents:   %.0f/s, about %.2f MB/s\n", total_all(c), total_all(c) * EVENT_BYTES / 1e6);
	print_budget(c, budget, limit, overhead_of_all(c, plan));
	if (!vms->vms->len)
		puts("Spinning: no VM runs here");
	else if (c->pause_exits < 0)
		puts("Spinning: PAUSE exits could not be counted");
	else if (c->pause_exits < FEW_PAUSES)
		puts("Spinning: no PAUSE exits. Where guests use paravirtual spinlocks, or the host has no PAUSE exiting\n"
		     "          (ple_gap=0, pause_filter_count=0), there may never be any; if guests were idle, try again");
	else
		printf("Spinning: %.0f PAUSE exits/s\n", c->pause_exits);
	if (c->decisions >= 0)
		printf("Decisions: %.0f/s (probed)\n", c->decisions);
	else
		puts("Decisions: as many as PAUSE exits; they are not probed, outcomes have to be inferred");
	print_lacks(plan);
	puts("\nNothing was recorded.");
}

void check_print_json(const struct check *c, const struct plan *plan, const struct vm_list *vms,
		      const struct budget *budget, double limit)
{
	struct budget_burst burst = budget_burst(budget->duty);
	cJSON *root = cJSON_CreateObject(), *list;

	cJSON_AddNumberToObject(root, "seconds", c->seconds);
	cJSON_AddNumberToObject(root, "n_cpu", c->n_cpu);
	cJSON_AddNumberToObject(root, "n_vms", vms->vms->len);
	cJSON_AddNumberToObject(root, "events_per_s", total_all(c));
	cJSON_AddNumberToObject(root, "bytes_per_s", total_all(c) * EVENT_BYTES);
	if (c->pause_exits >= 0)
		cJSON_AddNumberToObject(root, "pause_exits_per_s", c->pause_exits);
	else
		cJSON_AddNullToObject(root, "pause_exits_per_s");
	if (c->decisions >= 0)
		cJSON_AddNumberToObject(root, "decisions_per_s", c->decisions);
	else
		cJSON_AddNullToObject(root, "decisions_per_s");
	if (c->cost_ns > 0) {
		cJSON_AddNumberToObject(root, "event_ns", c->cost_ns);
		cJSON_AddNumberToObject(root, "overhead", overhead_of_all(c, plan));
	} else {
		cJSON_AddNullToObject(root, "event_ns");
		cJSON_AddNullToObject(root, "overhead");
	}
	list = cJSON_AddObjectToObject(root, "budget");
	cJSON_AddNumberToObject(list, "limit", limit);
	cJSON_AddNumberToObject(list, "shed", budget->shed);
	cJSON_AddNumberToObject(list, "duty", budget->duty);
	cJSON_AddNumberToObject(list, "overhead", budget->overhead);
	cJSON_AddNumberToObject(list, "burst_ms", burst.on_ms);
	cJSON_AddNumberToObject(list, "pause_ms", burst.off_ms);
	list = cJSON_AddArrayToObject(root, "events");
	for (unsigned int i = 0; i < c->n_events; i++) {
		const struct planned *p = &g_array_index(plan->events, struct planned, i);
		cJSON *event = cJSON_CreateObject();

		cJSON_AddStringToObject(event, "system", p->event->system);
		cJSON_AddStringToObject(event, "name", p->event->name);
		cJSON_AddNumberToObject(event, "per_s", total(c, i));
		cJSON_AddNumberToObject(event, "shed", p->event->shed);
		cJSON_AddItemToObject(event, "filter", p->filter ? cJSON_CreateString(p->filter) : cJSON_CreateNull());
		cJSON_AddItemToArray(list, event);
	}
	cJSON_AddItemToObject(root, "lacks", plan_lacks_json(plan));
	command_print_json(root);
}
