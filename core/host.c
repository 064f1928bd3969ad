/* SPDX-License-Identifier: Apache-2.0 */
#include "core/host.h"

#include <stdlib.h>

#include "core/host_private.h"
#include "core/log.h"
#include "core/require.h"
#include "proto/state.pb-c.h"
#include "proto/verdict.pb-c.h"

enum {
	TIMERS_A_BATCH = 1000,
	WORK_BUDGET = 64,
	DELETIONS_A_BATCH = 20 * 1000,
	BATCH_RECORDS_KEPT = 100 * 1000,
	OVERLAY_MAX = 500 * 1000,
	BATCH_BYTES = 8 * 1024 * 1024,
	WORK_EVERY = 8,      /* batches, where input never ends */
	RECORDS_A_LOOK = 16, /* at the clock */
};

/* What a batch may take: of one flow or of any, so many records. */
enum { ANY_FLOW = SUBLOG_END };
struct lot {
	uint32_t flow;
	size_t records;
	bool is_condemned; /* quarantined without being looked at */
};

/* ---- meta ---- */

/* The small numbers stand in `meta` as one array, the positions in `input` by flow. */
static const char meta_key[] = "host";
static const char attempts_key[] = "attempts";

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

enum status host_peek(struct kv_txn *txn, uint64_t *batches, uint64_t *verdicts)
{
	struct bytes value;
	enum status status = kv_get(txn, HOST_META, bytes_of_text(meta_key), &value);

