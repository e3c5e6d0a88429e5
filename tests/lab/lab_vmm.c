// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lab_vmm - run several micro-VMs at once and write down what really happened in them.
 *
 * On standard output, a line for each VM: 'vm N pid P' when it runs, 'vm N pauses A in CPL0 B in
 * CPL3 C ops D' at the end. Exits 0 if all VMs ended well, 2 for wrong usage, else 3.
 */
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

static int n_vms = 2, n_vcpus = 4, ms = 1000, warm_ms = 300;
static gint64 seed = 1;
static gboolean pin, low;
static char *mix = "balanced", *guest_path = "/lab/lab_guest.bin", *mode = "unknown";
static char *out_path, *log_path;
static char **changes;

static const GOptionEntry options[] = {
	{ "vms", 0, 0, G_OPTION_ARG_INT, &n_vms, "How many VMs (2)", "N" },
	{ "vcpus", 0, 0, G_OPTION_ARG_INT, &n_vcpus, "How many vCPUs each (4)", "N" },
	{ "mix", 0, 0, G_OPTION_ARG_STRING, &mix, "What they do; several are dealt out to the VMs",
	  "MIX[,MIX...]" },
	{ "ms", 0, 0, G_OPTION_ARG_INT, &ms, "How long it counts (1000)", "MS" },
	{ "warm", 0, 0, G_OPTION_ARG_INT, &warm_ms, "How long they run before that (300)", "MS" },
	{ "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "What the guests draw", "N" },
	{ "set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &changes,
	  "Change a mix (guest.h: RANGES, NUMBERS, OPS)", "KEY=N[:MOST]" },
	{ "pin", 0, 0, G_OPTION_ARG_NONE, &pin, "Bind vCPU i of VM n to CPU i + n", NULL },
	{ "low", 0, 0, G_OPTION_ARG_NONE, &low, "CPL0 in the low half, too", NULL },
	{ "guest", 0, 0, G_OPTION_ARG_FILENAME, &guest_path, "The guests' program", "FILE" },
	{ "out", 0, 0, G_OPTION_ARG_FILENAME, &out_path, "Write the truth there", "FILE" },
	{ "log", 0, 0, G_OPTION_ARG_FILENAME, &log_path, "Write each PAUSE to PREFIX.vmN",
	  "PREFIX" },
	{ "mode", 0, 0, G_OPTION_ARG_STRING, &mode, "'mode' in the truth", "NAME" },
	{ NULL }
};

static int usage(const char *what, const char *which)
{
	fprintf(stderr, "lab_vmm: %s%s\n", what, which);
	return 2;
}

static void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	g_assert(memory != MAP_FAILED);
	return memory;
}

static int set_up(struct run *run, char **mixes)
{
	for (int i = 0; i < n_vms; i++) {
		struct vm *vm = &run->vms[i];
		struct param *param;

		vm->run = run;
		vm->number = i;
		vm->mix = mixes[i % g_strv_length(mixes)];
		vm->memory = shared_memory(MEMORY_SIZE);
		vm->guest = (struct guest *)(vm->memory + GUEST_AT);
		param = &vm->guest->param;
		if (!mix_set(param, vm->mix)) {
			g_autofree char *names = mix_names();

			return usage("the mixes are ", names);
		}
		for (char **change = changes; change && *change; change++)
			if (!mix_change(param, *change))
				return usage("--set: ", *change);
		if (param->nlocks < 1 || param->nlocks > N_LOCKS || param->ple < 1)
			return usage("nlocks is 1 to 4, ple at least 1", "");
		param->seed = seed;
		param->vm = i;
		param->n_vcpus = n_vcpus;
		param->log = log_path != NULL;
	}
	return 0;
}

/* A VM that fails takes the others with it. False: one did. */
static bool run_vms(struct run *run)
{
	bool good = true;
	int status;
	pid_t pid;

	fflush(stdout);
	for (unsigned int i = 0; i < run->n_vms; i++) {
		pid = fork();
		g_assert(pid >= 0);
		if (pid == 0)
			vm_main(&run->vms[i]);
		printf("vm %u pid %d\n", i, (int)pid);
		fflush(stdout);
	}
	do {
		pid = waitpid(-1, &status, run->go ? 0 : WNOHANG);
		if (pid > 0 && status != 0) {
			good = false;
			run->stop = run->go = true;
		}
		if (__atomic_load_n(&run->n_ready, __ATOMIC_SEQ_CST) == run->n_vms)
			run->go = true;
		if (pid == 0)
			g_usleep(1000);
	} while (pid >= 0);
	return good;
}

static void say(const struct vm *vm)
{
	uint64_t kernel = 0, user = 0, ops = 0;

	for (unsigned int i = 0; i < vm->run->n_vcpus; i++) {
		const struct progress *progress = &vm->guest->vcpus[i].progress;

		for (int op = 0; op < N_OPS; op++) {
			*(op == OP_ulock ? &user : &kernel) += progress->pauses[op];
			ops += progress->ops[op];
		}
	}
	printf("vm %u pauses %lu in CPL0 %lu in CPL3 %lu ops %lu\n", vm->number,
	       kernel + user, kernel, user, ops);
}

static bool write_results(const struct run *run, const char *arguments)
{
	if (out_path && !truth_write(run, out_path, arguments, mode)) {
		perror(out_path);
		return false;
	}
	for (unsigned int i = 0; log_path && i < run->n_vms; i++) {
		g_autofree char *path = g_strdup_printf("%s.vm%u", log_path, i);

		if (!truth_write_log(&run->vms[i], path)) {
			perror(path);
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autofree char *arguments = g_strjoinv(" ", argv + 1), *image = NULL;
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) mixes = NULL;
	struct run *run;
	size_t size;
	bool good;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return usage(error->message, "");
	if (argc > 1)
		return usage("unexpected argument ", argv[1]);
	if (n_vms < 1 || n_vms > 64 || n_vcpus < 2 || n_vcpus > MAX_VCPUS || ms < 1 || warm_ms < 0)
		return usage("1 to 64 VMs, 2 to 16 vCPUs", "");
	mixes = g_strsplit(mix, ",", -1);
	if (!*mixes)
		return usage("which mix?", "");
	if (!g_file_get_contents(guest_path, &image, &size, &error))
		return usage(error->message, "");
	g_assert(size <= GUEST_AT - IMAGE_AT);

	run = shared_memory(sizeof(*run) + n_vms * sizeof(run->vms[0]));
	run->n_vms = n_vms;
	run->n_vcpus = n_vcpus;
	run->warm_ms = warm_ms;
	run->ms = ms;
	run->pin = pin;
	run->low = low;
	run->image = image;
	run->image_size = size;
	if (set_up(run, mixes))
		return 2;
	good = run_vms(run);
	for (int i = 0; i < n_vms; i++)
		say(&run->vms[i]);
	return write_results(run, arguments) && good ? 0 : 3;
}
