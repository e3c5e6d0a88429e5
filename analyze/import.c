// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin import - a recording becomes a database of facts.
 *
 * Two passes over the recording: the first settles who is who and gathers host
 * facts from trace markers, the second makes the facts. The database appears
 * under its name only when it is complete.
 */
#include "analyze/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analyze/model/facts.h"
#include "analyze/model/host_facts.h"
#include "analyze/model/identity.h"
#include "analyze/model/model.h"
#include "analyze/source/source.h"
#include "schema/command.h"
#include "schema/db.h"

#define IMPORT_ERROR (g_quark_from_static_string("import"))

static char *option_output, *option_host_facts;
static gboolean option_force, option_ignore_probes, option_no_host_facts;

static const GOptionEntry options[] = {
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &option_output,
	  "Database to write (default: RECORDING.db)", "DB" },
	{ "host-facts", 0, 0, G_OPTION_ARG_FILENAME, &option_host_facts,
	  "Host facts (default: RECORDING.host.json where it exists)", "FILE" },
	{ "no-host-facts", 0, 0, G_OPTION_ARG_NONE, &option_no_host_facts,
	  "Do without host facts from a file", NULL },
	{ "force", 'f', 0, G_OPTION_ARG_NONE, &option_force, "Replace an existing database", NULL },
	{ "ignore-probes", 0, 0, G_OPTION_ARG_NONE, &option_ignore_probes,
	  "Import as if the ground-truth probes had not been recorded", NULL },
	G_OPTION_ENTRY_NULL
};

static const struct command command = {
	.name = "import", .arguments = "RECORDING", .options = options, .min_args = 1, .max_args = 1,
	.summary = "Turn a recording (trace.dat) into an SQLite database of facts.",
	.description = "The recording needs scheduler and KVM events of all CPUs on one clock; "
		       "see counterspin-import(1).",
};

/* One import: everything it owns dies with it. */
struct import {
	const char *path;
	struct input *input;
	struct source *source;
	struct identity *identity;
	struct host_facts *host_facts;
	const char *host_facts_from;	/* recording.host_facts */
	GError *marker_error;
	struct db_build *build;
	struct facts *facts;
	struct model *model;
	struct model_result result;
	int64_t events, used, ignored;
};

static void import_release(struct import *im)
{
	model_free(im->model);
	if (im->facts)
		facts_finish(im->facts, NULL);
	db_build_abort(im->build);
	identity_free(im->identity);
	host_facts_free(im->host_facts);
	g_clear_error(&im->marker_error);
	source_free(im->source);
	input_close(im->input);
}

