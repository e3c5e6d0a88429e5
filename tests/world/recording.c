// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/world/recording.h"

struct recorder *recording_begin(const struct settings *s, const char *path, GError **error)
{
	return recorder_new(&(struct recorder_options){
		.path = path, .n_cpus = s->n_cpus, .version = 6, .probes = true,
		.n_deep = settings_deep(s) }, error);
}

static void print_scheduler(const struct settings *s, GString *to)
{
	if (s->scheduler == SCHED_CFS)
		g_string_append_printf(to,
			"  \"sched.latency_ns\": \"%" G_GINT64_FORMAT "\",\n"
			"  \"sched.min_granularity_ns\": \"%" G_GINT64_FORMAT "\",\n"
			"  \"sched.wakeup_granularity_ns\": \"%" G_GINT64_FORMAT "\",\n"
			"  \"sched.features\": \"GENTLE_FAIR_SLEEPERS START_DEBIT NO_NEXT_BUDDY "
			"NO_LAST_BUDDY WAKEUP_PREEMPTION\"\n",
			s->latency, s->min_granularity, s->wakeup_granularity);
	else
		g_string_append_printf(to,
			"  \"sched.base_slice_ns\": \"%" G_GINT64_FORMAT "\",\n"
			"  \"sched.features\": \"%sPLACE_LAG PLACE_REL_DEADLINE %sRUN_TO_PARITY "
			"PREEMPT_SHORT NO_NEXT_BUDDY PICK_BUDDY NO_DELAY_DEQUEUE\"\n",
			s->slice, s->place_lag ? "" : "NO_", s->run_to_parity ? "" : "NO_");
}

static void print_params(const struct settings *s, GString *to)
{
	bool grows = s->ple_max > s->ple_window;

	g_string_append_printf(to,
		" \"params\": {\n"
		"  \"kvm.halt_poll_ns\": \"%" G_GINT64_FORMAT "\",\n"
		"  \"kvm_intel.enable_apicv\": \"N\",\n  \"kvm_intel.enable_ipiv\": \"N\",\n"
		"  \"kvm_intel.ple_gap\": \"128\",\n"
		"  \"kvm_intel.ple_window\": \"%" G_GINT64_FORMAT "\",\n"
		"  \"kvm_intel.ple_window_grow\": \"%d\",\n  \"kvm_intel.ple_window_shrink\": \"0\",\n"
		"  \"kvm_intel.ple_window_max\": \"%" G_GINT64_FORMAT "\",\n",
		s->halt_poll, s->ple_window * TSC_GHZ, grows ? 2 : 0, s->ple_max * TSC_GHZ);
	print_scheduler(s, to);
	g_string_append(to, " },\n");
}

static void print_vcpus(const struct world *w, GString *to)
{
	const char *comma = "";

	g_string_append(to, " \"vcpus\": [");
	for (unsigned int i = 0; i < w->s->n_vms; i++) {
		for (unsigned int k = 0; k < w->vms[i].n_vcpus; k++) {
			const struct task *t = w->vms[i].vcpus[k].task;

			g_string_append_printf(to,
				"%s\n  { \"tgid\": %d, \"tid\": %d, \"vcpu_id\": %u, "
				"\"vcpu_idx\": %u, \"name\": \"%s\" }",
				comma, t->tgid, t->tid, k, k, t->comm);
			comma = ",";
		}
	}
	g_string_append(to, "\n ],\n \"vms\": [");
	for (unsigned int i = 0; i < w->s->n_vms; i++)
		g_string_append_printf(to, "%s\n  { \"tgid\": %d, \"name\": \"vm%u\" }",
				       i ? "," : "", w->vms[i].tgid, i);
	g_string_append(to, "\n ]\n");
}

static char *host_facts(const struct world *w)
{
	GString *to = g_string_new(NULL);

	g_string_printf(to,
		"{\n \"format\": \"counterspin-host-facts\",\n \"version\": 1,\n"
		" \"kernel\": \"%s\",\n \"machine\": \"x86_64\",\n \"hz\": %d,\n"
		" \"n_cpu\": %u,\n \"clock\": \"mono\",\n",
		settings_release(w->s), (int)(1000 * MS / w->s->tick), w->s->n_cpus);
	print_params(w->s, to);
	g_string_append(to, " \"topology\": [");
	for (unsigned int i = 0; i < w->s->n_cpus; i++)
		g_string_append_printf(to, "%s\n  { \"cpu\": %u, \"core\": %u, \"node\": 0 }",
				       i ? "," : "", i, i);
	g_string_append(to, "\n ],\n");
	print_vcpus(w, to);
	g_string_append(to, "}\n");
	return g_string_free(to, FALSE);
}

bool recording_end(const struct world *w, const char *path, GError **error)
{
	g_autofree char *facts = host_facts(w), *facts_path = g_strconcat(path, ".host.json", NULL);
	g_autoptr(GString) names = g_string_new(NULL);

	for (unsigned int i = 0; i < w->n_tasks; i++)
		g_string_append_printf(names, "%d %s\n", w->tasks[i].tid, w->tasks[i].comm);
	return recorder_finish(w->tape, settings_release(w->s), names->str, error) &&
	       g_file_set_contents(facts_path, facts, -1, error);
}
