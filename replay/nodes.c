// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/nodes.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "replay/bits.h"

#define FACTS "topology"
#define OF_CPU FACTS ".cpu"

enum { NODE_UNKNOWN = -1 };

struct nodes {
	struct recorded *recorded;
	unsigned int n_cpu, *of_cpu;
	int *last;		/* [n_slots]: node, NODE_UNKNOWN */
	struct recorded_run next;
	bool begun, more;
};

static void note_node(unsigned int *nodes, unsigned int n_cpu, double cpu, const cJSON *facts)
{
	const cJSON *node = cJSON_GetObjectItemCaseSensitive(facts, "node");

	if (cpu >= 0 && cpu < n_cpu && cJSON_IsNumber(node) && node->valuedouble >= 0 && node->valuedouble < RECORDED_MAX_CPUS)
		nodes[(unsigned int)cpu] = node->valuedouble;
}

/* "topology.cpu3" is of one CPU; "topology" a list of all, as other recorders have it. */
static void read_facts(unsigned int *nodes, unsigned int n_cpu, const char *name, const cJSON *json)
{
	const cJSON *one;
	guint64 cpu;

	cJSON_ArrayForEach(one, json) {
		const cJSON *number = cJSON_GetObjectItemCaseSensitive(one, "cpu");

		note_node(nodes, n_cpu, cJSON_IsNumber(number) ? number->valuedouble : -1, one);
	}
	if (g_str_has_prefix(name, OF_CPU) &&
	    g_ascii_string_to_unsigned(name + strlen(OF_CPU), 10, 0, RECORDED_MAX_CPUS, &cpu, NULL))
		note_node(nodes, n_cpu, cpu, json);
}

unsigned int *nodes_of_cpus(const struct recorded *r, unsigned int n_cpu)
{
	g_autoptr(db_stmt) s = db_prepare(r->db,
		"SELECT name, value FROM host_param WHERE name GLOB '" FACTS "*' ORDER BY \"when\"");
	g_autofree unsigned int *nodes = g_new0(unsigned int, n_cpu + 1);
	bool one = true;

	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(s, 1);
		cJSON *json = text ? cJSON_Parse(text) : NULL;

		read_facts(nodes, n_cpu, (const char *)sqlite3_column_text(s, 0), json);
		cJSON_Delete(json);
	}
	for (unsigned int cpu = 1; cpu < n_cpu; cpu++)
		one = one && nodes[cpu] == nodes[0];
	return one ? NULL : g_steal_pointer(&nodes);
}

bool nodes_are_recorded(const struct recorded *recorded)
{
	g_autofree char *any = recorded_param(recorded, FACTS "*");

	return any != NULL;
}

struct nodes *nodes_new(struct recorded *recorded)
{
	unsigned int n_cpu = recorded->n_cpu, *of_cpu = nodes_of_cpus(recorded, n_cpu);
	struct nodes *nodes;

	if (!of_cpu)
		return NULL;
	nodes = g_new0(struct nodes, 1);
	nodes->recorded = recorded;
	nodes->n_cpu = n_cpu;
	nodes->of_cpu = of_cpu;
	nodes->last = g_new(int, recorded->n_slots + 1);
	nodes_rewind(nodes);
	return nodes;
}

void nodes_free(struct nodes *nodes)
{
	if (!nodes)
		return;
	g_free(nodes->of_cpu);
	g_free(nodes->last);
	g_free(nodes);
}

void nodes_forget(struct nodes *nodes)
{
	for (unsigned int i = 0; nodes && i < nodes->recorded->n_slots; i++)
		nodes->last[i] = NODE_UNKNOWN;
}

void nodes_rewind(struct nodes *nodes)
{
	if (!nodes)
		return;
	nodes->begun = false;
	nodes_forget(nodes);
}

static int node_of(const struct nodes *nodes, unsigned int cpu)
{
	return cpu < nodes->n_cpu ? (int)nodes->of_cpu[cpu] : NODE_UNKNOWN;
}

bool nodes_advance(struct nodes *nodes, int64_t t, GError **error)
{
	GError *failed = NULL;

	if (!nodes)
		return true;
	if (!nodes->begun)
		nodes->more = recorded_next_run(nodes->recorded, &nodes->next, &failed);
	nodes->begun = true;
	while (nodes->more && nodes->next.t <= t) {
		const struct recorded_run *run = &nodes->next;

		nodes->last[nodes->recorded->vms[run->vm].first + run->idx] = node_of(nodes, run->cpu);
		nodes->more = recorded_next_run(nodes->recorded, &nodes->next, &failed);
	}
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

void nodes_fill(const struct nodes *nodes, const struct recorded_decision *d, struct spin_state *state)
{
	uint64_t *same = state->seen + SAME_NODE * state->n_words, *known = state->known + SAME_NODE * state->n_words;
	int here = nodes ? node_of(nodes, d->cpu) : NODE_UNKNOWN;

	memset(same, nodes ? 0 : 0xff, state->n_words * sizeof(*same));
	memset(known, nodes ? 0 : 0xff, state->n_words * sizeof(*known));
	for (unsigned int idx = 0; nodes && idx < state->n_vcpus; idx++) {
		int there = nodes->last[nodes->recorded->vms[d->vm].first + idx];

		put_bit(same, idx, idx == state->me || (here >= 0 && here == there));
		put_bit(known, idx, idx == state->me || (here >= 0 && there >= 0));
	}
}
