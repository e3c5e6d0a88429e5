// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make_recording - a trace.dat of version 6 from a script that a person can read.
 *
 * usage: make_recording SCRIPT RECORDING	('-': standard input)
 *
 * A script has one event per line, times in ns, each CPU's in order:
 *
 *	TIME CPU TID EVENT field=value field=value ...
 *
 * Fields left out are 0. A text ends at the next blank, but 'buf' of a trace
 * marker (event 'print') is the rest of the line. Elsewhere a '#' after a blank,
 * or first in a line, begins a comment. Lines that do not begin with a digit are
 * directives:
 *
 *	clock NAME		trace clock (mono); '-': the file does not say
 *	cpus N			CPUs with a buffer (highest CPU used + 1)
 *	uname RELEASE MACHINE	(6.1.0-test x86_64)
 *	version TEXT, endian big, long 4
 *				what the first bytes say; all that follows stays version 6,
 *				little-endian, 64-bit, as readers are to stop there
 *	deep N			on_spin has state_0 to state_N-1 (as many as the script names)
 *	no-event NAME		as if this event had not been recorded: neither its format
 *				nor its events, wherever they stand in the script
 *	lost CPU N		the next event of CPU begins a page that says N events are
 *				missing before it; 0: some, their number unknown
 *	page CPU		the next event of CPU begins a page; its time may be earlier than
 *				that of the last, as after a clock that stepped back
 *	overrun CPU N		the recorder's statistics count N events as overwritten
 *
 * The events and their fields are in recording_formats.c. Numbers may be negative or
 * hexadecimal. Limits: no buffer instances, no dynamic strings.
 */
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/recording_formats.h"

enum {
	PAGE = 4096, PAGE_HEADER = 16, PAGE_DATA = PAGE - PAGE_HEADER,
	DELTA_BITS = 27, TYPE_TIME_EXTEND = 30, MAX_SHORT_WORDS = 28,
	OPTION_CPUSTAT = 2, OPTION_TRACECLOCK = 4, OPTION_UNAME = 5, OPTION_CPUCOUNT = 8,
	MAX_CPUS = 1024,
};
#define MISSED_EVENTS (1U << 31)	/* in a page's commit */
#define MISSED_STORED (1U << 30)

struct cpu {
	GByteArray *bytes;	/* finished pages, then the one under way */
	gsize page;		/* where that one begins */
	bool open;
	guint64 t_last, entries, overrun;
	gint64 missed;		/* of the page under way; -1: none */
	gint64 lost;		/* for the page to come; -1: none */
	bool turn;		/* the next event begins a page */
};

static struct cpu cpus[MAX_CPUS];
static unsigned int n_cpus, n_deep;
static const char *clock_name = "mono", *version = "6";
static const char *release = "6.1.0-test", *machine = "x86_64";
static bool says_big_endian;
static unsigned int says_long = 8;
static const char *script_name;
static unsigned int line_number;

static void die(const char *format, ...) G_GNUC_PRINTF(1, 2) G_GNUC_NORETURN;
static void die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "make_recording: %s:%u: ", script_name, line_number);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static guint64 number(const char *text)
{
	char *end;
	guint64 v = g_ascii_strtoull(text, &end, 0);

	if (!*text || *end)
		die("'%s' is not a number", text);
	return v;
}

/* --- ring-buffer pages --- */

static void put(GByteArray *to, guint64 value, unsigned int bytes)
{
	value = GUINT64_TO_LE(value);
	g_byte_array_append(to, (guint8 *)&value, bytes);
}

static void pad(GByteArray *to, gsize multiple)
{
	while (to->len % multiple)
		put(to, 0, 1);
}

static void close_page(struct cpu *c)
{
	guint64 commit = c->bytes->len - c->page - PAGE_HEADER;

	if (!c->open)
		return;
	if (c->missed >= 0)
		commit |= MISSED_EVENTS;
	if (c->missed > 0) {
		commit |= MISSED_STORED;
		put(c->bytes, c->missed, 8);
	}
	commit = GUINT64_TO_LE(commit);
	memcpy(c->bytes->data + c->page + 8, &commit, 8);
	pad(c->bytes, PAGE);
	c->open = false;
}

