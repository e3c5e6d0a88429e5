// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Explanations - what 'counterspin explain --json' prints of a decision is 5 kB at
 * four vCPUs; here it becomes a few numbers, for the same states and scans come
 * again and again. timeline.h describes the words that stand for them.
 */
#include "analyze/report/moments.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "analyze/report/reading.h"
#include "schema/db.h"

enum { MAX_STEPS = 52, MAX_ROUND = 8 };

/* NULL, too, of what is no object: what it is depends on who wrote it. */
static const cJSON *get(const cJSON *o, const char *key)
{
	return cJSON_IsObject(o) ? cJSON_GetObjectItemCaseSensitive(o, key) : NULL;
}

/* For cJSON_ArrayForEach(): NULL of what is none. */
static const cJSON *get_array(const cJSON *o, const char *key)
{
	const cJSON *list = get(o, key);

	return cJSON_IsArray(list) ? list : NULL;
}

/* A number or a bool; else DB_NULL. */
static int64_t number(const cJSON *item)
{
	if (cJSON_IsBool(item))
		return cJSON_IsTrue(item);
	return cJSON_IsNumber(item) && fabs(item->valuedouble) < 1e15 ? (int64_t)item->valuedouble : DB_NULL;
}

/* "": none, or so long that it is no word of explain's. */
static const char *string(const cJSON *item)
{
	return cJSON_IsString(item) && strlen(item->valuestring) <= READING_TEXT ? item->valuestring : "";
}

/* The place of text in list, to which it is added; max - 1 for all beyond max. */
static unsigned int place(GPtrArray *list, const char *text, unsigned int max)
{
	for (unsigned int i = 0; i < list->len; i++)
		if (!strcmp(list->pdata[i], text))
			return i;
	if (list->len == max)
		return max - 1;
	g_ptr_array_add(list, g_strdup(list->len == max - 1 ? "another" : text));
	return list->len - 1;
}

static unsigned int state_word(struct moments *moments, const cJSON *vcpu)
{
	g_autoptr(GString) word = g_string_new(NULL);
	const cJSON *known_by = get(vcpu, "known_by"), *how;

	if (!cJSON_IsObject(known_by))
		known_by = NULL;
	cJSON_ArrayForEach(how, known_by) {
		const cJSON *state = get(vcpu, how->string);
		unsigned int at;

		if (strlen(how->string) > READING_TEXT)
			continue;
		at = place(moments->states, how->string, 32);
		while (word->len < at)
			g_string_append_c(word, '?');
		if (cJSON_IsBool(state) && word->len == at)
			g_string_append_c(word, '0' + 2 * place(moments->known, string(how), 4) + cJSON_IsTrue(state));
	}
	if (cJSON_IsTrue(get(vcpu, "racy")))
		g_string_append_c(word, '!');
	return words_number(moments->names, word->str);
}

static unsigned int scan_word(struct moments *moments, const cJSON *scan)
{
	g_autoptr(GString) word = g_string_new(NULL);
	int64_t round = 1;
	const cJSON *row;

	cJSON_ArrayForEach(row, scan) {
		unsigned int step = place(moments->steps, string(get(row, "step")), MAX_STEPS);
		int64_t now = MIN(number(get(row, "round")), MAX_ROUND), result = number(get(row, "result"));

		for (; round < now; round++)
			g_string_append_c(word, '/');
		g_string_append_printf(word, "%" G_GINT64_FORMAT "%c", MAX(number(get(row, "vcpu_idx")), 0),
				       step < 26 ? 'a' + step : 'A' + step - 26);
		if (result != DB_NULL)
			g_string_append_c(word, result > 0 ? '+' : result ? '!' : '-');
		if (!cJSON_IsTrue(get(row, "certain")))
			g_string_append_c(word, '?');
	}
	return words_number(moments->names, word->str);
}

/* Which of the policies; MAX_POLICIES: there are too many. */
static unsigned int policy_place(struct moments *moments, const cJSON *policy)
{
	char *printed = cJSON_PrintUnformatted(get(policy, "parameters"));
	g_autofree char *parameters = reading_cut(printed ? printed : "");
	unsigned int i;

	for (i = 0; i < moments->policies->len; i++) {
		const struct shown_policy *p = &g_array_index(moments->policies, struct shown_policy, i);

		if (!strcmp(p->name, string(get(policy, "name"))) && !strcmp(p->parameters, parameters))
			break;
	}
	if (i == moments->policies->len && i < MAX_POLICIES)
		g_array_append_vals(moments->policies, &(struct shown_policy){
			g_strdup(string(get(policy, "name"))), g_strdup(parameters), NULL, DB_NULL }, 1);
	cJSON_free(printed);
	return i;
}

