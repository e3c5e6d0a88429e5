// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Probes: what is asked of which kernel, word by word; what is refused, and why; and
 * what is left when the kernel says no. Its side of dynamic_events is played here, in the
 * place of libtracefs' functions that write to it.
 */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <tracefs.h>

#include "capture/probes.h"
#include "tests/fake_kernel.h"

#define INFERRED "decisions and their outcomes are inferred from exits and switches"
#define UNCHECKED "decisions are checked without the state that the kernel saw"

#define ON_SPIN_BY_NAME \
	"kvm_vcpu_on_spin vm_pid=me->kvm->userspace_pid:s32 vcpu_idx=me->vcpu_idx:s32 vcpu_id=me->vcpu_id:s32 " \
	"kernel_mode=yield_to_kernel_mode:u8 last_boosted=me->kvm->last_boosted_vcpu:s32 " \
	"n_vcpus=me->kvm->online_vcpus.counter:s32"
#define ON_SPIN_BY_OFFSET \
	"kvm_vcpu_on_spin vm_pid=+3776(+0($arg1)):s32 vcpu_idx=+40($arg1):s32 vcpu_id=+36($arg1):s32 " \
	"kernel_mode=$arg2:u8 last_boosted=+2316(+0($arg1)):s32 n_vcpus=+2304(+0($arg1)):s32"
#define YIELD_TO_BY_NAME \
	"kvm_vcpu_yield_to vm_pid=target->kvm->userspace_pid:s32 target_idx=target->vcpu_idx:s32 " \
	"target_id=target->vcpu_id:s32 preempted=target->preempted:u8 ready=target->ready:u8 " \
	"in_kernel=target->arch.preempted_in_kernel:u8 in_spin_loop=target->spin_loop.in_spin_loop:u8 " \
	"dy_eligible=target->spin_loop.dy_eligible:u8"
#define YIELD_TO_BY_OFFSET \
	"kvm_vcpu_yield_to vm_pid=+3776(+0($arg1)):s32 target_idx=+40($arg1):s32 target_id=+36($arg1):s32 " \
	"preempted=+299($arg1):u8 ready=+300($arg1):u8 in_kernel=+4720($arg1):u8 in_spin_loop=+296($arg1):u8 " \
	"dy_eligible=+297($arg1):u8"
#define IN_MODULE "0 t kvm_vcpu_on_spin\t[kvm]\n0 t kvm_vcpu_yield_to\t[kvm]\n"
#define BUILT_IN "0 T kvm_vcpu_on_spin\n0 T kvm_vcpu_yield_to\n"

static char *root;

/* The kernel's side. */
static struct {
	GPtrArray *events;		/* definitions */
	const char *refuses[4];		/* definitions with this in them */
	const char *refuses_to_enable;	/* events of this name, for fprobes */
	unsigned int n_busy;		/* so many removals are refused */
	char *complaint;
	unsigned int n_enabled;
} kernel;

static void write_events(void)
{
	g_autoptr(GString) text = g_string_new("");

	for (guint i = 0; i < kernel.events->len; i++)
		g_string_append_printf(text, "%s\n", (char *)g_ptr_array_index(kernel.events, i));
	fake_kernel_write(root, "tracing/dynamic_events", text->str);
}

static int refuse(int err)
{
	errno = err;
	return -1;
}

static guint find_event(const char *group_event)
{
	for (guint i = 0; i < kernel.events->len; i++) {
		const char *name = strchr(g_ptr_array_index(kernel.events, i), ':') + 1;

		if (g_str_has_prefix(name, group_event) && name[strlen(group_event)] == ' ')
			return i;
	}
	return G_MAXUINT;
}

int tracefs_instance_file_append(struct tracefs_instance *instance, const char *file, const char *str)
{
	g_autofree char *line = g_strchomp(g_strdup(str));

	g_assert_null(instance);
	g_assert_cmpstr(file, ==, "dynamic_events");
	g_assert_true(g_str_has_suffix(str, "\n"));
	if (line[0] == '-') {
		guint i = find_event(line + 2);

		if (i == G_MAXUINT)
			return refuse(ENOENT);
		if (kernel.n_busy && kernel.n_busy--)
			return refuse(EBUSY);
		g_ptr_array_remove_index(kernel.events, i);
		write_events();
		return strlen(str);
	}
	for (unsigned int i = 0; i < G_N_ELEMENTS(kernel.refuses) && kernel.refuses[i]; i++) {
		const char *at = strstr(line, kernel.refuses[i]);

		if (!at)
			continue;
		g_free(kernel.complaint);
		kernel.complaint = g_strdup_printf("[    6.0%u] trace_fprobe: error: No such luck.\n"
						   "  Command: %s\n           %*s^\n", kernel.events->len, line,
						   (int)(at - line), "");
		return refuse(EINVAL);
	}
	g_ptr_array_add(kernel.events, g_steal_pointer(&line));
	write_events();
	return strlen(str);
}

