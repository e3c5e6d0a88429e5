/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cursor - a bounded reader of little-endian bytes: any read past the end sets
 * bad, and from then on yields zeros.
 */
#ifndef ANALYZE_SOURCE_CURSOR_H
#define ANALYZE_SOURCE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *data;
	size_t size, pos;
	bool bad;
};

static inline const void *take(struct cursor *c, uint64_t n)
{
	const void *p = c->data + c->pos;

	if (c->bad || n > c->size - c->pos) {
		c->bad = true;
		return NULL;
	}
	c->pos += n;
	return p;
}

static inline uint64_t take_number(struct cursor *c, unsigned int bytes)
{
	uint64_t v = 0;
	const void *p = take(c, bytes);

	if (p)
		memcpy(&v, p, bytes);
	return v;
}

/* A string that ends with a NUL within the bytes; "" when it does not. */
static inline const char *take_string(struct cursor *c)
{
	const uint8_t *start = c->data + c->pos;
	const uint8_t *nul = c->bad || c->pos == c->size ? NULL : memchr(start, 0, c->size - c->pos);

	if (!nul) {
		c->bad = true;
		return "";
	}
	return take(c, nul - start + 1);
}

#endif
