/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/dump.h"

#include <stdlib.h>

#include "brokers/log/tables.h"
#include "core/kv.h"
#include "core/record.h"
#include "core/sublog.h"
#include "proto/state.pb-c.h"

static const char *const tables[] = { LOG_TABLE_NAMES };

/* A reader gives way: a transaction that lasts keeps the log's pages from being used again. */
enum { ROWS_A_TRANSACTION = 2000, KEY_SIZE = 4 + 8 };

static enum status open_log(const char *data, struct kv **out)
{
	const struct kv_options options = { .tables = tables, .format = LOG_FORMAT };
	char *directory = text_format("%s/log", data);
	enum status status = kv_open(directory, &options, out);

	free(directory);
	return status;
}

/* From the key in FROM on; FROM is left empty at the end. */
static enum status dump_page(struct kv *kv, struct buffer *from,
    enum status (*visit)(void *visitor, const struct log_dump_record *record), void *visitor)
{
	struct kv_txn *txn;
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = kv_read_begin(kv, &txn);

	if (status != STATUS_OK)
		return status;
	status = kv_cursor_open(txn, TABLE_RECORD, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, buffer_bytes(from), &key, &value);
	buffer_clear(from);
	for (size_t rows = 0; status == STATUS_OK; rows++) {
		struct log_dump_record record = { .record = value };

		if (key.size != KEY_SIZE) {
			status = STATUS_CORRUPT; /* or it would be come back to for ever */
			break;
		}
		if (rows == ROWS_A_TRANSACTION) {
			buffer_append(from, key);
			break;
		}
		record.flow = bytes_u32(key.data);
		record.offset = bytes_u64(key.data + 4);
		status = visit(visitor, &record);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	kv_abort(&txn);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status log_dump(const char *data,
    enum status (*visit)(void *visitor, const struct log_dump_record *record), void *visitor)
{
	struct kv *kv;
	struct buffer from = { 0 };
	enum status status = open_log(data, &kv);

	if (status != STATUS_OK)
		return status;
	do
		status = dump_page(kv, &from, visit, visitor);
	while (status == STATUS_OK && from.size > 0);
	buffer_fini(&from);
	kv_close(kv);
	return status;
}

static enum status add_heads(struct kv_txn *txn, struct log_dump_counters *out)
{
	struct kv_cursor *cursor = NULL;
	struct arena arena = { 0 };
	struct bytes key, value;
	enum status status = kv_cursor_open(txn, TABLE_HEAD, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	for (; status == STATUS_OK; status = kv_cursor_next(cursor, &key, &value)) {
		const Fettle__LogHead *head = record_unpack(&fettle__log_head__descriptor, value,
		    &arena);

		if (head == NULL || key.size != 4)
			continue;
		if (bytes_u32(key.data) == SUBLOG_INTENT)
			out->intent = head->head;
		else if (bytes_u32(key.data) >= SUBLOG_FIRST)
			out->appended += head->head;
	}
	kv_cursor_close(cursor);
	arena_fini(&arena);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status log_dump_counters(const char *data, struct log_dump_counters *out)
{
	struct kv *kv;
	struct kv_txn *txn;
	uint64_t map;
	enum status status = open_log(data, &kv);

	*out = (struct log_dump_counters){ 0 };
	if (status != STATUS_OK)
		return status;
	status = kv_read_begin(kv, &txn);
	if (status == STATUS_OK) {
		status = kv_count(txn, TABLE_RECORD, &out->records);
		if (status == STATUS_OK)
			status = kv_count(txn, TABLE_AGENT, &out->agents);
		if (status == STATUS_OK)
			status = kv_count(txn, TABLE_COMMAND, &out->commands_waiting);
		if (status == STATUS_OK)
			status = add_heads(txn, out);
		kv_abort(&txn);
	}
	kv_usage(kv, &map, &out->bytes_used);
	kv_close(kv);
	return status;
}

static enum status read_heads(struct kv_txn *txn, uint64_t heads[SUBLOG_END])
{
	struct kv_cursor *cursor = NULL;
	struct arena arena = { 0 };
	struct bytes key, value;
	enum status status = kv_cursor_open(txn, TABLE_HEAD, &cursor);

	while (
	    status == STATUS_OK && (status = kv_cursor_next(cursor, &key, &value)) == STATUS_OK) {
		const Fettle__LogHead *head = record_unpack(&fettle__log_head__descriptor, value,
		    &arena);

		if (head == NULL || key.size != 4 || bytes_u32(key.data) >= SUBLOG_END)
			status = STATUS_CORRUPT;
		else
			heads[bytes_u32(key.data)] = head->head;
	}
	kv_cursor_close(cursor);
	arena_fini(&arena);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status log_dump_heads(const char *data, uint64_t heads[SUBLOG_END])
{
	struct kv *kv;
	struct kv_txn *txn;
	enum status status = open_log(data, &kv);

	memset(heads, 0, SUBLOG_END * sizeof(*heads));
	if (status != STATUS_OK)
		return status;
	status = kv_read_begin(kv, &txn);
	if (status == STATUS_OK) {
		status = read_heads(txn, heads);
		kv_abort(&txn);
	}
	kv_close(kv);
	return status;
}

static enum status read_generation(struct kv_txn *txn, uint64_t *out)
{
	struct arena arena = { 0 };
	const Fettle__LogMeta *meta;
	struct bytes value;
	enum status status = kv_get(txn, TABLE_META, bytes_of_text("meta"), &value);

	if (status != STATUS_OK)
		return status;
	meta = record_unpack(&fettle__log_meta__descriptor, value, &arena);
	if (meta == NULL)
		status = STATUS_CORRUPT;
	else
		*out = meta->generation;
	arena_fini(&arena);
	return status;
}

enum status log_dump_generation(const char *data, uint64_t *out)
{
	struct kv *kv;
	struct kv_txn *txn;
	enum status status = open_log(data, &kv);

	*out = 0;
	if (status != STATUS_OK)
		return status;
	status = kv_read_begin(kv, &txn);
	if (status == STATUS_OK) {
		status = read_generation(txn, out);
		kv_abort(&txn);
	}
	kv_close(kv);
	return status;
}

static enum status read_operators(struct kv_txn *txn, struct arena *arena, Fettle__Operators *out)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	uint64_t count;
	enum status status = kv_count(txn, TABLE_OPERATOR, &count);

	if (status == STATUS_OK)
		status = kv_cursor_open(txn, TABLE_OPERATOR, &cursor);
	if (status == STATUS_OK) {
		out->operators = arena_take(arena, (size_t)count * sizeof(*out->operators));
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	}
	while (status == STATUS_OK && out->n_operators < count) {
		Fettle__Operator *person = record_unpack(&fettle__operator__descriptor,
		    arena_bytes(arena, value), arena);

		if (person == NULL || person->name == NULL)
			status = STATUS_CORRUPT;
		else
			out->operators[out->n_operators++] = person;
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status log_dump_operators(const char *data, struct arena *arena, Fettle__Operators *out)
{
	struct kv *kv;
	struct kv_txn *txn;
	enum status status = open_log(data, &kv);

	*out = (Fettle__Operators)FETTLE__OPERATORS__INIT;
	if (status != STATUS_OK)
		return status;
	status = kv_read_begin(kv, &txn);
	if (status == STATUS_OK) {
		status = read_operators(txn, arena, out);
		kv_abort(&txn);
	}
	kv_close(kv);
	return status;
}
