/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The adapter of LMDB.  struct kv is one opener's handle; struct environment is what all openers of
 * a directory in this process share.  LMDB may replace its map only while no transaction of the
 * process runs, so every transaction passes a gate (enter, leave) that exclude() can close.
 *
 * A value is stored as: type u8 | version u8 | 0 u16 | crc32c u32 | payload, big-endian.  The CRC
 * covers the table's name, type and version, the key, and the payload, so that a value which turns
 * up under another key is noticed too.
 */
#include "core/kv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/require.h"

enum { FRAME_SIZE = 8, FRAME_PLAIN = 1, FRAME_VERSION = 1 };
enum { GROW_AT_PERCENT = 80, REFUSE_AT_PERCENT = 90 };
enum { DIRECTORY_MODE = 0750, FILE_MODE = 0640, READERS_MODE = 0660 };
enum { READERS_FILE_SIZE = 8192, READERS_CHECK_MS = 30 * 1000 };
enum { WAIT_BRIEFLY_MS = 200, WAIT_MS = 60 * 1000 };
enum { ADOPT_TRIES = 8 };

static const uint64_t map_default = UINT64_C(16) << 20;
static const uint64_t map_limit_default = UINT64_C(1) << 40;

struct table {
	char *name;
	MDB_dbi dbi;
	uint32_t seed; /* the CRC of its name */
};

struct environment {
	LIST_ENTRY(environment) link;
	char *path;
	MDB_env *lmdb; /* NULL: not open */
	unsigned references, writers;
	int lock_fd; /* -1: this process is not the writer */
	bool is_writable;
	uint64_t map_limit;
	struct table tables[KV_TABLES_MAX];
	unsigned table_count;
	struct buffer frame; /* of the one write transaction */

	pthread_mutex_t mutex; /* over all below */
	pthread_cond_t changed;
	LIST_HEAD(, kv_txn) running;
	bool is_exclusive; /* someone waits to replace the map, or does so */
	bool is_broken;    /* the map is gone: nothing may begin */
	bool wants_growth; /* a transaction did not fit */
	bool is_growth_refused;
	uint64_t map_bytes;
	uint64_t readers_checked_ms;
};

struct kv {
	struct environment *env;
	bool is_writer;
	unsigned count;
	unsigned tables[KV_TABLES_MAX]; /* indices into env->tables */
};

struct kv_txn {
	LIST_ENTRY(kv_txn) link;
	pthread_t owner;
	struct kv *kv;
	MDB_txn *lmdb;
	bool is_write;
	unsigned cursors;
	enum status failure; /* of the first change that failed */
	bool is_too_large;   /* for the map */
};

struct kv_cursor {
	struct kv_txn *txn;
	unsigned table;
	MDB_cursor *lmdb;
};

/* Every environment that this process has open. */
static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, environment) registry = LIST_HEAD_INITIALIZER(registry);

/* ---- codes ---- */

static enum status status_of_lmdb(int code)
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
static enum status failure_of_lmdb(int code)
{
	enum status status = status_of_lmdb(code);

	return status == STATUS_FULL || status == STATUS_NO_SPACE || status == STATUS_CORRUPT
		   ? status
		   : STATUS_IO;
}