	*batches = status == STATUS_OK && value.size > 40 ? bytes_u64(value.data + 16) : 0;
	*verdicts = status == STATUS_OK && value.size > 40 ? bytes_u64(value.data + 32) : 0;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void put_memory(struct host *host)
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

static enum status load_readers(struct host *host, struct kv_txn *txn)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = kv_cursor_open(txn, HOST_READER, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	while (status == STATUS_OK) {
		char *name = text_copy_bytes(key);

		if (value.size != 8 && value.size != 16)
			status = STATUS_CORRUPT;
		else
			status = host_verdicts_reader(host, name, bytes_u64(value.data),
			    value.size == 16 ? bytes_u64(value.data + 8) : 0);
		free(name);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status load(struct host *host)
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
		status = load_readers(host, txn);
	kv_abort(&txn);
	host->committed = host->now;
	host->outbox_taken = host->now.outbox_tail - 1;
	if (status == STATUS_CORRUPT)
		log_error("state-damaged",
		    "the processor's state is damaged; restore a backup of it "
		    "and of the store");
	return status;
}

/* ---- life ---- */

static void new_caches(struct host *host)
{
	for (size_t i = 0; i < host->stages_count; i++) {
		struct host_stage *at = &host->stages[i];

		if (at->cache != NULL)
			at->stage->cache_free(at->cache);
		at->cache = at->stage->cache_new == NULL ? NULL : at->stage->cache_new();
	}
}

enum status host_new(struct kv *kv, const struct stage *const *stages,
    const struct settings *settings, struct host **out)
{
	struct host *host = memory_new(sizeof(*host));
	enum status status;

	host->kv = kv;
	for (; *stages != NULL; stages++) {
		const struct stage *stage = *stages;

		REQUIRE(host->stages_count < HOST_STAGES_MAX);
		REQUIRE(stage->name != NULL && stage->consumes != NULL && stage->on_event != NULL);
		REQUIRE((stage->tick_ms == 0) == (stage->on_tick == NULL));
		REQUIRE((stage->cache_new == NULL) == (stage->cache_free == NULL));
		host->stages[host->stages_count++] = (struct host_stage){ .stage = stage,
			.settings = stage->settings == NULL || settings == NULL
			              ? NULL
			              : settings_of(settings, stage->name) };
	}
	status = load(host);
	if (status != STATUS_OK) {
		host_free(host);
		return status;
	}
	new_caches(host);
	*out = host;
	return STATUS_OK;
}

void host_free(struct host *host)
{
	if (host == NULL)
		return;
	host_release(host);
	txn_abort(&host->txn);
	for (size_t i = 0; i < host->stages_count; i++)
		if (host->stages[i].cache != NULL)
			host->stages[i].stage->cache_free(host->stages[i].cache);
	for (size_t i = 0; i < SUBLOG_END; i++)
		buffer_fini(&host->queues[i].bytes);
	arena_fini(&host->arena);
	buffer_fini(&host->scratch);
	buffer_fini(&host->key);
	free(host);
}

struct bytes host_uuid(const struct host *host)
{
	return BYTES_OF(host->now.uuid);
}

uint64_t host_position(const struct host *host, uint32_t flow)
{
	return host->committed.positions[flow];
}

uint64_t host_batches(const struct host *host)
{
	return host->committed.batches;
}

size_t host_waiting(const struct host *host)
{
	return host->waiting;
}

uint64_t host_due_ms(const struct host *host)
{
	uint64_t due_ms = host->has_work ? 0 : host->next_timer_ms;

	for (size_t i = 0; i < host->stages_count; i++) {
		const struct stage *stage = host->stages[i].stage;
		uint64_t tick_ms = host->committed.ticks[i] + stage->tick_ms;

		if (stage->tick_ms > 0 && tick_ms < due_ms)
			due_ms = tick_ms;
	}
	return due_ms;
}

/* ---- input ---- */

/* A queue that never runs empty must not grow for ever. */
static void make_compact(struct host_queue *queue)
{
	if (queue->at == 0 || queue->at < queue->bytes.size / 2)
		return;
	memmove(queue->bytes.data, queue->bytes.data + queue->at, queue->bytes.size - queue->at);
	queue->bytes.size -= queue->at;
	queue->at = 0;
}

void host_take(struct host *host, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count)
{
	struct host_queue *queue;

	REQUIRE(flow < SUBLOG_END);
	queue = &host->queues[flow];
	if (queue->count == 0) {
		buffer_clear(&queue->bytes);
		queue->at = 0;
		queue->first = first;
	}
	REQUIRE(first == queue->first + queue->count);
	make_compact(queue);
	for (size_t i = 0; i < count; i++) {
		buffer_append_u32(&queue->bytes, (uint32_t)records[i].size);
		buffer_append(&queue->bytes, records[i]);
	}
	queue->count += count;
	host->waiting += count;
}

static struct bytes queue_next(struct host *host, struct host_queue *queue)
{
	uint32_t size = bytes_u32(queue->bytes.data + queue->at);
	struct bytes record = BYTES(queue->bytes.data + queue->at + 4, size);

	queue->at += 4 + (size_t)size;
	queue->first++;
	queue->count--;
	host->waiting--;
	return record;
}

static void forget_input(struct host *host)
{
	for (size_t i = 0; i < SUBLOG_END; i++)
		host->queues[i].count = 0;
	host->waiting = 0;
}

/* ---- one record ---- */

/* What RECORD says, in the host's arena.  REJECT: it says nothing that may come by FLOW. */
static enum status read_event(struct host *host, uint32_t flow, struct bytes record,
    struct event *event)
{
	const char *reason;
	enum status status = event_decode(record, &host->arena, event, &reason);

	if (status != STATUS_OK) {
		host->reject_reason = reason;
		return status;
	}
	if (!event_may_come_by(event, flow)) {
		host->reject_reason = "a record of this kind may not come by this stream";
		return STATUS_REJECT;
	}
	host->reject_reason = "a stage rejected it";
	return STATUS_OK;
}

/* The stages of RECORD, or the host itself, where it is about what the host keeps. */
static enum status hand_over(struct host *host, const struct event *event)
{
	return event->kind == EVENT_QUARANTINE_RELEASE ? host_quarantine_release(host, event)
	                                               : host_dispatch(host, event, 0);
}

/* Who sent it is read from what the log has read before; the body is left alone. */
static void condemn(struct host *host, uint32_t flow, uint64_t number, struct bytes record)
{
	struct event event = { .kind = EVENT_NONE };
	Fettle__Record *decoded;

	arena_reset(&host->arena);
	if (record_decode(record, &host->arena, &decoded) == STATUS_OK) {
		event.envelope = decoded->envelope;
		event.stamp = decoded->stamp;
	}
	host->reject_reason = "crashed the processor three times";
	host_quarantine(host, flow, number, record, &event);
}

enum status host_process(struct host *host, uint32_t flow, uint64_t number, struct bytes record)
{
	struct event event = { .kind = EVENT_NONE };
	txn_savepoint savepoint = txn_save(host->txn);
	uint64_t verdicts = host->now.verdicts, outbox = host->now.outbox;
	enum status status;

	if (record.size == 0)
		return STATUS_OK; /* replaced by a later one, or aged out after it was read */
	arena_reset(&host->arena);
	status = read_event(host, flow, record, &event);
	if (status == STATUS_OK)
		status = hand_over(host, &event);
	if (status != STATUS_REJECT)
		return status;
	/*
	 * What a stage cached may come from what is undone now.  Where nothing is, it stays: who
	 * sends rubbish must not have every policy compiled again for it.
	 */
	if (txn_save(host->txn) != savepoint)
		new_caches(host);
	txn_roll_back(host->txn, savepoint);
	host->now.verdicts = verdicts;
	host->now.outbox = outbox;
	host_quarantine(host, flow, number, record, &event);
	return STATUS_OK;
}

/* ---- timers, ticks, work ---- */

static enum status fire(struct host *host, struct bytes entry)
{
	const char *name = (const char *)entry.data + 8;
	size_t name_size = strnlen(name, entry.size - 8);
	struct bytes key;

	REQUIRE(8 + name_size < entry.size);
	key = BYTES(entry.data + 8 + name_size + 1, entry.size - 8 - name_size - 1);
	txn_delete(host->txn, HOST_TIMER_OF, BYTES(entry.data + 8, entry.size - 8));
	txn_delete(host->txn, HOST_TIMER, entry);
	for (size_t i = 0; i < host->stages_count; i++) {
		struct stage_io io = host_io(host, i);

		if (strcmp(io.stage->name, name) != 0 || io.stage->on_timer == NULL)
			continue;
		host->position_in_chain = i;
		return io.stage->on_timer(&io, key);
	}
	return STATUS_OK; /* of a stage that this version no longer has */
}

/* Collected first, because a timer that fires may set others. */
static enum status fire_timers(struct host *host)
{
	struct txn_scan *scan = NULL;
	struct buffer due = { 0 };
	struct bytes key, value;
	enum status status = txn_scan_open(host->txn, HOST_TIMER, BYTES_NONE, BYTES_NONE, &scan);

	host->next_timer_ms = UINT64_MAX;
	for (size_t count = 0; status == STATUS_OK; count++) {
		status = txn_scan_next(scan, &key, &value);
		if (status != STATUS_OK)
			break;
		if (bytes_u64(key.data) > host->now.stamp_ms || count == TIMERS_A_BATCH) {
			host->next_timer_ms = bytes_u64(key.data);
			break;
		}
		buffer_append_u16(&due, (uint16_t)key.size);
		buffer_append(&due, key);
		/* The stage's name within is read as text. */
		buffer_append_u8(&due, 0);
	}
	txn_scan_close(scan);
	status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
	for (size_t at = 0; status == STATUS_OK && at < due.size;) {
		uint16_t size = bytes_u16(due.data + at);

		arena_reset(&host->arena);
		status = fire(host, BYTES(due.data + at + 2, size));
		at += 3U + size;
	}
	buffer_fini(&due);
	return status;
}

static enum status tick(struct host *host)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < host->stages_count; i++) {
		struct stage_io io = host_io(host, i);

