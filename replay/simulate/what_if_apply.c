// SPDX-License-Identifier: GPL-2.0-or-later
/* Another density, made of programs. */
#include "replay/simulate/what_if.h"

/* A copy is ahead of its original, or of the copy before it, by this part of the recording. */
#define STAGGER 32

/* Of the gap between two CPUs: not worth a move. */
#define ALIKE 0.1

/* A VM of the new input. */
struct member {
	unsigned int of;	/* VM of the recorded input */
	unsigned int copy;	/* 0: it is that one; else the how manieth copy */
};

static double work_of(const struct program_input *input, unsigned int vm)
{
	double work = 0;

	for (guint i = 0; i < input->programs->len; i++) {
		const struct program *p = input->programs->pdata[i];

		work += p->vm == vm ? p->progress : 0;
	}
	return work;
}

/* VMs of input, those with most work first; of equal ones the first is first. Newly allocated. */
static unsigned int *by_work(const struct program_input *input)
{
	unsigned int n = input->n_vms, *order = g_new(unsigned int, MAX(n, 1));
	g_autofree double *work = g_new(double, MAX(n, 1));

	for (unsigned int vm = 0; vm < n; vm++) {
		unsigned int at = vm;

		work[vm] = work_of(input, vm);
		for (; at && work[order[at - 1]] < work[vm]; at--)
			order[at] = order[at - 1];
		order[at] = vm;
	}
	return order;
}

static bool contains(const unsigned int *list, unsigned int n, unsigned int vm)
{
	for (unsigned int i = 0; i < n; i++)
		if (list[i] == vm)
			return true;
	return false;
}

/* In the order of the recorded VMs, then copies: of struct member. */
static GArray *members_of(const struct program_input *input, int change)
{
	GArray *members = g_array_new(FALSE, FALSE, sizeof(struct member));
	g_autofree unsigned int *order = by_work(input);
	unsigned int n_stay = input->n_vms - MAX(-change, 0);

	for (unsigned int vm = 0; vm < input->n_vms; vm++) {
		struct member m = { vm, 0 };

		if (contains(order, n_stay, vm))
			g_array_append_val(members, m);
	}
	for (int i = 0; i < change; i++) {
		struct member m = { order[i % input->n_vms], 1 + i / input->n_vms };

		g_array_append_val(members, m);
	}
	return members;
}

static int64_t remaining(int64_t ns, int64_t past, int64_t all)
{
	return all > 0 ? (int64_t)((double)ns * (all - past) / all) : ns;
}

/*
 * The items that p has left at 'from', ns from t0. An item carries the time at which it or the one
 * before it that is no computing began: so what was computed up to the next such is parted by time,
 * a sleep is cut short, and whatever else was under way then is over.
 */
static GArray *items_from(const struct program *p, int64_t from, int64_t length)
{
	const struct item *items = (const struct item *)p->items->data;
	GArray *rest = g_array_new(FALSE, FALSE, sizeof(struct item));
	guint first = 0, next = 0;
	int64_t until;

	while (next < p->items->len && items[next].t <= from) {
		if (items[next].t != items[first].t)
			first = next;
		next++;
	}
	until = next < p->items->len ? items[next].t : MAX(length, from);
	for (; first < next; first++) {
		struct item item = items[first];
		int64_t past = from - item.t;

		if (item.kind == ITEM_COMPUTE)
			item.ns = remaining(item.ns, past, until - item.t);
		else if (item.kind == ITEM_HALT || item.kind == ITEM_IO)
			item.ns -= past;
		else
			continue;
		if (item.ns > 0)
			g_array_append_val(rest, item);
	}
	if (next < p->items->len)
		g_array_append_vals(rest, &items[next], p->items->len - next);
	return rest;
}

static int64_t progress_of(const GArray *items)
{
	int64_t progress = 0;

	for (guint i = 0; i < items->len; i++) {
		const struct item *item = &g_array_index(items, struct item, i);

		progress += item->kind == ITEM_COMPUTE ? item->ns : 0;
	}
	return progress;
}

