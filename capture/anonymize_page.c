// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/anonymize.h"

#include <event-parse.h>
#include <string.h>

enum {
	PAGE_HEADER = 16, N_IDS = 65536, COMMON_SIZE = 8, COMM_SIZE = 16,
	TYPE_PADDING = 29, TYPE_TIME_EXTEND = 30, TYPE_TIME_STAMP = 31,
	MAX_DYNAMIC = 8, MAX_ARGUMENTS = 6,
	MAX_NAMES = 1 << 16,	/* in the cache */
	ADDRESS_SLOTS = 1 << 14,
};

#define MISSED_EVENTS (1U << 31)
#define MISSED_STORED (1U << 30)

/* What may stay of an event is told by values in it. */
enum special { NOTHING_SPECIAL, SPECIAL_EXIT, SPECIAL_MSR, SPECIAL_HYPERCALL, SPECIAL_XEN, SPECIAL_PRINT };

/* The events that are known, and their fields that are addresses; names parted by blanks */
static const struct rule {
	const char *system, *name;	/* name NULL: any of a system that begins so */
	const char *addresses;
	enum special special;
} rules[] = {
	{ "ftrace", "print", "ip", SPECIAL_PRINT },
	{ "counterspin", NULL, "__probe_ip __probe_func __probe_ret_ip" },
	{ "sched", "sched_switch", "" }, { "sched", "sched_waking", "" }, { "sched", "sched_wakeup", "" },
	{ "sched", "sched_wakeup_new", "" }, { "sched", "sched_migrate_task", "" },
	{ "sched", "sched_process_fork", "" }, { "sched", "sched_process_free", "" },
	{ "sched", "sched_process_exit", "" }, { "sched", "sched_process_exec", "" },
	{ "sched", "sched_stat_runtime", "" },
	{ "ipi", "ipi_send_cpu", "callsite callback" }, { "ipi", "ipi_send_cpumask", "callsite callback" },
	{ "irq_vectors", "reschedule_entry", "" }, { "irq_vectors", "reschedule_exit", "" },
	{ "kvm", "kvm_entry", "rip" },
	{ "kvm", "kvm_exit", "guest_rip", SPECIAL_EXIT },
	{ "kvm", "kvm_userspace_exit", "" }, { "kvm", "kvm_vcpu_wakeup", "" }, { "kvm", "kvm_halt_poll_ns", "" },
	{ "kvm", "kvm_ple_window_update", "" },
	{ "kvm", "kvm_apic", "" }, { "kvm", "kvm_apic_ipi", "" }, { "kvm", "kvm_apic_accept_irq", "" },
	{ "kvm", "kvm_apicv_accept_irq", "" }, { "kvm", "kvm_apicv_inhibit_changed", "" },
	{ "kvm", "kvm_eoi", "" }, { "kvm", "kvm_pv_eoi", "" }, { "kvm", "kvm_inj_virq", "" },
	{ "kvm", "kvm_avic_incomplete_ipi", "" }, { "kvm", "kvm_avic_unaccelerated_access", "" },
	{ "kvm", "kvm_avic_kick_vcpu_slowpath", "" }, { "kvm", "kvm_avic_doorbell", "" },
	{ "kvm", "kvm_set_irq", "" }, { "kvm", "kvm_ioapic_set_irq", "" }, { "kvm", "kvm_ack_irq", "" },
	{ "kvm", "kvm_msi_set_irq", "address" }, { "kvm", "kvm_pi_irte_update", "pi_desc_addr" },
	{ "kvm", "kvm_page_fault", "fault_address ip" },
	{ "kvm", "kvm_msr", "", SPECIAL_MSR },
	{ "kvm", "kvm_hypercall", "", SPECIAL_HYPERCALL }, { "kvm", "kvm_xen_hypercall", "", SPECIAL_XEN },
	{ "kvm", "kvm_hv_hypercall", "ingpa outgpa" },
	{ "kvm", "kvm_hv_send_ipi", "" }, { "kvm", "kvm_hv_send_ipi_ex", "" },
};

