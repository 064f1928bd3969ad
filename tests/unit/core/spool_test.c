/* SPDX-License-Identifier: Apache-2.0 */
#include "core/spool.h"

#include <stdlib.h>

#include "core/observer.h"
#include "core/record.h"
#include "proto/observation.pb-c.h"
#include "tests/support/scratch.h"

enum { SPOOL_SIZE = 4 * 1024 * 1024, KIND = FETTLE__KIND__KIND_FACT_SET };

struct fixture {
	void *directory;
	struct spool *spool;
	struct observer *observer;
	struct arena arena;
};

static void open_spool(struct fixture *at, uint64_t size)
{
	assert_int_equal(spool_open(at->directory, size, &at->spool), STATUS_OK);
	at->observer = observer_new(at->spool);
}

static void close_spool(struct fixture *at)
{
	observer_free(at->observer);
	spool_close(at->spool);
}

static void reopen(struct fixture *at)
{
	close_spool(at);
	open_spool(at, SPOOL_SIZE);
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0)
		return -1;
	open_spool(at, SPOOL_SIZE);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result;

	close_spool(at);
	arena_fini(&at->arena);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

static void commit(struct fixture *at)
{
	assert_int_equal(spool_number(at->spool), STATUS_OK);
	assert_int_equal(spool_commit(at->spool), STATUS_OK);
}

static enum status append(struct fixture *at, enum lane lane, const char *body)
{
	return spool_append(at->spool, lane, KIND, 0, bytes_of_text(body));
}

static void append_many(struct fixture *at, enum lane lane, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(append(at, lane, "body"), STATUS_OK);
	commit(at);
}

/* The body of record NUMBER of LANE; NULL where there is none. */
static const char *body_of(struct fixture *at, enum lane lane, uint64_t number)
{
	static struct link_batch batch;
	Fettle__Record *record;
	const char *body = NULL;

	batch = (struct link_batch){ .count = 0 };
	assert_int_equal(spool_read(at->spool, lane, number, 1, &batch), STATUS_OK);
	if (batch.count == 1) {
		assert_int_equal(record_decode(batch.records[0], &at->arena, &record), STATUS_OK);
		body = arena_format(&at->arena, "%.*s", (int)record->body.len,
		    (const char *)record->body.data);
	}
	spool_release(at->spool);
	return body;
}

/* The chain after the first COUNT records of LANE, as a receiver works it out. */
static void chain_of(struct fixture *at, enum lane lane, uint64_t from, size_t count,
    uint8_t chain[HASH_SIZE])
{
	struct link_batch batch = { .count = 0 };

	assert_int_equal(spool_read(at->spool, lane, from, count, &batch), STATUS_OK);
	assert_int_equal(batch.count, count);
	for (size_t i = 0; i < count; i++)
		hash_chain(chain, batch.records[i]);
	assert_true(batch.has_chain);
	assert_memory_equal(chain, batch.chain, HASH_SIZE);
	spool_release(at->spool);
}

/* A welcome of EPOCH that has committed COMMITTED of the delta lane; CHAIN may be NULL. */
static enum status welcome(struct fixture *at, uint64_t epoch, uint64_t committed,
    const uint8_t *chain)
{
	Fettle__Welcome message = FETTLE__WELCOME__INIT;
	Fettle__Flow flow = FETTLE__FLOW__INIT, *flows = &flow;

	RECORD_SET(&message, epoch, epoch);
	RECORD_SET(&flow, flow, LANE_DELTA);
	RECORD_SET(&flow, committed, committed);
	if (chain != NULL)
		RECORD_SET_BYTES(&flow, chain, BYTES(chain, HASH_SIZE));
	message.n_receives = 1;
	message.receives = &flows;
	return spool_welcome(at->spool, &message);
}

static const Fettle__Hello *hello(struct fixture *at)
{
	Fettle__Hello *message = arena_take(&at->arena, sizeof(*message));

	fettle__hello__init(message);
	spool_hello(at->spool, message, &at->arena);
	return message;
}

static void ack(struct fixture *at, uint64_t sequence)
{
	assert_int_equal(spool_acked(at->spool, LANE_DELTA, sequence), STATUS_OK);
	commit(at);
}

/* ---- numbers ---- */

