// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/source/ring_buffer.h"

#include <glib.h>
#include <string.h>
#include <zstd.h>

#include "analyze/source/cursor.h"
#include "analyze/source/input.h"

enum {
	PAGE_HEADER = 16,
	TYPE_PADDING = 29, TYPE_TIME_EXTEND = 30, TYPE_TIME_STAMP = 31,
	DELTA_SHIFT = 27,
	FORGET_BYTES = 1 << 20,
	FETCH_BYTES = 48 * STREAM_RECORDS,	/* about a window */
	CHUNK_HEADER = 8,
	MAX_CHUNK_PAGES = 64,	/* trace-cmd makes chunks of 10 */
	MAX_CHUNK = 16 << 20,
};

#define MISSED_EVENTS (1U << 31)
#define MISSED_STORED (1U << 30)
#define STAMP_TOP (0x1fULL << 59)	/* what an absolute time stamp leaves out */

struct unpacker {
	ZSTD_DCtx *zstd;
};

struct ring_buffer {
	struct stream stream;
	struct record window[STREAM_RECORDS];
	struct ring_buffer_bytes bytes;
	struct ring_buffer_clock clock;
	/* plain pages under way: all of bytes, or one chunk */
	const uint8_t *pages;
	size_t pages_size, next_page;
	/* the page under way */
	const uint8_t *at, *end;
	uint64_t ts, limit;	/* running time; the next page's, or latest, which events may not pass */
	uint64_t latest;	/* raw time of T_LATEST, or all that fit where that is out of reach */
	/* chunks */
	struct cursor chunks;
	uint32_t chunks_left;
	uint8_t *plain;
	size_t plain_room;
	bool ended;
	uint64_t forgotten;
	/* since the last record */
	bool any;
	uint64_t last;		/* its raw time */
	int64_t t_last;		/* in ns */
	bool losing;
	enum loss why;
	int64_t lost;
};

static uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static inline int64_t in_ns(const struct ring_buffer *b, uint64_t raw)
{
	__int128 t = raw;

	if (b->clock.mult)
		t = (unsigned __int128)raw * b->clock.mult >> b->clock.shift;
	t += (int64_t)b->clock.offset;
	return CLAMP(t, 0, T_LATEST);
}

static uint64_t latest_of(const struct ring_buffer_clock *clock)
{
	__int128 t = (__int128)T_LATEST - (int64_t)clock->offset;

	if (t <= 0)
		return 0;
	if (clock->mult && clock->shift < 64)
		t = ((unsigned __int128)t << clock->shift) / clock->mult;
	return MIN(t, UINT64_MAX);
}

/* Something is missing from here to the next record; the first reason is the one told. */
static void lose(struct ring_buffer *b, enum loss why, int64_t events)
{
	if (!b->losing)
		b->why = why;
	b->losing = true;
	b->lost += events;
}

static void add_loss(struct ring_buffer *b, int64_t t)
{
	b->window[b->stream.n++] = (struct record){
		.kind = RECORD_LOSS, .why = b->why, .t = t, .t0 = b->any ? b->t_last : T_BEFORE, .events = b->lost,
	};
	b->losing = false;
	b->lost = 0;
}

/* The page's bytes of events; -1: its header makes no sense. */
static int64_t page_commit(const struct ring_buffer *b, const uint8_t *page)
{
	/* bit 31 is set by adding an int to a long (RB_MISSED_EVENTS): all bits above it are then, too */
	uint64_t commit = load64(page + 8), above = commit >> 32;
	uint32_t size = (uint32_t)commit & ~(MISSED_EVENTS | MISSED_STORED);

	if (above && (above != UINT32_MAX || !(commit & MISSED_EVENTS)))
		return -1;
	return size > b->bytes.page_size - PAGE_HEADER ? -1 : (int64_t)size;
}

static const uint8_t *peek_page(const struct ring_buffer *b)
{
	const uint8_t *page = b->pages + b->next_page;

	if (b->pages_size - b->next_page < b->bytes.page_size || !load64(page) || load64(page) > b->latest ||
	    page_commit(b, page) < 0)
		return NULL;
	return page;
}

