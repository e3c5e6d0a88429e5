// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/recorded.h"

#include <string.h>

#include "schema/clean.h"

#define MAX_VCPUS 4096	/* KVM_MAX_VCPUS, arch/x86/include/asm/kvm_host.h, 6.1 to 7.2 */

static bool load_vms(struct recorded *r, GError **error)
{
	g_autoptr(db_stmt) vms = db_prepare(r->db,
		"SELECT id, label, n_vcpus, membership <> 'unknown', created, NOT eoi_virtual, ipi_virtual "
		"FROM vm JOIN vm_label ON vm_label.vm = vm.id ORDER BY id");
	g_autoptr(db_stmt) vcpus = db_prepare(r->db, "SELECT id, vm, vcpu_idx FROM vcpu ORDER BY id");
	g_autoptr(GHashTable) index = g_hash_table_new(NULL, NULL);
	g_autoptr(GArray) list = g_array_new(FALSE, TRUE, sizeof(struct recorded_vm));
	g_autoptr(GArray) members = g_array_new(FALSE, TRUE, sizeof(struct recorded_vcpu));
	GError *failed = NULL;

	while (db_next(vms, &failed)) {
		struct recorded_vm vm = {
			.id = db_column(vms, 0), .label = clean_column(vms, 1),
			.n_vcpus = CLAMP(db_column(vms, 2), 0, 65536), .whole = db_column(vms, 3),
			.created = db_column(vms, 4), .acks_visible = db_column(vms, 5),
			.ipis_hidden = db_column(vms, 6),
		};

		if (db_column(vms, 2) < 1 || db_column(vms, 2) > MAX_VCPUS) {
			failed = g_error_new(RECORDED_ERROR, 0, "damaged: VM %" G_GINT64_FORMAT " of %"
					     G_GINT64_FORMAT " vCPUs", vm.id, db_column(vms, 2));
			g_free(vm.label);
			break;
		}
		vm.n_words = (vm.n_vcpus + 63) / 64;
		vm.first = r->n_slots;
		r->n_slots += vm.n_vcpus;
		r->max_words = MAX(r->max_words, vm.n_words);
		g_hash_table_insert(index, GSIZE_TO_POINTER(vm.id), GUINT_TO_POINTER(list->len + 1));
		g_array_append_val(list, vm);
	}
	g_array_set_size(members, 1);
	while (!failed && db_next(vcpus, &failed)) {
		guint vm = GPOINTER_TO_UINT(g_hash_table_lookup(index, GSIZE_TO_POINTER(db_column(vcpus, 1))));
		struct recorded_vcpu vcpu = { .vm = vm - 1, .idx = db_column(vcpus, 2) };

		if (!vm || db_column(vcpus, 0) != members->len ||
		    vcpu.idx >= g_array_index(list, struct recorded_vm, vm - 1).n_vcpus) {
			failed = g_error_new(RECORDED_ERROR, 0, "damaged: vcpu %" G_GINT64_FORMAT
					     " fits no VM", db_column(vcpus, 0));
			break;
		}
		g_array_append_val(members, vcpu);
	}
	r->n_vms = list->len;
	r->n_vcpus = members->len - 1;
	r->vms = (struct recorded_vm *)g_array_free(g_steal_pointer(&list), FALSE);
	r->vcpus = (struct recorded_vcpu *)g_array_free(g_steal_pointer(&members), FALSE);
	for (unsigned int vm = 0; vm < r->n_vms; vm++)
		r->vms[vm].vcpus = g_new0(unsigned int, r->vms[vm].n_vcpus + 1);
	for (unsigned int v = 1; v <= r->n_vcpus; v++)
		r->vms[r->vcpus[v].vm].vcpus[r->vcpus[v].idx] = v;
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

struct recorded *recorded_open(sqlite3 *db, GError **error)
{
	struct recorded *r = g_new0(struct recorded, 1);
	g_autoptr(db_stmt) recording = db_prepare(db, "SELECT kernel, t0, t1, probes, n_cpu, (SELECT max(id) FROM decision) FROM recording");
	GError *failed = NULL;

	r->db = db;
	if (!db_next(recording, &failed)) {
		if (!failed)
			failed = g_error_new(RECORDED_ERROR, 0, "damaged: it has no recording");
		g_propagate_error(error, failed);
		recorded_free(r);
		return NULL;
	}
	r->kernel = clean_column(recording, 0);
	r->t0 = db_column(recording, 1);
	r->t1 = db_column(recording, 2);
	r->probes = db_column(recording, 3);
	if (db_column(recording, 4) < 1 || db_column(recording, 4) > RECORDED_MAX_CPUS) {
		g_set_error(error, RECORDED_ERROR, 0, "damaged: a recording of %" G_GINT64_FORMAT " CPUs",
			    db_column(recording, 4));
		recorded_free(r);
		return NULL;
	}
	r->n_cpu = db_column(recording, 4);
	r->n_decisions = MAX(db_column(recording, 5), 0);	/* none: DB_NULL */
	if (!load_vms(r, error)) {
		recorded_free(r);
		return NULL;
	}
	r->decision.bits = g_new0(uint64_t, (gsize)N_BITS * (r->max_words + 1));
	r->decision.attempts = g_array_new(FALSE, FALSE, sizeof(struct attempt));
	recorded_rewind(r);
	return r;
}

static void finalize_streams(struct recorded *r)
{
	g_clear_pointer(&r->decisions, sqlite3_finalize);
	g_clear_pointer(&r->candidates, sqlite3_finalize);
	g_clear_pointer(&r->attempts, sqlite3_finalize);
	g_clear_pointer(&r->ipis, sqlite3_finalize);
	g_clear_pointer(&r->eois, sqlite3_finalize);
	g_clear_pointer(&r->gaps, sqlite3_finalize);
	g_clear_pointer(&r->runs, sqlite3_finalize);
}

void recorded_free(struct recorded *r)
{
	if (!r)
		return;
	finalize_streams(r);
	for (unsigned int i = 0; i < r->n_vms; i++) {
		g_free(r->vms[i].label);
		g_free(r->vms[i].vcpus);
	}
	g_free(r->vms);
	g_free(r->vcpus);
	g_free(r->kernel);
	g_free(r->decision.bits);
	if (r->decision.attempts)
		g_array_unref(r->decision.attempts);
	g_free(r);
}

void recorded_rewind(struct recorded *r)
{
	finalize_streams(r);
	r->decisions = db_prepare(r->db,
		"SELECT id, vcpu, t_start, t_end, cpu, n_vcpus, source = 'probe', yield_to_kernel_mode, "
		"probed_kernel_mode, last_boosted, nr_running, ipi_pending, ipi_receiver, ipi_time_ns, tainted, "
		"pick_source NOT NULL, pick_idx, switched_out, next_idx, n_eoi, ple_window FROM decision ORDER BY id");
	r->candidates = db_prepare(r->db,
		"SELECT decision, word, ready, preempted, in_kernel, blocking, dy_runnable, pending_irq, on_cpu, "
		"queued, in_spin_loop, rq_single, state_known, in_kernel_known, irq_known, spin_known, racy, probed, "
		"probed_ready, probed_preempted, probed_in_kernel, probed_in_spin_loop, probed_dy_eligible "
		"FROM candidate ORDER BY decision, word");
	r->attempts = db_prepare(r->db,
		"SELECT decision, target_idx, result, t_call, t_ret FROM attempt ORDER BY decision, n");
	r->ipis = db_prepare(r->db,
		"SELECT sender, receiver, vector, tracked, n_receivers = 1 AND mode = 'fixed', t_accept, t_ack "
		"FROM ipi WHERE receiver NOT NULL AND t_accept NOT NULL ORDER BY t_accept, id");
	r->eois = db_prepare(r->db, "SELECT t, vcpu, vector, how FROM eoi ORDER BY id");
	r->gaps = db_prepare(r->db, "SELECT t0, t1 FROM gap WHERE t1 > t0 ORDER BY t1");
	r->runs = db_prepare(r->db,
		"SELECT on_cpu.t0, vcpu, cpu FROM on_cpu JOIN thread ON thread.id = thread WHERE vcpu NOT NULL "
		"ORDER BY on_cpu.id");
	r->have_candidate = r->have_attempt = false;
}

static bool damaged(GError **error, const char *what, int64_t id)
{
	g_set_error(error, RECORDED_ERROR, 0, "damaged: %s %" G_GINT64_FORMAT " does not fit its VM", what, id);
	return false;
}

static bool damaged_time(GError **error, const char *what, int64_t id)
{
	g_set_error(error, RECORDED_ERROR, 0, "damaged: %s %" G_GINT64_FORMAT " is at no time", what, id);
	return false;
}

static const struct recorded_vcpu *vcpu_of(const struct recorded *r, int64_t id)
{
	return id >= 1 && id <= r->n_vcpus ? &r->vcpus[id] : NULL;
}

static bool read_candidates(struct recorded *r, struct recorded_decision *d, GError **error)
{
	unsigned int n_words = r->vms[d->vm].n_words;
	GError *failed = NULL;

	memset(d->bits, 0, (gsize)N_BITS * n_words * sizeof(uint64_t));
	for (;;) {
		int64_t word;

		if (!r->have_candidate && !db_next(r->candidates, &failed))
			break;
		r->have_candidate = db_column(r->candidates, 0) > d->id;
		if (db_column(r->candidates, 0) != d->id)
			break;
		word = db_column(r->candidates, 1);
		if (word < 0 || word >= n_words)
			return damaged(error, "candidate word", word);
		for (unsigned int b = 0; b < N_BITS; b++)
			d->bits[b * n_words + word] = db_column_bits(r->candidates, 2 + b);
	}
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

static bool read_attempts(struct recorded *r, struct recorded_decision *d, GError **error)
{
	GError *failed = NULL;

	g_array_set_size(d->attempts, 0);
	for (;;) {
		struct attempt a;
		int64_t target, result;

		if (!r->have_attempt && !db_next(r->attempts, &failed))
			break;
		r->have_attempt = db_column(r->attempts, 0) > d->id;
		if (db_column(r->attempts, 0) != d->id)
			break;
		target = db_column(r->attempts, 1);
		result = db_column(r->attempts, 2);
		if (target < 0 || target >= d->n_vcpus)
			return damaged(error, "attempt target", target);
		a = (struct attempt){
			.target_idx = target, .result = result == DB_NULL ? 0 : result,
			.result_known = result != DB_NULL, .t_call = db_column(r->attempts, 3),
			.t_ret = db_column(r->attempts, 4),
		};
		g_array_append_val(d->attempts, a);
	}
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

bool recorded_next_decision(struct recorded *r, struct recorded_decision **out, GError **error)
{
	struct recorded_decision *d = &r->decision;
	sqlite3_stmt *s = r->decisions;
	const struct recorded_vcpu *me;
	int64_t pick;

	if (!db_next(s, error))
		return false;
	d->id = db_column(s, 0);
	me = vcpu_of(r, db_column(s, 1));
	if (!me)
		return damaged(error, "decision", d->id);
	d->vcpu = db_column(s, 1);
	d->vm = me->vm;
	d->me = me->idx;
	d->t_start = db_column(s, 2);
	d->t_end = db_column(s, 3);
	d->cpu = db_column(s, 4);
	if (db_column(s, 5) <= (int64_t)d->me || db_column(s, 5) > (int64_t)r->vms[d->vm].n_vcpus)
		return damaged(error, "decision", d->id);
	d->n_vcpus = db_column(s, 5);
	d->probed = db_column(s, 6);
	d->kernel_mode = db_column(s, 7);
	d->probed_kernel_mode = db_column(s, 8);
	d->last_boosted = db_column(s, 9);
	d->nr_running = db_column(s, 10);
	d->ipi_pending = db_column(s, 11);
	d->ipi_receiver = db_column(s, 12);
	d->ipi_time_ns = db_column(s, 13);
	d->tainted = db_column(s, 14);
	d->outcome_known = db_column(s, 15);
	pick = db_column(s, 16);
	if (pick != DB_NULL && (pick < 0 || pick >= d->n_vcpus))
		return damaged(error, "decision", d->id);
	d->switched_out = db_column(s, 17);
	d->next_idx = db_column(s, 18);
	d->n_eoi = db_column(s, 19);
	d->ple_window = db_column(s, 20);
	if (recorded_no_time(d->t_start) || (d->t_end != DB_NULL && recorded_no_time(d->t_end)))
		return damaged_time(error, "decision", d->id);
	d->pick = pick == DB_NULL ? NO_TARGET : (int)pick;
	*out = d;
	return read_candidates(r, d, error) && read_attempts(r, d, error);
}

bool recorded_next_ipi(struct recorded *r, struct recorded_ipi *ipi, GError **error)
{
	sqlite3_stmt *s = r->ipis;
	const struct recorded_vcpu *sender, *receiver;

	if (!db_next(s, error))
		return false;
	sender = vcpu_of(r, db_column(s, 0));
	receiver = vcpu_of(r, db_column(s, 1));
	if (!sender || !receiver || sender->vm != receiver->vm)
		return damaged(error, "ipi of vcpu", db_column(s, 0));
	*ipi = (struct recorded_ipi){
		.vm = sender->vm, .sender = sender->idx, .receiver = receiver->idx,
		.vector = db_column(s, 2), .tracked = db_column(s, 3),
		.unicast = db_column(s, 4) && sender != receiver, .t_accept = db_column(s, 5),
		.t_ack = db_column(s, 6),
	};
	return true;
}

bool recorded_next_eoi(struct recorded *r, struct recorded_eoi *eoi, GError **error)
{
	sqlite3_stmt *s = r->eois;
	const struct recorded_vcpu *vcpu;
	const char *how;

	if (!db_next(s, error))
		return false;
	vcpu = vcpu_of(r, db_column(s, 1));
	how = (const char *)sqlite3_column_text(s, 3);
	if (!vcpu || !how)
		return damaged(error, "eoi of vcpu", db_column(s, 1));
	*eoi = (struct recorded_eoi){
		.t = db_column(s, 0), .vm = vcpu->vm, .idx = vcpu->idx, .vector = db_column(s, 2),
		.reset = !strcmp(how, "reset"),
		/* PV EOI goes by apic_sync_pv_eoi_from_guest(), which the patches do not hook */
		.hooked = strcmp(how, "pv") != 0,
	};
	return true;
}

bool recorded_next_gap(struct recorded *r, struct recorded_gap *gap, GError **error)
{
	if (!db_next(r->gaps, error))
		return false;
	*gap = (struct recorded_gap){ db_column(r->gaps, 0), db_column(r->gaps, 1) };
	return true;
}

bool recorded_next_run(struct recorded *r, struct recorded_run *run, GError **error)
{
	const struct recorded_vcpu *vcpu;

	if (!db_next(r->runs, error))
		return false;
	vcpu = vcpu_of(r, db_column(r->runs, 1));
	if (!vcpu)
		return damaged(error, "on_cpu of vcpu", db_column(r->runs, 1));
	*run = (struct recorded_run){
		.t = db_column(r->runs, 0), .vm = vcpu->vm, .idx = vcpu->idx, .cpu = db_column(r->runs, 2),
	};
	return true;
}

/* Import makes n_cpu of the highest: what is beyond would be a host of CPUs that are not there. */
bool recorded_has_cpu(const struct recorded *r, int64_t thread, int64_t cpu, GError **error)
{
	if (cpu >= 0 && cpu < r->n_cpu)
		return true;
	g_set_error(error, RECORDED_ERROR, 0, "damaged: on_cpu of thread %" G_GINT64_FORMAT ": CPU %" G_GINT64_FORMAT
		    ", and the recording is of %u", thread, cpu, r->n_cpu);
	return false;
}

char *recorded_param(const struct recorded *r, const char *name)
{
	g_autoptr(db_stmt) s = db_prepare(r->db,
		"SELECT value FROM host_param WHERE name GLOB ? ORDER BY \"when\" DESC LIMIT 1");

	db_bind_text(s, 1, name);
	return sqlite3_step(s) == SQLITE_ROW ? clean_column(s, 0) : NULL;
}
