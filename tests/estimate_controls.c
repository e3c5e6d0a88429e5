// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * estimate_controls - what is estimated if something is not as it was recorded, and must
 * therefore be less.
 *
 * usage: estimate_controls DB
 *
 * Prints NAME=VALUE a line, of the policy receiver-first against the recorded one:
 *
 *	gain			throughput, in percent
 *	gain_wrong_receivers	the same if it is told wrong receivers of all IPIs. Waits are
 *				still for the right ones: a wrong one makes the spinner yield
 *				where the kernel found nobody, so this is not nothing
 *	hits			ns of spinning that yields to unblockers save in single episodes,
 *				less what losses cost, and without mere releases
 *	hits_wrong_unblockers	the same if each episode's unblocker is another of its VM
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "replay/estimate/prng.h"
#include "replay/estimate/throughput.h"
#include "replay/run.h"

/* Each IPI to one receiver, and its acknowledgement, goes to another vCPU of the VM than it did. */
static const char shuffle[] =
	"CREATE TEMP TABLE moved AS SELECT id, old, t_ack, new FROM ("
	"  SELECT ipi.id, ipi.receiver AS old, ipi.t_ack, other.id AS new, row_number() OVER ("
	"         PARTITION BY ipi.id ORDER BY (other.id * 7919 + ipi.id * 104729) % 1009) AS n"
	"    FROM ipi JOIN vcpu AS sender ON sender.id = ipi.sender"
	"    JOIN vcpu AS other ON other.vm = sender.vm"
	"     AND other.id NOT IN (ipi.sender, ipi.receiver)"
	"   WHERE ipi.n_receivers = 1 AND ipi.receiver <> ipi.sender) WHERE n = 1;"
	"CREATE UNIQUE INDEX temp.by_id ON moved (id);"
	"CREATE INDEX temp.by_ack ON moved (old, t_ack);"
	"UPDATE ipi SET receiver = (SELECT new FROM moved WHERE moved.id = ipi.id)"
	" WHERE id IN (SELECT id FROM moved);"
	"UPDATE eoi SET vcpu = coalesce("
	"  (SELECT new FROM moved WHERE old = eoi.vcpu AND t_ack = eoi.t), vcpu);";

G_GNUC_NORETURN static void fail(const GError *error)
{
	fprintf(stderr, "estimate_controls: %s\n",
		error ? error->message : "usage: estimate_controls DB");
	exit(1);
}

static sqlite3 *copy_of(sqlite3 *db)
{
	sqlite3 *copy;
	sqlite3_backup *backup;

	if (sqlite3_open(":memory:", &copy) != SQLITE_OK)
		fail(NULL);
	backup = sqlite3_backup_init(copy, "main", db, "main");
	sqlite3_backup_step(backup, -1);
	sqlite3_backup_finish(backup);
	return copy;
}

/* One policy beside the recorded one. */
static struct run *replay(struct recorded *r)
{
	char *specs[] = { "receiver-first", NULL };
	struct run *run = run_new(r, STATE_PROBED);
	GError *error = NULL;

	if (!run_add_specs(run, specs, &error) || !run_execute(run, r, &error))
		fail(error);
	return run;
}

static struct recorded *open_recorded(sqlite3 *db)
{
	GError *error = NULL;
	struct recorded *r = recorded_open(db, &error);

	if (!r)
		fail(error);
	return r;
}

static double gain(struct evidence *ev, const struct run *picks)
{
	struct throughput *t = throughput_of(ev, picks->scores->picks[1], ev->scores->picks[0]);
	double value = t->value[METRIC_THROUGHPUT_GAIN];

	throughput_free(t);
	return value;
}

static double hits(const struct evidence *ev)
{
	GError *error = NULL;
	struct rescore *rs = rescore_new(ev, &error);
	struct episode_gains *g;
	double sum = 0;

	if (!rs)
		fail(error);
	g = episode_gains_of(rs, ev->bootstrap, ev->scores->picks[1], ev->scores->picks[0]);
	for (guint i = 0; i < ev->episodes->list->len; i++)
		if (ev->cells[i] >= 0 && gain_is_fatal(g->gains[i].class) && g->gains[i].supported)
			sum += g->gains[i].spin_ns - g->gains[i].release_ns;
	episode_gains_free(g);
	rescore_free(rs);
	return sum;
}

static void shuffle_unblockers(struct evidence *ev)
{
	struct prng prng = prng_new(1, 1);

	for (guint i = 0; i < ev->episodes->list->len; i++) {
		struct episode *ep = &g_array_index(ev->episodes->list, struct episode, i);
		const struct recorded_vm *vm = &ev->scores->recorded->vms[ep->vm];
		int other;

		if (ep->unblocker < 0)
			continue;
		do {
			other = prng_below(&prng, vm->n_vcpus);
		} while (other == ep->unblocker || other == (int)ep->me);
		ep->unblocker = other;
		ep->unblocker_vcpu = vm->vcpus[other];
	}
}

int main(int argc, char **argv)
{
	GError *error = NULL;
	sqlite3 *db = argc == 2 ? db_open(argv[1], &error) : NULL, *shuffled;
	struct recorded *r, *wrong;
	struct run *run, *misled;
	struct evidence *ev;

	if (!db)
		fail(error);
	shuffled = copy_of(db);
	if (!db_exec(shuffled, shuffle, &error))
		fail(error);
	r = open_recorded(db);
	wrong = open_recorded(shuffled);
	run = replay(r);
	misled = replay(wrong);
	ev = evidence_new(run->scores, 1, 1, &error);
	if (!ev)
		fail(error);
	printf("gain=%.3f\n", gain(ev, run));
	printf("gain_wrong_receivers=%.3f\n", gain(ev, misled));
	printf("hits=%.0f\n", hits(ev));
	shuffle_unblockers(ev);
	printf("hits_wrong_unblockers=%.0f\n", hits(ev));
	evidence_free(ev);
	run_free(run);
	run_free(misled);
	recorded_free(r);
	recorded_free(wrong);
	sqlite3_close(shuffled);
	sqlite3_close(db);
	return 0;
}
