/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two small stages: `notes` keeps the facts of an agent and does everything that a stage may do;
 * `echo` hears what `notes` emits.
 */
#include "core/host.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/sublog.h"
#include "proto/command.pb-c.h"
#include "proto/state.pb-c.h"
#include "proto/verdict.pb-c.h"
#include "tests/support/scratch.h"

enum { TABLE_NOTES = HOST_TABLES, TABLE_ECHOES, TABLES };
enum { TICK_MS = 60 * 1000, START_MS = 1000 * 1000, RECORDS_MAX = 256, WORK = 7 };

static const char *const tables[] = { HOST_TABLE_NAMES, "notes", "echoes", NULL };
static const uint8_t agent[AGENT_ID_SIZE] = "\x03"
					    "an agent's id.";

static unsigned caches_made;

/* ---- the stages ---- */

static void *cache_new(void)
{
	caches_made++;
	return memory_new(1);
}

static void say(struct stage_io *io, const char *text)
{
	Fettle__LossVerdict verdict = FETTLE__LOSS_VERDICT__INIT;

	verdict.reason = RECORD_TEXT(text);
	RECORD_SET(&verdict, at_ms, io->now_ms);
	stage_verdict(io, FETTLE__KIND__KIND_LOSS, &verdict.base);
}

static void send_command(struct stage_io *io)
{
	Fettle__Resync resync = FETTLE__RESYNC__INIT;

	stage_command(io, agent, "resync", FETTLE__KIND__KIND_RESYNC, &resync.base);
}

static bool is_key(struct bytes key, const char *text)
{
	return bytes_start_with(key, bytes_of_text(text));
}

static enum status on_fact(struct stage_io *io, const struct event *event)
{
	struct bytes key = record_bytes(event_fact(event)->key);
	enum status status;

	if (is_key(key, "refused"))
		return stage_reject(io, "refused before anything was done");
	txn_put(io->txn, TABLE_NOTES, key, record_bytes(event_fact(event)->value));
	stage_count(io, "notes", 1);
	say(io, "noted");
	status = stage_emit(io, &(struct event){ .kind = EVENT_FACT_CHANGED, .body = &key });
	if (status != STATUS_OK)
		return status;
	if (is_key(key, "command"))
		send_command(io);
	if (is_key(key, "huge")) {
		char *text = arena_take(io->arena, LINK_VERDICT_MAX + 1);

		memset(text, 'h', LINK_VERDICT_MAX);
		say(io, text);
	}
	if (is_key(key, "timer"))
		return stage_set_timer(io, key, io->now_ms + 5000);
	if (is_key(key, "bad")) {
		send_command(io);
		stage_enqueue(io, WORK, key);
		return stage_reject(io, "bad after all");
	}
	return is_key(key, "broken") ? STATUS_IO : STATUS_OK;
}

static enum status on_event(struct stage_io *io, const struct event *event)
{
	if (event->kind == EVENT_POLICY) {
		stage_enqueue(io, WORK, bytes_of_text(event_document(event)->id));
		return STATUS_OK;
	}
	return on_fact(io, event);
}

static enum status on_tick(struct stage_io *io)
{
	stage_count(io, "ticks", 1);
	return STATUS_OK;
}

static enum status on_timer(struct stage_io *io, struct bytes key)
{
	say(io, arena_format(io->arena, "timer %.*s", (int)key.size, (const char *)key.data));
	return STATUS_OK;
}

/* Three notes a slice. */
static enum status on_work(struct stage_io *io, struct stage_work *work)
{
	struct txn_scan *scan;
	struct bytes key, value;
	enum status status = txn_scan_open(io->txn, TABLE_NOTES, BYTES_NONE, work->cursor, &scan);

