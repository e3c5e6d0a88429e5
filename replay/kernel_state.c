// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where probes saw the outcomes there is one course of events to follow. Where
 * they did not, the state is a set of hypotheses: each predicts what the recorded
 * policy did, and is weighed by how well that agrees with what the thread did
 * next (switched out or not, and to whom). What most of the weight agrees on is
 * known, the rest is not.
 */
#include "replay/kernel_state.h"

#include <string.h>

#include "replay/bits.h"

#define CONFIDENT 0.95		/* share of the weight that makes something known */
#define MIN_HYPOTHESES 32	/* kept per VM; more if every start index is possible */
#define MAX_HYPOTHESES 1024
#define NEGLIGIBLE 1e-4		/* weight below which a hypothesis is dropped */
#define NO_STORE (-2)

/*
 * How often the thread is seen to do what, given what the scan did. Counted on
 * recordings with probes, rounded; only their order of magnitude matters.
 */
#define P_STATE_WRONG		0.01	/* the scan did not do what its state foretells */
#define P_SWITCH_IF_NOBODY	0.04	/* preempted on the way back to the guest */
#define P_STAY_IF_YIELDED	0.03	/* picked again at once though others wait */
#define P_STAY_IF_ALONE		0.9	/* ... when nobody else is on the run queue */
#define P_IF_UNCERTAIN		0.2	/* the prediction hangs on a state that is not known */

/*
 * Who runs next on the CPU of a spinner that yielded. The shares depend on host
 * and load, so they are counted along, from the outcomes that are known.
 */
enum next { NEXT_TARGET, NEXT_SIBLING, NEXT_FOREIGN, N_NEXT };
static const double next_prior[N_NEXT] = { 8, 2, 10 };

struct hypothesis {
	double weight;
	int last_boosted_vcpu;
	int *pending;		/* [n_vcpus]: what is stored when this vCPU's yield returns, or NO_STORE */
	uint64_t *dy_eligible;	/* [n_words] */
	uint64_t hash;		/* of all but the weight, while the set is settled */
};

/* A set of hypotheses; the arrays of each are in blocks of the set. */
struct hypotheses {
	struct hypothesis *h;
	unsigned int n, capacity;
	int *pending;
	uint64_t *dy_eligible;
	unsigned int *table;	/* [2 * capacity or more, a power of 2]: place in h by hash, from 1; 0: none */
	unsigned int mask;	/* of places in the table */
};

struct vm_state {
	unsigned int n_vcpus, n_words;
	bool whole;			/* else there may be candidates that nobody knows of */
	struct hypotheses now, next;
	unsigned int keep;		/* hypotheses kept after each decision */
	uint64_t *dy_eligible_known;	/* [n_words] */
};

/* Something that becomes true later: a heap by time. */
struct due {
	int64_t t, n;			/* n: order of equal times */
	unsigned int vm, me;
	bool store, spin_end;		/* yield_to() returns to me; its on_spin ends */
};

struct kernel_state {
	const struct policy *policy;
	struct policy_vm *policy_vms;
	unsigned int n_vms;
	struct vm_state *vms;
	GArray *due;			/* binary heap of struct due */
	int64_t n_due;
	struct spin_result *result;
	GArray *attempts;		/* of struct attempt: of an outcome without probes */
	double *votes;			/* [max n_vcpus + 1]: weight per pick, nobody last */
	uint64_t *seen, *known;		/* of the state as a hypothesis has it */
	double n_next[N_NEXT];
	unsigned int n_candidates;	/* of the decision under way: vCPUs the scan may have tried */
};