/* Begin the page at next_page; one that is damaged is passed over. */
static void open_page(struct ring_buffer *b)
{
	const uint8_t *page = b->pages + b->next_page, *next;
	size_t left = b->pages_size - b->next_page;
	int64_t commit;

	b->at = b->end = NULL;
	b->next_page += MIN(left, b->bytes.page_size);
	if (left < b->bytes.page_size) {
		lose(b, b->bytes.cut ? LOSS_CUT : LOSS_PAGE_TORN, 0);
		return;
	}
	commit = page_commit(b, page);
	b->ts = load64(page);
	if (!b->ts && !commit) {
		lose(b, LOSS_PAGE_ZEROED, 0);
		return;
	}
	next = peek_page(b);
	b->limit = next && load64(next) >= b->ts ? load64(next) : b->latest;
	/* the step forward is this page's if the next one goes on where the last one was */
	if (commit < 0 || b->ts > b->latest || (next && load64(next) < b->ts && b->any && load64(next) >= b->last)) {
		lose(b, LOSS_PAGE_TORN, 0);
		return;
	}
	if (load32(page + 8) & MISSED_EVENTS) {
		bool stored = load32(page + 8) & MISSED_STORED &&
			      commit + 8 <= (int64_t)b->bytes.page_size - PAGE_HEADER;
		uint64_t n = stored ? load64(page + PAGE_HEADER + commit) : 0;

		lose(b, LOSS_RECORDER, n < 1ULL << 40 ? n : 0);
	}
	b->at = page + PAGE_HEADER;
	b->end = b->at + commit;
}

static inline void add_event(struct ring_buffer *b, const uint8_t *data, uint32_t size)
{
	struct record *r;

	if (b->ts < b->last && b->any) {
		lose(b, LOSS_CLOCK, 1);
		return;
	}
	b->last = b->ts;
	if (b->losing)
		add_loss(b, in_ns(b, b->ts));
	r = &b->window[b->stream.n++];
	r->t = b->t_last = in_ns(b, b->ts);
	r->data = data;
	r->size = size;
	r->tgid = 0;
	r->kind = RECORD_EVENT;
	b->any = true;
}

/* Take events of the page under way until it or the window is at its end. */
static void walk(struct ring_buffer *b)
{
	while (b->end - b->at >= 4 && b->stream.n < STREAM_RECORDS - 1) {
		uint32_t head = load32(b->at), delta = head >> 5, type = head & 31, extra = 0, size;
		size_t left = b->end - b->at - 4;

		if (type - 1 < 28) {
			size = 4 * type;
			if (size > left)
				goto torn;
			b->ts += delta;
			if (b->ts > b->limit)
				goto torn;
			add_event(b, b->at + 4, size);
			b->at += 4 + size;
			continue;
		}
		if (type == TYPE_PADDING && !delta)
			break;
		if (left < 4)
			goto torn;
		extra = load32(b->at + 4);
		switch (type) {
		case TYPE_TIME_EXTEND:
			b->ts += ((uint64_t)extra << DELTA_SHIFT) + delta;
			b->at += 8;
			break;
		case TYPE_TIME_STAMP:
			b->ts = (b->ts & STAMP_TOP) | (((uint64_t)extra << DELTA_SHIFT) + delta);
			b->at += 8;
			break;
		default:	/* a discarded event, or one whose length is its first word */
			if (extra < 4 || extra > left)
				goto torn;
			/* a discarded event that had no delta was given one, as 0 means the page's end */
			b->ts += type == TYPE_PADDING && delta == 1 ? 0 : delta;
			if (b->ts > b->limit)
				goto torn;
			if (!type)
				add_event(b, b->at + 8, extra - 4);
			b->at += 4 + extra;
			break;
		}
	}
	if (b->stream.n < STREAM_RECORDS - 1)
		b->at = b->end;
	return;
torn:
	lose(b, LOSS_PAGE_TORN, 0);
	b->at = b->end;
}

struct unpacker *unpacker_new(void)
{
	struct unpacker *u = g_rc_box_new0(struct unpacker);

	u->zstd = ZSTD_createDCtx();
	return u;
}

static void unpacker_clear(void *p)
{
	ZSTD_freeDCtx(((struct unpacker *)p)->zstd);
}

void unpacker_unref(struct unpacker *u)
{
	if (u)
		g_rc_box_release_full(u, unpacker_clear);
}

