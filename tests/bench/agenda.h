/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agenda - when each of n actors acts next; a heap. Ties go to the lower number. */
#ifndef TESTS_BENCH_AGENDA_H
#define TESTS_BENCH_AGENDA_H

#include <glib.h>
#include <stdbool.h>

struct agenda;

/* All of them never. */
struct agenda *agenda_new(unsigned int n);
void agenda_free(struct agenda *a);
void agenda_set(struct agenda *a, unsigned int actor, guint64 when);
/* 'when', unless it is to act before that. */
void agenda_bring_forward(struct agenda *a, unsigned int actor, guint64 when);
unsigned int agenda_next(const struct agenda *a, guint64 *when);

#endif
