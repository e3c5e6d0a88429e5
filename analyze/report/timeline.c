// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/timeline.h"

#include <string.h>

#include "analyze/report/moment_cut.h"
#include "analyze/report/reading.h"
#include "schema/db.h"

enum { LEAST_ROW_BYTES = 12 };

struct page {
	struct moments *moments;
	enum level levels[MAX_MOMENTS];
	enum level least[MAX_MOMENTS];	/* with less left out not even this moment alone is small enough */
	struct words *words;	/* those that are on the page */
	GHashTable *threads;	/* thread.id to its place on the page */
	cJSON *thread_list;
};

static cJSON *number_or_null(int64_t n)
{
	return n == DB_NULL ? cJSON_CreateNull() : cJSON_CreateNumber(n);
}

static void append_number(cJSON *list, int64_t n)
{
	cJSON_AddItemToArray(list, number_or_null(n));
}

/* A word of the database as a number of the page. */
static int64_t word_on_page(struct page *page, int64_t word)
{
	return word == DB_NULL ? DB_NULL : words_number(page->words, page->moments->names->texts->pdata[word]);
}

static int64_t thread_on_page(struct page *page, int64_t id)
{
	g_autoptr(db_stmt) s = NULL;
	cJSON *thread;
	gpointer number;
	int64_t vcpu = DB_NULL;

	if (g_hash_table_lookup_extended(page->threads, &id, NULL, &number))
		return GPOINTER_TO_UINT(number);
	s = db_prepare(page->moments->db, "SELECT tid, coalesce(comm, ''), vcpu FROM thread WHERE id = ?");
	db_bind_int(s, 1, id);
	thread = cJSON_CreateArray();
	if (db_next(s, NULL)) {
		g_autofree char *comm = reading_word(s, 1);

		for (unsigned int i = 0; i < page->moments->vcpus->len; i++)
			if (g_array_index(page->moments->vcpus, struct shown_vcpu, i).id == db_column(s, 2))
				vcpu = i;
		append_number(thread, db_column(s, 0));
		cJSON_AddItemToArray(thread, cJSON_CreateString(comm));
		append_number(thread, vcpu);
	}
	cJSON_AddItemToArray(page->thread_list, thread);
	g_hash_table_insert(page->threads, g_memdup2(&id, sizeof(id)), GUINT_TO_POINTER(g_hash_table_size(page->threads)));
	return g_hash_table_size(page->threads) - 1;
}

/* The list of a row's first column in groups, which it makes. */
static cJSON *group(cJSON *groups, GHashTable *lists, int64_t key)
{
	cJSON *list = g_hash_table_lookup(lists, &key), *pair;

	if (list)
		return list;
	pair = cJSON_CreateArray();
	list = cJSON_CreateArray();
	append_number(pair, key);
	cJSON_AddItemToArray(pair, list);
	cJSON_AddItemToArray(groups, pair);
	g_hash_table_insert(lists, g_memdup2(&key, sizeof(key)), list);
	return list;
}

static cJSON *run_json(struct page *page, const struct moment_cut *cut)
{
	g_autoptr(GHashTable) lists = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	const struct rows *rows = &cut->m->rows[ROWS_RUN];
	cJSON *groups = cJSON_CreateArray();

	for (unsigned int i = 0; i < rows_count(rows); i++) {
		const int64_t *row = rows_at(rows, i);
		cJSON *list;

		if (!moment_cut_keeps(cut, ROWS_RUN, row))
			continue;
		list = group(groups, lists, row[RUN_CPU]);
		append_number(list, thread_on_page(page, row[RUN_THREAD]));
		append_number(list, moment_cut_value(cut, ROWS_RUN, row, RUN_T));
		append_number(list, row[RUN_LEN]);
	}
	return groups;
}

static cJSON *waits_json(const struct moment_cut *cut)
{
	g_autoptr(GHashTable) lists = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	const struct rows *rows = &cut->m->rows[ROWS_WAITS];
	cJSON *groups = cJSON_CreateArray();

	for (unsigned int i = 0; i < rows_count(rows); i++) {
		const int64_t *row = rows_at(rows, i);
		cJSON *list;

		if (!moment_cut_keeps(cut, ROWS_WAITS, row))
			continue;
		list = group(groups, lists, row[0]);
		for (unsigned int column = 1; column < rows->width; column++)
			append_number(list, moment_cut_value(cut, ROWS_WAITS, row, column));
	}
	return groups;
}

static cJSON *row_json(struct page *page, const struct moment_cut *cut, enum row_kind kind, const int64_t *row,
		       unsigned int width)
{
	uint32_t is_word = cut->m->rows[kind].is_word;
	cJSON *list = cJSON_CreateArray();

	for (unsigned int column = 0; column < width; column++)
		append_number(list, is_word & 1u << column ? word_on_page(page, row[column]) :
			      moment_cut_value(cut, kind, row, column));
	return list;
}

