// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * simulate - events per second of the closed loop on made-up programs: VMs of 4 or 16
 * vCPUs that compute, send IPIs and wait for them, wait for locks and sleep.
 *
 *	simulate [MS]		MS simulated milliseconds each, 2000 unless said
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/simulated_world.h"
#include "replay/estimate/prng.h"

static int64_t between(struct prng *prng, int64_t a, int64_t b)
{
	return a + prng_below(prng, b - a);
}

static uint16_t other(struct prng *prng, unsigned int idx, unsigned int n)
{
	return (idx + 1 + prng_below(prng, n - 1)) % n;
}

/* Enough for the time given, were it alone. */
static void fill(struct program *program, struct prng *prng, unsigned int n_vcpus, int64_t length)
{
	while (program->progress < length) {
		unsigned int what = prng_below(prng, 10);

		compute(program, between(prng, US(20), US(300)), prng_below(prng, 2));
		if (what < 4)
			send_wait(program, other(prng, program->idx, n_vcpus), true);
		else if (what < 6)
			send_to_one(program, ITEM_SEND, other(prng, program->idx, n_vcpus), true);
		else if (what < 8)
			add_item(program, (struct item){ .kind = ITEM_WAIT, .ns = between(prng, US(5), US(100)),
							 .unblocker = other(prng, program->idx, n_vcpus) });
		else if (what < 9)
			rest(program, ITEM_HALT, between(prng, US(50), US(500)));
	}
}

static struct program_input *make(enum scheduler scheduler, unsigned int n_cpu, unsigned int n_vms,
				  unsigned int n_vcpus, int64_t length)
{
	struct program_input *input = world_input(scheduler, n_cpu);
	struct prng prng = prng_new(1, 0);

	input->host.c_switch = US(2);
	for (unsigned int v = 0; v < n_vms; v++) {
		struct program_vm *vm = world_vm(input, n_vcpus);

		vm->c_exit = US(2);
		vm->c_yield = US(3);
		for (unsigned int i = 0; i < n_vcpus; i++)
			fill(world_program(input, v, i, (v * n_vcpus + i) % n_cpu), &prng, n_vcpus, length);
	}
	return input;
}

static void measure(enum scheduler scheduler, unsigned int n_cpu, unsigned int n_vms, unsigned int n_vcpus,
		    int64_t length, const char *policy)
{
	struct program_input *input = make(scheduler, n_cpu, n_vms, n_vcpus, length);
	struct simulation_setting setting = world_setting(policy);
	struct simulated *result;
	double pauses = 0, yields = 0, s;
	int64_t t0 = g_get_monotonic_time();

	result = simulate_run(input, &setting);
	s = (g_get_monotonic_time() - t0) / 1e6;
	for (unsigned int v = 0; v < n_vms; v++) {
		pauses += result->vms[v].pauses;
		yields += result->vms[v].yields;
	}
	printf("%-6s %4u CPUs %3u x %2u vCPUs  %-17s %8.0f ms in %6.3f s  %6.2f M events/s  "
	       "%8.0f PAUSE exits %8.0f yields\n",
	       scheduler == SCHEDULER_CFS ? "CFS" : "EEVDF", n_cpu, n_vms, n_vcpus, policy, result->ns / 1e6, s,
	       result->events / s / 1e6, pauses, yields);
	simulated_free(result);
	world_free(input);
}

int main(int argc, char **argv)
{
	int64_t length = US(1000) * (argc > 1 ? atoll(argv[1]) : 2000);
	static const unsigned int sizes[][3] = {
		{ 1, 2, 4 }, { 4, 2, 4 }, { 8, 2, 16 }, { 16, 4, 16 }, { 64, 8, 16 }, { 128, 16, 16 },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(sizes); i++) {
		measure(SCHEDULER_EEVDF, sizes[i][0], sizes[i][1], sizes[i][2], length, "stock");
		measure(SCHEDULER_EEVDF, sizes[i][0], sizes[i][1], sizes[i][2], length, "ipi-aware+relaxed");
		measure(SCHEDULER_CFS, sizes[i][0], sizes[i][1], sizes[i][2], length, "stock");
	}
	return 0;
}
