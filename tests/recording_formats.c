// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/recording_formats.h"

#include <string.h>

#define COMMON "unsigned short common_type; unsigned char common_flags; " \
	       "unsigned char common_preempt_count; int common_pid; "
#define WAKE   "char comm[16]; pid_t pid; int prio; int target_cpu;"
#define ACCEPT "__u32 apicid; __u16 dm; __u16 tm; __u8 vec;"
#define ENTRY_PROBE  "unsigned long __probe_ip; "
#define RETURN_PROBE "unsigned long __probe_func; unsigned long __probe_ret_ip; "

struct event_def event_defs[] = {
	{ "ftrace", "print", 5, "unsigned long ip; char buf[];" },
	{ "sched", "sched_migrate_task", 318,
	  "char comm[16]; pid_t pid; int prio; int orig_cpu; int dest_cpu;" },
	{ "sched", "sched_switch", 319,
	  "char prev_comm[16]; pid_t prev_pid; int prev_prio; long prev_state; "
	  "char next_comm[16]; pid_t next_pid; int next_prio;" },
	{ "sched", "sched_wakeup_new", 320, WAKE },
	{ "sched", "sched_wakeup", 321, WAKE },
	{ "sched", "sched_waking", 322, WAKE },
	{ "sched", "sched_process_fork", 323,
	  "char parent_comm[16]; pid_t parent_pid; char child_comm[16]; "
	  "pid_t child_pid;" },
	{ "sched", "sched_process_free", 324, "char comm[16]; pid_t pid; int prio;" },
	{ "kvm", "kvm_userspace_exit", 1380, "__u32 reason; int errno;" },
	{ "kvm", "kvm_vcpu_wakeup", 1381, "__u64 ns; bool waited; bool valid;" },
	{ "kvm", "kvm_ple_window_update", 1416,
	  "unsigned int vcpu_id; unsigned int new; unsigned int old;" },
	{ "kvm", "kvm_apicv_accept_irq", 1429, ACCEPT },
	{ "kvm", "kvm_pv_eoi", 1430, "__u32 apicid; int vector;" },
	{ "kvm", "kvm_eoi", 1431, "__u32 apicid; int vector;" },
	{ "kvm", "kvm_apic_accept_irq", 1432, ACCEPT },
	{ "kvm", "kvm_apic_ipi", 1433, "__u32 icr_low; __u32 dest_id;" },
	{ "kvm", "kvm_msr", 1436, "unsigned write; u32 ecx; u64 data; u8 exception;" },
	{ "kvm", "kvm_inj_virq", 1439, "unsigned int vector; bool soft; bool reinjected;" },
	{ "kvm", "kvm_exit", 1440,
	  "unsigned int exit_reason; unsigned long guest_rip; u32 isa; u64 info1; "
	  "u64 info2; u32 intr_info; u32 error_code; unsigned int vcpu_id;" },
	{ "kvm", "kvm_apic", 1441, "unsigned int rw; unsigned int reg; u64 val;" },
	{ "kvm", "kvm_hv_hypercall", 1447,
	  "__u16 rep_cnt; __u16 rep_idx; __u64 ingpa; __u64 outgpa; "
	  "__u16 code; __u16 var_cnt; bool fast;" },
	{ "kvm", "kvm_hypercall", 1448, "unsigned long nr; unsigned long a0; unsigned long a1; "
	  "unsigned long a2; unsigned long a3;" },
	{ "kvm", "kvm_entry", 1449,
	  "unsigned int vcpu_id; unsigned long rip; bool immediate_exit;" },
	{ "counterspin", "on_spin", 1512,
	  ENTRY_PROBE "s32 vm_pid; s32 vcpu_idx; s32 vcpu_id; u8 kernel_mode; "
	  "s32 last_boosted; s32 n_vcpus;" },
	{ "counterspin", "on_spin_ret", 1513, RETURN_PROBE },
	{ "counterspin", "yield_to", 1514,
	  ENTRY_PROBE "s32 vm_pid; s32 target_idx; s32 target_id; u8 preempted; "
	  "u8 ready; u8 in_kernel;" },
	{ "counterspin", "yield_to_ret", 1515, RETURN_PROBE "s32 ret;" },
};
const unsigned int n_event_defs = G_N_ELEMENTS(event_defs);

