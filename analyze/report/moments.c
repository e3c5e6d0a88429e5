// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/moments.h"

#include <string.h>

#include "analyze/report/reading.h"
#include "schema/db.h"

struct words *words_new(void)
{
	struct words *w = g_new0(struct words, 1);

	w->texts = g_ptr_array_new_with_free_func(g_free);
	w->numbers = g_hash_table_new(g_str_hash, g_str_equal);
	return w;
}

void words_free(struct words *w)
{
	if (!w)
		return;
	g_hash_table_destroy(w->numbers);
	g_ptr_array_free(w->texts, TRUE);
	g_free(w);
}

unsigned int words_number(struct words *w, const char *text)
{
	gpointer number;
	char *copy;

	if (g_hash_table_lookup_extended(w->numbers, text, NULL, &number))
		return GPOINTER_TO_UINT(number);
	copy = g_strdup(text);
	g_hash_table_insert(w->numbers, copy, GUINT_TO_POINTER(w->texts->len));
	g_ptr_array_add(w->texts, copy);
	return w->texts->len - 1;
}

/* What a statement asks for is bound by name: the moment's id, and what follows from it. */
static const struct {
	enum row_kind kind;
	unsigned int width;
	uint32_t is_word;
	const char *sql;
} queries[] = {
	{ ROWS_EPISODES, 13, 1 << 4,
	  "SELECT e.id, v.vcpu_idx, e.t0 - :t0, e.t1 - e.t0, cause, unblocker_idx, confidence, vector, ipi, "
	  "first_decision, last_decision, n_decisions, tainted FROM episode e JOIN vcpu v ON v.id = e.vcpu "
	  "WHERE v.vm = :vm AND e.t0 < :t1 AND e.t1 > :t0 ORDER BY e.id" },
	{ ROWS_IPIS, 11, 1 << 4,
	  "SELECT i.id, s.vcpu_idx, r.vcpu_idx, vector, path || iif(mode = 'fixed', '', ', ' || mode) || "
	  "iif(shorthand = 'none', '', ', ' || shorthand) || iif(n_receivers > 1, ', to ' || n_receivers, ''), "
	  "t_send - :t0, t_accept - :t0, t_inject - :t0, t_ack - :t0, tracked, tainted "
	  "FROM ipi i JOIN vcpu s ON s.id = sender LEFT JOIN vcpu r ON r.id = receiver WHERE s.vm = :vm "
	  "AND t_send < :t1 AND coalesce(t_ack, t_inject, t_accept, t_send) >= :t0 ORDER BY i.id" },
	{ ROWS_GAPS, 5, 1 << 4,
	  "SELECT cpu, t0 - :t0, t1 - t0, events, why FROM gap WHERE t0 < :t1 AND t1 >= :t0 ORDER BY t0" },
	{ ROWS_DECISIONS, DECISION_WIDTH, 1 << DECISION_SOURCE | 1 << DECISION_TRIED | 1 << DECISION_PICKS |
	  1 << DECISION_OUTCOMES,
	  "SELECT d.id, v.vcpu_idx, d.cpu, t_start - :t0, t_end - t_start, "
	  "coalesce(iif(d.pick_source = 'probe', 'probed', d.pick_source), o.source, 'unknown'), "
	  "iif(d.pick_source IS NULL, o.pick_idx, d.pick_idx), "
	  "(SELECT group_concat(target_idx || iif(result IS NULL, '?', iif(result > 0, '+', iif(result = 0, '-', '!'))), "
	  "'') FROM (SELECT target_idx, result FROM attempt WHERE decision = d.id ORDER BY n)), "
	  "d.tainted, NULL, NULL, NULL, 0 FROM decision d JOIN vcpu v ON v.id = d.vcpu "
	  "LEFT JOIN outcome o ON o.decision = d.id WHERE v.vm = :vm AND t_start >= :t0 AND t_start < :t1 "
	  "ORDER BY t_start, d.id" },
};

static void clear_rows(struct shown_moment *m)
{
	for (unsigned int kind = 0; kind < N_ROW_KINDS; kind++)
		g_array_set_size(m->rows[kind].values, 0);
}

