// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/marks.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "capture/anonymize.h"
#include "capture/host.h"

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

void marks_write(void *user, const char *when, bool all)
{
	struct marks *m = user;
	struct vm_list *vms;
	g_auto(GStrv) texts = NULL;
	bool at_end = !strcmp(when, "stop");
	cJSON *about;

	if (!all) {
		g_autofree char *text = g_strdup_printf("{\"format\":\"counterspin-host-facts\",\"version\":1,"
							"\"when\":\"%s\"}", when);

		write_one(m, text);
		return;
	}
	about = about_recorder(m, at_end);
	vms = vms_find("", NULL);
	if (vms && m->hide_by)
		anonymize_vms(m->hide_by, vms);
	if (at_end && m->said)
		texts = host_facts_changes("", vms, m->said, about, INSTANCE_MARK_BYTES);
	else
		texts = host_facts("", vms, when, about, INSTANCE_MARK_BYTES);
	cJSON_Delete(about);
	if (vms)
		vms_free(vms);
	for (char **t = texts; t && *t; t++)
		write_one(m, *t);
	if (!at_end && !m->said)
		m->said = g_steal_pointer(&texts);
}

void marks_clear(struct marks *m)
{
	g_strfreev(m->said);
	m->said = NULL;
}
