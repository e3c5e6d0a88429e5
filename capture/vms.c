// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/vms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VM_FILE   "anon_inode:kvm-vm"
#define VCPU_FILE "anon_inode:kvm-vcpu:"

struct vcpu_file {
	int fd, vcpu_id;
};

struct vm_thread {
	int tid;
	char *comm;
	int number;	/* in the name that VMMs give to threads of vCPUs; -1: not such a name */
};

static void clear_vcpu(void *p)
{
	struct vm_vcpu *v = p;

	g_free(v->name);
	g_free(v->cgroup);
}

static void clear_worker(void *p)
{
	struct vm_worker *w = p;

	g_free(w->name);
	g_free(w->cgroup);
}

static void vm_free(void *p)
{
	struct vm_process *vm = p;

	g_free(vm->name);
	g_free(vm->uuid);
	g_free(vm->root);
	g_array_unref(vm->vcpus);
	g_array_unref(vm->workers);
	g_free(vm);
}

void vms_free(struct vm_list *list)
{
	if (!list)
		return;
	g_ptr_array_unref(list->vms);
	g_free(list);
}

/* A whole number from lo on, and nothing else; -1: something else */
static int number_of(const char *text, int lo)
{
	guint64 v;

	return g_ascii_string_to_unsigned(text, 10, lo, G_MAXINT, &v, NULL) ? (int)v : -1;
}

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* The names in a directory that are numbers, ascending; NULL if it cannot be read. */
static GArray *numbers_in(const char *path, GError **error)
{
	GDir *dir = g_dir_open(path, 0, error);
	GArray *numbers;
	const char *name;

	if (!dir)
		return NULL;
	numbers = g_array_new(FALSE, FALSE, sizeof(int));
	while ((name = g_dir_read_name(dir))) {
		int n = number_of(name, 0);

		if (n >= 0)
			g_array_append_val(numbers, n);
	}
	g_dir_close(dir);
	g_array_sort(numbers, compare_ints);
	return numbers;
}

static char *contents(const char *path, gsize *len)
{
	char *text;

	return g_file_get_contents(path, &text, len, NULL) ? text : NULL;
}

/* comm without its line feed; it may hold others */
static char *comm_of(const char *dir)
{
	g_autofree char *path = g_strconcat(dir, "/comm", NULL);
	gsize len;
	char *comm = contents(path, &len);

	if (comm && len && comm[len - 1] == '\n')
		comm[len - 1] = 0;
	return comm;
}

/* Of the hierarchy that shares out CPU time: v1's "N:cpu,cpuacct:PATH" where there is one, else v2's "0::PATH". */
static char *cgroup_of(const char *dir)
{
	g_autofree char *path = g_strconcat(dir, "/cgroup", NULL), *text = contents(path, NULL);
	g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
	const char *v2 = NULL;

	for (char **line = lines; line && *line; line++) {
		g_auto(GStrv) part = g_strsplit(*line, ":", 3);
		g_auto(GStrv) controllers = NULL;

		if (g_strv_length(part) < 3)
			continue;
		controllers = g_strsplit(part[1], ",", -1);
		if (g_strv_contains((const char *const *)controllers, "cpu"))
			return g_strdup(strchr(strchr(*line, ':') + 1, ':') + 1);
		if (!strcmp(part[0], "0") && !*part[1])
			v2 = *line + strlen("0::");
	}
	return g_strdup(v2);
}

/* State and start time of ROOT/proc/PID/stat; the comm between may hold parentheses and blanks. */
static bool stat_of(const char *dir, char *state, uint64_t *start_time)
{
	g_autofree char *path = g_strconcat(dir, "/stat", NULL), *text = contents(path, NULL);
	const char *after = text ? strrchr(text, ')') : NULL;
	g_auto(GStrv) field = after && after[1] ? g_strsplit(after + 2, " ", -1) : NULL;
	enum { STATE = 3, STARTTIME = 22 };	/* as proc(5) counts them */

	if (!field || g_strv_length(field) <= STARTTIME - STATE || !*field[0])
		return false;
	*state = *field[0];
	return g_ascii_string_to_unsigned(field[STARTTIME - STATE], 10, 0, G_MAXUINT64, start_time, NULL);
}