struct place {
	uint16_t offset, size;	/* size 0: not there */
};

struct text_field {
	struct place at;
	bool dynamic, relative;	/* __data_loc, __rel_loc */
	bool is_text;		/* else a dynamic array of something else, which stays */
	enum anonymize_kind kind;
};

struct plan {			/* for the events of one type */
	enum special special;
	unsigned int fixed_end;	/* of the fields' fixed part */
	GArray *addresses, *gaps;	/* of struct place */
	GArray *texts;		/* of struct text_field */
	unsigned int n_dynamic;
	struct place what, isa;	/* exit_reason; ecx; nr */
	struct place arguments[MAX_ARGUMENTS];	/* info1, info2; data; a0 ... */
};

struct anonymizer {
	struct anonymize_key key;
	struct tep_handle *formats;
	struct plan *plans[N_IDS];	/* NULL: not made yet */
	struct plan unknown;		/* by its address: everything goes */
	GHashTable *names[2];		/* comms; other texts: to tokens */
	struct { uint64_t address, token; } addresses[ADDRESS_SLOTS];
};

struct anonymizer *anonymizer_new(const struct anonymize_key *key, struct tep_handle *formats)
{
	struct anonymizer *a = g_new0(struct anonymizer, 1);

	a->key = *key;
	a->formats = formats;
	for (unsigned int i = 0; i < G_N_ELEMENTS(a->names); i++)
		a->names[i] = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return a;
}

static void plan_free(struct plan *p)
{
	g_array_unref(p->addresses);
	g_array_unref(p->gaps);
	g_array_unref(p->texts);
	g_free(p);
}

void anonymizer_free(struct anonymizer *a)
{
	if (!a)
		return;
	for (unsigned int i = 0; i < N_IDS; i++)
		if (a->plans[i] && a->plans[i] != &a->unknown)
			plan_free(a->plans[i]);
	for (unsigned int i = 0; i < G_N_ELEMENTS(a->names); i++)
		g_hash_table_unref(a->names[i]);
	explicit_bzero(&a->key, sizeof(a->key));
	g_free(a);
}

static const struct rule *rule_of(const struct tep_event *event)
{
	for (const struct rule *r = rules; r < rules + G_N_ELEMENTS(rules); r++)
		if (r->name ? !strcmp(event->system, r->system) && !strcmp(event->name, r->name) :
			      g_str_has_prefix(event->system, r->system))
			return r;
	return NULL;
}

static bool is_word_of(const char *name, const char *words)
{
	g_auto(GStrv) list = g_strsplit(words, " ", -1);

	return g_strv_contains((const char *const *)list, name);
}

/* The fields that decide what stays, and those that it is decided of */
static void add_special(struct plan *p, const char *name, struct place at)
{
	static const struct { enum special special; const char *what, *arguments; } fields[] = {
		{ SPECIAL_EXIT, "exit_reason", "info1 info2" }, { SPECIAL_MSR, "ecx", "data" },
		{ SPECIAL_HYPERCALL, "nr", "a0 a1 a2 a3" }, { SPECIAL_XEN, "nr", "a0 a1 a2 a3 a4 a5" },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(fields); i++) {
		g_auto(GStrv) arguments = g_strsplit(fields[i].arguments, " ", -1);

		if (p->special != fields[i].special)
			continue;
		if (!strcmp(name, fields[i].what))
			p->what = at;
		if (!strcmp(name, "isa"))
			p->isa = at;
		for (unsigned int n = 0; arguments[n]; n++)
			if (!strcmp(name, arguments[n]))
				p->arguments[n] = at;
	}
}

static void cover(GByteArray *covered, unsigned int offset, unsigned int size)
{
	guint old = covered->len;

	if (covered->len < offset + size) {
		g_byte_array_set_size(covered, offset + size);
		memset(covered->data + old, 0, covered->len - old);
	}
	memset(covered->data + offset, 1, size);
}

