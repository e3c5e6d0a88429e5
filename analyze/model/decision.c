// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One decision per kvm_vcpu_on_spin(): what it saw, whom it tried.
 *
 * Where the on_spin probe fired, the decision is the probe's. Elsewhere it is
 * imputed from the exit, and its outcome from what the thread does next, where
 * that leaves one answer:
 *  - it is switched out runnable: it yielded, or was merely preempted on its way
 *    back. With one candidate that the scan could have taken, that is the pick;
 *    with none, nobody is. With several the outcome is not known.
 *  - it enters the guest again: it yielded to nobody, if no candidate could have
 *    been taken, or one that spins itself and was refused in its turn. Else the
 *    outcome is not known: who yields may be picked again at once.
 * Where it is not known which vCPUs are the VM's, there may be candidates that nobody
 * knows of, so neither leaves one answer.
 */
#include "analyze/model/model_int.h"

#include <string.h>

static void mark_spinners_racy(struct vcpu_run *v)
{
	for (unsigned int w = 0; w < v->vm->n_words; w++)
		snapshot_bits(v, SNAP_RACY)[w] |= vm_bits(v->vm, IN_SPIN_LOOP)[w];
}

/* Scans of one VM at the same time flip dy_eligible of the same spinners, in an order no event shows. */
static void scan_begin(struct vcpu_run *v)
{
	if (v->decision.scanning)
		return;
	for (guint i = 0; i < v->vm->scans->len; i++)
		mark_spinners_racy(v->vm->scans->pdata[i]);
	if (v->vm->scans->len)
		mark_spinners_racy(v);
	g_ptr_array_add(v->vm->scans, v);
	v->decision.scanning = true;
}

static void snapshot_flags(struct vcpu_run *v)
{
	memcpy(v->decision.snapshot, v->vm->bits, (gsize)N_BITS * v->vm->n_words * sizeof(uint64_t));
}

/*
 * The scan is over at the spinner's first attempt, or at its next event of another
 * kind. What it saw is the state then, rather than when the call was traced: it
 * comes last in that interval (on the lab's kernels 10 to 15 us after on_spin), and
 * all that has happened by then to other vCPUs, it saw.
 */
static void scan_end(struct vcpu_run *v)
{
	if (v->decision.scanning)
		g_ptr_array_remove_fast(v->vm->scans, v);
	if (v->decision.scanning && !v->decision.attempts->len)
		snapshot_flags(v);
	v->decision.scanning = false;
}

/* Candidates alone on their run queue: it matters only when the spinner is, too. */
static void snapshot_rq_single(const struct model *m, struct vcpu_run *v)
{
	uint64_t *single = snapshot_bits(v, SNAP_RQ_SINGLE);

	if (v->decision.row.nr_running != 1)
		return;
	for (unsigned int k = 0; k < v->vm->vm->n_vcpus; k++) {
		const struct vcpu *vcpu = v->vm->vm->vcpus[k];
		const struct thread_run *t = vcpu ? m->vcpus[vcpu->id].thread : NULL;

		if (t && t->queued >= 0 && m->cpus[t->queued].nr_running == 1)
			single[k / 64] |= 1ULL << (k % 64);
	}
}

static void snapshot_probe(struct vcpu_run *v, const struct event *ev)
{
	unsigned int n = MIN((uint64_t)ev->on_spin.n_deep, v->vm->vm->n_vcpus);

	v->decision.has_probed = n > 0;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t state = ev->on_spin.state[i], bit = 1ULL << (i % 64);
		unsigned int word = i / 64;

		snapshot_bits(v, SNAP_PROBED)[word] |= bit;
		if (DEEP_READY(state))
			snapshot_bits(v, SNAP_PROBED_READY)[word] |= bit;
		if (DEEP_PREEMPTED(state))
			snapshot_bits(v, SNAP_PROBED_PREEMPTED)[word] |= bit;
		if (ev->on_spin.in_kernel[i])
			snapshot_bits(v, SNAP_PROBED_IN_KERNEL)[word] |= bit;
		if (DEEP_IN_SPIN_LOOP(state))
			snapshot_bits(v, SNAP_PROBED_IN_SPIN_LOOP)[word] |= bit;
		if (DEEP_DY_ELIGIBLE(state))
			snapshot_bits(v, SNAP_PROBED_DY_ELIGIBLE)[word] |= bit;
	}
}