/* The next chunk becomes the pages under way; false at the end. */
static bool next_chunk(struct ring_buffer *b)
{
	size_t most = MIN((size_t)MAX_CHUNK_PAGES * b->bytes.page_size, MAX_CHUNK);

	while (b->chunks_left) {
		uint32_t csize = take_number(&b->chunks, 4), usize = take_number(&b->chunks, 4);
		const void *from = take(&b->chunks, csize);

		if (!from) {
			lose(b, b->bytes.cut ? LOSS_CUT : LOSS_CHUNK, 0);
			b->chunks_left = 0;
			return false;
		}
		b->chunks_left--;
		b->pages_size = b->next_page = 0;
		if (usize > b->plain_room && usize <= most) {
			g_free(b->plain);
			b->plain = g_malloc(usize);
			b->plain_room = usize;
		}
		if (usize > most ||
		    ZSTD_decompressDCtx(b->bytes.unpacker->zstd, b->plain, usize, from, csize) != usize) {
			lose(b, LOSS_CHUNK, 0);
			continue;
		}
		b->pages = b->plain;
		b->pages_size = usize;
		return true;
	}
	if (b->chunks.size - b->chunks.pos >= CHUNK_HEADER) {	/* more than the count says */
		lose(b, LOSS_CHUNK, 0);
		b->chunks.pos = b->chunks.size;
	}
	return false;
}

static void forget_behind(struct ring_buffer *b)
{
	size_t done = b->bytes.unpacker ? b->chunks.pos : b->next_page;

	b->stream.taken = done;
	/* the page under way is still in use */
	if (done > b->forgotten + FORGET_BYTES + b->bytes.page_size) {
		input_forget(b->bytes.data + b->forgotten, done - b->bytes.page_size - b->forgotten);
		b->forgotten = done - b->bytes.page_size;
	}
}

/* With many streams, each is back to its bytes only when the caches have long lost sight of it. */
static void fetch_ahead(const struct ring_buffer *b)
{
	for (const uint8_t *p = b->at; p && p < b->end && p < b->at + FETCH_BYTES; p += 64)
		__builtin_prefetch(p, 0, 2);
	if (b->end - b->at < FETCH_BYTES && b->pages_size - b->next_page >= b->bytes.page_size)
		for (size_t i = 0; i < FETCH_BYTES && i < b->bytes.page_size; i += 64)
			__builtin_prefetch(b->pages + b->next_page + i, 0, 2);
	if (b->pages_size - b->next_page >= 2 * (size_t)b->bytes.page_size)
		__builtin_prefetch(b->pages + b->next_page + b->bytes.page_size, 0, 2);
}

static void refill(struct stream *stream)
{
	struct ring_buffer *b = (struct ring_buffer *)stream;

	stream->n = stream->next = 0;
	forget_behind(b);
	while (stream->n < STREAM_RECORDS - 1) {
		if (b->at < b->end) {
			walk(b);
		} else if (b->next_page < b->pages_size) {
			open_page(b);
		} else if (b->bytes.unpacker && stream->n) {
			return;		/* the window points into this chunk */
		} else if (!b->bytes.unpacker || !next_chunk(b)) {
			break;
		}
	}
	if (stream->n) {
		fetch_ahead(b);
		return;
	}
	if (b->ended)
		return;
	b->ended = true;
	if (b->bytes.cut)
		lose(b, LOSS_CUT, 0);
	if (b->losing)
		add_loss(b, T_AFTER);
}

static void rewind_pages(struct stream *stream)
{
	struct ring_buffer *b = (struct ring_buffer *)stream;

	stream->n = stream->next = 0;
	b->at = b->end = NULL;
	b->next_page = b->pages_size = 0;
	b->ended = b->any = b->losing = false;
	b->lost = 0;
	b->forgotten = 0;
	if (b->bytes.unpacker) {
		b->chunks = (struct cursor){ .data = b->bytes.data, .size = b->bytes.size };
		b->chunks_left = take_number(&b->chunks, 4);
	} else {
		b->pages = b->bytes.data;
		b->pages_size = b->bytes.size;
	}
}

static void free_pages(struct stream *stream)
{
	struct ring_buffer *b = (struct ring_buffer *)stream;

	unpacker_unref(b->bytes.unpacker);
	g_free(b->plain);
	g_free(b);
}

struct stream *ring_buffer_stream(unsigned int cpu, const struct ring_buffer_bytes *bytes,
				  const struct ring_buffer_clock *clock)
{
	struct ring_buffer *b = g_new0(struct ring_buffer, 1);

	b->bytes = *bytes;
	b->clock = *clock;
	b->latest = latest_of(clock);
	if (bytes->unpacker)
		g_rc_box_acquire(bytes->unpacker);
	b->stream = (struct stream){
		.cpu = cpu, .records = b->window, .refill = refill, .rewind = rewind_pages, .free = free_pages,
	};
	rewind_pages(&b->stream);
	return &b->stream;
}
