// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/model/facts.h"

enum table {
	VM, VCPU, THREAD, ON_CPU, EXIT_STAT, IPI, EOI, DECISION, CANDIDATE, ATTEMPT, GAP, EVENT_TYPE,
	HOST_PARAM, UNKNOWABLE, RECORDING, N_TABLES,
};

static const char *const table_names[N_TABLES] = {
	"vm", "vcpu", "thread", "on_cpu", "exit_stat", "ipi", "eoi", "decision", "candidate", "attempt",
	"gap", "event_type", "host_param", "unknowable", "recording",
};

struct facts {
	sqlite3_stmt *insert[N_TABLES];
	GError *error;
	/* the row under way */
	sqlite3_stmt *stmt;
	int column;
};

struct facts *facts_new(sqlite3 *db)
{
	struct facts *f = g_new0(struct facts, 1);

	for (unsigned int i = 0; i < N_TABLES; i++)
		f->insert[i] = db_prepare_insert(db, table_names[i]);
	return f;
}

bool facts_finish(struct facts *f, GError **error)
{
	bool ok = !f->error;

	for (unsigned int i = 0; i < N_TABLES; i++)
		sqlite3_finalize(f->insert[i]);
	if (f->error)
		g_propagate_error(error, f->error);
	g_free(f);
	return ok;
}

static void begin(struct facts *f, enum table table)
{
	f->stmt = f->insert[table];
	f->column = 0;
}

static void num(struct facts *f, int64_t value)
{
	db_bind_int(f->stmt, ++f->column, value);
}

static void text(struct facts *f, const char *value)
{
	db_bind_text(f->stmt, ++f->column, value);
}

static void bits(struct facts *f, uint64_t word)
{
	db_bind_bits(f->stmt, ++f->column, word);
}

static void end(struct facts *f)
{
	g_assert(f->column == sqlite3_bind_parameter_count(f->stmt));
	if (!f->error)
		db_run(f->stmt, &f->error);
}

void facts_vm(struct facts *f, const struct vm_row *row)
{
	begin(f, VM);
	num(f, row->id);
	text(f, row->name);
	num(f, row->tgid);
	num(f, row->n_vcpus);
	text(f, row->membership);
	num(f, row->idx_known);
	num(f, row->created);
	num(f, row->cpl_known);
	num(f, row->ipi_virtual);
	num(f, row->eoi_virtual);
	end(f);
}

void facts_vcpu(struct facts *f, const struct vcpu_row *row)
{
	begin(f, VCPU);
	num(f, row->id);
	num(f, row->vm);
	num(f, row->vcpu_idx);
	num(f, row->vcpu_id);
	num(f, row->n_pause);
	num(f, row->n_miss);
	end(f);
}

void facts_thread(struct facts *f, const struct thread_row *row)
{
	begin(f, THREAD);
	num(f, row->id);
	num(f, row->tid);
	num(f, row->tgid);
	text(f, row->comm);
	num(f, row->vcpu);
	text(f, row->cgroup);
	num(f, row->t0);
	num(f, row->t1);
	end(f);
}

void facts_on_cpu(struct facts *f, const struct on_cpu_row *row)
{
	begin(f, ON_CPU);
	num(f, row->id);
	num(f, row->thread);
	num(f, row->cpu);
	num(f, row->t_ready);
	num(f, row->cpu_ready);
	num(f, row->waker);
	num(f, row->t0);
	num(f, row->t1);
	num(f, row->prio);
	text(f, row->why);
	num(f, row->in_kvm_run);
	num(f, row->in_kernel);
	num(f, row->guest_ns);
	num(f, row->n_exit);
	end(f);
}

void facts_exit_stat(struct facts *f, const struct exit_stat_row *row)
{
	begin(f, EXIT_STAT);
	num(f, row->vcpu);
	num(f, row->second);
	num(f, row->exit_reason);
	num(f, row->n);
	num(f, row->handling_ns);
	text(f, row->histogram);
	end(f);
}

void facts_ipi(struct facts *f, const struct ipi_row *row)
{
	begin(f, IPI);
	num(f, row->id);
	num(f, row->sender);
	num(f, row->receiver);
	num(f, row->vector);
	text(f, row->mode);
	text(f, row->shorthand);
	text(f, row->path);
	num(f, row->n_receivers);
	num(f, row->t_send);
	num(f, row->t_accept);
	num(f, row->t_inject);
	num(f, row->t_ack);
	num(f, row->tracked);
	num(f, row->tainted);
	end(f);
}

