// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/source/perf_index.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	MAX_EXTENTS = 4 << 20,		/* 64 MiB of them */
	FORGET_BYTES = 16 << 20,
	CHECKED_SAMPLES = 4096,
	MIN_UNPACKED = 64 << 20,	/* what even a small file may unpack to ... */
	MAX_RATIO = 256,		/* ... and a big one, of its size; real ones have 5 to 30 */
	COMMON_PID = 4,			/* struct trace_entry */
};

#define MAX_LOST (1ULL << 40)

/*
 * Whose a record is, if it is not a CPU's: of those who are in the run under way, as it means
 * nothing; of threads that were there before; nobody's, and no stream should see it. Or no more
 * records can be found; or it is an error.
 */
enum { LANE_ANY = -1, LANE_TASKS = -2, LANE_NONE = -3, LANE_END = -4, LANE_ERROR = -5 };

/* What COMPRESSED records hold. */
struct unpacking {
	struct perf_zstd *zstd;		/* NULL: none yet */
	const struct input *input;
	bool begun;			/* a stream, in this section */
	int own_fd;			/* -1: there is none */
};

/* A section while its records are found. */
struct walk {
	struct perf_index *index;
	struct perf_section *section;
	struct unpacking *unpacking;
	bool zstd_damaged;
	int lane;			/* whose the run under way is */
	const uint8_t *run;
	unsigned int checked, differ;
	GError **error;
};

static bool fail(const struct walk *w, const char *what)
{
	g_set_error(w->error, SOURCE_ERROR, 0, "'%s': %s", w->index->header->name, what);
	return false;
}

static struct perf_run *run_of(struct perf_index *index, int lane)
{
	return lane == LANE_TASKS ? &index->tasks : lane >= 0 ? &index->cpus[lane] : NULL;
}

static bool end_run(struct walk *w, const uint8_t *p)
{
	struct perf_index *index = w->index;
	struct perf_run *run = run_of(index, w->lane);
	struct perf_extent e = { w->section->base + (w->run - w->section->data), p - w->run };

	if (!run || p == w->run)
		return true;
	if (index->n_extents >= MAX_EXTENTS)
		return fail(w, "its records alternate between CPUs, not in runs as perf record -a writes them\n"
			    "hint: import what perf record wrote, not what perf inject made of it");
	if (!run->extents)
		run->extents = g_array_new(FALSE, FALSE, sizeof(struct perf_extent));
	g_array_append_val(run->extents, e);
	index->n_extents++;
	index->bytes += e.size;
	if (w->lane >= 0)
		index->n_cpu = MAX(index->n_cpu, (unsigned int)w->lane + 1);
	return true;
}

/*
 * The kernel stores thread ids as the recorder's PID namespace has them, but in the raw data as
 * they are. Where that is not the same, thread groups say nothing.
 */
static void check_ids(struct walk *w, const struct perf_attr *a, const uint8_t *p, unsigned int size)
{
	int32_t tid, pid;

	if (!a->tid || !a->raw || size < a->raw + 12u)
		return;
	tid = perf_load32(p + a->tid + 4);
	pid = perf_load32(p + a->raw + 4 + COMMON_PID);
	if (tid <= 0 || pid <= 0)
		return;
	w->checked++;
	w->differ += tid != pid;
	w->index->foreign_ids = w->differ > w->checked / 2;
}

static inline int lane_of_sample(struct walk *w, const uint8_t *p, unsigned int size)
{
	struct perf_header *h = w->index->header;
	const struct perf_attr *a;
	uint32_t cpu;

	if (G_UNLIKELY(!h->clock) && !perf_header_know_events(h, w->error))
		return LANE_ERROR;
	a = perf_attrs_of_sample(&h->attrs, p, size);
	/* one that is damaged is told by the stream of the CPU in whose run it is */
	if (!a || !a->is_tracepoint)
		return LANE_ANY;
	cpu = perf_load32(p + a->cpu);
	if (cpu >= PERF_MAX_CPUS)
		return LANE_ANY;
	if (G_UNLIKELY(w->checked < CHECKED_SAMPLES))
		check_ids(w, a, p, size);
	return cpu;
}