	for (size_t i = 0; status == STATUS_OK && i <= 3; i++) {
		status = txn_scan_next(scan, &key, &value);
		if (status == STATUS_OK && i == 3)
			buffer_append(work->next, key);
		else if (status == STATUS_OK)
			say(io, arena_format(io->arena, "work %.*s", (int)key.size,
				    (const char *)key.data));
	}
	txn_scan_close(scan);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static const struct stage notes_stage = { .name = "notes",
	.summary = "keeps notes",
	.consumes = (const enum event_kind[]){ EVENT_FACT_SET, EVENT_POLICY, EVENT_NONE },
	.tick_ms = TICK_MS,
	.cache_new = cache_new,
	.cache_free = free,
	.on_event = on_event,
	.on_tick = on_tick,
	.on_timer = on_timer,
	.on_work = on_work };

static enum status on_echo(struct stage_io *io, const struct event *event)
{
	txn_put(io->txn, TABLE_ECHOES, *(const struct bytes *)event->body, BYTES_NONE);
	return STATUS_OK;
}

static const struct stage echo_stage = { .name = "echo",
	.summary = "echoes",
	.consumes = (const enum event_kind[]){ EVENT_FACT_CHANGED, EVENT_NONE },
	.on_event = on_echo };

static const struct stage *const stages[] = { &notes_stage, &echo_stage, NULL };

/* ---- fixture ---- */

struct kept {
	uint32_t flow;
	uint64_t number;
	struct bytes bytes;
};

struct fixture {
	void *directory;
	struct kv *kv;
	struct host *host;
	struct arena arena; /* of records and what tests look at */
	struct kept log[RECORDS_MAX];
	size_t kept;
	uint64_t heads[SUBLOG_END];
	uint64_t now_ms;
};

static void open_kv(const char *directory, struct kv **out)
{
	const struct kv_options options = { .tables = tables, .is_writer = true };

	assert_int_equal(kv_open(directory, &options, out), STATUS_OK);
}

static void open_host(struct fixture *at)
{
	open_kv(scratch_path(at->directory, "state"), &at->kv);
	assert_int_equal(host_new(at->kv, stages, NULL, &at->host), STATUS_OK);
}

static void close_host(struct fixture *at)
{
	host_free(at->host);
	kv_close(at->kv);
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0)
		return -1;
	at->now_ms = START_MS;
	open_host(at);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result;

	close_host(at);
	arena_fini(&at->arena);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

static uint32_t flow_of(enum lane lane)
{
	return sublog_flow(sublog_slot_of(agent), lane);
}

/* Appends to FLOW of a log, and hands it to the host. */
static void give(struct fixture *at, uint32_t flow, struct bytes record)
{
	struct kept *kept = &at->log[at->kept++];

	assert_true(at->kept <= RECORDS_MAX);
	*kept = (struct kept){ .flow = flow,
		.number = ++at->heads[flow],
		.bytes = arena_bytes(&at->arena, record) };
	host_take(at->host, flow, kept->number, &kept->bytes, 1);
}

static void give_record(struct fixture *at, uint32_t flow, uint32_t kind,
    const ProtobufCMessage *message)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	Fettle__Stamp stamp = FETTLE__STAMP__INIT;
	struct buffer body = { 0 }, packed = { 0 };
	uint8_t event_id[EVENT_ID_SIZE] = { (uint8_t)flow, (uint8_t)at->heads[flow] };

	record_pack(&body, message);
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, kind);
	RECORD_SET_BYTES(&stamp, writer, BYTES(agent, AGENT_ID_SIZE));
	RECORD_SET(&stamp, sequence, at->heads[flow] + 1);
	record.envelope = &envelope;
	record.stamp = &stamp;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&body));
	record_pack(&packed, &record.base);
	give(at, flow, buffer_bytes(&packed));
	buffer_fini(&body);
	buffer_fini(&packed);
}

static void fact(struct fixture *at, enum lane lane, const char *key)
{
	Fettle__Fact message = FETTLE__FACT__INIT;

	RECORD_SET_BYTES(&message, key, bytes_of_text(key));
	give_record(at, flow_of(lane), FETTLE__KIND__KIND_FACT_SET, &message.base);
}

static void policy(struct fixture *at, uint32_t flow, const char *id)
{
	Fettle__Document message = FETTLE__DOCUMENT__INIT;

	message.id = RECORD_TEXT(id);
	give_record(at, flow, FETTLE__KIND__KIND_POLICY, &message.base);
}

static void step(struct fixture *at)
{
	at->now_ms += 10;
	assert_int_equal(host_step(at->host, at->now_ms), STATUS_OK);
}

