// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Between the passes: which vCPU threads form a VM, and which vcpu_idx each has.
 *
 * Threads of one thread group are one VM. Where thread groups are not known,
 * threads belong together that woke each other with an interrupt; what is then
 * left is joined only where there is one way to do it. A VM that could have
 * been completed in several ways is MEMBERSHIP_UNKNOWN.
 */
#include "analyze/model/identity_int.h"

#include <string.h>

/*
 * In a damaged recording there may be more threads, lives, vCPUs than any host has, and to
 * compare all with all would take hours: what is compared is limited.
 */
enum { MAX_LIVES = 1000, MAX_COMPARED = 20 * 1000 * 1000 };

/* Threads that belong together, while VMs are being formed. */
struct group {
	int32_t tgid;		/* 0: not known */
	bool inferred;		/* some member has no tgid of its own */
	bool ambiguous;
	GPtrArray *threads;	/* empty: merged into another */
	GHashTable *vcpu_ids;	/* set of int64_t */
};

/* What probes and host facts tell of vCPUs that may have no thread here. */
struct told {
	GHashTable *idx;	/* set of struct vcpu_place: one of each tgid and vcpu_id */
	GHashTable *vcpu_ids;	/* tgid -> GArray of int64_t */
	GHashTable *names;	/* tgid -> name, of host facts */
};

static void group_free(void *p)
{
	struct group *g = p;

	if (!g)
		return;
	g_ptr_array_unref(g->threads);
	g_hash_table_unref(g->vcpu_ids);
	g_free(g);
}

/* The last life of tid that was vcpu_id's, or else its last; vcpu_id -1: of whomever. */
static struct thread *last_life(const struct identity *id, int64_t tid, int64_t vcpu_id)
{
	struct thread *last = tid_lookup(id, tid);
	unsigned int n = 0;

	for (struct thread *t = last; t && n++ < MAX_LIVES; t = t->previous)
		if (vcpu_id < 0 || t->vcpu_id == vcpu_id)
			return t;
	return last;
}

static void apply_thread_facts(struct identity *id, const struct host_facts *facts)
{
	for (guint i = 0; i < facts->vcpus->len; i++) {
		const struct host_facts_vcpu *v =
			&g_array_index(facts->vcpus, struct host_facts_vcpu, i);
		struct thread *t = last_life(id, v->tid, v->vcpu_id);

		if (!t || (t->vcpu_id >= 0 && v->vcpu_id >= 0 && t->vcpu_id != v->vcpu_id))
			continue;	/* the TID was somebody else's by then */
		if (v->tgid > 0)
			t->tgid = v->tgid;
		if (v->vcpu_id >= 0)
			t->vcpu_id = v->vcpu_id;
		if (v->name && !*t->comm)
			strncpy(t->comm, v->name, sizeof(t->comm) - 1);
	}
	for (guint i = 0; i < facts->cgroups->len; i++) {
		const struct host_facts_cgroup *c =
			&g_array_index(facts->cgroups, struct host_facts_cgroup, i);
		struct thread *t = last_life(id, c->tid, -1);

		if (t) {
			g_free(t->cgroup);
			t->cgroup = g_strdup(c->path);
		}
	}
}

static void add_thread(struct group *g, struct thread *t)
{
	g_ptr_array_add(g->threads, t);
	g_hash_table_add(g->vcpu_ids, &t->vcpu_id);
}

static bool groups_compatible(const struct group *a, const struct group *b, unsigned int *compared)
{
	const struct group *fewer = g_hash_table_size(a->vcpu_ids) < g_hash_table_size(b->vcpu_ids) ? a : b;
	const struct group *more = fewer == a ? b : a;
	GHashTableIter iter;
	void *key;

	++*compared;
	if (a->tgid && b->tgid && a->tgid != b->tgid)
		return false;
	g_hash_table_iter_init(&iter, fewer->vcpu_ids);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		++*compared;
		if (g_hash_table_contains(more->vcpu_ids, key))
			return false;
	}
	return true;
}

