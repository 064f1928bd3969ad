/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions: what begins one, when one may not begin, and what a failed one leaves behind.  Room
 * is looked for under LMDB's write lock, so that no other thread's transaction takes it meanwhile.
 */
#include "core/kv/parts.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/require.h"

enum { GROW_AT_PERCENT = 80, REFUSE_AT_PERCENT = 90 };
enum { READERS_CHECK_MS = 30 * 1000, ADOPT_TRIES = 8 };

/* An LMDB code. */
static int begin_once(struct kv *kv, bool is_write, struct kv_txn **out)
{
	struct kv_txn *txn = memory_new(sizeof(*txn));
	int code;

	*out = NULL;
	txn->kv = kv;
	txn->is_write = is_write;
	if (!kv_gate_enter(kv->env, txn)) {
		free(txn);
		return MDB_PANIC;
	}
	code = mdb_txn_begin(kv->env->lmdb, NULL, is_write ? 0 : MDB_RDONLY, &txn->lmdb);
	if (code == 0) {
		*out = txn;
		return 0;
	}
	kv_gate_leave(kv->env, txn);
	free(txn);
	return code;
}

/* Takes over the map of another process that has grown it, as often as it does. */
enum status kv_transaction_begin(struct kv *kv, bool is_write, struct kv_txn **out)
{
	int code = begin_once(kv, is_write, out);

	for (unsigned tries = 0; code == MDB_MAP_RESIZED && tries < ADOPT_TRIES; tries++) {
		if (!kv_gate_exclude(kv->env, KV_WAIT_MS))
			return STATUS_AGAIN;
		code = kv_growth_replace_map(kv->env, 0);
		kv_gate_admit(kv->env);
		if (code == 0)
			code = begin_once(kv, is_write, out);
	}
	return code == 0 ? STATUS_OK
	                 : kv_lmdb_log_failure("kv-begin-failed", kv->env, code,
			     "no transaction could begin");
}

enum status kv_read_begin(struct kv *kv, struct kv_txn **out)
{
	return kv_transaction_begin(kv, false, out);
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

static bool wants_growth(struct environment *env, const struct kv_usage_pages *usage)
{
	pthread_mutex_lock(&env->mutex);
	bool wants = env->wants_growth;
	pthread_mutex_unlock(&env->mutex);
	return wants || kv_growth_is_beyond(usage->last_pages, usage->map_pages, GROW_AT_PERCENT);
}

/* GROWTH failed.  Only now is it worth counting what could be used again. */
static enum status refuse_if_nearly_full(struct kv_txn **txn, enum status growth)
{
	MDB_env *lmdb = (*txn)->kv->env->lmdb;
	struct kv_usage_pages usage = kv_growth_usage(lmdb);

	usage.free_pages = kv_growth_free_pages(lmdb);
	if (!kv_growth_is_beyond(kv_growth_pages_in_use(&usage), usage.map_pages,
		REFUSE_AT_PERCENT))
		return STATUS_OK;
	kv_abort(txn);
	return growth == STATUS_NO_SPACE ? STATUS_NO_SPACE : STATUS_FULL;
}

static enum status begin_write(struct kv *kv, bool is_trim, struct kv_txn **out)
{
	struct kv_usage_pages usage;
	enum status status, growth;
	bool is_urgent;

	REQUIRE(kv->is_writer);
	status = kv_transaction_begin(kv, true, out);
	if (status != STATUS_OK)
		return status;
	check_readers(kv->env);
	usage = kv_growth_usage(kv->env->lmdb);
	if (!wants_growth(kv->env, &usage))
		return STATUS_OK;
	is_urgent = kv_growth_is_beyond(usage.last_pages, usage.map_pages, REFUSE_AT_PERCENT);
	kv_abort(out);
	growth = kv_growth_grow(kv->env, is_urgent ? KV_WAIT_MS : KV_WAIT_BRIEFLY_MS);
	status = kv_transaction_begin(kv, true, out);
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

	kv_gate_leave(env, txn);
	/* At once, so that the larger file is there after a restart too. */
	if (txn->is_too_large)
		(void)kv_growth_grow(env, KV_WAIT_BRIEFLY_MS);
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
enum status kv_transaction_fail(struct kv_txn *txn, const char *id, int code, const char *what)
{
	struct environment *env = txn->kv->env;
	enum status status = kv_lmdb_log_failure(id, env, code, what);

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
		status = kv_transaction_fail(txn, "kv-commit-failed", code,
		    "a transaction could not be made durable: nothing of it is kept");
	end(txn);
	return status;
}
