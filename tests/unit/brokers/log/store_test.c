/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/command.pb-c.h"
#include "tests/support/scratch.h"

enum { NOW_MS = 1000 * 1000, KIND = FETTLE__KIND__KIND_FACT_SET };

static const uint8_t agent[16] = "\x05"
				 "an agent's id.";
static const uint8_t spool[16] = "a spool's uuid.";
static const uint8_t other_spool[16] = "another spool's";
static const uint8_t operator_id[16] = "an operator's id";

struct fixture {
	void *directory;
	struct log_store *store;
	struct arena arena;
	unsigned made;
};

static void open_store(struct fixture *at)
{
	assert_int_equal(log_store_open(at->directory, &at->store), STATUS_OK);
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0)
		return -1;
	open_store(at);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result;

	log_store_close(at->store);
	arena_fini(&at->arena);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

static void begin(struct fixture *at)
{
	log_store_release(at->store);
	assert_int_equal(log_store_begin(at->store), STATUS_OK);
}

static void commit(struct fixture *at)
{
	assert_int_equal(log_store_commit(at->store), STATUS_OK);
}

/* A crash: what was not committed is gone. */
static void reopen(struct fixture *at)
{
	log_store_close(at->store);
	open_store(at);
}

static struct bytes make_record(struct fixture *at, uint32_t kind, const char *key,
    const uint8_t *target, const char *body)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	struct buffer packed = { 0 };
	struct bytes copy;
	uint8_t event_id[EVENT_ID_SIZE] = { 0 };

	event_id[0] = (uint8_t)++at->made;
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, kind);
	if (key != NULL)
		RECORD_SET_BYTES(&envelope, key, bytes_of_text(key));
	if (target != NULL)
		RECORD_SET_BYTES(&envelope, target, BYTES(target, 16));
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, bytes_of_text(body));
	record_pack(&packed, &record.base);
	copy = arena_bytes(&at->arena, buffer_bytes(&packed));
	buffer_fini(&packed);
	return copy;
}

static uint64_t hello(struct fixture *at, const uint8_t *uuid, uint64_t epoch)
{
	Fettle__Hello message = FETTLE__HELLO__INIT;
	struct log_greeting greeting = { 0 };

	RECORD_SET_BYTES(&message, store, BYTES(uuid, 16));
	RECORD_SET(&message, epoch, epoch);
	RECORD_SET(&message, start, 1);
	begin(at);
	assert_int_equal(log_store_hello(at->store, agent, &message, NOW_MS, &greeting), STATUS_OK);
	commit(at);
	return greeting.epoch;
}

/* Records FIRST to FIRST + COUNT - 1, whose bodies are their numbers. */
static enum status append(struct fixture *at, uint64_t epoch, uint64_t first, size_t count)
{
	struct bytes records[16];

	for (size_t i = 0; i < count; i++)
		records[i] = make_record(at, KIND, NULL, NULL,
		    arena_format(&at->arena, "%llu", (unsigned long long)(first + i)));
	return log_store_append(at->store, agent, epoch, LANE_DELTA, first, records, count,
	    BYTES_NONE, NOW_MS);
}

static void append_ok(struct fixture *at, uint64_t epoch, uint64_t first, size_t count)
{
	begin(at);
	assert_int_equal(append(at, epoch, first, count), STATUS_OK);
	commit(at);
}

static uint32_t flow(void)
{
	return sublog_flow(sublog_slot_of(agent), LANE_DELTA);
}

/* Record NUMBER of FLOW; NULL: a hole.  Fails where there is not even that. */
static const Fettle__Record *record_at(struct fixture *at, uint32_t from_flow, uint64_t number)
{
	struct link_batch batch = { .count = 0 };
	Fettle__Record *record;

	assert_int_equal(log_store_read(at->store, from_flow, number, 1, &batch), STATUS_OK);
	assert_int_equal(batch.count, 1);
	if (batch.records[0].size == 0)
		return NULL;
	assert_int_equal(record_decode(batch.records[0], &at->arena, &record), STATUS_OK);
	return record;
}