/* The threads of both are one's, and the other is empty. */
static struct group *merge(struct group *a, struct group *b)
{
	struct group *all = a->threads->len >= b->threads->len ? a : b, *none = all == a ? b : a;

	for (guint i = 0; i < none->threads->len; i++)
		add_thread(all, none->threads->pdata[i]);
	all->tgid = a->tgid ? a->tgid : b->tgid;
	all->inferred = a->inferred || b->inferred;
	g_ptr_array_set_size(none->threads, 0);
	return all;
}

static void remove_empty(GPtrArray *groups)
{
	guint n = 0;

	for (guint i = 0; i < groups->len; i++) {
		struct group *g = groups->pdata[i];

		groups->pdata[i] = NULL;
		if (g->threads->len)
			groups->pdata[n++] = g;
		else
			group_free(g);
	}
	g_ptr_array_set_size(groups, n);
}

static GPtrArray *initial_groups(const struct identity *id)
{
	GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);
	g_autoptr(GHashTable) by_tgid = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < id->threads->len; i++) {
		struct thread *t = id->threads->pdata[i];
		void *key = GINT_TO_POINTER(t->tgid);
		struct group *g = t->tgid ? g_hash_table_lookup(by_tgid, key) : NULL;

		if (t->vcpu_id < 0)
			continue;
		if (!g) {
			g = g_new0(struct group, 1);
			g->tgid = t->tgid;
			g->inferred = !t->tgid;
			g->threads = g_ptr_array_new();
			g->vcpu_ids = g_hash_table_new(g_int64_hash, g_int64_equal);
			g_ptr_array_add(groups, g);
			if (t->tgid)
				g_hash_table_insert(by_tgid, key, g);
		}
		add_thread(g, t);
	}
	return groups;
}

static void merge_by_wakes(const struct identity *id, GPtrArray *groups)
{
	g_autofree struct group **group_of = g_new0(struct group *, id->threads->len + 1);	/* by thread id */
	unsigned int compared = 0;
	GHashTableIter iter;
	void *key;

	for (guint i = 0; i < groups->len; i++) {
		struct group *g = groups->pdata[i];

		for (guint k = 0; k < g->threads->len; k++)
			group_of[((struct thread *)g->threads->pdata[k])->id] = g;
	}
	g_hash_table_iter_init(&iter, id->wakes);
	while (g_hash_table_iter_next(&iter, &key, NULL) && compared < MAX_COMPARED) {
		const struct wake_evidence *w = key;
		struct group *a, *b, *all, *none;

		if (w->waker->vcpu_id < 0 || w->woken->vcpu_id != w->vcpu_id ||
		    (w->waker->tgid && w->woken->tgid))
			continue;
		a = group_of[w->waker->id];
		b = group_of[w->woken->id];
		if (!a || !b || a == b || !groups_compatible(a, b, &compared))
			continue;
		none = a->threads->len >= b->threads->len ? b : a;
		all = none == a ? b : a;
		for (guint k = 0; k < none->threads->len; k++)
			group_of[((struct thread *)none->threads->pdata[k])->id] = all;
		merge(a, b);
	}
	remove_empty(groups);
}

/* The least number of VMs: no VM has one vcpu_id twice. */
static unsigned int least_vms(const GPtrArray *groups)
{
	g_autoptr(GHashTable) count = g_hash_table_new(g_int64_hash, g_int64_equal);
	unsigned int least = 1;

	for (guint i = 0; i < groups->len; i++) {
		GHashTableIter iter;
		void *key;

		g_hash_table_iter_init(&iter, ((struct group *)groups->pdata[i])->vcpu_ids);
		while (g_hash_table_iter_next(&iter, &key, NULL)) {
			unsigned int n = GPOINTER_TO_UINT(g_hash_table_lookup(count, key)) + 1;

			g_hash_table_insert(count, key, GUINT_TO_POINTER(n));
			least = MAX(least, n);
		}
	}
	return least;
}

/* The groups that g fits; *one is the last of them. */
static unsigned int count_fits(const GPtrArray *groups, const struct group *g, struct group **one,
			       unsigned int *compared)
{
	unsigned int n = 0;

	for (guint j = 0; j < groups->len; j++) {
		struct group *other = groups->pdata[j];

		if (other != g && other->threads->len && (!g->tgid || !other->tgid) &&
		    groups_compatible(g, other, compared)) {
			n++;
			*one = other;
		}
	}
	return n;
}