static void add_programs(struct program_input *to, const struct program_input *from,
			 const struct member *m, unsigned int vm)
{
	int64_t ahead = from->length / STAGGER * m->copy;

	for (guint i = 0; i < from->programs->len; i++) {
		const struct program *p = from->programs->pdata[i];
		struct program *mine;

		if (p->vm != m->of)
			continue;
		mine = g_memdup2(p, sizeof(*p));
		mine->vm = vm;
		g_array_ref(mine->receivers);
		if (m->copy && p->t_start < ahead)
			mine->items = items_from(p, ahead, from->length);
		else
			g_array_ref(mine->items);
		if (m->copy) {
			mine->progress = progress_of(mine->items);
			mine->t_start = MAX(p->t_start - ahead, 0);
			mine->cpu = -1;
		}
		g_ptr_array_add(to->programs, mine);
	}
}

static void add_background(struct program_input *to, const struct background *b)
{
	struct background *mine = g_memdup2(b, sizeof(*b));

	g_array_ref(mine->turns);
	g_ptr_array_add(to->backgrounds, mine);
}

/* A copy has a cgroup of its own if its original has. */
static unsigned int group_of(struct sim_host *host, const struct program_input *from,
			     unsigned int vm)
{
	unsigned int group = from->vms[vm].group;

	if (!group)
		return 0;
	for (unsigned int other = 0; other < from->n_vms; other++)
		if (other != vm && from->vms[other].group == group)
			return group;
	host->group_weights = g_renew(unsigned int, host->group_weights, host->n_groups + 1);
	host->group_weights[host->n_groups] = host->group_weights[group];
	return host->n_groups++;
}

static void add_vm(struct program_input *to, const struct program_input *from,
		   const struct member *m)
{
	struct program_vm *vm = &to->vms[to->n_vms];
	const char *name = from->vms[m->of].name;

	*vm = from->vms[m->of];
	if (m->copy) {
		vm->group = group_of(&to->host, from, m->of);
		vm->name = m->copy > 1 ? g_strdup_printf("copy %u of %s", m->copy, name)
				       : g_strdup_printf("copy of %s", name);
	} else {
		vm->name = g_strdup(name);
	}
	add_programs(to, from, m, to->n_vms++);
}

/* --- CPUs --- */

/* As the kernel scales them when a CPU comes or goes: get_update_sysctl_factor(). */
static int64_t scaled(int64_t ns, unsigned int from, unsigned int to)
{
	unsigned int before = g_bit_storage(MIN(from, 8)), after = g_bit_storage(MIN(to, 8));

	return ns * after / before;
}

/* A group shares its weight out among the CPUs where it has tasks: no more than there are. */
static unsigned int group_weight(unsigned int weight, unsigned int before, unsigned int now)
{
	double on = 1024.0 / MAX(weight, 1);

	/* one that was on all may be on more */
	return 1024 / (on > before - 0.5 ? now : CLAMP(on, 1, now));
}

static void change_cpus(struct sim_host *host, unsigned int n)
{
	unsigned int before = host->n_cpu;

	if (n == before)
		return;
	host->slice = scaled(host->slice, before, n);
	host->min_granularity = scaled(host->min_granularity, before, n);
	host->wakeup_granularity = scaled(host->wakeup_granularity, before, n);
	for (unsigned int g = 1; g < host->n_groups; g++)
		host->group_weights[g] = group_weight(host->group_weights[g], before, n);
	if (host->nodes) {
		host->nodes = g_renew(unsigned int, host->nodes, n);
		for (unsigned int c = before; c < n; c++)
			host->nodes[c] = host->nodes[before - 1];
	}
	host->n_cpu = n;
}

/* --- who is on which CPU --- */

/* ns that a task is not asleep, by its weight: what it is to a CPU's load. */
struct placed {
	int *cpu;
	double ns;
	int idx, vm;		/* -1: it is no vCPU, and stays where it is */
};

static double awake(const struct program_input *input, const struct program *p)
{
	double ns = input->length - p->t_start;

	for (guint i = 0; i < p->items->len; i++) {
		const struct item *item = &g_array_index(p->items, struct item, i);

		if (item->kind == ITEM_HALT || item->kind == ITEM_HALT_IPI || item->kind == ITEM_IO)
			ns -= item->ns;
	}
	return MAX(ns, p->progress) * input->vms[p->vm].weight / 1024;
}

/* vCPUs of one VM are not dealt out together: what they do is alike. */
static int by_idx(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	return x->idx != y->idx ? x->idx - y->idx : x->vm - y->vm;
}