static void hypotheses_init(struct hypotheses *set, unsigned int capacity, unsigned int n_vcpus,
			    unsigned int n_words)
{
	set->capacity = capacity;
	set->h = g_new0(struct hypothesis, capacity);
	set->pending = g_new(int, (gsize)capacity * n_vcpus + 1);
	set->dy_eligible = g_new0(uint64_t, (gsize)capacity * n_words + 1);
	set->mask = (2U << g_bit_storage(capacity)) - 1;
	set->table = g_new(unsigned int, (gsize)set->mask + 1);
	for (unsigned int i = 0; i < capacity; i++) {
		set->h[i].pending = set->pending + (gsize)i * n_vcpus;
		set->h[i].dy_eligible = set->dy_eligible + (gsize)i * n_words;
	}
}

static void hypotheses_release(struct hypotheses *set)
{
	g_free(set->h);
	g_free(set->table);
	g_free(set->pending);
	g_free(set->dy_eligible);
}

static bool same(const struct vm_state *vm, const struct hypothesis *a, const struct hypothesis *b)
{
	return a->hash == b->hash && a->last_boosted_vcpu == b->last_boosted_vcpu &&
	       !memcmp(a->pending, b->pending, vm->n_vcpus * sizeof(int)) &&
	       !memcmp(a->dy_eligible, b->dy_eligible, vm->n_words * sizeof(uint64_t));
}

/* A copy of from, to be changed and then put in its place by hypotheses_settle(). */
static struct hypothesis *hypotheses_add(struct vm_state *vm, struct hypotheses *set,
					 const struct hypothesis *from, double weight)
{
	struct hypothesis *h = NULL;

	if (set->n < set->capacity) {
		h = &set->h[set->n++];
	} else {
		for (unsigned int i = 0; i < set->n; i++)
			if (!h || set->h[i].weight < h->weight)
				h = &set->h[i];
		if (h->weight >= weight)
			return NULL;
	}
	h->weight = weight;
	h->last_boosted_vcpu = from->last_boosted_vcpu;
	memcpy(h->pending, from->pending, vm->n_vcpus * sizeof(int));
	memcpy(h->dy_eligible, from->dy_eligible, vm->n_words * sizeof(uint64_t));
	return h;
}

static int by_weight(const void *a, const void *b)
{
	double x = ((const struct hypothesis *)a)->weight, y = ((const struct hypothesis *)b)->weight;

	return x < y ? 1 : x > y ? -1 : 0;
}

static uint64_t hash_of(const struct vm_state *vm, const struct hypothesis *h)
{
	uint64_t hash = h->last_boosted_vcpu;

	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		hash = (hash ^ (uint32_t)h->pending[i]) * 0x9e3779b97f4a7c15;
	for (unsigned int w = 0; w < vm->n_words; w++)
		hash = (hash ^ h->dy_eligible[w]) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 32;
}

/* The weight of equals goes to the first of them. */
static void join_equals(struct vm_state *vm, struct hypotheses *set)
{
	memset(set->table, 0, ((gsize)set->mask + 1) * sizeof(*set->table));
	for (unsigned int i = 0; i < set->n; i++) {
		struct hypothesis *h = &set->h[i];
		unsigned int at;

		h->hash = hash_of(vm, h);
		at = h->hash & set->mask;
		while (set->table[at] && !same(vm, &set->h[set->table[at] - 1], h))
			at = (at + 1) & set->mask;
		if (!set->table[at]) {
			set->table[at] = i + 1;
			continue;
		}
		set->h[set->table[at] - 1].weight += h->weight;
		h->weight = 0;
	}
}

/* Move those that are not negligible to the front, in the order they are in; how many. */
static unsigned int set_aside_negligible(struct hypotheses *set)
{
	unsigned int n = 0;
	double most = 0;

	for (unsigned int i = 0; i < set->n; i++)
		most = MAX(most, set->h[i].weight);
	for (unsigned int i = 0; i < set->n; i++) {
		struct hypothesis h = set->h[i];

		if (!(h.weight > NEGLIGIBLE * most))
			continue;
		set->h[i] = set->h[n];	/* the arrays of one set aside are used again */
		set->h[n++] = h;
	}
	return n;
}

