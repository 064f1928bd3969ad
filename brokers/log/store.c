/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's environment: opened, its identity and heads loaded, and its transactions.
 */
#include <stdlib.h>

#include "brokers/log/store_private.h"
#include "core/log.h"
#include "core/require.h"

static const char *const tables[] = { LOG_TABLE_NAMES };

/* ---- keys and values ---- */

struct bytes log_store_record_key(struct log_store *store, uint32_t flow, uint64_t offset)
{
	buffer_clear(&store->key);
	buffer_append_u32(&store->key, flow);
	buffer_append_u64(&store->key, offset);
	return buffer_bytes(&store->key);
}

struct bytes log_store_writer_key(struct log_store *store, const uint8_t writer[16], uint32_t flow)
{
	buffer_clear(&store->key);
	buffer_append(&store->key, BYTES(writer, 16));
	buffer_append_u32(&store->key, flow);
	return buffer_bytes(&store->key);
}

struct bytes log_store_command_key(struct log_store *store, const uint8_t agent[16],
    uint64_t number)
{
	buffer_clear(&store->key);
	buffer_append(&store->key, BYTES(agent, 16));
	buffer_append_u64(&store->key, number);
	return buffer_bytes(&store->key);
}

struct bytes log_store_u64(struct log_store *store, uint64_t number)
{
	buffer_clear(&store->value);
	buffer_append_u64(&store->value, number);
	return buffer_bytes(&store->value);
}

enum status log_store_get_number(struct log_store *store, unsigned table, struct bytes key,
    uint64_t *out)
{
	struct bytes value;
	enum status status = kv_get(store->write, table, key, &value);

	if (status == STATUS_OK && value.size != 8)
		return STATUS_CORRUPT;
	if (status == STATUS_OK)
		*out = bytes_u64(value.data);
	return status;
}

/* ---- identity ---- */

enum status log_store_put_meta(struct log_store *store)
{
	Fettle__LogMeta meta = FETTLE__LOG_META__INIT;

	RECORD_SET_BYTES(&meta, store, BYTES_OF(store->uuid));
	RECORD_SET(&meta, generation, store->generation);
	RECORD_SET(&meta, slots, SUBLOG_SLOTS);
	buffer_clear(&store->value);
	record_pack(&store->value, &meta.base);
	return kv_put(store->write, TABLE_META, bytes_of_text("meta"), buffer_bytes(&store->value));
}

static enum status create_meta(struct log_store *store)
{
	enum status status = log_store_begin(store);

	if (status != STATUS_OK)
		return status;
	hash_random(store->uuid, sizeof(store->uuid));
	store->generation = 1;
	status = log_store_put_meta(store);
	if (status != STATUS_OK) {
		log_store_abort(store);
		return status;
	}
	return log_store_commit(store);
}

static enum status load_meta(struct log_store *store, struct kv_txn *txn)
{
	struct bytes value;
	Fettle__LogMeta *meta;
	enum status status = kv_get(txn, TABLE_META, bytes_of_text("meta"), &value);

	if (status != STATUS_OK)
		return status;
	meta = record_unpack(&fettle__log_meta__descriptor, value, &store->arena);
	if (meta == NULL || meta->store.len != sizeof(store->uuid) || meta->slots != SUBLOG_SLOTS)
		return STATUS_CORRUPT;
	memcpy(store->uuid, meta->store.data, sizeof(store->uuid));
	store->generation = meta->generation;
	return STATUS_OK;
}

uint64_t log_store_generation(const struct log_store *store)
{
	return store->generation;
}

struct bytes log_store_uuid(const struct log_store *store)
{
	return BYTES_OF(store->uuid);
}

enum status log_store_restored(struct log_store *store)
{
	enum status status;

	store->generation++;
	status = log_store_put_meta(store);
	return status == STATUS_OK ? log_store_pass_over_commands(store) : status;
}

/* ---- opening ---- */