static char *sha256_of(const char *path, GError **error)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autofree guchar *buffer = g_malloc(1 << 20);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, buffer, 1 << 20)) > 0)
		g_checksum_update(sum, buffer, n);
	if (fd < 0 || n < 0) {
		g_set_error(error, IMPORT_ERROR, 0, "cannot read '%s': %s", path, g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	close(fd);
	return g_strdup(g_checksum_get_string(sum));
}

static void first_pass(void *user, const struct event *ev)
{
	struct import *im = user;

	if (ev->type == EV_TRACE_MARKER && host_facts_is_marker(ev->marker.text, ev->marker.len)) {
		g_autofree char *where = g_strdup_printf("'%s': trace marker at %" G_GINT64_FORMAT
							 ".%09d", im->path, ev->t / 1000000000,
							 (int)(ev->t % 1000000000));

		if (host_facts_add(im->host_facts, ev->marker.text, ev->marker.len, where,
				   im->marker_error ? NULL : &im->marker_error))
			im->host_facts_from = "markers";
	}
	identity_note(im->identity, ev);
}

/* A file named by the user, else the one beside the recording; both win over markers. */
static bool read_host_facts(struct import *im, GError **error)
{
	g_autofree char *beside = g_strconcat(im->path, ".host.json", NULL);
	const char *path = option_no_host_facts ? NULL : option_host_facts ? option_host_facts :
			   g_file_test(beside, G_FILE_TEST_EXISTS) ? beside : NULL;

	if (im->marker_error)
		command_warn(&command, "%s", im->marker_error->message);
	if (!path)
		return true;
	im->host_facts_from = "file";
	return host_facts_add_file(im->host_facts, path, error);
}

static bool check_content(const struct import *im, GError **error)
{
	const struct identity *id = im->identity;

	if (!identity_count(id, EV_SCHED_SWITCH))
		g_set_error(error, IMPORT_ERROR, 0, "'%s': no scheduler events (sched:sched_switch)", im->path);
	else if (!identity_count(id, EV_KVM_EXIT) || !identity_count(id, EV_KVM_ENTRY))
		g_set_error(error, IMPORT_ERROR, 0, "'%s': no KVM events (kvm:kvm_entry, kvm:kvm_exit)",
			    im->path);
	else
		return true;
	return false;
}

static void second_pass(void *user, const struct event *ev)
{
	model_event(((struct import *)user)->model, ev);
}

static void count_type(void *user, const char *system, const char *name, int64_t n, int64_t used,
		       const char *reason)
{
	struct import *im = user;

	im->events += n;
	im->used += used;
	im->ignored += n - used;
	facts_event_type(im->facts, &(struct event_type_row){ system, name, n, used, reason });
}

static void write_host_params(struct import *im)
{
	for (guint i = 0; i < im->host_facts->params->len; i++) {
		const struct host_facts_param *p =
			&g_array_index(im->host_facts->params, struct host_facts_param, i);

		facts_host_param(im->facts, p->name, p->when, p->value);
	}
}

/* With them, the absence of the patches' parameters tells that the kernel is not patched. */
static bool has_kvm_parameters(const struct host_facts *facts)
{
	for (guint i = 0; i < facts->params->len; i++)
		if (g_str_has_prefix(g_array_index(facts->params, struct host_facts_param, i).name, "kvm."))
			return true;
	return false;
}

static void write_unknowable(struct import *im)
{
	const struct identity *id = im->identity;
	const GPtrArray *vms = identity_vms(id);
	static const struct { enum event_type type; const char *what, *why; } needed[] = {
		{ EV_KVM_APIC_ACCEPT_IRQ, "which halted vCPUs a scan may take",
		  "kvm:kvm_apic_accept_irq was not recorded" },
		{ EV_KVM_APIC_IPI, "who sent interprocessor interrupts", "kvm:kvm_apic_ipi was not recorded" },
		{ EV_KVM_EOI, "when interrupts were acknowledged", "kvm:kvm_eoi was not recorded" },
		{ EV_KVM_USERSPACE_EXIT, "switches of vCPU threads in user space; they count as preemptions",
		  "kvm:kvm_userspace_exit was not recorded" },
		{ EV_SCHED_WAKING, "who woke a thread, and when", "sched:sched_waking was not recorded" },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(needed); i++)
		if (!source_has(im->source, needed[i].type))
			facts_unknowable(im->facts, needed[i].what, needed[i].why);
	if (!identity_count(id, EV_ON_SPIN))
		facts_unknowable(im->facts, "what each decision tried and what came of it",
				 option_ignore_probes ? "the probes were ignored" :
				 "no probe (on_spin, yield_to, yield_to_ret) was recorded; outcomes are imputed");
	if (!has_kvm_parameters(im->host_facts))
		facts_unknowable(im->facts, "which policy the kernel ran; stock is assumed",
				 "the host facts have no kvm parameters");
	if (!im->host_facts_from)
		facts_unknowable(im->facts, "parameters, topology, VM names, cgroups of the host",
				 "the recording has no host facts");
	for (guint i = 0; i < vms->len; i++) {
		const struct vm *vm = vms->pdata[i];
		g_autofree char *name = vm->name ? g_strdup(vm->name) :
					g_strdup_printf("%" G_GINT64_FORMAT, vm->id);
		g_autofree char *mode = g_strdup_printf("kernel or user mode of VM %s", name);
		g_autofree char *members = g_strdup_printf("whether all vCPUs of VM %s are its own", name);
		g_autofree char *order = g_strdup_printf("vcpu_idx of VM %s's vCPUs", name);

		if (!vm->cpl_known)
			facts_unknowable(im->facts, mode, "the sign of guest_rip does not tell the CPL of this guest");
		if (vm->membership == MEMBERSHIP_UNKNOWN)
			facts_unknowable(im->facts, members, "thread groups were not recorded and do not follow from wake-ups");
		else if (vm->membership == MEMBERSHIP_INFERRED)
			facts_unknowable(im->facts, members, "thread groups were not recorded; inferred from who woke whom");
		if (!vm->idx_known)
			facts_unknowable(im->facts, order, "neither probes nor host facts give it; the rank of vcpu_id stands in");
	}
}

static void write_recording(struct import *im, const char *sha256)
{
	const struct source_info *info = source_info(im->source);
	const struct identity_span *span = identity_span(im->identity);
	g_autofree char *name = g_path_get_basename(im->path);
	int64_t lost = MAX(im->result.lost, info->overruns);

	if (info->overruns > im->result.lost)
		facts_gap(im->facts, &(struct gap_row){
			.cpu = DB_NULL, .t0 = span->t0, .t1 = span->t0,
			.events = info->overruns - im->result.lost,
			.why = loss_text(LOSS_UNPLACED),
		});
	facts_recording(im->facts, &(struct recording_row){
		.path = name, .sha256 = sha256, .format = info->format,
		.kernel = im->host_facts->kernel ? im->host_facts->kernel : info->kernel,
		.machine = im->host_facts->machine ? im->host_facts->machine : info->machine,
		.clock = info->clock, .isa = im->result.isa,
		.n_cpu = MAX(info->n_cpu, span->n_cpu), .t0 = span->t0, .t1 = span->t1,
		.realtime_offset = im->host_facts->realtime_offset,
		.events = im->used + im->ignored + lost, .used = im->used, .ignored = im->ignored,
		.lost = lost, .host_facts = im->host_facts_from,
		.probes = identity_count(im->identity, EV_ON_SPIN) > 0,
		.importer = "counterspin " COUNTERSPIN_VERSION,
	});
}

static bool run(struct import *im, const char *output, GError **error)
{
	struct model_input input;
	g_autofree char *sha256 = NULL;
	struct facts *facts;
	struct db_build *build;

	im->input = input_open(im->path, error);
	if (!im->input)
		return false;
	im->source = source_new(&im->input, 1, option_ignore_probes, error);
	if (!im->source)
		return false;
	sha256 = sha256_of(im->path, error);
	if (!sha256)
		return false;
	im->identity = identity_new();
	im->host_facts = host_facts_new();
	if (!source_read(im->source, first_pass, im, NULL, error) || !check_content(im, error) ||
	    !read_host_facts(im, error))
		return false;
	identity_settle(im->identity, im->host_facts);

	im->build = db_build_new(output, option_force, error);
	if (!im->build)
		return false;
	im->facts = facts_new(db_build_handle(im->build));
	input = (struct model_input){
		.probes = identity_count(im->identity, EV_ON_SPIN) > 0,
		.on_spin_ret = identity_count(im->identity, EV_ON_SPIN_RET) > 0,
		.patched = host_facts_param(im->host_facts, "kvm.ipi_tracking_enabled") != NULL,
		.accepts = source_has(im->source, EV_KVM_APIC_ACCEPT_IRQ),
		.wakeups = identity_count(im->identity, EV_SCHED_WAKEUP) > 0,
		.wakings = identity_count(im->identity, EV_SCHED_WAKING) > 0,
	};
	im->model = model_new(im->facts, im->identity, &input);
	if (!source_read(im->source, second_pass, im, NULL, error))
		return false;
	model_finish(im->model, &im->result);
	source_for_each_count(im->source, count_type, im);
	write_host_params(im);
	write_unknowable(im);
	write_recording(im, sha256);
	facts = g_steal_pointer(&im->facts);
	if (!facts_finish(facts, error))
		return false;
	build = g_steal_pointer(&im->build);
	return db_build_commit(build, error);
}

int cmd_import(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *output = NULL;
	struct import im = { 0 };
	int status;
	bool ok;

	if (!command_parse(&command, &argc, &argv, &status))
		return status;
	if (option_no_host_facts && option_host_facts)
		return command_usage(&command, "--host-facts and --no-host-facts exclude each other");
	im.path = argv[1];
	output = option_output ? g_strdup(option_output) : g_strconcat(im.path, ".db", NULL);
	ok = run(&im, output, &error);
	if (ok)
		fprintf(stderr, "%s: %" G_GINT64_FORMAT " events, %" G_GINT64_FORMAT " decisions, %"
			G_GINT64_FORMAT " lost\n", output, im.events, im.result.decisions, im.result.lost);
	import_release(&im);
	return ok ? EXIT_FINE : command_fail(&command, error);
}
