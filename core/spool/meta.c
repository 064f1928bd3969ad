/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta.c - what the spool knows of itself, in two kinds of values: one, and one a lane.
 */
#include "core/spool/parts.h"
#include "proto/state.pb-c.h"

static void pack_lane(struct buffer *out, const struct spool_lane *lane)
{
	Fettle__SpoolLane message = FETTLE__SPOOL_LANE__INIT;

	RECORD_SET(&message, appended, lane->appended);
	RECORD_SET(&message, numbered, lane->numbered);
	RECORD_SET(&message, sequence, lane->sequence);
	RECORD_SET(&message, acked, lane->acked);
	RECORD_SET(&message, bytes, lane->bytes);
	RECORD_SET(&message, records, lane->records);
	RECORD_SET(&message, refused, lane->refused);
	RECORD_SET(&message, told, lane->told);
	RECORD_SET(&message, coalesced, lane->coalesced);
	RECORD_SET(&message, evicted, lane->evicted);
	RECORD_SET_BYTES(&message, chain, BYTES_OF(lane->chain));
	RECORD_SET_BYTES(&message, acked_chain, BYTES_OF(lane->acked_chain));
	record_pack(out, &message.base);
}

static void pack_meta(struct buffer *out, const struct spool_memory *memory)
{
	Fettle__SpoolMeta message = FETTLE__SPOOL_META__INIT;

	RECORD_SET_BYTES(&message, store, BYTES_OF(memory->store));
	RECORD_SET(&message, epoch, memory->epoch);
	RECORD_SET(&message, starts, memory->starts);
	RECORD_SET(&message, events, memory->events);
	RECORD_SET(&message, revision, memory->revision);
	RECORD_SET(&message, command_committed, memory->command);
	RECORD_SET(&message, bundle_bytes, memory->bundle_bytes);
	record_pack(out, &message.base);
}

enum status spool_meta_write(struct spool *spool)
{
	struct spool_key key;
	enum status status;

	buffer_clear(&spool->scratch);
	pack_meta(&spool->scratch, &spool->now);
	status = kv_put(spool->write, SPOOL_META, bytes_of_text("meta"),
	    buffer_bytes(&spool->scratch));
	for (unsigned lane = 1; status == STATUS_OK && lane < LANE_END; lane++) {
		buffer_clear(&spool->scratch);
		pack_lane(&spool->scratch, &spool->now.lanes[lane]);
		status = kv_put(spool->write, SPOOL_META, spool_key(&key, (enum lane)lane, 0),
		    buffer_bytes(&spool->scratch));
	}
	return status;
}

static void copy_hash(uint8_t out[HASH_SIZE], ProtobufCBinaryData data)
{
	if (data.len == HASH_SIZE)
		memcpy(out, data.data, HASH_SIZE);
}

static enum status load_lane(struct spool *spool, struct kv_txn *txn, unsigned lane)
{
	struct spool_lane *state = &spool->now.lanes[lane];
	struct spool_key key;
	struct bytes value;
	Fettle__SpoolLane *message;
	enum status status = kv_get(txn, SPOOL_META, spool_key(&key, (enum lane)lane, 0), &value);

	if (status != STATUS_OK)
		return status;
	message = record_unpack(&fettle__spool_lane__descriptor, value, &spool->arena);
	if (message == NULL)
		return STATUS_CORRUPT;
	state->appended = message->appended;
	state->numbered = message->numbered;
	state->sequence = message->sequence;
	state->acked = message->acked;
	state->bytes = message->bytes;
	state->records = message->records;
	state->refused = message->refused;
	state->told = message->told;
	state->coalesced = message->coalesced;
	state->evicted = message->evicted;
	copy_hash(state->chain, message->chain);
	copy_hash(state->acked_chain, message->acked_chain);
	return STATUS_OK;
}

enum status spool_meta_load(struct spool *spool, struct kv_txn *txn)
{
	struct bytes value;
	Fettle__SpoolMeta *message;
	enum status status = kv_get(txn, SPOOL_META, bytes_of_text("meta"), &value);

	if (status != STATUS_OK)
		return status;
	message = record_unpack(&fettle__spool_meta__descriptor, value, &spool->arena);
	if (message == NULL || message->store.len != sizeof(spool->now.store))
		return STATUS_CORRUPT;
	memcpy(spool->now.store, message->store.data, sizeof(spool->now.store));
	spool->now.epoch = message->epoch;
	spool->now.starts = message->starts;
	spool->now.events = message->events;
	spool->now.revision = message->revision;
	spool->now.command = message->command_committed;
	spool->now.bundle_bytes = message->bundle_bytes;
	for (unsigned lane = 1; status == STATUS_OK && lane < LANE_END; lane++)
		status = load_lane(spool, txn, lane);
	spool->now.lanes[LANE_BULK].refused += message->refused;
	return status;
}
