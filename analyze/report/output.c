// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/db.h"
#include "schema/temporary.h"

#define OUTPUT_ERROR (g_quark_from_static_string("output"))

enum { BUFFER = 256 * 1024 };

struct output {
	char *path;		/* NULL: standard output */
	char *target;		/* where a symbolic link at path leads, if that is to be replaced; else path */
	char *temporary;	/* NULL: fd has no name */
	int fd;
	bool replace;
	int failed;		/* errno; 0: nothing has */
	uint64_t bytes;
	GByteArray *buffer;
};

static bool set_exists_error(GError **error, const char *path)
{
	g_set_error(error, OUTPUT_ERROR, 0, "'%s' exists\nhint: --force replaces it", path);
	return false;
}

/* See now what would fail at the end. */
static bool may_become(const char *path, bool replace, GError **error)
{
	struct stat st;

	if (stat(path, &st)) {
		if (errno == ENOENT && *path)
			return true;
		g_set_error(error, OUTPUT_ERROR, 0, "cannot write '%s': %s", path, g_strerror(errno));
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		g_set_error(error, OUTPUT_ERROR, 0, "'%s' exists and is not a file", path);
		return false;
	}
	if (db_is_ours(path)) {
		g_set_error(error, OUTPUT_ERROR, 0, "'%s' exists and is one of counterspin's databases", path);
		return false;
	}
	return replace || set_exists_error(error, path);
}

struct output *output_new(const char *path, const char *dir, bool replace, GError **error)
{
	struct output *o = g_new0(struct output, 1);
	g_autofree char *beside = NULL;

	o->buffer = g_byte_array_sized_new(BUFFER);
	o->replace = replace;
	o->fd = STDOUT_FILENO;
	if (!strcmp(path, "-"))
		return o;
	o->fd = -1;
	if (!may_become(path, replace, error)) {
		output_free(o);
		return NULL;
	}
	o->path = g_strdup(path);
	o->target = replace ? realpath(path, NULL) : NULL;
	if (!o->target)
		o->target = strdup(path);
	beside = g_path_get_dirname(o->target);
	if (!dir)
		temporary_remove_orphans(beside);
	dir = dir ? dir : beside;
	o->fd = temporary_open(dir, &o->temporary);
	if (o->fd < 0) {
		g_set_error(error, OUTPUT_ERROR, 0, "cannot write in '%s': %s", dir, g_strerror(errno));
		output_free(o);
		return NULL;
	}
	return o;
}

static void write_out(struct output *o, const guint8 *data, size_t n)
{
	while (n && !o->failed) {
		ssize_t written = write(o->fd, data, n);

		if (written >= 0) {
			data += written;
			n -= written;
		} else if (errno != EINTR) {
			o->failed = errno;
		}
	}
}

void output_write(struct output *o, const void *data, size_t n)
{
	o->bytes += n;
	if (o->buffer->len + n > BUFFER) {
		write_out(o, o->buffer->data, o->buffer->len);
		g_byte_array_set_size(o->buffer, 0);
	}
	if (n > BUFFER)
		write_out(o, data, n);
	else
		g_byte_array_append(o->buffer, data, n);
}

bool output_failed(const struct output *o)
{
	return o->failed;
}

uint64_t output_bytes(const struct output *o)
{
	return o->bytes;
}

bool output_complete(struct output *o, GError **error)
{
	write_out(o, o->buffer->data, o->buffer->len);
	g_byte_array_set_size(o->buffer, 0);
	if (!o->failed && o->path && fsync(o->fd))
		o->failed = errno;
	if (!o->failed)
		return true;
	if (o->path)
		g_set_error(error, OUTPUT_ERROR, 0, "cannot write '%s': %s", o->path, g_strerror(o->failed));
	else
		g_set_error(error, OUTPUT_ERROR, 0, "cannot write to standard output: %s", g_strerror(o->failed));
	return false;
}

bool output_appear(struct output *o, GError **error)
{
	if (!o->path || temporary_become(o->fd, &o->temporary, o->target, o->replace))
		return true;
	if (errno == EEXIST)
		return set_exists_error(error, o->path);
	g_set_error(error, OUTPUT_ERROR, 0, "cannot write '%s': %s", o->path, g_strerror(errno));
	return false;
}

void output_free(struct output *o)
{
	if (!o)
		return;
	if (o->temporary)
		unlink(o->temporary);
	if (o->fd > STDERR_FILENO)
		close(o->fd);
	g_byte_array_unref(o->buffer);
	g_free(o->temporary);
	g_free(o->path);
	free(o->target);
	g_free(o);
}
