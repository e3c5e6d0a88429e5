// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/trace_dat.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPTION_DONE = 0, OPTION_CPUSTAT = 2, OPTION_TRACECLOCK = 4, OPTION_UNAME = 5, OPTION_CPUCOUNT = 8,
       OPTION_VERSION = 9 };
enum { LONG_SIZE = 8, LITTLE_ENDIAN_FILE = 0, COPY_BYTES = 1 << 20 };

static void put_number(GByteArray *to, guint64 value, unsigned int bytes)
{
	value = GUINT64_TO_LE(value);
	g_byte_array_append(to, (guint8 *)&value, bytes);
}

static void put_bytes(GByteArray *to, const char *text, gsize n)
{
	g_byte_array_append(to, (const guint8 *)text, n);
}

static void put_name(GByteArray *to, const char *name)
{
	put_bytes(to, name, strlen(name) + 1);
}

/* A file of tracefs behind its size. */
static bool put_file(GByteArray *to, const char *system, const char *file, const char *event, GError **error)
{
	g_autofree char *path = event ? g_build_filename("events", system, event, file, NULL) :
					g_build_filename("events", file, NULL);
	int size = 0;
	g_autofree char *text = tracefs_instance_file_read(NULL, path, &size);

	if (!text || size <= 0) {
		g_set_error(error, TRACE_DAT_ERROR, 0, "cannot read '%s' of tracefs: %s", path, g_strerror(errno));
		return false;
	}
	put_number(to, size, 8);
	put_bytes(to, text, size);
	return true;
}

/* Each system once, with its events, in the order in which they first occur. */
static bool put_formats(GByteArray *to, const struct trace_dat_event *events, unsigned int n, GError **error)
{
	g_autoptr(GPtrArray) systems = g_ptr_array_new();

	for (unsigned int i = 0; i < n; i++)
		if (!g_ptr_array_find_with_equal_func(systems, events[i].system, g_str_equal, NULL))
			g_ptr_array_add(systems, (void *)events[i].system);
	put_number(to, systems->len, 4);
	for (unsigned int s = 0; s < systems->len; s++) {
		const char *system = systems->pdata[s];
		unsigned int count = 0;

		for (unsigned int i = 0; i < n; i++)
			count += !strcmp(events[i].system, system);
		put_name(to, system);
		put_number(to, count, 4);
		for (unsigned int i = 0; i < n; i++)
			if (!strcmp(events[i].system, system) &&
			    !put_file(to, system, "format", events[i].name, error))
				return false;
	}
	return true;
}

GByteArray *trace_dat_head(const struct trace_dat_event *events, unsigned int n, GError **error)
{
	g_autoptr(GByteArray) head = g_byte_array_new();

	put_bytes(head, "\x17\x08\x44tracing", 10);
	put_name(head, "6");
	put_number(head, LITTLE_ENDIAN_FILE, 1);
	put_number(head, LONG_SIZE, 1);
	put_number(head, sysconf(_SC_PAGESIZE), 4);
	put_name(head, "header_page");
	if (!put_file(head, NULL, "header_page", NULL, error))
		return NULL;
	put_name(head, "header_event");
	if (!put_file(head, NULL, "header_event", NULL, error))
		return NULL;
	put_number(head, 1, 4);
	if (!put_file(head, "ftrace", "format", "print", error) || !put_formats(head, events, n, error))
		return NULL;
	put_number(head, 0, 4);		/* no kallsyms */
	put_number(head, 0, 4);		/* no printk formats */
	return g_steal_pointer(&head);
}

static void put_option(GByteArray *to, unsigned int id, const char *text)
{
	put_number(to, id, 2);
	put_number(to, strlen(text) + 1, 4);
	put_name(to, text);
}

