// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin info - what was recorded, when, of whom; what was lost, and what
 * cannot be known from it.
 */
#include "analyze/info.h"

#include <string.h>
#include <time.h>

#include "schema/clean.h"
#include "schema/command.h"
#include "schema/db.h"
#include "schema/text_table.h"

enum { MAX_GAPS_SHOWN = 20 };

static gboolean option_json;

static const GOptionEntry options[] = {
	{ "json", 0, 0, G_OPTION_ARG_NONE, &option_json, "Print JSON", NULL },
	G_OPTION_ENTRY_NULL
};

static const struct command command = {
	.name = "info", .arguments = "DB", .options = options, .min_args = 1, .max_args = 1,
	.summary = "Show what a database holds, what was lost, and what cannot be known.",
};

/* One row of SELECT as a JSON object, or a list of all; keys are the column names. */
static cJSON *row_json(sqlite3_stmt *s)
{
	cJSON *o = cJSON_CreateObject();

	for (int i = 0; i < sqlite3_column_count(s); i++) {
		const char *key = sqlite3_column_name(s, i);
		g_autofree char *text = NULL;

		switch (sqlite3_column_type(s, i)) {
		case SQLITE_NULL:
			cJSON_AddNullToObject(o, key);
			break;
		case SQLITE_INTEGER:
			cJSON_AddNumberToObject(o, key, sqlite3_column_int64(s, i));
			break;
		default:
			text = clean_column(s, i);
			cJSON_AddStringToObject(o, key, text ? text : "");
			break;
		}
	}
	return o;
}

static cJSON *query(sqlite3 *db, const char *sql, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(db, sql);
	cJSON *list = cJSON_CreateArray();

	while (db_next(s, error))
		cJSON_AddItemToArray(list, row_json(s));
	return list;
}

/* Add the rows of sql under key; with one, its first row alone. Later calls after a failure do nothing. */
static void add(cJSON *root, sqlite3 *db, const char *key, bool one, const char *sql, GError **error)
{
	cJSON *list;

	if (*error)
		return;
	list = query(db, sql, error);
	if (one) {
		cJSON *first = cJSON_DetachItemFromArray(list, 0);

		cJSON_AddItemToObject(root, key, first ? first : cJSON_CreateObject());
		cJSON_Delete(list);
	} else {
		cJSON_AddItemToObject(root, key, list);
	}
}

