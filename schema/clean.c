// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema/clean.h"

char *clean_text(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	GString *clean = g_string_new(NULL);

	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		g_string_append_unichar(clean, g_unichar_iscntrl(c) ? '?' : c);
	}
	return g_string_free(clean, FALSE);
}

char *clean_column(sqlite3_stmt *stmt, int i)
{
	const char *text = (const char *)sqlite3_column_text(stmt, i);

	return text ? clean_text(text) : NULL;
}
