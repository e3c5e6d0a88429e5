/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * symbols - is a kernel function there, exactly once, and whole? From
 * /proc/kallsyms; addresses do not matter, so kptr_restrict does not either.
 * What ftrace could trace is not asked: that file is locked in places.
 *
 * Not seen here: a copy that the compiler inlined into a caller of the same
 * source file while the function itself remained. No file of the kernel tells.
 */
#ifndef CAPTURE_SYMBOLS_H
#define CAPTURE_SYMBOLS_H

#include <glib.h>
#include <stdbool.h>

struct symbol {
	const char *name;	/* in: the function's; the caller's */
	char *module;		/* of the first that is found; NULL: built in, or none found */
	unsigned int n;		/* symbols of exactly this name, of any type and module */
	unsigned int n_text;	/* of those, functions (t, T, w, W) */
	char *clone;		/* NAME.isra.0, .constprop.0, .part.0 ...; NULL: there is none */
};

/*
 * Look up n_symbols functions in one pass over root/proc/kallsyms (root: "" but in tests). All
 * members but name are written; symbols_release() when done. Fails if the file cannot be read
 * (G_FILE_ERROR) or is not one. NAME.cold, the unlikely part of a function, is no clone: its
 * entry is where the function's is.
 */
bool symbols_find(const char *root, struct symbol *symbols, unsigned int n_symbols, GError **error);

void symbols_release(struct symbol *symbols, unsigned int n_symbols);

/* Why a probe on this function would not see each call once; NULL: it would. Caller frees. */
char *symbol_refusal(const struct symbol *symbol);

#endif
