// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_import - import damaged recordings and host facts, many, and see that none
 * kills, hangs or fills the memory, and that each refusal says why.
 *
 * usage: fuzz_import [OPTION...] FILE...
 *
 * FILEs are recordings, with FILE.host.json where it exists, and host facts (.json).
 * Mutation number N of a seed is always the same (of the same FILEs). What fails is
 * saved, and the exit status is then 1. A worker process imports; when it dies, or
 * has to be killed, another goes on behind the mutation that did it.
 *
 * The long run: tests/fuzz/README.
 */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "analyze/sandbox.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/target.h"

enum {
	MAX_BYTES = 8 << 20, MAX_FACTS = 4 << 20,	/* of a mutated file; what grows beyond is cut */
	MAX_MESSAGES = 2000, MAX_MIB = 512,
	MAX_SECONDS = 10, MAX_WAIT = 300,		/* of CPU time; of waiting for whatever, as machines are busy */
	LEAK_CHECK_EVERY = 500,
};

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#define leaks() __lsan_do_recoverable_leak_check()

/* Memory that was freed is kept from reuse, but not so much that it counts. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=32:detect_stack_use_after_return=0";
}
#else
#define leaks() 0
#endif

static gint64 option_seed = 1, option_count = 1000, option_first;
static char *option_save = "fuzz-failures", *option_write;
static gboolean option_verbose;

static const GOptionEntry options[] = {
	{ "seed", 's', 0, G_OPTION_ARG_INT64, &option_seed, "Seed of all mutations (1)", "S" },
	{ "count", 'n', 0, G_OPTION_ARG_INT64, &option_count, "Mutations (1000)", "N" },
	{ "first", 0, 0, G_OPTION_ARG_INT64, &option_first, "Number of the first mutation (0)", "N" },
	{ "save", 0, 0, G_OPTION_ARG_FILENAME, &option_save, "Where failures are kept (fuzz-failures)", "DIR" },
	{ "write", 0, 0, G_OPTION_ARG_FILENAME, &option_write, "Import nothing, write mutated files to DIR", "DIR" },
	{ "verbose", 'v', 0, G_OPTION_ARG_NONE, &option_verbose, "Print every kind of message", NULL },
	G_OPTION_ENTRY_NULL
};

struct file {
	char *name;
	uint8_t *data;
	gsize size;
	int facts;	/* index of its own host facts; -1: none */
};

/* Shared with the worker, which may die at any time. */
struct shared {
	_Atomic int64_t number;		/* of the mutation under way */
	_Atomic int64_t cpu_ns, t;	/* CPU time of the worker, and the time, when that began */
	int64_t n[N_OUTCOMES], over, leaks;
	int64_t peak_kib, peak_number, slowest_ns, slowest_number;
	unsigned int n_messages;
	struct { int64_t n, number; char text[200]; } messages[MAX_MESSAGES];
	unsigned int recording;		/* of the mutation */
	bool has_facts;
	size_t size, facts_size;
	uint8_t bytes[MAX_BYTES], facts[MAX_FACTS];
};

static struct shared *shared;
static GArray *recordings, *all_facts;	/* of struct file */
static char *scratch;

static void add_file(const char *path)
{
	struct file f = { .name = g_strdup(path), .facts = -1 };
	g_autofree char *beside = g_strconcat(path, ".host.json", NULL);
	g_autoptr(GError) error = NULL;

	if (!g_file_get_contents(path, (char **)&f.data, &f.size, &error)) {
		fprintf(stderr, "fuzz_import: %s\n", error->message);
		exit(2);
	}
	if (g_str_has_suffix(path, ".json")) {
		g_array_append_val(all_facts, f);
		return;
	}
	if (g_file_test(beside, G_FILE_TEST_EXISTS)) {
		add_file(beside);
		f.facts = all_facts->len - 1;
	}
	g_array_append_val(recordings, f);
}

static void put(uint8_t *to, size_t *to_size, size_t room, const struct file *f, struct random *random)
{
	g_autoptr(GByteArray) mutated = random ? mutate(f->data, f->size, random) : NULL;

	*to_size = MIN(mutated ? mutated->len : f->size, room);
	if (*to_size)
		memcpy(to, mutated ? mutated->data : f->data, *to_size);
}

/* Mutation number n: of five, four are of a recording, one of host facts. */
static void make_case(int64_t n)
{
	struct random random = random_seeded(option_seed, n);
	unsigned int which = random_below(&random, recordings->len);
	const struct file *r = &g_array_index(recordings, struct file, which);
	bool facts_too = all_facts->len && !random_below(&random, 5);
	int facts = r->facts;

	if (facts_too && random_below(&random, 2))
		facts = random_below(&random, all_facts->len);
	shared->recording = which;
	put(shared->bytes, &shared->size, MAX_BYTES, r, facts_too && random_below(&random, 4) ? NULL : &random);
	shared->has_facts = facts >= 0 && (facts_too || random_below(&random, 2));
	if (shared->has_facts)
		put(shared->facts, &shared->facts_size, MAX_FACTS, &g_array_index(all_facts, struct file, facts),
		    facts_too ? &random : NULL);
}