static bool has_body(const Fettle__Record *record, const char *body)
{
	return record != NULL && bytes_equal(record_bytes(record->body), bytes_of_text(body));
}

/* ---- records ---- */

static void records_get_offsets_and_a_stamp(void **test)
{
	struct fixture *at = *test;
	uint64_t epoch = hello(at, spool, 0);
	const Fettle__Record *record;

	append_ok(at, epoch, 1, 3);
	assert_int_equal(log_store_head(at->store, flow()), 3);
	assert_int_equal(log_store_tail(at->store, flow()), 1);
	record = record_at(at, flow(), 3);
	assert_true(has_body(record, "3"));
	assert_memory_equal(record->stamp->writer.data, agent, 16);
	assert_int_equal(record->stamp->epoch, epoch);
	assert_int_equal(record->stamp->lane, LANE_DELTA);
	assert_int_equal(record->stamp->sequence, 3);
	assert_int_equal(record->stamp->offset, 3);
	assert_int_equal(record->stamp->received_ms, NOW_MS);
}

static void duplicates_are_passed_over(void **test)
{
	struct fixture *at = *test;
	uint64_t epoch = hello(at, spool, 0);

	append_ok(at, epoch, 1, 3);
	append_ok(at, epoch, 1, 3);
	append_ok(at, epoch, 2, 4); /* two known, two new */
	assert_int_equal(log_store_head(at->store, flow()), 5);
	assert_true(has_body(record_at(at, flow(), 4), "4"));
	assert_true(has_body(record_at(at, flow(), 5), "5"));
}

static void a_gap_or_another_epoch_is_refused_and_nothing_is_written(void **test)
{
	struct fixture *at = *test;
	uint64_t epoch = hello(at, spool, 0);

	append_ok(at, epoch, 1, 1);
	begin(at);
	assert_int_equal(append(at, epoch, 3, 1), STATUS_EXISTS);
	assert_int_equal(append(at, epoch + 1, 2, 1), STATUS_EXISTS);
	commit(at);
	assert_int_equal(log_store_head(at->store, flow()), 1);
}

static void an_epoch_that_was_ended_is_not_taken_up_again(void **test)
{
	struct fixture *at = *test;
	uint64_t epoch = hello(at, spool, 0);

	append_ok(at, epoch, 1, 1);
	begin(at);
	assert_int_equal(log_store_end_epoch(at->store, agent), STATUS_OK);
	commit(at);
	assert_true(hello(at, spool, epoch) > epoch);
	assert_int_equal(log_store_head(at->store, flow()), 1);
}

static void a_chain_that_is_not_that_of_the_records_is_refused(void **test)
{
	struct fixture *at = *test;
	uint64_t epoch = hello(at, spool, 0);
	uint8_t chain[HASH_SIZE] = { 0 };
	struct log_cursor cursor;
	struct bytes records[2] = { make_record(at, KIND, NULL, NULL, "a"),
		make_record(at, KIND, NULL, NULL, "b") };

	begin(at);
	assert_int_equal(log_store_append(at->store, agent, epoch, LANE_DELTA, 1, records, 2,
			     BYTES_OF(chain), NOW_MS),
	    STATUS_REJECT);
	commit(at);
	assert_int_equal(log_store_head(at->store, flow()), 0);
	hash_chain(chain, records[0]);
	hash_chain(chain, records[1]);
	begin(at);
	assert_int_equal(log_store_append(at->store, agent, epoch, LANE_DELTA, 1, records, 2,
			     BYTES_OF(chain), NOW_MS),
	    STATUS_OK);
	commit(at);
	assert_int_equal(log_store_cursor(at->store, agent, LANE_DELTA, &cursor), STATUS_OK);
	assert_int_equal(cursor.sequence, 2);
	assert_memory_equal(cursor.chain, chain, HASH_SIZE);
}