static enum status log_failure(const char *id, const struct environment *env, int code,
    const char *what)
{
	log_write(LOG_ERROR, id,
	    LOG_FIELDS(LOG_TEXT("path", env->path), LOG_TEXT("reason", mdb_strerror(code))), "%s",
	    what);
	return failure_of_lmdb(code);
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

static enum status log_open_failure(const char *path, enum status status, const char *reason)
{
	log_write(LOG_ERROR, "kv-open-failed",
	    LOG_FIELDS(LOG_TEXT("path", path), LOG_TEXT("reason", reason)),
	    "cannot open the store: %s", advice(status));
	return status;
}

static enum status log_open_errno(const char *path, int error)
{
	enum status status = error == EAGAIN ? STATUS_BUSY : status_of_lmdb(error);

	if (status != STATUS_DENIED && status != STATUS_BUSY)
		status = failure_of_lmdb(error);
	return log_open_failure(path, status, mdb_strerror(error));
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

/* ---- the gate ---- */

static void gate_init(struct environment *env)
{
	pthread_condattr_t attributes;

	REQUIRE(pthread_condattr_init(&attributes) == 0);
	REQUIRE(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	REQUIRE(pthread_cond_init(&env->changed, &attributes) == 0);
	pthread_condattr_destroy(&attributes);
	REQUIRE(pthread_mutex_init(&env->mutex, NULL) == 0);
	LIST_INIT(&env->running);
}

static bool holds_one(const struct environment *env)
{
	const struct kv_txn *txn;

	LIST_FOREACH(txn, &env->running, link)
		if (pthread_equal(txn->owner, pthread_self()))
			return true;
	return false;
}

/* A thread that is within already may always enter again: whoever closes the gate waits for it. */
static bool enter(struct environment *env, struct kv_txn *txn)
{
	bool may_enter;

	txn->owner = pthread_self();
	pthread_mutex_lock(&env->mutex);
	while (env->is_exclusive && !holds_one(env))
		pthread_cond_wait(&env->changed, &env->mutex);
	may_enter = !env->is_broken;
	if (may_enter)
		LIST_INSERT_HEAD(&env->running, txn, link);
	pthread_mutex_unlock(&env->mutex);
	return may_enter;
}

static void leave(struct environment *env, struct kv_txn *txn)
{
	pthread_mutex_lock(&env->mutex);
	LIST_REMOVE(txn, link);
	pthread_cond_broadcast(&env->changed);
	pthread_mutex_unlock(&env->mutex);
}

static struct timespec deadline_after(unsigned wait_ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += wait_ms / 1000;
	at.tv_nsec += (long)(wait_ms % 1000) * 1000 * 1000;
	if (at.tv_nsec >= 1000L * 1000 * 1000) {
		at.tv_nsec -= 1000L * 1000 * 1000;
		at.tv_sec++;
	}
	return at;
}

/* False: this thread holds a transaction itself, or the others did not end in time. */
static bool exclude(struct environment *env, unsigned wait_ms)
{
	struct timespec deadline = deadline_after(wait_ms);
	bool is_in_time = true, is_closed = false;

	pthread_mutex_lock(&env->mutex);
	if (!holds_one(env)) {
		while (env->is_exclusive)
			pthread_cond_wait(&env->changed, &env->mutex);
		env->is_exclusive = true;
		while (!LIST_EMPTY(&env->running) && is_in_time)
			is_in_time = pthread_cond_timedwait(&env->changed, &env->mutex, &deadline)
				     != ETIMEDOUT;
		is_closed = LIST_EMPTY(&env->running);
		env->is_exclusive = is_closed;
		pthread_cond_broadcast(&env->changed);
	}
	pthread_mutex_unlock(&env->mutex);
	return is_closed;
}

static void admit(struct environment *env)
{
	pthread_mutex_lock(&env->mutex);
	env->is_exclusive = false;
	pthread_cond_broadcast(&env->changed);
	pthread_mutex_unlock(&env->mutex);
}

/* ---- files ---- */

static char *path_in(const struct environment *env, const char *name)
{
	return text_format("%s/%s", env->path, name);
}

/* The directory and its parents; 0 or an errno. */
static int make_directories(const char *directory)
{
	char *path = text_copy(directory);
	int error = 0;

	REQUIRE(directory[0] != '\0');
	for (char *slash = strchr(path + 1, '/'); error == 0; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(path, DIRECTORY_MODE) != 0 && errno != EEXIST)
			error = errno;
		if (slash == NULL)
			break;
		*slash = '/';
	}
	free(path);
	return error;
}

static int sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = fd < 0 || fsync(fd) != 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

/* What is in PATH, and that PATH exists, survives a power cut. */
static int sync_directory_and_parent(const char *path)
{
	char *parent = text_format("%s/..", path);
	int error = sync_directory(path);

	if (error == 0)
		error = sync_directory(parent);
	free(parent);
	return error;
}

static uint64_t free_bytes(int fd)
{
	struct statvfs system;

	/* A file system without a size, such as an unlimited tmpfs, shows 0 blocks. */
	if (fstatvfs(fd, &system) != 0 || system.f_blocks == 0)
		return UINT64_MAX;
	return (uint64_t)system.f_frsize * (geteuid() == 0 ? system.f_bfree : system.f_bavail);
}

/*
 * Allocates the first SIZE bytes of the file.  fallocate(2) and not posix_fallocate, whose
 * substitute for file systems without it writes to blocks that may be in use.  Looks for room first,
 * as a failed allocation takes all there was until it is given back.  0 or an errno.
 */
static int allocate(int fd, uint64_t size)
{
	struct stat before;
	uint64_t allocated;
	int error;

	if (fstat(fd, &before) != 0)
		return errno;
	allocated = (uint64_t)before.st_blocks * 512;
	if (allocated < size && free_bytes(fd) < size - allocated)
		return ENOSPC;
	do
		error = fallocate(fd, 0, 0, (off_t)size) == 0 ? 0 : errno;
	while (error == EINTR);
	if (error == EOPNOTSUPP || error == EINVAL || error == ENOSYS)
		return 0; /* then this file system can promise nothing */
	if (error != 0 && (uint64_t)before.st_size < size
	    && ftruncate(fd, before.st_size) != 0)
		return EIO;
	return error;
}

static void log_no_space(const struct environment *env, enum log_level level, int fd,
    uint64_t needed, const char *consequence)
{
	struct stat info = { 0 };
	uint64_t allocated;

	(void)fstat(fd, &info);
	allocated = (uint64_t)info.st_blocks * 512;
	log_write(level, "kv-no-space",
	    LOG_FIELDS(LOG_TEXT("path", env->path),
		LOG_NUMBER("needed_bytes", needed > allocated ? needed - allocated : 0),
		LOG_NUMBER("free_bytes", free_bytes(fd))),
	    "the disk is full: %s; free some space on its file system", consequence);
}

/* ---- opening ---- */

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

static enum status take_lock(struct environment *env)
{
	char *path = path_in(env, "lock");
	enum status status = STATUS_OK;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);

	if (fd < 0) {
		status = log_open_errno(path, errno);
	} else if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		write_pid(fd);
		env->lock_fd = fd;
	} else if (errno == EWOULDBLOCK) {
		log_busy(env, fd);
		status = STATUS_BUSY;
	} else {
		status = log_open_errno(path, errno);
	}
	if (status != STATUS_OK && fd >= 0)
		close(fd);
	free(path);
	return status;
}

static void drop_lock(struct environment *env)
{
	if (env->lock_fd >= 0)
		close(env->lock_fd);
	env->lock_fd = -1;
}

