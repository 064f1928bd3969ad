/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/state/content.h"

static void posting_key(struct buffer *key, const uint8_t hash[HASH_SIZE], struct bytes holder)
{
	buffer_append(key, BYTES(hash, HASH_SIZE));
	buffer_append(key, holder);
}

enum status content_hold(struct txn *txn, const struct content_store *store,
    const uint8_t hash[HASH_SIZE], struct bytes bytes, struct bytes holder)
{
	struct buffer key = { 0 };
	struct bytes older;
	enum status status = txn_get(txn, store->contents, BYTES(hash, HASH_SIZE), &older);

	if (status == STATUS_NOT_FOUND) {
		txn_put(txn, store->contents, BYTES(hash, HASH_SIZE), bytes);
		status = STATUS_OK;
	}
	posting_key(&key, hash, holder);
	if (status == STATUS_OK)
		txn_put(txn, store->postings, buffer_bytes(&key), BYTES_NONE);
	buffer_fini(&key);
	return status;
}

enum status content_release(struct txn *txn, const struct content_store *store,
    const uint8_t hash[HASH_SIZE], struct bytes holder)
{
	struct txn_scan *scan = NULL;
	struct buffer key = { 0 };
	struct bytes other, value;
	enum status status;

	posting_key(&key, hash, holder);
	txn_delete(txn, store->postings, buffer_bytes(&key));
	buffer_fini(&key);
	status = txn_scan_open(txn, store->postings, BYTES(hash, HASH_SIZE), BYTES_NONE, &scan);
	if (status == STATUS_OK)
		status = txn_scan_next(scan, &other, &value);
	txn_scan_close(scan);
	if (status != STATUS_NOT_FOUND)
		return status;
	txn_delete(txn, store->contents, BYTES(hash, HASH_SIZE));
	return STATUS_OK;
}

enum status content_get(struct txn *txn, const struct content_store *store,
    const uint8_t hash[HASH_SIZE], struct bytes *out)
{
	enum status status = txn_get(txn, store->contents, BYTES(hash, HASH_SIZE), out);

	return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
}