/* Bytes between fields are whatever was in the buffer before. */
static void find_gaps(struct plan *p, const struct tep_event *event)
{
	g_autoptr(GByteArray) covered = g_byte_array_new();

	cover(covered, 0, COMMON_SIZE);
	for (const struct tep_format_field *f = event->format.common_fields; f; f = f->next)
		cover(covered, f->offset, f->size);
	for (const struct tep_format_field *f = event->format.fields; f; f = f->next)
		cover(covered, f->offset, f->size);
	p->fixed_end = covered->len;
	for (guint i = 0; i < covered->len; i++) {
		struct place gap = { .offset = i };

		while (i < covered->len && !covered->data[i])
			i++;
		gap.size = i - gap.offset;
		if (gap.size)
			g_array_append_val(p->gaps, gap);
	}
}

static void add_field(struct plan *p, const struct rule *rule, const struct tep_format_field *f)
{
	struct place at = { f->offset, f->size };
	bool dynamic = f->flags & TEP_FIELD_IS_DYNAMIC;
	struct text_field text = {
		.at = at, .dynamic = dynamic, .relative = f->flags & TEP_FIELD_IS_RELATIVE,
		.is_text = f->flags & TEP_FIELD_IS_STRING,
		.kind = g_str_has_suffix(f->name, "comm") ? ANONYMIZE_COMM : ANONYMIZE_TEXT,
	};

	if (dynamic || text.is_text) {
		if (f->size)	/* not a marker's text */
			g_array_append_val(p->texts, text);
		p->n_dynamic += dynamic;
	} else if (f->flags & TEP_FIELD_IS_POINTER || is_word_of(f->name, rule->addresses)) {
		g_array_append_val(p->addresses, at);
	} else {
		add_special(p, f->name, at);
	}
}

static bool is_sound(const struct tep_event *event)
{
	for (const struct tep_format_field *f = event->format.fields; f; f = f->next)
		if (f->offset < COMMON_SIZE || f->size < 0 || f->offset > G_MAXUINT16 - COMMON_SIZE ||
		    f->size > G_MAXUINT16 - f->offset ||
		    (f->flags & TEP_FIELD_IS_DYNAMIC && f->size != sizeof(uint32_t)))
			return false;
	return true;
}

static struct plan *plan_of(struct anonymizer *a, uint16_t id)
{
	const struct tep_event *event;
	const struct rule *rule;
	struct plan *p = a->plans[id];

	if (p)
		return p;
	event = tep_find_event(a->formats, id);
	rule = event ? rule_of(event) : NULL;
	if (!rule || !is_sound(event))
		return a->plans[id] = &a->unknown;
	p = g_new0(struct plan, 1);
	p->special = rule->special;
	p->addresses = g_array_new(FALSE, FALSE, sizeof(struct place));
	p->gaps = g_array_new(FALSE, FALSE, sizeof(struct place));
	p->texts = g_array_new(FALSE, FALSE, sizeof(struct text_field));
	for (const struct tep_format_field *f = event->format.fields; f; f = f->next)
		add_field(p, rule, f);
	find_gaps(p, event);
	if (p->n_dynamic > MAX_DYNAMIC) {
		plan_free(p);
		p = &a->unknown;
	}
	return a->plans[id] = p;
}

static uint64_t load(const unsigned char *data, struct place at)
{
	uint64_t v = 0;

	memcpy(&v, data + at.offset, MIN(at.size, sizeof(v)));
	return v;
}

static void hide_address(struct anonymizer *a, unsigned char *data, struct place at)
{
	uint64_t address = load(data, at);
	guint slot = (address * UINT64_C(0x9e3779b97f4a7c15)) >> 50;

	if (!address)
		return;
	if (at.size > sizeof(address)) {
		memset(data + at.offset, 0, at.size);
		return;
	}
	if (a->addresses[slot].address != address) {
		a->addresses[slot].address = address;
		a->addresses[slot].token = anonymize_address(&a->key, address);
	}
	memcpy(data + at.offset, &a->addresses[slot].token, at.size);
}

