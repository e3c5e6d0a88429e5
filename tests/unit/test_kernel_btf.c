// SPDX-License-Identifier: GPL-2.0-or-later
/* Places of members and prototypes, from BTF made here and, where it is, from this machine's own. */
#include <glib.h>
#include <string.h>
#include <sys/utsname.h>

#include "capture/kernel_btf.h"
#include "tests/fake_kernel.h"

static struct kernel_btf *open_fake(const struct fake_btf *how)
{
	char *root = fake_kernel_new();
	g_autoptr(GError) error = NULL;
	struct kernel_btf *btf;

	fake_kernel_write_btf(root, how);
	btf = kernel_btf_open(root, how->is_built_in ? NULL : "kvm", &error);
	g_assert_no_error(error);
	fake_kernel_remove(root);
	return btf;
}

struct expected {
	const char *path;
	unsigned int n_offsets;
	uint32_t offset[KERNEL_BTF_MAX_OFFSETS];
	uint32_t size;
	bool is_signed, is_pointer;
};

static void check_places(const struct kernel_btf *btf, const char *name, const struct expected *rows,
			 unsigned int n)
{
	uint32_t type;

	g_assert_true(kernel_btf_struct(btf, name, &type, NULL));
	for (unsigned int i = 0; i < n; i++) {
		g_autoptr(GError) error = NULL;
		struct kernel_btf_place place;

		g_assert_true(kernel_btf_place(btf, type, rows[i].path, &place, &error));
		g_assert_no_error(error);
		g_assert_cmpint(place.n_offsets, ==, rows[i].n_offsets);
		for (unsigned int k = 0; k < rows[i].n_offsets; k++)
			g_assert_cmpint(place.offset[k], ==, rows[i].offset[k]);
		g_assert_cmpint(place.value.size, ==, rows[i].size);
		g_assert_true(place.value.is_signed == rows[i].is_signed);
		g_assert_true(place.value.is_pointer == rows[i].is_pointer);
	}
}

static void check_6_18(const struct kernel_btf *btf)
{
	static const struct expected vcpu[] = {
		{ "kvm", 1, { 0 }, 8, false, true },
		{ "vcpu_id", 1, { 36 }, 4, true },
		{ "vcpu_idx", 1, { 40 }, 4, true },
		{ "spin_loop.in_spin_loop", 1, { 296 }, 1 },
		{ "spin_loop.dy_eligible", 1, { 297 }, 1 },
		{ "preempted", 1, { 299 }, 1 },
		{ "ready", 1, { 300 }, 1 },
		{ "arch.preempted_in_kernel", 1, { 4720 }, 1 },
		{ "kvm->last_boosted_vcpu", 2, { 0, 2316 }, 4, true },
		{ "kvm->online_vcpus.counter", 2, { 0, 2304 }, 4, true },
		{ "kvm->userspace_pid", 2, { 0, 3776 }, 4, true },
		{ "kvm->vcpu_array.xa_head", 2, { 0, 2248 }, 8, false, true },
	};
	static const struct expected node[] = { { "slots", 1, { 40 }, 512 } };

	check_places(btf, "kvm_vcpu", vcpu, G_N_ELEMENTS(vcpu));
	check_places(btf, "xa_node", node, G_N_ELEMENTS(node));
}

static void check_functions(const struct kernel_btf *btf)
{
	struct kernel_btf_function f;
	uint32_t vcpu;

	g_assert_true(kernel_btf_struct(btf, "kvm_vcpu", &vcpu, NULL));
	g_assert_true(kernel_btf_function(btf, "kvm_vcpu_on_spin", &f, NULL));
	g_assert_cmpint(f.n_params, ==, 2);
	g_assert_cmpstr(f.params[0].name, ==, "me");
	g_assert_cmpint(kernel_btf_points_to(btf, f.params[0].value.type, "kvm_vcpu"), ==, vcpu);
	g_assert_cmpint(kernel_btf_points_to(btf, f.params[0].value.type, "kvm"), ==, 0);
	g_assert_cmpstr(f.params[1].name, ==, "yield_to_kernel_mode");
	g_assert_cmpint(f.params[1].value.size, ==, 1);
	g_assert_cmpint(kernel_btf_points_to(btf, f.params[1].value.type, "kvm_vcpu"), ==, 0);
	g_assert_cmpint(f.result.size, ==, 0);
	g_assert_true(kernel_btf_function(btf, "kvm_vcpu_yield_to", &f, NULL));
	g_assert_cmpint(f.n_params, ==, 1);
	g_assert_cmpstr(f.params[0].name, ==, "target");
	g_assert_cmpint(f.result.size, ==, 4);
	g_assert_true(f.result.is_signed);
}

static void test_split(void)
{
	struct kernel_btf *btf = open_fake(&(struct fake_btf){ 0 });
	struct kernel_btf_place slots;
	uint32_t node;

	check_6_18(btf);
	check_functions(btf);
	g_assert_true(kernel_btf_struct(btf, "xa_node", &node, NULL));
	g_assert_true(kernel_btf_place(btf, node, "slots", &slots, NULL));
	g_assert_cmpint(kernel_btf_array_length(btf, slots.value.type), ==, 64);
	g_assert_cmpint(kernel_btf_array_length(btf, node), ==, 0);
	kernel_btf_free(btf);
}

static void test_built_in(void)
{
	struct kernel_btf *btf = open_fake(&(struct fake_btf){ .is_built_in = true });

	check_6_18(btf);
	check_functions(btf);
	kernel_btf_free(btf);
}