char *tracefs_error_last(struct tracefs_instance *instance)
{
	g_assert_null(instance);
	return kernel.complaint ? strdup(kernel.complaint) : NULL;
}

int tracefs_event_file_write(struct tracefs_instance *instance, const char *system, const char *event,
			     const char *file, const char *str)
{
	g_autofree char *name = g_strconcat(system, "/", event, NULL);
	guint i = find_event(name);

	g_assert_nonnull(instance);
	g_assert_cmpstr(file, ==, "enable");
	g_assert_cmpuint(i, !=, G_MAXUINT);
	if (kernel.refuses_to_enable && !strcmp(event, kernel.refuses_to_enable) &&
	    *(char *)g_ptr_array_index(kernel.events, i) == 'f')
		return refuse(EILSEQ);
	kernel.n_enabled += strcmp(str, "1") ? -1 : 1;
	return 1;
}

static void set_kernel(const char *readme, const char *kallsyms, const struct fake_btf *how)
{
	g_clear_pointer(&kernel.events, g_ptr_array_unref);
	g_free(kernel.complaint);
	memset(&kernel, 0, sizeof(kernel));
	kernel.events = g_ptr_array_new_with_free_func(g_free);
	write_events();
	fake_kernel_write(root, "tracing/README", readme);
	fake_kernel_write(root, "proc/kallsyms", kallsyms);
	fake_kernel_write_btf(root, how);
}

/* "WAY DEFINITION\n" of all candidates. */
static char *planned(const struct probe_set *set)
{
	GString *text = g_string_new("");

	for (guint i = 0; i < set->probes->len; i++) {
		const struct probe *probe = g_ptr_array_index(set->probes, i);

		for (guint k = 0; k < probe->candidates->len; k++) {
			const struct probe_definition *d = g_ptr_array_index(probe->candidates, k);

			g_string_append_printf(text, "%d %s\n", d->way, d->text);
		}
	}
	return g_string_free(text, false);
}

static char *made(const struct probe_set *set)
{
	GString *text = g_string_new("");

	for (guint i = 0; i < set->definitions->len; i++)
		g_string_append_printf(text, "%s\n", (char *)g_ptr_array_index(set->definitions, i));
	return g_string_free(text, false);
}

/* "WHAT: WHY; CONSEQUENCE\n", the test's own directory taken out. */
static char *refusals(const struct probe_set *set)
{
	GString *text = g_string_new("");

	for (guint i = 0; i < set->refusals->len; i++) {
		const struct probe_refusal *r = g_ptr_array_index(set->refusals, i);

		g_string_append_printf(text, "%s: %s; %s\n", r->what, r->why, r->consequence);
	}
	g_string_replace(text, root, "ROOT", 0);
	return g_string_free(text, false);
}

static void assert_text(char *text, const char *expected)
{
	g_assert_cmpstr(text, ==, expected);
	g_free(text);
}

static struct probe_set *plan(enum probes_mode mode, unsigned int n_vcpus)
{
	const struct probes_wanted wanted = { .mode = mode, .n_vcpus = n_vcpus, .n_vcpus_vm = n_vcpus };

	return probes_plan(root, &wanted);
}

static void check_plan(enum probes_mode mode, unsigned int n_vcpus, const char *candidates, const char *refused)
{
	struct probe_set *set = plan(mode, n_vcpus);

	assert_text(planned(set), candidates);
	assert_text(refusals(set), refused);
	probes_free(set);
}