/* Times are ns since the recording's t0, which a double holds exactly for months. */
static cJSON *gather(sqlite3 *db, GError **error)
{
	cJSON *root = cJSON_CreateObject();

	add(root, db, "recording", true,
	    "SELECT path, sha256, format, kernel, machine, clock, isa, n_cpu, t1 - t0 AS duration_ns, "
	    "(t0 + realtime_offset) / 1000000000 AS realtime_s, events, used, ignored, lost, "
	    "EXISTS (SELECT * FROM gap WHERE events IS NULL AND why NOT LIKE 'between two bursts%') AS "
	    "lost_uncounted, host_facts, probes, importer FROM recording", error);
	add(root, db, "recorder", false,
	    "SELECT substr(name, 10) AS name, value FROM host_param WHERE name IN ('recorder.tool', 'recorder.mode', "
	    "'recorder.budget', 'recorder.overhead', 'recorder.n_bursts', 'recorder.shed', 'recorder.duty') AND "
	    "\"when\" = (SELECT max(\"when\") FROM host_param AS last WHERE last.name = host_param.name) ORDER BY name", error);
	add(root, db, "vms", false,
	    "SELECT name, tgid, n_vcpus, membership, idx_known, created, cpl_known, ipi_virtual, eoi_virtual, "
	    "(SELECT sum(n_pause) FROM vcpu WHERE vm = vm.id) AS pause_exits, "
	    "(SELECT sum(n_miss) FROM vcpu WHERE vm = vm.id) AS missed_probes, "
	    "(SELECT count(*) FROM decision JOIN vcpu ON vcpu.id = vcpu WHERE vm = vm.id) AS decisions "
	    "FROM vm ORDER BY id", error);
	for (unsigned int i = 0; i < 4 && !*error; i++) {
		static const char *const keys[] = { "decisions", "attempts", "ipis", "gaps" };
		static const char *const counts[] = {
			"SELECT count(*) FROM decision", "SELECT count(*) FROM attempt",
			"SELECT count(*) FROM ipi", "SELECT count(*) FROM gap",
		};

		cJSON_AddNumberToObject(root, keys[i], db_value(db, counts[i]));
	}
	add(root, db, "coverage", true,
	    "SELECT count(*) AS decisions, coalesce(sum(source = 'probe'), 0) AS probed, "
	    "coalesce(sum(source = 'imputed'), 0) AS imputed, coalesce(sum(pick_source IS NULL), 0) AS outcome_unknown, "
	    "coalesce(sum(tainted), 0) AS tainted FROM decision", error);
	add(root, db, "gap_list", false,
	    "SELECT cpu, t0 - (SELECT t0 FROM recording) AS t0, t1 - (SELECT t0 FROM recording) AS t1, events, why "
	    "FROM gap ORDER BY gap.t0", error);
	add(root, db, "gap_reasons", false,
	    "SELECT why, count(*) AS gaps, count(DISTINCT cpu) AS cpus, sum(t1 - t0) AS ns, sum(events) AS events "
	    "FROM gap GROUP BY why ORDER BY count(*) DESC, why", error);
	add(root, db, "event_types", false,
	    "SELECT system, name, n, used, reason FROM event_type ORDER BY system, name", error);
	add(root, db, "unknowable", false, "SELECT what, why FROM unknowable", error);
	return root;
}

static const char *text_of(const cJSON *o, const char *key, const char *otherwise)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));

	return s ? s : otherwise;
}

static double number_of(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

static bool is_null(const cJSON *o, const char *key)
{
	return cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(o, key));
}