/* Join what fits in one place only; mark what fits in several. */
static void merge_the_rest(GPtrArray *groups)
{
	unsigned int least = least_vms(groups), n_groups = groups->len, compared = 0;
	bool changed = true;
	struct group *fit;

	while (changed && n_groups > least && compared < MAX_COMPARED) {
		changed = false;
		for (guint i = 0; i < groups->len && !changed && compared < MAX_COMPARED; i++) {
			struct group *g = groups->pdata[i];
			unsigned int n_fit = g->tgid || !g->threads->len ? 0 : count_fits(groups, g, &fit, &compared);

			/* with one VM in all, every group belongs to it */
			if (n_fit == 1 || (n_fit && least == 1)) {
				merge(fit, g);
				n_groups--;
				changed = true;
			}
		}
	}
	remove_empty(groups);
	for (guint i = 0; i < groups->len && groups->len > least; i++) {
		struct group *g = groups->pdata[i];

		g->ambiguous = compared >= MAX_COMPARED || count_fits(groups, g, &fit, &compared);
	}
}

static int by_vcpu_id(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static guint place_hash(const void *p)
{
	const struct vcpu_place *v = p;

	return (guint)v->vm_pid * 31 + (guint)v->vcpu_id;
}

static gboolean place_equal(const void *a, const void *b)
{
	const struct vcpu_place *x = a, *y = b;

	return x->vm_pid == y->vm_pid && x->vcpu_id == y->vcpu_id;
}

/* What is said later counts. */
static void tell(struct told *told, int64_t tgid, int64_t vcpu_id, int64_t vcpu_idx)
{
	struct vcpu_place place = { .vm_pid = tgid, .vcpu_id = vcpu_id, .vcpu_idx = vcpu_idx };
	void *key = GINT_TO_POINTER(place.vm_pid);
	GArray *ids = g_hash_table_lookup(told->vcpu_ids, key);

	if (tgid <= 0 || tgid > INT32_MAX || vcpu_id < 0)
		return;
	if (!ids) {
		ids = g_array_new(FALSE, FALSE, sizeof(int64_t));
		g_hash_table_insert(told->vcpu_ids, key, ids);
	}
	g_array_append_val(ids, vcpu_id);
	if (vcpu_idx >= 0 && vcpu_idx < MAX_VCPUS)
		g_hash_table_add(told->idx, g_memdup2(&place, sizeof(place)));
}

/* Probes have the last word. */
static void told_init(struct told *told, const struct identity *id, const struct host_facts *facts)
{
	GHashTableIter iter;
	void *key;

	told->idx = g_hash_table_new_full(place_hash, place_equal, g_free, NULL);
	told->vcpu_ids = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
	told->names = g_hash_table_new(NULL, NULL);
	for (guint i = 0; i < facts->vcpus->len; i++) {
		const struct host_facts_vcpu *v = &g_array_index(facts->vcpus, struct host_facts_vcpu, i);

		tell(told, v->tgid, v->vcpu_id, v->vcpu_idx);
	}
	for (guint i = 0; i < facts->vms->len; i++) {
		const struct host_facts_vm *v = &g_array_index(facts->vms, struct host_facts_vm, i);

		if (v->name && v->tgid > 0 && v->tgid <= INT32_MAX)
			g_hash_table_insert(told->names, GINT_TO_POINTER((int)v->tgid), v->name);
	}
	g_hash_table_iter_init(&iter, id->places);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		const struct vcpu_place *p = key;

		tell(told, p->vm_pid, p->vcpu_id, p->vcpu_idx);
	}
}

static void told_release(struct told *told)
{
	g_hash_table_unref(told->idx);
	g_hash_table_unref(told->vcpu_ids);
	g_hash_table_unref(told->names);
}

