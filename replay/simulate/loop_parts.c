// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/loop_parts.h"

#include <math.h>

#include "replay/simulate/loop_estimate.h"
#include "schema/progress.h"

enum { FEWEST = 3 };

/* Of figures [part][lane][1 + replicates]; the recorded policy is lane 0. */
static const struct loop_figures *runs_of(const struct loop *loop, unsigned int part, unsigned int lane)
{
	return &loop->parts.runs[(part * loop->parts.n_lanes + lane) * (1 + loop->parts.n_replicates)];
}

void loop_parts_run(struct loop *loop)
{
	const struct sim_host *host = &loop->variants[loop->chosen].input.host;
	g_autoptr(GArray) lanes = g_array_new(FALSE, FALSE, sizeof(struct lane));

	if (!loop->parts.n)
		return;
	for (unsigned int k = 0; k < loop->parts.n; k++) {
		struct program_input *input = loop->parts.inputs[k];
		guint first = lanes->len;
		struct lane lane;

		input->host.forfeit = host->forfeit;
		input->host.run_to_parity = host->run_to_parity;
		lane = lane_of(input, loop->recorded_policy, &loop->recorded_params, SIDE_PLAIN, 0);
		g_array_append_val(lanes, lane);
		for (guint i = 0; i < loop->policies->len; i++) {
			struct loop_policy *p = loop->policies->pdata[i];

			if (p->recorded || !loop_can_run(loop, p))
				continue;
			p->lane = lanes->len - first;
			lane = lane_of(input, p->policy, &p->params, p->side, loop->lag_margin);
			g_array_append_val(lanes, lane);
		}
		loop->parts.n_lanes = lanes->len - first;
	}
	/* what parts differ by is large beside what is left of chance within one */
	loop->parts.n_replicates = (loop->n_replicates + 1) / 2;
	progress_begin("simulating parts of the recording", lanes->len * (1 + loop->parts.n_replicates));
	loop->parts.runs = replicates_run((struct lane *)lanes->data, lanes->len, loop->parts.n_replicates, loop->seed,
					  loop->n_threads, 0);
}

/* The mean over replicates; NaN: there is none. */
static double difference_of(const struct loop *loop, const struct loop_figures *with,
			    const struct loop_figures *without, enum loop_metric m, int vm)
{
	double sum = 0;

	for (unsigned int i = 1; i <= loop->parts.n_replicates; i++) {
		if (!with[i].complete || !without[i].complete)
			return NAN;
		sum += loop_difference(m, &with[i], &without[i], vm);
	}
	return sum / loop->parts.n_replicates;
}

double loop_parts_half(const struct loop *loop, const struct loop_policy *p, enum loop_metric m, int vm)
{
	double differences[LOOP_PARTS], mean, interval[2];
	unsigned int n = 0;

	if (!p->lane)
		return 0;
	for (unsigned int k = 0; k < loop->parts.n; k++) {
		differences[n] = difference_of(loop, runs_of(loop, k, p->lane), runs_of(loop, k, 0), m, vm);
		n += isfinite(differences[n]) != 0;
	}
	if (n < FEWEST)
		return NAN;
	replicates_interval(differences, n, &mean, interval);
	return (interval[1] - interval[0]) / 2;
}
