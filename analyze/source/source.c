// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/source/source.h"

#include <stdatomic.h>
#include <string.h>

#include "analyze/source/merge.h"
#include "analyze/source/reader.h"

enum { REPORT_EVENTS = 1 << 16 };	/* between two updates of *taken */

struct source {
	struct reader *readers;
	unsigned int n;
	struct source_info info;
};

static void reader_release(struct reader *r)
{
	for (guint i = 0; r->streams && i < r->streams->len; i++) {
		struct stream *s = r->streams->pdata[i];

		s->free(s);
	}
	g_clear_pointer(&r->streams, g_ptr_array_unref);
	event_format_free(r->formats);
	g_free(r->kernel);
	g_free(r->machine);
	g_free(r->clock);
}

static bool open_reader(struct reader *r, struct input *in, GError **error)
{
	const struct input_file *f = &in->files[0];

	if (f->size >= 8 && (!memcmp(f->data, "PERFILE2", 8) || !memcmp(f->data, "PERFFILE", 8) ||
			     !memcmp(f->data, "2ELIFREP", 8)))	/* big-endian */
		return perf_data_open(r, in, error);
	if (f->size >= 10 && !memcmp(f->data, "\x17\x08\x44tracing", 10))
		return trace_dat_open(r, in, error);
	if (f->size >= 16 && !memcmp(f->data, "SQLite format 3", 16))
		g_set_error(error, SOURCE_ERROR, 0, "'%s': a database, not a recording\n"
			    "hint: counterspin info and replay read databases", f->name);
	else
		g_set_error(error, SOURCE_ERROR, 0, "'%s': not a recording, neither trace.dat nor perf.data",
			    f->name);
	return false;
}

/* Time of the first record, loss apart; T_AFTER: there is none. */
static int64_t first_time(const struct reader *r)
{
	int64_t first = T_AFTER;

	for (guint i = 0; i < r->streams->len; i++) {
		struct stream *s = r->streams->pdata[i];

		s->rewind(s);
		s->refill(s);
		for (unsigned int k = 0; k < s->n; k++)
			if (s->records[k].kind == RECORD_EVENT) {
				first = MIN(first, s->records[k].t);
				break;
			}
	}
	return first;
}

static int by_first_time(const void *a, const void *b)
{
	int64_t x = first_time(a), y = first_time(b);

	return x < y ? -1 : x > y;
}

static bool same_host(const struct source *s, GError **error)
{
	for (unsigned int i = 1; i < s->n; i++) {
		const struct reader *a = &s->readers[0], *b = &s->readers[i];
		const char *what = g_strcmp0(a->clock, b->clock) ? "clock" :
				   g_strcmp0(a->kernel, b->kernel) || g_strcmp0(a->machine, b->machine) ? "kernel" :
				   a->n_cpu && b->n_cpu && a->n_cpu != b->n_cpu ? "number of CPUs" : NULL;

		if (what) {
			g_set_error(error, SOURCE_ERROR, 0, "'%s' and '%s' are not bursts of one recording: "
				    "another %s", a->path, b->path, what);
			return false;
		}
	}
	return true;
}

struct source *source_new(struct input **inputs, unsigned int n, bool hide_probes, GError **error)
{
	struct source *s = g_new0(struct source, 1);

	s->readers = g_new0(struct reader, n);
	for (s->n = 0; s->n < n;) {
		struct reader *r = &s->readers[s->n++];

		r->path = inputs[s->n - 1]->path;
		r->formats = event_format_new(hide_probes);
		r->streams = g_ptr_array_new();
		if (!open_reader(r, inputs[s->n - 1], error))
			goto fail;
		s->info.n_cpu = MAX(s->info.n_cpu, r->n_cpu);
		s->info.overruns += r->overruns;
	}
	if (!same_host(s, error))
		goto fail;
	s->info.format = s->readers[0].format;
	s->info.kernel = s->readers[0].kernel;
	s->info.machine = s->readers[0].machine;
	s->info.clock = s->readers[0].clock;
	if (n > 1)
		qsort(s->readers, n, sizeof(*s->readers), by_first_time);
	return s;
fail:
	source_free(s);
	return NULL;
}

void source_free(struct source *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < s->n; i++)
		reader_release(&s->readers[i]);
	g_free(s->readers);
	g_free(s);
}

const struct source_info *source_info(const struct source *s)
{
	return &s->info;
}

bool source_has(const struct source *s, enum event_type type)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (event_format_has(s->readers[i].formats, type))
			return true;
	return false;
}

struct pass {
	uint64_t wanted;
	void (*fn)(void *user, const struct event *ev);
	void *user;
	_Atomic uint64_t *taken;
	uint64_t before;	/* bytes of the bursts already read */
	int64_t t_last;
	int64_t t_begin;	/* of the burst under way; T_BEFORE in the first */
	bool is_last;
};

static uint64_t taken_of(const struct reader *r)
{
	uint64_t sum = 0;

	for (guint i = 0; i < r->streams->len; i++)
		sum += ((struct stream *)r->streams->pdata[i])->taken;
	return sum;
}