/*
 * LMDB maps its table of readers and writes to it: were its blocks not there, a full disk would kill
 * the process.  Only before LMDB opens it, as closing any descriptor of a file drops its fcntl locks.
 */
static enum status prepare_readers_table(struct environment *env, uint64_t map_bytes)
{
	char *path = path_in(env, "lock.mdb");
	struct stat info;
	bool is_new = stat(path, &info) != 0;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, READERS_MODE);
	int error = fd < 0 ? errno : 0;
	enum status status = STATUS_OK;

	if (error == 0 && is_new && fchmod(fd, READERS_MODE) != 0)
		error = errno;
	if (error == 0)
		error = allocate(fd, READERS_FILE_SIZE);
	if (fd >= 0 && status_of_lmdb(error) == STATUS_NO_SPACE) {
		log_no_space(env, LOG_ERROR, fd, map_bytes, "the store is not opened");
		status = STATUS_NO_SPACE;
	} else if (error != 0) {
		status = log_open_errno(path, error);
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
	error = allocate(fd, env->map_bytes);
	if (error == 0)
		return STATUS_OK;
	if (status_of_lmdb(error) != STATUS_NO_SPACE)
		return log_open_errno(env->path, error);
	log_no_space(env, LOG_ERROR, fd, env->map_bytes, "the store is not opened");
	return STATUS_NO_SPACE;
}

/* The size of data.mdb; 0 where it is missing.  DENIED, IO. */
static enum status size_of_data(struct environment *env, uint64_t *out)
{
	char *path = path_in(env, "data.mdb");
	struct stat info = { 0 };
	int error = stat(path, &info) == 0 || errno == ENOENT ? 0 : errno;

	enum status status = error == 0 ? STATUS_OK : log_open_errno(path, error);

	*out = error == 0 ? (uint64_t)info.st_size : 0;
	free(path);
	return status;
}

static uint64_t map_bytes_now(MDB_env *lmdb)
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
		code = mdb_env_open(env->lmdb, env->path, flags, FILE_MODE);
	return code == 0 && !is_whole(env->lmdb) ? MDB_INVALID : code;
}

static void close_lmdb(struct environment *env)
{
	if (env->lmdb != NULL)
		mdb_env_close(env->lmdb);
	env->lmdb = NULL;
	env->is_writable = false;
}

/*
 * The writer's map is as large as the file, which it has allocated: so a growth that no commit
 * followed is kept, and a compact copy begins small.
 */
static enum status open_lmdb(struct environment *env, bool is_writer, uint64_t map_initial)
{
	uint64_t size = 0, map_bytes;
	enum status status = size_of_data(env, &size);
	int code, dead;

	if (status != STATUS_OK)
		return status;
	if (!is_writer && size == 0)
		return STATUS_NOT_FOUND;
	map_bytes = round_to_page(size > map_initial ? size : map_initial);
	if (is_writer && (status = prepare_readers_table(env, map_bytes)) != STATUS_OK)
		return status;
	code = create_lmdb(env, is_writer, is_writer ? map_bytes : 0);
	if (code == 0) {
		env->map_bytes = map_bytes_now(env->lmdb);
		env->is_writable = is_writer;
		(void)mdb_reader_check(env->lmdb, &dead);
		if (is_writer)
			status = allocate_map(env);
	} else {
		status = log_open_errno(env->path, code);
	}
	if (code == 0 && status == STATUS_OK && size == 0
	    && (code = sync_directory_and_parent(env->path)) != 0)
		status = log_open_errno(env->path, code);
	if (status != STATUS_OK)
		close_lmdb(env);
	return status;
}

/* ---- growth ---- */

struct usage {
	uint64_t page_bytes, map_pages;
	uint64_t last_pages; /* up to the last page that was ever used */
	uint64_t free_pages; /* of these, what LMDB may use again */
};

/*
 * LMDB's list of free pages is its database 0: each record begins with the number of pages that it
 * names.  Within the gate.
 */
static uint64_t count_free_pages(MDB_env *lmdb)
{
	MDB_txn *txn = NULL;
	MDB_cursor *cursor = NULL;
	MDB_val key, value;
	uint64_t pages = 0;

	if (mdb_txn_begin(lmdb, NULL, MDB_RDONLY, &txn) != 0)
		return 0;
	if (mdb_cursor_open(txn, 0, &cursor) == 0) {
		while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
			size_t count = 0;

			if (value.mv_size >= sizeof(count))
				memcpy(&count, value.mv_data, sizeof(count));
			pages += count;
		}
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return pages;
}

/* Within the gate.  All but free_pages. */
static struct usage usage_of(MDB_env *lmdb)
{
	MDB_envinfo info = { 0 };
	MDB_stat stat_ = { .ms_psize = 1 };

	(void)mdb_env_info(lmdb, &info);
	(void)mdb_env_stat(lmdb, &stat_);
	return (struct usage){
		.page_bytes = stat_.ms_psize,
		.map_pages = info.me_mapsize / stat_.ms_psize,
		.last_pages = info.me_last_pgno + 1,
	};
}

static uint64_t pages_in_use(const struct usage *usage)
{
	return usage->last_pages - (usage->free_pages < usage->last_pages ? usage->free_pages : 0);
}

static bool is_beyond(uint64_t pages, uint64_t map_pages, unsigned percent)
{
	return pages > map_pages / 100 * percent + map_pages % 100 * percent / 100;
}

