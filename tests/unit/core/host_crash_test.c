/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage that ends the process over one record, in processes that are forked for it; and what was
 * quarantined, let go.
 */
#include "core/host.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/attempts.h"
#include "proto/command.pb-c.h"
#include "proto/state.pb-c.h"
#include "proto/verdict.pb-c.h"
#include "tests/support/scratch.h"

enum { TABLE_NOTES = HOST_TABLES, START_MS = 1000 * 1000, RUNS_MAX = 10 };

static const char *const tables[] = { HOST_TABLE_NAMES, "notes", NULL };
static const uint8_t agent[AGENT_ID_SIZE] = "\x03"
					    "an agent's id.";
static bool is_mended; /* the stage takes what it crashed over, or rejected */

static enum status on_event(struct stage_io *io, const struct event *event)
{
	struct bytes key = record_bytes(event_fact(event)->key);

	if (!is_mended && bytes_equal(key, bytes_of_text("poison")))
		_exit(70);
	if (!is_mended && bytes_equal(key, bytes_of_text("bad")))
		return stage_reject(io, "bad");
	txn_put(io->txn, TABLE_NOTES, key, BYTES_NONE);
	return STATUS_OK;
}

static const struct stage notes_stage = { .name = "notes",
	.summary = "keeps notes",
	.consumes = (const enum event_kind[]){ EVENT_FACT_SET, EVENT_NONE },
	.on_event = on_event };
static const struct stage *const stages[] = { &notes_stage, NULL };

/* ---- records ---- */

static void pack(struct buffer *out, uint32_t kind, uint64_t number,
    const ProtobufCMessage *message)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	Fettle__Stamp stamp = FETTLE__STAMP__INIT;
	struct buffer body = { 0 };
	uint8_t event_id[EVENT_ID_SIZE] = { (uint8_t)kind, (uint8_t)number };

	record_pack(&body, message);
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, kind);
	RECORD_SET_BYTES(&stamp, writer, BYTES(agent, AGENT_ID_SIZE));
	RECORD_SET(&stamp, sequence, number);
	stamp.principal = RECORD_TEXT("ann (uid 7)");
	record.envelope = &envelope;
	record.stamp = &stamp;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&body));
	record_pack(out, &record.base);
	buffer_fini(&body);
}

static size_t fact_size; /* bytes of a fact's value */

static void pack_fact(struct buffer *out, uint64_t number, const char *key)
{
	static const uint8_t zeroes[LINK_RECORD_MAX];
	Fettle__Fact fact = FETTLE__FACT__INIT;

	RECORD_SET_BYTES(&fact, value, BYTES(zeroes, fact_size));
	RECORD_SET_BYTES(&fact, key, bytes_of_text(key));
	pack(out, FETTLE__KIND__KIND_FACT_SET, number, &fact.base);
}

/* ---- one process ---- */

struct fixture {
	void *directory;
	struct kv *kv;
	struct host *host;
	uint64_t now_ms;
};

static uint32_t flow_of_facts(void)
{
	return sublog_flow(sublog_slot_of(agent), LANE_DELTA);
}

static void open_host(struct fixture *at)
{
	const struct kv_options options = { .tables = tables, .is_writer = true };

	assert_int_equal(kv_open(scratch_path(at->directory, "state"), &options, &at->kv),
	    STATUS_OK);
	assert_int_equal(host_new(at->kv, stages, NULL, &at->host), STATUS_OK);
	assert_int_equal(host_begin(at->host), STATUS_OK);
}

static void close_host(struct fixture *at)
{
	assert_int_equal(host_end(at->host), STATUS_OK);
	host_free(at->host);
	kv_close(at->kv);
}

static void settle(struct fixture *at)
{
	enum status status;

	do
		status = host_step(at->host, at->now_ms += 10);
	while (status == STATUS_OK);
	assert_int_equal(status, STATUS_AGAIN);
}

/* All facts that a log has and this host has not had: KEYS by number, ended by NULL. */
static void offer(struct fixture *at, const char *const *keys)
{
	uint64_t position = host_position(at->host, flow_of_facts());

	for (uint64_t number = 1; keys[number - 1] != NULL; number++) {
		struct buffer record = { 0 };
		struct bytes bytes;

		pack_fact(&record, number, keys[number - 1]);
		bytes = buffer_bytes(&record);
		if (number > position)
			host_take(at->host, flow_of_facts(), number, &bytes, 1);
		buffer_fini(&record);
	}
}

static void feed(struct fixture *at, const char *const *keys)
{
	offer(at, keys);
	settle(at);
}