static void test_by_name(void)
{
	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ 0 });
	check_plan(PROBES_AUTO, 8,
		   "0 f:counterspin/on_spin " ON_SPIN_BY_NAME "\n"
		   "1 p:counterspin/on_spin " ON_SPIN_BY_NAME "\n"
		   "2 p:counterspin/on_spin kvm:" ON_SPIN_BY_OFFSET "\n"
		   "0 f:counterspin/yield_to " YIELD_TO_BY_NAME "\n"
		   "1 p:counterspin/yield_to " YIELD_TO_BY_NAME "\n"
		   "2 p:counterspin/yield_to kvm:" YIELD_TO_BY_OFFSET "\n"
		   "0 f256:counterspin/yield_to_ret kvm_vcpu_yield_to%return ret=$retval:s32\n"
		   "0 f:counterspin/yield_to_ret kvm_vcpu_yield_to%return ret=$retval:s32\n"
		   "2 r256:counterspin/yield_to_ret kvm:kvm_vcpu_yield_to ret=$retval:s32\n", "");
}

static void test_by_offset(void)
{
	g_autofree char *no_arg_n = g_strdup(fake_readme_6_1);

	set_kernel(fake_readme_6_1, IN_MODULE, &(struct fake_btf){ 0 });
	check_plan(PROBES_AUTO, 8,
		   "2 p:counterspin/on_spin kvm:" ON_SPIN_BY_OFFSET "\n"
		   "2 p:counterspin/yield_to kvm:" YIELD_TO_BY_OFFSET "\n"
		   "2 r256:counterspin/yield_to_ret kvm:kvm_vcpu_yield_to ret=$retval:s32\n", "");

	set_kernel(fake_readme_6_1, BUILT_IN, &(struct fake_btf){ .is_built_in = true });
	check_plan(PROBES_AUTO, 8,
		   "2 p:counterspin/on_spin " ON_SPIN_BY_OFFSET "\n"
		   "2 p:counterspin/yield_to " YIELD_TO_BY_OFFSET "\n"
		   "2 r256:counterspin/yield_to_ret kvm_vcpu_yield_to ret=$retval:s32\n", "");

	*strstr(no_arg_n, "$arg<N>") = '#';
	set_kernel(no_arg_n, BUILT_IN, &(struct fake_btf){ .is_built_in = true, .lacks_yield_to = true });
	check_plan(PROBES_AUTO, 8,
		   "2 p:counterspin/on_spin kvm_vcpu_on_spin vm_pid=+3776(+0(%di)):s32 vcpu_idx=+40(%di):s32 "
		   "vcpu_id=+36(%di):s32 kernel_mode=%si:u8 last_boosted=+2316(+0(%di)):s32 "
		   "n_vcpus=+2304(+0(%di)):s32\n",
		   "yield_to: BTF has no prototype of 'kvm_vcpu_yield_to'; whom a decision tried is not seen\n");
}

static void test_deep(void)
{
	set_kernel(fake_readme_6_1, IN_MODULE, &(struct fake_btf){ 0 });
	check_plan(PROBES_DEEP, 2,
		   "2 p:counterspin/on_spin kvm:" ON_SPIN_BY_OFFSET
		   " state_0=+296(+38(+2248(+0($arg1)))):x64 in_kernel_0=+4720(+38(+2248(+0($arg1)))):u8"
		   " state_1=+296(+46(+2248(+0($arg1)))):x64 in_kernel_1=+4720(+46(+2248(+0($arg1)))):u8\n"
		   "2 r256:counterspin/on_spin_ret kvm:kvm_vcpu_on_spin\n"
		   "2 p:counterspin/yield_to kvm:" YIELD_TO_BY_OFFSET "\n"
		   "2 r256:counterspin/yield_to_ret kvm:kvm_vcpu_yield_to ret=$retval:s32\n", "");

	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ .lacks_yield_to = true, .has_array = true });
	check_plan(PROBES_DEEP, 1,
		   "0 f:counterspin/on_spin " ON_SPIN_BY_NAME
		   " state_0=+296(+1000(+0($arg1))):x64 in_kernel_0=+4720(+1000(+0($arg1))):u8\n"
		   "1 p:counterspin/on_spin " ON_SPIN_BY_NAME
		   " state_0=+296(+1000(+0($arg1))):x64 in_kernel_0=+4720(+1000(+0($arg1))):u8\n"
		   "2 p:counterspin/on_spin kvm:" ON_SPIN_BY_OFFSET
		   " state_0=+296(+1000(+0($arg1))):x64 in_kernel_0=+4720(+1000(+0($arg1))):u8\n"
		   "0 f256:counterspin/on_spin_ret kvm_vcpu_on_spin%return\n"
		   "0 f:counterspin/on_spin_ret kvm_vcpu_on_spin%return\n"
		   "2 r256:counterspin/on_spin_ret kvm:kvm_vcpu_on_spin\n",
		   "yield_to: BTF has no prototype of 'kvm_vcpu_yield_to'; whom a decision tried is not seen\n");
}

