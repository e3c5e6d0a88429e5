// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/marks.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "capture/anonymize.h"
#include "capture/host.h"

#define LOOK_EVERY_S 1.0
#define LOOK_SHARE 0.01
enum { LAST_LOOK_MS = 500 };

static void add_probes(cJSON *to, const struct marks *m)
{
	cJSON *list = cJSON_AddArrayToObject(to, "probes");

	for (unsigned int i = 0; m->probes && i < m->probes->definitions->len; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(m->probes->definitions->pdata[i]));
}

static void add_filters(cJSON *to, const struct plan *plan)
{
	cJSON *list = cJSON_AddObjectToObject(to, "filters");

	for (unsigned int i = 0; i < plan->events->len; i++) {
		const struct planned *p = &g_array_index(plan->events, struct planned, i);

		if (p->on && p->event->filter)
			cJSON_AddStringToObject(list, p->event->name, p->event->filter);
	}
}

static void add_missed(cJSON *to)
{
	g_autoptr(GPtrArray) counts = probes_counts(PROBES_GROUP, NULL);
	cJSON *list = cJSON_AddObjectToObject(to, "probes_missed");

	for (unsigned int i = 0; counts && i < counts->len; i++) {
		const struct probe_count *c = counts->pdata[i];

		if (c->is_counted)
			cJSON_AddNumberToObject(list, c->event, c->n_missed);
		else
			cJSON_AddNullToObject(list, c->event);
	}
}

/* What a reader has to know of how it was recorded. */
static cJSON *about_recorder(const struct marks *m, bool at_end)
{
	const struct recorder *r = m->recorder;
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "tool", "counterspin " COUNTERSPIN_VERSION);
	cJSON_AddStringToObject(o, "mode", m->mode);
	cJSON_AddNumberToObject(o, "budget", r->limit);
	cJSON_AddNumberToObject(o, "event_ns", (int)r->cost_ns);
	cJSON_AddNumberToObject(o, "buffer_bytes", m->buffer_bytes);
	cJSON_AddNumberToObject(o, "shed", r->budget.shed);
	cJSON_AddNumberToObject(o, "duty", r->budget.duty);
	cJSON_AddItemToObject(o, "lacks", plan_lacks_json(m->plan));
	if (!at_end || !m->spool) {
		add_probes(o, m);
		add_filters(o, m->plan);
	}
	if (!at_end)
		return o;
	cJSON_AddNumberToObject(o, "n_bursts", r->n_bursts);
	cJSON_AddNumberToObject(o, "overhead", r->overhead_mean);
	if (m->probes && m->probes->definitions->len)
		add_missed(o);
	return o;
}

/* All that is said of VMs, so that a change shows. */
static GString *list_vms(const struct vm_list *vms)
{
	GString *text = g_string_new(NULL);

	for (unsigned int i = 0; i < vms->vms->len; i++) {
		const struct vm_process *vm = vms->vms->pdata[i];

		g_string_append_printf(text, "%d:", vm->tgid);
		for (unsigned int j = 0; j < vm->vcpus->len; j++)
			g_string_append_printf(text, "%d,", g_array_index(vm->vcpus, struct vm_vcpu, j).tid);
	}
	return text;
}

static void keep_said(struct marks *m, char **texts)
{
	unsigned int n = m->said ? g_strv_length(m->said) : 0, more = g_strv_length(texts);

	m->said = g_renew(char *, m->said, n + more + 1);
	memcpy(m->said + n, texts, (more + 1) * sizeof(*texts));
	g_free(texts);
}

/* A ring takes so many between two looks at it, whatever its size. */
enum { MARKS_AT_ONCE = 16 };

static void write_all(struct marks *m, char *const *texts)
{
	g_autoptr(GError) error = NULL;
	unsigned int n = 0, failed = 0;

	for (char *const *t = texts; *t; t++, n++) {
		if (m->spool && n % MARKS_AT_ONCE == MARKS_AT_ONCE - 1)
			spool_drain(m->spool, NULL);	/* an error comes again */
		failed += !instance_mark(m->instance, *t, error ? NULL : &error);
	}
	if (failed)
		fprintf(stderr, "counterspin record: warning: %u of %u host facts are not in the recording: %s\n", failed,
			n, error->message);
}

