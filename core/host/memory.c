/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host knows of itself, as it is kept: small numbers, positions, and what waits.
 */
#include "core/host/parts.h"

#include "core/log.h"

/* The small numbers stand in `meta` as one array, the positions in `input` by flow. */
static const char meta_key[] = "host";

static enum status load_memory(struct host *host, struct kv_txn *txn)
{
	struct bytes value;
	struct host_memory *memory = &host->now;
	uint64_t *const numbers[] = { &memory->batches, &memory->stamp_ms, &memory->verdicts,
		&memory->verdict_tail, &memory->outbox, &memory->outbox_tail };
	size_t count = sizeof(numbers) / sizeof(numbers[0]);
	enum status status = kv_get(txn, HOST_META, bytes_of_text(meta_key), &value);

	if (status != STATUS_OK)
		return status;
	if (value.size != 16 + 8 * (count + HOST_STAGES_MAX))
		return STATUS_CORRUPT;
	memcpy(memory->uuid, value.data, 16);
	for (size_t i = 0; i < count; i++)
		*numbers[i] = bytes_u64(value.data + 16 + 8 * i);
	for (size_t i = 0; i < HOST_STAGES_MAX; i++)
		memory->ticks[i] = bytes_u64(value.data + 16 + 8 * (count + i));
	return STATUS_OK;
}

void host_put_memory(struct host *host)
{
	const struct host_memory *memory = &host->now;
	const uint64_t numbers[] = { memory->batches, memory->stamp_ms, memory->verdicts,
		memory->verdict_tail, memory->outbox, memory->outbox_tail };

	buffer_clear(&host->scratch);
	buffer_append(&host->scratch, BYTES_OF(memory->uuid));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		buffer_append_u64(&host->scratch, numbers[i]);
	for (size_t i = 0; i < HOST_STAGES_MAX; i++)
		buffer_append_u64(&host->scratch, memory->ticks[i]);
	txn_put(host->txn, HOST_META, bytes_of_text(meta_key), buffer_bytes(&host->scratch));
}

static enum status load_positions(struct kv_txn *txn, uint64_t positions[SUBLOG_END])
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = kv_cursor_open(txn, HOST_INPUT, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	for (; status == STATUS_OK; status = kv_cursor_next(cursor, &key, &value)) {
		if (key.size != 8 || value.size != 8 || bytes_u64(key.data) >= SUBLOG_END) {
			status = STATUS_CORRUPT;
			break;
		}
		positions[bytes_u64(key.data)] = bytes_u64(value.data);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

void host_put_positions(struct host *host)
{
	for (uint32_t flow = 0; flow < SUBLOG_END; flow++) {
		if (host->now.positions[flow] == host->committed.positions[flow])
			continue;
		buffer_clear(&host->scratch);
		buffer_append_u64(&host->scratch, host->now.positions[flow]);
		txn_put(host->txn, HOST_INPUT, host_u64_key(host, flow),
		    buffer_bytes(&host->scratch));
	}
}

/* What is due, and whether any work waits, by what is stored. */
static enum status load_outlook(struct host *host, struct kv_txn *txn)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	uint64_t works;
	enum status status = kv_count(txn, HOST_WORK, &works);

	host->has_work = works > 0;
	host->next_timer_ms = UINT64_MAX;
	if (status == STATUS_OK)
		status = kv_cursor_open(txn, HOST_TIMER, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	if (status == STATUS_OK && key.size >= 8)
		host->next_timer_ms = bytes_u64(key.data);
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status host_load(struct host *host)
{
	struct kv_txn *txn;
	enum status status = kv_read_begin(host->kv, &txn);

	if (status != STATUS_OK)
		return status;
	host->now = (struct host_memory){ .verdict_tail = 1, .outbox_tail = 1 };
	status = load_memory(host, txn);
	if (status == STATUS_NOT_FOUND) {
		hash_random(host->now.uuid, sizeof(host->now.uuid));
		status = STATUS_OK;
	}
	host->committed = host->now; /* what readers say is held against it */
	if (status == STATUS_OK)
		status = load_positions(txn, host->now.positions);
	if (status == STATUS_OK)
		status = load_outlook(host, txn);
	if (status == STATUS_OK)
		status = host_load_readers(host, txn);
	kv_abort(&txn);
	host->committed = host->now;
	host->outbox_taken = host->now.outbox_tail - 1;
	if (status == STATUS_CORRUPT)
		log_error("state-damaged",
		    "the processor's state is damaged; restore a backup of it "
		    "and of the store");
	return status;
}

/* ---- of a state that may be another process's ---- */

enum status host_peek(struct kv_txn *txn, uint64_t *batches, uint64_t *verdicts)
{
	struct bytes value;
	enum status status = kv_get(txn, HOST_META, bytes_of_text(meta_key), &value);

	*batches = status == STATUS_OK && value.size > 40 ? bytes_u64(value.data + 16) : 0;
	*verdicts = status == STATUS_OK && value.size > 40 ? bytes_u64(value.data + 32) : 0;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status host_peek_heads(struct kv_txn *txn, struct host_heads *out)
{
	struct bytes value;
	enum status status = kv_get(txn, HOST_META, bytes_of_text(meta_key), &value);

	*out = (struct host_heads){ .verdicts = 0 };
	if (status != STATUS_OK)
		return status;
	if (value.size < 16 + 6 * 8)
		return STATUS_CORRUPT;
	memcpy(out->uuid, value.data, 16);
	out->verdicts = bytes_u64(value.data + 32);
	out->verdict_tail = bytes_u64(value.data + 40);
	out->outbox = bytes_u64(value.data + 48);
	out->outbox_tail = bytes_u64(value.data + 56);
	return load_positions(txn, out->positions);
}