/* Join equals, drop the negligible, make the weights sum to 1. */
static void hypotheses_settle(struct vm_state *vm, struct hypotheses *set)
{
	double sum = 0;

	if (set->n > 1)
		join_equals(vm, set);
	set->n = set_aside_negligible(set);
	if (set->n > 1)
		qsort(set->h, set->n, sizeof(*set->h), by_weight);
	set->n = MIN(set->n, vm->keep);
	for (unsigned int i = 0; i < set->n; i++)
		sum += set->h[i].weight;
	for (unsigned int i = 0; i < set->n; i++)
		set->h[i].weight /= sum;
}

/* Every start index is possible: the VM ran before anything was seen of it. */
static void hypotheses_any_start(struct vm_state *vm)
{
	vm->now.n = MIN(vm->n_vcpus, vm->now.capacity);
	for (unsigned int i = 0; i < vm->now.n; i++) {
		struct hypothesis *h = &vm->now.h[i];

		h->weight = 1.0 / vm->now.n;
		h->last_boosted_vcpu = i;
		memset(h->dy_eligible, 0, vm->n_words * sizeof(uint64_t));
		for (unsigned int k = 0; k < vm->n_vcpus; k++)
			h->pending[k] = NO_STORE;
	}
	memset(vm->dy_eligible_known, 0, vm->n_words * sizeof(uint64_t));
}

struct kernel_state *kernel_state_new(const struct recorded *recorded, const struct policy *policy,
				      struct policy_vm *policy_vms)
{
	struct kernel_state *ks = g_new0(struct kernel_state, 1);
	unsigned int most = 0;

	ks->policy = policy;
	ks->policy_vms = policy_vms;
	ks->n_vms = recorded->n_vms;
	ks->vms = g_new0(struct vm_state, ks->n_vms);
	ks->due = g_array_new(FALSE, FALSE, sizeof(struct due));
	ks->result = spin_result_new(recorded->max_words + 1);
	ks->attempts = g_array_new(FALSE, FALSE, sizeof(struct attempt));
	for (unsigned int i = 0; i < ks->n_vms; i++) {
		struct vm_state *vm = &ks->vms[i];

		vm->n_vcpus = recorded->vms[i].n_vcpus;
		vm->n_words = recorded->vms[i].n_words;
		vm->whole = recorded->vms[i].whole;
		vm->keep = CLAMP(vm->n_vcpus, MIN_HYPOTHESES, MAX_HYPOTHESES);
		vm->dy_eligible_known = g_new0(uint64_t, vm->n_words + 1);
		hypotheses_init(&vm->now, 4 * vm->keep, vm->n_vcpus, vm->n_words);
		hypotheses_init(&vm->next, 4 * vm->keep, vm->n_vcpus, vm->n_words);
		hypotheses_any_start(vm);
		if (recorded->vms[i].created) {	/* all zero at creation */
			vm->now.n = MIN(vm->now.n, 1);
			vm->now.h[0].weight = 1;
			memset(vm->dy_eligible_known, 0xff, vm->n_words * sizeof(uint64_t));
		}
		most = MAX(most, vm->n_vcpus);
	}
	ks->votes = g_new0(double, most + 1);
	memcpy(ks->n_next, next_prior, sizeof(next_prior));
	ks->seen = g_new0(uint64_t, (gsize)N_SEEN * (recorded->max_words + 1));
	ks->known = g_new0(uint64_t, (gsize)N_SEEN * (recorded->max_words + 1));
	return ks;
}

