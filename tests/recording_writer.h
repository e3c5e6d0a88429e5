/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recording_writer - the bytes that a trace.dat consists of: ring-buffer pages as the kernel
 * hands them out, and what trace-cmd writes before them (trace-cmd.dat.v6(5), .v7(5)).
 *
 * The formats are those of recording_formats.h, which must have been laid out.
 */
#ifndef TESTS_RECORDING_WRITER_H
#define TESTS_RECORDING_WRITER_H

#include <glib.h>
#include <stdbool.h>

enum { RECORDING_PAGE = 4096 };

/* A ring-buffer page under way; zeros are one that is not open. */
struct page {
	guint8 bytes[RECORDING_PAGE];	/* once closed: as the kernel hands it out */
	unsigned int used;		/* of its data */
	bool open;
	guint64 t_last;
	gint64 missed;			/* events lost before it; 0: some; -1: none */
};

void page_open(struct page *p, guint64 t, gint64 missed);
void page_close(struct page *p);

/*
 * Room for the 'size' bytes of an event at t, all zeros; t must not be less than p->t_last.
 * NULL: the page is full, or not open.
 */
guint8 *page_add(struct page *p, guint64 t, unsigned int size);

struct recording_cpu {
	guint64 bytes;		/* of its section in the file */
	guint64 entries, overrun;
};

struct recording {
	const char *version;		/* what the first bytes say, as the next two */
	bool says_big_endian;
	unsigned int says_long;
	const char *clock;		/* NULL: the file does not say */
	guint32 tsc_mult, tsc_shift;	/* mult 0: the file does not say */
	guint64 tsc_offset;
	const char *release, *machine;
	const char *kallsyms, *printk, *cmdlines;
	unsigned int n_cpus;
	const struct recording_cpu *cpus;
};

enum {
	OPTION_DONE = 0, OPTION_CPUSTAT = 2, OPTION_BUFFER = 3, OPTION_TRACECLOCK = 4,
	OPTION_UNAME = 5, OPTION_CPUCOUNT = 8, OPTION_VERSION = 9,
	OPTION_TSC2NSEC = 14,
};

void put_number(GByteArray *to, guint64 value, unsigned int bytes);
void put_text(GByteArray *to, const char *text, unsigned int size_bytes);
void put_name(GByteArray *to, const char *name);
void put_option(GByteArray *to, unsigned int id, const char *text);
void pad(GByteArray *to, gsize multiple);

/* Magic to page size. */
void recording_put_start(GByteArray *to, const struct recording *r);

/* What both versions say between start and options, in their order; each is a section in 7. */
enum { RECORDING_PARTS = 6 };
extern void (*const recording_put_part[RECORDING_PARTS])(GByteArray *to, const struct recording *r);

/* Statistics, clock, machine and number of CPUs as options. */
void recording_put_options(GByteArray *to, const struct recording *r);

/* All of version 6 that stands before the first page; CPUs' sections follow in order. */
GByteArray *recording_header_6(const struct recording *r);

#endif