/* A definition stays within what the kernel reads at once, and has no hole. */
static void test_deep_limits(void)
{
	static const struct { unsigned int n_vcpus; const char *why; } rows[] = {
		{ 40, "" },
		{ 64, "on_spin: state_N from 44 on: the kernel limits how long a definition may be; " UNCHECKED "\n" },
		{ 65, "on_spin: state_N: a VM has 65 vCPUs, those above 64 are out of reach; " UNCHECKED "\n" },
	};

	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ 0 });
	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct probe_set *set = plan(PROBES_DEEP, rows[i].n_vcpus);
		g_autofree char *text = planned(set);
		g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

		for (unsigned int k = 0; lines[k]; k++) {
			g_assert_cmpint(strlen(lines[k]) - strlen("0 "), <=, 4094);
			if (!strstr(lines[k], "/on_spin ") || rows[i].n_vcpus == 65)
				continue;
			for (unsigned int n = 0; n < MIN(44, rows[i].n_vcpus); n++) {
				g_autofree char *name = g_strdup_printf(" state_%u=", n);

				g_assert_nonnull(strstr(lines[k], name));
			}
			g_assert_null(strstr(lines[k], " state_44="));
		}
		assert_text(refusals(set), rows[i].why);
		probes_free(set);
	}
}

/* The rooms for sleeping threads: twice the vCPUs, within reason and the kernel's limit. */
static void test_room(void)
{
	static const struct { unsigned int n_vcpus; const char *room, *why; } rows[] = {
		{ 0, "r256:", "" }, { 128, "r256:", "" }, { 129, "r258:", "" }, { 2048, "r4096:", "" },
		{ 4096, "r4096:", "" },
		{ 4097, "r4096:", "returns of more than 4096 vCPUs at once: the kernel has no more room; some are missed\n" },
		{ UINT32_MAX, "r4096:",
		  "returns of more than 4096 vCPUs at once: the kernel has no more room; some are missed\n" },
	};

	set_kernel(fake_readme_6_1, IN_MODULE, &(struct fake_btf){ 0 });
	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct probe_set *set = plan(PROBES_AUTO, rows[i].n_vcpus);
		g_autofree char *text = planned(set);

		g_assert_nonnull(strstr(text, rows[i].room));
		assert_text(refusals(set), rows[i].why);
		probes_free(set);
	}
}

static void test_patched(void)
{
	set_kernel(fake_readme_6_1, IN_MODULE, &(struct fake_btf){ .n_ipi_fields = 3, .lacks_yield_to = true });
	check_plan(PROBES_AUTO, 8,
		   "2 p:counterspin/on_spin kvm:" ON_SPIN_BY_OFFSET
		   " ipi_receiver=+4732($arg1):s32 ipi_pending=+4737($arg1):u8 ipi_time_ns=+4744($arg1):u64\n",
		   "yield_to: BTF has no prototype of 'kvm_vcpu_yield_to'; whom a decision tried is not seen\n");
	set_kernel(fake_readme_6_1, IN_MODULE, &(struct fake_btf){ .n_ipi_fields = 2, .lacks_yield_to = true });
	check_plan(PROBES_AUTO, 8,
		   "2 p:counterspin/on_spin kvm:" ON_SPIN_BY_OFFSET
		   " ipi_receiver=+4732($arg1):s32 ipi_pending=+4737($arg1):u8\n",
		   "on_spin: ipi_time_ns: 'struct kvm_ipi_context' of this kernel has no 'ipi_time_ns'; "
		   "the field is left out\n"
		   "yield_to: BTF has no prototype of 'kvm_vcpu_yield_to'; whom a decision tried is not seen\n");
}

static void test_first(void)
{
	const struct probes_wanted wanted = { .first = PROBE_KPROBE_BTF };
	struct probe_set *set;

	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ 0 });
	set = probes_plan(root, &wanted);
	assert_text(planned(set), "1 p:counterspin/on_spin " ON_SPIN_BY_NAME "\n"
				  "2 p:counterspin/on_spin kvm:" ON_SPIN_BY_OFFSET "\n"
				  "1 p:counterspin/yield_to " YIELD_TO_BY_NAME "\n"
				  "2 p:counterspin/yield_to kvm:" YIELD_TO_BY_OFFSET "\n"
				  "2 r256:counterspin/yield_to_ret kvm:kvm_vcpu_yield_to ret=$retval:s32\n");
	probes_free(set);
}

