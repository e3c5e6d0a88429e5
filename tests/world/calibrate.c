// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/world/calibrate.h"

#include "tests/world/world.h"

enum { STREAM = 1000, MAX_STEPS = 16 };
#define PILOT (500 * MS)

/* Share of the vCPUs' CPU time that a pilot run of stock spends waiting, in percent. */
static double spin_percent(const struct settings *s)
{
	struct settings pilot = *s;
	g_autofree struct world *w = NULL;

	pilot.length = PILOT;
	w = world_new(&pilot, POLICY_STOCK, s->seed, NULL);
	world_run(w);
	return w->account.vcpu_ns ? 100.0 * w->account.spin / w->account.vcpu_ns : 0;
}

void settings_calibrate(struct settings *s)
{
	struct chance c = chance_new(s->seed, STREAM);
	gint64 most = chance_between(&c, 2, 20);

	for (unsigned int i = 0; i < MAX_STEPS && spin_percent(s) > most; i++)
		for (unsigned int k = 0; k < s->n_vms; k++)
			s->mixes[k].compute += s->mixes[k].compute * 3 / 4;
}
