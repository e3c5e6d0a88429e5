// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pipe_load - two processes on one CPU wake each other through pipes, TURNS times.
 * Prints how many seconds that took. As 'perf bench sched pipe'.
 *
 * usage: pipe_load TURNS
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	long turns = argc == 2 ? atol(argv[1]) : 0;
	int there[2], back[2], status = 0;
	double begin = now();
	cpu_set_t cpu;
	char c = 0;

	if (turns <= 0) {
		fputs("usage: pipe_load TURNS\n", stderr);
		return 2;
	}
	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu) || pipe(there) || pipe(back)) {
		perror("pipe_load");
		return 3;
	}
	if (!fork()) {
		for (long i = 0; i < turns; i++)
			if (read(there[0], &c, 1) != 1 || write(back[1], &c, 1) != 1)
				_exit(3);
		_exit(0);
	}
	for (long i = 0; i < turns; i++)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			return 3;
	wait(&status);
	printf("%.6f\n", now() - begin);
	return status ? 3 : 0;
}
