// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * simulate - events per CPU second of the closed loop on made-up programs: VMs of 4 or 16
 * vCPUs that compute, send IPIs and wait for them, wait for locks and sleep.
 *
 *	simulate [MS]		MS simulated milliseconds each, 2000 unless said
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../unit/simulated_world.h"

/* This thread's: others may keep the machine busy. */
static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void measure(enum scheduler scheduler, unsigned int n_cpu, unsigned int n_vms, unsigned int n_vcpus,
		    int64_t length, const char *policy)
{
	struct program_input *input = world_busy(scheduler, n_cpu, n_vms, n_vcpus, length, 1);
	struct simulation_setting setting = world_setting(policy);
	struct simulated *result;
	double pauses = 0, yields = 0, t0 = cpu_seconds(), s;

	result = simulate_run(input, &setting);
	s = cpu_seconds() - t0;
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