/* Until there is nothing to do. */
static unsigned settle(struct fixture *at)
{
	unsigned steps = 0;
	enum status status = STATUS_OK;

	for (; status == STATUS_OK; steps += status == STATUS_OK) {
		at->now_ms += 10;
		status = host_step(at->host, at->now_ms);
		assert_true(steps < 1000);
	}
	assert_int_equal(status, STATUS_AGAIN);
	return steps;
}

static bool has(struct fixture *at, unsigned table, const char *key)
{
	struct kv_txn *txn;
	struct bytes value;
	enum status status;

	assert_int_equal(kv_read_begin(at->kv, &txn), STATUS_OK);
	status = kv_get(txn, table, bytes_of_text(key), &value);
	kv_abort(&txn);
	return status == STATUS_OK;
}

static uint64_t count(struct fixture *at, unsigned table)
{
	struct kv_txn *txn;
	uint64_t out;

	assert_int_equal(kv_read_begin(at->kv, &txn), STATUS_OK);
	assert_int_equal(kv_count(txn, table, &out), STATUS_OK);
	kv_abort(&txn);
	return out;
}

static uint64_t counter(struct fixture *at, const char *name)
{
	struct kv_txn *txn;
	struct bytes value;
	uint64_t out = 0;

	assert_int_equal(kv_read_begin(at->kv, &txn), STATUS_OK);
	if (kv_get(txn, HOST_COUNTER, bytes_of_text(name), &value) == STATUS_OK)
		out = bytes_u64(value.data);
	kv_abort(&txn);
	return out;
}

/* What the verdict NUMBER says; "" for one that is deleted. */
static const char *verdict(struct fixture *at, uint64_t number)
{
	struct link_batch batch = { .count = 0 };
	const char *text = "";
	Fettle__Record *record;

	assert_int_equal(host_read_verdicts(at->host, number, 1, &batch), STATUS_OK);
	assert_int_equal(batch.count, 1);
	if (batch.records[0].size > 0) {
		assert_int_equal(record_decode(batch.records[0], &at->arena, &record), STATUS_OK);
		if (record->envelope->kind == FETTLE__KIND__KIND_QUARANTINED)
			text = ((Fettle__QuarantinedVerdict *)record_unpack(
				    &fettle__quarantined_verdict__descriptor,
				    record_bytes(record->body), &at->arena))
			           ->reason;
		else
			text =
			    ((Fettle__LossVerdict *)record_unpack(&fettle__loss_verdict__descriptor,
				 record_bytes(record->body), &at->arena))
				->reason;
	}
	host_release(at->host);
	return text;
}

static const char *last_verdict(struct fixture *at)
{
	return verdict(at, host_verdict_head(at->host));
}

/* ---- batches ---- */

static void a_batch_takes_the_urgent_first_and_leaves_a_record_of_it(void **test)
{
	struct fixture *at = *test;
	struct kv_txn *txn;
	struct bytes value;
	Fettle__BatchRecord *batch;
	const uint8_t first_batch[8] = { 0, 0, 0, 0, 0, 0, 0, 1 };

	fact(at, LANE_BULK, "b1");
	fact(at, LANE_BULK, "b2");
	fact(at, LANE_CRITICAL, "c1");
	policy(at, SUBLOG_INTENT, "p");
	step(at);
	assert_int_equal(host_batches(at->host), 1);
	assert_int_equal(kv_read_begin(at->kv, &txn), STATUS_OK);
	assert_int_equal(kv_get(txn, HOST_BATCH, BYTES_OF(first_batch), &value), STATUS_OK);
	batch = record_unpack(&fettle__batch_record__descriptor, value, &at->arena);
	kv_abort(&txn);
	assert_non_null(batch);
	assert_int_equal(batch->stamp_ms, at->now_ms);
	assert_int_equal(batch->verdicts, 3);
	assert_int_equal(batch->n_ranges, 3);
	assert_int_equal(batch->ranges[0]->flow, SUBLOG_INTENT);
	assert_int_equal(batch->ranges[1]->flow, flow_of(LANE_CRITICAL));
	assert_int_equal(batch->ranges[2]->flow, flow_of(LANE_BULK));
	assert_int_equal(batch->ranges[2]->first, 1);
	assert_int_equal(batch->ranges[2]->last, 2);
	assert_int_equal(host_position(at->host, flow_of(LANE_BULK)), 2);
}