/* Room for one more row; NULL: there are too many of them, and the moment has none any more. */
static int64_t *add_row(struct shown_moment *m, enum row_kind kind)
{
	struct rows *rows = &m->rows[kind];

	if (m->too_big)
		return NULL;
	if (rows_count(rows) >= MAX_MOMENT_ROWS) {
		m->too_big = true;
		clear_rows(m);
		return NULL;
	}
	g_array_set_size(rows->values, rows->values->len + rows->width);
	return rows_at(rows, rows_count(rows) - 1);
}

static bool load_rows(struct moments *moments, struct shown_moment *m, unsigned int query, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(moments->db, queries[query].sql);
	int vm = sqlite3_bind_parameter_index(s, ":vm");
	GError *local = NULL;
	int64_t *row;

	db_bind_int(s, sqlite3_bind_parameter_index(s, ":t0"), m->t0);
	db_bind_int(s, sqlite3_bind_parameter_index(s, ":t1"), m->t1);
	if (vm)
		db_bind_int(s, vm, g_array_index(moments->vms, struct shown_vm, m->vm).id);
	while (db_next(s, &local) && (row = add_row(m, queries[query].kind)))
		for (unsigned int i = 0; i < queries[query].width; i++) {
			bool is_word = queries[query].is_word & 1u << i && sqlite3_column_type(s, i) != SQLITE_NULL;
			g_autofree char *text = is_word ? reading_all_text(s, i) : NULL;

			row[i] = text ? words_number(moments->names, text) : reading_int(s, i);
		}
	if (local)
		g_propagate_error(error, local);
	return !local;
}

/* A thread of a vCPU in the pass over on_cpu: where it was last. */
struct vcpu_thread {
	unsigned int vcpu;	/* place in moments.vcpus */
	bool seen, asleep;
	int64_t t1, in_kernel;
};

static void add_wait(struct moments *moments, const struct vcpu_thread *thread, enum wait_kind kind, int64_t t0,
		     int64_t t1, int64_t cpu)
{
	for (unsigned int i = 0; i < moments->list->len; i++) {
		struct shown_moment *m = moments->list->pdata[i];
		int64_t *row;

		if (t0 >= m->t1 || t1 <= m->t0)
			continue;
		row = add_row(m, ROWS_WAITS);
		if (row)
			memcpy(row, (int64_t[]){ thread->vcpu, kind, t0 - m->t0, t1 - t0, cpu }, 5 * sizeof(*row));
	}
}

/* As view vcpu_state has it, in one pass for all moments and with the mode in which it was preempted. */
static void add_waits(struct moments *moments, struct vcpu_thread *thread, sqlite3_stmt *s)
{
	int64_t t_ready = reading_int(s, 3), t0 = reading_time(s, 5);
	bool in_order = t_ready != DB_NULL && t_ready < t0;
	enum wait_kind kind = WAIT_PREEMPTED;

	if (db_column(s, 4) != DB_NULL)
		kind = WAIT_WAKING;
	else if (thread->seen && thread->t1 == t_ready && thread->in_kernel != DB_NULL)
		kind = thread->in_kernel ? WAIT_PREEMPTED_KERNEL : WAIT_PREEMPTED_USER;
	if (in_order)
		add_wait(moments, thread, kind, t_ready, t0, db_column(s, 2));
	if (thread->seen && thread->asleep && t_ready != DB_NULL && t_ready > thread->t1)
		add_wait(moments, thread, WAIT_BLOCKED, thread->t1, t_ready, DB_NULL);
}

