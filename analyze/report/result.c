// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/result.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "analyze/report/reading.h"

const char *const answer_kind_names[] = { "yes", "no", "partly", "not known" };

static void answer_free(void *p)
{
	struct answer *a = p;

	g_free(a->sentence);
	g_free(a);
}

static void table_free(void *p)
{
	struct table *t = p;

	for (guint i = 0; i < t->rows->len; i++) {
		struct cell *row = t->rows->pdata[i];

		for (unsigned int c = 0; c < t->n_columns; c++)
			g_free(row[c].text);
	}
	g_ptr_array_unref(t->rows);
	g_free(t);
}

static void section_free(void *p)
{
	struct section *s = p;

	g_ptr_array_unref(s->notes);
	g_ptr_array_unref(s->tables);
	g_free(s);
}

struct result *result_new(const char *title)
{
	struct result *r = g_new0(struct result, 1);

	r->title = g_utf8_make_valid(title, -1);
	r->answers = g_ptr_array_new_with_free_func(answer_free);
	r->warnings = g_ptr_array_new_with_free_func(g_free);
	r->sections = g_ptr_array_new_with_free_func(section_free);
	return r;
}

void result_free(struct result *r)
{
	if (!r)
		return;
	g_ptr_array_unref(r->answers);
	g_ptr_array_unref(r->warnings);
	g_ptr_array_unref(r->sections);
	g_free(r->title);
	g_free(r);
}

const struct table *result_table(const struct result *r, const char *id)
{
	for (guint i = 0; i < r->sections->len; i++) {
		const struct section *s = r->sections->pdata[i];

		for (guint j = 0; j < s->tables->len; j++) {
			const struct table *t = s->tables->pdata[j];

			if (!strcmp(t->spec->id, id))
				return t;
		}
	}
	return NULL;
}

void result_answer(struct result *r, const char *id, const char *question, enum answer_kind kind,
		   const char *format, ...)
{
	struct answer *a = g_new0(struct answer, 1);
	g_autofree char *sentence = NULL;
	va_list args;

	a->id = id;
	a->question = question;
	a->kind = kind;
	va_start(args, format);
	sentence = g_strdup_vprintf(format, args);
	va_end(args);
	a->sentence = g_utf8_make_valid(sentence, -1);
	g_ptr_array_add(r->answers, a);
}

struct section *result_section(struct result *r, const char *id, const char *title)
{
	struct section *s = g_new0(struct section, 1);

	s->id = id;
	s->title = title;
	s->notes = g_ptr_array_new_with_free_func(g_free);
	s->tables = g_ptr_array_new_with_free_func(table_free);
	g_ptr_array_add(r->sections, s);
	return s;
}

void section_note(struct section *s, const char *format, ...)
{
	g_autofree char *sentence = NULL;
	va_list args;

	va_start(args, format);
	sentence = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(s->notes, g_utf8_make_valid(sentence, -1));
}

struct table *section_table(struct section *s, const struct table_spec *spec)
{
	struct table *t = g_new0(struct table, 1);

	t->spec = spec;
	while (t->n_columns < MAX_COLUMNS && spec->columns[t->n_columns].key)
		t->n_columns++;
	t->rows = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(s->tables, t);
	return t;
}

struct cell *table_row(struct table *t)
{
	struct cell *row = g_new0(struct cell, t->n_columns);

	for (unsigned int i = 0; i < t->n_columns; i++)
		row[i].value = row[i].statistical[0] = row[i].statistical[1] = row[i].total[0] = row[i].total[1] = NAN;
	g_ptr_array_add(t->rows, row);
	return row;
}

void cell_set(struct cell *cell, double value)
{
	cell->value = reading_finite(value);
	cell->known = !isnan(cell->value);
}

void cell_set_estimate(struct cell *cell, double value, const double *statistical, const double *total)
{
	cell_set(cell, value);
	for (unsigned int i = 0; i < 2; i++) {
		cell->statistical[i] = reading_finite(statistical[i]);
		cell->total[i] = reading_finite(total[i]);
	}
}

void cell_set_text(struct cell *cell, const char *text)
{
	g_free(cell->text);
	cell->text = text ? reading_cut(text) : NULL;
	cell->known = text;
}

static void cut_texts(struct table *t, glong max)
{
	for (guint i = 0; i < t->rows->len; i++)
		for (unsigned int c = 0; c < t->n_columns; c++) {
			struct cell *cell = (struct cell *)t->rows->pdata[i] + c;
			g_autofree char *text = g_steal_pointer(&cell->text);

			cell->text = text ? reading_cut_to(text, max) : NULL;
		}
}

void result_cut_texts(struct result *r, glong max)
{
	for (guint i = 0; i < r->sections->len; i++) {
		const struct section *s = r->sections->pdata[i];

		for (guint j = 0; j < s->tables->len; j++)
			cut_texts(s->tables->pdata[j], max);
	}
}

unsigned int table_column(const struct table *t, const char *key)
{
	for (unsigned int i = 0; i < t->n_columns; i++)
		if (!strcmp(t->spec->columns[i].key, key))
			return i;
	g_error("table '%s' has no column '%s'", t->spec->id, key);
}

const struct cell *table_cell(const struct table *t, guint row, const char *key)
{
	return (const struct cell *)t->rows->pdata[row] + table_column(t, key);
}

static void set_cell(struct cell *cell, enum column_kind kind, sqlite3_stmt *s, int *at)
{
	double numbers[5];

	if (kind == COLUMN_TEXT) {
		cell_set_text(cell, (const char *)sqlite3_column_text(s, (*at)++));
		return;
	}
	for (unsigned int i = 0; i < (kind == COLUMN_ESTIMATE ? 5 : 1); i++)
		numbers[i] = reading_real(s, (*at)++);
	if (kind == COLUMN_ESTIMATE)
		cell_set_estimate(cell, numbers[0], numbers + 1, numbers + 3);
	else
		cell_set(cell, numbers[0]);
}

bool section_query(struct section *section, const struct table_spec *spec, sqlite3 *db, GError **error)
{
	struct table *t = section_table(section, spec);
	g_autoptr(db_stmt) s = db_prepare(db, spec->sql);
	GError *broken = NULL;

	while (db_next(s, &broken)) {
		struct cell *row = table_row(t);
		int at = 0;

		for (unsigned int c = 0; c < t->n_columns; c++)
			set_cell(&row[c], spec->columns[c].kind, s, &at);
		g_assert(at == sqlite3_column_count(s));
	}
	if (broken)
		g_propagate_error(error, broken);
	return !broken;
}