static bool is_always_long(void *data)
{
	(void)data;
	return true;
}

static void a_batch_that_takes_long_puts_off_what_is_not_critical(void **test)
{
	struct fixture *at = *test;

	host_set_patience(at->host, is_always_long, NULL);
	for (int i = 0; i < 40; i++) {
		fact(at, LANE_BULK, "b");
		fact(at, LANE_DELTA, "d");
		fact(at, LANE_CRITICAL, "c");
	}
	step(at);
	assert_int_equal(host_position(at->host, flow_of(LANE_CRITICAL)), 40);
	assert_int_equal(host_position(at->host, flow_of(LANE_DELTA)), 8); /* 16 at a time */
	assert_int_equal(host_position(at->host, flow_of(LANE_BULK)), 0);
	fact(at, LANE_CRITICAL, "c");
	step(at);
	assert_int_equal(host_position(at->host, flow_of(LANE_CRITICAL)), 41);
	assert_int_equal(host_position(at->host, flow_of(LANE_DELTA)), 8);
	assert_int_equal(host_position(at->host, flow_of(LANE_BULK)), 15);
	(void)settle(at);
	assert_int_equal(host_position(at->host, flow_of(LANE_BULK)), 40);
	assert_int_equal(host_position(at->host, flow_of(LANE_DELTA)), 40);
}

static void the_stamp_never_runs_backwards(void **test)
{
	struct fixture *at = *test;

	fact(at, LANE_DELTA, "timer 1");
	step(at);
	fact(at, LANE_DELTA, "a");
	assert_int_equal(host_step(at->host, 5), STATUS_OK); /* the clock was set back */
	at->now_ms += 5000;
	step(at);
	assert_string_equal(last_verdict(at), "timer timer 1");
}

static void with_nothing_to_do_nothing_is_written(void **test)
{
	struct fixture *at = *test;
	uint64_t batches;

	(void)settle(at);
	batches = host_batches(at->host);
	assert_int_equal(host_step(at->host, at->now_ms), STATUS_AGAIN);
	assert_int_equal(host_batches(at->host), batches);
	assert_true(host_due_ms(at->host) > at->now_ms);
}

static void what_a_stage_emits_reaches_only_those_behind_it(void **test)
{
	struct fixture *at = *test;

	fact(at, LANE_DELTA, "a");
	step(at);
	assert_true(has(at, TABLE_NOTES, "a"));
	assert_true(has(at, TABLE_ECHOES, "a"));
}

static void empty_records_are_passed_over(void **test)
{
	struct fixture *at = *test;

	give(at, flow_of(LANE_DELTA), BYTES_NONE);
	fact(at, LANE_DELTA, "a");
	step(at);
	assert_int_equal(host_position(at->host, flow_of(LANE_DELTA)), 2);
	assert_int_equal(host_verdict_head(at->host), 1);
}

/* ---- rejection ---- */

static void a_rejected_event_is_undone_quarantined_and_the_batch_goes_on(void **test)
{
	struct fixture *at = *test;

	fact(at, LANE_DELTA, "a");
	fact(at, LANE_DELTA, "bad");
	fact(at, LANE_DELTA, "b");
	step(at);
	(void)settle(at);
	assert_true(has(at, TABLE_NOTES, "a"));
	assert_true(has(at, TABLE_NOTES, "b"));
	assert_false(has(at, TABLE_NOTES, "bad"));
	assert_false(has(at, TABLE_ECHOES, "bad"));
	assert_int_equal(counter(at, "notes"), 2);
	assert_int_equal(host_outbox_head(at->host), 0);
	assert_int_equal(count(at, HOST_WORK), 0);
	assert_int_equal(count(at, HOST_QUARANTINE), 1);
	assert_int_equal(host_verdict_head(at->host), 3);
	assert_string_equal(verdict(at, 2), "bad after all");
	assert_int_equal(host_position(at->host, flow_of(LANE_DELTA)), 3);
}

