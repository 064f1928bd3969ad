/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_readers.c - who reads: how far each is, and which store stands behind which key.
 */
#include "brokers/log/store_private.h"

enum status log_store_set_reader(struct log_store *store, const char *reader, uint32_t flow,
    uint64_t offset)
{
	buffer_clear(&store->key);
	buffer_append_u32(&store->key, flow);
	buffer_append_text(&store->key, reader);
	return kv_put(store->write, TABLE_READER, buffer_bytes(&store->key),
	    log_store_u64(store, offset));
}

enum status log_store_reader_key(struct log_store *store, const char *user, uint8_t uuid[16])
{
	struct kv_txn *txn;
	struct bytes value;
	enum status status = log_store_txn(store, &txn);

	if (status == STATUS_OK)
		status = kv_get(txn, TABLE_READER_KEY, bytes_of_text(user), &value);
	if (status == STATUS_OK && value.size != 16)
		return STATUS_CORRUPT;
	if (status == STATUS_OK)
		memcpy(uuid, value.data, 16);
	return status;
}

enum status log_store_set_reader_key(struct log_store *store, const char *user,
    const uint8_t uuid[16])
{
	return kv_put(store->write, TABLE_READER_KEY, bytes_of_text(user), BYTES(uuid, 16));
}
