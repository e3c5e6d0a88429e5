// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One sequence of packets; see "Interning" in Perfetto's docs/reference/synthetic-track-event.md. Its
 * importer sorts events by time and keeps the order of the file among equal ones (trace_sorter.h).
 */
#include "analyze/report/perfetto_writer.h"

#include <string.h>

#include "analyze/report/perfetto.pb-c.h"
#include "schema/db.h"

enum { SEQUENCE = 1, STATE_CLEARED = 1, NEEDS_STATE = 2 };

/* Strings by the number that stands for them: those that packets so far have said, and those still to say. */
struct interned {
	GHashTable *ids;
	GPtrArray *unsaid;
	guint64 first_unsaid;
};

struct lane {
	uint64_t track;
	int64_t end;
};

struct perfetto_lanes {
	char *name;
	uint64_t parent;
	int rank;
	GArray *lanes;
};

/* A detail, and where its members are if it is a dictionary. */
struct detail {
	Perfetto__Protos__DebugAnnotation message;
	GPtrArray *members;
};

struct perfetto_writer {
	ProtobufCBuffer base;
	struct output *output;
	GByteArray *packet;
	unsigned int clock;
	bool begun;
	uint64_t tracks;
	struct interned names, keys, values;
	GPtrArray *all_lanes;
	GPtrArray *pool;	/* struct detail, used again for each event */
	guint n_details;
	struct detail *dict;	/* that is being filled */
	GPtrArray *details;
	GArray *begins, *ends;	/* flows */
};

static void interned_init(struct interned *in)
{
	in->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	in->unsaid = g_ptr_array_new_with_free_func(g_free);
	in->first_unsaid = 1;
}

static void interned_release(struct interned *in)
{
	g_hash_table_unref(in->ids);
	g_ptr_array_unref(in->unsaid);
}

static guint64 intern(struct interned *in, const char *text)
{
	guint64 id = GPOINTER_TO_SIZE(g_hash_table_lookup(in->ids, text));

	if (id)
		return id;
	id = g_hash_table_size(in->ids) + 1;
	g_hash_table_insert(in->ids, g_strdup(text), GSIZE_TO_POINTER(id));
	g_ptr_array_add(in->unsaid, g_utf8_make_valid(text, -1));
	return id;
}

static void append(ProtobufCBuffer *buffer, size_t n, const uint8_t *data)
{
	g_byte_array_append(((struct perfetto_writer *)buffer)->packet, data, n);
}

/* A trace of one packet; one after the other they are a trace of all. */
static void write_trace(struct perfetto_writer *w, Perfetto__Protos__TracePacket *p)
{
	Perfetto__Protos__Trace trace = PERFETTO__PROTOS__TRACE__INIT;

	p->has_trusted_packet_sequence_id = true;
	p->trusted_packet_sequence_id = SEQUENCE;
	trace.n_packet = 1;
	trace.packet = &p;
	g_byte_array_set_size(w->packet, 0);
	protobuf_c_message_pack_to_buffer(&trace.base, &w->base);
	output_write(w->output, w->packet->data, w->packet->len);
}

static void write_packet(struct perfetto_writer *w, Perfetto__Protos__TracePacket *p)
{
	Perfetto__Protos__TracePacketDefaults defaults = PERFETTO__PROTOS__TRACE_PACKET_DEFAULTS__INIT;

	p->has_sequence_flags = true;
	p->sequence_flags = NEEDS_STATE;
	if (!w->begun) {
		p->sequence_flags |= STATE_CLEARED;
		p->has_first_packet_on_sequence = p->first_packet_on_sequence = true;
		defaults.has_timestamp_clock_id = true;
		defaults.timestamp_clock_id = w->clock;
		p->trace_packet_defaults = &defaults;
		w->begun = true;
	}
	write_trace(w, p);
}

