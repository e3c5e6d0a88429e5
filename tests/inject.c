// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * inject - a library to preload, that makes calls of a program fail.
 *
 *	LD_PRELOAD=libinject.so INJECT='child.pwrite@3=SIGKILL' counterspin import ...
 *
 * INJECT holds rules [ROLE.]CALL@WHEN=WHAT, parted by blanks.
 *
 * ROLE	parent (and whoever did not fork), child (of a fork); both if left out.
 * CALL	open, tmpfile (an open() with O_TMPFILE), pread, pwrite (and their likes), ftruncate, fsync,
 *	fcntl, flock, linkat, rename, unlink, fstat, mmap, pipe, fork, thread (pthread_create), prctl,
 *	seccomp_init, seccomp_load; any: any of these; malloc (calloc, realloc, mmap without a file),
 *	which is none of them.
 * WHEN	N: the Nth such call of that process; N+: the Nth and all later ones; >N: those of more than
 *	N bytes; Nb: those after N bytes in sum, the one that reaches N falling short.
 * WHAT	EIO, ENOSPC...: it fails so. SIGKILL, SIGINT...: the process gets this signal before it.
 *	300ms: it happens as late as that. nothing: it does nothing and returns 0.
 *
 * INJECT_LOG names a file that gets a line for each call: role, number among "any", CALL.
 *
 * Calls that the C library makes within itself are not seen, but for malloc. It works within
 * a seccomp filter that allows no more than what the program itself does there.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_RULES = 8, LOG_FD = 200 };

enum role { EITHER, PARENT, CHILD };
enum when { NTH, FROM, ABOVE, AFTER };
enum what { FAIL, SIGNAL, DELAY, NOTHING };

/* What becomes of a call. */
enum fate { GOES_ON, FAILS, DOES_NOTHING };

struct rule {
	enum role role;
	char call[16];
	enum when when;
	uint64_t n;
	enum what what;
	int value;			/* errno, signal, ms */
	_Atomic uint64_t seen;		/* calls, or bytes */
};

static struct rule rules[MAX_RULES];
static unsigned int n_rules;
static enum role role = PARENT;
static _Atomic unsigned int n_calls;
static int log_fd = -1;
static bool spare_memory;

static void die(const char *rule)
{
	fprintf(stderr, "inject: cannot make sense of '%s'\n", rule);
	_exit(125);
}

static bool parse_what(struct rule *r, const char *text)
{
	int ms, end = 0;

	for (int i = 1; i < 134; i++) {
		if (strerrorname_np(i) && !strcmp(text, strerrorname_np(i))) {
			r->what = FAIL;
			r->value = i;
			return true;
		}
		if (i < 32 && !strncmp(text, "SIG", 3) && !strcmp(text + 3, sigabbrev_np(i))) {
			r->what = SIGNAL;
			r->value = i;
			return true;
		}
	}
	if (sscanf(text, "%dms%n", &ms, &end) == 1 && end && !text[end]) {
		r->what = DELAY;
		r->value = ms;
		return true;
	}
	r->what = NOTHING;
	return !strcmp(text, "nothing");
}

static void parse(const char *text)
{
	struct rule *r = &rules[n_rules];
	const char *call = text;
	char when[24], what[16];
	char *end;

	if (!strncmp(call, "parent.", 7)) {
		r->role = PARENT;
		call += 7;
	} else if (!strncmp(call, "child.", 6)) {
		r->role = CHILD;
		call += 6;
	}
	if (n_rules == MAX_RULES || sscanf(call, "%15[a-z_]@%23[0-9>+b]=%15s", r->call, when, what) != 3)
		die(text);
	r->when = *when == '>' ? ABOVE : NTH;
	r->n = strtoull(when + (*when == '>'), &end, 10);
	if (*end == '+')
		r->when = FROM;
	else if (*end == 'b')
		r->when = AFTER;
	if (!parse_what(r, what))
		die(text);
	n_rules++;
}

