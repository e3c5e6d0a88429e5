// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/source/perf_zstd.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "analyze/source/input.h"

enum { ROOM = 1 << 20 };

struct perf_zstd {
	ZSTD_DCtx *context;
	int fd;
	const char *name;
	uint64_t limit, size;	/* size with what is still in plain */
	bool damaged;
	uint8_t *plain;
	size_t n_plain;
};

struct perf_zstd *perf_zstd_new(int fd, uint64_t limit, const char *name)
{
	struct perf_zstd *z = g_new0(struct perf_zstd, 1);

	z->context = ZSTD_createDCtx();
	z->fd = fd;
	z->limit = limit;
	z->name = name;
	z->plain = g_malloc(ROOM);
	return z;
}

void perf_zstd_free(struct perf_zstd *z)
{
	if (!z)
		return;
	ZSTD_freeDCtx(z->context);
	g_free(z->plain);
	g_free(z);
}

void perf_zstd_begin(struct perf_zstd *z)
{
	ZSTD_DCtx_reset(z->context, ZSTD_reset_session_only);
	z->damaged = false;
}

static bool flush(struct perf_zstd *z, GError **error)
{
	for (size_t done = 0; done < z->n_plain;) {
		ssize_t n = write(z->fd, z->plain + done, z->n_plain - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			g_set_error(error, SOURCE_ERROR, 0, "'%s': cannot write its records unpacked: %s", z->name,
				    g_strerror(errno));
			return false;
		}
		done += n;
	}
	z->n_plain = 0;
	return true;
}

bool perf_zstd_add(struct perf_zstd *z, const uint8_t *data, size_t size, bool *damaged, GError **error)
{
	ZSTD_inBuffer in = { data, size, 0 };
	bool full = false;

	/* output that filled the room may have more behind it */
	while (!z->damaged && (in.pos < in.size || full)) {
		ZSTD_outBuffer out = { z->plain, ROOM, z->n_plain };
		size_t result = ZSTD_decompressStream(z->context, &out, &in);

		z->size += out.pos - z->n_plain;
		z->n_plain = out.pos;
		z->damaged = ZSTD_isError(result);
		full = out.pos == out.size;
		if (z->size > z->limit) {
			g_set_error(error, SOURCE_ERROR, 0, "'%s': its records unpack to more than %" G_GUINT64_FORMAT
				    " MB, which no recorder writes", z->name, z->limit >> 20);
			return false;
		}
		if (full && !flush(z, error))
			return false;
	}
	*damaged |= z->damaged;
	return true;
}

bool perf_zstd_map(struct perf_zstd *z, const uint8_t **data, size_t *size, GError **error)
{
	void *map = NULL;

	if (!flush(z, error))
		return false;
	if (z->size)
		map = mmap(NULL, z->size, PROT_READ, MAP_PRIVATE, z->fd, 0);
	if (map == MAP_FAILED) {
		g_set_error(error, SOURCE_ERROR, 0, "'%s': cannot map its records unpacked: %s", z->name,
			    g_strerror(errno));
		return false;
	}
	*data = map;
	*size = z->size;
	return true;
}

uint64_t perf_zstd_size(const struct perf_zstd *z)
{
	return z->size;
}
