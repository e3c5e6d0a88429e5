// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/model/model_int.h"

#include <stdlib.h>
#include <string.h>

enum {
	HVCALL_NOTIFY_LONG_SPIN_WAIT = 0x0008,
	XEN_SCHED_OP = 29,
	XEN_SCHEDOP_YIELD = 0,
	VMX_EXIT_PAUSE = 40,
	SVM_EXIT_PAUSE = 0x077,
	ISA_VMX = 1,
};

/* What can be said of a vCPU at the start of the recording, from how its thread first appears. */
static void init_vcpu_knowledge(struct model *m, struct vcpu_run *v, const struct thread *thread)
{
	bool born = !thread || thread->born;

	v->run_known = born;
	vcpu_set(v, ON_CPU, thread && thread->first == FIRST_RUNNING);
	vcpu_set(v, STATE_KNOWN, born || thread->first != FIRST_SWITCHED_IN);
	vcpu_set(v, SPIN_KNOWN, born || thread->first == FIRST_WOKEN);
	vcpu_set(v, IRQ_KNOWN, born && m->input.accepts);
}

static void init_vcpus(struct model *m)
{
	const GPtrArray *vms = identity_vms(m->identity), *threads = identity_threads(m->identity);

	for (guint i = 0; i < vms->len; i++) {
		const struct vm *vm = vms->pdata[i];
		struct vm_run *run = &m->vms[vm->id];

		run->vm = vm;
		run->n_words = (vm->n_vcpus + 63) / 64;
		run->bits = g_new0(uint64_t, (gsize)N_BITS * run->n_words);
		run->scans = g_ptr_array_new();
		for (unsigned int k = 0; k < vm->n_vcpus; k++) {
			struct vcpu_run *v;

			if (!vm->vcpus[k])
				continue;
			v = &m->vcpus[vm->vcpus[k]->id];
			v->vcpu = vm->vcpus[k];
			v->vm = run;
			v->ple_window = v->ple_window_at_exit = DB_NULL;
			v->decision.snapshot = g_new0(uint64_t, (gsize)N_SNAPSHOT * run->n_words);
			v->decision.attempts = g_array_new(FALSE, FALSE, sizeof(struct attempt_row));
			v->exits = g_array_new(FALSE, TRUE, sizeof(struct exit_count));
			v->early_accepts = g_array_new(FALSE, FALSE, sizeof(int64_t) * 4);
			init_vcpu_knowledge(m, v, NULL);
		}
	}
	for (guint i = threads->len; i-- > 0;) {	/* the first thread of a vCPU has the last word */
		struct thread *thread = threads->pdata[i];
		struct thread_run *t = &m->threads[thread->id];

		t->thread = thread;
		t->on_cpu = t->queued = -1;
		t->stretch.t_ready = t->stretch.cpu_ready = t->stretch.waker = DB_NULL;
		if (!thread->vcpu)
			continue;
		t->vcpu = &m->vcpus[thread->vcpu->id];
		init_vcpu_knowledge(m, t->vcpu, thread);
	}
}

static int by_t1(const void *a, const void *b)
{
	const struct identity_gap *x = *(const struct identity_gap *const *)a;
	const struct identity_gap *y = *(const struct identity_gap *const *)b;

	return x->t1 < y->t1 ? -1 : x->t1 > y->t1;
}

static void init_gaps(struct model *m)
{
	const GArray *gaps = identity_gaps(m->identity);

	m->gap_until = T_BEFORE;
	m->t_next_gap = T_BEFORE;	/* the first event finds out */
	m->gap_ends = g_new(const struct identity_gap *, gaps->len + 1);
	for (guint i = 0; i < gaps->len; i++)
		m->gap_ends[i] = &g_array_index(gaps, struct identity_gap, i);
	qsort(m->gap_ends, gaps->len, sizeof(*m->gap_ends), by_t1);
}

struct model *model_new(struct facts *facts, struct identity *identity, const struct model_input *input)
{
	struct model *m = g_new0(struct model, 1);

	m->facts = facts;
	m->identity = identity;
	m->input = *input;
	m->span = *identity_span(identity);
	m->n_vms = identity_vms(identity)->len;
	m->n_vcpus = identity_n_vcpus(identity);
	m->n_threads = identity_threads(identity)->len;
	m->threads = g_new0(struct thread_run, m->n_threads + 1);
	m->vcpus = g_new0(struct vcpu_run, m->n_vcpus + 1);
	m->vms = g_new0(struct vm_run, m->n_vms + 1);
	m->cpus = g_new0(struct cpu_run, m->span.n_cpu + 1);
	m->next_on_cpu = m->next_decision = m->next_ipi = m->next_eoi = 1;
	init_vcpus(m);
	init_gaps(m);
	return m;
}

