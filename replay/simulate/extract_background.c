// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Threads that are no vCPUs, as turns of sleep and run. Many hardly ever run: those of one
 * CPU are one task, so that there are no more tasks than CPUs can bear.
 */
#include "replay/simulate/extract_int.h"

/* A thread is negligible if it runs for a smaller share of the span. */
#define NEGLIGIBLE 0.0002

struct turn {
	int64_t woken, end, run;
};

/* A thread's life in the span. */
struct task {
	unsigned int vcpu;		/* vcpu.id; 0: it is none */
	bool runnable;	/* it was preempted, and its turn goes on */
	bool realtime;
	int cpu;
	unsigned int weight, group;
	int64_t ran;
	GArray *turns;			/* of struct turn; NULL: none */
};

static bool damaged(GError **error, const char *what, int64_t value)
{
	g_set_error(error, EXTRACT_ERROR, 0, "damaged: %s %" G_GINT64_FORMAT, what, value);
	return false;
}

static bool load_tasks(struct extract *x, GArray *tasks, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(x->recorded->db, "SELECT id, vcpu, cgroup FROM thread ORDER BY id");
	GError *failed = NULL;

	g_array_set_size(tasks, 1);
	while (db_next(s, &failed)) {
		int64_t vcpu = db_column(s, 1);
		struct task task = { .weight = FAIR_WEIGHT_0 };

		if (db_column(s, 0) != tasks->len || (vcpu != DB_NULL && (vcpu < 1 || vcpu > x->tl->n_vcpus)))
			return damaged(error, "thread", db_column(s, 0));
		if (vcpu != DB_NULL)
			task.vcpu = vcpu;
		else
			task.group = extract_group(x, (const char *)sqlite3_column_text(s, 2));
		g_array_append_val(tasks, task);
	}
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

static void take_prio(struct task *task, int64_t prio)
{
	if (prio == DB_NULL)
		return;
	task->weight = scheduler_weight(prio) ? scheduler_weight(prio) : FAIR_WEIGHT_0;
	task->realtime = prio < 100;
}

static void take(struct extract *x, struct task *task, sqlite3_stmt *s)
{
	const char *why = (const char *)sqlite3_column_text(s, 6);
	int64_t ready = db_column(s, 2);
	int64_t t0 = MAX(db_column(s, 3), x->t0), t1 = MIN(db_column(s, 4), x->t1);
	bool goes_on = task->runnable && task->turns;
	struct turn turn = { ready == DB_NULL || ready > t0 ? t0 : MAX(ready, x->t0), t1, t1 - t0 }, *last;

	task->runnable = why && *why == 'R';
	if (t1 <= t0)
		return;
	if (!task->turns) {
		task->turns = g_array_new(FALSE, FALSE, sizeof(struct turn));
		task->cpu = db_column(s, 1);
	}
	task->ran += t1 - t0;
	g_array_index(x->group_ns, double, task->group) += t1 - turn.woken;
	if (goes_on) {
		last = &g_array_index(task->turns, struct turn, task->turns->len - 1);
		last->run += turn.run;
		last->end = t1;
	} else {
		g_array_append_val(task->turns, turn);
	}
}

static bool load_turns(struct extract *x, GArray *tasks, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(x->recorded->db,
		"SELECT thread, cpu, t_ready, t0, t1, prio, why FROM on_cpu ORDER BY id");
	GError *failed = NULL;

	while (db_next(s, &failed)) {
		int64_t thread = db_column(s, 0), cpu = db_column(s, 1);
		struct task *task;

		if (thread < 1 || thread >= tasks->len)
			return damaged(error, "a stretch of thread", thread);
		if (!recorded_has_cpu(x->recorded, thread, cpu, error))
			return false;
		task = &g_array_index(tasks, struct task, thread);
		take_prio(task, db_column(s, 5));
		if (!task->vcpu)
			take(x, task, s);
	}
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

static int by_waking(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->woken != y->woken)
		return x->woken < y->woken ? -1 : 1;
	return (x->end > y->end) - (x->end < y->end);
}

/* turns in the order of waking; one that wakes before the end of the last goes on with it. */
static void add(struct extract *x, const struct task *task, const GArray *turns)
{
	struct background *b = g_new0(struct background, 1);
	int64_t end = x->t0, pair[2];

	*b = (struct background){
		.cpu = task->cpu, .nice_weight = task->weight, .group = task->group, .realtime = task->realtime,
		.turns = g_array_new(FALSE, FALSE, sizeof(int64_t)),
	};
	for (guint i = 0; i < turns->len; i++) {
		const struct turn *turn = &g_array_index(turns, struct turn, i);

		pair[0] = MAX(turn->woken - end, 0);
		pair[1] = turn->run;
		end = MAX(turn->end, end);
		if (!pair[0] && b->turns->len)
			g_array_index(b->turns, int64_t, b->turns->len - 1) += pair[1];
		else
			g_array_append_vals(b->turns, pair, 2);
	}
	g_ptr_array_add(x->input->backgrounds, b);
}

/* The negligible ones, by CPU and class. */
static void add_rest(struct extract *x, const GArray *tasks)
{
	unsigned int n = 2 * x->input->host.n_cpu;
	g_autofree GArray **rest = g_new0(GArray *, n);

	for (guint i = 0; i < tasks->len; i++) {
		const struct task *task = &g_array_index(tasks, struct task, i);
		unsigned int k = 2 * task->cpu + task->realtime;

		if (!task->turns)
			continue;
		if (!rest[k])
			rest[k] = g_array_new(FALSE, FALSE, sizeof(struct turn));
		g_array_append_vals(rest[k], task->turns->data, task->turns->len);
	}
	for (unsigned int k = 0; k < n; k++) {
		struct task task = { .cpu = k / 2, .realtime = k % 2, .weight = FAIR_WEIGHT_0 };

		if (!rest[k])
			continue;
		g_array_sort(rest[k], by_waking);
		add(x, &task, rest[k]);
		g_array_unref(rest[k]);
	}
}

bool extract_background(struct extract *x, GError **error)
{
	g_autoptr(GArray) tasks = g_array_new(FALSE, TRUE, sizeof(struct task));
	bool ok = load_tasks(x, tasks, error) && load_turns(x, tasks, error);

	for (guint i = 0; ok && i < tasks->len; i++) {
		struct task *task = &g_array_index(tasks, struct task, i);

		if (task->vcpu && task->realtime) {
			g_set_error(error, EXTRACT_ERROR, 0, "vCPU threads of a realtime class, which nobody yields to, "
				    "are not modelled");
			ok = false;
			break;
		}
		if (task->vcpu)
			x->input->vms[vm_of(x, task->vcpu)].weight = task->weight;
		if (!task->turns || task->ran < NEGLIGIBLE * (x->t1 - x->t0))
			continue;
		add(x, task, task->turns);
		g_clear_pointer(&task->turns, g_array_unref);
	}
	if (ok)
		add_rest(x, tasks);
	for (guint i = 0; i < tasks->len; i++)
		if (g_array_index(tasks, struct task, i).turns)
			g_array_unref(g_array_index(tasks, struct task, i).turns);
	return ok;
}
