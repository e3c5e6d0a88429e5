// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/counters.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <tracefs/tracefs.h>
#include <unistd.h>

enum { NONE = -1 };

struct counters {
	unsigned int n_cpu;
	GArray *fds;	/* of int, n_cpu for each event */
};

struct counters *counters_new(unsigned int n_cpu)
{
	struct counters *c = g_new0(struct counters, 1);

	c->n_cpu = n_cpu;
	c->fds = g_array_new(FALSE, FALSE, sizeof(int));
	return c;
}

static void close_from(struct counters *c, unsigned int first)
{
	for (unsigned int i = first; i < c->fds->len; i++)
		if (g_array_index(c->fds, int, i) >= 0)
			close(g_array_index(c->fds, int, i));
	g_array_set_size(c->fds, first);
}

void counters_free(struct counters *c)
{
	if (!c)
		return;
	close_from(c, 0);
	g_array_unref(c->fds);
	g_free(c);
}

static int open_one(uint64_t id, unsigned int cpu, const char *filter)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .config = id,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd >= 0 && filter && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter)) {
		int err = errno;

		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

static void raise_file_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

int counters_add(struct counters *c, const char *system, const char *name, const char *filter, GError **error)
{
	unsigned int first = c->fds->len, n = 0;
	g_autofree char *id = tracefs_event_file_read(NULL, system, name, "id", NULL);

	raise_file_limit();
	for (unsigned int cpu = 0; id && cpu < c->n_cpu; cpu++) {
		int fd = open_one(g_ascii_strtoull(id, NULL, 10), cpu, filter);

		/* a CPU that is not online has nothing to count */
		if (fd < 0 && errno != ENODEV) {
			g_set_error(error, COUNTERS_ERROR, 0, "perf does not count %s:%s: %s", system, name,
				    g_strerror(errno));
			close_from(c, first);
			return NONE;
		}
		g_array_append_val(c->fds, fd);
		n += fd >= 0;
	}
	if (!n) {
		g_set_error(error, COUNTERS_ERROR, 0, "there is no event %s:%s", system, name);
		close_from(c, first);
		return NONE;
	}
	return first / c->n_cpu;
}

uint64_t counters_value(const struct counters *c, int index, unsigned int cpu)
{
	int fd = g_array_index(c->fds, int, index * c->n_cpu + cpu);
	uint64_t value = 0;

	return fd >= 0 && read(fd, &value, sizeof(value)) == sizeof(value) ? value : 0;
}

uint64_t counters_total(const struct counters *c, int index)
{
	uint64_t sum = 0;

	for (unsigned int cpu = 0; cpu < c->n_cpu; cpu++)
		sum += counters_value(c, index, cpu);
	return sum;
}