static void rubbish_costs_no_cache(void **test)
{
	struct fixture *at = *test;
	unsigned before = caches_made;

	give(at, flow_of(LANE_DELTA), bytes_of_text("rubbish"));
	fact(at, LANE_DELTA, "refused");
	step(at);
	assert_int_equal(count(at, HOST_QUARANTINE), 2);
	assert_int_equal(caches_made, before);
	fact(at, LANE_DELTA, "bad"); /* undone: what was cached may be of it */
	step(at);
	assert_int_equal(caches_made, before + 1);
}

static void an_endpoint_cannot_say_what_only_operators_may(void **test)
{
	struct fixture *at = *test;

	policy(at, flow_of(LANE_CRITICAL), "p");
	step(at);
	assert_int_equal(count(at, HOST_WORK), 0);
	assert_int_equal(count(at, HOST_QUARANTINE), 1);
	assert_string_equal(last_verdict(at), "a record of this kind may not come by this stream");
}

static void an_operator_cannot_forge_what_was_observed(void **test)
{
	struct fixture *at = *test;
	Fettle__Fact message = FETTLE__FACT__INIT;

	RECORD_SET_BYTES(&message, key, bytes_of_text("a"));
	give_record(at, SUBLOG_INTENT, FETTLE__KIND__KIND_FACT_SET, &message.base);
	step(at);
	assert_false(has(at, TABLE_NOTES, "a"));
	assert_int_equal(count(at, HOST_QUARANTINE), 1);
}

static void any_other_failure_undoes_the_batch_and_forgets_what_waited(void **test)
{
	struct fixture *at = *test;
	uint32_t flow = flow_of(LANE_DELTA);

	fact(at, LANE_DELTA, "a");
	fact(at, LANE_DELTA, "broken");
	assert_int_equal(host_step(at->host, at->now_ms), STATUS_IO);
	assert_false(has(at, TABLE_NOTES, "a"));
	assert_int_equal(host_position(at->host, flow), 0);
	assert_int_equal(host_waiting(at->host), 0);
	assert_int_equal(host_batches(at->host), 0);
	host_take(at->host, flow, 1, &at->log[0].bytes, 1); /* sent again */
	step(at);
	assert_true(has(at, TABLE_NOTES, "a"));
}

/* ---- timers, ticks, work ---- */

static void a_timer_fires_once_when_it_is_due_also_after_a_restart(void **test)
{
	struct fixture *at = *test;
	uint64_t head;

	fact(at, LANE_DELTA, "timer 1");
	step(at);
	(void)settle(at);
	close_host(at);
	open_host(at);
	(void)settle(at);
	head = host_verdict_head(at->host);
	at->now_ms += 5000;
	assert_true(host_due_ms(at->host) <= at->now_ms);
	(void)settle(at);
	assert_int_equal(host_verdict_head(at->host), head + 1);
	assert_string_equal(last_verdict(at), "timer timer 1");
	at->now_ms += 5000;
	(void)settle(at);
	assert_int_equal(host_verdict_head(at->host), head + 1);
	assert_int_equal(count(at, HOST_TIMER), 0);
	assert_int_equal(count(at, HOST_TIMER_OF), 0);
}

static void a_timer_set_again_moves(void **test)
{
	struct fixture *at = *test;

	fact(at, LANE_DELTA, "timer 1");
	step(at);
	at->now_ms += 3000;
	fact(at, LANE_DELTA, "timer 1");
	step(at);
	assert_int_equal(count(at, HOST_TIMER), 1);
	at->now_ms += 3000; /* the first would be due */
	(void)settle(at);
	assert_string_equal(last_verdict(at), "noted");
	at->now_ms += 3000;
	(void)settle(at);
	assert_string_equal(last_verdict(at), "timer timer 1");
}

static void ticks_come_once_a_period(void **test)
{
	struct fixture *at = *test;

	(void)settle(at);
	assert_int_equal(counter(at, "ticks"), 1);
	at->now_ms += TICK_MS / 2;
	fact(at, LANE_DELTA, "a");
	step(at);
	assert_int_equal(counter(at, "ticks"), 1);
	at->now_ms += TICK_MS;
	(void)settle(at);
	assert_int_equal(counter(at, "ticks"), 2);
}