static int vcpu_number(const char *comm)
{
	static const struct { const char *before, *after; } names[] = {
		{ "CPU ", "/KVM" },		/* QEMU */
		{ "fc_vcpu ", "" },		/* Firecracker */
		{ "vcpu", "" },			/* cloud-hypervisor */
		{ "crosvm_vcpu", "" },
		{ "kvm-vcpu-", "" },		/* kvmtool */
	};

	for (unsigned int i = 0; comm && i < G_N_ELEMENTS(names); i++) {
		if (g_str_has_prefix(comm, names[i].before) && g_str_has_suffix(comm, names[i].after)) {
			size_t before = strlen(names[i].before), after = strlen(names[i].after);
			g_autofree char *digits = NULL;

			if (strlen(comm) <= before + after)
				continue;
			digits = g_strndup(comm + before, strlen(comm) - before - after);
			return number_of(digits, 0);
		}
	}
	return -1;
}

/* The files of VMs and vCPUs that a process has open. False: they cannot be read. */
static bool read_files(const char *dir, unsigned int *n_kvm_vm, GArray *files)
{
	g_autofree char *path = g_strconcat(dir, "/fd", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GArray) fds = numbers_in(path, &error);

	*n_kvm_vm = 0;
	if (!fds)
		return !g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_ACCES) &&
		       !g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_PERM);
	for (guint i = 0; i < fds->len; i++) {
		struct vcpu_file file = { .fd = g_array_index(fds, int, i) };
		char link[sizeof(VCPU_FILE) + 16], name[32];
		g_autofree char *at = NULL;
		ssize_t len;

		g_snprintf(name, sizeof(name), "/%d", file.fd);
		at = g_strconcat(path, name, NULL);
		len = readlink(at, link, sizeof(link) - 1);
		if (len < 0)
			continue;
		link[len] = 0;
		if (!strcmp(link, VM_FILE)) {
			++*n_kvm_vm;
		} else if (g_str_has_prefix(link, VCPU_FILE)) {
			file.vcpu_id = number_of(link + strlen(VCPU_FILE), 0);
			if (file.vcpu_id >= 0)
				g_array_append_val(files, file);
		}
	}
	return true;
}

static int compare_vcpus(const void *a, const void *b)
{
	return compare_ints(&((const struct vm_vcpu *)a)->vcpu_id, &((const struct vm_vcpu *)b)->vcpu_id);
}

/* vCPUs by vcpu_id from their files, which are in the order of numbers. */
static void add_vcpus(struct vm_process *vm, const GArray *files)
{
	bool agree = true;

	for (guint i = 0; i < files->len; i++) {
		int id = g_array_index(files, struct vcpu_file, i).vcpu_id, last = -1;
		struct vm_vcpu vcpu = { .vcpu_id = id, .vcpu_idx = -1 };
		bool seen = false;

		for (guint j = 0; j < vm->vcpus->len; j++) {
			last = MAX(last, g_array_index(vm->vcpus, struct vm_vcpu, j).vcpu_id);
			seen |= g_array_index(vm->vcpus, struct vm_vcpu, j).vcpu_id == id;
		}
		if (seen)	/* a copy of the file, unless there are several VMs */
			continue;
		agree &= id > last;
		g_array_append_val(vm->vcpus, vcpu);
	}
	g_array_sort(vm->vcpus, compare_vcpus);
	for (guint i = 0; agree && vm->n_kvm_vm == 1 && i < vm->vcpus->len; i++)
		g_array_index(vm->vcpus, struct vm_vcpu, i).vcpu_idx = i;
}

