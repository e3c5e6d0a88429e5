// SPDX-License-Identifier: GPL-2.0-or-later
/* What to ask of this kernel: each probe in every way that it may understand. */
#include <string.h>

#include "capture/kernel_btf.h"
#include "capture/probes_int.h"
#include "capture/symbols.h"

#define INFERRED "decisions and their outcomes are inferred from exits and switches"

enum {
	ROOM_MIN = 256, ROOM_MAX = 4096,	/* KRETPROBE_MAXACTIVE_MAX, RETHOOK_MAXACTIVE_MAX */
	MAX_ARGS = 128,				/* MAX_TRACE_ARGS */
	MAX_TEXT = 4094,			/* WRITE_BUFSIZE, less the newline and the end */
};

const char *const probe_way_names[PROBE_N_WAYS] = {
	[PROBE_FPROBE_BTF] = "fprobe, arguments by name",
	[PROBE_KPROBE_BTF] = "kprobe, arguments by name",
	[PROBE_KPROBE] = "kprobe, arguments by offset",
};

struct plan {
	struct probe_set *set;
	const struct probes_wanted *wanted;
	bool has_fprobe, has_kprobe, has_btf_args, has_arg_n;	/* says README */
	struct kernel_btf *btf;
	unsigned int room;	/* for sleeping threads, of a return probe */
};

/* The arguments of an entry probe, in both languages. */
struct args {
	const struct kernel_btf_function *function;
	bool has_arg_n;
	uint32_t vcpu;		/* the type of what the first argument points to */
	unsigned int n;
	GString *by_name, *by_offset;
};

struct field {
	const char *name, *path;	/* path: from struct kvm_vcpu; NULL: the second argument */
	bool is_optional;
};

static const struct field on_spin_fields[] = {
	{ "vm_pid", "kvm->userspace_pid" }, { "vcpu_idx", "vcpu_idx" }, { "vcpu_id", "vcpu_id" },
	{ "kernel_mode", NULL }, { "last_boosted", "kvm->last_boosted_vcpu" },
	{ "n_vcpus", "kvm->online_vcpus.counter" }, { NULL },
};

static const struct field ipi_fields[] = {
	{ "ipi_receiver", "arch.ipi_context.last_ipi_receiver", true },
	{ "ipi_pending", "arch.ipi_context.pending_ipi", true },
	{ "ipi_time_ns", "arch.ipi_context.ipi_time_ns", true }, { NULL },
};

static const struct field yield_to_fields[] = {
	{ "vm_pid", "kvm->userspace_pid" }, { "target_idx", "vcpu_idx" },
	{ "target_id", "vcpu_id" }, { "preempted", "preempted", true }, { "ready", "ready", true },
	{ "in_kernel", "arch.preempted_in_kernel", true },
	{ "in_spin_loop", "spin_loop.in_spin_loop", true },
	{ "dy_eligible", "spin_loop.dy_eligible", true }, { NULL },
};

static void refusal_free(void *data)
{
	struct probe_refusal *refusal = data;

	g_free(refusal->what);
	g_free(refusal->why);
	g_free(refusal->consequence);
	g_free(refusal);
}

static void definition_free(void *data)
{
	struct probe_definition *definition = data;

	g_free(definition->text);
	g_free(definition);
}

static void probe_free(void *data)
{
	struct probe *probe = data;

	g_ptr_array_unref(probe->candidates);
	g_free(probe);
}

void probes_free(struct probe_set *set)
{
	if (!set)
		return;
	g_free(set->group);
	g_ptr_array_unref(set->probes);
	g_ptr_array_unref(set->refusals);
	g_ptr_array_unref(set->definitions);
	g_free(set);
}

bool probes_mode_parse(const char *text, enum probes_mode *mode)
{
	static const char *const names[] = { "auto", "off", "deep" };

	for (unsigned int i = 0; i < G_N_ELEMENTS(names); i++) {
		if (strcmp(text, names[i]))
			continue;
		*mode = i;
		return true;
	}
	return false;
}

