// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/recorder.h"

#include <string.h>

#include "tests/bench/spool.h"
#include "tests/bench/trace_dat_7.h"
#include "tests/recording_formats.h"
#include "tests/recording_writer.h"

enum { MAX_FIELDS = 64, COMMON_FIELDS = 4, COMMON_SIZE = 8 };

struct event_layout {
	guint16 id, size;
	unsigned int n_fields;
	struct { guint16 offset, size; } fields[MAX_FIELDS];	/* after the common ones */
	guint64 n;
};

struct recorder {
	struct recorder_options options;
	struct event_layout events[N_TRACE_EVENTS];
	guint64 n;
	struct page *pages;		/* of each CPU */
	guint64 *entries;
	struct spool *spool;
};

static const char *const event_names[N_TRACE_EVENTS] = {
#define X(name) #name,
	TRACE_EVENTS(X)
#undef X
};

static const char *const symbols =
	"ffffffff81000000 T _text\n"
	"ffffffff810c7a10 T schedule\n"
	"ffffffff810d25b0 T try_to_wake_up\n"
	"ffffffffc0a01000 t kvm_vcpu_on_spin\t[kvm]\n"
	"ffffffffc0a01230 t kvm_vcpu_yield_to\t[kvm]\n"
	"ffffffffc0b04560 t svm_vcpu_run\t[kvm_amd]\n";

/* Common fields are written at the offsets that they have had for as long as there is KVM. */
static void lay_out(struct event_layout *layout, const char *name)
{
	const struct event_def *e = event_def_named(name);
	unsigned int align = 4;

	g_assert(e && e->layout->len <= MAX_FIELDS + COMMON_FIELDS);
	g_assert(event_def_field(e, "common_pid")->offset == 4);
	layout->id = e->id;
	layout->n_fields = e->layout->len - COMMON_FIELDS;
	for (unsigned int i = 0; i < layout->n_fields; i++) {
		const struct field *f = &g_array_index(e->layout, struct field, i + COMMON_FIELDS);

		layout->fields[i].offset = f->offset;
		layout->fields[i].size = f->size;
		if (f->size == 8 && f->offset % 8 == 0)
			align = 8;	/* of the kernel's struct */
	}
	layout->size = (e->size + align - 1) / align * align;
}

struct recorder *recorder_new(const struct recorder_options *options, GError **error)
{
	struct recorder *r = g_new0(struct recorder, 1);

	r->options = *options;
	r->pages = g_new0(struct page, options->n_cpus);
	r->entries = g_new0(guint64, options->n_cpus);
	event_defs_lay_out(options->n_deep);
	for (unsigned int i = 0; i < n_event_defs && !options->probes; i++)
		event_defs[i].absent = !strcmp(event_defs[i].system, "counterspin");
	for (unsigned int i = 0; i < N_TRACE_EVENTS; i++)
		lay_out(&r->events[i], event_names[i]);
	r->spool = spool_new(options->path, options->n_cpus, options->zstd, error);
	if (!r->spool) {
		recorder_free(r);
		return NULL;
	}
	return r;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	spool_free(r->spool);
	g_free(r->pages);
	g_free(r->entries);
	g_free(r);
}

static guint8 *room(struct recorder *r, unsigned int cpu, guint64 t, unsigned int size)
{
	struct page *p = &r->pages[cpu];
	guint8 *at = page_add(p, t, size);

	if (at)
		return at;
	if (p->open) {
		page_close(p);
		spool_add(r->spool, cpu, p->bytes, RECORDING_PAGE);
	}
	page_open(p, t, -1);
	return page_add(p, t, size);
}

static void set_field(guint8 *at, unsigned int size, guint64 value)
{
	guint64 v8 = GUINT64_TO_LE(value);
	guint32 v4 = GUINT32_TO_LE((guint32)value);
	guint16 v2 = GUINT16_TO_LE((guint16)value);

	switch (size) {
	case 1:
		*at = value;
		break;
	case 2:
		memcpy(at, &v2, 2);
		break;
	case 4:
		memcpy(at, &v4, 4);
		break;
	case 8:
		memcpy(at, &v8, 8);
		break;
	default:
		memcpy(at, (const char *)(gsize)value, 16);
	}
}

void recorder_add(struct recorder *r, unsigned int cpu, guint64 t, enum trace_event event,
		  unsigned int flags, int tid, const guint64 *values, unsigned int n_values)
{
	struct event_layout *e = &r->events[event];
	guint8 *at = room(r, cpu, t, e->size);

	g_assert(n_values == e->n_fields);
	set_field(at, 2, e->id);
	set_field(at + 2, 2, flags);	/* common_flags, common_preempt_count */
	set_field(at + 4, 4, tid);
	for (unsigned int i = 0; i < n_values; i++)
		set_field(at + e->fields[i].offset, e->fields[i].size, values[i]);
	e->n++;
	r->n++;
	r->entries[cpu]++;
}

guint64 recorder_count(const struct recorder *r, enum trace_event event)
{
	return r->events[event].n;
}

guint64 recorder_total(const struct recorder *r)
{
	return r->n;
}

const char *trace_event_name(enum trace_event event)
{
	return event_names[event];
}

static bool write_6(const struct recorder *r, const struct recording *recording, GError **error)
{
	g_autoptr(GByteArray) header = recording_header_6(recording);
	struct spool_file *f = spool_file_new(r->options.path, error);
	bool ok = f && spool_file_write(f, header->data, header->len, error);

	for (unsigned int i = 0; ok && i < r->options.n_cpus; i++)
		ok = spool_file_take(f, r->spool, i, error);
	return spool_file_close(f, ok ? error : NULL) && ok;
}

bool recorder_finish(struct recorder *r, const char *release, const char *cmdlines, GError **error)
{
	g_autofree struct recording_cpu *sections = g_new0(struct recording_cpu, r->options.n_cpus);
	struct recording recording = {
		.version = r->options.version == 6 ? "6" : "7", .says_long = 8, .clock = "mono",
		.release = release, .machine = "x86_64", .kallsyms = symbols, .printk = "",
		.cmdlines = cmdlines, .n_cpus = r->options.n_cpus, .cpus = sections,
	};

	for (unsigned int i = 0; i < r->options.n_cpus; i++) {
		struct page *p = &r->pages[i];

		if (p->open) {
			page_close(p);
			spool_add(r->spool, i, p->bytes, RECORDING_PAGE);
		}
		sections[i].bytes = spool_finish(r->spool, i);
		sections[i].entries = r->entries[i];
	}
	if (!spool_ok(r->spool, error))
		return false;
	if (r->options.version == 6)
		return write_6(r, &recording, error);
	return trace_dat_7_write(r->options.path, &recording, r->spool, r->options.zstd, error);
}
