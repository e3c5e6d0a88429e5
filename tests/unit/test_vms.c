// SPDX-License-Identifier: GPL-2.0-or-later
/* Which VMs a host runs: what /proc shows is found, what it does not stays unknown. */
#include "capture/vms.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "tests/unit/made_up_host.h"

static struct vm_list *find(const char *root)
{
	g_autoptr(GError) error = NULL;
	struct vm_list *list = vms_find(root, &error);

	g_assert_no_error(error);
	return list;
}

static const struct vm_vcpu *vcpu(const struct vm_process *vm, guint i)
{
	g_assert_cmpint(i, <, vm->vcpus->len);
	return &g_array_index(vm->vcpus, struct vm_vcpu, i);
}

/* Two vCPUs, as libvirt starts QEMU; apic ids with a hole, which thread names do not have. */
static void add_qemu(const char *root)
{
	host_task(root, "/proc/900", "qemu-system-x86", 4242, "0::/machine.slice/web17/emulator\n");
	host_cmdline(root, "/proc/900", "/usr/bin/qemu-system-x86_64|-name|guest=web,,17,debug-threads=on|-uuid|"
					"c7a5fdbd-edaf-9455-926a-d65c16db1809|-smp|2");
	host_fd(root, "/proc/900", 3, "/dev/kvm");
	host_fd(root, "/proc/900", 9, "anon_inode:kvm-vm");
	host_fd(root, "/proc/900", 20, "anon_inode:kvm-vcpu:0");
	host_fd(root, "/proc/900", 100, "anon_inode:kvm-vcpu:4");	/* 100 comes after 20 */
	host_fd(root, "/proc/900", 101, "anon_inode:[eventfd]");
	host_task(root, "/proc/900/task/900", "qemu-system-x86", 4242, "0::/machine.slice/web17/emulator\n");
	host_task(root, "/proc/900/task/905", "CPU 0/KVM", 4243, "0::/machine.slice/web17/vcpu0\n");
	host_task(root, "/proc/900/task/904", "CPU 1/KVM", 4243, "0::/machine.slice/web17/vcpu1\n");
	host_task(root, "/proc/900/task/910", "IO iothread1", 4243, "0::/machine.slice/web17/iothread1\n");
}

static void test_qemu(void)
{
	char *root = host_new();
	const struct vm_process *vm;
	struct vm_list *list;

	add_qemu(root);
	host_task(root, "/proc/901", "bash", 1, "0::/\n");
	host_fd(root, "/proc/901", 0, "/dev/pts/0");
	host_task(root, "/proc/902", "no files", 1, "0::/\n");
	host_file(root, "/proc/uptime", "1 1\n");
	list = find(root);
	g_assert_cmpint(list->vms->len, ==, 1);
	g_assert_cmpint(list->n_unreadable, ==, 0);
	vm = list->vms->pdata[0];
	g_assert_cmpint(vm->tgid, ==, 900);
	g_assert_cmpint(vm->start_time, ==, 4242);
	g_assert_cmpstr(vm->name, ==, "web,17");
	g_assert_cmpstr(vm->uuid, ==, "c7a5fdbd-edaf-9455-926a-d65c16db1809");
	g_assert_cmpint(vm->vcpus->len, ==, 2);
	g_assert_cmpint(vcpu(vm, 0)->vcpu_id, ==, 0);
	g_assert_cmpint(vcpu(vm, 0)->vcpu_idx, ==, 0);
	g_assert_cmpint(vcpu(vm, 0)->tid, ==, 905);
	g_assert_cmpstr(vcpu(vm, 0)->cgroup, ==, "/machine.slice/web17/vcpu0");
	g_assert_cmpint(vcpu(vm, 1)->vcpu_id, ==, 4);
	g_assert_cmpint(vcpu(vm, 1)->vcpu_idx, ==, 1);
	g_assert_cmpint(vcpu(vm, 1)->tid, ==, 904);
	g_assert_cmpstr(vcpu(vm, 1)->name, ==, "CPU 1/KVM");
	g_assert_cmpint(vm->workers->len, ==, 2);
	host_file(root, "/sys/kernel/debug/kvm/900-9/vcpu0/pid", "904\n");	/* the names lie */
	vms_free(list);
	list = find(root);
	vm = list->vms->pdata[0];
	g_assert_cmpint(vcpu(vm, 0)->tid, ==, 904);
	g_assert_cmpint(vcpu(vm, 1)->tid, ==, 0);
	g_assert_cmpint(vm->workers->len, ==, 3);
	g_assert_cmpstr(g_array_index(vm->workers, struct vm_worker, 2).name, ==, "IO iothread1");
	vms_free(list);
	host_free(root);
}

