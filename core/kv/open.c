/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles, the environments that they share, and their tables.
 */
#include "core/kv/parts.h"

#include <errno.h>
#include <stdlib.h>

#include "core/hash.h"
#include "core/require.h"

static const uint64_t map_default = UINT64_C(16) << 20;
static const uint64_t map_limit_default = UINT64_C(1) << 40;

/* Every environment that this process has open. */
static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, environment) registry = LIST_HEAD_INITIALIZER(registry);

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

enum status kv_open_tables(struct kv *kv, const char *const *names, bool may_create)
{
	struct environment *env = kv->env;
	unsigned known = env->table_count;
	struct kv_txn *txn = NULL;
	enum status status = kv_transaction_begin(kv, may_create, &txn);
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
		status = kv_lmdb_log_open_code(env->path, code);
	kv_abort(&txn);
	if (status != STATUS_OK) {
		forget_tables(env, known); /* LMDB closes what a failed transaction opened */
		kv->count = 0;
	}
	return status;
}

/* Looks first, so that only what is missing costs a write. */
static enum status find_tables(struct kv *kv, const char *const *names)
{
	enum status status = kv_open_tables(kv, names, false);

	return status == STATUS_NOT_FOUND && kv->is_writer ? kv_open_tables(kv, names, true)
	                                                   : status;
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
	return code == 0 ? STATUS_OK : kv_lmdb_log_open_code(env->path, code);
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
	kv_gate_init(env);
	LIST_INSERT_HEAD(&registry, env, link);
	return env;
}

static void drop_environment(struct environment *env)
{
	REQUIRE(LIST_EMPTY(&env->running));
	LIST_REMOVE(env, link);
	kv_lmdb_close(env);
	kv_lock_drop(env);
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

	if (!kv_gate_exclude(env, KV_WAIT_BRIEFLY_MS * 10))
		return kv_lmdb_log_open_failure(env->path, STATUS_BUSY,
		    "this process is reading it");
	kv_lmdb_close(env);
	status = kv_lmdb_open(env, true, map_initial);
	if (status != STATUS_OK && kv_lmdb_open(env, false, 0) != STATUS_OK)
		env->is_broken = true;
	else if (reopen_tables(env) != STATUS_OK)
		env->is_broken = true;
	kv_gate_admit(env);
	return env->is_broken ? STATUS_IO : status;
}

static enum status attach_writer(struct environment *env, const struct kv_options *options)
{
	uint64_t initial = options->map_initial == 0 ? map_default : options->map_initial;
	enum status status = env->writers > 0 ? STATUS_OK : kv_lock_take(env);

	if (status == STATUS_OK && env->lmdb == NULL)
		status = kv_lmdb_open(env, true, initial);
	else if (status == STATUS_OK && !env->is_writable)
		status = make_writable(env, initial);
	if (env->writers == 0 && status != STATUS_OK)
		kv_lock_drop(env);
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
		kv_lock_drop(env);
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
		status = kv_lmdb_open(env, false, 0);
	kv->is_writer = options->is_writer && status == STATUS_OK;
	if (status == STATUS_OK)
		status = kv_format_check(kv, options->format);
	if (status == STATUS_OK)
		status = find_tables(kv, options->tables);
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
	int error = options->is_writer ? kv_disk_make_directories(directory) : 0;

	*out = NULL;
	if (error != 0)
		return kv_lmdb_log_open_code(directory, error);
	path = realpath(directory, NULL);
	if (path == NULL && errno == ENOENT && !options->is_writer)
		return STATUS_NOT_FOUND;
	if (path == NULL)
		return kv_lmdb_log_open_code(directory, errno);
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
