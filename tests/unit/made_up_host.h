/* SPDX-License-Identifier: GPL-2.0-or-later */
/* made_up_host - a root directory with what tests want of /proc and /sys. */
#ifndef TESTS_UNIT_MADE_UP_HOST_H
#define TESTS_UNIT_MADE_UP_HOST_H

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static inline char *host_new(void)
{
	char *root = g_dir_make_tmp("counterspin-host-XXXXXX", NULL);

	g_assert_nonnull(root);
	return root;
}

static inline void remove_tree(const char *path)
{
	GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *below = g_build_filename(path, name, NULL);

		remove_tree(below);
	}
	if (dir)
		g_dir_close(dir);
	g_assert_cmpint(g_remove(path), ==, 0);
}

static inline void host_free(char *root)
{
	remove_tree(root);
	g_free(root);
}

/* A file and the directories above it */
static inline char *host_path(const char *root, const char *path)
{
	char *full = g_strconcat(root, path, NULL);
	g_autofree char *dir = g_path_get_dirname(full);

	g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
	return full;
}

static inline void host_bytes(const char *root, const char *path, const char *bytes, gssize len)
{
	g_autofree char *full = host_path(root, path);

	g_assert_true(g_file_set_contents(full, bytes, len, NULL));
}

static inline void host_file(const char *root, const char *path, const char *text)
{
	host_bytes(root, path, text, -1);
}

/* A process or thread: its stat, comm and cgroup. dir: "/proc/10" or "/proc/10/task/11" */
static inline void host_task(const char *root, const char *dir, const char *comm, int start, const char *cgroup)
{
	g_autofree char *stat = g_strdup_printf("10 (%s) S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %d 100 200\n",
						comm, start);
	g_autofree char *line = g_strconcat(comm, "\n", NULL);
	g_autofree char *stat_path = g_strconcat(dir, "/stat", NULL), *comm_path = g_strconcat(dir, "/comm", NULL);
	g_autofree char *cgroup_path = g_strconcat(dir, "/cgroup", NULL);

	host_file(root, stat_path, stat);
	host_file(root, comm_path, line);
	host_file(root, cgroup_path, cgroup);
}

/* An open file: dir/fd/N -> target */
static inline void host_fd(const char *root, const char *dir, int n, const char *target)
{
	g_autofree char *path = g_strdup_printf("%s/fd/%d", dir, n), *full = host_path(root, path);

	g_assert_cmpint(symlink(target, full), ==, 0);
}

/* words: parted by '|' */
static inline void host_cmdline(const char *root, const char *dir, const char *words)
{
	g_autofree char *path = g_strconcat(dir, "/cmdline", NULL), *bytes = g_strdup(words);
	gsize len = strlen(words) + 1;

	for (gsize i = 0; i < len; i++)
		if (bytes[i] == '|')
			bytes[i] = 0;
	host_bytes(root, path, bytes, len);
}

#endif
