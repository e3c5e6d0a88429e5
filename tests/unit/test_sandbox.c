// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sandbox: what its child can do and cannot, how it ends and what is said of that. A child
 * notes what it found in 'seen', memory that it shares.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyze/interrupt.h"
#include "analyze/sandbox.h"

#define MIB (1ULL << 20)

static struct {
	char wrong[4096];
	_Atomic int done;
	pid_t child;
	int fd, other_fd;
} *seen;

static const struct sandbox_limits limits = {
	.memory_bytes = 64 * MIB, .cpu_s = 20, .wall_s = 60, .file_bytes = MIB,
};

/* Run work, which is to fail and be explained as error: that, or beginning with it if it ends in '*'. */
static void fails(const struct sandbox_limits *l, bool (*work)(void *user), const char *error)
{
	g_autoptr(GError) e = NULL;

	memset(seen, 0, sizeof(*seen));
	g_assert_false(sandbox_run(l, work, NULL, NULL, &e));
	g_assert_cmpstr(seen->wrong, ==, "");
	if (error) {
		g_assert_nonnull(e);
		if (!g_pattern_match_simple(error, e->message))
			g_assert_cmpstr(e->message, ==, error);
	} else {
		g_assert_null(e);
	}
	g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);	/* no zombie */
	g_assert_cmpint(errno, ==, ECHILD);
}

static void succeeds(bool (*work)(void *user))
{
	g_autoptr(GError) e = NULL;

	memset(seen, 0, sizeof(*seen));
	if (!sandbox_run(&limits, work, NULL, NULL, &e))
		g_assert_cmpstr(e ? e->message : "false", ==, "");
	g_assert_cmpstr(seen->wrong, ==, "");
	g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
	g_assert_cmpint(errno, ==, ECHILD);
}

static void wrong(const char *format, ...) G_GNUC_PRINTF(1, 2);
static void wrong(const char *format, ...)
{
	size_t n = strlen(seen->wrong);
	va_list args;

	va_start(args, format);
	g_vsnprintf(seen->wrong + n, sizeof(seen->wrong) - n, format, args);
	va_end(args);
}

/* --- what is refused */

static bool tries_all(void *user)
{
	static const char *const argv[] = { "/bin/true", NULL };
	static char page[4096];
	struct iovec iov = { page, 1 };
	const struct {
		const char *what;
		long nr, args[6];
	} calls[] = {
		{ "open", SYS_open, { (long)"/dev/null", O_RDONLY } },
		{ "openat", SYS_openat, { AT_FDCWD, (long)"/dev/null", O_RDONLY } },
		{ "creat", SYS_creat, { (long)"/tmp/x", 0600 } },
		{ "stat", SYS_stat, { (long)"/", (long)page } },
		{ "unlink", SYS_unlink, { (long)"/tmp/none" } },
		{ "linkat", SYS_linkat, { AT_FDCWD, (long)"/a", AT_FDCWD, (long)"/b", 0 } },
		{ "socket", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
		{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0, (long)page } },
		{ "execve", SYS_execve, { (long)argv[0], (long)argv, 0 } },
		{ "execveat", SYS_execveat, { AT_FDCWD, (long)argv[0], (long)argv, 0, 0 } },
		{ "fork", SYS_fork, { 0 } },
		{ "vfork", SYS_vfork, { 0 } },
		{ "clone", SYS_clone, { SIGCHLD } },
		{ "kill the parent", SYS_kill, { getppid(), SIGKILL } },
		{ "kill itself", SYS_kill, { getpid(), 0 } },
		{ "tgkill the parent", SYS_tgkill, { getppid(), getppid(), SIGKILL } },
		{ "tkill", SYS_tkill, { getppid(), SIGKILL } },
		{ "pidfd_open", SYS_pidfd_open, { getppid(), 0 } },
		{ "ptrace", SYS_ptrace, { PTRACE_ATTACH, getppid(), 0, 0 } },
		{ "process_vm_readv", SYS_process_vm_readv, { getppid(), (long)&iov, 1, (long)&iov, 1, 0 } },
		{ "prctl, not to die with the parent", SYS_prctl, { PR_SET_PDEATHSIG, 0 } },
		{ "prlimit", SYS_prlimit64, { 0, RLIMIT_CPU, 0, (long)page } },
		{ "setuid", SYS_setuid, { 0 } },
		{ "ioctl", SYS_ioctl, { 0, 0x5412, (long)page } },
		{ "fcntl, to have signals sent", SYS_fcntl, { seen->fd, F_SETOWN, getppid() } },
		{ "fcntl, which", SYS_fcntl, { seen->fd, F_SETSIG, SIGKILL } },
		{ "mmap, to execute", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 } },
		{ "mmap, not counted", SYS_mmap, { 0, 4096, PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0 } },
		{ "mmap, growing", SYS_mmap, { 0, 4096, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0 } },
		{ "mprotect, to execute", SYS_mprotect, { (long)page & ~4095L, 4096, PROT_READ | PROT_EXEC } },
		{ "memfd_create", SYS_memfd_create, { (long)"x", 0 } },
		{ "shmget", SYS_shmget, { 0, 4096, 0600 } },
		{ "io_uring_setup", SYS_io_uring_setup, { 1, (long)page } },
		{ "bpf", SYS_bpf, { 0, (long)page, 8 } },
		{ "userfaultfd", SYS_userfaultfd, { 0 } },
		{ "perf_event_open", SYS_perf_event_open, { (long)page, 0, -1, -1, 0 } },
		{ "unshare", SYS_unshare, { 0x10000000 } },
		{ "mount", SYS_mount, { (long)"a", (long)"/", (long)"tmpfs", 0, 0 } },
		{ "seccomp", SYS_seccomp, { 1, 0, 0 } },
	};

	(void)user;
	if (!sandbox_close())
		wrong("not closed ");
	for (unsigned int i = 0; i < G_N_ELEMENTS(calls); i++) {
		const long *a = calls[i].args;
		long got = syscall(calls[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);

		if (got != -1 || errno != EPERM)
			wrong("%s: %ld, %s; ", calls[i].what, got, strerror(errno));
		if (!got && (calls[i].nr == SYS_fork || calls[i].nr == SYS_vfork || calls[i].nr == SYS_clone))
			_exit(0);
	}
	/* the C library is to fall back on clone() */
	if (syscall(SYS_clone3, page, sizeof(page)) != -1 || errno != ENOSYS)
		wrong("clone3: %s; ", strerror(errno));
	return true;
}

