/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/state/awaited.h"

#include "core/record.h"
#include "processors/state/tables.h"

/* ---- keys ---- */

static void awaited_key(struct buffer *key, const uint8_t *hash, const struct asset_ref *asset)
{
	buffer_append(key, BYTES(hash, BUNDLE_HASH_SIZE));
	buffer_append_u8(key, asset->slot);
	buffer_append(key, BYTES_OF(asset->id));
}

/* What the keys begin with of all that COLLECTOR saw there. */
static void collector_key(struct buffer *key, const struct asset_ref *asset, const char *collector)
{
	asset_key(key, asset);
	buffer_append_text(key, collector == NULL ? "" : collector);
	buffer_append_u8(key, 0);
}

/* The first entry of TABLE below PREFIX, in KEY and VALUE (NULL: not wanted). */
static enum status first_below(struct txn *txn, unsigned table, struct bytes prefix,
    struct buffer *key, struct buffer *value)
{
	struct txn_scan *scan = NULL;
	struct bytes found, row;
	enum status status = txn_scan_open(txn, table, prefix, BYTES_NONE, &scan);

	buffer_clear(key);
	while (status == STATUS_OK && key->size == 0) {
		status = txn_scan_next(scan, &found, &row);
		if (status != STATUS_OK || found.size == prefix.size)
			continue; /* the prefix alone is a count */
		buffer_append(key, found);
		if (value != NULL)
			buffer_append(value, row);
	}
	txn_scan_close(scan);
	return status;
}

/* ---- how many ---- */

static enum status get_count(struct txn *txn, struct bytes key, uint64_t *out)
{
	struct bytes value;
	enum status status = txn_get(txn, STATE_AWAITING, key, &value);

	*out = 0;
	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (status == STATUS_OK && value.size != 8)
		return STATUS_CORRUPT;
	if (status == STATUS_OK)
		*out = bytes_u64(value.data);
	return status;
}

static enum status count(struct txn *txn, const struct asset_ref *asset, bool is_more)
{
	struct buffer key = { 0 }, value = { 0 };
	uint64_t before;
	enum status status;

	asset_key(&key, asset);
	status = get_count(txn, buffer_bytes(&key), &before);
	if (status == STATUS_OK && is_more && before >= AWAITED_MAX)
		status = STATUS_FULL;
	if (status == STATUS_OK && !is_more && before <= 1) {
		txn_delete(txn, STATE_AWAITING, buffer_bytes(&key));
	} else if (status == STATUS_OK) {
		buffer_append_u64(&value, is_more ? before + 1 : before - 1);
		txn_put(txn, STATE_AWAITING, buffer_bytes(&key), buffer_bytes(&value));
	}
	buffer_fini(&key);
	buffer_fini(&value);
	return status;
}

/* ---- bundles ---- */

enum status awaited_get(struct txn *txn, const uint8_t hash[BUNDLE_HASH_SIZE],
    const struct asset_ref *asset, struct arena *arena, Fettle__StateAwaited **out)
{
	struct buffer key = { 0 };
	struct bytes value;
	enum status status;

	awaited_key(&key, hash, asset);
	status = txn_get(txn, STATE_AWAITED, buffer_bytes(&key), &value);
	buffer_fini(&key);
	if (status != STATUS_OK)
		return status;
	*out = record_unpack(&fettle__state_awaited__descriptor, value, arena);
	return *out == NULL || (*out)->record == NULL || (*out)->record->envelope == NULL
	            || (*out)->record->stamp == NULL
	         ? STATUS_CORRUPT
	         : STATUS_OK;
}

enum status awaited_remove(struct txn *txn, const uint8_t hash[BUNDLE_HASH_SIZE],
    const struct asset_ref *asset, const Fettle__StateAwaited *row)
{
	struct buffer key = { 0 }, of_collector = { 0 };

	awaited_key(&key, hash, asset);
	collector_key(&of_collector, asset, row->collector);
	buffer_append(&of_collector, BYTES(hash, BUNDLE_HASH_SIZE));
	txn_delete(txn, STATE_AWAITED, buffer_bytes(&key));
	txn_delete(txn, STATE_AWAITING, buffer_bytes(&of_collector));
	buffer_fini(&key);
	buffer_fini(&of_collector);
	return count(txn, asset, false);
}

enum status awaited_put(struct txn *txn, const uint8_t hash[BUNDLE_HASH_SIZE],
    const struct asset_ref *asset, const Fettle__StateAwaited *row)
{
	struct buffer key = { 0 }, of_collector = { 0 }, value = { 0 };
	struct arena arena = { 0 };
	Fettle__StateAwaited *before;
	enum status status = awaited_get(txn, hash, asset, &arena, &before);

	if (status == STATUS_OK)
		status = awaited_remove(txn, hash, asset, before);
	if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		status = count(txn, asset, true);
	if (status == STATUS_OK) {
		awaited_key(&key, hash, asset);
		collector_key(&of_collector, asset, row->collector);
		buffer_append(&of_collector, BYTES(hash, BUNDLE_HASH_SIZE));
		record_pack(&value, &row->base);
		txn_put(txn, STATE_AWAITED, buffer_bytes(&key), buffer_bytes(&value));
		txn_put(txn, STATE_AWAITING, buffer_bytes(&of_collector), BYTES_NONE);
	}
	buffer_fini(&key);
	buffer_fini(&of_collector);
	buffer_fini(&value);
	arena_fini(&arena);
	return status;
}

