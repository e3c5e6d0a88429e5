// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Four streams are merged: wake-ups, switches to a thread, yields and gaps. That a
 * stretch ends is learnt with its beginning and acted upon when its CPU is next
 * looked at, so an event costs the same however many CPUs there are.
 */
#include "replay/estimate/shadow.h"

#include <math.h>
#include <string.h>

#include "replay/estimate/fair.h"
#include "schema/progress.h"

#define STRADDLE_MAX 250000	/* ns */
#define STEPS        1000	/* in which progress is shown */

const char *const shadow_bucket_names[N_SHADOW_BUCKETS] = {
	"eligible", "-250us", "-500us", "-1ms", "-2ms", "beyond", "unknown",
};

struct thread {
	int64_t vcpu;			/* 0: none */
	unsigned int group;
	unsigned int weight;		/* 0: not of the fair class */
	int64_t t_ready;		/* DB_NULL: not known */
};

struct cpu {
	int64_t thread;			/* on it until t1; 0: none */
	int64_t t1;
	bool runnable, known;		/* how it left */
};

/* At one time in this order; a yield comes before the end of its stretch. */
enum stream_kind { STREAM_YIELD, STREAM_GAP, STREAM_WAKE, STREAM_SWITCH, N_STREAMS };

static const struct {
	const char *sql;
	unsigned int t;			/* the column of its time */
} streams[N_STREAMS] = {
	[STREAM_YIELD] = {
		"WITH yield(decision, t, target_idx) AS ("
		"SELECT decision, t_call, target_idx FROM attempt WHERE result > 0 UNION ALL "
		"SELECT decision, t_start, outcome.pick_idx FROM outcome "
		"JOIN decision ON decision.id = decision "
		"WHERE outcome.source = 'inferred' AND outcome.pick_idx NOT NULL) "
		"SELECT t, me.id, target.id FROM yield "
		"JOIN decision ON decision.id = decision "
		"JOIN vcpu AS me ON me.id = decision.vcpu "
		"JOIN vcpu AS target ON target.vm = me.vm AND target.vcpu_idx = target_idx "
		"ORDER BY t, decision", 0 },
	[STREAM_GAP] = { "SELECT t1 FROM gap ORDER BY t1", 0 },
	[STREAM_WAKE] = {
		"SELECT t_ready, thread, cpu_ready, prio FROM on_cpu "
		"WHERE t_ready NOT NULL AND cpu_ready NOT NULL ORDER BY t_ready, id", 0 },
	[STREAM_SWITCH] = {
		"SELECT t0, thread, cpu, prio, t_ready, t1, why FROM on_cpu ORDER BY id", 0 },
};

struct stream {
	sqlite3_stmt *stmt;
	bool more;			/* stmt is at a row, whose time is t */
	int64_t t;
};

struct shadow {
	const struct recorded *recorded;
	struct fair_params params;
	struct shadow_quality quality;
	int64_t now;
	int64_t n_threads;
	struct thread *threads;		/* by thread.id, from 1 */
	int64_t *thread_of;		/* by vcpu.id: its thread, 0 if none was seen yet */
	GArray *cpus;			/* of struct cpu */
	struct stream streams[N_STREAMS];
	struct fair *models[2];
	unsigned int n_models;
};

enum shadow_bucket shadow_bucket(int64_t margin)
{
	return margin >= 0 ? SHADOW_ELIGIBLE :
	       margin > -250000 ? SHADOW_250US :
	       margin > -500000 ? SHADOW_500US :
	       margin > -1000000 ? SHADOW_1MS :
	       margin > -2000000 ? SHADOW_2MS : SHADOW_BEYOND;
}

static bool damaged(GError **error, const char *what, int64_t value)
{
	g_set_error(error, RECORDED_ERROR, 0, "damaged: %s %" G_GINT64_FORMAT, what, value);
	return false;
}