		if (io.stage->tick_ms == 0
		    || host->now.stamp_ms - host->now.ticks[i] < io.stage->tick_ms)
			continue;
		host->now.ticks[i] = host->now.stamp_ms;
		host->position_in_chain = i;
		arena_reset(&host->arena);
		status = io.stage->on_tick(&io);
	}
	return status;
}

static enum status run_slice(struct host *host, struct bytes key, Fettle__Work *work)
{
	struct buffer next = { 0 };
	struct stage_work slice = { .kind = work->kind,
		.subject = record_bytes(work->subject),
		.cursor = record_bytes(work->cursor),
		.next = &next,
		.budget = WORK_BUDGET };
	enum status status = STATUS_OK;

	for (size_t i = 0; i < host->stages_count; i++) {
		struct stage_io io = host_io(host, i);

		if (strcmp(io.stage->name, work->stage) != 0 || io.stage->on_work == NULL)
			continue;
		host->position_in_chain = i;
		status = io.stage->on_work(&io, &slice);
		stage_count(&io, "work_slices", 1);
	}
	if (status == STATUS_OK && next.size == 0)
		txn_delete(host->txn, HOST_WORK, key);
	if (status == STATUS_OK && next.size > 0) {
		RECORD_SET_BYTES(work, cursor, buffer_bytes(&next));
		buffer_clear(&host->scratch);
		record_pack(&host->scratch, &work->base);
		txn_put(host->txn, HOST_WORK, key, buffer_bytes(&host->scratch));
	}
	buffer_fini(&next);
	return status;
}

