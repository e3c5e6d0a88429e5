// SPDX-License-Identifier: GPL-2.0-or-later
/* Dynamic events made, removed and counted. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tracefs.h>

#include "capture/probes_int.h"

enum { RETRY_MS = 20 };

/* A line of dynamic_events or kprobe_events: "r256:GROUP/EVENT PLACE ARGS". */
struct dynamic_event {
	char kind;
	char *group, *event;
};

static void dynamic_event_free(void *data)
{
	struct dynamic_event *ev = data;

	g_free(ev->group);
	g_free(ev->event);
	g_free(ev);
}

char *probes_read_tracefs(const char *name, GError **error)
{
	char *path = tracefs_get_tracing_file(name);
	FILE *file;
	char *line = NULL;
	GString *text;
	size_t room = 0;
	ssize_t len;
	int err;

	if (!path) {
		g_set_error(error, PROBES_ERROR, PROBES_ERROR_FAILED, "tracefs is not mounted");
		return NULL;
	}
	text = g_string_new("");
	errno = 0;
	file = fopen(path, "re");
	while (file && (len = getline(&line, &room, file)) >= 0)
		g_string_append_len(text, line, len);
	err = errno;
	if (!file || ferror(file)) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err),
			    "cannot read '%s': %s", path, g_strerror(err));
		g_string_free(text, true);
		text = NULL;
	}
	if (file)
		fclose(file);
	free(line);
	tracefs_put_tracing_file(path);
	return text ? g_string_free(text, false) : NULL;
}

/* The lines of a file; of one that is not there, none. */
static char **read_lines(const char *name, GError **error)
{
	GError *failure = NULL;
	g_autofree char *text = probes_read_tracefs(name, &failure);

	if (!text && !g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
		g_propagate_error(error, failure);
		return NULL;
	}
	g_clear_error(&failure);
	return g_strsplit(text ? g_strchomp(text) : "", "\n", -1);
}

/* The dynamic events of the file, of group or (NULL) of all. */
static GPtrArray *read_events(const char *file, const char *group, GError **error)
{
	g_auto(GStrv) lines = read_lines(file, error);
	GPtrArray *events = NULL;

	if (!lines)
		return NULL;
	events = g_ptr_array_new_with_free_func(dynamic_event_free);
	for (unsigned int i = 0; lines[i]; i++) {
		const char *colon = strchr(lines[i], ':'),
			   *slash = colon ? strchr(colon, '/') : NULL;
		struct dynamic_event *ev;

		if (!slash)
			continue;
		ev = g_new(struct dynamic_event, 1);
		ev->kind = lines[i][0];
		ev->group = g_strndup(colon + 1, slash - colon - 1);
		ev->event = g_strndup(slash + 1, strcspn(slash + 1, " \t"));
		if (group && strcmp(ev->group, group))
			dynamic_event_free(ev);
		else
			g_ptr_array_add(events, ev);
	}
	return events;
}

/* What the kernel last logged of a definition it could not read: "[TIME] WHO: error: WHAT\n..." */
static char *last_complaint(void)
{
	char *entry = tracefs_error_last(NULL);
	char *copy = g_strdup(entry);

	free(entry);
	return copy;
}

/* The complaint and the word that it points to. */
static char *complaint_text(const char *entry)
{
	const char *what = strstr(entry, "error: ");
	g_auto(GStrv) lines = what ? g_strsplit(what + strlen("error: "), "\n", -1) : NULL;
	const char *caret;

	if (!what)
		return NULL;
	g_strstrip(lines[0]);
	if (lines[0][0] && lines[0][strlen(lines[0]) - 1] == '.')
		lines[0][strlen(lines[0]) - 1] = '\0';
	caret = lines[1] && lines[2] ? strchr(lines[2], '^') : NULL;
	if (caret && (size_t)(caret - lines[2]) < strlen(lines[1])) {
		const char *word = lines[1] + (caret - lines[2]);

		return g_strdup_printf("%s at '%.*s'", lines[0], (int)strcspn(word, " "), word);
	}
	return g_strdup(lines[0]);
}

static char *why_refused(int err, const char *complaint_before)
{
	g_autofree char *complaint = last_complaint();
	g_autofree char *text = complaint && g_strcmp0(complaint, complaint_before) ?
				complaint_text(complaint) : NULL;

	return text ? g_strdup_printf("%s: %s", g_strerror(err), text) : g_strdup(g_strerror(err));
}

static bool append(const char *text)
{
	errno = 0;
	return tracefs_instance_file_append(NULL, "dynamic_events", text) >= 0;
}

/*
 * Written as it is: libtracefs 1.6 has no fprobes, and its tracefs_kretprobe_alloc() with a
 * maxactive makes a definition that the kernel refuses ("r256::").
 */
static bool make(const struct probe_definition *d)
{
	g_autofree char *line = g_strconcat(d->text, "\n", NULL);

	return append(line);
}

static bool unmake(const char *group, const char *event)
{
	g_autofree char *line = g_strdup_printf("-:%s/%s\n", group, event);

	return append(line);
}

static bool switch_on_and_off(struct tracefs_instance *instance, const char *group,
			      const char *event)
{
	errno = 0;
	return tracefs_event_file_write(instance, group, event, "enable", "1") >= 0 &&
	       tracefs_event_file_write(instance, group, event, "enable", "0") >= 0;
}

/* False with the reason, which the caller frees. */
static bool try_definition(const struct probe_set *set, const struct probe *probe,
			   const struct probe_definition *d, struct tracefs_instance *instance,
			   char **why)
{
	g_autofree char *before = last_complaint();

	if (!make(d)) {
		*why = why_refused(errno ? errno : EINVAL, before);
		return false;
	}
	if (!instance || switch_on_and_off(instance, set->group, probe->event))
		return true;
	*why = g_strdup_printf("cannot be enabled: %s", g_strerror(errno));
	unmake(set->group, probe->event);
	return false;
}

