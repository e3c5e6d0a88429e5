// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/source/perf_attr.h"

#include <linux/perf_event.h>

#include "analyze/source/input.h"

enum {
	MAX_ATTRS = 1024,
	MAX_IDS = 1 << 20,	/* 128 events on 8192 CPUs */
	MAX_PROBES = 64,
	FIRST_ID_BITS = 8,
	CLOCKID_END = 96,	/* of struct perf_event_attr, up to and with clockid */
};

/* Bit fields of struct perf_event_attr behind read_format. */
#define FLAG_FREQ           (1ULL << 10)
#define FLAG_SAMPLE_ID_ALL  (1ULL << 18)
#define FLAG_USE_CLOCKID    (1ULL << 25)
#define FLAG_WRITE_BACKWARD (1ULL << 27)

void perf_attrs_init(struct perf_attrs *attrs)
{
	*attrs = (struct perf_attrs){
		.all = g_ptr_array_new_with_free_func(g_free),
		.ids = g_new0(struct perf_id, 1 << FIRST_ID_BITS), .id_bits = FIRST_ID_BITS,
	};
}

void perf_attrs_release(struct perf_attrs *attrs)
{
	g_clear_pointer(&attrs->all, g_ptr_array_unref);
	g_clear_pointer(&attrs->ids, g_free);
}

/* The order of fields in a SAMPLE is that of perf_output_sample(), kernel/events/core.c. */
static void lay_out_sample(struct perf_attr *a)
{
	uint64_t type = a->sample_type, read = a->read_format;
	unsigned int at = 8;
	const struct { uint64_t bit; uint16_t *at; } fields[] = {
		{ PERF_SAMPLE_IDENTIFIER, &a->id }, { PERF_SAMPLE_IP, NULL }, { PERF_SAMPLE_TID, &a->tid },
		{ PERF_SAMPLE_TIME, &a->time }, { PERF_SAMPLE_ADDR, NULL }, { PERF_SAMPLE_ID, &a->id },
		{ PERF_SAMPLE_STREAM_ID, NULL }, { PERF_SAMPLE_CPU, &a->cpu }, { PERF_SAMPLE_PERIOD, NULL },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(fields); i++) {
		if (!(type & fields[i].bit))
			continue;
		if (fields[i].at && !*fields[i].at)
			*fields[i].at = at;
		at += 8;
	}
	a->least = a->variable = at;
	if (type & PERF_SAMPLE_CALLCHAIN || (type & PERF_SAMPLE_READ && read & PERF_FORMAT_GROUP) ||
	    !(type & PERF_SAMPLE_RAW))
		return;
	if (type & PERF_SAMPLE_READ)
		at += 8 + 8 * __builtin_popcountll(read & (PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_LOST |
							   PERF_FORMAT_TOTAL_TIME_RUNNING | PERF_FORMAT_ID));
	a->raw = at;
	a->least = at + 4;
}

/* ... and in the trailer that of perf_event__output_id_sample(); here from its end on. */
static void lay_out_trailer(struct perf_attr *a)
{
	uint64_t type = a->flags & FLAG_SAMPLE_ID_ALL ? a->sample_type : 0;
	const struct { uint64_t bit; uint16_t *at; } fields[] = {
		{ PERF_SAMPLE_IDENTIFIER, &a->trailer_id }, { PERF_SAMPLE_CPU, &a->trailer_cpu },
		{ PERF_SAMPLE_STREAM_ID, NULL }, { PERF_SAMPLE_ID, NULL },
		{ PERF_SAMPLE_TIME, &a->trailer_time }, { PERF_SAMPLE_TID, NULL },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(fields); i++) {
		if (!(type & fields[i].bit))
			continue;
		a->trailer += 8;
		if (fields[i].at)
			*fields[i].at = a->trailer;
	}
}

static bool same_attr(const struct perf_attr *a, const struct perf_attr *b)
{
	return a->type == b->type && a->config == b->config && a->sample_type == b->sample_type &&
	       a->read_format == b->read_format && a->flags == b->flags;
}