static void open_page(struct cpu *c, guint64 t)
{
	close_page(c);
	c->page = c->bytes->len;
	put(c->bytes, t, 8);
	put(c->bytes, 0, 8);
	c->open = true;
	c->t_last = t;
	c->missed = c->lost;
	c->lost = -1;
}

static void add_record(struct cpu *c, guint64 t, const GByteArray *data)
{
	unsigned int words = (data->len + 3) / 4, head = words > MAX_SHORT_WORDS ? 8 : 4;
	unsigned int need = head + 4 * words + 8;	/* 8: a time extend */
	gsize used = c->open ? c->bytes->len - c->page - PAGE_HEADER : 0;
	gsize limit = PAGE_DATA - (c->missed > 0 ? 8 : 0);
	guint64 delta;

	if (need > PAGE_DATA - 8)
		die("event of %u bytes does not fit a page", data->len);
	if (c->entries && t < c->t_last && !c->turn)
		die("time goes back on its CPU");
	if (!c->open || c->lost >= 0 || c->turn || used + need > limit)
		open_page(c, t);
	c->turn = false;
	delta = t - c->t_last;
	if (delta >> DELTA_BITS) {
		put(c->bytes, TYPE_TIME_EXTEND | (delta & ((1U << DELTA_BITS) - 1)) << 5, 4);
		put(c->bytes, delta >> DELTA_BITS, 4);
		delta = 0;
	}
	put(c->bytes, (words > MAX_SHORT_WORDS ? 0 : words) | delta << 5, 4);
	if (words > MAX_SHORT_WORDS)
		put(c->bytes, 4 * words + 4, 4);
	g_byte_array_append(c->bytes, data->data, data->len);
	pad(c->bytes, 4);
	c->t_last = t;
	c->entries++;
}

/* --- the script --- */

static struct event_def *event_named(const char *name)
{
	struct event_def *e = event_def_named(name);

	if (!e)
		die("'%s' is not an event", name);
	return e;
}

static void set_field(const struct event_def *e, GByteArray *record, const char *name,
		      const char *value)
{
	const struct field *f = event_def_field(e, name);
	gint64 v, beyond;

	if (!f)
		die("event '%s' has no field '%s'", e->name, name);
	if (f->is_tail) {		/* as tracing_mark_write() ends it */
		g_byte_array_append(record, (const guint8 *)value, strlen(value));
		g_byte_array_append(record, (const guint8 *)"\n", 2);
		return;
	}
	if (f->is_text) {
		if (strlen(value) > 15)
			die("'%s' is longer than 15 bytes", value);
		memcpy(record->data + f->offset, value, strlen(value));
		return;
	}
	v = *value == '-' ? -number(value + 1) : number(value);
	beyond = f->size < 8 ? 1LL << 8 * f->size : 0;
	if (beyond && (v >= beyond || v < -beyond / 2))
		die("%s=%s does not fit its %u bytes", name, value, f->size);
	v = GUINT64_TO_LE(v);
	memcpy(record->data + f->offset, &v, f->size);
}

static struct cpu *cpu_numbered(const char *text)
{
	guint64 cpu = number(text);

	if (cpu >= MAX_CPUS)
		die("CPU %s: at most %u", text, MAX_CPUS - 1);
	n_cpus = MAX(n_cpus, cpu + 1);
	return &cpus[cpu];
}

static char *next_word(char **p)
{
	char *word = *p + strspn(*p, " \t");

	*p = word + strcspn(word, " \t");
	if (**p)
		*(*p)++ = '\0';
	return word;
}

