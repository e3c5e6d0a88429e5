// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/plan.h"

#include <string.h>

#include "capture/probes.h"

/*
 * What a filter rejects costs, too, and the more the longer it is: with a hundred threads more than it would
 * cost to record it.
 */
enum { MAX_THREADS = 16 };

/*
 * Order matters: from when the first is enabled until the last one is, a recording lacks
 * the others; who runs where is known first.
 */
static const struct plan_event table[] = {
	{ "sched", "sched_switch", .needed = true },
	{ "kvm", "kvm_exit", .by_vcpu = true, .needed = true },
	{ "kvm", "kvm_entry", .by_vcpu = true, .needed = true },
	{ "kvm", "kvm_userspace_exit", .by_vcpu = true,
	  .without = "switches in user space count as preemptions" },
	{ "sched", "sched_waking", .without = "who woke a thread, and that a woken vCPU is ready" },
	{ "sched", "sched_wakeup", .shed = 4, .without = "when woken threads joined their run queues" },
	{ "sched", "sched_wakeup_new", .without = "threads that began while recording" },
	{ "sched", "sched_migrate_task", .shed = 5, .without = "how many tasks each run queue holds" },
	{ "sched", "sched_process_fork", .without = "threads that began while recording" },
	{ "sched", "sched_process_free", .without = "where a TID was reused" },
	{ "kvm", "kvm_apic_ipi", .by_vcpu = true, .without = "who sent IPIs through its APIC" },
	/* in whichever thread delivers it */
	{ "kvm", "kvm_apic_accept_irq", .without = "who received an interrupt" },
	{ "kvm", "kvm_apicv_accept_irq", .without = "interrupts that were posted" },
	{ "kvm", "kvm_eoi", .by_vcpu = true, .without = "when interrupts were acknowledged" },
	{ "kvm", "kvm_pv_eoi", .by_vcpu = true, .without = "which EOIs were paravirtual" },
	{ "kvm", "kvm_inj_virq", .by_vcpu = true, .shed = 1, .without = "when IPIs were injected" },
	/* x2APIC ICR, EOI and self-IPI; guests write others, the TSC deadline above all, far more often */
	{ "kvm", "kvm_msr", .filter = "write == 1 && (ecx == 0x830 || ecx == 0x80b || ecx == 0x83f)",
	  .by_vcpu = true, .shed = 3, .without = "by which register IPIs were sent" },
	/* EOI and ICR */
	{ "kvm", "kvm_apic", .filter = "rw == 1 && (reg == 0xb0 || reg == 0x300)", .by_vcpu = true, .shed = 3,
	  .without = "by which register IPIs were sent" },
	/* KICK_CPU, SEND_IPI, SCHED_YIELD */
	{ "kvm", "kvm_hypercall", .filter = "nr == 5 || nr == 10 || nr == 11", .by_vcpu = true,
	  .without = "IPIs sent by hypercall" },
	/* long spin wait, IPIs */
	{ "kvm", "kvm_hv_hypercall", .filter = "code == 0x8 || code == 0xb || code == 0x15", .by_vcpu = true,
	  .without = "spinning announced by Hyper-V guests" },
	{ "kvm", "kvm_xen_hypercall", .by_vcpu = true, .without = "spinning announced by Xen guests" },
	{ "kvm", "kvm_hv_send_ipi", .by_vcpu = true, .without = "IPIs sent by Hyper-V's hypercalls" },
	{ "kvm", "kvm_hv_send_ipi_ex", .by_vcpu = true, .without = "IPIs sent by Hyper-V's hypercalls" },
	{ "kvm", "kvm_avic_incomplete_ipi", .by_vcpu = true, .without = "IPIs that AVIC left to KVM" },
	{ "kvm", "kvm_ple_window_update", .by_vcpu = true, .shed = 2, .without = "the PLE window" },
};

const struct plan_event *plan_known(unsigned int i)
{
	return i < G_N_ELEMENTS(table) ? &table[i] : NULL;
}

unsigned int plan_max_shed(void)
{
	unsigned int max = 0;

	for (unsigned int i = 0; i < G_N_ELEMENTS(table); i++)
		max = MAX(max, table[i].shed);
	return max;
}

static void clear_planned(void *p)
{
	g_free(((struct planned *)p)->filter);
}

static void clear_lack(void *p)
{
	struct plan_lack *lack = p;

	g_free(lack->what);
	g_free(lack->why);
	g_free(lack->without);
}

void plan_lacks(struct plan *plan, const char *what, const char *why, const char *without)
{
	struct plan_lack lack = { g_strdup(what), g_strdup(why), g_strdup(without ? without : "") };

	g_array_append_val(plan->lacks, lack);
}