/* TID -> vcpu_id + 1, as debugfs has them of all VMs. */
static GHashTable *debugfs_vcpus(const char *root)
{
	GHashTable *table = g_hash_table_new(NULL, NULL);
	g_autofree char *top = g_strconcat(root, "/sys/kernel/debug/kvm", NULL);
	g_autoptr(GDir) kvm = g_dir_open(top, 0, NULL);
	const char *name;

	while (kvm && (name = g_dir_read_name(kvm))) {
		g_autofree char *vm_dir = g_strconcat(top, "/", name, NULL);
		g_autoptr(GDir) vm = strchr(name, '-') ? g_dir_open(vm_dir, 0, NULL) : NULL;

		while (vm && (name = g_dir_read_name(vm))) {
			int id = g_str_has_prefix(name, "vcpu") ? number_of(name + strlen("vcpu"), 0) : -1, tid;
			g_autofree char *path = g_strconcat(vm_dir, "/", name, "/pid", NULL);
			g_autofree char *pid = id >= 0 ? contents(path, NULL) : NULL;

			tid = pid ? number_of(g_strstrip(pid), 1) : -1;
			if (tid > 0)
				g_hash_table_insert(table, GINT_TO_POINTER(tid), GINT_TO_POINTER(id + 1));
		}
	}
	return table;
}

static struct vm_vcpu *vcpu_of_id(struct vm_process *vm, int id)
{
	for (guint i = 0; i < vm->vcpus->len; i++) {
		struct vm_vcpu *v = &g_array_index(vm->vcpus, struct vm_vcpu, i);

		if (v->vcpu_id == id)
			return v;
	}
	return NULL;
}

static void clear_thread(void *p)
{
	g_free(((struct vm_thread *)p)->comm);
}

static int compare_numbers(const void *a, const void *b)
{
	return compare_ints(&((const struct vm_thread *)a)->number, &((const struct vm_thread *)b)->number);
}

/* The threads named after vCPUs, by number, if there are as many as vCPUs. */
static void match_names(struct vm_process *vm, const GArray *threads)
{
	g_autoptr(GArray) named = g_array_new(FALSE, FALSE, sizeof(struct vm_thread));

	for (guint i = 0; i < threads->len; i++) {
		const struct vm_thread *t = &g_array_index(threads, struct vm_thread, i);

		if (t->number >= 0)
			g_array_append_vals(named, t, 1);
	}
	if (named->len != vm->vcpus->len)
		return;
	g_array_sort(named, compare_numbers);
	for (guint i = 1; i < named->len; i++)
		if (g_array_index(named, struct vm_thread, i).number == g_array_index(named, struct vm_thread, i - 1).number)
			return;
	for (guint i = 0; i < named->len; i++)
		g_array_index(vm->vcpus, struct vm_vcpu, i).tid = g_array_index(named, struct vm_thread, i).tid;
}

/* debugfs knows which thread ran a vCPU last. */
static void match_debugfs(struct vm_process *vm, const GArray *threads, GHashTable *debugfs)
{
	for (guint i = 0; i < threads->len; i++) {
		int tid = g_array_index(threads, struct vm_thread, i).tid;
		int id = GPOINTER_TO_INT(g_hash_table_lookup(debugfs, GINT_TO_POINTER(tid))) - 1;
		struct vm_vcpu *v = vcpu_of_id(vm, id);

		if (!v || v->tid == tid)
			continue;
		for (guint j = 0; j < vm->vcpus->len; j++) {
			struct vm_vcpu *other = &g_array_index(vm->vcpus, struct vm_vcpu, j);

			if (other->tid == tid)	/* by its name, wrongly */
				other->tid = 0;
		}
		v->tid = tid;
	}
}