static unsigned int clock_of(const char *name)
{
	if (!g_strcmp0(name, "mono"))
		return PERFETTO__PROTOS__BUILTIN_CLOCK__BUILTIN_CLOCK_MONOTONIC;
	if (!g_strcmp0(name, "mono_raw"))
		return PERFETTO__PROTOS__BUILTIN_CLOCK__BUILTIN_CLOCK_MONOTONIC_RAW;
	return PERFETTO__PROTOS__BUILTIN_CLOCK__BUILTIN_CLOCK_BOOTTIME;
}

/*
 * How the clocks are to each other, before any packet that has a time: until it is read, the trace's own
 * is taken for boottime.
 */
static void write_clocks(struct perfetto_writer *w, int64_t t, int64_t realtime)
{
	Perfetto__Protos__TracePacket packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
	Perfetto__Protos__ClockSnapshot snapshot = PERFETTO__PROTOS__CLOCK_SNAPSHOT__INIT;
	Perfetto__Protos__ClockSnapshot__Clock own = PERFETTO__PROTOS__CLOCK_SNAPSHOT__CLOCK__INIT, wall = own;
	Perfetto__Protos__ClockSnapshot__Clock *clocks[] = { &own, &wall };

	own.has_clock_id = own.has_timestamp = wall.has_clock_id = wall.has_timestamp = true;
	own.clock_id = w->clock;
	own.timestamp = t;
	wall.clock_id = PERFETTO__PROTOS__BUILTIN_CLOCK__BUILTIN_CLOCK_REALTIME;
	wall.timestamp = realtime;
	snapshot.clocks = clocks;
	snapshot.n_clocks = realtime == DB_NULL ? 1 : 2;
	snapshot.has_primary_trace_clock = true;
	snapshot.primary_trace_clock = w->clock;
	packet.clock_snapshot = &snapshot;
	write_trace(w, &packet);
}

struct perfetto_writer *perfetto_writer_new(struct output *output, const char *clock, int64_t t, int64_t realtime)
{
	struct perfetto_writer *w = g_new0(struct perfetto_writer, 1);

	w->base.append = append;
	w->output = output;
	w->packet = g_byte_array_new();
	w->clock = clock_of(clock);
	w->all_lanes = g_ptr_array_new();
	w->pool = g_ptr_array_new();
	w->details = g_ptr_array_new();
	w->begins = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	w->ends = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	interned_init(&w->names);
	interned_init(&w->keys);
	interned_init(&w->values);
	write_clocks(w, t, realtime);
	return w;
}

void perfetto_writer_free(struct perfetto_writer *w)
{
	if (!w)
		return;
	for (guint i = 0; i < w->all_lanes->len; i++) {
		struct perfetto_lanes *l = w->all_lanes->pdata[i];

		g_free(l->name);
		g_array_unref(l->lanes);
		g_free(l);
	}
	for (guint i = 0; i < w->pool->len; i++) {
		struct detail *d = w->pool->pdata[i];

		g_ptr_array_unref(d->members);
		g_free(d);
	}
	g_ptr_array_unref(w->all_lanes);
	g_ptr_array_unref(w->pool);
	g_ptr_array_unref(w->details);
	g_array_unref(w->begins);
	g_array_unref(w->ends);
	interned_release(&w->names);
	interned_release(&w->keys);
	interned_release(&w->values);
	g_byte_array_unref(w->packet);
	g_free(w);
}

static uint64_t describe(struct perfetto_writer *w, const char *name, uint64_t parent, int rank, bool group,
			 bool counter)
{
	Perfetto__Protos__TracePacket packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
	Perfetto__Protos__TrackDescriptor track = PERFETTO__PROTOS__TRACK_DESCRIPTOR__INIT;
	Perfetto__Protos__CounterDescriptor values = PERFETTO__PROTOS__COUNTER_DESCRIPTOR__INIT;
	g_autofree char *valid = g_utf8_make_valid(name, -1);

	track.has_uuid = true;
	track.uuid = ++w->tracks;
	track.name = valid;
	track.has_parent_uuid = parent != 0;
	track.parent_uuid = parent;
	track.has_sibling_order_rank = true;
	track.sibling_order_rank = rank ? rank : (int)track.uuid;
	track.has_child_ordering = group;
	track.child_ordering = PERFETTO__PROTOS__TRACK_DESCRIPTOR__CHILD_TRACKS_ORDERING__EXPLICIT;
	if (counter) {
		values.has_unit = true;
		values.unit = PERFETTO__PROTOS__COUNTER_DESCRIPTOR__UNIT__UNIT_COUNT;
		track.counter = &values;
	}
	packet.track_descriptor = &track;
	write_packet(w, &packet);
	return track.uuid;
}