static void print_recording(const cJSON *r)
{
	char date[64] = "date not recorded";
	time_t realtime = number_of(r, "realtime_s");
	struct tm tm;

	if (!is_null(r, "realtime_s") && gmtime_r(&realtime, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	printf("%s: %s, kernel %s %s, %s, %.0f CPU%s, clock %s\n", text_of(r, "path", "?"),
	       text_of(r, "format", "?"), text_of(r, "kernel", "(unknown)"), text_of(r, "machine", ""),
	       text_of(r, "isa", "no exits"), number_of(r, "n_cpu"), number_of(r, "n_cpu") == 1 ? "" : "s",
	       text_of(r, "clock", "?"));
	printf("%s, %.3f s; %s; host facts: %s\n", date, number_of(r, "duration_ns") / 1e9,
	       number_of(r, "probes") ? "decisions probed" : "no probes", text_of(r, "host_facts", "none"));
	printf("%.0f events = %.0f used + %.0f ignored + %.0f lost%s\n", number_of(r, "events"),
	       number_of(r, "used"), number_of(r, "ignored"), number_of(r, "lost"),
	       number_of(r, "lost_uncounted") ? ", and more that nobody counted" : "");
}

static const char *said(const cJSON *recorder, const char *name)
{
	const cJSON *p;

	cJSON_ArrayForEach(p, recorder)
		if (!strcmp(text_of(p, "name", ""), name))
			return text_of(p, "value", "");
	return "";
}

/* Of 'counterspin record': what recording cost, and what was given up for that. */
static void print_recorder(const cJSON *recorder)
{
	double bursts, budget;

	if (!g_str_has_prefix(said(recorder, "tool"), "counterspin "))
		return;
	bursts = g_ascii_strtod(said(recorder, "n_bursts"), NULL);
	budget = g_ascii_strtod(said(recorder, "budget"), NULL);
	printf("recorded by %s", said(recorder, "tool"));
	if (*said(recorder, "overhead"))
		printf(", which took about %.2g %% of the busiest CPU's time",
		       g_ascii_strtod(said(recorder, "overhead"), NULL) * 100);
	if (budget > 0)
		printf(" (budget %.3g %%)", budget * 100);
	if (!*said(recorder, "overhead"))
		printf(", which was killed before its end");
	if (bursts > 1)
		printf("; in %.0f bursts", bursts);
	if (g_ascii_strtod(said(recorder, "shed"), NULL) > 0)
		printf("; events were given up, see below");
	putchar('\n');
}

static void print_vms(const cJSON *vms)
{
	static const char *const headings[] = {
		"VM", ">thread group", ">vCPUs", ">PAUSE exits", ">decisions", ">missed probes", "notes",
	};
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));
	const cJSON *vm;
	int n = 0;

	cJSON_ArrayForEach(vm, vms) {
		g_autoptr(GString) notes = g_string_new(NULL);

		n++;
		if (cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(vm, "name")))
			text_table_cell(t, "%s", text_of(vm, "name", ""));
		else
			text_table_cell(t, "VM %d", n);
		if (is_null(vm, "tgid"))
			text_table_cell(t, "?");
		else
			text_table_cell(t, "%.0f", number_of(vm, "tgid"));
		text_table_count(t, number_of(vm, "n_vcpus"));
		text_table_count(t, number_of(vm, "pause_exits"));
		text_table_count(t, number_of(vm, "decisions"));
		text_table_count(t, number_of(vm, "missed_probes"));
		if (strcmp(text_of(vm, "membership", ""), "tgid"))
			g_string_append_printf(notes, "members %s; ", text_of(vm, "membership", "?"));
		if (!number_of(vm, "cpl_known"))
			g_string_append(notes, "CPL not knowable; ");
		if (number_of(vm, "ipi_virtual"))
			g_string_append(notes, "IPIs virtualised; ");
		if (number_of(vm, "eoi_virtual"))
			g_string_append(notes, "EOIs virtualised; ");
		if (number_of(vm, "created"))
			g_string_append(notes, "created while recording; ");
		if (notes->len)
			g_string_truncate(notes, notes->len - 2);
		text_table_cell(t, "%s", notes->str);
	}
	text_table_print(t, "  ", stdout);
}

static void print_coverage(const cJSON *root)
{
	const cJSON *c = cJSON_GetObjectItemCaseSensitive(root, "coverage");

	printf("\n%.0f decisions: %.0f probed, %.0f imputed from exits; %.0f touch a gap%s\n"
	       "outcome not known of %.0f%s\n%.0f yield_to() calls, %.0f interprocessor interrupts\n", number_of(c, "decisions"),
	       number_of(c, "probed"), number_of(c, "imputed"), number_of(c, "tainted"), number_of(c, "tainted") ?
	       ",\nor begin before every CPU that was busy has shown an event" : "",
	       number_of(c, "outcome_unknown"), number_of(c, "outcome_unknown") ?
	       " by what followed alone; replay infers what it can" : "",
	       number_of(root, "attempts"), number_of(root, "ipis"));
}

