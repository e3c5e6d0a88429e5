/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vms - the virtual machines of this host, as /proc shows them: processes that hold
 * an anon_inode:kvm-vm. A snapshot; whatever goes away while it is made is left out.
 *
 * What each thing is taken from, and how sure it is:
 *
 * vcpu_id   exact: kvm_vm_ioctl_create_vcpu() names the file anon_inode:kvm-vcpu:N.
 * vcpu_idx  the rank of KVM_CREATE_VCPU (virt/kvm/kvm_main.c: vcpu->vcpu_idx =
 *           online_vcpus). No file says it. New files take the lowest free number, so
 *           the order of file descriptors is the order of creation unless one below was
 *           closed in between; VMMs create vCPUs in the order of their ids unless one is
 *           plugged in later. Where both orders agree it is believed, else it is -1.
 *           Only a probe (on_spin: vcpu_idx) knows.
 * tid       exact where debugfs says it (kvm/PID-FD/vcpuN/pid, Linux 6 and later), if the
 *           vCPU has run; else inferred from the names that VMMs give their threads (QEMU
 *           only with debug-threads=on, as libvirt has it): the n-th by number of as many
 *           is taken for the n-th vcpu_id, as QEMU counts cpu_index, not vcpu_id.
 *           The first kvm_entry shows the truth.
 */
#ifndef CAPTURE_VMS_H
#define CAPTURE_VMS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define VMS_ERROR (g_quark_from_static_string("vms"))

enum vms_error { VMS_ERROR_UNREADABLE, VMS_ERROR_UNKNOWN, VMS_ERROR_AMBIGUOUS };

/* Texts are as the host has them: any bytes but NUL, not always UTF-8. */

struct vm_vcpu {
	int vcpu_id;
	int vcpu_idx;		/* -1: not known */
	int tid;		/* 0: not known */
	char *name;		/* comm of the thread; NULL: not known */
	char *cgroup;		/* of the thread; NULL: not known */
};

struct vm_worker {		/* a thread that is not known to be a vCPU's */
	int tid;
	char *name, *cgroup;	/* NULL: not known */
};

struct vm_process {
	int tgid;
	uint64_t start_time;	/* clock ticks since boot: another process has another */
	char *name;		/* -name (QEMU), --name, --id, else comm; never NULL */
	char *uuid;		/* -uuid; NULL: not said */
	unsigned int n_kvm_vm;	/* file descriptors of VMs; more than one: what is whose is not known */
	GArray *vcpus;		/* of struct vm_vcpu, by vcpu_id */
	GArray *workers;	/* of struct vm_worker, by tid */
	char *root;		/* where it was found */
};

struct vm_list {
	GPtrArray *vms;		/* of struct vm_process *, by tgid */
	unsigned int n_unreadable;	/* processes whose file descriptors cannot be read */
};

/*
 * The VMs below ROOT/proc ("" on a real host). No VM is an empty list, not an error;
 * NULL if ROOT/proc cannot be read at all. If n_unreadable, there may be more.
 */
struct vm_list *vms_find(const char *root, GError **error);
void vms_free(struct vm_list *list);

/*
 * The VM of that thread group, else of that name, letter by letter, or UUID; owned by the
 * list. NULL if there is none, or more than one: the error then has all that there are, in
 * valid UTF-8.
 */
struct vm_process *vms_select(const struct vm_list *list, const char *pid_or_name, GError **error);

/* Is the process still there: the same one, and not ended but for its parent's wait()? */
bool vms_still_there(const struct vm_process *vm);

#endif