/* The record of a thread, or of a loss: the CPU whose buffer it was in. */
static int lane_of_other(struct walk *w, uint32_t type, const uint8_t *p, unsigned int size)
{
	unsigned int fields = type == PERF_RECORD_FORK ? 24 : type == PERF_RECORD_LOST ? 16 : 8;
	const struct perf_attr *a;
	uint64_t t;
	uint32_t cpu;

	if (!perf_header_know_events(w->index->header, w->error))
		return LANE_ERROR;
	a = perf_attrs_of_other(&w->index->header->attrs, p, size, fields);
	t = a && a->trailer_time ? perf_load64(p + size - a->trailer_time) : 0;
	cpu = a && a->trailer_cpu ? perf_load32(p + size - a->trailer_cpu) : PERF_MAX_CPUS;
	if (a && type != PERF_RECORD_LOST && type != PERF_RECORD_LOST_SAMPLES && !t)
		return LANE_TASKS;
	return cpu < PERF_MAX_CPUS ? (int)cpu : LANE_ANY;
}

/*
 * With time 0 the recorder wrote it at the end, one for each event and CPU: what the kernel
 * counted, of which LOST records are a part. Dropped by a BPF filter is not lost.
 */
static int lost_samples(struct walk *w, const uint8_t *p, unsigned int size)
{
	enum { MISC_LOST_SAMPLES_BPF = 1 << 15 };
	const struct perf_attr *a;
	uint64_t n;

	if (!perf_header_know_events(w->index->header, w->error))
		return LANE_ERROR;
	a = perf_attrs_of_other(&w->index->header->attrs, p, size, 8);
	if (!a || perf_load16(p + 4) & MISC_LOST_SAMPLES_BPF)
		return LANE_NONE;
	if (a->trailer_time && perf_load64(p + size - a->trailer_time))
		return lane_of_other(w, PERF_RECORD_LOST_SAMPLES, p, size);
	n = perf_load64(p + 8) + w->index->lost;
	if (n >= (uint64_t)w->index->lost)
		w->index->lost = MIN(n, MAX_LOST);
	return LANE_NONE;
}

/* perf inject --guest-data adds the events of guests, which are not the host's. */
static int id_index(struct walk *w, const uint8_t *p, unsigned int size)
{
	struct cursor c = { .data = p, .size = size, .pos = 8 };
	uint64_t n = take_number(&c, 8);

	take(&c, n < size ? n * 32 : size);
	while (!c.bad && c.size - c.pos >= 16) {
		if (take_number(&c, 8)) {
			fail(w, "holds events of guests, too, as perf inject --guest-data adds them");
			return LANE_ERROR;
		}
		take(&c, 8);
	}
	return LANE_ANY;
}

static bool begin_unpacking(struct walk *w)
{
	struct unpacking *u = w->unpacking;
	uint64_t limit = MAX(MIN_UNPACKED, input_size(u->input) * MAX_RATIO);
	int fd = u->input->scratch;

	if (!u->zstd && fd < 0)
		fd = u->own_fd = memfd_create("perf.data", MFD_CLOEXEC);
	if (!u->zstd && fd < 0)
		return fail(w, "is compressed, and there is no room to unpack it\n"
			    "hint: write the database to a file system that has unnamed files (O_TMPFILE)");
	if (!u->zstd)
		u->zstd = perf_zstd_new(fd, limit, w->index->header->name);
	perf_zstd_begin(u->zstd);
	u->begun = true;
	return true;
}

static int compressed(struct walk *w, uint32_t type, const uint8_t *p, unsigned int size)
{
	struct cursor c = { .data = p, .size = size, .pos = 8 };
	uint64_t n = type == PERF_RECORD_COMPRESSED2 ? take_number(&c, 8) : size - 8;
	const uint8_t *data = take(&c, n);

	if (!w->unpacking)		/* in what is unpacked */
		return LANE_NONE;
	if (!w->unpacking->begun && !begin_unpacking(w))
		return LANE_ERROR;
	w->zstd_damaged |= !data;
	if (data && !perf_zstd_add(w->unpacking->zstd, data, n, &w->zstd_damaged, w->error))
		return LANE_ERROR;
	return LANE_NONE;
}

/* Move *end behind the n bytes of data that a record's size leaves out. */
static bool pass_over_data(const struct walk *w, uint64_t n, const uint8_t **end)
{
	if (n > (uint64_t)(w->section->data + w->section->size - *end))
		return false;
	*end += n;
	return true;
}

