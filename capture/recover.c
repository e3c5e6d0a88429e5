// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/recover.h"

#include <stdio.h>
#include <unistd.h>

#include "capture/plan.h"
#include "capture/probes.h"
#include "capture/session.h"
#include "capture/trace_dat.h"

/* All events that it may have recorded: those of the plan, and probes of any sort. */
static GByteArray *make_head(const struct instance *instance, GError **error)
{
	g_autoptr(GArray) events = g_array_new(FALSE, FALSE, sizeof(struct trace_dat_event));
	g_autofree char *probes_dir = g_build_filename(tracefs_tracing_dir(), "events", PROBES_GROUP, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	struct plan *plan = plan_new(instance, NULL, error);
	GByteArray *head;
	const char *name;
	GDir *dir;

	if (!plan)
		return NULL;
	for (unsigned int i = 0; i < plan->events->len; i++) {
		const struct plan_event *e = g_array_index(plan->events, struct planned, i).event;
		struct trace_dat_event event = { e->system, e->name };

		g_array_append_val(events, event);
	}
	dir = g_dir_open(probes_dir, 0, NULL);
	while (dir && (name = g_dir_read_name(dir))) {
		struct trace_dat_event event = { PROBES_GROUP, NULL };

		if (!instance_event_exists(instance, PROBES_GROUP, name))
			continue;
		event.name = g_strdup(name);
		g_ptr_array_add(names, (void *)event.name);
		g_array_append_val(events, event);
	}
	if (dir)
		g_dir_close(dir);
	head = trace_dat_head((struct trace_dat_event *)events->data, events->len, error);
	plan_free(plan);
	return head;
}

bool recover(const char *path, bool *found, bool *saved, GError **error)
{
	struct session *s = session_new();
	g_autofree char *dir = session_directory(path);
	struct session_result result;
	uint64_t events = 0;
	GError *why = NULL;
	bool ok;

	*found = *saved = false;
	s->instance = instance_take_orphan(&why);
	if (!s->instance) {
		session_free(s);
		if (!why)
			return true;
		g_propagate_error(error, why);
		return false;
	}
	*found = true;
	fprintf(stderr, "counterspin record: a recorder that was killed has left its tracefs instance '%s'\n",
		INSTANCE_NAME);
	s->probes = true;
	s->path = g_strdup(path);
	s->head = make_head(s->instance, error);
	s->spool = s->head ? spool_new(s->instance, dir, error) : NULL;
	if (!s->spool) {
		session_free(s);
		return false;
	}
	for (unsigned int i = 0; i < s->instance->n_cpu; i++) {
		struct instance_stats stats;

		if (instance_stats(s->instance, i, &stats))	/* not those that were taken before */
			events += stats.entries;
	}
	ok = session_finish(s, &result, error);
	if (ok && !events) {
		unlink(path);
		fprintf(stderr, "counterspin record: it held no events, and is removed\n");
	} else if (ok) {
		*saved = true;
		fprintf(stderr, "counterspin record: it is removed; what it held is in '%s' (%" G_GUINT64_FORMAT
			" events, %.1f MB)\n", path, events, result.bytes / 1e6);
	}
	session_free(s);
	return ok;
}
