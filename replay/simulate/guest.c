// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/guest.h"

#include "replay/bits.h"
#include "replay/estimate/prng.h"
#include "replay/simulate/machine.h"

static void see(struct sim_guest *guest, enum seen what, bool value)
{
	struct spin_state *state = &guest->vm->state;

	put_bit(state->seen + what * state->n_words, guest->idx, value);
}

/* Of seed, vCPU and item alone, so that every policy meets the same programs. */
static int64_t jittered(const struct sim *sim, const struct sim_guest *guest, int64_t ns)
{
	const struct simulation_setting *setting = sim->setting;
	struct prng prng;

	if (!(setting->jitter > 0))
		return ns;
	prng = prng_new(setting->seed, (uint64_t)guest->task->number << 32 | guest->item);
	return ns + (int64_t)(ns * setting->jitter * (2 * prng_unit(&prng) - 1));
}

static void load_item(const struct sim *sim, struct sim_guest *guest)
{
	const struct item *item = guest_item(guest);

	guest->waiting = guest->released = guest->asleep = false;
	if (!item)
		return;
	guest->left = item->kind == ITEM_COMPUTE ? jittered(sim, guest, item->ns) : item->ns;
}

static void next_item(const struct sim *sim, struct sim_guest *guest)
{
	guest->item++;
	load_item(sim, guest);
}

void guest_init(struct sim *sim, struct sim_guest *guest, struct sim_task *task,
		const struct program *program)
{
	*guest = (struct sim_guest){
		.task = task, .vm = &sim->vms[program->vm], .program = program, .idx = program->idx,
		.node = sim->cpus[task->cpu].node, .mark = INT64_MAX, .until = INT64_MAX,
	};
	guest->vm->guests[guest->idx] = guest;
	load_item(sim, guest);
}

void guest_release(struct sim_guest *guest)
{
	g_free(guest->interrupts);
}

/* Those who wait for progress of guest that it has made, or all: who sleeps holds no lock. */
static void release_waiting(struct sim *sim, struct sim_guest *guest, bool all)
{
	const struct sim_vm *vm = guest->vm;

	if (guest->mark == INT64_MAX)
		return;
	guest->mark = INT64_MAX;
	for (unsigned int i = 0; i < vm->is->n_vcpus; i++) {
		struct sim_guest *w = vm->guests[i];
		const struct item *item;

		if (!w || !w->waiting || w->released)
			continue;
		item = guest_item(w);
		if (item->kind != ITEM_WAIT || item->unblocker != guest->idx)
			continue;
		if (all || w->wait_for <= guest->progress) {
			guest->n_held[item->kernel]--;
			guest_free_to_go(sim, w);
		} else {
			guest->mark = MIN(guest->mark, w->wait_for);
		}
	}
}

void guest_progress(struct sim *sim, struct sim_guest *guest)
{
	int64_t ns = sim->now - guest->task->since;

	guest->task->since = sim->now;
	if (ns <= 0)
		return;
	guest->spent[guest->doing] += ns;
	/* interrupts that are handled before it sees that its wait is over are no part of that */
	if (guest->waiting && !(guest->released && guest->doing == DOING_HANDLER))
		guest->wait_on_cpu += ns;
	switch (guest->doing) {
	case DOING_SWITCH:
		guest->owed_switch -= ns;
		break;
	case DOING_HOST:
		guest->owed_host -= ns;
		break;
	case DOING_HANDLER:
		guest->handler_left -= ns;
		break;
	case DOING_SPIN:
		guest->spun += ns;
		guest->left -= ns;
		break;
	default:
		guest->left -= ns;
		guest->progress += ns;
		if (guest->progress >= guest->mark)
			release_waiting(sim, guest, false);
	}
}

bool guest_waits_for(const struct sim_guest *guest, unsigned int idx)
{
	const struct item *item = guest_item(guest);
	const struct sim_guest *other = guest->vm->guests[idx];

	if (!guest->waiting || guest->released)
		return false;
	if (item->kind == ITEM_WAIT)
		return item->unblocker == idx;
	for (unsigned int i = 0; item->kind == ITEM_SENDWAIT && other && i < other->n_interrupts; i++)
		if (other->interrupts[i].waited_for && other->interrupts[i].sender == guest->idx)
			return true;
	return false;
}