/* Whose the record is that is no SAMPLE; *end, where it ends, may move. */
static int lane_of_record(struct walk *w, uint32_t type, const uint8_t *p, unsigned int size, const uint8_t **end)
{
	struct perf_header *h = w->index->header;

	switch (type) {
	case PERF_RECORD_LOST:
	case PERF_RECORD_COMM:
	case PERF_RECORD_FORK:
		return lane_of_other(w, type, p, size);
	case PERF_RECORD_LOST_SAMPLES:
		return lost_samples(w, p, size);
	case PERF_RECORD_ID_INDEX:
		return id_index(w, p, size);
	case PERF_RECORD_COMPRESSED:
	case PERF_RECORD_COMPRESSED2:
		return compressed(w, type, p, size);
	case PERF_RECORD_HEADER_ATTR:
	case PERF_RECORD_HEADER_FEATURE:
		if (h->is_pipe && !perf_header_record(h, type, p, size, w->error))
			return LANE_ERROR;
		return LANE_NONE;
	case PERF_RECORD_AUXTRACE:
		if (size >= 16 && !pass_over_data(w, perf_load64(p + 8), end))
			return LANE_END;
		return LANE_NONE;
	case PERF_RECORD_HEADER_TRACING_DATA:
		if (size < 12)
			return LANE_NONE;
		if (!pass_over_data(w, perf_load32(p + 8), end))
			return LANE_END;
		return perf_header_tracing_data(h, p + size, *end - p - size, w->error) ? LANE_NONE : LANE_ERROR;
	default:
		return LANE_ANY;
	}
}

/* What is left in the section is no record. */
static void end_section(struct perf_section *s, const uint8_t *p)
{
	uint64_t left = s->data + s->size - p;

	if (!left || s->incomplete)
		return;
	s->incomplete = true;
	s->why = s->to_end && (left < 8 || perf_load16(p + 6) >= 8) ? LOSS_CUT : LOSS_RECORD;
}

static bool walk(struct walk *w)
{
	const uint8_t *p = w->section->data, *end = p + w->section->size, *forgotten = p;
	unsigned int size;

	w->lane = LANE_NONE;
	w->run = p;
	while ((size = perf_record_size(p, end - p))) {
		const uint8_t *next = p + size;
		uint32_t type = perf_load32(p);
		int lane;

		if (type == PERF_RECORD_SAMPLE)
			lane = lane_of_sample(w, p, size);
		else
			lane = lane_of_record(w, type, p, size, &next);
		if (lane != w->lane && lane != LANE_ANY) {
			if (lane == LANE_ERROR || !end_run(w, p))
				return false;
			w->lane = lane;
			w->run = p;
			if (lane == LANE_END)
				break;
		}
		p = next;
		if (p - forgotten > FORGET_BYTES) {
			input_forget(forgotten, p - forgotten);
			forgotten = p;
		}
	}
	if (!end_run(w, p))
		return false;
	end_section(w->section, p);
	return true;
}

static struct perf_section *add_section(struct perf_index *index, const uint8_t *data, uint64_t size, bool to_end)
{
	struct perf_section s = { .data = data, .size = size, .to_end = to_end };
	GArray *sections = index->sections;

	if (sections->len) {
		const struct perf_section *last = &g_array_index(sections, struct perf_section, sections->len - 1);

		s.base = last->base + last->size;
	}
	g_array_append_val(sections, s);
	return &g_array_index(sections, struct perf_section, sections->len - 1);
}

/* A CPU that lacks records has its last ones in the section that is incomplete. */
static void spread_incompleteness(struct perf_index *index, const struct perf_section *s)
{
	for (unsigned int cpu = 0; cpu < index->n_cpu && s->incomplete; cpu++) {
		struct perf_run *run = &index->cpus[cpu];
		const struct perf_extent *last = run->extents ?
			&g_array_index(run->extents, struct perf_extent, run->extents->len - 1) : NULL;

		if (last && last->at >= s->base && last->at < s->base + s->size) {
			run->incomplete = true;
			run->why = s->why;
		}
	}
}

