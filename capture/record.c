// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin record - record the scheduler and KVM on a production host.
 */
#include "capture/record.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "capture/check.h"
#include "capture/counters.h"
#include "capture/marks.h"
#include "capture/prepare.h"
#include "capture/recorder.h"
#include "capture/recover.h"
#include "capture/trace_dat.h"
#include "capture/user_command.h"
#include "capture/wish.h"

#define RECORD_ERROR (g_quark_from_static_string("record"))

enum { CHECK_MS = 1000 };

/* All that is under way; what cmd_record() has to undo. */
struct recording {
	struct wish wish;
	struct session *session;
	struct keeper guard;	/* until the recorder's own keeper watches */
	struct prepared prepared;
	struct check check;
	struct recorder recorder;
	struct marks marks;
	struct user_command command;
	struct rlimit files;	/* as it was: of the command */
};

static void tell_lacks(const struct plan *plan)
{
	for (unsigned int i = 0; i < plan->lacks->len; i++) {
		const struct plan_lack *l = &g_array_index(plan->lacks, struct plan_lack, i);

		fprintf(stderr, "  no %s (%s)%s%s\n", l->what, l->why, *l->without ? "; so: " : "",
			l->without);
	}
}

static void mark(void *user, const char *when, bool all)
{
	struct recording *rec = user;

	marks_write(&rec->marks, when, all);
	user_command_run(&rec->command);
	rec->session->gate = -1;
}

static void look(void *user)
{
	marks_look(&((struct recording *)user)->marks);
}

static bool make_head(struct recording *rec, GError **error)
{
	const GArray *planned = rec->prepared.plan->events;
	unsigned int n = planned->len;
	g_autofree struct trace_dat_event *events = g_new(struct trace_dat_event, n);

	for (unsigned int i = 0; i < n; i++) {
		const struct plan_event *e = g_array_index(planned, struct planned, i).event;

		events[i] = (struct trace_dat_event){ e->system, e->name };
	}
	rec->session->head = trace_dat_head(events, n, error);
	return rec->session->head && (!rec->wish.anonymize || session_anonymize(rec->session, error));
}

