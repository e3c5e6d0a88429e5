// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/perf_recording.h"

#include <trace-cmd.h>

unsigned int n_cpus;
GArray *events, *types;
GHashTable *groups, *names;

static struct tep_handle *tep;

int type_of(const struct event *e)
{
	return e->data[0] | e->data[1] << 8;
}

int tid_of(const struct event *e)
{
	gint32 tid;

	memcpy(&tid, e->data + 4, 4);
	return tid;
}

bool field_of(const struct event *e, const char *name, long long *value)
{
	struct tep_event *type = tep_find_event(tep, type_of(e));
	struct tep_format_field *field = type ? tep_find_field(type, name) : NULL;
	unsigned long long v;

	if (!field || tep_read_number_field(field, e->data, &v))
		return false;
	*value = field->size == 4 ? (gint32)v : (long long)v;
	return true;
}

bool is_named(const struct event *e, const char *name)
{
	struct tep_event *type = tep_find_event(tep, type_of(e));

	return type && !strcmp(type->name, name);
}

static void learn_comm(const struct event *e, const char *tid_field, const char *comm_field)
{
	struct tep_event *type = tep_find_event(tep, type_of(e));
	struct tep_format_field *field = tep_find_field(type, comm_field);
	long long tid;

	if (field && field->size == 16 && field_of(e, tid_field, &tid) && tid > 0)
		g_hash_table_insert(names, GINT_TO_POINTER((int)tid),
				    g_strndup((char *)e->data + field->offset, 15));
}

static void learn(const struct event *e)
{
	long long value;

	if (tid_of(e) > 0 && !g_hash_table_contains(names, GINT_TO_POINTER(tid_of(e))))
		g_hash_table_insert(names, GINT_TO_POINTER(tid_of(e)), g_strdup("?"));
	if (is_named(e, "on_spin") && field_of(e, "vm_pid", &value))
		g_hash_table_insert(groups, GINT_TO_POINTER(tid_of(e)), GINT_TO_POINTER((int)value));
	if (is_named(e, "sched_switch")) {
		learn_comm(e, "prev_pid", "prev_comm");
		learn_comm(e, "next_pid", "next_comm");
	}
}

int group_of(int tid)
{
	void *tgid = g_hash_table_lookup(groups, GINT_TO_POINTER(tid));

	return tgid ? GPOINTER_TO_INT(tgid) : tid;
}

static int take_event(struct tracecmd_input *handle, struct tep_record *record, int cpu, void *user)
{
	struct event e = {
		.t = record->ts, .seq = events->len, .missed = record->missed_events, .cpu = record->cpu,
		.size = record->size, .data = g_memdup2(record->data, record->size),
	};
	guint type = type_of(&e);

	(void)handle, (void)cpu, (void)user;
	g_array_append_val(events, e);
	for (guint i = 0; i < types->len; i++)
		if (g_array_index(types, guint, i) == type)
			return 0;
	g_array_append_val(types, type);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	return *(const guint *)a < *(const guint *)b ? -1 : 1;
}

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return x->t != y->t ? (x->t < y->t ? -1 : 1) : x->seq < y->seq ? -1 : 1;
}

void read_trace(const char *path)
{
	struct tracecmd_input *handles[64];
	int n = 1;

	tracecmd_set_loglevel(TEP_LOG_NONE);
	tep_set_loglevel(TEP_LOG_NONE);
	handles[0] = tracecmd_open(path, TRACECMD_FL_LOAD_NO_PLUGINS);
	if (!handles[0])
		die("cannot read the trace.dat");
	for (int i = 0; i < tracecmd_buffer_instances(handles[0]) && n < 64; i++)
		handles[n++] = tracecmd_buffer_instance_handle(handles[0], i);
	tep = tracecmd_get_tep(handles[0]);
	n_cpus = tep_get_cpus(tep);
	events = g_array_new(FALSE, FALSE, sizeof(struct event));
	types = g_array_new(FALSE, FALSE, sizeof(guint));
	groups = g_hash_table_new(NULL, NULL);
	names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	if (tracecmd_iterate_events_multi(handles, n, take_event, NULL))
		die("cannot read the trace.dat's events");
	g_array_sort(events, by_time);
	g_array_sort(types, by_number);
	for (guint i = 0; i < events->len; i++) {
		n_cpus = MAX(n_cpus, g_array_index(events, struct event, i).cpu + 1);
		learn(&g_array_index(events, struct event, i));
	}
}

