// SPDX-License-Identifier: GPL-2.0-or-later
/* Host facts of a made-up host: complete, in pieces of a size, as import reads them. */
#include "capture/host.h"

#include <zlib.h>

#include "analyze/model/host_facts.h"
#include "tests/unit/made_up_host.h"

typedef cJSON json;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json, cJSON_Delete)

static void add_config(const char *root, const char *text)
{
	g_autofree char *path = host_path(root, "/proc/config.gz");
	gzFile file = gzopen(path, "we");

	g_assert_cmpint(gzputs(file, text), >, 0);
	gzclose(file);
}

static char *host_with_facts(void)
{
	char *root = host_new();

	host_file(root, "/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
	host_file(root, "/proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.1 (2026-01-01)\n");
	host_file(root, "/proc/sys/kernel/arch", "x86_64\n");
	add_config(root, "# a comment\nCONFIG_HZ_250=y\nCONFIG_HZ=250\n");
	host_file(root, "/sys/module/kvm/parameters/halt_poll_ns", "200000\n");
	host_file(root, "/sys/module/kvm_intel/parameters/ple_window", "4096\n");
	host_file(root, "/sys/module/snd/parameters/index", "1\n");
	host_file(root, "/sys/kernel/debug/sched/base_slice_ns", "3000000\n");
	host_file(root, "/sys/kernel/debug/sched/features", "GENTLE NO_HRTICK \n");
	host_file(root, "/sys/kernel/debug/sched/debug", "much\n");
	host_file(root, "/sys/kernel/debug/sched/domains/cpu0/x", "1\n");
	host_file(root, "/proc/sys/kernel/sched_rr_timeslice_ms", "100\n");
	host_file(root, "/proc/sys/kernel/hostname", "secret\n");
	host_file(root, "/proc/cpuinfo", "processor\t: 0\nmodel name\t: A \"B\" \xff\nflags\t\t: fpu vmx x2apic\n"
					 "vmx flags\t: vnmi ple pml\n\nprocessor\t: 1\n");
	host_file(root, "/sys/devices/system/cpu/online", "0-1,4\n");
	host_file(root, "/sys/devices/system/node/node0/cpulist", "0-1\n");
	host_file(root, "/sys/devices/system/node/node12/cpulist", "4\n");
	for (int cpu = 0; cpu < 5; cpu++) {
		g_autofree char *dir = g_strdup_printf("/sys/devices/system/cpu/cpu%d/topology", cpu);
		g_autofree char *core = g_strconcat(dir, "/core_id", NULL);
		g_autofree char *package = g_strconcat(dir, "/physical_package_id", NULL);
		g_autofree char *smt = g_strconcat(dir, "/thread_siblings_list", NULL);

		host_file(root, core, "7\n");
		host_file(root, package, cpu == 4 ? "1\n" : "0\n");
		host_file(root, smt, "0-1\n");
	}
	return root;
}

static void add_vm(const char *root, int tgid, int vcpus, const char *name)
{
	g_autofree char *dir = g_strdup_printf("/proc/%d", tgid);

	host_task(root, dir, name, 5, "0::/vms\n");
	host_fd(root, dir, 3, "anon_inode:kvm-vm");
	for (int i = 0; i < vcpus; i++) {
		g_autofree char *file = g_strdup_printf("anon_inode:kvm-vcpu:%d", i);
		g_autofree char *task = g_strdup_printf("%s/task/%d", dir, tgid + 1 + i);
		g_autofree char *comm = g_strdup_printf("CPU %d/KVM", i);

		host_fd(root, dir, 4 + i, file);
		host_task(root, task, comm, 5, "0::/vms/\"quoted\"\n");
	}
}

static struct vm_list *find(const char *root)
{
	g_autoptr(GError) error = NULL;
	struct vm_list *list = vms_find(root, &error);

	g_assert_no_error(error);
	return list;
}

/* What import makes of documents, after each was looked at. */
static struct host_facts *read_back(char **docs, size_t max, const char *when)
{
	struct host_facts *facts = host_facts_new();

	for (char **doc = docs; *doc; doc++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(json) root = cJSON_Parse(*doc);

		g_assert_nonnull(root);
		g_assert_cmpint(strlen(*doc), <=, max);
		g_assert_true(g_utf8_validate(*doc, -1, NULL));
		g_assert_null(strchr(*doc, '\n'));
		g_assert_true(host_facts_is_marker(*doc, strlen(*doc)));
		g_assert_cmpstr(cJSON_GetStringValue(cJSON_GetObjectItem(root, "when")), ==, when);
		host_facts_add(facts, *doc, strlen(*doc), "test", &error);
		g_assert_no_error(error);
	}
	return facts;
}

static void test_all(void)
{
	static const struct { const char *name, *value; } want[] = {
		{ "hz", "250" }, { "n_cpu", "3" }, { "clock", "mono" }, { "kvm.halt_poll_ns", "200000" },
		{ "kvm_intel.ple_window", "4096" }, { "snd.index", NULL }, { "sched.base_slice_ns", "3000000" },
		{ "sched.features", "GENTLE NO_HRTICK" }, { "sched.debug", NULL }, { "sched.domains", NULL },
		{ "sched.sched_rr_timeslice_ms", "100" }, { "sched.preempt_model", "PREEMPT_DYNAMIC" },
		{ "cpu.model", "A \"B\" \xef\xbf\xbd" }, { "cpu.flags", "vmx ple vnmi x2apic" },
		{ "cpu.online", "0-1,4" }, { "cpu.smt", NULL },
		{ "topology.cpu0", "{\"core\":7,\"package\":0,\"smt\":\"0-1\",\"node\":0}" },
		{ "topology.cpu2", NULL },
		{ "topology.cpu4", "{\"core\":7,\"package\":1,\"smt\":\"0-1\",\"node\":12}" },
		{ "recorder.tool", "counterspin" }, { "recorder.budget", "0.02" }, { "recorder.probes.1", "p:y" },
		{ "recorder.shed", "[]" },
		{ "recorder.missed.on_spin", "3" }, { "recorder.lacks.0", "{\"what\":\"x\"}" },
	};
	char *root = host_with_facts();
	struct vm_list *list;
	g_autoptr(json) recorder = cJSON_Parse("{\"tool\":\"counterspin\",\"budget\":0.02,\"probes\":[\"p:x\",\"p:y\"],"
					       "\"shed\":[],\"missed\":{\"on_spin\":3},\"lacks\":[{\"what\":\"x\"}]}");

	add_vm(root, 100, 3, "web\x01\xff");
	list = find(root);
	for (size_t max = HOST_FACTS_MIN_BYTES; max < 20000; max *= 3) {
		g_auto(GStrv) docs = host_facts(root, list, "start", recorder, max);
		struct host_facts *f = read_back(docs, max, "start");
		const struct host_facts_vcpu *v;

		for (unsigned int i = 0; i < G_N_ELEMENTS(want); i++)
			g_assert_cmpstr(host_facts_param(f, want[i].name), ==, want[i].value);
		g_assert_cmpstr(f->kernel, ==, "6.1.0-56-amd64");
		g_assert_cmpstr(f->machine, ==, "x86_64");
		g_assert_cmpint(ABS(f->realtime_offset - host_realtime_offset()), <, 1000000000);
		g_assert_cmpint(f->vms->len, ==, 1);
		g_assert_cmpint(g_array_index(f->vms, struct host_facts_vm, 0).tgid, ==, 100);
		g_assert_cmpstr(g_array_index(f->vms, struct host_facts_vm, 0).name, ==, "web\x01\xef\xbf\xbd");
		g_assert_cmpint(f->vcpus->len, ==, 3);
		v = &g_array_index(f->vcpus, struct host_facts_vcpu, 2);
		g_assert_cmpint(v->tgid, ==, 100);
		g_assert_cmpint(v->tid, ==, 103);
		g_assert_cmpint(v->vcpu_id, ==, 2);
		g_assert_cmpint(v->vcpu_idx, ==, 2);
		g_assert_cmpstr(v->name, ==, "CPU 2/KVM");
		g_assert_cmpint(f->cgroups->len, ==, 3);
		g_assert_cmpstr(g_array_index(f->cgroups, struct host_facts_cgroup, 0).path, ==, "/vms/\"quoted\"");
		g_assert_cmpint(g_strv_length(docs) > 1, ==, max < 2000);
		host_facts_free(f);
	}
	vms_free(list);
	host_free(root);
}

/* A value longer than a document is cut, at a character, and only that one. */
static void test_long(void)
{
	char *root = host_with_facts();
	g_autoptr(GString) text = g_string_new(NULL);
	g_auto(GStrv) docs = NULL;
	struct host_facts *f;
	const char *cut;

	for (int i = 0; i < 500; i++)
		g_string_append(text, i % 2 ? "\xc3\xa4" : "\"");
	host_file(root, "/sys/kernel/debug/sched/features", text->str);
	docs = host_facts(root, NULL, "start", NULL, 400);
	f = read_back(docs, 400, "start");
	cut = host_facts_param(f, "sched.features");
	g_assert_true(g_str_has_suffix(cut, "\xe2\x80\xa6"));
	g_assert_cmpint(strlen(cut), >, 150);
	g_assert_true(g_str_has_prefix(text->str, "\"\xc3\xa4\"\xc3\xa4"));
	g_assert_cmpstr(host_facts_param(f, "kvm.halt_poll_ns"), ==, "200000");
	host_facts_free(f);
	host_free(root);
}

/* Many vCPUs, tids not known: what import needs is there all the same. */
static void test_many(void)
{
	char *root = host_with_facts();
	struct vm_list *list;
	struct host_facts *f;
	g_auto(GStrv) docs = NULL;

	add_vm(root, 1000, 300, "big");
	host_task(root, "/proc/1000/task/1005", "CPU 3/KVM", 5, "0::/vms\n");	/* the second of that name */
	list = find(root);
	docs = host_facts(root, list, "start", NULL, 900);
	f = read_back(docs, 900, "start");
	g_assert_cmpint(f->vcpus->len, ==, 600);	/* ids, and TIDs */
	g_assert_cmpint(g_array_index(f->vcpus, struct host_facts_vcpu, 299).vcpu_id, ==, 299);
	g_assert_cmpint(g_array_index(f->vcpus, struct host_facts_vcpu, 299).tid, ==, -1);
	g_assert_cmpint(g_array_index(f->vcpus, struct host_facts_vcpu, 599).tid, ==, 1300);
	g_assert_cmpint(g_array_index(f->vcpus, struct host_facts_vcpu, 599).tgid, ==, 1000);
	g_assert_cmpint(f->cgroups->len, ==, 300);
	host_facts_free(f);
	vms_free(list);
	host_free(root);
}

static void test_changes(void)
{
	char *root = host_with_facts();
	struct vm_list *list;
	struct host_facts *f;
	g_auto(GStrv) start = NULL, same = NULL, stop = NULL, between = NULL;
	g_autoptr(json) recorder = cJSON_Parse("{\"lost\":0}");

	add_vm(root, 100, 1, "old");
	list = find(root);
	start = host_facts(root, list, "start", recorder, 300);
	same = host_facts_changes(root, list, start, NULL, 300);
	g_assert_cmpint(g_strv_length(same), ==, 1);
	g_assert_cmpstr(same[0], ==, "{\"format\":\"counterspin-host-facts\",\"version\":1,\"when\":\"stop\"}");
	vms_free(list);
	host_file(root, "/sys/module/kvm/parameters/halt_poll_ns", "0\n");
	add_vm(root, 200, 1, "new");
	list = find(root);
	between = host_facts_vms(list, start, 300);
	f = read_back(between, 300, "");
	g_assert_cmpint(f->params->len, ==, 0);
	g_assert_cmpint(f->vms->len, ==, 1);
	g_assert_cmpint(g_array_index(f->vms, struct host_facts_vm, 0).tgid, ==, 200);
	host_facts_free(f);
	stop = host_facts_changes(root, list, start, recorder, 300);
	f = read_back(stop, 300, "stop");
	g_assert_cmpint(f->params->len, ==, 2);
	g_assert_cmpstr(host_facts_param(f, "kvm.halt_poll_ns"), ==, "0");
	g_assert_cmpstr(host_facts_param(f, "recorder.lost"), ==, "0");
	g_assert_cmpint(f->vms->len, ==, 1);
	g_assert_cmpint(g_array_index(f->vms, struct host_facts_vm, 0).tgid, ==, 200);
	g_assert_cmpint(f->vcpus->len, ==, 1);
	g_assert_cmpint(f->realtime_offset, ==, INT64_MIN);
	host_facts_free(f);
	vms_free(list);
	host_free(root);
}

/* Nothing there: what is known without files, and no more. This machine: something. */
static void test_bare_and_real(void)
{
	char *root = host_new();
	g_auto(GStrv) docs = host_facts(root, NULL, "start", NULL, 900), real = host_facts("", NULL, "stop", NULL, 900);
	struct host_facts *f = read_back(docs, 900, "start");

	g_assert_null(f->kernel);
	g_assert_nonnull(f->machine);
	g_assert_cmpint(f->params->len, ==, 1);
	g_assert_cmpstr(host_facts_param(f, "clock"), ==, "mono");
	host_facts_free(f);
	f = read_back(real, 900, "stop");
	g_assert_nonnull(f->kernel);
	g_assert_nonnull(host_facts_param(f, "n_cpu"));
	host_facts_free(f);
	host_free(root);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host/all", test_all);
	g_test_add_func("/host/long", test_long);
	g_test_add_func("/host/many", test_many);
	g_test_add_func("/host/changes", test_changes);
	g_test_add_func("/host/bare-and-real", test_bare_and_real);
	return g_test_run();
}
