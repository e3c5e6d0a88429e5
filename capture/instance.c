// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* In another one the kernel's events speak of other numbers than /proc and this process do. */
static bool in_first_pid_namespace(GError **error)
{
	g_autofree char *link = g_file_read_link("/proc/self/ns/pid", NULL);

	if (!link || !strcmp(link, "pid:[4026531836]"))	/* PROC_PID_INIT_INO, include/linux/proc_ns.h */
		return true;
	g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED, "this is a PID namespace of its own, events have the "
		    "host's numbers\nhint: record on the host itself, or in a container that shares its PIDs (--pid=host)");
	return false;
}

bool instance_possible(GError **error)
{
	g_autofree char *instances = NULL, *mounts = NULL;

	/* libtracefs would mount it */
	if (!g_file_get_contents("/proc/self/mounts", &mounts, NULL, NULL) || !strstr(mounts, " tracefs ") ||
	    !tracefs_tracing_dir()) {
		g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED, "no tracefs is mounted\n"
			    "hint: mount -t tracefs nodev /sys/kernel/tracing");
		return false;
	}
	instances = g_build_filename(tracefs_tracing_dir(), "instances", NULL);
	/* with the rights that count, not those of who called; libtracefs has no say in this */
	if (faccessat(AT_FDCWD, instances, R_OK | W_OK | X_OK, AT_EACCESS)) {
		if (errno == ENOENT)
			g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED,
				    "'%s' does not exist: this kernel has no tracing instances", instances);
		else
			g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED,
				    "'%s' is not accessible: %s; recording needs root, or CAP_DAC_OVERRIDE, CAP_SYS_PTRACE "
				    "and CAP_PERFMON", instances, g_strerror(errno));
		return false;
	}
	return in_first_pid_namespace(error);
}

static char *directory(void)
{
	return g_build_filename(tracefs_tracing_dir(), "instances", INSTANCE_NAME, NULL);
}

/* Of the process that has the flock on fd, as /proc/locks tells; 0: not told. */
static int lock_holder(int fd)
{
	g_autofree char *text = NULL, *inode = NULL;
	g_auto(GStrv) lines = NULL;
	struct stat st;

	if (fstat(fd, &st) || !g_file_get_contents("/proc/locks", &text, NULL, NULL))
		return 0;
	inode = g_strdup_printf("%02x:%02x:%lu ", major(st.st_dev), minor(st.st_dev), (unsigned long)st.st_ino);
	lines = g_strsplit(text, "\n", -1);
	for (char **l = lines; *l; l++) {
		int pid;

		if (strstr(*l, inode) && sscanf(*l, "%*s FLOCK %*s WRITE %d", &pid) == 1)
			return pid;
	}
	return 0;
}

static void say_busy(int fd, GError **error)
{
	int pid = lock_holder(fd);
	g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", pid), *command = NULL;
	gsize n = 0;

	if (pid && g_file_get_contents(path, &command, &n, NULL))
		for (gsize i = 0; i + 1 < n; i++)
			if ((unsigned char)command[i] < ' ')
				command[i] = ' ';
	if (pid && kill(pid, 0) && errno == ESRCH)
		g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_BUSY, "what process %d recorded before it was killed is "
			    "being saved; try again", pid);
	else if (command && n)
		g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_BUSY, "process %d is recording: %s", pid, command);
	else if (pid)
		g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_BUSY, "process %d is recording", pid);
	else
		g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_BUSY, "somebody else is recording");
}

static unsigned int count_cpus(struct tracefs_instance *tracefs)
{
	g_autofree char *dir = tracefs_instance_get_file(tracefs, "per_cpu");
	GDir *d = g_dir_open(dir, 0, NULL);
	unsigned int n = 0, cpu;
	const char *name;

	while (d && (name = g_dir_read_name(d)))
		if (sscanf(name, "cpu%u", &cpu) == 1)
			n = MAX(n, cpu + 1);
	if (d)
		g_dir_close(d);
	return n;
}