/*
 * One slice of the work under KEY, or of the first that there is.  ARENA keeps what the batch
 * record says of it: the host's own does not outlive the next record.
 */
static enum status work(struct host *host, struct bytes wanted, Fettle__BatchRecord *batch,
    struct arena *arena)
{
	struct txn_scan *scan = NULL;
	struct bytes key, value;
	Fettle__Work *item = NULL;
	enum status status = txn_scan_open(host->txn, HOST_WORK, wanted, BYTES_NONE, &scan);

	if (status == STATUS_OK)
		status = txn_scan_next(scan, &key, &value);
	if (status == STATUS_OK) {
		key = arena_bytes(arena, key);
		item = record_unpack(&fettle__work__descriptor, value, arena);
		status = item == NULL || item->stage == NULL ? STATUS_CORRUPT : STATUS_OK;
	}
	txn_scan_close(scan);
	if (status == STATUS_OK) {
		arena_reset(&host->arena);
		status = run_slice(host, key, item);
		RECORD_SET_BYTES(batch, work, key);
	}
	if (status == STATUS_NOT_FOUND && wanted.size == 0) {
		host->has_work = false;
		status = STATUS_OK;
	}
	return status;
}

/* ---- one batch ---- */

static void put_positions(struct host *host)
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

static void put_batch(struct host *host, Fettle__BatchRecord *batch)
{
	host->now.batches++;
	RECORD_SET(batch, stamp_ms, host->now.stamp_ms);
	RECORD_SET(batch, verdicts, host->now.verdicts);
	buffer_clear(&host->scratch);
	record_pack(&host->scratch, &batch->base);
	txn_put(host->txn, HOST_BATCH, host_u64_key(host, host->now.batches),
	    buffer_bytes(&host->scratch));
	if (host->now.batches > BATCH_RECORDS_KEPT)
		txn_delete(host->txn, HOST_BATCH,
		    host_u64_key(host, host->now.batches - BATCH_RECORDS_KEPT));
}

static bool has_fallen_behind(const struct host *host, const struct host_reader *reader)
{
	return reader->lag_max > 0 && host->now.verdicts > reader->offset
	    && host->now.verdicts - reader->offset > reader->lag_max;
}