/* Waits for vCPUs that wait for vCPUs: do they lead from 'from' to guest? */
static bool leads_back(const struct sim_guest *from, const struct sim_guest *guest)
{
	for (unsigned int n = 0; from && n <= guest->vm->is->n_vcpus; n++) {
		const struct item *item = guest_item(from);

		if (from == guest)
			return true;
		if (!from->waiting || from->released || item->kind != ITEM_WAIT)
			return false;
		from = guest->vm->guests[item->unblocker];
	}
	return false;
}

/* Who holds what others wait for is in the mode that their waits say, wherever it has come to by now. */
static bool in_kernel(const struct sim_guest *guest)
{
	const struct item *item = guest_item(guest);

	if (guest->handling || guest->n_held[true] || !item || item->kind != ITEM_COMPUTE)
		return true;
	return !guest->n_held[false] && item->kernel;
}

static void begin_lock(struct sim *sim, struct sim_guest *guest, const struct item *item)
{
	const struct sim_vm *vm = guest->vm;
	struct sim_guest *u = item->unblocker < vm->is->n_vcpus ? vm->guests[item->unblocker] : NULL;
	const struct spin_state *state = &vm->state;

	if (!u || u->task->state <= TASK_ASLEEP || !guest_item(u) || leads_back(u, guest)) {
		guest->released = true;
		return;
	}
	if (u->task->state == TASK_RUNS) {
		guest_progress(sim, u);
		machine_touch(sim, &sim->cpus[u->task->cpu]);
	}
	guest->wait_for = u->progress + item->ns;
	u->mark = MIN(u->mark, guest->wait_for);
	u->n_held[item->kernel]++;
	if (get_bit(state->seen + PREEMPTED * state->n_words, u->idx))
		see(u, IN_KERNEL, in_kernel(u));
}

static void begin_wait(struct sim *sim, struct sim_guest *guest, const struct item *item)
{
	guest->waiting = true;
	guest->wait_on_cpu = guest->wait_pauses = guest->spun = 0;
	guest->sent = sim->now;
	if (item->kind == ITEM_SENDWAIT) {
		guest_send(sim, guest, item);
		guest->released = !guest->n_awaited;
	} else if (item->kind == ITEM_WAIT) {
		begin_lock(sim, guest, item);
	}
}

static void end_wait(struct sim *sim, struct sim_guest *guest)
{
	double response = sim->now - guest->sent;

	if (guest->wait_pauses)
		guest->spin += guest->wait_on_cpu;
	if (guest_item(guest)->kind == ITEM_SENDWAIT)
		g_array_append_val(guest->vm->responses, response);
	next_item(sim, guest);
}

static void pause_exit(struct sim_guest *guest)
{
	const struct program_vm *is = guest->vm->is;

	guest->spun = 0;
	guest->window = MIN(2 * guest->window, MAX(is->window_max, guest->window));
	guest->wait_pauses++;
	guest->pauses++;
	guest->owed_host += is->c_exit;
	guest->to_decide = true;
}

/* Time up to the end of the wait as far as it is known, or the next PAUSE exit; 0: either is now. */
static int64_t spin_on(struct sim *sim, struct sim_guest *guest, const struct item *item)
{
	int64_t ns;

	if (!guest->waiting)
		begin_wait(sim, guest, item);
	if (guest->released || (item->kind == ITEM_SPIN && guest->left <= 0)) {
		end_wait(sim, guest);
		return 0;
	}
	ns = guest->window - guest->spun;
	if (ns <= 0) {
		pause_exit(guest);
		return 0;
	}
	return item->kind == ITEM_SPIN ? MIN(ns, guest->left) : ns;
}

static bool sleep_is_over(const struct sim *sim, const struct sim_guest *guest, const struct item *item)
{
	if (item->kind != ITEM_HALT_IPI)
		return sim->now >= guest->until;
	return guest->n_came > guest->n_used;
}

