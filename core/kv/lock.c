/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process writes: the writer holds a flock on the store's file "lock", which names it.
 */
#include "core/kv/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static void log_busy(const struct environment *env, int lock_fd)
{
	char holder[16] = "";
	ssize_t size = pread(lock_fd, holder, sizeof(holder) - 1, 0);

	holder[size > 0 ? strspn(holder, "0123456789") : 0] = '\0';
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

	if (fd < 0) {
		status = kv_lmdb_log_open_code(path, errno);
	} else if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		write_pid(fd);
		env->lock_fd = fd;
	} else if (errno == EWOULDBLOCK) {
		log_busy(env, fd);
		status = STATUS_BUSY;
	} else {
		status = kv_lmdb_log_open_code(path, errno);
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
