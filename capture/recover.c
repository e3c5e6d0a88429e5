// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/recover.h"

#include <stdio.h>
#include <unistd.h>

#include "capture/anonymize.h"
#include "capture/plan.h"
#include "capture/probes.h"
#include "capture/session.h"
#include "capture/trace_dat.h"

/* All events that it may have recorded: those of the plan that are there, and probes of any sort. */
static GByteArray *make_head(const struct instance *instance, GError **error)
{
	g_autoptr(GArray) events = g_array_new(FALSE, FALSE, sizeof(struct trace_dat_event));
	g_autofree char *probes_dir = g_build_filename(tracefs_tracing_dir(), "events", PROBES_GROUP, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const struct plan_event *e;
	const char *name;
	GDir *dir;

	for (unsigned int i = 0; (e = plan_known(i)); i++) {
		struct trace_dat_event event = { e->system, e->name };

		if (instance_event_exists(instance, e->system, e->name))
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
	return trace_dat_head((struct trace_dat_event *)events->data, events->len, error);
}

/* A recorder removes its instance first, and may have been killed before it came to its probes. */
static bool recover_probes(bool *found, GError **error)
{
	g_autofree char *dir = g_build_filename(tracefs_tracing_dir(), "events", PROBES_GROUP, NULL);
	struct instance *lock;
	bool ok;

	if (access(dir, F_OK))
		return true;
	*found = true;
	lock = instance_create(error);	/* nobody else begins meanwhile */
	if (!lock)
		return false;
	ok = probes_remove(PROBES_GROUP, SESSION_PROBES_MS, error);
	instance_destroy(lock, NULL);
	instance_free(lock);
	if (ok)
		fprintf(stderr, "counterspin record: probes that were left in group '%s' are removed\n", PROBES_GROUP);
	return ok;
}

static bool prepare(struct session *s, const char *path, bool anonymize, GError **error)
{
	g_autofree char *dir = session_directory(path);

	s->head = make_head(s->instance, error);
	if (!s->head)
		return false;
	if ((anonymize || instance_is_private(s->instance)) &&
	    (!anonymize_key_make(&s->key, error) || !session_anonymize(s, error)))
		return false;
	s->spool = spool_new(s->instance, dir, error);
	return s->spool;
}

static uint64_t count_events(const struct instance *instance)
{
	struct instance_stats stats;
	uint64_t n = 0;

	for (unsigned int i = 0; i < instance->n_cpu; i++)
		if (instance_stats(instance, i, &stats))	/* not those that were taken before */
			n += stats.entries;
	return n;
}

static bool save(struct session *s, const char *path, bool anonymize, GError **error)
{
	struct session_result result;
	uint64_t events = count_events(s->instance);

	if (!prepare(s, path, anonymize, error) || !session_finish(s, &result, error))
		return false;
	if (!events) {
		unlink(path);
		fprintf(stderr, "counterspin record: it held no events, and is removed\n");
		return true;
	}
	fprintf(stderr, "counterspin record: it is removed; what it held is in '%s' (%" G_GUINT64_FORMAT " events, %.1f MB)\n",
		path, events, result.bytes / 1e6);
	return true;
}

bool recover(const char *path, bool anonymize, bool probes_too, bool discard, bool *found, GError **error)
{
	struct session *s = session_new();
	GError *why = NULL;
	bool ok;

	*found = false;
	s->instance = instance_take_orphan(&why);
	if (!s->instance) {
		session_free(s);
		if (!why)
			return !probes_too || recover_probes(found, error);
		g_propagate_error(error, why);
		return false;
	}
	*found = true;
	fprintf(stderr, "counterspin record: a recorder that was killed has left its tracefs instance '%s'\n",
		INSTANCE_NAME);
	s->probes = true;
	s->path = g_strdup(path);
	ok = save(s, path, anonymize, &why);
	if (!ok && discard) {
		session_abandon(s);
		fprintf(stderr, "counterspin record: it is removed, and what it held is lost: %s\n", why->message);
		g_clear_error(&why);
		ok = true;
	} else if (!ok && s->instance) {
		g_set_error(error, SESSION_ERROR, 0, "what it holds cannot be saved: %s\n"
			    "hint: --recover --force removes it unsaved", why->message);
		g_error_free(why);
	} else if (!ok) {
		g_propagate_error(error, why);
	}
	session_free(s);
	return ok;
}
