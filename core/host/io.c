/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stages can do: emit, command, enqueue, set timers, count.
 */
#include "core/host/parts.h"
#include "core/log.h"
#include "core/require.h"
#include "proto/state.pb-c.h"

struct bytes host_u64_key(struct host *host, uint64_t number)
{
	buffer_clear(&host->key);
	buffer_append_u64(&host->key, number);
	return buffer_bytes(&host->key);
}

struct stage_io host_io(struct host *host, size_t stage)
{
	return (struct stage_io){ .host = host,
		.stage = host->stages[stage].stage,
		.settings = host->stages[stage].settings,
		.cache = host->stages[stage].cache,
		.txn = host->txn,
		.now_ms = host->now.stamp_ms,
		.arena = &host->arena };
}

static bool consumes(const struct stage *stage, enum event_kind kind)
{
	for (const enum event_kind *at = stage->consumes; *at != EVENT_NONE; at++)
		if (*at == kind)
			return true;
	return false;
}

enum status host_dispatch(struct host *host, const struct event *event, size_t from)
{
	size_t before = host->position_in_chain;
	enum status status = STATUS_OK;

	for (size_t i = from; status == STATUS_OK && i < host->stages_count; i++) {
		struct stage_io io = host_io(host, i);

		if (!consumes(io.stage, event->kind))
			continue;
		host->position_in_chain = i;
		status = io.stage->on_event(&io, event);
	}
	host->position_in_chain = before;
	return status;
}

enum status stage_emit(struct stage_io *io, const struct event *event)
{
	return host_dispatch(io->host, event, io->host->position_in_chain + 1);
}

enum status stage_reject(struct stage_io *io, const char *reason)
{
	io->host->reject_reason = reason;
	return STATUS_REJECT;
}

/* Unique for ever, and the same in a replay: half of the state's uuid, and a number. */
static void pack_record(struct host *host, uint8_t stream, uint64_t number,
    Fettle__Envelope *envelope, const ProtobufCMessage *message)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	uint8_t event_id[EVENT_ID_SIZE];
	struct buffer body = { 0 };

	memcpy(event_id, host->now.uuid, 8);
	for (unsigned i = 0; i < 8; i++)
		event_id[8 + i] = (uint8_t)(number >> 8 * (7 - i));
	event_id[8] = stream;
	RECORD_SET_BYTES(envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(envelope, schema, 1);
	RECORD_SET(envelope, wall_ms, host->now.stamp_ms);
	record_pack(&body, message);
	record.envelope = envelope;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&body));
	buffer_clear(&host->scratch);
	record_pack(&host->scratch, &record.base);
	buffer_fini(&body);
}

void stage_verdict(struct stage_io *io, uint32_t kind, const ProtobufCMessage *message)
{
	struct host *host = io->host;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;

	RECORD_SET(&envelope, kind, kind);
	pack_record(host, 1, ++host->now.verdicts, &envelope, message);
	if (host->scratch.size > LINK_VERDICT_MAX) {
		/* No sink could ever take it, and all that follows would wait behind it. */
		log_write(LOG_ERROR, "verdict-too-large",
		    LOG_FIELDS(LOG_NUMBER("kind", kind), LOG_NUMBER("bytes", host->scratch.size)),
		    "a verdict is larger than what can be sent; it is left out");
		stage_count(io, "verdicts_too_large", 1);
		buffer_clear(&host->scratch);
	}
	txn_put(host->txn, HOST_VERDICT, host_u64_key(host, host->now.verdicts),
	    buffer_bytes(&host->scratch));
}

void stage_command(struct stage_io *io, const uint8_t agent[AGENT_ID_SIZE], const char *key,
    uint32_t kind, const ProtobufCMessage *message)
{
	struct host *host = io->host;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;

	RECORD_SET(&envelope, kind, kind);
	RECORD_SET_BYTES(&envelope, key, bytes_of_text(key));
	RECORD_SET_BYTES(&envelope, target, BYTES(agent, AGENT_ID_SIZE));
	pack_record(host, 2, ++host->now.outbox, &envelope, message);
	txn_put(host->txn, HOST_OUTBOX, host_u64_key(host, host->now.outbox),
	    buffer_bytes(&host->scratch));
}

/* ---- work ---- */

void stage_enqueue(struct stage_io *io, uint32_t kind, struct bytes subject)
{
	struct host *host = io->host;
	Fettle__Work work = FETTLE__WORK__INIT;

	work.stage = RECORD_TEXT(io->stage->name);
	RECORD_SET(&work, kind, kind);
	RECORD_SET_BYTES(&work, subject, subject);
	RECORD_SET(&work, enqueued_ms, io->now_ms);
	buffer_clear(&host->scratch);
	record_pack(&host->scratch, &work.base);
	buffer_clear(&host->key);
	buffer_append_text(&host->key, io->stage->name);
	buffer_append_u8(&host->key, 0);
	buffer_append_u32(&host->key, kind);
	buffer_append(&host->key, subject);
	REQUIRE(host->key.size <= KV_KEY_MAX);
	txn_put(host->txn, HOST_WORK, buffer_bytes(&host->key), buffer_bytes(&host->scratch));
	host->has_work = true;
}

/* ---- timers: by due time, and by (stage, key) so that one can be moved ---- */

static struct bytes timer_of_key(struct host *host, const char *stage, struct bytes key)
{
	buffer_clear(&host->key);
	buffer_append_text(&host->key, stage);
	buffer_append_u8(&host->key, 0);
	buffer_append(&host->key, key);
	return buffer_bytes(&host->key);
}

enum status stage_set_timer(struct stage_io *io, struct bytes key, uint64_t due_ms)
{
	struct host *host = io->host;
	struct bytes name = timer_of_key(host, io->stage->name, key), older;
	struct buffer due = { 0 };
	enum status status = txn_get(host->txn, HOST_TIMER_OF, name, &older);

	REQUIRE(name.size + 8 <= KV_KEY_MAX);
	if (status == STATUS_OK) {
		buffer_append(&due, older);
		buffer_append(&due, name);
		txn_delete(host->txn, HOST_TIMER, buffer_bytes(&due));
		buffer_clear(&due);
	}
	if (status == STATUS_OK || status == STATUS_NOT_FOUND) {
		buffer_append_u64(&due, due_ms);
		txn_put(host->txn, HOST_TIMER_OF, name, buffer_bytes(&due));
		buffer_append(&due, name);
		txn_put(host->txn, HOST_TIMER, buffer_bytes(&due), BYTES_NONE);
		if (due_ms < host->next_timer_ms)
			host->next_timer_ms = due_ms;
		status = STATUS_OK;
	}
	buffer_fini(&due);
	return status;
}

/* ---- counters ---- */

void stage_count(struct stage_io *io, const char *counter, uint64_t add)
{
	struct host *host = io->host;
	struct bytes value;
	uint64_t before = 0;

	if (add == 0)
		return;
	/* A counter that cannot be read starts again: it is for people, nothing depends on it. */
	if (txn_get(host->txn, HOST_COUNTER, bytes_of_text(counter), &value) == STATUS_OK
	    && value.size == 8)
		before = bytes_u64(value.data);
	buffer_clear(&host->scratch);
	buffer_append_u64(&host->scratch, before + add);
	txn_put(host->txn, HOST_COUNTER, bytes_of_text(counter), buffer_bytes(&host->scratch));
}
