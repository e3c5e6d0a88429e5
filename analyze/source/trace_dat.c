// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * trace.dat 6 and 7 through libtracecmd: all CPUs of all buffer instances,
 * merged by time.
 */
#include "analyze/source/source.h"

#include <string.h>
#include <trace-cmd/trace-cmd.h>

#include "analyze/source/event_format.h"
#include "analyze/source/trace_dat_header.h"

struct source {
	char *path;
	struct trace_dat_header header;
	struct source_info info;
	char *kernel, *machine;
	struct tracecmd_input *input;
	GPtrArray *handles;		/* top level, then buffer instances */
	struct event_format *formats;
	bool hide_probes;
	bool consumed;			/* input has been read to its end */
	/* the pass under way */
	void (*fn)(void *user, const struct event *ev);
	void *user;
};

/* Clocks that order events across CPUs and count nanoseconds (events.md, formats.md A.4). */
static bool clock_usable(const struct trace_dat_header *h, const char *clock)
{
	static const char *const good[] = { "global", "mono", "mono_raw", "boot", "tai", "perf" };

	for (unsigned int i = 0; i < G_N_ELEMENTS(good); i++)
		if (!strcmp(clock, good[i]))
			return true;
	return !strcmp(clock, "x86-tsc") && h->has_tsc2nsec;
}

static bool check_clocks(const struct source *s, GError **error)
{
	const struct trace_dat_header *h = &s->header;

	if (!h->clock) {
		g_set_error(error, SOURCE_ERROR, 0, "'%s': does not say its trace clock", s->path);
		return false;
	}
	for (unsigned int i = 0; i < h->clocks->len; i++) {
		const char *clock = h->clocks->pdata[i];

		if (!clock_usable(h, clock)) {
			g_set_error(error, SOURCE_ERROR, 0,
				    "'%s': trace clock '%s' does not order events across CPUs\n"
				    "hint: record with the clock 'mono' (trace-cmd record -C mono)",
				    s->path, clock);
			return false;
		}
		if (strcmp(clock, h->clock)) {
			g_set_error(error, SOURCE_ERROR, 0,
				    "'%s': its buffers use different clocks, '%s' and '%s'", s->path,
				    h->clock, clock);
			return false;
		}
	}
	return true;
}

static bool open_input(struct source *s, GError **error)
{
	s->input = tracecmd_open(s->path, TRACECMD_FL_LOAD_NO_PLUGINS);
	if (!s->input) {
		g_set_error(error, SOURCE_ERROR, 0, "'%s': damaged: libtracecmd cannot open it", s->path);
		return false;
	}
	s->handles = g_ptr_array_new();
	g_ptr_array_add(s->handles, s->input);
	for (int i = 0; i < tracecmd_buffer_instances(s->input); i++) {
		struct tracecmd_input *handle = tracecmd_buffer_instance_handle(s->input, i);

		if (!handle) {
			g_set_error(error, SOURCE_ERROR, 0, "'%s': damaged: buffer instance %d cannot be opened",
				    s->path, i);
			return false;
		}
		g_ptr_array_add(s->handles, handle);
	}
	return true;
}

static void close_input(struct source *s)
{
	for (unsigned int i = 1; s->handles && i < s->handles->len; i++)
		tracecmd_close(s->handles->pdata[i]);
	g_clear_pointer(&s->handles, g_ptr_array_unref);
	g_clear_pointer(&s->input, tracecmd_close);
}

/* "Linux HOST RELEASE MACHINE"; HOST may itself hold blanks, so read from the end. */
static void split_uname(struct source *s)
{
	g_auto(GStrv) words = s->header.uname ? g_strsplit(g_strstrip(s->header.uname), " ", -1) : NULL;
	unsigned int n = words ? g_strv_length(words) : 0;

	if (n < 4)
		return;
	s->kernel = g_strdup(words[n - 2]);
	s->machine = g_strdup(words[n - 1]);
}

struct source *source_open(const char *path, bool hide_probes, GError **error)
{
	struct source *s = g_new0(struct source, 1);

	tracecmd_set_loglevel(TEP_LOG_NONE);
	tep_set_loglevel(TEP_LOG_NONE);
	s->path = g_strdup(path);
	s->hide_probes = hide_probes;
	if (!trace_dat_header_read(&s->header, path, error))
		goto fail;
	if (!check_clocks(s, error) || !open_input(s, error))
		goto fail;
	s->formats = event_format_new(tracecmd_get_tep(s->input), hide_probes);
	split_uname(s);
	s->info = (struct source_info){
		.format = s->header.version == 6 ? "trace.dat 6" : "trace.dat 7",
		.kernel = s->kernel, .machine = s->machine, .clock = s->header.clock,
		.n_cpu = s->header.n_cpu, .overruns = s->header.overruns,
	};
	return s;
fail:
	source_close(s);
	return NULL;
}

void source_close(struct source *s)
{
	if (!s)
		return;
	close_input(s);
	event_format_free(s->formats);
	trace_dat_header_release(&s->header);
	g_free(s->kernel);
	g_free(s->machine);
	g_free(s->path);
	g_free(s);
}

const struct source_info *source_info(const struct source *s)
{
	return &s->info;
}

bool source_has(const struct source *s, enum event_type type)
{
	return event_format_has(s->formats, type);
}

static int on_record(struct tracecmd_input *input, struct tep_record *record, int cpu, void *user)
{
	struct source *s = user;
	struct event ev = { .t = record->ts, .cpu = cpu };

	(void)input;
	if (record->missed_events) {
		struct event missed = { .t = record->ts, .cpu = cpu, .type = EV_MISSED };

		missed.missed.events = MAX(record->missed_events, 0);
		s->fn(s->user, &missed);
	}
	event_format_decode(s->formats, record->data, record->size, &ev);
	s->fn(s->user, &ev);
	return 0;
}

bool source_read(struct source *s, void (*fn)(void *user, const struct event *ev), void *user,
		 GError **error)
{
	int err;

	if (s->consumed) {
		g_clear_pointer(&s->formats, event_format_free);
		close_input(s);
		if (!open_input(s, error))
			return false;
		s->formats = event_format_new(tracecmd_get_tep(s->input), s->hide_probes);
	}
	s->consumed = true;
	s->fn = fn;
	s->user = user;
	err = tracecmd_iterate_events_multi((struct tracecmd_input **)s->handles->pdata,
					    s->handles->len, on_record, s);
	if (err)
		g_set_error(error, SOURCE_ERROR, 0, "'%s': damaged: its events cannot be read", s->path);
	return !err;
}

void source_for_each_count(const struct source *s,
			   void (*fn)(void *user, const char *system, const char *name, int64_t n,
				      int64_t used, const char *reason),
			   void *user)
{
	event_format_for_each_count(s->formats, fn, user);
}