static void work_goes_by_slices_and_goes_on_after_a_restart(void **test)
{
	struct fixture *at = *test;
	uint64_t head;

	for (char name[] = "a"; name[0] <= 'h'; name[0]++)
		fact(at, LANE_DELTA, name);
	policy(at, SUBLOG_INTENT, "p");
	step(at);
	head = host_verdict_head(at->host);
	step(at); /* a, b, c */
	assert_int_equal(host_verdict_head(at->host), head + 3);
	close_host(at);
	open_host(at);
	step(at); /* d, e, f */
	assert_string_equal(verdict(at, head + 4), "work d");
	assert_int_equal(settle(at), 2); /* g, h; and a look that finds no more */
	assert_string_equal(last_verdict(at), "work h");
	assert_int_equal(host_verdict_head(at->host), head + 8);
	assert_int_equal(count(at, HOST_WORK), 0);
	assert_int_equal(counter(at, "work_slices"), 3);
}

static void input_goes_before_work(void **test)
{
	struct fixture *at = *test;

	fact(at, LANE_DELTA, "a");
	policy(at, SUBLOG_INTENT, "p");
	step(at);
	fact(at, LANE_DELTA, "b");
	step(at);
	assert_int_equal(count(at, HOST_WORK), 1);
	assert_true(has(at, TABLE_NOTES, "b"));
}

static void input_without_end_does_not_keep_work_waiting(void **test)
{
	struct fixture *at = *test;
	unsigned batches = 0;

	fact(at, LANE_DELTA, "a");
	policy(at, SUBLOG_INTENT, "p");
	step(at);
	while (count(at, HOST_WORK) > 0) {
		fact(at, LANE_DELTA, "b");
		step(at);
		assert_int_equal(host_waiting(at->host), 0);
		assert_true(++batches <= 8);
	}
	assert_int_equal(host_position(at->host, flow_of(LANE_DELTA)), 1 + batches);
}

/* ---- what it leaves for others ---- */

static void a_verdict_that_no_sink_could_take_is_left_out_and_counted(void **test)
{
	struct fixture *at = *test;
	struct link_batch batch = { .count = 0 };

	fact(at, LANE_DELTA, "huge");
	fact(at, LANE_DELTA, "a");
	step(at);
	assert_int_equal(host_verdict_head(at->host), 3);
	assert_int_equal(host_read_verdicts(at->host, 1, 16, &batch), STATUS_OK);
	assert_int_equal(batch.count, 3);
	assert_true(batch.records[0].size > 0);
	assert_int_equal(batch.records[1].size, 0);
	assert_true(batch.records[2].size > 0);
	host_release(at->host);
	assert_int_equal(counter(at, "verdicts_too_large"), 1);
}

static void positions_and_heads_are_those_of_before_after_a_restart(void **test)
{
	struct fixture *at = *test;
	uint8_t uuid[16];

	fact(at, LANE_DELTA, "command 1");
	fact(at, LANE_CRITICAL, "a");
	step(at);
	memcpy(uuid, host_uuid(at->host).data, 16);
	close_host(at);
	open_host(at);
	assert_memory_equal(host_uuid(at->host).data, uuid, 16);
	assert_int_equal(host_position(at->host, flow_of(LANE_DELTA)), 1);
	assert_int_equal(host_position(at->host, flow_of(LANE_CRITICAL)), 1);
	assert_int_equal(host_verdict_head(at->host), 2);
	assert_int_equal(host_outbox_head(at->host), 1);
	assert_int_equal(host_batches(at->host), 1);
}

static void verdicts_are_deleted_once_every_reader_has_them(void **test)
{
	struct fixture *at = *test;

	for (int i = 0; i < 4; i++)
		fact(at, LANE_DELTA, "a");
	step(at);
	host_verdicts_read(at->host, "one", 3);
	host_verdicts_read(at->host, "two", 1);
	host_verdicts_read(at->host, "three", UINT64_MAX); /* there are no such verdicts */
	fact(at, LANE_DELTA, "b");
	step(at);
	assert_int_equal(count(at, HOST_VERDICT), 4);
	assert_string_equal(verdict(at, 1), ""); /* a hole, so that numbers stay */
	assert_string_equal(verdict(at, 2), "noted");
	close_host(at);
	open_host(at); /* it remembers how far they were */
	host_verdicts_read(at->host, "two", 2);
	fact(at, LANE_DELTA, "c");
	step(at);
	assert_string_equal(verdict(at, 2), "");
	assert_string_equal(verdict(at, 3), "noted");
	assert_int_equal(host_verdict_tail(at->host), 3);
}

