/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * temporary - files that nobody but this program is to see. They have no name, so
 * that a killed program leaves none. Where the file system cannot do that they
 * have a hidden one and are locked while somebody is at them; who finds one that
 * is not removes it.
 */
#ifndef SCHEMA_TEMPORARY_H
#define SCHEMA_TEMPORARY_H

#include <stdbool.h>

/* Make a file in dir, mode 0600, to read and write. -1, with errno; *name is NULL if it has none. */
int temporary_open(const char *dir, char **name);

/* One that has no name in any case, and is gone when it is closed. */
int temporary_scratch(const char *dir);

/* Give a file without a name one, path or a hidden one in dir. False or NULL, with errno. */
bool temporary_appear(int fd, const char *path);
char *temporary_name(int fd, const char *dir);

/*
 * Have the file at path, for everybody to see; *name, if it has one, is its own no more. In place of what
 * is there if and only if replace is set. False, with errno.
 */
bool temporary_become(int fd, char **name, const char *path, bool replace);

/* Remove those in dir that killed programs left. */
void temporary_remove_orphans(const char *dir);

#endif
