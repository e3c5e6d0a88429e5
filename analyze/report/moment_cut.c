// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/moment_cut.h"

#include "schema/db.h"

/* Which columns of a row are times, and which of them say when it begins and how long it is. */
static const struct {
	uint32_t times;
	int start, length;	/* length -1: until the last of times that is known */
} columns[N_ROW_KINDS] = {
	[ROWS_RUN] = { 1 << 2, 2, 3 },
	[ROWS_WAITS] = { 1 << 2, 2, 3 },
	[ROWS_EPISODES] = { 1 << 2, 2, 3 },
	[ROWS_IPIS] = { 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8, 5, -1 },
	[ROWS_GAPS] = { 1 << 1, 1, 2 },
	[ROWS_DECISIONS] = { 1 << 3, 3, -1 },
};

static GHashTable *number_set(void)
{
	return g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
}

static void add_number(GHashTable *set, int64_t number)
{
	if (!g_hash_table_contains(set, &number))
		g_hash_table_add(set, g_memdup2(&number, sizeof(number)));
}

static GHashTable *cpus_of_vm(const struct shown_moment *m)
{
	GHashTable *cpus = number_set();

	for (unsigned int i = 0; i < rows_count(&m->rows[ROWS_RUN]); i++) {
		const int64_t *row = rows_at(&m->rows[ROWS_RUN], i);

		if (row[RUN_VM] == m->vm)
			add_number(cpus, row[RUN_CPU]);
	}
	return cpus;
}

/* The time of the decision to look at first; if it is not there, the beginning. */
static int64_t centre(const struct shown_moment *m)
{
	for (unsigned int i = 0; i < rows_count(&m->rows[ROWS_DECISIONS]); i++) {
		const int64_t *row = rows_at(&m->rows[ROWS_DECISIONS], i);

		if (row[DECISION_ID] == m->decision)
			return row[DECISION_T];
	}
	return 0;
}

struct moment_cut *moment_cut_new(const struct moments *moments, const struct shown_moment *m, enum level level)
{
	static const unsigned int parts[] = { [QUARTER] = 4, [SIXTEENTH] = 16, [SIXTY_FOURTH] = 64, [THOUSANDTH] = 1000 };
	struct moment_cut *cut = g_new0(struct moment_cut, 1);
	int64_t len = m->t1 - m->t0;

	cut->moments = moments;
	cut->m = m;
	cut->level = level;
	cut->t1 = len;
	cut->cpus = level >= OF_THE_VM ? cpus_of_vm(m) : NULL;
	cut->least = level >= ONE_EXPLAINED ? 2 : level >= TELLING;
	if (level >= QUARTER && level < NAMED) {
		int64_t part = MAX(len / parts[level], 1);

		cut->t0 = CLAMP(centre(m) - part / 4, 0, len - part);
		cut->t1 = cut->t0 + part;
	}
	return cut;
}

void moment_cut_free(struct moment_cut *cut)
{
	if (!cut)
		return;
	if (cut->cpus)
		g_hash_table_destroy(cut->cpus);
	g_free(cut);
}

static int64_t end_of(enum row_kind kind, const int64_t *row)
{
	int64_t end = row[columns[kind].start];

	if (columns[kind].length >= 0)
		return end + row[columns[kind].length];
	for (unsigned int i = 0; columns[kind].times >> i; i++)
		if (columns[kind].times >> i & 1 && row[i] != DB_NULL)
			end = row[i];
	return end;
}

bool moment_cut_keeps(const struct moment_cut *cut, enum row_kind kind, const int64_t *row)
{
	if (cut->level == NAMED)
		return false;
	if (kind == ROWS_RUN && cut->cpus && !g_hash_table_contains(cut->cpus, &row[RUN_CPU]))
		return false;
	if (kind == ROWS_WAITS && cut->cpus &&
	    g_array_index(cut->moments->vcpus, struct shown_vcpu, row[0]).vm != cut->m->vm)
		return false;
	if (cut->level < QUARTER)
		return true;
	return row[columns[kind].start] < cut->t1 && end_of(kind, row) >= cut->t0;
}

int64_t moment_cut_value(const struct moment_cut *cut, enum row_kind kind, const int64_t *row, unsigned int column)
{
	bool time = columns[kind].times >> column & 1;

	return time && row[column] != DB_NULL ? row[column] - cut->t0 : row[column];
}

unsigned int moment_cut_rows(const struct moment_cut *cut)
{
	unsigned int n = 0;

	for (unsigned int kind = 0; kind < N_ROW_KINDS; kind++)
		for (unsigned int i = 0; i < rows_count(&cut->m->rows[kind]); i++)
			n += moment_cut_keeps(cut, kind, rows_at(&cut->m->rows[kind], i));
	return n;
}

unsigned int moment_cut_cpus_left_out(const struct moment_cut *cut)
{
	g_autoptr(GHashTable) all = number_set();

	if (!cut->cpus)
		return 0;
	for (unsigned int i = 0; i < rows_count(&cut->m->rows[ROWS_RUN]); i++)
		add_number(all, rows_at(&cut->m->rows[ROWS_RUN], i)[RUN_CPU]);
	return g_hash_table_size(all) - g_hash_table_size(cut->cpus);
}