/* Within the exclusion.  SIZE 0: what another process made of it. */
static int replace_map(struct environment *env, uint64_t size)
{
	int code = mdb_env_set_mapsize(env->lmdb, size);

	pthread_mutex_lock(&env->mutex);
	if (code == 0)
		env->map_bytes = map_bytes_now(env->lmdb);
	env->is_broken = code != 0;
	env->wants_growth = env->is_growth_refused = false;
	pthread_mutex_unlock(&env->mutex);
	if (code != 0)
		(void)log_failure("kv-map-failed", env, code,
		    "the store could not be mapped anew: it is closed until the next start");
	return code;
}

static enum status refuse_growth(struct environment *env, enum status status, uint64_t target)
{
	int fd;

	pthread_mutex_lock(&env->mutex);
	bool is_news = !env->is_growth_refused;
	env->is_growth_refused = true;
	pthread_mutex_unlock(&env->mutex);
	if (!is_news)
		return status;
	if (status == STATUS_NO_SPACE && mdb_env_get_fd(env->lmdb, &fd) == 0)
		log_no_space(env, LOG_WARN, fd, target,
		    "the store cannot grow and will soon take nothing more");
	else
		log_write(LOG_WARN, "kv-full",
		    LOG_FIELDS(LOG_TEXT("path", env->path), LOG_NUMBER("map_bytes", target)),
		    "the store has reached its limit and will soon take nothing more: raise the "
		    "limit, or let it keep less");
	return status;
}

/* Called where this thread has left the gate.  The file grows first: its failure changes nothing. */
static enum status grow(struct environment *env, unsigned wait_ms)
{
	uint64_t map_bytes, target, limit = env->map_limit / 65536 * 65536;
	enum status status;
	int fd;

	pthread_mutex_lock(&env->mutex);
	map_bytes = env->map_bytes;
	pthread_mutex_unlock(&env->mutex);
	target = map_bytes * 2 < limit ? map_bytes * 2 : limit;
	if (target <= map_bytes)
		return refuse_growth(env, STATUS_FULL, map_bytes);
	REQUIRE(mdb_env_get_fd(env->lmdb, &fd) == 0);
	status = status_of_lmdb(allocate(fd, target));
	if (status != STATUS_OK)
		return refuse_growth(env, status, target);
	if (!exclude(env, wait_ms))
		return STATUS_AGAIN;
	if (env->map_bytes < target)
		status = replace_map(env, target) == 0 ? STATUS_OK : STATUS_IO;
	admit(env);
	if (status == STATUS_OK)
		log_write(LOG_INFO, "kv-grown",
		    LOG_FIELDS(LOG_TEXT("path", env->path), LOG_NUMBER("map_bytes", target)),
		    "the store has grown");
	return status;
}

void kv_usage(struct kv *kv, uint64_t *map_bytes, uint64_t *used_bytes)
{
	struct kv_txn guard = { .kv = kv };
	struct usage usage;

	*map_bytes = *used_bytes = 0;
	if (!enter(kv->env, &guard))
		return;
	usage = usage_of(kv->env->lmdb);
	usage.free_pages = count_free_pages(kv->env->lmdb);
	leave(kv->env, &guard);
	*map_bytes = usage.map_pages * usage.page_bytes;
	*used_bytes = pages_in_use(&usage) * usage.page_bytes;
}

/* ---- transactions ---- */

/* An LMDB code. */
static int begin_once(struct kv *kv, bool is_write, struct kv_txn **out)
{
	struct kv_txn *txn = memory_new(sizeof(*txn));
	int code;

	*out = NULL;
	txn->kv = kv;
	txn->is_write = is_write;
	if (!enter(kv->env, txn)) {
		free(txn);
		return MDB_PANIC;
	}
	code = mdb_txn_begin(kv->env->lmdb, NULL, is_write ? 0 : MDB_RDONLY, &txn->lmdb);
	if (code == 0) {
		*out = txn;
		return 0;
	}
	leave(kv->env, txn);
	free(txn);
	return code;
}

/* Takes over the map of another process that has grown it, as often as it does. */
static enum status begin(struct kv *kv, bool is_write, struct kv_txn **out)
{
	int code = begin_once(kv, is_write, out);

	for (unsigned tries = 0; code == MDB_MAP_RESIZED && tries < ADOPT_TRIES; tries++) {
		if (!exclude(kv->env, WAIT_MS))
			return STATUS_AGAIN;
		code = replace_map(kv->env, 0);
		admit(kv->env);
		if (code == 0)
			code = begin_once(kv, is_write, out);
	}
	return code == 0 ? STATUS_OK
			 : log_failure("kv-begin-failed", kv->env, code,
			       "no transaction could begin");
}

enum status kv_read_begin(struct kv *kv, struct kv_txn **out)
{
	return begin(kv, false, out);
}

/* Within the gate.  Slots of readers that died would keep their pages from being used again. */
static void check_readers(struct environment *env)
{
	uint64_t now = clock_monotonic_ms();
	int dead;

	pthread_mutex_lock(&env->mutex);
	bool is_due = now - env->readers_checked_ms >= READERS_CHECK_MS;
	if (is_due)
		env->readers_checked_ms = now;
	pthread_mutex_unlock(&env->mutex);
	if (is_due)
		(void)mdb_reader_check(env->lmdb, &dead);
}