__attribute__((constructor)) static void begin(void)
{
	const char *env = getenv("INJECT"), *path = getenv("INJECT_LOG");
	char copy[1024], *rest = NULL;
	int fd;

	/* in any case, as what is open makes a difference to the program's calls */
	fd = syscall(SYS_openat, AT_FDCWD, path ? path : "/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	log_fd = syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, LOG_FD);
	syscall(SYS_close, fd);
	if (!env)
		return;
	snprintf(copy, sizeof(copy), "%s", env);
	for (char *t = strtok_r(copy, " ", &rest); t; t = strtok_r(NULL, " ", &rest))
		parse(t);
}

static void write_log(const char *call)
{
	char line[48];
	int n = snprintf(line, sizeof(line), "%s %u %s\n", role == CHILD ? "child" : "parent", ++n_calls, call);

	syscall(SYS_write, log_fd, line, n);
}

static bool applies(struct rule *r, uint64_t *bytes)
{
	uint64_t before = atomic_fetch_add(&r->seen, r->when == AFTER && bytes ? *bytes : 1);

	switch (r->when) {
	case NTH:
		return before + 1 == r->n;
	case FROM:
		return before + 1 >= r->n;
	case ABOVE:
		return bytes && *bytes > r->n;
	default:
		if (!bytes || before + *bytes <= r->n)
			return false;
		if (before < r->n) {
			*bytes = r->n - before;
			return false;
		}
		return true;
	}
}

/* bytes: how many it is about, or NULL; fewer, if it is to fall short. */
static enum fate inject(const char *call, uint64_t *bytes)
{
	bool memory = !strcmp(call, "malloc");

	if (memory && spare_memory)
		return GOES_ON;
	if (!memory)
		write_log(call);
	for (unsigned int i = 0; i < n_rules; i++) {
		struct rule *r = &rules[i];

		if ((r->role != EITHER && r->role != role) ||
		    (strcmp(r->call, call) && (memory || strcmp(r->call, "any"))) || !applies(r, bytes))
			continue;
		switch (r->what) {
		case FAIL:
			errno = r->value;
			return FAILS;
		case SIGNAL:
			syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), r->value);
			break;
		case DELAY:
			nanosleep(&(struct timespec){ r->value / 1000, r->value % 1000 * 1000000L }, NULL);
			break;
		case NOTHING:
			return DOES_NOTHING;
		}
	}
	return GOES_ON;
}

#define REAL(name) ({ \
	static __typeof__(&name) real; \
	if (!real) \
		real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
	real; })

/* A call that returns -1 and sets errno if it fails. */
#define WRAP(name, call, parameters, arguments) \
int name parameters \
{ \
	enum fate fate = inject(call, NULL); \
\
	return fate == GOES_ON ? REAL(name) arguments : fate == FAILS ? -1 : 0; \
}

WRAP(ftruncate, "ftruncate", (int fd, off_t size), (fd, size))
WRAP(ftruncate64, "ftruncate", (int fd, off64_t size), (fd, size))
WRAP(fsync, "fsync", (int fd), (fd))
WRAP(fdatasync, "fsync", (int fd), (fd))
WRAP(flock, "flock", (int fd, int operation), (fd, operation))
WRAP(link, "linkat", (const char *from, const char *to), (from, to))
WRAP(linkat, "linkat", (int from_dir, const char *from, int to_dir, const char *to, int flags),
     (from_dir, from, to_dir, to, flags))
WRAP(rename, "rename", (const char *from, const char *to), (from, to))
WRAP(renameat2, "rename", (int from_dir, const char *from, int to_dir, const char *to, unsigned int flags),
     (from_dir, from, to_dir, to, flags))
WRAP(unlink, "unlink", (const char *path), (path))
WRAP(fstat, "fstat", (int fd, struct stat *st), (fd, st))
WRAP(fstat64, "fstat", (int fd, struct stat64 *st), (fd, st))
WRAP(pipe2, "pipe", (int ends[2], int flags), (ends, flags))

#define WRAP_TRANSFER(name, call, parameters, n, arguments) \
ssize_t name parameters \
{ \
	uint64_t bytes = n; \
	enum fate fate = inject(call, &bytes); \
\
	n = bytes; \
	return fate == GOES_ON ? REAL(name) arguments : fate == FAILS ? -1 : 0; \
}

