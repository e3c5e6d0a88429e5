// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/source/event_format.h"

#include <stddef.h>
#include <string.h>

/* struct trace_entry: the same in every kernel that has KVM tracepoints */
enum { TYPE_OFFSET = 0, FLAGS_OFFSET = 2, PID_OFFSET = 4, COMMON_SIZE = 8 };
enum { FLAG_HARDIRQ = 0x08, FLAG_SOFTIRQ = 0x10 };

#define MAX_FIELDS 10
#define MAX_DEEP   4096

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

struct field {
	uint32_t offset;
	uint16_t dst;
	uint8_t size;		/* 1, 2, 4, 8; 0: absent */
	bool is_signed;
	bool is_string;
	bool is_dynamic;	/* __data_loc */
};

struct format {
	const struct tep_event *tep;
	enum event_type type;
	const char *reason;	/* why it is ignored; owned by the table below or interned */
	uint32_t min_size;
	uint8_t n_fields;
	struct field fields[MAX_FIELDS];
	int64_t n, used;
	/* on_spin only: where state_i and in_kernel_i are */
	unsigned int n_deep;
	uint32_t *state_offset, *in_kernel_offset;
};

struct event_format {
	struct format *by_id;		/* indexed by common_type, .tep NULL: not declared */
	unsigned int n_ids;
	bool has[EV_NTYPES];
	uint64_t *state;		/* of the last on_spin */
	uint8_t *in_kernel;
	struct format undeclared;
};

static const struct tep_format_field *find_field(const struct tep_event *event, const char *alternatives)
{
	g_auto(GStrv) list = g_strsplit(alternatives, "|", -1);

	for (char **name = list; *name; name++) {
		/* libtraceevent looks fields up through a non-const event, but changes nothing */
		const struct tep_format_field *f =
			tep_find_any_field((struct tep_event *)event, *name);
		if (f)
			return f;
	}
	return NULL;
}

static enum event_type type_of(const struct tep_event *event)
{
	for (unsigned int i = 0; i < EV_NTYPES; i++)
		if (!strcmp(event->name, names[i].name) &&
		    (!names[i].system || !strcmp(event->system, names[i].system)))
			return i;
	return EV_IGNORED;
}

static bool resolve_field(const struct field_spec *spec, const struct tep_format_field *f,
			  struct field *out)
{
	*out = (struct field){ .dst = spec->dst };
	if (!f || f->offset < 0 || f->offset > UINT16_MAX)
		return false;
	out->offset = f->offset;
	if (spec->kind == STRING) {
		out->is_string = true;
		out->is_dynamic = f->flags & TEP_FIELD_IS_DYNAMIC;
		out->size = CLAMP(f->size, 1, 16);
		return true;
	}
	if (f->size != 1 && f->size != 2 && f->size != 4 && f->size != 8)
		return false;
	out->size = f->size;
	out->is_signed = f->flags & TEP_FIELD_IS_SIGNED;
	return true;
}

/* state_0, in_kernel_0, state_1 ... as the deep probe declares them, up to the first hole. */
static void resolve_deep(struct format *fmt)
{
	g_autoptr(GArray) state = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_autoptr(GArray) in_kernel = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	for (unsigned int i = 0; i < MAX_DEEP; i++) {
		g_autofree char *s = g_strdup_printf("state_%u", i);
		g_autofree char *k = g_strdup_printf("in_kernel_%u", i);
		const struct tep_format_field *fs = find_field(fmt->tep, s);
		const struct tep_format_field *fk = find_field(fmt->tep, k);

		if (!fs || !fk || fs->size != 8 || fk->size != 1 || fs->offset < 0 || fk->offset < 0)
			break;
		g_array_append_val(state, (uint32_t){ fs->offset });
		g_array_append_val(in_kernel, (uint32_t){ fk->offset });
		fmt->min_size = MAX(fmt->min_size, (uint32_t)MAX(fs->offset + 8, fk->offset + 1));
	}
	fmt->n_deep = state->len;
	fmt->state_offset = (uint32_t *)g_array_free(g_steal_pointer(&state), FALSE);
	fmt->in_kernel_offset = (uint32_t *)g_array_free(g_steal_pointer(&in_kernel), FALSE);
}

static void resolve(struct format *fmt, const struct tep_event *event, bool hide_probes)
{
	fmt->tep = event;
	fmt->type = type_of(event);
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
		struct field *out = &fmt->fields[fmt->n_fields++];

		if (resolve_field(spec, find_field(event, spec->name), out)) {
			uint32_t end = out->offset + (out->is_dynamic ? 4 : out->size);

			/* the text of a marker starts where its fixed part ends */
			if (fmt->type != EV_TRACE_MARKER)
				fmt->min_size = MAX(fmt->min_size, end);
		} else if (spec->need == NEEDED) {
			g_autofree char *why = g_strdup_printf("its format has no usable field '%s'",
							       spec->name);
			fmt->reason = g_intern_string(why);
			fmt->type = EV_IGNORED;
			return;
		}
	}
	fmt->reason = NULL;
	if (fmt->type == EV_ON_SPIN)
		resolve_deep(fmt);
}

struct event_format *event_format_new(struct tep_handle *tep, bool hide_probes)
{
	struct event_format *formats = g_new0(struct event_format, 1);
	int n = tep_get_events_count(tep);
	struct tep_event **list = tep_list_events(tep, TEP_EVENT_SORT_ID);
	unsigned int n_deep = 0;

