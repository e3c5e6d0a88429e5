// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/reading.h"

#include <math.h>
#include <string.h>

/* Is there one recording, of times between which others can be? */
static bool check_recording(sqlite3 *db, const char *path, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(db, "SELECT t0, t1, typeof(t0) = 'integer' AND typeof(t1) = 'integer', "
					      "count(*) OVER () FROM recording");
	GError *broken = NULL;
	int64_t t0, t1;

	if (!db_next(s, &broken)) {
		if (!broken)
			g_set_error(error, DB_ERROR, 0, "'%s' is damaged: it holds no recording", path);
		else
			g_propagate_error(error, broken);
		return false;
	}
	if (db_column(s, 3) != 1) {
		g_set_error(error, DB_ERROR, 0, "'%s' is damaged: it holds several recordings", path);
		return false;
	}
	t0 = db_column(s, 0);
	t1 = db_column(s, 1);
	if (db_column(s, 2) && t0 >= -READING_TIME && t1 <= READING_TIME && t0 <= t1)
		return true;
	g_set_error(error, DB_ERROR, 0, "'%s' is damaged: no recording can be from %" G_GINT64_FORMAT " to %"
		    G_GINT64_FORMAT " ns", path, t0, t1);
	return false;
}

sqlite3 *reading_open(const char *path, GError **error)
{
	g_autoptr(sqlite3) db = db_open(path, error);

	if (!db || !db_exec(db, "BEGIN", error) || !check_recording(db, path, error))
		return NULL;
	return g_steal_pointer(&db);
}

char *reading_cut_to(const char *text, glong max)
{
	g_autofree char *start = NULL, *valid = NULL, *first = NULL;

	/* of a text of megabytes no more than may be shown is looked at */
	if (strlen(text) > (size_t)max * 4)
		text = start = g_strndup(text, max * 4 + 1);
	valid = g_utf8_make_valid(text, -1);
	if (g_utf8_strlen(valid, -1) <= max)
		return g_steal_pointer(&valid);
	first = g_utf8_substring(valid, 0, max - 1);
	return g_strconcat(first, "…", NULL);
}

char *reading_cut(const char *text)
{
	return reading_cut_to(text, READING_TEXT);
}

char *reading_text(sqlite3_stmt *s, int i)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return text ? reading_cut(text) : NULL;
}

char *reading_all_text(sqlite3_stmt *s, int i)
{
	return g_utf8_make_valid((const char *)sqlite3_column_text(s, i), -1);
}

char *reading_word(sqlite3_stmt *s, int i)
{
	char *text = reading_text(s, i);

	return text ? text : g_strdup("");
}

double reading_finite(double value)
{
	return fabs(value) <= READING_REAL ? value : NAN;
}

double reading_real(sqlite3_stmt *s, int i)
{
	return sqlite3_column_type(s, i) == SQLITE_NULL ? NAN : reading_finite(sqlite3_column_double(s, i));
}

int64_t reading_int(sqlite3_stmt *s, int i)
{
	return sqlite3_column_type(s, i) == SQLITE_NULL ? DB_NULL : reading_time(s, i);
}

int64_t reading_time(sqlite3_stmt *s, int i)
{
	int64_t value = sqlite3_column_int64(s, i);

	return CLAMP(value, -READING_TIME, READING_TIME);
}