static void begin(struct model *m, struct vcpu_run *v, const struct event *ev, const char *trigger,
		  const char *source, int64_t kernel_mode)
{
	struct decision_run *d = &v->decision;
	const struct cpu_run *cpu = &m->cpus[ev->cpu];
	gsize bytes = v->vm->n_words * sizeof(uint64_t);

	if (d->open)
		decision_close(m, v, ev->t);
	d->open = true;
	d->returned = true;
	d->row = (struct decision_row){
		.id = m->next_decision++, .vcpu = v->vcpu->id, .t_start = ev->t, .t_end = DB_NULL,
		.cpu = ev->cpu, .trigger = trigger, .source = source,
		.yield_to_kernel_mode = kernel_mode, .n_vcpus = v->vm->vm->n_vcpus,
		.ple_window = v->ple_window_at_exit, .n_exit = v->n_exit, .n_eoi = v->n_eoi,
		.nr_running = cpu->nr_known ? cpu->nr_running : DB_NULL,
		.tainted = ev->t < m->span.t0 || ev->t < m->gap_until,
		.switched_out = 0, .next_idx = DB_NULL, .pick_idx = DB_NULL, .pick_source = NULL, .result = DB_NULL,
		.probed_kernel_mode = DB_NULL, .last_boosted = DB_NULL, .ipi_pending = DB_NULL,
		.ipi_receiver = DB_NULL, .ipi_time_ns = DB_NULL,
	};
	v->n_exit = v->n_eoi = 0;
	snapshot_flags(v);
	memset(d->snapshot + N_BITS * v->vm->n_words, 0, (N_SNAPSHOT - N_BITS) * bytes);
	memcpy(snapshot_bits(v, SNAP_RACY), vm_bits(v->vm, UNSETTLED), bytes);
	snapshot_rq_single(m, v);
	d->has_probed = false;
	g_array_set_size(d->attempts, 0);
	vcpu_set(v, IN_SPIN_LOOP, true);
	vcpu_set(v, SPIN_KNOWN, true);
	scan_begin(v);
}

/* The other exits since the previous decision: this one's own does not count. */
static void forget_own_exit(struct vcpu_run *v)
{
	if (v->n_exit)
		v->n_exit--;
}

void decision_exit(struct model *m, struct vcpu_run *v, const struct event *ev, const char *trigger,
		   int64_t kernel_mode)
{
	forget_own_exit(v);
	if (!m->input.probes) {
		begin(m, v, ev, trigger, "imputed", kernel_mode);
		return;
	}
	v->spin_trigger = trigger;
	v->spin_kernel_mode = kernel_mode;
	v->spin_t = ev->t;
}

static void on_spin(struct model *m, struct vcpu_run *v, const struct event *ev)
{
	struct decision_row *row = &v->decision.row;

	begin(m, v, ev, v->spin_trigger ? v->spin_trigger : "unknown", "probe",
	      v->spin_trigger ? v->spin_kernel_mode : DB_NULL);
	v->spin_trigger = NULL;
	row->probed_kernel_mode = !!ev->on_spin.kernel_mode;
	row->last_boosted = ev->on_spin.last_boosted;
	row->n_vcpus = CLAMP(ev->on_spin.n_vcpus, (int64_t)v->vcpu->idx + 1, (int64_t)v->vm->vm->n_vcpus);
	if (ev->on_spin.ipi_pending != FIELD_ABSENT && ev->on_spin.ipi_receiver != FIELD_ABSENT &&
	    ev->on_spin.ipi_time_ns != FIELD_ABSENT) {
		row->ipi_pending = !!ev->on_spin.ipi_pending;
		row->ipi_receiver = ev->on_spin.ipi_receiver;
		row->ipi_time_ns = ev->on_spin.ipi_time_ns;
	}
	snapshot_probe(v, ev);
}

