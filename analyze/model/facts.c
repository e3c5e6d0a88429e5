// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The model fills batches of rows, a thread of its own writes them: SQLite takes
 * a batch at a time through a virtual table ("INSERT INTO on_cpu SELECT * FROM
 * rows_of_on_cpu"), which costs half of a prepared INSERT a row.
 */
#include "analyze/model/facts.h"

#include <string.h>

#include "analyze/source/event.h"
#include "schema/clean.h"
#include "schema/db_rows.h"
#include "schema/last_words.h"

enum table {
	VM, VCPU, THREAD, ON_CPU, EXIT_STAT, IPI, EOI, DECISION, CANDIDATE, ATTEMPT, GAP, EVENT_TYPE,
	HOST_PARAM, UNKNOWABLE, RECORDING, N_TABLES,
};

static const char *const table_names[N_TABLES] = {
	"vm", "vcpu", "thread", "on_cpu", "exit_stat", "ipi", "eoi", "decision", "candidate", "attempt",
	"gap", "event_type", "host_param", "unknowable", "recording",
};

/* what readers refuse is not written */
G_STATIC_ASSERT(T_LATEST == DB_LATEST);

enum { N_BATCHES = 64 };	/* of all tables; when all are full the model waits */

struct facts {
	struct db_rows *tables[N_TABLES];
	struct db_batch *filling[N_TABLES];	/* NULL: none */
	GAsyncQueue *empty, *full;
	GThread *writer;
	GError *error;			/* the writer's, until it has ended */
	/* the row under way */
	struct db_batch *batch;
};

/* A batch of no table ends the writer. */
static void *write_batches(void *user)
{
	struct facts *f = user;
	struct db_batch *batch;

	last_words_thread();
	while ((batch = g_async_queue_pop(f->full))->table) {
		if (!f->error)
			db_rows_insert(batch, &f->error);
		g_async_queue_push(f->empty, batch);
	}
	g_async_queue_push(f->empty, batch);
	return NULL;
}

struct facts *facts_new(sqlite3 *db)
{
	struct facts *f = g_new0(struct facts, 1);

	f->empty = g_async_queue_new();
	f->full = g_async_queue_new();
	for (unsigned int i = 0; i < N_TABLES; i++)
		f->tables[i] = db_rows_new(db, table_names[i]);
	for (unsigned int i = 0; i < N_BATCHES; i++)
		g_async_queue_push(f->empty, db_batch_new());
	f->writer = g_thread_new("database", write_batches, f);
	return f;
}

bool facts_finish(struct facts *f, GError **error)
{
	bool ok;
	struct db_batch *batch;

	for (unsigned int i = 0; i < N_TABLES; i++)
		if (f->filling[i])
			g_async_queue_push(f->full, f->filling[i]);
	batch = g_async_queue_pop(f->empty);
	batch->table = NULL;
	g_async_queue_push(f->full, batch);
	g_thread_join(f->writer);
	while ((batch = g_async_queue_try_pop(f->empty)))
		db_batch_free(batch);
	for (unsigned int i = 0; i < N_TABLES; i++)
		db_rows_free(f->tables[i]);
	g_async_queue_unref(f->empty);
	g_async_queue_unref(f->full);
	ok = !f->error;
	if (f->error)
		g_propagate_error(error, f->error);
	g_free(f);
	return ok;
}

static void begin(struct facts *f, enum table table)
{
	struct db_batch *batch = f->filling[table];

	if (!batch) {
		batch = g_async_queue_pop(f->empty);
		db_batch_begin(batch, f->tables[table]);
		f->filling[table] = batch;
	}
	f->batch = batch;
}

static inline void num(struct facts *f, int64_t value)
{
	db_batch_int(f->batch, value);
}

/* A text that lives as long as the program. */
static inline void word(struct facts *f, const char *value)
{
	db_batch_word(f->batch, value);
}

static void text(struct facts *f, const char *value)
{
	const char *p = value;
	g_autofree char *clean = NULL;

	while (p && *p >= ' ' && *p < 0x7f)
		p++;
	if (p && *p)
		value = clean = clean_text(value);
	db_batch_text(f->batch, value);
}

static inline void bits(struct facts *f, uint64_t w)
{
	db_batch_bits(f->batch, w);
}

static void end(struct facts *f, enum table table)
{
	if (db_batch_end_row(f->batch)) {
		g_async_queue_push(f->full, f->batch);
		f->filling[table] = NULL;
	}
}

void facts_vm(struct facts *f, const struct vm_row *row)
{
	begin(f, VM);
	num(f, row->id);
	text(f, row->name);
	num(f, row->tgid);
	num(f, row->n_vcpus);
	word(f, row->membership);
	num(f, row->idx_known);
	num(f, row->created);
	num(f, row->cpl_known);
	num(f, row->ipi_virtual);
	num(f, row->eoi_virtual);
	end(f, VM);
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
	end(f, VCPU);
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
	end(f, THREAD);
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
	word(f, row->why);
	num(f, row->in_kvm_run);
	num(f, row->in_kernel);
	num(f, row->guest_ns);
	num(f, row->n_exit);
	end(f, ON_CPU);
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
	end(f, EXIT_STAT);
}

void facts_ipi(struct facts *f, const struct ipi_row *row)
{
	begin(f, IPI);
	num(f, row->id);
	num(f, row->sender);
	num(f, row->receiver);
	num(f, row->vector);
	word(f, row->mode);
	word(f, row->shorthand);
	word(f, row->path);
	num(f, row->n_receivers);
	num(f, row->t_send);
	num(f, row->t_accept);
	num(f, row->t_inject);
	num(f, row->t_ack);
	num(f, row->tracked);
	num(f, row->tainted);
	end(f, IPI);
}

void facts_eoi(struct facts *f, const struct eoi_row *row)
{
	begin(f, EOI);
	num(f, row->id);
	num(f, row->t);
	num(f, row->vcpu);
	num(f, row->vector);
	word(f, row->how);
	end(f, EOI);
}

void facts_decision(struct facts *f, const struct decision_row *row)
{
	begin(f, DECISION);
	num(f, row->id);
	num(f, row->vcpu);
	num(f, row->t_start);
	num(f, row->t_end);
	num(f, row->cpu);
	word(f, row->trigger);
	word(f, row->source);
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
	word(f, row->pick_source);
	num(f, row->result);
	num(f, row->probed_kernel_mode);
	num(f, row->last_boosted);
	num(f, row->ipi_pending);
	num(f, row->ipi_receiver);
	num(f, row->ipi_time_ns);
	end(f, DECISION);
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
	end(f, CANDIDATE);
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
	word(f, row->source);
	end(f, ATTEMPT);
}

void facts_gap(struct facts *f, const struct gap_row *row)
{
	begin(f, GAP);
	num(f, row->cpu);
	num(f, row->t0);
	num(f, row->t1);
	num(f, row->events);
	word(f, row->why);
	end(f, GAP);
}

void facts_event_type(struct facts *f, const struct event_type_row *row)
{
	begin(f, EVENT_TYPE);
	text(f, row->system);
	text(f, row->name);
	num(f, row->n);
	num(f, row->used);
	text(f, row->reason);
	end(f, EVENT_TYPE);
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
	end(f, RECORDING);
}

void facts_host_param(struct facts *f, const char *name, const char *when, const char *value)
{
	begin(f, HOST_PARAM);
	text(f, name);
	text(f, when);
	text(f, value);
	end(f, HOST_PARAM);
}

void facts_unknowable(struct facts *f, const char *what, const char *why)
{
	begin(f, UNKNOWABLE);
	text(f, what);
	text(f, why);
	end(f, UNKNOWABLE);
}
