// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/kernel_state.h"

#include <string.h>

struct vm_state {
	int last_boosted_vcpu;	/* -1: not known */
	unsigned int n_words;
	uint64_t *dy_eligible, *dy_eligible_known;
};

/* Something that becomes true later: a heap by time. */
struct due {
	int64_t t, n;		/* n: order of equal times */
	unsigned int vm;
	enum { STORE, SPIN_END } what;
	int value;		/* STORE: last_boosted_vcpu, -1 unknown; SPIN_END: vcpu_idx */
};

struct kernel_state {
	const struct policy *policy;
	struct policy_vm *policy_vms;
	unsigned int n_vms;
	struct vm_state *vms;
	GArray *due;		/* binary heap of struct due */
	int64_t n_due;
	struct spin_result *result;
	GArray *attempts;	/* of struct attempt: of an outcome without probes */
};

struct kernel_state *kernel_state_new(const struct recorded *recorded, const struct policy *policy,
				      struct policy_vm *policy_vms)
{
	struct kernel_state *ks = g_new0(struct kernel_state, 1);

	ks->policy = policy;
	ks->policy_vms = policy_vms;
	ks->n_vms = recorded->n_vms;
	ks->vms = g_new0(struct vm_state, ks->n_vms);
	ks->due = g_array_new(FALSE, FALSE, sizeof(struct due));
	ks->result = spin_result_new(recorded->max_words + 1);
	ks->attempts = g_array_new(FALSE, FALSE, sizeof(struct attempt));
	for (unsigned int i = 0; i < ks->n_vms; i++) {
		struct vm_state *vm = &ks->vms[i];

		vm->n_words = recorded->vms[i].n_words;
		vm->last_boosted_vcpu = recorded->vms[i].created ? 0 : -1;
		vm->dy_eligible = g_new0(uint64_t, vm->n_words + 1);
		vm->dy_eligible_known = g_new0(uint64_t, vm->n_words + 1);
		if (recorded->vms[i].created)
			memset(vm->dy_eligible_known, 0xff, vm->n_words * sizeof(uint64_t));
	}
	return ks;
}

void kernel_state_free(struct kernel_state *ks)
{
	if (!ks)
		return;
	for (unsigned int i = 0; i < ks->n_vms; i++) {
		g_free(ks->vms[i].dy_eligible);
		g_free(ks->vms[i].dy_eligible_known);
	}
	g_free(ks->vms);
	g_array_unref(ks->due);
	g_array_unref(ks->attempts);
	spin_result_free(ks->result);
	g_free(ks);
}

static bool earlier(const struct due *a, const struct due *b)
{
	return a->t != b->t ? a->t < b->t : a->n < b->n;
}

#define DUE(ks, i) (&g_array_index((ks)->due, struct due, i))

static void swap_due(struct kernel_state *ks, guint a, guint b)
{
	struct due t = *DUE(ks, a);

	*DUE(ks, a) = *DUE(ks, b);
	*DUE(ks, b) = t;
}

static void push_due(struct kernel_state *ks, struct due due)
{
	guint i = ks->due->len;

	due.n = ks->n_due++;
	g_array_append_val(ks->due, due);
	for (; i && earlier(DUE(ks, i), DUE(ks, (i - 1) / 2)); i = (i - 1) / 2)
		swap_due(ks, i, (i - 1) / 2);
}

static struct due pop_due(struct kernel_state *ks)
{
	struct due first = *DUE(ks, 0);
	guint n = ks->due->len - 1;

	*DUE(ks, 0) = *DUE(ks, n);
	g_array_set_size(ks->due, n);
	for (guint i = 0;;) {
		guint least = i, l = 2 * i + 1, r = 2 * i + 2;

		if (l < n && earlier(DUE(ks, l), DUE(ks, least)))
			least = l;
		if (r < n && earlier(DUE(ks, r), DUE(ks, least)))
			least = r;
		if (least == i)
			return first;
		swap_due(ks, i, least);
		i = least;
	}
}

static void put_bit(uint64_t *words, unsigned int idx, bool value)
{
	uint64_t mask = 1ULL << (idx % 64);

	words[idx / 64] = value ? words[idx / 64] | mask : words[idx / 64] & ~mask;
}

void kernel_state_advance(struct kernel_state *ks, int64_t t)
{
	while (ks->due->len && DUE(ks, 0)->t <= t) {
		struct due due = pop_due(ks);
		struct vm_state *vm = &ks->vms[due.vm];

		if (due.what == STORE) {
			vm->last_boosted_vcpu = due.value;
		} else {
			/* kvm_vcpu_set_dy_eligible(me, false) */
			put_bit(vm->dy_eligible, due.value, false);
			put_bit(vm->dy_eligible_known, due.value, true);
		}
	}
}

void kernel_state_fill(const struct kernel_state *ks, unsigned int vm_index, struct spin_state *state)
{
	const struct vm_state *vm = &ks->vms[vm_index];
	gsize bytes = vm->n_words * sizeof(uint64_t);

	state->last_boosted_vcpu = vm->last_boosted_vcpu;
	memcpy(state->dy_eligible, vm->dy_eligible, bytes);
	memcpy(state->dy_eligible_known, vm->dy_eligible_known, bytes);
}

