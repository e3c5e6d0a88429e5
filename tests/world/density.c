// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/world/density.h"

#include <string.h>

#include "tests/world/truth.h"

/* Which VM does most, or least, under stock. */
static unsigned int extreme_vm(const struct settings *s, bool most)
{
	struct account a = truth_run(s, POLICY_STOCK, 0);
	unsigned int found = 0;

	for (unsigned int i = 1; i < s->n_vms; i++)
		if (most ? a.vm_work[i] > a.vm_work[found] : a.vm_work[i] <= a.vm_work[found])
			found = i;
	return found;
}

static void add_vm(struct settings *s)
{
	unsigned int like = extreme_vm(s, true);

	s->n_vcpus[s->n_vms] = s->n_vcpus[like];
	s->mixes[s->n_vms] = s->mixes[like];
	s->n_vms++;
}

static void remove_vm(struct settings *s)
{
	unsigned int gone = extreme_vm(s, false), after = --s->n_vms - gone;

	memmove(&s->n_vcpus[gone], &s->n_vcpus[gone + 1], after * sizeof(*s->n_vcpus));
	memmove(&s->mixes[gone], &s->mixes[gone + 1], after * sizeof(*s->mixes));
}

static void change_cpus(struct settings *s, int change)
{
	gint64 before = g_bit_storage(s->n_cpus), after;

	s->n_cpus += change;
	after = g_bit_storage(s->n_cpus);
	s->slice = s->slice * after / before;
	s->latency = s->latency * after / before;
	s->min_granularity = s->min_granularity * after / before;
	s->wakeup_granularity = s->wakeup_granularity * after / before;
}

bool settings_change_density(struct settings *s, const struct density *d)
{
	int vms = s->n_vms + d->vms, cpus = s->n_cpus + d->cpus;

	if (vms < 1 || vms > MAX_VMS || cpus < 1 || cpus > MAX_CPUS)
		return false;
	if (d->vms > 0)
		add_vm(s);
	else if (d->vms < 0)
		remove_vm(s);
	if (d->cpus)
		change_cpus(s, d->cpus);
	if (d->window) {
		s->ple_max = s->ple_max > s->ple_window ? MAX(s->ple_max, d->window) : d->window;
		s->ple_window = d->window;
	}
	return true;
}