/* vcpu_idx of vcpu_id; -1: nobody tells. */
static int64_t told_idx(const struct told *told, int32_t tgid, int64_t vcpu_id)
{
	const struct vcpu_place key = { .vm_pid = tgid, .vcpu_id = vcpu_id };
	const struct vcpu_place *p = g_hash_table_lookup(told->idx, &key);

	return p ? p->vcpu_idx : -1;
}

/* At most MAX_VCPUS, ascending. */
static GArray *vcpu_ids(const struct told *told, const struct group *g)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(int64_t));
	/* vCPUs that never ran have no thread here, yet they occupy a vcpu_idx */
	const GArray *more = g->tgid ? g_hash_table_lookup(told->vcpu_ids, GINT_TO_POINTER(g->tgid)) : NULL;
	guint n = 0;

	for (guint i = 0; i < g->threads->len; i++)
		g_array_append_val(ids, ((struct thread *)g->threads->pdata[i])->vcpu_id);
	if (more)
		g_array_append_vals(ids, more->data, more->len);
	g_array_sort(ids, by_vcpu_id);
	for (guint i = 0; i < ids->len && n < MAX_VCPUS; i++)
		if (!i || g_array_index(ids, int64_t, i) != g_array_index(ids, int64_t, n - 1))
			g_array_index(ids, int64_t, n++) = g_array_index(ids, int64_t, i);
	g_array_set_size(ids, n);
	return ids;
}

static void add_vcpus(struct vm *vm, const struct identity *id, const struct told *told, const struct group *g)
{
	g_autoptr(GArray) ids = vcpu_ids(told, g);
	g_autofree int64_t *idx = g_new(int64_t, ids->len);
	g_autofree bool *taken = g_new0(bool, MAX_VCPUS);
	g_autoptr(GHashTable) by_id = g_hash_table_new(g_int64_hash, g_int64_equal);
	int64_t highest = -1;

	vm->idx_known = true;
	for (guint i = 0; i < ids->len; i++) {
		idx[i] = told_idx(told, vm->tgid, g_array_index(ids, int64_t, i));
		/* two vCPUs cannot share one */
		vm->idx_known &= idx[i] >= 0 && !taken[idx[i]];
		if (idx[i] >= 0)
			taken[idx[i]] = true;
	}
	for (guint i = 0; i < ids->len; i++) {
		if (!vm->idx_known)
			idx[i] = i;	/* rank of vcpu_id: creation in ascending order (events.md 6) */
		highest = MAX(highest, idx[i]);
	}
	vm->n_vcpus = MAX(highest + 1, GPOINTER_TO_INT(g_hash_table_lookup(id->n_online,
							GINT_TO_POINTER(vm->tgid))));
	vm->vcpus = g_new0(struct vcpu *, vm->n_vcpus);
	for (guint i = 0; i < ids->len; i++) {
		struct vcpu *v = g_new0(struct vcpu, 1);

		v->vm = vm;
		v->idx = idx[i];
		v->vcpu_id = g_array_index(ids, int64_t, i);
		vm->vcpus[v->idx] = v;
		g_hash_table_insert(by_id, &v->vcpu_id, v);
	}
	for (guint i = 0; i < g->threads->len; i++) {
		struct thread *t = g->threads->pdata[i];

		t->vcpu = g_hash_table_lookup(by_id, &t->vcpu_id);
	}
}

static void add_vm(struct identity *id, const struct told *told, const struct group *g)
{
	struct vm *vm = g_new0(struct vm, 1);
	int64_t n_high = 0, n_low_pause = 0;

	vm->id = id->vms->len + 1;
	vm->tgid = g->tgid;
	vm->membership = g->ambiguous ? MEMBERSHIP_UNKNOWN :
			 g->inferred ? MEMBERSHIP_INFERRED : MEMBERSHIP_TGID;
	vm->name = vm->tgid ? g_strdup(g_hash_table_lookup(told->names, GINT_TO_POINTER(vm->tgid))) : NULL;
	add_vcpus(vm, id, told, g);
	vm->created = true;
	for (guint i = 0; i < g->threads->len; i++) {
		const struct thread *t = g->threads->pdata[i];

		vm->created &= t->born || (t->first == FIRST_SWITCHED_IN && t->slept_first);
		n_high += t->n_high;
		n_low_pause += t->n_low_pause;
	}
	/* VMX takes PAUSE exits at CPL 0 only: a low guest_rip there disproves the rule (events.md 5) */
	vm->cpl_known = n_high && !n_low_pause;
	for (unsigned int k = 0; k < vm->n_vcpus; k++)
		if (vm->vcpus[k])
			vm->vcpus[k]->id = ++id->n_vcpus;
	g_ptr_array_add(id->vms, vm);
}