/* The text in room bytes, perhaps without a NUL, becomes its token, with NUL bytes behind it. */
static void hide_text(struct anonymizer *a, unsigned char *data, size_t room, enum anonymize_kind kind)
{
	GHashTable *names = a->names[kind != ANONYMIZE_COMM];
	g_autofree char *longer = room > COMM_SIZE ? g_strndup((char *)data, room) : NULL;
	char brief[COMM_SIZE + 1] = "";
	const char *text = longer ? longer : brief, *token;

	if (!room)
		return;
	if (!longer)
		memcpy(brief, data, strnlen((char *)data, room));
	token = g_hash_table_lookup(names, text);
	if (!token) {
		char *made = anonymize_name(&a->key, kind, text);

		if (g_hash_table_size(names) >= MAX_NAMES)
			g_hash_table_remove_all(names);
		g_hash_table_insert(names, g_strdup(text), made);
		token = made;
	}
	strncpy((char *)data, token, room);
	data[room - 1] = 0;
}

/* How many of the arguments stay */
static unsigned int known_arguments(const struct plan *p, const unsigned char *data)
{
	uint64_t what = load(data, p->what);

	if (p->special == SPECIAL_MSR)	/* x2APIC; TSC deadline; Hyper-V's EOI, ICR, TPR */
		return (what >= 0x800 && what <= 0x8ff) || what == 0x6e0 || (what >= 0x40000070 && what <= 0x40000072);
	if (p->special == SPECIAL_HYPERCALL)	/* KVM_HC_KICK_CPU, _SEND_IPI, _SCHED_YIELD */
		return what == 5 ? 2 : what == 10 ? 4 : what == 11 ? 1 : 0;
	return what == 29;	/* __HYPERVISOR_sched_op */
}

/* Of info1 (bit 0) and info2 (bit 1), those that are no address and defined at all */
static unsigned int known_info(uint64_t isa, uint64_t reason)
{
	static const struct { uint16_t isa, reason, known; } infos[] = {
		/* VMX: the exit qualification, and the IDT-vectoring information */
		{ 1, 1, 3 }, { 1, 7, 3 }, { 1, 12, 3 }, { 1, 18, 3 }, { 1, 28, 3 }, { 1, 30, 3 }, { 1, 31, 3 },
		{ 1, 32, 3 }, { 1, 40, 3 }, { 1, 44, 3 }, { 1, 45, 3 }, { 1, 48, 1 }, { 1, 52, 3 }, { 1, 56, 3 },
		/* SVM: port (info2 is an address), read or write, error code of a nested page fault, AVIC */
		{ 2, 0x7b, 1 }, { 2, 0x7c, 1 }, { 2, 0x400, 1 }, { 2, 0x401, 3 }, { 2, 0x402, 3 },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(infos); i++)
		if (infos[i].isa == isa && infos[i].reason == (isa == 1 ? reason & 0xffff : reason))
			return infos[i].known;
	return 0;
}

static void hide_special(struct anonymizer *a, const struct plan *p, unsigned char *data)
{
	unsigned int n = p->special == SPECIAL_EXIT ? 0 : known_arguments(p, data), stay = (1U << n) - 1;

	if (p->special == SPECIAL_EXIT)
		stay = known_info(load(data, p->isa), load(data, p->what));
	for (unsigned int i = 0; i < MAX_ARGUMENTS; i++)
		if (!(stay >> i & 1) && p->arguments[i].size)
			hide_address(a, data, p->arguments[i]);
}

/* Between the dynamic fields, and behind them */
static void zero_rest(unsigned char *data, unsigned int from, unsigned int size, const struct place *used,
		      unsigned int n)
{
	while (from < size) {
		unsigned int next = size, end = size;

		for (unsigned int i = 0; i < n; i++) {
			unsigned int used_end = used[i].offset + used[i].size;

			if (used_end > from && used[i].offset < next) {
				next = used[i].offset;
				end = used_end;
			}
		}
		if (next > from)
			memset(data + from, 0, next - from);
		from = MAX(end, from);
	}
}