/* Flat: mode, last boosted, run-queue length, count and receivers, count and states, count and scans. */
static unsigned int add_explained(struct moments *moments, const cJSON *o, const unsigned int *scans)
{
	GArray *flat = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int64_t head[] = { number(get(o, "yield_to_kernel_mode")), number(get(o, "last_boosted_vcpu")),
			   number(get(o, "nr_running")), cJSON_GetArraySize(get_array(o, "unacknowledged_receivers")) };
	int64_t n = cJSON_GetArraySize(get_array(o, "vcpus"));
	const cJSON *item;

	g_array_append_vals(flat, head, G_N_ELEMENTS(head));
	cJSON_ArrayForEach(item, get_array(o, "unacknowledged_receivers"))
		g_array_append_vals(flat, (int64_t[]){ number(item) }, 1);
	g_array_append_vals(flat, &n, 1);
	cJSON_ArrayForEach(item, get_array(o, "vcpus"))
		g_array_append_vals(flat, (int64_t[]){ state_word(moments, item) }, 1);
	n = moments->policies->len;
	g_array_append_vals(flat, &n, 1);
	for (unsigned int i = 0; i < n; i++)
		g_array_append_vals(flat, (int64_t[]){ scans[i] }, 1);
	g_ptr_array_add(moments->explained, flat);
	return moments->explained->len - 1;
}

/* A decision's row, and what each policy makes of it: picks[i] is a word, NULL where it is not known. */
struct asked {
	int64_t *row;
	char *picks[MAX_POLICIES];
	unsigned int scans[MAX_POLICIES];
};

static char *pick_text(int64_t pick, bool certain)
{
	return pick == DB_NULL ? g_strdup(certain ? "-" : "-?") : g_strdup_printf("%" G_GINT64_FORMAT "%s", pick,
										 certain ? "" : "?");
}

static void read_explanation(struct moments *moments, struct asked *a, const char *text)
{
	cJSON *o = cJSON_Parse(text);
	unsigned int none = words_number(moments->names, "");
	const cJSON *policy;

	for (unsigned int i = 0; i < MAX_POLICIES; i++)
		a->scans[i] = none;
	cJSON_ArrayForEach(policy, get_array(o, "policies")) {
		unsigned int i = policy_place(moments, policy);

		if (i == MAX_POLICIES)
			continue;
		g_free(a->picks[i]);
		a->picks[i] = pick_text(number(get(policy, "pick_idx")), cJSON_IsTrue(get(policy, "certain")));
		a->scans[i] = scan_word(moments, get_array(policy, "scan"));
	}
	if (cJSON_IsObject(o))
		a->row[DECISION_EXPLAINED] = add_explained(moments, o, a->scans);
	cJSON_Delete(o);
}

/* What replay keeps of the decision: outcome classes, and picks that differ. */
static bool read_verdicts(struct moments *moments, struct asked *a, sqlite3_stmt *s, GError **error)
{
	g_autoptr(GString) outcomes = g_string_new(NULL);
	g_autofree char *observed = NULL;
	GError *local = NULL;
	bool some = false;

	for (unsigned int i = 0; i < moments->policies->len; i++) {
		g_string_append_c(outcomes, '|');
		db_bind_int(s, 1, g_array_index(moments->policies, struct shown_policy, i).replay);
		db_bind_int(s, 2, a->row[DECISION_ID]);
		if (db_next(s, &local)) {
			g_autofree char *outcome = reading_text(s, 1), *kernel = reading_text(s, 2);

			g_string_append(outcomes, outcome ? outcome : "");
			some |= outcome || kernel;
			if (kernel && !observed)
				observed = g_strdup(kernel);
			if (!a->picks[i])
				a->picks[i] = pick_text(db_column(s, 0), true);
		}
		sqlite3_reset(s);
		if (local) {
			g_propagate_error(error, local);
			return false;
		}
	}
	g_string_prepend(outcomes, observed ? observed : "");
	if (some)
		a->row[DECISION_OUTCOMES] = words_number(moments->names, outcomes->str);
	return true;
}

/* Does some policy pick another than the kernel? That 'none' does is no news. */
static bool differs(const struct moments *moments, const struct asked *a)
{
	g_autofree char *recorded = pick_text(a->row[DECISION_PICK], true);
	g_autofree char *uncertain = pick_text(a->row[DECISION_PICK], false);

	if (!strcmp(moments->names->texts->pdata[a->row[DECISION_SOURCE]], "unknown"))
		return false;
	for (unsigned int i = 0; i < moments->policies->len; i++)
		if (a->picks[i] && strcmp(a->picks[i], recorded) && strcmp(a->picks[i], uncertain) &&
		    strcmp(g_array_index(moments->policies, struct shown_policy, i).name, "none"))
			return true;
	return false;
}

