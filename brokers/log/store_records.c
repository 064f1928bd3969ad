/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_records.c - the records of every sub-log: appended under the next offset, read in order.
 */
#include "brokers/log/notices.h"
#include "brokers/log/store_private.h"
#include "core/require.h"

static const uint8_t empty_record[1];

/* ---- appending ---- */

enum status log_store_append_record(struct log_store *store, uint32_t flow, struct bytes record,
    Fettle__Stamp *stamp)
{
	store->now.head[flow]++;
	store->dirty[flow] = true;
	RECORD_SET(stamp, offset, store->now.head[flow]);
	buffer_clear(&store->value);
	record_stamp(&store->value, record, stamp);
	return kv_put(store->write, TABLE_RECORD,
	    log_store_record_key(store, flow, store->now.head[flow]), buffer_bytes(&store->value));
}

enum status log_store_append(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    uint64_t epoch, enum lane lane, uint64_t first, const struct bytes *records, size_t count,
    struct bytes chain, uint64_t received_ms)
{
	Fettle__Stamp stamp = FETTLE__STAMP__INIT;
	struct log_cursor cursor;
	size_t known;
	enum status status = log_store_cursor(store, agent, lane, &cursor);

	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	if (cursor.epoch != epoch || first > cursor.sequence + 1)
		return STATUS_EXISTS;
	known = (size_t)(cursor.sequence + 1 - first);
	if (known >= count)
		return STATUS_OK;
	for (size_t i = known; i < count; i++)
		hash_chain(cursor.chain, records[i]);
	if (chain.size > 0 && !bytes_equal(chain, BYTES_OF(cursor.chain)))
		return STATUS_REJECT;
	RECORD_SET_BYTES(&stamp, writer, BYTES(agent, AGENT_ID_SIZE));
	RECORD_SET(&stamp, epoch, epoch);
	RECORD_SET(&stamp, lane, lane);
	RECORD_SET(&stamp, received_ms, received_ms);
	status = STATUS_OK;
	for (size_t i = known; status == STATUS_OK && i < count; i++) {
		RECORD_SET(&stamp, sequence, first + i);
		status = log_store_append_record(store, sublog_flow(sublog_slot_of(agent), lane),
		    records[i], &stamp);
	}
	cursor.sequence = first + count - 1;
	return status == STATUS_OK ? log_store_set_cursor(store, agent, lane, &cursor) : status;
}

/* ---- of the log's own ---- */

void log_store_fill_stamp(Fettle__Stamp *stamp, const uint8_t writer[16], uint64_t received_ms)
{
	fettle__stamp__init(stamp);
	RECORD_SET_BYTES(stamp, writer, BYTES(writer, 16));
	RECORD_SET(stamp, received_ms, received_ms);
}

/* The log is its own writer here: its uuid stands where an agent's or a person's id would. */
static void pack_own(struct buffer *out, uint32_t kind, const ProtobufCMessage *body,
    uint64_t now_ms)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	struct buffer packed = { 0 };
	uint8_t event_id[EVENT_ID_SIZE];

	record_pack(&packed, body);
	hash_random(event_id, sizeof(event_id));
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, kind);
	RECORD_SET(&envelope, schema, 1);
	RECORD_SET(&envelope, wall_ms, now_ms);
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&packed));
	record_pack(out, &record.base);
	buffer_fini(&packed);
}

enum status log_store_say(struct log_store *store, uint32_t flow, uint32_t kind,
    const ProtobufCMessage *body, uint64_t now_ms, uint64_t older, uint64_t *offset)
{
	Fettle__Stamp stamp;
	struct buffer packed = { 0 };
	enum status status = STATUS_OK;

	if (older != 0)
		status = kv_delete(store->write, TABLE_RECORD,
		    log_store_record_key(store, flow, older));
	pack_own(&packed, kind, body, now_ms);
	log_store_fill_stamp(&stamp, log_store_uuid(store).data, now_ms);
	if (status == STATUS_OK)
		status = log_store_append_record(store, flow, buffer_bytes(&packed), &stamp);
	*offset = store->now.head[flow];
	buffer_fini(&packed);
	return status;
}

enum status log_store_notice(struct log_store *store, Fettle__Notice *notice, uint64_t now_ms)
{
	struct notices_room room;
	uint64_t offset;
	bool is_listed;
	enum status status;

	notices_shorten(notice, &room);
	status = notices_admit(store, notice, now_ms, &is_listed);
	if (status != STATUS_OK || !is_listed)
		return status;
	RECORD_SET(notice, at_ms, now_ms);
	return log_store_say(store, SUBLOG_NOTICE, FETTLE__KIND__KIND_NOTICE, &notice->base, now_ms,
	    0, &offset);
}

/* ---- reading ---- */

uint64_t log_store_head(const struct log_store *store, uint32_t flow)
{
	return flow < SUBLOG_END ? store->committed.head[flow] : 0;
}

uint64_t log_store_tail(const struct log_store *store, uint32_t flow)
{
	return flow < SUBLOG_END ? store->committed.tail[flow] : 1;
}

/*
 * Reads numbered records of TABLE under the key PREFIX, from FROM up to LAST.  A number without a
 * record gives an empty one, so that a flow has no holes.
 */
static enum status read_run(struct log_store *store, unsigned table, struct bytes prefix,
    uint64_t from, uint64_t last, size_t most, struct link_batch *batch)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	uint64_t next = from;
	enum status status;

	buffer_clear(&store->key);
	buffer_append(&store->key, prefix);
	buffer_append_u64(&store->key, from);
	status = kv_cursor_open(store->read, table, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, buffer_bytes(&store->key), &key, &value);
	while ((status == STATUS_OK || status == STATUS_NOT_FOUND) && next <= last
	       && batch->count < most) {
		bool is_there = status == STATUS_OK && key.size == prefix.size + 8
		             && bytes_start_with(key, prefix)
		             && bytes_u64(key.data + prefix.size) == next;
		struct bytes record = is_there ? value : BYTES(empty_record, 0);

		if (!link_batch_has_room(batch, record.size))
			break;
		link_batch_add(batch, record);
		next++;
		if (is_there)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status log_store_read(struct log_store *store, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	uint8_t prefix[4] = { (uint8_t)(flow >> 24), (uint8_t)(flow >> 16), (uint8_t)(flow >> 8),
		(uint8_t)flow };
	struct kv_txn *txn;
	enum status status = log_store_txn(store, &txn);

	REQUIRE(store->write == NULL);
	return status == STATUS_OK ? read_run(store, TABLE_RECORD, BYTES_OF(prefix), from,
		   log_store_head(store, flow), most, batch)
	                           : status;
}

enum status log_store_read_commands(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    uint64_t from, size_t most, struct link_batch *batch)
{
	struct kv_txn *txn;
	uint64_t head;
	enum status status = log_store_txn(store, &txn);

	REQUIRE(store->write == NULL);
	if (status == STATUS_OK)
		status = log_store_command_head(store, agent, &head);
	return status == STATUS_OK ? read_run(store, TABLE_COMMAND, BYTES(agent, AGENT_ID_SIZE),
		   from, head, most, batch)
	                           : status;
}