void facts_eoi(struct facts *f, const struct eoi_row *row)
{
	begin(f, EOI);
	num(f, row->id);
	num(f, row->t);
	num(f, row->vcpu);
	num(f, row->vector);
	text(f, row->how);
	end(f);
}

void facts_decision(struct facts *f, const struct decision_row *row)
{
	begin(f, DECISION);
	num(f, row->id);
	num(f, row->vcpu);
	num(f, row->t_start);
	num(f, row->t_end);
	num(f, row->cpu);
	text(f, row->trigger);
	text(f, row->source);
	num(f, row->yield_to_kernel_mode);
	num(f, row->n_vcpus);
	num(f, row->ple_window);
	num(f, row->n_exit);
	num(f, row->n_eoi);
	num(f, row->nr_running);
	num(f, row->tainted);
	num(f, row->switched_out);
	num(f, row->next_idx);
	num(f, row->pick_idx);
	text(f, row->pick_source);
	num(f, row->result);
	num(f, row->probed_kernel_mode);
	num(f, row->last_boosted);
	num(f, row->ipi_pending);
	num(f, row->ipi_receiver);
	num(f, row->ipi_time_ns);
	end(f);
}

void facts_candidate(struct facts *f, const struct candidate_row *row)
{
	const uint64_t *const probed[] = {
		&row->probed, &row->probed_ready, &row->probed_preempted, &row->probed_in_kernel,
		&row->probed_in_spin_loop, &row->probed_dy_eligible,
	};

	begin(f, CANDIDATE);
	num(f, row->decision);
	num(f, row->word);
	bits(f, row->ready);
	bits(f, row->preempted);
	bits(f, row->in_kernel);
	bits(f, row->blocking);
	bits(f, row->dy_runnable);
	bits(f, row->pending_irq);
	bits(f, row->on_cpu);
	bits(f, row->queued);
	bits(f, row->in_spin_loop);
	bits(f, row->rq_single);
	bits(f, row->state_known);
	bits(f, row->in_kernel_known);
	bits(f, row->irq_known);
	bits(f, row->spin_known);
	bits(f, row->racy);
	for (unsigned int i = 0; i < G_N_ELEMENTS(probed); i++) {
		if (row->has_probed)
			bits(f, *probed[i]);
		else
			num(f, DB_NULL);
	}
	end(f);
}

void facts_attempt(struct facts *f, const struct attempt_row *row)
{
	begin(f, ATTEMPT);
	num(f, row->decision);
	num(f, row->n);
	num(f, row->target_idx);
	num(f, row->result);
	num(f, row->t_call);
	num(f, row->t_ret);
	text(f, row->source);
	end(f);
}

void facts_gap(struct facts *f, const struct gap_row *row)
{
	begin(f, GAP);
	num(f, row->cpu);
	num(f, row->t0);
	num(f, row->t1);
	num(f, row->events);
	text(f, row->why);
	end(f);
}

void facts_event_type(struct facts *f, const struct event_type_row *row)
{
	begin(f, EVENT_TYPE);
	text(f, row->system);
	text(f, row->name);
	num(f, row->n);
	num(f, row->used);
	text(f, row->reason);
	end(f);
}

void facts_recording(struct facts *f, const struct recording_row *row)
{
	begin(f, RECORDING);
	text(f, row->path);
	text(f, row->sha256);
	text(f, row->format);
	text(f, row->kernel);
	text(f, row->machine);
	text(f, row->clock);
	text(f, row->isa);
	num(f, row->n_cpu);
	num(f, row->t0);
	num(f, row->t1);
	num(f, row->realtime_offset);
	num(f, row->events);
	num(f, row->used);
	num(f, row->ignored);
	num(f, row->lost);
	text(f, row->host_facts);
	num(f, row->probes);
	text(f, row->importer);
	end(f);
}

void facts_host_param(struct facts *f, const char *name, const char *when, const char *value)
{
	begin(f, HOST_PARAM);
	text(f, name);
	text(f, when);
	text(f, value);
	end(f);
}

void facts_unknowable(struct facts *f, const char *what, const char *why)
{
	begin(f, UNKNOWABLE);
	text(f, what);
	text(f, why);
	end(f);
}