struct perf_attr *perf_attrs_add(struct perf_attrs *attrs, const uint8_t *bytes, size_t size)
{
	struct cursor c = { .data = bytes, .size = size };
	struct perf_attr a = { .clockid = -1 }, *added;
	uint64_t period;

	a.type = take_number(&c, 4);
	take(&c, 4);
	a.config = take_number(&c, 8);
	period = take_number(&c, 8);
	a.sample_type = take_number(&c, 8);
	a.read_format = take_number(&c, 8);
	a.flags = take_number(&c, 8);
	if (c.bad)
		return NULL;
	if (a.flags & FLAG_USE_CLOCKID && size >= CLOCKID_END)
		a.clockid = perf_load32(bytes + CLOCKID_END - 4);
	a.every_event = !(a.flags & FLAG_FREQ) && period == 1;
	a.is_tracepoint = a.type == PERF_TYPE_TRACEPOINT;
	for (guint i = 0; i < attrs->all->len; i++)
		if (same_attr(attrs->all->pdata[i], &a))
			return attrs->all->pdata[i];
	if (attrs->all->len >= MAX_ATTRS)
		return NULL;
	lay_out_sample(&a);
	lay_out_trailer(&a);
	added = g_memdup2(&a, sizeof(a));
	g_ptr_array_add(attrs->all, added);
	return added;
}

static bool put_id(struct perf_attrs *attrs, uint64_t id, const struct perf_attr *attr)
{
	size_t mask = ((size_t)1 << attrs->id_bits) - 1, at = perf_id_slot(attrs, id);

	for (unsigned int i = 0; i < MAX_PROBES; i++, at = (at + 1) & mask) {
		struct perf_id *slot = &attrs->ids[at];

		if (slot->attr && slot->id != id)
			continue;
		attrs->n_ids += !slot->attr;
		if (!slot->attr)
			*slot = (struct perf_id){ id, attr };
		return true;
	}
	return false;	/* ids made to collide */
}

static bool grow_ids(struct perf_attrs *attrs)
{
	g_autofree struct perf_id *old = attrs->ids;
	size_t n = (size_t)1 << attrs->id_bits;
	bool ok = true;

	attrs->id_bits++;
	attrs->n_ids = 0;
	attrs->ids = g_new0(struct perf_id, 2 * n);
	for (size_t i = 0; i < n && ok; i++)
		if (old[i].attr)
			ok = put_id(attrs, old[i].id, old[i].attr);
	return ok;
}

bool perf_attrs_add_id(struct perf_attrs *attrs, uint64_t id, const struct perf_attr *attr)
{
	if (attrs->n_ids >= MAX_IDS ||
	    (attrs->n_ids >= (size_t)1 << (attrs->id_bits - 2) && !grow_ids(attrs)))
		return false;
	return put_id(attrs, id, attr);
}

bool perf_attrs_add_ids(struct perf_attrs *attrs, struct cursor *ids, uint64_t n, const struct perf_attr *attr)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t id = take_number(ids, 8);

		if (ids->bad || !perf_attrs_add_id(attrs, id, attr))
			return false;
	}
	return true;
}

static bool fail(GError **error, const char *name, const char *what)
{
	g_set_error(error, SOURCE_ERROR, 0, "'%s': %s", name, what);
	return false;
}

/* Clocks that order events across CPUs and do not step; NULL: it does. */
static const char *clock_name(int32_t clockid)
{
	switch (clockid) {
	case -1:
		return "perf";
	case 1:
		return "mono";
	case 4:
		return "mono_raw";
	case 7:
		return "boot";
	case 11:
		return "tai";
	default:
		return NULL;
	}
}

