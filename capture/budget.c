// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/budget.h"

double budget_overhead(const struct budget_event *events, unsigned int n, unsigned int n_cpu, double cost_ns,
		       unsigned int shed)
{
	double busiest = 0;

	for (unsigned int cpu = 0; cpu < n_cpu; cpu++) {
		double sum = 0;

		for (unsigned int i = 0; i < n; i++)
			if (!events[i].shed || events[i].shed > shed)
				sum += events[i].rates[cpu] * events[i].weight;
		if (sum > busiest)
			busiest = sum;
	}
	return busiest * cost_ns / 1e9;
}

struct budget budget_decide(const struct budget_event *events, unsigned int n, unsigned int n_cpu, double cost_ns,
			    double limit, unsigned int shed, unsigned int max_shed)
{
	struct budget b = { .shed = shed, .duty = 1 };

	for (;; b.shed++) {
		b.overhead = budget_overhead(events, n, n_cpu, cost_ns, b.shed);
		if (b.overhead <= limit)
			return b;
		if (b.shed >= max_shed)
			break;
	}
	b.duty = limit / b.overhead;
	b.overhead = limit;
	if (b.duty < BUDGET_MIN_DUTY)
		b.duty = 0;
	return b;
}

struct budget_burst budget_burst(double duty)
{
	return (struct budget_burst){ BUDGET_BURST_MS, duty < 1 ? BUDGET_BURST_MS / duty - BUDGET_BURST_MS : 0 };
}