uint64_t perfetto_group(struct perfetto_writer *w, const char *name, uint64_t parent)
{
	return describe(w, name, parent, 0, true, false);
}

uint64_t perfetto_track(struct perfetto_writer *w, const char *name, uint64_t parent)
{
	return describe(w, name, parent, 0, false, false);
}

uint64_t perfetto_counter_track(struct perfetto_writer *w, const char *name, uint64_t parent)
{
	return describe(w, name, parent, 0, false, true);
}

static struct lane *lane_new(struct perfetto_writer *w, struct perfetto_lanes *l)
{
	struct lane lane = { describe(w, l->name, l->parent, l->rank, false, false), INT64_MIN };

	g_array_append_val(l->lanes, lane);
	return &g_array_index(l->lanes, struct lane, l->lanes->len - 1);
}

struct perfetto_lanes *perfetto_lanes(struct perfetto_writer *w, const char *name, uint64_t parent)
{
	struct perfetto_lanes *l = g_new0(struct perfetto_lanes, 1);

	l->name = g_strdup(name);
	l->parent = parent;
	l->lanes = g_array_new(FALSE, FALSE, sizeof(struct lane));
	g_ptr_array_add(w->all_lanes, l);
	/* those to come stand beside the first */
	l->rank = (int)lane_new(w, l)->track;
	return l;
}

static struct detail *detail_new(struct perfetto_writer *w, const char *name)
{
	struct detail *d;

	if (w->n_details == w->pool->len) {
		d = g_new0(struct detail, 1);
		d->members = g_ptr_array_new();
		g_ptr_array_add(w->pool, d);
	}
	d = w->pool->pdata[w->n_details++];
	perfetto__protos__debug_annotation__init(&d->message);
	g_ptr_array_set_size(d->members, 0);
	d->message.has_name_iid = true;
	d->message.name_iid = intern(&w->keys, name);
	g_ptr_array_add(w->dict ? w->dict->members : w->details, &d->message);
	return d;
}

void perfetto_int(struct perfetto_writer *w, const char *name, int64_t value)
{
	struct detail *d;

	if (value == DB_NULL)
		return;
	d = detail_new(w, name);
	d->message.has_int_value = true;
	d->message.int_value = value;
}

void perfetto_text(struct perfetto_writer *w, const char *name, const char *value)
{
	struct detail *d;

	if (!value)
		return;
	d = detail_new(w, name);
	d->message.has_string_value_iid = true;
	d->message.string_value_iid = intern(&w->values, value);
}

void perfetto_dict(struct perfetto_writer *w, const char *name)
{
	w->dict = detail_new(w, name);
}

void perfetto_dict_end(struct perfetto_writer *w)
{
	w->dict->message.n_dict_entries = w->dict->members->len;
	w->dict->message.dict_entries = (Perfetto__Protos__DebugAnnotation **)w->dict->members->pdata;
	w->dict = NULL;
}

void perfetto_flow_begins(struct perfetto_writer *w, uint64_t id)
{
	g_array_append_val(w->begins, id);
}

void perfetto_flow_ends(struct perfetto_writer *w, uint64_t id)
{
	g_array_append_val(w->ends, id);
}

/* The strings of one kind that this packet is the first to need. */
static Perfetto__Protos__InternedString **say(struct interned *in, size_t *n)
{
	Perfetto__Protos__InternedString **list = g_new(Perfetto__Protos__InternedString *, in->unsaid->len + 1);

	for (guint i = 0; i < in->unsaid->len; i++) {
		list[i] = g_new(Perfetto__Protos__InternedString, 1);
		perfetto__protos__interned_string__init(list[i]);
		list[i]->has_iid = true;
		list[i]->iid = in->first_unsaid + i;
		list[i]->str = in->unsaid->pdata[i];
	}
	list[in->unsaid->len] = NULL;
	*n = in->unsaid->len;
	return list;
}

