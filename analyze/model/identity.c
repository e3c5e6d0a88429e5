// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/model/identity_int.h"

#include <stdlib.h>
#include <string.h>

/*
 * A thread first seen when it is switched in, without a wake-up, was forked
 * unseen; or it had been waiting on a run queue since before the recording.
 * Nobody waits longer than this on a queue that is being recorded; and a vCPU
 * that was preempted in KVM_RUN goes on there before it ever sleeps.
 */
#define STARVED_NS (50 * 1000 * 1000)

#define TASK_DEAD_STATES 0x30	/* EXIT_DEAD, EXIT_ZOMBIE as sched_switch shows them */

static void thread_free(void *p)
{
	struct thread *t = p;

	g_free(t->cgroup);
	g_free(t);
}

static void vm_free(void *p)
{
	struct vm *vm = p;

	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		g_free(vm->vcpus[i]);
	g_free(vm->vcpus);
	g_free(vm->name);
	g_free(vm);
}

static guint place_hash(const void *p)
{
	const struct vcpu_place *v = p;

	return (guint)v->vm_pid * 31 + (guint)v->vcpu_id * 7 + (guint)v->vcpu_idx;
}

static gboolean place_equal(const void *a, const void *b)
{
	const struct vcpu_place *x = a, *y = b;

	return x->vm_pid == y->vm_pid && x->vcpu_id == y->vcpu_id && x->vcpu_idx == y->vcpu_idx;
}

static guint wake_hash(const void *p)
{
	const struct wake_evidence *w = p;

	return (guint)w->waker->id * 8191 + (guint)w->woken->id * 31 + (guint)w->vcpu_id;
}

static gboolean wake_equal(const void *a, const void *b)
{
	const struct wake_evidence *x = a, *y = b;

	return x->waker == y->waker && x->woken == y->woken && x->vcpu_id == y->vcpu_id;
}

struct identity *identity_new(void)
{
	struct identity *id = g_new0(struct identity, 1);

	/* mapped and zero; only the pages of TIDs that occur are ever touched */
	id->tids = calloc(TID_PAGES, sizeof(*id->tids));
	if (!id->tids)
		g_error("out of memory");
	id->rebirths = g_array_new(FALSE, FALSE, sizeof(struct rebirth));
	id->groups = g_hash_table_new(NULL, NULL);
	id->threads = g_ptr_array_new_with_free_func(thread_free);
	id->vms = g_ptr_array_new_with_free_func(vm_free);
	id->cpus = g_array_new(FALSE, TRUE, sizeof(struct cpu_note));
	id->gaps = g_array_new(FALSE, FALSE, sizeof(struct identity_gap));
	id->wakes = g_hash_table_new_full(wake_hash, wake_equal, g_free, NULL);
	id->places = g_hash_table_new_full(place_hash, place_equal, g_free, NULL);
	id->n_online = g_hash_table_new(NULL, NULL);
	return id;
}

void identity_free(struct identity *id)
{
	if (!id)
		return;
	for (guint i = 0; i < id->threads->len; i++) {
		const struct thread *t = id->threads->pdata[i];

		g_clear_pointer(&id->tids[t->tid >> TID_PAGE_BITS], g_free);
	}
	free(id->tids);
	g_array_unref(id->rebirths);
	g_hash_table_unref(id->groups);
	g_ptr_array_unref(id->threads);
	g_ptr_array_unref(id->vms);
	g_array_unref(id->cpus);
	g_array_unref(id->gaps);
	g_hash_table_unref(id->wakes);
	g_hash_table_unref(id->places);
	g_hash_table_unref(id->n_online);
	g_free(id);
}

void tid_set(struct identity *id, struct thread *thread)
{
	struct thread ***page = &id->tids[thread->tid >> TID_PAGE_BITS];

	if (!*page)
		*page = g_new0(struct thread *, TID_PAGE);
	(*page)[thread->tid & (TID_PAGE - 1)] = thread;
}

/* First pass: the present life of tid, made if need be. NULL for the idle threads. */
static struct thread *note_thread(struct identity *id, int64_t tid, int64_t t)
{
	struct thread *thread = tid_lookup(id, tid), *previous = thread;