static void add_attempt(struct vcpu_run *v, int64_t target_idx, int64_t t, const char *source)
{
	struct attempt_row row = {
		.decision = v->decision.row.id, .n = v->decision.attempts->len,
		.target_idx = target_idx, .result = DB_NULL, .t_call = t, .t_ret = DB_NULL,
		.source = source,
	};

	g_array_append_val(v->decision.attempts, row);
	v->decision.returned = false;
}

static struct attempt_row *last_attempt(struct vcpu_run *v)
{
	GArray *a = v->decision.attempts;

	return a->len ? &g_array_index(a, struct attempt_row, a->len - 1) : NULL;
}

static void yield_to_ret(struct model *m, struct vcpu_run *v, const struct event *ev)
{
	struct attempt_row *a = last_attempt(v);
	const struct vcpu *target;

	if (!a || v->decision.returned)
		return;
	a->result = ev->yield_to_ret.ret > 0 ? 1 : ev->yield_to_ret.ret;
	a->t_ret = ev->t;
	v->decision.returned = true;
	if (a->result > 0)
		return;
	/* refused because the target was just then being switched: that, too, was a race */
	target = a->target_idx < v->vm->vm->n_vcpus ? v->vm->vm->vcpus[a->target_idx] : NULL;
	if (target && m->vcpus[target->id].t_changed >= v->decision.row.t_start)
		snapshot_bits(v, SNAP_RACY)[target->idx / 64] |= 1ULL << (target->idx % 64);
	scan_begin(v);	/* it goes on */
}

/*
 * With probes the outcome is what yield_to() returned. The call is over at
 * on_spin_ret, or by the thread's next event that is not part of it.
 */
static void probed_event(struct model *m, struct vcpu_run *v, const struct event *ev)
{
	switch (ev->type) {
	case EV_YIELD_TO:
		scan_end(v);
		if (ev->yield_to.target_idx < 0 || ev->yield_to.target_idx >= v->decision.row.n_vcpus) {
			v->decision.row.tainted = true;	/* no vCPU of this VM: the probe read garbage */
			break;
		}
		add_attempt(v, ev->yield_to.target_idx, ev->t, "probe");
		break;
	case EV_YIELD_TO_RET:
		yield_to_ret(m, v, ev);
		break;
	case EV_ON_SPIN_RET:
		decision_close(m, v, ev->t);
		break;
	case EV_KVM_ENTRY:
	case EV_KVM_EXIT:
	case EV_KVM_USERSPACE_EXIT:
		if (m->input.on_spin_ret) {
			v->decision.row.tainted = true;
			model_missed_probe(m, ev, v->decision.row.t_start, LOSS_RETURN_PROBE);
		}
		decision_close(m, v, ev->t);
		break;
	default:
		break;
	}
}

/*
 * Candidates that the scan could have taken, by its filters F1 to F3; unknown
 * counts as yes. The patches loosen F3 (a receiver, a relaxed round take vCPUs
 * preempted in user mode), so on a patched kernel F1 and F2 are all that is sure.
 */
static uint64_t takeable(const struct model *m, const struct vcpu_run *v, unsigned int w)
{
	const uint64_t *s = v->decision.snapshot;
	unsigned int n = v->vm->n_words;
#define B(which) s[(which) * n + w]
	uint64_t f1 = B(READY);
	uint64_t f2 = ~B(BLOCKING) | B(DY_RUNNABLE) | ~B(IRQ_KNOWN);
	uint64_t f3 = ~B(PREEMPTED) | B(PENDING_IRQ) | B(IN_KERNEL) | ~B(IN_KERNEL_KNOWN);
	bool by_mode = v->decision.row.yield_to_kernel_mode == 1 && !m->input.patched;
	uint64_t mask = (f1 & f2 & (by_mode ? f3 : ~0ULL)) | ~B(STATE_KNOWN);
#undef B
	unsigned int bits = v->vm->vm->n_vcpus - w * 64;

	if (bits < 64)
		mask &= (1ULL << bits) - 1;
	if (w == v->vcpu->idx / 64)
		mask &= ~(1ULL << (v->vcpu->idx % 64));
	return mask;
}

