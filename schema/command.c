// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schema/progress.h"

bool command_parse(const struct command *c, int *argc, char ***argv, int *status)
{
	g_autofree char *parameters = g_strdup_printf("%s\n\n%s", c->arguments, c->summary);
	g_autoptr(GOptionContext) context = g_option_context_new(parameters);
	g_autofree char *program = g_strdup_printf("counterspin %s", c->name);
	g_autoptr(GError) error = NULL;
	gboolean help = FALSE;
	const GOptionEntry help_entry[] = {
		{ "help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this help", NULL },
		G_OPTION_ENTRY_NULL
	};

	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_add_main_entries(context, c->options, NULL);
	g_option_context_add_main_entries(context, help_entry, NULL);
	if (c->description)
		g_option_context_set_description(context, c->description);
	g_set_prgname(program);
	*status = EXIT_USAGE;
	if (!g_option_context_parse(context, argc, argv, &error)) {
		command_usage(c, "%s", error->message);
		return false;
	}
	if (help) {
		g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);

		fputs(text, stdout);
		*status = EXIT_FINE;
		return false;
	}
	/* what follows "--" is arguments; GLib leaves the dashes in place */
	for (int i = 1; i < *argc; i++)
		if (!strcmp((*argv)[i], "--")) {
			memmove(*argv + i, *argv + i + 1, (*argc - i) * sizeof(**argv));
			(*argc)--;
			break;
		}
	if (*argc - 1 < c->min_args || *argc - 1 > c->max_args) {
		if (*argc - 1 < c->min_args)
			command_usage(c, "missing argument");
		else
			command_usage(c, "unexpected argument '%s'", (*argv)[c->max_args + 1]);
		return false;
	}
	return true;
}

static void complain(const struct command *c, const char *kind, const char *message)
{
	progress_wipe();
	fprintf(stderr, "counterspin %s: %s%s\n", c->name, kind, message);
}

int command_fail(const struct command *c, const GError *error)
{
	complain(c, "", error->message);
	return EXIT_FAILED;
}

int command_usage(const struct command *c, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	progress_wipe();
	fprintf(stderr, "counterspin %s: %s (see counterspin %s --help)\n", c->name, message, c->name);
	return EXIT_USAGE;
}

void command_warn(const struct command *c, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	complain(c, "warning: ", message);
}

/* DEL, C1 and the characters that change the direction of text would reach a terminal as they are. */
static void print_escaped(const char *json)
{
	const char *from = json, *next;

	for (const char *p = json; *p; p = next) {
		gunichar c = (guchar)*p < 0x7f ? 0 : g_utf8_get_char_validated(p, -1);

		next = c && c <= 0x10ffff ? g_utf8_next_char(p) : p + 1;
		if (!c || c > 0xffff || (!g_unichar_iscntrl(c) && g_unichar_type(c) != G_UNICODE_FORMAT))
			continue;
		fwrite(from, 1, p - from, stdout);
		printf("\\u%04x", c);
		from = next;
	}
	puts(from);
}

void command_print_json(cJSON *root)
{
	char *text = cJSON_Print(root);

	print_escaped(text);
	cJSON_free(text);
	cJSON_Delete(root);
}