/* As DIR/SEED-NUMBER[-WHY]-RECORDING, where RECORDING is the name of what was mutated. */
static void write_case(const char *dir, int64_t n, const char *why)
{
	g_autofree char *of = g_path_get_basename(g_array_index(recordings, struct file, shared->recording).name);
	g_autofree char *name = g_strdup_printf("%s/%" G_GINT64_FORMAT "-%06" G_GINT64_FORMAT "%s%s-%s", dir,
						option_seed, n, *why ? "-" : "", why, of);
	g_autofree char *beside = g_strconcat(name, ".host.json", NULL);

	g_mkdir_with_parents(dir, 0700);
	if (!g_file_set_contents(name, (char *)shared->bytes, shared->size, NULL) ||
	    (shared->has_facts && !g_file_set_contents(beside, (char *)shared->facts, shared->facts_size, NULL)))
		fprintf(stderr, "fuzz_import: cannot write '%s'\n", name);
}

/* --- the worker --- */

static int64_t now(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts) ? 0 : ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Messages that differ in numbers and names alone are one. */
static void count_message(const char *message, int64_t number)
{
	char text[sizeof(shared->messages[0].text)];
	size_t n = 0;
	bool quoted = false;

	for (const char *p = message; *p && n < sizeof(text) - 1; p++) {
		if (*p == '\'')
			quoted = !quoted && strchr(p + 1, '\'');
		else if (quoted)
			continue;
		if (g_ascii_isdigit(*p) && n && text[n - 1] == '#')
			continue;
		text[n++] = g_ascii_isdigit(*p) ? '#' : *p;
	}
	text[n] = '\0';
	for (unsigned int i = 0; i < shared->n_messages; i++)
		if (!strcmp(shared->messages[i].text, text)) {
			shared->messages[i].n++;
			return;
		}
	if (shared->n_messages == MAX_MESSAGES)
		return;
	memcpy(shared->messages[shared->n_messages].text, text, sizeof(text));
	shared->messages[shared->n_messages].n = 1;
	shared->messages[shared->n_messages++].number = number;
}

static int64_t status_kib(const char *key)
{
	g_autofree char *text = NULL;
	const char *p;

	if (!g_file_get_contents("/proc/self/status", &text, NULL, NULL))
		return 0;
	p = strstr(text, key);
	return p ? g_ascii_strtoll(p + strlen(key), NULL, 10) : 0;
}

/* Of this mutation alone: the kernel is told to forget earlier peaks. */
static void forget_peak(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "5", 1) != 1)
		g_error("cannot measure memory");
	close(fd);
}

static void one_case(int64_t number)
{
	struct target_result result;
	int64_t t0, t, kib;

	make_case(number);
	forget_peak();
	t0 = now(CLOCK_PROCESS_CPUTIME_ID);
	shared->cpu_ns = t0;
	shared->t = now(CLOCK_MONOTONIC);
	shared->number = number;
	import_target(shared->bytes, shared->size, shared->has_facts ? shared->facts : NULL, shared->facts_size,
		      scratch, &result);
	t = now(CLOCK_PROCESS_CPUTIME_ID) - t0;
	kib = status_kib("VmHWM:");
	shared->number = -1;
	shared->n[result.outcome]++;
	if (t > shared->slowest_ns) {
		shared->slowest_ns = t;
		shared->slowest_number = number;
	}
	if (kib > shared->peak_kib) {
		shared->peak_kib = kib;
		shared->peak_number = number;
	}
	if (result.outcome >= REFUSED)
		count_message(result.message, number);
	if (result.outcome > REFUSED) {
		fprintf(stderr, "fuzz_import: %" G_GINT64_FORMAT ": %s\n", number, result.message);
		write_case(option_save, number, result.outcome == WRONG ? "wrong" :
			   result.outcome == DIED ? "died" : "unclear");
	}
	if (kib > MAX_MIB * 1024) {
		shared->over++;
		write_case(option_save, number, "memory");
	}
}

static void work(int64_t first, int64_t end)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int64_t n = first; n < end; n++) {
		one_case(n);
		if ((n + 1 - first) % LEAK_CHECK_EVERY && n + 1 < end)
			continue;
		if (leaks()) {
			fprintf(stderr, "fuzz_import: a leak in one of the mutations up to %" G_GINT64_FORMAT "\n", n);
			shared->leaks++;
		}
	}
	_exit(0);
}

/* --- the parent --- */

static int64_t worker_kib(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/statm", (int)pid);
	g_autofree char *text = NULL;
	const char *p = g_file_get_contents(path, &text, NULL, NULL) ? strchr(text, ' ') : NULL;

	return p ? g_ascii_strtoll(p, NULL, 10) * sysconf(_SC_PAGESIZE) / 1024 : 0;
}

