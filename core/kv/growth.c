/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map doubles once it is 80 % used, and as long as the disk and the limit allow it.  Its last
 * tenth is kept for deleting, which needs pages too.
 */
#include "core/kv/parts.h"

#include <string.h>

#include "core/require.h"

/*
 * LMDB's list of free pages is its database 0: each record begins with the number of pages that it
 * names.  Within the gate.
 */
uint64_t kv_growth_free_pages(MDB_env *lmdb)
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
struct kv_usage_pages kv_growth_usage(MDB_env *lmdb)
{
	MDB_envinfo info = { 0 };
	MDB_stat stat_ = { .ms_psize = 1 };

	(void)mdb_env_info(lmdb, &info);
	(void)mdb_env_stat(lmdb, &stat_);
	return (struct kv_usage_pages){
		.page_bytes = stat_.ms_psize,
		.map_pages = info.me_mapsize / stat_.ms_psize,
		.last_pages = info.me_last_pgno + 1,
	};
}

uint64_t kv_growth_pages_in_use(const struct kv_usage_pages *usage)
{
	return usage->last_pages - (usage->free_pages < usage->last_pages ? usage->free_pages : 0);
}

bool kv_growth_is_beyond(uint64_t pages, uint64_t map_pages, unsigned percent)
{
	return pages > map_pages / 100 * percent + map_pages % 100 * percent / 100;
}

/* Within the exclusion.  SIZE 0: what another process made of it. */
int kv_growth_replace_map(struct environment *env, uint64_t size)
{
	int code = mdb_env_set_mapsize(env->lmdb, size);

	pthread_mutex_lock(&env->mutex);
	if (code == 0)
		env->map_bytes = kv_lmdb_map_bytes(env->lmdb);
	env->is_broken = code != 0;
	env->wants_growth = env->is_growth_refused = false;
	pthread_mutex_unlock(&env->mutex);
	if (code != 0)
		(void)kv_lmdb_log_failure("kv-map-failed", env, code,
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
		kv_disk_log_no_space(env, LOG_WARN, fd, target,
		    "the store cannot grow and will soon take nothing more");
	else
		log_write(LOG_WARN, "kv-full",
		    LOG_FIELDS(LOG_TEXT("path", env->path), LOG_NUMBER("map_bytes", target)),
		    "the store has reached its limit and will soon take nothing more: raise the "
		    "limit, or let it keep less");
	return status;
}

/* Called where this thread has left the gate.  The file grows first: its failure changes nothing.
 */
enum status kv_growth_grow(struct environment *env, unsigned wait_ms)
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
	status = kv_lmdb_status(kv_disk_allocate(fd, target));
	if (status != STATUS_OK)
		return refuse_growth(env, status, target);
	if (!kv_gate_exclude(env, wait_ms))
		return STATUS_AGAIN;
	if (env->map_bytes < target)
		status = kv_growth_replace_map(env, target) == 0 ? STATUS_OK : STATUS_IO;
	kv_gate_admit(env);
	if (status == STATUS_OK)
		log_write(LOG_INFO, "kv-grown",
		    LOG_FIELDS(LOG_TEXT("path", env->path), LOG_NUMBER("map_bytes", target)),
		    "the store has grown");
	return status;
}

void kv_usage(struct kv *kv, uint64_t *map_bytes, uint64_t *used_bytes)
{
	struct kv_txn guard = { .kv = kv };
	struct kv_usage_pages usage;

	*map_bytes = *used_bytes = 0;
	if (!kv_gate_enter(kv->env, &guard))
		return;
	usage = kv_growth_usage(kv->env->lmdb);
	usage.free_pages = kv_growth_free_pages(kv->env->lmdb);
	kv_gate_leave(kv->env, &guard);
	*map_bytes = usage.map_pages * usage.page_bytes;
	*used_bytes = kv_growth_pages_in_use(&usage) * usage.page_bytes;
}
