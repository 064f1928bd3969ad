/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_intent.c - intent: a stream that a later record of one key shortens.
 */
#include "brokers/log/store_private.h"

enum { KEYS_MAX = 400 };

bool log_store_has_key(const Fettle__Record *record)
{
	return record->envelope->has_key && record->envelope->key.len > 0
	    && record->envelope->key.len <= KEYS_MAX;
}

/* A decision is one whenever it is made: what was refused to one may be granted to another. */
static bool is_same(const Fettle__Record *a, const Fettle__Record *b)
{
	return a->envelope->kind == b->envelope->kind
	    && a->envelope->kind != FETTLE__KIND__KIND_JOB_DECISION
	    && bytes_equal(record_bytes(a->body), record_bytes(b->body));
}

/* Whether what is kept under OFFSET says the same as NEWER. */
static enum status same_as_kept(struct log_store *store, uint64_t offset,
    const Fettle__Record *newer, bool *is_same_out)
{
	struct bytes value;
	Fettle__Record *older;
	enum status status = kv_get(store->write, TABLE_RECORD,
	    log_store_record_key(store, SUBLOG_INTENT, offset), &value);

	if (status != STATUS_OK)
		return status;
	*is_same_out = record_decode(value, &store->arena, &older) == STATUS_OK
	            && is_same(older, newer);
	return STATUS_OK;
}

enum status log_store_intent(struct log_store *store, struct bytes record, const uint8_t writer[16],
    const char *name, uint64_t received_ms, bool *changed)
{
	Fettle__Stamp stamp;
	Fettle__Record *decoded;
	uint64_t older;
	bool is_same_as_kept = false;
	struct bytes key;
	enum status status;

	arena_reset(&store->arena);
	if (record.size > LINK_INTENT_MAX || !record_is_plain(record)
	    || record_decode(record, &store->arena, &decoded) != STATUS_OK
	    || !log_store_has_key(decoded))
		return STATUS_REJECT;
	key = record_bytes(decoded->envelope->key);
	status = log_store_get_number(store, TABLE_INTENT_KEY, key, &older);
	if (status == STATUS_OK)
		status = same_as_kept(store, older, decoded, &is_same_as_kept);
	*changed = !is_same_as_kept;
	if (is_same_as_kept)
		return STATUS_OK;
	if (status == STATUS_OK)
		status = kv_delete(store->write, TABLE_RECORD,
		    log_store_record_key(store, SUBLOG_INTENT, older));
	else if (status == STATUS_NOT_FOUND)
		status = STATUS_OK;
	log_store_fill_stamp(&stamp, writer, received_ms);
	stamp.principal = RECORD_TEXT(name);
	if (status == STATUS_OK)
		status = log_store_append_record(store, SUBLOG_INTENT, record, &stamp);
	return status == STATUS_OK ? kv_put(store->write, TABLE_INTENT_KEY, key,
		   log_store_u64(store, store->now.head[SUBLOG_INTENT]))
	                           : status;
}
