// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two passes over the recording: the first settles who is who and gathers host
 * facts from trace markers, the second makes the facts.
 */
#include "analyze/import_job.h"

#include <cjson/cJSON.h>
#include <nettle/sha2.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analyze/model/facts.h"
#include "analyze/model/host_facts.h"
#include "analyze/model/identity.h"
#include "analyze/model/model.h"
#include "analyze/sandbox.h"
#include "analyze/source/source.h"
#include "schema/last_words.h"

#define IMPORT_ERROR (g_quark_from_static_string("import"))

enum { MAX_HOST_FACTS = 4 << 20, HASH_STEP = 1 << 20 };

/* One import: everything it owns dies with it. */
struct import {
	const struct import_job *job;
	struct import_report *report;
	struct source *source;
	struct identity *identity;
	struct host_facts *host_facts;
	const char *host_facts_from;	/* recording.host_facts */
	GError *marker_error;
	int64_t t_stop;			/* of a "stop" marker, until the next one; else T_BEFORE */
	struct facts *facts;
	struct model *model;
	struct model_result result;
	GThread *hasher;
	int64_t events, used, ignored;
};

static void import_release(struct import *im)
{
	model_free(im->model);
	if (im->facts)
		facts_finish(im->facts, NULL);
	identity_free(im->identity);
	host_facts_free(im->host_facts);
	g_clear_error(&im->marker_error);
	if (im->hasher)
		g_free(g_thread_join(im->hasher));
	source_free(im->source);
}

