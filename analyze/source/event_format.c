// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/source/event_format.h"

#include <stddef.h>
#include <string.h>

#include "analyze/source/format_text.h"

/* struct trace_entry: the same in every kernel that has KVM tracepoints */
enum { FLAGS_OFFSET = 2, PID_OFFSET = 4, COMMON_SIZE = 8 };	/* common_type is at 0 */
enum { FLAG_HARDIRQ = 0x08, FLAG_SOFTIRQ = 0x10 };

#define MAX_FIELDS 12	/* a multiple of 4 */
#define MAX_DEEP   4096
#define MAX_NAME   100
#define COMM_SIZE  16	/* TASK_COMM_LEN */
#define N_IDS      65536

enum field_kind { NUMBER, STRING };
enum field_need { NEEDED, OPTIONAL };

struct field_spec {
	const char *name;
	size_t dst;
	enum field_need need;
	enum field_kind kind;
};

#define F(name, member)  { name, offsetof(struct event, member), NEEDED, NUMBER }
#define FO(name, member) { name, offsetof(struct event, member), OPTIONAL, NUMBER }
#define FS(name, member) { name, offsetof(struct event, member), OPTIONAL, STRING }

#define WAKE_FIELDS { F("pid", wake.tid), FO("prio", wake.prio), F("target_cpu", wake.target_cpu), \
		      FS("comm", wake.comm) }
#define ACCEPT_FIELDS { F("apicid", accept.vcpu_id), F("dm", accept.mode), F("vec", accept.vector) }

static const struct field_spec specs[EV_NTYPES][MAX_FIELDS] = {
	[EV_SCHED_SWITCH] = {
		F("prev_pid", sched_switch.prev_tid), F("prev_state", sched_switch.prev_state),
		F("next_pid", sched_switch.next_tid), FO("next_prio", sched_switch.next_prio),
		FS("prev_comm", sched_switch.prev_comm), FS("next_comm", sched_switch.next_comm) },
	[EV_SCHED_WAKING] = WAKE_FIELDS,
	[EV_SCHED_WAKEUP] = WAKE_FIELDS,
	[EV_SCHED_WAKEUP_NEW] = WAKE_FIELDS,
	[EV_SCHED_MIGRATE_TASK] = {
		F("pid", migrate.tid), F("orig_cpu", migrate.orig_cpu), F("dest_cpu", migrate.dest_cpu) },
	[EV_SCHED_PROCESS_FORK] = { F("child_pid", fork.child_tid) },
	[EV_SCHED_PROCESS_FREE] = { F("pid", free.tid) },
	[EV_KVM_ENTRY] = { F("vcpu_id", kvm_entry.vcpu_id), FO("rip", kvm_entry.rip) },
	[EV_KVM_EXIT] = {
		FO("vcpu_id", kvm_exit.vcpu_id), F("exit_reason", kvm_exit.exit_reason),
		F("isa", kvm_exit.isa), F("guest_rip", kvm_exit.guest_rip) },
	[EV_KVM_PLE_WINDOW_UPDATE] = { F("new", ple.new_window), F("old", ple.old_window) },
	[EV_KVM_HYPERCALL] = {
		F("nr", hypercall.nr), F("a0", hypercall.a0), F("a1", hypercall.a1),
		F("a3", hypercall.a3) },
	[EV_KVM_HV_HYPERCALL] = {
		F("code", hv_hypercall.code), F("rep_cnt", hv_hypercall.rep_cnt),
		FO("var_cnt", hv_hypercall.var_cnt) },
	[EV_KVM_XEN_HYPERCALL] = { F("nr", xen_hypercall.nr), F("a0", xen_hypercall.a0) },
	[EV_KVM_MSR] = { F("write", msr.write), F("ecx", msr.msr), F("data", msr.data) },
	[EV_KVM_APIC] = { F("rw", apic.rw), F("reg", apic.reg), F("val", apic.val) },
	[EV_KVM_APIC_IPI] = { F("icr_low", ipi.icr_low), F("dest_id", ipi.dest_id) },
	[EV_KVM_APIC_ACCEPT_IRQ] = ACCEPT_FIELDS,
	[EV_KVM_APICV_ACCEPT_IRQ] = ACCEPT_FIELDS,
	[EV_KVM_AVIC_INCOMPLETE_IPI] = {
		F("icrh", avic.icrh), F("icrl", avic.icrl), F("id", avic.id),
		F("index", avic.index) },
	[EV_KVM_HV_SEND_IPI] = { F("vector", hv_send_ipi.vector) },
	[EV_KVM_HV_SEND_IPI_EX] = { F("vector", hv_send_ipi.vector) },
	[EV_KVM_INJ_VIRQ] = { F("vector|irq", inj.vector) },
	[EV_KVM_EOI] = { F("vector", eoi.vector) },
	[EV_KVM_PV_EOI] = { F("vector", eoi.vector) },
	[EV_TRACE_MARKER] = { FS("buf", marker.text) },
	[EV_ON_SPIN] = {
		F("vm_pid", on_spin.vm_pid), F("vcpu_idx", on_spin.vcpu_idx),
		F("vcpu_id", on_spin.vcpu_id), F("kernel_mode", on_spin.kernel_mode),
		F("last_boosted", on_spin.last_boosted), F("n_vcpus", on_spin.n_vcpus),
		FO("ipi_receiver", on_spin.ipi_receiver), FO("ipi_pending", on_spin.ipi_pending),
		FO("ipi_time_ns", on_spin.ipi_time_ns) },
	[EV_YIELD_TO] = {
		F("vm_pid", yield_to.vm_pid), F("target_idx", yield_to.target_idx),
		F("target_id", yield_to.target_id) },
	[EV_YIELD_TO_RET] = { F("ret", yield_to_ret.ret) },
};