static void test_refused(void)
{
	if (!sandbox_is_built_in()) {
		g_test_skip("sanitizers do without");
		return;
	}
	succeeds(tries_all);
}

static bool uses_other_abi(void *user)
{
	(void)user;
	sandbox_close();
	syscall(SYS_getpid | 0x40000000);	/* x32 */
	return errno != ENOSYS && errno != EPERM;
}

static void test_other_abi(void)
{
	if (!sandbox_is_built_in()) {
		g_test_skip("sanitizers do without");
		return;
	}
	memset(seen, 0, sizeof(*seen));
	g_assert_false(sandbox_run(&limits, uses_other_abi, NULL, NULL, NULL));
}

/* --- what is allowed */

static void *counts(void *user)
{
	g_autofree char *block = g_malloc0(MIB);

	(void)user;
	seen->done++;
	return NULL;
}

static bool computes(void *user)
{
	GThread *threads[4];
	char byte = 1;

	(void)user;
	if (sandbox_close() != sandbox_is_built_in())
		wrong("closed, or not; ");
	for (unsigned int i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("thread", counts, NULL);
	for (unsigned int i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	if (seen->done != G_N_ELEMENTS(threads))
		wrong("%d threads; ", seen->done);
	if (pwrite(seen->fd, &byte, 1, 1000) != 1 || pread(seen->fd, &byte, 1, 1000) != 1 || byte != 1 ||
	    ftruncate(seen->fd, 10) || fsync(seen->fd))
		wrong("what is open: %s; ", strerror(errno));
	g_usleep(1000);
	if (g_get_monotonic_time() <= 0 || g_get_real_time() <= 0)
		wrong("time; ");
	return true;
}

static int unnamed_file(void)
{
	g_autofree char *name = NULL;
	int fd = g_file_open_tmp(NULL, &name, NULL);

	g_assert_cmpint(fd, >=, 0);
	unlink(name);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static void test_allowed(void)
{
	g_autoptr(GError) e = NULL;
	bool ok;

	memset(seen, 0, sizeof(*seen));
	seen->fd = unnamed_file();
	ok = sandbox_run(&limits, computes, NULL, NULL, &e);
	g_assert_no_error(e);
	g_assert_true(ok);
	g_assert_cmpstr(seen->wrong, ==, "");
	close(seen->fd);
}

/* --- what is open */

static bool looks_around(void *user)
{
	struct stat null, st;

	(void)user;
	stat("/dev/null", &null);
	for (int fd = 0; fd <= (sandbox_is_built_in() ? 2 : 1); fd++)
		if (fstat(fd, &st) || st.st_rdev != null.st_rdev || !S_ISCHR(st.st_mode))
			wrong("standard stream %d; ", fd);
	if (fcntl(seen->fd, F_GETFD) < 0)
		wrong("what this program opened is closed; ");
	if (fcntl(seen->other_fd, F_GETFD) >= 0)
		wrong("what it inherited is open; ");
	return true;
}

static void test_inherited(void)
{
	g_autoptr(GError) e = NULL;
	bool ok;

	memset(seen, 0, sizeof(*seen));
	seen->fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	seen->other_fd = open("/dev/zero", O_RDONLY);
	ok = sandbox_run(&limits, looks_around, NULL, NULL, &e);
	g_assert_no_error(e);
	g_assert_true(ok);
	g_assert_cmpstr(seen->wrong, ==, "");
	close(seen->fd);
	close(seen->other_fd);
}

/* --- limits */

static bool takes_much(void *user)
{
	(void)user;
	memset(g_malloc(65 * MIB), 1, 65 * MIB);
	return true;
}

static bool takes_little_by_little(void *user)
{
	(void)user;
	for (;;)
		memset(g_malloc(1000), 1, 1000);
	return true;
}

static void *takes_in_thread(void *user)
{
	takes_little_by_little(user);
	return NULL;
}

static bool takes_in_threads(void *user)
{
	(void)user;
	g_thread_join(g_thread_new("thread", takes_in_thread, NULL));
	return true;
}

static void test_memory(void)
{
	static const char *const words = "out of memory (it may use 64 MiB)";

	if (!sandbox_is_built_in()) {
		g_test_skip("sanitizers have no limit");
		return;
	}
	fails(&limits, takes_much, words);
	fails(&limits, takes_little_by_little, words);
	fails(&limits, takes_in_threads, words);
}

static bool spins(void *user)
{
	(void)user;
	for (volatile int i = 0;; i++)
		;
	return true;
}

static bool hangs(void *user)
{
	(void)user;
	for (;;)
		pause();
	return true;
}

static bool hangs_unseen(void *user)
{
	sandbox_close();
	for (int fd = 0; fd < 100; fd++)
		close(fd);
	for (;;)
		g_usleep(G_USEC_PER_SEC);
	return hangs(user);
}

static void test_time(void)
{
	struct sandbox_limits l = limits;

	l.cpu_s = 1;
	fails(&l, spins, "reading it took more than 1 s of CPU time");
	l.wall_s = 1;
	fails(&l, hangs, "reading it took more than 1 s");
	fails(&l, hangs_unseen, "reading it took more than 1 s");
}

static bool writes_much(void *user)
{
	char byte = 1;

	(void)user;
	if (pwrite(seen->fd, &byte, 1, MIB - 1) != 1)
		wrong("up to the limit: %s; ", strerror(errno));
	if (pwrite(seen->fd, &byte, 1, MIB) != -1 || errno != EFBIG)
		wrong("beyond the limit: %s; ", strerror(errno));
	return true;
}

static void test_file_size(void)
{
	g_autoptr(GError) e = NULL;
	bool ok;

	memset(seen, 0, sizeof(*seen));
	seen->fd = unnamed_file();
	ok = sandbox_run(&limits, writes_much, NULL, NULL, &e);
	g_assert_no_error(e);
	g_assert_true(ok);
	g_assert_cmpstr(seen->wrong, ==, "");
	close(seen->fd);
}

/* --- how it ends */

static bool says_false(void *user)
{
	(void)user;
	return false;
}

static bool exits(void *user)
{
	(void)user;
	_exit(7);
}

static bool crashes(void *user)
{
	static volatile int *volatile nowhere;

	(void)user;
	return *nowhere;
}

static bool aborts(void *user)
{
	(void)user;
	abort();
}

static bool reads_past_end(void *user)
{
	volatile char *bytes = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, *(int *)user, 0);

	return bytes[100];
}

static bool is_out_of_order(void *user)
{
	(void)user;
	g_error("out of order: \033[31m%d", 7);
	return true;
}

static bool asserts(void *user)
{
	g_assert(user);
	return true;
}

static void test_ends(void)
{
	g_autoptr(GError) e = NULL;

	fails(&limits, says_false, NULL);
	fails(&limits, exits, "the process that read it ended with status 7");
	fails(&limits, is_out_of_order, "out of order: ?[31m7");
	fails(&limits, aborts, "the process that read it was ended by signal 6 (Aborted)");
	if (sandbox_is_built_in()) {	/* sanitizers see to that */
		int fd = unnamed_file();

		fails(&limits, asserts, "ERROR:*test_sandbox.c:*: assertion failed*");
		fails(&limits, crashes, "the process that read it was ended by signal 11 (Segmentation fault)");
		g_assert_false(sandbox_run(&limits, reads_past_end, NULL, &fd, &e));
		g_assert_cmpstr(e->message, ==, "a file was cut short, or could not be read, while it was used");
		close(fd);
	}
}

static void kill_child(void *user)
{
	(void)user;
	if (seen->child)
		kill(seen->child, SIGKILL);
}

static bool waits(void *user)
{
	seen->child = getpid();
	return hangs(user);
}

static void test_killed(void)
{
	g_autoptr(GError) e = NULL;

	memset(seen, 0, sizeof(*seen));
	g_assert_false(sandbox_run(&limits, waits, kill_child, NULL, &e));
	g_assert_true(g_str_has_prefix(e->message, "the process that read it was killed\nhint: "));
}

/* --- interrupts */

static void interrupt_self(void *user)
{
	kill(getpid(), *(int *)user);
}

static void interrupted_by(int signal)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		GError *e = NULL;

		interrupt_hold();
		if (sandbox_run(&limits, waits, interrupt_self, &signal, &e) || !e || !interrupt_arrived())
			_exit(1);
		if (kill(seen->child, 0) != -1 || errno != ESRCH)
			_exit(2);
		interrupt_release();
		_exit(3);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFSIGNALED(status));
	g_assert_cmpint(WTERMSIG(status), ==, signal);
}