/* What every sink has, and what the log has taken, need not be kept. */
static void forget_read(struct host *host)
{
	uint64_t read_by_all = UINT64_MAX;
	size_t deletions = 0;
	bool has_required = false; /* one that everything is kept for has come at least once */

	for (size_t i = 0; i < host->readers_count; i++) {
		const struct host_reader *reader = &host->readers[i];

		has_required |= reader->lag_max == 0;
		if (reader->offset < read_by_all && !has_fallen_behind(host, reader))
			read_by_all = reader->offset;
		buffer_clear(&host->scratch);
		buffer_append_u64(&host->scratch, reader->offset);
		buffer_append_u64(&host->scratch, reader->lag_max);
		txn_put(host->txn, HOST_READER, bytes_of_text(reader->name),
		    buffer_bytes(&host->scratch));
	}
	for (;
	     has_required && host->now.verdict_tail <= read_by_all && deletions < DELETIONS_A_BATCH;
	     deletions++)
		txn_delete(host->txn, HOST_VERDICT, host_u64_key(host, host->now.verdict_tail++));
	for (; host->now.outbox_tail <= host->outbox_taken && deletions < DELETIONS_A_BATCH;
	     deletions++)
		txn_delete(host->txn, HOST_OUTBOX, host_u64_key(host, host->now.outbox_tail++));
}

static void put_attempts(struct host *host, const struct attempts *attempts, bool is_running)
{
	buffer_clear(&host->scratch);
	attempts_encode(attempts, is_running, &host->scratch);
	txn_put(host->txn, HOST_META, bytes_of_text(attempts_key), buffer_bytes(&host->scratch));
}

/* What was tried is survived in the transaction that keeps what it did. */
static enum status finish(struct host *host, enum status status, Fettle__BatchRecord *batch)
{
	struct attempts after = host->attempts;

	if (status == STATUS_OK && after.trying.first > 0) {
		attempts_survived(&after);
		put_attempts(host, &after, true);
	}
	if (status == STATUS_OK) {
		put_positions(host);
		put_batch(host, batch);
		put_memory(host);
		status = txn_commit(&host->txn);
	}
	if (status == STATUS_OK) {
		host->committed = host->now;
		host->attempts = after;
		return STATUS_OK;
	}
	attempts_forget(&host->attempts);
	txn_abort(&host->txn);
	host->now = host->committed;
	forget_input(host);
	new_caches(host);
	host->has_work = true; /* unknown now: the next step looks */
	host->next_timer_ms = 0;
	return status;
}

static enum status begin(struct host *host, uint64_t stamp_ms)
{
	REQUIRE(host->read == NULL);
	if (stamp_ms > host->now.stamp_ms)
		host->now.stamp_ms = stamp_ms;
	return txn_begin(host->kv, &host->txn);
}

/* Whether a batch that has taken so much from FLOW, where it is bound to one, takes more. */
static bool takes_more(const struct host *host, const struct lot *lot, uint32_t flow, size_t taken,
    size_t bytes)
{
	return host->queues[flow].count > 0 && (lot->flow == ANY_FLOW || lot->flow == flow)
	    && taken < lot->records && bytes < BATCH_BYTES && txn_size(host->txn) < OVERLAY_MAX;
}

void host_set_patience(struct host *host, bool (*is_long)(void *data), void *data)
{
	host->is_long = is_long;
	host->is_long_data = data;
}

/* What is critical, and intent, are never put off, nor is the first record of a batch. */
static bool is_put_off(const struct host *host, uint32_t flow, size_t taken)
{
	return host->is_long != NULL && taken > 0 && taken % RECORDS_A_LOOK == 0
	    && flow >= SUBLOG_FIRST && sublog_lane(flow) != LANE_CRITICAL
	    && host->is_long(host->is_long_data);
}

/* Intent and the critical sub-logs first; the others take turns where a batch was too long. */
static uint32_t flow_in_order(const struct host *host, uint32_t place)
{
	const uint32_t others = sublog_flow(0, LANE_DELTA);

	return place < others ? place
	                      : others + (place - others + host->turn) % (SUBLOG_END - others);
}

static void give_turn(struct host *host, uint32_t flow, bool is_over)
{
	const uint32_t others = sublog_flow(0, LANE_DELTA);

	host->turn = is_over ? (flow + 1 - others) % (SUBLOG_END - others) : 0;
}