void probes_refuse(struct probe_set *set, const char *what, const char *why,
		   const char *consequence)
{
	struct probe_refusal *refusal = g_new(struct probe_refusal, 1);

	*refusal = (struct probe_refusal){ g_strdup(what), g_strdup(why), g_strdup(consequence) };
	g_ptr_array_add(set->refusals, refusal);
}

/* The same, with an error for a reason; frees it. */
static void refuse(struct plan *p, const char *what, GError *error, const char *consequence)
{
	probes_refuse(p->set, what, error->message, consequence);
	g_error_free(error);
}

static struct probe *add_probe(struct plan *p, const char *event, const char *needs,
			       const char *lost)
{
	struct probe *probe = g_new(struct probe, 1);

	*probe = (struct probe){ .event = event, .needs = needs, .lost = lost };
	probe->candidates = g_ptr_array_new_with_free_func(definition_free);
	g_ptr_array_add(p->set->probes, probe);
	return probe;
}

/* prefix: 'f', 'p', 'r' and, of return probes, the room. Frees place. */
static void add_candidate(struct plan *p, struct probe *probe, enum probe_way way,
			  const char *prefix, char *place, const char *args)
{
	if (way >= p->wanted->first) {
		struct probe_definition *d = g_new(struct probe_definition, 1);

		d->way = way;
		d->text = g_strdup_printf("%s:%s/%s %s%s%s", prefix, p->set->group, probe->event, place,
					  args[0] ? " " : "", args);
		g_ptr_array_add(probe->candidates, d);
	}
	g_free(place);
}

/* By-name arguments want the bare name: BTF knows none with a module before it (6.12). */
static char *qualified(const struct symbol *symbol)
{
	return symbol->module ? g_strdup_printf("%s:%s", symbol->module, symbol->name) :
				g_strdup(symbol->name);
}

static void add_entry(struct plan *p, struct probe *probe, const struct symbol *symbol,
		      const struct args *args)
{
	if (p->has_fprobe && p->has_btf_args)
		add_candidate(p, probe, PROBE_FPROBE_BTF, "f", g_strdup(symbol->name),
			      args->by_name->str);
	if (p->has_kprobe && p->has_btf_args)
		add_candidate(p, probe, PROBE_KPROBE_BTF, "p", g_strdup(symbol->name),
			      args->by_name->str);
	if (p->has_kprobe)
		add_candidate(p, probe, PROBE_KPROBE, "p", qualified(symbol), args->by_offset->str);
}

static void add_return(struct plan *p, struct probe *probe, const struct symbol *symbol,
		       const char *args)
{
	g_autofree char *fprobe = g_strdup_printf("f%u", p->room),
			*kretprobe = g_strdup_printf("r%u", p->room);

	if (p->has_fprobe && p->has_btf_args) {
		add_candidate(p, probe, PROBE_FPROBE_BTF, fprobe,
			      g_strconcat(symbol->name, "%return", NULL), args);
		add_candidate(p, probe, PROBE_FPROBE_BTF, "f",
			      g_strconcat(symbol->name, "%return", NULL), args);
	}
	if (p->has_kprobe)
		add_candidate(p, probe, PROBE_KPROBE, kretprobe, qualified(symbol), args);
}

/* ":s32"; NULL: nothing that a probe could fetch. */
static char *type_text(const struct kernel_btf_value *value)
{
	if (!value->is_scalar || !value->size || value->size > 8 || value->size & (value->size - 1))
		return NULL;
	return g_strdup_printf(":%c%u", value->is_pointer ? 'x' : value->is_signed ? 's' : 'u',
			       value->size * 8);
}

static bool unfit(const char *what, GError **error)
{
	g_set_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_UNFIT,
		    "'%s' is no number in this kernel", what);
	return false;
}

/* Argument number n, from 0, as a probe without BTF calls it. */
static char *register_of(const struct args *args, unsigned int n)
{
	static const char *const registers[] = { "%di", "%si" };	/* regparm of x86-64 */

	return args->has_arg_n ? g_strdup_printf("$arg%u", n + 1) : g_strdup(registers[n]);
}

