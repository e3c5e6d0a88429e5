// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stretches on CPUs, run-queue lengths, and the flags that kvm_sched_out(),
 * kvm_sched_in() and kvm_vcpu_wake_up() maintain (virt/kvm/kvm_main.c).
 */
#include "analyze/model/model_int.h"

#define TASK_INTERRUPTIBLE 0x01
#define TASK_STATE_MASK    0xff	/* above it, sched_switch marks a preemption in the kernel */

static const char *state_letter(int64_t state)
{
	static const char *const letters[] = { "S", "D", "T", "t", "X", "Z", "P", "I" };

	for (unsigned int i = 0; i < G_N_ELEMENTS(letters); i++)
		if (state & (1 << i))
			return letters[i];
	return state ? "R+" : "R";
}

static void queue(struct model *m, struct thread_run *t, int cpu)
{
	if (t->queued == cpu)
		return;
	if (t->queued >= 0)
		m->cpus[t->queued].nr_running--;
	if (cpu >= 0)
		m->cpus[cpu].nr_running++;
	t->queued = cpu;
	if (t->vcpu)
		vcpu_set(t->vcpu, QUEUED, cpu >= 0);
}

static void stretch_begin(struct model *m, struct thread_run *t, unsigned int cpu, int64_t t0, int64_t prio)
{
	struct on_cpu_row *s = &t->stretch;

	s->id = m->next_on_cpu++;
	s->thread = t->thread->id;
	s->cpu = cpu;
	s->t0 = t0;
	s->prio = prio == FIELD_ABSENT ? DB_NULL : prio;
	s->guest_ns = s->n_exit = 0;
	t->on_cpu = cpu;
	m->cpus[cpu].current = t;
	queue(m, t, cpu);
	if (t->vcpu) {
		struct vcpu_run *v = t->vcpu;

		v->thread = t;
		vcpu_set(v, ON_CPU, true);
		v->switched_in = true;
		vcpu_set(v, STATE_KNOWN, true);
		if (v->t_exit && v->t_off)
			v->off_ns += t0 - v->t_off;
		v->t_off = 0;
	}
}

/* The time ready and who woke it are for the next stretch to have. */
static void stretch_end(struct model *m, struct thread_run *t, int64_t t1, const char *why)
{
	struct on_cpu_row *s = &t->stretch;
	struct vcpu_run *v = t->vcpu;

	t1 = MAX(t1, s->t0);	/* records that contradict each other may end it before it began */
	s->t1 = t1;
	s->why = why;
	s->in_kvm_run = v && v->run_known ? v->in_kvm_run : DB_NULL;
	s->in_kernel = v && v->vm->vm->cpl_known && v->run_known && v->in_kvm_run ? v->rip_kernel : DB_NULL;
	if (v && v->t_entry) {
		s->guest_ns += MAX(t1 - MAX(v->t_entry, s->t0), 0);
		v->t_entry = 0;
	}
	facts_on_cpu(m->facts, s);
	s->t_ready = s->cpu_ready = s->waker = DB_NULL;
	m->cpus[t->on_cpu].current = NULL;
	t->on_cpu = -1;
	if (v) {
		vcpu_set(v, ON_CPU, false);
		v->t_off = t1;
	}
}

/* Every event names the thread that runs; believe it over what was thought before. */
void sched_seen(struct model *m, const struct event *ev, struct thread_run *self)
{
	struct cpu_run *cpu = &m->cpus[ev->cpu];
	int64_t since = cpu->seen ? cpu->t_last : ev->t;

	if (cpu->current == self && cpu->seen)
		return;
	cpu->seen = true;
	if (cpu->current && cpu->current != self)
		stretch_end(m, cpu->current, since, NULL);
	if (self && self->on_cpu != ev->cpu) {
		if (self->on_cpu >= 0)
			stretch_end(m, self, m->cpus[self->on_cpu].t_last, NULL);
		stretch_begin(m, self, ev->cpu, ev->t, FIELD_ABSENT);
		if (self->vcpu)
			model_vcpu_changed(self->vcpu, cpu, ev->t);
	}
}

static void vcpu_switched_out(struct vcpu_run *v, int64_t state, bool runnable)
{
	bool in_run = v->run_known && v->in_kvm_run;

	/* outside KVM_RUN there is no preempt notifier: nothing changes */
	vcpu_set(v, STATE_KNOWN, v->run_known);
	if (!in_run)
		return;
	if (runnable) {
		vcpu_set(v, PREEMPTED, true);
		vcpu_set(v, READY, true);
		vcpu_set(v, IN_KERNEL, v->rip_kernel);
		vcpu_set(v, IN_KERNEL_KNOWN, v->vm->vm->cpl_known);
	} else if (state & TASK_INTERRUPTIBLE) {
		vcpu_set(v, BLOCKING, true);
	}
}

