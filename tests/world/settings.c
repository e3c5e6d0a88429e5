// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/world/settings.h"

#include "tests/world/chance.h"

#define CHOOSE(c, ...)                                            \
	((const gint64[]){ __VA_ARGS__ })[chance_between(         \
		(c), 0, G_N_ELEMENTS(((const gint64[]){ __VA_ARGS__ })) - 1)]

/* In the order of enum action: none, call, call many, poke, lock, interrupts off, halt. */
static const struct mix mixes[] = {
	{ "ipi-heavy", { 5, 60, 8, 8, 6, 2, 2 }, .compute = 60 * US },
	{ "balanced", { 15, 20, 6, 8, 25, 4, 4 }, .compute = 60 * US },
	{ "lock-heavy", { 10, 3, 1, 4, 60, 4, 2 }, .compute = 40 * US },
	{ "async", { 10, 20, 2, 30, 10, 2, 3 }, .compute = 60 * US },
	{ "compute", { 70, 6, 1, 5, 6, 2, 4 }, .compute = 200 * US },
	{ "multicast", { 10, 10, 30, 5, 8, 3, 3 }, .compute = 80 * US },
};

static void draw_mix(struct mix *mix, struct chance *c)
{
	*mix = mixes[chance_between(c, 0, G_N_ELEMENTS(mixes) - 1)];
	mix->compute = mix->compute * chance_between(c, 50, 300) / 100;
	mix->user_percent = chance_between(c, 20, 80);
	mix->critical = chance_between(c, 3, 40) * US;
	mix->idle = chance_between(c, 200, 3000) * US;
	mix->irqs_off = chance_between(c, 5, 60) * US;
	mix->n_locks = chance_between(c, 1, MAX_LOCKS);
	mix->ticket = chance_percent(c, 40);
	mix->lock_irqs_off = chance_percent(c, 30);
	mix->call_inside_percent = chance_percent(c, 30) ? chance_between(c, 2, 15) : 0;
	mix->many = chance_between(c, 2, 4);
	mix->multicast = chance_between(c, MULTI_LOOP, MULTI_SHORTHAND);
	mix->poke_by_call = chance_percent(c, 20);
}

static unsigned int all_vcpus(const struct settings *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->n_vms; i++)
		n += s->n_vcpus[i];
	return n;
}

enum { MOST_CPUS = 8, MOST_VCPUS = 8 };	/* of random worlds */

/* Overcommitted: 1.5 to 5 vCPUs for each CPU. */
static void draw_size(struct settings *s, struct chance *c)
{
	do {
		s->n_cpus = chance_between(c, 1, MOST_CPUS);
		s->n_vms = chance_between(c, 1, MAX_VMS);
		for (unsigned int i = 0; i < s->n_vms; i++)
			s->n_vcpus[i] = chance_between(c, 2, MOST_VCPUS);
	} while (2 * all_vcpus(s) < 3 * s->n_cpus || all_vcpus(s) > 5 * s->n_cpus);
}

static void draw_scheduler(struct settings *s, struct chance *c)
{
	gint64 factor = 1 + (31 - __builtin_clz(s->n_cpus));	/* as the kernel scales them */

	s->scheduler = chance_percent(c, 65) ? SCHED_EEVDF : SCHED_CFS;
	s->forfeit = chance_percent(c, 88);
	s->loop_counter = chance_percent(c, 50) && s->scheduler == SCHED_EEVDF && !s->forfeit;
	s->run_to_parity = chance_percent(c, 85);
	s->place_lag = chance_percent(c, 75);
	s->slice = CHOOSE(c, 700 * US * factor, 700 * US * factor, 750 * US * factor, 1500 * US,
			  3 * MS);
	s->latency = 6 * MS * factor;
	s->min_granularity = 750 * US * factor;
	s->wakeup_granularity = 1 * MS * factor;
	s->tick = CHOOSE(c, 1 * MS, 4 * MS, 4 * MS);
	s->placement = CHOOSE(c, PLACEMENT_IDLE_ELSE_LAST, PLACEMENT_IDLE_ELSE_LAST,
			      PLACEMENT_SHORTEST, PLACEMENT_PINNED);
	s->balance = CHOOSE(c, 0, 8 * MS, 32 * MS);
	s->switch_cost = chance_between(c, 1000, 2500);
}

static void draw_kvm(struct settings *s, struct chance *c)
{
	s->ple_window = CHOOSE(c, 5 * US, 10 * US, 20 * US, 20 * US, 40 * US);
	s->ple_max = s->ple_window * CHOOSE(c, 1, 1, 8, 1024);
	s->spin_survives = chance_percent(c, 25);
	s->exit_cost = chance_between(c, 600, 2000);
	s->yield_cost = chance_between(c, 500, 3000);
	s->send_cost = chance_between(c, 500, 1500);
	s->halt_poll = CHOOSE(c, 0, 200 * US);
	s->ipi_window = 50 * MS;
}

static void draw_guests(struct settings *s, struct chance *c)
{
	bool same = chance_percent(c, 60);

	for (unsigned int i = 0; i < MAX_VMS; i++) {
		if (i && same)
			s->mixes[i] = s->mixes[0];
		else
			draw_mix(&s->mixes[i], c);
	}
	s->irq_entry = chance_between(c, 200, 800);
	s->irq_body = chance_between(c, 1000, 5000);
	s->eoi_late = chance_percent(c, 20);
	s->guest_tick = CHOOSE(c, 0, 4 * MS, 10 * MS);
	s->n_background = chance_percent(c, 50) ? chance_between(c, 1, MAX_BACKGROUND) : 0;
	s->background_run = chance_between(c, 50, 500) * US;
	s->background_sleep = chance_between(c, 2, 20) * MS;
}

