// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whom kvm_vcpu_on_spin() yields to, under each policy: written from what is known of the
 * kernel's code and of the posted series (v3), not from counterspin's.
 *
 * Every policy is a list of rounds over the VM's vCPUs, from the one after the last boosted; a
 * round is a test of who is wanted. Three -ESRCH in all end the search.
 */
#include "tests/world/world.h"

const char *const policy_names[N_POLICIES] = {
	[POLICY_STOCK] = "stock", [POLICY_IPI_AWARE] = "ipi-aware", [POLICY_RELAXED] = "relaxed",
	[POLICY_IPI_AWARE_RELAXED] = "ipi-aware+relaxed",
	[POLICY_RECEIVER_FIRST] = "receiver-first", [POLICY_NONE] = "none",
};

enum round { ROUND_OVER, ROUND_STOCK, ROUND_RECEIVER, ROUND_STRICT, ROUND_PREEMPTED };
enum { MAX_ROUNDS = 4, TRIES = 3 };

static const guint8 rounds[N_POLICIES][MAX_ROUNDS] = {
	[POLICY_STOCK] = { ROUND_STOCK },
	[POLICY_IPI_AWARE] = { ROUND_STRICT },
	[POLICY_RELAXED] = { ROUND_STRICT, ROUND_PREEMPTED },
	[POLICY_IPI_AWARE_RELAXED] = { ROUND_STRICT, ROUND_PREEMPTED },
	[POLICY_RECEIVER_FIRST] = { ROUND_RECEIVER, ROUND_STRICT, ROUND_PREEMPTED },
};

static bool tracks(enum policy policy)
{
	return policy == POLICY_IPI_AWARE || policy == POLICY_IPI_AWARE_RELAXED ||
	       policy == POLICY_RECEIVER_FIRST;
}

/* --- who sent to whom --- */

void policy_on_ipi(struct vcpu *sender, struct vcpu *receiver, enum vector vector, gint64 t)
{
	sender->ipi.receiver = receiver->idx;
	sender->ipi.pending = true;
	sender->ipi.t = t;
	sender->ipi.vector = vector;
	receiver->ipi.sender = sender->idx;
	receiver->ipi.vector = vector;
}

void policy_on_eoi(struct vcpu *v, enum vector vector)
{
	struct ipi_record *sender;

	if (v->ipi.sender == NOBODY || v->ipi.vector != vector)
		return;
	sender = &v->vm->vcpus[v->ipi.sender].ipi;
	v->ipi.sender = NOBODY;
	if (sender->receiver == (int)v->idx && sender->vector == vector)
		sender->pending = false;
}

static bool is_receiver(const struct world *w, const struct vcpu *me, const struct vcpu *v)
{
	return tracks(w->policy) && me->ipi.pending && me->ipi.receiver == (int)v->idx &&
	       w->now - me->ipi.t <= w->s->ipi_window;
}

/* --- scans --- */

static bool wanted(const struct world *w, const struct vcpu *me, const struct vcpu *v,
		   enum round round)
{
	if (!v->ready || (v->blocking && !v->event))
		return false;
	switch (round) {
	case ROUND_STOCK:
		return !v->preempted || v->preempted_in_kernel;
	case ROUND_RECEIVER:
		return is_receiver(w, me, v);
	case ROUND_STRICT:
		return is_receiver(w, me, v) || (v->preempted && v->preempted_in_kernel);
	default:
		return v->preempted;
	}
}

/* A vCPU that spins itself is refused and taken in turn. */
static bool its_turn(struct vcpu *v)
{
	bool turn = !v->in_spin_loop || v->dy_eligible;

	v->dy_eligible ^= v->in_spin_loop;
	return turn;
}

int policy_yield_to(struct world *w, struct cpu *c, struct vcpu *target)
{
	int result;

	EMIT(w, c, yield_to, 0xffffffffc0a01230, target->vm->tgid, target->idx, target->idx,
	     target->preempted, target->ready, target->preempted_in_kernel);
	result = sched_yield_to(w, c, target->task);
	if (result <= 0)
		EMIT(w, c, yield_to_ret, 0xffffffffc0a01230, 0xffffffffc0a01000, result);
	return result;
}

/* Up to 6.12 the search goes in two passes; the second is not made after a last -ESRCH. */
static bool two_passes(const struct world *w)
{
	return w->policy == POLICY_STOCK && w->s->scheduler == SCHED_CFS;
}

static int scan_round(struct world *w, struct cpu *c, struct vcpu *me, enum round round, int *tries)
{
	struct vm *vm = me->vm;
	int last = vm->last_boosted, result = 0;

	for (unsigned int k = 1; k <= vm->n_vcpus; k++) {
		unsigned int idx = (last + k) % vm->n_vcpus;
		struct vcpu *v = &vm->vcpus[idx];

		if (idx == 0 && result < 0 && two_passes(w))
			break;
		if (v == me || !wanted(w, me, v, round) || !its_turn(v))
			continue;
		result = policy_yield_to(w, c, v);
		if (result > 0)
			return idx;
		if (result < 0 && !--*tries)
			break;
	}
	return NOBODY;
}

int policy_scan(struct world *w, struct cpu *c, struct vcpu *me)
{
	int target = NOBODY, tries = TRIES;

	for (unsigned int i = 0; i < MAX_ROUNDS && target == NOBODY && tries; i++)
		if (rounds[w->policy][i] != ROUND_OVER)
			target = scan_round(w, c, me, rounds[w->policy][i], &tries);
	return target;
}
