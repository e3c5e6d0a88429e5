// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * generate_recording - a trace.dat of any size, as an overcommitted host would give it, and
 * the host facts beside it.
 *
 * Prints how many events of each type it has written, and 'events' for all of them.
 *
 * Its host has the kernel code paths of the lab's recordings but more and faster CPUs. Per
 * kvm_exit, in real ones (balanced-noprobe, ipi-heavy, lock-heavy, mixed-8vcpu; probes left
 * out) and in 4 million events with the defaults:
 *
 *				real				generated
 *	sched_switch		0.54  0.48  0.70  0.61		0.64
 *	sched_waking, _wakeup	0.17  0.12  0.19  0.13		0.10
 *	sched_migrate_task	0.000 on 2 CPUs			0.006
 *	kvm_ple_window_update	0.43  0.45  0.67  0.66		0.47
 *	kvm_msr			0.45  0.51  0.28  0.45		0.36
 *	kvm_apic_ipi		0.13  0.20  0.05  0.12		0.08
 *	kvm_apic_accept_irq	0.23  0.28  0.13  0.25		0.20
 *	kvm_inj_virq		0.24  0.26  0.13  0.23		0.20
 *	kvm_eoi			0.22  0.25  0.13  0.22		0.20
 *	kvm_hypercall		0.006 0.005 0.000 0.002		0.002
 *	exit: MSR		0.45  0.52  0.28  0.45		0.36
 *	      PAUSE		0.27  0.26  0.43  0.33		0.24
 *	      INTR		0.20  0.15  0.27  0.14		0.34
 *	      VINTR		0.056 0.061 0.014 0.065		0.050
 *	      HLT		0.017 0.007 0.011 0.005		0.006
 *	      NPF		0.002 0.002 0.003 0.003		0.004
 *	PAUSE exits that switch	0.65  0.69  0.58  0.96		0.97
 *	bytes per event		43				45
 *
 * INTR is more because 63 of 64 CPUs are other CPUs: whom a vCPU there yields to preempts
 * somebody by an interrupt. 64 CPUs give 3.7 million events per second of the recording.
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/host.h"

static const char release[] = "6.1.0-bench";

static gint64 n_events = 1000000, n_cpus = 64, n_vms = 20, n_vcpus = 16, seed = 1;
static gint version = 6;
static gboolean zstd, probes;
static char **paths;

static const GOptionEntry entries[] = {
	{ "events", 0, 0, G_OPTION_ARG_INT64, &n_events, "Write at least N events (1000000)", "N" },
	{ "cpus", 0, 0, G_OPTION_ARG_INT64, &n_cpus, "CPUs of the host (64)", "N" },
	{ "vms", 0, 0, G_OPTION_ARG_INT64, &n_vms, "Virtual machines (20)", "N" },
	{ "vcpus", 0, 0, G_OPTION_ARG_INT64, &n_vcpus, "vCPUs of each (16)", "N" },
	{ "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "Another seed, another recording (1)", "N" },
	{ "version", 0, 0, G_OPTION_ARG_INT, &version, "Of the format: 6 or 7 (6)", "N" },
	{ "zstd", 0, 0, G_OPTION_ARG_NONE, &zstd, "Compress; needs version 7", NULL },
	{ "probes", 0, 0, G_OPTION_ARG_NONE, &probes, "Probes on kvm_vcpu_on_spin(), too", NULL },
	{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &paths, NULL, "OUT.dat" },
	{ NULL }
};

static void parse(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	const char *wrong = NULL;

	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		wrong = error->message;
	else if (!paths || paths[1])
		wrong = "one OUT.dat is needed";
	else if (version != 6 && version != 7)
		wrong = "versions are 6 and 7";
	else if (zstd && version != 7)
		wrong = "only version 7 is compressed";
	else if (n_events < 1 || n_cpus < 1 || n_cpus > 512 || n_vms < 1 || n_vms > 1024 ||
		 n_vcpus < 1 || n_vcpus > MAX_VCPUS)
		wrong = "a number is out of range";
	if (!wrong)
		return;
	fprintf(stderr, "generate_recording: %s\n", wrong);
	exit(2);
}

static void add_vcpus(GString *json, const struct host *h)
{
	for (unsigned int i = 0; i < h->n_vms; i++) {
		for (unsigned int k = 0; k < h->vms[i].n_vcpus; k++) {
			const struct vcpu *v = &h->vms[i].vcpus[k];

			g_string_append_printf(json,
				"%s\n  { \"tgid\": %d, \"tid\": %d, \"vcpu_id\": %u, \"vcpu_idx\": %u, \"name\": \"%s\" }",
				i || k ? "," : "", h->vms[i].tgid, v->thread->tid, k, k, v->thread->comm);
		}
	}
}

static char *host_facts(const struct host *h)
{
	GString *json = g_string_new(NULL);

	g_string_printf(json,
		"{\n \"format\": \"counterspin-host-facts\",\n \"version\": 1,\n \"kernel\": \"%s\",\n"
		" \"machine\": \"x86_64\",\n \"hz\": 250,\n \"n_cpu\": %u,\n \"clock\": \"mono\",\n"
		" \"params\": { \"kvm.halt_poll_ns\": \"200000\", \"kvm_amd.avic\": \"N\" },\n"
		" \"vcpus\": [", release, h->n_cpus);
	add_vcpus(json, h);
	g_string_append(json, "\n ],\n \"vms\": [");
	for (unsigned int i = 0; i < h->n_vms; i++)
		g_string_append_printf(json, "%s\n  { \"tgid\": %d, \"name\": \"vm%u\" }", i ? "," : "",
				       h->vms[i].tgid, i);
	g_string_append(json, "\n ]\n}\n");
	return g_string_free(json, FALSE);
}

static char *cmdlines(const struct host *h)
{
	GString *s = g_string_new(NULL);

	for (unsigned int i = 0; i < h->n_threads; i++)
		if (h->threads[i].tid)
			g_string_append_printf(s, "%d %s\n", h->threads[i].tid, h->threads[i].comm);
	return g_string_free(s, FALSE);
}

static bool write_out(const struct host *h, GError **error)
{
	g_autofree char *facts = host_facts(h), *names = cmdlines(h);
	g_autofree char *facts_path = g_strconcat(paths[0], ".host.json", NULL);

	return recorder_finish(h->recorder, release, names, error) &&
	       g_file_set_contents(facts_path, facts, -1, error);
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	struct recorder *recorder;
	struct host *host;
	bool ok;

	parse(argc, argv);
	recorder = recorder_new(&(struct recorder_options){
		.path = paths[0], .n_cpus = n_cpus, .version = version, .zstd = zstd,
		.probes = probes }, &error);
	if (!recorder) {
		fprintf(stderr, "generate_recording: %s\n", error->message);
		return 3;
	}
	host = host_new(&(struct host_options){
		.n_cpus = n_cpus, .n_vms = n_vms, .n_vcpus = n_vcpus, .seed = seed,
		.probes = probes, .recorder = recorder });
	host_run(host, n_events);
	ok = write_out(host, &error);
	if (!ok)
		fprintf(stderr, "generate_recording: %s\n", error->message);
	for (unsigned int i = 0; ok && i < N_TRACE_EVENTS; i++)
		if (recorder_count(recorder, i))
			printf("%s %" G_GUINT64_FORMAT "\n", trace_event_name(i), recorder_count(recorder, i));
	if (ok)
		printf("events %" G_GUINT64_FORMAT "\n", recorder_total(recorder));
	host_free(host);
	recorder_free(recorder);
	g_strfreev(paths);
	return ok ? 0 : 3;
}