static bool load_threads(struct shadow *s, GError **error)
{
	g_autoptr(db_stmt) threads =
		db_prepare(s->recorded->db, "SELECT id, vcpu, cgroup FROM thread ORDER BY id");
	g_autoptr(GHashTable) groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GArray) list = g_array_new(FALSE, TRUE, sizeof(struct thread));
	GError *failed = NULL;

	g_array_set_size(list, 1);
	while (db_next(threads, &failed)) {
		int64_t vcpu = db_column(threads, 1);
		const char *cgroup = (const char *)sqlite3_column_text(threads, 2);
		struct thread t = { .vcpu = vcpu == DB_NULL ? 0 : vcpu };

		if (db_column(threads, 0) != list->len || t.vcpu < 0 ||
		    t.vcpu > s->recorded->n_vcpus)
			return damaged(error, "thread", db_column(threads, 0));
		if (cgroup) {
			t.group = GPOINTER_TO_UINT(g_hash_table_lookup(groups, cgroup));
			if (!t.group) {
				t.group = g_hash_table_size(groups) + 1;
				g_hash_table_insert(groups, g_strdup(cgroup),
						    GUINT_TO_POINTER(t.group));
			}
		}
		g_array_append_val(list, t);
	}
	s->n_threads = list->len - 1;
	s->threads = (struct thread *)g_array_free(g_steal_pointer(&list), FALSE);
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

static bool stream_next(struct shadow *s, enum stream_kind kind, GError **error)
{
	struct stream *stream = &s->streams[kind];
	GError *failed = NULL;

	stream->more = db_next(stream->stmt, &failed);
	if (failed) {
		g_propagate_error(error, failed);
		return false;
	}
	if (stream->more)
		stream->t = db_column(stream->stmt, streams[kind].t);
	return true;
}

static bool rewind_to_start(struct shadow *s, GError **error)
{
	s->now = INT64_MIN;
	for (int64_t i = 1; i <= s->n_threads; i++) {
		s->threads[i].weight = FAIR_WEIGHT_0;
		s->threads[i].t_ready = DB_NULL;
	}
	memset(s->thread_of, 0, (s->recorded->n_vcpus + 1) * sizeof(*s->thread_of));
	g_array_set_size(s->cpus, 0);
	for (unsigned int i = 0; i < N_STREAMS; i++) {
		g_clear_pointer(&s->streams[i].stmt, sqlite3_finalize);
		s->streams[i].stmt = db_prepare(s->recorded->db, streams[i].sql);
		if (!stream_next(s, i, error))
			return false;
	}
	return true;
}

static void free_models(struct shadow *s)
{
	while (s->n_models)
		fair_free(s->models[--s->n_models]);
}

static void add_model(struct shadow *s, bool forfeit)
{
	s->params.forfeit = forfeit;
	s->models[s->n_models++] = fair_new(&s->params, s->n_threads + 1);
}

static double share(int64_t part, int64_t whole)
{
	return whole ? (double)part / whole : NAN;
}

/*
 * The rule under which more of what the scheduler did was allowed; the deadline rule if they do not
 * differ.
 */
static bool choose_rule(struct shadow *s, GError **error)
{
	const struct recorded *r = s->recorded;
	struct shadow_quality *q = &s->quality;

	add_model(s, false);
	if (s->params.kind == FAIR_EEVDF)
		add_model(s, true);
	if (!rewind_to_start(s, error))
		return false;
	progress_begin("following the scheduler", STEPS);
	for (unsigned int i = 1; i <= STEPS; i++) {
		if (!shadow_advance(s, i < STEPS ? r->t0 + (r->t1 - r->t0) / STEPS * i : INT64_MAX, error))
			return false;
		progress_show(i);
	}
	q->self_check[1] = q->foretold[1] = NAN;
	for (unsigned int i = 0; i < s->n_models; i++) {
		const struct fair_check *check = fair_check(s->models[i]);

		q->self_check[i] = share(check->allowed, check->picks);
		q->foretold[i] = share(check->foretold, check->hints);
		q->picks = check->picks;
		q->hints = check->hints;
	}
	q->forfeit = q->self_check[1] > q->self_check[0];
	free_models(s);
	add_model(s, q->forfeit);
	return rewind_to_start(s, error);
}

struct shadow *shadow_new(const struct recorded *recorded, GError **error)
{
	struct shadow *s = g_new0(struct shadow, 1);
	struct scheduler_facts facts;

	s->recorded = recorded;
	s->cpus = g_array_new(FALSE, TRUE, sizeof(struct cpu));
	s->thread_of = g_new0(int64_t, recorded->n_vcpus + 1);
	scheduler_read(recorded, &facts);
	s->params = facts.params;
	s->quality.scheduler = facts.scheduler;
	s->quality.buddy = facts.buddy;
	if (!load_threads(s, error) || !choose_rule(s, error)) {
		shadow_free(s);
		return NULL;
	}
	return s;
}