cJSON *plan_lacks_json(const struct plan *plan)
{
	cJSON *list = cJSON_CreateArray();

	for (unsigned int i = 0; i < plan->lacks->len; i++) {
		const struct plan_lack *l = &g_array_index(plan->lacks, struct plan_lack, i);
		cJSON *lack = cJSON_CreateObject();

		cJSON_AddStringToObject(lack, "what", l->what);
		cJSON_AddStringToObject(lack, "why", l->why);
		cJSON_AddStringToObject(lack, "without", l->without);
		cJSON_AddItemToArray(list, lack);
	}
	return list;
}

/* "common_pid == 1 || common_pid == 2"; NULL: no threads chosen, or too many for a filter. */
static char *thread_filter(const GArray *tids)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (unsigned int i = 0; tids && tids->len <= MAX_THREADS && i < tids->len; i++)
		g_string_append_printf(text, "%scommon_pid == %d", i ? " || " : "", g_array_index(tids, int, i));
	return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

static char *join_filters(const char *a, const char *b)
{
	if (a && b)
		return g_strdup_printf("(%s) && (%s)", a, b);
	return g_strdup(a ? a : b);
}

struct plan *plan_new(const struct instance *instance, const GArray *tids, GError **error)
{
	struct plan *plan = g_new0(struct plan, 1);
	g_autofree char *threads = thread_filter(tids);

	plan->events = g_array_new(FALSE, TRUE, sizeof(struct planned));
	g_array_set_clear_func(plan->events, clear_planned);
	plan->lacks = g_array_new(FALSE, TRUE, sizeof(struct plan_lack));
	g_array_set_clear_func(plan->lacks, clear_lack);
	for (unsigned int i = 0; i < G_N_ELEMENTS(table); i++) {
		const struct plan_event *e = &table[i];

		if (instance_event_exists(instance, e->system, e->name)) {
			struct planned planned = {
				.event = e, .weight = 1, .on = true,
				.filter = join_filters(e->filter, e->by_vcpu ? threads : NULL),
			};
			g_array_append_val(plan->events, planned);
		} else if (e->needed) {
			g_set_error(error, PLAN_ERROR, 0, "this kernel has no event %s:%s%s", e->system, e->name,
				    strcmp(e->system, "kvm") ? "" : "\nhint: is the module kvm loaded?");
			plan_free(plan);
			return NULL;
		} else {
			plan_lacks(plan, e->name, "this kernel does not have it", e->without);
		}
	}
	if (tids && tids->len && !threads)
		plan_lacks(plan, "filter by vCPU", "a filter of so many vCPUs would cost more than it saves",
			   "events of all VMs are recorded");
	return plan;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	g_array_unref(plan->events);
	g_array_unref(plan->lacks);
	g_free(plan);
}

void plan_add_probe(struct plan *plan, const char *name, const char *filter, double weight)
{
	struct plan_event *event = g_new0(struct plan_event, 1);	/* as long as the process lives */
	struct planned planned = { .event = event, .filter = g_strdup(filter), .weight = weight, .on = true };

	event->system = PROBES_GROUP;
	event->name = g_strdup(name);
	event->without = "outcomes of decisions are inferred";
	g_array_append_val(plan->events, planned);
}

static bool enable(struct planned *p, struct instance *instance, GError **error)
{
	const struct plan_event *e = p->event;

	if (p->filter && !p->filtered && !instance_filter(instance, e->system, e->name, p->filter, error))
		return false;
	p->filtered = true;
	return instance_enable(instance, e->system, e->name, true, error);
}

bool plan_enable(struct plan *plan, struct instance *instance, GError **error)
{
	for (unsigned int i = 0; i < plan->events->len; i++) {
		struct planned *p = &g_array_index(plan->events, struct planned, i);
		g_autoptr(GError) why = NULL;

		if (!p->on || p->enabled)
			continue;
		p->enabled = enable(p, instance, &why);
		if (p->enabled)
			continue;
		if (p->event->needed) {
			g_set_error(error, PLAN_ERROR, 0, "%s:%s: %s", p->event->system, p->event->name, why->message);
			return false;
		}
		p->on = false;
		plan_lacks(plan, p->event->name, why->message, p->event->without);
	}
	return true;
}

void plan_disable(struct plan *plan, struct instance *instance)
{
	for (unsigned int i = plan->events->len; i--;) {
		struct planned *p = &g_array_index(plan->events, struct planned, i);

		if (p->enabled)
			p->enabled = !instance_enable(instance, p->event->system, p->event->name, false, NULL);
	}
}

void plan_shed(struct plan *plan, struct instance *instance, unsigned int rank, const char *why)
{
	for (unsigned int i = 0; i < plan->events->len; i++) {
		struct planned *p = &g_array_index(plan->events, struct planned, i);

		if (!p->on || !p->event->shed || p->event->shed > rank)
			continue;
		if (p->enabled)
			p->enabled = !instance_enable(instance, p->event->system, p->event->name, false, NULL);
		p->on = false;
		plan_lacks(plan, p->event->name, why, p->event->without);
	}
	plan->shed = MAX(plan->shed, rank);
}
