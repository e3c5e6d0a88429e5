// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

enum { TICK_MS = 100, CHILD_FALSE = 1, CHILD_NO_MEMORY = 2 };

/* Sanitizers map terabytes and open files of /proc when they report. */
#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static volatile sig_atomic_t caught;

static void on_signal(int signal)
{
	caught = signal;
}

int sandbox_interrupted(void)
{
	return caught;
}

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

static bool add_rules(scmp_filter_ctx ctx)
{
	/* F_SETOWN and F_SETSIG with O_ASYNC would signal others */
	static const int commands[] = { F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC, F_GETLK, F_SETLK };
	pid_t self = getpid();

	for (unsigned int i = 0; i < G_N_ELEMENTS(allowed); i++)
		if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0))
			return false;
	for (unsigned int i = 0; i < G_N_ELEMENTS(commands); i++)
		if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, commands[i])))
			return false;
	/* no new code; threads, but no processes; signals to itself alone, as abort() sends one */
	return !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
				 /* kinds of memory that RLIMIT_DATA does not count */
				 SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED | MAP_GROWSDOWN, 0)) &&
	       !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
	       !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				 SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) &&
	       /* its flags are in memory, where a filter cannot look; the C library then uses clone() */
	       !seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) &&
	       !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, self)) &&
	       !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
}

bool sandbox_is_built_in(void)
{
	return !SANITIZED;
}

bool sandbox_close(void)
{
	scmp_filter_ctx ctx;
	bool ok;

	if (SANITIZED)
		return false;
	ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!ctx)
		return false;
	/* else kernels before 5.16 turn speculative store bypass off for it, which costs percents */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
	ok = add_rules(ctx) && !seccomp_load(ctx);
	seccomp_release(ctx);
	return ok;
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

/* GLib ends the program when there is no memory: here that is how a limit shows, and the parent says so. */
static void on_message(const char *domain, GLogLevelFlags level, const char *message, void *user)
{
	if (level & G_LOG_LEVEL_ERROR && (strstr(message, "failed to allocate") || strstr(message, "out of memory")))
		_exit(CHILD_NO_MEMORY);
	g_log_default_handler(domain, level, message, user);
}

static void child(const struct sandbox_limits *limits, bool (*work)(void *user), void *user, pid_t parent)
{
	bool ok;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(CHILD_FALSE);
	/* the parent decides; a write past the limit is to fail like one to a full disk */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, limits->file_bytes);
	limit(RLIMIT_CPU, limits->cpu_s);
	if (!SANITIZED)
		limit(RLIMIT_DATA, limits->memory_bytes);
	g_log_set_default_handler(on_message, NULL);
	ok = work(user);
	if (SANITIZED)
		exit(ok ? 0 : CHILD_FALSE);	/* leaks are reported at exit */
	_exit(ok ? 0 : CHILD_FALSE);
}

static bool explain(int status, const struct sandbox_limits *limits, GError **error)
{
	if (caught) {
		g_set_error(error, SANDBOX_ERROR, 0, "interrupted");
		return false;
	}
	if (WIFEXITED(status)) {
		if (WEXITSTATUS(status) == CHILD_NO_MEMORY)
			g_set_error(error, SANDBOX_ERROR, 0, "reading it took more than %" G_GUINT64_FORMAT
				    " MiB of memory", limits->memory_bytes >> 20);
		else if (WEXITSTATUS(status) > CHILD_FALSE)
			g_set_error(error, SANDBOX_ERROR, 0, "the process that read it ended with status %d",
				    WEXITSTATUS(status));
		return WEXITSTATUS(status) == 0;
	}
	switch (WTERMSIG(status)) {
	case SIGXCPU:
		g_set_error(error, SANDBOX_ERROR, 0, "reading it took more than %" G_GUINT64_FORMAT
			    " s of CPU time", limits->cpu_s);
		break;
	case SIGBUS:
		g_set_error(error, SANDBOX_ERROR, 0, "a file was cut short, or could not be read, while it was used");
		break;
	default:
		g_set_error(error, SANDBOX_ERROR, 0, "the process that read it was ended by signal %d (%s)",
			    WTERMSIG(status), strsignal(WTERMSIG(status)));
		break;
	}
	return false;
}

/* Wait until the child has closed its end of the pipe; then it is ending, if it has not. */
static int wait_for(pid_t pid, int pipe_end, void (*tick)(void *user), void *user)
{
	struct pollfd p = { .fd = pipe_end, .events = POLLIN };
	int status = 0;
	bool killed = false;

	while (poll(&p, 1, TICK_MS) <= 0) {
		if (caught && !killed) {
			kill(pid, SIGKILL);
			killed = true;
		}
		if (tick)
			tick(user);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		if (caught)
			kill(pid, SIGKILL);
	return status;
}

bool sandbox_run(const struct sandbox_limits *limits, bool (*work)(void *user), void (*tick)(void *user),
		 void *user, GError **error)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal }, old[G_N_ELEMENTS(signals)];
	pid_t self = getpid(), pid;
	int pipe_ends[2], status;

	if (pipe2(pipe_ends, O_CLOEXEC)) {
		g_set_error(error, SANDBOX_ERROR, 0, "cannot make a pipe: %s", g_strerror(errno));
		return false;
	}
	caught = 0;
	for (unsigned int i = 0; i < G_N_ELEMENTS(signals); i++) {
		sigaction(signals[i], NULL, &old[i]);
		if (old[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
	pid = fork();
	if (!pid) {
		close(pipe_ends[0]);
		child(limits, work, user, self);
	}
	close(pipe_ends[1]);
	if (pid > 0) {
		status = wait_for(pid, pipe_ends[0], tick, user);
	} else {
		status = 0;
		g_set_error(error, SANDBOX_ERROR, 0, "cannot make a process: %s", g_strerror(errno));
	}
	close(pipe_ends[0]);
	for (unsigned int i = 0; i < G_N_ELEMENTS(signals); i++)
		sigaction(signals[i], &old[i], NULL);
	return pid > 0 && explain(status, limits, error);
}
