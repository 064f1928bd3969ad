/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/suspects.h"

#include "core/hash.h"
#include "processors/state/asset.h"
#include "processors/state/tables.h"

enum { TAG_SUSPECT = 's', TAG_TOLD = 'w', TAG_TRANSACTION = 't', TAG_COUNT = 'n' };

enum { TOLD_KEPT_MS = 30 * 1000 };

static void begin_key(struct buffer *key, const struct asset_ref *asset, uint8_t tag)
{
	asset_key(key, asset);
	buffer_append_u8(key, tag);
}

/* Adds DELTA to how many wait.  FULL: they would be more than SUSPECTS_MAX. */
static enum status count(struct stage_io *io, const struct asset_ref *asset, int delta)
{
	struct buffer key = { 0 }, value = { 0 };
	struct bytes kept;
	uint64_t waiting = 0;
	enum status status;

	begin_key(&key, asset, TAG_COUNT);
	status = txn_get(io->txn, STATE_SUSPECT, buffer_bytes(&key), &kept);
	if (status == STATUS_OK && kept.size == 8)
		waiting = bytes_u64(kept.data);
	if (status == STATUS_NOT_FOUND)
		status = STATUS_OK;
	if (status == STATUS_OK && delta > 0 && waiting >= SUSPECTS_MAX)
		status = STATUS_FULL;
	if (status == STATUS_OK) {
		waiting = delta < 0 && waiting == 0 ? 0 : waiting + (uint64_t)(int64_t)delta;
		buffer_append_u64(&value, waiting);
		if (waiting == 0)
			txn_delete(io->txn, STATE_SUSPECT, buffer_bytes(&key));
		else
			txn_put(io->txn, STATE_SUSPECT, buffer_bytes(&key), buffer_bytes(&value));
	}
	buffer_fini(&key);
	buffer_fini(&value);
	return status;
}

enum status suspects_put(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__ChangeVerdict *change, uint64_t due_ms)
{
	struct buffer key = { 0 }, value = { 0 };
	enum status status = count(io, asset, 1);

	if (status != STATUS_OK)
		return status;
	begin_key(&key, asset, TAG_SUSPECT);
	buffer_append(&key, record_bytes(change->id));
	record_pack(&value, &change->base);
	txn_put(io->txn, STATE_SUSPECT, buffer_bytes(&key), buffer_bytes(&value));
	status = stage_set_timer(io, buffer_bytes(&key), due_ms);
	buffer_fini(&key);
	buffer_fini(&value);
	return status;
}

/* When the change VALUE is to be judged, if nothing is waited for any more. */
static enum status wake_at(const struct stage_io *io, struct bytes value, uint64_t wait_ms,
    struct arena *scratch, uint64_t *due_ms)
{
	const Fettle__ChangeVerdict *change = record_unpack(&fettle__change_verdict__descriptor,
	    value, scratch);

	if (change == NULL)
		return STATUS_CORRUPT;
	*due_ms = change->received_ms + wait_ms;
	if (*due_ms < io->now_ms)
		*due_ms = io->now_ms;
	return STATUS_OK;
}

enum status suspects_wake(struct stage_io *io, const struct asset_ref *asset, uint64_t wait_ms)
{
	struct txn_scan *scan = NULL;
	struct buffer prefix = { 0 };
	struct arena scratch = { 0 };
	struct bytes key, value;
	uint64_t due_ms;
	enum status status;

	begin_key(&prefix, asset, TAG_SUSPECT);
	status = txn_scan_open(io->txn, STATE_SUSPECT, buffer_bytes(&prefix), BYTES_NONE, &scan);
	while (status == STATUS_OK) {
		status = txn_scan_next(scan, &key, &value);
		if (status == STATUS_OK)
			status = wake_at(io, value, wait_ms, &scratch, &due_ms);
		if (status == STATUS_OK)
			status = stage_set_timer(io, key, due_ms);
		arena_reset(&scratch);
	}
	txn_scan_close(scan);
	arena_fini(&scratch);
	buffer_fini(&prefix);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status suspects_delay(struct stage_io *io, struct bytes key, uint64_t due_ms)
{
	return stage_set_timer(io, key, due_ms);
}

enum status suspects_get(struct stage_io *io, struct bytes key, struct asset_ref *asset,
    Fettle__ChangeVerdict **change)
{
	struct bytes value;
	enum status status = txn_get(io->txn, STATE_SUSPECT, key, &value);

	*change = NULL;
	if (status != STATUS_OK)
		return status;
	if (!asset_of_key(key, asset) || key.size == ASSET_KEY_SIZE)
		return STATUS_CORRUPT;
	if (key.data[ASSET_KEY_SIZE] != TAG_SUSPECT) {
		txn_delete(io->txn, STATE_SUSPECT, key);
		return STATUS_OK;
	}
	*change = record_unpack(&fettle__change_verdict__descriptor, value, io->arena);
	return *change == NULL || (*change)->before == NULL || (*change)->after == NULL
	         ? STATUS_CORRUPT
	         : STATUS_OK;
}

enum status suspects_forget(struct stage_io *io, struct bytes key)
{
	struct asset_ref asset;