/* True: it sleeps from now on. */
static bool sleep_on(struct sim *sim, struct sim_guest *guest, const struct item *item)
{
	if (!guest->asleep) {
		guest->asleep = true;
		guest->until = item->kind == ITEM_HALT_IPI ? INT64_MAX : sim->now + item->ns;
	}
	if (sleep_is_over(sim, guest, item)) {
		guest->n_used = guest->n_came;
		next_item(sim, guest);
		return false;
	}
	release_waiting(sim, guest, true);
	machine_sleep(sim, guest->task, guest->until);
	see(guest, QUEUED, false);
	return true;
}

static int64_t doing(struct sim *sim, struct sim_guest *guest, enum doing what, int64_t ns)
{
	guest->doing = what;
	return sim->now + ns;
}

/* What comes before the program. 0: nothing; < 0: something has changed. */
static int64_t settle_host(struct sim *sim, struct sim_guest *guest)
{
	if (guest->in_on_spin)
		kvm_on_spin_returns(guest);
	if (guest->owed_switch > 0)
		return doing(sim, guest, DOING_SWITCH, guest->owed_switch);
	if (guest->owed_host > 0)
		return doing(sim, guest, DOING_HOST, guest->owed_host);
	if (guest->to_decide) {
		guest->to_decide = false;
		return kvm_on_spin(sim, guest) ? INT64_MAX : -1;
	}
	if (!guest->handling && guest->n_interrupts)
		guest_begin_handler(sim, guest);
	if (!guest->handling)
		return 0;
	if (guest->handler_left > 0)
		return doing(sim, guest, DOING_HANDLER, guest->handler_left);
	guest_end_handler(sim, guest);
	return -1;
}

/* Of its program; < 0: an item is over. */
static int64_t settle_item(struct sim *sim, struct sim_guest *guest, const struct item *item)
{
	int64_t ns;

	switch (item->kind) {
	case ITEM_COMPUTE:
		if (guest->left > 0)
			return doing(sim, guest, DOING_WORK, MIN(guest->left, guest->mark - guest->progress));
		next_item(sim, guest);
		return -1;
	case ITEM_SEND:
		guest_send(sim, guest, item);
		next_item(sim, guest);
		return -1;
	case ITEM_SENDWAIT:
	case ITEM_WAIT:
	case ITEM_SPIN:
		ns = spin_on(sim, guest, item);
		return ns ? doing(sim, guest, DOING_SPIN, ns) : -1;
	default:
		return sleep_on(sim, guest, item) ? INT64_MAX : -1;
	}
}

int64_t guest_settle(struct sim *sim, struct sim_guest *guest)
{
	const struct sim_cpu *cpu = &sim->cpus[guest->task->cpu];
	const struct item *item;
	int64_t t;

	do {
		/* woken by what it just did, somebody takes its CPU */
		if (cpu->rq.resched)
			return INT64_MAX;
		t = settle_host(sim, guest);
		if (t)
			continue;
		item = guest_item(guest);
		if (!item) {
			sim->over = true;
			return INT64_MAX;
		}
		t = settle_item(sim, guest, item);
	} while (t < 0);
	return t;
}

void guest_woken(struct sim *sim, struct sim_guest *guest, bool first)
{
	(void)sim;
	see(guest, QUEUED, true);
	/* kvm_vcpu_wake_up(): of those that halt. One that comes into being counts as woken. */
	if (first || guest_item(guest)->kind != ITEM_IO)
		see(guest, READY, true);
}

void guest_switched_in(struct sim *sim, struct sim_guest *guest)
{
	see(guest, ON_CPU, true);
	see(guest, READY, false);
	see(guest, PREEMPTED, false);
	see(guest, BLOCKING, false);
	see(guest, DY_RUNNABLE, false);
	guest->node = sim->cpus[guest->task->cpu].node;
	guest->window = MAX(guest->vm->is->window, 1);
	guest->owed_switch = sim->host->c_switch;
}

void guest_switched_out(struct sim *sim, struct sim_guest *guest)
{
	(void)sim;
	see(guest, ON_CPU, false);
	if (guest->task->state == TASK_ASLEEP) {
		/* IO is outside KVM_RUN, where nobody sees it */
		see(guest, BLOCKING, guest_item(guest)->kind != ITEM_IO);
		return;
	}
	see(guest, PREEMPTED, true);
	see(guest, READY, true);
	see(guest, IN_KERNEL, in_kernel(guest));
}
