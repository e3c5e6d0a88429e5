// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * capture_tool - parts of capture for tests of the command line.
 *
 * usage: capture_tool facts ROOT WHEN MAX	host facts of a root directory, a document a line
 *	  capture_tool anonymize IN OUT		a trace.dat of version 6 with its pages anonymised
 *	  capture_tool pages IN			the pages of a trace.dat of version 6
 *
 * anonymize uses a key of its own each time, and leaves what is not pages as it was. Limits:
 * the top buffer only, no instances.
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trace-cmd.h>

#include "capture/anonymize.h"
#include "capture/host.h"

enum { PAGE_SIZE_AT = 14 };	/* behind the magic, "tracing6\0", and sizes of a byte each */

G_GNUC_NORETURN static void fail(const char *what)
{
	fprintf(stderr, "capture_tool: %s\n", what);
	exit(1);
}

static void facts(const char *root, const char *when, size_t max)
{
	g_autoptr(GError) error = NULL;
	struct vm_list *list = vms_find(root, &error);
	g_auto(GStrv) docs = NULL;

	if (!list)
		fail(error->message);
	docs = host_facts(root, list, when, NULL, max);
	for (char **doc = docs; *doc; doc++)
		puts(*doc);
	vms_free(list);
}

struct recording {
	char *bytes;
	gsize size;
	struct tracecmd_input *input;
	const char *table;	/* per CPU: offset and size of its pages, 8 bytes each */
	int cpus, page_size;
};

static void open_recording(struct recording *r, const char *path)
{
	static const char tag[] = "flyrecord";

	if (!g_file_get_contents(path, &r->bytes, &r->size, NULL))
		fail("cannot read it");
	r->input = tracecmd_open(path, TRACECMD_FL_LOAD_NO_PLUGINS);
	r->table = memmem(r->bytes, r->size, tag, sizeof(tag));
	if (!r->input || !r->table)
		fail("no trace.dat of version 6");
	r->table += sizeof(tag);
	r->cpus = tep_get_cpus(tracecmd_get_tep(r->input));
	memcpy(&r->page_size, r->bytes + PAGE_SIZE_AT, sizeof(r->page_size));
}

static void close_recording(struct recording *r)
{
	tracecmd_close(r->input);
	g_free(r->bytes);
}

/* The pages of a CPU, within bytes; returns how many bytes. */
static uint64_t pages_of(const struct recording *r, int cpu, char **pages)
{
	uint64_t place[2];

	memcpy(place, r->table + cpu * sizeof(place), sizeof(place));
	g_assert(place[0] + place[1] <= r->size);
	*pages = r->bytes + place[0];
	return place[1];
}

static void anonymize(const char *in, const char *out)
{
	struct recording r;
	struct anonymize_key key;
	struct anonymizer *a;

	open_recording(&r, in);
	g_assert_true(anonymize_key_make(&key, NULL));
	a = anonymizer_new(&key, tracecmd_get_tep(r.input));
	for (int cpu = 0; cpu < r.cpus; cpu++) {
		char *pages;
		uint64_t size = pages_of(&r, cpu, &pages);

		for (uint64_t at = 0; at < size; at += r.page_size)
			if (!anonymize_page(a, (unsigned char *)pages + at, r.page_size))
				fail("a page is damaged");
	}
	anonymizer_free(a);
	if (!g_file_set_contents(out, r.bytes, r.size, NULL))
		fail("cannot write");
	close_recording(&r);
}

static void print_pages(const char *in)
{
	struct recording r;

	open_recording(&r, in);
	for (int cpu = 0; cpu < r.cpus; cpu++) {
		char *pages;
		uint64_t size = pages_of(&r, cpu, &pages);

		fwrite(pages, 1, size, stdout);
	}
	close_recording(&r);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "facts"))
		facts(argv[2], argv[3], strtoul(argv[4], NULL, 10));
	else if (argc == 4 && !strcmp(argv[1], "anonymize"))
		anonymize(argv[2], argv[3]);
	else if (argc == 3 && !strcmp(argv[1], "pages"))
		print_pages(argv[2]);
	else
		fail("see its source for usage");
	if (fflush(stdout))
		fail("cannot write");
	return 0;
}