static bool check_tracepoint(const struct perf_attr *a, const char *name, GError **error)
{
	if (a->flags & FLAG_WRITE_BACKWARD)
		return fail(error, name, "its buffers were written backward, which is not read\n"
			    "hint: record without --overwrite");
	if (!a->every_event)
		return fail(error, name, "holds a sample of the events, not every one\n"
			    "hint: record without -F and -c");
	if (!a->time)
		return fail(error, name, "its samples have no time\nhint: record with -a, or --timestamp");
	if (!a->cpu)
		return fail(error, name, "its samples do not say their CPU\nhint: record with -a, or --sample-cpu");
	if (!(a->sample_type & PERF_SAMPLE_RAW))
		return fail(error, name, "recorded without raw data\nhint: record with -R");
	return true;
}

static bool check_clock(const struct perf_attrs *attrs, const struct perf_attr *first, const char *name,
			const char **clock, GError **error)
{
	g_autofree char *text = NULL;

	for (guint i = 0; i < attrs->all->len; i++)
		if (((struct perf_attr *)attrs->all->pdata[i])->clockid != first->clockid)
			return fail(error, name, "its events use different clocks");
	*clock = clock_name(first->clockid);
	if (*clock)
		return true;
	text = g_strdup_printf("clock %d%s does not order events\nhint: record with -k CLOCK_MONOTONIC",
			       first->clockid, first->clockid ? "" : ", CLOCK_REALTIME, can be set and");
	return fail(error, name, text);
}

/* How perf tells, too: evlist__id_pos(), tools/perf/util/evlist.c. */
static bool check_ids(struct perf_attrs *attrs, const struct perf_attr *first, const char *name, GError **error)
{
	bool same_layout = true, same_id = first->id, same_trailer = true;

	attrs->trailers_have_id = first->trailer_id;
	for (guint i = 0; i < attrs->all->len; i++) {
		const struct perf_attr *a = attrs->all->pdata[i];

		same_id &= a->id == first->id;
		same_layout &= a->is_tracepoint && a->sample_type == first->sample_type &&
			       a->read_format == first->read_format;
		same_trailer &= a->trailer == first->trailer && a->trailer_time == first->trailer_time &&
				a->trailer_cpu == first->trailer_cpu;
		attrs->trailers_have_id &= a->trailer_id != 0;
	}
	if (same_id && attrs->n_ids)
		attrs->sample_id = first->id;
	else if (same_layout)
		attrs->only = first;
	else
		return fail(error, name, "its samples do not say which event they are of");
	if (!same_trailer && !attrs->trailers_have_id)
		return fail(error, name, "its records do not say which event they are of");
	return true;
}

bool perf_attrs_check(struct perf_attrs *attrs, const char *name, const char **clock, GError **error)
{
	const struct perf_attr *first = NULL;

	for (guint i = 0; i < attrs->all->len; i++) {
		const struct perf_attr *a = attrs->all->pdata[i];

		if (!a->is_tracepoint)
			continue;
		if (!check_tracepoint(a, name, error))
			return false;
		first = first ? first : a;
	}
	if (!first)
		return fail(error, name, "holds no tracepoints");
	return check_clock(attrs, first, name, clock, error) && check_ids(attrs, first, name, error);
}

unsigned int perf_attr_find_raw(const struct perf_attr *a, const uint8_t *p, unsigned int size)
{
	struct cursor c = { .data = p, .size = size, .pos = a->variable };
	unsigned int times = __builtin_popcountll(a->read_format & (PERF_FORMAT_TOTAL_TIME_ENABLED |
								    PERF_FORMAT_TOTAL_TIME_RUNNING));
	unsigned int each = 1 + __builtin_popcountll(a->read_format & (PERF_FORMAT_ID | PERF_FORMAT_LOST));
	uint64_t n;

	if (a->sample_type & PERF_SAMPLE_READ) {
		n = a->read_format & PERF_FORMAT_GROUP ? take_number(&c, 8) : 1;
		take(&c, 8 * times);
		take(&c, n <= size ? 8 * n * each : UINT64_MAX);
	}
	if (a->sample_type & PERF_SAMPLE_CALLCHAIN) {
		n = take_number(&c, 8);
		take(&c, n <= size ? 8 * n : UINT64_MAX);
	}
	return !c.bad && size - c.pos >= 4 ? c.pos : 0;
}
