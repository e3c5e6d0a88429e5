// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <zlib.h>

#include "capture/host_pack.h"

enum { MAX_VALUE = 1 << 16, MAX_CPUS = 1 << 16 };

typedef cJSON json;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json, cJSON_Delete)

static char *valid(const char *text)
{
	return g_utf8_make_valid(text, -1);
}

/* Text without blanks at its ends, valid UTF-8; NULL: it cannot be read. */
static char *value_of(const char *root, const char *path)
{
	g_autofree char *full = g_strconcat(root, path, NULL), *text = NULL;
	gsize len;

	if (!g_file_test(full, G_FILE_TEST_IS_REGULAR) || !g_file_get_contents(full, &text, &len, NULL))
		return NULL;
	if (len > MAX_VALUE)
		text[MAX_VALUE] = 0;
	return valid(g_strstrip(text));
}

static void set_text(cJSON *params, const char *name, const char *value)
{
	g_autofree char *clean = valid(name);

	if (value)
		cJSON_AddStringToObject(params, clean, value);
}

static void set_from(cJSON *params, const char *name, const char *root, const char *path)
{
	g_autofree char *value = value_of(root, path);

	if (value && *value)
		set_text(params, name, value);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a directory that begin with prefix, sorted. */
static GPtrArray *names_in(const char *root, const char *path, const char *prefix)
{
	g_autofree char *full = g_strconcat(root, path, NULL);
	g_autoptr(GDir) dir = g_dir_open(full, 0, NULL);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		if (g_str_has_prefix(name, prefix))
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, compare_names);
	return names;
}

/* Every file of a directory as parameter GROUP.FILE */
static void set_from_files(cJSON *params, const char *group, const char *root, const char *path, const char *prefix)
{
	g_autoptr(GPtrArray) names = names_in(root, path, prefix);

	for (guint i = 0; i < names->len; i++) {
		const char *file = names->pdata[i];
		g_autofree char *name = g_strconcat(group, ".", file, NULL);
		g_autofree char *at = g_strconcat(path, "/", file, NULL);
		g_autofree char *value = NULL;

		/* what every run queue holds, taken under their locks: no setting, and costly */
		if (!strcmp(name, "sched.debug"))
			continue;
		value = value_of(root, at);
		set_text(params, name, value);
	}
}

/* How many CPUs "0-3,8" names; those are passed to each, if any. */
static unsigned int for_each_cpu(const char *list, void (*each)(unsigned int cpu, void *user), void *user)
{
	g_auto(GStrv) ranges = g_strsplit(list, ",", -1);
	unsigned int n = 0;

	for (char **range = ranges; *range; range++) {
		unsigned int first, last;
		int got = sscanf(*range, "%u-%u", &first, &last);

		if (got < 1)
			continue;
		if (got < 2)
			last = first;
		for (unsigned int cpu = first; cpu <= last && cpu < MAX_CPUS; cpu++, n++)
			if (each)
				each(cpu, user);
	}
	return n;
}

struct topology {
	const char *root;
	cJSON *params;
	GHashTable *node;	/* CPU -> node + 1 */
	int node_now;
};

static void note_node(unsigned int cpu, void *user)
{
	struct topology *t = user;

	g_hash_table_insert(t->node, GUINT_TO_POINTER(cpu), GINT_TO_POINTER(t->node_now + 1));
}

static void add_number(cJSON *object, const char *key, const char *value)
{
	if (value)
		cJSON_AddNumberToObject(object, key, strtol(value, NULL, 10));
}

static void add_cpu(unsigned int cpu, void *user)
{
	static const struct { const char *key, *file, *older; } files[] = {
		{ "core", "core_id", NULL }, { "package", "physical_package_id", NULL },
		{ "smt", "core_cpus_list", "thread_siblings_list" },	/* the newer name is from 5.3 */
	};
	struct topology *t = user;
	g_autofree char *name = g_strdup_printf("topology.cpu%u", cpu);
	int node = GPOINTER_TO_INT(g_hash_table_lookup(t->node, GUINT_TO_POINTER(cpu))) - 1;
	cJSON *object = cJSON_CreateObject();

	for (unsigned int i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *dir = g_strdup_printf("/sys/devices/system/cpu/cpu%u/topology/", cpu);
		g_autofree char *path = g_strconcat(dir, files[i].file, NULL);
		g_autofree char *older = files[i].older ? g_strconcat(dir, files[i].older, NULL) : NULL;
		g_autofree char *value = value_of(t->root, path);

		if (!value && older)
			value = value_of(t->root, older);
		if (files[i].older && value)
			cJSON_AddStringToObject(object, files[i].key, value);
		else
			add_number(object, files[i].key, value);
	}
	if (node >= 0)
		cJSON_AddNumberToObject(object, "node", node);
	cJSON_AddItemToObject(t->params, name, object);
}

