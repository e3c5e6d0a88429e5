/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * last_words - a process that has to end for want of memory says so, in a line.
 * GLib would crash with a message of its own or, if nothing at all is left, with
 * none; SQLite and cJSON would say whatever fails for it.
 */
#ifndef SCHEMA_LAST_WORDS_H
#define SCHEMA_LAST_WORDS_H

/*
 * From now on say(why) is called instead. It ends the process and needs no memory.
 * why is NULL if memory ran out, or what g_error() was given.
 */
void last_words_begin(void (*say)(const char *why));

/* Memory has run out, as somebody noticed who could go on, wrongly. Returns if they are not begun. */
void last_words_no_memory(void);

/* Also if it is another thread that finds none at all: to be called there, as it begins. */
void last_words_thread(void);

#endif
