// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/source/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(GError **error, const char *path, int err)
{
	g_set_error(error, SOURCE_ERROR, 0, "cannot read '%s': %s", path, g_strerror(err));
	return false;
}

static bool open_file(struct input *in, const char *path, GError **error)
{
	struct input_file f = { .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	struct stat st;

	if (f.fd < 0)
		return fail(error, path, errno);
	if (fstat(f.fd, &st) || !S_ISREG(st.st_mode)) {
		close(f.fd);
		g_set_error(error, SOURCE_ERROR, 0, "cannot read '%s': %s", path,
			    S_ISDIR(st.st_mode) ? g_strerror(EISDIR) : "not a regular file");
		return false;
	}
	f.size = st.st_size;
	if (f.size) {
		f.data = mmap(NULL, f.size, PROT_READ, MAP_PRIVATE, f.fd, 0);
		if (f.data == MAP_FAILED) {
			close(f.fd);
			return fail(error, path, errno);
		}
	}
	f.name = g_strdup(path);
	in->files = g_renew(struct input_file, in->files, in->n_files + 1);
	in->files[in->n_files++] = f;
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool open_directory(struct input *in, GError **error)
{
	g_autofree char *first = g_build_filename(in->path, "data", NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	GDir *dir = g_dir_open(in->path, 0, NULL);
	const char *name;

	if (!dir || !g_file_test(first, G_FILE_TEST_EXISTS)) {
		if (dir)
			g_dir_close(dir);
		g_set_error(error, SOURCE_ERROR, 0, "cannot read '%s': %s, and not one of perf record --threads",
			    in->path, g_strerror(EISDIR));
		return false;
	}
	while ((name = g_dir_read_name(dir)))
		if (g_str_has_prefix(name, "data."))
			g_ptr_array_add(names, g_build_filename(in->path, name, NULL));
	g_dir_close(dir);
	g_ptr_array_sort(names, by_name);
	if (!open_file(in, first, error))
		return false;
	for (guint i = 0; i < names->len; i++)
		if (!open_file(in, names->pdata[i], error))
			return false;
	return true;
}

struct input *input_open(const char *path, GError **error)
{
	struct input *in = g_new0(struct input, 1);

	in->path = g_strdup(path);
	in->scratch = -1;
	if (g_file_test(path, G_FILE_TEST_IS_DIR) ? open_directory(in, error) : open_file(in, path, error))
		return in;
	input_close(in);
	return NULL;
}

struct input *input_open_file(const char *path, GError **error)
{
	struct input *in = g_new0(struct input, 1);

	in->path = g_strdup(path);
	in->scratch = -1;
	if (open_file(in, path, error))
		return in;
	input_close(in);
	return NULL;
}

void input_close(struct input *in)
{
	if (!in)
		return;
	for (unsigned int i = 0; i < in->n_files; i++) {
		if (in->files[i].data)
			munmap((void *)in->files[i].data, in->files[i].size);
		close(in->files[i].fd);
		g_free(in->files[i].name);
	}
	if (in->scratch >= 0)
		close(in->scratch);
	g_free(in->files);
	g_free(in->path);
	g_free(in);
}

uint64_t input_size(const struct input *in)
{
	uint64_t size = 0;

	for (unsigned int i = 0; i < in->n_files; i++)
		size += in->files[i].size;
	return size;
}

void input_forget(const uint8_t *data, size_t size)
{
	uintptr_t page = sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)data & ~(page - 1), to = ((uintptr_t)data + size) & ~(page - 1);

	if (to > from)
		madvise((void *)from, to - from, MADV_DONTNEED);
}
