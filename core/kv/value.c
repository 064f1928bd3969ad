/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values and cursors.
 *
 * A value is stored as: type u8 | version u8 | 0 u16 | crc32c u32 | payload, big-endian.  The CRC
 * covers the table's name, type and version, the key, and the payload, so that a value which turns
 * up under another key is noticed too.
 */
#include "core/kv/parts.h"

#include <stdlib.h>

#include "core/hash.h"
#include "core/require.h"

enum { FRAME_SIZE = 8, FRAME_PLAIN = 1, FRAME_VERSION = 1 };

struct kv_cursor {
	struct kv_txn *txn;
	unsigned table;
	MDB_cursor *lmdb;
};

static const struct table *table_of(const struct kv_txn *txn, unsigned table)
{
	REQUIRE(table < txn->kv->count);
	return &txn->kv->env->tables[txn->kv->tables[table]];
}

static MDB_val val_of(struct bytes bytes)
{
	return (MDB_val){ .mv_size = bytes.size, .mv_data = (void *)(uintptr_t)bytes.data };
}

static struct bytes bytes_of_val(const MDB_val *val)
{
	return BYTES(val->mv_data, val->mv_size);
}

static uint32_t frame_crc(const struct table *table, struct bytes head, struct bytes key,
    struct bytes payload)
{
	const uint8_t key_size[2] = { (uint8_t)(key.size >> 8), (uint8_t)key.size };
	uint32_t crc = hash_crc32c_more(table->seed, head);

	crc = hash_crc32c_more(crc, BYTES_OF(key_size));
	crc = hash_crc32c_more(crc, key);
	return hash_crc32c_more(crc, payload);
}

/* In the environment's one buffer, valid until the next. */
static MDB_val frame(struct kv_txn *txn, const struct table *table, struct bytes key,
    struct bytes payload)
{
	static const uint8_t head[4] = { FRAME_PLAIN, FRAME_VERSION };
	struct buffer *out = &txn->kv->env->frame;

	buffer_clear(out);
	buffer_append(out, BYTES_OF(head));
	buffer_append_u32(out, frame_crc(table, BYTES_OF(head), key, payload));
	buffer_append(out, payload);
	return val_of(buffer_bytes(out));
}

static enum status log_damaged(const struct kv_txn *txn, const struct table *table,
    struct bytes key, const char *what)
{
	char hex[2 * 32 + 1];

	bytes_to_hex(BYTES(key.data, key.size < 32 ? key.size : 32), hex);
	log_write(LOG_ERROR, "kv-value-damaged",
	    LOG_FIELDS(LOG_TEXT("path", txn->kv->env->path), LOG_TEXT("table", table->name),
		LOG_TEXT("key", hex)),
	    "%s", what);
	return STATUS_CORRUPT;
}

const char *kv_value_damage(const struct table *table, struct bytes key, const MDB_val *stored,
    struct bytes *payload)
{
	static const char damaged[] = "a stored value is damaged: restore the store from a backup";
	struct bytes all = bytes_of_val(stored);

	*payload = BYTES_NONE;
	if (all.size < FRAME_SIZE)
		return damaged;
	*payload = BYTES(all.data + FRAME_SIZE, all.size - FRAME_SIZE);
	if (bytes_u32(all.data + 4) != frame_crc(table, BYTES(all.data, 4), key, *payload))
		return damaged;
	if (all.data[0] != FRAME_PLAIN || all.data[1] != FRAME_VERSION)
		return "a stored value was written by a newer version: use that one";
	return NULL;
}

static enum status unframe(const struct kv_txn *txn, const struct table *table, struct bytes key,
    const MDB_val *stored, struct bytes *out)
{
	const char *damage = kv_value_damage(table, key, stored, out);

	return damage == NULL ? STATUS_OK : log_damaged(txn, table, key, damage);
}

/* A failed look into LMDB. */
static enum status read_failure(const struct kv_txn *txn, int code)
{
	return code == MDB_NOTFOUND ? STATUS_NOT_FOUND
	                            : kv_lmdb_log_failure("kv-read-failed", txn->kv->env, code,
					"the store could not be read");
}

enum status kv_get(struct kv_txn *txn, unsigned number, struct bytes key, struct bytes *out)
{
	const struct table *table = table_of(txn, number);
	MDB_val wanted = val_of(key), stored;
	int code;

	*out = BYTES_NONE;
	if (key.size == 0 || key.size > KV_KEY_MAX)
		return STATUS_NOT_FOUND;
	code = mdb_get(txn->lmdb, table->dbi, &wanted, &stored);
	return code == 0 ? unframe(txn, table, key, &stored, out) : read_failure(txn, code);
}

/* A copy of a key that may lie in a page which the change moves. */
static MDB_val copy_key(struct bytes key, uint8_t copy[KV_KEY_MAX])
{
	REQUIRE(key.size > 0 && key.size <= KV_KEY_MAX);
	memcpy(copy, key.data, key.size);
	return (MDB_val){ .mv_size = key.size, .mv_data = copy };
}

static const char write_failed[] = "a change could not be made: its transaction will not be kept";

static enum status put(struct kv_txn *txn, unsigned number, struct bytes key, struct bytes value,
    unsigned flags)
{
	const struct table *table = table_of(txn, number);
	uint8_t copy[KV_KEY_MAX];
	MDB_val key_val = copy_key(key, copy), framed;
	int code;

	REQUIRE(txn->is_write);
	framed = frame(txn, table, key, value);
	code = mdb_put(txn->lmdb, table->dbi, &key_val, &framed, flags);
	if (code == MDB_KEYEXIST)
		return STATUS_EXISTS;
	return code == 0 ? STATUS_OK
	                 : kv_transaction_fail(txn, "kv-write-failed", code, write_failed);
}