static bool is_made(const struct probe_set *set, const char *event)
{
	for (guint i = 0; i < set->probes->len; i++) {
		const struct probe *probe = g_ptr_array_index(set->probes, i);

		if (!strcmp(probe->event, event))
			return probe->made;
	}
	return false;
}

/*
 * Ways that another event was refused are not tried again: way is the first that is left. A
 * refusal is kept once another way than the refused one has been found, or none.
 */
static void make_probe(struct probe_set *set, struct probe *probe,
		       struct tracefs_instance *instance, enum probe_way *way)
{
	g_autofree char *why = NULL;
	const struct probe_definition *refused = NULL;

	for (guint i = 0; i < probe->candidates->len && !probe->made; i++) {
		const struct probe_definition *d = g_ptr_array_index(probe->candidates, i);

		if (d->way < *way)
			continue;
		if (refused && refused->way != d->way) {
			g_autofree char *what = g_strdup_printf("%s as %s", probe->event,
								probe_way_names[refused->way]);
			g_autofree char *instead = g_strdup_printf("next is tried: %s",
								   probe_way_names[d->way]);

			probes_refuse(set, what, why, instead);
			*way = d->way;
		}
		g_clear_pointer(&why, g_free);
		if (try_definition(set, probe, d, instance, &why))
			probe->made = d;
		refused = d;
	}
	if (probe->made)
		g_ptr_array_add(set->definitions, g_strdup(probe->made->text));
	else
		probes_refuse(set, probe->event, why ? why : "no way is left to make it",
			      probe->lost);
}

bool probes_create(struct probe_set *set, struct tracefs_instance *instance, GError **error)
{
	g_autoptr(GPtrArray) there = read_events("dynamic_events", set->group, error);
	enum probe_way way = 0;

	if (!there)
		return false;
	if (there->len) {
		const struct dynamic_event *ev = g_ptr_array_index(there, 0);

		g_set_error(error, PROBES_ERROR, PROBES_ERROR_BUSY,
			    "dynamic events '%s/%s' are there already, another recorder's or left behind",
			    set->group, ev->event);
		return false;
	}
	for (guint i = 0; i < set->probes->len; i++) {
		struct probe *probe = g_ptr_array_index(set->probes, i);

		if (probe->needs && !is_made(set, probe->needs)) {
			g_autofree char *why = g_strdup_printf("there is no '%s'", probe->needs);

			probes_refuse(set, probe->event, why, probe->lost);
			continue;
		}
		make_probe(set, probe, instance, &way);
	}
	return true;
}

bool probes_remove(const char *group, unsigned int wait_ms, GError **error)
{
	const gint64 deadline = g_get_monotonic_time() + wait_ms * 1000LL;
	g_autoptr(GPtrArray) events = read_events("dynamic_events", group, error);
	bool fine = true;

	if (!events)
		return false;
	for (guint i = 0; i < events->len; i++) {
		const struct dynamic_event *ev = g_ptr_array_index(events, i);

		while (!unmake(group, ev->event) && errno != ENOENT) {
			int err = errno;

			if (err == EBUSY && g_get_monotonic_time() < deadline) {
				g_usleep(RETRY_MS * 1000);
				continue;
			}
			if (fine)
				g_set_error(error, PROBES_ERROR,
					    err == EBUSY ? PROBES_ERROR_BUSY : PROBES_ERROR_FAILED,
					    "cannot remove dynamic event '%s/%s': %s", group,
					    ev->event, g_strerror(err));
			fine = false;
			break;
		}
	}
	return fine;
}

static void count_free(void *data)
{
	struct probe_count *count = data;

	g_free(count->event);
	g_free(count);
}

/* "  EVENT   HITS   MISSES" */
static bool parse_profile(const char *line, const char *event, uint64_t *n_hit, uint64_t *n_missed)
{
	g_autofree char *name = g_new(char, strlen(line) + 1);
	int n = sscanf(line, " %s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, name, n_hit, n_missed);

	return n == 3 && !strcmp(name, event);
}

/*
 * kprobe_profile names no groups, but has one line per line of kprobe_events, in its order: both
 * walk the same list (kernel/trace/trace_kprobe.c). Should it have changed between the two reads,
 * nothing is counted.
 */
GPtrArray *probes_counts(const char *group, GError **error)
{
	g_autoptr(GPtrArray) all = read_events("dynamic_events", group, error);
	g_autoptr(GPtrArray) kprobes = all ? read_events("kprobe_events", NULL, error) : NULL;
	g_auto(GStrv) profile = kprobes ? read_lines("kprobe_profile", error) : NULL;
	GPtrArray *counts;

	if (!profile)
		return NULL;
	counts = g_ptr_array_new_with_free_func(count_free);
	for (guint i = 0; i < all->len; i++) {
		const struct dynamic_event *ev = g_ptr_array_index(all, i);
		struct probe_count *count = g_new0(struct probe_count, 1);

		count->event = g_strdup(ev->event);
		for (guint k = 0; kprobes->len == g_strv_length(profile) && k < kprobes->len; k++) {
			const struct dynamic_event *kprobe = g_ptr_array_index(kprobes, k);

			if (!strcmp(kprobe->group, group) && !strcmp(kprobe->event, ev->event))
				count->is_counted = parse_profile(profile[k], ev->event,
								  &count->n_hit, &count->n_missed);
		}
		g_ptr_array_add(counts, count);
	}
	return counts;
}
