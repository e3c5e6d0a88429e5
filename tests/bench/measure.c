// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * measure - run a command and say what it took.
 *
 * usage: measure COMMAND [ARGUMENT...]
 *
 * The command's standard output is discarded. Prints, in a line: seconds; seconds of CPU time,
 * children included; the largest resident set of any one of its processes, in KiB; and the most
 * anonymous memory that all of them had at once, in KiB, of samples 5 ms apart: what a file
 * mapped into memory adds to a resident set can be taken back at any time, this cannot.
 * Exits as the command does.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAMPLE_NS = 5000000 };

static guint64 anonymous_kib(const char *pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%s/status", pid), *text = NULL;
	const char *line;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	line = strstr(text, "\nRssAnon:");
	return line ? g_ascii_strtoull(line + strlen("\nRssAnon:"), NULL, 10) : 0;
}

/* A process may end at any time; what can no longer be read counts as nothing. */
static guint64 tree_kib(const char *pid)
{
	g_autofree char *tasks = g_strdup_printf("/proc/%s/task", pid);
	GDir *dir = g_dir_open(tasks, 0, NULL);
	guint64 sum = anonymous_kib(pid);
	const char *task;

	while (dir && (task = g_dir_read_name(dir))) {
		g_autofree char *path = g_strdup_printf("%s/%s/children", tasks, task), *text = NULL;
		g_auto(GStrv) children = NULL;

		if (!g_file_get_contents(path, &text, NULL, NULL))
			continue;
		children = g_strsplit(text, " ", -1);
		for (char **child = children; *child; child++)
			if (**child)
				sum += tree_kib(*child);
	}
	if (dir)
		g_dir_close(dir);
	return sum;
}

static void run(char **argv)
{
	int null = open("/dev/null", O_WRONLY);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, STDOUT_FILENO);
	execvp(argv[0], argv);
	fprintf(stderr, "measure: '%s': %s\n", argv[0], strerror(errno));
	_exit(127);
}

static double seconds(const struct timeval *t)
{
	return t->tv_sec + t->tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	const struct timespec sample = { .tv_nsec = SAMPLE_NS };
	guint64 peak = 0;
	struct rusage usage;
	int status = 0;
	char name[16];
	sigset_t child;
	gint64 start;
	pid_t pid;

	if (argc < 2) {
		fputs("usage: measure COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	start = g_get_monotonic_time();
	pid = fork();
	if (pid < 0) {
		perror("measure: fork");
		return 3;
	}
	if (!pid)
		run(argv + 1);
	g_snprintf(name, sizeof(name), "%d", (int)pid);
	while (wait4(pid, &status, WNOHANG, &usage) == 0) {
		peak = MAX(peak, tree_kib(name));
		sigtimedwait(&child, NULL, &sample);
	}
	printf("%.4f %.4f %ld %" G_GUINT64_FORMAT "\n", (g_get_monotonic_time() - start) / 1e6,
	       seconds(&usage.ru_utime) + seconds(&usage.ru_stime), usage.ru_maxrss, peak);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
