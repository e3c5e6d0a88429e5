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

/* Threads that belong together, while VMs are being formed. */
struct group {
	int32_t tgid;		/* 0: not known */
	bool inferred;		/* some member has no tgid of its own */
	bool ambiguous;
	GPtrArray *threads;
};

static void group_free(void *p)
{
	struct group *g = p;

	g_ptr_array_unref(g->threads);
	g_free(g);
}

/* The last life of tid that was vcpu_id's, or else its last; vcpu_id -1: of whomever. */
static struct thread *last_life(const struct identity *id, int64_t tid, int64_t vcpu_id)
{
	struct thread *last = tid_lookup(id, tid);

	for (struct thread *t = last; t; t = t->previous)
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

static bool group_has_vcpu_id(const struct group *g, int64_t vcpu_id)
{
	for (guint i = 0; i < g->threads->len; i++)
		if (((struct thread *)g->threads->pdata[i])->vcpu_id == vcpu_id)
			return true;
	return false;
}

static bool groups_compatible(const struct group *a, const struct group *b)
{
	if (a->tgid && b->tgid && a->tgid != b->tgid)
		return false;
	for (guint i = 0; i < a->threads->len; i++)
		if (group_has_vcpu_id(b, ((struct thread *)a->threads->pdata[i])->vcpu_id))
			return false;
	return true;
}

/* b's threads go to a, b out of groups. */
static void merge(GPtrArray *groups, struct group *a, struct group *b)
{
	for (guint i = 0; i < b->threads->len; i++)
		g_ptr_array_add(a->threads, b->threads->pdata[i]);
	a->tgid = a->tgid ? a->tgid : b->tgid;
	a->inferred |= b->inferred;
	g_ptr_array_remove(groups, b);
}

static struct group *group_of(const GPtrArray *groups, const struct thread *t)
{
	for (guint i = 0; i < groups->len; i++) {
		struct group *g = groups->pdata[i];

		if (g_ptr_array_find(g->threads, t, NULL))
			return g;
	}
	return NULL;
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
			g_ptr_array_add(groups, g);
			if (t->tgid)
				g_hash_table_insert(by_tgid, key, g);
		}
		g_ptr_array_add(g->threads, t);
	}
	return groups;
}

static void merge_by_wakes(const struct identity *id, GPtrArray *groups)
{
	GHashTableIter iter;
	void *key;

	g_hash_table_iter_init(&iter, id->wakes);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		const struct wake_evidence *w = key;
		struct group *a, *b;

		if (w->waker->vcpu_id < 0 || w->woken->vcpu_id != w->vcpu_id ||
		    (w->waker->tgid && w->woken->tgid))
			continue;
		a = group_of(groups, w->waker);
		b = group_of(groups, w->woken);
		if (a && b && a != b && groups_compatible(a, b))
			merge(groups, a, b);
	}
}

/* The least number of VMs: no VM has one vcpu_id twice. */
static unsigned int least_vms(const GPtrArray *groups)
{
	unsigned int least = 1;

	for (guint i = 0; i < groups->len; i++) {
		const struct group *g = groups->pdata[i];

		for (guint j = 0; j < g->threads->len; j++) {
			int64_t vcpu_id = ((struct thread *)g->threads->pdata[j])->vcpu_id;
			unsigned int n = 0;

			for (guint k = 0; k < groups->len; k++)
				n += group_has_vcpu_id(groups->pdata[k], vcpu_id);
			least = MAX(least, n);
		}
	}
	return least;
}

/* Join what fits in one place only; mark what fits in several. */
static void merge_the_rest(GPtrArray *groups)
{
	unsigned int least = least_vms(groups);
	bool changed = true;

	while (changed && groups->len > least) {
		changed = false;
		for (guint i = 0; i < groups->len && !changed; i++) {
			struct group *g = groups->pdata[i], *fit = NULL;
			unsigned int n_fit = 0;

			if (g->tgid)
				continue;
			for (guint j = 0; j < groups->len; j++) {
				struct group *other = groups->pdata[j];

				if (other != g && groups_compatible(g, other)) {
					n_fit++;
					fit = other;
				}
			}
			/* with one VM in all, every group belongs to it */
			if (n_fit == 1 || (n_fit && least == 1)) {
				merge(groups, fit, g);
				changed = true;
			}
		}
	}
	for (guint i = 0; i < groups->len && groups->len > least; i++) {
		struct group *g = groups->pdata[i];

		for (guint j = 0; j < groups->len; j++) {
			struct group *other = groups->pdata[j];

			if (other != g && (!g->tgid || !other->tgid) && groups_compatible(g, other))
				g->ambiguous = true;
		}
	}
}

