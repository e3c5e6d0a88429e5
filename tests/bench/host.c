// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/host.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/agenda.h"

enum {
	WARM_UP = 20 * MS,		/* queues are as they will be by then */
	IOTHREADS = 2, DAEMONS = 8,
	MAX_TID = 1 << 22, EXP_STEPS = 4096,
};

/* -ln(1 - u) at the middle of each step, 16 bits after the point */
static guint32 exponential[EXP_STEPS];

/* --- chance and time --- */

static guint64 random_u64(struct host *h)
{
	guint64 z = h->random += 0x9e3779b97f4a7c15;	/* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

guint64 host_random(struct host *h, guint64 below)
{
	return (random_u64(h) >> 32) * below >> 32;
}

guint64 host_exponential(struct host *h, guint64 mean)
{
	return mean * exponential[random_u64(h) % EXP_STEPS] >> 16;
}

bool host_chance(struct host *h, unsigned int percent)
{
	return host_random(h, 100) < percent;
}

/* Work in the kernel: never twice as long as usual, never half. */
void host_spend(struct host *h, struct cpu *c, guint64 mean)
{
	c->t += mean / 2 + host_random(h, mean + 1);
}

void host_call(struct host *h, struct cpu *c, guint64 t)
{
	agenda_bring_forward(h->agenda, c->id, t);
}

void host_set_timer(struct host *h, struct thread *t, guint64 when)
{
	agenda_set(h->agenda, t->timer, when);
}

/* --- events --- */

/* Flags and preemption count as they mostly are: bits 0-7 irqs-off 1, hard-irq 8, resched 0x24. */
static unsigned int flags_of(const struct cpu *c, enum trace_event event)
{
	switch (event) {
	case EV_sched_switch:
		return 0x201;
	case EV_kvm_entry:
		return 0x101;
	case EV_sched_waking:
		return c->irqs ? 0x309 : 0x301;
	case EV_sched_wakeup:
		return c->irqs ? 0x42d : 0x401;
	case EV_sched_migrate_task:
		return 0x301;
	default:
		return c->resched ? 0x24 : 0;
	}
}

void host_emit(struct host *h, struct cpu *c, enum trace_event event, const guint64 *values,
	       unsigned int n_values)
{
	struct thread *t = c->current;

	if (c->t >= h->t_recording)
		recorder_add(h->recorder, c->id, c->t, event, flags_of(c, event), t ? t->tid : 0,
			     values, n_values);
	if (t)
		t->t_last = c->t;
}

/* --- the host as it is when recording begins --- */

static struct thread *add_thread(struct host *h, enum thread_kind kind, int tid, int tgid)
{
	struct thread *t = &h->threads[h->n_threads];

	t->kind = kind;
	t->tid = tid;
	t->tgid = tgid;
	t->timer = h->n_cpus + h->n_threads++;
	t->cpu = host_random(h, h->n_cpus);
	t->state = BLOCKED;
	return t;
}

static void add_helper(struct host *h, enum thread_kind kind, int tid, int tgid, struct vm *vm,
		       guint64 period, const char *comm)
{
	struct thread *t = add_thread(h, kind, tid, tgid);

	g_strlcpy(t->comm, comm, sizeof(t->comm));
	t->vm = vm;
	t->period = period;
	if (kind == VHOST)
		vm->vhost = t;
	if (kind != JOB)
		host_set_timer(h, t, START + host_exponential(h, period));
}

static void add_vcpu(struct host *h, struct vm *vm, unsigned int idx, int tid)
{
	struct thread *t = add_thread(h, VCPU, tid, vm->tgid);
	struct vcpu *v = &vm->vcpus[idx];

	g_snprintf(t->comm, sizeof(t->comm), "CPU %u/KVM", idx);
	t->vm = vm;
	t->vcpu = v;
	*v = (struct vcpu){
		.thread = t, .vm = vm, .idx = idx, .place = IN_LOOP, .in_service = NO_VECTOR,
		.ple_window = 3000, .preempted = true, .ready = true,
		.t_tick = START + host_random(h, 4 * MS),
	};
	guest_start(h, v);
	sched_enqueue(&h->cpus[t->cpu], t);
}

static void add_vm(struct host *h, struct vm *vm, unsigned int id, unsigned int n_vcpus, int tgid)
{
	char comm[16];

	vm->id = id;
	vm->tgid = tgid;
	vm->n_vcpus = n_vcpus;
	vm->vcpus = g_new0(struct vcpu, n_vcpus);
	vm->workload = guest_workload(id);
	for (unsigned int i = 0; i < N_LOCKS; i++)
		vm->locks[i].waiting = g_new0(guint16, n_vcpus);
	add_helper(h, VMM, tgid, tgid, vm, 1200 * US, "qemu-system-x86");
	g_snprintf(comm, sizeof(comm), "vhost-%d", tgid);
	add_helper(h, VHOST, tgid + 2, tgid + 2, vm, 1200 * US, comm);
	for (unsigned int i = 0; i < IOTHREADS; i++) {
		g_snprintf(comm, sizeof(comm), "IO iothread%u", i + 1);
		add_helper(h, IOTHREAD, tgid + 3 + i, tgid, vm, 1 * MS, comm);
	}
	for (unsigned int i = 0; i < n_vcpus; i++)
		add_vcpu(h, vm, i, tgid + 3 + IOTHREADS + i);
}

static void add_cpu_threads(struct host *h)
{
	char comm[16];

	for (unsigned int i = 0; i < h->n_cpus; i++) {
		g_snprintf(comm, sizeof(comm), "kworker/%u:1", i);
		add_helper(h, KWORKER, 400 + i, 400 + i, NULL, 8 * MS, comm);
		h->threads[h->n_threads - 1].cpu = i;
	}
	for (unsigned int i = 0; i < DAEMONS; i++) {
		static const char *const names[DAEMONS] = {
			"rcu_sched", "systemd-journal", "libvirtd", "ovs-vswitchd", "node_exporter",
			"multipathd", "irqbalance", "chronyd",
		};
		int tid = 1500 + 10 * i;

		add_helper(h, i ? DAEMON : KWORKER, tid, tid, NULL, (2 + i) * MS, names[i]);
	}
	add_helper(h, FORKER, 1700, 1700, NULL, 30 * MS, "telegraf");
	add_helper(h, JOB, 0, 0, NULL, 0, "smartctl");
	h->threads[h->n_threads - 2].job = &h->threads[h->n_threads - 1];
}

static void set_up_chance(struct host *h, guint64 seed)
{
	for (unsigned int i = 0; i < EXP_STEPS; i++)
		exponential[i] = -log(1 - (i + 0.5) / EXP_STEPS) * 65536;
	h->random = seed;
	random_u64(h);
}

struct host *host_new(const struct host_options *o)
{
	struct host *h = g_new0(struct host, 1);
	unsigned int max_threads = o->n_vms * (o->n_vcpus + 2 + IOTHREADS) + o->n_cpus + DAEMONS + 2;
	int stride = (MAX_TID - 4096) / o->n_vms;

	g_assert(o->n_vcpus <= MAX_VCPUS && stride > 2 * (MAX_VCPUS + 16));
	h->recorder = o->recorder;
	h->probes = o->probes;
	h->n_cpus = o->n_cpus;
	h->n_vms = o->n_vms;
	h->cpus = g_new0(struct cpu, o->n_cpus);
	h->vms = g_new0(struct vm, o->n_vms);
	h->threads = g_new0(struct thread, max_threads);
	h->agenda = agenda_new(o->n_cpus + max_threads);
	set_up_chance(h, o->seed);
	for (unsigned int i = 0; i < o->n_cpus; i++) {
		h->cpus[i] = (struct cpu){ .id = i, .t = START };
		g_snprintf(h->cpus[i].idle, sizeof(h->cpus[i].idle), "swapper/%u", i);
	}
	for (unsigned int i = 0; i < o->n_vms; i++) {
		int tgid = 2048 + i * stride + host_random(h, stride - MAX_VCPUS - 16);

		add_vm(h, &h->vms[i], i, o->n_vcpus, tgid);
		h->next_tid = tgid + MAX_VCPUS + 16;
	}
	add_cpu_threads(h);
	h->t_recording = START + WARM_UP;
	for (unsigned int i = 0; i < o->n_cpus; i++)
		host_call(h, &h->cpus[i], START + i * 10 * US);
	return h;
}

void host_free(struct host *h)
{
	for (unsigned int i = 0; i < h->n_vms; i++) {
		for (unsigned int k = 0; k < N_LOCKS; k++)
			g_free(h->vms[i].locks[k].waiting);
		g_free(h->vms[i].vcpus);
	}
	agenda_free(h->agenda);
	g_free(h->cpus);
	g_free(h->vms);
	g_free(h->threads);
	g_free(h);
}

/* A timer of t expired, on the CPU where it was set. */
static void interrupt(struct host *h, struct thread *t, guint64 now)
{
	struct cpu *c = &h->cpus[t->cpu];

	host_set_timer(h, t, NEVER);
	if (t->state != BLOCKED || t->irq_due)
		return;
	t->irq_due = true;
	t->next_irq = c->irqs;
	c->irqs = t;
	host_call(h, c, now);
}

void host_run(struct host *h, guint64 n_events)
{
	while (recorder_total(h->recorder) < n_events) {
		guint64 now;
		unsigned int who = agenda_next(h->agenda, &now);

		g_assert(now != NEVER);
		if (who < h->n_cpus)
			sched_step(h, &h->cpus[who], now);
		else
			interrupt(h, &h->threads[who - h->n_cpus], now);
	}
}
