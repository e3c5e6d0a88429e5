/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel_btf - where the members of the running kernel's structures are, and what
 * arguments its functions take, from the BTF in /sys/kernel/btf. It is the debug
 * information of this very build: what it does not say is not guessed.
 */
#ifndef CAPTURE_KERNEL_BTF_H
#define CAPTURE_KERNEL_BTF_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define KERNEL_BTF_ERROR (g_quark_from_static_string("kernel-btf"))

enum kernel_btf_error {
	KERNEL_BTF_ERROR_FILE,		/* no BTF, or none that can be read */
	KERNEL_BTF_ERROR_NOT_FOUND,	/* no such type, function or member */
	KERNEL_BTF_ERROR_UNFIT,		/* it is there, but as something else */
};

struct kernel_btf;

/*
 * The types of a module, together with those of vmlinux that they build on: root/sys/kernel/btf/
 * vmlinux and .../MODULE; module NULL: of vmlinux alone. root: "" but in tests. libbpf is told
 * to print nothing. Types are numbers that hold for one kernel_btf.
 */
struct kernel_btf *kernel_btf_open(const char *root, const char *module, GError **error);
void kernel_btf_free(struct kernel_btf *btf);

enum { KERNEL_BTF_MAX_PARAMS = 6, KERNEL_BTF_MAX_OFFSETS = 4 };

/* An integer, a pointer or an enumeration; all else has is_scalar false. */
struct kernel_btf_value {
	uint32_t type;
	uint32_t size;		/* bytes */
	bool is_scalar, is_signed, is_pointer;
};

/*
 * Where a member is, from a pointer to a structure: offset[0] is added to that pointer; for each
 * further offset what is there is read, a pointer, and the offset added to it.
 */
struct kernel_btf_place {
	unsigned int n_offsets;			/* at least 1 */
	uint32_t offset[KERNEL_BTF_MAX_OFFSETS];	/* bytes */
	struct kernel_btf_value value;
};

struct kernel_btf_function {
	unsigned int n_params;
	struct {
		const char *name;	/* as its definition calls it; lives as long as btf */
		struct kernel_btf_value value;
	} params[KERNEL_BTF_MAX_PARAMS];
	struct kernel_btf_value result;		/* of void: is_scalar false, size 0 */
};

/* A structure's type by its name. */
bool kernel_btf_struct(const struct kernel_btf *btf, const char *name, uint32_t *type,
		       GError **error);

/*
 * A member by path from the structure (or union) type: "vcpu_id", "kvm->online_vcpus.counter".
 * Members of anonymous structures and unions are found by their own name. Bit fields are refused.
 */
bool kernel_btf_place(const struct kernel_btf *btf, uint32_t type, const char *path,
		      struct kernel_btf_place *place, GError **error);

/* Elements of the array type; 0: it is no array. */
uint32_t kernel_btf_array_length(const struct kernel_btf *btf, uint32_t type);

/* The structure of that name which a pointer's type points to; 0: it does not. */
uint32_t kernel_btf_points_to(const struct kernel_btf *btf, uint32_t type, const char *name);

/* A function's prototype; one that is declared twice, or takes more arguments, is refused. */
bool kernel_btf_function(const struct kernel_btf *btf, const char *name,
			 struct kernel_btf_function *function, GError **error);

#endif
