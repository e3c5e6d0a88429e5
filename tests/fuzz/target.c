// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/fuzz/target.h"

#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyze/import_job.h"
#include "analyze/interrupt.h"
#include "analyze/sandbox.h"
#include "schema/db.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, size)
#define ASAN_UNPOISON_MEMORY_REGION(p, size)
#endif

/* As import allows a small file. */
static const struct sandbox_limits limits = {
	.memory_bytes = 512 << 20, .cpu_s = 20, .wall_s = 300, .file_bytes = 1024 << 20,
};

/* Bytes as a mapped file; what lies before and after them cannot be read. */
struct bytes {
	struct input input, *inputs[1];
	struct input_file file;
	uint8_t *map;
	size_t mapped, before;
};

static void open_bytes(struct bytes *b, const char *name, const uint8_t *data, size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);

	b->mapped = (size + page - 1) / page * page;
	b->before = b->mapped - size;
	b->file = (struct input_file){ .name = (char *)name, .fd = memfd_create(name, MFD_CLOEXEC), .size = size };
	b->input = (struct input){ .path = (char *)name, .files = &b->file, .n_files = 1, .scratch = -1 };
	b->inputs[0] = &b->input;
	b->map = mmap(NULL, b->mapped + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b->file.fd < 0 || b->map == MAP_FAILED ||
	    pwrite(b->file.fd, data, size, b->before) != (ssize_t)size)
		g_error("cannot keep the bytes in memory");
	if (!size)
		return;
	if (mmap(b->map, b->mapped, PROT_READ, MAP_PRIVATE | MAP_FIXED, b->file.fd, 0) == MAP_FAILED)
		g_error("cannot map the bytes");
	ASAN_POISON_MEMORY_REGION(b->map, b->before);
	b->file.data = b->map + b->before;
}

static void close_bytes(struct bytes *b)
{
	ASAN_UNPOISON_MEMORY_REGION(b->map, b->before);
	munmap(b->map, b->mapped + sysconf(_SC_PAGESIZE));
	close(b->file.fd);
	if (b->input.scratch >= 0)
		close(b->input.scratch);
}

/* One line, perhaps a hint, that a terminal shows as it is; and not about tables, which users did not make. */
static bool is_clear(const char *message)
{
	const char *hint = strstr(message, "\nhint: ");
	size_t line = hint ? (size_t)(hint - message) : strlen(message);

	if (!line || memchr(message, '\n', line) || (hint && strchr(hint + 1, '\n')) ||
	    !g_utf8_validate(message, -1, NULL) || strstr(message, "constraint failed"))
		return false;
	for (const char *p = message; *p; p = g_utf8_next_char(p))
		if (*p != '\n' && !g_unichar_isprint(g_utf8_get_char(p)))
			return false;
	return true;
}

/* What holds of every database, however damaged the recording. */
static const struct { const char *what, *sql; } rules[] = {
	{ "foreign keys", "SELECT count(*) FROM pragma_foreign_key_check" },
	{ "events add up", "SELECT count(*) FROM recording WHERE events <> used + ignored + lost OR lost < 0 OR "
			   "used + ignored <> (SELECT coalesce(sum(n), 0) FROM event_type)" },
	{ "times ascend", "SELECT (SELECT count(*) FROM on_cpu WHERE t1 < t0 OR t_ready > t0 OR guest_ns < 0) + "
			  "(SELECT count(*) FROM gap WHERE t1 < t0 OR events < 0) + "
			  "(SELECT count(*) FROM decision WHERE t_end < t_start) + "
			  "(SELECT count(*) FROM thread WHERE t1 < t0)" },
	{ "numbers are in range", "SELECT (SELECT count(*) FROM decision JOIN vcpu ON vcpu.id = vcpu JOIN vm ON vm.id = vm "
				  "WHERE pick_idx >= vm.n_vcpus OR vcpu_idx >= vm.n_vcpus) + "
				  "(SELECT count(*) FROM on_cpu, recording WHERE cpu >= n_cpu)" },
	{ "every decision has candidates", "SELECT count(*) FROM decision JOIN vcpu ON vcpu.id = vcpu JOIN vm ON vm.id = vm "
					   "WHERE (SELECT count(*) FROM candidate WHERE decision = decision.id) "
					   "<> (vm.n_vcpus + 63) / 64" },
};

static bool check(const char *path, struct target_result *result)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(sqlite3) db = db_open(path, &error);

	if (!db)
		g_strlcpy(result->message, error->message, sizeof(result->message));
	for (unsigned int i = 0; db && i < G_N_ELEMENTS(rules); i++) {
		if (!db_value(db, rules[i].sql))
			continue;
		g_snprintf(result->message, sizeof(result->message), "facts: not so: %s", rules[i].what);
		return false;
	}
	return db;
}

struct run {
	struct import_job job;
	struct import_report *report;
};

static bool work(void *user)
{
	struct run *run = user;

	return import_job_run(&run->job, run->report);
}

void import_target(const uint8_t *recording, size_t size, const uint8_t *facts, size_t facts_size,
		   const char *scratch, struct target_result *result)
{
	g_autofree char *path = g_build_filename(scratch, "fuzz.db", NULL);
	g_autoptr(GError) error = NULL;
	struct bytes r = { 0 }, f = { 0 };
	struct run run = { 0 };
	bool ok;

	run.report = mmap(NULL, sizeof(*run.report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	run.job.build = db_build_new(path, false, &error);
	if (run.report == MAP_FAILED || !run.job.build)
		g_error("cannot begin: %s", error ? error->message : "out of memory");
	open_bytes(&r, "recording.dat", recording, size);
	r.input.scratch = memfd_create("scratch", MFD_CLOEXEC);
	run.job.inputs = r.inputs;
	run.job.n_inputs = 1;
	if (facts) {
		open_bytes(&f, "facts.json", facts, facts_size);
		run.job.host_facts = f.inputs;
		run.job.n_host_facts = 1;
	}
	*result = (struct target_result){ .outcome = REFUSED };
	interrupt_hold();	/* or the end of the child would not be noticed at once */
	ok = sandbox_is_built_in() ? sandbox_run(&limits, work, NULL, &run, &error) : work(&run);
	interrupt_release();
	if (error) {
		result->outcome = DIED;
		g_strlcpy(result->message, error->message, sizeof(result->message));
		db_build_abort(run.job.build);
	} else if (!ok) {
		g_strlcpy(result->message, run.report->error, sizeof(result->message));
		if (!is_clear(result->message))
			result->outcome = UNCLEAR;
		db_build_abort(run.job.build);
	} else if (!db_build_commit(run.job.build, &error)) {
		result->outcome = WRONG;
		g_strlcpy(result->message, error->message, sizeof(result->message));
	} else {
		result->outcome = !check(path, result) ? WRONG : run.report->gaps ? IMPORTED_GAPS : IMPORTED;
		unlink(path);
	}
	close_bytes(&r);
	if (facts)
		close_bytes(&f);
	munmap(run.report, sizeof(*run.report));
}
