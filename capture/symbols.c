// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/symbols.h"

/* "ADDRESS TYPE NAME[\t[MODULE]]" */
struct line {
	char type;
	char *name, *module;
};

static bool parse(char *text, struct line *line)
{
	char *type = strchr(text, ' ');

	if (!type || !g_ascii_isalpha(type[1]) || type[2] != ' ')
		return false;
	line->type = type[1];
	line->name = type + 3;
	line->name[strcspn(line->name, "\n")] = '\0';
	line->module = strpbrk(line->name, "\t ");
	if (line->module) {
		*line->module = '\0';
		line->module += 1 + strspn(line->module + 1, "\t [");
		line->module[strcspn(line->module, "]")] = '\0';
	}
	return line->name[0];
}

static bool is_cold(const char *suffix)
{
	return g_str_has_prefix(suffix, ".cold") && (!suffix[5] || suffix[5] == '.');
}

static void note(struct symbol *symbol, const struct line *line)
{
	size_t len = strlen(symbol->name);

	if (strncmp(line->name, symbol->name, len))
		return;
	if (line->name[len] == '.' && !is_cold(line->name + len)) {
		if (!symbol->clone)
			symbol->clone = g_strdup(line->name);
	} else if (!line->name[len]) {
		if (!symbol->n++)
			symbol->module = g_strdup(line->module);
		symbol->n_text += !!strchr("tTwW", line->type);
	}
}

bool symbols_find(const char *root, struct symbol *symbols, unsigned int n_symbols, GError **error)
{
	g_autofree char *path = g_strconcat(root, "/proc/kallsyms", NULL);
	FILE *file = fopen(path, "re");
	bool fine = true;
	char *text = NULL;
	size_t room = 0;

	for (unsigned int i = 0; i < n_symbols; i++)
		symbols[i] = (struct symbol){ .name = symbols[i].name };
	if (!file) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "cannot open '%s': %s", path, g_strerror(errno));
		return false;
	}
	errno = 0;
	while (fine && getline(&text, &room, file) >= 0) {
		struct line line;

		fine = parse(text, &line);
		for (unsigned int i = 0; fine && i < n_symbols; i++)
			note(&symbols[i], &line);
	}
	if (!fine)
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
			    "'%s' is not a list of symbols", path);
	else if (ferror(file)) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "cannot read '%s': %s", path, g_strerror(errno));
		fine = false;
	}
	free(text);
	fclose(file);
	if (!fine)
		symbols_release(symbols, n_symbols);
	return fine;
}

void symbols_release(struct symbol *symbols, unsigned int n_symbols)
{
	for (unsigned int i = 0; i < n_symbols; i++) {
		g_clear_pointer(&symbols[i].module, g_free);
		g_clear_pointer(&symbols[i].clone, g_free);
	}
}

char *symbol_refusal(const struct symbol *symbol)
{
	if (symbol->n > 1)
		return g_strdup_printf("'%s' is %u times in kallsyms", symbol->name, symbol->n);
	if (symbol->clone)
		return g_strdup_printf("the compiler changed '%s' ('%s' is in kallsyms)",
				       symbol->name, symbol->clone);
	if (!symbol->n)
		return g_strdup_printf("'%s' is not in kallsyms: inlined, or KVM is not loaded",
				       symbol->name);
	if (!symbol->n_text)
		return g_strdup_printf("'%s' in kallsyms is not a function", symbol->name);
	return NULL;
}