static void test_off(void)
{
	enum probes_mode mode;

	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ 0 });
	check_plan(PROBES_OFF, 8, "", "");
	g_assert_true(probes_mode_parse("deep", &mode) && mode == PROBES_DEEP);
	g_assert_true(probes_mode_parse("off", &mode) && mode == PROBES_OFF);
	g_assert_true(probes_mode_parse("auto", &mode) && mode == PROBES_AUTO);
	g_assert_false(probes_mode_parse("", &mode) || probes_mode_parse("Auto", &mode));
}

/* Nothing of on_spin: nothing at all. */
static void test_no_on_spin(void)
{
	static const struct { const char *kallsyms; struct fake_btf how; const char *why; } rows[] = {
		{ "0 T other\n", { 0 }, "'kvm_vcpu_on_spin' is not in kallsyms: inlined, or KVM is not loaded" },
		{ IN_MODULE "0 t kvm_vcpu_on_spin\t[kvm2]\n", { 0 }, "'kvm_vcpu_on_spin' is 2 times in kallsyms" },
		{ IN_MODULE "0 t kvm_vcpu_on_spin.isra.0\t[kvm]\n", { 0 },
		  "the compiler changed 'kvm_vcpu_on_spin' ('kvm_vcpu_on_spin.isra.0' is in kallsyms)" },
		{ IN_MODULE, { .lacks_last_boosted = true }, "'struct kvm' of this kernel has no 'last_boosted_vcpu'" },
		{ IN_MODULE, { .n_extra_params = 1 }, "'kvm_vcpu_on_spin' takes other arguments in this kernel" },
		{ IN_MODULE, { .has_on_spin_twice = true }, "BTF has 'kvm_vcpu_on_spin' twice" },
	};

	g_autofree char *readme = g_build_filename(root, "tracing/README", NULL);

	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *why = g_strdup_printf("on_spin: %s; " INFERRED "\n", rows[i].why);

		set_kernel(fake_readme_6_12, rows[i].kallsyms, &rows[i].how);
		check_plan(PROBES_DEEP, 4, "", why);
	}
	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ .is_built_in = true });
	check_plan(PROBES_AUTO, 4, "", "probes: cannot read types from 'ROOT/sys/kernel/btf/kvm': "
				       "No such file or directory; " INFERRED "\n");
	set_kernel(fake_readme_no_kprobes, BUILT_IN, &(struct fake_btf){ .is_built_in = true });
	check_plan(PROBES_AUTO, 4, "", "probes: this kernel has neither kprobe nor fprobe events; " INFERRED "\n");
	g_assert_cmpint(g_unlink(readme), ==, 0);
	check_plan(PROBES_AUTO, 4, "", "probes: cannot read 'ROOT/tracing/README': No such file or directory; "
				       INFERRED "\n");
	set_kernel(fake_readme_6_12, "no symbols", &(struct fake_btf){ 0 });
	check_plan(PROBES_AUTO, 4, "", "probes: 'ROOT/proc/kallsyms' is not a list of symbols; " INFERRED "\n");
}