/* "+8(+0($arg1))" */
static char *fetch(const char *base, const uint32_t *offset, unsigned int n_offsets)
{
	GString *text = g_string_new(base);

	for (unsigned int i = 0; i < n_offsets; i++) {
		g_autofree char *add = g_strdup_printf("+%u(", offset[i]);

		g_string_prepend(text, add);
		g_string_append_c(text, ')');
	}
	return g_string_free(text, false);
}

static bool add_field(struct plan *p, struct args *args, const struct field *f, GError **error)
{
	unsigned int n = f->path ? 0 : 1;
	g_autofree char *base = register_of(args, n), *type = NULL, *raw = NULL;
	const char *name = args->function->params[n].name, *space = args->n ? " " : "";
	struct kernel_btf_place place;

	if (f->path) {
		if (!kernel_btf_place(p->btf, args->vcpu, f->path, &place, error))
			return false;
		raw = fetch(base, place.offset, place.n_offsets);
		type = type_text(&place.value);
	} else {
		raw = g_strdup(base);
		type = type_text(&args->function->params[n].value);
	}
	if (!type)
		return unfit(f->path ? f->path : name, error);
	g_string_append_printf(args->by_name, "%s%s=%s%s%s%s", space, f->name, name,
			       f->path ? "->" : "", f->path ? f->path : "", type);
	g_string_append_printf(args->by_offset, "%s%s=%s%s", space, f->name, raw, type);
	args->n++;
	return true;
}

static bool add_fields(struct plan *p, struct args *args, const char *event,
		       const struct field *fields, GError **error)
{
	for (const struct field *f = fields; f->name; f++) {
		g_autofree char *what = g_strdup_printf("%s: %s", event, f->name);
		GError *missing = NULL;

		if (add_field(p, args, f, f->is_optional ? &missing : error))
			continue;
		if (!f->is_optional)
			return false;
		refuse(p, what, missing, "the field is left out");
	}
	return true;
}

/* A function with its first argument a struct kvm_vcpu *, and n_params of them. */
static bool has_prototype(struct plan *p, const char *name, unsigned int n_params,
			  struct kernel_btf_function *function, uint32_t *vcpu, GError **error)
{
	if (!kernel_btf_function(p->btf, name, function, error))
		return false;
	*vcpu = function->n_params == n_params ?
		kernel_btf_points_to(p->btf, function->params[0].value.type, "kvm_vcpu") : 0;
	if (*vcpu)
		return true;
	g_set_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_UNFIT,
		    "'%s' takes other arguments in this kernel", name);
	return false;
}

/*
 * state_N is eight bytes of which the importer knows what the first five are. A kernel that
 * lays them out in another way has no state_N.
 */
static bool find_state(struct plan *p, uint32_t vcpu, uint32_t *state, uint32_t *in_kernel,
		       GError **error)
{
	static const struct { const char *path; uint32_t at; } bytes[] = {
		{ "spin_loop.in_spin_loop", 0 }, { "spin_loop.dy_eligible", 1 },
		{ "preempted", 3 }, { "ready", 4 },
	};
	struct kernel_btf_place place;

	for (unsigned int i = 0; i < G_N_ELEMENTS(bytes); i++) {
		if (!kernel_btf_place(p->btf, vcpu, bytes[i].path, &place, error))
			return false;
		if (!i)
			*state = place.offset[0];
		if (place.value.size != 1 || place.offset[0] != *state + bytes[i].at) {
			g_set_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_UNFIT,
				    "'struct kvm_vcpu' has '%s' at %u where %u was expected",
				    bytes[i].path, place.offset[0], *state + bytes[i].at);
			return false;
		}
	}
	if (!kernel_btf_place(p->btf, vcpu, "arch.preempted_in_kernel", &place, error))
		return false;
	*in_kernel = place.offset[0];
	return place.value.size == 1 || unfit("arch.preempted_in_kernel", error);
}

/*
 * How to get at vCPU 0: each further one is 8 bytes on in the last step. Their place is the one
 * node of an xarray, to which xa_head points with bit 1 set (lib/xarray.c, xa_is_node()), or
 * an array in struct kvm (before 5.17).
 */