enum status kv_put(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes value)
{
	return put(txn, table, key, value, 0);
}

enum status kv_append(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes value)
{
	return put(txn, table, key, value, MDB_APPEND);
}

enum status kv_delete(struct kv_txn *txn, unsigned number, struct bytes key)
{
	const struct table *table = table_of(txn, number);
	uint8_t copy[KV_KEY_MAX];
	MDB_val key_val = copy_key(key, copy);
	int code;

	REQUIRE(txn->is_write);
	code = mdb_del(txn->lmdb, table->dbi, &key_val, NULL);
	if (code == 0 || code == MDB_NOTFOUND)
		return STATUS_OK;
	return kv_transaction_fail(txn, "kv-write-failed", code, write_failed);
}

enum status kv_count(struct kv_txn *txn, unsigned table, uint64_t *out)
{
	MDB_stat info = { 0 };
	int code = mdb_stat(txn->lmdb, table_of(txn, table)->dbi, &info);

	*out = info.ms_entries;
	return code == 0 ? STATUS_OK : read_failure(txn, code);
}

/* ---- cursors ---- */

enum status kv_cursor_open(struct kv_txn *txn, unsigned table, struct kv_cursor **out)
{
	struct kv_cursor *cursor = memory_new(sizeof(*cursor));
	int code = mdb_cursor_open(txn->lmdb, table_of(txn, table)->dbi, &cursor->lmdb);

	*out = NULL;
	if (code != 0) {
		free(cursor);
		return read_failure(txn, code);
	}
	cursor->txn = txn;
	cursor->table = table;
	txn->cursors++;
	*out = cursor;
	return STATUS_OK;
}

void kv_cursor_close(struct kv_cursor *cursor)
{
	if (cursor == NULL)
		return;
	mdb_cursor_close(cursor->lmdb);
	cursor->txn->cursors--;
	free(cursor);
}

/* What LMDB answered with CODE, handed out. */
static enum status hand_out(struct kv_cursor *cursor, int code, const MDB_val *found,
    const MDB_val *stored, struct bytes *key, struct bytes *value)
{
	*key = *value = BYTES_NONE;
	if (code != 0)
		return read_failure(cursor->txn, code);
	*key = bytes_of_val(found);
	return unframe(cursor->txn, table_of(cursor->txn, cursor->table), *key, stored, value);
}

static enum status step(struct kv_cursor *cursor, MDB_cursor_op op, struct bytes *key,
    struct bytes *value)
{
	MDB_val found, stored;
	int code = mdb_cursor_get(cursor->lmdb, &found, &stored, op);

	return hand_out(cursor, code, &found, &stored, key, value);
}

enum status kv_cursor_seek(struct kv_cursor *cursor, struct bytes at_least, struct bytes *key,
    struct bytes *value)
{
	MDB_val found = val_of(at_least), stored;
	int code;

	if (at_least.size == 0)
		return step(cursor, MDB_FIRST, key, value);
	code = mdb_cursor_get(cursor->lmdb, &found, &stored, MDB_SET_RANGE);
	return hand_out(cursor, code, &found, &stored, key, value);
}

enum status kv_cursor_seek_back(struct kv_cursor *cursor, struct bytes at_most, struct bytes *key,
    struct bytes *value)
{
	MDB_val found = val_of(at_most), stored;
	int code;

	*key = *value = BYTES_NONE;
	if (at_most.size == 0)
		return STATUS_NOT_FOUND;
	code = mdb_cursor_get(cursor->lmdb, &found, &stored, MDB_SET_RANGE);
	if (code == MDB_NOTFOUND)
		return step(cursor, MDB_LAST, key, value);
	if (code == 0 && !bytes_equal(bytes_of_val(&found), at_most))
		return step(cursor, MDB_PREV, key, value);
	return hand_out(cursor, code, &found, &stored, key, value);
}

enum status kv_cursor_last(struct kv_cursor *cursor, struct bytes *key, struct bytes *value)
{
	return step(cursor, MDB_LAST, key, value);
}

enum status kv_cursor_next(struct kv_cursor *cursor, struct bytes *key, struct bytes *value)
{
	return step(cursor, MDB_NEXT, key, value);
}

enum status kv_cursor_prev(struct kv_cursor *cursor, struct bytes *key, struct bytes *value)
{
	return step(cursor, MDB_PREV, key, value);
}

enum status kv_cursor_put(struct kv_cursor *cursor, struct bytes key, struct bytes value)
{
	struct kv_txn *txn = cursor->txn;
	uint8_t copy[KV_KEY_MAX];
	MDB_val key_val = copy_key(key, copy), framed;
	int code;

	REQUIRE(txn->is_write);
	framed = frame(txn, table_of(txn, cursor->table), key, value);
	code = mdb_cursor_put(cursor->lmdb, &key_val, &framed, 0);
	return code == 0 ? STATUS_OK
	                 : kv_transaction_fail(txn, "kv-write-failed", code, write_failed);
}

enum status kv_cursor_delete(struct kv_cursor *cursor, struct bytes key)
{
	struct kv_txn *txn = cursor->txn;
	uint8_t copy[KV_KEY_MAX];
	MDB_val key_val = copy_key(key, copy), stored;
	int code;

	REQUIRE(txn->is_write);
	code = mdb_cursor_get(cursor->lmdb, &key_val, &stored, MDB_SET);
	if (code == MDB_NOTFOUND)
		return STATUS_OK;
	if (code == 0)
		code = mdb_cursor_del(cursor->lmdb, 0);
	return code == 0 ? STATUS_OK
	                 : kv_transaction_fail(txn, "kv-write-failed", code, write_failed);
}