/* Some of it: what there is. */
static void test_partial(void)
{
	static const struct { const char *kallsyms; struct fake_btf how; const char *why, *missing, *there; } rows[] = {
		{ "0 t kvm_vcpu_on_spin\t[kvm]\n", { 0 },
		  "yield_to: 'kvm_vcpu_yield_to' is not in kallsyms: inlined, or KVM is not loaded; "
		  "whom a decision tried is not seen\n", "yield_to", "on_spin" },
		{ IN_MODULE "0 t kvm_vcpu_yield_to\t[kvm]\n", { 0 },
		  "yield_to: 'kvm_vcpu_yield_to' is 2 times in kallsyms; whom a decision tried is not seen\n",
		  "yield_to", "on_spin" },
		{ IN_MODULE "0 t kvm_vcpu_yield_to.cold\t[kvm]\n", { 0 }, "", "nonesuch", "yield_to_ret" },
		{ IN_MODULE, { .returns_void = true },
		  "yield_to_ret: 'kvm_vcpu_yield_to' returns no number in this kernel; "
		  "whether a yield succeeded is not seen\n", "yield_to_ret", "yield_to " },
		{ IN_MODULE, { .lacks_ready = true },
		  "on_spin: state_N: 'struct kvm_vcpu' of this kernel has no 'ready'; " UNCHECKED "\n"
		  "yield_to: ready: 'struct kvm_vcpu' of this kernel has no 'ready'; the field is left out\n",
		  "ready=", "in_kernel=" },
		{ IN_MODULE, { .is_ready_bits = true },
		  "on_spin: state_N: 'ready' is a bit field in this kernel; " UNCHECKED "\n"
		  "yield_to: ready: 'ready' is a bit field in this kernel; the field is left out\n",
		  "ready=", "in_kernel=" },
		{ IN_MODULE, { .moves_preempted = true },
		  "on_spin: state_N: 'struct kvm_vcpu' has 'preempted' at 298 where 299 was expected; " UNCHECKED "\n",
		  "state_", "preempted=+298($arg1):u8 ready=+299($arg1):u8" },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct probe_set *set;
		g_autofree char *text = NULL;

		set_kernel(fake_readme_6_1, rows[i].kallsyms, &rows[i].how);
		set = plan(PROBES_DEEP, 4);
		text = planned(set);
		assert_text(refusals(set), rows[i].why);
		g_assert_null(strstr(text, rows[i].missing));
		g_assert_nonnull(strstr(text, rows[i].there));
		probes_free(set);
	}
}

static struct probe_set *create(enum probes_mode mode)
{
	struct tracefs_instance *instance = (void *)"only passed on";
	struct probe_set *set = plan(mode, 2);
	g_autoptr(GError) error = NULL;

	g_assert_true(probes_create(set, instance, &error));
	g_assert_no_error(error);
	g_assert_cmpint(kernel.n_enabled, ==, 0);
	return set;
}

static void check_create(const char *definitions, const char *refused)
{
	struct probe_set *set = create(PROBES_AUTO);

	g_assert_cmpint(kernel.events->len, ==, set->definitions->len);
	assert_text(made(set), definitions);
	assert_text(refusals(set), refused);
	probes_free(set);
}

#define NEXT_BY_NAME "next is tried: kprobe, arguments by name\n"
#define NEXT_BY_OFFSET "next is tried: kprobe, arguments by offset\n"

static void test_create(void)
{
	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ 0 });
	check_create("f:counterspin/on_spin " ON_SPIN_BY_NAME "\nf:counterspin/yield_to " YIELD_TO_BY_NAME "\n"
		     "f256:counterspin/yield_to_ret kvm_vcpu_yield_to%return ret=$retval:s32\n", "");

	/* a kernel that needs not be told of rooms, and takes it amiss: that is no loss */
	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ 0 });
	kernel.refuses[0] = "f256";
	check_create("f:counterspin/on_spin " ON_SPIN_BY_NAME "\nf:counterspin/yield_to " YIELD_TO_BY_NAME "\n"
		     "f:counterspin/yield_to_ret kvm_vcpu_yield_to%return ret=$retval:s32\n", "");

	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ 0 });
	kernel.refuses[0] = "f:";
	check_create("p:counterspin/on_spin " ON_SPIN_BY_NAME "\np:counterspin/yield_to " YIELD_TO_BY_NAME "\n"
		     "r256:counterspin/yield_to_ret kvm:kvm_vcpu_yield_to ret=$retval:s32\n",
		     "on_spin as fprobe, arguments by name: Invalid argument: No such luck at "
		     "'f:counterspin/on_spin'; " NEXT_BY_NAME);

	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ 0 });
	kernel.refuses[0] = "vm_pid=me->kvm";
	check_create("p:counterspin/on_spin kvm:" ON_SPIN_BY_OFFSET "\n"
		     "p:counterspin/yield_to kvm:" YIELD_TO_BY_OFFSET "\n"
		     "r256:counterspin/yield_to_ret kvm:kvm_vcpu_yield_to ret=$retval:s32\n",
		     "on_spin as fprobe, arguments by name: Invalid argument: No such luck at "
		     "'vm_pid=me->kvm->userspace_pid:s32'; " NEXT_BY_NAME
		     "on_spin as kprobe, arguments by name: Invalid argument: No such luck at "
		     "'vm_pid=me->kvm->userspace_pid:s32'; " NEXT_BY_OFFSET);

	/* the first meets the function only when it is switched on */
	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ 0 });
	kernel.refuses_to_enable = "yield_to";
	check_create("f:counterspin/on_spin " ON_SPIN_BY_NAME "\np:counterspin/yield_to " YIELD_TO_BY_NAME "\n"
		     "r256:counterspin/yield_to_ret kvm:kvm_vcpu_yield_to ret=$retval:s32\n",
		     "yield_to as fprobe, arguments by name: cannot be enabled: "
		     "Invalid or incomplete multibyte or wide character; " NEXT_BY_NAME);
}