	txn_delete(io->txn, STATE_SUSPECT, key);
	return asset_of_key(key, &asset) ? count(io, &asset, -1) : STATUS_CORRUPT;
}

/* ---- what was told ---- */

/* By a hash: a path may be longer than a key. */
static void told_key(struct buffer *key, const struct asset_ref *asset, struct bytes prefix,
    struct bytes path)
{
	const struct bytes parts[] = { prefix, path };
	uint8_t hash[HASH_SIZE];

	hash_parts(parts, 2, hash);
	begin_key(key, asset, TAG_TOLD);
	buffer_append(key, BYTES_OF(hash));
}

enum status suspects_note_told(struct stage_io *io, const struct asset_ref *asset,
    struct bytes prefix, struct bytes path, uint64_t at_ms)
{
	struct buffer key = { 0 }, value = { 0 };
	enum status status;

	told_key(&key, asset, prefix, path);
	buffer_append_u64(&value, at_ms);
	txn_put(io->txn, STATE_SUSPECT, buffer_bytes(&key), buffer_bytes(&value));
	/* Whoever asks does so soon, and an endpoint can think of any number of paths. */
	status = stage_set_timer(io, buffer_bytes(&key), io->now_ms + TOLD_KEPT_MS);
	buffer_fini(&key);
	buffer_fini(&value);
	return status;
}

static bool is_near(uint64_t a, uint64_t b, uint64_t within)
{
	return a > b ? a - b <= within : b - a <= within;
}

enum status suspects_was_told(struct stage_io *io, const struct asset_ref *asset,
    const char *prefix, struct bytes path, uint64_t at_ms, uint64_t within_ms, bool *out)
{
	struct buffer key = { 0 };
	struct bytes value;
	enum status status;

	told_key(&key, asset, bytes_of_text(prefix), path);
	status = txn_get(io->txn, STATE_SUSPECT, buffer_bytes(&key), &value);
	buffer_fini(&key);
	*out = status == STATUS_OK && value.size == 8
	    && is_near(bytes_u64(value.data), at_ms, within_ms);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- transactions ---- */

void suspects_put_transaction(struct stage_io *io, const struct asset_ref *asset,
    const struct transaction *transaction)
{
	struct buffer key = { 0 }, value = { 0 };

	begin_key(&key, asset, TAG_TRANSACTION);
	buffer_append_u64(&value, transaction->began_ms);
	buffer_append_u64(&value, transaction->ended_ms);
	buffer_append_u64(&value, transaction->began_observed_ms);
	buffer_append_u64(&value, transaction->ended_observed_ms);
	txn_put(io->txn, STATE_SUSPECT, buffer_bytes(&key), buffer_bytes(&value));
	buffer_fini(&key);
	buffer_fini(&value);
}

enum status suspects_transaction(struct stage_io *io, const struct asset_ref *asset,
    struct transaction *out)
{
	struct buffer key = { 0 };
	struct bytes value;
	enum status status;

	*out = (struct transaction){ 0 };
	begin_key(&key, asset, TAG_TRANSACTION);
	status = txn_get(io->txn, STATE_SUSPECT, buffer_bytes(&key), &value);
	buffer_fini(&key);
	if (status == STATUS_OK && value.size == 32)
		*out = (struct transaction){ bytes_u64(value.data), bytes_u64(value.data + 8),
			bytes_u64(value.data + 16), bytes_u64(value.data + 24) };
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
