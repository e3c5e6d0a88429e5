// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/prepare.h"

#include <string.h>
#include <unistd.h>

#include "capture/cost.h"

enum { MAX_RING_BYTES = 4 << 20, MIN_RING_KIB = 64, FEWEST_VCPUS_DEEP = 4 };
#define MAX_SHARE_OF_MEMORY 0.05	/* of what is available, for the rings, unless --buffer says more */

static uint64_t available_memory(void)
{
	g_autofree char *text = NULL;
	const char *at;

	if (g_file_get_contents("/proc/meminfo", &text, NULL, NULL) && (at = strstr(text, "MemAvailable:")))
		return g_ascii_strtoull(at + strlen("MemAvailable:"), NULL, 10) * 1024;
	return (uint64_t)sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

/* Rings are never swapped, and a host that runs short of memory kills VMs. */
static bool choose_buffer(struct prepared *p, const struct wish *w, unsigned int n_cpu, GError **error)
{
	uint64_t available = available_memory();

	p->buffer_bytes = w->buffer_bytes ? w->buffer_bytes :
			  MIN((uint64_t)n_cpu * MAX_RING_BYTES, (uint64_t)(available * MAX_SHARE_OF_MEMORY));
	if (p->buffer_bytes <= available / 2)
		return true;
	g_set_error(error, PREPARE_ERROR, 0, "--buffer=%.0fM is more than half of the memory that is available (%.0fM)",
		    (double)(p->buffer_bytes >> 20), (double)(available >> 20));
	return false;
}

static bool set_up_instance(struct prepared *p, const struct wish *w, struct session *s, GError **error)
{
	struct instance *instance = instance_create(error);
	g_autofree char *kib = NULL;

	if (!instance)
		return false;
	s->instance = instance;
	if (!choose_buffer(p, w, instance->n_cpu, error))
		return false;
	kib = g_strdup_printf("%" G_GUINT64_FORMAT,
			      MAX(p->buffer_bytes / instance->n_cpu / 1024, MIN_RING_KIB));
	if (w->anonymize) {
		instance_set_private(instance);
		instance_write(instance, "options/record-cmd", "0", NULL);	/* names for others to see */
	}
	return instance_write(instance, "trace_clock", "mono", error) &&
	       instance_write(instance, "options/overwrite", w->on_spin_rate ? "1" : "0", error) &&
	       instance_write(instance, "buffer_size_kb", kib, error);
}

static unsigned int count_vcpus(const struct vm_list *vms, unsigned int *largest)
{
	unsigned int n = 0;

	*largest = 0;
	for (unsigned int i = 0; i < vms->vms->len; i++) {
		const struct vm_process *vm = vms->vms->pdata[i];

		n += vm->vcpus->len;
		*largest = MAX(*largest, vm->vcpus->len);
	}
	return n;
}

static bool choose_vms(struct prepared *p, const struct wish *w, GError **error)
{
	p->all_vms = vms_find("", error);
	if (!p->all_vms)
		return false;
	for (char **name = w->vms; name && *name; name++) {
		struct vm_process *vm = vms_select(p->all_vms, *name, error);

		if (!vm)
			return false;
		if (!p->vms)
			p->vms = g_ptr_array_new();
		g_ptr_array_add(p->vms, vm);
	}
	return true;
}

static GArray *chosen_tids(const struct prepared *p)
{
	GArray *tids = p->vms ? g_array_new(FALSE, FALSE, sizeof(int)) : NULL;

	for (unsigned int i = 0; tids && i < p->vms->len; i++) {
		const struct vm_process *vm = p->vms->pdata[i];

		for (unsigned int j = 0; j < vm->vcpus->len; j++) {
			int tid = g_array_index(vm->vcpus, struct vm_vcpu, j).tid;

			if (!tid) {	/* a filter without it would hide this vCPU */
				g_array_unref(tids);
				return NULL;
			}
			g_array_append_val(tids, tid);
		}
	}
	return tids;
}

/* "vm_pid == 1 || vm_pid == 2" */
static char *probe_filter(const struct prepared *p)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (unsigned int i = 0; p->vms && i < p->vms->len; i++)
		g_string_append_printf(text, "%svm_pid == %d", i ? " || " : "",
				       ((struct vm_process *)p->vms->pdata[i])->tgid);
	return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

/* Errors are no reason not to record: the decisions are then inferred. */
static void set_up_probes(struct prepared *p, const struct wish *w, struct session *s, GError **error)
{
	/* the kernel does not count what fprobes miss */
	struct probes_wanted wanted = { .mode = w->probes, .first = PROBE_KPROBE_BTF };

	wanted.n_vcpus = count_vcpus(p->all_vms, &wanted.n_vcpus_vm);
	wanted.n_vcpus_vm = MAX(wanted.n_vcpus_vm, FEWEST_VCPUS_DEEP);	/* VMs may be started later */
	p->probes = probes_plan("", &wanted);
	/* after an error none was made: what has the name is somebody else's */
	s->probes = probes_create(p->probes, s->instance->tracefs, error) && p->probes->probes->len;
}

static bool make_plan(struct prepared *p, const struct wish *w, const struct session *s, GError **error)
{
	g_autoptr(GArray) tids = chosen_tids(p);
	g_autofree char *filter = probe_filter(p);

	p->plan = plan_new(s->instance, tids, error);
	if (!p->plan)
		return false;
	if (p->vms && !tids)
		plan_lacks(p->plan, "filter by vCPU", "the threads of some vCPUs are not known",
			   "events of all VMs are recorded");
	for (unsigned int i = 0; i < p->probes->probes->len; i++) {
		const struct probe *probe = p->probes->probes->pdata[i];
		bool returns = g_str_has_suffix(probe->event, "_ret");

		if (probe->made)
			plan_add_probe(p->plan, probe->event, returns ? NULL : filter,
				       returns ? PLAN_WEIGHT_RETURN : PLAN_WEIGHT_PROBE);
	}
	for (unsigned int i = 0; i < p->probes->refusals->len; i++) {
		const struct probe_refusal *r = p->probes->refusals->pdata[i];

		plan_lacks(p->plan, r->what, r->why, r->consequence);
	}
	if (w->probes == PROBES_OFF)
		plan_lacks(p->plan, "probes", "--probes=off", "what each decision tried and what came of it is inferred");
	return true;
}

bool prepare(struct prepared *p, const struct wish *w, struct session *s, GError **error)
{
	g_autoptr(GError) cost_error = NULL, probes_error = NULL;

	if (!choose_vms(p, w, error) || !set_up_instance(p, w, s, error))
		return false;
	p->cost_ns = cost_measure(s->instance, &cost_error);
	set_up_probes(p, w, s, &probes_error);
	if (!make_plan(p, w, s, error))
		return false;
	if (probes_error)
		plan_lacks(p->plan, "probes", probes_error->message,
			   "what each decision tried and what came of it is inferred");
	if (cost_error)
		plan_lacks(p->plan, "cost of an event", cost_error->message, "the budget cannot be kept");
	return true;
}

void prepared_clear(struct prepared *p)
{
	if (p->probes)
		probes_free(p->probes);
	plan_free(p->plan);
	if (p->vms)
		g_ptr_array_unref(p->vms);
	if (p->all_vms)
		vms_free(p->all_vms);
	*p = (struct prepared){ 0 };
}