static void what_is_no_record_is_kept_as_malformed(void **test)
{
	struct fixture *at = *test;
	uint64_t epoch = hello(at, spool, 0);
	struct bytes rubbish = bytes_of_text("\x0a\xff rubbish");

	begin(at);
	assert_int_equal(log_store_append(at->store, agent, epoch, LANE_DELTA, 1, &rubbish, 1,
			     BYTES_NONE, NOW_MS),
	    STATUS_OK);
	commit(at);
	assert_int_equal(record_at(at, flow(), 1)->envelope->kind, FETTLE__KIND__KIND_MALFORMED);
	assert_memory_equal(record_at(at, flow(), 1)->stamp->writer.data, agent, 16);
}

static void what_was_not_committed_is_gone_after_a_crash(void **test)
{
	struct fixture *at = *test;
	uint64_t epoch = hello(at, spool, 0);
	struct log_cursor cursor;

	append_ok(at, epoch, 1, 2);
	begin(at);
	assert_int_equal(append(at, epoch, 3, 2), STATUS_OK);
	reopen(at);
	assert_int_equal(log_store_head(at->store, flow()), 2);
	assert_int_equal(log_store_cursor(at->store, agent, LANE_DELTA, &cursor), STATUS_OK);
	assert_int_equal(cursor.sequence, 2);
	begin(at);
	assert_int_equal(append(at, epoch, 3, 2), STATUS_OK);
	log_store_abort(at->store);
	assert_int_equal(log_store_head(at->store, flow()), 2);
	append_ok(at, epoch, 3, 1);
	assert_true(has_body(record_at(at, flow(), 3), "3"));
}

static void uuid_and_generation_stay(void **test)
{
	struct fixture *at = *test;
	struct bytes uuid = arena_bytes(&at->arena, log_store_uuid(at->store));

	reopen(at);
	assert_true(bytes_equal(uuid, log_store_uuid(at->store)));
	assert_int_equal(log_store_generation(at->store), 1);
}

/* ---- epochs ---- */

static void the_same_spool_stays_in_its_epoch(void **test)
{
	struct fixture *at = *test;
	uint64_t epoch = hello(at, spool, 0);

	assert_true(epoch > 0);
	append_ok(at, epoch, 1, 2);
	assert_int_equal(hello(at, spool, epoch), epoch);
	append_ok(at, epoch, 3, 1);
	assert_int_equal(log_store_head(at->store, flow()), 3);
}

/* The number of the last transaction that changed the file, which both of its first pages tell. */
static void read_meta_pages(struct fixture *at, uint8_t out[8192])
{
	char *path = text_format("%s/data.mdb", (const char *)at->directory);
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	assert_int_equal(fread(out, 1, 8192, file), 8192);
	fclose(file);
	free(path);
}

static void a_hello_that_says_nothing_new_costs_no_commit(void **test)
{
	struct fixture *at = *test;
	uint64_t epoch = hello(at, spool, 0);
	uint8_t before[8192], after[8192];

	read_meta_pages(at, before);
	assert_int_equal(hello(at, spool, epoch), epoch);
	read_meta_pages(at, after);
	assert_memory_equal(before, after, sizeof(before));
	assert_true(hello(at, other_spool, epoch) > epoch);
	read_meta_pages(at, after);
	assert_memory_not_equal(before, after, sizeof(before));
}

static void a_new_a_strange_and_an_older_spool_each_begin_a_higher_epoch(void **test)
{
	struct fixture *at = *test;
	uint64_t first = hello(at, spool, 0), second, third, fourth;
	struct log_cursor cursor;

	append_ok(at, first, 1, 2);
	second = hello(at, spool, 0);
	third = hello(at, other_spool, second);
	fourth = hello(at, other_spool, first);
	assert_true(first < second && second < third && third < fourth);
	assert_int_equal(log_store_cursor(at->store, agent, LANE_DELTA, &cursor), STATUS_OK);
	assert_int_equal(cursor.sequence, 0);
	assert_int_equal(cursor.epoch, fourth);
	append_ok(at, fourth, 1, 1);
	assert_int_equal(log_store_head(at->store, flow()), 3); /* the sub-log goes on */
}

