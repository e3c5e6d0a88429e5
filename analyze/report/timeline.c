// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/timeline.h"

#include <string.h>

#include "analyze/report/moments.h"
#include "schema/db.h"

/* How much of a moment is left out; each level leaves out what the one before does, too. */
enum level {
	ALL,
	TELLING,	/* explanations of decisions alone that a policy makes differently, or of the moment's wait */
	OF_THE_VM,	/* CPUs on which the moment's VM did not run, and waits of other VMs */
	ONE_EXPLAINED,	/* explanations but the one to look at first */
	NAMED,		/* all but the sentence */
	N_LEVELS
};

struct page {
	struct moments *moments;
	enum level levels[MAX_MOMENTS];
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
		for (unsigned int i = 0; i < page->moments->vcpus->len; i++)
			if (g_array_index(page->moments->vcpus, struct shown_vcpu, i).id == db_column(s, 2))
				vcpu = i;
		append_number(thread, db_column(s, 0));
		cJSON_AddItemToArray(thread, cJSON_CreateString((const char *)sqlite3_column_text(s, 1)));
		append_number(thread, vcpu);
	}
	cJSON_AddItemToArray(page->thread_list, thread);
	g_hash_table_insert(page->threads, g_memdup2(&id, sizeof(id)), GUINT_TO_POINTER(g_hash_table_size(page->threads)));
	return g_hash_table_size(page->threads) - 1;
}

static bool of_vm(const struct page *page, const struct shown_moment *m, int64_t vcpu)
{
	return g_array_index(page->moments->vcpus, struct shown_vcpu, vcpu).vm == m->vm;
}