static void commands_are_deleted_once_the_log_has_them(void **test)
{
	struct fixture *at = *test;

	fact(at, LANE_DELTA, "command 1");
	fact(at, LANE_DELTA, "command 2");
	step(at);
	assert_int_equal(count(at, HOST_OUTBOX), 2);
	host_outbox_taken(at->host, 1);
	host_outbox_taken(at->host, 99);
	fact(at, LANE_DELTA, "a");
	step(at);
	assert_int_equal(count(at, HOST_OUTBOX), 1);
}

/* ---- replaying ---- */

static enum status fetch(void *data, uint32_t flow, uint64_t number, struct bytes *out)
{
	struct fixture *at = data;

	for (size_t i = 0; i < at->kept; i++)
		if (at->log[i].flow == flow && at->log[i].number == number) {
			*out = at->log[i].bytes;
			return STATUS_OK;
		}
	return STATUS_NOT_FOUND;
}

static void same_table(struct kv_txn *left, struct kv_txn *right, unsigned table)
{
	struct kv_cursor *cursors[2];
	struct bytes keys[2], values[2];
	enum status status[2];

	assert_int_equal(kv_cursor_open(left, table, &cursors[0]), STATUS_OK);
	assert_int_equal(kv_cursor_open(right, table, &cursors[1]), STATUS_OK);
	for (int i = 0; i < 2; i++)
		status[i] = kv_cursor_seek(cursors[i], BYTES_NONE, &keys[i], &values[i]);
	while (status[0] == STATUS_OK && status[1] == STATUS_OK) {
		if (!bytes_equal(keys[0], keys[1]) || !bytes_equal(values[0], values[1]))
			fail_msg("table %s differs", tables[table]);
		for (int i = 0; i < 2; i++)
			status[i] = kv_cursor_next(cursors[i], &keys[i], &values[i]);
	}
	assert_int_equal(status[0], STATUS_NOT_FOUND);
	assert_int_equal(status[1], STATUS_NOT_FOUND);
	kv_cursor_close(cursors[0]);
	kv_cursor_close(cursors[1]);
}

/* Everything but how far readers of the outside are. */
static void same_state(struct kv *left, struct kv *right)
{
	struct kv_txn *txns[2];

	assert_int_equal(kv_read_begin(left, &txns[0]), STATUS_OK);
	assert_int_equal(kv_read_begin(right, &txns[1]), STATUS_OK);
	for (unsigned table = 0; table < TABLES; table++)
		if (table != HOST_READER)
			same_table(txns[0], txns[1], table);
	kv_abort(&txns[0]);
	kv_abort(&txns[1]);
}

static void replay_from(struct fixture *at, struct host *copy)
{
	struct kv_txn *txn;

	while (host_batches(copy) < host_batches(at->host)) {
		struct buffer key = { 0 };
		struct bytes value, record;

		buffer_append_u64(&key, host_batches(copy) + 1);
		assert_int_equal(kv_read_begin(at->kv, &txn), STATUS_OK);
		assert_int_equal(kv_get(txn, HOST_BATCH, buffer_bytes(&key), &value), STATUS_OK);
		record = arena_bytes(&at->arena, value);
		kv_abort(&txn);
		buffer_fini(&key);
		assert_int_equal(host_replay(copy, record, fetch, at), STATUS_OK);
	}
}

static void run_on(struct fixture *at)
{
	fact(at, LANE_DELTA, "timer 2");
	fact(at, LANE_CRITICAL, "command 2");
	step(at);
	policy(at, SUBLOG_INTENT, "p");
	fact(at, LANE_BULK, "bad");
	give(at, flow_of(LANE_BULK), bytes_of_text("rubbish"));
	give(at, flow_of(LANE_BULK), BYTES_NONE);
	step(at);
	for (char name[] = "k"; name[0] <= 'q'; name[0]++)
		fact(at, LANE_DELTA, name);
	for (int i = 0; i < 9; i++) { /* one of these batches has work as well */
		fact(at, LANE_DELTA, "a fact that is longer than the key of the work beside it");
		step(at);
	}
	(void)settle(at);
	at->now_ms += TICK_MS;
	(void)settle(at); /* timers and a tick */
}

