/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chance - streams of random numbers; one seed, one stream, on every machine. */
#ifndef TESTS_WORLD_CHANCE_H
#define TESTS_WORLD_CHANCE_H

#include <glib.h>
#include <stdbool.h>

struct chance {
	guint64 state;
};

/* A stream of its own for each pair. */
struct chance chance_new(guint64 seed, guint64 stream);
guint64 chance_u64(struct chance *c);
/* Uniform in [from, to]. */
gint64 chance_between(struct chance *c, gint64 from, gint64 to);
bool chance_percent(struct chance *c, unsigned int percent);
/* Exponential, in ns: mean 'mean', never more than 8 times that. */
gint64 chance_exponential(struct chance *c, gint64 mean);

#endif
