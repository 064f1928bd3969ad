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

enum { COPY_BATCH_BYTES = 1024 * 1024 };

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

/* ---- as a transaction sees it ---- */

struct copying {
	struct kv_txn *from, *to;
	struct kv *copy;
	void (*progress)(void *data, uint64_t bytes);
	void *data;
	uint64_t bytes; /* in the open transaction */
};

static enum status finish_batch(struct copying *copying)
{
	enum status status = kv_commit(&copying->to);

	if (status == STATUS_OK && copying->progress != NULL)
		copying->progress(copying->data, copying->bytes);
	copying->bytes = 0;
	return status;
}

static enum status append(struct copying *copying, unsigned table, struct bytes key,
    struct bytes value)
{
	enum status status = STATUS_OK;

	if (copying->bytes >= COPY_BATCH_BYTES)
		status = finish_batch(copying);
	if (status == STATUS_OK && copying->to == NULL)
		status = kv_write_begin(copying->copy, &copying->to);
	copying->bytes += key.size + value.size;
	return status == STATUS_OK ? kv_append(copying->to, table, key, value) : status;
}

static enum status copy_table(struct copying *copying, unsigned table)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = kv_cursor_open(copying->from, table, &cursor);

	while (status == STATUS_OK && (status = kv_cursor_next(cursor, &key, &value)) == STATUS_OK)
		status = append(copying, table, key, value);
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status copy_tables(struct copying *copying)
{
	enum status status = STATUS_OK;

	for (unsigned i = 0; status == STATUS_OK && i < copying->from->kv->count; i++)
		status = copy_table(copying, i);
	if (status == STATUS_OK && copying->to != NULL)
		status = finish_batch(copying);
	kv_abort(&copying->to);
	return status;
}

static void remove_from(const char *directory, const char *name)
{
	char *path = text_format("%s/%s", directory, name);

	unlink(path);
	free(path);
}

/* A copy has no room to grow and no readers: what is left is the file up to its last page. */
static int shorten(const char *directory, uint64_t size)
{
	char *path = text_format("%s/data.mdb", directory);
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int error = fd < 0 || ftruncate(fd, (off_t)size) != 0 || fsync(fd) != 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	free(path);
	remove_from(directory, "lock");
	remove_from(directory, "lock.mdb");
	return error == 0 ? kv_disk_sync(directory) : error;
}

static enum status copy_seen(struct copying *copying, const char *directory)
{
	const char *names[KV_TABLES_MAX + 1] = { NULL };
	const struct kv_options options = { .tables = names, .is_writer = true };
	struct kv_usage_pages usage;
	enum status status;
	int error;

	for (unsigned i = 0; i < copying->from->kv->count; i++)
		names[i] = kv_table_name(copying->from->kv, i);
	status = kv_open(directory, &options, &copying->copy);
	if (status != STATUS_OK)
		return status;
	status = copy_tables(copying);
	usage = kv_growth_usage(copying->copy->env->lmdb);
	kv_close(copying->copy);
	if (status != STATUS_OK)
		return status;
	error = shorten(directory, usage.last_pages * usage.page_bytes);
	return error == 0 ? STATUS_OK : log_copy_failure(directory, error);
}

enum status kv_copy_seen(struct kv_txn *txn, const char *directory,
    void (*progress)(void *data, uint64_t bytes), void *data)
{
	struct copying copying = { .from = txn, .progress = progress, .data = data };
	int code = kv_disk_make_directories(directory);
	enum status status;

	if (code == 0)
		code = require_empty(directory);
	if (code != 0)
		return log_copy_failure(directory, code);
	status = copy_seen(&copying, directory);
	if (status != STATUS_OK) {
		remove_from(directory, "data.mdb");
		remove_from(directory, "lock");
		remove_from(directory, "lock.mdb");
	}
	return status;
}