void shadow_free(struct shadow *s)
{
	if (!s)
		return;
	free_models(s);
	for (unsigned int i = 0; i < N_STREAMS; i++)
		sqlite3_finalize(s->streams[i].stmt);
	g_array_unref(s->cpus);
	g_free(s->thread_of);
	g_free(s->threads);
	g_free(s);
}

const struct shadow_quality *shadow_quality(const struct shadow *s)
{
	return &s->quality;
}

static void forget(struct shadow *s, int64_t thread)
{
	for (unsigned int i = 0; i < s->n_models; i++)
		fair_forget(s->models[i], thread);
	s->threads[thread].t_ready = DB_NULL;
}

static void leave_cpu(struct shadow *s, struct cpu *cpu)
{
	struct thread *thread = &s->threads[cpu->thread];

	thread->t_ready = cpu->known && cpu->runnable ? cpu->t1 : DB_NULL;
	if (cpu->known)
		for (unsigned int i = 0; i < s->n_models; i++)
			fair_stop(s->models[i], cpu->thread, cpu->t1, cpu->runnable);
	else
		forget(s, cpu->thread);
	cpu->thread = 0;
}

static struct cpu *cpu_of(struct shadow *s, int64_t cpu)
{
	if (s->cpus->len <= cpu)
		g_array_set_size(s->cpus, cpu + 1);
	return &g_array_index(s->cpus, struct cpu, cpu);
}

/* Bring one CPU to t; of what happens at t itself only if the end of its stretch is included. */
static void settle(struct shadow *s, int64_t which, int64_t t, bool including)
{
	struct cpu *cpu;

	if (which < 0)
		return;
	cpu = cpu_of(s, which);
	if (cpu->thread && (cpu->t1 < t || (including && cpu->t1 == t)))
		leave_cpu(s, cpu);
}

static bool row_thread(struct shadow *s, sqlite3_stmt *row, int64_t *thread, int64_t *cpu,
		       GError **error)
{
	*thread = db_column(row, 1);
	*cpu = db_column(row, 2);
	if (*thread < 1 || *thread > s->n_threads)
		return damaged(error, "a stretch of thread", *thread);
	return recorded_has_cpu(s->recorded, *thread, *cpu, error);
}

/* What is not seen stays as it was. */
static void set_prio(struct shadow *s, int64_t thread, int64_t prio)
{
	struct thread *t = &s->threads[thread];

	if (prio == DB_NULL)
		return;
	t->weight = scheduler_weight(prio);
	if (!t->weight)
		forget(s, thread);
}

static void on_wake(struct shadow *s, int64_t thread, int64_t cpu, int64_t prio, int64_t t)
{
	struct thread *woken = &s->threads[thread];

	settle(s, fair_cpu(s->models[0], thread), t, true);
	settle(s, cpu, t, true);
	if (fair_cpu(s->models[0], thread) >= 0)	/* it had only been preempted */
		return;
	set_prio(s, thread, prio);
	woken->t_ready = t;
	if (woken->vcpu)
		s->thread_of[woken->vcpu] = thread;
	for (unsigned int i = 0; woken->weight && i < s->n_models; i++)
		fair_wake(s->models[i], thread, cpu, woken->group, woken->weight, t);
}

static void on_switch(struct shadow *s, int64_t thread, int64_t cpu_id, int64_t t,
		      sqlite3_stmt *row)
{
	struct thread *next = &s->threads[thread];
	const char *why = (const char *)sqlite3_column_text(row, 6);
	struct cpu *cpu;

	settle(s, fair_cpu(s->models[0], thread), t, true);
	settle(s, cpu_id, t, true);
	cpu = cpu_of(s, cpu_id);
	/* records that contradict each other: two threads on a CPU, or a thread on two */
	if (cpu->thread)
		forget(s, cpu->thread);
	if (db_column(row, 4) == DB_NULL || fair_runs(s->models[0], thread))
		forget(s, thread);
	set_prio(s, thread, db_column(row, 3));
	next->t_ready = DB_NULL;
	if (next->vcpu)
		s->thread_of[next->vcpu] = thread;
	*cpu = (struct cpu){
		.thread = thread, .t1 = MAX(db_column(row, 5), t), .known = why != NULL,
		.runnable = why && *why == 'R',
	};
	for (unsigned int i = 0; next->weight && i < s->n_models; i++)
		fair_pick(s->models[i], thread, cpu_id, next->group, next->weight, t);
}