static void an_agent_that_knows_a_later_epoch_gets_one_later_still(void **test)
{
	assert_int_equal(hello(*test, spool, 17), 18);
}

static void an_absurd_epoch_neither_wraps_nor_falls(void **test)
{
	struct fixture *at = *test;
	uint64_t before = hello(at, spool, 0);

	assert_int_equal(hello(at, spool, UINT64_MAX), before + 1);
	assert_int_equal(hello(at, spool, UINT64_MAX - 1), before + 2);
}

/* ---- intent ---- */

static enum status intend(struct fixture *at, const char *key, const char *body, bool *changed)
{
	enum status status;

	begin(at);
	status = log_store_intent(at->store,
	    make_record(at, FETTLE__KIND__KIND_POLICY, key, NULL, body), operator_id,
	    "anna (uid 1000)", NOW_MS, changed);
	commit(at);
	return status;
}

static void a_later_intent_replaces_an_older_one_of_its_key(void **test)
{
	struct fixture *at = *test;
	bool changed;

	assert_int_equal(intend(at, "a", "1", &changed), STATUS_OK);
	assert_true(changed);
	assert_int_equal(intend(at, "b", "1", &changed), STATUS_OK);
	assert_int_equal(intend(at, "a", "2", &changed), STATUS_OK);
	assert_true(changed);
	assert_int_equal(log_store_head(at->store, SUBLOG_INTENT), 3);
	assert_null(record_at(at, SUBLOG_INTENT, 1)); /* a hole, which a reader passes over */
	assert_true(has_body(record_at(at, SUBLOG_INTENT, 2), "1"));
	assert_true(has_body(record_at(at, SUBLOG_INTENT, 3), "2"));
	assert_memory_equal(record_at(at, SUBLOG_INTENT, 3)->stamp->writer.data, operator_id, 16);
}

static void a_notice_is_a_record_of_its_own_sub_log(void **test)
{
	struct fixture *at = *test;
	Fettle__Notice notice = FETTLE__NOTICE__INIT;
	const Fettle__Record *record;

	notice.detail = RECORD_TEXT("it came back from a backup");
	begin(at);
	assert_int_equal(log_store_notice(at->store, &notice, NOW_MS), STATUS_OK);
	commit(at);
	record = record_at(at, SUBLOG_NOTICE, 1);
	assert_non_null(record);
	assert_int_equal(record->envelope->kind, FETTLE__KIND__KIND_NOTICE);
	assert_int_equal(record->stamp->received_ms, NOW_MS);
	assert_memory_equal(record->stamp->writer.data, log_store_uuid(at->store).data, 16);
}

static void the_same_intent_again_changes_nothing(void **test)
{
	struct fixture *at = *test;
	bool changed;

	assert_int_equal(intend(at, "a", "1", &changed), STATUS_OK);
	assert_int_equal(intend(at, "a", "1", &changed), STATUS_OK);
	assert_false(changed);
	reopen(at);
	assert_int_equal(intend(at, "a", "1", &changed), STATUS_OK);
	assert_false(changed);
	assert_int_equal(log_store_head(at->store, SUBLOG_INTENT), 1);
}

static void intent_without_a_key_or_too_large_is_rejected(void **test)
{
	struct fixture *at = *test;
	struct buffer large = { 0 };
	bool changed;

	assert_int_equal(intend(at, NULL, "1", &changed), STATUS_REJECT);
	assert_int_equal(intend(at, "", "1", &changed), STATUS_REJECT);
	memset(buffer_extend(&large, LINK_INTENT_MAX), 'x', LINK_INTENT_MAX);
	assert_int_equal(intend(at, "a", buffer_text(&large), &changed), STATUS_REJECT);
	large.size = LINK_INTENT_MAX - 1024;
	assert_int_equal(intend(at, "a", buffer_text(&large), &changed), STATUS_OK);
	assert_int_equal(log_store_head(at->store, SUBLOG_INTENT), 1);
	buffer_fini(&large);
}