struct thread_run *model_thread(const struct model *m, int64_t tid)
{
	const struct thread *t = identity_thread(m->identity, tid);

	return t ? &m->threads[t->id] : NULL;
}

void model_vcpu_changed(struct vcpu_run *v, struct cpu_run *cpu, int64_t t)
{
	v->t_changed = t;
	for (guint i = 0; i < v->vm->scans->len; i++) {
		const struct vcpu_run *spinner = v->vm->scans->pdata[i];

		snapshot_bits(spinner, SNAP_RACY)[v->vcpu->idx / 64] |= 1ULL << (v->vcpu->idx % 64);
	}
	if (cpu->n_unsettled < G_N_ELEMENTS(cpu->unsettled)) {
		cpu->unsettled[cpu->n_unsettled++] = v;
		vcpu_set(v, UNSETTLED, true);
	}
}

/* Something else happened on this CPU, so what the last switch or wake-up announced is done. */
static void settle(struct cpu_run *cpu)
{
	for (unsigned int i = 0; i < cpu->n_unsettled; i++) {
		struct vcpu_run *v = cpu->unsettled[i];

		vcpu_set(v, UNSETTLED, false);
		if (v->thread && v->thread->on_cpu >= 0 && v->switched_in) {
			v->switched_in = false;
			vcpu_set(v, READY, false);
			vcpu_set(v, PREEMPTED, false);
		}
	}
	cpu->n_unsettled = 0;
}

/* Records begin to be missing: whoever is not running elsewhere may be in any state from now on. */
static void gap_begins(struct model *m, const struct identity_gap *gap)
{
	facts_gap(m->facts, &(struct gap_row){
		.cpu = gap->cpu < 0 ? DB_NULL : gap->cpu, .t0 = gap->t0, .t1 = gap->t1,
		.events = gap->events ? gap->events : DB_NULL, .why = loss_text(gap->why),
	});
	if (gap->why == LOSS_BURST)
		m->result.pauses++;
	else
		m->result.gaps++;
	m->result.lost += gap->events;
	m->gap_until = MAX(m->gap_until, gap->t1);
	sched_gap(m, gap->cpu, gap->t0);
}

/* ... and what was learned since, on other CPUs, may have changed unseen on this one. */
static void gap_ends(struct model *m, const struct identity_gap *gap)
{
	for (unsigned int i = 1; i <= m->n_vcpus; i++) {
		decision_gap(m, &m->vcpus[i]);
		/* an acknowledgement may be among what is missing; the next one is another's */
		ipi_finish_send(m, &m->vcpus[i]);
		ipi_finish(m, &m->vcpus[i]);
		ipi_gap(&m->vcpus[i]);
		m->vcpus[i].ple_window = m->vcpus[i].ple_window_at_exit = DB_NULL;
	}
	for (unsigned int i = 0; i < m->span.n_cpu; i++)
		m->cpus[i].loose_accept = -1;
	sched_gap(m, gap->cpu, gap->t0);
}

void model_missed_probe(struct model *m, const struct event *ev, int64_t t0, enum loss why)
{
	facts_gap(m->facts, &(struct gap_row){
		.cpu = ev->cpu, .t0 = t0, .t1 = ev->t, .events = DB_NULL, .why = loss_text(why),
	});
	m->result.gaps++;
}

static void follow_gaps(struct model *m, int64_t t)
{
	const GArray *gaps = identity_gaps(m->identity);

	while (m->next_gap < gaps->len) {
		const struct identity_gap *gap = &g_array_index(gaps, struct identity_gap, m->next_gap);

		if (gap->t0 >= t && gap->t1 > t)
			break;
		gap_begins(m, gap);
		m->next_gap++;
	}
	while (m->next_gap_end < gaps->len && m->gap_ends[m->next_gap_end]->t1 <= t)
		gap_ends(m, m->gap_ends[m->next_gap_end++]);
	m->t_next_gap = T_AFTER;
	if (m->next_gap < gaps->len) {
		const struct identity_gap *gap = &g_array_index(gaps, struct identity_gap, m->next_gap);

		m->t_next_gap = MIN(gap->t0 + 1, gap->t1);
	}
	if (m->next_gap_end < gaps->len)
		m->t_next_gap = MIN(m->t_next_gap, m->gap_ends[m->next_gap_end]->t1);
}