static void test_interrupts(void)
{
	memset(seen, 0, sizeof(*seen));
	interrupt_release();
	interrupted_by(SIGINT);
	interrupted_by(SIGTERM);
	interrupted_by(SIGHUP);

	/* what nobody wants to know of does not arrive */
	signal(SIGHUP, SIG_IGN);
	interrupt_hold();
	raise(SIGHUP);
	g_assert_false(interrupt_arrived());
	raise(SIGTERM);
	g_assert_true(interrupt_arrived());
	signal(SIGTERM, SIG_IGN);
	interrupt_release();
	signal(SIGHUP, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	interrupt_hold();
}

/* The parent is killed: its child, which comes to us, is as well. */
static void test_orphan(void)
{
	int status;
	pid_t pid;

	memset(seen, 0, sizeof(*seen));
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = fork();
	if (!pid) {
		interrupt_hold();
		sandbox_run(&limits, waits, NULL, NULL, NULL);
		_exit(1);
	}
	while (!*(volatile pid_t *)&seen->child)
		g_usleep(1000);
	kill(pid, SIGKILL);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(waitpid(seen->child, &status, 0), ==, seen->child);
	g_assert_true(WIFSIGNALED(status));
	g_assert_cmpint(WTERMSIG(status), ==, SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* --- what it says */

static void test_tame(void)
{
	static const struct { const char *text, *tame; } rows[] = {
		{ "fine, über\nhint: so", "fine, über\nhint: so" },
		{ "\033]0;title\007 \177", "?]0;title? ?" },
		{ "C1 \302\233 31m", "C1 ?? 31m" },
		{ "\tcut \303", "?cut \357\277\275" },
		{ "", "" },
	};
	char full[8];

	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		char text[100];

		g_strlcpy(text, rows[i].text, sizeof(text));
		sandbox_tame(text, sizeof(text));
		g_assert_cmpstr(text, ==, rows[i].tame);
	}
	memset(full, 'x', sizeof(full));	/* has no end */
	sandbox_tame(full, sizeof(full));
	g_assert_cmpstr(full, ==, "xxxxxxx");
}

int main(int argc, char **argv)
{
	int status;

	g_test_init(&argc, &argv, NULL);
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	interrupt_hold();
	g_test_add_func("/sandbox/refused", test_refused);
	g_test_add_func("/sandbox/other_abi", test_other_abi);
	g_test_add_func("/sandbox/allowed", test_allowed);
	g_test_add_func("/sandbox/inherited", test_inherited);
	g_test_add_func("/sandbox/memory", test_memory);
	g_test_add_func("/sandbox/time", test_time);
	g_test_add_func("/sandbox/file_size", test_file_size);
	g_test_add_func("/sandbox/ends", test_ends);
	g_test_add_func("/sandbox/killed", test_killed);
	g_test_add_func("/sandbox/interrupts", test_interrupts);
	g_test_add_func("/sandbox/orphan", test_orphan);
	g_test_add_func("/sandbox/tame", test_tame);
	status = g_test_run();
	interrupt_release();
	return status;
}