/* Firecracker, by --id; no thread names known, but debugfs; another one's vCPU has never run. */
static void test_others(void)
{
	char *root = host_new();
	const struct vm_process *vm;
	struct vm_list *list;

	host_task(root, "/proc/50", "firecracker", 7, "4:memory:/m\n3:cpuacct,cpu:/fc/a\n0::/system.slice\n");
	host_cmdline(root, "/proc/50", "firecracker|--id=fn-1|--api-sock|/x");
	host_fd(root, "/proc/50", 7, "anon_inode:kvm-vm");
	host_fd(root, "/proc/50", 8, "anon_inode:kvm-vcpu:0");
	host_task(root, "/proc/50/task/50", "firecracker", 7, "4:memory:/m\n3:cpuacct,cpu:/fc/a\n0::/system.slice\n");
	host_task(root, "/proc/50/task/52", "fc_vcpu 0", 7, "4:memory:/m\n3:cpuacct,cpu:/fc/v\n0::/system.slice\n");
	host_task(root, "/proc/60", "my vmm) S (", 8, "0::/x\n");
	host_fd(root, "/proc/60", 7, "anon_inode:kvm-vm");
	host_fd(root, "/proc/60", 8, "anon_inode:kvm-vcpu:0");
	host_fd(root, "/proc/60", 9, "anon_inode:kvm-vcpu:1");
	host_task(root, "/proc/60/task/60", "my vmm) S (", 8, "0::/x\n");
	host_task(root, "/proc/60/task/61", "worker", 8, "0::/x\n");
	host_file(root, "/sys/kernel/debug/kvm/60-7/vcpu1/pid", "61\n");
	host_file(root, "/sys/kernel/debug/kvm/60-7/vcpu0/pid", "0\n");
	list = find(root);
	g_assert_cmpint(list->vms->len, ==, 2);
	vm = list->vms->pdata[0];
	g_assert_cmpstr(vm->name, ==, "fn-1");
	g_assert_null(vm->uuid);
	g_assert_cmpint(vcpu(vm, 0)->tid, ==, 52);
	g_assert_cmpstr(vcpu(vm, 0)->cgroup, ==, "/fc/v");	/* v1's cpu controller before v2 */
	vm = list->vms->pdata[1];
	g_assert_cmpstr(vm->name, ==, "my vmm) S (");
	g_assert_cmpint(vm->start_time, ==, 8);
	g_assert_cmpint(vcpu(vm, 0)->tid, ==, 0);
	g_assert_null(vcpu(vm, 0)->name);
	g_assert_cmpint(vcpu(vm, 1)->tid, ==, 61);
	g_assert_cmpstr(vcpu(vm, 1)->name, ==, "worker");
	vms_free(list);
	host_free(root);
}

/* vCPUs not created in the order of their ids, fewer threads named than vCPUs, several VMs in one process */
static void test_unknown(void)
{
	char *root = host_new();
	const struct vm_process *vm;
	struct vm_list *list;

	host_task(root, "/proc/50", "a", 7, "");
	host_fd(root, "/proc/50", 7, "anon_inode:kvm-vm");
	host_fd(root, "/proc/50", 8, "anon_inode:kvm-vcpu:1");
	host_fd(root, "/proc/50", 9, "anon_inode:kvm-vcpu:0");
	host_fd(root, "/proc/50", 10, "anon_inode:kvm-vcpu:x");
	host_task(root, "/proc/50/task/51", "CPU 0/KVM", 7, "");
	host_task(root, "/proc/60", "b", 7, "");
	host_fd(root, "/proc/60", 7, "anon_inode:kvm-vm");
	host_fd(root, "/proc/60", 8, "anon_inode:kvm-vm");
	host_fd(root, "/proc/60", 9, "anon_inode:kvm-vcpu:0");
	host_fd(root, "/proc/60", 10, "anon_inode:kvm-vcpu:0");
	host_task(root, "/proc/60/task/61", "vcpu0", 7, "");
	list = find(root);
	vm = list->vms->pdata[0];
	g_assert_cmpint(vm->vcpus->len, ==, 2);
	g_assert_cmpint(vcpu(vm, 0)->vcpu_id, ==, 0);
	g_assert_cmpint(vcpu(vm, 0)->vcpu_idx, ==, -1);
	g_assert_cmpint(vcpu(vm, 1)->vcpu_idx, ==, -1);
	g_assert_cmpint(vcpu(vm, 0)->tid, ==, 0);
	vm = list->vms->pdata[1];
	g_assert_cmpint(vm->n_kvm_vm, ==, 2);
	g_assert_cmpint(vm->vcpus->len, ==, 1);
	g_assert_cmpint(vcpu(vm, 0)->vcpu_idx, ==, -1);
	g_assert_cmpint(vcpu(vm, 0)->tid, ==, 0);
	vms_free(list);
	host_free(root);
}