/*
 * Calls of kvm_vcpu_on_spin() that the exit alone tells of (directed-yield.md 1).
 * VMX takes PAUSE exits at CPL 0 only; SVM passes the CPL, of which the sign of
 * guest_rip is the proxy.
 */
static void pause_exit(struct model *m, struct vcpu_run *v, const struct event *ev)
{
	bool vmx = ev->kvm_exit.isa == ISA_VMX;
	int64_t kernel_mode;

	if (vmx ? (ev->kvm_exit.exit_reason & 0xffff) != VMX_EXIT_PAUSE :
		  ev->kvm_exit.exit_reason != SVM_EXIT_PAUSE)
		return;
	v->n_pause++;
	kernel_mode = vmx ? 1 : v->vm->vm->cpl_known ? ev->kvm_exit.guest_rip < 0 : DB_NULL;
	decision_exit(m, v, ev, "pause", kernel_mode);
}

static void kvm_event(struct model *m, struct vcpu_run *v, const struct event *ev)
{
	/*
	 * kvm_vcpu_block() stops being a waiter when it runs again; preempted before it
	 * came so far, it is ready and blocking at once. Its first event shows that it did.
	 */
	if (ev->type != EV_KVM_APIC_ACCEPT_IRQ && ev->type != EV_KVM_APICV_ACCEPT_IRQ)
		vcpu_set(v, BLOCKING, false);
	switch (ev->type) {
	case EV_KVM_ENTRY:
		ipi_finish_send(m, v);
		if (v->early_accepts->len)
			g_array_set_size(v->early_accepts, 0);
		exits_entry(m, v, ev);
		v->in_kvm_run = v->run_known = true;
		vcpu_set(v, DY_RUNNABLE, false);
		vcpu_set(v, PENDING_IRQ, false);
		vcpu_set(v, IRQ_KNOWN, m->input.accepts);
		vcpu_set(v, IN_SPIN_LOOP, false);
		vcpu_set(v, SPIN_KNOWN, true);
		break;
	case EV_KVM_EXIT:
		ipi_finish_send(m, v);
		exits_exit(m, v, ev);
		v->in_kvm_run = v->run_known = true;
		v->rip_kernel = ev->kvm_exit.guest_rip < 0;
		m->result.isa = ev->kvm_exit.isa == ISA_VMX ? "vmx" : "svm";
		v->ple_window_at_exit = v->ple_window;
		pause_exit(m, v, ev);
		break;
	case EV_KVM_USERSPACE_EXIT:
		v->in_kvm_run = false;
		v->run_known = true;
		break;
	case EV_KVM_PLE_WINDOW_UPDATE:
		/* grown for this exit; a yielder's shrinks as it is switched in, in its call still */
		if (ev->ple.new_window > ev->ple.old_window && (v->spin_trigger || v->decision.open))
			v->ple_window_at_exit = v->decision.row.ple_window = ev->ple.old_window;
		v->ple_window = ev->ple.new_window;
		break;
	case EV_KVM_HV_HYPERCALL:
		if (ev->hv_hypercall.code == HVCALL_NOTIFY_LONG_SPIN_WAIT && !ev->hv_hypercall.rep_cnt &&
		    (ev->hv_hypercall.var_cnt == FIELD_ABSENT || !ev->hv_hypercall.var_cnt))
			decision_exit(m, v, ev, "hyperv", 1);
		break;
	case EV_KVM_XEN_HYPERCALL:
		if (ev->xen_hypercall.nr == XEN_SCHED_OP && ev->xen_hypercall.a0 == XEN_SCHEDOP_YIELD)
			decision_exit(m, v, ev, "xen", 1);
		break;
	default:
		break;
	}
}

