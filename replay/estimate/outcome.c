// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/outcome.h"

#include "replay/bits.h"
#include "replay/policy.h"

const char *const outcome_class_names[N_OUTCOME_CLASSES] = {
	[OUTCOME_CLASS_UNKNOWN] = "unknown",
	[OUTCOME_HIT] = "hit",
	[OUTCOME_SCHEDULER_MISMATCH] = "scheduler mismatch",
	[OUTCOME_NOMINATED] = "nominated",
	[OUTCOME_LOST_OPPORTUNITY] = "lost opportunity",
	[OUTCOME_OVERBOOST] = "overboost",
	[OUTCOME_NOTHING_TO_GAIN] = "nothing to gain",
};

static const enum outcome_class class_of_nominee[] = {
	[WOULD_NOT_RUN] = OUTCOME_SCHEDULER_MISMATCH,
	[WOULD_RUN] = OUTCOME_HIT,
	[WOULD_RUN_UNKNOWN] = OUTCOME_NOMINATED,
};

enum outcome_class classify_decision(const struct outcome_query *query, int pick)
{
	bool awaited;

	if (pick == PICK_UNKNOWN || !query->awaited)
		return OUTCOME_CLASS_UNKNOWN;
	awaited = pick >= 0 && get_bit(query->awaited, pick);
	if (awaited && get_bit(query->ready, pick))
		return class_of_nominee[query->would_run];
	for (unsigned int w = 0; w < query->n_words; w++)
		if (query->awaited[w] & query->ready[w])
			return OUTCOME_LOST_OPPORTUNITY;
	return pick == NO_TARGET || awaited ? OUTCOME_NOTHING_TO_GAIN : OUTCOME_OVERBOOST;
}
