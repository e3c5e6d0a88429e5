// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum { CHUNK = 10 * 4096 };	/* as trace-cmd 3.1.6 */

struct cpu_spool {
	int fd;
	guint8 *chunk;
	gsize used;
	guint32 n_chunks;
	guint64 size;
};

struct spool {
	unsigned int n_cpus;
	struct cpu_spool *cpus;
	ZSTD_CCtx *zstd;		/* NULL: not compressed */
	guint8 *compressed;
	gsize compressed_size;
	int error;			/* errno of the first write that failed */
};

struct spool_file {
	int fd;
	char *path;
};

static bool fail(GError **error, const char *path, int err)
{
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "'%s': %s", path,
		    g_strerror(err));
	return false;
}

static int write_all(int fd, const void *bytes, gsize size)
{
	const guint8 *p = bytes;

	while (size) {
		gssize n = write(fd, p, size);

		if (n < 0 && errno != EINTR)
			return errno;
		p += MAX(n, 0);
		size -= MAX(n, 0);
	}
	return 0;
}

static int unnamed_file(const char *path)
{
	g_autofree char *name = g_strconcat(path, ".XXXXXX", NULL);
	int fd = g_mkstemp(name);

	if (fd >= 0)
		unlink(name);
	return fd;
}

static ZSTD_CCtx *compressor(void)
{
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	/* frames do not say what they hold: libtracecmd writes them so */
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0);
	return zstd;
}

struct spool *spool_new(const char *path, unsigned int n_cpus, bool zstd, GError **error)
{
	struct spool *s = g_new0(struct spool, 1);

	s->n_cpus = n_cpus;
	s->cpus = g_new0(struct cpu_spool, n_cpus);
	s->zstd = zstd ? compressor() : NULL;
	s->compressed_size = ZSTD_compressBound(CHUNK);
	s->compressed = g_malloc(s->compressed_size);
	for (unsigned int i = 0; i < n_cpus; i++)
		s->cpus[i].fd = -1;
	for (unsigned int i = 0; i < n_cpus; i++) {
		struct cpu_spool *c = &s->cpus[i];

		c->chunk = g_malloc(CHUNK);
		c->fd = unnamed_file(path);
		if (c->fd < 0) {
			fail(error, path, errno);
			spool_free(s);
			return NULL;
		}
	}
	return s;
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < s->n_cpus; i++) {
		if (s->cpus[i].fd >= 0)
			close(s->cpus[i].fd);
		g_free(s->cpus[i].chunk);
	}
	g_free(s->cpus);
	ZSTD_freeCCtx(s->zstd);
	g_free(s->compressed);
	g_free(s);
}

static void append(struct spool *s, struct cpu_spool *c, const void *bytes, gsize size)
{
	int err = write_all(c->fd, bytes, size);

	if (err && !s->error)
		s->error = err;
	c->size += size;
}

static void append_number(struct spool *s, struct cpu_spool *c, guint32 n)
{
	n = GUINT32_TO_LE(n);
	append(s, c, &n, 4);
}

/* Chunks of a CPU: their number, then sizes and bytes of each. */
static void flush(struct spool *s, struct cpu_spool *c)
{
	gsize size;

	if (!s->zstd) {
		append(s, c, c->chunk, c->used);
		c->used = 0;
		return;
	}
	if (!c->n_chunks++)
		append_number(s, c, 0);	/* until spool_finish() */
	size = ZSTD_compress2(s->zstd, s->compressed, s->compressed_size, c->chunk, c->used);
	g_assert(!ZSTD_isError(size));
	append_number(s, c, size);
	append_number(s, c, c->used);
	append(s, c, s->compressed, size);
	c->used = 0;
}

void spool_add(struct spool *s, unsigned int cpu, const void *page, gsize size)
{
	struct cpu_spool *c = &s->cpus[cpu];

	memcpy(c->chunk + c->used, page, size);
	c->used += size;
	if (c->used == CHUNK)
		flush(s, c);
}

guint64 spool_finish(struct spool *s, unsigned int cpu)
{
	struct cpu_spool *c = &s->cpus[cpu];
	guint32 n;

	if (c->used)
		flush(s, c);
	n = GUINT32_TO_LE(c->n_chunks);
	if (c->n_chunks && pwrite(c->fd, &n, 4, 0) != 4 && !s->error)
		s->error = errno;
	return c->size;
}

bool spool_ok(const struct spool *s, GError **error)
{
	return !s->error || fail(error, "temporary file", s->error);
}

GByteArray *spool_compress(struct spool *s, const GByteArray *bytes)
{
	GByteArray *to = g_byte_array_new();
	gsize bound = ZSTD_compressBound(bytes->len), size;
	guint32 sizes[2];

	g_byte_array_set_size(to, sizeof(sizes) + bound);
	size = ZSTD_compress2(s->zstd, to->data + sizeof(sizes), bound, bytes->data, bytes->len);
	g_assert(!ZSTD_isError(size));
	sizes[0] = GUINT32_TO_LE((guint32)size);
	sizes[1] = GUINT32_TO_LE((guint32)bytes->len);
	memcpy(to->data, sizes, sizeof(sizes));
	g_byte_array_set_size(to, sizeof(sizes) + size);
	return to;
}

struct spool_file *spool_file_new(const char *path, GError **error)
{
	struct spool_file *f;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0) {
		fail(error, path, errno);
		return NULL;
	}
	f = g_new0(struct spool_file, 1);
	f->fd = fd;
	f->path = g_strdup(path);
	return f;
}

bool spool_file_write(struct spool_file *f, const void *bytes, gsize size, GError **error)
{
	int err = write_all(f->fd, bytes, size);

	return !err || fail(error, f->path, err);
}

/* The unnamed file is given back at once, or the disk would hold everything twice. */
bool spool_file_take(struct spool_file *f, struct spool *s, unsigned int cpu, GError **error)
{
	struct cpu_spool *c = &s->cpus[cpu];
	g_autofree guint8 *buffer = g_malloc(1 << 20);
	gssize n;

	lseek(c->fd, 0, SEEK_SET);
	while ((n = read(c->fd, buffer, 1 << 20)) > 0)
		if (!spool_file_write(f, buffer, n, error))
			return false;
	if (n < 0)
		return fail(error, "temporary file", errno);
	close(c->fd);
	c->fd = -1;
	return true;
}

bool spool_file_close(struct spool_file *f, GError **error)
{
	bool ok = true;

	if (!f)
		return false;
	if (close(f->fd))
		ok = fail(error, f->path, errno);
	g_free(f->path);
	g_free(f);
	return ok;
}
