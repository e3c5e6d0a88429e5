// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/temporary.h"

enum { NONE = -1, PIPE_BYTES = 1 << 20 };

/* A ring and a file for each CPU. */
static void raise_file_limit(unsigned int n_cpu)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur >= 2 * n_cpu + 64)
		return;
	r.rlim_cur = MIN(r.rlim_max, 2 * n_cpu + 1024);
	setrlimit(RLIMIT_NOFILE, &r);
}

bool spool_open_rings(struct spool *s, const struct instance *instance, GError **error)
{
	for (unsigned int cpu = 0; cpu < s->n_cpu; cpu++) {
		g_autofree char *path = g_strdup_printf("per_cpu/cpu%u/trace_pipe_raw", cpu);

		s->rings[cpu] = tracefs_instance_file_open(instance->tracefs, path,
							   O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		/* numbers may have holes */
		if (s->rings[cpu] < 0 && errno != ENOENT) {
			g_set_error(error, SPOOL_ERROR, 0, "cannot open '%s' of tracefs: %s", path, g_strerror(errno));
			return false;
		}
	}
	return true;
}

static void close_all(int *fds, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = NONE;
	}
}

void spool_close_rings(struct spool *s)
{
	close_all(s->rings, s->n_cpu);
}

static bool make_files(struct spool *s, const char *dir, GError **error)
{
	for (unsigned int cpu = 0; cpu < s->n_cpu; cpu++) {
		s->files[cpu] = s->rings[cpu] < 0 ? NONE : temporary_scratch(dir);
		if (s->rings[cpu] >= 0 && s->files[cpu] < 0) {
			g_set_error(error, SPOOL_ERROR, 0, "cannot make a file in '%s': %s", dir, g_strerror(errno));
			return false;
		}
	}
	return true;
}

/* Where the file system cannot hold room, a full disk may leave no recording. */
static void hold_reserve(struct spool *s, const char *dir)
{
	s->reserve = temporary_scratch(dir);
	if (s->reserve >= 0)
		fallocate(s->reserve, 0, 0, SPOOL_RESERVE_BYTES);
}

void spool_release_reserve(struct spool *s)
{
	if (s->reserve >= 0 && ftruncate(s->reserve, 0) < 0)
		return;		/* then it stays until the end */
}

/* In units of the ring buffer: its sub-buffers may be larger than pages (v6.8). */
static unsigned int sub_buffer_size(const struct instance *instance)
{
	long long kib = 0;

	if (tracefs_instance_file_read_number(instance->tracefs, "buffer_subbuf_size_kb", &kib) || kib <= 0)
		return sysconf(_SC_PAGESIZE);
	return kib * 1024;
}

struct spool *spool_new(const struct instance *instance, const char *dir, GError **error)
{
	struct spool *s = g_new0(struct spool, 1);

	s->n_cpu = instance->n_cpu;
	s->page_size = sub_buffer_size(instance);
	s->rings = g_new(int, s->n_cpu);
	s->files = g_new(int, s->n_cpu);
	for (unsigned int i = 0; i < s->n_cpu; i++)
		s->rings[i] = s->files[i] = NONE;
	s->pipe[0] = s->pipe[1] = s->reserve = NONE;
	s->shared = mmap(NULL, sizeof(*s->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->shared == MAP_FAILED || pipe2(s->pipe, O_CLOEXEC | O_NONBLOCK)) {
		g_set_error(error, SPOOL_ERROR, 0, "cannot make a pipe: %s", g_strerror(errno));
		spool_free(s);
		return NULL;
	}
	s->shared->in_pipe = NONE;
	fcntl(s->pipe[1], F_SETPIPE_SZ, PIPE_BYTES);	/* fewer calls; what there is does, too */
	raise_file_limit(s->n_cpu);
	if (spool_open_rings(s, instance, error) && make_files(s, dir, error)) {
		hold_reserve(s, dir);
		return s;
	}
	spool_free(s);
	return NULL;
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	close_all(s->rings, s->n_cpu);
	close_all(s->files, s->n_cpu);
	close_all(s->pipe, G_N_ELEMENTS(s->pipe));
	close_all(&s->reserve, 1);
	if (s->shared != MAP_FAILED)
		munmap(s->shared, sizeof(*s->shared));
	g_free(s->rings);
	g_free(s->files);
	g_free(s);
}

static bool fail(GError **error)
{
	g_set_error(error, SPOOL_ERROR, errno, "cannot write what is recorded: %s", g_strerror(errno));
	return false;
}

/* Splice keeps the file's own position, which is where the last one ended, in whichever process that was. */
static bool empty_pipe(struct spool *s, GError **error)
{
	int cpu = s->shared->in_pipe;

	while (cpu != NONE) {
		ssize_t n = splice(s->pipe[0], NULL, s->files[cpu], NULL, PIPE_BYTES, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return fail(error);
		if (n <= 0)
			break;
	}
	s->shared->in_pipe = NONE;
	return true;
}

static bool drain_cpu(struct spool *s, unsigned int cpu, GError **error)
{
	for (;;) {
		ssize_t n;

		s->shared->in_pipe = cpu;
		n = splice(s->rings[cpu], NULL, s->pipe[1], NULL, PIPE_BYTES / s->page_size * s->page_size,
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n <= 0) {
			s->shared->in_pipe = NONE;
			return true;	/* nothing more, or the CPU is not there */
		}
		if (!empty_pipe(s, error))
			return false;
	}
}

bool spool_drain(struct spool *s, GError **error)
{
	bool ok = empty_pipe(s, error);

	for (unsigned int i = 0; i < s->n_cpu && ok; i++)
		if (s->rings[i] >= 0)
			ok = drain_cpu(s, i, error);
	return ok;
}

/* What a process that was killed wrote of a page is followed by the rest of it, or cut off. */
static bool end_at_page(struct spool *s, unsigned int cpu, GError **error)
{
	off_t size = lseek(s->files[cpu], 0, SEEK_END);

	if (size % s->page_size == 0)
		return true;
	size -= size % s->page_size;
	return (!ftruncate(s->files[cpu], size) && lseek(s->files[cpu], size, SEEK_SET) == size) || fail(error);
}

bool spool_flush(struct spool *s, GError **error)
{
	g_autofree char *page = g_malloc0(s->page_size);

	if (!spool_drain(s, error))
		return false;
	for (unsigned int i = 0; i < s->n_cpu; i++) {
		ssize_t n;

		if (s->rings[i] < 0)
			continue;
		if (!end_at_page(s, i, error))
			return false;
		while ((n = read(s->rings[i], page, s->page_size)) > 0) {
			memset(page + n, 0, s->page_size - n);
			if (write(s->files[i], page, s->page_size) != (ssize_t)s->page_size) {
				fail(error);
				end_at_page(s, i, NULL);
				return false;
			}
		}
	}
	return true;
}

uint64_t spool_bytes(const struct spool *s)
{
	uint64_t bytes = 0;
	struct stat st;

	for (unsigned int i = 0; i < s->n_cpu; i++)
		if (s->files[i] >= 0 && !fstat(s->files[i], &st))
			bytes += st.st_size;
	return bytes;
}