static void a_replay_from_a_copy_gives_the_same_state_and_the_same_verdicts(void **test)
{
	struct fixture *at = *test;
	struct kv *kv;
	struct host *copy;
	char path[4096];

	snprintf(path, sizeof(path), "%s", scratch_path(at->directory, "copy"));
	fact(at, LANE_DELTA, "timer 1");
	fact(at, LANE_DELTA, "command 1");
	policy(at, SUBLOG_INTENT, "q");
	step(at);
	step(at);
	assert_int_equal(kv_copy(at->kv, path), STATUS_OK);
	run_on(at);
	open_kv(path, &kv);
	assert_int_equal(host_new(kv, stages, NULL, &copy), STATUS_OK);
	assert_true(host_batches(copy) < host_batches(at->host));
	replay_from(at, copy);
	same_state(at->kv, kv);
	host_free(copy);
	kv_close(kv);
}

static void a_replay_without_the_record_it_needs_changes_nothing(void **test)
{
	struct fixture *at = *test;
	Fettle__BatchRecord batch = FETTLE__BATCH_RECORD__INIT;
	Fettle__BatchRange range = FETTLE__BATCH_RANGE__INIT, *ranges = &range;
	struct buffer packed = { 0 };

	RECORD_SET(&range, flow, flow_of(LANE_DELTA));
	RECORD_SET(&range, first, 1);
	RECORD_SET(&range, last, 1);
	batch.n_ranges = 1;
	batch.ranges = &ranges;
	record_pack(&packed, &batch.base);
	assert_int_equal(host_replay(at->host, buffer_bytes(&packed), fetch, at), STATUS_NOT_FOUND);
	assert_int_equal(host_batches(at->host), 0);
	assert_int_equal(host_replay(at->host, bytes_of_text("\xff"), fetch, at), STATUS_CORRUPT);
	buffer_clear(&packed);
	batch.n_ranges = 0;
	RECORD_SET_BYTES(&batch, work, bytes_of_text("no such work"));
	record_pack(&packed, &batch.base);
	assert_int_equal(host_replay(at->host, buffer_bytes(&packed), fetch, at), STATUS_NOT_FOUND);
	assert_int_equal(host_batches(at->host), 0);
	buffer_fini(&packed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_batch_takes_the_urgent_first_and_leaves_a_record_of_it),
		TEST(a_batch_that_takes_long_puts_off_what_is_not_critical),
		TEST(the_stamp_never_runs_backwards),
		TEST(with_nothing_to_do_nothing_is_written),
		TEST(what_a_stage_emits_reaches_only_those_behind_it),
		TEST(empty_records_are_passed_over),
		TEST(a_rejected_event_is_undone_quarantined_and_the_batch_goes_on),
		TEST(rubbish_costs_no_cache),
		TEST(an_endpoint_cannot_say_what_only_operators_may),
		TEST(an_operator_cannot_forge_what_was_observed),
		TEST(any_other_failure_undoes_the_batch_and_forgets_what_waited),
		TEST(a_timer_fires_once_when_it_is_due_also_after_a_restart),
		TEST(a_timer_set_again_moves),
		TEST(ticks_come_once_a_period),
		TEST(work_goes_by_slices_and_goes_on_after_a_restart),
		TEST(input_goes_before_work),
		TEST(input_without_end_does_not_keep_work_waiting),
		TEST(a_verdict_that_no_sink_could_take_is_left_out_and_counted),
		TEST(positions_and_heads_are_those_of_before_after_a_restart),
		TEST(verdicts_are_deleted_once_every_reader_has_them),
		TEST(commands_are_deleted_once_the_log_has_them),
		TEST(a_replay_from_a_copy_gives_the_same_state_and_the_same_verdicts),
		TEST(a_replay_without_the_record_it_needs_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
