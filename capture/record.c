// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin record - record the scheduler and KVM on a production host.
 */
#include "capture/record.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/check.h"
#include "capture/cost.h"
#include "capture/counters.h"
#include "capture/marks.h"
#include "capture/probes.h"
#include "capture/recorder.h"
#include "capture/recover.h"
#include "capture/trace_dat.h"
#include "capture/units.h"
#include "capture/vms.h"
#include "schema/command.h"

#define RECORD_ERROR (g_quark_from_static_string("record"))

enum { CHECK_MS = 1000, MAX_RING_BYTES = 4 << 20, MIN_RING_KIB = 64, FEWEST_VCPUS_DEEP = 4 };
#define MIN_FREE_BYTES (1ULL << 30)
#define MIN_FREE_SHARE 0.05
#define MAX_SHARE_OF_MEMORY 0.05	/* of what is available, for the rings, unless --buffer says more */

static gchar *option_output, *option_duration, *option_budget, *option_buffer, *option_max_size, *option_min_free;
static gchar *option_probes;
static gchar **option_vms;
static gdouble option_on_spin_rate = -1;	/* none */
static gboolean option_check, option_json, option_recover, option_anonymize, option_force;

static const GOptionEntry options[] = {
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &option_output,
	  "The recording to write (counterspin.dat)", "FILE" },
	{ "duration", 'd', 0, G_OPTION_ARG_STRING, &option_duration,
	  "How long: 500ms, 30s, 5m (until interrupted)", "TIME" },
	{ "vm", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_vms, "Only this VM; may be given more than once", "PID|NAME" },
	{ "on-spin-rate", 0, 0, G_OPTION_ARG_DOUBLE, &option_on_spin_rate,
	  "Keep the last seconds; write them when the host spins N times a second", "N" },
	{ "probes", 0, 0, G_OPTION_ARG_STRING, &option_probes, "Probes of decisions: auto, off or deep (auto)", "MODE" },
	{ "budget", 0, 0, G_OPTION_ARG_STRING, &option_budget,
	  "Share of the busiest CPU's time that recording may take; 0: any (2%)", "SHARE" },
	{ "buffer", 0, 0, G_OPTION_ARG_STRING, &option_buffer, "Memory for all CPUs' rings together (4M for each, "
	  "5% of what is available at most)", "SIZE" },
	{ "max-size", 0, 0, G_OPTION_ARG_STRING, &option_max_size, "End when so much is recorded (2G)", "SIZE" },
	{ "min-free", 0, 0, G_OPTION_ARG_STRING, &option_min_free,
	  "End when the disk has less room than this (1G, or 5% of the disk if that is less)", "SIZE" },
	{ "anonymize", 0, 0, G_OPTION_ARG_NONE, &option_anonymize, "Replace names and addresses by tokens", NULL },
	{ "force", 'f', 0, G_OPTION_ARG_NONE, &option_force, "Replace FILE if it exists", NULL },
	{ "check", 0, 0, G_OPTION_ARG_NONE, &option_check,
	  "Count for a second, say what recording would cost, record nothing", NULL },
	{ "json", 0, 0, G_OPTION_ARG_NONE, &option_json, "With --check: print JSON", NULL },
	{ "recover", 0, 0, G_OPTION_ARG_NONE, &option_recover,
	  "Save and remove what a killed recorder left", NULL },
	G_OPTION_ENTRY_NULL
};

static const struct command command = {
	.name = "record",
	.arguments = "[-- COMMAND…]",
	.summary = "Record the scheduler and KVM of this host, within a budget, into FILE.",
	.description = "FILE is a trace.dat, which trace-cmd and KernelShark read, too. 'counterspin import' makes\n"
		       "a database of it.",
	.options = options,
	.max_args = G_MAXINT,
};

/* What was asked for. */
struct wish {
	const char *path;
	uint64_t duration_ms, buffer_bytes, max_bytes, min_free_bytes;
	double budget;
	enum probes_mode probes;
	char **command;		/* NULL: none */
};