/* A record that is shorter than its format says: what it was to tell is missing. */
static void report_damage(struct pass *p, const struct event *ev)
{
	struct event missed = { .t = ev->t, .cpu = ev->cpu, .type = EV_MISSED };

	missed.missed.t0 = ev->t;
	missed.missed.why = LOSS_SAMPLE;
	p->fn(p->user, &missed);
}

static inline void pass_on(struct pass *p, struct reader *r, const struct stream *s, const struct record *rec)
{
	struct event ev;

	ev.t = rec->t;
	ev.cpu = s->cpu;
	ev.tgid = 0;
	switch ((enum record_kind)rec->kind) {
	case RECORD_EVENT:
		ev.tgid = rec->tgid;
		if (!event_format_decode(r->formats, rec->data, rec->size, p->wanted, &ev))
			report_damage(p, &ev);
		p->t_last = rec->t;
		break;
	case RECORD_LOSS:
		ev.type = EV_MISSED;
		ev.tid = 0;
		ev.in_irq = false;
		/* what is missing at the ends of a burst is missing there, not before or after it */
		if (rec->t == T_AFTER)
			ev.t = p->is_last ? T_AFTER : p->t_last;
		ev.missed.t0 = MAX(rec->t0, p->t_begin);
		ev.missed.events = rec->events;
		ev.missed.why = rec->why;
		break;
	case RECORD_TASK:
		ev.type = EV_TASK;
		ev.tid = rec->tid;
		ev.tgid = rec->tgid;
		ev.in_irq = false;
		ev.task.comm = (const char *)rec->data;
		break;
	}
	p->fn(p->user, &ev);
}

static void read_burst(struct pass *p, struct reader *r)
{
	struct merge *m;
	struct stream *s;
	uint64_t n = 0;

	for (guint i = 0; i < r->streams->len; i++) {
		s = r->streams->pdata[i];
		s->rewind(s);
	}
	m = merge_new((struct stream **)r->streams->pdata, r->streams->len);
	while ((s = merge_next(m))) {
		pass_on(p, r, s, &s->records[s->next]);
		merge_took(m);
		if (++n % REPORT_EVENTS == 0 && p->taken)
			atomic_store_explicit(p->taken, p->before + taken_of(r), memory_order_relaxed);
	}
	merge_free(m);
	p->before += taken_of(r);
}

bool source_read(struct source *s, uint64_t wanted, void (*fn)(void *user, const struct event *ev),
		 void *user, _Atomic uint64_t *taken, GError **error)
{
	struct pass p = {
		.wanted = wanted, .fn = fn, .user = user, .taken = taken, .t_last = T_BEFORE, .t_begin = T_BEFORE,
	};

	for (unsigned int i = 0; i < s->n; i++) {
		struct reader *r = &s->readers[i];

		event_format_forget_counts(r->formats);
		if (i) {
			struct event between = { .t = first_time(r), .cpu = CPU_ALL, .type = EV_MISSED };

			if (between.t < p.t_last) {
				g_set_error(error, SOURCE_ERROR, 0, "'%s': begins before '%s' ends: bursts of one "
					    "recording do not overlap", r->path, s->readers[i - 1].path);
				return false;
			}
			p.t_begin = between.t;
			between.missed.t0 = p.t_last;
			between.missed.why = LOSS_BURST;
			fn(user, &between);
		}
		p.is_last = i + 1 == s->n;
		read_burst(&p, r);
	}
	if (taken)
		atomic_store(taken, p.before);
	return true;
}

struct count {
	const char *system, *name, *reason;
	int64_t n, used;
};

static void add_count(void *user, const char *system, const char *name, int64_t n, int64_t used, const char *reason)
{
	GArray *counts = user;

	g_array_append_val(counts, ((struct count){ system, name, reason, n, used }));
}

static int by_name(const void *a, const void *b)
{
	const struct count *x = a, *y = b;
	int c = strcmp(x->system, y->system);

	return c ? c : strcmp(x->name, y->name);
}

void source_for_each_count(const struct source *s,
			   void (*fn)(void *user, const char *system, const char *name, int64_t n,
				      int64_t used, const char *reason),
			   void *user)
{
	g_autoptr(GArray) counts = g_array_new(FALSE, FALSE, sizeof(struct count));

	for (unsigned int i = 0; i < s->n; i++)
		event_format_for_each_count(s->readers[i].formats, add_count, counts);
	g_array_sort(counts, by_name);
	for (guint i = 0; i < counts->len;) {
		struct count sum = g_array_index(counts, struct count, i);

		while (++i < counts->len && !by_name(&sum, &g_array_index(counts, struct count, i))) {
			const struct count *c = &g_array_index(counts, struct count, i);

			sum.n += c->n;
			sum.used += c->used;
			sum.reason = sum.reason ? sum.reason : c->reason;
		}
		fn(user, sum.system, sum.name, sum.n, sum.used, sum.reason);
	}
}
