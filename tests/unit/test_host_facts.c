// SPDX-License-Identifier: GPL-2.0-or-later
/* Host facts: what is said is kept, what is not stays unknown, what is wrong is refused. */
#include <glib.h>
#include <string.h>

#include "analyze/model/host_facts.h"

#define HEAD "{\"format\":\"counterspin-host-facts\",\"version\":1"

static bool add(struct host_facts *f, const char *text)
{
	g_autoptr(GError) error = NULL;
	bool ok = host_facts_add(f, text, strlen(text), "test", &error);

	g_assert_true(ok == !error);
	return ok;
}

static void test_minimal(void)
{
	struct host_facts *f = host_facts_new();

	g_assert_true(add(f, HEAD "}"));
	g_assert_null(f->kernel);
	g_assert_cmpint(f->vcpus->len + f->vms->len + f->params->len, ==, 0);
	g_assert_cmpint(f->realtime_offset, ==, INT64_MIN);
	host_facts_free(f);
}

static void test_all(void)
{
	struct host_facts *f = host_facts_new();
	const struct host_facts_vcpu *v;

	g_assert_true(add(f, HEAD ",\"kernel\":\"6.1.0\",\"machine\":\"x86_64\",\"hz\":250,"
			     "\"params\":{\"kvm.ple_window\":\"4096\"},\"topology\":[{\"cpu\":0}],"
			     "\"vcpus\":[{\"tgid\":861,\"tid\":866,\"vcpu_id\":0,\"name\":\"CPU 0/KVM\"}],"
			     "\"vms\":[{\"tgid\":861,\"name\":\"web17\"}],\"cgroups\":[{\"tid\":866,\"path\":\"/a\"}],"
			     "\"realtime_offset\":\"1750000000123456789\",\"colour\":{\"of\":\"money\"}}"));
	v = &g_array_index(f->vcpus, struct host_facts_vcpu, 0);
	g_assert_cmpstr(f->kernel, ==, "6.1.0");
	g_assert_cmpint(v->tgid, ==, 861);
	g_assert_cmpint(v->tid, ==, 866);
	g_assert_cmpint(v->vcpu_idx, ==, -1);	/* not said, not guessed */
	g_assert_cmpint(f->realtime_offset, ==, 1750000000123456789);
	g_assert_cmpstr(host_facts_param(f, "kvm.ple_window"), ==, "4096");
	g_assert_cmpstr(host_facts_param(f, "hz"), ==, "250");
	g_assert_cmpstr(host_facts_param(f, "colour"), ==, "{\"of\":\"money\"}");	/* unknown keys are kept */
	g_assert_null(host_facts_param(f, "nonesuch"));
	host_facts_free(f);
}

/* Several markers add up; a parameter has a value at start and one at stop. */
static void test_merge(void)
{
	struct host_facts *f = host_facts_new();

	g_assert_true(add(f, HEAD ",\"when\":\"start\",\"params\":{\"a\":\"1\",\"b\":\"1\"},\"vms\":[{\"tgid\":1}]}"));
	g_assert_true(add(f, HEAD ",\"when\":\"stop\",\"params\":{\"a\":\"2\"},\"vms\":[{\"tgid\":2}]}"));
	g_assert_true(add(f, HEAD ",\"when\":\"stop\",\"params\":{\"a\":\"3\"}}"));
	g_assert_cmpint(f->vms->len, ==, 2);
	g_assert_cmpint(f->params->len, ==, 3);
	g_assert_cmpstr(host_facts_param(f, "a"), ==, "3");
	g_assert_cmpstr(host_facts_param(f, "b"), ==, "1");
	host_facts_free(f);
}

static void test_refused(void)
{
	static const char *const bad[] = {
		"", "[]", "12", "nonsense", "{\"format\":\"counterspin-host-facts\"}",
		"{\"format\":\"other\",\"version\":1}", "{\"format\":\"counterspin-host-facts\",\"version\":2}",
		HEAD, "{\"format\":7,\"version\":1}",
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct host_facts *f = host_facts_new();

		g_assert_false(add(f, bad[i]));
		host_facts_free(f);
	}
}

/* A known key of another type is refused; a number that can be none of ours is not known. */
static void test_wrong_types(void)
{
	static const char *const bad[] = {
		HEAD ",\"vcpus\":5}", HEAD ",\"vcpus\":[1]}", HEAD ",\"vms\":{}}", HEAD ",\"params\":[]}",
		HEAD ",\"cgroups\":\"x\"}", HEAD ",\"kernel\":5}", HEAD ",\"realtime_offset\":1700000000}",
		HEAD ",\"machine\":null}",
	};
	struct host_facts *f = host_facts_new();

	for (unsigned int i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(add(f, bad[i]));
	g_assert_true(add(f, HEAD ",\"vcpus\":[{\"tid\":\"866\"},{\"tid\":-1},{\"tid\":1e300},{}]}"));
	g_assert_cmpint(f->vcpus->len, ==, 4);
	for (guint i = 0; i < f->vcpus->len; i++)
		g_assert_cmpint(g_array_index(f->vcpus, struct host_facts_vcpu, i).tid, ==, -1);
	host_facts_free(f);
}

static void test_marker(void)
{
	g_assert_true(host_facts_is_marker(HEAD "}", strlen(HEAD "}")));
	g_assert_false(host_facts_is_marker("hello", 5));
	g_assert_false(host_facts_is_marker("{}", 2));
	g_assert_false(host_facts_is_marker("", 0));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host_facts/minimal", test_minimal);
	g_test_add_func("/host_facts/all", test_all);
	g_test_add_func("/host_facts/merge", test_merge);
	g_test_add_func("/host_facts/refused", test_refused);
	g_test_add_func("/host_facts/wrong_types", test_wrong_types);
	g_test_add_func("/host_facts/marker", test_marker);
	return g_test_run();
}
