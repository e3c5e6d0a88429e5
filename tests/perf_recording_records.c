// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/perf_recording.h"

#include <linux/perf_event.h>

enum {
	TRACING_DATA = 1, HOSTNAME = 3, OSRELEASE = 4, VERSION = 5, ARCH = 6, NRCPUS = 7, CMDLINE = 11,
	EVENT_DESC = 12, SAMPLE_TIME = 21, CLOCKID = 23, DIR_FORMAT = 24, FEATURE_COMPRESSED = 27, CLOCK_DATA = 29,

	MMAP_BYTES = 16 << 20,
	MISC_KERNEL = 1, MISC_GUEST_KERNEL = 4,
	FIRST_ID = 1000,
	NAMESPACE = 30000,	/* what --foreign-ids adds */
};

/* of what a sample may have, what the dummy event's have */
#define DUMMY_SAMPLE_TYPE (PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID | \
			   PERF_SAMPLE_CPU | PERF_SAMPLE_IDENTIFIER)
#define READ_FORMAT (PERF_FORMAT_ID | PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED)

gint64 n_samples;

static guint64 id_of(guint type_index, unsigned int cpu)
{
	return FIRST_ID + type_index * n_cpus + cpu;
}

static guint index_of(guint type)
{
	guint i = 0;

	while (i < types->len && g_array_index(types, guint, i) != type)
		i++;
	return i;
}

/* The last is the dummy, which brings COMM and FORK records. */
void put_attr(GByteArray *to, guint i)
{
	bool dummy = i == types->len;
	gsize at = to->len;

	put(to, dummy ? PERF_TYPE_SOFTWARE : PERF_TYPE_TRACEPOINT, 4);
	put(to, ATTR_SIZE, 4);
	put(to, dummy ? PERF_COUNT_SW_DUMMY : g_array_index(types, guint, i), 8);
	put(to, mode.every, 8);
	put(to, dummy ? mode.sample_type & DUMMY_SAMPLE_TYPE : mode.sample_type, 8);
	put(to, READ_FORMAT, 8);
	put(to, 3 | mode.frequency << 10 | 1 << 18 | 1 << 20 | (mode.clockid >= 0) << 25 | (guint64)mode.backward << 27 |
	    (dummy ? 3 << 8 | 1 << 13 : 0), 8);
	pad(to, 4);
	while (to->len - at < ATTR_SIZE)
		put(to, 0, 4);
	put_at(to, at + 92, MAX(mode.clockid, 0), 4);
}

void put_ids(GByteArray *to, guint i)
{
	for (unsigned int cpu = 0; cpu < n_cpus; cpu++)
		put(to, id_of(i, cpu), 8);
}

static void put_string(GByteArray *to, const char *text)
{
	gsize n = (strlen(text) + 1 + 63) / 64 * 64, at = to->len + 4;

	put(to, n, 4);
	put_bytes(to, text, strlen(text));
	while (to->len - at < n)
		put(to, 0, 1);
}

static void put_event_desc(GByteArray *to)
{
	put(to, types->len + 1, 4);
	put(to, ATTR_SIZE, 4);
	for (guint i = 0; i <= types->len; i++) {
		g_autofree char *name = i < types->len ? full_name_of_type(g_array_index(types, guint, i)) :
					g_strdup("dummy:HG");

		put_attr(to, i);
		put(to, n_cpus, 4);
		put_string(to, name);
		put_ids(to, i);
	}
}

/* False: this recording has no such feature. */
bool put_feature(GByteArray *to, unsigned int bit)
{
	const struct event *first = &g_array_index(events, struct event, 0);
	g_autoptr(GByteArray) formats = NULL;

	switch (bit) {
	case TRACING_DATA:
		if (mode.pipe)
			return false;
		formats = tracing_data();
		put_bytes(to, formats->data, formats->len);
		return true;
	case HOSTNAME:
		put_string(to, "testhost");
		return true;
	case OSRELEASE:
		put_string(to, mode.release);
		return true;
	case VERSION:
		put_string(to, "6.1.0");
		return true;
	case ARCH:
		put_string(to, mode.machine);
		return true;
	case NRCPUS:
		put(to, n_cpus, 4);
		put(to, n_cpus, 4);
		return true;
	case CMDLINE:
		put(to, 3, 4);
		put_string(to, "perf");
		put_string(to, "record");
		put_string(to, "-a");
		return true;
	case EVENT_DESC:
		put_event_desc(to);
		return true;
	case SAMPLE_TIME:
		if (mode.pipe || !events->len)
			return false;
		put(to, first->t, 8);
		put(to, first[events->len - 1].t, 8);
		return true;
	case CLOCKID:
		put(to, 1, 8);
		return mode.clockid >= 0;
	case DIR_FORMAT:
		put(to, 1, 8);
		return mode.directory;
	case FEATURE_COMPRESSED:
		put(to, 1, 4);
		put(to, 1, 4);
		put(to, 1, 4);
		put(to, 5, 4);
		put(to, MMAP_BYTES, 4);
		return mode.zstd || mode.zstd2;
	case CLOCK_DATA:
		put(to, 1, 4);
		put(to, MAX(mode.clockid, 0), 4);
		put(to, 1700000000000000000, 8);
		put(to, 1000000000, 8);
		return mode.clockid >= 0;
	}
	return false;
}