static void add_topology(cJSON *params, const char *root, const char *online)
{
	static const char nodes[] = "/sys/devices/system/node";
	g_autoptr(GHashTable) table = g_hash_table_new(NULL, NULL);
	struct topology t = { .root = root, .params = params, .node = table };
	g_autoptr(GPtrArray) names = names_in(root, nodes, "node");

	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];
		g_autofree char *path = g_strconcat(nodes, "/", name, "/cpulist", NULL);
		g_autofree char *list = value_of(root, path);

		t.node_now = strtol(name + strlen("node"), NULL, 10);
		if (list)
			for_each_cpu(list, note_node, &t);
	}
	if (online)
		for_each_cpu(online, add_cpu, &t);
}

/* The line of /proc/cpuinfo that begins with key, from behind its colon; in text. */
static char *cpuinfo(const char *text, const char *key)
{
	for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		size_t n = strlen(key);

		if (!strncmp(line, key, n) && (line[n] == '\t' || line[n] == ':')) {
			const char *colon = strchr(line, ':');
			g_autofree char *value = colon ? g_strndup(colon + 1, strcspn(colon, "\n") - 1) : NULL;

			return value ? valid(g_strstrip(value)) : NULL;
		}
	}
	return NULL;
}

static void add_cpu_model(cJSON *params, const char *root)
{
	/* exits, PAUSE, virtual APICs, the clock; of "flags" and of "vmx flags" */
	static const char *const matter[] = {
		"vmx", "svm", "hypervisor", "npt", "ept", "nrip_save", "pausefilter", "pfthreshold", "ple", "avic",
		"x2avic", "vgif", "vnmi", "apicv", "flexpriority", "vapic_reg", "vid", "posted_intr", "ipi_virt",
		"preemption_timer", "x2apic", "constant_tsc", "nonstop_tsc", "tsc_known_freq", "tsc_deadline_timer",
		"tsc_scale", "tsc_scaling", "waitpkg", "monitor", "arat", "sev", "sev_es", "sev_snp", "ibrs_enhanced",
		NULL
	};
	g_autofree char *path = g_strconcat(root, "/proc/cpuinfo", NULL), *text = NULL;
	g_autofree char *model = NULL, *flags = NULL, *vmx = NULL;
	g_autoptr(GString) kept = g_string_new(NULL);
	g_auto(GStrv) all = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return;
	model = cpuinfo(text, "model name");
	flags = cpuinfo(text, "flags");
	vmx = cpuinfo(text, "vmx flags");
	set_text(params, "cpu.model", model);
	if (!flags)
		return;
	flags = g_realloc(flags, strlen(flags) + (vmx ? strlen(vmx) : 0) + 2);
	strcat(strcat(flags, " "), vmx ? vmx : "");
	all = g_strsplit(flags, " ", -1);
	for (const char *const *flag = matter; *flag; flag++)
		if (g_strv_contains((const char *const *)all, *flag))
			g_string_append_printf(kept, "%s%s", kept->len ? " " : "", *flag);
	set_text(params, "cpu.flags", kept->str);
}

/* CONFIG_HZ, of a config compressed or not; 0: not known */
static int config_hz(const char *root, const char *release)
{
	g_autofree char *boot = g_strconcat(root, "/boot/config-", release, NULL);
	g_autofree char *proc = g_strconcat(root, "/proc/config.gz", NULL);
	const char *const paths[] = { boot, proc };
	int hz = 0;

	for (unsigned int i = 0; i < G_N_ELEMENTS(paths) && !hz; i++) {
		gzFile file = gzopen(paths[i], "re");
		char line[512];

		while (file && !hz && gzgets(file, line, sizeof(line)))
			if (g_str_has_prefix(line, "CONFIG_HZ="))
				hz = strtol(line + strlen("CONFIG_HZ="), NULL, 10);
		if (file)
			gzclose(file);
	}
	return hz > 0 && hz <= 10000 ? hz : 0;
}

