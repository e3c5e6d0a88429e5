/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event_format - from the bytes of a tracepoint record to struct event, with
 * the field offsets that the recording itself declares.
 */
#ifndef ANALYZE_SOURCE_EVENT_FORMAT_H
#define ANALYZE_SOURCE_EVENT_FORMAT_H

#include <glib.h>

#include "analyze/source/event.h"

struct event_format;

/* hide_probes leaves the ground-truth probes out, as if they had not been recorded. */
struct event_format *event_format_new(bool hide_probes);

/*
 * Add the event of system whose tracefs 'format' file is text[len]. False if that
 * is not a format. An event we know by name but that lacks a field we need is
 * ignored, and says why; of two with one id the first counts.
 */
bool event_format_add(struct event_format *formats, const char *system, const char *text, size_t len);
void event_format_free(struct event_format *formats);

/*
 * Decode one record into ev (all but t, cpu and tgid) and count it. A type unknown to
 * the recording, or bytes shorter than its format, give EV_IGNORED. Pointers in
 * ev are into data or into formats, and live until the next call. Of types whose
 * bit in wanted is not set only the thread is decoded; they, too, are EV_IGNORED.
 * False: the type is one we use, but the record is shorter than its format.
 */
bool event_format_decode(struct event_format *formats, const void *data, unsigned int size,
			 uint64_t wanted, struct event *ev);

/* Does the recording declare this type with all fields needed? */
bool event_format_has(const struct event_format *formats, enum event_type type);

/* Begin to count anew. */
void event_format_forget_counts(struct event_format *formats);

/* Call fn for every event type that was decoded, in order of id. */
void event_format_for_each_count(const struct event_format *formats,
				 void (*fn)(void *user, const char *system, const char *name,
					    int64_t n, int64_t used, const char *reason),
				 void *user);

#endif