static bool find_vcpus(struct plan *p, uint32_t vcpu, struct kernel_btf_place *vcpus,
		       GError **error)
{
	struct kernel_btf_place slots;
	uint32_t node, room;

	if (kernel_btf_place(p->btf, vcpu, "kvm->vcpu_array.xa_head", vcpus, NULL)) {
		if (!kernel_btf_struct(p->btf, "xa_node", &node, error) ||
		    !kernel_btf_place(p->btf, node, "slots", &slots, error))
			return false;
		room = kernel_btf_array_length(p->btf, slots.value.type);
		vcpus->offset[vcpus->n_offsets++] = slots.offset[0] - 2;
	} else {
		if (!kernel_btf_place(p->btf, vcpu, "kvm->vcpus", vcpus, error))
			return false;
		room = kernel_btf_array_length(p->btf, vcpus->value.type);
	}
	if (p->wanted->n_vcpus_vm <= room)
		return true;
	g_set_error(error, KERNEL_BTF_ERROR, KERNEL_BTF_ERROR_UNFIT,
		    "a VM has %u vCPUs, those above %u are out of reach", p->wanted->n_vcpus_vm,
		    room);
	return false;
}

static void add_deep(struct plan *p, struct args *args)
{
	static const char lost[] = "decisions are checked without the state that the kernel saw";
	g_autofree char *base = register_of(args, 0);
	struct kernel_btf_place vcpus;
	uint32_t state = 0, in_kernel = 0;
	GError *error = NULL;
	unsigned int n;

	if (!find_state(p, args->vcpu, &state, &in_kernel, &error) ||
	    !find_vcpus(p, args->vcpu, &vcpus, &error)) {
		refuse(p, "on_spin: state_N", error, lost);
		return;
	}
	for (n = 0; n < p->wanted->n_vcpus_vm; n++) {
		g_autofree char *v = fetch(base, vcpus.offset, vcpus.n_offsets);
		g_autofree char *text =
			g_strdup_printf(" state_%u=+%u(%s):x64 in_kernel_%u=+%u(%s):u8", n, state,
					v, n, in_kernel, v);
		size_t len = MAX(args->by_name->len, args->by_offset->len) + strlen(text) +
			     strlen(p->set->group) + strlen("p:/on_spin kvm:kvm_vcpu_on_spin ");

		if (args->n + 2 > MAX_ARGS || len > MAX_TEXT)
			break;
		g_string_append(args->by_name, text);
		g_string_append(args->by_offset, text);
		args->n += 2;
		vcpus.offset[vcpus.n_offsets - 1] += 8;
	}
	if (n < p->wanted->n_vcpus_vm) {
		g_autofree char *what = g_strdup_printf("on_spin: state_N from %u on", n);

		probes_refuse(p->set, what, "the kernel limits how long a definition may be", lost);
	}
}

static bool plan_on_spin(struct plan *p, const struct symbol *symbol)
{
	static const char *const lost_ret = "a call ends with the spinner's next event";
	struct kernel_btf_function function;
	struct args args = { .function = &function, .has_arg_n = p->has_arg_n,
			     .by_name = g_string_new(""), .by_offset = g_string_new("") };
	struct kernel_btf_place place;
	GError *error = NULL;
	bool fine = has_prototype(p, symbol->name, 2, &function, &args.vcpu, &error) &&
		    add_fields(p, &args, "on_spin", on_spin_fields, &error);

	if (fine) {
		if (kernel_btf_place(p->btf, args.vcpu, "arch.ipi_context", &place, NULL))
			add_fields(p, &args, "on_spin", ipi_fields, NULL);
		if (p->wanted->mode == PROBES_DEEP)
			add_deep(p, &args);
		add_entry(p, add_probe(p, "on_spin", NULL, INFERRED), symbol, &args);
		if (p->wanted->mode == PROBES_DEEP)
			add_return(p, add_probe(p, "on_spin_ret", "on_spin", lost_ret), symbol, "");
	} else {
		refuse(p, "on_spin", error, INFERRED);
	}
	g_string_free(args.by_name, true);
	g_string_free(args.by_offset, true);
	return fine;
}