/* ---- commands ---- */

static uint64_t command_head(struct fixture *at, const uint8_t *of)
{
	uint64_t head;

	assert_int_equal(log_store_command_head(at->store, of, &head), STATUS_OK);
	return head;
}

static enum status command(struct fixture *at, const uint8_t *target, const char *key,
    const char *body)
{
	struct log_command written;
	enum status status;

	begin(at);
	status = log_store_command(at->store,
	    make_record(at, FETTLE__KIND__KIND_PLAN, key, target, body), operator_id, NOW_MS,
	    &written);
	commit(at);
	if (status == STATUS_OK) {
		assert_memory_equal(written.agent, target, AGENT_ID_SIZE);
		assert_int_equal(written.number, command_head(at, target));
	}
	return status;
}

static void read_commands(struct fixture *at, uint64_t from, struct link_batch *batch)
{
	batch->count = batch->size = 0;
	assert_int_equal(log_store_read_commands(at->store, agent, from, 16, batch), STATUS_OK);
}

static void a_command_goes_to_its_agent_alone_and_a_later_one_replaces_it(void **test)
{
	struct fixture *at = *test;
	struct link_batch batch;
	Fettle__Record *record;

	assert_int_equal(command(at, agent, "plan", "1"), STATUS_OK);
	assert_int_equal(command(at, operator_id, "plan", "of another"), STATUS_OK);
	assert_int_equal(command(at, agent, "resync", "1"), STATUS_OK);
	assert_int_equal(command(at, agent, "plan", "2"), STATUS_OK);
	assert_int_equal(command_head(at, agent), 3);
	assert_int_equal(command_head(at, operator_id), 1);
	read_commands(at, 1, &batch);
	assert_int_equal(batch.count, 3);
	assert_int_equal(batch.records[0].size, 0);
	assert_int_equal(record_decode(batch.records[2], &at->arena, &record), STATUS_OK);
	assert_true(has_body(record, "2"));
	assert_int_equal(record->stamp->sequence, 3);
}

static void commands_that_were_acknowledged_are_deleted(void **test)
{
	struct fixture *at = *test;
	struct link_batch batch;

	assert_int_equal(command(at, agent, "a", "1"), STATUS_OK);
	assert_int_equal(command(at, agent, "b", "2"), STATUS_OK);
	begin(at);
	assert_int_equal(log_store_command_acked(at->store, agent, 1), STATUS_OK);
	assert_int_equal(log_store_command_acked(at->store, agent, 99), STATUS_OK); /* never sent */
	assert_int_equal(log_store_command_acked(at->store, operator_id, 1), STATUS_OK);
	commit(at);
	read_commands(at, 1, &batch);
	assert_int_equal(batch.count, 2);
	assert_int_equal(batch.records[0].size, 0);
	assert_true(batch.records[1].size > 0);
	log_store_release(at->store);
	reopen(at);
	assert_int_equal(command(at, agent, "a", "3"), STATUS_OK);
	assert_int_equal(command_head(at, agent), 3);
}

static void restore(struct fixture *at)
{
	begin(at);
	assert_int_equal(log_store_restored(at->store), STATUS_OK);
	commit(at);
	reopen(at);
}

/* LOST is one that the agent was given after the backup. */
static void after_a_restore_every_agent_begins_a_new_epoch(void **test)
{
	struct fixture *at = *test;
	uint64_t epoch = hello(at, spool, 0), lost = epoch + 1, later;

	append_ok(at, epoch, 1, 2);
	restore(at);
	assert_int_equal(log_store_generation(at->store), 2);
	later = hello(at, spool, epoch);
	assert_true(later > lost);
	assert_int_equal(hello(at, spool, later), later);
	append_ok(at, later, 1, 1);
	assert_int_equal(log_store_head(at->store, flow()), 3);
	restore(at);
	assert_true(hello(at, spool, later) > later + 1);
	assert_int_equal(log_store_generation(at->store), 3);
}

