// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX ".counterspin-"
enum { LETTERS = 6, TRIES = 100 };

/* Also where locks do not work: then nobody takes it for an orphan, either. */
static bool lock(int fd)
{
	return !flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK;
}

static int open_named(const char *dir, char **name)
{
	for (unsigned int i = 0; i < TRIES; i++) {
		g_autofree char *path = g_strdup_printf("%s/" PREFIX "XXXXXX", dir);
		int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
		struct stat st;

		if (fd < 0)
			return -1;
		/* until it is locked somebody may have taken it for an orphan */
		if (lock(fd) && !fstat(fd, &st) && st.st_nlink) {
			*name = g_steal_pointer(&path);
			return fd;
		}
		unlink(path);
		close(fd);
	}
	errno = EBUSY;
	return -1;
}

int temporary_open(const char *dir, char **name)
{
	int fd = -1;

	*name = NULL;
	/* by which it gets a name */
	if (!access("/proc/self/fd", X_OK))
		fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return open_named(dir, name);
	lock(fd);
	return fd;
}

int temporary_scratch(const char *dir)
{
	g_autofree char *name = NULL;
	int fd = temporary_open(dir, &name);

	if (name)
		unlink(name);
	return fd;
}

bool temporary_appear(int fd, const char *path)
{
	g_autofree char *from = g_strdup_printf("/proc/self/fd/%d", fd);

	return !linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

char *temporary_name(int fd, const char *dir)
{
	for (unsigned int i = 0; i < TRIES; i++) {
		g_autofree char *name = g_strdup_printf("%s/" PREFIX "%0*x", dir, LETTERS,
							g_random_int() & 0xffffff);

		if (temporary_appear(fd, name))
			return g_steal_pointer(&name);
		if (errno != EEXIST)
			break;
	}
	return NULL;
}

/* Only if nobody else has made it meanwhile. */
static bool rename_new(const char *from, const char *to)
{
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	/* the file system cannot do that at once: the next best, and what any can do */
	if (!link(from, to)) {
		unlink(from);
		return true;
	}
	if (errno == EEXIST)
		return false;
	if (!access(to, F_OK)) {
		errno = EEXIST;
		return false;
	}
	return !rename(from, to);
}

bool temporary_become(int fd, char **name, const char *path, bool replace)
{
	bool ok;

	if (replace && !*name) {
		g_autofree char *dir = g_path_get_dirname(path);

		*name = temporary_name(fd, dir);
		if (!*name)
			return false;
	}
	if (replace)
		ok = !rename(*name, path);
	else
		ok = *name ? rename_new(*name, path) : temporary_appear(fd, path);
	if (ok)
		g_clear_pointer(name, g_free);
	return ok;
}

static bool is_orphan(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !flock(fd, LOCK_EX | LOCK_NB) &&
	       !fstat(fd, &st) && st.st_nlink;
}

void temporary_remove_orphans(const char *dir)
{
	GDir *d = g_dir_open(dir, 0, NULL);
	const char *name;

	while (d && (name = g_dir_read_name(d))) {
		g_autofree char *path = g_build_filename(dir, name, NULL);
		int fd;

		if (!g_str_has_prefix(name, PREFIX) || strlen(name) != strlen(PREFIX) + LETTERS)
			continue;
		fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (is_orphan(fd))
			unlink(path);
		close(fd);
	}
	if (d)
		g_dir_close(d);
}
