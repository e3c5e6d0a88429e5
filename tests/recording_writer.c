// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/recording_writer.h"

#include <string.h>

#include "tests/recording_formats.h"

enum {
	PAGE_HEADER = 16, PAGE_DATA = RECORDING_PAGE - PAGE_HEADER, COMMIT_OFFSET = 8,
	DELTA_BITS = 27, TYPE_TIME_EXTEND = 30, MAX_SHORT_WORDS = 28,
};
#define MISSED_EVENTS (1U << 31)	/* in a page's commit */
#define MISSED_STORED (1U << 30)

/* --- ring-buffer pages --- */

static void store(guint8 *at, guint64 value, unsigned int bytes)
{
	value = GUINT64_TO_LE(value);
	memcpy(at, &value, bytes);
}

void page_open(struct page *p, guint64 t, gint64 missed)
{
	memset(p->bytes, 0, RECORDING_PAGE);
	store(p->bytes, t, 8);
	p->used = 0;
	p->open = true;
	p->t_last = t;
	p->missed = missed;
}

void page_close(struct page *p)
{
	guint64 commit = p->used;

	if (p->missed >= 0)
		commit |= MISSED_EVENTS | ~0ULL << 32;	/* as the kernel's int does, added to a long */
	if (p->missed > 0) {
		commit |= MISSED_STORED;
		store(p->bytes + PAGE_HEADER + p->used, p->missed, 8);
	}
	store(p->bytes + COMMIT_OFFSET, commit, 8);
	p->open = false;
}

guint8 *page_add(struct page *p, guint64 t, unsigned int size)
{
	unsigned int words = (size + 3) / 4, head = words > MAX_SHORT_WORDS ? 8 : 4;
	unsigned int limit = PAGE_DATA - (p->missed > 0 ? 8 : 0);
	guint64 delta = t - p->t_last;
	guint8 *at = p->bytes + PAGE_HEADER + p->used;
	bool extend = delta >> DELTA_BITS;

	if (!p->open || p->used + 8 * extend + head + 4 * words > limit)
		return NULL;
	if (extend) {
		store(at, TYPE_TIME_EXTEND | (delta & ((1U << DELTA_BITS) - 1)) << 5, 4);
		store(at + 4, delta >> DELTA_BITS, 4);
		at += 8;
		delta = 0;
	}
	store(at, (words > MAX_SHORT_WORDS ? 0 : words) | delta << 5, 4);
	if (words > MAX_SHORT_WORDS)
		store(at + 4, 4 * words + 4, 4);
	p->used = at + head + 4 * words - p->bytes - PAGE_HEADER;
	p->t_last = t;
	return at + head;
}

/* --- what stands before them --- */

void put_number(GByteArray *to, guint64 value, unsigned int bytes)
{
	value = GUINT64_TO_LE(value);
	g_byte_array_append(to, (guint8 *)&value, bytes);
}

void put_text(GByteArray *to, const char *text, unsigned int size_bytes)
{
	put_number(to, strlen(text), size_bytes);
	g_byte_array_append(to, (const guint8 *)text, strlen(text));
}

void put_name(GByteArray *to, const char *name)
{
	g_byte_array_append(to, (const guint8 *)name, strlen(name) + 1);
}

void put_option(GByteArray *to, unsigned int id, const char *text)
{
	put_number(to, id, 2);
	put_number(to, strlen(text) + 1, 4);
	put_name(to, text);
}

void pad(GByteArray *to, gsize multiple)
{
	while (to->len % multiple)
		put_number(to, 0, 1);
}

void recording_put_start(GByteArray *to, const struct recording *r)
{
	g_byte_array_append(to, (const guint8 *)"\x17\x08\x44tracing", 10);
	put_name(to, r->version);
	put_number(to, r->says_big_endian, 1);
	put_number(to, r->says_long, 1);
	put_number(to, RECORDING_PAGE, 4);
}

static void put_header_info(GByteArray *to, const struct recording *r)
{
	static const char page[] =
		"\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
		"\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
		"\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
		"\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n";
	static const char event[] =
		"# compressed entry header\n\ttype_len    :    5 bits\n\ttime_delta  :   27 bits\n"
		"\tarray       :   32 bits\n\n\tpadding     : type == 29\n"
		"\ttime_extend : type == 30\n\ttime_stamp : type == 31\n"
		"\tdata max type_len  == 28\n";

	(void)r;
	put_name(to, "header_page");
	put_text(to, page, 8);
	put_name(to, "header_event");
	put_text(to, event, 8);
}