static void after_a_restore_no_number_of_a_command_comes_again(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(command(at, agent, "plan", "1"), STATUS_OK);
	restore(at);
	assert_true(command_head(at, agent) > 1000);
	assert_int_equal(command(at, agent, "plan", "2"), STATUS_OK);
}

static void a_command_without_target_or_key_is_rejected(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(command(at, NULL, "plan", "1"), STATUS_REJECT);
	assert_int_equal(command(at, agent, NULL, "1"), STATUS_REJECT);
	assert_int_equal(command_head(at, agent), 0);
}

/* ---- agents that are held ---- */

static enum status hold(struct fixture *at, const uint8_t *target, bool is_held)
{
	Fettle__Hold message = FETTLE__HOLD__INIT;
	struct buffer body = { 0 };
	uint8_t of[AGENT_ID_SIZE];
	enum status status;

	/* Without a NUL: the body is written as text. */
	if (is_held)
		RECORD_SET(&message, is_held, true);
	record_pack(&body, &message.base);
	begin(at);
	status = log_store_hold(at->store,
	    make_record(at, FETTLE__KIND__KIND_HOLD, "hold", target, buffer_text(&body)), NOW_MS,
	    of);
	commit(at);
	if (status == STATUS_OK)
		assert_memory_equal(of, target, AGENT_ID_SIZE);
	buffer_fini(&body);
	return status;
}

static bool is_held(struct fixture *at, const uint8_t *of)
{
	bool held;

	assert_int_equal(log_store_is_held(at->store, of, &held), STATUS_OK);
	log_store_release(at->store);
	return held;
}

static void a_hold_is_remembered_of_its_agent_and_noted_once(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(hold(at, agent, true), STATUS_OK);
	assert_int_equal(hold(at, agent, true), STATUS_OK);
	reopen(at);
	assert_true(is_held(at, agent));
	assert_false(is_held(at, operator_id));
	assert_int_equal(log_store_head(at->store, SUBLOG_NOTICE), 1);
	assert_int_equal(command_head(at, agent), 0);
	assert_int_equal(hold(at, agent, false), STATUS_OK);
	assert_false(is_held(at, agent));
	assert_int_equal(log_store_head(at->store, SUBLOG_NOTICE), 2);
}

static void what_is_no_hold_is_left_to_others_and_one_of_nobody_is_rejected(void **test)
{
	struct fixture *at = *test;
	uint8_t of[AGENT_ID_SIZE];

	begin(at);
	assert_int_equal(log_store_hold(at->store,
			     make_record(at, FETTLE__KIND__KIND_PLAN, "plan", agent, "1"), NOW_MS,
			     of),
	    STATUS_NOT_FOUND);
	commit(at);
	assert_int_equal(hold(at, NULL, true), STATUS_REJECT);
}

static void commands_outlive_an_epoch(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(command(at, agent, "plan", "1"), STATUS_OK);
	(void)hello(at, spool, 0);
	(void)hello(at, other_spool, 0);
	assert_int_equal(command_head(at, agent), 1);
}

/* ---- retention ---- */

static size_t retain(struct fixture *at, uint64_t now_ms, uint64_t keep_ms, uint64_t size_max,
    size_t most)
{
	size_t deleted;

	begin(at);
	assert_int_equal(log_store_retain(at->store, now_ms, keep_ms, size_max, most, &deleted),
	    STATUS_OK);
	commit(at);
	return deleted;
}

static void set_reader(struct fixture *at, const char *name, uint64_t offset)
{
	begin(at);
	assert_int_equal(log_store_set_reader(at->store, name, flow(), offset), STATUS_OK);
	commit(at);
}