static const struct { const char *system, *name; } names[EV_NTYPES] = {
#define X(type, system, name) [EV_##type] = { system, name },
	EVENT_TYPES(X)
#undef X
};

/*
 * How a number is read, without a branch: the eight bytes that end where the field
 * does (the common fields before it make that safe), shifted down.
 */
struct number {
	uint16_t offset, dst;
	uint8_t shift;
	bool is_signed;
};

struct string {
	uint16_t offset, dst;
	bool is_dynamic;	/* __data_loc */
};

struct format {
	char *system, *name;	/* NULL: not declared */
	enum event_type type;
	uint32_t min_size;
	uint8_t n_numbers, n_strings, n_absent, n_absent_strings;
	struct number numbers[MAX_FIELDS];	/* those past n_numbers load nothing that is looked at */
	struct string strings[2];
	uint16_t absent[MAX_FIELDS], absent_strings[2];	/* members of struct event */
	int64_t n, used;
	const char *reason;	/* why it is ignored; a literal or interned */
	/* on_spin only: where state_i and in_kernel_i are */
	unsigned int n_deep;
	uint32_t *state_offset, *in_kernel_offset;
};

struct event_format {
	struct format **by_id;		/* [N_IDS] by common_type; NULL: not declared */
	bool hide_probes;
	bool has[EV_NTYPES];
	uint64_t *state;		/* of the last on_spin */
	uint8_t *in_kernel;
	unsigned int n_deep;		/* room in them */
	struct format undeclared;
};

static const struct format_field *find_field(const struct format_text *text, const char *alternatives)
{
	g_auto(GStrv) list = g_strsplit(alternatives, "|", -1);

	for (char **name = list; *name; name++) {
		const struct format_field *f = format_text_field(text, *name);

		if (f)
			return f;
	}
	return NULL;
}

static enum event_type type_of(const char *system, const char *name)
{
	for (unsigned int i = 0; i < EV_NTYPES; i++)
		if (!strcmp(name, names[i].name) && (!names[i].system || !strcmp(system, names[i].system)))
			return i;
	return EV_IGNORED;
}