/* The only candidate that the scan could have taken, or how many there are. */
static int only_takeable(const struct model *m, const struct vcpu_run *v, unsigned int *n)
{
	int idx = -1;

	*n = 0;
	for (unsigned int w = 0; w < v->vm->n_words; w++) {
		uint64_t mask = takeable(m, v, w);

		*n += __builtin_popcountll(mask);
		if (mask)
			idx = w * 64 + __builtin_ctzll(mask);
	}
	return *n == 1 ? idx : -1;
}

static void impute_pick(const struct model *m, struct vcpu_run *v, int64_t t)
{
	struct decision_run *d = &v->decision;
	bool whole = v->vm->vm->membership != MEMBERSHIP_UNKNOWN;
	unsigned int n;
	int only = only_takeable(m, v, &n);

	if (whole && only >= 0) {
		add_attempt(v, only, t, "imputed");
		last_attempt(v)->result = 1;
		d->row.pick_idx = only;
		d->row.result = 1;
	}
	if (whole && n < 2)
		d->row.pick_source = "imputed";
	else
		vcpu_set(v, SPIN_KNOWN, false);
}

/* It went on without a switch: nobody was tried with success, unless somebody surely passed. */
static void impute_nobody(const struct model *m, struct vcpu_run *v)
{
	unsigned int n;
	int only = only_takeable(m, v, &n);

	if (v->vm->vm->membership == MEMBERSHIP_UNKNOWN)
		return;
	if (!n || (only >= 0 && (snapshot_bits(v, IN_SPIN_LOOP)[only / 64] >> (only % 64) & 1)))
		v->decision.row.pick_source = "imputed";
}

void decision_event(struct model *m, struct vcpu_run *v, const struct event *ev)
{
	bool is_spin_event = ev->type == EV_KVM_PLE_WINDOW_UPDATE || ev->type == EV_ON_SPIN ||
			     ev->type == EV_KVM_HV_HYPERCALL || ev->type == EV_KVM_XEN_HYPERCALL;

	if (ev->type == EV_ON_SPIN) {
		on_spin(m, v, ev);
		return;
	}
	if (v->spin_trigger && !is_spin_event &&
	    (ev->type == EV_SCHED_SWITCH || ev->type == EV_KVM_ENTRY)) {
		/* the exit called on_spin, but the probe did not fire */
		v->n_miss++;
		begin(m, v, ev, v->spin_trigger, "imputed", v->spin_kernel_mode);
		v->decision.row.t_start = v->spin_t;
		v->decision.row.tainted = true;
		model_missed_probe(m, ev, v->spin_t, LOSS_PROBE);
		v->spin_trigger = NULL;
	}
	if (!v->decision.open)
		return;
	if (*v->decision.row.source == 'p') {
		probed_event(m, v, ev);
	} else if (ev->type == EV_KVM_ENTRY || ev->type == EV_KVM_EXIT ||
		   ev->type == EV_KVM_USERSPACE_EXIT) {
		scan_end(v);
		if (!v->decision.descheduled)
			impute_nobody(m, v);
		decision_close(m, v, ev->t);
	}
}

void decision_switch_out(struct model *m, struct vcpu_run *v, const struct event *ev,
			 const struct vcpu_run *next)
{
	struct decision_run *d = &v->decision;
	bool probed = d->open && *d->row.source == 'p';

	if (!d->open || d->row.switched_out)
		return;
	scan_end(v);
	d->row.switched_out = !(ev->sched_switch.prev_state & 0xff);
	if (next && next->vm == v->vm)
		d->row.next_idx = next->vcpu->idx;
	if (probed) {
		/* not inside yield_to(): the call has returned unseen and the scheduler took over */
		if (d->returned && m->input.yield_to && !m->input.on_spin_ret)
			decision_close(m, v, ev->t);
		return;
	}
	impute_pick(m, v, ev->t);
	if (d->row.pick_source && d->row.pick_idx == DB_NULL)
		decision_close(m, v, ev->t);
	else
		d->descheduled = true;
}

