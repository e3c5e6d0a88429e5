// SPDX-License-Identifier: GPL-2.0-or-later
#include <bpf/btf.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdint.h>
#include <string.h>

#include "tests/fake_kernel.h"

const char fake_readme_6_1[] =
	"  dynamic_events\t\t- Create/append/remove/show the generic dynamic events\n"
	"  kprobe_events\t\t- Create/append/remove/show the kernel dynamic events\n"
	"\t   Format: p[:[<group>/][<event>]] <place> [<args>]\n"
	"\t           r[maxactive][:[<group>/][<event>]] <place> [<args>]\n"
	"\t           $stack<index>, $stack, $retval, $comm, $arg<N>,\n";

const char fake_readme_6_12[] =
	"  dynamic_events\t\t- Create/append/remove/show the generic dynamic events\n"
	"  kprobe_events\t\t- Create/append/remove/show the kernel dynamic events\n"
	"\t   Format: p[:[<group>/][<event>]] <place> [<args>]\n"
	"\t           r[maxactive][:[<group>/][<event>]] <place> [<args>]\n"
	"\t           f[:[<group>/][<event>]] <func-name>[%return] [<args>]\n"
	"\t           $stack<index>, $stack, $retval, $comm, $arg<N>,\n"
	"\t           <argname>[->field[->field|.field...]],\n";

const char fake_readme_no_kprobes[] =
	"  dynamic_events\t\t- Create/append/remove/show the generic dynamic events\n"
	"  uprobe_events\t\t- Create/append/remove/show the userspace dynamic events\n"
	"\t   Format: p[:[<group>/][<event>]] <place> [<args>]\n"
	"\t           $stack<index>, $stack, $retval, $comm, $arg<N>,\n";

char *fake_kernel_new(void)
{
	static const char *const folders[] = { "proc", "sys/kernel/btf", "tracing" };
	char *root = g_dir_make_tmp("counterspin-kernel-XXXXXX", NULL);

	g_assert_nonnull(root);
	for (unsigned int i = 0; i < G_N_ELEMENTS(folders); i++) {
		g_autofree char *folder = g_build_filename(root, folders[i], NULL);

		g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
	}
	return root;
}

void fake_kernel_remove(char *root)
{
	const char *const argv[] = { "rm", "-r", root, NULL };

	g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL,
				   NULL));
	g_free(root);
}

void fake_kernel_write(const char *root, const char *path, const char *text)
{
	g_autofree char *name = g_build_filename(root, path, NULL);

	g_assert_true(g_file_set_contents(name, text, -1, NULL));
}

static void write_btf(const char *root, const char *name, const struct btf *btf)
{
	g_autofree char *path = g_build_filename(root, "sys/kernel/btf", name, NULL);
	uint32_t size;
	const void *data = btf__raw_data(btf, &size);

	g_assert_true(g_file_set_contents(path, data, size, NULL));
}

struct types {
	int boolean, u8, int_, u64, pid_t_, atomic_t_, pointer, xarray;
};

static int done(int id)
{
	g_assert_cmpint(id, >, 0);
	return id;
}

static void field(struct btf *btf, const char *name, int type, unsigned int at)
{
	g_assert_cmpint(btf__add_field(btf, name, type, at * 8, 0), ==, 0);
}

static void add_base(struct btf *btf, struct types *t)
{
	int slots, index;

	t->int_ = done(btf__add_int(btf, "int", 4, BTF_INT_SIGNED));
	t->boolean = done(btf__add_int(btf, "_Bool", 1, BTF_INT_BOOL));
	t->u8 = done(btf__add_int(btf, "unsigned char", 1, 0));
	t->u64 = done(btf__add_int(btf, "long long unsigned int", 8, 0));
	index = done(btf__add_int(btf, "__ARRAY_SIZE_TYPE__", 4, 0));
	t->pid_t_ = done(btf__add_typedef(btf, "__kernel_pid_t", t->int_));
	t->pid_t_ = done(btf__add_typedef(btf, "pid_t", t->pid_t_));
	t->pointer = done(btf__add_ptr(btf, 0));
	t->atomic_t_ = done(btf__add_struct(btf, NULL, 4));
	field(btf, "counter", t->int_, 0);
	t->atomic_t_ = done(btf__add_typedef(btf, "atomic_t", t->atomic_t_));
	t->xarray = done(btf__add_struct(btf, "xarray", 16));
	field(btf, "xa_flags", t->int_, 4);
	field(btf, "xa_head", t->pointer, 8);
	slots = done(btf__add_array(btf, index, t->pointer, 64));
	done(btf__add_struct(btf, "xa_node", 576));
	field(btf, "shift", t->u8, 0);
	field(btf, "slots", slots, 40);
}