static void lanes_number_their_records_from_one(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(append(at, LANE_DELTA, "first"), STATUS_OK);
	assert_int_equal(append(at, LANE_CRITICAL, "other lane"), STATUS_OK);
	assert_int_equal(append(at, LANE_DELTA, "second"), STATUS_OK);
	commit(at);
	assert_int_equal(spool_head(at->spool, LANE_DELTA), 2);
	assert_int_equal(spool_head(at->spool, LANE_CRITICAL), 1);
	assert_string_equal(body_of(at, LANE_DELTA, 1), "first");
	assert_string_equal(body_of(at, LANE_DELTA, 2), "second");
	assert_string_equal(body_of(at, LANE_CRITICAL, 1), "other lane");
	assert_null(body_of(at, LANE_DELTA, 3));
	assert_int_equal(spool_kept(at->spool), 3);
}

static void what_is_not_committed_is_not_there(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(append(at, LANE_DELTA, "lost"), STATUS_OK);
	reopen(at);
	commit(at);
	assert_int_equal(spool_head(at->spool, LANE_DELTA), 0);
	assert_int_equal(append(at, LANE_DELTA, "undone"), STATUS_OK);
	spool_abort(at->spool);
	assert_int_equal(spool_undone(at->spool), 1);
	assert_int_equal(append(at, LANE_DELTA, "kept"), STATUS_OK);
	commit(at);
	assert_string_equal(body_of(at, LANE_DELTA, 1), "kept");
}

static void numbers_go_on_after_a_restart(void **test)
{
	struct fixture *at = *test;
	uint64_t starts = hello(at)->start;

	append_many(at, LANE_DELTA, 2);
	reopen(at);
	append_many(at, LANE_DELTA, 1);
	assert_int_equal(spool_head(at->spool, LANE_DELTA), 3);
	assert_int_equal(hello(at)->start, starts + 1);
}

static void event_ids_never_repeat(void **test)
{
	struct fixture *at = *test;
	struct link_batch batch = { .count = 0 };
	Fettle__Record *first, *second;

	append_many(at, LANE_DELTA, 1);
	reopen(at);
	append_many(at, LANE_DELTA, 1);
	assert_int_equal(spool_read(at->spool, LANE_DELTA, 1, 2, &batch), STATUS_OK);
	assert_int_equal(record_decode(batch.records[0], &at->arena, &first), STATUS_OK);
	assert_int_equal(record_decode(batch.records[1], &at->arena, &second), STATUS_OK);
	assert_memory_not_equal(first->envelope->event_id.data, second->envelope->event_id.data,
	    EVENT_ID_SIZE);
	spool_release(at->spool);
}

static void an_ack_deletes_up_to_it_and_no_further(void **test)
{
	struct fixture *at = *test;

	append_many(at, LANE_DELTA, 5);
	ack(at, 3);
	assert_null(body_of(at, LANE_DELTA, 6));
	assert_non_null(body_of(at, LANE_DELTA, 4));
	assert_int_equal(spool_kept(at->spool), 2);
	ack(at, UINT64_MAX); /* of a broken peer: there are five */
	assert_int_equal(spool_kept(at->spool), 0);
	append_many(at, LANE_DELTA, 1);
	assert_int_equal(spool_head(at->spool, LANE_DELTA), 6);
}

static void the_chain_is_the_receiver_s_across_acks_and_restarts(void **test)
{
	struct fixture *at = *test;
	uint8_t chain[HASH_SIZE] = { 0 };

	append_many(at, LANE_DELTA, 3);
	chain_of(at, LANE_DELTA, 1, 3, chain);
	ack(at, 3);
	reopen(at);
	append_many(at, LANE_DELTA, 2);
	chain_of(at, LANE_DELTA, 4, 2, chain);
	assert_memory_not_equal(hello(at)->sends[LANE_DELTA - 1]->chain.data, chain, HASH_SIZE);
	ack(at, 5);
	assert_memory_equal(hello(at)->sends[LANE_DELTA - 1]->chain.data, chain, HASH_SIZE);
}

