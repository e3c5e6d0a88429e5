// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts between vCPUs: sends, who accepted them, when they were injected
 * and acknowledged.
 *
 * A send and its acceptances are events of one thread with nothing of KVM's
 * between them. kvm_apic_ipi comes before its acceptances in kernels whose
 * sends all take kvm_apic_send_ipi(), and right after them where the x2APIC fast
 * path traces it (arch/x86/kvm/lapic.c, 6.18 and later).
 */
#include "analyze/model/model_int.h"

enum {
	KVM_HC_SEND_IPI = 10,
	MODE_FIXED = 0,
	MODE_INIT = 5,
	MODE_EXTINT = 7,
	SHORTHAND_NONE = 0,
	MSR_X2APIC_ICR = 0x830,
	APIC_ICR = 0x300,
	AVIC_TARGET_NOT_RUNNING = 1,
	VMX_EXIT_EOI_INDUCED = 45,
	ISA_VMX = 1,
	MAX_PENDING = 512,	/* unacknowledged edges kept per receiver: two for each vector */
};

static const char *const mode_names[] = {
	"fixed", "lowest", "smi", "remrd", "nmi", "init", "sipi", "extint",
};
static const char *const shorthand_names[] = { "none", "self", "all", "others" };

struct ipi_send {
	struct vcpu_run *sender;
	int64_t t;
	unsigned int vector, mode, shorthand;
	const char *path;
	unsigned int n_receivers, n_live;	/* edges; of these, not yet written */
	bool self;			/* the sender is among the receivers */
	bool finished;			/* no acceptance can come any more */
	bool contiguous;		/* nothing else has happened since */
	struct ipi_edge *done;		/* acknowledged before finished */
};

struct ipi_edge {
	struct ipi_send *send;
	struct ipi_edge *next;		/* in the receiver's pending, in send's done, or free */
	struct vcpu_run *receiver;
	int64_t id, t_accept, t_inject, t_ack;
};

struct accept {
	int64_t t, vcpu_id, mode, vector;
};

static void send_unref_edge(struct model *m, struct ipi_send *s, struct ipi_edge *e)
{
	e->next = m->free_edges;
	m->free_edges = e;
	if (!--s->n_live && s->finished)
		g_free(s);
}

static void write_edge(struct model *m, const struct ipi_send *s, const struct ipi_edge *e)
{
	bool in_apic = s->path[0] == 'i' || s->path[0] == 'x';

	facts_ipi(m->facts, &(struct ipi_row){
		.id = e ? e->id : m->next_ipi++, .sender = s->sender->vcpu->id,
		.receiver = e ? e->receiver->vcpu->id : DB_NULL, .vector = s->vector,
		.mode = mode_names[s->mode], .shorthand = shorthand_names[s->shorthand],
		.path = s->path, .n_receivers = s->n_receivers, .t_send = s->t,
		.t_accept = e ? e->t_accept : DB_NULL, .t_inject = e ? e->t_inject : DB_NULL,
		.t_ack = e ? e->t_ack : DB_NULL,
		/* directed-yield.md 4.2: v1 = v2 = v3 as far as known */
		.tracked = in_apic && s->mode == MODE_FIXED && s->shorthand == SHORTHAND_NONE &&
			   s->n_receivers == 1 && !s->self,
		.tainted = s->t < m->span.t0 || s->t < m->gap_until,
	});
}

/* The edge has got all it will get. */
static void edge_done(struct model *m, struct ipi_edge *e)
{
	struct ipi_send *s = e->send;

	if (s->finished) {
		write_edge(m, s, e);
		send_unref_edge(m, s, e);
	} else {
		e->next = s->done;
		s->done = e;
	}
}

static void add_receiver(struct model *m, struct ipi_send *s, struct vcpu_run *receiver, int64_t t)
{
	struct ipi_edge *e = m->free_edges;

	if (e)
		m->free_edges = e->next;
	else
		e = g_new(struct ipi_edge, 1);
	*e = (struct ipi_edge){
		.send = s, .next = receiver->pending, .receiver = receiver, .id = m->next_ipi++,
		.t_accept = t, .t_inject = DB_NULL, .t_ack = DB_NULL,
	};
	receiver->pending = e;
	s->n_receivers++;
	s->n_live++;
	s->self |= receiver == s->sender;
	if (++receiver->n_pending > MAX_PENDING) {	/* an endpoint whose EOIs are never seen */
		struct ipi_edge **last = &receiver->pending;

		while ((*last)->next)
			last = &(*last)->next;
		e = *last;
		*last = NULL;
		receiver->n_pending--;
		edge_done(m, e);
	}
}

void ipi_finish_send(struct model *m, struct vcpu_run *v)
{
	struct ipi_send *s = v->send;
	struct ipi_edge *done;

	if (!s)
		return;
	v->send = NULL;
	s->finished = true;
	if (!s->n_receivers)
		write_edge(m, s, NULL);
	if (!s->n_live) {
		g_free(s);
		return;
	}
	done = s->done;
	while (done) {
		struct ipi_edge *next = done->next;

		write_edge(m, s, done);
		send_unref_edge(m, s, done);
		done = next;
	}
}

