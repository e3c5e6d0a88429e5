// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema/last_words.h"

#include <cjson/cJSON.h>
#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

enum { STACK_BYTES = 16 << 10, PROBE_BYTES = 1 << 20 };

static void (*say_words)(const char *why);

static bool is_about_memory(const char *message)
{
	static const char *const signs[] = { "failed to allocate", "overflow allocating", "out of memory" };

	for (unsigned int i = 0; i < G_N_ELEMENTS(signs); i++)
		if (strstr(message, signs[i]))
			return true;
	return false;
}

static void on_log(const char *domain, GLogLevelFlags level, const char *message, void *user)
{
	if (!(level & G_LOG_LEVEL_ERROR))
		g_log_default_handler(domain, level, message, user);
	else	/* no message: no memory for it */
		say_words(message && !is_about_memory(message) ? message : NULL);
}

void last_words_no_memory(void)
{
	if (say_words)
		say_words(NULL);
}

#ifndef __SANITIZE_ADDRESS__

/*
 * GLib 2.74 wants memory to say that it has none, and so on until the stack is full. A crash that
 * memory has nothing to do with stays one.
 */
static void on_crash(int signal)
{
	if (mmap(NULL, PROBE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		say_words(NULL);
	raise(signal);
}

static void watch_crashes(void)
{
	struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_NODEFER | SA_RESETHAND };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGABRT, &action, NULL);
}

void last_words_thread(void)
{
	static __thread char stack[STACK_BYTES];

	sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof(stack) }, NULL);
}

#else

static void watch_crashes(void)
{
}

void last_words_thread(void)
{
}

#endif

void last_words_begin(void (*say)(const char *why))
{
	say_words = say;
	g_log_set_default_handler(on_log, NULL);
	cJSON_InitHooks(&(cJSON_Hooks){ .malloc_fn = g_malloc, .free_fn = g_free });
	last_words_thread();
	watch_crashes();
}