/* All that is under way; what cmd_record() has to undo. */
struct recording {
	struct wish wish;
	struct session *session;
	struct keeper guard;	/* until the recorder's own keeper watches */
	struct vm_list *all_vms;
	GPtrArray *vms;		/* chosen ones; NULL: all */
	struct probe_set *probes;
	struct plan *plan;
	struct check check;
	struct recorder recorder;
	struct marks marks;
	struct rlimit files;	/* as it was: of the command */
	_Atomic int *exec_errno;	/* why the command could not be run, told by its process; NULL: none */
	int release;		/* closed when the command may run; -1: there is none, or it does */
};

static bool parse_size(const char *option, const char *text, uint64_t *bytes)
{
	if (!text || units_size(text, bytes))
		return true;
	command_usage(&command, "'%s' is no size for %s; write 64M or 2G", text, option);
	return false;
}

static bool options_fit(const struct wish *w)
{
	const char *why = option_on_spin_rate == 0 || option_on_spin_rate < -1 ? "--on-spin-rate is more than 0" :
			  option_on_spin_rate > 0 && w->command ? "--on-spin-rate takes no COMMAND" :
			  option_json && !option_check ? "--json goes with --check only" :
			  option_check && w->command ? "--check takes no COMMAND" :
			  option_check && option_recover ? "--check and --recover do not go together" :
			  option_recover && (w->command || option_duration) ? "--recover takes neither COMMAND nor -d" : NULL;

	if (why)
		command_usage(&command, "%s", why);
	return !why;
}

static bool parse_wish(struct wish *w, int argc, char **argv)
{
	*w = (struct wish){ .path = option_output ? option_output : "counterspin.dat", .max_bytes = 2ULL << 30,
			    .budget = 0.02, .probes = PROBES_AUTO };
	if (argc > 1)
		w->command = argv + 1;
	if (option_duration && (!units_time(option_duration, &w->duration_ms) || !w->duration_ms)) {
		command_usage(&command, "'%s' is no time; write 500ms, 30s, 5m or 1h", option_duration);
		return false;
	}
	if (option_budget && !units_share(option_budget, &w->budget)) {
		command_usage(&command, "'%s' is no share; write 2%% or 0.02", option_budget);
		return false;
	}
	if (!parse_size("--buffer", option_buffer, &w->buffer_bytes) ||
	    !parse_size("--max-size", option_max_size, &w->max_bytes) ||
	    !parse_size("--min-free", option_min_free, &w->min_free_bytes))
		return false;
	if (option_probes && !probes_mode_parse(option_probes, &w->probes)) {
		command_usage(&command, "--probes is auto, off or deep, not '%s'", option_probes);
		return false;
	}
	return options_fit(w);
}

/* --- the kernel made ready --- */