static cJSON *rows_json(struct page *page, const struct moment_cut *cut, enum row_kind kind)
{
	const struct rows *rows = &cut->m->rows[kind];
	cJSON *list = cJSON_CreateArray();

	for (unsigned int i = 0; i < rows_count(rows); i++)
		if (moment_cut_keeps(cut, kind, rows_at(rows, i)))
			cJSON_AddItemToArray(list, row_json(page, cut, kind, rows_at(rows, i), rows->width));
	return list;
}

/* The next list of a flat explanation: a count and so many values. */
static cJSON *next_list(struct page *page, const GArray *flat, unsigned int *at, bool words)
{
	cJSON *list = cJSON_CreateArray();
	int64_t n = g_array_index(flat, int64_t, (*at)++);

	for (; n > 0; n--) {
		int64_t value = g_array_index(flat, int64_t, (*at)++);

		append_number(list, words ? word_on_page(page, value) : value);
	}
	return list;
}

static cJSON *explained_json(struct page *page, int64_t number)
{
	const GArray *flat = page->moments->explained->pdata[number];
	cJSON *list = cJSON_CreateArray();
	unsigned int at = 3;

	for (unsigned int i = 0; i < at; i++)
		append_number(list, g_array_index(flat, int64_t, i));
	for (unsigned int i = 0; i < 3; i++)
		cJSON_AddItemToArray(list, next_list(page, flat, &at, i > 0));
	return list;
}

static cJSON *decisions_json(struct page *page, const struct moment_cut *cut, unsigned int *n_left_out)
{
	const struct rows *rows = &cut->m->rows[ROWS_DECISIONS];
	cJSON *list = cJSON_CreateArray();

	for (unsigned int i = 0; i < rows_count(rows); i++) {
		const int64_t *row = rows_at(rows, i);
		bool explained = row[DECISION_EXPLAINED] != DB_NULL, shown = explained && row[DECISION_KEEP] >= cut->least;
		cJSON *decision;

		if (!moment_cut_keeps(cut, ROWS_DECISIONS, row))
			continue;
		*n_left_out += explained && !shown;
		decision = row_json(page, cut, ROWS_DECISIONS, row, DECISION_EXPLAINED);
		cJSON_AddItemToArray(decision, shown ? explained_json(page, row[DECISION_EXPLAINED]) : cJSON_CreateNull());
		cJSON_AddItemToArray(list, decision);
	}
	return list;
}

static void add_picture(cJSON *o, struct page *page, const struct moment_cut *cut, unsigned int *n_explanations)
{
	cJSON_AddItemToObject(o, "run", run_json(page, cut));
	cJSON_AddItemToObject(o, "waits", waits_json(cut));
	cJSON_AddItemToObject(o, "episodes", rows_json(page, cut, ROWS_EPISODES));
	cJSON_AddItemToObject(o, "ipis", rows_json(page, cut, ROWS_IPIS));
	cJSON_AddItemToObject(o, "gaps", rows_json(page, cut, ROWS_GAPS));
	cJSON_AddItemToObject(o, "decisions", decisions_json(page, cut, n_explanations));
}

static cJSON *moment_json(struct page *page, const struct shown_moment *m, enum level level)
{
	struct moment_cut *cut = moment_cut_new(page->moments, m, level);
	cJSON *o = cJSON_CreateObject(), *omitted;
	unsigned int n_explanations = 0;

	cJSON_AddNumberToObject(o, "id", m->id);
	cJSON_AddStringToObject(o, "kind", m->kind);
	cJSON_AddStringToObject(o, "what", m->what);
	cJSON_AddNumberToObject(o, "vm", m->vm);
	cJSON_AddNumberToObject(o, "decision", m->decision);
	cJSON_AddNumberToObject(o, "episode", m->episode);
	cJSON_AddNumberToObject(o, "t0", m->t0 + cut->t0 - page->moments->t0);
	cJSON_AddNumberToObject(o, "len", cut->t1 - cut->t0);
	if (level < NAMED)
		add_picture(o, page, cut, &n_explanations);
	omitted = cJSON_AddObjectToObject(o, "omitted");
	cJSON_AddBoolToObject(omitted, "picture", level == NAMED);
	cJSON_AddNumberToObject(omitted, "ns", m->t1 - m->t0 - (cut->t1 - cut->t0));
	cJSON_AddNumberToObject(omitted, "cpus", level < NAMED ? moment_cut_cpus_left_out(cut) : 0);
	cJSON_AddNumberToObject(omitted, "explanations", n_explanations);
	moment_cut_free(cut);
	return o;
}

static cJSON *strings_json(const GPtrArray *texts)
{
	return cJSON_CreateStringArray((const char *const *)texts->pdata, texts->len);
}

