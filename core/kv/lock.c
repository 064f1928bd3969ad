/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process writes: the writer holds a flock on the store's file "lock", which names it.
 */
#include "core/kv/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { HOLDER_SIZE = 16, ORPHAN_TRIES = 100, ORPHAN_TRY_NS = 10 * 1000 * 1000 };

/* Who signed the lock, in digits; "" where nobody did. */
static void read_holder(int lock_fd, char holder[HOLDER_SIZE])
{
	ssize_t size = pread(lock_fd, holder, HOLDER_SIZE - 1, 0);

	holder[size > 0 ? size : 0] = '\0';
	holder[strspn(holder, "0123456789")] = '\0';
}

static bool is_holder_gone(int lock_fd)
{
	char holder[HOLDER_SIZE];
	long pid;

	read_holder(lock_fd, holder);
	pid = strtol(holder, NULL, 10);
	return pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/*
 * 0, or an errno.  A process that was killed while it started a child leaves the lock to that child
 * until its exec: this is waited for.
 */
static int take_lock(int lock_fd)
{
	const struct timespec pause = { .tv_nsec = ORPHAN_TRY_NS };

	for (int i = 0; i < ORPHAN_TRIES; i++) {
		if (flock(lock_fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return errno;
		if (!is_holder_gone(lock_fd))
			break;
		nanosleep(&pause, NULL);
	}
	return EWOULDBLOCK;
}

static void log_busy(const struct environment *env, int lock_fd)
{
	char holder[HOLDER_SIZE];

	read_holder(lock_fd, holder);
	log_write(LOG_ERROR, "kv-busy",
	    LOG_FIELDS(LOG_TEXT("path", env->path), LOG_TEXT("pid", holder)),
	    "another process (%s) writes to the store already: stop it first",
	    holder[0] == '\0' ? "it left no pid" : holder);
}

static void write_pid(int fd)
{
	/* Only for the message above: where it fails, the lock holds all the same. */
	if (ftruncate(fd, 0) != 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
		log_debug("kv-lock-unsigned", "the lock does not name its holder");
}

enum status kv_lock_take(struct environment *env)
{
	char *path = text_format("%s/lock", env->path);
	enum status status = STATUS_OK;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, KV_FILE_MODE);
	int error = fd < 0 ? errno : take_lock(fd);

	if (error == 0) {
		write_pid(fd);
		env->lock_fd = fd;
	} else if (error == EWOULDBLOCK) {
		log_busy(env, fd);
		status = STATUS_BUSY;
	} else {
		status = kv_lmdb_log_open_code(path, error);
	}
	if (status != STATUS_OK && fd >= 0)
		close(fd);
	free(path);
	return status;
}

void kv_lock_drop(struct environment *env)
{
	if (env->lock_fd >= 0)
		close(env->lock_fd);
	env->lock_fd = -1;
}