static int by_first_thread(const void *a, const void *b)
{
	const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
	int64_t tx = INT64_MAX, ty = INT64_MAX;

	for (guint i = 0; i < x->threads->len; i++)
		tx = MIN(tx, ((struct thread *)x->threads->pdata[i])->id);
	for (guint i = 0; i < y->threads->len; i++)
		ty = MIN(ty, ((struct thread *)y->threads->pdata[i])->id);
	return tx < ty ? -1 : tx > ty;
}

static int by_t0(const void *a, const void *b)
{
	const struct identity_gap *x = a, *y = b;

	return x->t0 < y->t0 ? -1 : x->t0 > y->t0;
}

/* Is there more than silence in gap that those known do not explain? They are in order of t0. */
static bool unexplained(const struct identity *id, const struct identity_gap *gap)
{
	int64_t t = gap->t0;

	for (guint i = 0; i < id->gaps->len; i++) {
		const struct identity_gap *g = &g_array_index(id->gaps, struct identity_gap, i);

		if ((g->cpu < 0 || g->cpu == gap->cpu) && g->t0 <= t)
			t = MAX(t, g->t1);
	}
	return gap->t1 - t > SILENCE_NS;
}

/* Gaps that no loss record tells of, and the ends of those that lie outside the events. */
static void settle_gaps(struct identity *id)
{
	const struct identity_span *span = &id->span;
	g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(struct identity_gap));

	for (guint i = 0; i < id->gaps->len; i++) {
		struct identity_gap *g = &g_array_index(id->gaps, struct identity_gap, i);

		g->t0 = CLAMP(g->t0, span->t_first, span->t1);
		g->t1 = CLAMP(g->t1, g->t0, span->t1);
	}
	g_array_sort(id->gaps, by_t0);
	for (guint i = 0; i < id->cpus->len; i++) {
		const struct cpu_note *c = &g_array_index(id->cpus, struct cpu_note, i);
		struct identity_gap absent = { .cpu = i, .t0 = span->t_first, .t1 = span->t1, .why = LOSS_ABSENT };
		struct identity_gap late = { .cpu = i, .t0 = span->t_first, .t1 = c->t_first, .why = LOSS_LATE };
		struct identity_gap early = { .cpu = i, .t0 = c->t_last, .t1 = span->t1, .why = LOSS_EARLY };

		if (c->named && !c->seen)
			g_array_append_val(found, absent);
		if (c->seen && c->first && c->first->vcpu_id >= 0 && unexplained(id, &late))
			g_array_append_val(found, late);
		if (c->seen && c->runs && c->runs->vcpu_id >= 0 && unexplained(id, &early))
			g_array_append_val(found, early);
	}
	g_array_append_vals(id->gaps, found->data, found->len);
	g_array_sort(id->gaps, by_t0);
}

void identity_settle(struct identity *id, const struct host_facts *facts)
{
	g_autoptr(GPtrArray) groups = NULL;
	struct told told;

	apply_thread_facts(id, facts);
	told_init(&told, id, facts);
	groups = initial_groups(id);
	merge_by_wakes(id, groups);
	merge_the_rest(groups);
	g_ptr_array_sort(groups, by_first_thread);
	for (guint i = 0; i < groups->len; i++)
		add_vm(id, &told, groups->pdata[i]);
	told_release(&told);
	for (guint i = id->threads->len; i-- > 0;)	/* the first life of each TID is the present one again */
		tid_set(id, id->threads->pdata[i]);
	id->n_events = 0;
	id->span.n_cpu = id->cpus->len;
	settle_gaps(id);
}