static void plan_yield_to(struct plan *p, const struct symbol *symbol)
{
	static const char *const lost = "whom a decision tried is not seen",
			  *const lost_ret = "whether a yield succeeded is not seen";
	struct kernel_btf_function function;
	struct args args = { .function = &function, .has_arg_n = p->has_arg_n,
			     .by_name = g_string_new(""), .by_offset = g_string_new("") };
	g_autofree char *why = symbol_refusal(symbol);
	GError *error = NULL;

	if (why) {
		probes_refuse(p->set, "yield_to", why, lost);
	} else if (!has_prototype(p, symbol->name, 1, &function, &args.vcpu, &error) ||
		   !add_fields(p, &args, "yield_to", yield_to_fields, &error)) {
		refuse(p, "yield_to", error, lost);
	} else {
		g_autofree char *type = type_text(&function.result);
		g_autofree char *ret = g_strconcat("ret=$retval", type, NULL);

		add_entry(p, add_probe(p, "yield_to", "on_spin", lost), symbol, &args);
		if (type)
			add_return(p, add_probe(p, "yield_to_ret", "yield_to", lost_ret), symbol,
				   ret);
		else
			probes_refuse(p->set, "yield_to_ret",
				      "'kvm_vcpu_yield_to' returns no number in this kernel",
				      lost_ret);
	}
	g_string_free(args.by_name, true);
	g_string_free(args.by_offset, true);
}

static bool read_readme(struct plan *p, GError **error)
{
	g_autofree char *text = probes_read_tracefs("README", error);

	if (!text)
		return false;
	p->has_kprobe = strstr(text, "\n  kprobe_events\t");
	p->has_fprobe = strstr(text, " f[:[<group>/]");
	p->has_btf_args = strstr(text, "<argname>[->field");
	p->has_arg_n = strstr(text, "$arg<N>");
	if (!p->has_kprobe && !p->has_fprobe)
		g_set_error(error, PROBES_ERROR, PROBES_ERROR_FAILED,
			    "this kernel has neither kprobe nor fprobe events");
	return p->has_kprobe || p->has_fprobe;
}

struct probe_set *probes_plan(const char *root, const struct probes_wanted *wanted)
{
	struct probe_set *set = g_new0(struct probe_set, 1);
	struct symbol symbols[] = { { "kvm_vcpu_on_spin" }, { "kvm_vcpu_yield_to" } };
	struct plan p = { .set = set, .wanted = wanted };
	g_autofree char *why = NULL;
	GError *error = NULL;

	set->group = g_strdup(wanted->group ? wanted->group : PROBES_GROUP);
	set->probes = g_ptr_array_new_with_free_func(probe_free);
	set->refusals = g_ptr_array_new_with_free_func(refusal_free);
	set->definitions = g_ptr_array_new_with_free_func(g_free);
	p.room = CLAMP(wanted->n_vcpus * 2ULL, ROOM_MIN, ROOM_MAX);
	if (wanted->mode == PROBES_OFF)
		return set;
	if (!read_readme(&p, &error) ||
	    !symbols_find(root, symbols, G_N_ELEMENTS(symbols), &error)) {
		refuse(&p, "probes", error, INFERRED);
		return set;
	}
	why = symbol_refusal(&symbols[0]);
	if (why) {
		probes_refuse(set, "on_spin", why, INFERRED);
	} else if (!(p.btf = kernel_btf_open(root, symbols[0].module, &error))) {
		refuse(&p, "probes", error, INFERRED);
	} else if (plan_on_spin(&p, &symbols[0])) {
		plan_yield_to(&p, &symbols[1]);
		if (wanted->n_vcpus > ROOM_MAX)
			probes_refuse(set, "returns of more than 4096 vCPUs at once",
				      "the kernel has no more room", "some are missed");
	}
	kernel_btf_free(p.btf);
	symbols_release(symbols, G_N_ELEMENTS(symbols));
	return set;
}