static void add_kernel_params(cJSON *params, const char *root)
{
	g_autoptr(GPtrArray) modules = names_in(root, "/sys/module", "kvm");
	g_autoptr(GString) model = g_string_new(NULL);
	g_autofree char *version = value_of(root, "/proc/sys/kernel/version");
	g_auto(GStrv) words = version ? g_strsplit(version, " ", -1) : NULL;

	for (guint i = 0; i < modules->len; i++) {
		const char *module = modules->pdata[i];
		g_autofree char *path = g_strconcat("/sys/module/", module, "/parameters", NULL);

		set_from_files(params, module, root, path, "");
	}
	set_from_files(params, "sched", root, "/sys/kernel/debug/sched", "");
	set_from_files(params, "sched", root, "/proc/sys/kernel", "sched_");
	set_text(params, "kernel.version", version);
	if (cJSON_HasObjectItem(params, "sched.preempt"))
		return;
	for (char **word = words; word && *word; word++)
		if (g_str_has_prefix(*word, "PREEMPT"))
			g_string_append_printf(model, "%s%s", model->len ? " " : "", *word);
	if (words)
		set_text(params, "sched.preempt_model", model->len ? model->str : "none or voluntary");
}

static void add_params(cJSON *params, const char *root, const char *online)
{
	static const char *const mitigations[] = {
		"itlb_multihit", "l1tf", "mds", "mmio_stale_data", "retbleed", "spec_rstack_overflow", "spectre_v2",
		"vmscape"
	};

	add_kernel_params(params, root);
	set_from(params, "clocksource", root, "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	add_cpu_model(params, root);
	set_from(params, "cpu.online", root, "/sys/devices/system/cpu/online");
	set_from(params, "cpu.smt", root, "/sys/devices/system/cpu/smt/control");
	set_from(params, "cpu.isolated", root, "/sys/devices/system/cpu/isolated");
	set_from(params, "cpu.nohz_full", root, "/sys/devices/system/cpu/nohz_full");
	set_from(params, "cpufreq.governor", root, "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor");
	set_from(params, "cpuidle.driver", root, "/sys/devices/system/cpu/cpuidle/current_driver");
	for (unsigned int i = 0; i < G_N_ELEMENTS(mitigations); i++) {
		g_autofree char *name = g_strconcat("mitigation.", mitigations[i], NULL);
		g_autofree char *path = g_strconcat("/sys/devices/system/cpu/vulnerabilities/", mitigations[i], NULL);

		set_from(params, name, root, path);
	}
	add_topology(params, root, online);
}

static void add_valid(cJSON *object, const char *key, const char *text)
{
	g_autofree char *clean = text ? valid(text) : NULL;

	if (clean)
		cJSON_AddStringToObject(object, key, clean);
}

static void add_cgroup(cJSON *cgroups, int tid, const char *path)
{
	cJSON *item;

	if (!tid || !path)
		return;
	item = cJSON_CreateObject();
	cJSON_AddNumberToObject(item, "tid", tid);
	add_valid(item, "path", path);
	cJSON_AddItemToArray(cgroups, item);
}

static cJSON *vcpu_item(const struct vm_process *vm, const struct vm_vcpu *v)
{
	cJSON *item = cJSON_CreateObject();

	cJSON_AddNumberToObject(item, "tgid", vm->tgid);
	if (v->tid)
		cJSON_AddNumberToObject(item, "tid", v->tid);
	cJSON_AddNumberToObject(item, "vcpu_id", v->vcpu_id);
	if (v->vcpu_idx >= 0)
		cJSON_AddNumberToObject(item, "vcpu_idx", v->vcpu_idx);
	add_valid(item, "name", v->name);
	return item;
}

static void add_vm(cJSON *vms, cJSON *vcpus, cJSON *cgroups, const struct vm_process *vm)
{
	cJSON *item = cJSON_CreateObject();
	bool all_known = true;

	cJSON_AddNumberToObject(item, "tgid", vm->tgid);
	add_valid(item, "name", vm->name);
	add_valid(item, "uuid", vm->uuid);
	cJSON_AddItemToArray(vms, item);
	for (guint i = 0; i < vm->vcpus->len; i++) {
		const struct vm_vcpu *v = &g_array_index(vm->vcpus, struct vm_vcpu, i);

		all_known &= v->tid != 0;
		cJSON_AddItemToArray(vcpus, vcpu_item(vm, v));
		add_cgroup(cgroups, v->tid, v->cgroup);
	}
	for (guint i = 0; i < vm->workers->len; i++) {
		const struct vm_worker *w = &g_array_index(vm->workers, struct vm_worker, i);

		add_cgroup(cgroups, w->tid, w->cgroup);
		if (all_known)
			continue;
		/* it may be a vCPU's: import learns of which from its kvm_entry, but not of which VM */
		item = cJSON_CreateObject();
		cJSON_AddNumberToObject(item, "tgid", vm->tgid);
		cJSON_AddNumberToObject(item, "tid", w->tid);
		cJSON_AddItemToArray(vcpus, item);
	}
}

static void add_recorder(cJSON *params, const cJSON *recorder)
{
	const cJSON *v, *item;

	cJSON_ArrayForEach(v, recorder) {
		g_autofree char *name = g_strconcat("recorder.", v->string, NULL);
		unsigned int i = 0;

		if (!v->child) {
			cJSON_AddItemToObject(params, name, cJSON_Duplicate(v, true));
			continue;
		}
		cJSON_ArrayForEach(item, v) {
			g_autofree char *nth = item->string ? g_strconcat(name, ".", item->string, NULL) :
					       g_strdup_printf("%s.%u", name, i++);

			cJSON_AddItemToObject(params, nth, cJSON_Duplicate(item, true));
		}
	}
}

static int64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int64_t host_realtime_offset(void)
{
	int64_t best = INT64_MAX, offset = 0;

	for (unsigned int i = 0; i < 32; i++) {
		int64_t before = now(CLOCK_MONOTONIC), real = now(CLOCK_REALTIME), after = now(CLOCK_MONOTONIC);

		if (after - before < best) {
			best = after - before;
			offset = real - (before + (after - before) / 2);
		}
	}
	return offset;
}

static void add_scalars(cJSON *head, const char *root, const char *online)
{
	g_autofree char *release = value_of(root, "/proc/sys/kernel/osrelease");
	g_autofree char *machine = value_of(root, "/proc/sys/kernel/arch");	/* from 6.1 on */
	g_autofree char *offset = g_strdup_printf("%" G_GINT64_FORMAT, host_realtime_offset());
	struct utsname names;
	int hz = 0;

	if (release) {
		cJSON_AddStringToObject(head, "kernel", release);
		hz = config_hz(root, release);
	}
	if (machine || !uname(&names))
		cJSON_AddStringToObject(head, "machine", machine ? machine : names.machine);
	cJSON_AddStringToObject(head, "clock", "mono");
	cJSON_AddStringToObject(head, "realtime_offset", offset);
	if (hz)
		cJSON_AddNumberToObject(head, "hz", hz);
	if (online)
		cJSON_AddNumberToObject(head, "n_cpu", for_each_cpu(online, NULL, NULL));
}

static char **documents(const char *root, const struct vm_list *vms, const char *when, char *const *said,
			const cJSON *recorder, size_t max_bytes)
{
	g_autoptr(json) all = cJSON_CreateObject(), about = cJSON_CreateObject();
	g_autofree char *online = value_of(root, "/sys/devices/system/cpu/online");
	cJSON *head = cJSON_AddObjectToObject(all, "head"), *params;
	cJSON *vm = cJSON_AddArrayToObject(all, "vms"), *vcpus = cJSON_AddArrayToObject(all, "vcpus");
	cJSON *cgroups = cJSON_AddArrayToObject(all, "cgroups");
	struct host_pack *pack = host_pack_new(when, max_bytes);

	params = cJSON_AddObjectToObject(all, "params");
	add_scalars(head, root, online);
	add_recorder(about, recorder);
	for (guint i = 0; vms && i < vms->vms->len; i++)
		add_vm(vm, vcpus, cgroups, vms->vms->pdata[i]);
	add_params(params, root, online);

	host_pack_add(pack, "params", about);
	if (said)
		host_pack_skip(pack, said);
	host_pack_scalars(pack, head);
	host_pack_add(pack, "vms", vm);
	host_pack_add(pack, "vcpus", vcpus);
	host_pack_add(pack, "params", params);
	host_pack_add(pack, "cgroups", cgroups);
	return host_pack_end(pack);
}

char **host_facts(const char *root, const struct vm_list *vms, const char *when, const cJSON *recorder,
		  size_t max_bytes)
{
	return documents(root, vms, when, NULL, recorder, max_bytes);
}

char **host_facts_changes(const char *root, const struct vm_list *vms, char *const *said,
			  const cJSON *recorder, size_t max_bytes)
{
	return documents(root, vms, "stop", said, recorder, max_bytes);
}

char **host_facts_vms(const struct vm_list *vms, char *const *said, size_t max_bytes)
{
	g_autoptr(json) all = cJSON_CreateObject();
	cJSON *vm = cJSON_AddArrayToObject(all, "vms"), *vcpus = cJSON_AddArrayToObject(all, "vcpus");
	cJSON *cgroups = cJSON_AddArrayToObject(all, "cgroups");
	struct host_pack *pack = host_pack_new("", max_bytes);

	for (guint i = 0; i < vms->vms->len; i++)
		add_vm(vm, vcpus, cgroups, vms->vms->pdata[i]);
	host_pack_skip(pack, said);
	host_pack_add(pack, "vms", vm);
	host_pack_add(pack, "vcpus", vcpus);
	host_pack_add(pack, "cgroups", cgroups);
	return host_pack_end(pack);
}