	if (thread && !thread->ended) {
		thread->t1 = t;
		return thread;
	}
	if (tid <= 0 || tid > MAX_TID)
		return NULL;
	thread = g_new0(struct thread, 1);
	thread->id = id->threads->len + 1;
	thread->tid = tid;
	thread->tgid = GPOINTER_TO_INT(g_hash_table_lookup(id->groups, GINT_TO_POINTER((int)tid)));
	thread->t0 = thread->t1 = t;
	thread->vcpu_id = -1;
	thread->previous = previous;
	g_ptr_array_add(id->threads, thread);
	if (previous)
		g_array_append_val(id->rebirths, ((struct rebirth){ id->n_events, thread }));
	tid_set(id, thread);
	return thread;
}

static bool is_live(const struct identity *id, int64_t tid)
{
	const struct thread *t = tid_lookup(id, tid);

	return t && !t->ended;
}

static void end_life(const struct identity *id, int64_t tid)
{
	struct thread *t = tid_lookup(id, tid);

	if (t)
		t->ended = true;
}

static void set_comm(struct thread *thread, const char *comm)
{
	if (thread && comm && strncmp(thread->comm, comm, 16)) {
		memset(thread->comm, 0, sizeof(thread->comm));
		strncpy(thread->comm, comm, 16);
	}
}

static void add_gap(struct identity *id, int cpu, int64_t t0, int64_t t1, int64_t events, enum loss why)
{
	struct identity_gap gap = { .cpu = cpu, .t0 = t0, .t1 = t1, .events = events, .why = why };

	g_array_append_val(id->gaps, gap);
}

void identity_note_pause(struct identity *id, int64_t t0, int64_t t1)
{
	add_gap(id, -1, t0, t1, 0, LOSS_BURST);
	id->t_last = id->t_told = MAX(id->t_last, t1);
}

static void note_missed(struct identity *id, const struct event *ev)
{
	add_gap(id, ev->cpu == CPU_ALL ? -1 : ev->cpu, ev->missed.t0, ev->t, ev->missed.events, ev->missed.why);
	if (ev->cpu == CPU_ALL)
		id->t_last = id->t_told = ev->t;
}

/* A group is of the TID's present life, or of the one about to begin. */
static void note_task(struct identity *id, const struct event *ev)
{
	struct thread *t = tid_lookup(id, ev->tid);

	g_hash_table_insert(id->groups, GINT_TO_POINTER(ev->tid), GINT_TO_POINTER(ev->tgid));
	if (t && !t->ended && !t->tgid)
		t->tgid = ev->tgid;
}

static struct cpu_note *cpu_of(struct identity *id, unsigned int cpu)
{
	if (cpu >= id->cpus->len)
		g_array_set_size(id->cpus, cpu + 1);
	return &g_array_index(id->cpus, struct cpu_note, cpu);
}

static bool runs_vcpu(const struct cpu_note *cpu)
{
	return cpu->runs && cpu->runs->vcpu_id >= 0;
}

static struct cpu_note *note_cpu(struct identity *id, const struct event *ev)
{
	struct cpu_note *cpu = cpu_of(id, ev->cpu);

	if (id->n_busy && ev->t - id->t_last > SILENCE_NS) {
		add_gap(id, -1, id->t_last, ev->t, 0, LOSS_SILENCE);
		id->t_told = ev->t;
	} else if (cpu->seen && runs_vcpu(cpu) && ev->t - MAX(cpu->t_last, id->t_told) > SILENCE_NS) {
		add_gap(id, ev->cpu, cpu->t_last, ev->t, 0, LOSS_SILENCE_CPU);
	}
	if (!id->any)
		id->span.t_first = ev->t;
	id->any = true;
	id->t_last = id->span.t1 = ev->t;
	cpu->t_last = ev->t;
	if (!cpu->seen) {
		cpu->seen = true;
		cpu->t_first = ev->t;
		/* an idle CPU that shows nothing has nothing to show */
		if (ev->tid)
			id->span.t0 = ev->t;
		id->span.t0 = MAX(id->span.t0, id->span.t_first);
	}
	return cpu;
}

/* After an event: who runs on its CPU from now on, or NULL. */
static void note_running(struct identity *id, struct cpu_note *cpu, struct thread *self, const struct event *ev)
{
	if (!cpu->first_known) {
		cpu->first = self;
		cpu->first_known = true;
	}
	cpu->runs = ev->type == EV_SCHED_SWITCH ? tid_lookup(id, ev->sched_switch.next_tid) : self;
	if (runs_vcpu(cpu) != cpu->busy) {
		cpu->busy = !cpu->busy;
		id->n_busy += cpu->busy ? 1 : -1;
	}
}

