/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/state/bundle_store.h"

#include "processors/state/tables.h"

enum {
	ORDER_KEY = 8 + BUNDLE_HASH_SIZE,
	DROPPED_AT_ONCE = 10 * 1000,
};

/* A use is written down once an hour at most: else each would cost as much as a fact. */
static const uint64_t use_step_ms = 3600 * 1000;

static const char total_key[] = "total";

/* ---- numbers ---- */

/* 0 where there is none. */
static enum status get_u64(struct txn *txn, unsigned table, struct bytes key, uint64_t *out)
{
	struct bytes value;
	enum status status = txn_get(txn, table, key, &value);

	*out = 0;
	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (status == STATUS_OK && value.size != 8)
		return STATUS_CORRUPT;
	if (status == STATUS_OK)
		*out = bytes_u64(value.data);
	return status;
}

static void put_u64(struct txn *txn, unsigned table, struct bytes key, uint64_t number)
{
	struct buffer value = { 0 };

	buffer_append_u64(&value, number);
	txn_put(txn, table, key, buffer_bytes(&value));
	buffer_fini(&value);
}

static enum status add_total(struct txn *txn, uint64_t add, uint64_t less, uint64_t *total)
{
	enum status status = get_u64(txn, STATE_BUNDLE_USE, bytes_of_text(total_key), total);

	if (status != STATUS_OK)
		return status;
	*total = *total + add > less ? *total + add - less : 0;
	put_u64(txn, STATE_BUNDLE_USE, bytes_of_text(total_key), *total);
	return STATUS_OK;
}

/* ---- one bundle ---- */

static void order_key(struct buffer *key, uint64_t used_ms, struct bytes hash)
{
	buffer_clear(key);
	buffer_append_u64(key, used_ms);
	buffer_append(key, hash);
}

static void set_used(struct txn *txn, struct bytes hash, uint64_t size, uint64_t before_ms,
    uint64_t now_ms)
{
	struct buffer order = { 0 };

	order_key(&order, before_ms, hash);
	txn_delete(txn, STATE_BUNDLE_ORDER, buffer_bytes(&order));
	order_key(&order, now_ms, hash);
	put_u64(txn, STATE_BUNDLE_ORDER, buffer_bytes(&order), size);
	put_u64(txn, STATE_BUNDLE_USE, hash, now_ms);
	buffer_fini(&order);
}

enum status bundle_store_get(struct txn *txn, const uint8_t hash[BUNDLE_HASH_SIZE], uint64_t now_ms,
    struct bytes *out)
{
	struct bytes key = BYTES(hash, BUNDLE_HASH_SIZE);
	uint64_t used_ms;
	enum status status = txn_get(txn, STATE_BUNDLE, key, out);

	if (status != STATUS_OK)
		return status;
	status = get_u64(txn, STATE_BUNDLE_USE, key, &used_ms);
	if (status == STATUS_OK && now_ms > used_ms && now_ms - used_ms >= use_step_ms)
		set_used(txn, key, out->size, used_ms, now_ms);
	return status;
}

/* ---- going ---- */

static enum status drop(struct txn *txn, const uint8_t key[ORDER_KEY], uint64_t *total)
{
	struct bytes hash = BYTES(key + 8, BUNDLE_HASH_SIZE), bytes;
	enum status status = txn_get(txn, STATE_BUNDLE, hash, &bytes);

	if (status == STATUS_NOT_FOUND)
		return STATUS_CORRUPT;
	if (status == STATUS_OK)
		status = add_total(txn, 0, bytes.size, total);
	txn_delete(txn, STATE_BUNDLE, hash);
	txn_delete(txn, STATE_BUNDLE_USE, hash);
	txn_delete(txn, STATE_BUNDLE_ORDER, BYTES(key, ORDER_KEY));
	return status;
}

/* The oldest, in ORDER: those not used since BEFORE_MS, and as many as have BYTES together. */
static enum status find_oldest(struct txn *txn, uint64_t before_ms, uint64_t bytes,
    struct buffer *order)
{
	struct txn_scan *scan = NULL;
	struct bytes found, value;
	uint64_t freed = 0;
	enum status status = txn_scan_open(txn, STATE_BUNDLE_ORDER, BYTES_NONE, BYTES_NONE, &scan);

	for (unsigned i = 0; status == STATUS_OK && i < DROPPED_AT_ONCE; i++) {
		status = txn_scan_next(scan, &found, &value);
		if (status == STATUS_OK && (found.size != ORDER_KEY || value.size != 8))
			status = STATUS_CORRUPT;
		if (status != STATUS_OK || (bytes_u64(found.data) >= before_ms && freed >= bytes))
			break;
		buffer_append(order, found);
		freed += bytes_u64(value.data);
	}
	txn_scan_close(scan);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status drop_oldest(struct txn *txn, uint64_t before_ms, uint64_t bytes, uint64_t *total)
{
	struct buffer order = { 0 };
	enum status status = find_oldest(txn, before_ms, bytes, &order);

	for (size_t at = 0; status == STATUS_OK && at < order.size; at += ORDER_KEY)
		status = drop(txn, order.data + at, total);
	buffer_fini(&order);
	return status;
}

enum status bundle_store_put(struct txn *txn, const uint8_t hash[BUNDLE_HASH_SIZE],
    struct bytes bytes, uint64_t now_ms, uint64_t size_max)
{
	struct bytes key = BYTES(hash, BUNDLE_HASH_SIZE), before;
	uint64_t total = 0;
	enum status status = txn_get(txn, STATE_BUNDLE, key, &before);

	if (status != STATUS_NOT_FOUND)
		return status;
	status = add_total(txn, bytes.size, 0, &total);
	/* Some more at once, so that not every one that comes has to look for another. */
	if (status == STATUS_OK && total > size_max)
		status = drop_oldest(txn, 0, total - size_max + size_max / 16, &total);
	if (status == STATUS_OK && total > size_max)
		return add_total(txn, 0, bytes.size, &total);
	if (status == STATUS_OK) {
		txn_put(txn, STATE_BUNDLE, key, bytes);
		set_used(txn, key, bytes.size, 0, now_ms);
	}
	return status;
}

enum status bundle_store_expire(struct txn *txn, uint64_t before_ms)
{
	uint64_t total;

	return drop_oldest(txn, before_ms, 0, &total);
}
