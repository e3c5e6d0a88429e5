// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/estimate/scheduler.h"

#include <stdio.h>

/* sched_prio_to_weight[], kernel/sched/core.c, by nice + 20 */
static const unsigned int weights[40] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
	9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277,
	1024, 820, 655, 526, 423, 335, 272, 215, 172, 137,
	110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
};

unsigned int scheduler_weight(int64_t prio)
{
	return prio >= 100 && prio < 140 ? weights[prio - 100] : 0;
}

bool scheduler_since(const struct recorded *r, unsigned int major, unsigned int minor)
{
	unsigned int m, n;

	return r->kernel && sscanf(r->kernel, "%u.%u", &m, &n) == 2 && (m > major || (m == major && n >= minor));
}

/*
 * What a kernel can have: HZ by include/linux/jiffies.h (SHIFT_HZ), the others by the sysctls
 * that they were before 5.13 (kernel/sysctl.c). Host facts come from anybody.
 */
enum setting { HZ, LATENCY, MIN_GRANULARITY, WAKEUP_GRANULARITY, BASE_SLICE, N_SETTINGS };

static const struct { const char *name; int64_t least, most; } settings[N_SETTINGS] = {
	[HZ] = { "hz", 12, 12287 },
	[LATENCY] = { "sched.latency_ns", 100000, 1000000000 },
	[MIN_GRANULARITY] = { "sched.min_granularity_ns", 100000, 1000000000 },
	[WAKEUP_GRANULARITY] = { "sched.wakeup_granularity_ns", 0, 1000000000 },
	[BASE_SLICE] = { "sched.base_slice_ns", 100000, 1000000000 },
};

static bool parse(enum setting which, const char *text, int64_t *value)
{
	return text && g_ascii_string_to_signed(text, 10, settings[which].least, settings[which].most, value, NULL);
}

static int64_t param(const struct recorded *r, enum setting which, int64_t otherwise)
{
	g_autofree char *text = recorded_param(r, settings[which].name);
	int64_t value;

	return parse(which, text, &value) ? value : otherwise;
}

void scheduler_warnings(const struct recorded *r, GPtrArray *sentences)
{
	for (unsigned int i = 0; i < N_SETTINGS; i++) {
		g_autofree char *text = recorded_param(r, settings[i].name), *start = NULL;
		int64_t value;

		if (!text || parse(i, text, &value))
			continue;
		start = g_utf8_substring(text, 0, MIN(g_utf8_strlen(text, -1), 40));
		g_ptr_array_add(sentences, g_strdup_printf(
			"the host facts say that %s is '%s', which is not within %" G_GINT64_FORMAT " to %"
			G_GINT64_FORMAT "; the kernel's default is assumed",
			settings[i].name, start, settings[i].least, settings[i].most));
	}
}

int64_t scheduler_slice(const struct recorded *r)
{
	return param(r, BASE_SLICE, param(r, MIN_GRANULARITY, 0));
}

static bool has_feature(char **features, const char *name)
{
	return features && g_strv_contains((const char *const *)features, name);
}

static enum shadow_scheduler scheduler_of(const struct recorded *r, char **features)
{
	if (has_feature(features, "PLACE_LAG") || has_feature(features, "NO_PLACE_LAG"))
		return SHADOW_EEVDF;
	if (has_feature(features, "GENTLE_FAIR_SLEEPERS") ||
	    has_feature(features, "NO_GENTLE_FAIR_SLEEPERS"))
		return SHADOW_CFS;
	if (!scheduler_since(r, 0, 0))
		return SHADOW_NONE;
	return scheduler_since(r, 6, 6) ? SHADOW_EEVDF : SHADOW_CFS;
}

static enum shadow_buddy buddy_of(enum shadow_scheduler scheduler, char **features)
{
	if (scheduler == SHADOW_CFS)
		return SHADOW_HONOURED;
	if (scheduler == SHADOW_NONE || !features)
		return SHADOW_BUDDY_UNKNOWN;
	return has_feature(features, "PICK_BUDDY") || has_feature(features, "NEXT_BUDDY") ?
	       SHADOW_HONOURED : SHADOW_IGNORED;
}

/* The kernel's defaults (kernel/sched/fair.c), where the host facts are silent, or cannot be. */
void scheduler_read(const struct recorded *r, struct scheduler_facts *facts)
{
	g_autofree char *text = recorded_param(r, "sched.features");
	g_auto(GStrv) features = text ? g_strsplit(text, " ", -1) : NULL;
	int64_t n_cpu = CLAMP(db_value(r->db, "SELECT n_cpu FROM recording"), 1, 8);
	int64_t scale = g_bit_storage(n_cpu);	/* SCHED_TUNABLESCALING_LOG: 1 + ilog2 */
	bool cfs;

	facts->scheduler = scheduler_of(r, features);
	facts->buddy = buddy_of(facts->scheduler, features);
	cfs = facts->scheduler == SHADOW_CFS;
	facts->min_granularity = param(r, MIN_GRANULARITY, scale * 750000);
	facts->run_to_parity = !has_feature(features, "NO_RUN_TO_PARITY");
	facts->params = (struct fair_params){
		.kind = cfs ? FAIR_CFS : FAIR_EEVDF,
		.slice = cfs ? param(r, LATENCY, scale * 6000000) :
			       param(r, BASE_SLICE, scale * 700000),
		.tick = 1000000000 / param(r, HZ, 250),
		.wakeup_granularity = param(r, WAKEUP_GRANULARITY, scale * 1000000),
		.gentle_sleepers = !has_feature(features, "NO_GENTLE_FAIR_SLEEPERS"),
		.last_buddy = !has_feature(features, "NO_LAST_BUDDY"),
		.place_lag = !has_feature(features, "NO_PLACE_LAG"),
		/* not in 6.6 to 6.11 */
		.delay_dequeue = has_feature(features, "DELAY_DEQUEUE"),
	};
}
