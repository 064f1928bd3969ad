/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_retention.c - what may go since every reader has read it.
 */
#include "brokers/log/store_private.h"

/* The least that any reader has read of FLOW; 0 where none is known. */
static enum status read_by_all(struct log_store *store, uint32_t flow, uint64_t *out)
{
	uint8_t prefix[4] = { (uint8_t)(flow >> 24), (uint8_t)(flow >> 16), (uint8_t)(flow >> 8),
		(uint8_t)flow };
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	uint64_t least = UINT64_MAX;
	enum status status = kv_cursor_open(store->write, TABLE_READER, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_OF(prefix), &key, &value);
	while (status == STATUS_OK && bytes_start_with(key, BYTES_OF(prefix))) {
		if (value.size == 8 && bytes_u64(value.data) < least)
			least = bytes_u64(value.data);
		status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	*out = least == UINT64_MAX ? 0 : least;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static bool may_age_out(struct log_store *store, struct bytes value, uint64_t older_than_ms,
    bool is_too_large)
{
	Fettle__Record *record;

	arena_reset(&store->arena);
	return is_too_large || record_decode(value, &store->arena, &record) != STATUS_OK
	    || record->stamp == NULL || record->stamp->received_ms < older_than_ms;
}

static enum status retain_flow(struct log_store *store, uint32_t flow, uint64_t older_than_ms,
    bool is_too_large, size_t most, size_t *deleted)
{
	uint64_t last;
	enum status status = read_by_all(store, flow, &last);

	if (last > store->now.head[flow])
		last = store->now.head[flow];
	while (status == STATUS_OK && *deleted < most && store->now.tail[flow] <= last) {
		struct bytes value;

		status = kv_get(store->write, TABLE_RECORD,
		    log_store_record_key(store, flow, store->now.tail[flow]), &value);
		if (status == STATUS_OK && !may_age_out(store, value, older_than_ms, is_too_large))
			break;
		if (status == STATUS_OK)
			status = kv_delete(store->write, TABLE_RECORD, buffer_bytes(&store->key));
		status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
		store->now.tail[flow]++;
		store->dirty[flow] = true;
		++*deleted;
	}
	return status;
}

enum status log_store_retain(struct log_store *store, uint64_t now_ms, uint64_t keep_ms,
    uint64_t size_max, size_t most, size_t *deleted)
{
	uint64_t map, used, older_than_ms = now_ms > keep_ms ? now_ms - keep_ms : 0;
	enum status status = STATUS_OK;

	*deleted = 0;
	kv_usage(store->kv, &map, &used);
	status = retain_flow(store, SUBLOG_NOTICE, older_than_ms, used > size_max, most, deleted);
	for (unsigned i = 0; status == STATUS_OK && i < SUBLOG_COUNT && *deleted < most; i++) {
		store->retain_at = (store->retain_at + 1) % SUBLOG_COUNT;
		status = retain_flow(store, SUBLOG_FIRST + store->retain_at, older_than_ms,
		    used > size_max, most, deleted);
	}
	return status;
}