/* Whoever was killed may take a moment to be gone, or to have been seen to by its keeper. */
static bool lock_it(int fd)
{
	enum { TRIES = 50, WAIT_US = 20000 };

	for (unsigned int i = 0; i < TRIES; i++) {
		int pid;

		if (!flock(fd, LOCK_EX | LOCK_NB))
			return true;
		pid = lock_holder(fd);
		if (pid && (!kill(pid, 0) || errno != ESRCH))
			return false;
		g_usleep(WAIT_US);
	}
	return false;
}

/* While it is held nobody makes or takes the instance. -1: it cannot be. */
static int lock_instances(GError **error)
{
	g_autofree char *path = g_build_filename(tracefs_tracing_dir(), "instances", NULL);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && !flock(fd, LOCK_EX))
		return fd;
	g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED, "cannot lock '%s': %s", path, g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Lock the directory that is there, and see that it still is the instance. */
static struct instance *open_locked(GError **error)
{
	g_autofree char *path = directory();
	struct instance *instance;
	struct stat held, named;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED, "cannot open '%s': %s", path,
			    g_strerror(errno));
		return NULL;
	}
	if (!lock_it(fd) || fstat(fd, &held) || stat(path, &named) || held.st_ino != named.st_ino) {
		say_busy(fd, error);
		close(fd);
		return NULL;
	}
	instance = g_new0(struct instance, 1);
	instance->lock = fd;
	instance->tracefs = tracefs_instance_create(INSTANCE_NAME);
	if (!instance->tracefs || !instance_switch(instance, false, error)) {
		if (error && !*error)
			g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED, "cannot use '%s': %s", path,
				    g_strerror(errno));
		instance_free(instance);
		return NULL;
	}
	instance->n_cpu = count_cpus(instance->tracefs);
	return instance;
}

struct instance *instance_create(GError **error)
{
	g_autofree char *path = directory();
	struct instance *instance = NULL;
	int all = lock_instances(error);

	if (all < 0)
		return NULL;
	if (mkdir(path, 0700)) {
		int fd = errno == EEXIST ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

		if (fd >= 0) {
			say_busy(fd, error);
			close(fd);
		} else {
			g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED,
				    "cannot make the tracefs instance '%s': %s", path, g_strerror(errno));
		}
	} else {
		instance = open_locked(error);
		if (!instance)
			rmdir(path);
	}
	close(all);
	return instance;
}

struct instance *instance_take_orphan(GError **error)
{
	g_autofree char *path = directory();
	struct instance *instance;
	int all = lock_instances(error);

	if (all < 0)
		return NULL;
	instance = access(path, F_OK) ? NULL : open_locked(error);
	close(all);
	return instance;
}

/* What has our name may by now be another recorder's. */
static bool is_ours(const struct instance *instance, const char *path)
{
	struct stat held, named;

	return !fstat(instance->lock, &held) && !stat(path, &named) && held.st_ino == named.st_ino;
}

bool instance_destroy(struct instance *instance, GError **error)
{
	g_autofree char *path = directory();
	enum { TRIES = 50, WAIT_US = 20000 };

	if (!is_ours(instance, path))
		return true;
	instance_disable_all(instance);
	for (unsigned int i = 0; i < TRIES; i++) {
		/* busy as long as somebody has one of its files open, who may be just looking */
		if (!rmdir(path) || errno == ENOENT)
			return true;
		if (errno != EBUSY)
			break;
		g_usleep(WAIT_US);
	}
	g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED, "cannot remove '%s': %s", path, g_strerror(errno));
	return false;
}

void instance_free(struct instance *instance)
{
	if (!instance)
		return;
	if (instance->tracefs)
		tracefs_instance_free(instance->tracefs);
	close(instance->lock);
	g_free(instance);
}

bool instance_write(struct instance *instance, const char *file, const char *text, GError **error)
{
	if (tracefs_instance_file_write(instance->tracefs, file, text) >= 0)
		return true;
	g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED, "the kernel refuses '%s' for %s: %s", text, file,
		    g_strerror(errno));
	return false;
}