static void begin_send(struct model *m, struct vcpu_run *v, int64_t t, const char *path, unsigned int vector,
		       unsigned int mode, unsigned int shorthand)
{
	ipi_finish_send(m, v);
	v->send = g_new(struct ipi_send, 1);
	*v->send = (struct ipi_send){
		.sender = v, .t = t, .path = path, .vector = vector, .mode = mode,
		.shorthand = shorthand, .contiguous = true,
	};
}

static struct vcpu_run *vcpu_by_id(const struct model *m, const struct vm_run *vm, int64_t vcpu_id)
{
	const struct vm *who = vm->vm;

	if (vcpu_id >= 0 && vcpu_id < who->n_vcpus && who->vcpus[vcpu_id] &&
	    who->vcpus[vcpu_id]->vcpu_id == vcpu_id)
		return &m->vcpus[who->vcpus[vcpu_id]->id];
	for (unsigned int i = 0; i < who->n_vcpus; i++)
		if (who->vcpus[i] && who->vcpus[i]->vcpu_id == vcpu_id)
			return &m->vcpus[who->vcpus[i]->id];
	return NULL;
}

/* The VM on whose behalf a thread acts; NULL: it cannot be told. */
static struct vm_run *acting_vm(const struct model *m, const struct event *ev, const struct thread_run *self)
{
	if (!self || ev->in_irq)
		return NULL;
	if (self->vcpu)
		return self->vcpu->vm;
	for (unsigned int i = 1; i <= m->n_vms && self->thread->tgid; i++)
		if (m->vms[i].vm->tgid == self->thread->tgid)
			return &m->vms[i];
	return NULL;
}

static void write_eoi(struct model *m, const struct vcpu_run *v, int64_t t, int64_t vector, const char *how)
{
	facts_eoi(m->facts, &(struct eoi_row){
		.id = m->next_eoi++, .t = t, .vcpu = v->vcpu->id, .vector = vector, .how = how,
	});
}

static void accept(struct model *m, const struct event *ev, struct thread_run *self, bool apicv)
{
	struct cpu_run *cpu = &m->cpus[ev->cpu];
	struct vm_run *vm = acting_vm(m, ev, self);
	struct vcpu_run *sender = self && !ev->in_irq ? self->vcpu : NULL;
	struct vcpu_run *receiver = vm ? vcpu_by_id(m, vm, ev->accept.vcpu_id) : NULL;
	unsigned int mode = ev->accept.mode >> 8 & 7, vector = ev->accept.vector & 0xff;
	struct ipi_send *s = sender ? sender->send : NULL;

	if (!receiver) {
		cpu->loose_accept = vm ? -1 : ev->accept.vcpu_id;
		return;
	}
	if (apicv) {
		vm->n_apicv++;
		if (m->result.isa && m->result.isa[0] == 'v')
			vcpu_set(receiver, PENDING_IRQ, true);
	} else {
		vm->n_accept++;
	}
	/* ExtINT makes no KVM_REQ_EVENT; with AVIC whether one was made is not told */
	if (mode != MODE_EXTINT) {
		bool avic = apicv && m->result.isa && m->result.isa[0] == 's';

		vcpu_set(receiver, DY_RUNNABLE, true);
		vcpu_set(receiver, IRQ_KNOWN, !avic);
	}
	model_vcpu_changed(receiver, cpu, ev->t);
	if (mode == MODE_INIT && !apicv)
		write_eoi(m, receiver, ev->t, 0, "reset");
	if (s && s->contiguous && s->vector == vector && s->mode == mode) {
		if (!apicv || *s->path == 'a')
			add_receiver(m, s, receiver, ev->t);
	} else if (sender && !apicv) {
		struct accept early = { ev->t, ev->accept.vcpu_id, mode, vector };

		g_array_append_val(sender->early_accepts, early);
	}
}

/* The fast path traced the acceptances first: they are the newest, and all alike. */
static void adopt_early(struct model *m, struct vcpu_run *v)
{
	const GArray *early = v->early_accepts;
	guint first = early->len;

	while (first > 0) {
		const struct accept *a = &g_array_index(early, struct accept, first - 1);

		if (a->mode != v->send->mode || a->vector != v->send->vector)
			break;
		first--;
	}
	for (; first < early->len; first++) {
		const struct accept *a = &g_array_index(early, struct accept, first);
		struct vcpu_run *receiver = vcpu_by_id(m, v->vm, a->vcpu_id);

		if (receiver)
			add_receiver(m, v->send, receiver, a->t);
	}
	g_array_set_size(v->early_accepts, 0);
}

static void apic_ipi(struct model *m, const struct event *ev, struct vcpu_run *v)
{
	int64_t icr = ev->ipi.icr_low;

	begin_send(m, v, ev->t, v->wrote_xapic_icr ? "xapic" : "icr", icr & 0xff, icr >> 8 & 7,
		   icr >> 18 & 3);
	adopt_early(m, v);
}