static void a_read_stops_at_most_and_at_the_size_of_a_batch(void **test)
{
	struct fixture *at = *test;
	struct link_batch batch = { .count = 0 };
	struct buffer body = { 0 };

	memset(buffer_extend(&body, 30 * 1024), 'x', 30 * 1024);
	for (int i = 0; i < 5; i++)
		assert_int_equal(
		    spool_append(at->spool, LANE_CRITICAL, KIND, 0, buffer_bytes(&body)),
		    STATUS_OK);
	commit(at);
	assert_int_equal(spool_read(at->spool, LANE_CRITICAL, 1, 5, &batch), STATUS_OK);
	assert_int_equal(batch.count, 2);
	spool_release(at->spool);
	batch = (struct link_batch){ .count = 0 };
	assert_int_equal(spool_read(at->spool, LANE_CRITICAL, 1, 1, &batch), STATUS_OK);
	assert_int_equal(batch.count, 1);
	spool_release(at->spool);
	buffer_fini(&body);
}

/* ---- bounds ---- */

static void a_lane_that_is_full_refuses_and_counts_and_the_others_go_on(void **test)
{
	struct fixture *at = *test;
	struct buffer body = { 0 };
	unsigned taken = 0;
	enum status status = STATUS_OK;

	memset(buffer_extend(&body, 60 * 1024), 'x', 60 * 1024);
	while (status == STATUS_OK && taken < 100) {
		status = spool_append(at->spool, LANE_BULK, KIND, 0, buffer_bytes(&body));
		taken += status == STATUS_OK;
	}
	assert_int_equal(status, STATUS_FULL);
	assert_in_range(taken, 8, 11); /* 15 % of 4 MiB */
	assert_int_equal(spool_refused(at->spool), 1);
	assert_false(spool_has_room(at->spool));
	assert_int_equal(append(at, LANE_CRITICAL, "still room"), STATUS_OK);
	commit(at);
	assert_int_equal(spool_kept(at->spool), taken + 1);
	assert_int_equal(spool_acked(at->spool, LANE_BULK, taken), STATUS_OK);
	commit(at);
	assert_true(spool_has_room(at->spool));
	assert_int_equal(spool_append(at->spool, LANE_BULK, KIND, 0, buffer_bytes(&body)),
	    STATUS_OK);
	buffer_fini(&body);
}

static void what_no_frame_can_carry_is_rejected(void **test)
{
	struct fixture *at = *test;
	struct buffer body = { 0 };

	memset(buffer_extend(&body, LINK_RECORD_MAX + 1), 'x', LINK_RECORD_MAX + 1);
	assert_int_equal(spool_append(at->spool, LANE_DELTA, KIND, 0, buffer_bytes(&body)),
	    STATUS_REJECT);
	body.size = LINK_RECORD_MAX;
	assert_int_equal(spool_append(at->spool, LANE_DELTA, KIND, 0, buffer_bytes(&body)),
	    STATUS_OK);
	buffer_fini(&body);
}

/* ---- epochs ---- */

static void the_first_welcome_gives_the_epoch(void **test)
{
	struct fixture *at = *test;

	append_many(at, LANE_DELTA, 2);
	assert_int_equal(welcome(at, 5, 0, NULL), STATUS_OK);
	commit(at);
	assert_int_equal(spool_head(at->spool, LANE_DELTA), 2);
	reopen(at);
	assert_int_equal(hello(at)->epoch, 5);
}

static void a_welcome_that_fits_changes_nothing(void **test)
{
	struct fixture *at = *test;
	uint8_t chain[HASH_SIZE] = { 0 };

	assert_int_equal(welcome(at, 5, 0, NULL), STATUS_OK);
	append_many(at, LANE_DELTA, 3);
	chain_of(at, LANE_DELTA, 1, 2, chain);
	assert_int_equal(welcome(at, 5, 2, chain), STATUS_OK);
	assert_int_equal(hello(at)->epoch, 5);
	assert_int_equal(spool_head(at->spool, LANE_DELTA), 3);
}

static void fact(struct fixture *at, const char *key)
{
	uint8_t hash[HASH_SIZE] = { 1 };

	assert_int_equal(spool_append_fact(at->spool, LANE_DELTA, KIND, bytes_of_text(key), hash,
			     bytes_of_text(key)),
	    STATUS_OK);
}

static uint64_t ledger_size(struct fixture *at)
{
	uint64_t count;

	assert_int_equal(spool_ledger_count(at->spool, &count), STATUS_OK);
	assert_int_equal(spool_commit(at->spool), STATUS_OK);
	return count;
}

