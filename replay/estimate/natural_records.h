/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * natural_records - a recording's waits as the natural experiment wants them: whom each
 * first decision would have picked from every start index, and whatever else the awaited
 * vCPU's wait may hang on.
 */
#ifndef REPLAY_ESTIMATE_NATURAL_RECORDS_H
#define REPLAY_ESTIMATE_NATURAL_RECORDS_H

#include "replay/estimate/natural.h"
#include "replay/estimate/rescore.h"

/* In larger VMs no decision is asked from every start: the work grows with its square. */
#define NATURAL_MAX_VCPUS 64

struct natural_records {
	struct natural_record *list;	/* [n]: of every episode, the first decision */
	size_t n;
	int *picks;			/* theirs, by start */
	size_t n_ready;			/* decisions whose unblocker is known, and ready */
	size_t n_uncertain;		/* of these, a pick hangs on a state that is not known */
};

/*
 * recorded: what the scores were made of, read once more. policy and params: what its kernel
 * ran, see engine_recorded_policy(); state: what it is shown. NULL with error set if the
 * database cannot be read.
 *
 * Picks are the policy's from the state alone, also where the kernel was seen to try
 * somebody: it was so from one start index only, and what is likely must not hang on which
 * that was. Where one of them is not certain, or the unblocker is not known with
 * confidence or not ready, the record tells of its start index only.
 */
struct natural_records *natural_records_new(const struct rescore *rescore,
					    struct recorded *recorded, const struct policy *policy,
					    const struct policy_params *params,
					    enum state_kind state, GError **error);
void natural_records_free(struct natural_records *records);

#endif
