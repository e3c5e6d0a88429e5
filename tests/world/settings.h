/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings - what a world is like; times in ns. */
#ifndef TESTS_WORLD_SETTINGS_H
#define TESTS_WORLD_SETTINGS_H

#include <glib.h>
#include <stdbool.h>

enum {
	MAX_CPUS = 16, MAX_VMS = 4, MAX_VCPUS = 16, MAX_LOCKS = 4, MAX_BACKGROUND = 8,
	MAX_TASKS = MAX_VMS * MAX_VCPUS + MAX_BACKGROUND,
	TSC_GHZ = 2,
};
#define US G_GINT64_CONSTANT(1000)
#define MS (1000 * US)

enum scheduler { SCHED_EEVDF, SCHED_CFS };

/* Where a task that is woken goes if its last CPU is busy. */
enum placement { PLACEMENT_IDLE_ELSE_LAST, PLACEMENT_SHORTEST, PLACEMENT_PINNED };

enum action { ACTION_NONE, ACTION_CALL, ACTION_CALL_MANY, ACTION_POKE, ACTION_LOCK,
	      ACTION_IRQS_OFF, ACTION_HALT, N_ACTIONS };

/* How a call to several vCPUs is sent. */
enum multicast { MULTI_LOOP, MULTI_HYPERCALL, MULTI_SHORTHAND };

/* What a VM's vCPUs do; actions by weight. */
struct mix {
	const char *name;
	unsigned int weights[N_ACTIONS];
	gint64 compute;			/* mean, before each action */
	unsigned int user_percent;	/* of these, in user mode */
	gint64 critical, idle, irqs_off;	/* means */
	unsigned int n_locks;
	bool ticket;			/* fair locks; else whoever comes first */
	bool lock_irqs_off;		/* critical sections run with interrupts off */
	unsigned int call_inside_percent;	/* critical sections that call somebody */
	unsigned int many;		/* receivers of ACTION_CALL_MANY, at most */
	enum multicast multicast;
	bool poke_by_call;		/* what nobody waits for has the calls' vector, too */
};

struct settings {
	guint64 seed;
	unsigned int n_cpus, n_vms, n_vcpus[MAX_VMS];
	struct mix mixes[MAX_VMS];

	/* scheduler */
	enum scheduler scheduler;
	enum placement placement;
	bool forfeit, run_to_parity, place_lag;	/* EEVDF */
	bool loop_counter;		/* stock keeps it for the index (6.13 to 6.18.2) */
	gint64 slice;				/* EEVDF */
	gint64 latency, min_granularity, wakeup_granularity;	/* CFS */
	gint64 tick, balance;		/* balance 0: only CPUs that run idle take work */
	gint64 switch_cost;

	/* KVM */
	gint64 ple_window, ple_max;	/* equal: it does not grow */
	bool spin_survives;		/* spinning before an exit counts for the next window */
	gint64 exit_cost, yield_cost, send_cost;
	gint64 halt_poll;
	gint64 ipi_window;

	/* guests */
	gint64 irq_entry, irq_body;
	bool eoi_late;			/* after the handler's body */
	gint64 guest_tick;		/* 0: none */

	unsigned int n_background;
	gint64 background_run, background_sleep;

	gint64 warm, length;
};

/* A world drawn from a seed. */
void settings_random(struct settings *s, guint64 seed, gint64 length);
/* Of how many vCPUs of a VM the probes tell. */
unsigned int settings_deep(const struct settings *s);
/* The kernel that schedules like this. */
const char *settings_release(const struct settings *s);
/* As a JSON object, indented by one blank. */
void settings_print(const struct settings *s, GString *to);

#endif