/* False: the event does not hold what its format says. */
static bool anonymize_event(struct anonymizer *a, unsigned char *data, unsigned int size)
{
	struct place used[MAX_DYNAMIC];
	unsigned int n = 0;
	struct plan *p;

	if (size < COMMON_SIZE)
		return false;
	p = plan_of(a, load(data, (struct place){ 0, 2 }));
	if (p == &a->unknown) {
		memset(data + COMMON_SIZE, 0, size - COMMON_SIZE);
		return true;
	}
	if (size < p->fixed_end)
		return false;
	for (guint i = 0; i < p->addresses->len; i++)
		hide_address(a, data, g_array_index(p->addresses, struct place, i));
	for (guint i = 0; i < p->gaps->len; i++) {
		struct place gap = g_array_index(p->gaps, struct place, i);

		memset(data + gap.offset, 0, gap.size);
	}
	if (p->special != NOTHING_SPECIAL && p->special != SPECIAL_PRINT)
		hide_special(a, p, data);
	for (guint i = 0; i < p->texts->len; i++) {
		const struct text_field *f = &g_array_index(p->texts, struct text_field, i);
		unsigned int offset = f->at.offset, room = f->at.size;

		if (f->dynamic) {
			uint32_t loc = load(data, f->at);

			offset = (loc & 0xffff) + (f->relative ? f->at.offset + sizeof(loc) : 0);
			room = loc >> 16;
			if (room && (offset < p->fixed_end || offset + room > size))
				return false;
			used[n++] = (struct place){ offset, room };
		}
		if (f->is_text)
			hide_text(a, data + offset, room, f->kind);
	}
	if (p->special == SPECIAL_PRINT) {
		unsigned int end = p->fixed_end + strnlen((char *)data + p->fixed_end, size - p->fixed_end);

		memset(data + end, 0, size - end);
	} else {
		zero_rest(data, p->fixed_end, size, used, n);
	}
	return true;
}

static uint32_t load32(const unsigned char *p)
{
	return load(p, (struct place){ 0, 4 });
}

bool anonymize_page(struct anonymizer *a, unsigned char *page, size_t size)
{
	uint64_t commit = size < PAGE_HEADER ? 0 : load(page, (struct place){ 8, 8 });
	/* bit 31 is set by adding an int to a long (RB_MISSED_EVENTS): all bits above it are then, too */
	uint32_t used = (uint32_t)commit & ~(MISSED_EVENTS | MISSED_STORED);
	unsigned char *at, *end, *behind;

	if (size < PAGE_HEADER || used > size - PAGE_HEADER)
		return false;
	at = page + PAGE_HEADER;
	end = behind = at + used;
	/* how many were lost stands behind the events */
	if (commit & MISSED_EVENTS && commit & MISSED_STORED && used + sizeof(uint64_t) <= size - PAGE_HEADER)
		behind += sizeof(uint64_t);
	memset(behind, 0, page + size - behind);
	while (end - at >= 4) {
		uint32_t head = load32(at), delta = head >> 5, type = head & 31, extra;
		size_t left = end - at - 4;

		if (type - 1 < 28) {
			if (4 * type > left || !anonymize_event(a, at + 4, 4 * type))
				return false;
			at += 4 + 4 * type;
			continue;
		}
		if (type == TYPE_PADDING && !delta) {
			memset(at + 4, 0, left);
			return true;
		}
		if (left < 4)
			return false;
		extra = load32(at + 4);
		if (type == TYPE_TIME_EXTEND || type == TYPE_TIME_STAMP) {
			at += 8;
			continue;
		}
		if (extra < 4 || extra > left)
			return false;
		if (type == TYPE_PADDING)
			memset(at + 8, 0, extra - 4);
		else if (!anonymize_event(a, at + 8, extra - 4))
			return false;
		at += 4 + extra;
	}
	return at == end;
}