static void test_create_some(void)
{
	set_kernel(fake_readme_6_1, IN_MODULE, &(struct fake_btf){ 0 });
	kernel.refuses[0] = "/yield_to ";
	check_create("p:counterspin/on_spin kvm:" ON_SPIN_BY_OFFSET "\n",
		     "yield_to: Invalid argument: No such luck at '/yield_to'; whom a decision tried is not seen\n"
		     "yield_to_ret: there is no 'yield_to'; whether a yield succeeded is not seen\n");

	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ 0 });
	kernel.refuses[0] = "kvm";
	check_create("", "on_spin as fprobe, arguments by name: Invalid argument: No such luck at "
			 "'kvm_vcpu_on_spin'; " NEXT_BY_NAME
			 "on_spin as kprobe, arguments by name: Invalid argument: No such luck at "
			 "'kvm_vcpu_on_spin'; " NEXT_BY_OFFSET
			 "on_spin: Invalid argument: No such luck at 'kvm:kvm_vcpu_on_spin'; " INFERRED "\n"
			 "yield_to: there is no 'on_spin'; whom a decision tried is not seen\n"
			 "yield_to_ret: there is no 'yield_to'; whether a yield succeeded is not seen\n");
}

/* An old complaint is not taken for the answer. */
static void test_old_complaint(void)
{
	struct probe_set *set;

	set_kernel(fake_readme_6_1, IN_MODULE, &(struct fake_btf){ 0 });
	kernel.refuses_to_enable = "on_spin";
	kernel.refuses[0] = "/yield_to ";
	kernel.complaint = g_strdup_printf("[    6.01] trace_fprobe: error: No such luck.\n"
					   "  Command: p:counterspin/yield_to kvm:" YIELD_TO_BY_OFFSET "\n"
					   "           %*s^\n", (int)strlen("p:counterspin"), "");
	set = create(PROBES_AUTO);
	assert_text(refusals(set),
		    "yield_to: Invalid argument; whom a decision tried is not seen\n"
		    "yield_to_ret: there is no 'yield_to'; whether a yield succeeded is not seen\n");
	probes_free(set);
}

static void test_busy(void)
{
	struct probe_set *set;
	GError *error = NULL;

	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ 0 });
	set = create(PROBES_DEEP);
	g_assert_cmpint(kernel.events->len, ==, 4);
	probes_free(set);

	set = plan(PROBES_AUTO, 2);
	g_assert_false(probes_create(set, NULL, &error));
	g_assert_error(error, PROBES_ERROR, PROBES_ERROR_BUSY);
	g_assert_cmpstr(error->message, ==, "dynamic events 'counterspin/on_spin' are there already, "
					    "another recorder's or left behind");
	g_clear_error(&error);
	g_assert_cmpint(set->definitions->len, ==, 0);
	g_assert_cmpint(kernel.events->len, ==, 4);
	probes_free(set);
}

static void test_remove(void)
{
	static const char others[] = "p:kprobes/on_spin kvm_vcpu_on_spin\n"
				     "s:synthetic/wakeup pid_t pid\n"
				     "p:counterspin_2/on_spin kvm_vcpu_on_spin\n"
				     "p:not_counterspin/on_spin kvm_vcpu_on_spin\n";
	g_auto(GStrv) lines = g_strsplit(others, "\n", 4);
	g_autofree char *path = g_build_filename(root, "tracing/dynamic_events", NULL), *left = NULL;
	GError *error = NULL;

	set_kernel(fake_readme_6_12, IN_MODULE, &(struct fake_btf){ 0 });
	for (unsigned int i = 0; i < 4; i++)
		g_ptr_array_add(kernel.events, g_strchomp(g_strdup(lines[i])));
	probes_free(create(PROBES_DEEP));
	kernel.n_busy = 2;
	g_assert_true(probes_remove(PROBES_GROUP, 1000, &error));
	g_assert_no_error(error);
	g_assert_true(g_file_get_contents(path, &left, NULL, NULL));
	g_assert_cmpstr(left, ==, others);
	g_assert_true(probes_remove(PROBES_GROUP, 0, &error));	/* again */
	g_assert_no_error(error);

	/* one stays enabled: the others go all the same */
	probes_free(create(PROBES_DEEP));
	kernel.n_busy = 1;
	g_assert_false(probes_remove(PROBES_GROUP, 0, &error));
	g_assert_error(error, PROBES_ERROR, PROBES_ERROR_BUSY);
	g_assert_cmpstr(error->message, ==, "cannot remove dynamic event 'counterspin/on_spin': Device or resource busy");
	g_clear_error(&error);
	g_assert_cmpint(kernel.events->len, ==, 5);
	g_assert_true(probes_remove(PROBES_GROUP, 0, &error));

	/* no dynamic events in this kernel: nothing to remove */
	g_unlink(path);
	g_assert_true(probes_remove(PROBES_GROUP, 0, &error));
	g_assert_no_error(error);
}