void decision_switch_in(struct model *m, struct vcpu_run *v, const struct event *ev)
{
	struct attempt_row *a = v->decision.open ? last_attempt(v) : NULL;

	if (!v->decision.open || *v->decision.row.source == 'p')
		return;
	if (a)
		a->t_ret = ev->t;
	decision_close(m, v, ev->t);
}

void decision_gap(struct model *m, struct vcpu_run *v)
{
	v->spin_trigger = NULL;
	if (!v->decision.open)
		return;
	v->decision.row.tainted = true;
	decision_close(m, v, DB_NULL);
}

static void write_candidates(struct model *m, const struct vcpu_run *v)
{
	const uint64_t *s = v->decision.snapshot;
	unsigned int n = v->vm->n_words;

	for (unsigned int w = 0; w < n; w++) {
#define B(which) s[(which) * n + w]
		uint64_t self = w == v->vcpu->idx / 64 ? 1ULL << (v->vcpu->idx % 64) : 0;

		facts_candidate(m->facts, &(struct candidate_row){
			.decision = v->decision.row.id, .word = w, .ready = B(READY),
			.preempted = B(PREEMPTED), .in_kernel = B(IN_KERNEL), .blocking = B(BLOCKING),
			.dy_runnable = B(DY_RUNNABLE), .pending_irq = B(PENDING_IRQ),
			.on_cpu = B(ON_CPU), .queued = B(QUEUED), .in_spin_loop = B(IN_SPIN_LOOP),
			.rq_single = B(SNAP_RQ_SINGLE), .state_known = B(STATE_KNOWN),
			.in_kernel_known = B(IN_KERNEL_KNOWN), .irq_known = B(IRQ_KNOWN),
			.spin_known = B(SPIN_KNOWN), .racy = B(SNAP_RACY) & ~self,
			.has_probed = v->decision.has_probed, .probed = B(SNAP_PROBED),
			.probed_ready = B(SNAP_PROBED_READY),
			.probed_preempted = B(SNAP_PROBED_PREEMPTED),
			.probed_in_kernel = B(SNAP_PROBED_IN_KERNEL),
			.probed_in_spin_loop = B(SNAP_PROBED_IN_SPIN_LOOP),
			.probed_dy_eligible = B(SNAP_PROBED_DY_ELIGIBLE),
		});
#undef B
	}
}

void decision_close(struct model *m, struct vcpu_run *v, int64_t t_end)
{
	struct decision_run *d = &v->decision;
	const struct attempt_row *last = last_attempt(v);

	scan_end(v);
	d->open = d->descheduled = false;
	d->row.t_end = t_end;
	d->row.tainted |= d->row.t_start < m->gap_until;
	if (*d->row.source == 'p') {
		/*
		 * Lost before it returned: whether the last attempt succeeded is not known. Without
		 * that probe no attempt is: that none was seen does not say that there was none.
		 */
		bool known = t_end != DB_NULL && m->input.yield_to && (!last || last->result != DB_NULL);

		if (t_end == DB_NULL)
			d->row.switched_out = DB_NULL;

		d->row.pick_source = known ? "probe" : NULL;
		d->row.result = last ? last->result : DB_NULL;
		d->row.pick_idx = known && last && last->result > 0 ? last->target_idx : DB_NULL;
	}
	m->result.tainted += d->row.tainted;
	facts_decision(m->facts, &d->row);
	write_candidates(m, v);
	for (guint i = 0; i < d->attempts->len; i++)
		facts_attempt(m->facts, &g_array_index(d->attempts, struct attempt_row, i));
	vcpu_set(v, IN_SPIN_LOOP, false);
	if (t_end != DB_NULL)
		vcpu_set(v, SPIN_KNOWN, true);
}
