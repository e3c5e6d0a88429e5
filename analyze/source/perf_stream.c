// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/source/perf_stream.h"

#include <linux/perf_event.h>

enum {
	/*
	 * Records held back for older ones that may follow: a tracepoint takes its time, then a
	 * place in the buffer, and may be interrupted by others in between.
	 */
	HOLD = 64,
	ROOM = STREAM_RECORDS + HOLD,
	/* A record that so many later ones come before is not of its time. */
	MAX_PASSED = 256,
	COMM_SIZE = 16,			/* TASK_COMM_LEN */
	COMMON_PID = 4,			/* struct trace_entry */
	FETCH_BYTES = 104 * STREAM_RECORDS,	/* about a window */
	FORGET_RUN = 1 << 20,
	FORGET_ALL = 16 << 20,
};

/* A LOST record that says more is not believed; sums of others fit 64 bits. */
#define MAX_LOST (1ULL << 32)

struct perf_stream {
	struct stream stream;
	struct perf_recording *recording;
	const struct perf_run *run;
	/* the extent under way, next_extent the one behind it */
	guint next_extent, section;
	const uint8_t *at, *end, *forgotten;
	uint64_t place;			/* where it ends, over all sections */
	uint64_t done;			/* bytes of it and the extents before it */
	bool tasks;
	/* in order of time; the first stream.n are given out */
	struct record held[ROOM];
	unsigned int n_held, n_losses;
	unsigned int passed;		/* records that came before the last of held, but later */
	bool any, ended;
	int64_t t_given;		/* of the last record given out */
	int64_t t_last;			/* of the last of held, or else the same; T_BEFORE: none yet */
	/* since the last of held */
	bool losing;
	enum loss why;
	int64_t lost;
};

static void lose(struct perf_stream *s, enum loss why, int64_t events)
{
	if (!s->losing)
		s->why = why;
	s->losing = true;
	s->lost += events;
}

static void hold_loss(struct perf_stream *s, int64_t t)
{
	s->held[s->n_held++] = (struct record){ .kind = RECORD_LOSS, .why = s->why, .t = t, .events = s->lost };
	s->n_losses++;
	s->losing = false;
	s->lost = 0;
}

static int64_t time_of_last(const struct perf_stream *s)
{
	return s->n_held ? s->held[s->n_held - 1].t : s->any ? s->t_given : T_BEFORE;
}

/* The last of held is not of its time, or nothing would have come before it for so long. */
static void drop_last(struct perf_stream *s)
{
	s->n_held--;
	lose(s, LOSS_CLOCK, 1);
	while (s->n_held && s->held[s->n_held - 1].kind == RECORD_LOSS) {
		lose(s, s->held[s->n_held - 1].why, s->held[s->n_held - 1].events);
		s->n_held--;
		s->n_losses--;
	}
	s->t_last = time_of_last(s);
	s->passed = 0;
}

/* Before all that are later, behind those of the same time. */
static void insert(struct perf_stream *s, const struct record *r)
{
	unsigned int i = s->n_held;

	if (s->any && r->t < s->t_given) {
		lose(s, LOSS_CLOCK, 1);
		return;
	}
	while (i && s->held[i - 1].t > r->t)
		i--;
	memmove(&s->held[i + 1], &s->held[i], (s->n_held - i) * sizeof(*r));
	s->held[i] = *r;
	s->n_held++;
	if (++s->passed > MAX_PASSED)
		drop_last(s);
}

static void hold_unusual(struct perf_stream *s, struct record r)
{
	if (r.t < s->t_last) {
		insert(s, &r);
		return;
	}
	hold_loss(s, r.t);
	s->held[s->n_held++] = r;
	s->t_last = r.t;
	s->passed = 0;
}

/* The record that is made at held[n_held]; room for one more is left. */
static inline void hold(struct perf_stream *s, const struct record *r)
{
	if (G_UNLIKELY(r->t < s->t_last || s->losing)) {
		hold_unusual(s, *r);
		return;
	}
	s->n_held++;
	s->t_last = r->t;
	s->passed = 0;
}

