// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/gain.h"

#include <glib.h>
#include <math.h>

const char *const gain_class_names[N_GAIN_CLASSES] = {
	[GAIN_SAME_PICK] = "same pick",
	[GAIN_MISS_MISS] = "miss-miss",
	[GAIN_NEAR_HIT] = "near-hit",
	[GAIN_SELF_STARVE] = "self-starve",
	[GAIN_MOOT] = "moot",
	[GAIN_NO_UNBLOCKER] = "no unblocker",
	[GAIN_NOT_MADE] = "not made",
	[GAIN_RELEASE] = "release",
	[GAIN_HIT] = "hit",
	[GAIN_FUTILE_HIT] = "futile hit",
	[GAIN_LOSS] = "loss",
	[GAIN_INCONSISTENT] = "unblocker inconsistent",
	[GAIN_UNSUPPORTED] = "unsupported",
	[GAIN_UNKNOWN_PICK] = "pick not known",
};

/* The first span that ends after t. */
static size_t span_after(const struct gain_episode *e, int64_t t)
{
	size_t low = 0, high = e->n_spans;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (e->spans[middle].t1 > t)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

int64_t gain_spin(const struct gain_episode *e, int64_t t0, int64_t t1)
{
	int64_t sum = 0;

	t0 = MAX(t0, e->s);
	t1 = MIN(t1, e->t_end);
	for (size_t i = span_after(e, t0); i < e->n_spans && e->spans[i].t0 < t1; i++)
		sum += MIN(e->spans[i].t1, t1) - MAX(e->spans[i].t0, t0);
	return sum;
}

/* When the spinner, on the CPU at t, leaves it, or its wait ends; t: it was not there. */
static int64_t end_of_stretch(const struct gain_episode *e, int64_t t)
{
	size_t i = span_after(e, t);

	if (i == e->n_spans || e->spans[i].t0 > t)
		return t;
	return MAX(t, MIN(e->spans[i].t1, e->t_end));
}

/* The vCPU whose running ends the wait; NO_TARGET: not known well enough. */
static int trusted_unblocker(const struct gain_episode *e)
{
	return e->confidence >= GAIN_MIN_CONFIDENCE ? e->unblocker : NO_TARGET;
}

static const struct gain_efficacy *efficacy_at(const struct gain_episode *e,
					  const struct gain_decision *d)
{
	const struct gain_efficacy *y = d->stratum >= 0 ? &e->efficacies[d->stratum] : NULL;

	return y && y->supported ? y : NULL;
}

/* One of the two picks is not known. */
static enum gain_class class_of_unknown(const struct gain_decision *d, int pick, int u)
{
	bool may_release = d->recorded < 0 && pick != NO_TARGET && !d->awaited_on_cpu &&
			   (u == NO_TARGET || pick != u);

	if (may_release || (u != NO_TARGET && d->state == UNBLOCKER_READY))
		return GAIN_UNKNOWN_PICK;
	return u != NO_TARGET ? GAIN_MOOT : GAIN_NO_UNBLOCKER;
}

/* Neither pick is u, the unblocker. */
static enum gain_class class_of_miss(const struct gain_decision *d, int pick)
{
	if (pick == NO_TARGET)
		return GAIN_MISS_MISS;
	if (pick == d->unblocker_awaits)
		return GAIN_NEAR_HIT;
	if (d->recorded == NO_TARGET && d->state == UNBLOCKER_ON_CPU)
		return GAIN_SELF_STARVE;
	return GAIN_MISS_MISS;
}

static enum gain_class class_of_decision(const struct gain_episode *e,
					 const struct gain_decision *d, int pick)
{
	int u = trusted_unblocker(e);
	const struct gain_efficacy *efficacy;

	if (d->recorded == PICK_UNKNOWN || pick == PICK_UNKNOWN)
		return class_of_unknown(d, pick, u);
	if (pick == d->recorded)
		return GAIN_SAME_PICK;
	if (d->recorded == NO_TARGET && pick != u && !d->awaited_on_cpu)
		return GAIN_RELEASE;
	if (u == NO_TARGET)
		return GAIN_NO_UNBLOCKER;
	if (u != d->recorded && u != pick)
		return class_of_miss(d, pick);
	if (d->state != UNBLOCKER_READY)
		return GAIN_MOOT;
	if (d->t_in > e->t_end)
		return GAIN_INCONSISTENT;
	efficacy = efficacy_at(e, d);
	if (!efficacy)
		return GAIN_UNSUPPORTED;
	if (u == d->recorded)
		return GAIN_LOSS;
	return efficacy->eligible ? GAIN_HIT : GAIN_FUTILE_HIT;
}

/* Decision j; should it fail, each later one that picks the unblocker before it runs of itself. */
static void add_hit(const struct gain_episode *e, const int *picks, size_t j,
		    struct episode_gain *g)
{
	const struct gain_decision *d = e->decisions;
	double recorded_delay = d[j].t_in - d[j].t, failed = 1, delay = 0;
	int64_t spin = gain_spin(e, d[j].t, e->t_end), t = d[j].t;

	for (size_t m = j; m < e->n_decisions && d[m].t < d[j].t_in && failed > 0; m++) {
		const struct gain_efficacy *y = picks[m] == e->unblocker ? efficacy_at(e, &d[m]) : NULL;

		if (!y)
			continue;
		/* all spin from here, not its tail: the spinner is off the CPU till it can go on */
		spin -= gain_spin(e, t, d[m].t);
		t = d[m].t;
		delay += failed * y->alpha * MIN(t - d[j].t + y->delta_ns, recorded_delay);
		g->spin_ns += failed * y->alpha * MAX(0, spin - e->yield_ns);
		failed *= 1 - y->alpha;
		g->n_retries += m > j;
	}
	g->wall_ns = recorded_delay - delay - failed * recorded_delay;
}

/* The recorded yield to the unblocker, at decision j, is not made. */
static void add_loss(const struct gain_episode *e, const int *picks, size_t j,
		     struct episode_gain *g)
{
	const struct gain_decision *d = e->decisions;
	const struct gain_efficacy *y = efficacy_at(e, &d[j]);
	double recorded_delay = d[j].t_in - d[j].t;
	double unhelped = MAX(y->n_ns, recorded_delay);
	double longer = y->alpha * (unhelped - recorded_delay);
	size_t m = j + 1;

	while (m < e->n_decisions && picks[m] != e->unblocker)
		m++;
	if (m < e->n_decisions)
		longer = MIN(longer, y->alpha * MAX(d[m].t - d[j].t - recorded_delay, 0));
	g->wall_ns = -longer;
	g->spin_ns -= longer * gain_spin(e, e->s, e->t_end) / (e->t_end - e->s);
}

static void settle(const struct gain_episode *e, const int *picks, size_t j, struct episode_gain *g)
{
	switch (g->class) {
	case GAIN_HIT:
	case GAIN_FUTILE_HIT:
		add_hit(e, picks, j, g);
		break;
	case GAIN_LOSS:
		add_loss(e, picks, j, g);
		break;
	case GAIN_UNSUPPORTED:
	case GAIN_UNKNOWN_PICK:
		g->supported = false;
		g->wall_ns = g->spin_ns = NAN;
		break;
	default:
		break;
	}
}

struct episode_gain gain_of_episode(const struct gain_episode *e, const int *picks)
{
	struct episode_gain g = { .decision = -1, .supported = true };
	int64_t released_until = INT64_MIN;

	for (size_t j = 0; j < e->n_decisions; j++) {
		const struct gain_decision *d = &e->decisions[j];
		enum gain_class class;

		if (d->t < released_until) {
			g.n[GAIN_NOT_MADE]++;
			continue;
		}
		class = class_of_decision(e, d, picks[j]);
		g.n[class]++;
		if (class == GAIN_RELEASE) {
			released_until = end_of_stretch(e, d->t);
			g.release_ns += MAX(0, released_until - d->t - e->yield_ns);
		}
		if (gain_is_fatal(class) || (class == GAIN_RELEASE && g.class != GAIN_RELEASE) ||
		    (class != GAIN_SAME_PICK && g.class == GAIN_SAME_PICK)) {
			g.class = class;
			g.decision = j;
		}
		if (gain_is_fatal(class)) {
			settle(e, picks, j, &g);
			break;
		}
	}
	g.spin_ns += g.release_ns;
	return g;
}
