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
 *	tsc2nsec MULT SHIFT OFFSET	how clock x86-tsc becomes nanoseconds (times in the
 *				script are then cycles)
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
#include "tests/recording_writer.h"

enum { MAX_CPUS = 1024 };

struct cpu {
	struct page page;	/* under way */
	GByteArray *bytes;	/* those before it */
	guint64 entries, overrun;
	gint64 lost;		/* for the page to come; -1: none */
	bool turn;		/* the next event begins a page */
};

static struct cpu cpus[MAX_CPUS];
static unsigned int n_cpus, n_deep;
static guint64 tsc_mult, tsc_shift, tsc_offset;
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

static void close_page(struct cpu *c)
{
	if (!c->page.open)
		return;
	page_close(&c->page);
	g_byte_array_append(c->bytes, c->page.bytes, RECORDING_PAGE);
}

static guint8 *room(struct cpu *c, guint64 t, unsigned int size)
{
	bool turn = c->turn || c->lost >= 0;
	guint8 *at = turn ? NULL : page_add(&c->page, t, size);

	if (at)
		return at;
	close_page(c);
	page_open(&c->page, t, c->lost);
	c->lost = -1;
	c->turn = false;
	return page_add(&c->page, t, size);
}

static void add_record(struct cpu *c, guint64 t, const GByteArray *data)
{
	guint8 *at;

	if (c->entries && t < c->page.t_last && !c->turn)
		die("time goes back on its CPU");
	at = room(c, t, data->len);
	if (!at)
		die("event of %u bytes does not fit a page", data->len);
	memcpy(at, data->data, data->len);
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
	else if (!strcmp(w[0], "tsc2nsec") && n == 3)
		tsc_mult = number(w[1]), tsc_shift = number(w[2]), tsc_offset = number(w[3]);
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
		cpus[i] = (struct cpu){ .bytes = g_byte_array_new(), .lost = -1 };
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

static GByteArray *file_bytes(void)
{
	g_autofree struct recording_cpu *sections = g_new(struct recording_cpu, n_cpus);
	struct recording r = {
		.version = version, .says_big_endian = says_big_endian, .says_long = says_long,
		.clock = strcmp(clock_name, "-") ? clock_name : NULL,
		.tsc_mult = tsc_mult, .tsc_shift = tsc_shift, .tsc_offset = tsc_offset,
		.release = release, .machine = machine,
		.kallsyms = "", .printk = "", .cmdlines = "",
		.n_cpus = n_cpus, .cpus = sections,
	};
	GByteArray *file;

	for (unsigned int i = 0; i < n_cpus; i++)
		sections[i] = (struct recording_cpu){ cpus[i].bytes->len, cpus[i].entries, cpus[i].overrun };
	file = recording_header_6(&r);
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
