// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyze/interrupt.h"
#include "schema/last_words.h"

enum { TICK_MS = 100 };

/* Exit statuses of the child that nobody else's exit() uses. */
enum { CHILD_FALSE = 100, CHILD_SAID_WHY };

/* Sanitizers map terabytes and open files of /proc when they report. */
#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* What the child says when it ends itself; shared with the parent. */
static char *last_words;
enum { WORDS_BYTES = 1024 };

/* What computing, SQLite on open files, and threads need. */
static const int allowed[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(lseek),
	SCMP_SYS(fstat), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
	SCMP_SYS(close), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
	SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(getpid), SCMP_SYS(gettid),
	SCMP_SYS(geteuid), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* Locks; F_SETOWN and its like would make the kernel send signals. */
static const int allowed_fcntl[] = { F_GETFD, F_SETFD, F_GETFL, F_GETLK, F_SETLK };

/* 0, or -errno. */
static int add_rules(scmp_filter_ctx ctx)
{
	pid_t self = getpid();
	int err = 0;

	for (unsigned int i = 0; i < G_N_ELEMENTS(allowed) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	for (unsigned int i = 0; i < G_N_ELEMENTS(allowed_fcntl) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				       SCMP_A1(SCMP_CMP_EQ, allowed_fcntl[i]));
	if (!err)	/* no new code, and no memory that RLIMIT_DATA does not count */
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
				       SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED | MAP_GROWSDOWN, 0));
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!err)	/* threads, but no processes */
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (!err)	/* its flags are in memory, where a filter cannot look; the C library then uses clone() */
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (!err)	/* signals to itself alone, as abort() sends one */
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, self));
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	return err;
}

bool sandbox_is_built_in(void)
{
	return !SANITIZED;
}

G_GNUC_NORETURN static void end_child(const char *why)
{
	g_assert(last_words);
	g_strlcpy(last_words, why, WORDS_BYTES);
	_exit(CHILD_SAID_WHY);
}

/* seccomp(2): a filter at address 0 is EFAULT where there are filters at all. */
static bool kernel_has_filters(void)
{
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) < 0 && errno == EFAULT;
}

bool sandbox_close(void)
{
	scmp_filter_ctx ctx;
	char why[128];
	int err;

	if (SANITIZED || !kernel_has_filters())
		return false;
	ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	err = ctx ? 0 : -ENOMEM;
	/* else kernels before 5.16 turn speculative store bypass off for it, which costs percents */
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
	if (!err)
		err = add_rules(ctx);
	if (!err)
		err = seccomp_load(ctx);
	if (err) {
		g_snprintf(why, sizeof(why), "the process that reads it cannot be confined: %s", strerror(-err));
		end_child(why);
	}
	seccomp_release(ctx);
	return true;
}

static const struct sandbox_limits *own_limits;	/* the child's */

static void say_last_words(const char *why)
{
	if (why)
		end_child(why);
	g_snprintf(last_words, WORDS_BYTES, "out of memory (it may use %" G_GUINT64_FORMAT " MiB)",
		   own_limits->memory_bytes >> 20);
	_exit(CHILD_SAID_WHY);
}

/* A failed assertion. */
static void on_printerr(const char *text)
{
	g_autofree char *line = g_strdelimit(g_strdup(text), "*\n", ' ');

	end_child(g_strstrip(line));
}

static void limit(int resource, uint64_t value)
{
	struct rlimit r;

	if (getrlimit(resource, &r))
		return;
	r.rlim_cur = MIN(r.rlim_cur, value);
	r.rlim_max = MIN(r.rlim_max, value + (resource == RLIMIT_CPU));
	setrlimit(resource, &r);
}

/*
 * What whoever started this program left open is no business of the child's. It has outlived an
 * exec(), which nothing that this program opens does.
 */
