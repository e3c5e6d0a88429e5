// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "capture/probes.h"
#include "capture/trace_dat.h"
#include "schema/temporary.h"

char *session_directory(const char *path)
{
	return g_path_get_dirname(path);
}

struct session *session_new(void)
{
	struct session *s = g_new0(struct session, 1);

	s->gate = -1;
	return s;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	spool_free(s->spool);
	instance_free(s->instance);
	if (s->head)
		g_byte_array_unref(s->head);
	if (s->anonymizer)
		anonymizer_free(s->anonymizer);
	if (s->formats)
		tep_free(s->formats);
	g_free(s->path);
	g_free(s);
}

bool session_anonymize(struct session *s, GError **error)
{
	static const char *const systems[] = { "ftrace", "sched", "kvm", PROBES_GROUP, NULL };

	s->formats = tracefs_local_events_system(tracefs_tracing_dir(), systems);
	if (!s->formats) {
		g_set_error(error, SESSION_ERROR, 0, "cannot read the formats of events: %s", g_strerror(errno));
		return false;
	}
	s->anonymizer = anonymizer_new(&s->key, s->formats);
	return true;
}

/* Instance first: its events keep probes busy. */
static bool clear_kernel(struct session *s, GError **error)
{
	bool ok = true;

	if (s->instance)
		ok = instance_destroy(s->instance, error);
	instance_free(s->instance);
	s->instance = NULL;
	if (s->probes)
		ok = probes_remove(PROBES_GROUP, SESSION_PROBES_MS, ok ? error : NULL) && ok;
	s->probes = false;
	return ok;
}

void session_abandon(struct session *s)
{
	/* files of the instance that are open keep it busy */
	spool_free(s->spool);
	s->spool = NULL;
	clear_kernel(s, NULL);
}

static bool change_page(void *user, unsigned char *page, gsize size)
{
	return anonymize_page(user, page, size);
}

static char *uname_text(const struct session *s)
{
	struct utsname u;

	uname(&u);
	return g_strdup_printf("Linux %s %s %s", s->anonymizer ? "host" : u.nodename, u.release, u.machine);
}

/* The file under its name, which it must not have had unless force. */
static bool appear(struct session *s, int fd, char *hidden, GError **error)
{
	g_autofree char *dir = session_directory(s->path), *made = NULL;
	bool ok;

	if (!hidden && !s->force) {
		ok = temporary_appear(fd, s->path);
	} else {
		if (!hidden)
			hidden = made = temporary_name(fd, dir);
		/* a name that somebody has taken meanwhile stays theirs */
		ok = hidden && !(s->force ? rename : link)(hidden, s->path);
		if (hidden && (!ok || !s->force))
			unlink(hidden);
	}
	if (!ok)
		g_set_error(error, SESSION_ERROR, 0, "cannot make '%s': %s", s->path, g_strerror(errno));
	return ok;
}

/* Only if there is no room for both: what is consumed the keeper cannot write once more. */
static bool must_consume(struct session *s, const char *dir)
{
	uint64_t bytes = spool_bytes(s->spool);
	struct statvfs fs;

	if (statvfs(dir, &fs) || (uint64_t)fs.f_bavail * fs.f_frsize > bytes + bytes / 8 + s->min_free_bytes)
		return false;
	s->spool->shared->consumed = true;
	return true;
}

/* Who called sudo wants to read it; where that cannot be, root can. */
static void give_to_caller(int fd)
{
	const char *uid = g_getenv("SUDO_UID"), *gid = g_getenv("SUDO_GID");

	if (!geteuid() && uid && gid && fchown(fd, strtoul(uid, NULL, 10), strtoul(gid, NULL, 10)))
		fprintf(stderr, "counterspin record: warning: the recording stays root's: %s\n", g_strerror(errno));
}

static bool write_file(struct session *s, const struct instance_stats *stats, const char *comms,
		       struct session_result *result, GError **error)
{
	g_autofree char *dir = session_directory(s->path), *hidden = NULL, *uname = uname_text(s);
	const struct trace_dat file = {
		.head = s->head, .comms = comms, .clock = "mono", .uname = uname, .n_cpu = s->spool->n_cpu,
		.page_size = s->spool->page_size, .stats = stats, .pages = s->spool->files,
		.consume = must_consume(s, dir),
		.change = s->anonymizer ? change_page : NULL, .user = s->anonymizer,
	};
	int fd = temporary_open(dir, &hidden);
	struct stat st;
	bool ok;

	if (fd < 0) {
		g_set_error(error, SESSION_ERROR, 0, "cannot make a file in '%s': %s", dir, g_strerror(errno));
		return false;
	}
	give_to_caller(fd);
	ok = trace_dat_write(fd, &file, error) && appear(s, fd, hidden, error);
	if (ok && !fstat(fd, &st))
		result->bytes = st.st_size;
	else if (!ok && hidden)
		unlink(hidden);
	close(fd);
	return ok;
}

static void read_stats(struct session *s, struct instance_stats *stats, struct session_result *result)
{
	for (unsigned int i = 0; i < s->instance->n_cpu; i++) {
		struct instance_stats *c = &stats[i];
		uint64_t lost;

		instance_stats(s->instance, i, c);
		if (s->overwrites)
			c->overrun = 0;
		lost = c->overrun + c->commit_overrun + c->dropped;
		result->events += c->entries + c->read;
		result->lost += lost;
		result->lossy_cpus += lost > 0;
	}
}

bool session_finish(struct session *s, struct session_result *result, GError **error)
{
	g_autofree struct instance_stats *stats = g_new0(struct instance_stats, s->instance->n_cpu);
	g_autoptr(GError) flush_error = NULL, kernel_error = NULL;
	g_autofree char *comms = NULL;
	bool flushed, cleared;

	*result = (struct session_result){ 0 };
	instance_disable_all(s->instance);
	flushed = spool_flush(s->spool, &flush_error);
	read_stats(s, stats, result);
	/* the kernel remembers the latest only; import has the names in sched_switch */
	if (!s->anonymizer)
		comms = tracefs_instance_file_read(NULL, "saved_cmdlines", NULL);
	spool_close_rings(s->spool);
	cleared = clear_kernel(s, &kernel_error);
	spool_release_reserve(s->spool);
	/* what was written before the disk was full is a recording, too */
	if (!write_file(s, stats, comms, result, error))
		return false;
	if (!flushed)
		fprintf(stderr, "counterspin record: warning: %s; the recording ends there\n", flush_error->message);
	if (!cleared) {
		g_propagate_error(error, g_steal_pointer(&kernel_error));
		return false;
	}
	return true;
}