/* Wait until the worker is done, dead or has to be ended. NULL: it is done. */
static const char *watch(pid_t pid)
{
	clockid_t clock;
	int status;

	if (clock_getcpuclockid(pid, &clock))
		clock = CLOCK_MONOTONIC;
	while (waitpid(pid, &status, WNOHANG) != pid) {
		int64_t number = shared->number;
		bool hangs = number >= 0 && (now(clock) - shared->cpu_ns > MAX_SECONDS * 1000000000LL ||
					     now(CLOCK_MONOTONIC) - shared->t > MAX_WAIT * 1000000000LL);
		bool swells = worker_kib(pid) > 2 * MAX_MIB * 1024;

		if ((hangs || swells) && number == shared->number) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return hangs ? "hung" : "memory";
		}
		g_usleep(20000);
	}
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return NULL;
	return "died";
}

static void print_summary(int64_t seconds, int64_t died, int64_t hung)
{
	printf("%" G_GINT64_FORMAT " mutations of %u recordings and %u host facts in %" G_GINT64_FORMAT " s, seed %"
	       G_GINT64_FORMAT "\n", option_count, recordings->len, all_facts->len, seconds, option_seed);
	printf("  imported whole     %" G_GINT64_FORMAT "\n", shared->n[IMPORTED]);
	printf("  imported with gaps %" G_GINT64_FORMAT "\n", shared->n[IMPORTED_GAPS]);
	printf("  refused            %" G_GINT64_FORMAT ", with %u different messages\n", shared->n[REFUSED],
	       shared->n_messages);
	printf("  died %" G_GINT64_FORMAT ", hung %" G_GINT64_FORMAT ", over %d MiB %" G_GINT64_FORMAT
	       ", leaked %" G_GINT64_FORMAT ", unclear message %" G_GINT64_FORMAT ", wrong database %" G_GINT64_FORMAT
	       "\n", died + shared->n[DIED], hung, MAX_MIB, shared->over, shared->leaks, shared->n[UNCLEAR],
	       shared->n[WRONG]);
	printf("  slowest %.2f s of CPU time (number %" G_GINT64_FORMAT "), largest %" G_GINT64_FORMAT
	       " MiB (number %" G_GINT64_FORMAT ")\n", shared->slowest_ns / 1e9, shared->slowest_number,
	       shared->peak_kib / 1024, shared->peak_number);
	for (unsigned int i = 0; option_verbose && i < shared->n_messages; i++)
		printf("%8" G_GINT64_FORMAT "  %s (number %" G_GINT64_FORMAT ")\n", shared->messages[i].n,
		       shared->messages[i].text, shared->messages[i].number);
}

static bool run_all(void)
{
	int64_t next = option_first, end = option_first + option_count, died = 0, hung = 0;
	int64_t t0 = now(CLOCK_MONOTONIC);

	while (next < end) {
		pid_t pid;
		const char *why;

		fflush(stdout);
		shared->number = -1;
		pid = fork();
		if (pid < 0)
			g_error("cannot make a process");
		if (!pid)
			work(next, end);
		why = watch(pid);
		if (!why)
			break;
		fprintf(stderr, "fuzz_import: %" G_GINT64_FORMAT ": %s\n", (int64_t)shared->number, why);
		if (shared->number < 0) {
			fprintf(stderr, "fuzz_import: the worker died while it mutated\n");
			died++;
			break;
		}
		died += !strcmp(why, "died");
		hung += !strcmp(why, "hung");
		shared->over += !strcmp(why, "memory");
		write_case(option_save, shared->number, why);
		next = shared->number + 1;
	}
	print_summary((now(CLOCK_MONOTONIC) - t0) / 1000000000, died, hung);
	return !died && !hung && !shared->over && !shared->leaks && !shared->n[UNCLEAR] && !shared->n[WRONG] &&
	       !shared->n[DIED];
}

int main(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new("FILE…");
	g_autoptr(GError) error = NULL;
	g_autofree char *names = NULL;
	bool ok = true;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc < 2) {
		fprintf(stderr, "fuzz_import: %s\n", error ? error->message : "no files");
		return 2;
	}
	recordings = g_array_new(FALSE, FALSE, sizeof(struct file));
	all_facts = g_array_new(FALSE, FALSE, sizeof(struct file));
	for (int i = 1; i < argc; i++)
		if (!g_str_has_suffix(argv[i], ".host.json"))	/* comes with its recording */
			add_file(argv[i]);
	if (!recordings->len) {
		fprintf(stderr, "fuzz_import: no recordings\n");
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		g_error("out of memory");
	if (option_write) {
		for (int64_t n = option_first; n < option_first + option_count; n++) {
			make_case(n);
			write_case(option_write, n, "");
		}
		return 0;
	}
	/* a file system in memory, if there is one */
	names = g_strdup(g_access("/dev/shm", W_OK) ? g_get_tmp_dir() : "/dev/shm");
	scratch = g_strconcat(names, "/fuzz_import-XXXXXX", NULL);
	if (!g_mkdtemp(scratch))
		g_error("cannot make '%s'", scratch);
	ok = run_all();
	g_rmdir(scratch);
	return ok ? 0 : 1;
}