/* A thread was queued there, so it ought to have events. */
static void note_queued(struct identity *id, int64_t cpu)
{
	if (cpu >= 0 && cpu < MAX_CPUS)
		cpu_of(id, cpu)->named = true;
}

static void note_switch(struct identity *id, const struct event *ev)
{
	bool known = is_live(id, ev->sched_switch.next_tid);
	struct thread *prev = note_thread(id, ev->sched_switch.prev_tid, ev->t);
	struct thread *next = note_thread(id, ev->sched_switch.next_tid, ev->t);

	if (prev && prev->vcpu_id < 0 && (ev->sched_switch.prev_state & 0xff))
		prev->slept_first = true;
	set_comm(prev, ev->sched_switch.prev_comm);
	set_comm(next, ev->sched_switch.next_comm);
	if (next && !known) {
		next->first = FIRST_SWITCHED_IN;
		/* what was missing may have held its wake-up */
		next->born = !id->gaps->len && ev->t > id->span.t_first + STARVED_NS;
	}
}

static void note_place(struct identity *id, int64_t vm_pid, int64_t vcpu_id, int64_t vcpu_idx)
{
	struct vcpu_place key = { .vm_pid = vm_pid, .vcpu_id = vcpu_id, .vcpu_idx = vcpu_idx };

	if (vm_pid > 0 && vcpu_id >= 0 && vcpu_idx >= 0 && vcpu_idx < MAX_VCPUS &&
	    !g_hash_table_contains(id->places, &key))
		g_hash_table_add(id->places, g_memdup2(&key, sizeof(key)));
}

static void note_on_spin(struct identity *id, const struct event *ev, struct thread *self)
{
	void *pid = GINT_TO_POINTER((int)ev->on_spin.vm_pid);
	int n = GPOINTER_TO_INT(g_hash_table_lookup(id->n_online, pid));

	if (!self || ev->on_spin.vm_pid <= 0)
		return;
	self->tgid = ev->on_spin.vm_pid;
	self->vcpu_id = ev->on_spin.vcpu_id;
	note_place(id, ev->on_spin.vm_pid, ev->on_spin.vcpu_id, ev->on_spin.vcpu_idx);
	if (ev->on_spin.n_vcpus > n && ev->on_spin.n_vcpus < MAX_VCPUS)
		g_hash_table_insert(id->n_online, pid, GINT_TO_POINTER((int)ev->on_spin.n_vcpus));
}

static void note_waking(struct identity *id, const struct event *ev, struct thread *self,
			struct cpu_note *cpu)
{
	bool known = is_live(id, ev->wake.tid);
	struct thread *woken = note_thread(id, ev->wake.tid, ev->t);
	struct wake_evidence evidence;

	if (woken && !known)
		woken->first = FIRST_WOKEN;
	set_comm(woken, ev->wake.comm);
	if (!self || !woken || cpu->accept_tid != ev->tid)
		return;
	evidence = (struct wake_evidence){ self, woken, cpu->accept_vcpu_id };
	if (!g_hash_table_contains(id->wakes, &evidence))
		g_hash_table_add(id->wakes, g_memdup2(&evidence, sizeof(evidence)));
}

uint64_t identity_wants(void)
{
	static const enum event_type types[] = {
		EV_SCHED_SWITCH, EV_SCHED_WAKING, EV_SCHED_WAKEUP, EV_SCHED_WAKEUP_NEW, EV_SCHED_MIGRATE_TASK,
		EV_SCHED_PROCESS_FORK,
		EV_SCHED_PROCESS_FREE, EV_KVM_ENTRY, EV_KVM_EXIT, EV_KVM_APIC_ACCEPT_IRQ, EV_TRACE_MARKER,
		EV_ON_SPIN, EV_ON_SPIN_RET, EV_YIELD_TO,
	};
	uint64_t wanted = 0;

	for (unsigned int i = 0; i < G_N_ELEMENTS(types); i++)
		wanted |= 1ULL << types[i];
	return wanted;
}