static void put_system(GByteArray *to, const char *system)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < n_event_defs; i++)
		n += !event_defs[i].absent && !strcmp(event_defs[i].system, system);
	put_number(to, n, 4);
	for (unsigned int i = 0; i < n_event_defs; i++) {
		g_autoptr(GString) text = NULL;

		if (event_defs[i].absent || strcmp(event_defs[i].system, system))
			continue;
		text = event_def_format(&event_defs[i]);
		put_text(to, text->str, 8);
	}
}

static void put_ftrace_formats(GByteArray *to, const struct recording *r)
{
	(void)r;
	put_system(to, "ftrace");
}

static void put_event_formats(GByteArray *to, const struct recording *r)
{
	static const char *const systems[] = { "sched", "kvm", "counterspin" };

	(void)r;
	put_number(to, G_N_ELEMENTS(systems), 4);
	for (unsigned int i = 0; i < G_N_ELEMENTS(systems); i++) {
		put_name(to, systems[i]);
		put_system(to, systems[i]);
	}
}

static void put_kallsyms(GByteArray *to, const struct recording *r)
{
	put_text(to, r->kallsyms, 4);
}

static void put_printk(GByteArray *to, const struct recording *r)
{
	put_text(to, r->printk, 4);
}

static void put_cmdlines(GByteArray *to, const struct recording *r)
{
	put_text(to, r->cmdlines, 8);
}

void (*const recording_put_part[RECORDING_PARTS])(GByteArray *to, const struct recording *r) = {
	put_header_info, put_ftrace_formats, put_event_formats, put_kallsyms, put_printk,
	put_cmdlines,
};

void recording_put_options(GByteArray *to, const struct recording *r)
{
	g_autofree char *uname = g_strdup_printf("Linux testhost %s %s", r->release, r->machine);
	g_autofree char *clocks = g_strdup_printf("[%s]", r->clock);

	for (unsigned int i = 0; i < r->n_cpus; i++) {
		const struct recording_cpu *c = &r->cpus[i];
		g_autofree char *text = g_strdup_printf(
			"CPU: %u\nentries: 0\noverrun: %" G_GUINT64_FORMAT "\ncommit overrun: 0\n"
			"bytes: %" G_GUINT64_FORMAT "\ndropped events: 0\n"
			"read events: %" G_GUINT64_FORMAT "\n",
			i, c->overrun, c->bytes, c->entries);

		put_option(to, OPTION_CPUSTAT, text);
	}
	if (r->clock)
		put_option(to, OPTION_TRACECLOCK, clocks);
	put_option(to, OPTION_UNAME, uname);
	if (r->tsc_mult) {
		put_number(to, OPTION_TSC2NSEC, 2);
		put_number(to, 16, 4);
		put_number(to, r->tsc_mult, 4);
		put_number(to, r->tsc_shift, 4);
		put_number(to, r->tsc_offset, 8);
	}
	put_number(to, OPTION_CPUCOUNT, 2);
	put_number(to, 4, 4);
	put_number(to, r->n_cpus, 4);
}

GByteArray *recording_header_6(const struct recording *r)
{
	GByteArray *file = g_byte_array_new();
	guint64 offset;

	recording_put_start(file, r);
	for (unsigned int i = 0; i < RECORDING_PARTS; i++)
		recording_put_part[i](file, r);
	put_number(file, r->n_cpus, 4);
	g_byte_array_append(file, (const guint8 *)"options  ", 10);
	recording_put_options(file, r);
	put_number(file, OPTION_DONE, 2);
	g_byte_array_append(file, (const guint8 *)"flyrecord", 10);
	offset = (file->len + 16 * r->n_cpus + RECORDING_PAGE - 1) / RECORDING_PAGE * RECORDING_PAGE;
	for (unsigned int i = 0; i < r->n_cpus; i++) {
		put_number(file, offset, 8);
		put_number(file, r->cpus[i].bytes, 8);
		offset += r->cpus[i].bytes;
	}
	pad(file, RECORDING_PAGE);
	return file;
}