	formats->undeclared.type = EV_IGNORED;
	formats->undeclared.reason = "the recording does not declare its format";
	for (int i = 0; i < n && list; i++)
		if (list[i]->id >= 0 && list[i]->id < 65536)
			formats->n_ids = MAX(formats->n_ids, (unsigned int)list[i]->id + 1);
	formats->by_id = g_new0(struct format, formats->n_ids);
	for (int i = 0; i < n && list; i++) {
		struct format *fmt;

		if (list[i]->id < 0 || list[i]->id >= 65536)
			continue;
		fmt = &formats->by_id[list[i]->id];
		resolve(fmt, list[i], hide_probes);
		if (fmt->type < EV_NTYPES)
			formats->has[fmt->type] = true;
		n_deep = MAX(n_deep, fmt->n_deep);
	}
	formats->state = g_new0(uint64_t, n_deep + 1);
	formats->in_kernel = g_new0(uint8_t, n_deep + 1);
	return formats;
}

void event_format_free(struct event_format *formats)
{
	if (!formats)
		return;
	for (unsigned int i = 0; i < formats->n_ids; i++) {
		g_free(formats->by_id[i].state_offset);
		g_free(formats->by_id[i].in_kernel_offset);
	}
	g_free(formats->by_id);
	g_free(formats->state);
	g_free(formats->in_kernel);
	g_free(formats);
}

static int64_t load(const uint8_t *p, unsigned int size, bool is_signed)
{
	uint64_t v = 0;

	/* little-endian recordings on a little-endian reader: the source has checked */
	memcpy(&v, p, size);
	if (is_signed && size < 8) {
		uint64_t sign = 1ULL << (8 * size - 1);

		v = (v ^ sign) - sign;
	}
	return v;
}

static const char *load_string(const struct field *f, const uint8_t *data, unsigned int size)
{
	uint32_t offset = f->offset;

	if (f->is_dynamic) {
		uint32_t loc = load(data + f->offset, 4, false);
		uint32_t len = loc >> 16;

		offset = loc & 0xffff;
		/* a dynamic string brings its own NUL, or we do without it */
		if (!len || offset + len > size || data[offset + len - 1])
			return NULL;
	}
	return (const char *)data + offset;
}

static void load_deep(struct event_format *formats, const struct format *fmt, const uint8_t *data,
		      struct event *ev)
{
	for (unsigned int i = 0; i < fmt->n_deep; i++) {
		formats->state[i] = load(data + fmt->state_offset[i], 8, false);
		formats->in_kernel[i] = data[fmt->in_kernel_offset[i]];
	}
	ev->on_spin.n_deep = fmt->n_deep;
	ev->on_spin.state = formats->state;
	ev->on_spin.in_kernel = formats->in_kernel;
}

void event_format_decode(struct event_format *formats, const void *record, unsigned int size,
			 struct event *ev)
{
	const uint8_t *data = record;
	struct format *fmt = &formats->undeclared;

	ev->type = EV_IGNORED;
	ev->tid = 0;
	ev->tgid = 0;
	ev->in_irq = false;
	if (size >= COMMON_SIZE) {
		unsigned int id = load(data + TYPE_OFFSET, 2, false);

		if (id < formats->n_ids && formats->by_id[id].tep)
			fmt = &formats->by_id[id];
		ev->tid = load(data + PID_OFFSET, 4, true);
		ev->in_irq = data[FLAGS_OFFSET] & (FLAG_HARDIRQ | FLAG_SOFTIRQ);
	}
	fmt->n++;
	if (fmt->type == EV_IGNORED || size < fmt->min_size)
		return;
	fmt->used++;
	ev->type = fmt->type;
	for (unsigned int i = 0; i < fmt->n_fields; i++) {
		const struct field *f = &fmt->fields[i];
		char *dst = (char *)ev + f->dst;

		if (f->is_string)
			*(const char **)dst = load_string(f, data, size);
		else
			*(int64_t *)dst = f->size ? load(data + f->offset, f->size, f->is_signed) :
						    FIELD_ABSENT;
	}
	if (ev->type == EV_ON_SPIN)
		load_deep(formats, fmt, data, ev);
	if (ev->type == EV_TRACE_MARKER) {
		const char *text = ev->marker.text;

		ev->marker.len = text ? (const char *)data + size - text : 0;
		ev->marker.len = text ? (int64_t)strnlen(text, MAX(ev->marker.len, 0)) : 0;
	}
}

bool event_format_has(const struct event_format *formats, enum event_type type)
{
	return type < EV_NTYPES && formats->has[type];
}

static int by_name(const void *a, const void *b)
{
	const struct format *x = *(const struct format *const *)a, *y = *(const struct format *const *)b;
	int c = strcmp(x->tep->system, y->tep->system);

	return c ? c : strcmp(x->tep->name, y->tep->name);
}

void event_format_for_each_count(const struct event_format *formats,
				 void (*fn)(void *user, const char *system, const char *name,
					    int64_t n, int64_t used, const char *reason),
				 void *user)
{
	g_autoptr(GPtrArray) seen = g_ptr_array_new();

	for (unsigned int i = 0; i < formats->n_ids; i++)
		if (formats->by_id[i].n)
			g_ptr_array_add(seen, &formats->by_id[i]);
	g_ptr_array_sort(seen, by_name);
	for (unsigned int i = 0; i < seen->len; i++) {
		const struct format *fmt = seen->pdata[i];

		fn(user, fmt->tep->system, fmt->tep->name, fmt->n, fmt->used,
		   fmt->used == fmt->n ? NULL :
		   fmt->reason ? fmt->reason : "record shorter than its format");
	}
	if (formats->undeclared.n)
		fn(user, "?", "undeclared", formats->undeclared.n, 0, formats->undeclared.reason);
}

G_STATIC_ASSERT(sizeof(struct event) <= 256);