static bool wants_growth(struct environment *env, const struct usage *usage)
{
	pthread_mutex_lock(&env->mutex);
	bool wants = env->wants_growth;
	pthread_mutex_unlock(&env->mutex);
	return wants || is_beyond(usage->last_pages, usage->map_pages, GROW_AT_PERCENT);
}

/* GROWTH failed.  Only now is it worth counting what could be used again. */
static enum status refuse_if_nearly_full(struct kv_txn **txn, enum status growth)
{
	MDB_env *lmdb = (*txn)->kv->env->lmdb;
	struct usage usage = usage_of(lmdb);

	usage.free_pages = count_free_pages(lmdb);
	if (!is_beyond(pages_in_use(&usage), usage.map_pages, REFUSE_AT_PERCENT))
		return STATUS_OK;
	kv_abort(txn);
	return growth == STATUS_NO_SPACE ? STATUS_NO_SPACE : STATUS_FULL;
}

static enum status begin_write(struct kv *kv, bool is_trim, struct kv_txn **out)
{
	struct usage usage;
	enum status status, growth;
	bool is_urgent;

	REQUIRE(kv->is_writer);
	status = begin(kv, true, out);
	if (status != STATUS_OK)
		return status;
	check_readers(kv->env);
	usage = usage_of(kv->env->lmdb);
	if (!wants_growth(kv->env, &usage))
		return STATUS_OK;
	is_urgent = is_beyond(usage.last_pages, usage.map_pages, REFUSE_AT_PERCENT);
	kv_abort(out);
	growth = grow(kv->env, is_urgent ? WAIT_MS : WAIT_BRIEFLY_MS);
	status = begin(kv, true, out);
	if (status == STATUS_OK && growth != STATUS_OK && !is_trim)
		status = refuse_if_nearly_full(out, growth);
	return status;
}

enum status kv_write_begin(struct kv *kv, struct kv_txn **out)
{
	return begin_write(kv, false, out);
}

enum status kv_trim_begin(struct kv *kv, struct kv_txn **out)
{
	return begin_write(kv, true, out);
}

static void end(struct kv_txn *txn)
{
	struct environment *env = txn->kv->env;

	leave(env, txn);
	/* At once, so that the larger file is there after a restart too. */
	if (txn->is_too_large)
		(void)grow(env, WAIT_BRIEFLY_MS);
	free(txn);
}

void kv_abort(struct kv_txn **taken)
{
	struct kv_txn *txn = *taken;

	*taken = NULL;
	if (txn == NULL)
		return;
	REQUIRE(txn->cursors == 0);
	mdb_txn_abort(txn->lmdb);
	end(txn);
}

/* Remembers the first failure of a change, and logs it. */
static enum status fail(struct kv_txn *txn, const char *id, int code, const char *what)
{
	struct environment *env = txn->kv->env;
	enum status status = log_failure(id, env, code, what);

	if (code == MDB_MAP_FULL) {
		txn->is_too_large = true;
		pthread_mutex_lock(&env->mutex);
		env->wants_growth = true;
		pthread_mutex_unlock(&env->mutex);
	}
	if (txn->failure == STATUS_OK)
		txn->failure = status;
	return status;
}

enum status kv_commit(struct kv_txn **taken)
{
	struct kv_txn *txn = *taken;
	enum status status = txn->failure;
	int code;

	if (status != STATUS_OK) {
		kv_abort(taken);
		return status;
	}
	*taken = NULL;
	REQUIRE(txn->cursors == 0);
	code = mdb_txn_commit(txn->lmdb);
	if (code != 0)
		status = fail(txn, "kv-commit-failed", code,
		    "a transaction could not be made durable: nothing of it is kept");
	end(txn);
	return status;
}

/* ---- tables ---- */

/* Finds the table, or opens it within TXN and adds it.  An LMDB code. */
static int find_or_open(struct environment *env, struct kv_txn *txn, const char *name,
    unsigned *out)
{
	struct table *table = env->tables;
	int code;

	for (*out = 0; *out < env->table_count; ++*out, table++)
		if (strcmp(table->name, name) == 0)
			return 0;
	REQUIRE(*out < KV_TABLES_MAX);
	code = mdb_dbi_open(txn->lmdb, name, txn->is_write ? MDB_CREATE : 0, &table->dbi);
	if (code != 0)
		return code;
	table->name = text_copy(name);
	table->seed = hash_crc32c(bytes_of_text(name));
	env->table_count++;
	return 0;
}

static void forget_tables(struct environment *env, unsigned count)
{
	while (env->table_count > count)
		free(env->tables[--env->table_count].name);
}

/* All within one transaction.  NOT_FOUND where one is missing and may not be created. */
static enum status try_tables(struct kv *kv, const char *const *names, bool may_create)
{
	struct environment *env = kv->env;
	unsigned known = env->table_count;
	struct kv_txn *txn = NULL;
	enum status status = begin(kv, may_create, &txn);
	int code = 0;

	if (status != STATUS_OK)
		return status;
	for (kv->count = 0; code == 0 && names[kv->count] != NULL; kv->count++) {
		REQUIRE(kv->count < KV_TABLES_MAX);
		code = find_or_open(env, txn, names[kv->count], &kv->tables[kv->count]);
	}
	if (code == 0)
		status = kv_commit(&txn);
	else if (code == MDB_NOTFOUND)
		status = STATUS_NOT_FOUND;
	else
		status = log_open_errno(env->path, code);
	kv_abort(&txn);
	if (status != STATUS_OK)
		forget_tables(env, known); /* LMDB closes what a failed transaction opened */
	return status;
}