/* Which spinning vCPUs the scan went by is not known, and so neither is their phase. */
static void doubt_spinners(struct vm_state *vm, const struct spin_state *state)
{
	const uint64_t *spinning = state->seen + IN_SPIN_LOOP * state->n_words;
	const uint64_t *known = state->known + IN_SPIN_LOOP * state->n_words;

	for (unsigned int w = 0; w < vm->n_words; w++)
		vm->dy_eligible_known[w] &= ~(spinning[w] | ~known[w]);
}

static void keep_dy_eligible(struct vm_state *vm, const struct spin_result *result)
{
	gsize bytes = vm->n_words * sizeof(uint64_t);

	memcpy(vm->dy_eligible, result->dy_eligible, bytes);
	memcpy(vm->dy_eligible_known, result->dy_eligible_known, bytes);
}

static int64_t return_time(const struct recorded_decision *d)
{
	int64_t t = d->t_end;

	for (guint i = 0; i < d->attempts->len; i++)
		if (g_array_index(d->attempts, struct attempt, i).t_ret != DB_NULL)
			t = g_array_index(d->attempts, struct attempt, i).t_ret;
	return t;
}

static void store_at_return(struct kernel_state *ks, const struct recorded_decision *d, int value)
{
	int64_t t = return_time(d);

	if (t == DB_NULL)
		ks->vms[d->vm].last_boosted_vcpu = -1;
	else
		push_due(ks, (struct due){ .t = t, .vm = d->vm, .what = STORE, .value = value });
}

/* What is stored for a success at pick when the scan began after last_boosted_vcpu. */
static int stored_value(const struct kernel_state *ks, unsigned int vm, int pick, const struct spin_state *state)
{
	int n = state->n_vcpus;

	if (ks->policy_vms[vm].params->stock_variant != STOCK_LOOP_COUNTER)
		return pick;
	if (state->last_boosted_vcpu < 0)
		return -1;
	return (pick + 2 * n - state->last_boosted_vcpu - 1) % n;
}

/*
 * A yield that succeeds calls schedule(), which picks the same task again only if
 * nobody else is there, or (rarely) nobody better.
 */
static bool contradicts(const struct recorded_decision *d, int pick)
{
	if (pick >= 0)
		return !d->switched_out && d->nr_running != DB_NULL && d->nr_running > 1;
	return false;
}

struct outcome kernel_state_infer(struct kernel_state *ks, const struct recorded_decision *d,
				  const struct spin_state *state)
{
	struct outcome imputed = { OUTCOME_IMPUTED, d->pick }, unknown = { OUTCOME_UNKNOWN, NO_TARGET };

	if (d->probed)
		return d->outcome_known ? (struct outcome){ OUTCOME_PROBED, d->pick } : unknown;
	if (d->tainted || d->switched_out == DB_NULL)
		return unknown;
	spin_ask(ks->policy, &ks->policy_vms[d->vm], state, SPIN_MODEL, NULL, NULL, ks->result);
	if (ks->result->uncertain)
		return d->outcome_known ? imputed : unknown;
	if (d->outcome_known && d->pick == ks->result->pick)
		return imputed;
	if (contradicts(d, ks->result->pick))
		return d->outcome_known ? imputed : unknown;
	return (struct outcome){ OUTCOME_INFERRED, ks->result->pick };
}

/* The attempts that an outcome without a probe stands for: the one success, if any. */
static const GArray *attempts_of(struct kernel_state *ks, const struct recorded_decision *d,
				 const struct outcome *outcome)
{
	struct attempt a = { .target_idx = MAX(outcome->pick, 0), .result = 1, .result_known = true };

	if (outcome->source == OUTCOME_PROBED)
		return d->attempts;
	g_array_set_size(ks->attempts, 0);
	if (outcome->pick >= 0)
		g_array_append_val(ks->attempts, a);
	return ks->attempts;
}

void kernel_state_observe(struct kernel_state *ks, const struct recorded_decision *d,
			  const struct spin_state *state, const struct outcome *outcome)
{
	struct vm_state *vm = &ks->vms[d->vm];

	if (outcome->source == OUTCOME_UNKNOWN) {
		doubt_spinners(vm, state);
		store_at_return(ks, d, -1);
	} else {
		const GArray *attempts = attempts_of(ks, d, outcome);

		if (state->last_boosted_vcpu >= 0) {
			spin_ask(ks->policy, &ks->policy_vms[d->vm], state, SPIN_FOLLOW, attempts, NULL,
				 ks->result);
			keep_dy_eligible(vm, ks->result);
		} else {
			doubt_spinners(vm, state);
		}
		for (guint i = 0; i < attempts->len; i++) {
			unsigned int target = g_array_index(attempts, struct attempt, i).target_idx;

			put_bit(vm->dy_eligible, target, false);
			put_bit(vm->dy_eligible_known, target, true);
		}
		if (outcome->pick >= 0)
			store_at_return(ks, d, stored_value(ks, d->vm, outcome->pick, state));
	}
	if (d->t_end != DB_NULL)
		push_due(ks, (struct due){ .t = d->t_end, .vm = d->vm, .what = SPIN_END, .value = d->me });
	else
		put_bit(vm->dy_eligible_known, d->me, false);
}

void kernel_state_forget(struct kernel_state *ks)
{
	g_array_set_size(ks->due, 0);
	for (unsigned int i = 0; i < ks->n_vms; i++) {
		ks->vms[i].last_boosted_vcpu = -1;
		memset(ks->vms[i].dy_eligible_known, 0, ks->vms[i].n_words * sizeof(uint64_t));
	}
}