static void add_threads(struct vm_process *vm, const char *dir, GHashTable *debugfs)
{
	g_autofree char *task = g_strconcat(dir, "/task", NULL);
	g_autoptr(GArray) tids = numbers_in(task, NULL), threads = g_array_new(FALSE, FALSE, sizeof(struct vm_thread));

	g_array_set_clear_func(threads, clear_thread);
	for (guint i = 0; tids && i < tids->len; i++) {
		int tid = g_array_index(tids, int, i);
		g_autofree char *path = g_strdup_printf("%s/%d", task, tid);
		struct vm_thread t = { .tid = tid, .comm = comm_of(path) };

		t.number = vcpu_number(t.comm);
		g_array_append_val(threads, t);
	}
	if (vm->n_kvm_vm == 1) {
		match_names(vm, threads);
		match_debugfs(vm, threads, debugfs);
	}
	for (guint i = 0; i < threads->len; i++) {
		struct vm_thread *t = &g_array_index(threads, struct vm_thread, i);
		g_autofree char *path = g_strdup_printf("%s/%d", task, t->tid), *cgroup = cgroup_of(path);
		struct vm_vcpu *v = NULL;

		for (guint j = 0; j < vm->vcpus->len && !v; j++)
			if (g_array_index(vm->vcpus, struct vm_vcpu, j).tid == t->tid)
				v = &g_array_index(vm->vcpus, struct vm_vcpu, j);
		if (v) {
			v->name = g_steal_pointer(&t->comm);
			v->cgroup = g_steal_pointer(&cgroup);
		} else {
			struct vm_worker w = {
				.tid = t->tid, .name = g_steal_pointer(&t->comm), .cgroup = g_steal_pointer(&cgroup),
			};
			g_array_append_val(vm->workers, w);
		}
	}
}

/* What is said after one of the options: "-name", "foo" or "--name=foo"; NULL: none of them */
static const char *option(char *const *argv, const char *const *names)
{
	for (; *argv; argv++)
		for (const char *const *name = names; *name; name++) {
			const char *after = g_str_has_prefix(*argv, *name) ? *argv + strlen(*name) : NULL;

			if (after && !*after && argv[1])
				return argv[1];
			if (after && *after == '=')
				return after + 1;
		}
	return NULL;
}

/* "guest=foo,debug-threads=on" or "foo,process=...": QEMU's options, whose commas are doubled in values. */
static char *guest_name(const char *value)
{
	const char *p = value;

	while (*p) {
		g_autoptr(GString) item = g_string_new(NULL);
		bool first = p == value;

		for (; *p && (*p != ',' || p[1] == ','); p++) {
			p += *p == ',';
			g_string_append_c(item, *p);
		}
		p += *p == ',';
		if (g_str_has_prefix(item->str, "guest="))
			return g_strdup(item->str + strlen("guest="));
		if (first && !strchr(item->str, '='))
			return g_strdup(item->str);
	}
	return NULL;
}

static void read_names(struct vm_process *vm, const char *dir)
{
	static const char *const name[] = { "-name", "--name", NULL }, *const id[] = { "--id", NULL };
	static const char *const uuid[] = { "-uuid", "--uuid", NULL };
	g_autofree char *path = g_strconcat(dir, "/cmdline", NULL);
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	gsize len = 0;
	g_autofree char *line = contents(path, &len);
	const char *said;

	for (gsize at = 0; line && at < len; at += strlen(line + at) + 1)
		g_ptr_array_add(argv, line + at);
	g_ptr_array_add(argv, NULL);
	said = option((char **)argv->pdata, name);
	vm->name = said ? guest_name(said) : g_strdup(option((char **)argv->pdata, id));
	if (!vm->name || !*vm->name) {
		g_free(vm->name);
		vm->name = comm_of(dir);
	}
	if (!vm->name)
		vm->name = g_strdup("");
	vm->uuid = g_strdup(option((char **)argv->pdata, uuid));
}