/* A processor's life, in a process of its own; its exit code. */
static int live(struct fixture *at, const char *const *keys)
{
	pid_t child = fork();
	int result;

	if (child == 0) {
		open_host(at);
		feed(at, keys);
		close_host(at);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &result, 0), child);
	assert_true(WIFEXITED(result));
	return WEXITSTATUS(result);
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	is_mended = false;
	fact_size = 0;
	at->now_ms = START_MS;
	*test = at;
	return scratch_start(&at->directory);
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result = scratch_stop(&at->directory);

	free(at);
	return result;
}

static bool has_note(struct fixture *at, const char *key)
{
	struct kv_txn *txn;
	struct bytes value;
	enum status status;

	assert_int_equal(kv_read_begin(at->kv, &txn), STATUS_OK);
	status = kv_get(txn, TABLE_NOTES, bytes_of_text(key), &value);
	kv_abort(&txn);
	return status == STATUS_OK;
}

/* As the next start would find it. */
static struct attempts kept_attempts(struct fixture *at)
{
	struct attempts attempts;
	struct kv_txn *txn;
	struct bytes kept;

	assert_int_equal(kv_read_begin(at->kv, &txn), STATUS_OK);
	assert_int_equal(kv_get(txn, HOST_META, bytes_of_text("attempts"), &kept), STATUS_OK);
	assert_int_equal(attempts_begin(&attempts, kept), STATUS_OK);
	kv_abort(&txn);
	return attempts;
}

static uint64_t quarantined(struct fixture *at)
{
	struct kv_txn *txn;
	uint64_t count;

	assert_int_equal(kv_read_begin(at->kv, &txn), STATUS_OK);
	assert_int_equal(kv_count(txn, HOST_QUARANTINE, &count), STATUS_OK);
	kv_abort(&txn);
	return count;
}

/* The newest verdict, which is about a quarantined record. */
static Fettle__QuarantinedVerdict *newest(struct fixture *at, struct arena *arena)
{
	struct link_batch batch = { .count = 0 };
	Fettle__QuarantinedVerdict *verdict;
	Fettle__Record *record;

	assert_int_equal(host_read_verdicts(at->host, host_verdict_head(at->host), 1, &batch),
	    STATUS_OK);
	assert_int_equal(batch.count, 1);
	assert_int_equal(record_decode(batch.records[0], arena, &record), STATUS_OK);
	assert_int_equal(record->envelope->kind, FETTLE__KIND__KIND_QUARANTINED);
	verdict = record_unpack(&fettle__quarantined_verdict__descriptor,
	    record_bytes(record->body), arena);
	assert_non_null(verdict);
	host_release(at->host);
	return verdict;
}

static void release(struct fixture *at, const uint8_t id[HASH_SIZE], bool is_discard)
{
	Fettle__QuarantineRelease order = FETTLE__QUARANTINE_RELEASE__INIT;
	ProtobufCBinaryData ids[1] = { { HASH_SIZE, (uint8_t *)id } };
	struct buffer record = { 0 };
	uint64_t number = host_position(at->host, SUBLOG_INTENT) + 1;
	struct bytes bytes;

	order.ids = ids;
	order.n_ids = 1;
	order.reason = RECORD_TEXT("mended");
	RECORD_SET(&order, is_discard, is_discard);
	pack(&record, FETTLE__KIND__KIND_QUARANTINE_RELEASE, number, &order.base);
	bytes = buffer_bytes(&record);
	host_take(at->host, SUBLOG_INTENT, number, &bytes, 1);
	settle(at);
	buffer_fini(&record);
}

/* The same of the record that verdict NUMBER is about. */
static void release_number(struct fixture *at, struct arena *arena, uint64_t number)
{
	struct link_batch batch = { .count = 0 };
	Fettle__QuarantinedVerdict *verdict;
	Fettle__Record *record;

	assert_int_equal(host_read_verdicts(at->host, number, 1, &batch), STATUS_OK);
	assert_int_equal(record_decode(batch.records[0], arena, &record), STATUS_OK);
	verdict = record_unpack(&fettle__quarantined_verdict__descriptor,
	    record_bytes(record->body), arena);
	host_release(at->host);
	release(at, verdict->id.data, false);
}

/* ---- tests ---- */

static const char *const poisoned[] = { "a", "b", "poison", "c", NULL };

static void the_record_that_crashes_is_quarantined_and_the_others_are_judged(void **test)
{
	struct fixture *at = *test;
	struct arena arena = { 0 };
	unsigned crashes = 0;
	int code;

	while ((code = live(at, poisoned)) == 70)
		assert_true(++crashes < RUNS_MAX);
	assert_int_equal(code, 0);
	assert_int_equal(crashes, 4); /* the first was not counted: nobody was careful yet */
	open_host(at);
	assert_int_equal(host_position(at->host, flow_of_facts()), 4);
	assert_true(has_note(at, "a") && has_note(at, "b") && has_note(at, "c"));
	assert_false(has_note(at, "poison"));
	assert_int_equal(quarantined(at), 1);
	assert_string_equal(newest(at, &arena)->reason, "crashed the processor three times");
	assert_memory_equal(newest(at, &arena)->agent.data, agent, AGENT_ID_SIZE);
	arena_fini(&arena);
	close_host(at);
}

