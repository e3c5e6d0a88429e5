// SPDX-License-Identifier: GPL-2.0-or-later
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "capture/kernel_btf.h"

enum { MAX_DEPTH = 32 };	/* of typedefs and qualifiers */

struct kernel_btf {
	struct btf *vmlinux, *module;	/* module: NULL if built in */
	const struct btf *all;		/* the last of them, which knows both */
};

static struct btf *load(const char *root, const char *name, struct btf *base, GError **error)
{
	g_autofree char *path = g_strconcat(root, "/sys/kernel/btf/", name, NULL);
	struct btf *btf = btf__parse_raw_split(path, base);

	if (!btf)
		g_set_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_FILE,
			    "cannot read types from '%s': %s", path, g_strerror(errno));
	return btf;
}

struct kernel_btf *kernel_btf_open(const char *root, const char *module, GError **error)
{
	struct kernel_btf *btf = g_new0(struct kernel_btf, 1);

	libbpf_set_print(NULL);
	btf->all = btf->vmlinux = load(root, "vmlinux", NULL, error);
	if (btf->vmlinux && module)
		btf->all = btf->module = load(root, module, btf->vmlinux, error);
	if (btf->all)
		return btf;
	kernel_btf_free(btf);
	return NULL;
}

void kernel_btf_free(struct kernel_btf *btf)
{
	if (!btf)
		return;
	btf__free(btf->module);
	btf__free(btf->vmlinux);
	g_free(btf);
}

/*
 * The type behind typedefs and qualifiers; NULL: void, or broken. btf__resolve_type() takes a
 * structure that is only declared for void.
 */
static const struct btf_type *resolve(const struct kernel_btf *btf, uint32_t *type)
{
	for (unsigned int depth = 0; *type && depth < MAX_DEPTH; depth++) {
		const struct btf_type *t = btf__type_by_id(btf->all, *type);

		if (!t || (!btf_is_mod(t) && !btf_is_typedef(t)))
			return t;
		*type = t->type;
	}
	return NULL;
}

static struct kernel_btf_value value_of(const struct kernel_btf *btf, uint32_t type)
{
	struct kernel_btf_value value = { .type = type };
	const struct btf_type *t = resolve(btf, &value.type);
	int64_t size = t ? btf__resolve_size(btf->all, value.type) : 0;

	if (!t)
		return value;
	value.size = size > 0 ? size : 0;
	value.is_pointer = btf_is_ptr(t);
	value.is_signed = btf_is_int(t) ? btf_int_encoding(t) & BTF_INT_SIGNED : false;
	value.is_scalar = value.is_pointer || btf_is_int(t) || btf_is_any_enum(t);
	return value;
}

bool kernel_btf_struct(const struct kernel_btf *btf, const char *name, uint32_t *type,
		       GError **error)
{
	int id = btf__find_by_name_kind(btf->all, name, BTF_KIND_STRUCT);

	if (id <= 0) {
		g_set_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_NOT_FOUND,
			    "this kernel has no 'struct %s'", name);
		return false;
	}
	*type = id;
	return true;
}

uint32_t kernel_btf_array_length(const struct kernel_btf *btf, uint32_t type)
{
	const struct btf_type *t = resolve(btf, &type);

	return t && btf_is_array(t) ? btf_array(t)->nelems : 0;
}

uint32_t kernel_btf_points_to(const struct kernel_btf *btf, uint32_t type, const char *name)
{
	const struct btf_type *t = resolve(btf, &type);

	if (!t || !btf_is_ptr(t))
		return 0;
	type = t->type;
	t = resolve(btf, &type);
	if (!t || g_strcmp0(btf__name_by_offset(btf->all, t->name_off), name))
		return 0;
	/* a module may know the structure by declaration only where this function was compiled */
	if (btf_is_fwd(t) && !kernel_btf_struct(btf, name, &type, NULL))
		return 0;
	return btf_is_fwd(t) || btf_is_struct(t) ? type : 0;
}