/* Each WELCOME does not fit a spool of epoch 5 with records 1 to 4, of which 2 are acknowledged. */
static void begins_anew_after(struct fixture *at, uint64_t epoch, uint64_t committed,
    const uint8_t *chain)
{
	assert_int_equal(welcome(at, epoch, committed, chain), STATUS_AGAIN);
	assert_int_equal(hello(at)->epoch, 0);
	assert_int_equal(spool_command(at->spool), 0);
	assert_int_equal(ledger_size(at), 0); /* every fact is sent again */
	assert_int_equal(welcome(at, epoch + 1, 0, NULL), STATUS_OK);
	commit(at);
	assert_int_equal(spool_head(at->spool, LANE_DELTA), 2); /* those that were not acked */
	assert_string_equal(body_of(at, LANE_DELTA, 1), "c");
	assert_int_equal(spool_kept(at->spool), 2);
	ack(at, 2);
	assert_int_equal(spool_kept(at->spool), 0);
}

static void diverge(struct fixture *at)
{
	static const char *const keys[] = { "a", "b", "c", "d" };

	assert_int_equal(welcome(at, 5, 0, NULL), STATUS_OK);
	for (size_t i = 0; i < 4; i++)
		fact(at, keys[i]);
	assert_int_equal(spool_set_command(at->spool, 9), STATUS_OK);
	commit(at);
	ack(at, 2);
}

static void a_log_that_has_less_than_it_acknowledged_begins_a_new_epoch(void **test)
{
	diverge(*test);
	begins_anew_after(*test, 5, 1, NULL);
}

static void a_log_that_has_more_than_was_sent_begins_a_new_epoch(void **test)
{
	diverge(*test);
	begins_anew_after(*test, 5, 5, NULL);
}

static void a_log_of_another_epoch_begins_a_new_one(void **test)
{
	diverge(*test);
	begins_anew_after(*test, 7, 0, NULL);
}

static void a_log_with_another_chain_begins_a_new_epoch(void **test)
{
	static const uint8_t other[HASH_SIZE] = "another chain...";

	diverge(*test);
	begins_anew_after(*test, 5, 3, other);
}

static void an_idle_lane_writes_nothing_after_a_new_epoch(void **test)
{
	struct fixture *at = *test;

	diverge(at);
	ack(at, 4);
	assert_int_equal(welcome(at, 9, 0, NULL), STATUS_AGAIN);
	assert_int_equal(welcome(at, 10, 0, NULL), STATUS_OK);
	commit(at);
	/* A transaction that were open now would be undone by this, and counted. */
	assert_int_equal(spool_number(at->spool), STATUS_OK);
	spool_abort(at->spool);
	assert_int_equal(spool_undone(at->spool), 0);
	assert_int_equal(spool_kept(at->spool), 0);
}

static void mark(struct fixture *at)
{
	assert_int_equal(
	    spool_append(at->spool, LANE_DELTA, FETTLE__KIND__KIND_PASS, 0, BYTES_NONE), STATUS_OK);
}

static void nothing_is_lost_where_marks_were_dropped_again_and_again(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(welcome(at, 1, 0, NULL), STATUS_OK);
	fact(at, "a");
	mark(at);
	fact(at, "b");
	mark(at);
	mark(at);
	commit(at);
	for (uint64_t epoch = 2; epoch < 6; epoch++) {
		assert_int_equal(welcome(at, epoch + 100, 0, NULL), STATUS_AGAIN);
		assert_int_equal(welcome(at, epoch, 0, NULL), STATUS_OK);
		commit(at);
		assert_int_equal(spool_head(at->spool, LANE_DELTA), 2);
		assert_string_equal(body_of(at, LANE_DELTA, 1), "a");
		assert_string_equal(body_of(at, LANE_DELTA, 2), "b");
		assert_int_equal(spool_kept(at->spool), 2);
		/* And an idle lane writes nothing: what were open now would be undone by this. */
		assert_int_equal(spool_number(at->spool), STATUS_OK);
		spool_abort(at->spool);
		assert_int_equal(spool_undone(at->spool), 0);
	}
}

/* ---- ledger and notes ---- */

static enum status count_key(void *data, struct bytes key)
{
	(void)key;
	++*(unsigned *)data;
	return STATUS_OK;
}