static void add_event(char *line)
{
	const char *time = next_word(&line), *where = next_word(&line), *tid = next_word(&line);
	const struct event_def *e = event_named(next_word(&line));
	g_autofree char *id = g_strdup_printf("%u", e->id);
	g_autoptr(GByteArray) record = g_byte_array_new();
	struct cpu *cpu = cpu_numbered(where);

	if (e->absent)
		return;
	g_byte_array_set_size(record, e->size);
	memset(record->data, 0, e->size);
	set_field(e, record, "common_type", id);
	set_field(e, record, "common_pid", tid);
	while (*(line += strspn(line, " \t")) && *line != '#') {
		char *value = strchr(line, '=');

		if (!value)
			die("'%s' is not field=value", line);
		*value++ = '\0';
		if (!strcmp(line, "buf")) {
			set_field(e, record, "buf", value);
			break;
		}
		set_field(e, record, line, next_word(&value));
		line = value;
	}
	add_record(cpu, number(time), record);
}

/* Directives that shape formats hold for the whole script; the first round takes them. */
static void directive(char **w, bool first_round)
{
	unsigned int n = g_strv_length(w) - 1;

	if (!strcmp(w[0], "clock") && n == 1)
		clock_name = g_intern_string(w[1]);
	else if (!strcmp(w[0], "cpus") && n == 1)
		n_cpus = CLAMP(number(w[1]), n_cpus, MAX_CPUS);
	else if (!strcmp(w[0], "uname") && n == 2)
		release = g_intern_string(w[1]), machine = g_intern_string(w[2]);
	else if (!strcmp(w[0], "version") && n == 1)
		version = g_intern_string(w[1]);
	else if (!strcmp(w[0], "endian") && n == 1)
		says_big_endian = !strcmp(w[1], "big");
	else if (!strcmp(w[0], "long") && n == 1)
		says_long = number(w[1]);
	else if (!strcmp(w[0], "deep") && n == 1)
		n_deep = MAX(n_deep, number(w[1]));
	else if (!strcmp(w[0], "no-event") && n == 1)
		event_named(w[1])->absent = true;
	else if (!strcmp(w[0], "lost") && n == 2 && !first_round)
		cpu_numbered(w[1])->lost = number(w[2]);
	else if (!strcmp(w[0], "page") && n == 1)
		cpu_numbered(w[1])->turn = !first_round;
	else if (!strcmp(w[0], "overrun") && n == 2)
		cpu_numbered(w[1])->overrun = number(w[2]);
	else if (strcmp(w[0], "lost") || n != 2)
		die("'%s' with %u words is not a directive", w[0], n);
}

static void read_lines(const char *text, bool first_round)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (line_number = 1; lines[line_number - 1]; line_number++) {
		char *line = g_strstrip(lines[line_number - 1]);

		if (!*line || *line == '#')
			continue;
		if (g_ascii_isdigit(*line)) {
			if (!first_round)
				add_event(line);
		} else {
			g_auto(GStrv) words = NULL;

			line[strcspn(line, "#")] = '\0';
			if (!g_shell_parse_argv(line, NULL, &words, NULL))
				die("'%s' is not a directive", line);
			directive(words, first_round);
		}
	}
}

static void read_script(const char *text)
{
	n_deep = 0;
	for (const char *p = text; (p = strstr(p, " state_")); p++)
		if (strchr(p, '='))
			n_deep = MAX(n_deep, (unsigned int)g_ascii_strtoull(p + 7, NULL, 10) + 1);
	for (unsigned int i = 0; i < MAX_CPUS; i++)
		cpus[i] = (struct cpu){ .bytes = g_byte_array_new(), .missed = -1, .lost = -1 };
	read_lines(text, true);
	event_defs_lay_out(n_deep);
	read_lines(text, false);
	for (unsigned int i = 0; i < n_cpus; i++) {
		if (cpus[i].lost >= 0)
			die("CPU %u lost events, but has none after", i);
		close_page(&cpus[i]);
	}
}

/* --- the file --- */

static void put_text(GByteArray *to, const char *text, unsigned int size_bytes)
{
	put(to, strlen(text), size_bytes);
	g_byte_array_append(to, (const guint8 *)text, strlen(text));
}

static void put_name(GByteArray *to, const char *name)
{
	g_byte_array_append(to, (const guint8 *)name, strlen(name) + 1);
}