static void nothing_is_deleted_before_every_reader_has_it(void **test)
{
	struct fixture *at = *test;

	append_ok(at, hello(at, spool, 0), 1, 5);
	assert_int_equal(retain(at, NOW_MS + 10, 0, UINT64_MAX, 100), 0);
	set_reader(at, "one", 5);
	set_reader(at, "two", 2);
	assert_int_equal(retain(at, NOW_MS + 10, 0, UINT64_MAX, 100), 2);
	assert_int_equal(log_store_tail(at->store, flow()), 3);
	assert_null(record_at(at, flow(), 2));
	assert_non_null(record_at(at, flow(), 3));
	reopen(at);
	assert_int_equal(log_store_tail(at->store, flow()), 3);
}

static void what_is_young_is_kept_unless_there_is_too_much(void **test)
{
	struct fixture *at = *test;

	append_ok(at, hello(at, spool, 0), 1, 5);
	set_reader(at, "one", 5);
	assert_int_equal(retain(at, NOW_MS + 1000, 1000, UINT64_MAX, 100), 0);
	assert_int_equal(retain(at, NOW_MS + 1001, 1000, UINT64_MAX, 2), 2);
	assert_int_equal(retain(at, NOW_MS, 1000, 1, 100), 3); /* more than a byte */
	assert_int_equal(log_store_tail(at->store, flow()), 6);
}

static void a_reader_who_claims_more_than_there_is_lets_no_later_record_go(void **test)
{
	struct fixture *at = *test;
	uint64_t epoch = hello(at, spool, 0);

	append_ok(at, epoch, 1, 5);
	set_reader(at, "one", UINT64_MAX - 1);
	assert_int_equal(retain(at, NOW_MS + 10, 0, UINT64_MAX, 100), 5);
	assert_int_equal(log_store_tail(at->store, flow()), 6);
}

static void intent_never_ages_out(void **test)
{
	struct fixture *at = *test;
	bool changed;

	assert_int_equal(intend(at, "a", "1", &changed), STATUS_OK);
	begin(at);
	assert_int_equal(log_store_set_reader(at->store, "one", SUBLOG_INTENT, 1), STATUS_OK);
	commit(at);
	assert_int_equal(retain(at, UINT64_MAX, 0, 1, 100), 0);
	assert_non_null(record_at(at, SUBLOG_INTENT, 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_get_offsets_and_a_stamp),
		TEST(duplicates_are_passed_over),
		TEST(a_gap_or_another_epoch_is_refused_and_nothing_is_written),
		TEST(an_epoch_that_was_ended_is_not_taken_up_again),
		TEST(a_chain_that_is_not_that_of_the_records_is_refused),
		TEST(what_is_no_record_is_kept_as_malformed),
		TEST(what_was_not_committed_is_gone_after_a_crash),
		TEST(uuid_and_generation_stay),
		TEST(after_a_restore_every_agent_begins_a_new_epoch),
		TEST(after_a_restore_no_number_of_a_command_comes_again),
		TEST(the_same_spool_stays_in_its_epoch),
		TEST(a_hello_that_says_nothing_new_costs_no_commit),
		TEST(a_new_a_strange_and_an_older_spool_each_begin_a_higher_epoch),
		TEST(an_agent_that_knows_a_later_epoch_gets_one_later_still),
		TEST(an_absurd_epoch_neither_wraps_nor_falls),
		TEST(a_later_intent_replaces_an_older_one_of_its_key),
		TEST(a_notice_is_a_record_of_its_own_sub_log),
		TEST(the_same_intent_again_changes_nothing),
		TEST(intent_without_a_key_or_too_large_is_rejected),
		TEST(a_command_goes_to_its_agent_alone_and_a_later_one_replaces_it),
		TEST(commands_that_were_acknowledged_are_deleted),
		TEST(a_command_without_target_or_key_is_rejected),
		TEST(a_hold_is_remembered_of_its_agent_and_noted_once),
		TEST(what_is_no_hold_is_left_to_others_and_one_of_nobody_is_rejected),
		TEST(commands_outlive_an_epoch),
		TEST(nothing_is_deleted_before_every_reader_has_it),
		TEST(what_is_young_is_kept_unless_there_is_too_much),
		TEST(a_reader_who_claims_more_than_there_is_lets_no_later_record_go),
		TEST(intent_never_ages_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