static inline void take_sample(struct perf_stream *s, const uint8_t *p, unsigned int size)
{
	const struct perf_attr *a = perf_attrs_of_sample(&s->recording->header.attrs, p, size);
	struct record *r = &s->held[s->n_held];
	unsigned int raw, raw_size;

	if (G_UNLIKELY(!a)) {
		lose(s, LOSS_SAMPLE, 1);
		return;
	}
	if (!a->is_tracepoint)
		return;
	raw = a->raw ? a->raw : perf_attr_find_raw(a, p, size);
	r->t = perf_load64(p + a->time);
	if (G_UNLIKELY(!raw || (uint64_t)r->t > T_LATEST || perf_load32(p + a->cpu) != s->stream.cpu)) {
		lose(s, LOSS_SAMPLE, 1);
		return;
	}
	raw_size = perf_load32(p + raw);
	r->data = p + raw + 4;
	r->size = MIN(raw_size, size - raw - 4);
	r->tgid = 0;
	/* -1: the thread is dead; another tid: ids of another PID namespace */
	if (a->tid && r->size >= COMMON_PID + 4 && (int32_t)perf_load32(p + a->tid) > 0 &&
	    perf_load32(p + a->tid + 4) == perf_load32(r->data + COMMON_PID))
		r->tgid = perf_load32(p + a->tid);
	r->kind = RECORD_EVENT;
	hold(s, r);
}

static int64_t time_of_other(const struct perf_attr *a, const uint8_t *p, unsigned int size)
{
	uint64_t t = a->trailer_time ? perf_load64(p + size - a->trailer_time) : 0;

	return MIN(t, T_LATEST);
}

/* COMM: u32 pid, tid, name. FORK: u32 pid, ppid, tid, ptid, u64 time. */
static void take_task(struct perf_stream *s, uint32_t type, const uint8_t *p, unsigned int size)
{
	bool is_fork = type == PERF_RECORD_FORK;
	const struct perf_attr *a = perf_attrs_of_other(&s->recording->header.attrs, p, size, is_fork ? 24 : 8);
	struct record *r = &s->held[s->n_held];

	if (!a || s->recording->index.foreign_ids)
		return;
	*r = (struct record){ .kind = RECORD_TASK, .t = s->tasks ? T_BEFORE + 1 : time_of_other(a, p, size) };
	r->tgid = perf_load32(p + 8);
	r->tid = perf_load32(p + (is_fork ? 16 : 12));
	if (!is_fork && size >= 16 + COMM_SIZE)
		r->data = p + 16;
	if (r->tid > 0 && r->tgid > 0)
		hold(s, r);
}

/* LOST: u64 id, lost. LOST_SAMPLES: u64 lost. */
static void take_loss(struct perf_stream *s, uint32_t type, const uint8_t *p, unsigned int size)
{
	unsigned int fields = type == PERF_RECORD_LOST ? 16 : 8;
	uint64_t n;

	if (size < 8 + fields)
		return;
	n = perf_load64(p + fields);
	lose(s, LOSS_RECORDER, n < MAX_LOST ? n : 0);
}

static bool next_extent(struct perf_stream *s)
{
	const struct perf_section *sections = (const void *)s->recording->index.sections->data;
	const struct perf_extent *e;

	if (!s->run->extents || s->next_extent >= s->run->extents->len)
		return false;
	e = &g_array_index(s->run->extents, struct perf_extent, s->next_extent++);
	while (e->at >= sections[s->section].base + sections[s->section].size)
		s->section++;
	s->at = s->forgotten = sections[s->section].data + (e->at - sections[s->section].base);
	s->end = s->at + e->size;
	s->place = e->at + e->size;
	s->done += e->size;
	return true;
}

/* The next record, of whatever kind; false at the end. */
static inline bool take_record(struct perf_stream *s)
{
	uint32_t type;
	unsigned int size;

	if (G_UNLIKELY(s->at == s->end) && !next_extent(s))
		return false;
	size = perf_record_size(s->at, s->end - s->at);
	if (G_UNLIKELY(!size)) {
		/* the file was changed since the index was made */
		lose(s, LOSS_RECORD, 0);
		s->at = s->end;
		return true;
	}
	type = perf_load32(s->at);
	if (type == PERF_RECORD_COMM || type == PERF_RECORD_FORK)
		take_task(s, type, s->at, size);
	else if (s->tasks)
		;	/* others among them mean nothing */
	else if (G_LIKELY(type == PERF_RECORD_SAMPLE))
		take_sample(s, s->at, size);
	else if (type == PERF_RECORD_LOST || type == PERF_RECORD_LOST_SAMPLES)
		take_loss(s, type, s->at, size);
	s->at += size;
	return true;
}

/* Where the stream is, over all sections: all it still needs is behind that. */
static uint64_t place_of(const struct perf_stream *s)
{
	bool last = !s->run->extents || s->next_extent >= s->run->extents->len;

	if (s->at < s->end)
		return s->place - (s->end - s->at);
	return last ? UINT64_MAX : g_array_index(s->run->extents, struct perf_extent, s->next_extent).at;
}