static void close_inherited(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const char *name;
	GDir *dir;

	/* sanitizers write reports to standard error */
	for (int fd = 0; fd <= (SANITIZED ? 1 : 2); fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	dir = g_dir_open("/proc/self/fd", 0, NULL);
	while (dir && (name = g_dir_read_name(dir))) {
		int fd = atoi(name), flags = fcntl(fd, F_GETFD);

		if (fd > 2 && flags >= 0 && !(flags & FD_CLOEXEC))
			close(fd);
	}
	if (dir)
		g_dir_close(dir);
}

static void child(const struct sandbox_limits *limits, bool (*work)(void *user), void *user, pid_t parent)
{
	bool ok;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(CHILD_FALSE);
	interrupt_child();
	/* a write past the limit is to fail like one to a full disk */
	signal(SIGXFSZ, SIG_IGN);
	own_limits = limits;
	last_words_begin(say_last_words);
	g_set_printerr_handler(on_printerr);
	close_inherited();
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, limits->file_bytes);
	limit(RLIMIT_CPU, limits->cpu_s);
	if (!SANITIZED)
		limit(RLIMIT_DATA, limits->memory_bytes);
	ok = work(user);
	if (SANITIZED)
		exit(ok ? 0 : CHILD_FALSE);	/* leaks are reported at exit */
	_exit(ok ? 0 : CHILD_FALSE);
}

void sandbox_tame(char *text, size_t room)
{
	g_autofree char *valid = NULL;

	text[room - 1] = '\0';
	valid = g_utf8_make_valid(text, -1);
	for (char *p = valid; *p; p = g_utf8_next_char(p))
		if (g_unichar_iscntrl(g_utf8_get_char(p)) && *p != '\n')
			memset(p, '?', g_utf8_next_char(p) - p);
	g_strlcpy(text, valid, room);
}

static bool explain_exit(int status, GError **error)
{
	if (status == CHILD_SAID_WHY) {
		sandbox_tame(last_words, WORDS_BYTES);
		g_set_error_literal(error, SANDBOX_ERROR, 0, last_words);
	} else if (status && status != CHILD_FALSE) {
		g_set_error(error, SANDBOX_ERROR, 0, "the process that read it ended with status %d", status);
	}
	return status == 0;
}

static bool explain_signal(int signal, const struct sandbox_limits *limits, GError **error)
{
	switch (signal) {
	case SIGXCPU:
		g_set_error(error, SANDBOX_ERROR, 0, "reading it took more than %" G_GUINT64_FORMAT
			    " s of CPU time", limits->cpu_s);
		break;
	case SIGBUS:
		g_set_error(error, SANDBOX_ERROR, 0, "a file was cut short, or could not be read, while it was used");
		break;
	case SIGKILL:
		g_set_error(error, SANDBOX_ERROR, 0, "the process that read it was killed\n"
			    "hint: if nobody did that, the kernel was short of memory");
		break;
	default:
		g_set_error(error, SANDBOX_ERROR, 0, "the process that read it was ended by signal %d (%s)",
			    signal, strsignal(signal));
		break;
	}
	return false;
}

/* Wait for the child, which ends sooner if this process is interrupted. */
static bool wait_for(pid_t pid, const struct sandbox_limits *limits, void (*tick)(void *user), void *user,
		     GError **error)
{
	uint64_t ticks = 0;	/* while this process is stopped it counts none */
	bool late = false;
	pid_t ended;
	int status;

	while (!(ended = waitpid(pid, &status, WNOHANG))) {
		if (interrupt_sleep(TICK_MS)) {
			late = ++ticks > limits->wall_s * (1000 / TICK_MS);
			if (tick)
				tick(user);
		}
		if (late || interrupt_arrived())
			kill(pid, SIGKILL);
	}
	if (ended < 0) {
		g_set_error(error, SANDBOX_ERROR, 0, "cannot wait for the process that reads it: %s",
			    g_strerror(errno));
		return false;
	}
	if (late && WIFSIGNALED(status)) {
		g_set_error(error, SANDBOX_ERROR, 0, "reading it took more than %" G_GUINT64_FORMAT " s",
			    limits->wall_s);
		return false;
	}
	return WIFEXITED(status) ? explain_exit(WEXITSTATUS(status), error) :
				   explain_signal(WTERMSIG(status), limits, error);
}

bool sandbox_run(const struct sandbox_limits *limits, bool (*work)(void *user), void (*tick)(void *user),
		 void *user, GError **error)
{
	pid_t self = getpid(), pid;
	bool ok;

	last_words = mmap(NULL, WORDS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = last_words == MAP_FAILED ? -1 : fork();
	if (!pid)
		child(limits, work, user, self);
	if (pid < 0)
		g_set_error(error, SANDBOX_ERROR, 0, "cannot make a process: %s", g_strerror(errno));
	ok = pid > 0 && wait_for(pid, limits, tick, user, error);
	if (last_words != MAP_FAILED)
		munmap(last_words, WORDS_BYTES);
	return ok;
}
