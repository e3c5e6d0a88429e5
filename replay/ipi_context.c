// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The IPI tracker of the posted series, shared by the policies built on it
 * (directed-yield.md 4.1 to 4.5; patches to arch/x86/kvm/lapic.c and x86.c).
 */
#include "replay/policy.h"

void ipi_context_on_ipi(struct policy_vm *vm, unsigned int sender, unsigned int receiver, uint8_t vector,
			int64_t t)
{
	struct ipi_context *s = &vm->ipi[sender], *r = &vm->ipi[receiver];

	if (!vm->params->ipi_tracking_enabled)
		return;
	s->last_ipi_receiver = receiver;
	s->pending_ipi = true;
	s->ipi_time_ns = t;
	s->vector = vector;
	s->unknown = false;
	r->last_ipi_sender = sender;
	r->vector = vector;	/* one field for both roles: the receiver's own send loses its vector */
}

static bool in_window(const struct policy_vm *vm, const struct ipi_context *c, int64_t now)
{
	uint64_t learnt = vm->answers.window_ns;

	return (uint64_t)(now - c->ipi_time_ns) <= (learnt ? learnt : vm->params->ipi_window_ns);
}

static void clear(struct ipi_context *c)
{
	c->pending_ipi = false;
	c->last_ipi_sender = c->last_ipi_receiver = -1;
	c->unknown = false;
}

/* v1, v2: any EOI of the receiver; v3: one of the vector that was sent. */
struct ipi_context *ipi_answered(const struct policy_vm *vm, unsigned int idx, int vector)
{
	const struct ipi_context *r = &vm->ipi[idx];
	bool any = vm->params->series < 3;
	struct ipi_context *s;

	if (r->last_ipi_sender < 0 || (!any && r->vector != vector))
		return 0;
	s = &vm->ipi[r->last_ipi_sender];
	return s->last_ipi_receiver == (int)idx && (any || s->vector == vector) ? s : 0;
}

/* v1, v2: any EOI clears all that the vCPU holds, its own pending send included. */
static void on_any_eoi(struct policy_vm *vm, unsigned int idx, int vector, int64_t t)
{
	struct ipi_context *s = ipi_answered(vm, idx, vector);

	clear(&vm->ipi[idx]);
	if (s && in_window(vm, s, t))
		s->pending_ipi = false;
}

/*
 * v3 (inferred from its cover letter: "matching-vector EOI without dropping
 * unrelated pending IPI state"): the EOI's vector must be the one received, and
 * clears the sender's record of it; the vCPU's own send stays.
 */
static void on_matching_eoi(struct policy_vm *vm, unsigned int idx, int vector)
{
	struct ipi_context *r = &vm->ipi[idx], *s = ipi_answered(vm, idx, vector);

	if (s)
		s->pending_ipi = false;
	if (r->vector == vector)
		r->last_ipi_sender = -1;
}

void ipi_context_on_eoi(struct policy_vm *vm, unsigned int vcpu_idx, int vector, int64_t t)
{
	if (vm->params->series >= 3)
		on_matching_eoi(vm, vcpu_idx, vector);
	else
		on_any_eoi(vm, vcpu_idx, vector, t);
}

void ipi_context_on_reset(struct policy_vm *vm, unsigned int vcpu_idx)
{
	clear(&vm->ipi[vcpu_idx]);
}

int pending_ipi_receiver(struct policy_vm *vm, struct spin *s, unsigned int vcpu_idx)
{
	const struct ipi_context *c = vcpu_idx == s->me && s->ipi ? s->ipi : &vm->ipi[vcpu_idx];

	if (!vm->params->ipi_tracking_enabled)
		return -1;
	if (c->unknown && in_window(vm, c, s->now))
		s->uncertain = true;
	return c->pending_ipi && in_window(vm, c, s->now) ? c->last_ipi_receiver : -1;
}

uint64_t ipi_receiver(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	const struct ipi_context *me = s->ipi ? s->ipi : &vm->ipi[s->me];
	unsigned int receiver = me->last_ipi_receiver;	/* none is beyond any word */

	if (!vm->params->ipi_tracking_enabled || !in_window(vm, me, s->now))
		return 0;
	if (me->unknown)
		s->doubt |= who;
	return me->pending_ipi && receiver / 64 == s->word ? who & 1ULL << receiver % 64 : 0;
}

/*
 * v1 and v2 as read; v3 states the same tiers in the same order, its body is
 * inferred. The kernel looks at the pending interrupt before the preempted state;
 * as either accepts and neither has side effects, the order here is the one in
 * which a state that is not known casts the least doubt.
 */
uint64_t good_yield_candidates(struct policy_vm *vm, struct spin *s, uint64_t who)
{
	uint64_t up = awake(s, who), receiver = ipi_receiver(vm, s, up), others = up & ~receiver;
	uint64_t preempted = saw(s, PREEMPTED, others), woken = others & ~preempted;
	uint64_t interrupted = saw(s, PENDING_IRQ, woken);

	pass_over(s, woken & ~interrupted, STEP_NOT_PREEMPTED);
	return receiver | right_mode(s, preempted, true) | interrupted;
}
