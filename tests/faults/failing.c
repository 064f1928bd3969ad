/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failing - preloaded into a real role: the N-th call of a kind fails, and only that one.
 *
 *	LD_PRELOAD=…/libfailing.so FETTLE_FAILING=KIND:N:FILE
 *
 * KIND is memory (malloc, calloc, realloc), space, error or short (writes to files, and what makes
 * them durable: ENOSPC, EIO, half of it).  N 0: none.  FILE gets lines: "failed" when the call was
 * made to fail; "wild PATH" for a wild pointer in the code of that program or library; and, when
 *the process ends by itself, how many calls there were.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

enum kind { KIND_NONE, KIND_MEMORY, KIND_SPACE, KIND_ERROR, KIND_SHORT };

/* Of glibc: what the names below stand for without this library. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static enum kind kind;
static unsigned long chosen;
static atomic_ulong calls;
static char path[512];

/* Without memory, and without what this library itself makes fail. */
static void note(const char *line)
{
	long file = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
	    0644);

	if (file < 0)
		return;
	(void)syscall(SYS_write, file, line, strlen(line));
	(void)syscall(SYS_close, file);
}

static bool is_its_turn(void)
{
	unsigned long number = atomic_fetch_add(&calls, 1) + 1;

	if (number != chosen)
		return false;
	note("failed\n");
	return true;
}

static void *place_of(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (void *)context->uc_mcontext.gregs[REG_RIP];
#else
	return (void *)context->uc_mcontext.pc;
#endif
}

/* Libraries of others do not all look at what malloc gives them. */
static void on_wild(int number, siginfo_t *info, void *context)
{
	Dl_info where = { .dli_fname = NULL };
	char line[sizeof(path) + 8];

	(void)info;
	if (dladdr(place_of(context), &where) == 0 || where.dli_fname == NULL)
		where.dli_fname = "nowhere";
	snprintf(line, sizeof(line), "wild %s\n", where.dli_fname);
	note(line);
	signal(number, SIG_DFL);
	raise(number);
}

static void watch_for_wild_pointers(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	struct sigaction action = { .sa_sigaction = on_wild, .sa_flags = SA_SIGINFO };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

__attribute__((constructor)) static void begin(void)
{
	static const char *const names[] = { "", "memory", "space", "error", "short" };
	const char *wish = getenv("FETTLE_FAILING");
	char name[16] = "";

	if (wish == NULL || sscanf(wish, "%15[a-z]:%lu:%511s", name, &chosen, path) != 3)
		return;
	for (int i = 1; i < 5; i++)
		if (strcmp(name, names[i]) == 0)
			kind = (enum kind)i;
	watch_for_wild_pointers();
	/* Children are not meant. */
	unsetenv("FETTLE_FAILING");
	unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void end(void)
{
	char line[32];

	if (kind == KIND_NONE)
		return;
	snprintf(line, sizeof(line), "%lu\n", atomic_load(&calls));
	note(line);
}

/* ---- memory ---- */

static bool lacks_memory(void)
{
	if (kind != KIND_MEMORY || !is_its_turn())
		return false;
	errno = ENOMEM;
	return true;
}

SHOWN void *malloc(size_t size)
{
	return lacks_memory() ? NULL : __libc_malloc(size);
}

SHOWN void *calloc(size_t count, size_t size)
{
	return lacks_memory() ? NULL : __libc_calloc(count, size);
}

SHOWN void *realloc(void *old, size_t size)
{
	return lacks_memory() ? NULL : __libc_realloc(old, size);
}

/* ---- files ---- */

static bool is_file(int fd)
{
	struct stat status;

	return fd > STDERR_FILENO && fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* How much of SIZE is to be written; -1 with errno: none. */
static ssize_t allowed(int fd, size_t size)
{
	if (kind <= KIND_MEMORY || !is_file(fd) || !is_its_turn())
		return (ssize_t)size;
	if (kind == KIND_SHORT && size > 1)
		return (ssize_t)size / 2;
	errno = kind == KIND_ERROR ? EIO : ENOSPC;
	return -1;
}

SHOWN ssize_t write(int fd, const void *data, size_t size)
{
	ssize_t most = allowed(fd, size);

	return most < 0 ? -1 : syscall(SYS_write, fd, data, most);
}

SHOWN ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	ssize_t most = allowed(fd, size);

	return most < 0 ? -1 : syscall(SYS_pwrite64, fd, data, most, at);
}

SHOWN ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
	return pwrite(fd, data, size, at);
}

/* Short: the first of the parts alone. */
SHOWN ssize_t writev(int fd, const struct iovec *parts, int count)
{
	ssize_t most = allowed(fd, (size_t)count);

	return most < 0 ? -1 : syscall(SYS_writev, fd, parts, most);
}

SHOWN int fdatasync(int fd)
{
	return allowed(fd, 1) < 0 ? -1 : (int)syscall(SYS_fdatasync, fd);
}

SHOWN int fsync(int fd)
{
	return allowed(fd, 1) < 0 ? -1 : (int)syscall(SYS_fsync, fd);
}

SHOWN int ftruncate(int fd, off_t size)
{
	return allowed(fd, 1) < 0 ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

SHOWN int ftruncate64(int fd, off_t size)
{
	return ftruncate(fd, size);
}

SHOWN int posix_fallocate(int fd, off_t from, off_t size)
{
	if (allowed(fd, 1) < 0)
		return errno;
	return syscall(SYS_fallocate, fd, 0, from, size) == 0 ? 0 : errno;
}

SHOWN int posix_fallocate64(int fd, off_t from, off_t size)
{
	return posix_fallocate(fd, from, size);
}
