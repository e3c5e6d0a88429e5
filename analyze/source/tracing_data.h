/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tracing_data - the tables of event formats that open a trace.dat, and that
 * perf.data carries in its TRACING_DATA (trace-cmd.dat.v6.5(5); perf's
 * tools/perf/util/trace-event-read.c, 6.12).
 */
#ifndef ANALYZE_SOURCE_TRACING_DATA_H
#define ANALYZE_SOURCE_TRACING_DATA_H

#include "analyze/source/cursor.h"
#include "analyze/source/event_format.h"

/*
 * The envelope: magic, version, endianness, long and page size. False, with
 * error's text about what (the file, or a part of it), unless it comes from a
 * 64-bit little-endian machine. version is a string within the bytes.
 */
bool tracing_data_envelope(struct cursor *c, const char *what, const char **version, unsigned int *page_size,
			   GError **error);

/* header_page and header_event. False if pages are laid out otherwise than ring_buffer.c reads them. */
bool tracing_data_page_layout(struct cursor *c);

/* The formats of ftrace's own events; those of all other systems. */
void tracing_data_ftrace_formats(struct cursor *c, struct event_format *formats);
void tracing_data_event_formats(struct cursor *c, struct event_format *formats);

/* Pass over kallsyms, printk formats, saved command lines. */
void tracing_data_skip_the_rest(struct cursor *c);

#endif