static void forget_sections(struct perf_index *index, uint64_t from, uint64_t to)
{
	for (guint i = 0; i < index->sections->len; i++) {
		const struct perf_section *s = &g_array_index(index->sections, struct perf_section, i);
		uint64_t a = MAX(from, s->base), b = MIN(to, s->base + s->size);

		if (a < b)
			input_forget(s->data + (a - s->base), b - a);
	}
}

/* Within a long extent what is behind; of short ones what is behind all streams. */
static void forget_behind(struct perf_stream *s, uint64_t taken)
{
	struct perf_recording *r = s->recording;
	uint64_t least = UINT64_MAX;

	if (s->at - s->forgotten > FORGET_RUN) {
		input_forget(s->forgotten, s->at - s->forgotten);
		s->forgotten = s->at;
	}
	r->taken += taken;
	if (r->taken < FORGET_ALL)
		return;
	r->taken = 0;
	for (guint i = 0; i < r->streams->len; i++)
		least = MIN(least, place_of(r->streams->pdata[i]));
	if (least > r->forgotten)
		forget_sections(&r->index, r->forgotten, least);
	r->forgotten = MAX(r->forgotten, least);
}

/* The first n of held are now the window. */
static void give_out(struct perf_stream *s, unsigned int n)
{
	for (unsigned int i = 0; i < n && s->n_losses; i++) {
		if (s->held[i].kind != RECORD_LOSS)
			continue;
		s->held[i].t0 = i ? s->held[i - 1].t : s->any ? s->t_given : T_BEFORE;
		s->n_losses--;
	}
	s->stream.n = n;
	if (n) {
		s->any = true;
		s->t_given = s->held[n - 1].t;
	}
}

static uint64_t consumed(const struct perf_stream *s)
{
	return s->done - (s->end - s->at);
}

/* With many streams, each is back to its bytes only when the caches have long lost sight of it. */
static void fetch_ahead(const struct perf_stream *s)
{
	size_t left = s->end - s->at;

	for (size_t i = 0; i < left && i < FETCH_BYTES; i += 64)
		__builtin_prefetch(s->at + i, 0, 2);
}

static void refill(struct stream *stream)
{
	struct perf_stream *s = (struct perf_stream *)stream;
	uint64_t before = consumed(s);
	bool more = true;

	s->n_held -= stream->n;
	memmove(s->held, s->held + stream->n, s->n_held * sizeof(s->held[0]));
	stream->n = stream->next = 0;
	while (s->n_held < ROOM - 1 && more)
		more = take_record(s);
	if (!s->n_held && !s->ended) {
		s->ended = true;
		if (s->run->incomplete && !s->tasks)
			lose(s, s->run->why, 0);
		if (s->losing)
			hold_loss(s, T_AFTER);
	}
	give_out(s, more ? s->n_held - HOLD : MIN(s->n_held, STREAM_RECORDS));
	stream->taken = consumed(s) * s->recording->bytes_per_byte;
	forget_behind(s, consumed(s) - before);
	fetch_ahead(s);
}

static void rewind_run(struct stream *stream)
{
	struct perf_stream *s = (struct perf_stream *)stream;

	stream->n = stream->next = 0;
	s->n_held = s->n_losses = s->passed = 0;
	s->next_extent = s->section = 0;
	s->at = s->end = s->forgotten = NULL;
	s->place = s->done = 0;
	s->any = s->ended = s->losing = false;
	s->lost = 0;
	s->t_last = T_BEFORE;
	s->recording->taken = s->recording->forgotten = 0;
}

void perf_recording_free(struct perf_recording *r)
{
	perf_index_release(&r->index);
	perf_header_release(&r->header);
	g_ptr_array_unref(r->streams);
	g_free(r);
}

static void free_stream(struct stream *stream)
{
	struct perf_recording *r = ((struct perf_stream *)stream)->recording;

	g_free(stream);
	if (!--r->n_streams)
		perf_recording_free(r);
}

struct stream *perf_stream_new(struct perf_recording *recording, const struct perf_run *run, unsigned int cpu)
{
	struct perf_stream *s = g_new0(struct perf_stream, 1);

	s->recording = recording;
	s->run = run;
	s->t_last = T_BEFORE;
	s->tasks = run == &recording->index.tasks;
	s->stream = (struct stream){
		.cpu = cpu, .records = s->held, .refill = refill, .rewind = rewind_run, .free = free_stream,
	};
	g_ptr_array_add(recording->streams, s);
	recording->n_streams++;
	return &s->stream;
}
