/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_kernel - what the kernel says of itself, in a directory: proc/kallsyms, sys/kernel/btf and tracing/README,
 * as the parts of capture/ that take a root read them.
 */
#ifndef TESTS_FAKE_KERNEL_H
#define TESTS_FAKE_KERNEL_H

#include <stdbool.h>

/*
 * The types are those of a kernel 6.18, cut down to what probes are made of. In bytes from struct kvm_vcpu:
 * kvm 0, vcpu_id 36, vcpu_idx 40, spin_loop 296, preempted 299, ready 300, arch.preempted_in_kernel 4720; from
 * struct kvm: vcpu_array.xa_head 2248, online_vcpus 2304, last_boosted_vcpu 2316 (in an
 * anonymous union in an anonymous structure), userspace_pid 3776; from struct xa_node: slots 40.
 */
struct fake_btf {
	bool is_built_in;	/* all in vmlinux; else split over it and kvm */
	bool has_array;		/* struct kvm has vcpus[8] at 1000, no vcpu_array */
	bool lacks_ready, lacks_last_boosted, lacks_yield_to;
	bool moves_preempted;	/* to 298, ready to 299 */
	bool is_ready_bits;	/* ready is a bit field */
	bool is_kvm_forward;	/* the argument points to a structure that is only declared, but elsewhere in full */
	unsigned int n_extra_params;	/* of kvm_vcpu_on_spin() */
	bool has_on_spin_twice;
	bool returns_void;	/* kvm_vcpu_yield_to() */
	unsigned int n_ipi_fields;	/* of arch.ipi_context: of receiver, pending, time_ns, so many */
};

/* A new directory, with folders and no files. The caller frees; fake_kernel_remove() deletes it. */
char *fake_kernel_new(void);
void fake_kernel_remove(char *root);

void fake_kernel_write(const char *root, const char *path, const char *text);
void fake_kernel_write_btf(const char *root, const struct fake_btf *how);

/* READMEs, cut down to what is looked for. */
extern const char fake_readme_6_1[], fake_readme_6_12[], fake_readme_no_kprobes[];

#endif