static void the_ledger_knows_the_last_hash_by_key_and_forgets_by_prefix(void **test)
{
	struct fixture *at = *test;
	uint8_t hash[HASH_SIZE];
	unsigned count = 0;

	fact(at, "file/a");
	fact(at, "file/b");
	fact(at, "os/host");
	commit(at);
	reopen(at);
	assert_int_equal(spool_ledger_get(at->spool, bytes_of_text("file/a"), hash), STATUS_OK);
	assert_int_equal(hash[0], 1);
	assert_int_equal(spool_ledger_visit(at->spool, bytes_of_text("file/"), count_key, &count),
	    STATUS_OK);
	assert_int_equal(count, 2);
	assert_int_equal(spool_ledger_forget(at->spool, bytes_of_text("file/")), STATUS_OK);
	commit(at);
	assert_int_equal(ledger_size(at), 1);
	assert_int_equal(spool_ledger_get(at->spool, bytes_of_text("file/a"), hash),
	    STATUS_NOT_FOUND);
}

static void notes_are_kept_by_name(void **test)
{
	struct fixture *at = *test;
	struct buffer note = { 0 };

	assert_int_equal(spool_note_get(at->spool, "plan", &note), STATUS_NOT_FOUND);
	assert_int_equal(spool_note_put(at->spool, "plan", bytes_of_text("what")), STATUS_OK);
	commit(at);
	reopen(at);
	assert_int_equal(spool_note_get(at->spool, "plan", &note), STATUS_OK);
	assert_string_equal(buffer_text(&note), "what");
	buffer_fini(&note);
}

static void a_command_counts_once_it_is_committed(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(spool_set_command(at->spool, 3), STATUS_OK);
	assert_int_equal(spool_command(at->spool), 0);
	commit(at);
	assert_int_equal(spool_command(at->spool), 3);
	reopen(at);
	assert_int_equal(hello(at)->receives[0]->committed, 3);
}

/* ---- the observer ---- */

static enum status observe(struct fixture *at, const char *key, const char *text)
{
	struct fact_field field = FACT_FIELD_TEXT("text", text);
	struct fact seen = { .key = bytes_of_text(key),
		.status = FACT_PRESENT,
		.fields = &field,
		.fields_count = 1 };

	return observer_set(at->observer, "test", LANE_DELTA, &seen);
}

static void only_what_differs_is_appended(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(observe(at, "a", "1"), STATUS_OK);
	assert_int_equal(observe(at, "a", "1"), STATUS_OK);
	commit(at);
	assert_int_equal(spool_kept(at->spool), 1);
	reopen(at);
	assert_int_equal(observe(at, "a", "1"), STATUS_OK);
	assert_int_equal(observe(at, "a", "2"), STATUS_OK);
	assert_int_equal(observe(at, "a", "1"), STATUS_OK);
	commit(at);
	assert_int_equal(spool_kept(at->spool), 3);
}

static void an_unset_is_sent_once(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(observer_unset(at->observer, "test", LANE_DELTA, bytes_of_text("a")),
	    STATUS_OK);
	assert_int_equal(observe(at, "a", "1"), STATUS_OK);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    observer_unset(at->observer, "test", LANE_DELTA, bytes_of_text("a")),
		    STATUS_OK);
	commit(at);
	assert_int_equal(spool_kept(at->spool), 2);
	assert_int_equal(observe(at, "a", "1"), STATUS_OK);
	commit(at);
	assert_int_equal(spool_kept(at->spool), 3);
}

static void what_was_undone_is_observed_again(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(observe(at, "a", "1"), STATUS_OK);
	spool_abort(at->spool);
	observer_on_undone(at->observer);
	assert_true(observer_wants_refresh(at->observer));
	assert_false(observer_wants_refresh(at->observer));
	assert_int_equal(observe(at, "a", "1"), STATUS_OK);
	commit(at);
	assert_int_equal(spool_kept(at->spool), 1);
}

