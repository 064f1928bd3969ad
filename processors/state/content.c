/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/state/content.h"

static void posting_key(struct buffer *key, const uint8_t hash[HASH_SIZE], struct bytes holder)
{
	buffer_append(key, BYTES(hash, HASH_SIZE));
	buffer_append(key, holder);
}

static enum status get_count(struct txn *txn, const struct content_store *store,
    const uint8_t hash[HASH_SIZE], uint64_t *out)
{
	struct bytes value;
	enum status status = txn_get(txn, store->postings, BYTES(hash, HASH_SIZE), &value);

	*out = 0;
	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (status == STATUS_OK && value.size != 8)
		return STATUS_CORRUPT;
	if (status == STATUS_OK)
		*out = bytes_u64(value.data);
	return status;
}

static void put_count(struct txn *txn, const struct content_store *store,
    const uint8_t hash[HASH_SIZE], uint64_t count)
{
	struct buffer value = { 0 };

	if (count == 0) {
		txn_delete(txn, store->postings, BYTES(hash, HASH_SIZE));
		return;
	}
	buffer_append_u64(&value, count);
	txn_put(txn, store->postings, BYTES(hash, HASH_SIZE), buffer_bytes(&value));
	buffer_fini(&value);
}

/* Whether HOLDER stands in the postings; KEY becomes its key. */
static enum status find_posting(struct txn *txn, const struct content_store *store,
    const uint8_t hash[HASH_SIZE], struct bytes holder, struct buffer *key)
{
	struct bytes value;

	posting_key(key, hash, holder);
	return txn_get(txn, store->postings, buffer_bytes(key), &value);
}

enum status content_hold(struct txn *txn, const struct content_store *store,
    const uint8_t hash[HASH_SIZE], struct bytes bytes, struct bytes holder)
{
	struct buffer key = { 0 };
	uint64_t count;
	enum status status = find_posting(txn, store, hash, holder, &key);

	if (status == STATUS_NOT_FOUND) {
		status = get_count(txn, store, hash, &count);
		if (status == STATUS_OK) {
			txn_put(txn, store->postings, buffer_bytes(&key), BYTES_NONE);
			put_count(txn, store, hash, count + 1);
		}
		if (status == STATUS_OK && count == 0)
			txn_put(txn, store->contents, BYTES(hash, HASH_SIZE), bytes);
	}
	buffer_fini(&key);
	return status;
}

enum status content_release(struct txn *txn, const struct content_store *store,
    const uint8_t hash[HASH_SIZE], struct bytes holder)
{
	struct buffer key = { 0 };
	uint64_t count;
	enum status status = find_posting(txn, store, hash, holder, &key);

	if (status == STATUS_OK)
		status = get_count(txn, store, hash, &count);
	if (status == STATUS_OK && count == 0)
		status = STATUS_CORRUPT;
	if (status == STATUS_OK) {
		txn_delete(txn, store->postings, buffer_bytes(&key));
		put_count(txn, store, hash, count - 1);
		if (count == 1)
			txn_delete(txn, store->contents, BYTES(hash, HASH_SIZE));
	}
	buffer_fini(&key);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status content_get(struct txn *txn, const struct content_store *store,
    const uint8_t hash[HASH_SIZE], struct bytes *out)
{
	enum status status = txn_get(txn, store->contents, BYTES(hash, HASH_SIZE), out);

	return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
}