static void expect_none(const struct vm_list *list, const char *wanted, enum vms_error code, const char *says)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(vms_select(list, wanted, &error));
	g_assert_error(error, VMS_ERROR, (int)code);
	g_assert_true(g_utf8_validate(error->message, -1, NULL));
	if (!strstr(error->message, says))
		g_error("'%s' does not say '%s'", error->message, says);
}

static void test_select(void)
{
	char *root = host_new();
	struct vm_list *list;
	g_autoptr(GError) error = NULL;

	add_qemu(root);
	for (int tgid = 70; tgid < 74; tgid++) {
		static const char *const names[] = { "twin", "twin", "\xff\n", "900" };
		g_autofree char *dir = g_strdup_printf("/proc/%d", tgid);

		host_task(root, dir, names[tgid - 70], 3, "");
		host_fd(root, dir, 5, "anon_inode:kvm-vm");
	}
	list = find(root);
	g_assert_cmpint(list->vms->len, ==, 5);
	g_assert_cmpint(vms_select(list, "web,17", &error)->tgid, ==, 900);
	g_assert_cmpint(vms_select(list, "900", &error)->tgid, ==, 900);	/* a PID before a name */
	g_assert_cmpint(vms_select(list, "C7A5FDBD-edaf-9455-926a-d65c16db1809", &error)->tgid, ==, 900);
	g_assert_cmpint(vms_select(list, "\xff\n", &error)->tgid, ==, 72);
	expect_none(list, "web", VMS_ERROR_UNKNOWN, "no VM 'web'\nhint: there are: 70 (twin), 71 (twin)");
	expect_none(list, "twin", VMS_ERROR_AMBIGUOUS, "2 VMs match 'twin'");
	expect_none(list, "", VMS_ERROR_UNKNOWN, "no VM");
	expect_none(list, "\xfe", VMS_ERROR_UNKNOWN, "no VM");
	vms_free(list);
	host_free(root);
}

static void test_gone(void)
{
	char *root = host_new();
	struct vm_process *vm;
	struct vm_list *list;

	add_qemu(root);
	list = find(root);
	vm = list->vms->pdata[0];
	g_assert_true(vms_still_there(vm));
	host_task(root, "/proc/900", "other", 4244, "");	/* the PID is used again */
	g_assert_false(vms_still_there(vm));
	host_file(root, "/proc/900/stat", "900 (qemu) Z 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 0 0\n");
	g_assert_false(vms_still_there(vm));
	host_file(root, "/proc/900/stat", "900 (qemu");
	g_assert_false(vms_still_there(vm));
	vms_free(list);
	list = find(root);	/* files, but no stat: it went while we looked */
	g_assert_cmpint(list->vms->len, ==, 0);
	expect_none(list, "900", VMS_ERROR_UNKNOWN, "no VM runs on this host");
	vms_free(list);
	host_free(root);
}

static void test_no_proc(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(vms_find("/nonesuch", &error));
	g_assert_error(error, VMS_ERROR, VMS_ERROR_UNREADABLE);
}

/* This machine's own processes, whatever they are, and a VM that we are ourselves, if we may be one */
static void test_real(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), fd = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0), vcpus[2];
	g_autofree char *self = g_strdup_printf("%d", getpid());
	const struct vm_process *vm;
	struct vm_list *list;

	if (fd < 0) {
		vms_free(find(""));
		g_test_skip("no /dev/kvm that lets us make a VM");
		close(kvm);
		return;
	}
	for (int i = 0; i < 2; i++) {
		vcpus[i] = ioctl(fd, KVM_CREATE_VCPU, 3 * i);
		g_assert_cmpint(vcpus[i], >=, 0);
	}
	list = find("");
	vm = vms_select(list, self, NULL);
	g_assert_nonnull(vm);
	g_assert_cmpint(vm->n_kvm_vm, ==, 1);
	g_assert_cmpint(vm->vcpus->len, ==, 2);
	g_assert_cmpint(vcpu(vm, 0)->vcpu_id, ==, 0);
	g_assert_cmpint(vcpu(vm, 1)->vcpu_id, ==, 3);
	g_assert_cmpint(vcpu(vm, 1)->vcpu_idx, ==, 1);
	g_assert_true(vms_still_there(vm));
	vms_free(list);
	for (int i = 0; i < 2; i++)
		close(vcpus[i]);
	close(fd);
	close(kvm);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vms/qemu", test_qemu);
	g_test_add_func("/vms/others", test_others);
	g_test_add_func("/vms/unknown", test_unknown);
	g_test_add_func("/vms/select", test_select);
	g_test_add_func("/vms/gone", test_gone);
	g_test_add_func("/vms/no-proc", test_no_proc);
	g_test_add_func("/vms/real", test_real);
	return g_test_run();
}
