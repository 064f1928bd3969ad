/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens LMDB so that neither a full disk nor a short file can kill the process later, and
 * translates its codes.
 */
#include "core/kv/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/require.h"

enum { READERS_MODE = 0660, READERS_FILE_SIZE = 8192 };

enum status kv_lmdb_status(int code)
{
	switch (code) {
	case MDB_NOTFOUND:
		return STATUS_NOT_FOUND;
	case MDB_KEYEXIST:
		return STATUS_EXISTS;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case MDB_DBS_FULL:
	case MDB_READERS_FULL:
		return STATUS_FULL;
	case MDB_CORRUPTED:
	case MDB_PANIC:
	case MDB_INVALID:
	case MDB_PAGE_NOTFOUND:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE:
		return STATUS_CORRUPT;
	case EFBIG:
		return STATUS_NO_SPACE;
	default:
		return code >= 0 ? status_of_errno(code) : STATUS_IO;
	}
}

/* A code that is a failure, whatever its status is elsewhere: no caller expects others. */
enum status kv_lmdb_failure(int code)
{
	enum status status = kv_lmdb_status(code);

	return status == STATUS_FULL || status == STATUS_NO_SPACE || status == STATUS_CORRUPT
	         ? status
	         : STATUS_IO;
}

enum status kv_lmdb_log_failure(const char *id, const struct environment *env, int code,
    const char *what)
{
	log_write(LOG_ERROR, id,
	    LOG_FIELDS(LOG_TEXT("path", env->path), LOG_TEXT("reason", mdb_strerror(code))), "%s",
	    what);
	return kv_lmdb_failure(code);
}

static const char *advice(enum status status)
{
	switch (status) {
	case STATUS_DENIED:
		return "run as the user that owns it, or as one of its group to read";
	case STATUS_CORRUPT:
		return "restore it from a backup; remove it if it was being created for the first "
		       "time when the machine went down";
	case STATUS_NO_SPACE:
		return "free some space on its file system";
	case STATUS_BUSY:
		return "stop the process that uses it";
	default:
		return "check its file system, and the kernel's log";
	}
}

enum status kv_lmdb_log_open_failure(const char *path, enum status status, const char *reason)
{
	log_write(LOG_ERROR, "kv-open-failed",
	    LOG_FIELDS(LOG_TEXT("path", path), LOG_TEXT("reason", reason)),
	    "cannot open the store: %s", advice(status));
	return status;
}

enum status kv_lmdb_log_open_code(const char *path, int error)
{
	enum status status = error == EAGAIN ? STATUS_BUSY : kv_lmdb_status(error);

	if (status != STATUS_DENIED && status != STATUS_BUSY)
		status = kv_lmdb_failure(error);
	return kv_lmdb_log_open_failure(path, status, mdb_strerror(error));
}

/* The advice where a damaged structure makes LMDB give up; it ends the process after this. */
static void on_lmdb_assert(MDB_env *lmdb, const char *message)
{
	const char *path = "?";

	(void)mdb_env_get_path(lmdb, &path);
	log_write(LOG_ERROR, "kv-damaged",
	    LOG_FIELDS(LOG_TEXT("path", path), LOG_TEXT("reason", message)),
	    "the store's structure is damaged: %s", advice(STATUS_CORRUPT));
}

/*
 * LMDB maps its table of readers and writes to it: were its blocks not there, a full disk would
 * kill the process.  Only before LMDB opens it, as closing any descriptor of a file drops its fcntl
 * locks.
 */
static enum status prepare_readers_table(struct environment *env, uint64_t map_bytes)
{
	char *path = text_format("%s/lock.mdb", env->path);
	struct stat info;
	bool is_new = stat(path, &info) != 0;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, READERS_MODE);
	int error = fd < 0 ? errno : 0;
	enum status status = STATUS_OK;

	if (error == 0 && is_new && fchmod(fd, READERS_MODE) != 0)
		error = errno;
	if (error == 0)
		error = kv_disk_allocate(fd, READERS_FILE_SIZE);
	if (fd >= 0 && kv_lmdb_status(error) == STATUS_NO_SPACE) {
		kv_disk_log_no_space(env, LOG_ERROR, fd, map_bytes, "the store is not opened");
		status = STATUS_NO_SPACE;
	} else if (error != 0) {
		status = kv_lmdb_log_open_code(path, error);
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return status;
}

