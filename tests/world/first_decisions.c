// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * first_decisions DB
 *
 * What the estimators say of a world's recording, each from the decisions that the natural
 * experiment compares, whether or not its tests are passed: the comment line. Then, of those
 * that did not pick the vCPU they wait for: decision, that vCPU_idx, wait in us.
 */
#include <glib.h>
#include <math.h>
#include <stdio.h>

#include "replay/run.h"

static void print_all(const struct run *run, const struct natural_records *records,
		      const struct natural_sample *sample)
{
	const struct episodes *e = run->evidence->episodes;
	const struct doubly_robust *d = &run->estimators.doubly_robust;
	struct natural_result r;

	natural_estimate(sample, run->evidence->bootstrap, &r);
	printf("# direct %.1f [%.1f, %.1f] natural %.1f [%.1f, %.1f] doubly robust %.1f [%.1f, %.1f]\n",
	       d->dm_ns / 1e3, d->dm_lo_ns / 1e3, d->dm_hi_ns / 1e3, r.effect_ns / 1e3, r.lo_ns / 1e3,
	       r.hi_ns / 1e3, d->dr_ns / 1e3, d->dr_lo_ns / 1e3, d->dr_hi_ns / 1e3);
	for (size_t i = 0; i < records->n; i++) {
		const struct natural_record *record = &records->list[i];
		guint at = episode_decision(e, episode_at(e, record->episode), 0);

		if (!isnan(natural_propensity(sample, i)) && !natural_treated(sample, i))
			printf("%" G_GINT64_FORMAT " %d %.3f\n", scored_at(run->scores, at)->id,
			       record->unblocker, record->wait_ns / 1e3);
	}
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(sqlite3) db = argc == 2 ? db_open(argv[1], &error) : NULL;
	struct recorded *recorded = db ? recorded_open(db, &error) : NULL;
	struct run *run = recorded ? run_new(recorded, STATE_PROBED) : NULL;
	struct natural_records *records = NULL;
	int status = 3;

	if (run && run_execute(run, recorded, &error) && run_gather(run, 1, &error) &&
	    run_estimate(run, &error))
		records = natural_records_new(run->rescore, recorded, run->recorded_policy,
					      &run->recorded_params, STATE_PROBED, &error);
	if (records) {
		struct natural_sample *sample = natural_sample_new(records->list, records->n);

		print_all(run, records, sample);
		natural_sample_free(sample);
		status = 0;
	} else {
		fprintf(stderr, "first_decisions: %s\n", error ? error->message : "wanted: DB");
	}
	natural_records_free(records);
	run_free(run);
	recorded_free(recorded);
	return status;
}