static int by_vcpu_id(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* vcpu_idx of vcpu_id as a probe or the host facts give it; -1: they do not. */
static int64_t told_idx(const struct identity *id, const struct host_facts *facts, int32_t tgid,
			int64_t vcpu_id)
{
	GHashTableIter iter;
	void *key;

	g_hash_table_iter_init(&iter, id->places);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		const struct vcpu_place *p = key;

		if (p->vm_pid == tgid && p->vcpu_id == vcpu_id)
			return p->vcpu_idx;
	}
	for (guint i = facts->vcpus->len; i-- > 0;) {	/* what was said last counts */
		const struct host_facts_vcpu *v =
			&g_array_index(facts->vcpus, struct host_facts_vcpu, i);

		if (v->tgid == tgid && v->vcpu_id == vcpu_id && v->vcpu_idx >= 0 && v->vcpu_idx < MAX_VCPUS)
			return v->vcpu_idx;
	}
	return -1;
}

static GArray *vcpu_ids(const struct identity *id, const struct host_facts *facts, const struct group *g)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(int64_t));
	GHashTableIter iter;
	void *key;
	guint n = 0;

	for (guint i = 0; i < g->threads->len; i++)
		g_array_append_val(ids, ((struct thread *)g->threads->pdata[i])->vcpu_id);
	/* vCPUs that never ran have no thread here, yet they occupy a vcpu_idx */
	for (guint i = 0; g->tgid && i < facts->vcpus->len; i++) {
		const struct host_facts_vcpu *v =
			&g_array_index(facts->vcpus, struct host_facts_vcpu, i);

		if (v->tgid == g->tgid && v->vcpu_id >= 0)
			g_array_append_val(ids, v->vcpu_id);
	}
	g_hash_table_iter_init(&iter, id->places);
	while (g->tgid && g_hash_table_iter_next(&iter, &key, NULL))
		if (((struct vcpu_place *)key)->vm_pid == g->tgid)
			g_array_append_val(ids, ((struct vcpu_place *)key)->vcpu_id);
	g_array_sort(ids, by_vcpu_id);
	for (guint i = 0; i < ids->len; i++)
		if (!i || g_array_index(ids, int64_t, i) != g_array_index(ids, int64_t, n - 1))
			g_array_index(ids, int64_t, n++) = g_array_index(ids, int64_t, i);
	g_array_set_size(ids, n);
	return ids;
}

static void add_vcpus(struct vm *vm, const struct identity *id, const struct host_facts *facts,
		      const struct group *g)
{
	g_autoptr(GArray) ids = vcpu_ids(id, facts, g);
	g_autofree int64_t *idx = g_new(int64_t, ids->len);
	int64_t highest = -1;

	vm->idx_known = true;
	for (guint i = 0; i < ids->len; i++) {
		idx[i] = told_idx(id, facts, vm->tgid, g_array_index(ids, int64_t, i));
		for (guint j = 0; j < i; j++)
			if (idx[j] == idx[i])
				idx[i] = -1;	/* two vCPUs cannot share one */
		vm->idx_known &= idx[i] >= 0;
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
	}
}

static void add_vm(struct identity *id, const struct host_facts *facts, const struct group *g)
{
	struct vm *vm = g_new0(struct vm, 1);
	int64_t n_high = 0, n_low_pause = 0;

	vm->id = id->vms->len + 1;
	vm->tgid = g->tgid;
	vm->membership = g->ambiguous ? MEMBERSHIP_UNKNOWN :
			 g->inferred ? MEMBERSHIP_INFERRED : MEMBERSHIP_TGID;
	for (guint i = facts->vms->len; i-- > 0;) {
		const struct host_facts_vm *v = &g_array_index(facts->vms, struct host_facts_vm, i);

		if (v->tgid == vm->tgid && v->name && !vm->name)
			vm->name = g_strdup(v->name);
	}
	add_vcpus(vm, id, facts, g);
	vm->created = true;
	for (guint i = 0; i < g->threads->len; i++) {
		struct thread *t = g->threads->pdata[i];

		for (unsigned int k = 0; k < vm->n_vcpus; k++)
			if (vm->vcpus[k] && vm->vcpus[k]->vcpu_id == t->vcpu_id)
				t->vcpu = vm->vcpus[k];
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

	apply_thread_facts(id, facts);
	groups = initial_groups(id);
	merge_by_wakes(id, groups);
	merge_the_rest(groups);
	g_ptr_array_sort(groups, by_first_thread);
	for (guint i = 0; i < groups->len; i++)
		add_vm(id, facts, groups->pdata[i]);
	for (guint i = id->threads->len; i-- > 0;)	/* the first life of each TID is the present one again */
		tid_set(id, id->threads->pdata[i]);
	id->n_events = 0;
	id->span.n_cpu = id->cpus->len;
	settle_gaps(id);
}