static enum status load_heads(struct log_store *store, struct kv_txn *txn)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = kv_cursor_open(txn, TABLE_HEAD, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	for (; status == STATUS_OK; status = kv_cursor_next(cursor, &key, &value)) {
		uint32_t flow = key.size == 4 ? bytes_u32(key.data) : SUBLOG_END;
		Fettle__LogHead *head = record_unpack(&fettle__log_head__descriptor, value,
		    &store->arena);

		if (flow >= SUBLOG_END || head == NULL) {
			status = STATUS_CORRUPT;
			break;
		}
		store->now.head[flow] = head->head;
		store->now.tail[flow] = head->tail;
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status load(struct log_store *store)
{
	struct kv_txn *txn;
	enum status status = kv_read_begin(store->kv, &txn);

	if (status != STATUS_OK)
		return status;
	status = load_meta(store, txn);
	if (status == STATUS_OK)
		status = load_heads(store, txn);
	kv_abort(&txn);
	store->committed = store->now;
	return status == STATUS_NOT_FOUND ? create_meta(store) : status;
}

enum status log_store_open(const char *directory, struct log_store **out)
{
	struct log_store *store = memory_new(sizeof(*store));
	const struct kv_options options = { .tables = tables,
		.format = LOG_FORMAT,
		.is_writer = true };
	enum status status;

	for (unsigned flow = 0; flow < SUBLOG_END; flow++)
		store->now.tail[flow] = 1;
	status = kv_open(directory, &options, &store->kv);
	if (status == STATUS_OK) {
		status = load(store);
		if (status == STATUS_CORRUPT)
			log_write(LOG_ERROR, "log-damaged", LOG_FIELDS(LOG_TEXT("path", directory)),
			    "the log's own tables are damaged; restore a backup");
	}
	if (status != STATUS_OK) {
		log_store_close(store);
		return status;
	}
	*out = store;
	return STATUS_OK;
}

void log_store_close(struct log_store *store)
{
	if (store == NULL)
		return;
	log_store_release(store);
	kv_abort(&store->write);
	kv_close(store->kv);
	arena_fini(&store->arena);
	buffer_fini(&store->key);
	buffer_fini(&store->other_key);
	buffer_fini(&store->value);
	free(store);
}

/* ---- transactions ---- */

enum status log_store_begin(struct log_store *store)
{
	REQUIRE(store->write == NULL && store->read == NULL);
	return kv_write_begin(store->kv, &store->write);
}

enum status log_store_begin_trim(struct log_store *store)
{
	REQUIRE(store->write == NULL && store->read == NULL);
	return kv_trim_begin(store->kv, &store->write);
}

void log_store_abort(struct log_store *store)
{
	kv_abort(&store->write);
	store->now = store->committed;
	memset(store->dirty, 0, sizeof(store->dirty));
}

static enum status write_heads(struct log_store *store)
{
	enum status status = STATUS_OK;

	for (uint32_t flow = 0; status == STATUS_OK && flow < SUBLOG_END; flow++) {
		Fettle__LogHead head = FETTLE__LOG_HEAD__INIT;
		uint8_t key[4] = { (uint8_t)(flow >> 24), (uint8_t)(flow >> 16),
			(uint8_t)(flow >> 8), (uint8_t)flow };

		if (!store->dirty[flow])
			continue;
		RECORD_SET(&head, head, store->now.head[flow]);
		RECORD_SET(&head, tail, store->now.tail[flow]);
		buffer_clear(&store->value);
		record_pack(&store->value, &head.base);
		status = kv_put(store->write, TABLE_HEAD, BYTES_OF(key),
		    buffer_bytes(&store->value));
	}
	return status;
}

enum status log_store_commit(struct log_store *store)
{
	enum status status = write_heads(store);

	if (status == STATUS_OK)
		status = kv_commit(&store->write);
	if (status != STATUS_OK) {
		log_store_abort(store);
		return status;
	}
	store->committed = store->now;
	memset(store->dirty, 0, sizeof(store->dirty));
	return STATUS_OK;
}

enum status log_store_txn(struct log_store *store, struct kv_txn **txn)
{
	enum status status = STATUS_OK;

	if (store->write == NULL && store->read == NULL)
		status = kv_read_begin(store->kv, &store->read);
	*txn = store->write != NULL ? store->write : store->read;
	return status;
}

void log_store_release(struct log_store *store)
{
	kv_abort(&store->read);
}