/* Takes what waits, flow by flow: intent first, then the critical sub-logs, and so on. */
static enum status take_waiting(struct host *host, const struct lot *lot,
    Fettle__BatchRecord *batch, Fettle__BatchRange *ranges)
{
	enum status status = STATUS_OK;
	size_t taken = 0, bytes = 0;
	bool is_over = false;
	uint32_t last = 0;

	for (uint32_t place = 0; status == STATUS_OK && !is_over && place < SUBLOG_END; place++) {
		uint32_t flow = flow_in_order(host, place);
		struct host_queue *queue = &host->queues[flow];
		Fettle__BatchRange *range = &ranges[batch->n_ranges];

		if (!takes_more(host, lot, flow, taken, bytes))
			continue;
		fettle__batch_range__init(range);
		RECORD_SET(range, flow, flow);
		RECORD_SET(range, first, queue->first);
		if (lot->is_condemned)
			RECORD_SET(range, is_condemned, true);
		while (
		    status == STATUS_OK && !is_over && takes_more(host, lot, flow, taken, bytes)) {
			uint64_t number = queue->first;
			struct bytes record = queue_next(host, queue);

			if (lot->is_condemned)
				condemn(host, flow, number, record);
			else
				status = host_process(host, flow, number, record);
			bytes += record.size;
			host->now.positions[flow] = number;
			is_over = is_put_off(host, flow, ++taken);
		}
		RECORD_SET(range, last, host->now.positions[flow]);
		batch->ranges[batch->n_ranges++] = range;
		last = flow;
	}
	give_turn(host, last, is_over);
	return status;
}

/* Input goes first, but a fleet that always has something to say must not keep a policy waiting. */
static bool is_time_for_work(const struct host *host)
{
	return host->has_work && (host->waiting == 0 || host->now.batches % WORK_EVERY == 0);
}

static enum status run_batch(struct host *host, const struct lot *lot, uint64_t now_ms)
{
	Fettle__BatchRecord batch = FETTLE__BATCH_RECORD__INIT;
	Fettle__BatchRange *ranges, **pointers;
	struct arena arena = { 0 };
	enum status status = begin(host, now_ms);

	if (status != STATUS_OK) {
		forget_input(host);
		return status;
	}
	ranges = memory_new(SUBLOG_END * sizeof(*ranges));
	pointers = memory_new(SUBLOG_END * sizeof(*pointers));
	batch.ranges = pointers;
	status = fire_timers(host);
	if (status == STATUS_OK)
		status = tick(host);
	if (status == STATUS_OK && host->attempts.trying.first == 0 && is_time_for_work(host))
		status = work(host, BYTES_NONE, &batch, &arena);
	if (status == STATUS_OK)
		status = take_waiting(host, lot, &batch, ranges);
	if (status == STATUS_OK)
		forget_read(host);
	status = finish(host, status, &batch);
	arena_fini(&arena);
	free(ranges);
	free(pointers);
	return status;
}

/* ---- after a crash ---- */

/* Keeps which lot is about to be handed over, before it is. */
static enum status note_lot(struct host *host, uint32_t flow, size_t records)
{
	uint64_t first = host->queues[flow].first;
	enum status status = txn_begin(host->kv, &host->txn);

	if (status != STATUS_OK)
		return status;
	attempts_try(&host->attempts, flow, first, first + records - 1);
	put_attempts(host, &host->attempts, true);
	status = txn_commit(&host->txn);
	if (status != STATUS_OK) {
		txn_abort(&host->txn);
		attempts_forget(&host->attempts);
	}
	return status;
}

static enum status try_lot(struct host *host, uint64_t now_ms)
{
	struct lot lot = { .flow = 0 };
	struct host_queue *queue;
	enum status status;

	while (host->queues[lot.flow].count == 0)
		lot.flow++;
	queue = &host->queues[lot.flow];
	lot.records = attempts_width(&host->attempts, lot.flow, queue->first);
	if (lot.records > queue->count)
		lot.records = queue->count;
	lot.is_condemned = attempts_condemns(&host->attempts, lot.flow, queue->first);
	status = note_lot(host, lot.flow, lot.records);
	if (status == STATUS_OK)
		return run_batch(host, &lot, now_ms);
	forget_input(host);
	return status;
}

