/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction.c - opening, and the one transaction that covers records, ledger and notes.
 */
#include "core/spool/parts.h"

#include <stdlib.h>

#include "core/require.h"

/*
 * "pending" and what follows came later: an agent of before has none for the records that it kept,
 * which only means that nothing takes their place.
 */
static const char *const tables[] = { "meta", "record", "number", "fact", "note", "pending",
	"bundle", "bundle_order", NULL };

/* Rises when a key or a value is laid out so that older bytes would be misread. */
enum { SPOOL_FORMAT = 1 };

static const unsigned lane_percent[LANE_END] = { 0, 50, 35, 15 };

struct bytes spool_key(struct spool_key *key, enum lane lane, uint64_t number)
{
	key->bytes[0] = (uint8_t)lane;
	for (unsigned i = 0; i < 8; i++)
		key->bytes[1 + i] = (uint8_t)(number >> 8 * (7 - i));
	return BYTES_OF(key->bytes);
}

/* ---- transactions ---- */

enum status spool_begin_trim(struct spool *spool)
{
	if (spool->write != NULL)
		return STATUS_OK;
	REQUIRE(spool->read == NULL);
	return kv_trim_begin(spool->kv, &spool->write);
}

enum status spool_begin(struct spool *spool)
{
	if (spool->write != NULL)
		return STATUS_OK;
	REQUIRE(spool->read == NULL);
	return kv_write_begin(spool->kv, &spool->write);
}

void spool_abort(struct spool *spool)
{
	spool->undone += spool->write != NULL;
	kv_abort(&spool->write);
	/* What was refused is so whatever becomes of the rest. */
	for (unsigned lane = 1; lane < LANE_END; lane++)
		spool->committed.lanes[lane].refused = spool->now.lanes[lane].refused;
	spool->now = spool->committed;
}

uint64_t spool_undone(const struct spool *spool)
{
	return spool->undone;
}

enum status spool_undo(struct spool *spool, enum status status)
{
	if (status != STATUS_OK)
		spool_abort(spool);
	return status;
}

enum status spool_commit(struct spool *spool)
{
	enum status status;

	if (spool->write == NULL)
		return STATUS_OK;
	status = spool_meta_write(spool);
	if (status != STATUS_OK)
		return spool_undo(spool, status);
	status = kv_commit(&spool->write);
	if (status != STATUS_OK) {
		spool->undone++;
		return spool_undo(spool, status);
	}
	spool->committed = spool->now;
	return STATUS_OK;
}

/* ---- opening ---- */

static enum status start(struct spool *spool)
{
	struct kv_txn *txn;
	enum status status = kv_read_begin(spool->kv, &txn);

	if (status != STATUS_OK)
		return status;
	status = spool_meta_load(spool, txn);
	if (status == STATUS_OK)
		status = spool_digest_load(spool, txn);
	kv_abort(&txn);
	if (status == STATUS_NOT_FOUND)
		hash_random(spool->now.store, sizeof(spool->now.store));
	else if (status != STATUS_OK)
		return status;
	spool->committed = spool->now;
	status = spool_begin(spool);
	if (status != STATUS_OK)
		return status;
	spool->now.starts++;
	return spool_commit(spool);
}

enum status spool_open(const char *directory, uint64_t size_max, struct spool **out)
{
	struct spool *spool = memory_new(sizeof(*spool));
	/* Twice the records: pages are not full, and deleting needs room too. */
	struct kv_options options = { .tables = tables,
		.format = SPOOL_FORMAT,
		.is_writer = true,
		.map_limit = 2 * size_max + 64 * 1024 * 1024 };
	enum status status = kv_open(directory, &options, &spool->kv);

	if (status == STATUS_OK)
		status = start(spool);
	if (status != STATUS_OK) {
		spool_close(spool);
		return status;
	}
	for (unsigned lane = 1; lane < LANE_END; lane++)
		spool->quota[lane] = size_max / 100 * lane_percent[lane];
	clock_boot_id(spool->boot_id);
	hash_random(spool->instance, sizeof(spool->instance));
	*out = spool;
	return STATUS_OK;
}

void spool_close(struct spool *spool)
{
	if (spool == NULL)
		return;
	spool_release(spool);
	kv_abort(&spool->write);
	kv_close(spool->kv);
	buffer_fini(&spool->scratch);
	arena_fini(&spool->arena);
	free(spool);
}