/* The CPUs on which the moment's VM ran. */
static GHashTable *cpus_of_vm(struct page *page, const struct shown_moment *m)
{
	GHashTable *cpus = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g_autoptr(db_stmt) s = db_prepare(page->moments->db, "SELECT vm FROM vcpu JOIN thread ON thread.vcpu = vcpu.id "
					  "WHERE thread.id = ?");
	int64_t vm = g_array_index(page->moments->vms, struct shown_vm, m->vm).id;

	for (unsigned int i = 0; i < rows_count(&m->rows[ROWS_RUN]); i++) {
		const int64_t *row = rows_at(&m->rows[ROWS_RUN], i);

		if (g_hash_table_contains(cpus, &row[0]))
			continue;
		db_bind_int(s, 1, row[1]);
		if (db_next(s, NULL) && db_column(s, 0) == vm)
			g_hash_table_add(cpus, g_memdup2(&row[0], sizeof(row[0])));
		sqlite3_reset(s);
	}
	return cpus;
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

static cJSON *run_json(struct page *page, const struct shown_moment *m, enum level level, unsigned int *n_left_out)
{
	g_autoptr(GHashTable) lists = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g_autoptr(GHashTable) left_out = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g_autoptr(GHashTable) cpus = level >= OF_THE_VM ? cpus_of_vm(page, m) : NULL;
	cJSON *groups = cJSON_CreateArray();

	for (unsigned int i = 0; i < rows_count(&m->rows[ROWS_RUN]); i++) {
		const int64_t *row = rows_at(&m->rows[ROWS_RUN], i);
		cJSON *list;

		if (cpus && !g_hash_table_contains(cpus, &row[0])) {
			g_hash_table_add(left_out, g_memdup2(&row[0], sizeof(row[0])));
			continue;
		}
		list = group(groups, lists, row[0]);
		append_number(list, thread_on_page(page, row[1]));
		append_number(list, row[2]);
		append_number(list, row[3]);
	}
	*n_left_out = g_hash_table_size(left_out);
	return groups;
}

static cJSON *waits_json(struct page *page, const struct shown_moment *m, enum level level)
{
	g_autoptr(GHashTable) lists = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	cJSON *groups = cJSON_CreateArray();

	for (unsigned int i = 0; i < rows_count(&m->rows[ROWS_WAITS]); i++) {
		const int64_t *row = rows_at(&m->rows[ROWS_WAITS], i);
		cJSON *list;

		if (level >= OF_THE_VM && !of_vm(page, m, row[0]))
			continue;
		list = group(groups, lists, row[0]);
		for (unsigned int column = 1; column < 5; column++)
			append_number(list, row[column]);
	}
	return groups;
}

static cJSON *row_json(struct page *page, const struct rows *rows, unsigned int i, unsigned int width)
{
	const int64_t *row = rows_at(rows, i);
	cJSON *list = cJSON_CreateArray();

	for (unsigned int column = 0; column < width; column++)
		append_number(list, rows->is_word & 1u << column ? word_on_page(page, row[column]) : row[column]);
	return list;
}

static cJSON *rows_json(struct page *page, const struct rows *rows)
{
	cJSON *list = cJSON_CreateArray();

	for (unsigned int i = 0; i < rows_count(rows); i++)
		cJSON_AddItemToArray(list, row_json(page, rows, i, rows->width));
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

static cJSON *decisions_json(struct page *page, const struct shown_moment *m, enum level level, unsigned int *n_left_out)
{
	const struct rows *rows = &m->rows[ROWS_DECISIONS];
	int64_t least = level >= ONE_EXPLAINED ? 2 : level >= TELLING ? 1 : 0;
	cJSON *list = cJSON_CreateArray();

	*n_left_out = 0;
	for (unsigned int i = 0; i < rows_count(rows); i++) {
		const int64_t *row = rows_at(rows, i);
		cJSON *decision = row_json(page, rows, i, DECISION_EXPLAINED);
		bool shown = row[DECISION_EXPLAINED] != DB_NULL && row[DECISION_KEEP] >= least;

		*n_left_out += row[DECISION_EXPLAINED] != DB_NULL && !shown;
		cJSON_AddItemToArray(decision, shown ? explained_json(page, row[DECISION_EXPLAINED]) : cJSON_CreateNull());
		cJSON_AddItemToArray(list, decision);
	}
	return list;
}

static cJSON *moment_json(struct page *page, const struct shown_moment *m, enum level level)
{
	cJSON *o = cJSON_CreateObject(), *omitted;
	unsigned int n_cpus = 0, n_explanations = 0;

	cJSON_AddNumberToObject(o, "id", m->id);
	cJSON_AddStringToObject(o, "kind", m->kind);
	cJSON_AddStringToObject(o, "what", m->what);
	cJSON_AddNumberToObject(o, "vm", m->vm);
	cJSON_AddNumberToObject(o, "decision", m->decision);
	cJSON_AddNumberToObject(o, "episode", m->episode);
	cJSON_AddNumberToObject(o, "t0", m->t0 - page->moments->t0);
	cJSON_AddNumberToObject(o, "len", m->t1 - m->t0);
	if (level < NAMED) {
		cJSON_AddItemToObject(o, "run", run_json(page, m, level, &n_cpus));
		cJSON_AddItemToObject(o, "waits", waits_json(page, m, level));
		cJSON_AddItemToObject(o, "episodes", rows_json(page, &m->rows[ROWS_EPISODES]));
		cJSON_AddItemToObject(o, "ipis", rows_json(page, &m->rows[ROWS_IPIS]));
		cJSON_AddItemToObject(o, "gaps", rows_json(page, &m->rows[ROWS_GAPS]));
		cJSON_AddItemToObject(o, "decisions", decisions_json(page, m, level, &n_explanations));
	}
	omitted = cJSON_AddObjectToObject(o, "omitted");
	cJSON_AddBoolToObject(omitted, "picture", level == NAMED);
	cJSON_AddNumberToObject(omitted, "cpus", n_cpus);
	cJSON_AddNumberToObject(omitted, "explanations", n_explanations);
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
		cJSON_AddItemToArray(vm, cJSON_CreateString(v->name));
		cJSON_AddItemToArray(vms, vm);
	}
	for (unsigned int i = 0; i < moments->vcpus->len; i++) {
		const struct shown_vcpu *v = &g_array_index(moments->vcpus, struct shown_vcpu, i);

		cJSON_AddItemToArray(vcpus, cJSON_CreateIntArray((int[]){ v->vm, v->idx, v->vcpu_id }, 3));
	}
	for (unsigned int i = 0; i < moments->policies->len; i++) {
		const struct shown_policy *p = &g_array_index(moments->policies, struct shown_policy, i);
		cJSON *policy = cJSON_CreateObject();

		cJSON_AddStringToObject(policy, "name", p->name);
		cJSON_AddStringToObject(policy, "parameters", p->parameters);
		cJSON_AddItemToArray(policies, policy);
	}
	cJSON_AddItemToObject(o, "states", strings_json(moments->states));
	cJSON_AddItemToObject(o, "known", strings_json(moments->known));
	cJSON_AddItemToObject(o, "steps", strings_json(moments->steps));
}

static cJSON *page_json(struct page *page)
{
	cJSON *o = cJSON_CreateObject(), *list = cJSON_CreateArray(), *omitted;

	page->words = words_new();
	page->threads = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	page->thread_list = cJSON_CreateArray();
	add_inventory(o, page->moments);
	for (unsigned int i = 0; i < page->moments->list->len; i++)
		cJSON_AddItemToArray(list, moment_json(page, page->moments->list->pdata[i], page->levels[i]));
	cJSON_AddItemToObject(o, "threads", page->thread_list);
	cJSON_AddItemToObject(o, "names", strings_json(page->words->texts));
	cJSON_AddItemToObject(o, "moments", list);
	omitted = cJSON_AddObjectToObject(o, "omitted");
	cJSON_AddNumberToObject(omitted, "moments", page->moments->n_more);
	g_hash_table_destroy(page->threads);
	words_free(page->words);
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

static size_t json_size(const cJSON *o)
{
	char *text = cJSON_PrintUnformatted(o);
	size_t size = text ? strlen(text) : 0;

	cJSON_free(text);
	return size;
}

cJSON *timeline_json(sqlite3 *db, size_t budget_bytes, GError **error)
{
	struct page page = { .moments = moments_load(db, error) };
	cJSON *o = NULL;

	if (page.moments && moments_explain(page.moments, error)) {
		for (unsigned int i = 0; i < page.moments->list->len; i++)
			if (((struct shown_moment *)page.moments->list->pdata[i])->too_big)
				page.levels[i] = NAMED;
		o = page_json(&page);
		while (json_size(o) > budget_bytes && leave_out(&page)) {
			cJSON_Delete(o);
			o = page_json(&page);
		}
	}
	moments_free(page.moments);
	return o;
}