static void put_options(GByteArray *to, const struct trace_dat *f)
{
	g_autofree char *clock = g_strdup_printf("[%s]", f->clock);

	put_bytes(to, "options  ", 10);
	for (unsigned int i = 0; i < f->n_cpu; i++) {
		const struct instance_stats *s = &f->stats[i];
		g_autofree char *text = g_strdup_printf(
			"CPU: %u\nentries: %" G_GUINT64_FORMAT "\noverrun: %" G_GUINT64_FORMAT "\ncommit overrun: %"
			G_GUINT64_FORMAT "\nbytes: %" G_GUINT64_FORMAT "\ndropped events: %" G_GUINT64_FORMAT
			"\nread events: %" G_GUINT64_FORMAT "\n", i, s->entries, s->overrun, s->commit_overrun,
			s->bytes, s->dropped, s->read);

		put_option(to, OPTION_CPUSTAT, text);
	}
	put_option(to, OPTION_TRACECLOCK, clock);
	put_option(to, OPTION_UNAME, f->uname);
	put_option(to, OPTION_VERSION, "counterspin " COUNTERSPIN_VERSION);
	put_number(to, OPTION_CPUCOUNT, 2);
	put_number(to, 4, 4);
	put_number(to, f->n_cpu, 4);
	put_number(to, OPTION_DONE, 2);
}

static bool write_all(int fd, const void *bytes, gsize n, GError **error)
{
	const char *p = bytes;

	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			g_set_error(error, TRACE_DAT_ERROR, 0, "cannot write the recording: %s", g_strerror(errno));
			return false;
		}
		p += done;
		n -= done;
	}
	return true;
}

/* What has been copied is given back, so that both files together never need much more than one. */
static bool copy_pages(int to, int from, guint64 size, const struct trace_dat *f, unsigned char *room, GError **error)
{
	for (guint64 at = 0; at < size;) {
		gsize n = MIN(size - at, (guint64)COPY_BYTES);
		ssize_t got = pread(from, room, n, at);

		if (got <= 0) {
			g_set_error(error, TRACE_DAT_ERROR, 0, "cannot read back what was recorded: %s",
				    got ? g_strerror(errno) : "it ends early");
			return false;
		}
		/* pages are whole in the end, though a read may have ended within one */
		got -= got % f->page_size;
		for (ssize_t p = 0; f->change && p < got; p += f->page_size)
			if (!f->change(f->user, room + p, f->page_size))
				memset(room + p, 0, f->page_size);
		if (!write_all(to, room, got, error))
			return false;
		if (f->consume)	/* where the file system cannot, the room is needed twice */
			fallocate(from, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, got);
		at += got;
	}
	return true;
}

bool trace_dat_write(int fd, const struct trace_dat *f, GError **error)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	g_autofree guint64 *sizes = g_new0(guint64, f->n_cpu);
	g_autofree unsigned char *room = g_malloc(COPY_BYTES);
	guint64 offset;
	bool ok;

	g_byte_array_append(bytes, f->head->data, f->head->len);
	put_number(bytes, f->comms ? strlen(f->comms) : 0, 8);
	put_bytes(bytes, f->comms ? f->comms : "", f->comms ? strlen(f->comms) : 0);
	put_number(bytes, f->n_cpu, 4);
	put_options(bytes, f);
	put_bytes(bytes, "flyrecord", 10);
	offset = (bytes->len + 16 * f->n_cpu + f->page_size - 1) / f->page_size * f->page_size;
	for (unsigned int i = 0; i < f->n_cpu; i++) {
		struct stat st;

		sizes[i] = fstat(f->pages[i], &st) ? 0 : st.st_size / f->page_size * f->page_size;
		put_number(bytes, offset, 8);
		put_number(bytes, sizes[i], 8);
		offset += sizes[i];
	}
	while (bytes->len % f->page_size)
		put_number(bytes, 0, 1);
	ok = write_all(fd, bytes->data, bytes->len, error);
	for (unsigned int i = 0; i < f->n_cpu && ok; i++)
		ok = copy_pages(fd, f->pages[i], sizes[i], f, room, error);
	if (ok && fsync(fd)) {
		g_set_error(error, TRACE_DAT_ERROR, 0, "cannot write the recording: %s", g_strerror(errno));
		ok = false;
	}
	return ok;
}