void model_event(struct model *m, const struct event *ev)
{
	struct cpu_run *cpu;
	struct thread_run *self;
	struct vcpu_run *v;

	identity_follow(m->identity);
	/* the first pass has taken these */
	if (ev->type == EV_MISSED || ev->type == EV_TASK)
		return;
	/* only if the file was changed between the passes */
	if (ev->cpu >= m->span.n_cpu)
		return;
	if (ev->t >= m->t_next_gap)
		follow_gaps(m, ev->t);
	cpu = &m->cpus[ev->cpu];
	self = model_thread(m, ev->tid);
	sched_seen(m, ev, self);
	if (ev->type != EV_SCHED_WAKEUP)	/* comes while the waker is still at it */
		settle(cpu);
	v = self ? self->vcpu : NULL;
	if (v && !ev->in_irq) {
		if (v->eoi.id)
			ipi_flush_eoi(m, v, ev);
		decision_event(m, v, ev);
	}
	switch (ev->type) {
	case EV_SCHED_SWITCH:
		sched_switch(m, ev);
		break;
	case EV_SCHED_WAKING:
		sched_waking(m, ev, self);
		break;
	case EV_SCHED_WAKEUP:
	case EV_SCHED_WAKEUP_NEW:
		if (!m->input.wakings)
			sched_waking(m, ev, self);
		sched_wakeup(m, ev);
		break;
	case EV_SCHED_MIGRATE_TASK:
		sched_migrate(m, ev);
		break;
	default:
		if (v && !ev->in_irq)
			kvm_event(m, v, ev);
		ipi_event(m, ev, self);
		break;
	}
	if (ev->type != EV_KVM_APIC_ACCEPT_IRQ && ev->type != EV_KVM_APICV_ACCEPT_IRQ &&
	    ev->type != EV_SCHED_WAKING)
		cpu->loose_accept = -1;
	cpu->t_last = ev->t;
}

static const char *membership_name(enum membership membership)
{
	switch (membership) {
	case MEMBERSHIP_TGID:
		return "tgid";
	case MEMBERSHIP_INFERRED:
		return "inferred";
	default:
		return "unknown";
	}
}

void model_finish(struct model *m, struct model_result *result)
{
	follow_gaps(m, T_AFTER);
	for (unsigned int i = 1; i <= m->n_vcpus; i++) {
		struct vcpu_run *v = &m->vcpus[i];

		if (v->eoi.id)
			ipi_flush_eoi(m, v, NULL);
		ipi_finish_send(m, v);
		ipi_finish(m, v);
		if (v->decision.open)
			decision_close(m, v, DB_NULL);
		exits_flush(m, v);
		facts_vcpu(m->facts, &(struct vcpu_row){
			.id = v->vcpu->id, .vm = v->vm->vm->id, .vcpu_idx = v->vcpu->idx,
			.vcpu_id = v->vcpu->vcpu_id, .n_pause = v->n_pause, .n_miss = v->n_miss,
		});
	}
	sched_finish(m);
	for (unsigned int i = 1; i <= m->n_threads; i++) {
		const struct thread *t = m->threads[i].thread;

		facts_thread(m->facts, &(struct thread_row){
			.id = t->id, .tid = t->tid, .tgid = t->tgid ? t->tgid : DB_NULL,
			.comm = *t->comm ? t->comm : NULL, .vcpu = t->vcpu ? t->vcpu->id : DB_NULL,
			.cgroup = t->cgroup, .t0 = t->t0, .t1 = t->t1,
		});
	}
	for (unsigned int i = 1; i <= m->n_vms; i++) {
		const struct vm_run *r = &m->vms[i];

		facts_vm(m->facts, &(struct vm_row){
			.id = r->vm->id, .name = r->vm->name,
			.tgid = r->vm->tgid ? r->vm->tgid : DB_NULL, .n_vcpus = r->vm->n_vcpus,
			.membership = membership_name(r->vm->membership),
			.idx_known = r->vm->idx_known, .created = r->vm->created,
			.cpl_known = r->vm->cpl_known, .ipi_virtual = r->n_apicv > 0,
			.eoi_virtual = r->n_accept >= 20 && r->n_eoi < r->n_accept / 10,
		});
	}
	m->result.decisions = m->next_decision - 1;
	*result = m->result;
}

void model_free(struct model *m)
{
	if (!m)
		return;
	for (unsigned int i = 1; i <= m->n_vcpus; i++) {
		struct vcpu_run *v = &m->vcpus[i];

		g_free(v->decision.snapshot);
		g_array_unref(v->decision.attempts);
		g_array_unref(v->exits);
		g_array_unref(v->early_accepts);
	}
	for (unsigned int i = 1; i <= m->n_vms; i++) {
		g_free(m->vms[i].bits);
		g_ptr_array_unref(m->vms[i].scans);
	}
	ipi_free_edges(m);
	g_free(m->threads);
	g_free(m->vcpus);
	g_free(m->vms);
	g_free(m->cpus);
	g_free(m->gap_ends);
	g_free(m);
}