/* One line for each reason, then the first gaps one by one. */
static void print_gaps(const cJSON *gaps, const cJSON *reasons)
{
	static const char *const reason_headings[] = { "why", ">gaps", ">CPUs", ">lasting (s)", ">events" };
	static const char *const headings[] = { ">CPU", ">from (s)", ">to (s)", ">events", "why" };
	struct text_table *t;
	const cJSON *gap, *reason;
	int n = cJSON_GetArraySize(gaps), shown = 0;

	if (!n) {
		puts("\nNothing was lost.");
		return;
	}
	puts("\nGaps (state after them is unknown until evidence fixes it):");
	t = text_table_new(reason_headings, G_N_ELEMENTS(reason_headings));
	cJSON_ArrayForEach(reason, reasons) {
		text_table_cell(t, "%s", text_of(reason, "why", ""));
		text_table_count(t, number_of(reason, "gaps"));
		if (number_of(reason, "cpus"))
			text_table_count(t, number_of(reason, "cpus"));
		else
			text_table_cell(t, "all");
		text_table_cell(t, "%.6f", number_of(reason, "ns") / 1e9);
		if (is_null(reason, "events"))
			text_table_cell(t, "?");
		else
			text_table_count(t, number_of(reason, "events"));
	}
	text_table_print(t, "  ", stdout);
	putchar('\n');
	t = text_table_new(headings, G_N_ELEMENTS(headings));
	cJSON_ArrayForEach(gap, gaps) {
		if (shown++ == MAX_GAPS_SHOWN)
			break;
		if (is_null(gap, "cpu"))
			text_table_cell(t, "all");
		else
			text_table_cell(t, "%.0f", number_of(gap, "cpu"));
		text_table_cell(t, "%.6f", number_of(gap, "t0") / 1e9);
		text_table_cell(t, "%.6f", number_of(gap, "t1") / 1e9);
		if (is_null(gap, "events"))
			text_table_cell(t, "?");
		else
			text_table_count(t, number_of(gap, "events"));
		text_table_cell(t, "%s", text_of(gap, "why", ""));
	}
	text_table_print(t, "  ", stdout);
	if (n > MAX_GAPS_SHOWN)
		printf("  ... and %d more: --json, or the table gap\n", n - MAX_GAPS_SHOWN);
}

static void print_ignored(const cJSON *types)
{
	static const char *const headings[] = { "event", ">ignored", "because" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));
	bool any = false;
	const cJSON *type;

	cJSON_ArrayForEach(type, types) {
		double n = number_of(type, "n") - number_of(type, "used");

		if (!n)
			continue;
		any = true;
		text_table_cell(t, "%s:%s", text_of(type, "system", ""), text_of(type, "name", ""));
		text_table_count(t, n);
		text_table_cell(t, "%s", text_of(type, "reason", ""));
	}
	if (any)
		puts("\nEvents ignored:");
	text_table_print(t, "  ", any ? stdout : NULL);
}

static void print_text(const cJSON *root)
{
	const cJSON *unknowable = cJSON_GetObjectItemCaseSensitive(root, "unknowable"), *u;

	print_recording(cJSON_GetObjectItemCaseSensitive(root, "recording"));
	print_recorder(cJSON_GetObjectItemCaseSensitive(root, "recorder"));
	putchar('\n');
	print_vms(cJSON_GetObjectItemCaseSensitive(root, "vms"));
	print_coverage(root);
	print_gaps(cJSON_GetObjectItemCaseSensitive(root, "gap_list"),
		   cJSON_GetObjectItemCaseSensitive(root, "gap_reasons"));
	print_ignored(cJSON_GetObjectItemCaseSensitive(root, "event_types"));
	if (cJSON_GetArraySize(unknowable))
		puts("\nNot knowable from this recording:");
	cJSON_ArrayForEach(u, unknowable)
		printf("  %s: %s\n", text_of(u, "what", ""), text_of(u, "why", ""));
}

int cmd_info(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(sqlite3) db = NULL;
	cJSON *root;
	int status;

	if (!command_parse(&command, &argc, &argv, &status))
		return status;
	db = db_open(argv[1], &error);
	if (!db || !db_exec(db, "BEGIN", &error))	/* one state of it, whoever writes meanwhile */
		return command_fail(&command, error);
	root = gather(db, &error);
	if (error) {
		cJSON_Delete(root);
		return command_fail(&command, error);
	}
	if (option_json) {
		command_print_json(root);
	} else {
		print_text(root);
		cJSON_Delete(root);
	}
	return EXIT_FINE;
}