static void put_system(GByteArray *to, const char *system)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < n_event_defs; i++)
		n += !event_defs[i].absent && !strcmp(event_defs[i].system, system);
	put(to, n, 4);
	for (unsigned int i = 0; i < n_event_defs; i++) {
		g_autoptr(GString) text = NULL;

		if (event_defs[i].absent || strcmp(event_defs[i].system, system))
			continue;
		text = event_def_format(&event_defs[i]);
		put_text(to, text->str, 8);
	}
}

static void put_option(GByteArray *to, unsigned int id, const char *text)
{
	put(to, id, 2);
	put(to, strlen(text) + 1, 4);
	put_name(to, text);
}

static void put_options(GByteArray *to)
{
	g_autofree char *uname = g_strdup_printf("Linux testhost %s %s", release, machine);
	g_autofree char *clocks = g_strdup_printf("[%s]", clock_name);

	g_byte_array_append(to, (const guint8 *)"options  ", 10);
	for (unsigned int i = 0; i < n_cpus; i++) {
		const struct cpu *c = &cpus[i];
		g_autofree char *text = g_strdup_printf(
			"CPU: %u\nentries: 0\noverrun: %" G_GUINT64_FORMAT "\ncommit overrun: 0\n"
			"bytes: %u\ndropped events: 0\nread events: %" G_GUINT64_FORMAT "\n",
			i, c->overrun, c->bytes->len, c->entries);

		put_option(to, OPTION_CPUSTAT, text);
	}
	if (strcmp(clock_name, "-"))
		put_option(to, OPTION_TRACECLOCK, clocks);
	put_option(to, OPTION_UNAME, uname);
	put(to, OPTION_CPUCOUNT, 2);
	put(to, 4, 4);
	put(to, n_cpus, 4);
	put(to, 0, 2);
}

static GByteArray *file_bytes(void)
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
	static const char *const systems[] = { "sched", "kvm", "counterspin" };
	GByteArray *file = g_byte_array_new();
	gsize offset;

	g_byte_array_append(file, (const guint8 *)"\x17\x08\x44tracing", 10);
	put_name(file, version);
	put(file, says_big_endian, 1);
	put(file, says_long, 1);
	put(file, PAGE, 4);
	put_name(file, "header_page");
	put_text(file, page, 8);
	put_name(file, "header_event");
	put_text(file, event, 8);
	put_system(file, "ftrace");
	put(file, G_N_ELEMENTS(systems), 4);
	for (unsigned int i = 0; i < G_N_ELEMENTS(systems); i++) {
		put_name(file, systems[i]);
		put_system(file, systems[i]);
	}
	put_text(file, "", 4);		/* kallsyms */
	put_text(file, "", 4);		/* printk */
	put_text(file, "", 8);		/* saved_cmdlines */
	put(file, n_cpus, 4);
	put_options(file);
	g_byte_array_append(file, (const guint8 *)"flyrecord", 10);
	offset = (file->len + 16 * n_cpus + PAGE - 1) / PAGE * PAGE;
	for (unsigned int i = 0; i < n_cpus; i++) {
		put(file, offset, 8);
		put(file, cpus[i].bytes->len, 8);
		offset += cpus[i].bytes->len;
	}
	pad(file, PAGE);
	for (unsigned int i = 0; i < n_cpus; i++)
		g_byte_array_append(file, cpus[i].bytes->data, cpus[i].bytes->len);
	return file;
}

int main(int argc, char **argv)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GByteArray) file = NULL;
	const char *path;

	if (argc != 3) {
		fputs("usage: make_recording SCRIPT RECORDING ('-': standard input)\n", stderr);
		return 2;
	}
	script_name = argv[1];
	path = strcmp(argv[1], "-") ? argv[1] : "/dev/stdin";
	if (!g_file_get_contents(path, &text, NULL, &error))
		die("%s", error->message);
	read_script(text);
	file = file_bytes();
	if (!g_file_set_contents(argv[2], (const char *)file->data, file->len, &error))
		die("%s", error->message);
	return 0;
}
