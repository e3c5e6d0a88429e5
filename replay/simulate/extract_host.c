// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The recorded host: its scheduler, its CPUs, and its cgroups.
 *
 * Cgroups have no more than one level here. vCPUs that have a cgroup each, as libvirt
 * gives them, are in that of their VM, the last that holds them all: a cfs_rq with one
 * task adds nothing to who is picked. (What yield_to() takes of a yielder at its own
 * level it does not feel there; here it does.)
 */
#include <string.h>

#include "replay/nodes.h"
#include "replay/simulate/extract_int.h"

static void read_scheduler(struct sim_host *h, const struct recorded *r, const struct shadow_quality *quality)
{
	struct scheduler_facts facts;

	scheduler_read(r, &facts);
	h->scheduler = facts.scheduler == SHADOW_CFS ? SCHEDULER_CFS : SCHEDULER_EEVDF;
	h->slice = facts.params.slice;
	h->min_granularity = facts.min_granularity;
	h->wakeup_granularity = facts.params.wakeup_granularity;
	h->tick = facts.params.tick;
	h->gentle_sleepers = facts.params.gentle_sleepers;
	h->last_buddy = facts.params.last_buddy;
	h->pick_buddy = facts.buddy != SHADOW_IGNORED;
	h->run_to_parity = facts.run_to_parity;
	h->place_lag = facts.params.place_lag;
	h->delay_dequeue = facts.params.delay_dequeue;
	h->protect_slice_min = scheduler_since(r, 6, 18);	/* read in 6.18 and 7.2, not in 6.12 */
	/* upstream since 6.19, but in stable kernels, too */
	h->forfeit = quality && quality->picks > 0 ? quality->forfeit : scheduler_since(r, 6, 19);
}

bool extract_host(struct extract *x, const struct policy_params *recorded, GError **error)
{
	struct sim_host *h = &x->input->host;
	struct scheduler_facts facts;

	scheduler_read(x->recorded, &facts);
	if (facts.scheduler == SHADOW_NONE) {
		g_set_error(error, EXTRACT_ERROR, 0,
			    "neither the kernel's release nor its scheduler's features are recorded");
		return false;
	}
	read_scheduler(h, x->recorded, x->quality);
	h->n_cpu = x->recorded->n_cpu;
	h->stock_variant = recorded->stock_variant;
	return true;
}

static bool is_within(const char *path, const char *group)
{
	size_t n = strlen(group);

	return !strncmp(path, group, n) && (path[n] == '/' || !path[n]);
}

unsigned int extract_group(struct extract *x, const char *cgroup)
{
	GHashTableIter iter;
	void *path, *group;
	double none = 0;

	if (!cgroup || !*cgroup || !strcmp(cgroup, "/"))
		return 0;
	group = g_hash_table_lookup(x->groups, cgroup);
	if (group)
		return GPOINTER_TO_UINT(group);
	g_hash_table_iter_init(&iter, x->groups);
	while (g_hash_table_iter_next(&iter, &path, &group))
		if (GPOINTER_TO_UINT(group) <= x->n_vm_groups && is_within(cgroup, path)) {
			g_hash_table_insert(x->groups, g_strdup(cgroup), group);
			return GPOINTER_TO_UINT(group);
		}
	g_array_append_val(x->group_ns, none);
	g_hash_table_insert(x->groups, g_strdup(cgroup), GUINT_TO_POINTER(x->group_ns->len - 1));
	return x->group_ns->len - 1;
}

/*
 * What weights cgroups were given is not recorded: all have that of nice 0, which a group
 * shares out among the CPUs where it has tasks that are runnable (calc_group_shares()).
 */
static void weigh_groups(struct extract *x)
{
	struct sim_host *h = &x->input->host;

	h->n_groups = x->group_ns->len;
	h->group_weights = g_new(unsigned int, h->n_groups);
	for (unsigned int g = 0; g < h->n_groups; g++) {
		double cpus = g_array_index(x->group_ns, double, g) / (x->t1 - x->t0);

		h->group_weights[g] = FAIR_WEIGHT_0 / CLAMP(cpus, 1, h->n_cpu);
	}
}

void extract_host_end(struct extract *x)
{
	x->input->host.nodes = nodes_of_cpus(x->recorded, x->input->host.n_cpu);
	weigh_groups(x);
}
