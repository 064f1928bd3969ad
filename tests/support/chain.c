/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/chain.h"

static void open_host(struct chain *chain)
{
	const struct kv_options options = { .tables = chain->tables, .is_writer = true };

	assert_int_equal(kv_open(chain->directory, &options, &chain->kv), STATUS_OK);
	assert_int_equal(host_new(chain->kv, chain->stages, NULL, &chain->host), STATUS_OK);
}

static void close_host(struct chain *chain)
{
	host_free(chain->host);
	kv_close(chain->kv);
}

int chain_start(struct chain *chain, const char *const *tables, const struct stage *const *stages)
{
	*chain = (struct chain){ .tables = tables, .stages = stages, .now_ms = CHAIN_START_MS };
	if (scratch_start(&chain->directory) != 0)
		return -1;
	open_host(chain);
	return 0;
}

int chain_stop(struct chain *chain)
{
	close_host(chain);
	arena_fini(&chain->arena);
	return scratch_stop(&chain->directory);
}

void chain_restart(struct chain *chain)
{
	close_host(chain);
	open_host(chain);
}

void chain_settle(struct chain *chain)
{
	enum status status = STATUS_OK;

	while (status == STATUS_OK)
		status = host_step(chain->host, ++chain->now_ms);
	assert_int_equal(status, STATUS_AGAIN);
}

/* ---- going in ---- */

static struct bytes keep(struct chain *chain, const ProtobufCMessage *message)
{
	struct buffer packed = { 0 };
	struct bytes copy;

	record_pack(&packed, message);
	copy = arena_bytes(&chain->arena, buffer_bytes(&packed));
	buffer_fini(&packed);
	return copy;
}

struct bytes chain_body(struct chain *chain, const ProtobufCMessage *message)
{
	return keep(chain, message);
}

struct bytes chain_give(struct chain *chain, const struct chain_record *given)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	Fettle__Stamp stamp = FETTLE__STAMP__INIT;
	uint8_t event_id[EVENT_ID_SIZE] = { 0 };
	struct bytes bytes;

	chain->events++;
	memcpy(event_id, &chain->events, sizeof(chain->events));
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, given->kind);
	if (given->revision > 0)
		RECORD_SET(&envelope, fact_revision, given->revision);
	if (given->wall_ms > 0)
		RECORD_SET(&envelope, wall_ms, given->wall_ms);
	RECORD_SET_BYTES(&stamp, writer, BYTES(given->writer, 16));
	RECORD_SET(&stamp, epoch, given->epoch);
	RECORD_SET(&stamp, lane, given->lane);
	RECORD_SET(&stamp, offset, given->offset);
	RECORD_SET(&stamp, received_ms, chain->now_ms);
	record.envelope = &envelope;
	record.stamp = &stamp;
	RECORD_SET_BYTES(&record, body, given->body);
	bytes = keep(chain, &record.base);
	host_take(chain->host, given->flow, ++chain->heads[given->flow], &bytes, 1);
	return bytes;
}

/* ---- coming out ---- */

static const Fettle__Record *decode(struct chain *chain, enum status status,
    const struct link_batch *batch)
{
	Fettle__Record *record;

	assert_int_equal(status, STATUS_OK);
	assert_int_equal(batch->count, 1);
	assert_int_equal(
	    record_decode(arena_bytes(&chain->arena, batch->records[0]), &chain->arena, &record),
	    STATUS_OK);
	host_release(chain->host);
	return record;
}

const Fettle__Record *chain_verdict(struct chain *chain, uint64_t number)
{
	struct link_batch batch = { .count = 0 };

	return decode(chain, host_read_verdicts(chain->host, number, 1, &batch), &batch);
}

const Fettle__Record *chain_command(struct chain *chain, uint64_t number)
{
	struct link_batch batch = { .count = 0 };

	return decode(chain, host_read_outbox(chain->host, number, 1, &batch), &batch);
}

uint64_t chain_count(struct chain *chain, unsigned table)
{
	struct kv_txn *txn;
	uint64_t out;

	assert_int_equal(kv_read_begin(chain->kv, &txn), STATUS_OK);
	assert_int_equal(kv_count(txn, table, &out), STATUS_OK);
	kv_abort(&txn);
	return out;
}