static void warn(struct import *im, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void warn(struct import *im, const char *format, ...)
{
	size_t n = strlen(im->report->warnings);
	va_list args;

	va_start(args, format);
	vsnprintf(im->report->warnings + n, sizeof(im->report->warnings) - n, format, args);
	va_end(args);
	g_strlcat(im->report->warnings, "\n", sizeof(im->report->warnings));
}

/*
 * Of the files' bytes, one after another; in a thread of its own, and not through what others have
 * mapped. NULL: a file cannot be read.
 */
static void *sha256_of(void *user)
{
	const struct import_job *job = user;
	struct sha256_ctx sum;
	uint8_t digest[SHA256_DIGEST_SIZE];
	g_autofree uint8_t *bytes = g_malloc(HASH_STEP);
	g_autoptr(GString) hex = g_string_new(NULL);

	last_words_thread();
	sha256_init(&sum);
	for (unsigned int i = 0; i < job->n_inputs; i++)
		for (unsigned int k = 0; k < job->inputs[i]->n_files; k++) {
			const struct input_file *f = &job->inputs[i]->files[k];
			ssize_t n;

			for (size_t at = 0; at < f->size && (n = pread(f->fd, bytes, HASH_STEP, at)); at += n) {
				if (n < 0)
					return NULL;
				sha256_update(&sum, n, bytes);
			}
		}
	sha256_digest(&sum, sizeof(digest), digest);
	for (unsigned int i = 0; i < sizeof(digest); i++)
		g_string_append_printf(hex, "%02x", digest[i]);
	return g_string_free(g_steal_pointer(&hex), FALSE);
}

static void marker(struct import *im, const struct event *ev)
{
	g_autofree char *where = g_strdup_printf("'%s': trace marker at %" G_GINT64_FORMAT ".%09d",
						 im->job->inputs[0]->path, ev->t / 1000000000,
						 (int)(ev->t % 1000000000));

	if (!host_facts_add(im->host_facts, ev->marker.text, ev->marker.len, where,
			    im->marker_error ? NULL : &im->marker_error))
		return;
	im->host_facts_from = "markers";
	/* stop, then start: bursts in one file */
	if (!strcmp(im->host_facts->when, "start") && im->t_stop != T_BEFORE)
		identity_note_pause(im->identity, im->t_stop, ev->t);
	im->t_stop = strcmp(im->host_facts->when, "stop") ? T_BEFORE : ev->t;
}

static void first_pass(void *user, const struct event *ev)
{
	struct import *im = user;

	if (ev->type == EV_TRACE_MARKER && host_facts_is_marker(ev->marker.text, ev->marker.len))
		marker(im, ev);
	identity_note(im->identity, ev);
}

/* A file wins over markers. */
static bool read_host_facts(struct import *im, GError **error)
{
	if (im->marker_error)
		warn(im, "%s", im->marker_error->message);
	for (unsigned int i = 0; i < im->job->n_host_facts; i++) {
		const struct input_file *f = &im->job->host_facts[i]->files[0];
		g_autofree char *where = g_strdup_printf("'%s'", f->name);

		if (f->size > MAX_HOST_FACTS) {
			g_set_error(error, IMPORT_ERROR, 0, "%s: too large for host facts", where);
			return false;
		}
		if (!host_facts_add(im->host_facts, f->size ? (const char *)f->data : "", f->size, where, error))
			return false;
		im->host_facts_from = "file";
	}
	return true;
}

/* Without these there are no facts; where something is missing, that may be why. */
static bool check_content(const struct import *im, GError **error)
{
	const struct identity *id = im->identity;
	const GArray *gaps = identity_gaps(id);
	enum loss why = LOSS_BURST;
	const char *what = !identity_count(id, EV_SCHED_SWITCH) ? "no scheduler events (sched:sched_switch)" :
			   !identity_count(id, EV_KVM_EXIT) || !identity_count(id, EV_KVM_ENTRY) ?
			   "no KVM events (kvm:kvm_entry, kvm:kvm_exit; none were recorded, or no VM ran)" : NULL;

	/* pauses between bursts are no reason */
	for (guint i = 0; i < gaps->len && why == LOSS_BURST; i++)
		why = g_array_index(gaps, struct identity_gap, i).why;
	if (what && gaps->len && why != LOSS_BURST)
		g_set_error(error, IMPORT_ERROR, 0, "'%s': %s, and %s (%u gap%s in all)", im->job->inputs[0]->path,
			    what, loss_text(why), gaps->len, gaps->len == 1 ? "" : "s");
	else if (what)
		g_set_error(error, IMPORT_ERROR, 0, "'%s': %s", im->job->inputs[0]->path, what);
	return !what;
}

/*
 * Bursts of one recording have VMs in common. Of other boots, or hosts, times do not tell: monotonic clocks
 * begin anywhere.
 */
static void check_bursts(struct import *im)
{
	enum { BEFORE = 1, AFTER = 2 };
	const GPtrArray *threads = identity_threads(im->identity);
	const GArray *gaps = identity_gaps(im->identity);
	guint n_vms = identity_vms(im->identity)->len;

	for (guint i = 0; im->job->n_inputs > 1 && i < gaps->len; i++) {
		const struct identity_gap *gap = &g_array_index(gaps, struct identity_gap, i);
		g_autofree uint8_t *seen = g_new0(uint8_t, n_vms + 1);
		uint8_t any = 0, common = 0;

		for (guint k = 0; gap->why == LOSS_BURST && k < threads->len; k++) {
			const struct thread *t = threads->pdata[k];

			if (!t->vcpu)
				continue;
			seen[t->vcpu->vm->id] |= (t->t0 <= gap->t0 ? BEFORE : 0) | (t->t1 >= gap->t1 ? AFTER : 0);
			any |= seen[t->vcpu->vm->id];
			common |= seen[t->vcpu->vm->id] == (BEFORE | AFTER);
		}
		if (any != (BEFORE | AFTER) || common)
			continue;
		warn(im, "no VM is seen both before and after the pause at %.3f s: these are no bursts of one recording "
		     "if the host was booted in between, or is another", (gap->t0 - identity_span(im->identity)->t0) / 1e9);
		return;
	}
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

/* What counterspin record could not have, or gave up: recorder.lacks.0, .1 ... */
static void write_lacks(struct import *im)
{
	for (unsigned int i = 0;; i++) {
		g_autofree char *name = g_strdup_printf("recorder.lacks.%u", i), *reason = NULL;
		const char *text = host_facts_param(im->host_facts, name), *what, *why, *without;
		cJSON *lack;

		if (!text)
			break;
		lack = cJSON_Parse(text);
		what = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(lack, "what"));
		why = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(lack, "why"));
		without = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(lack, "without"));
		if (what && why) {
			reason = g_strdup_printf("the recorder did not have %s: %s", what, why);
			facts_unknowable(im->facts, without && *without ? without : what, reason);
		}
		cJSON_Delete(lack);
	}
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
				 im->job->ignore_probes ? "the probes were ignored" :
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
	write_lacks(im);
}

/* "host17.dat", or of bursts "host17-1.dat host17-2.dat" */
static char *file_names(const struct import_job *job)
{
	GString *names = g_string_new(NULL);

	for (unsigned int i = 0; i < job->n_inputs; i++) {
		g_autofree char *name = g_path_get_basename(job->inputs[i]->path);

		g_string_append_printf(names, i ? " %s" : "%s", name);
	}
	return g_string_free(names, FALSE);
}

