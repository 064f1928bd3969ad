/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/store/audit_reader.h"

#include <stdlib.h>

#include "core/record.h"
#include "sinks/store/layout.h"

enum { PAGE_ROWS = 256, KEY_SIZE = 8 };

struct audit_reader {
	struct kv *kv;
	struct arena arena; /* of the page in hand */
	struct audit_row rows[PAGE_ROWS];
	size_t count;
};

enum status audit_reader_open(const char *data, struct audit_reader **out)
{
	struct audit_reader *reader = memory_new(sizeof(*reader));
	struct kv_options options = { .tables = layout_tables, .format = LAYOUT_FORMAT };
	char *directory = layout_directory(data);
	enum status status = kv_open(directory, &options, &reader->kv);

	free(directory);
	if (status != STATUS_OK) {
		free(reader);
		return status;
	}
	*out = reader;
	return STATUS_OK;
}

void audit_reader_close(struct audit_reader *reader)
{
	if (reader == NULL)
		return;
	kv_close(reader->kv);
	arena_fini(&reader->arena);
	free(reader);
}

/* The checkpoint under KEY; what cannot be understood is none, and the walk finds what it hid. */
static enum status add_checkpoint(struct audit_reader *reader, struct kv_txn *txn, struct bytes key,
    struct audit_row *row)
{
	struct bytes value;
	enum status status = kv_get(txn, LAYOUT_CHECKPOINTS, key, &value);

	if (status == STATUS_OK)
		row->checkpoint = record_unpack(&fettle__audit_checkpoint__descriptor,
		    arena_bytes(&reader->arena, value), &reader->arena);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status add_row(struct audit_reader *reader, struct kv_txn *txn, struct bytes key,
    struct bytes value)
{
	struct audit_row *row = &reader->rows[reader->count++];

	if (key.size != KEY_SIZE)
		return STATUS_CORRUPT;
	*row = (struct audit_row){ .sequence = bytes_u64(key.data) };
	row->entry = record_unpack(&fettle__audit_entry__descriptor,
	    arena_bytes(&reader->arena, value), &reader->arena);
	return add_checkpoint(reader, txn, key, row);
}

static enum status read_rows(struct audit_reader *reader, struct kv_txn *txn, uint64_t from)
{
	struct kv_cursor *cursor = NULL;
	struct buffer first = { 0 };
	struct bytes key, value;
	enum status status = kv_cursor_open(txn, LAYOUT_AUDIT, &cursor);

	buffer_append_u64(&first, from);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, buffer_bytes(&first), &key, &value);
	while (status == STATUS_OK && reader->count < PAGE_ROWS) {
		status = add_row(reader, txn, key, value);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	buffer_fini(&first);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status read_page(struct audit_reader *reader, uint64_t from)
{
	struct kv_txn *txn;
	enum status status = kv_read_begin(reader->kv, &txn);

	reader->count = 0;
	arena_reset(&reader->arena);
	if (status != STATUS_OK)
		return status;
	status = read_rows(reader, txn, from);
	kv_abort(&txn);
	return status;
}

enum status audit_reader_each(struct audit_reader *reader, uint64_t from,
    enum status (*visit)(void *visitor, const struct audit_row *row), void *visitor)
{
	enum status status;

	do {
		status = read_page(reader, from);
		for (size_t i = 0; status == STATUS_OK && i < reader->count; i++) {
			status = visit(visitor, &reader->rows[i]);
			from = reader->rows[i].sequence + 1;
		}
	} while (status == STATUS_OK && reader->count == PAGE_ROWS);
	return status;
}

static enum status read_head(struct kv_txn *txn, struct audit *out, uint64_t *vouched)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = audit_load(txn, out);

	*vouched = 0;
	if (status == STATUS_OK)
		status = kv_cursor_open(txn, LAYOUT_CHECKPOINTS, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_last(cursor, &key, &value);
	if (status == STATUS_OK && key.size == KEY_SIZE)
		*vouched = bytes_u64(key.data);
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status audit_reader_head(struct audit_reader *reader, struct audit *out, uint64_t *vouched)
{
	struct kv_txn *txn;
	enum status status = kv_read_begin(reader->kv, &txn);

	*out = (struct audit){ 0 };
	if (status != STATUS_OK)
		return status;
	status = read_head(txn, out, vouched);
	kv_abort(&txn);
	return status;
}