/* Looks first, so that only what is missing costs a write. */
static enum status open_tables(struct kv *kv, const char *const *names)
{
	enum status status = try_tables(kv, names, false);

	return status == STATUS_NOT_FOUND && kv->is_writer ? try_tables(kv, names, true) : status;
}

/* After LMDB was opened anew, within the exclusion. */
static enum status reopen_tables(struct environment *env)
{
	MDB_txn *txn = NULL;
	int code = mdb_txn_begin(env->lmdb, NULL, MDB_RDONLY, &txn);

	for (unsigned i = 0; code == 0 && i < env->table_count; i++)
		code = mdb_dbi_open(txn, env->tables[i].name, 0, &env->tables[i].dbi);
	if (code == 0)
		code = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	return code == 0 ? STATUS_OK : log_open_errno(env->path, code);
}

/* ---- environments and handles ---- */

static struct environment *find_or_add(const char *path)
{
	struct environment *env;

	LIST_FOREACH(env, &registry, link)
		if (strcmp(env->path, path) == 0)
			return env;
	env = memory_new(sizeof(*env));
	env->path = text_copy(path);
	env->lock_fd = -1;
	gate_init(env);
	LIST_INSERT_HEAD(&registry, env, link);
	return env;
}

static void drop_environment(struct environment *env)
{
	REQUIRE(LIST_EMPTY(&env->running));
	LIST_REMOVE(env, link);
	close_lmdb(env);
	drop_lock(env);
	forget_tables(env, 0);
	buffer_fini(&env->frame);
	pthread_cond_destroy(&env->changed);
	pthread_mutex_destroy(&env->mutex);
	free(env->path);
	free(env);
}

/* This process reads the environment already and is to write to it. */
static enum status make_writable(struct environment *env, uint64_t map_initial)
{
	enum status status;

	if (!exclude(env, WAIT_BRIEFLY_MS * 10))
		return log_open_failure(env->path, STATUS_BUSY, "this process is reading it");
	close_lmdb(env);
	status = open_lmdb(env, true, map_initial);
	if (status != STATUS_OK && open_lmdb(env, false, 0) != STATUS_OK)
		env->is_broken = true;
	else if (reopen_tables(env) != STATUS_OK)
		env->is_broken = true;
	admit(env);
	return env->is_broken ? STATUS_IO : status;
}

static enum status attach_writer(struct environment *env, const struct kv_options *options)
{
	uint64_t initial = options->map_initial == 0 ? map_default : options->map_initial;
	enum status status = env->writers > 0 ? STATUS_OK : take_lock(env);

	if (status == STATUS_OK && env->lmdb == NULL)
		status = open_lmdb(env, true, initial);
	else if (status == STATUS_OK && !env->is_writable)
		status = make_writable(env, initial);
	if (env->writers == 0 && status != STATUS_OK)
		drop_lock(env);
	else if (env->writers == 0)
		env->map_limit = options->map_limit == 0 ? map_limit_default : options->map_limit;
	if (status == STATUS_OK)
		env->writers++;
	return status;
}

static void detach(struct kv *kv)
{
	struct environment *env = kv->env;

	if (kv->is_writer && --env->writers == 0)
		drop_lock(env);
	if (--env->references == 0)
		drop_environment(env);
	free(kv);
}

static enum status open_at(const char *path, const struct kv_options *options, struct kv **out)
{
	struct environment *env = find_or_add(path);
	struct kv *kv = memory_new(sizeof(*kv));
	enum status status = STATUS_OK;

	kv->env = env;
	env->references++;
	if (options->is_writer)
		status = attach_writer(env, options);
	else if (env->lmdb == NULL)
		status = open_lmdb(env, false, 0);
	kv->is_writer = options->is_writer && status == STATUS_OK;
	if (status == STATUS_OK)
		status = open_tables(kv, options->tables);
	if (status == STATUS_OK)
		*out = kv;
	else
		detach(kv);
	return status;
}

enum status kv_open(const char *directory, const struct kv_options *options, struct kv **out)
{
	enum status status;
	char *path;
	int error = options->is_writer ? make_directories(directory) : 0;

	*out = NULL;
	if (error != 0)
		return log_open_errno(directory, error);
	path = realpath(directory, NULL);
	if (path == NULL && errno == ENOENT && !options->is_writer)
		return STATUS_NOT_FOUND;
	if (path == NULL)
		return log_open_errno(directory, errno);
	pthread_mutex_lock(&registry_mutex);
	status = open_at(path, options, out);
	pthread_mutex_unlock(&registry_mutex);
	free(path);
	return status;
}

void kv_close(struct kv *kv)
{
	if (kv == NULL)
		return;
	pthread_mutex_lock(&registry_mutex);
	detach(kv);
	pthread_mutex_unlock(&registry_mutex);
}

/* ---- values ---- */

static const struct table *table_of(const struct kv_txn *txn, unsigned table)
{
	REQUIRE(table < txn->kv->count);
	return &txn->kv->env->tables[txn->kv->tables[table]];
}

static MDB_val val_of(struct bytes bytes)
{
	return (MDB_val){ .mv_size = bytes.size, .mv_data = (void *)(uintptr_t)bytes.data };
}

static struct bytes bytes_of_val(const MDB_val *val)
{
	return BYTES(val->mv_data, val->mv_size);
}

