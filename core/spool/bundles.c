/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundles.c - facts that go as a hash, and their bytes, which are kept for the server to ask for.
 *
 * The bytes count in the bulk lane.  Those that the server has heard of go when others need their
 * room, or after a while: if it asks too late, the facts are observed anew.  Those that wait with
 * their record stay, or it would name what nobody has.
 */
#include "core/spool/parts.h"

#include <stdlib.h>

#include "core/require.h"
#include "proto/observation.pb-c.h"

enum {
	ROW_HEAD = 8 + 8,
	ORDER_KEY = 8 + BUNDLE_HASH_SIZE,
	RECORD_ROOM = 512, /* what a record adds to its body, and some to spare */
};

uint64_t spool_lane_bytes(const struct spool *spool, enum lane lane)
{
	return spool->now.lanes[lane].bytes + (lane == LANE_BULK ? spool->now.bundle_bytes : 0);
}

/* ---- rows ---- */

static void order_key(struct buffer *out, uint64_t position, struct bytes hash)
{
	buffer_append_u64(out, position);
	buffer_append(out, hash);
}

/* Borrowed; NOT_FOUND, CORRUPT, IO. */
static enum status get_row(struct spool *spool, struct bytes hash, struct bytes *row)
{
	enum status status = kv_get(spool->write, SPOOL_BUNDLE, hash, row);

	return status == STATUS_OK && row->size < ROW_HEAD ? STATUS_CORRUPT : status;
}

static enum status drop_row(struct spool *spool, struct bytes hash)
{
	struct buffer order = { 0 };
	struct bytes row;
	enum status status = get_row(spool, hash, &row);

	if (status == STATUS_OK) {
		uint64_t size = row.size - ROW_HEAD;

		order_key(&order, bytes_u64(row.data), hash);
		spool->now.bundle_bytes -= size < spool->now.bundle_bytes ? size
		                                                          : spool->now.bundle_bytes;
		status = kv_delete(spool->write, SPOOL_BUNDLE_ORDER, buffer_bytes(&order));
		if (status == STATUS_OK)
			status = kv_delete(spool->write, SPOOL_BUNDLE, hash);
	}
	buffer_fini(&order);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status keep_row(struct spool *spool, uint64_t position, struct bytes hash,
    struct bytes bytes)
{
	struct buffer order = { 0 }, row = { 0 };
	enum status status = drop_row(spool, hash);

	order_key(&order, position, hash);
	buffer_append_u64(&row, position);
	buffer_append_u64(&row, clock_wall_ms());
	buffer_append(&row, bytes);
	if (status == STATUS_OK)
		status = kv_put(spool->write, SPOOL_BUNDLE, hash, buffer_bytes(&row));
	if (status == STATUS_OK)
		status = kv_put(spool->write, SPOOL_BUNDLE_ORDER, buffer_bytes(&order), BYTES_NONE);
	spool->now.bundle_bytes += bytes.size;
	buffer_fini(&order);
	buffer_fini(&row);
	return status;
}

/* ---- dropping ---- */

/* The one that was kept first, where the record that named it is acknowledged; else NOT_FOUND. */
static enum status oldest_heard_of(struct spool *spool, uint8_t hash[BUNDLE_HASH_SIZE])
{
	struct kv_cursor *cursor = NULL;
	struct spool_key record;
	struct bytes key, value;
	enum status status = kv_cursor_open(spool->write, SPOOL_BUNDLE_ORDER, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	if (status == STATUS_OK && key.size != ORDER_KEY)
		status = STATUS_CORRUPT;
	if (status == STATUS_OK) {
		memcpy(hash, key.data + 8, BUNDLE_HASH_SIZE);
		status = kv_get(spool->write, SPOOL_RECORD,
		    spool_key(&record, LANE_BULK, bytes_u64(key.data)), &value);
		if (status == STATUS_OK)
			status = STATUS_AGAIN;
		else if (status == STATUS_NOT_FOUND)
			status = STATUS_OK;
	}
	kv_cursor_close(cursor);
	return status == STATUS_AGAIN ? STATUS_NOT_FOUND : status;
}

enum status spool_trim_bundles(struct spool *spool, uint64_t bytes)
{
	uint64_t before = spool->now.bundle_bytes;
	uint8_t hash[BUNDLE_HASH_SIZE];
	enum status status = STATUS_OK;

	while (status == STATUS_OK && before - spool->now.bundle_bytes < bytes) {
		status = oldest_heard_of(spool, hash);
		if (status == STATUS_OK)
			status = drop_row(spool, BYTES_OF(hash));
	}
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status spool_expire_bundles(struct spool *spool, uint64_t before_ms)
{
	uint8_t hash[BUNDLE_HASH_SIZE];
	enum status status = STATUS_OK;
	struct bytes row;

	if (spool->now.bundle_bytes == 0)
		return STATUS_OK;
	status = spool_begin_trim(spool);
	while (status == STATUS_OK) {
		status = oldest_heard_of(spool, hash);
		if (status == STATUS_OK)
			status = get_row(spool, BYTES_OF(hash), &row);
		if (status == STATUS_OK && bytes_u64(row.data + 8) >= before_ms)
			break;
		if (status == STATUS_OK)
			status = drop_row(spool, BYTES_OF(hash));
	}
	return spool_undo(spool, status == STATUS_NOT_FOUND ? STATUS_OK : status);
}

/* ---- appending ---- */

static void pack_have(struct buffer *out, const char *collector, uint64_t revision,
    const struct spool_bundle *bundles, size_t count)
{
	Fettle__Have have = FETTLE__HAVE__INIT;
	uint8_t hashes[SPOOL_BUNDLES_MAX * BUNDLE_HASH_SIZE], counts[SPOOL_BUNDLES_MAX];
	uint64_t size = 0, facts = 0;

	for (size_t i = 0; i < count; i++) {
		bundle_hash(bundles[i].bytes, hashes + i * BUNDLE_HASH_SIZE);
		counts[i] = (uint8_t)bundles[i].count;
		size += bundles[i].bytes.size;
		facts += bundles[i].count;
	}
	RECORD_SET_BYTES(&have, hash, BYTES(hashes, count * BUNDLE_HASH_SIZE));
	RECORD_SET_BYTES(&have, counts, BYTES(counts, count));
	RECORD_SET(&have, size, size);
	RECORD_SET(&have, facts, facts);
	RECORD_SET(&have, revision, revision);
	RECORD_SET(&have, is_baseline, true);
	have.collector = RECORD_TEXT(collector);
	record_pack(out, &have.base);
}

static enum status remember(struct spool *spool, const struct spool_bundle *bundle)
{
	uint8_t hash[BUNDLE_HASH_SIZE];
	enum status status;