WRAP_TRANSFER(read, "pread", (int fd, void *to, size_t n), n, (fd, to, n))
WRAP_TRANSFER(pread, "pread", (int fd, void *to, size_t n, off_t at), n, (fd, to, n, at))
WRAP_TRANSFER(pread64, "pread", (int fd, void *to, size_t n, off64_t at), n, (fd, to, n, at))
WRAP_TRANSFER(write, "pwrite", (int fd, const void *from, size_t n), n, (fd, from, n))
WRAP_TRANSFER(pwrite, "pwrite", (int fd, const void *from, size_t n, off_t at), n, (fd, from, n, at))
WRAP_TRANSFER(pwrite64, "pwrite", (int fd, const void *from, size_t n, off64_t at), n, (fd, from, n, at))

/* The mode is there or not; to pass on what is not is of no consequence. */
#define WRAP_OPEN(name) \
int name(const char *path, int flags, ...) \
{ \
	enum fate fate = inject((flags & O_TMPFILE) == O_TMPFILE ? "tmpfile" : "open", NULL); \
	va_list list; \
	mode_t mode; \
\
	va_start(list, flags); \
	mode = va_arg(list, mode_t); \
	va_end(list); \
	return fate == GOES_ON ? REAL(name)(path, flags, mode) : fate == FAILS ? -1 : 0; \
}

WRAP_OPEN(open)
WRAP_OPEN(open64)

#define WRAP_FCNTL(name) \
int name(int fd, int command, ...) \
{ \
	enum fate fate = inject("fcntl", NULL); \
	va_list list; \
	void *argument; \
\
	va_start(list, command); \
	argument = va_arg(list, void *); \
	va_end(list); \
	return fate == GOES_ON ? REAL(name)(fd, command, argument) : fate == FAILS ? -1 : 0; \
}

WRAP_FCNTL(fcntl)
WRAP_FCNTL(fcntl64)

int prctl(int option, ...)
{
	enum fate fate = inject("prctl", NULL);
	unsigned long a[4];
	va_list list;

	va_start(list, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(list, unsigned long);
	va_end(list);
	return fate == GOES_ON ? REAL(prctl)(option, a[0], a[1], a[2], a[3]) : fate == FAILS ? -1 : 0;
}

#define WRAP_MMAP(name, offset) \
void *name(void *at, size_t size, int protection, int flags, int fd, offset from) \
{ \
	uint64_t bytes = size; \
\
	if (inject(flags & MAP_ANONYMOUS ? "malloc" : "mmap", &bytes) != GOES_ON) \
		return MAP_FAILED; \
	return REAL(name)(at, size, protection, flags, fd, from); \
}

WRAP_MMAP(mmap, off_t)
WRAP_MMAP(mmap64, off64_t)

pid_t fork(void)
{
	pid_t pid;

	if (inject("fork", NULL) != GOES_ON)
		return -1;
	pid = REAL(fork)();
	if (pid)
		return pid;
	role = CHILD;
	n_calls = 0;
	for (unsigned int i = 0; i < n_rules; i++)
		rules[i].seen = 0;
	return 0;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *user)
{
	return inject("thread", NULL) == GOES_ON ? REAL(pthread_create)(thread, attributes, run, user) : errno;
}

void *seccomp_init(uint32_t action);
int seccomp_load(void *filter);

void *seccomp_init(uint32_t action)
{
	return inject("seccomp_init", NULL) == GOES_ON ? REAL(seccomp_init)(action) : NULL;
}

int seccomp_load(void *filter)
{
	enum fate fate = inject("seccomp_load", NULL);
	int ret;

	if (fate != GOES_ON)
		return fate == FAILS ? -errno : 0;
	/* libseccomp 2.5.4 makes and loads a wrong filter if it gets no memory for a right one */
	spare_memory = true;
	ret = REAL(seccomp_load)(filter);
	spare_memory = false;
	return ret;
}

/* A sanitizer has an allocator of its own. */
#ifndef WITHOUT_MALLOC

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static bool no_memory(uint64_t bytes)
{
	return inject("malloc", &bytes) != GOES_ON;
}

void *malloc(size_t n)
{
	return no_memory(n) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return no_memory((uint64_t)n * size) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return no_memory(n) ? NULL : __libc_realloc(p, n);
}

#endif
