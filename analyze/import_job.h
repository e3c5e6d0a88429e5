/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * import_job - the part of import that reads what it cannot trust: recordings and
 * host facts become rows. Runs in a sandbox.
 */
#ifndef ANALYZE_IMPORT_JOB_H
#define ANALYZE_IMPORT_JOB_H

#include "analyze/source/input.h"
#include "schema/db.h"

struct import_job {
	struct input **inputs;		/* bursts of one recording */
	unsigned int n_inputs;
	struct input **host_facts;	/* files, later ones win */
	unsigned int n_host_facts;
	bool ignore_probes;
	struct db_build *build;
};

/*
 * In memory shared with who watches. Whoever reads it takes care: a file may have
 * got hold of who writes it.
 */
struct import_report {
	_Atomic uint64_t taken;		/* bytes of the pass under way */
	_Atomic unsigned int pass;	/* 1, 2 */
	int64_t events, decisions, lost, gaps, pauses;
	char error[2048], warnings[4096];	/* lines */
};

/* Fill job's build, up to db_build_close(). False: report says why. */
bool import_job_run(const struct import_job *job, struct import_report *report);

#endif
