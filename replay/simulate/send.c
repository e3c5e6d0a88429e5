// SPDX-License-Identifier: GPL-2.0-or-later
/* Interrupts from one vCPU to another: sent, pending until the receiver runs, handled, acknowledged. */
#include "replay/bits.h"
#include "replay/simulate/machine.h"

static bool can_be_kicked(const struct sim_guest *guest)
{
	return guest->task->state == TASK_ASLEEP && guest_item(guest)->kind != ITEM_IO;
}

static void add_interrupt(struct sim_guest *to, struct sim_interrupt interrupt)
{
	if (to->n_interrupts == to->size) {
		to->size = to->size ? 2 * to->size : 8;
		to->interrupts = g_renew(struct sim_interrupt, to->interrupts, to->size);
	}
	to->interrupts[to->n_interrupts++] = interrupt;
	to->n_came++;
}

static void send_to(struct sim *sim, struct sim_guest *from, struct sim_guest *to, const struct item *item)
{
	const struct policy *policy = sim->setting->policy;
	struct spin_state *state = &from->vm->state;
	bool waited_for = item->kind == ITEM_SENDWAIT;

	add_interrupt(to, (struct sim_interrupt){ from->idx, item->vector, waited_for, false });
	from->n_awaited += waited_for;
	if (item->tracked && policy->on_ipi)
		policy->on_ipi(&from->vm->policy, from->idx, to->idx, item->vector, sim->now);
	if (to->task->state == TASK_RUNS) {
		to->owed_host += to->owed_host ? 0 : sim->host->c_kick;
		machine_touch(sim, &sim->cpus[to->task->cpu]);
		return;
	}
	put_bit(state->seen + DY_RUNNABLE * state->n_words, to->idx, true);
	if (can_be_kicked(to))
		machine_wake(sim, to->task);
}

void guest_send(struct sim *sim, struct sim_guest *guest, const struct item *item)
{
	const struct sim_vm *vm = guest->vm;

	for (guint i = item->first; i < item->first + item->n; i++) {
		uint16_t idx = g_array_index(guest->program->receivers, uint16_t, i);

		/* one that never ran has nobody who could answer */
		if (idx < vm->is->n_vcpus && vm->guests[idx] && vm->guests[idx] != guest)
			send_to(sim, guest, vm->guests[idx], item);
	}
}

static void acknowledge(struct sim *sim, struct sim_guest *guest, uint8_t vector)
{
	const struct policy *policy = sim->setting->policy;

	if (policy->on_eoi)
		policy->on_eoi(&guest->vm->policy, guest->idx, vector, sim->now);
}

void guest_begin_handler(struct sim *sim, struct sim_guest *guest)
{
	uint8_t vector = guest->interrupts[0].vector;

	/* what came in the meantime is one bit of the IRR */
	for (unsigned int i = 0; i < guest->n_interrupts; i++)
		guest->interrupts[i].in_service = guest->interrupts[i].vector == vector;
	guest->handling = true;
	guest->handler_left = guest->vm->is->handler;
	if (guest->vm->is->acks_before_handler)
		acknowledge(sim, guest, vector);
}

void guest_end_handler(struct sim *sim, struct sim_guest *guest)
{
	uint8_t vector = guest->interrupts[0].vector;
	unsigned int n = 0;

	guest->handling = false;
	if (!guest->vm->is->acks_before_handler)
		acknowledge(sim, guest, vector);
	for (unsigned int i = 0; i < guest->n_interrupts; i++) {
		struct sim_interrupt *interrupt = &guest->interrupts[i];
		struct sim_guest *sender = guest->vm->guests[interrupt->sender];

		if (!interrupt->in_service)
			guest->interrupts[n++] = *interrupt;
		else if (interrupt->waited_for && !--sender->n_awaited)
			guest_free_to_go(sim, sender);
	}
	guest->n_interrupts = n;
}

void guest_free_to_go(struct sim *sim, struct sim_guest *guest)
{
	guest->released = true;
	if (guest->task->state == TASK_RUNS)
		machine_touch(sim, &sim->cpus[guest->task->cpu]);
}