static void keep_picks(struct moments *moments, struct asked *a)
{
	g_autoptr(GString) picks = g_string_new(NULL);

	for (unsigned int i = 0; i < moments->policies->len; i++)
		g_string_append_printf(picks, "%s%s", i ? " " : "", a->picks[i] ? a->picks[i] : "=");
	a->row[DECISION_PICKS] = words_number(moments->names, picks->str);
}

/* 2: the decision that the moment is about; 1: of its episode, or a policy differs. */
static int64_t worth(const struct moments *moments, const struct shown_moment *m, const struct asked *a)
{
	const struct rows *episodes = &m->rows[ROWS_EPISODES];

	if (a->row[DECISION_ID] == m->decision)
		return 2;
	for (unsigned int i = 0; i < rows_count(episodes); i++) {
		const int64_t *e = rows_at(episodes, i);

		if (e[0] == m->episode && e[1] == a->row[DECISION_VCPU] && a->row[DECISION_ID] >= e[9] &&
		    a->row[DECISION_ID] <= e[10])
			return 1;
	}
	return differs(moments, a);
}

/* Policies in the order in which explanations have them; without explanations, all that were replayed. */
static bool find_replays(struct moments *moments, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(moments->db, "SELECT max(id), policy, parameters, (SELECT label FROM policy_label l "
					  "WHERE l.nearest AND l.policy = r.policy AND l.parameters = r.parameters) FROM replay r "
					  "WHERE policy <> 'observed' GROUP BY policy, parameters ORDER BY 1");
	bool explained = moments->policies->len;
	GError *local = NULL;

	while (db_next(s, &local)) {
		g_autofree char *name = reading_word(s, 1), *parameters = reading_word(s, 2), *label = reading_word(s, 3);

		if (!explained && moments->policies->len < MAX_POLICIES)
			g_array_append_vals(moments->policies, &(struct shown_policy){
				g_strdup(name), g_strdup(parameters), g_strdup(label), db_column(s, 0) }, 1);
		for (unsigned int i = 0; explained && i < moments->policies->len; i++) {
			struct shown_policy *p = &g_array_index(moments->policies, struct shown_policy, i);

			if (!strcmp(p->name, name) && !strcmp(p->parameters, parameters)) {
				p->replay = db_column(s, 0);
				g_free(p->label);
				p->label = g_steal_pointer(&label);
				break;
			}
		}
	}
	if (local)
		g_propagate_error(error, local);
	return !local;
}

static void free_asked(gpointer p)
{
	struct asked *a = p;

	for (unsigned int i = 0; i < MAX_POLICIES; i++)
		g_free(a->picks[i]);
	g_free(a);
}

static bool read_explanations(struct moments *moments, struct shown_moment *m, GPtrArray *asked, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(moments->db, "SELECT explain FROM explanation WHERE decision = ?");
	GError *local = NULL;

	for (unsigned int i = 0; !local && i < rows_count(&m->rows[ROWS_DECISIONS]); i++) {
		struct asked *a = g_new0(struct asked, 1);

		a->row = rows_at(&m->rows[ROWS_DECISIONS], i);
		g_ptr_array_add(asked, a);
		db_bind_int(s, 1, a->row[DECISION_ID]);
		if (db_next(s, &local) && sqlite3_column_type(s, 0) != SQLITE_NULL) {
			g_autofree char *text = reading_all_text(s, 0);

			read_explanation(moments, a, text);
		}
		sqlite3_reset(s);
	}
	if (local)
		g_propagate_error(error, local);
	return !local;
}

bool moments_explain(struct moments *moments, GError **error)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
	g_autoptr(db_stmt) s = db_prepare(moments->db, "SELECT pick_idx, outcome, observed_outcome FROM verdict "
					  "WHERE replay = ? AND decision = ?");

	for (unsigned int i = 0; i < moments->list->len; i++) {
		GPtrArray *asked = g_ptr_array_new_with_free_func(free_asked);

		g_ptr_array_add(all, asked);
		if (!read_explanations(moments, moments->list->pdata[i], asked, error))
			return false;
	}
	if (!find_replays(moments, error))
		return false;
	for (unsigned int i = 0; i < moments->list->len; i++) {
		const GPtrArray *asked = all->pdata[i];

		for (unsigned int j = 0; j < asked->len; j++) {
			struct asked *a = asked->pdata[j];

			if (!read_verdicts(moments, a, s, error))
				return false;
			keep_picks(moments, a);
			a->row[DECISION_KEEP] = worth(moments, moments->list->pdata[i], a);
		}
	}
	return true;
}