static void add_inventory(cJSON *o, const struct moments *moments)
{
	cJSON *vms = cJSON_AddArrayToObject(o, "vms"), *vcpus = cJSON_AddArrayToObject(o, "vcpus");
	cJSON *policies = cJSON_AddArrayToObject(o, "policies");

	for (unsigned int i = 0; i < moments->vms->len; i++) {
		const struct shown_vm *v = &g_array_index(moments->vms, struct shown_vm, i);
		cJSON *vm = cJSON_CreateArray();

		append_number(vm, v->id);
		cJSON_AddItemToArray(vm, cJSON_CreateString(v->label));
		cJSON_AddItemToArray(vms, vm);
	}
	for (unsigned int i = 0; i < moments->vcpus->len; i++) {
		const struct shown_vcpu *v = &g_array_index(moments->vcpus, struct shown_vcpu, i);

		cJSON_AddItemToArray(vcpus, cJSON_CreateIntArray((int[]){ v->vm, v->idx, v->vcpu_id }, 3));
	}
	for (unsigned int i = 0; i < moments->policies->len; i++) {
		const struct shown_policy *p = &g_array_index(moments->policies, struct shown_policy, i);
		cJSON *policy = cJSON_CreateObject();

		cJSON_AddStringToObject(policy, "name", p->label ? p->label : p->name);
		cJSON_AddStringToObject(policy, "parameters", p->parameters);
		cJSON_AddItemToArray(policies, policy);
	}
	cJSON_AddItemToObject(o, "states", strings_json(moments->states));
	cJSON_AddItemToObject(o, "known", strings_json(moments->known));
	cJSON_AddItemToObject(o, "steps", strings_json(moments->steps));
}

static void page_begin(struct page *page)
{
	page->words = words_new();
	page->threads = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	page->thread_list = cJSON_CreateArray();
}

static void page_end(struct page *page)
{
	g_hash_table_destroy(page->threads);
	words_free(page->words);
}

static cJSON *page_json(struct page *page)
{
	cJSON *o = cJSON_CreateObject(), *list = cJSON_CreateArray(), *omitted;

	page_begin(page);
	add_inventory(o, page->moments);
	for (unsigned int i = 0; i < page->moments->list->len; i++)
		cJSON_AddItemToArray(list, moment_json(page, page->moments->list->pdata[i], page->levels[i]));
	cJSON_AddItemToObject(o, "threads", page->thread_list);
	cJSON_AddItemToObject(o, "names", strings_json(page->words->texts));
	cJSON_AddItemToObject(o, "moments", list);
	omitted = cJSON_AddObjectToObject(o, "omitted");
	cJSON_AddNumberToObject(omitted, "moments", page->moments->n_more);
	page_end(page);
	return o;
}

/* Leave out a bit more: the mildest that is left, of the last moment that has it. False: nothing is left. */
static bool leave_out(struct page *page)
{
	for (enum level level = ALL; level < NAMED; level++)
		for (unsigned int i = page->moments->list->len; i-- > 0;)
			if (page->levels[i] == level) {
				page->levels[i]++;
				return true;
			}
	return false;
}

/* Of its text; frees it. */
static size_t size_of(cJSON *o)
{
	char *text = cJSON_PrintUnformatted(o);
	size_t size = text ? strlen(text) : 0;

	cJSON_free(text);
	cJSON_Delete(o);
	return size;
}

static size_t page_size(struct page *page)
{
	return size_of(page_json(page));
}

/* The size of a moment by itself, or what it has at least where that is too much already. */
static size_t moment_size(struct page *page, const struct shown_moment *m, enum level level, size_t too_much)
{
	struct moment_cut *cut = moment_cut_new(page->moments, m, level);
	size_t size = moment_cut_rows(cut) * (size_t)LEAST_ROW_BYTES;

	moment_cut_free(cut);
	if (size > too_much)
		return size;
	page_begin(page);
	size = size_of(moment_json(page, m, level));
	cJSON_Delete(page->thread_list);
	page_end(page);
	return size;
}

/* Huge moments first, each by itself, so that fitting the whole is no long work. */
static void find_least(struct page *page, size_t budget_bytes)
{
	for (unsigned int i = 0; i < page->moments->list->len; i++) {
		const struct shown_moment *m = page->moments->list->pdata[i];
		enum level level = m->too_big ? NAMED : ALL;

		while (level < NAMED && moment_size(page, m, level, budget_bytes) > budget_bytes)
			level++;
		page->levels[i] = page->least[i] = level;
	}
}

/* What a moment late in the list gave up may have made room for the details of an earlier one. */
static void put_back(struct page *page, size_t budget_bytes)
{
	for (unsigned int i = 0; i < page->moments->list->len; i++) {
		enum level now = page->levels[i];

		for (enum level level = page->least[i]; level < now; level++) {
			page->levels[i] = level;
			if (page_size(page) <= budget_bytes)
				break;
			page->levels[i] = now;
		}
	}
}

static void fit(struct page *page, size_t budget_bytes)
{
	find_least(page, budget_bytes);
	if (page_size(page) <= budget_bytes)
		return;
	while (leave_out(page) && page_size(page) > budget_bytes)
		;
	put_back(page, budget_bytes);
}

cJSON *timeline_json(sqlite3 *db, size_t budget_bytes, GError **error)
{
	struct page page = { .moments = moments_load(db, error) };
	cJSON *o = NULL;

	if (page.moments && moments_explain(page.moments, error)) {
		fit(&page, budget_bytes);
		o = page_json(&page);
	}
	moments_free(page.moments);
	return o;
}