/* What is due without input goes first and alone: no record is to be blamed for it. */
static enum status step_carefully(struct host *host, uint64_t now_ms)
{
	const struct lot nothing = { .flow = ANY_FLOW };
	enum status status = STATUS_OK;

	if (host_due_ms(host) <= now_ms)
		status = run_batch(host, &nothing, now_ms);
	return status == STATUS_OK && host->waiting > 0 ? try_lot(host, now_ms) : status;
}

enum status host_step(struct host *host, uint64_t now_ms)
{
	const struct lot everything = { .flow = ANY_FLOW, .records = HOST_BATCH_RECORDS };

	if (host->waiting == 0 && host_due_ms(host) > now_ms)
		return STATUS_AGAIN;
	return attempts_is_careful(&host->attempts) ? step_carefully(host, now_ms)
	                                            : run_batch(host, &everything, now_ms);
}

static enum status read_attempts(struct host *host)
{
	struct bytes kept;
	struct kv_txn *txn;
	enum status status = kv_read_begin(host->kv, &txn);

	if (status != STATUS_OK)
		return status;
	status = kv_get(txn, HOST_META, bytes_of_text(attempts_key), &kept);
	if (status == STATUS_OK)
		status = attempts_begin(&host->attempts, kept);
	kv_abort(&txn);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status keep_attempts(struct host *host, bool is_running)
{
	enum status status = txn_begin(host->kv, &host->txn);

	if (status != STATUS_OK)
		return status;
	put_attempts(host, &host->attempts, is_running);
	status = txn_commit(&host->txn);
	txn_abort(&host->txn);
	return status;
}

enum status host_begin(struct host *host)
{
	enum status status = read_attempts(host);

	if (status == STATUS_OK && attempts_is_careful(&host->attempts))
		log_warn("processor-careful",
		    "the last run ended without a word; records are handed over a few at a time, "
		    "to find out whether one of them is why");
	return status == STATUS_OK ? keep_attempts(host, true) : status;
}

enum status host_end(struct host *host)
{
	host_release(host);
	attempts_forget(&host->attempts);
	return keep_attempts(host, false);
}

/* ---- replaying ---- */

static enum status replay_condemned(struct host *host, uint32_t flow, uint64_t number,
    struct bytes record)
{
	condemn(host, flow, number, record);
	return STATUS_OK;
}

static enum status replay_range(struct host *host, const Fettle__BatchRange *range,
    host_fetch fetch, void *data)
{
	enum status status = STATUS_OK;

	if (range->flow >= SUBLOG_END)
		return STATUS_CORRUPT;
	for (uint64_t number = range->first; status == STATUS_OK && number <= range->last;
	     number++) {
		struct bytes record;

		status = fetch(data, range->flow, number, &record);
		if (status == STATUS_OK)
			status = range->is_condemned
			           ? replay_condemned(host, range->flow, number, record)
			           : host_process(host, range->flow, number, record);
		host->now.positions[range->flow] = number;
	}
	return status;
}

enum status host_replay(struct host *host, struct bytes record, host_fetch fetch, void *data)
{
	struct arena arena = { 0 };
	Fettle__BatchRecord *batch = record_unpack(&fettle__batch_record__descriptor, record,
	    &arena);
	enum status status = batch == NULL ? STATUS_CORRUPT : begin(host, batch->stamp_ms);