static void add_run(struct moments *moments, const struct vcpu_thread *thread, sqlite3_stmt *s)
{
	int64_t t0 = reading_time(s, 5), t1 = reading_time(s, 6), vm = DB_NULL;

	if (thread)
		vm = g_array_index(moments->vcpus, struct shown_vcpu, thread->vcpu).vm;
	for (unsigned int i = 0; i < moments->list->len; i++) {
		struct shown_moment *m = moments->list->pdata[i];
		int64_t *row;

		if (t0 >= m->t1 || t1 <= m->t0)
			continue;
		row = add_row(m, ROWS_RUN);
		if (row)
			memcpy(row, (int64_t[RUN_WIDTH]){ db_column(s, 1), db_column(s, 0), t0 - m->t0, t1 - t0, vm },
			       RUN_WIDTH * sizeof(*row));
	}
}

static GHashTable *load_vcpu_threads(struct moments *moments, GError **error)
{
	g_autoptr(GHashTable) places = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g_autoptr(GHashTable) threads = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	g_autoptr(db_stmt) s = db_prepare(moments->db, "SELECT id, vcpu FROM thread WHERE vcpu NOT NULL");
	GError *local = NULL;

	for (unsigned int i = 0; i < moments->vcpus->len; i++)
		g_hash_table_insert(places, g_memdup2(&g_array_index(moments->vcpus, struct shown_vcpu, i).id, 8),
				    GUINT_TO_POINTER(i));
	while (db_next(s, &local)) {
		int64_t id = db_column(s, 0), vcpu = db_column(s, 1);
		struct vcpu_thread thread = { GPOINTER_TO_UINT(g_hash_table_lookup(places, &vcpu)) };

		if (g_hash_table_contains(places, &vcpu))
			g_hash_table_insert(threads, g_memdup2(&id, sizeof(id)), g_memdup2(&thread, sizeof(thread)));
	}
	if (local) {
		g_propagate_error(error, local);
		return NULL;
	}
	return g_steal_pointer(&threads);
}

/* Once over on_cpu, whose ids ascend in t0. */
static bool load_stretches(struct moments *moments, GError **error)
{
	g_autoptr(GHashTable) threads = load_vcpu_threads(moments, error);
	g_autoptr(db_stmt) s = db_prepare(moments->db, "SELECT thread, cpu, coalesce(cpu_ready, cpu), t_ready, waker, t0, t1, "
					  "coalesce(why NOT IN ('R', 'R+'), 0), in_kernel FROM on_cpu ORDER BY id");
	GError *local = NULL;

	if (!threads)
		return false;
	while (db_next(s, &local)) {
		int64_t id = db_column(s, 0);
		struct vcpu_thread *thread = g_hash_table_lookup(threads, &id);

		add_run(moments, thread, s);
		if (!thread)
			continue;
		add_waits(moments, thread, s);
		*thread = (struct vcpu_thread){ thread->vcpu, true, db_column(s, 7), reading_time(s, 6),
						db_column(s, 8) };
	}
	if (local)
		g_propagate_error(error, local);
	return !local;
}

static void free_moment(gpointer p)
{
	struct shown_moment *m = p;

	for (unsigned int kind = 0; kind < N_ROW_KINDS; kind++)
		g_array_free(m->rows[kind].values, TRUE);
	g_free(m->kind);
	g_free(m->what);
	g_free(m);
}

static struct shown_moment *new_moment(sqlite3_stmt *s)
{
	struct shown_moment *m = g_new0(struct shown_moment, 1);

	m->id = db_column(s, 0);
	m->kind = reading_word(s, 1);
	m->episode = db_column(s, 3);
	m->decision = db_column(s, 4);
	m->t0 = reading_time(s, 5);
	m->t1 = reading_time(s, 6);
	m->what = reading_word(s, 7);
	m->rows[ROWS_RUN] = (struct rows){ g_array_new(FALSE, FALSE, sizeof(int64_t)), RUN_WIDTH };
	m->rows[ROWS_WAITS] = (struct rows){ g_array_new(FALSE, FALSE, sizeof(int64_t)), 5 };
	for (unsigned int i = 0; i < G_N_ELEMENTS(queries); i++)
		m->rows[queries[i].kind] = (struct rows){ g_array_new(FALSE, FALSE, sizeof(int64_t)), queries[i].width,
							  queries[i].is_word };
	return m;
}

