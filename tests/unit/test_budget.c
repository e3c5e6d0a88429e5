// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/budget.h"
#include "capture/units.h"

#include <glib.h>

/* Two CPUs; the second is the busier one with everything, the first with what is never given up. */
static const double always[] = { 60000, 10000 }, first[] = { 1000, 90000 }, second[] = { 1000, 20000 };
static const struct budget_event events[] = {
	{ .weight = 1, .shed = 0, .rates = always },
	{ .weight = 2, .shed = 1, .rates = first },
	{ .weight = 1, .shed = 2, .rates = second },
};

enum { N_CPU = 2, COST_NS = 100 };

static struct budget decide(double limit)
{
	return budget_decide(events, G_N_ELEMENTS(events), N_CPU, COST_NS, limit, 0, 2);
}

static void expect(double got, double want)
{
	g_assert_cmpfloat_with_epsilon(got, want, 1e-9);
}

static void test_overhead(void)
{
	/* (10000 + 2 * 90000 + 20000) * 100 ns, (60000 + 1000) * 100 ns, 60000 * 100 ns */
	expect(budget_overhead(events, G_N_ELEMENTS(events), N_CPU, COST_NS, 0), 0.021);
	expect(budget_overhead(events, G_N_ELEMENTS(events), N_CPU, COST_NS, 1), 0.0061);
	expect(budget_overhead(events, G_N_ELEMENTS(events), N_CPU, COST_NS, 2), 0.006);
}

static void test_decide(void)
{
	struct budget b = decide(0.03);

	g_assert_cmpuint(b.shed, ==, 0);
	expect(b.duty, 1);
	expect(b.overhead, 0.021);
	b = decide(0.02);
	g_assert_cmpuint(b.shed, ==, 1);
	expect(b.duty, 1);
	expect(b.overhead, 0.0061);
	b = decide(0.003);
	g_assert_cmpuint(b.shed, ==, 2);
	expect(b.duty, 0.5);
	expect(b.overhead, 0.003);
	b = decide(0.00001);
	expect(b.duty, 0);
}

static void test_bursts(void)
{
	struct budget_burst b = budget_burst(1);

	g_assert_cmpuint(b.off_ms, ==, 0);
	b = budget_burst(0.5);
	g_assert_cmpuint(b.on_ms, ==, 1000);
	g_assert_cmpuint(b.off_ms, ==, 1000);
	b = budget_burst(0.01);
	g_assert_cmpuint(b.on_ms, ==, 1000);
	g_assert_cmpuint(b.off_ms, ==, 99000);
}

static void test_units(void)
{
	uint64_t n;
	double share;

	g_assert_true(units_size("4096", &n) && n == 4096);
	g_assert_true(units_size("1.5G", &n) && n == 1610612736);
	g_assert_true(units_size("64m", &n) && n == 64 << 20);
	g_assert_true(units_time("500ms", &n) && n == 500);
	g_assert_true(units_time("30", &n) && n == 30000);
	g_assert_true(units_time("1.5m", &n) && n == 90000);
	g_assert_true(units_share("2%", &share) && share == 0.02);
	g_assert_true(units_share("0.5", &share) && share == 0.5);
	static const char *const bad[] = { "", "-1", "x", "1x", "1 G", "inf", "nan", "0x", "1e400", "%" };
	for (unsigned int i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_assert_false(units_size(bad[i], &n));
		g_assert_false(units_time(bad[i], &n));
		g_assert_false(units_share(bad[i], &share));
	}
	g_assert_false(units_share("101%", &share));
	g_assert_false(units_time("0.5ms", &n));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/budget/overhead", test_overhead);
	g_test_add_func("/budget/decide", test_decide);
	g_test_add_func("/budget/bursts", test_bursts);
	g_test_add_func("/units", test_units);
	return g_test_run();
}