/* Add the field to fmt. False: it is not there, or cannot be read as spec wants. */
static bool resolve_number(struct format *fmt, const struct field_spec *spec, const struct format_field *f)
{
	if (!f || f->offset < COMMON_SIZE || (f->size != 1 && f->size != 2 && f->size != 4 && f->size != 8)) {
		fmt->absent[fmt->n_absent++] = spec->dst;
		return false;
	}
	fmt->numbers[fmt->n_numbers++] = (struct number){
		.offset = f->offset + f->size - 8, .dst = spec->dst, .shift = 64 - 8 * f->size,
		.is_signed = f->is_signed,
	};
	fmt->min_size = MAX(fmt->min_size, f->offset + f->size);
	return true;
}

static bool resolve_string(struct format *fmt, const struct field_spec *spec, const struct format_field *f)
{
	/* the text of a marker starts where its fixed part ends */
	unsigned int size = !f ? 0 : f->is_dynamic ? 4 : spec->dst == offsetof(struct event, marker.text) ? 0 :
			    COMM_SIZE;

	if (!f || f->offset > UINT16_MAX - COMM_SIZE || (!f->is_dynamic && f->size < size)) {
		fmt->absent_strings[fmt->n_absent_strings++] = spec->dst;
		return false;
	}
	fmt->strings[fmt->n_strings++] = (struct string){
		.offset = f->offset, .dst = spec->dst, .is_dynamic = f->is_dynamic,
	};
	fmt->min_size = MAX(fmt->min_size, f->offset + size);
	return true;
}

/* "PREFIXn" with n below MAX_DEEP, or -1 */
static int numbered(const struct format_field *f, const char *prefix)
{
	size_t n = strlen(prefix);
	int v = 0;

	if (f->name_len <= n || f->name_len > n + 4 || memcmp(f->name, prefix, n))
		return -1;
	for (const char *p = f->name + n; p < f->name + f->name_len; p++) {
		if (!g_ascii_isdigit(*p))
			return -1;
		v = v * 10 + (*p - '0');
	}
	return v < MAX_DEEP ? v : -1;
}

/* state_0, in_kernel_0, state_1 ... as the deep probe declares them, up to the first hole. */
static void resolve_deep(struct format *fmt, const struct format_text *text)
{
	unsigned int room = MIN(text->fields->len, MAX_DEEP) + 1;

	fmt->state_offset = g_new0(uint32_t, room);
	fmt->in_kernel_offset = g_new0(uint32_t, room);
	for (guint i = 0; i < text->fields->len; i++) {
		const struct format_field *f = &g_array_index(text->fields, struct format_field, i);
		int state = f->size == 8 ? numbered(f, "state_") : -1;
		int in_kernel = f->size == 1 ? numbered(f, "in_kernel_") : -1;

		if (state >= 0 && state < (int)room)	/* one beyond the number of fields is beyond a hole */
			fmt->state_offset[state] = f->offset;
		else if (in_kernel >= 0 && in_kernel < (int)room)
			fmt->in_kernel_offset[in_kernel] = f->offset;
	}
	/* no field of ours can be at offset 0, where common_type is */
	while (fmt->n_deep < room && fmt->state_offset[fmt->n_deep] && fmt->in_kernel_offset[fmt->n_deep]) {
		fmt->min_size = MAX(fmt->min_size, MAX(fmt->state_offset[fmt->n_deep] + 8,
						       fmt->in_kernel_offset[fmt->n_deep] + 1));
		fmt->n_deep++;
	}
}