/* ... or has none at all. */
static void note_cpus_without_records(struct perf_index *index)
{
	const struct perf_section *incomplete = NULL;

	for (guint i = 0; i < index->sections->len; i++) {
		const struct perf_section *s = &g_array_index(index->sections, struct perf_section, i);

		if (s->incomplete)
			incomplete = s;
	}
	if (!incomplete)
		return;
	index->n_cpu = MAX(index->n_cpu, index->header->n_cpu);
	for (unsigned int cpu = 0; cpu < index->n_cpu; cpu++)
		if (!index->cpus[cpu].extents) {
			index->cpus[cpu].incomplete = true;
			index->cpus[cpu].why = incomplete->why;
		}
}

static bool walk_section(struct perf_index *index, guint i, struct unpacking *unpacking, GError **error)
{
	struct perf_section *s = &g_array_index(index->sections, struct perf_section, i);
	struct walk w = { .index = index, .section = s, .unpacking = unpacking, .error = error };

	if (unpacking)
		unpacking->begun = false;
	if (!walk(&w))
		return false;
	if (w.zstd_damaged) {
		s->incomplete = true;
		s->why = LOSS_RECORD;
	}
	spread_incompleteness(index, s);
	return true;
}

/* Sections for what each file's COMPRESSED records held: the bytes up to ends[file]. */
static bool walk_unpacked(struct perf_index *index, struct perf_zstd *zstd, const GArray *ends, GError **error)
{
	const uint8_t *data;
	uint64_t at = 0;

	if (!perf_zstd_map(zstd, &data, &index->unpacked_size, error))
		return false;
	index->unpacked = (uint8_t *)data;
	for (guint i = 0; i < ends->len; i++) {
		uint64_t end = g_array_index(ends, uint64_t, i);
		const struct perf_section *file = &g_array_index(index->sections, struct perf_section, i);
		bool incomplete = file->incomplete;
		enum loss why = file->why;
		struct perf_section *s;

		if (end == at)
			continue;
		s = add_section(index, data + at, end - at, true);
		s->incomplete = incomplete;
		s->why = why;
		if (!walk_section(index, index->sections->len - 1, NULL, error))
			return false;
		at = end;
	}
	return true;
}

static bool walk_all(struct perf_index *index, const struct input *input, struct unpacking *unpacking, GError **error)
{
	const struct perf_header *h = index->header;
	g_autoptr(GArray) ends = g_array_new(FALSE, FALSE, sizeof(uint64_t));

	add_section(index, input->files[0].data + h->data_offset, h->data_size, h->is_pipe);
	for (unsigned int i = 1; i < input->n_files; i++)
		add_section(index, input->files[i].data, input->files[i].size, true);
	for (unsigned int i = 0; i < input->n_files; i++) {
		uint64_t end;

		if (!walk_section(index, i, unpacking, error))
			return false;
		end = unpacking->zstd ? perf_zstd_size(unpacking->zstd) : 0;
		g_array_append_val(ends, end);
	}
	return !unpacking->zstd || walk_unpacked(index, unpacking->zstd, ends, error);
}

bool perf_index_make(struct perf_index *index, struct perf_header *header, const struct input *input, GError **error)
{
	struct unpacking unpacking = { .input = input, .own_fd = -1 };
	bool ok;

	*index = (struct perf_index){
		.header = header, .cpus = g_new0(struct perf_run, PERF_MAX_CPUS),
		.sections = g_array_new(FALSE, FALSE, sizeof(struct perf_section)),
	};
	ok = walk_all(index, input, &unpacking, error);
	perf_zstd_free(unpacking.zstd);
	if (unpacking.own_fd >= 0)
		close(unpacking.own_fd);
	if (ok && !header->has_formats) {
		g_set_error(error, SOURCE_ERROR, 0, "'%s': has no event formats (tracing data)", header->name);
		ok = false;
	}
	if (!ok || !perf_header_know_events(header, error))
		return false;
	note_cpus_without_records(index);
	return true;
}

static void run_release(struct perf_run *run)
{
	if (run->extents)
		g_array_unref(run->extents);
}

void perf_index_release(struct perf_index *index)
{
	for (unsigned int cpu = 0; index->cpus && cpu < PERF_MAX_CPUS; cpu++)
		run_release(&index->cpus[cpu]);
	run_release(&index->tasks);
	g_clear_pointer(&index->cpus, g_free);
	g_clear_pointer(&index->sections, g_array_unref);
	if (index->unpacked)
		munmap(index->unpacked, index->unpacked_size);
	index->unpacked = NULL;
}