static GArray *tasks_of(struct program_input *input)
{
	GArray *tasks = g_array_new(FALSE, FALSE, sizeof(struct placed));

	for (guint i = 0; i < input->programs->len; i++) {
		struct program *p = input->programs->pdata[i];
		struct placed task = { &p->cpu, awake(input, p), p->idx, p->vm };

		g_array_append_val(tasks, task);
	}
	for (guint i = 0; i < input->backgrounds->len; i++) {
		struct background *b = input->backgrounds->pdata[i];
		struct placed task = { &b->cpu, 0, -1, 0 };

		for (guint k = 1; k < b->turns->len; k += 2)
			task.ns += g_array_index(b->turns, int64_t, k) * (b->nice_weight / 1024.0);
		g_array_append_val(tasks, task);
	}
	return tasks;
}

static unsigned int extreme(const double *load, unsigned int n, bool most)
{
	unsigned int found = 0;

	for (unsigned int c = 1; c < n; c++)
		if (most ? load[c] > load[found] : load[c] < load[found])
			found = c;
	return found;
}

/* The first vCPU goes that makes the busiest CPU and the least busy about as equal as any. */
static bool balance_once(GArray *tasks, double *load, unsigned int n)
{
	unsigned int from = extreme(load, n, true), to = extreme(load, n, false);
	double gap = load[from] - load[to], best = gap;
	struct placed *found = NULL;

	for (guint i = 0; i < tasks->len; i++) {
		struct placed *task = &g_array_index(tasks, struct placed, i);
		double left = ABS(gap - 2 * task->ns);

		if (task->idx >= 0 && *task->cpu == (int)from && left < best - ALIKE * gap) {
			best = left;
			found = task;
		}
	}
	if (!found)
		return false;
	load[from] -= found->ns;
	load[to] += found->ns;
	*found->cpu = to;
	return true;
}

/* As load balancing would have left it: a run does not begin with a crowd on one CPU. */
static void spread(struct program_input *input)
{
	unsigned int n = input->host.n_cpu;
	g_autofree double *load = g_new0(double, n);
	g_autoptr(GArray) tasks = tasks_of(input);
	guint moves = tasks->len;

	g_array_sort(tasks, by_idx);
	for (guint i = 0; i < tasks->len; i++) {
		const struct placed *task = &g_array_index(tasks, struct placed, i);

		if (*task->cpu >= 0 && (unsigned int)*task->cpu < n)
			load[*task->cpu] += task->ns;
	}
	for (guint i = 0; i < tasks->len; i++) {
		const struct placed *task = &g_array_index(tasks, struct placed, i);

		if (*task->cpu >= 0 && (unsigned int)*task->cpu < n)
			continue;
		*task->cpu = extreme(load, n, false);
		load[*task->cpu] += task->ns;
	}
	while (moves-- && balance_once(tasks, load, n))
		;
}

static void set_window(struct program_vm *vm, int64_t window)
{
	bool grows = vm->window_max > vm->window;

	vm->window = window;
	vm->window_max = grows ? MAX(vm->window_max, window) : window;
}

struct program_input *what_if_apply(const struct what_if *w, const struct program_input *input,
				    unsigned int **origin)
{
	struct program_input *to = g_memdup2(input, sizeof(*input));
	g_autoptr(GArray) members = members_of(input, w->vms);
	struct sim_host *host = &to->host;

	host->group_weights = g_memdup2(host->group_weights, host->n_groups * sizeof(unsigned int));
	host->nodes = g_memdup2(host->nodes, host->nodes ? host->n_cpu * sizeof(unsigned int) : 0);
	to->n_vms = 0;
	to->vms = g_new0(struct program_vm, members->len + 1);
	to->truth = NULL;
	to->programs = g_ptr_array_new_with_free_func(program_free);
	to->backgrounds = g_ptr_array_new_with_free_func(background_free);
	*origin = g_new(unsigned int, members->len + 1);
	for (guint i = 0; i < members->len; i++) {
		const struct member *m = &g_array_index(members, struct member, i);

		(*origin)[i] = m->of;
		add_vm(to, input, m);
		if (w->window)
			set_window(&to->vms[i], w->window);
	}
	for (guint i = 0; input->backgrounds && i < input->backgrounds->len; i++)
		add_background(to, input->backgrounds->pdata[i]);
	change_cpus(host, host->n_cpu + w->cpus);
	if (w->vms || w->cpus)
		spread(to);
	return to;
}