static void resolve(struct format *fmt, const struct format_text *text, bool hide_probes)
{
	for (unsigned int i = 0; i < MAX_FIELDS; i++)
		fmt->numbers[i] = (struct number){ .dst = offsetof(struct event, unused) };
	fmt->type = type_of(fmt->system, fmt->name);
	fmt->reason = "no fact needs it";
	if (fmt->type == EV_IGNORED)
		return;
	if (!names[fmt->type].system && hide_probes) {
		fmt->type = EV_IGNORED;
		fmt->reason = "probe hidden by --ignore-probes";
		return;
	}
	for (const struct field_spec *spec = specs[fmt->type];
	     spec < specs[fmt->type] + MAX_FIELDS && spec->name; spec++) {
		const struct format_field *f = find_field(text, spec->name);
		bool found = spec->kind == STRING ? resolve_string(fmt, spec, f) : resolve_number(fmt, spec, f);

		if (!found && spec->need == NEEDED) {
			g_autofree char *why = g_strdup_printf("its format has no usable field '%s'",
							       spec->name);
			fmt->reason = g_intern_string(why);
			fmt->type = EV_IGNORED;
			return;
		}
	}
	fmt->reason = NULL;
	if (fmt->type == EV_ON_SPIN)
		resolve_deep(fmt, text);
}

struct event_format *event_format_new(bool hide_probes)
{
	struct event_format *formats = g_new0(struct event_format, 1);

	formats->hide_probes = hide_probes;
	formats->undeclared.type = EV_IGNORED;
	formats->undeclared.reason = "the recording does not declare its format";
	formats->by_id = g_new0(struct format *, N_IDS);
	return formats;
}

