// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/json.h"

#include <math.h>

static cJSON *number_json(double value)
{
	return isnan(value) ? cJSON_CreateNull() : cJSON_CreateNumber(value);
}

static cJSON *interval_json(const double *interval)
{
	cJSON *list;

	if (isnan(interval[0]) || isnan(interval[1]))
		return cJSON_CreateNull();
	list = cJSON_CreateArray();
	for (unsigned int i = 0; i < 2; i++)
		cJSON_AddItemToArray(list, cJSON_CreateNumber(interval[i]));
	return list;
}

static cJSON *cell_json(const struct column *column, const struct cell *cell)
{
	cJSON *o;

	if (!cell->known)
		return cJSON_CreateNull();
	switch (column->kind) {
	case COLUMN_TEXT:
		return cJSON_CreateString(cell->text);
	case COLUMN_YES:
		return cJSON_CreateBool(cell->value != 0);
	case COLUMN_ESTIMATE:
		o = cJSON_CreateObject();
		cJSON_AddItemToObject(o, "value", number_json(cell->value));
		cJSON_AddItemToObject(o, "statistical", interval_json(cell->statistical));
		cJSON_AddItemToObject(o, "total", interval_json(cell->total));
		return o;
	default:
		return cJSON_CreateNumber(cell->value);
	}
}

static cJSON *table_json(const struct table *t)
{
	cJSON *list = cJSON_CreateArray();

	for (guint i = 0; i < t->rows->len; i++) {
		const struct cell *row = t->rows->pdata[i];
		cJSON *o = cJSON_CreateObject();

		for (unsigned int c = 0; c < t->n_columns; c++)
			cJSON_AddItemToObject(o, t->spec->columns[c].key, cell_json(&t->spec->columns[c], &row[c]));
		cJSON_AddItemToArray(list, o);
	}
	return list;
}

static cJSON *strings_json(const GPtrArray *strings)
{
	cJSON *list = cJSON_CreateArray();

	for (guint i = 0; i < strings->len; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(strings->pdata[i]));
	return list;
}

cJSON *json_of(const struct result *r)
{
	cJSON *root = cJSON_CreateObject(), *answers, *notes;

	cJSON_AddStringToObject(root, "title", r->title);
	answers = cJSON_AddArrayToObject(root, "answers");
	for (guint i = 0; i < r->answers->len; i++) {
		const struct answer *a = r->answers->pdata[i];
		cJSON *o = cJSON_CreateObject();

		cJSON_AddStringToObject(o, "id", a->id);
		cJSON_AddStringToObject(o, "question", a->question);
		cJSON_AddStringToObject(o, "answer", answer_kind_names[a->kind]);
		cJSON_AddStringToObject(o, "sentence", a->sentence);
		cJSON_AddItemToArray(answers, o);
	}
	cJSON_AddItemToObject(root, "warnings", strings_json(r->warnings));
	notes = cJSON_AddObjectToObject(root, "notes");
	for (guint i = 0; i < r->sections->len; i++) {
		const struct section *s = r->sections->pdata[i];

		cJSON_AddItemToObject(notes, s->id, strings_json(s->notes));
		for (guint j = 0; j < s->tables->len; j++) {
			const struct table *t = s->tables->pdata[j];

			cJSON_AddItemToObject(root, t->spec->id, table_json(t));
		}
	}
	return root;
}
