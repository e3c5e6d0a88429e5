// SPDX-License-Identifier: GPL-2.0-or-later
/* kvm_vcpu_on_spin() and yield_to() in a simulation: the policies are those of replay. */
#include <string.h>

#include "replay/bits.h"
#include "replay/simulate/machine.h"
#include "replay/simulate/side.h"

static uint64_t *seen(struct sim_vm *vm, enum seen what)
{
	return vm->state.seen + what * vm->state.n_words;
}

static bool alone(const struct sim *sim, const struct sim_guest *guest)
{
	return nr_running(&sim->cpus[guest->task->cpu]) == 1;
}

static void look(struct sim *sim, struct sim_guest *me)
{
	struct sim_vm *vm = me->vm;
	struct spin_state *state = &vm->state;

	state->me = me->idx;
	state->now = sim->now;
	state->last_boosted_vcpu = vm->last_boosted_vcpu;
	state->spinner_rq_single = alone(sim, me);
	/* of the others it counts only if the spinner is */
	for (unsigned int i = 0; state->spinner_rq_single && i < vm->is->n_vcpus; i++)
		put_bit(state->rq_single, i, vm->guests[i] && alone(sim, vm->guests[i]));
	for (unsigned int i = 0; i < vm->is->n_vcpus && sim->host->nodes; i++)
		put_bit(seen(vm, SAME_NODE), i, vm->guests[i] && vm->guests[i]->node == me->node);
}

static bool is_worth_naming(const struct sim_guest *guest, unsigned int idx)
{
	return guest_waits_for(guest, idx) && guest->vm->guests[idx]->task->state != TASK_RUNS;
}

int kvm_hint(const struct spin_state *state, unsigned int idx)
{
	const struct sim_vm *vm = state->hints;
	const struct sim_guest *guest = vm->guests[idx];
	const struct item *item = guest ? guest_item(guest) : NULL;

	if (!item)
		return NO_TARGET;
	if (item->kind == ITEM_WAIT)
		return is_worth_naming(guest, item->unblocker) ? item->unblocker : NO_TARGET;
	for (guint i = item->first; item->kind == ITEM_SENDWAIT && i < item->first + item->n; i++) {
		uint16_t to = g_array_index(guest->program->receivers, uint16_t, i);

		if (to < vm->is->n_vcpus && is_worth_naming(guest, to))
			return to;
	}
	return NO_TARGET;
}

static void leave(struct sim_guest *guest)
{
	put_bit(seen(guest->vm, IN_SPIN_LOOP), guest->idx, false);
	put_bit(guest->vm->state.dy_eligible, guest->idx, false);
}

/* yield_to() and yield_to_task_fair() (scheduler-side.md 1); whether it succeeds has been asked */
static void yield_to(struct sim *sim, struct sim_guest *me, struct sim_guest *target)
{
	struct sim_cpu *local = &sim->cpus[me->task->cpu], *remote = &sim->cpus[target->task->cpu];

	run_queue_nominate(&remote->rq, &target->task->se);
	side_yield_to(&local->rq, &target->task->se, local == remote, sim->setting, sim->now);
	run_queue_yield(&local->rq, sim->now);
	side_yielded(&local->rq, sim->setting, sim->now);
	machine_resched(sim, remote);
	machine_resched(sim, local);
}

bool kvm_on_spin(struct sim *sim, struct sim_guest *guest)
{
	struct sim_vm *vm = guest->vm;
	struct spin_result *answer = sim->answer;
	unsigned int n = vm->is->n_vcpus;
	const struct item *item = guest_item(guest);

	if (n < 2)
		return false;
	put_bit(seen(vm, IN_SPIN_LOOP), guest->idx, true);
	look(sim, guest);
	spin_ask(sim->setting->policy, &vm->policy, &vm->state, SPIN_MODEL, NULL, NULL, answer);
	memcpy(vm->state.dy_eligible, answer->dy_eligible, vm->state.n_words * sizeof(uint64_t));
	if (answer->pick == NO_TARGET) {
		leave(guest);
		return false;
	}
	vm->yields++;
	vm->futile += item->kind != ITEM_SPIN && !guest_waits_for(guest, answer->pick);
	guest->boosted = spin_stored_value(vm->policy.params, n, vm->last_boosted_vcpu, answer->pick);
	guest->in_on_spin = true;
	yield_to(sim, guest, vm->guests[answer->pick]);
	return true;
}

/* What others see of the yield's success they see from now on (directed-yield.md 2.2). */
void kvm_on_spin_returns(struct sim_guest *guest)
{
	guest->in_on_spin = false;
	guest->vm->last_boosted_vcpu = guest->boosted;
	guest->owed_host += guest->vm->is->c_yield;
	leave(guest);
}