/* --- event formats --- */

static void put_format(GByteArray *to, struct tep_event *e)
{
	struct tep_format_field **lists[] = { tep_event_common_fields(e), tep_event_fields(e) };
	g_autoptr(GString) s = g_string_new(NULL), print = g_string_new("\nprint fmt: \""), args = g_string_new("\"");

	g_string_printf(s, "name: %s\nID: %d\nformat:\n", e->name, e->id);
	for (unsigned int k = 0; k < 2; k++) {
		for (struct tep_format_field **p = lists[k]; *p; p++) {
			struct tep_format_field *f = *p;
			bool dynamic = f->flags & TEP_FIELD_IS_DYNAMIC;
			const char *array = dynamic ? NULL : strchr(f->type, '[');

			g_string_append_printf(s, "\tfield:%.*s %s%s;\toffset:%d;\tsize:%d;\tsigned:%d;\n",
					       (int)(array ? array - f->type : (long)strlen(f->type)), f->type, f->name,
					       array ? array : "", f->offset, f->size,
					       !!(f->flags & TEP_FIELD_IS_SIGNED));
			if (k && !array && !dynamic && f->size <= 8) {
				g_string_append_printf(print, "%s=%s ", f->name, f->size == 8 ? "0x%llx" : "%d");
				g_string_append_printf(args, ", REC->%s", f->name);
			}
		}
		g_string_append_c(s, '\n');
		free(lists[k]);
	}
	g_string_append_printf(s, "%s%s\n", print->str, args->str);
	put(to, s->len, 8);
	put_bytes(to, s->str, s->len);
}

static void put_formats_of(GByteArray *to, const char *system)
{
	struct tep_event **all = tep_list_events(tep, TEP_EVENT_SORT_ID);
	gsize at = to->len;
	unsigned int n = 0;

	put(to, 0, 4);
	for (unsigned int i = 0; all[i]; i++)
		if (!strcmp(all[i]->system, system)) {
			put_format(to, all[i]);
			n++;
		}
	put_at(to, at, n, 4);
}

GByteArray *tracing_data(void)
{
	static const char page[] =
		"\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
		"\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
		"\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
		"\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n";
	GByteArray *to = g_byte_array_new();
	struct tep_event **all = tep_list_events(tep, TEP_EVENT_SORT_ID);
	g_autoptr(GHashTable) systems = g_hash_table_new(g_str_hash, g_str_equal);
	GHashTableIter iter;
	void *system;

	put_bytes(to, "\x17\x08\x44tracing0.6\0\0\x08\0\x10\0\0", 20);
	put_bytes(to, "header_page", 12);
	put(to, strlen(page), 8);
	put_bytes(to, page, strlen(page));
	put_bytes(to, "header_event", 13);
	put(to, 0, 8);
	put_formats_of(to, "ftrace");
	for (unsigned int i = 0; all[i]; i++)
		if (strcmp(all[i]->system, "ftrace"))
			g_hash_table_add(systems, all[i]->system);
	put(to, g_hash_table_size(systems), 4);
	g_hash_table_iter_init(&iter, systems);
	while (g_hash_table_iter_next(&iter, &system, NULL)) {
		put_bytes(to, system, strlen(system) + 1);
		put_formats_of(to, system);
	}
	put(to, 0, 4);		/* kallsyms */
	put(to, 0, 4);		/* printk */
	put(to, 0, 8);		/* saved_cmdlines */
	return to;
}

char *full_name_of_type(guint type)
{
	struct tep_event *e = tep_find_event(tep, type);

	return g_strdup_printf("%s:%s", e->system, e->name);
}