/* NULL: it is none, or has gone */
static struct vm_process *look_at(const char *root, int tgid, GHashTable *debugfs, unsigned int *n_unreadable)
{
	g_autofree char *dir = g_strdup_printf("%s/proc/%d", root, tgid);
	g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(struct vcpu_file));
	unsigned int n_kvm_vm;
	uint64_t start;
	struct vm_process *vm;
	char state;

	if (!read_files(dir, &n_kvm_vm, files))
		++*n_unreadable;
	if (!n_kvm_vm || !stat_of(dir, &state, &start))
		return NULL;
	vm = g_new0(struct vm_process, 1);
	vm->tgid = tgid;
	vm->n_kvm_vm = n_kvm_vm;
	vm->start_time = start;
	vm->root = g_strdup(root);
	vm->vcpus = g_array_new(FALSE, TRUE, sizeof(struct vm_vcpu));
	vm->workers = g_array_new(FALSE, TRUE, sizeof(struct vm_worker));
	g_array_set_clear_func(vm->vcpus, clear_vcpu);
	g_array_set_clear_func(vm->workers, clear_worker);
	add_vcpus(vm, files);
	add_threads(vm, dir, debugfs);
	read_names(vm, dir);
	if (!vms_still_there(vm)) {
		vm_free(vm);
		return NULL;
	}
	return vm;
}

struct vm_list *vms_find(const char *root, GError **error)
{
	g_autofree char *proc = g_strconcat(root, "/proc", NULL);
	g_autoptr(GError) why = NULL;
	g_autoptr(GArray) tgids = numbers_in(proc, &why);
	g_autoptr(GHashTable) debugfs = NULL;
	struct vm_list *list;

	if (!tgids) {
		g_set_error(error, VMS_ERROR, VMS_ERROR_UNREADABLE, "cannot read '%s': %s", proc, why->message);
		return NULL;
	}
	debugfs = debugfs_vcpus(root);
	list = g_new0(struct vm_list, 1);
	list->vms = g_ptr_array_new_with_free_func(vm_free);
	for (guint i = 0; i < tgids->len; i++) {
		struct vm_process *vm = look_at(root, g_array_index(tgids, int, i), debugfs, &list->n_unreadable);

		if (vm)
			g_ptr_array_add(list->vms, vm);
	}
	return list;
}

bool vms_still_there(const struct vm_process *vm)
{
	g_autofree char *dir = g_strdup_printf("%s/proc/%d", vm->root, vm->tgid);
	uint64_t start;
	char state;

	return stat_of(dir, &state, &start) && start == vm->start_time && !strchr("ZXx", state);
}

static char *listing(const struct vm_list *list)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < list->vms->len; i++) {
		const struct vm_process *vm = list->vms->pdata[i];
		g_autofree char *name = g_utf8_make_valid(vm->name, -1);

		g_string_append_printf(text, "%s%d (%s)", i ? ", " : "", vm->tgid, name);
	}
	return g_string_free(text, FALSE);
}

struct vm_process *vms_select(const struct vm_list *list, const char *pid_or_name, GError **error)
{
	g_autofree char *all = NULL, *wanted = NULL;
	int tgid = number_of(pid_or_name, 1);
	struct vm_process *found = NULL;
	unsigned int n = 0;

	for (guint i = 0; i < list->vms->len; i++) {
		struct vm_process *vm = list->vms->pdata[i];

		if (vm->tgid == tgid)	/* whatever others are called */
			return vm;
		if (!strcmp(vm->name, pid_or_name) ||
		    (vm->uuid && !g_ascii_strcasecmp(vm->uuid, pid_or_name))) {
			found = vm;
			n++;
		}
	}
	if (n == 1)
		return found;
	all = listing(list);
	wanted = g_utf8_make_valid(pid_or_name, -1);
	if (n)
		g_set_error(error, VMS_ERROR, VMS_ERROR_AMBIGUOUS, "%u VMs match '%s'\nhint: say which by its PID: %s",
			    n, wanted, all);
	else if (list->vms->len)
		g_set_error(error, VMS_ERROR, VMS_ERROR_UNKNOWN, "no VM '%s'\nhint: there are: %s", wanted, all);
	else
		g_set_error(error, VMS_ERROR, VMS_ERROR_UNKNOWN, "no VM '%s'\nhint: %s", wanted,
			    list->n_unreadable ? "fds of other users' processes cannot be read" :
			    "no VM runs on this host");
	return NULL;
}