static void on_yield(struct shadow *s, int64_t spinner, int64_t target, int64_t t)
{
	int64_t thread = s->thread_of[spinner], other = s->thread_of[target];

	if (!thread || !other)
		return;
	settle(s, fair_cpu(s->models[0], thread), t, false);
	for (unsigned int i = 0; i < s->n_models; i++)
		fair_yield(s->models[i], thread, other, t);
}

/* Import knows nothing after a gap of what was off the CPUs. */
static void on_gap(struct shadow *s, int64_t t)
{
	for (int64_t i = 0; i < s->cpus->len; i++)
		settle(s, i, t, true);
	for (int64_t i = 1; i <= s->n_threads; i++)
		if (!fair_runs(s->models[0], i))
			forget(s, i);
}

static bool take(struct shadow *s, enum stream_kind kind, GError **error)
{
	sqlite3_stmt *row = s->streams[kind].stmt;
	int64_t t = s->streams[kind].t, a = 0, b = 0;

	switch (kind) {
	case STREAM_YIELD:
		a = db_column(row, 1);
		b = db_column(row, 2);
		if (a < 1 || a > s->recorded->n_vcpus || b < 1 || b > s->recorded->n_vcpus)
			return damaged(error, "a yield of vcpu", a);
		on_yield(s, a, b, t);
		break;
	case STREAM_GAP:
		on_gap(s, t);
		break;
	case STREAM_WAKE:
		if (!row_thread(s, row, &a, &b, error))
			return false;
		on_wake(s, a, b, db_column(row, 3), t);
		break;
	case STREAM_SWITCH:
		if (!row_thread(s, row, &a, &b, error))
			return false;
		on_switch(s, a, b, t, row);
		break;
	case N_STREAMS:
		g_assert_not_reached();
	}
	return stream_next(s, kind, error);
}

bool shadow_advance(struct shadow *s, int64_t t, GError **error)
{
	for (;;) {
		int first = -1;

		for (int i = 0; i < N_STREAMS; i++) {
			const struct stream *stream = &s->streams[i];

			if (stream->more && stream->t < t &&
			    (first < 0 || stream->t < s->streams[first].t))
				first = i;
		}
		if (first < 0)
			break;
		if (!take(s, first, error))
			return false;
	}
	s->now = t;
	return true;
}

static bool share_a_queue(const struct shadow *s, int64_t spinner, int64_t thread)
{
	return s->quality.scheduler != SHADOW_NONE && spinner &&
	       s->threads[spinner].group == s->threads[thread].group;
}

void shadow_candidate(struct shadow *s, int64_t spinner_vcpu, int64_t candidate_vcpu,
		      struct shadow_view *view)
{
	int64_t spinner = s->thread_of[spinner_vcpu], thread = s->thread_of[candidate_vcpu];
	const struct fair *model = s->models[0];
	struct fair_margin m;
	int cpu;

	*view = (struct shadow_view){
		.bucket = SHADOW_UNKNOWN, .lo = DB_NULL, .margin = DB_NULL, .hi = DB_NULL,
		.waited = DB_NULL,
	};
	if (!thread)
		return;
	settle(s, fair_cpu(model, thread), s->now, false);
	if (spinner)
		settle(s, fair_cpu(model, spinner), s->now, false);
	cpu = fair_cpu(model, thread);
	if (cpu < 0)
		return;
	view->same_rq = spinner && fair_cpu(model, spinner) == cpu;
	view->nr_running = fair_nr_running(model, cpu);
	if (!fair_margin(model, thread, s->now, &m))
		return;
	if (s->threads[thread].t_ready != DB_NULL)
		view->waited = s->now - s->threads[thread].t_ready;
	if (!share_a_queue(s, spinner, thread))
		return;
	view->lo = m.lo;
	view->margin = m.margin;
	view->hi = m.hi;
	if (MIN(m.hi, -m.lo) <= STRADDLE_MAX)
		view->bucket = shadow_bucket(m.margin);
}
