/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recording_formats - the events that make_recording can write, with the fields
 * that kernel 6.1 gives them (/sys/kernel/tracing/events/.../format).
 *
 * Print formats are not the kernel's but plain lists of all fields.
 */
#ifndef TESTS_RECORDING_FORMATS_H
#define TESTS_RECORDING_FORMATS_H

#include <glib.h>
#include <stdbool.h>

struct field {
	char *decl, *name;	/* "char comm[16]", "comm" */
	unsigned int offset, size, type;
	bool is_text, is_tail;	/* char [16]; char [] */
};

struct event_def {
	const char *system, *name;
	unsigned int id;
	const char *fields;	/* after the common ones, as C declares them */
	bool absent;		/* left out of the recording */
	GArray *layout;		/* of struct field; made by event_defs_lay_out() */
	unsigned int size;
};

extern struct event_def event_defs[];
extern const unsigned int n_event_defs;

/* Place all fields; on_spin gets state_i and in_kernel_i of n_deep vCPUs. Called once. */
void event_defs_lay_out(unsigned int n_deep);

/* NULL: there is none of this name. */
struct event_def *event_def_named(const char *name);
const struct field *event_def_field(const struct event_def *e, const char *name);

/* What the kernel's format file of this event says. */
GString *event_def_format(const struct event_def *e);

#endif