static uint32_t frame_crc(const struct table *table, struct bytes head, struct bytes key,
    struct bytes payload)
{
	const uint8_t key_size[2] = { (uint8_t)(key.size >> 8), (uint8_t)key.size };
	uint32_t crc = hash_crc32c_more(table->seed, head);

	crc = hash_crc32c_more(crc, BYTES_OF(key_size));
	crc = hash_crc32c_more(crc, key);
	return hash_crc32c_more(crc, payload);
}

/* In the environment's one buffer, valid until the next. */
static MDB_val frame(struct kv_txn *txn, const struct table *table, struct bytes key,
    struct bytes payload)
{
	static const uint8_t head[4] = { FRAME_PLAIN, FRAME_VERSION };
	struct buffer *out = &txn->kv->env->frame;

	buffer_clear(out);
	buffer_append(out, BYTES_OF(head));
	buffer_append_u32(out, frame_crc(table, BYTES_OF(head), key, payload));
	buffer_append(out, payload);
	return val_of(buffer_bytes(out));
}

static enum status log_damaged(const struct kv_txn *txn, const struct table *table,
    struct bytes key, const char *what)
{
	char hex[2 * 32 + 1];

	bytes_to_hex(BYTES(key.data, key.size < 32 ? key.size : 32), hex);
	log_write(LOG_ERROR, "kv-value-damaged",
	    LOG_FIELDS(LOG_TEXT("path", txn->kv->env->path), LOG_TEXT("table", table->name),
		LOG_TEXT("key", hex)),
	    "%s", what);
	return STATUS_CORRUPT;
}

static enum status unframe(const struct kv_txn *txn, const struct table *table, struct bytes key,
    const MDB_val *stored, struct bytes *out)
{
	struct bytes all = bytes_of_val(stored);

	if (all.size < FRAME_SIZE)
		return log_damaged(txn, table, key,
		    "a stored value is damaged: restore the store from a backup");
	*out = BYTES(all.data + FRAME_SIZE, all.size - FRAME_SIZE);
	if (bytes_u32(all.data + 4) != frame_crc(table, BYTES(all.data, 4), key, *out))
		return log_damaged(txn, table, key,
		    "a stored value is damaged: restore the store from a backup");
	if (all.data[0] != FRAME_PLAIN || all.data[1] != FRAME_VERSION)
		return log_damaged(txn, table, key,
		    "a stored value was written by a newer version: use that one");
	return STATUS_OK;
}

/* A failed look into LMDB. */
static enum status read_failure(const struct kv_txn *txn, int code)
{
	return code == MDB_NOTFOUND ? STATUS_NOT_FOUND
				    : log_failure("kv-read-failed", txn->kv->env, code,
					  "the store could not be read");
}

enum status kv_get(struct kv_txn *txn, unsigned number, struct bytes key, struct bytes *out)
{
	const struct table *table = table_of(txn, number);
	MDB_val wanted = val_of(key), stored;
	int code;

	*out = BYTES_NONE;
	if (key.size == 0 || key.size > KV_KEY_MAX)
		return STATUS_NOT_FOUND;
	code = mdb_get(txn->lmdb, table->dbi, &wanted, &stored);
	return code == 0 ? unframe(txn, table, key, &stored, out) : read_failure(txn, code);
}

/* A copy of a key that may lie in a page which the change moves. */
static MDB_val copy_key(struct bytes key, uint8_t copy[KV_KEY_MAX])
{
	REQUIRE(key.size > 0 && key.size <= KV_KEY_MAX);
	memcpy(copy, key.data, key.size);
	return (MDB_val){ .mv_size = key.size, .mv_data = copy };
}

static const char write_failed[] = "a change could not be made: its transaction will not be kept";

static enum status put(struct kv_txn *txn, unsigned number, struct bytes key, struct bytes value,
    unsigned flags)
{
	const struct table *table = table_of(txn, number);
	uint8_t copy[KV_KEY_MAX];
	MDB_val key_val = copy_key(key, copy), framed;
	int code;

	REQUIRE(txn->is_write);
	framed = frame(txn, table, key, value);
	code = mdb_put(txn->lmdb, table->dbi, &key_val, &framed, flags);
	if (code == MDB_KEYEXIST)
		return STATUS_EXISTS;
	return code == 0 ? STATUS_OK : fail(txn, "kv-write-failed", code, write_failed);
}

enum status kv_put(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes value)
{
	return put(txn, table, key, value, 0);
}

enum status kv_append(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes value)
{
	return put(txn, table, key, value, MDB_APPEND);
}

enum status kv_delete(struct kv_txn *txn, unsigned number, struct bytes key)
{
	const struct table *table = table_of(txn, number);
	uint8_t copy[KV_KEY_MAX];
	MDB_val key_val = copy_key(key, copy);
	int code;

	REQUIRE(txn->is_write);
	code = mdb_del(txn->lmdb, table->dbi, &key_val, NULL);
	if (code == 0 || code == MDB_NOTFOUND)
		return STATUS_OK;
	return fail(txn, "kv-write-failed", code, write_failed);
}

enum status kv_count(struct kv_txn *txn, unsigned table, uint64_t *out)
{
	MDB_stat info = { 0 };
	int code = mdb_stat(txn->lmdb, table_of(txn, table)->dbi, &info);

	*out = info.ms_entries;
	return code == 0 ? STATUS_OK : read_failure(txn, code);
}