void settings_random(struct settings *s, guint64 seed, gint64 length)
{
	struct chance c = chance_new(seed, 0);

	*s = (struct settings){ .seed = seed, .warm = 50 * MS, .length = length };
	draw_size(s, &c);
	draw_scheduler(s, &c);
	draw_kvm(s, &c);
	draw_guests(s, &c);
}

unsigned int settings_deep(const struct settings *s)
{
	unsigned int n = MOST_VCPUS;

	for (unsigned int i = 0; i < s->n_vms; i++)
		n = MAX(n, s->n_vcpus[i]);
	return n;
}

const char *settings_release(const struct settings *s)
{
	return s->scheduler == SCHED_CFS ? "6.1.0-world" : s->loop_counter ? "6.17.0-world" :
	       s->forfeit ? "6.19.2-world" : "6.18.5-world";
}

static const char *const schedulers[] = { "EEVDF", "CFS" };
static const char *const placements[] = { "idle else last", "shortest queue", "pinned" };
static const char *const multicasts[] = { "loop", "hypercall", "shorthand" };

static const char *yes(bool b)
{
	return b ? "true" : "false";
}

static void print_ns(GString *to, const char *name, gint64 ns)
{
	g_string_append_printf(to, ",\n  \"%s_ns\": %" G_GINT64_FORMAT, name, ns);
}

static void print_mix(const struct mix *m, unsigned int n_vcpus, GString *to)
{
	g_string_append_printf(to, "\n   { \"n_vcpus\": %u, \"mix\": \"%s\", \"weights\": [", n_vcpus,
			       m->name);
	for (unsigned int i = 0; i < N_ACTIONS; i++)
		g_string_append_printf(to, "%s%u", i ? ", " : "", m->weights[i]);
	g_string_append_printf(to,
		"], \"compute_ns\": %" G_GINT64_FORMAT ", \"user_percent\": %u, "
		"\"critical_ns\": %" G_GINT64_FORMAT ", \"idle_ns\": %" G_GINT64_FORMAT ", "
		"\"irqs_off_ns\": %" G_GINT64_FORMAT ", \"n_locks\": %u, \"ticket\": %s, "
		"\"lock_irqs_off\": %s, \"call_inside_percent\": %u, \"many\": %u, "
		"\"multicast\": \"%s\", \"poke_by_call\": %s }",
		m->compute, m->user_percent, m->critical, m->idle, m->irqs_off, m->n_locks,
		yes(m->ticket), yes(m->lock_irqs_off), m->call_inside_percent, m->many,
		multicasts[m->multicast], yes(m->poke_by_call));
}

void settings_print(const struct settings *s, GString *to)
{
	g_string_append_printf(to, "{\n  \"seed\": %" G_GUINT64_FORMAT ",\n  \"kernel\": \"%s\"",
			       s->seed, settings_release(s));
	g_string_append_printf(to, ",\n  \"n_cpus\": %u,\n  \"scheduler\": \"%s\"", s->n_cpus,
			       schedulers[s->scheduler]);
	g_string_append_printf(to, ",\n  \"placement\": \"%s\",\n  \"forfeit\": %s",
			       placements[s->placement], yes(s->forfeit));
	g_string_append_printf(to, ",\n  \"loop_counter\": %s", yes(s->loop_counter));
	g_string_append_printf(to, ",\n  \"run_to_parity\": %s,\n  \"place_lag\": %s",
			       yes(s->run_to_parity), yes(s->place_lag));
	g_string_append_printf(to, ",\n  \"spin_survives\": %s,\n  \"eoi_late\": %s",
			       yes(s->spin_survives), yes(s->eoi_late));
	print_ns(to, "slice", s->slice);
	print_ns(to, "latency", s->latency);
	print_ns(to, "min_granularity", s->min_granularity);
	print_ns(to, "wakeup_granularity", s->wakeup_granularity);
	print_ns(to, "tick", s->tick);
	print_ns(to, "balance", s->balance);
	print_ns(to, "switch_cost", s->switch_cost);
	print_ns(to, "ple_window", s->ple_window);
	print_ns(to, "ple_max", s->ple_max);
	print_ns(to, "exit_cost", s->exit_cost);
	print_ns(to, "yield_cost", s->yield_cost);
	print_ns(to, "send_cost", s->send_cost);
	print_ns(to, "halt_poll", s->halt_poll);
	print_ns(to, "irq_entry", s->irq_entry);
	print_ns(to, "irq_body", s->irq_body);
	print_ns(to, "guest_tick", s->guest_tick);
	g_string_append_printf(to, ",\n  \"n_background\": %u", s->n_background);
	print_ns(to, "background_run", s->background_run);
	print_ns(to, "background_sleep", s->background_sleep);
	print_ns(to, "warm", s->warm);
	print_ns(to, "length", s->length);
	g_string_append(to, ",\n  \"vms\": [");
	for (unsigned int i = 0; i < s->n_vms; i++) {
		print_mix(&s->mixes[i], s->n_vcpus[i], to);
		g_string_append(to, i + 1 < s->n_vms ? "," : "\n  ]\n }");
	}
}