static const struct {
	const char *name;
	unsigned int size;
	bool is_signed;
	const char *print;
} types[] = {
	{ "char", 1, true, "%s" }, { "unsigned char", 1, false, "%u" }, { "bool", 1, false, "%u" },
	{ "u8", 1, false, "%u" }, { "__u8", 1, false, "%u" }, { "unsigned short", 2, false, "%u" },
	{ "__u16", 2, false, "%u" }, { "int", 4, true, "%d" }, { "pid_t", 4, true, "%d" },
	{ "s32", 4, true, "%d" }, { "unsigned", 4, false, "%u" },
	{ "unsigned int", 4, false, "%u" }, { "u32", 4, false, "%u" },
	{ "__u32", 4, false, "%u" }, { "long", 8, true, "%ld" },
	{ "unsigned long", 8, false, "0x%lx" }, { "u64", 8, false, "0x%llx" },
	{ "__u64", 8, false, "0x%llx" },
};

static void add_field(struct event_def *e, const char *decl)
{
	const char *last = strrchr(decl, ' ') + 1;
	g_autofree char *type = g_strndup(decl, last - 1 - decl);
	struct field f = { .decl = g_strdup(decl), .name = g_strndup(last, strcspn(last, "[")) };
	bool packed = !strcmp(e->system, "counterspin");
	unsigned int align;

	while (f.type < G_N_ELEMENTS(types) && strcmp(types[f.type].name, type))
		f.type++;
	g_assert(f.type < G_N_ELEMENTS(types));
	align = types[f.type].size;
	f.is_tail = g_str_has_suffix(decl, "[]");
	f.is_text = g_str_has_suffix(decl, "[16]");
	f.size = f.is_tail ? 0 : f.is_text ? 16 : types[f.type].size;
	f.offset = packed ? e->size : (e->size + align - 1) / align * align;
	e->size = f.offset + f.size;
	g_array_append_val(e->layout, f);
}

static void lay_out(struct event_def *e, unsigned int n_deep)
{
	g_autofree char *all = g_strconcat(COMMON, e->fields, NULL);
	g_auto(GStrv) decls = g_strsplit(all, ";", -1);

	e->layout = g_array_new(FALSE, FALSE, sizeof(struct field));
	for (unsigned int i = 0; decls[i]; i++)
		if (*g_strstrip(decls[i]))
			add_field(e, decls[i]);
	for (unsigned int i = 0; i < n_deep && !strcmp(e->name, "on_spin"); i++) {
		g_autofree char *state = g_strdup_printf("u64 state_%u", i);
		g_autofree char *in_kernel = g_strdup_printf("u8 in_kernel_%u", i);

		add_field(e, state);
		add_field(e, in_kernel);
	}
}

GString *event_def_format(const struct event_def *e)
{
	GString *s = g_string_new(NULL);
	g_autoptr(GString) print = g_string_new("\nprint fmt: \""), args = g_string_new("\"");

	g_string_printf(s, "name: %s\nID: %u\nformat:\n", e->name, e->id);
	for (guint i = 0; i < e->layout->len; i++) {
		const struct field *f = &g_array_index(e->layout, struct field, i);

		g_string_append_printf(s,
				       "\tfield:%s;\toffset:%u;\tsize:%u;\tsigned:%u;\n",
				       f->decl, f->offset, f->size, types[f->type].is_signed);
		if (!strcmp(f->name, "common_pid"))
			g_string_append_c(s, '\n');
		if (g_str_has_prefix(f->name, "common_"))
			continue;
		g_string_append_printf(print, "%s=%s ", f->name, types[f->type].print);
		g_string_append_printf(args, ", REC->%s", f->name);
	}
	g_string_append_printf(s, "%s%s\n", print->str, args->str);
	return s;
}


void event_defs_lay_out(unsigned int n_deep)
{
	for (unsigned int i = 0; i < n_event_defs; i++)
		lay_out(&event_defs[i], n_deep);
}

struct event_def *event_def_named(const char *name)
{
	for (unsigned int i = 0; i < n_event_defs; i++)
		if (!strcmp(event_defs[i].name, name))
			return &event_defs[i];
	return NULL;
}

const struct field *event_def_field(const struct event_def *e, const char *name)
{
	for (guint i = 0; i < e->layout->len; i++) {
		const struct field *f = &g_array_index(e->layout, struct field, i);

		if (!strcmp(f->name, name))
			return f;
	}
	return NULL;
}