static void said(struct interned *in, Perfetto__Protos__InternedString **list)
{
	for (guint i = 0; list[i]; i++)
		g_free(list[i]);
	g_free(list);
	in->first_unsaid += in->unsaid->len;
	g_ptr_array_set_size(in->unsaid, 0);
}

static void write_saying(struct perfetto_writer *w, Perfetto__Protos__TracePacket *packet)
{
	Perfetto__Protos__InternedData data = PERFETTO__PROTOS__INTERNED_DATA__INIT;

	if (!w->names.unsaid->len && !w->keys.unsaid->len && !w->values.unsaid->len) {
		write_packet(w, packet);
		return;
	}
	data.event_names = say(&w->names, &data.n_event_names);
	data.debug_annotation_names = say(&w->keys, &data.n_debug_annotation_names);
	data.debug_annotation_string_values = say(&w->values, &data.n_debug_annotation_string_values);
	packet->interned_data = &data;
	write_packet(w, packet);
	said(&w->names, data.event_names);
	said(&w->keys, data.debug_annotation_names);
	said(&w->values, data.debug_annotation_string_values);
}

/* Write an event with all that has been said of it. name: NULL for none. */
static void event(struct perfetto_writer *w, Perfetto__Protos__TrackEvent *e, Perfetto__Protos__TrackEvent__Type type,
		  uint64_t track, int64_t t, const char *name)
{
	Perfetto__Protos__TracePacket packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;

	packet.has_timestamp = true;
	packet.timestamp = t;
	packet.track_event = e;
	e->has_type = e->has_track_uuid = true;
	e->type = type;
	e->track_uuid = track;
	e->has_name_iid = name != NULL;
	e->name_iid = name ? intern(&w->names, name) : 0;
	e->n_debug_annotations = w->details->len;
	e->debug_annotations = (Perfetto__Protos__DebugAnnotation **)w->details->pdata;
	e->n_flow_ids = w->begins->len;
	e->flow_ids = (uint64_t *)w->begins->data;
	e->n_terminating_flow_ids = w->ends->len;
	e->terminating_flow_ids = (uint64_t *)w->ends->data;
	write_saying(w, &packet);
	w->n_details = 0;
	g_ptr_array_set_size(w->details, 0);
	g_array_set_size(w->begins, 0);
	g_array_set_size(w->ends, 0);
}

static struct lane *free_lane(struct perfetto_writer *w, struct perfetto_lanes *l, int64_t t0)
{
	for (guint i = 0; i < l->lanes->len; i++) {
		struct lane *lane = &g_array_index(l->lanes, struct lane, i);

		if (lane->end <= t0)
			return lane;
	}
	return lane_new(w, l);
}

void perfetto_slice(struct perfetto_writer *w, struct perfetto_lanes *l, int64_t t0, int64_t t1, const char *name)
{
	Perfetto__Protos__TrackEvent begin = PERFETTO__PROTOS__TRACK_EVENT__INIT, end = begin;
	struct lane *lane = free_lane(w, l, t0);

	lane->end = MAX(t0, t1);
	event(w, &begin, PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN, lane->track, t0, name);
	event(w, &end, PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_SLICE_END, lane->track, lane->end, NULL);
}

void perfetto_instant(struct perfetto_writer *w, uint64_t track, int64_t t, const char *name)
{
	Perfetto__Protos__TrackEvent e = PERFETTO__PROTOS__TRACK_EVENT__INIT;

	event(w, &e, PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_INSTANT, track, t, name);
}

void perfetto_count(struct perfetto_writer *w, uint64_t track, int64_t t, int64_t value)
{
	Perfetto__Protos__TrackEvent e = PERFETTO__PROTOS__TRACK_EVENT__INIT;

	e.has_counter_value = true;
	e.counter_value = value;
	event(w, &e, PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_COUNTER, track, t, NULL);
}
