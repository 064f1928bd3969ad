/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/state/facts.h"

#include "core/digest.h"
#include "core/record.h"
#include "processors/state/agreement.h"
#include "processors/state/content.h"
#include "processors/state/tables.h"

static const struct content_store values = { STATE_VALUE, STATE_POSTING };

static void fact_row_key(struct buffer *row, const struct asset_ref *asset, struct bytes key)
{
	asset_key(row, asset);
	buffer_append(row, key);
}

static enum status decode(struct txn *txn, struct bytes row, struct arena *arena,
    struct facts_entry *out)
{
	Fettle__StateFact *record = record_unpack(&fettle__state_fact__descriptor, row, arena);
	enum status status = STATUS_OK;

	if (record == NULL || (record->has_hash && record->hash.len != HASH_SIZE))
		return STATUS_CORRUPT;
	out->record = record;
	out->value = record_bytes(record->value);
	if (record->has_hash)
		status = content_get(txn, &values, record->hash.data, &out->value);
	return status;
}

enum status facts_get(struct txn *txn, const struct asset_ref *asset, struct bytes key,
    struct arena *arena, struct facts_entry *out)
{
	struct buffer row_key = { 0 };
	struct bytes row;
	enum status status;

	fact_row_key(&row_key, asset, key);
	status = txn_get(txn, STATE_FACT, buffer_bytes(&row_key), &row);
	buffer_fini(&row_key);
	return status == STATUS_OK ? decode(txn, row, arena, out) : status;
}

/* A posting of a very long key names its hash: it must still fit LMDB. */
static struct bytes holder_of(struct buffer *row_key)
{
	if (row_key->size > KV_KEY_MAX - HASH_SIZE) {
		uint8_t hash[HASH_SIZE];

		hash_bytes(buffer_bytes(row_key), hash);
		row_key->size = 1 + ASSET_ID_SIZE;
		buffer_append(row_key, BYTES_OF(hash));
	}
	return buffer_bytes(row_key);
}

static bool has_same_hash(const struct facts_entry *older, const uint8_t hash[HASH_SIZE])
{
	return older != NULL && older->record->has_hash
	    && memcmp(older->record->hash.data, hash, HASH_SIZE) == 0;
}

void facts_told(const Fettle__StateFact *record, struct bytes value, uint8_t out[HASH_SIZE])
{
	uint8_t content[HASH_SIZE];

	fact_hash((enum fact_status)record->status, value, content);
	digest_told(content, record->reason, out);
}

/* What the agent's ledger has, so that the two can be compared. */
static enum status count_in_digest(struct txn *txn, const struct asset_ref *asset, struct bytes key,
    const struct facts_entry *older, const Fettle__StateFact *record, struct bytes value)
{
	bool was_there = older != NULL && older->record->status != FACT_NONE;
	uint8_t before[HASH_SIZE], after[HASH_SIZE];

	if (was_there)
		facts_told(older->record, older->value, before);
	if (record->status != FACT_NONE)
		facts_told(record, value, after);
	return agreement_count(txn, asset, key, was_there ? before : NULL,
	    record->status != FACT_NONE ? after : NULL, record->epoch, record->revision);
}

enum status facts_put(struct txn *txn, const struct asset_ref *asset, struct bytes key,
    const struct facts_entry *older, Fettle__StateFact *record, struct bytes value)
{
	struct buffer row_key = { 0 }, row = { 0 };
	uint8_t hash[HASH_SIZE];
	bool is_large = value.size > FACTS_INLINE_MAX;
	/* First, as what is older may be borrowed from the transaction. */
	enum status status = count_in_digest(txn, asset, key, older, record, value);

	if (status != STATUS_OK)
		return status;
	record->has_value = record->has_hash = 0;
	if (is_large) {
		hash_bytes(value, hash);
		RECORD_SET_BYTES(record, hash, BYTES_OF(hash));
	} else {
		RECORD_SET_BYTES(record, value, value);
	}
	record_pack(&row, &record->base);
	fact_row_key(&row_key, asset, key);
	txn_put(txn, STATE_FACT, buffer_bytes(&row_key), buffer_bytes(&row));
	/* The new one first: it may be the same content, held for a moment by both. */
	if (is_large && !has_same_hash(older, hash))
		status = content_hold(txn, &values, hash, value, holder_of(&row_key));
	if (status == STATUS_OK && older != NULL && older->record->has_hash
	    && !(is_large && has_same_hash(older, hash)))
		status = content_release(txn, &values, older->record->hash.data,
		    holder_of(&row_key));
	buffer_fini(&row_key);
	buffer_fini(&row);
	return status;
}

enum status facts_visit(struct txn *txn, const struct asset_ref *asset, struct bytes prefix,
    enum status (*visit)(void *data, struct bytes key, const struct facts_entry *entry), void *data)
{
	struct txn_scan *scan = NULL;
	struct arena arena = { 0 };
	struct buffer from = { 0 };
	struct bytes row_key, row;
	enum status status;

	fact_row_key(&from, asset, prefix);
	status = txn_scan_open(txn, STATE_FACT, buffer_bytes(&from), BYTES_NONE, &scan);
	while (status == STATUS_OK) {
		struct facts_entry entry;
		size_t skip = 1 + ASSET_ID_SIZE;

		status = txn_scan_next(scan, &row_key, &row);
		if (status != STATUS_OK)
			break;
		arena_reset(&arena);
		status = decode(txn, row, &arena, &entry);
		if (status == STATUS_OK)
			status = visit(data, BYTES(row_key.data + skip, row_key.size - skip),
			    &entry);
	}
	txn_scan_close(scan);
	arena_fini(&arena);
	buffer_fini(&from);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

bool facts_is_newer(const Fettle__StateFact *record, uint64_t epoch, uint64_t revision)
{
	return epoch > record->epoch || (epoch == record->epoch && revision > record->revision);
}