/* Bit offset of a member within t, looked for in its anonymous members too; -1: none. */
static int64_t find_member(const struct kernel_btf *btf, const struct btf_type *t, const char *name,
			   size_t len, uint32_t *type, bool *bits)
{
	const struct btf_member *m = btf_members(t);

	for (unsigned int i = 0; i < btf_vlen(t); i++, m++) {
		const char *its = btf__name_by_offset(btf->all, m->name_off);
		uint32_t inner = m->type;
		const struct btf_type *anonymous;
		int64_t offset;

		if (its && its[0]) {
			if (strncmp(its, name, len) || its[len])
				continue;
			*type = m->type;
			*bits = btf_member_bitfield_size(t, i) || btf_member_bit_offset(t, i) % 8;
			return btf_member_bit_offset(t, i);
		}
		anonymous = resolve(btf, &inner);
		if (!anonymous || !btf_is_composite(anonymous))
			continue;
		offset = find_member(btf, anonymous, name, len, type, bits);
		if (offset >= 0)
			return btf_member_bit_offset(t, i) + offset;
	}
	return -1;
}

static bool unfit(const char *path, const char *what, GError **error)
{
	g_set_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_UNFIT, "'%s' %s in this kernel", path,
		    what);
	return false;
}

bool kernel_btf_place(const struct kernel_btf *btf, uint32_t type, const char *path,
		      struct kernel_btf_place *place, GError **error)
{
	*place = (struct kernel_btf_place){ .n_offsets = 1 };
	for (const char *at = path;;) {
		const struct btf_type *t = resolve(btf, &type);
		size_t len = strcspn(at, ".-");
		bool bits = false;
		int64_t offset;

		if (!t || !btf_is_composite(t))
			return unfit(path, "leads through something that is no structure", error);
		offset = find_member(btf, t, at, len, &type, &bits);
		if (offset < 0) {
			const char *name = btf__name_by_offset(btf->all, t->name_off);

			g_set_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_NOT_FOUND,
				    "'struct %s' of this kernel has no '%.*s'",
				    name && name[0] ? name : "<anonymous>", (int)len, at);
			return false;
		}
		if (bits)
			return unfit(path, "is a bit field", error);
		place->offset[place->n_offsets - 1] += offset / 8;
		at += len;
		if (!*at)
			break;
		if (*at == '-') {
			t = resolve(btf, &type);
			if (!t || !btf_is_ptr(t))
				return unfit(path, "leads through something that is no pointer",
					     error);
			type = t->type;
			g_assert(place->n_offsets < KERNEL_BTF_MAX_OFFSETS);
			place->n_offsets++;
			at++;
		}
		at++;
	}
	place->value = value_of(btf, type);
	return true;
}

bool kernel_btf_function(const struct kernel_btf *btf, const char *name,
			 struct kernel_btf_function *function, GError **error)
{
	const struct btf_type *found = NULL, *prototype;
	uint32_t id;

	*function = (struct kernel_btf_function){ 0 };
	for (uint32_t i = 1; i < btf__type_cnt(btf->all); i++) {
		const struct btf_type *t = btf__type_by_id(btf->all, i);

		if (!btf_is_func(t) || g_strcmp0(btf__name_by_offset(btf->all, t->name_off), name))
			continue;
		if (found) {
			g_set_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_UNFIT,
				    "BTF has '%s' twice", name);
			return false;
		}
		found = t;
	}
	if (!found) {
		g_set_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_NOT_FOUND,
			    "BTF has no prototype of '%s'", name);
		return false;
	}
	id = found->type;
	prototype = resolve(btf, &id);
	if (!prototype || !btf_is_func_proto(prototype) ||
	    btf_vlen(prototype) > KERNEL_BTF_MAX_PARAMS) {
		g_set_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_UNFIT,
			    "'%s' takes more than %d arguments", name, KERNEL_BTF_MAX_PARAMS);
		return false;
	}
	function->n_params = btf_vlen(prototype);
	for (unsigned int i = 0; i < function->n_params; i++) {
		const struct btf_param *param = btf_params(prototype) + i;

		function->params[i].name = btf__name_by_offset(btf->all, param->name_off);
		function->params[i].value = value_of(btf, param->type);
	}
	function->result = value_of(btf, prototype->type);
	return true;
}
