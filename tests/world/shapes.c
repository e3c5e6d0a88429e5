// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/world/shapes.h"

#include <string.h>

enum { CPUS = 16, VCPUS = 16, EVERYBODY = VCPUS - 1 };

/* In the order of enum action: none, call, call many, poke, lock, interrupts off, halt. */
static const struct mix shapes[] = {
	/* stages hand blocks to each other and map memory: flushes of all TLBs, some under the
	 * lock of the address space; a stage that is starved sleeps */
	{ "dedup", { 30, 2, 14, 8, 36, 2, 8 }, .compute = 200 * US, .user_percent = 50,
	  .critical = 6 * US, .idle = 1000 * US, .irqs_off = 5 * US, .n_locks = 2, .ticket = true,
	  .call_inside_percent = 15, .many = EVERYBODY, .multicast = MULTI_HYPERCALL },
	/* a pool of threads, each with its own part of the picture, that unmap what is done */
	{ "vips", { 68, 1, 20, 4, 3, 2, 2 }, .compute = 400 * US, .user_percent = 85,
	  .critical = 4 * US, .idle = 1000 * US, .irqs_off = 5 * US, .n_locks = 2, .ticket = true,
	  .many = EVERYBODY, .multicast = MULTI_HYPERCALL },
	/* clients of a file server: names and inodes under locks, others woken, sleep until I/O
	 * is done; who is woken is not waited for */
	{ "dbench", { 8, 1, 0, 22, 52, 3, 14 }, .compute = 60 * US, .user_percent = 10,
	  .critical = 5 * US, .idle = 500 * US, .irqs_off = 5 * US, .n_locks = 2, .ticket = true,
	  .many = 1, .multicast = MULTI_LOOP },
};

/* What the series was measured on, as far as it is known: a kernel of 2026 (EEVDF with 'forfeit'),
 * VMX without APICv. The window is longer than KVM's default, for recordings that are not as long. */
static const struct settings host = {
	.n_cpus = CPUS, .scheduler = SCHED_EEVDF, .placement = PLACEMENT_IDLE_ELSE_LAST,
	.forfeit = true, .run_to_parity = true, .place_lag = true, .slice = 2800 * US,
	.tick = 1 * MS, .balance = 8 * MS, .switch_cost = 1500, .ple_window = 20 * US,
	.ple_max = 20 * US, .exit_cost = 1000, .yield_cost = 1000, .send_cost = 800,
	.halt_poll = 200 * US, .ipi_window = 50 * MS, .irq_entry = 400, .irq_body = 2 * US,
	.guest_tick = 4 * MS, .n_background = 4, .background_run = 100 * US,
	.background_sleep = 10 * MS, .warm = 50 * MS,
};

bool settings_shape(struct settings *s, const char *name, unsigned int n_vms, guint64 seed,
		    gint64 length)
{
	*s = host;
	s->seed = seed;
	s->length = length;
	s->n_vms = n_vms;
	for (unsigned int i = 0; i < G_N_ELEMENTS(shapes); i++) {
		if (strcmp(shapes[i].name, name) || n_vms < 1 || n_vms > MAX_VMS)
			continue;
		for (unsigned int vm = 0; vm < n_vms; vm++) {
			s->n_vcpus[vm] = VCPUS;
			s->mixes[vm] = shapes[i];
		}
		return true;
	}
	return false;
}