void kernel_state_free(struct kernel_state *ks)
{
	if (!ks)
		return;
	for (unsigned int i = 0; i < ks->n_vms; i++) {
		hypotheses_release(&ks->vms[i].now);
		hypotheses_release(&ks->vms[i].next);
		g_free(ks->vms[i].dy_eligible_known);
	}
	g_free(ks->vms);
	g_array_unref(ks->due);
	g_array_unref(ks->attempts);
	g_free(ks->votes);
	g_free(ks->seen);
	g_free(ks->known);
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

void kernel_state_advance(struct kernel_state *ks, int64_t t)
{
	while (ks->due->len && DUE(ks, 0)->t <= t) {
		struct due due = pop_due(ks);
		struct vm_state *vm = &ks->vms[due.vm];

		for (unsigned int i = 0; i < vm->now.n; i++) {
			struct hypothesis *h = &vm->now.h[i];

			if (due.store && h->pending[due.me] != NO_STORE)
				h->last_boosted_vcpu = h->pending[due.me];
			if (due.store)
				h->pending[due.me] = NO_STORE;
			if (due.spin_end)	/* kvm_vcpu_set_dy_eligible(me, false) */
				put_bit(h->dy_eligible, due.me, false);
		}
		if (due.spin_end)
			put_bit(vm->dy_eligible_known, due.me, true);
		hypotheses_settle(vm, &vm->now);
	}
}

/* The start index that most of the weight agrees on; -1: none. */
static int likely_start(struct kernel_state *ks, const struct vm_state *vm)
{
	memset(ks->votes, 0, vm->n_vcpus * sizeof(double));
	for (unsigned int i = 0; i < vm->now.n; i++)
		ks->votes[vm->now.h[i].last_boosted_vcpu] += vm->now.h[i].weight;
	for (unsigned int k = 0; k < vm->n_vcpus; k++)
		if (ks->votes[k] >= CONFIDENT)
			return k;
	return -1;
}

/* The first vCPU from idx on of which it is not known whether it spins; n_vcpus or more: none. */
static unsigned int next_unknown_spinner(const struct spin_state *s, unsigned int idx)
{
	const uint64_t *known = s->known + IN_SPIN_LOOP * s->n_words;

	for (unsigned int w = idx / 64; w < s->n_words; w++) {
		uint64_t unknown = ~known[w] & (w == idx / 64 ? ~0ULL << idx % 64 : ~0ULL);

		if (unknown)
			return w * 64 + __builtin_ctzll(unknown);
	}
	return s->n_vcpus;
}

void kernel_state_fill(struct kernel_state *ks, unsigned int vm_index, struct spin_state *state)
{
	const struct vm_state *vm = &ks->vms[vm_index];

	state->last_boosted_vcpu = likely_start(ks, vm);
	for (unsigned int w = 0; w < vm->n_words; w++) {
		uint64_t first = vm->now.n ? vm->now.h[0].dy_eligible[w] : 0, differ = 0;

		state->dy_eligible[w] = first;
		state->dy_eligible_known[w] = vm->dy_eligible_known[w];
		for (unsigned int i = 1; i < vm->now.n; i++)
			differ |= first ^ vm->now.h[i].dy_eligible[w];
		while (differ) {
			uint64_t lowest = differ & -differ;
			double set = 0;

			for (unsigned int i = 0; i < vm->now.n; i++)
				set += vm->now.h[i].dy_eligible[w] & lowest ? vm->now.h[i].weight : 0;
			if (set >= CONFIDENT)
				state->dy_eligible[w] |= lowest;
			else if (set <= 1 - CONFIDENT)
				state->dy_eligible[w] &= ~lowest;
			else
				state->dy_eligible_known[w] &= ~lowest;
			differ &= ~lowest;
		}
	}
	for (unsigned int idx = 0; (idx = next_unknown_spinner(state, idx)) < state->n_vcpus; idx++) {
		double set = 0;

		for (unsigned int i = 0; i < vm->now.n; i++)
			set += vm->now.h[i].pending[idx] != NO_STORE ? vm->now.h[i].weight : 0;
		put_bit(state->seen + IN_SPIN_LOOP * state->n_words, idx, set >= CONFIDENT);
		put_bit(state->known + IN_SPIN_LOOP * state->n_words, idx,
			set >= CONFIDENT || set <= 1 - CONFIDENT);
	}
}

static bool state_bit(const uint64_t *words, const struct spin_state *s, enum seen what, unsigned int idx)
{
	return get_bit(words + what * s->n_words, idx);
}

/* state as it is if h is true: a vCPU is in its spin loop while its yield has not returned. */
static struct spin_state state_under(struct kernel_state *ks, unsigned int vm, const struct spin_state *state,
				     const struct hypothesis *h)
{
	struct spin_state s = *state;
	gsize bytes = (gsize)N_SEEN * s.n_words * sizeof(uint64_t);
	uint64_t *spinning = ks->seen + IN_SPIN_LOOP * s.n_words;

	memcpy(ks->seen, state->seen, bytes);
	memcpy(ks->known, state->known, bytes);
	for (unsigned int idx = 0; (idx = next_unknown_spinner(state, idx)) < s.n_vcpus; idx++) {
		put_bit(spinning, idx, h->pending[idx] != NO_STORE);
		put_bit(ks->known + IN_SPIN_LOOP * s.n_words, idx, true);
	}
	s.seen = ks->seen;
	s.known = ks->known;
	s.last_boosted_vcpu = h->last_boosted_vcpu;
	s.dy_eligible = h->dy_eligible;
	s.dy_eligible_known = ks->vms[vm].dy_eligible_known;
	return s;
}

/* What h stores when the spinner's yield to pick returns. */
static void set_pending(const struct kernel_state *ks, const struct recorded_decision *d,
			const struct spin_state *state, struct hypothesis *h, int pick)
{
	h->pending[d->me] = pick < 0 ? NO_STORE :
			    spin_stored_value(ks->policy_vms[d->vm].params, state->n_vcpus,
					      h->last_boosted_vcpu, pick);
}

/* The kernel's scan from hypothesis h, with the attempts it made: h then holds the state after it. */
static void follow(struct kernel_state *ks, const struct recorded_decision *d, const struct spin_state *state,
		   struct hypothesis *h, const GArray *attempts, int pick)
{
	struct spin_state s = state_under(ks, d->vm, state, h);

	spin_ask(ks->policy, &ks->policy_vms[d->vm], &s, SPIN_FOLLOW, attempts, NULL, ks->result);
	memcpy(h->dy_eligible, ks->result->dy_eligible, state->n_words * sizeof(uint64_t));
	for (guint i = 0; i < attempts->len; i++)
		put_bit(h->dy_eligible, g_array_index(attempts, struct attempt, i).target_idx, false);
	set_pending(ks, d, state, h, pick);
}

static enum next who_is_next(const struct recorded_decision *d, int pick)
{
	return d->next_idx == DB_NULL ? NEXT_FOREIGN : d->next_idx == pick ? NEXT_TARGET : NEXT_SIBLING;
}

/* Does the state under h foretell exactly the attempts that were seen? Then its dy_eligible after them holds. */
static bool foretells(struct kernel_state *ks, const struct recorded_decision *d, const struct spin_state *state,
		      struct hypothesis *h)
{
	struct spin_state s = state_under(ks, d->vm, state, h);

	spin_ask(ks->policy, &ks->policy_vms[d->vm], &s, SPIN_OBSERVED, d->attempts, NULL, ks->result);
	if (ks->result->uncertain || !spin_same_targets(ks->result->attempts, d->attempts))
		return false;
	memcpy(h->dy_eligible, ks->result->dy_eligible, state->n_words * sizeof(uint64_t));
	set_pending(ks, d, state, h, d->pick);
	return true;
}

/* Probability of what the thread did next, if the scan yielded to pick. */
static double likelihood(const struct kernel_state *ks, const struct recorded_decision *d, int pick)
{
	bool alone = d->nr_running == DB_NULL || d->nr_running <= 1;
	enum next next = who_is_next(d, pick);
	double p;

	if (pick < 0)
		return d->switched_out ? P_SWITCH_IF_NOBODY : 1 - P_SWITCH_IF_NOBODY;
	if (!d->switched_out)
		return alone ? P_STAY_IF_ALONE : P_STAY_IF_YIELDED;
	p = ks->n_next[next] / (ks->n_next[NEXT_TARGET] + ks->n_next[NEXT_SIBLING] + ks->n_next[NEXT_FOREIGN]);
	return next == NEXT_SIBLING && ks->n_candidates > 2 ? p / (ks->n_candidates - 1) : p;
}

/* Could any version of the scan have tried idx, as far as its state is known? */
static bool may_try(const struct spin_state *s, unsigned int idx)
{
	if (idx == s->me || !state_bit(s->seen, s, READY, idx))
		return false;
	return !state_bit(s->seen, s, BLOCKING, idx) || state_bit(s->seen, s, DY_RUNNABLE, idx);
}

/*
 * h did something else than its state foretells: any candidate may have been
 * tried, or nobody. weight is shared among these outcomes.
 */
static void add_surprises(struct kernel_state *ks, const struct recorded_decision *d,
			  const struct spin_state *state, const struct hypothesis *h, double weight, int foretold)
{
	struct vm_state *vm = &ks->vms[d->vm];
	unsigned int n = ks->n_candidates + 1;

	for (int idx = NO_TARGET; idx < (int)state->n_vcpus; idx++) {
		struct attempt a = { .target_idx = MAX(idx, 0), .result = 1, .result_known = true };
		struct hypothesis *child;

		if (idx == foretold || (idx >= 0 && !may_try(state, idx)))
			continue;
		child = hypotheses_add(vm, &vm->next, h, weight / n * likelihood(ks, d, idx));
		if (!child)
			continue;
		g_array_set_size(ks->attempts, 0);
		if (idx >= 0)
			g_array_append_val(ks->attempts, a);
		follow(ks, d, state, child, ks->attempts, idx);
		ks->votes[idx < 0 ? vm->n_vcpus : (unsigned int)idx] += child->weight;
	}
}

static void predict(struct kernel_state *ks, const struct recorded_decision *d, const struct spin_state *state,
		    const struct hypothesis *h)
{
	struct vm_state *vm = &ks->vms[d->vm];
	struct spin_state s = state_under(ks, d->vm, state, h);
	struct hypothesis *child;
	double p;
	int pick;

	spin_ask(ks->policy, &ks->policy_vms[d->vm], &s, SPIN_MODEL, NULL, NULL, ks->result);
	pick = ks->result->pick;
	p = ks->result->uncertain ? P_IF_UNCERTAIN : (1 - P_STATE_WRONG) * likelihood(ks, d, pick);
	child = hypotheses_add(vm, &vm->next, h, h->weight * p);
	if (child) {
		memcpy(child->dy_eligible, ks->result->dy_eligible, state->n_words * sizeof(uint64_t));
		set_pending(ks, d, state, child, pick);
		ks->votes[pick < 0 ? vm->n_vcpus : (unsigned int)pick] += child->weight;
	}
	/* a light hypothesis is not worth being wrong about */
	if (h->weight >= 0.02)
		add_surprises(ks, d, state, h,
			      h->weight * (ks->result->uncertain ? 1 - P_IF_UNCERTAIN : P_STATE_WRONG), pick);
}

struct outcome kernel_state_infer(struct kernel_state *ks, const struct recorded_decision *d,
				  const struct spin_state *state)
{
	struct outcome outcome = { OUTCOME_UNKNOWN, NO_TARGET };
	struct vm_state *vm = &ks->vms[d->vm];
	double sum = 0;

	if (d->probed)
		return d->outcome_known ? (struct outcome){ OUTCOME_PROBED, d->pick } : outcome;
	vm->next.n = 0;
	if (d->tainted || d->switched_out == DB_NULL || !state->n_vcpus || !vm->whole)
		return outcome;
	memset(ks->votes, 0, (vm->n_vcpus + 1) * sizeof(double));
	ks->n_candidates = 0;
	for (unsigned int idx = 0; idx < state->n_vcpus; idx++)
		ks->n_candidates += may_try(state, idx);
	for (unsigned int i = 0; i < vm->now.n; i++)
		predict(ks, d, state, &vm->now.h[i]);
	for (unsigned int k = 0; k <= vm->n_vcpus; k++)
		sum += ks->votes[k];
	for (unsigned int k = 0; k <= vm->n_vcpus; k++) {
		if (ks->votes[k] < CONFIDENT * sum)
			continue;
		outcome.pick = k == vm->n_vcpus ? NO_TARGET : (int)k;
		outcome.source = d->outcome_known && d->pick == outcome.pick ? OUTCOME_IMPUTED : OUTCOME_INFERRED;
		if (outcome.pick >= 0 && d->switched_out)
			ks->n_next[who_is_next(d, outcome.pick)]++;
	}
	return outcome;
}

static int64_t return_time(const struct recorded_decision *d)
{
	int64_t t = d->t_end;

	for (guint i = 0; i < d->attempts->len; i++)
		if (g_array_index(d->attempts, struct attempt, i).t_ret != DB_NULL)
			t = g_array_index(d->attempts, struct attempt, i).t_ret;
	return t;
}

/* Probes saw it: all hypotheses that remain follow it. */
static void observe_probed(struct kernel_state *ks, const struct recorded_decision *d,
			   const struct spin_state *state)
{
	struct vm_state *vm = &ks->vms[d->vm];

	for (unsigned int i = 0; i < vm->now.n; i++) {
		struct hypothesis *h = &vm->now.h[i];

		if (foretells(ks, d, state, h))
			continue;
		h->weight *= P_STATE_WRONG;
		follow(ks, d, state, h, d->attempts, d->pick);
	}
	hypotheses_settle(vm, &vm->now);
	if (vm->now.n == 1)
		memcpy(vm->dy_eligible_known, ks->result->dy_eligible_known, vm->n_words * sizeof(uint64_t));
	for (guint i = 0; i < d->attempts->len; i++)
		put_bit(vm->dy_eligible_known, g_array_index(d->attempts, struct attempt, i).target_idx, true);
}

/* Nothing can be said of what it did: neither of the start index nor of those that spin. */
static void observe_nothing(struct kernel_state *ks, const struct recorded_decision *d)
{
	hypotheses_any_start(&ks->vms[d->vm]);
}

void kernel_state_observe(struct kernel_state *ks, const struct recorded_decision *d,
			  const struct spin_state *state)
{
	struct vm_state *vm = &ks->vms[d->vm];
	int64_t t_ret = return_time(d);

	if (d->probed && d->outcome_known) {
		observe_probed(ks, d, state);
	} else if (!d->probed && vm->next.n) {
		struct hypotheses now = vm->now;

		hypotheses_settle(vm, &vm->next);
		vm->now = vm->next;
		vm->next = now;
		vm->next.n = 0;
	} else {
		observe_nothing(ks, d);
	}
	if (t_ret != DB_NULL && t_ret != d->t_end)
		push_due(ks, (struct due){ .t = t_ret, .vm = d->vm, .me = d->me, .store = true });
	if (d->t_end != DB_NULL)
		push_due(ks, (struct due){ .t = d->t_end, .vm = d->vm, .me = d->me, .store = true, .spin_end = true });
	else
		observe_nothing(ks, d);
}

void kernel_state_forget(struct kernel_state *ks)
{
	g_array_set_size(ks->due, 0);
	for (unsigned int i = 0; i < ks->n_vms; i++)
		hypotheses_any_start(&ks->vms[i]);
}