bool event_format_add(struct event_format *formats, const char *system, const char *text, size_t len)
{
	struct format_text parsed;
	struct format *fmt;

	if (!format_text_parse(&parsed, text, len))
		return false;
	if (!formats->by_id[parsed.id]) {
		fmt = g_new0(struct format, 1);
		/* names come from the file: bounded, and fit to print */
		fmt->system = g_strndup(system, MAX_NAME);
		fmt->name = g_strndup(parsed.name, MIN(parsed.name_len, MAX_NAME));
		g_strcanon(fmt->system, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-.", '?');
		formats->by_id[parsed.id] = fmt;
		resolve(fmt, &parsed, formats->hide_probes);
		if (fmt->type < EV_NTYPES)
			formats->has[fmt->type] = true;
		if (fmt->n_deep > formats->n_deep) {
			formats->n_deep = fmt->n_deep;
			formats->state = g_renew(uint64_t, formats->state, fmt->n_deep);
			formats->in_kernel = g_renew(uint8_t, formats->in_kernel, fmt->n_deep);
		}
	}
	format_text_release(&parsed);
	return true;
}

void event_format_free(struct event_format *formats)
{
	if (!formats)
		return;
	for (unsigned int i = 0; i < N_IDS; i++) {
		struct format *fmt = formats->by_id[i];

		if (!fmt)
			continue;
		g_free(fmt->system);
		g_free(fmt->name);
		g_free(fmt->state_offset);
		g_free(fmt->in_kernel_offset);
		g_free(fmt);
	}
	g_free(formats->by_id);
	g_free(formats->state);
	g_free(formats->in_kernel);
	g_free(formats);
}

/* Little-endian recordings on a little-endian reader: the source has checked. */
#define LOAD(type, p) ({ type v_; memcpy(&v_, p, sizeof(v_)); v_; })

static const char *load_dynamic(const struct string *f, const uint8_t *data, unsigned int size)
{
	uint32_t loc = LOAD(uint32_t, data + f->offset);
	uint32_t offset = loc & 0xffff, len = loc >> 16;

	/* a dynamic string brings its own NUL, or we do without it */
	if (!len || offset + len > size || data[offset + len - 1])
		return NULL;
	return (const char *)data + offset;
}

static inline void load_number(const struct number *f, const uint8_t *data, struct event *ev)
{
	uint64_t raw = LOAD(uint64_t, data + f->offset);
	int64_t as_signed = (int64_t)raw >> f->shift, as_unsigned = raw >> f->shift;

	*(int64_t *)((char *)ev + f->dst) = f->is_signed ? as_signed : as_unsigned;
}

static inline void load_fields(const struct format *fmt, const uint8_t *data, unsigned int size, struct event *ev)
{
	/* four at a time: nearly every type is done with the first four, so that the branch is foretold */
	for (unsigned int i = 0; i < fmt->n_numbers; i += 4) {
		load_number(&fmt->numbers[i], data, ev);
		load_number(&fmt->numbers[i + 1], data, ev);
		load_number(&fmt->numbers[i + 2], data, ev);
		load_number(&fmt->numbers[i + 3], data, ev);
	}
	for (unsigned int i = 0; i < fmt->n_strings; i++) {
		const struct string *f = &fmt->strings[i];

		*(const char **)((char *)ev + f->dst) =
			f->is_dynamic ? load_dynamic(f, data, size) : (const char *)data + f->offset;
	}
	for (unsigned int i = 0; i < fmt->n_absent; i++)
		*(int64_t *)((char *)ev + fmt->absent[i]) = FIELD_ABSENT;
	for (unsigned int i = 0; i < fmt->n_absent_strings; i++)
		*(const char **)((char *)ev + fmt->absent_strings[i]) = NULL;
}

static void load_deep(struct event_format *formats, const struct format *fmt, const uint8_t *data,
		      struct event *ev)
{
	for (unsigned int i = 0; i < fmt->n_deep; i++) {
		formats->state[i] = LOAD(uint64_t, data + fmt->state_offset[i]);
		formats->in_kernel[i] = data[fmt->in_kernel_offset[i]];
	}
	ev->on_spin.n_deep = fmt->n_deep;
	ev->on_spin.state = formats->state;
	ev->on_spin.in_kernel = formats->in_kernel;
}

static void load_marker(const uint8_t *data, unsigned int size, struct event *ev)
{
	const char *text = ev->marker.text;

	ev->marker.len = text ? (int64_t)strnlen(text, (const char *)data + size - text) : 0;
}

bool event_format_decode(struct event_format *formats, const void *record, unsigned int size,
			 uint64_t wanted, struct event *ev)
{
	const uint8_t *data = record;
	struct format *fmt = &formats->undeclared;

	if (size >= COMMON_SIZE) {
		uint64_t common = LOAD(uint64_t, data);
		struct format *declared = formats->by_id[common & 0xffff];

		fmt = declared ? declared : fmt;
		ev->in_irq = common >> (8 * FLAGS_OFFSET) & (FLAG_HARDIRQ | FLAG_SOFTIRQ);
		ev->tid = common >> (8 * PID_OFFSET);
	} else {
		ev->in_irq = false;
		ev->tid = 0;
	}
	fmt->n++;
	ev->type = EV_IGNORED;
	if (fmt->type == EV_IGNORED)
		return true;
	if (size < fmt->min_size)
		return false;
	fmt->used++;
	if (!(wanted >> fmt->type & 1))
		return true;
	ev->type = fmt->type;
	load_fields(fmt, data, size, ev);
	if (ev->type == EV_ON_SPIN)
		load_deep(formats, fmt, data, ev);
	else if (ev->type == EV_TRACE_MARKER)
		load_marker(data, size, ev);
	return true;
}

void event_format_forget_counts(struct event_format *formats)
{
	for (unsigned int i = 0; i < N_IDS; i++)
		if (formats->by_id[i])
			formats->by_id[i]->n = formats->by_id[i]->used = 0;
	formats->undeclared.n = 0;
}

bool event_format_has(const struct event_format *formats, enum event_type type)
{
	return type < EV_NTYPES && formats->has[type];
}

void event_format_for_each_count(const struct event_format *formats,
				 void (*fn)(void *user, const char *system, const char *name,
					    int64_t n, int64_t used, const char *reason),
				 void *user)
{
	for (unsigned int i = 0; i < N_IDS; i++) {
		const struct format *fmt = formats->by_id[i];

		if (fmt && fmt->n)
			fn(user, fmt->system, fmt->name, fmt->n, fmt->used,
			   fmt->used == fmt->n ? NULL :
			   fmt->reason ? fmt->reason : "record shorter than its format");
	}
	if (formats->undeclared.n)
		fn(user, "?", "undeclared", formats->undeclared.n, 0, formats->undeclared.reason);
}

G_STATIC_ASSERT(sizeof(struct event) <= 256);
G_STATIC_ASSERT(EV_NTYPES <= 64);
