/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backups: a compact copy of one state, made while others write.  Growth waits for it.
 */
#include "core/kv/parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static enum status log_copy_failure(const char *directory, int code)
{
	log_write(LOG_ERROR, "kv-copy-failed",
	    LOG_FIELDS(LOG_TEXT("path", directory), LOG_TEXT("reason", mdb_strerror(code))),
	    "the store could not be copied there");
	return kv_lmdb_status(code);
}

/* EEXIST where something is in it. */
static int require_empty(const char *directory)
{
	DIR *listing = opendir(directory);
	const struct dirent *entry;
	int error = 0;

	if (listing == NULL)
		return errno;
	while (error == 0 && (entry = readdir(listing)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			error = EEXIST;
	closedir(listing);
	return error;
}

/* Within the gate, by a transaction of the caller. */
static int copy_to_file(MDB_env *lmdb, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, KV_FILE_MODE);
	int code;

	if (fd < 0)
		return errno;
	code = mdb_env_copyfd2(lmdb, fd, MDB_CP_COMPACT);
	if (code == 0 && fsync(fd) != 0)
		code = errno;
	if (close(fd) != 0 && code == 0)
		code = errno;
	if (code != 0)
		unlink(path);
	return code;
}

enum status kv_copy(struct kv *kv, const char *directory)
{
	struct kv_txn *guard = NULL;
	enum status status;
	char *path;
	int code = kv_disk_make_directories(directory);

	if (code == 0)
		code = require_empty(directory);
	if (code != 0)
		return log_copy_failure(directory, code);
	status = kv_transaction_begin(kv, false, &guard);
	if (status != STATUS_OK)
		return status;
	path = text_format("%s/data.mdb", directory);
	code = copy_to_file(kv->env->lmdb, path);
	free(path);
	kv_abort(&guard);
	if (code == 0)
		code = kv_disk_sync(directory);
	return code == 0 ? STATUS_OK : log_copy_failure(directory, code);
}
