// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/marks.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "capture/anonymize.h"
#include "capture/host.h"

#define LOOK_EVERY_S 1.0
#define LOOK_SHARE 0.01

static void add_probes(cJSON *to, const struct marks *m)
{
	cJSON *list = cJSON_AddArrayToObject(to, "probes");

	for (unsigned int i = 0; m->probes && i < m->probes->definitions->len; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(m->probes->definitions->pdata[i]));
}

static void add_lacks(cJSON *to, const struct plan *plan)
{
	cJSON *list = cJSON_AddArrayToObject(to, "lacks");

	for (unsigned int i = 0; i < plan->lacks->len; i++) {
		const struct plan_lack *l = &g_array_index(plan->lacks, struct plan_lack, i);
		cJSON *lack = cJSON_CreateObject();

		cJSON_AddStringToObject(lack, "what", l->what);
		cJSON_AddStringToObject(lack, "why", l->why);
		cJSON_AddStringToObject(lack, "without", l->without);
		cJSON_AddItemToArray(list, lack);
	}
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
	add_lacks(o, m->plan);
	if (!at_end) {
		add_probes(o, m);
		add_filters(o, m->plan);
		return o;
	}
	cJSON_AddNumberToObject(o, "n_bursts", r->n_bursts);
	cJSON_AddNumberToObject(o, "overhead", r->overhead_mean);
	if (m->probes && m->probes->definitions->len)
		add_missed(o);
	return o;
}

static void write_one(const struct marks *m, const char *text)
{
	g_autoptr(GError) error = NULL;

	if (!instance_mark(m->instance, text, &error))
		fprintf(stderr, "counterspin record: warning: %s\n", error->message);
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

static void say(struct marks *m, char **texts)
{
	for (char **t = texts; *t; t++)
		write_one(m, *t);
	keep_said(m, texts);
}

static double now_s(void)
{
	return g_get_monotonic_time() / 1e6;
}

static struct vm_list *find_vms(struct marks *m)
{
	double begin = now_s();
	struct vm_list *vms = vms_find("", NULL);

	if (vms && m->hide_by)
		anonymize_vms(m->hide_by, vms);
	m->next_look_s = now_s() + MAX(LOOK_EVERY_S, (now_s() - begin) / LOOK_SHARE);
	return vms;
}

void marks_look(void *user)
{
	struct marks *m = user;
	struct vm_list *vms;
	GString *seen;

	if (now_s() < m->next_look_s)
		return;
	vms = find_vms(m);
	if (!vms)
		return;
	seen = list_vms(vms);
	if (!m->seen || !g_string_equal(seen, m->seen))
		say(m, host_facts_vms(vms, m->said, INSTANCE_MARK_BYTES));
	if (m->seen)
		g_string_free(m->seen, TRUE);
	m->seen = seen;
	vms_free(vms);
}

void marks_write(void *user, const char *when, bool all)
{
	struct marks *m = user;
	struct vm_list *vms;
	bool at_end = !strcmp(when, "stop");
	cJSON *about;

	if (!all) {
		g_autofree char *text = g_strdup_printf("{\"format\":\"counterspin-host-facts\",\"version\":1,"
							"\"when\":\"%s\"}", when);

		write_one(m, text);
		return;
	}
	about = about_recorder(m, at_end);
	vms = find_vms(m);
	if (at_end && m->said)
		say(m, host_facts_changes("", vms, m->said, about, INSTANCE_MARK_BYTES));
	else
		say(m, host_facts("", vms, when, about, INSTANCE_MARK_BYTES));
	cJSON_Delete(about);
	if (vms) {
		if (!m->seen)
			m->seen = list_vms(vms);
		vms_free(vms);
	}
}

void marks_clear(struct marks *m)
{
	g_strfreev(m->said);
	m->said = NULL;
	if (m->seen)
		g_string_free(m->seen, TRUE);
	m->seen = NULL;
}