static uint64_t available_memory(void)
{
	g_autofree char *text = NULL;
	const char *at;

	if (g_file_get_contents("/proc/meminfo", &text, NULL, NULL) && (at = strstr(text, "MemAvailable:")))
		return g_ascii_strtoull(at + strlen("MemAvailable:"), NULL, 10) * 1024;
	return (uint64_t)sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

/* Rings are never swapped, and a host that runs short of memory kills VMs. */
static bool choose_buffer(struct wish *w, unsigned int n_cpu, GError **error)
{
	uint64_t available = available_memory();

	if (!w->buffer_bytes)
		w->buffer_bytes = MIN((uint64_t)n_cpu * MAX_RING_BYTES, (uint64_t)(available * MAX_SHARE_OF_MEMORY));
	if (w->buffer_bytes <= available / 2)
		return true;
	g_set_error(error, RECORD_ERROR, 0, "--buffer=%s is more than half of the memory that is available (%.0f MB)",
		    option_buffer, available / 1e6);
	return false;
}

/* --min-free: a file system that is smaller than most gets by with less. */
static uint64_t default_min_free(const char *dir)
{
	struct statvfs fs;

	if (statvfs(dir, &fs))
		return MIN_FREE_BYTES;
	return MIN(MIN_FREE_BYTES, (uint64_t)(fs.f_blocks * fs.f_frsize * MIN_FREE_SHARE));
}

static bool set_up_instance(struct recording *rec, GError **error)
{
	struct instance *instance = instance_create(error);
	g_autofree char *kib = NULL;

	if (!instance)
		return false;
	rec->session->instance = instance;
	if (!choose_buffer(&rec->wish, instance->n_cpu, error))
		return false;
	kib = g_strdup_printf("%" G_GUINT64_FORMAT,
			      MAX(rec->wish.buffer_bytes / instance->n_cpu / 1024, MIN_RING_KIB));
	/* what a page of the ring holds when it is full, and nobody has taken it, is the newest or the oldest */
	if (option_anonymize) {
		instance_set_private(instance);
		instance_write(instance, "options/record-cmd", "0", NULL);	/* names for others to see */
	}
	return instance_write(instance, "trace_clock", "mono", error) &&
	       instance_write(instance, "options/overwrite", option_on_spin_rate > 0 ? "1" : "0", error) &&
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

static bool choose_vms(struct recording *rec, GError **error)
{
	rec->all_vms = vms_find("", error);
	if (!rec->all_vms)
		return false;
	for (char **name = option_vms; name && *name; name++) {
		struct vm_process *vm = vms_select(rec->all_vms, *name, error);

		if (!vm)
			return false;
		if (!rec->vms)
			rec->vms = g_ptr_array_new();
		g_ptr_array_add(rec->vms, vm);
	}
	return true;
}

static GArray *chosen_tids(const struct recording *rec)
{
	GArray *tids = rec->vms ? g_array_new(FALSE, FALSE, sizeof(int)) : NULL;

	for (unsigned int i = 0; tids && i < rec->vms->len; i++) {
		const struct vm_process *vm = rec->vms->pdata[i];

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
static char *probe_filter(const struct recording *rec)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (unsigned int i = 0; rec->vms && i < rec->vms->len; i++)
		g_string_append_printf(text, "%svm_pid == %d", i ? " || " : "",
				       ((struct vm_process *)rec->vms->pdata[i])->tgid);
	return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

static bool set_up_probes(struct recording *rec, GError **error)
{
	/* the kernel does not count what fprobes miss */
	struct probes_wanted wanted = { .mode = rec->wish.probes, .first = PROBE_KPROBE_BTF };

	wanted.n_vcpus = count_vcpus(rec->all_vms, &wanted.n_vcpus_vm);
	wanted.n_vcpus_vm = MAX(wanted.n_vcpus_vm, FEWEST_VCPUS_DEEP);	/* VMs may be started later */
	rec->probes = probes_plan("", &wanted);
	rec->session->probes = rec->probes->probes->len > 0;
	return probes_create(rec->probes, rec->session->instance->tracefs, error);
}

static bool make_plan(struct recording *rec, GError **error)
{
	g_autoptr(GArray) tids = chosen_tids(rec);
	g_autofree char *filter = probe_filter(rec);

	rec->plan = plan_new(rec->session->instance, tids, error);
	if (!rec->plan)
		return false;
	if (rec->vms && !tids)
		plan_lacks(rec->plan, "filter by vCPU", "the threads of some vCPUs are not known",
			   "events of all VMs are recorded");
	for (unsigned int i = 0; i < rec->probes->probes->len; i++) {
		const struct probe *p = rec->probes->probes->pdata[i];
		bool returns = g_str_has_suffix(p->event, "_ret");

		if (p->made)
			plan_add_probe(rec->plan, p->event, returns ? NULL : filter,
				       returns ? PLAN_WEIGHT_RETURN : PLAN_WEIGHT_PROBE);
	}
	for (unsigned int i = 0; i < rec->probes->refusals->len; i++) {
		const struct probe_refusal *r = rec->probes->refusals->pdata[i];

		plan_lacks(rec->plan, r->what, r->why, r->consequence);
	}
	if (rec->wish.probes == PROBES_OFF)
		plan_lacks(rec->plan, "probes", "--probes=off", "what each decision tried and what came of it is inferred");
	return true;
}

static void tell_lacks(const struct plan *plan)
{
	for (unsigned int i = 0; i < plan->lacks->len; i++) {
		const struct plan_lack *l = &g_array_index(plan->lacks, struct plan_lack, i);

		fprintf(stderr, "  no %s (%s)%s%s\n", l->what, l->why, *l->without ? "; so: " : "",
			l->without);
	}
}

/* Until recorder_run() has a keeper of its own, this one removes what is in the kernel. */
static bool set_up_kernel(struct recording *rec, GError **error)
{
	g_autoptr(GError) why = NULL;

	rec->session->probes = rec->wish.probes != PROBES_OFF;
	if (!keeper_start(&rec->guard, rec->session, error))
		return false;
	rec->session->probes = false;
	if (!choose_vms(rec, error) || !set_up_instance(rec, error))
		return false;
	rec->check.cost_ns = cost_measure(rec->session->instance, &why);
	if (!set_up_probes(rec, error) || !make_plan(rec, error))
		return false;
	if (why)
		plan_lacks(rec->plan, "cost of an event", why->message, "the budget cannot be kept");
	return true;
}

/* --- recording --- */

/* Fork now, so that it is there when the first event is; it runs when the pipe closes. */
static bool fork_command(struct recording *rec, GError **error)
{
	char **argv = rec->wish.command;
	int gate[2];
	char c;

	if (!argv)
		return true;
	rec->exec_errno = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (rec->exec_errno == MAP_FAILED || pipe2(gate, O_CLOEXEC)) {
		g_set_error(error, RECORD_ERROR, 0, "cannot make a pipe: %s", g_strerror(errno));
		return false;
	}
	fflush(NULL);
	rec->recorder.command = fork();
	if (!rec->recorder.command) {
		/* rings that it held open would keep the instance from being removed */
		dup2(gate[0], STDERR_FILENO + 1);
		close_range(STDERR_FILENO + 2, ~0U, 0);
		if (read(STDERR_FILENO + 1, &c, 1) != 1)	/* the recorder gave up */
			_exit(EXIT_FAILED);
		fcntl(STDERR_FILENO + 1, F_SETFD, FD_CLOEXEC);
		recorder_release_signals();
		setrlimit(RLIMIT_NOFILE, &rec->files);
		execvp(argv[0], argv);
		*rec->exec_errno = errno;
		_exit(127);
	}
	close(gate[0]);
	rec->release = rec->session->gate = gate[1];
	if (rec->recorder.command > 0)
		return true;
	g_set_error(error, RECORD_ERROR, 0, "cannot make a process: %s", g_strerror(errno));
	return false;
}

static void mark(void *user, const char *when, bool all)
{
	struct recording *rec = user;

	marks_write(&rec->marks, when, all);
	if (rec->release >= 0) {
		if (write(rec->release, "", 1) != 1)
			fprintf(stderr, "counterspin record: warning: the command cannot be started\n");
		close(rec->release);
		rec->release = rec->session->gate = -1;
	}
}

static void look(void *user)
{
	marks_look(&((struct recording *)user)->marks);
}

static bool make_head(struct recording *rec, GError **error)
{
	unsigned int n = rec->plan->events->len;
	g_autofree struct trace_dat_event *events = g_new(struct trace_dat_event, n);

	for (unsigned int i = 0; i < n; i++) {
		const struct plan_event *e = g_array_index(rec->plan->events, struct planned, i).event;

		events[i] = (struct trace_dat_event){ e->system, e->name };
	}
	rec->session->head = trace_dat_head(events, n, error);
	return rec->session->head && (!option_anonymize || session_anonymize(rec->session, error));
}

/* What the flight recorder waits for: decisions if they are probed, else PAUSE exits. */
static bool count_spins(struct recording *rec, GError **error)
{
	struct recorder *r = &rec->recorder;
	bool probed = false;

	if (option_on_spin_rate <= 0)
		return true;
	r->on_spin_rate = option_on_spin_rate;
	r->counters = counters_new(rec->session->instance->n_cpu);
	for (unsigned int i = 0; i < rec->plan->events->len; i++) {
		const struct planned *p = &g_array_index(rec->plan->events, struct planned, i);

		if (!strcmp(p->event->name, "on_spin")) {
			r->on_spin_counter = counters_add(r->counters, p->event->system, p->event->name, p->filter, NULL);
			probed = r->on_spin_counter >= 0;
		}
	}
	if (!probed)
		r->on_spin_counter = counters_add(r->counters, "kvm", "kvm_exit", check_pause_filter, error);
	return r->on_spin_counter >= 0;
}

static bool decide_budget(struct recording *rec, GError **error)
{
	struct budget b = check_budget(&rec->check, rec->plan, rec->wish.budget);
	g_autofree char *why = g_strdup_printf("given up to keep the budget of %.3g %%", rec->wish.budget * 100);

	rec->recorder.budget = (struct budget){ .duty = 1 };
	rec->recorder.weight = check_weight(&rec->check, rec->plan);
	/* what a command will do nobody can count yet */
	if (!rec->wish.budget || rec->check.cost_ns <= 0 || rec->wish.command)
		return true;
	if (!b.duty || (b.duty < 1 && option_on_spin_rate > 0)) {
		double all = check_budget(&rec->check, rec->plan, 1e9).overhead;

		g_set_error(error, RECORD_ERROR, 0, "the budget of %.3g %% cannot be kept: recording would take %.2g %% of "
			    "the busiest CPU's time%s\nhint: allow more with --budget, or choose VMs with --vm",
			    rec->wish.budget * 100, all * 100,
			    b.duty ? ", and a flight recorder cannot pause" : "");
		return false;
	}
	if (rec->wish.duration_ms && b.duty < 1 && rec->wish.duration_ms * b.duty < BUDGET_BURST_MS) {
		g_set_error(error, RECORD_ERROR, 0, "the budget of %.3g %% cannot be kept in so short a time: a burst of a "
			    "second is too much\nhint: record for %.0f s or longer, or allow more with --budget",
			    rec->wish.budget * 100, ceil(BUDGET_BURST_MS / 1000 / b.duty));
		return false;
	}
	rec->recorder.budget = b;
	if (b.shed)
		plan_shed(rec->plan, rec->session->instance, b.shed, why);
	return true;
}

static void set_up_recorder(struct recording *rec)
{
	struct recorder *r = &rec->recorder;
	struct wish *w = &rec->wish;

	r->session = rec->session;
	r->plan = rec->plan;
	r->limit = w->budget;
	r->cost_ns = rec->check.cost_ns;
	r->duration_ms = w->duration_ms;
	r->max_bytes = w->max_bytes;
	r->min_free_bytes = w->min_free_bytes;
	r->vms = rec->vms;
	r->mark = mark;
	r->look = look;
	r->user = rec;
	rec->marks = (struct marks){
		.instance = rec->session->instance, .plan = rec->plan, .probes = rec->probes, .recorder = r,
		.hide_by = option_anonymize ? &rec->session->key : NULL, .buffer_bytes = w->buffer_bytes,
		.mode = option_on_spin_rate > 0 ? "flight" : w->command ? "command" : w->duration_ms ? "duration" :
			"interrupt",
	};
}

static void tell_result(const struct recording *rec, const struct session_result *result)
{
	const struct recorder *r = &rec->recorder;

	fprintf(stderr, "counterspin record: %.1f s, %" G_GUINT64_FORMAT " events, %.1f MB in '%s'", r->ms / 1000.0,
		result->events, result->bytes / 1e6, rec->wish.path);
	if (r->n_bursts > 1)
		fprintf(stderr, ", in %u bursts", r->n_bursts);
	fprintf(stderr, "; ended as %s%s\n", r->why ? r->why : "it failed",
		r->on_spin_rate && !r->storm ? ", that rate was not reached" : "");
	if (r->cost_ns > 0)
		fprintf(stderr, "  it took about %.2g %% of the busiest CPU's time\n", r->overhead_mean * 100);
	if (result->lost)
		fprintf(stderr, "  %" G_GUINT64_FORMAT " events were lost on %u CPU%s: use a larger --buffer\n", result->lost,
			result->lossy_cpus, result->lossy_cpus == 1 ? "" : "s");
	if (r->command_failed && WIFEXITED(r->command_status))
		fprintf(stderr, "counterspin record: warning: the command ended with status %d\n",
			WEXITSTATUS(r->command_status));
	else if (r->command_failed)
		fprintf(stderr, "counterspin record: warning: the command was ended by signal %d\n",
			WTERMSIG(r->command_status));
}

static void tell_start(const struct recording *rec)
{
	unsigned int n_vms = rec->vms ? rec->vms->len : rec->all_vms->vms->len;

	fprintf(stderr, "counterspin record: recording %u kinds of events of %u VM%s", rec->plan->events->len, n_vms,
		n_vms == 1 ? "" : "s");
	if (option_on_spin_rate > 0)
		fprintf(stderr, " in memory, until %g decisions a second", option_on_spin_rate);
	if (!rec->wish.duration_ms && !rec->wish.command)
		fprintf(stderr, "; an interrupt ends it");
	fputc('\n', stderr);
	if (!n_vms && !rec->wish.command)
		fprintf(stderr, "counterspin record: warning: no VM runs on this host: as long as none does, there is nothing "
			"to import\n");
	tell_lacks(rec->plan);
}

static bool record(struct recording *rec, GError **error)
{
	struct session *s = rec->session;
	g_autofree char *dir = session_directory(s->path);
	struct session_result result;
	GError *why = NULL;
	bool ok;

	if (!option_min_free)
		rec->wish.min_free_bytes = default_min_free(dir);
	set_up_recorder(rec);
	if (!decide_budget(rec, error) || !make_head(rec, error) || !count_spins(rec, error))
		return false;
	s->overwrites = option_on_spin_rate > 0;
	s->min_free_bytes = rec->wish.min_free_bytes;
	s->spool = spool_new(s->instance, dir, error);
	if (!s->spool || !fork_command(rec, error))
		return false;
	rec->marks.spool = s->overwrites ? NULL : s->spool;
	marks_prepare(&rec->marks);
	if (!keeper_start(&rec->recorder.keeper, s, error))
		return false;
	keeper_dismiss(&rec->guard);
	tell_start(rec);
	ok = recorder_run(&rec->recorder, &why);
	if (!ok)
		fprintf(stderr, "counterspin record: %s\n", why->message);
	g_clear_error(&why);
	if (rec->exec_errno && *rec->exec_errno) {
		g_set_error(error, RECORD_ERROR, 0, "cannot run '%s': %s", rec->wish.command[0],
			    g_strerror(*rec->exec_errno));
		return false;
	}
	if (!session_finish(s, &result, error))
		return false;
	tell_result(rec, &result);
	if (!ok)
		g_set_error(error, RECORD_ERROR, 0, "'%s' ends where recording failed", s->path);
	return ok;
}

static bool check_only(struct recording *rec)
{
	struct budget b = check_budget(&rec->check, rec->plan, rec->wish.budget);

	(option_json ? check_print_json : check_print)(&rec->check, rec->plan, rec->all_vms, &b, rec->wish.budget);
	return true;
}

static bool run(struct recording *rec, GError **error)
{
	double cost;

	if (!set_up_kernel(rec, error))
		return false;
	cost = rec->check.cost_ns;
	if (!check_count(&rec->check, rec->plan, rec->session->instance->n_cpu, rec->wish.command ? 1 : CHECK_MS)) {
		g_set_error(error, RECORD_ERROR, 0, "interrupted; nothing was recorded");
		return false;
	}
	rec->check.cost_ns = cost;
	return option_check ? check_only(rec) : record(rec, error);
}

static void undo(struct recording *rec)
{
	struct keeper *keeper = &rec->recorder.keeper;

	if (rec->release >= 0)
		close(rec->release);
	session_abandon(rec->session);
	if (keeper->pid)
		keeper_dismiss(keeper);
	keeper_dismiss(&rec->guard);
	counters_free(rec->recorder.counters);
	check_clear(&rec->check);
	marks_clear(&rec->marks);
	if (rec->probes)
		probes_free(rec->probes);
	plan_free(rec->plan);
	if (rec->vms)
		g_ptr_array_unref(rec->vms);
	if (rec->all_vms)
		vms_free(rec->all_vms);
	session_free(rec->session);
}

/* What a killed recorder left is saved beside the recording that is to be made. */
static bool recover_first(const char *path, GError **error)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *stamp = g_date_time_format(now, "%Y%m%dT%H%M%S");
	g_autofree char *to = option_recover && option_output ? g_strdup(path) :
			      g_strdup_printf("%s.recovered-%s.dat", path, stamp);
	bool found, saved;

	if (!recover(to, option_anonymize, option_recover && option_force, &found, &saved, error))
		return false;
	if (option_recover && !found)
		fprintf(stderr, "counterspin record: nothing was left behind\n");
	return true;
}

/* Before anything is recorded: may it stand there, and is there room? */
static bool check_output(const struct wish *w, GError **error)
{
	static const char magic[] = "\x17\x08\x44tracing";
	g_autofree char *dir = session_directory(w->path);
	char begin[sizeof(magic) - 1];
	struct statvfs fs;
	struct stat st;
	int fd;
	bool ok;

	if (!*w->path || g_str_has_suffix(w->path, "/") || g_file_test(w->path, G_FILE_TEST_IS_DIR)) {
		g_set_error(error, RECORD_ERROR, 0, "'%s' is no name for a file", w->path);
		return false;
	}
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) || statvfs(dir, &fs)) {
		g_set_error(error, RECORD_ERROR, 0, "cannot make a file in '%s': %s", dir, g_strerror(errno));
		return false;
	}
	if (option_min_free && (uint64_t)fs.f_bavail * fs.f_frsize < w->min_free_bytes) {
		g_set_error(error, RECORD_ERROR, 0, "'%s' has less room than --min-free=%s already", dir, option_min_free);
		return false;
	}
	if (lstat(w->path, &st))
		return true;
	if (!option_force) {
		g_set_error(error, RECORD_ERROR, 0, "'%s' exists (--force replaces it)", w->path);
		return false;
	}
	fd = S_ISREG(st.st_mode) ? open(w->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	ok = fd >= 0 && (!st.st_size || (read(fd, begin, sizeof(begin)) == sizeof(begin) &&
					 !memcmp(begin, magic, sizeof(begin))));
	if (fd >= 0)
		close(fd);
	if (!ok)
		g_set_error(error, RECORD_ERROR, 0, "'%s' exists and is no trace.dat", w->path);
	return ok;
}

int cmd_record(int argc, char **argv)
{
	struct recording rec = { .release = -1 };
	g_autoptr(GError) error = NULL;
	int status;
	bool ok;

	if (!command_parse(&command, &argc, &argv, &status))
		return status;
	if (!parse_wish(&rec.wish, argc, argv))
		return EXIT_USAGE;
	if (!instance_possible(&error))
		return command_fail(&command, error);
	if (!option_check && !option_recover && !check_output(&rec.wish, &error))
		return command_fail(&command, error);
	getrlimit(RLIMIT_NOFILE, &rec.files);
	recorder_hold_signals();
	if (!recover_first(rec.wish.path, &error))
		return command_fail(&command, error);
	if (option_recover)
		return EXIT_FINE;
	rec.session = session_new();
	rec.session->path = g_strdup(rec.wish.path);
	rec.session->force = option_force;
	ok = (!option_anonymize || anonymize_key_make(&rec.session->key, &error)) && run(&rec, &error);
	undo(&rec);
	return ok ? EXIT_FINE : command_fail(&command, error);
}