enum status awaited_next(struct txn *txn, const uint8_t hash[BUNDLE_HASH_SIZE],
    const struct asset_ref *after, struct asset_ref *out)
{
	struct txn_scan *scan = NULL;
	struct buffer from = { 0 };
	struct bytes key, value;
	enum status status;

	if (after != NULL) {
		awaited_key(&from, hash, after);
		buffer_append_u8(&from, 0);
	}
	status = txn_scan_open(txn, STATE_AWAITED, BYTES(hash, BUNDLE_HASH_SIZE),
	    buffer_bytes(&from), &scan);
	if (status == STATUS_OK)
		status = txn_scan_next(scan, &key, &value);
	if (status == STATUS_OK
	    && !asset_of_key(BYTES(key.data + BUNDLE_HASH_SIZE, key.size - BUNDLE_HASH_SIZE), out))
		status = STATUS_CORRUPT;
	txn_scan_close(scan);
	buffer_fini(&from);
	return status;
}

enum status awaited_any(struct txn *txn, const struct asset_ref *asset, const char *collector,
    bool *out)
{
	struct buffer prefix = { 0 }, key = { 0 };
	enum status status;

	if (collector == NULL)
		asset_key(&prefix, asset);
	else
		collector_key(&prefix, asset, collector);
	status = first_below(txn, STATE_AWAITING, buffer_bytes(&prefix), &key, NULL);
	*out = status == STATUS_OK;
	buffer_fini(&prefix);
	buffer_fini(&key);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- passes ---- */

static enum status admit_pass(struct txn *txn, const struct asset_ref *asset)
{
	struct txn_scan *scan = NULL;
	struct buffer prefix = { 0 };
	struct bytes key, value;
	unsigned passes = 0;
	enum status status;

	asset_key(&prefix, asset);
	status = txn_scan_open(txn, STATE_HELD_PASS, buffer_bytes(&prefix), BYTES_NONE, &scan);
	while (status == STATUS_OK) {
		status = txn_scan_next(scan, &key, &value);
		if (status == STATUS_OK && ++passes == AWAITED_PASSES_MAX)
			status = STATUS_FULL;
	}
	txn_scan_close(scan);
	buffer_fini(&prefix);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status awaited_hold_pass(struct txn *txn, const struct asset_ref *asset, const char *collector,
    struct bytes prefix, struct bytes record)
{
	struct buffer key = { 0 };
	enum status status = admit_pass(txn, asset);

	collector_key(&key, asset, collector);
	buffer_append_u8(&key, 'p'); /* no prefix may be empty here */
	buffer_append(&key, prefix);
	if (status == STATUS_OK)
		txn_put(txn, STATE_HELD_PASS, buffer_bytes(&key), record);
	buffer_fini(&key);
	return status;
}

enum status awaited_take_pass(struct txn *txn, const struct asset_ref *asset, const char *collector,
    struct arena *arena, struct bytes *record)
{
	struct buffer prefix = { 0 }, key = { 0 }, value = { 0 };
	enum status status;

	collector_key(&prefix, asset, collector);
	status = first_below(txn, STATE_HELD_PASS, buffer_bytes(&prefix), &key, &value);
	if (status == STATUS_OK) {
		*record = arena_bytes(arena, buffer_bytes(&value));
		txn_delete(txn, STATE_HELD_PASS, buffer_bytes(&key));
	}
	buffer_fini(&prefix);
	buffer_fini(&key);
	buffer_fini(&value);
	return status;
}

/* ---- all of an asset ---- */

static enum status collect_hashes(struct txn *txn, struct bytes prefix, struct buffer *keys)
{
	struct txn_scan *scan = NULL;
	struct bytes key, value;
	enum status status = txn_scan_open(txn, STATE_AWAITING, prefix, BYTES_NONE, &scan);

	while (status == STATUS_OK) {
		status = txn_scan_next(scan, &key, &value);
		if (status != STATUS_OK || key.size < prefix.size + BUNDLE_HASH_SIZE)
			continue;
		buffer_append_u16(keys, (uint16_t)key.size);
		buffer_append(keys, key);
	}
	txn_scan_close(scan);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status forget_passes(struct txn *txn, struct bytes prefix)
{
	struct buffer key = { 0 };
	enum status status = STATUS_OK;

	while (status == STATUS_OK) {
		status = first_below(txn, STATE_HELD_PASS, prefix, &key, NULL);
		if (status == STATUS_OK)
			txn_delete(txn, STATE_HELD_PASS, buffer_bytes(&key));
	}
	buffer_fini(&key);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status awaited_forget(struct txn *txn, const struct asset_ref *asset)
{
	struct buffer prefix = { 0 }, keys = { 0 }, row = { 0 };
	enum status status;

	asset_key(&prefix, asset);
	status = collect_hashes(txn, buffer_bytes(&prefix), &keys);
	for (size_t at = 0; status == STATUS_OK && at < keys.size;) {
		uint16_t size = bytes_u16(keys.data + at);

		txn_delete(txn, STATE_AWAITING, BYTES(keys.data + at + 2, size));
		buffer_clear(&row);
		awaited_key(&row, keys.data + at + 2 + size - BUNDLE_HASH_SIZE, asset);
		txn_delete(txn, STATE_AWAITED, buffer_bytes(&row));
		at += 2U + size;
	}
	txn_delete(txn, STATE_AWAITING, buffer_bytes(&prefix));
	if (status == STATUS_OK)
		status = forget_passes(txn, buffer_bytes(&prefix));
	buffer_fini(&prefix);
	buffer_fini(&keys);
	buffer_fini(&row);
	return status;
}