static void a_value_that_no_record_can_hold_is_said_to_have_failed(void **test)
{
	struct fixture *at = *test;
	struct buffer large = { 0 };
	Fettle__Fact *message;
	Fettle__Record *record;
	struct link_batch batch = { .count = 0 };

	memset(buffer_extend(&large, LINK_RECORD_MAX), 'x', LINK_RECORD_MAX);
	for (int i = 0; i < 2; i++)
		assert_int_equal(observe(at, "a", buffer_text(&large)), STATUS_OK);
	commit(at);
	assert_int_equal(spool_kept(at->spool), 1);
	assert_int_equal(spool_read(at->spool, LANE_DELTA, 1, 1, &batch), STATUS_OK);
	assert_int_equal(record_decode(batch.records[0], &at->arena, &record), STATUS_OK);
	message = record_unpack(&fettle__fact__descriptor, record_bytes(record->body), &at->arena);
	assert_non_null(message);
	assert_int_equal(message->status, FETTLE__FACT_STATUS__FACT_STATUS_FAILED);
	assert_string_equal(message->reason, "the value is larger than what can be sent");
	spool_release(at->spool);
	buffer_fini(&large);
}

/* The largest content that a plan may ask for travels whole. */
static void a_file_of_64_kib_fits_a_record(void **test)
{
	struct fixture *at = *test;
	struct buffer content = { 0 };
	struct fact_field field;
	struct fact seen = { .key = bytes_of_text("file/etc/large"),
		.status = FACT_PRESENT,
		.fields = &field,
		.fields_count = 1 };
	struct link_batch batch = { .count = 0 };

	memset(buffer_extend(&content, FACT_CONTENT_MAX), 'x', FACT_CONTENT_MAX);
	field = FACT_FIELD_BLOB("content", buffer_bytes(&content));
	assert_int_equal(observer_set(at->observer, "files", LANE_DELTA, &seen), STATUS_OK);
	commit(at);
	assert_int_equal(spool_read(at->spool, LANE_DELTA, 1, 1, &batch), STATUS_OK);
	assert_true(batch.size > FACT_CONTENT_MAX);
	spool_release(at->spool);
	buffer_fini(&content);
}

/* ---- passes ---- */

static struct observer_pass *begin_pass(struct fixture *at)
{
	return observer_pass_begin(at->observer, "test", LANE_DELTA, bytes_of_text("p/"),
	    BYTES_NONE);
}

static enum status see(struct observer_pass *pass, const char *key)
{
	struct fact seen = { .key = bytes_of_text(key), .status = FACT_PRESENT };

	return observer_pass_set(pass, &seen);
}

/* How many records of KIND there are in LANE. */
static unsigned count_kind(struct fixture *at, enum lane lane, uint32_t kind)
{
	struct link_batch batch = { .count = 0 };
	unsigned count = 0;

	commit(at);
	assert_int_equal(spool_read(at->spool, lane, 1, LINK_BATCH_RECORDS, &batch), STATUS_OK);
	for (size_t i = 0; i < batch.count; i++) {
		Fettle__Record *record;

		assert_int_equal(record_decode(batch.records[i], &at->arena, &record), STATUS_OK);
		count += record->envelope->kind == kind;
	}
	spool_release(at->spool);
	return count;
}

static void a_pass_unsets_what_it_has_not_seen_and_leaves_other_prefixes(void **test)
{
	struct fixture *at = *test;
	struct observer_pass *pass = begin_pass(at);

	assert_int_equal(observe(at, "q/other", "1"), STATUS_OK);
	assert_int_equal(see(pass, "p/a"), STATUS_OK);
	assert_int_equal(see(pass, "p/b"), STATUS_OK);
	assert_int_equal(observer_pass_end(&pass), STATUS_OK);
	assert_null(pass);
	assert_int_equal(count_kind(at, LANE_BULK, FETTLE__KIND__KIND_PASS), 1); /* the first */
	pass = begin_pass(at);
	assert_int_equal(see(pass, "p/b"), STATUS_OK);
	assert_int_equal(observer_pass_end(&pass), STATUS_OK);
	assert_int_equal(count_kind(at, LANE_DELTA, FETTLE__KIND__KIND_FACT_UNSET), 1);
	assert_int_equal(count_kind(at, LANE_DELTA, FETTLE__KIND__KIND_PASS), 1);
	assert_int_equal(ledger_size(at), 2);
}

static void a_pass_that_is_abandoned_unsets_nothing_and_is_not_marked(void **test)
{
	struct fixture *at = *test;
	struct observer_pass *pass = begin_pass(at);

	assert_int_equal(see(pass, "p/a"), STATUS_OK);
	assert_int_equal(observer_pass_end(&pass), STATUS_OK);
	pass = begin_pass(at);
	observer_pass_abandon(&pass);
	assert_null(pass);
	assert_int_equal(count_kind(at, LANE_DELTA, FETTLE__KIND__KIND_FACT_UNSET), 0);
	assert_int_equal(count_kind(at, LANE_BULK, FETTLE__KIND__KIND_PASS), 1);
}

