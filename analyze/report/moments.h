/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moments - the rows of facts and results that touch the moments to show, in memory.
 * For timeline.c alone, which says what each column is.
 */
#ifndef ANALYZE_REPORT_MOMENTS_H
#define ANALYZE_REPORT_MOMENTS_H

#include <glib.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum { MAX_MOMENTS = 24, MAX_POLICIES = 32, MAX_MOMENT_ROWS = 250000 };

/* What a vCPU's thread does while it is not on a CPU. */
enum wait_kind { WAIT_PREEMPTED, WAIT_PREEMPTED_KERNEL, WAIT_PREEMPTED_USER, WAIT_WAKING, WAIT_BLOCKED };

/* Texts that occur often, by number. */
struct words {
	GPtrArray *texts;
	GHashTable *numbers;
};

struct words *words_new(void);
void words_free(struct words *words);
unsigned int words_number(struct words *words, const char *text);

/* Rows of a few int64 each, NULL being DB_NULL; bit i of is_word: column i is a number of a word. */
struct rows {
	GArray *values;
	unsigned int width;
	uint32_t is_word;
};

static inline unsigned int rows_count(const struct rows *rows)
{
	return rows->values->len / rows->width;
}

static inline int64_t *rows_at(const struct rows *rows, unsigned int i)
{
	return &g_array_index(rows->values, int64_t, i * rows->width);
}

enum row_kind { ROWS_RUN, ROWS_WAITS, ROWS_EPISODES, ROWS_IPIS, ROWS_GAPS, ROWS_DECISIONS, N_ROW_KINDS };

/* RUN_VM, a place in moments.vms, is not shown. */
enum { RUN_CPU, RUN_THREAD, RUN_T, RUN_LEN, RUN_VM, RUN_WIDTH };

/* From DECISION_PICKS on explanations.c fills them in. DECISION_KEEP is not shown: what its explanation is worth. */
enum { DECISION_ID, DECISION_VCPU, DECISION_CPU, DECISION_T, DECISION_LEN, DECISION_SOURCE, DECISION_PICK,
       DECISION_TRIED, DECISION_TAINTED, DECISION_PICKS, DECISION_OUTCOMES, DECISION_EXPLAINED, DECISION_KEEP,
       DECISION_WIDTH };

struct shown_moment {
	int64_t id, episode, decision, t0, t1;
	unsigned int vm;		/* place in moments.vms */
	char *kind, *what;
	struct rows rows[N_ROW_KINDS];
	bool too_big;			/* more rows than anybody can look at: they are not here */
};

struct shown_vm {
	int64_t id;
	char *label;	/* of view vm_label */
};

struct shown_vcpu {
	int64_t id;
	unsigned int vm, idx, vcpu_id;
};

struct shown_policy {
	char *name, *parameters;
	char *label;			/* of view policy_label; NULL: not replayed */
	int64_t replay;			/* replay.id; DB_NULL: none */
};

struct moments {
	sqlite3 *db;
	int64_t t0;			/* of the recording */
	GPtrArray *list;		/* struct shown_moment */
	unsigned int n_more;		/* moments that are not in it */
	GArray *vms, *vcpus, *policies;
	struct words *names;
	GPtrArray *steps, *states, *known; /* of explanations: char * */
	GPtrArray *explained;		/* GArray of int64_t */
};

/* Read all but what explanations say. NULL with error set if the database cannot be read. */
struct moments *moments_load(sqlite3 *db, GError **error);
void moments_free(struct moments *moments);

/* explanations.c: fill in the last columns of ROWS_DECISIONS, and the policies. */
bool moments_explain(struct moments *moments, GError **error);

#endif