/* What the flight recorder waits for: decisions if they are probed, else PAUSE exits. */
static bool count_spins(struct recording *rec, GError **error)
{
	struct recorder *r = &rec->recorder;
	bool probed = false;

	if (!rec->wish.on_spin_rate)
		return true;
	r->on_spin_rate = rec->wish.on_spin_rate;
	r->counters = counters_new(rec->session->instance->n_cpu);
	for (unsigned int i = 0; i < rec->prepared.plan->events->len; i++) {
		const struct planned *p = &g_array_index(rec->prepared.plan->events, struct planned, i);

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
	struct budget b = check_budget(&rec->check, rec->prepared.plan, rec->wish.budget);
	g_autofree char *why = g_strdup_printf("given up to keep the budget of %.3g %%", rec->wish.budget * 100);

	rec->recorder.budget = (struct budget){ .duty = 1 };
	rec->recorder.weight = check_weight(&rec->check, rec->prepared.plan);
	/* what a command will do nobody can count yet */
	if (!rec->wish.budget || rec->check.cost_ns <= 0 || rec->wish.command)
		return true;
	if (!b.duty || (b.duty < 1 && rec->wish.on_spin_rate)) {
		double all = check_budget(&rec->check, rec->prepared.plan, 1e9).overhead;

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
		plan_shed(rec->prepared.plan, rec->session->instance, b.shed, why);
	return true;
}

static void set_up_recorder(struct recording *rec)
{
	struct recorder *r = &rec->recorder;
	struct wish *w = &rec->wish;

	r->session = rec->session;
	r->plan = rec->prepared.plan;
	r->limit = w->budget;
	r->cost_ns = rec->prepared.cost_ns;
	r->duration_ms = w->duration_ms;
	r->max_bytes = w->max_bytes;
	r->min_free_bytes = w->min_free_bytes;
	r->vms = rec->prepared.vms;
	r->command = rec->command.pid;
	r->mark = mark;
	r->look = look;
	r->user = rec;
	rec->marks = (struct marks){
		.instance = rec->session->instance, .plan = rec->prepared.plan, .probes = rec->prepared.probes, .recorder = r,
		.hide_by = w->anonymize ? &rec->session->key : NULL, .buffer_bytes = rec->prepared.buffer_bytes,
		.mode = w->on_spin_rate ? "flight" : w->command ? "command" : w->duration_ms ? "duration" :
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
	const struct prepared *p = &rec->prepared;
	unsigned int n_vms = p->vms ? p->vms->len : p->all_vms->vms->len;

	fprintf(stderr, "counterspin record: recording %u kinds of events of %u VM%s", rec->prepared.plan->events->len, n_vms,
		n_vms == 1 ? "" : "s");
	if (rec->wish.on_spin_rate)
		fprintf(stderr, " in memory, until %g decisions a second", rec->wish.on_spin_rate);
	if (!rec->wish.duration_ms && !rec->wish.command)
		fprintf(stderr, "; an interrupt ends it");
	fputc('\n', stderr);
	if (!n_vms && !rec->wish.command)
		fprintf(stderr, "counterspin record: warning: no VM runs on this host: as long as none does, there is nothing "
			"to import\n");
	tell_lacks(rec->prepared.plan);
}

static bool record(struct recording *rec, GError **error)
{
	struct session *s = rec->session;
	g_autofree char *dir = session_directory(s->path);
	struct session_result result;
	GError *why = NULL;
	bool ok;

	s->overwrites = rec->wish.on_spin_rate > 0;
	s->min_free_bytes = rec->wish.min_free_bytes;
	if (!decide_budget(rec, error) || !make_head(rec, error) || !count_spins(rec, error))
		return false;
	s->spool = spool_new(s->instance, dir, error);
	if (!s->spool)
		return false;
	if (rec->wish.command && !user_command_fork(&rec->command, rec->wish.command, &rec->files, error))
		return false;
	s->gate = rec->command.gate;
	set_up_recorder(rec);
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
	if (user_command_errno(&rec->command)) {
		g_set_error(error, RECORD_ERROR, 0, "cannot run '%s': %s", rec->wish.command[0],
			    g_strerror(user_command_errno(&rec->command)));
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
	struct budget b = check_budget(&rec->check, rec->prepared.plan, rec->wish.budget);

	(rec->wish.json ? check_print_json : check_print)(&rec->check, rec->prepared.plan, rec->prepared.all_vms, &b,
							  rec->wish.budget);
	return true;
}

static bool run(struct recording *rec, GError **error)
{
	struct session *s = rec->session;

	/* the guard removes what is there; that there are no probes as yet does no harm */
	s->probes = rec->wish.probes != PROBES_OFF;
	if (!keeper_start(&rec->guard, s, error))
		return false;
	s->probes = false;
	if (!prepare(&rec->prepared, &rec->wish, s, error))
		return false;
	rec->check.cost_ns = rec->prepared.cost_ns;
	/* what a command will do nobody can count yet */
	if (!rec->wish.command && !check_count(&rec->check, rec->prepared.plan, s->instance->n_cpu, CHECK_MS)) {
		g_set_error(error, RECORD_ERROR, 0, "interrupted; nothing was recorded");
		return false;
	}
	return rec->wish.check ? check_only(rec) : record(rec, error);
}

static void undo(struct recording *rec)
{
	user_command_clear(&rec->command);
	session_abandon(rec->session);
	keeper_dismiss(&rec->recorder.keeper);
	keeper_dismiss(&rec->guard);
	counters_free(rec->recorder.counters);
	check_clear(&rec->check);
	marks_clear(&rec->marks);
	prepared_clear(&rec->prepared);
	session_free(rec->session);
}

/* What a killed recorder left is saved beside the recording that is to be made. */
static bool recover_first(const struct wish *w, GError **error)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *stamp = g_date_time_format(now, "%Y%m%dT%H%M%S");
	g_autofree char *to = w->recover && w->path_given ? g_strdup(w->path) :
			      g_strdup_printf("%s.recovered-%s.dat", w->path, stamp);
	bool found;

	if (!recover(to, w->anonymize, w->recover, w->recover && w->force, &found, error))
		return false;
	if (w->recover && !found)
		fprintf(stderr, "counterspin record: nothing was left behind\n");
	return true;
}

int cmd_record(int argc, char **argv)
{
	struct recording rec = { .command = USER_COMMAND_NONE };
	const struct wish *w = &rec.wish;
	g_autoptr(GError) error = NULL;
	int status;
	bool ok;

	if (!wish_parse(&rec.wish, argc, argv, &status))
		return status;
	if (!instance_possible(&error) || (!w->check && !w->recover && !wish_check_output(&rec.wish, &error)))
		return command_fail(&record_command, error);
	getrlimit(RLIMIT_NOFILE, &rec.files);
	recorder_hold_signals();
	if (!recover_first(w, &error))
		return command_fail(&record_command, error);
	if (w->recover)
		return EXIT_FINE;
	rec.session = session_new();
	rec.session->path = g_strdup(w->path);
	rec.session->force = w->force;
	ok = (!w->anonymize || anonymize_key_make(&rec.session->key, &error)) && run(&rec, &error);
	undo(&rec);
	return ok ? EXIT_FINE : command_fail(&record_command, error);
}