static void a_pass_that_the_spool_refused_a_part_of_is_not_complete(void **test)
{
	struct fixture *at = *test;
	struct observer_pass *pass = begin_pass(at);
	struct buffer large = { 0 };
	struct fact_field field;
	struct fact seen = { .key = bytes_of_text("p/large"),
		.status = FACT_PRESENT,
		.fields = &field,
		.fields_count = 1 };
	unsigned taken = 0;

	memset(buffer_extend(&large, 60 * 1024), 'x', 60 * 1024);
	field = FACT_FIELD_BLOB("blob", buffer_bytes(&large));
	while (spool_append(at->spool, LANE_BULK, KIND, 0, buffer_bytes(&large)) == STATUS_OK)
		taken++;
	assert_int_equal(observer_pass_set(pass, &seen), STATUS_FULL);
	commit(at);
	assert_int_equal(spool_acked(at->spool, LANE_BULK, taken), STATUS_OK); /* room again */
	assert_int_equal(see(pass, "p/small"), STATUS_OK);
	assert_int_equal(observer_pass_end(&pass), STATUS_FULL);
	assert_true(observer_wants_refresh(at->observer));
	assert_int_equal(count_kind(at, LANE_BULK, FETTLE__KIND__KIND_PASS), 0);
	buffer_fini(&large);
}

static void a_pass_that_another_s_failure_undid_is_not_complete(void **test)
{
	struct fixture *at = *test;
	struct observer_pass *pass = begin_pass(at);

	assert_int_equal(see(pass, "p/a"), STATUS_OK);
	spool_abort(at->spool);
	assert_int_equal(observer_pass_end(&pass), STATUS_AGAIN);
	assert_int_equal(count_kind(at, LANE_BULK, FETTLE__KIND__KIND_PASS), 0);
	pass = begin_pass(at);
	assert_int_equal(see(pass, "p/a"), STATUS_OK);
	assert_int_equal(observer_pass_end(&pass), STATUS_OK);
	assert_int_equal(count_kind(at, LANE_BULK, FETTLE__KIND__KIND_PASS), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lanes_number_their_records_from_one),
		TEST(what_is_not_committed_is_not_there),
		TEST(numbers_go_on_after_a_restart),
		TEST(event_ids_never_repeat),
		TEST(an_ack_deletes_up_to_it_and_no_further),
		TEST(the_chain_is_the_receiver_s_across_acks_and_restarts),
		TEST(a_read_stops_at_most_and_at_the_size_of_a_batch),
		TEST(a_lane_that_is_full_refuses_and_counts_and_the_others_go_on),
		TEST(what_no_frame_can_carry_is_rejected),
		TEST(the_first_welcome_gives_the_epoch),
		TEST(a_welcome_that_fits_changes_nothing),
		TEST(a_log_that_has_less_than_it_acknowledged_begins_a_new_epoch),
		TEST(a_log_that_has_more_than_was_sent_begins_a_new_epoch),
		TEST(a_log_of_another_epoch_begins_a_new_one),
		TEST(a_log_with_another_chain_begins_a_new_epoch),
		TEST(an_idle_lane_writes_nothing_after_a_new_epoch),
		TEST(nothing_is_lost_where_marks_were_dropped_again_and_again),
		TEST(the_ledger_knows_the_last_hash_by_key_and_forgets_by_prefix),
		TEST(notes_are_kept_by_name),
		TEST(a_command_counts_once_it_is_committed),
		TEST(only_what_differs_is_appended),
		TEST(an_unset_is_sent_once),
		TEST(what_was_undone_is_observed_again),
		TEST(a_value_that_no_record_can_hold_is_said_to_have_failed),
		TEST(a_file_of_64_kib_fits_a_record),
		TEST(a_pass_unsets_what_it_has_not_seen_and_leaves_other_prefixes),
		TEST(a_pass_that_is_abandoned_unsets_nothing_and_is_not_marked),
		TEST(a_pass_that_the_spool_refused_a_part_of_is_not_complete),
		TEST(a_pass_that_another_s_failure_undid_is_not_complete),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