	bundle_hash(bundle->bytes, hash);
	status = keep_row(spool, spool->now.lanes[LANE_BULK].appended, BYTES_OF(hash),
	    bundle->bytes);
	for (size_t i = 0; status == STATUS_OK && i < bundle->count; i++) {
		spool->now.revision++;
		status = spool_ledger_remember(spool, bundle->keys[i], bundle->hashes[i]);
	}
	return status;
}

enum status spool_append_bundles(struct spool *spool, const char *collector,
    const struct spool_bundle *bundles, size_t count)
{
	struct buffer body = { 0 };
	uint64_t facts = 0;
	size_t bytes = 0;
	enum status status;

	REQUIRE(count > 0 && count <= SPOOL_BUNDLES_MAX);
	for (size_t i = 0; i < count; i++) {
		REQUIRE(bundles[i].count > 0 && bundles[i].count <= BUNDLE_FACTS_MAX);
		facts += bundles[i].count;
		bytes += bundles[i].bytes.size;
	}
	pack_have(&body, collector, spool->now.revision + 1, bundles, count);
	status = spool_append_counted(spool, LANE_BULK, FETTLE__KIND__KIND_HAVE, 0,
	    buffer_bytes(&body), bytes, facts);
	buffer_fini(&body);
	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; status == STATUS_OK && i < count; i++)
		status = remember(spool, &bundles[i]);
	return spool_undo(spool, status);
}

/* ---- answering ---- */

static bool fits(const struct spool *spool, size_t size)
{
	return spool_lane_bytes(spool, LANE_BULK) + size + RECORD_ROOM <= spool->quota[LANE_BULK];
}

/* Where there is no room for both, the record takes the place of what is kept. */
static enum status append_kept(struct spool *spool, struct bytes hash, uint64_t position,
    struct bytes bytes)
{
	enum status status = STATUS_OK;
	bool is_kept = fits(spool, bytes.size);

	if (!is_kept)
		status = drop_row(spool, hash);
	if (status == STATUS_OK && !fits(spool, bytes.size))
		status = spool_trim_bundles(spool, RECORD_ROOM);
	if (status == STATUS_OK && fits(spool, bytes.size))
		return spool_append(spool, LANE_BULK, FETTLE__KIND__KIND_BUNDLE, 0, bytes);
	return status == STATUS_OK && !is_kept ? keep_row(spool, position, hash, bytes) : status;
}

enum status spool_append_bundle(struct spool *spool, const uint8_t hash[BUNDLE_HASH_SIZE])
{
	struct bytes key = BYTES(hash, BUNDLE_HASH_SIZE), row;
	struct buffer copy = { 0 };
	enum status status = spool_begin(spool);

	if (status == STATUS_OK)
		status = get_row(spool, key, &row);
	if (status == STATUS_NOT_FOUND)
		return status;
	if (status == STATUS_OK) {
		buffer_append(&copy, row);
		status = append_kept(spool, key, bytes_u64(copy.data),
		    BYTES(copy.data + ROW_HEAD, copy.size - ROW_HEAD));
	}
	buffer_fini(&copy);
	return spool_undo(spool, status);
}

enum status spool_withdraw_bundles(struct spool *spool, const struct spool_withdrawn *bundles,
    size_t count)
{
	Fettle__Have have = FETTLE__HAVE__INIT;
	struct buffer hashes = { 0 }, body = { 0 };
	enum status status;

	have.revisions = memory_new(count * sizeof(*have.revisions));
	for (size_t i = 0; i < count; i++) {
		buffer_append(&hashes, bundles[i].hash);
		have.revisions[have.n_revisions++] = bundles[i].revision;
	}
	RECORD_SET_BYTES(&have, hash, buffer_bytes(&hashes));
	RECORD_SET(&have, is_withdrawn, true);
	record_pack(&body, &have.base);
	status = spool_append(spool, LANE_BULK, FETTLE__KIND__KIND_HAVE, 0, buffer_bytes(&body));
	buffer_fini(&hashes);
	buffer_fini(&body);
	free(have.revisions);
	if (status == STATUS_OK)
		status = spool_ledger_untold_revisions(spool, bundles, count);
	if (status == STATUS_OK)
		status = spool_forget_passes(spool);
	/* A pass under way has looked at them already, and is not whole. */
	spool->forgotten++;
	return status == STATUS_FULL ? status : spool_undo(spool, status);
}