static void write_recording(struct import *im, const char *sha256)
{
	const struct source_info *info = source_info(im->source);
	const struct identity_span *span = identity_span(im->identity);
	g_autofree char *name = file_names(im->job);
	int64_t lost = MAX(im->result.lost, info->overruns);

	if (info->overruns > im->result.lost) {
		facts_gap(im->facts, &(struct gap_row){
			.cpu = DB_NULL, .t0 = span->t_first, .t1 = span->t1,
			.events = info->overruns - im->result.lost,
			.why = loss_text(LOSS_UNPLACED),
		});
		im->result.gaps++;
	}
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

static bool read_pass(struct import *im, uint64_t wanted, void (*fn)(void *user, const struct event *ev),
		      GError **error)
{
	im->report->taken = 0;	/* before the pass counts, so that nobody sees both whole */
	im->report->pass++;
	return source_read(im->source, wanted, fn, im, &im->report->taken, error);
}

static bool run(struct import *im, GError **error)
{
	const struct import_job *job = im->job;
	struct model_input input;
	struct facts *facts;
	g_autofree char *sha256 = NULL;

	im->source = source_new(job->inputs, job->n_inputs, job->ignore_probes, error);
	if (!im->source)
		return false;
	im->hasher = g_thread_new("sha256", sha256_of, (void *)job);
	im->identity = identity_new();
	im->host_facts = host_facts_new();
	if (!read_pass(im, identity_wants(), first_pass, error) || !read_host_facts(im, error))
		return false;
	identity_settle(im->identity, im->host_facts);
	if (!check_content(im, error))
		return false;
	check_bursts(im);

	im->facts = facts_new(db_build_handle(job->build));
	input = (struct model_input){
		.probes = identity_count(im->identity, EV_ON_SPIN) > 0,
		.on_spin_ret = identity_count(im->identity, EV_ON_SPIN_RET) > 0,
		.yield_to = source_has(im->source, EV_YIELD_TO),
		.patched = host_facts_param(im->host_facts, "kvm.ipi_tracking_enabled") != NULL,
		.accepts = source_has(im->source, EV_KVM_APIC_ACCEPT_IRQ),
		.wakeups = identity_count(im->identity, EV_SCHED_WAKEUP) > 0,
		.wakings = identity_count(im->identity, EV_SCHED_WAKING) > 0,
	};
	im->model = model_new(im->facts, im->identity, &input);
	if (!read_pass(im, UINT64_MAX, second_pass, error))
		return false;
	model_finish(im->model, &im->result);
	if (im->result.decisions && im->result.decisions == im->result.tainted) {
		g_set_error(error, IMPORT_ERROR, 0, "'%s': no facts to trust: each of its %" G_GINT64_FORMAT
			    " decisions touches a gap", job->inputs[0]->path, im->result.decisions);
		return false;
	}
	source_for_each_count(im->source, count_type, im);
	write_host_params(im);
	write_unknowable(im);
	sha256 = g_thread_join(g_steal_pointer(&im->hasher));
	if (!sha256) {
		g_set_error(error, IMPORT_ERROR, 0, "cannot read '%s' to its end",
			    job->inputs[0]->path);
		return false;
	}
	write_recording(im, sha256);
	facts = g_steal_pointer(&im->facts);
	return facts_finish(facts, error) && db_build_close(job->build, error);
}

bool import_job_run(const struct import_job *job, struct import_report *report)
{
	struct import im = { .job = job, .report = report, .t_stop = T_BEFORE };
	g_autoptr(GError) error = NULL;
	bool ok = db_build_open(job->build, &error);

	/* from here on nothing that comes from the files can do more than end this process */
	if (!sandbox_close() && sandbox_is_built_in())
		warn(&im, "this kernel has no seccomp filters: the recording is read by a process that they do not confine");
	ok = ok && run(&im, &error);
	if (ok) {
		report->events = im.events;
		report->decisions = im.result.decisions;
		report->lost = MAX(im.result.lost, source_info(im.source)->overruns);
		report->gaps = im.result.gaps;
		report->pauses = im.result.pauses;
	} else {
		g_strlcpy(report->error, error->message, sizeof(report->error));
	}
	import_release(&im);
	return ok;
}