static void injected(struct vcpu_run *v, const struct event *ev)
{
	for (struct ipi_edge *e = v->pending; e; e = e->next)
		if (e->send->vector == (ev->inj.vector & 0xff) && e->t_inject == DB_NULL)
			e->t_inject = ev->t;
}

/* One EOI ends every edge of its vector that had been injected: the IRR bit is one for all. */
static void acknowledged(struct model *m, struct vcpu_run *v, const struct event *ev)
{
	struct ipi_edge **link = &v->pending;
	bool any_injected = false;

	for (struct ipi_edge *e = v->pending; e; e = e->next)
		any_injected |= e->send->vector == ev->eoi.vector && e->t_inject != DB_NULL;
	while (*link) {
		struct ipi_edge *e = *link;

		if (e->send->vector != ev->eoi.vector || (any_injected && e->t_inject == DB_NULL)) {
			link = &e->next;
			continue;
		}
		*link = e->next;
		v->n_pending--;
		e->t_ack = ev->t;
		edge_done(m, e);
	}
}

static void eoi(struct model *m, struct vcpu_run *v, const struct event *ev)
{
	v->n_eoi++;
	v->vm->n_eoi++;
	if (ev->eoi.vector >= 0)
		acknowledged(m, v, ev);
	v->eoi = (struct eoi_row){
		.id = m->next_eoi++, .t = ev->t, .vcpu = v->vcpu->id, .vector = ev->eoi.vector,
		.how = ev->eoi.vector < 0 ? "spurious" :
		       v->isa == ISA_VMX && v->t_exit && v->exit_reason == VMX_EXIT_EOI_INDUCED ?
		       "accelerated" : "register",
	};
}

void ipi_flush_eoi(struct model *m, struct vcpu_run *v, const struct event *next)
{
	if (next && next->type == EV_KVM_PV_EOI && next->eoi.vector == v->eoi.vector)
		v->eoi.how = "pv";
	facts_eoi(m->facts, &v->eoi);
	v->eoi.id = 0;
}

void ipi_event(struct model *m, const struct event *ev, struct thread_run *self)
{
	struct vcpu_run *v = self && !ev->in_irq ? self->vcpu : NULL;

	if (ev->type == EV_KVM_APIC_ACCEPT_IRQ || ev->type == EV_KVM_APICV_ACCEPT_IRQ) {
		accept(m, ev, self, ev->type == EV_KVM_APICV_ACCEPT_IRQ);
		return;
	}
	if (!v)
		return;
	switch (ev->type) {
	case EV_KVM_APIC_IPI:
		apic_ipi(m, ev, v);
		return;
	case EV_KVM_HYPERCALL:
		if (ev->hypercall.nr == KVM_HC_SEND_IPI)
			begin_send(m, v, ev->t, "pv", ev->hypercall.a3 & 0xff, ev->hypercall.a3 >> 8 & 7,
				   SHORTHAND_NONE);
		return;
	case EV_KVM_HV_SEND_IPI:
	case EV_KVM_HV_SEND_IPI_EX:
		begin_send(m, v, ev->t, "hyperv", ev->hv_send_ipi.vector & 0xff, MODE_FIXED,
			   SHORTHAND_NONE);
		return;
	case EV_KVM_AVIC_INCOMPLETE_IPI:
		if (ev->avic.id == AVIC_TARGET_NOT_RUNNING)
			begin_send(m, v, ev->t, "avic", ev->avic.icrl & 0xff, ev->avic.icrl >> 8 & 7,
				   ev->avic.icrl >> 18 & 3);
		return;
	case EV_KVM_APIC:
		v->wrote_xapic_icr |= ev->apic.rw && ev->apic.reg == APIC_ICR;
		break;
	case EV_KVM_MSR:
		if (v->send && ev->msr.write && ev->msr.msr == MSR_X2APIC_ICR && *v->send->path == 'i')
			v->send->path = "x2apic";
		break;
	case EV_KVM_INJ_VIRQ:
		injected(v, ev);
		break;
	case EV_KVM_EOI:
		eoi(m, v, ev);
		break;
	default:
		break;
	}
	if (v->send)
		v->send->contiguous = false;
	if (v->early_accepts->len)
		g_array_set_size(v->early_accepts, 0);
}

void ipi_finish(struct model *m, struct vcpu_run *v)
{
	while (v->pending) {
		struct ipi_edge *e = v->pending;

		v->pending = e->next;
		edge_done(m, e);
	}
	v->n_pending = 0;
}

void ipi_gap(struct vcpu_run *v)
{
	g_array_set_size(v->early_accepts, 0);
	v->wrote_xapic_icr = false;
}

void ipi_free_edges(struct model *m)
{
	while (m->free_edges) {
		struct ipi_edge *next = m->free_edges->next;

		g_free(m->free_edges);
		m->free_edges = next;
	}
}