static void note_event(struct identity *id, const struct event *ev, struct cpu_note *cpu, struct thread *self)
{
	struct thread *other;
	bool known;

	if (ev->type < EV_NTYPES)
		id->count[ev->type]++;
	if (self && ev->tgid)
		self->tgid = ev->tgid;
	switch (ev->type) {
	case EV_SCHED_SWITCH:
		note_switch(id, ev);
		if (ev->sched_switch.prev_state & TASK_DEAD_STATES)
			end_life(id, ev->sched_switch.prev_tid);
		break;
	case EV_SCHED_WAKING:
		note_waking(id, ev, self, cpu);
		return;
	case EV_SCHED_MIGRATE_TASK:
		note_queued(id, ev->migrate.dest_cpu);
		break;
	case EV_SCHED_WAKEUP:
		note_queued(id, ev->wake.target_cpu);
		known = is_live(id, ev->wake.tid);
		other = note_thread(id, ev->wake.tid, ev->t);
		set_comm(other, ev->wake.comm);
		if (other && !known)
			other->first = FIRST_WOKEN;
		return;
	case EV_SCHED_PROCESS_FORK:
		end_life(id, ev->fork.child_tid);
		other = note_thread(id, ev->fork.child_tid, ev->t);
		if (other) {
			other->first = FIRST_WOKEN;
			other->born = true;
		}
		break;
	case EV_SCHED_WAKEUP_NEW:
		note_queued(id, ev->wake.target_cpu);
		known = is_live(id, ev->wake.tid);
		other = note_thread(id, ev->wake.tid, ev->t);
		set_comm(other, ev->wake.comm);
		if (other) {
			if (!known)
				other->first = FIRST_WOKEN;
			other->born = true;
		}
		break;
	case EV_SCHED_PROCESS_FREE:
		end_life(id, ev->free.tid);
		break;
	case EV_KVM_ENTRY:
		if (self)
			self->vcpu_id = ev->kvm_entry.vcpu_id;
		break;
	case EV_KVM_EXIT:
		if (self && ev->kvm_exit.vcpu_id != FIELD_ABSENT)
			self->vcpu_id = ev->kvm_exit.vcpu_id;
		if (self && ev->kvm_exit.guest_rip < 0)
			self->n_high++;
		else if (self && ev->kvm_exit.isa == 1 && (ev->kvm_exit.exit_reason & 0xffff) == 40)
			self->n_low_pause++;
		break;
	case EV_KVM_APIC_ACCEPT_IRQ:
		cpu->accept_tid = ev->tid;
		cpu->accept_vcpu_id = ev->accept.vcpu_id;
		return;
	case EV_ON_SPIN:
		note_on_spin(id, ev, self);
		break;
	case EV_YIELD_TO:
		note_place(id, ev->yield_to.vm_pid, ev->yield_to.target_id, ev->yield_to.target_idx);
		break;
	default:
		break;
	}
	cpu_of(id, ev->cpu)->accept_tid = 0;	/* the table may have grown, and be elsewhere */
}

void identity_note(struct identity *id, const struct event *ev)
{
	struct cpu_note *cpu;
	struct thread *self;

	id->n_events++;
	if (ev->type == EV_MISSED) {
		note_missed(id, ev);
		return;
	}
	if (ev->type == EV_TASK) {
		note_task(id, ev);
		return;
	}
	cpu = note_cpu(id, ev);
	self = note_thread(id, ev->tid, ev->t);
	note_event(id, ev, cpu, self);
	note_running(id, cpu_of(id, ev->cpu), self, ev);
}

void identity_follow(struct identity *id)
{
	id->n_events++;
	while (id->next_rebirth < id->rebirths->len) {
		const struct rebirth *r = &g_array_index(id->rebirths, struct rebirth, id->next_rebirth);

		if (r->n > id->n_events)
			break;
		tid_set(id, r->thread);
		id->next_rebirth++;
	}
}

struct thread *identity_thread(const struct identity *id, int64_t tid)
{
	return tid_lookup(id, tid);
}

const GPtrArray *identity_threads(const struct identity *id)
{
	return id->threads;
}

const GPtrArray *identity_vms(const struct identity *id)
{
	return id->vms;
}

unsigned int identity_n_vcpus(const struct identity *id)
{
	return id->n_vcpus;
}

const GArray *identity_gaps(const struct identity *id)
{
	return id->gaps;
}

const struct identity_span *identity_span(const struct identity *id)
{
	return &id->span;
}

int64_t identity_count(const struct identity *id, enum event_type type)
{
	return id->count[type];
}