	if (status != STATUS_OK)
		goto out;
	status = fire_timers(host);
	if (status == STATUS_OK)
		status = tick(host);
	if (status == STATUS_OK && batch->has_work)
		status = work(host, record_bytes(batch->work), batch, &arena);
	for (size_t i = 0; status == STATUS_OK && i < batch->n_ranges; i++)
		status = replay_range(host, batch->ranges[i], fetch, data);
	status = finish(host, status, batch);
out:
	arena_fini(&arena);
	return status;
}

/* ---- what it leaves for others ---- */

uint64_t host_verdict_head(const struct host *host)
{
	return host->committed.verdicts;
}

uint64_t host_verdict_tail(const struct host *host)
{
	return host->committed.verdict_tail;
}

uint64_t host_outbox_head(const struct host *host)
{
	return host->committed.outbox;
}

/* Deleted ones give empty records, so that the flow has no holes. */
static enum status read_stream(struct host *host, unsigned table, uint64_t from, uint64_t head,
    size_t most, struct link_batch *batch)
{
	static const uint8_t nothing[1];
	enum status status = STATUS_OK;

	if (host->read == NULL)
		status = kv_read_begin(host->kv, &host->read);
	for (uint64_t number = from; status == STATUS_OK && number <= head && batch->count < most;
	     number++) {
		struct bytes record;

		status = kv_get(host->read, table, host_u64_key(host, number), &record);
		if (status == STATUS_NOT_FOUND) {
			record = BYTES(nothing, 0);
			status = STATUS_OK;
		}
		if (status != STATUS_OK || !link_batch_has_room(batch, record.size))
			break;
		link_batch_add(batch, record);
	}
	return status;
}

enum status host_read_verdicts(struct host *host, uint64_t from, size_t most,
    struct link_batch *batch)
{
	return read_stream(host, HOST_VERDICT, from, host->committed.verdicts, most, batch);
}

enum status host_read_outbox(struct host *host, uint64_t from, size_t most,
    struct link_batch *batch)
{
	return read_stream(host, HOST_OUTBOX, from, host->committed.outbox, most, batch);
}

void host_release(struct host *host)
{
	kv_abort(&host->read);
}

static struct host_reader *find_reader(const struct host *host, const char *name)
{
	size_t size = sizeof(host->readers[0].name)
	            - 1; /* longer ones are told apart by that much */

	for (size_t i = 0; i < host->readers_count; i++)
		if (strncmp(host->readers[i].name, name, size) == 0)
			return (struct host_reader *)&host->readers[i];
	return NULL;
}

/* A place for a new reader: where there is none left, that of one that was given up. */
static struct host_reader *new_reader(struct host *host)
{
	if (host->readers_count < HOST_READERS_MAX)
		return &host->readers[host->readers_count++];
	for (size_t i = 0; i < host->readers_count; i++)
		if (has_fallen_behind(host, &host->readers[i]))
			return &host->readers[i];
	return NULL;
}

enum status host_verdicts_reader(struct host *host, const char *reader, uint64_t offset,
    uint64_t lag_max)
{
	struct host_reader *at = find_reader(host, reader);

	if (at == NULL)
		at = new_reader(host);
	if (at == NULL)
		return STATUS_FULL;
	*at = (struct host_reader){ .offset = offset, .lag_max = lag_max };
	strncpy(at->name, reader, sizeof(at->name) - 1);
	return STATUS_OK;
}

void host_verdicts_read(struct host *host, const char *reader, uint64_t offset)
{
	struct host_reader *at = find_reader(host, reader);

	if (offset > host->committed.verdicts)
		return;
	if (at != NULL)
		at->offset = offset;
	else
		(void)!host_verdicts_reader(host, reader, offset, 0); /* too many: not waited for */
}

bool host_verdicts_overrun(const struct host *host, const char *reader)
{
	const struct host_reader *at = find_reader(host, reader);

	return at != NULL && has_fallen_behind(host, at);
}

uint64_t host_verdicts_kept(const struct host *host, const char *reader)
{
	const struct host_reader *at = find_reader(host, reader);
	uint64_t kept = host->committed.verdict_tail;

	if (at != NULL && has_fallen_behind(host, at)
	    && host->committed.verdicts - at->lag_max / 2 > kept)
		kept = host->committed.verdicts - at->lag_max / 2;
	return kept;
}

void host_outbox_taken(struct host *host, uint64_t offset)
{
	if (offset > host->outbox_taken && offset <= host->committed.outbox)
		host->outbox_taken = offset;
}