static void test_counts(void)
{
	static const struct { const char *event; bool is_counted; uint64_t n_hit, n_missed; } rows[] = {
		{ "on_spin", true, 7, 0 }, { "on_spin_ret", false }, { "yield_to", true, 18446744073709551615U, 2 },
	};
	GPtrArray *counts;
	GError *error = NULL;

	fake_kernel_write(root, "tracing/dynamic_events",
			  "p:kprobes/on_spin a\np:counterspin/on_spin b\nf:counterspin/on_spin_ret b%return\n"
			  "p:uprobes/x /bin/sh:0x1\nr256:counterspin/yield_to c\n");
	fake_kernel_write(root, "tracing/kprobe_events",
			  "p:kprobes/on_spin a\np:counterspin/on_spin b\nr256:counterspin/yield_to c\n");
	fake_kernel_write(root, "tracing/kprobe_profile",
			  "  on_spin                                                      1               1\n"
			  "  on_spin                                                      7               0\n"
			  "  yield_to                                      18446744073709551615           2\n");
	counts = probes_counts(PROBES_GROUP, &error);
	g_assert_no_error(error);
	g_assert_cmpint(counts->len, ==, G_N_ELEMENTS(rows));
	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct probe_count *count = g_ptr_array_index(counts, i);

		g_assert_cmpstr(count->event, ==, rows[i].event);
		g_assert_true(count->is_counted == rows[i].is_counted);
		g_assert_cmpuint(count->n_hit, ==, rows[i].n_hit);
		g_assert_cmpuint(count->n_missed, ==, rows[i].n_missed);
	}
	g_ptr_array_unref(counts);

	/* somebody added a probe between the two reads */
	fake_kernel_write(root, "tracing/kprobe_profile", "  on_spin  1  1\n  on_spin  7  0\n  yield_to 2 2\n  new 0 0\n");
	counts = probes_counts(PROBES_GROUP, &error);
	g_assert_cmpint(counts->len, ==, G_N_ELEMENTS(rows));
	g_assert_false(((struct probe_count *)g_ptr_array_index(counts, 0))->is_counted);
	g_ptr_array_unref(counts);
}

int main(int argc, char **argv)
{
	g_autofree char *tracing = NULL;
	int status;

	g_test_init(&argc, &argv, NULL);
	root = fake_kernel_new();
	tracing = g_build_filename(root, "tracing", NULL);
	g_assert_cmpint(tracefs_set_tracing_dir(tracing), ==, 0);
	g_test_add_func("/probes/by-name", test_by_name);
	g_test_add_func("/probes/by-offset", test_by_offset);
	g_test_add_func("/probes/deep", test_deep);
	g_test_add_func("/probes/deep-limits", test_deep_limits);
	g_test_add_func("/probes/room", test_room);
	g_test_add_func("/probes/patched", test_patched);
	g_test_add_func("/probes/first", test_first);
	g_test_add_func("/probes/off", test_off);
	g_test_add_func("/probes/no-on_spin", test_no_on_spin);
	g_test_add_func("/probes/partial", test_partial);
	g_test_add_func("/probes/create", test_create);
	g_test_add_func("/probes/create-some", test_create_some);
	g_test_add_func("/probes/old-complaint", test_old_complaint);
	g_test_add_func("/probes/busy", test_busy);
	g_test_add_func("/probes/remove", test_remove);
	g_test_add_func("/probes/counts", test_counts);
	status = g_test_run();
	g_clear_pointer(&kernel.events, g_ptr_array_unref);
	g_free(kernel.complaint);
	fake_kernel_remove(root);
	return status;
}