/* A batch is full before its lot is. */
static void what_was_not_handed_over_has_survived_nothing(void **test)
{
	static const char *const large[] = { "poison", "a", "b", "c", "d", "e", "f", "g", "h", "i",
		"j", "k", "l", "m", "n", "o", NULL };
	struct fixture *at = *test;
	struct attempts_range suspects;
	uint64_t position;

	fact_size = 800 * 1000;
	assert_int_equal(live(at, large), 70);
	assert_int_equal(live(at, large), 70);
	is_mended = true;
	open_host(at);
	offer(at, large);
	assert_int_equal(host_step(at->host, at->now_ms += 10), STATUS_OK);
	position = host_position(at->host, flow_of_facts());
	assert_in_range(position, 1, 15);
	suspects = kept_attempts(at).suspects[flow_of_facts()];
	assert_int_equal(suspects.first, position + 1);
	assert_int_equal(suspects.last, 16);
	assert_int_equal(suspects.crashes, 1);
	settle(at);
	assert_int_equal(kept_attempts(at).suspects[flow_of_facts()].first, 0);
	close_host(at);
}

/* The log has it no more: aged out, or replaced. */
static void a_condemned_record_that_is_gone_is_passed_over(void **test)
{
	struct fixture *at = *test;
	struct bytes nothing = BYTES_NONE;

	for (unsigned crashes = 0; crashes < 4; crashes++)
		assert_int_equal(live(at, poisoned), 70);
	open_host(at);
	assert_int_equal(host_position(at->host, flow_of_facts()), 2);
	host_take(at->host, flow_of_facts(), 3, &nothing, 1);
	settle(at);
	assert_int_equal(host_position(at->host, flow_of_facts()), 3);
	assert_int_equal(quarantined(at), 0);
	assert_int_equal(host_verdict_head(at->host), 0);
	close_host(at);
}

struct batches {
	struct kv_txn *txn;
	const char *const *keys;
	struct buffer record;
};

static enum status fetch(void *data, uint32_t flow, uint64_t number, struct bytes *out)
{
	struct batches *batches = data;

	assert_int_equal(flow, flow_of_facts());
	buffer_clear(&batches->record);
	pack_fact(&batches->record, number, batches->keys[number - 1]);
	*out = buffer_bytes(&batches->record);
	return STATUS_OK;
}

static void a_replay_does_not_crash_over_what_was_condemned(void **test)
{
	struct fixture *at = *test;
	struct fixture copy = { .directory = at->directory };
	struct batches batches = { .keys = poisoned };
	const struct kv_options options = { .tables = tables, .is_writer = true };

	while (live(at, poisoned) == 70)
		;
	open_host(at);
	assert_int_equal(kv_open(scratch_path(at->directory, "copy"), &options, &copy.kv),
	    STATUS_OK);
	assert_int_equal(host_new(copy.kv, stages, NULL, &copy.host), STATUS_OK);
	for (uint64_t number = 1; number <= host_batches(at->host); number++) {
		uint8_t key[8];
		struct bytes record;

		for (unsigned i = 0; i < 8; i++)
			key[i] = (uint8_t)(number >> 8 * (7 - i));
		assert_int_equal(kv_read_begin(at->kv, &batches.txn), STATUS_OK);
		assert_int_equal(kv_get(batches.txn, HOST_BATCH, BYTES_OF(key), &record),
		    STATUS_OK);
		assert_int_equal(host_replay(copy.host, record, fetch, &batches), STATUS_OK);
		kv_abort(&batches.txn);
	}
	assert_int_equal(quarantined(&copy), 1);
	assert_true(has_note(&copy, "c"));
	buffer_fini(&batches.record);
	close_host(&copy);
	close_host(at);
}

static void what_is_released_is_handed_over_once_more(void **test)
{
	static const char *const keys[] = { "a", "bad", NULL };
	struct fixture *at = *test;
	struct arena arena = { 0 };
	const Fettle__QuarantinedVerdict *verdict;

	open_host(at);
	feed(at, keys);
	assert_int_equal(quarantined(at), 1);
	verdict = newest(at, &arena);
	assert_int_equal(verdict->released_ms, 0);
	is_mended = true;
	release(at, verdict->id.data, false);
	assert_true(has_note(at, "bad"));
	assert_int_equal(quarantined(at), 0);
	verdict = newest(at, &arena);
	assert_true(verdict->released_ms > verdict->at_ms);
	assert_string_equal(verdict->released_by, "ann (uid 7)");
	assert_string_equal(verdict->release_reason, "mended");
	assert_false(verdict->is_discarded);
	arena_fini(&arena);
	close_host(at);
}