bool instance_event_exists(const struct instance *instance, const char *system, const char *event)
{
	return tracefs_event_file_exists(instance->tracefs, system, event, "enable");
}

bool instance_filter(struct instance *instance, const char *system, const char *event, const char *filter,
		     GError **error)
{
	if (tracefs_event_file_write(instance->tracefs, system, event, "filter", filter ? filter : "0") >= 0)
		return true;
	g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED, "the kernel refuses the filter '%s': %s",
		    filter ? filter : "0", g_strerror(errno));
	return false;
}

bool instance_enable(struct instance *instance, const char *system, const char *event, bool on, GError **error)
{
	if (tracefs_event_file_write(instance->tracefs, system, event, "enable", on ? "1" : "0") >= 0)
		return true;
	g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED, "the kernel does not %s it: %s",
		    on ? "enable" : "disable", g_strerror(errno));
	return false;
}

void instance_disable_all(struct instance *instance)
{
	g_autofree char *path = directory();

	if (!is_ours(instance, path))
		return;
	tracefs_instance_file_write(instance->tracefs, "tracing_on", "0");
	tracefs_instance_file_write(instance->tracefs, "events/enable", "0");
}

bool instance_switch(struct instance *instance, bool on, GError **error)
{
	return instance_write(instance, "tracing_on", on ? "1" : "0", error);
}

/* A flag of how events are printed, which nobody does here. */
void instance_set_private(struct instance *instance)
{
	instance_write(instance, "options/verbose", "1", NULL);
}

bool instance_is_private(const struct instance *instance)
{
	g_autofree char *text = tracefs_instance_file_read(instance->tracefs, "options/verbose", NULL);

	return text && text[0] == '1';
}

bool instance_is_on(struct instance *instance)
{
	return tracefs_trace_is_on(instance->tracefs) > 0;
}

bool instance_stop_with(struct instance *instance, int tid, GError **error)
{
	g_autofree char *trigger = g_strdup_printf("traceoff if pid == %d", tid);

	if (tracefs_event_file_append(instance->tracefs, "sched", "sched_process_exit", "trigger", trigger) >= 0)
		return true;
	g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED, "the kernel refuses the trigger '%s': %s", trigger,
		    g_strerror(errno));
	return false;
}

bool instance_mark(struct instance *instance, const char *text, GError **error)
{
	int fd = tracefs_instance_file_open(instance->tracefs, "trace_marker", O_WRONLY | O_CLOEXEC);
	gsize n = strlen(text);
	bool ok = fd >= 0 && write(fd, text, n) == (ssize_t)n;

	if (!ok)
		g_set_error(error, INSTANCE_ERROR, INSTANCE_ERROR_FAILED, "cannot write to trace_marker: %s",
			    g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

bool instance_stats(const struct instance *instance, unsigned int cpu, struct instance_stats *stats)
{
	g_autofree char *file = g_strdup_printf("per_cpu/cpu%u/stats", cpu);
	g_autofree char *text = tracefs_instance_file_read(instance->tracefs, file, NULL);
	const struct { const char *key; uint64_t *value; } keys[] = {
		{ "\nentries: ", &stats->entries }, { "\noverrun: ", &stats->overrun },
		{ "\ncommit overrun: ", &stats->commit_overrun }, { "\nbytes: ", &stats->bytes },
		{ "\ndropped events: ", &stats->dropped }, { "\nread events: ", &stats->read },
	};
	g_autofree char *lines = text ? g_strconcat("\n", text, NULL) : NULL;

	*stats = (struct instance_stats){ 0 };
	for (unsigned int i = 0; lines && i < G_N_ELEMENTS(keys); i++) {
		const char *at = strstr(lines, keys[i].key);

		if (at)
			*keys[i].value = g_ascii_strtoull(at + strlen(keys[i].key), NULL, 10);
	}
	return text;
}