/* --- records --- */

gsize begin_record(GByteArray *to, unsigned int type, unsigned int misc)
{
	gsize at = to->len;

	put(to, type, 4);
	put(to, misc, 2);
	put(to, 0, 2);
	return at;
}

void end_record(GByteArray *to, gsize at)
{
	g_assert(to->len - at < 65536);
	put_at(to, at + 6, to->len - at, 2);
}

/* pid and tid as the recorder sees them */
static void put_task_ids(GByteArray *to, int tid)
{
	int shift = mode.foreign_ids && tid > 0 ? NAMESPACE : 0;

	put(to, mode.no_groups ? -1 : group_of(tid) + shift, 4);
	put(to, mode.no_groups ? -1 : tid + shift, 4);
}

static void put_trailer(GByteArray *to, guint type_index, int tid, guint64 t, unsigned int cpu)
{
	if (mode.sample_type & PERF_SAMPLE_TID)
		put_task_ids(to, tid);
	if (mode.sample_type & PERF_SAMPLE_TIME)
		put(to, t, 8);
	if (mode.sample_type & PERF_SAMPLE_ID)
		put(to, id_of(type_index, cpu), 8);
	if (mode.sample_type & PERF_SAMPLE_STREAM_ID)
		put(to, id_of(type_index, cpu), 8);
	if (mode.sample_type & PERF_SAMPLE_CPU)
		put(to, cpu, 8);
	if (mode.sample_type & PERF_SAMPLE_IDENTIFIER)
		put(to, t ? id_of(type_index, cpu) : 0, 8);
}

static void put_comm(GByteArray *to, int tid, guint64 t, unsigned int cpu)
{
	const char *name = g_hash_table_lookup(names, GINT_TO_POINTER(tid));
	gsize at = begin_record(to, PERF_RECORD_COMM, 0);

	put_task_ids(to, tid);
	put_bytes(to, name ? name : "?", strlen(name ? name : "?") + 1);
	while ((to->len - at) % 8)
		put(to, 0, 1);
	put_trailer(to, types->len, tid, t, cpu);
	end_record(to, at);
}

static void put_fork(GByteArray *to, int tid, guint64 t, unsigned int cpu)
{
	gsize at = begin_record(to, PERF_RECORD_FORK, 0);
	int shift = mode.foreign_ids ? NAMESPACE : 0;

	put(to, group_of(tid) + shift, 4);
	put(to, 0, 4);
	put(to, tid + shift, 4);
	put(to, 0, 4);
	put(to, t, 8);
	put_trailer(to, types->len, tid, t, cpu);
	end_record(to, at);
}

static void put_lost(GByteArray *to, const struct event *e)
{
	guint i = index_of(type_of(e));
	gsize at = begin_record(to, PERF_RECORD_LOST, 0);

	put(to, id_of(i, e->cpu), 8);
	put(to, MAX(e->missed, 0), 8);
	put_trailer(to, i, tid_of(e), e->t + 40, e->cpu);	/* its time is taken later than the event's */
	end_record(to, at);
}

static bool damaged_here(const char *what)
{
	gsize n = strlen(what);

	return mode.damage && !strncmp(mode.damage, what, n) && mode.damage[n] == ':' && atoll(mode.damage + n + 1) == n_samples;
}