static bool load_vms(struct moments *moments, GError **error)
{
	g_autoptr(db_stmt) vms = db_prepare(moments->db, "SELECT vm, label FROM vm_label ORDER BY vm");
	g_autoptr(db_stmt) vcpus = db_prepare(moments->db, "SELECT vcpu.id, vm, vcpu_idx, vcpu_id FROM vcpu "
					      "JOIN vm ON vm.id = vm ORDER BY vm, vcpu_idx");
	GError *local = NULL;
	unsigned int vm = 0;

	while (db_next(vms, &local))
		g_array_append_vals(moments->vms, &(struct shown_vm){
			db_column(vms, 0), reading_word(vms, 1) }, 1);
	while (!local && db_next(vcpus, &local)) {
		while (vm < moments->vms->len && g_array_index(moments->vms, struct shown_vm, vm).id < db_column(vcpus, 1))
			vm++;
		g_array_append_vals(moments->vcpus, &(struct shown_vcpu){
			db_column(vcpus, 0), vm, db_column(vcpus, 2), db_column(vcpus, 3) }, 1);
	}
	if (local)
		g_propagate_error(error, local);
	return !local;
}

static bool load_moments(struct moments *moments, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(moments->db, "SELECT m.id, kind, v.place, episode, decision, t0, t1, what "
		"FROM moment m JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM vm) v ON v.id = m.vm "
		"WHERE t1 > t0 ORDER BY m.id");
	GError *local = NULL;

	while (db_next(s, &local)) {
		struct shown_moment *m;

		if (moments->list->len == MAX_MOMENTS) {
			moments->n_more++;
			continue;
		}
		m = new_moment(s);
		m->vm = db_column(s, 2);
		g_ptr_array_add(moments->list, m);
		for (unsigned int i = 0; i < G_N_ELEMENTS(queries); i++)
			if (!load_rows(moments, m, i, error))
				return false;
	}
	if (local)
		g_propagate_error(error, local);
	return !local;
}

static void clear_vm(gpointer p)
{
	g_free(((struct shown_vm *)p)->label);
}

static void clear_policy(gpointer p)
{
	g_free(((struct shown_policy *)p)->name);
	g_free(((struct shown_policy *)p)->parameters);
	g_free(((struct shown_policy *)p)->label);
}

struct moments *moments_load(sqlite3 *db, GError **error)
{
	struct moments *moments = g_new0(struct moments, 1);
	int64_t t0 = db_value(db, "SELECT t0 FROM recording");

	moments->db = db;
	moments->t0 = t0 == DB_NULL ? 0 : CLAMP(t0, -READING_TIME, READING_TIME);
	moments->list = g_ptr_array_new_with_free_func(free_moment);
	moments->vms = g_array_new(FALSE, FALSE, sizeof(struct shown_vm));
	g_array_set_clear_func(moments->vms, clear_vm);
	moments->vcpus = g_array_new(FALSE, FALSE, sizeof(struct shown_vcpu));
	moments->policies = g_array_new(FALSE, FALSE, sizeof(struct shown_policy));
	g_array_set_clear_func(moments->policies, clear_policy);
	moments->names = words_new();
	moments->steps = g_ptr_array_new_with_free_func(g_free);
	moments->states = g_ptr_array_new_with_free_func(g_free);
	moments->known = g_ptr_array_new_with_free_func(g_free);
	moments->explained = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
	if (load_vms(moments, error) && load_moments(moments, error) &&
	    (!moments->list->len || load_stretches(moments, error)))
		return moments;
	moments_free(moments);
	return NULL;
}

void moments_free(struct moments *moments)
{
	if (!moments)
		return;
	g_ptr_array_free(moments->list, TRUE);
	g_array_free(moments->vms, TRUE);
	g_array_free(moments->vcpus, TRUE);
	g_array_free(moments->policies, TRUE);
	words_free(moments->names);
	g_ptr_array_free(moments->steps, TRUE);
	g_ptr_array_free(moments->states, TRUE);
	g_ptr_array_free(moments->known, TRUE);
	g_ptr_array_free(moments->explained, TRUE);
	g_free(moments);
}
