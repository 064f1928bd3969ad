/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/state/agreement.h"

#include "core/record.h"
#include "processors/state/facts.h"
#include "processors/state/tables.h"

enum { BUCKET_KEY_SIZE = ASSET_KEY_SIZE + 1, BUCKET_ROW_SIZE = HASH_SIZE + 16 };

/* ---- a bucket's row ---- */

struct bucket {
	uint8_t hash[HASH_SIZE];
	uint64_t epoch, revision;
};

static void bucket_key(struct buffer *key, const struct asset_ref *asset, uint8_t number)
{
	asset_key(key, asset);
	buffer_append_u8(key, number);
}

static bool decode(struct bytes row, struct bucket *out)
{
	if (row.size != BUCKET_ROW_SIZE)
		return false;
	memcpy(out->hash, row.data, HASH_SIZE);
	out->epoch = bytes_u64(row.data + HASH_SIZE);
	out->revision = bytes_u64(row.data + HASH_SIZE + 8);
	return true;
}

static void put_bucket(struct txn *txn, struct bytes key, const struct bucket *bucket)
{
	struct buffer row = { 0 };

	buffer_append(&row, BYTES_OF(bucket->hash));
	buffer_append_u64(&row, bucket->epoch);
	buffer_append_u64(&row, bucket->revision);
	txn_put(txn, STATE_DIGEST, key, buffer_bytes(&row));
	buffer_fini(&row);
}

static void touch(uint64_t *epoch, uint64_t *revision, uint64_t by_epoch, uint64_t by_revision)
{
	if (by_epoch < *epoch || (by_epoch == *epoch && by_revision <= *revision))
		return;
	*epoch = by_epoch;
	*revision = by_revision;
}

static enum status get_bucket(struct txn *txn, struct bytes key, struct bucket *out)
{
	struct bytes row;
	enum status status = txn_get(txn, STATE_DIGEST, key, &row);

	*out = (struct bucket){ 0 };
	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (status != STATUS_OK)
		return status;
	return decode(row, out) ? STATUS_OK : STATUS_CORRUPT;
}

static void toggle(struct bucket *bucket, struct bytes key, const uint8_t *told)
{
	uint8_t hash[HASH_SIZE];

	if (told == NULL)
		return;
	digest_hash(key, told, hash);
	for (unsigned i = 0; i < HASH_SIZE; i++)
		bucket->hash[i] ^= hash[i];
}

enum status agreement_count(struct txn *txn, const struct asset_ref *asset, struct bytes key,
    const uint8_t *before, const uint8_t *after, uint64_t epoch, uint64_t revision)
{
	struct buffer row_key = { 0 };
	struct bucket bucket;
	enum status status;

	bucket_key(&row_key, asset, digest_bucket(key));
	status = get_bucket(txn, buffer_bytes(&row_key), &bucket);
	if (status == STATUS_OK) {
		toggle(&bucket, key, before);
		toggle(&bucket, key, after);
		touch(&bucket.epoch, &bucket.revision, epoch, revision);
		put_bucket(txn, buffer_bytes(&row_key), &bucket);
	}
	buffer_fini(&row_key);
	return status;
}

/* ---- all of them ---- */

static enum status load_row(struct bytes key, struct bytes row, struct agreement *out)
{
	struct bucket bucket;
	uint8_t number;

	if (key.size != BUCKET_KEY_SIZE)
		return STATUS_OK; /* how far the comparing is */
	if (!decode(row, &bucket))
		return STATUS_CORRUPT;
	number = key.data[ASSET_KEY_SIZE];
	memcpy(out->digest.buckets[number], bucket.hash, HASH_SIZE);
	out->epochs[number] = bucket.epoch;
	out->revisions[number] = bucket.revision;
	return STATUS_OK;
}

enum status agreement_load(struct txn *txn, const struct asset_ref *asset, struct agreement *out)
{
	struct txn_scan *scan = NULL;
	struct buffer prefix = { 0 };
	struct bytes key, row;
	enum status status;

	*out = (struct agreement){ 0 };
	asset_key(&prefix, asset);
	status = txn_scan_open(txn, STATE_DIGEST, buffer_bytes(&prefix), BYTES_NONE, &scan);
	while (status == STATUS_OK) {
		status = txn_scan_next(scan, &key, &row);
		if (status == STATUS_OK)
			status = load_row(key, row, out);
	}
	txn_scan_close(scan);
	buffer_fini(&prefix);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status recount_one(void *data, struct bytes key, const struct facts_entry *entry)
{
	struct agreement *out = data;
	uint8_t number = digest_bucket(key), told[HASH_SIZE];

	touch(&out->epochs[number], &out->revisions[number], entry->record->epoch,
	    entry->record->revision);
	if (entry->record->status == FACT_NONE)
		return STATUS_OK;
	facts_told(entry->record, entry->value, told);
	digest_toggle(&out->digest, key, told);
	return STATUS_OK;
}

enum status agreement_recount(struct txn *txn, const struct asset_ref *asset)
{
	struct agreement all = { 0 };
	struct buffer key = { 0 };
	enum status status = facts_visit(txn, asset, BYTES_NONE, recount_one, &all);

	for (unsigned i = 0; status == STATUS_OK && i < DIGEST_BUCKETS; i++) {
		struct bucket bucket = { .epoch = all.epochs[i], .revision = all.revisions[i] };

		memcpy(bucket.hash, all.digest.buckets[i], HASH_SIZE);
		bucket_key(&key, asset, (uint8_t)i);
		put_bucket(txn, buffer_bytes(&key), &bucket);
	}
	buffer_fini(&key);
	return status;
}

/* ---- how far the comparing is ---- */

enum status agreement_get(struct txn *txn, const struct asset_ref *asset, struct arena *arena,
    Fettle__StateDigest **out)
{
	struct buffer key = { 0 };
	struct bytes row;
	enum status status;

	asset_key(&key, asset);
	status = txn_get(txn, STATE_DIGEST, buffer_bytes(&key), &row);
	buffer_fini(&key);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	*out = record_unpack(&fettle__state_digest__descriptor,
	    status == STATUS_OK ? row : BYTES_NONE, arena);
	return *out == NULL ? STATUS_CORRUPT : STATUS_OK;
}

void agreement_put(struct txn *txn, const struct asset_ref *asset,
    const Fettle__StateDigest *record)
{
	struct buffer key = { 0 }, row = { 0 };

	asset_key(&key, asset);
	record_pack(&row, &record->base);
	txn_put(txn, STATE_DIGEST, buffer_bytes(&key), buffer_bytes(&row));
	buffer_fini(&key);
	buffer_fini(&row);
}