void sched_switch(struct model *m, const struct event *ev)
{
	struct cpu_run *cpu = &m->cpus[ev->cpu];
	struct thread_run *prev = model_thread(m, ev->sched_switch.prev_tid);
	struct thread_run *next = model_thread(m, ev->sched_switch.next_tid);
	int64_t state = ev->sched_switch.prev_state;
	bool runnable = !(state & TASK_STATE_MASK);

	if (prev && prev->vcpu)
		decision_switch_out(m, prev->vcpu, ev, next ? next->vcpu : NULL);
	if (prev) {
		if (prev->on_cpu == ev->cpu)
			stretch_end(m, prev, ev->t, state_letter(state));
		if (runnable && prev->on_cpu < 0) {
			prev->stretch.t_ready = ev->t;
			prev->stretch.cpu_ready = ev->cpu;
		} else if (!runnable) {
			queue(m, prev, -1);
		}
		if (prev->vcpu) {
			vcpu_switched_out(prev->vcpu, state, runnable);
			model_vcpu_changed(prev->vcpu, cpu, ev->t);
		}
	}
	if (next) {
		if (next->on_cpu >= 0)
			stretch_end(m, next, m->cpus[next->on_cpu].t_last, NULL);
		stretch_begin(m, next, ev->cpu, ev->t, ev->sched_switch.next_prio);
		if (next->vcpu) {
			model_vcpu_changed(next->vcpu, cpu, ev->t);
			decision_switch_in(m, next->vcpu, ev);
		}
	} else {
		/* the idle thread runs when nothing else can: now the count is certain */
		for (unsigned int i = 1; cpu->nr_running && i <= m->n_threads; i++)
			if (m->threads[i].queued == ev->cpu)
				queue(m, &m->threads[i], -1);
		cpu->nr_known = true;
	}
}

/*
 * kvm_vcpu_wake_up() sets ready when it woke a waiter. Woken before it slept, a
 * vCPU keeps ready while it runs on (directed-yield.md 3). Wake-ups by a signal
 * do not set ready; no event tells them apart, and blocking keeps such a vCPU
 * out of every scan unless an interrupt waits too.
 */
void sched_waking(struct model *m, const struct event *ev, struct thread_run *self)
{
	struct cpu_run *cpu = &m->cpus[ev->cpu];
	struct thread_run *t = model_thread(m, ev->wake.tid);

	if (!t)
		return;
	if (t->on_cpu < 0 && t->queued < 0) {
		t->stretch.t_ready = ev->t;
		t->stretch.cpu_ready = ev->wake.target_cpu;	/* until sched_wakeup tells where it went */
		t->stretch.waker = self ? self->thread->id : DB_NULL;
	}
	if (t->vcpu) {
		struct vcpu_run *v = t->vcpu;

		if (cpu->loose_accept == v->vcpu->vcpu_id) {
			vcpu_set(v, DY_RUNNABLE, true);
			vcpu_set(v, IRQ_KNOWN, true);
		}
		if (!v->run_known)
			vcpu_set(v, STATE_KNOWN, false);
		else if (v->in_kvm_run && (vcpu_bit(v, BLOCKING) || vcpu_bit(v, ON_CPU)))
			vcpu_set(v, READY, true);	/* not a sleep of another kind, as in a page fault */
		model_vcpu_changed(v, cpu, ev->t);
	}
	if (!m->input.wakeups)
		sched_wakeup(m, ev);
}

void sched_wakeup(struct model *m, const struct event *ev)
{
	struct thread_run *t = model_thread(m, ev->wake.tid);

	if (!t || t->queued >= 0 || ev->wake.target_cpu < 0 || ev->wake.target_cpu >= m->span.n_cpu)
		return;
	if (t->on_cpu < 0)
		t->stretch.cpu_ready = ev->wake.target_cpu;
	queue(m, t, ev->wake.target_cpu);
}

void sched_migrate(struct model *m, const struct event *ev)
{
	struct thread_run *t = model_thread(m, ev->migrate.tid);

	if (t && t->queued >= 0 && ev->migrate.dest_cpu >= 0 && ev->migrate.dest_cpu < m->span.n_cpu)
		queue(m, t, ev->migrate.dest_cpu);
}

void sched_gap(struct model *m, int gap_cpu, int64_t t0)
{
	for (unsigned int i = 0; i < m->span.n_cpu; i++) {
		struct cpu_run *cpu = &m->cpus[i];

		cpu->nr_known = false;
		if (gap_cpu >= 0 && gap_cpu != (int)i)
			continue;
		if (cpu->current)
			stretch_end(m, cpu->current, MAX(cpu->current->stretch.t0, t0), NULL);
		cpu->seen = false;
	}
	for (unsigned int i = 1; i <= m->n_threads; i++) {
		struct thread_run *t = &m->threads[i];

		if (t->on_cpu >= 0)
			continue;
		queue(m, t, -1);
		t->stretch.t_ready = t->stretch.cpu_ready = t->stretch.waker = DB_NULL;
	}
	for (unsigned int i = 1; i <= m->n_vcpus; i++) {
		struct vcpu_run *v = &m->vcpus[i];

		vcpu_set(v, IRQ_KNOWN, false);
		if (vcpu_bit(v, ON_CPU))
			continue;
		vcpu_set(v, STATE_KNOWN, false);
		vcpu_set(v, IN_KERNEL_KNOWN, false);
		vcpu_set(v, SPIN_KNOWN, false);
		v->run_known = false;
		v->t_exit = v->t_off = 0;
	}
}

void sched_finish(struct model *m)
{
	for (unsigned int i = 0; i < m->span.n_cpu; i++)
		if (m->cpus[i].current)
			stretch_end(m, m->cpus[i].current, m->cpus[i].t_last, NULL);
}