static void put_sample(GByteArray *to, const struct event *e)
{
	bool in_interrupt = e->data[2] & 0x18;
	gsize at = begin_record(to, PERF_RECORD_SAMPLE, mode.guest && in_interrupt ? MISC_GUEST_KERNEL : MISC_KERNEL);
	guint64 id = id_of(index_of(type_of(e)), e->cpu), st = mode.sample_type;

	n_samples++;
	if (damaged_here("id"))
		id = 77;
	if (st & PERF_SAMPLE_IDENTIFIER)
		put(to, id, 8);
	if (st & PERF_SAMPLE_IP)
		put(to, 0xffffffff81000000, 8);
	if (st & PERF_SAMPLE_TID)
		put_task_ids(to, tid_of(e));
	if (st & PERF_SAMPLE_TIME)
		put(to, damaged_here("time") ? UINT64_MAX : damaged_here("future") ? e->t + (1ULL << 60) : e->t, 8);
	if (st & PERF_SAMPLE_ADDR)
		put(to, 0, 8);
	if (st & PERF_SAMPLE_ID)
		put(to, id, 8);
	if (st & PERF_SAMPLE_STREAM_ID)
		put(to, id, 8);
	if (st & PERF_SAMPLE_CPU)
		put(to, damaged_here("cpu") ? 99999 : e->cpu, 8);
	if (st & PERF_SAMPLE_PERIOD)
		put(to, 1, 8);
	if (st & PERF_SAMPLE_READ) {	/* a group of two */
		put(to, 2, 8);
		put(to, e->t, 8);
		for (unsigned int i = 0; i < 2; i++) {
			put(to, n_samples, 8);
			put(to, id + i, 8);
		}
	}
	if (st & PERF_SAMPLE_CALLCHAIN) {
		put(to, n_samples % 5, 8);
		for (unsigned int i = 0; i < n_samples % 5; i++)
			put(to, 0xffffffff81000000 + i, 8);
	}
	if (st & PERF_SAMPLE_RAW) {
		put(to, (e->size + 4 + 7) / 8 * 8 - 4, 4);
		put_bytes(to, e->data, e->size);
		while ((to->len - at) % 8)
			put(to, 0, 1);
	}
	end_record(to, at);
	if (damaged_here("size"))
		put_at(to, at + 6, 4, 2);
}

/* What is not for us: a sample of another event, an exit. */
static void put_noise(GByteArray *to, const struct event *e)
{
	gsize at;

	if (mode.sample_type & PERF_SAMPLE_IDENTIFIER) {
		at = begin_record(to, PERF_RECORD_SAMPLE, MISC_KERNEL);
		put(to, id_of(types->len, e->cpu), 8);
		put(to, 0, 8);
		put_task_ids(to, tid_of(e));
		put(to, e->t, 8);
		if (mode.sample_type & PERF_SAMPLE_ID)
			put(to, id_of(types->len, e->cpu), 8);
		if (mode.sample_type & PERF_SAMPLE_STREAM_ID)
			put(to, id_of(types->len, e->cpu), 8);
		put(to, e->cpu, 8);
		end_record(to, at);
	}
	at = begin_record(to, PERF_RECORD_EXIT, 0);
	put(to, 1, 8);
	put(to, 1, 8);
	put(to, e->t, 8);
	put_trailer(to, types->len, tid_of(e), e->t, e->cpu);
	end_record(to, at);
}

void put_tasks(GByteArray *to)
{
	g_autoptr(GList) tids = g_hash_table_get_keys(names);

	for (GList *p = tids; p && !mode.no_groups; p = p->next) {
		put_fork(to, GPOINTER_TO_INT(p->data), 0, 0);
		put_comm(to, GPOINTER_TO_INT(p->data), 0, 0);
	}
}

void put_mark(GByteArray *to, unsigned int type)
{
	end_record(to, begin_record(to, type, 0));
}

void put_event(GByteArray *to, const struct event *e)
{
	long long child;

	if (e->missed)
		put_lost(to, e);
	/* the kernel records the fork before its tracepoint fires */
	if (!mode.no_groups && is_named(e, "sched_process_fork") && field_of(e, "child_pid", &child))
		put_fork(to, child, e->t, e->cpu);
	put_sample(to, e);
	if (n_samples % 97 == 0)
		put_noise(to, e);
}

void put_lost_samples(GByteArray *to)
{
	gsize at = begin_record(to, PERF_RECORD_LOST_SAMPLES, 0);

	put(to, mode.lost_samples, 8);
	put_trailer(to, 0, -1, 0, 0);
	if (mode.sample_type & PERF_SAMPLE_IDENTIFIER)
		put_at(to, to->len - 8, id_of(0, 0), 8);
	end_record(to, at);
}