/* ---- cursors ---- */

enum status kv_cursor_open(struct kv_txn *txn, unsigned table, struct kv_cursor **out)
{
	struct kv_cursor *cursor = memory_new(sizeof(*cursor));
	int code = mdb_cursor_open(txn->lmdb, table_of(txn, table)->dbi, &cursor->lmdb);

	*out = NULL;
	if (code != 0) {
		free(cursor);
		return read_failure(txn, code);
	}
	cursor->txn = txn;
	cursor->table = table;
	txn->cursors++;
	*out = cursor;
	return STATUS_OK;
}

void kv_cursor_close(struct kv_cursor *cursor)
{
	if (cursor == NULL)
		return;
	mdb_cursor_close(cursor->lmdb);
	cursor->txn->cursors--;
	free(cursor);
}

/* What LMDB answered with CODE, handed out. */
static enum status hand_out(struct kv_cursor *cursor, int code, const MDB_val *found,
    const MDB_val *stored, struct bytes *key, struct bytes *value)
{
	*key = *value = BYTES_NONE;
	if (code != 0)
		return read_failure(cursor->txn, code);
	*key = bytes_of_val(found);
	return unframe(cursor->txn, table_of(cursor->txn, cursor->table), *key, stored, value);
}

static enum status step(struct kv_cursor *cursor, MDB_cursor_op op, struct bytes *key,
    struct bytes *value)
{
	MDB_val found, stored;
	int code = mdb_cursor_get(cursor->lmdb, &found, &stored, op);

	return hand_out(cursor, code, &found, &stored, key, value);
}

enum status kv_cursor_seek(struct kv_cursor *cursor, struct bytes at_least, struct bytes *key,
    struct bytes *value)
{
	MDB_val found = val_of(at_least), stored;
	int code;

	if (at_least.size == 0)
		return step(cursor, MDB_FIRST, key, value);
	code = mdb_cursor_get(cursor->lmdb, &found, &stored, MDB_SET_RANGE);
	return hand_out(cursor, code, &found, &stored, key, value);
}

enum status kv_cursor_seek_back(struct kv_cursor *cursor, struct bytes at_most, struct bytes *key,
    struct bytes *value)
{
	MDB_val found = val_of(at_most), stored;
	int code;

	*key = *value = BYTES_NONE;
	if (at_most.size == 0)
		return STATUS_NOT_FOUND;
	code = mdb_cursor_get(cursor->lmdb, &found, &stored, MDB_SET_RANGE);
	if (code == MDB_NOTFOUND)
		return step(cursor, MDB_LAST, key, value);
	if (code == 0 && !bytes_equal(bytes_of_val(&found), at_most))
		return step(cursor, MDB_PREV, key, value);
	return hand_out(cursor, code, &found, &stored, key, value);
}

enum status kv_cursor_last(struct kv_cursor *cursor, struct bytes *key, struct bytes *value)
{
	return step(cursor, MDB_LAST, key, value);
}

enum status kv_cursor_next(struct kv_cursor *cursor, struct bytes *key, struct bytes *value)
{
	return step(cursor, MDB_NEXT, key, value);
}

enum status kv_cursor_prev(struct kv_cursor *cursor, struct bytes *key, struct bytes *value)
{
	return step(cursor, MDB_PREV, key, value);
}

enum status kv_cursor_put(struct kv_cursor *cursor, struct bytes key, struct bytes value)
{
	struct kv_txn *txn = cursor->txn;
	uint8_t copy[KV_KEY_MAX];
	MDB_val key_val = copy_key(key, copy), framed;
	int code;

	REQUIRE(txn->is_write);
	framed = frame(txn, table_of(txn, cursor->table), key, value);
	code = mdb_cursor_put(cursor->lmdb, &key_val, &framed, 0);
	return code == 0 ? STATUS_OK : fail(txn, "kv-write-failed", code, write_failed);
}

enum status kv_cursor_delete(struct kv_cursor *cursor, struct bytes key)
{
	struct kv_txn *txn = cursor->txn;
	uint8_t copy[KV_KEY_MAX];
	MDB_val key_val = copy_key(key, copy), stored;
	int code;

	REQUIRE(txn->is_write);
	code = mdb_cursor_get(cursor->lmdb, &key_val, &stored, MDB_SET);
	if (code == MDB_NOTFOUND)
		return STATUS_OK;
	if (code == 0)
		code = mdb_cursor_del(cursor->lmdb, 0);
	return code == 0 ? STATUS_OK : fail(txn, "kv-write-failed", code, write_failed);
}

/* ---- copies ---- */

static enum status log_copy_failure(const char *directory, int code)
{
	log_write(LOG_ERROR, "kv-copy-failed",
	    LOG_FIELDS(LOG_TEXT("path", directory), LOG_TEXT("reason", mdb_strerror(code))),
	    "the store could not be copied there");
	return status_of_lmdb(code);
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
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
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
	int code = make_directories(directory);

	if (code == 0)
		code = require_empty(directory);
	if (code != 0)
		return log_copy_failure(directory, code);
	status = begin(kv, false, &guard);
	if (status != STATUS_OK)
		return status;
	path = text_format("%s/data.mdb", directory);
	code = copy_to_file(kv->env->lmdb, path);
	free(path);
	kv_abort(&guard);
	if (code == 0)
		code = sync_directory_and_parent(directory);
	return code == 0 ? STATUS_OK : log_copy_failure(directory, code);
}
