// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/sends.h"

#include <string.h>

#include "schema/progress.h"

/* A multicast call may be a loop of unicasts: one wait, if the loop takes no longer than this on the CPU. */
#define LOOP_NS 30000

/* An acknowledgement is called vague if it may have come anywhere in more than this. */
#define VAGUE_NS 50000

/* Acknowledgements that were noticed late: those by PV EOI, which the guest writes in its memory. */
static GHashTable *late_acks(const struct recorded *r, GError **error)
{
	g_autoptr(db_stmt) s = db_prepare(r->db, "SELECT vcpu, t FROM eoi WHERE how = 'pv'");
	GHashTable *late = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	GError *failed = NULL;

	while (db_next(s, &failed)) {
		int64_t t = db_column(s, 1);

		g_hash_table_insert(late, g_memdup2(&t, sizeof(t)), GUINT_TO_POINTER((guint)db_column(s, 0)));
	}
	if (!failed)
		return late;
	g_propagate_error(error, failed);
	g_hash_table_unref(late);
	return NULL;
}

static struct edge edge_of(sqlite3_stmt *s, const struct recorded *r, GHashTable *late)
{
	int64_t receiver = db_column(s, 2), inject = db_column(s, 4), ack = db_column(s, 5);
	struct edge e = {
		.ipi = db_column(s, 0), .receiver_vcpu = receiver, .receiver = r->vcpus[receiver].idx,
		.t_send = db_column(s, 3), .tainted = db_column(s, 7), .accept = db_column(s, 8), .inject = inject,
		.tracked = db_column(s, 9),
	};

	if (ack == DB_NULL) {
		/* where no EOI is ever seen, injection is the next best thing */
		e.vague = true;
		e.ack_lo = e.ack = r->vms[r->vcpus[receiver].vm].acks_visible || inject == DB_NULL ? NEVER : inject;
		return e;
	}
	e.ack_lo = e.ack = ack;
	if (inject != DB_NULL && GPOINTER_TO_UINT(g_hash_table_lookup(late, &ack)) == receiver) {
		e.ack_lo = inject;
		e.vague = inject < ack - VAGUE_NS;
	}
	return e;
}

static bool belongs(const struct timeline *tl, const struct send *to, unsigned int vcpu,
		    uint8_t vector, int64_t t)
{
	return to && to->vcpu == vcpu && to->vector == vector &&
	       (t == to->t_last || timeline_ran(tl, vcpu, t) - timeline_ran(tl, vcpu, to->t_last) < LOOP_NS);
}

static void add(struct sends *s, const struct timeline *tl, const struct edge *edge, unsigned int vcpu, uint8_t vector)
{
	struct send *last = s->sends->len ? &g_array_index(s->sends, struct send, s->sends->len - 1) : NULL;

	if (!belongs(tl, last, vcpu, vector, edge->t_send)) {
		struct send send = {
			.vcpu = vcpu, .vector = vector, .t_first = edge->t_send, .edge = s->edges->len,
		};

		g_array_append_val(s->sends, send);
		last = &g_array_index(s->sends, struct send, s->sends->len - 1);
	}
	last->t_last = edge->t_send;
	last->n_edges++;
	last->tainted |= edge->tainted;
	g_array_append_val(s->edges, *edge);
}

struct sends *sends_load(const struct recorded *r, const struct timeline *tl, GError **error)
{
	g_autoptr(GHashTable) late = late_acks(r, error);
	g_autoptr(db_stmt) rows = db_prepare(r->db,
		"SELECT id, sender, receiver, t_send, t_inject, t_ack, vector, tainted, t_accept, tracked FROM ipi "
		"WHERE receiver NOT NULL AND receiver <> sender AND mode IN ('fixed', 'lowest') "
		"ORDER BY sender, t_send, id");
	struct sends *s;
	GError *failed = NULL;
	unsigned int vcpu = 0;
	uint64_t n = 0;

	if (!late)
		return NULL;
	s = g_new0(struct sends, 1);
	s->n_vcpus = r->n_vcpus;
	s->edges = g_array_new(FALSE, FALSE, sizeof(struct edge));
	s->sends = g_array_new(FALSE, FALSE, sizeof(struct send));
	s->first = g_new0(guint, r->n_vcpus + 2);
	while (db_next(rows, &failed)) {
		int64_t sender = db_column(rows, 1), receiver = db_column(rows, 2);
		struct edge edge;

		progress_turn(n++);
		if (sender < 1 || sender > r->n_vcpus || receiver < 1 || receiver > r->n_vcpus)
			continue;
		while (vcpu < sender)
			s->first[++vcpu] = s->sends->len;
		edge = edge_of(rows, r, late);
		if (recorded_no_time(edge.t_send) || (edge.ack != NEVER && recorded_no_time(edge.ack)) ||
		    (edge.ack_lo != NEVER && recorded_no_time(edge.ack_lo)) ||
		    (edge.accept != DB_NULL && recorded_no_time(edge.accept)) ||
		    (edge.inject != DB_NULL && recorded_no_time(edge.inject)))
			continue;
		add(s, tl, &edge, sender, db_column(rows, 6));
	}
	while (vcpu <= r->n_vcpus)
		s->first[++vcpu] = s->sends->len;
	if (!failed)
		return s;
	g_propagate_error(error, failed);
	sends_free(s);
	return NULL;
}

void sends_free(struct sends *s)
{
	if (!s)
		return;
	g_array_unref(s->edges);
	g_array_unref(s->sends);
	g_free(s->first);
	g_free(s);
}

int sends_before(const struct sends *s, unsigned int vcpu, int64_t t)
{
	guint lo = s->first[vcpu], hi = s->first[vcpu + 1];

	while (lo < hi) {
		guint mid = lo + (hi - lo) / 2;

		if (send_at(s, mid)->t_first <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > s->first[vcpu] ? (int)lo - 1 : -1;
}