static void what_is_rejected_again_stays(void **test)
{
	static const char *const keys[] = { "bad", NULL };
	struct fixture *at = *test;
	struct arena arena = { 0 };

	open_host(at);
	feed(at, keys);
	release(at, newest(at, &arena)->id.data, false);
	assert_int_equal(quarantined(at), 1);
	assert_int_equal(newest(at, &arena)->released_ms, 0);
	arena_fini(&arena);
	close_host(at);
}

/* The newest record for the log: NULL, or what it says. */
static const Fettle__Hold *newest_hold(struct fixture *at, struct arena *arena)
{
	struct link_batch batch = { .count = 0 };
	Fettle__Record *record;

	if (host_outbox_head(at->host) == 0)
		return NULL;
	assert_int_equal(host_read_outbox(at->host, host_outbox_head(at->host), 1, &batch),
	    STATUS_OK);
	assert_int_equal(record_decode(batch.records[0], arena, &record), STATUS_OK);
	host_release(at->host);
	assert_int_equal(record->envelope->kind, FETTLE__KIND__KIND_HOLD);
	assert_memory_equal(record->envelope->target.data, agent, AGENT_ID_SIZE);
	return record_unpack(&fettle__hold__descriptor, record_bytes(record->body), arena);
}

static void an_agent_whose_quarantine_is_full_is_held_until_some_is_let_go(void **test)
{
	static const char *bad[HOST_QUARANTINE_RECORDS + 3];
	struct fixture *at = *test;
	struct arena arena = { 0 };
	const Fettle__QuarantinedVerdict *last;

	for (size_t i = 0; i < HOST_QUARANTINE_RECORDS - 1; i++)
		bad[i] = "bad";
	open_host(at);
	feed(at, bad);
	assert_null(newest_hold(at, &arena));
	bad[HOST_QUARANTINE_RECORDS - 1] = "bad";
	feed(at, bad);
	assert_int_equal(host_outbox_head(at->host), 1);
	assert_true(newest_hold(at, &arena)->is_held);
	assert_int_equal(newest_hold(at, &arena)->records, HOST_QUARANTINE_RECORDS);
	/* What the log has taken before it heard of it is kept, and told of once. */
	bad[HOST_QUARANTINE_RECORDS] = "bad";
	feed(at, bad);
	assert_int_equal(quarantined(at), HOST_QUARANTINE_RECORDS + 1);
	assert_int_equal(host_outbox_head(at->host), 1);
	close_host(at);
	open_host(at);
	last = newest(at, &arena);
	/* Handed over again and rejected again, it stays and so does the hold. */
	release(at, last->id.data, false);
	release(at, last->id.data, true);
	assert_int_equal(host_outbox_head(at->host), 1);
	bad[HOST_QUARANTINE_RECORDS + 1] = "bad";
	feed(at, bad);
	last = newest(at, &arena);
	release(at, last->id.data, true);
	assert_int_equal(host_outbox_head(at->host), 1);
	is_mended = true;
	release_number(at, &arena, 1);
	assert_int_equal(host_outbox_head(at->host), 2);
	assert_false(newest_hold(at, &arena)->is_held);
	arena_fini(&arena);
	close_host(at);
}

static void what_is_discarded_is_gone_and_was_never_taken(void **test)
{
	static const char *const keys[] = { "bad", NULL };
	struct fixture *at = *test;
	struct arena arena = { 0 };

	open_host(at);
	feed(at, keys);
	is_mended = true;
	release(at, newest(at, &arena)->id.data, true);
	assert_int_equal(quarantined(at), 0);
	assert_false(has_note(at, "bad"));
	assert_true(newest(at, &arena)->is_discarded);
	arena_fini(&arena);
	close_host(at);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_record_that_crashes_is_quarantined_and_the_others_are_judged),
		TEST(what_was_not_handed_over_has_survived_nothing),
		TEST(a_condemned_record_that_is_gone_is_passed_over),
		TEST(a_replay_does_not_crash_over_what_was_condemned),
		TEST(what_is_released_is_handed_over_once_more),
		TEST(what_is_rejected_again_stays),
		TEST(an_agent_whose_quarantine_is_full_is_held_until_some_is_let_go),
		TEST(what_is_discarded_is_gone_and_was_never_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