static int add_kvm(struct btf *btf, const struct types *t, const struct fake_btf *how)
{
	int anonymous_union = 0, anonymous, array = 0, kvm;

	if (!how->lacks_last_boosted) {
		anonymous_union = done(btf__add_union(btf, NULL, 4));
		field(btf, "last_boosted_vcpu", t->int_, 0);
	}
	anonymous = done(btf__add_struct(btf, NULL, 8));
	field(btf, "created_vcpus", t->int_, 0);
	if (anonymous_union)
		field(btf, NULL, anonymous_union, 4);
	if (how->has_array)
		array = done(btf__add_array(btf, t->int_, t->pointer, 8));
	kvm = done(btf__add_struct(btf, "kvm", 4000));
	if (array)
		field(btf, "vcpus", array, 1000);
	else
		field(btf, "vcpu_array", t->xarray, 2240);
	field(btf, "online_vcpus", t->atomic_t_, 2304);
	field(btf, NULL, anonymous, 2312);
	field(btf, "userspace_pid", t->pid_t_, 3776);
	return kvm;
}

static int add_arch(struct btf *btf, const struct types *t, const struct fake_btf *how)
{
	int ipi_context = 0, arch;

	if (how->n_ipi_fields) {
		ipi_context = done(btf__add_struct(btf, "kvm_ipi_context", 24));
		field(btf, "last_ipi_sender", t->int_, 0);
		field(btf, "last_ipi_receiver", t->int_, 4);
		if (how->n_ipi_fields > 1)
			field(btf, "pending_ipi", t->boolean, 9);
		if (how->n_ipi_fields > 2)
			field(btf, "ipi_time_ns", t->u64, 16);
	}
	arch = done(btf__add_struct(btf, "kvm_vcpu_arch", 5000));
	field(btf, "preempted_in_kernel", t->boolean, 4416);
	if (ipi_context)
		field(btf, "ipi_context", ipi_context, 4424);
	return arch;
}

static int add_vcpu(struct btf *btf, const struct types *t, const struct fake_btf *how)
{
	int kvm = done(btf__add_ptr(btf, add_kvm(btf, t, how))), arch = add_arch(btf, t, how);
	int spin_loop = done(btf__add_struct(btf, NULL, 2)), vcpu;
	unsigned int preempted = how->moves_preempted ? 298 : 299;

	field(btf, "in_spin_loop", t->boolean, 0);
	field(btf, "dy_eligible", t->boolean, 1);
	vcpu = done(btf__add_struct(btf, "kvm_vcpu", 6000));
	field(btf, "kvm", kvm, 0);
	field(btf, "vcpu_id", t->int_, 36);
	field(btf, "vcpu_idx", t->int_, 40);
	field(btf, "spin_loop", spin_loop, 296);
	field(btf, "preempted", t->boolean, preempted);
	if (how->is_ready_bits)
		g_assert_cmpint(btf__add_field(btf, "ready", t->u8, (preempted + 1) * 8, 1), ==, 0);
	else if (!how->lacks_ready)
		field(btf, "ready", t->boolean, preempted + 1);
	field(btf, "arch", arch, 304);
	return vcpu;
}

static void add_functions(struct btf *btf, const struct types *t, const struct fake_btf *how, int vcpu)
{
	int me = done(btf__add_const(btf, vcpu)), proto;

	me = done(btf__add_ptr(btf, how->is_kvm_forward ?
				    done(btf__add_fwd(btf, "kvm_vcpu", BTF_FWD_STRUCT)) : me));
	proto = done(btf__add_func_proto(btf, 0));
	btf__add_func_param(btf, "me", me);
	btf__add_func_param(btf, "yield_to_kernel_mode", t->boolean);
	for (unsigned int i = 0; i < how->n_extra_params; i++)
		btf__add_func_param(btf, "more", t->int_);
	for (unsigned int i = 0; i < 1U + how->has_on_spin_twice; i++)
		done(btf__add_func(btf, "kvm_vcpu_on_spin", BTF_FUNC_GLOBAL, proto));
	proto = done(btf__add_func_proto(btf, how->returns_void ? 0 : t->int_));
	btf__add_func_param(btf, "target", me);
	if (!how->lacks_yield_to)
		done(btf__add_func(btf, "kvm_vcpu_yield_to", BTF_FUNC_GLOBAL, proto));
}

void fake_kernel_write_btf(const char *root, const struct fake_btf *how)
{
	struct btf *vmlinux = btf__new_empty(), *split = NULL, *kvm = vmlinux;
	g_autofree char *module = g_build_filename(root, "sys/kernel/btf/kvm", NULL);
	struct types t;

	g_unlink(module);
	add_base(vmlinux, &t);
	if (!how->is_built_in)
		kvm = split = btf__new_empty_split(vmlinux);
	add_functions(kvm, &t, how, add_vcpu(kvm, &t, how));
	write_btf(root, "vmlinux", vmlinux);
	if (split)
		write_btf(root, "kvm", split);
	btf__free(split);
	btf__free(vmlinux);
}