/* A module that knows the argument by declaration only means the structure of that name. */
static void test_forward(void)
{
	struct kernel_btf *btf = open_fake(&(struct fake_btf){ .is_kvm_forward = true });

	check_functions(btf);
	kernel_btf_free(btf);
}

static void test_refusals(void)
{
	static const struct { const char *path, *why; } rows[] = {
		{ "nonesuch", "'struct kvm_vcpu' of this kernel has no 'nonesuch'" },
		{ "spin_loop.nonesuch", "'struct <anonymous>' of this kernel has no 'nonesuch'" },
		{ "kvm->vcpu", "'struct kvm' of this kernel has no 'vcpu'" },
		{ "vcpu_id->x", "'vcpu_id->x' leads through something that is no pointer in this kernel" },
		{ "vcpu_id.x", "'vcpu_id.x' leads through something that is no structure in this kernel" },
		{ "kvm.userspace_pid",
		  "'kvm.userspace_pid' leads through something that is no structure in this kernel" },
		{ "kvm->vcpu_array.xa_head->x",
		  "'kvm->vcpu_array.xa_head->x' leads through something that is no structure in this kernel" },
		{ "ready", "'ready' is a bit field in this kernel" },
	};
	struct kernel_btf *btf = open_fake(&(struct fake_btf){ .is_ready_bits = true, .has_on_spin_twice = true,
							       .lacks_yield_to = true });
	struct kernel_btf_function function;
	struct kernel_btf_place place;
	GError *error = NULL;
	uint32_t vcpu;

	g_assert_true(kernel_btf_struct(btf, "kvm_vcpu", &vcpu, NULL));
	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_assert_false(kernel_btf_place(btf, vcpu, rows[i].path, &place, &error));
		g_assert_cmpstr(error->message, ==, rows[i].why);
		g_clear_error(&error);
	}
	g_assert_false(kernel_btf_struct(btf, "nonesuch", &vcpu, &error));
	g_assert_cmpstr(error->message, ==, "this kernel has no 'struct nonesuch'");
	g_clear_error(&error);
	g_assert_false(kernel_btf_function(btf, "kvm_vcpu_on_spin", &function, &error));
	g_assert_cmpstr(error->message, ==, "BTF has 'kvm_vcpu_on_spin' twice");
	g_clear_error(&error);
	g_assert_false(kernel_btf_function(btf, "kvm_vcpu_yield_to", &function, &error));
	g_assert_cmpstr(error->message, ==, "BTF has no prototype of 'kvm_vcpu_yield_to'");
	g_clear_error(&error);
	kernel_btf_free(btf);

	btf = open_fake(&(struct fake_btf){ .n_extra_params = 5 });
	g_assert_false(kernel_btf_function(btf, "kvm_vcpu_on_spin", &function, &error));
	g_assert_cmpstr(error->message, ==, "'kvm_vcpu_on_spin' takes more than 6 arguments");
	g_clear_error(&error);
	kernel_btf_free(btf);
}

static void test_unreadable(void)
{
	char *root = fake_kernel_new();
	GError *error = NULL;

	g_assert_null(kernel_btf_open(root, NULL, &error));
	g_assert_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_FILE);
	g_clear_error(&error);
	fake_kernel_write_btf(root, &(struct fake_btf){ .is_built_in = true });
	g_assert_null(kernel_btf_open(root, "kvm", &error));
	g_assert_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_FILE);
	g_assert_true(g_str_has_suffix(error->message, "/sys/kernel/btf/kvm': No such file or directory"));
	g_clear_error(&error);
	fake_kernel_write(root, "sys/kernel/btf/vmlinux", "not BTF, but long enough for a header of it");
	g_assert_null(kernel_btf_open(root, NULL, &error));
	g_assert_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_FILE);
	g_clear_error(&error);
	fake_kernel_remove(root);
	kernel_btf_free(NULL);
}

/* This machine's own: all the members are there; on one kernel it is known where (events.md 7). */
static void test_live(void)
{
	static const char *const paths[] = {
		"vcpu_id", "vcpu_idx", "spin_loop.in_spin_loop", "preempted", "ready", "arch.preempted_in_kernel",
		"kvm->last_boosted_vcpu", "kvm->online_vcpus.counter", "kvm->userspace_pid",
	};
	struct kernel_btf *btf = kernel_btf_open("", NULL, NULL);
	struct kernel_btf_place place;
	struct utsname name;
	uint32_t vcpu;

	if (!btf || !kernel_btf_struct(btf, "kvm_vcpu", &vcpu, NULL)) {
		g_test_skip("no BTF of a KVM that is built in");
		kernel_btf_free(btf);
		return;
	}
	for (unsigned int i = 0; i < G_N_ELEMENTS(paths); i++)
		g_assert_true(kernel_btf_place(btf, vcpu, paths[i], &place, NULL));
	check_functions(btf);
	uname(&name);
	if (g_str_has_prefix(name.release, "6.18.44-fc"))
		check_6_18(btf);
	kernel_btf_free(btf);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/kernel_btf/split", test_split);
	g_test_add_func("/kernel_btf/built-in", test_built_in);
	g_test_add_func("/kernel_btf/forward", test_forward);
	g_test_add_func("/kernel_btf/refusals", test_refusals);
	g_test_add_func("/kernel_btf/unreadable", test_unreadable);
	g_test_add_func("/kernel_btf/live", test_live);
	return g_test_run();
}