static uint64_t round_to_page(uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

/* What LMDB reads beyond the end of its file would kill the process. */
static bool is_whole(MDB_env *lmdb)
{
	MDB_envinfo info;
	MDB_stat stat_;
	struct stat file;
	int fd;

	return mdb_env_info(lmdb, &info) == 0 && mdb_env_stat(lmdb, &stat_) == 0
	    && mdb_env_get_fd(lmdb, &fd) == 0 && fstat(fd, &file) == 0
	    && (uint64_t)file.st_size / stat_.ms_psize > info.me_last_pgno;
}

static enum status allocate_map(struct environment *env)
{
	int fd, error;

	REQUIRE(mdb_env_get_fd(env->lmdb, &fd) == 0);
	error = kv_disk_allocate(fd, env->map_bytes);
	if (error == 0)
		return STATUS_OK;
	if (kv_lmdb_status(error) != STATUS_NO_SPACE)
		return kv_lmdb_log_open_code(env->path, error);
	kv_disk_log_no_space(env, LOG_ERROR, fd, env->map_bytes, "the store is not opened");
	return STATUS_NO_SPACE;
}

/* The size of data.mdb; 0 where it is missing.  DENIED, IO. */
static enum status size_of_data(struct environment *env, uint64_t *out)
{
	char *path = text_format("%s/data.mdb", env->path);
	struct stat info = { 0 };
	int error = stat(path, &info) == 0 || errno == ENOENT ? 0 : errno;
	enum status status = error == 0 ? STATUS_OK : kv_lmdb_log_open_code(path, error);

	*out = error == 0 ? (uint64_t)info.st_size : 0;
	free(path);
	return status;
}

uint64_t kv_lmdb_map_bytes(MDB_env *lmdb)
{
	MDB_envinfo info = { 0 };

	(void)mdb_env_info(lmdb, &info);
	return info.me_mapsize;
}

/* LMDB's own part of the opening.  MAP_BYTES 0: as large as the last writer's map. */
static int create_lmdb(struct environment *env, bool is_writer, uint64_t map_bytes)
{
	unsigned flags = MDB_NOTLS | (is_writer ? 0U : (unsigned)MDB_RDONLY);
	int code = mdb_env_create(&env->lmdb);

	if (code != 0)
		return code;
	(void)mdb_env_set_assert(env->lmdb, on_lmdb_assert);
	code = mdb_env_set_maxdbs(env->lmdb, KV_TABLES_MAX);
	if (code == 0 && map_bytes > 0)
		code = mdb_env_set_mapsize(env->lmdb, map_bytes);
	if (code == 0)
		code = mdb_env_open(env->lmdb, env->path, flags, KV_FILE_MODE);
	return code == 0 && !is_whole(env->lmdb) ? MDB_INVALID : code;
}

void kv_lmdb_close(struct environment *env)
{
	if (env->lmdb != NULL)
		mdb_env_close(env->lmdb);
	env->lmdb = NULL;
	env->is_writable = false;
}

/* What follows LMDB's own part. */
static enum status settle(struct environment *env, bool is_writer, bool is_new)
{
	enum status status = STATUS_OK;
	int dead, error;

	env->map_bytes = kv_lmdb_map_bytes(env->lmdb);
	env->is_writable = is_writer;
	(void)mdb_reader_check(env->lmdb, &dead);
	if (is_writer)
		status = allocate_map(env);
	if (status == STATUS_OK && is_new && (error = kv_disk_sync(env->path)) != 0)
		status = kv_lmdb_log_open_code(env->path, error);
	return status;
}

/*
 * The writer's map is as large as the file, which it has allocated: so a growth that no commit
 * followed is kept, and a compact copy begins small.
 */
enum status kv_lmdb_open(struct environment *env, bool is_writer, uint64_t map_initial)
{
	uint64_t size = 0, map_bytes;
	enum status status = size_of_data(env, &size);
	int code;

	if (status != STATUS_OK)
		return status;
	if (!is_writer && size == 0)
		return STATUS_NOT_FOUND;
	map_bytes = round_to_page(size > map_initial ? size : map_initial);
	if (is_writer && (status = prepare_readers_table(env, map_bytes)) != STATUS_OK)
		return status;
	code = create_lmdb(env, is_writer, is_writer ? map_bytes : 0);
	status = code == 0 ? settle(env, is_writer, size == 0)
	                   : kv_lmdb_log_open_code(env->path, code);
	if (status != STATUS_OK)
		kv_lmdb_close(env);
	return status;
}