static void say(struct marks *m, char **texts)
{
	write_all(m, texts);
	keep_said(m, texts);
}

/* --- VMs */

struct marks_scan {
	GThread *thread;
	struct vm_list *vms;
	double seconds;
	_Atomic bool done;
};

static double now_s(void)
{
	return g_get_monotonic_time() / 1e6;
}

static void *scan(void *user)
{
	struct marks_scan *s = user;
	double begin = now_s();

	s->vms = vms_find("", NULL);
	s->seconds = now_s() - begin;
	s->done = true;
	return NULL;
}

/* Take what a look has found. */
static void take(struct marks *m, struct vm_list *vms, double seconds)
{
	m->next_look_s = now_s() + MAX(LOOK_EVERY_S, seconds / LOOK_SHARE);
	if (!vms)
		return;
	if (m->hide_by)
		anonymize_vms(m->hide_by, vms);
	if (m->vms)
		vms_free(m->vms);
	m->vms = vms;
	if (m->seen)
		g_string_free(m->seen, TRUE);
	m->seen = list_vms(vms);
}

/* False: one is still under way. */
static bool end_scan(struct marks *m)
{
	struct marks_scan *s = m->scan;

	if (s && !s->done)
		return false;
	if (s) {
		g_thread_join(s->thread);
		take(m, s->vms, s->seconds);
		g_free(s);
		m->scan = NULL;
	}
	return true;
}

void marks_look(void *user)
{
	struct marks *m = user;
	g_autofree char *before = m->seen ? g_strdup(m->seen->str) : NULL;

	if (!end_scan(m))
		return;
	if (m->vms && g_strcmp0(before, m->seen->str))
		say(m, host_facts_vms(m->vms, m->said, INSTANCE_MARK_BYTES));
	if (now_s() < m->next_look_s)
		return;
	m->scan = g_new0(struct marks_scan, 1);
	m->scan->thread = g_thread_try_new("look", scan, m->scan, NULL);
	if (!m->scan->thread)
		g_clear_pointer(&m->scan, g_free);
}

/* --- when */

void marks_prepare(struct marks *m)
{
	double begin = now_s();
	struct vm_list *vms = vms_find("", NULL);
	cJSON *about = about_recorder(m, false);

	take(m, vms, now_s() - begin);
	m->prepared = host_facts("", m->vms, "start", about, INSTANCE_MARK_BYTES);
	cJSON_Delete(about);
}

static void write_end(struct marks *m)
{
	cJSON *about = about_recorder(m, true);

	for (unsigned int ms = 0; ms < LAST_LOOK_MS && !end_scan(m); ms++)
		g_usleep(1000);
	/* of a ring that keeps the latest the start may be gone */
	if (m->spool)
		say(m, host_facts_changes("", m->vms, m->said, about, INSTANCE_MARK_BYTES));
	else
		say(m, host_facts("", m->vms, "stop", about, INSTANCE_MARK_BYTES));
	cJSON_Delete(about);
}

void marks_write(void *user, const char *when, bool all)
{
	struct marks *m = user;
	g_autofree char *text = g_strdup_printf("{\"format\":\"counterspin-host-facts\",\"version\":1,"
						"\"when\":\"%s\"}", when);
	char *const brief[] = { text, NULL };

	if (!all)
		write_all(m, brief);
	else if (!strcmp(when, "start"))
		say(m, g_steal_pointer(&m->prepared));
	else
		write_end(m);
}

void marks_clear(struct marks *m)
{
	g_strfreev(m->prepared);
	g_strfreev(m->said);
	if (m->vms)
		vms_free(m->vms);
	if (m->seen)
		g_string_free(m->seen, TRUE);
	/* one that hangs ends with the process */
	m->prepared = m->said = NULL;
	m->vms = NULL;
	m->seen = NULL;
}
