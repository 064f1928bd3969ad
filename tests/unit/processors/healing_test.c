/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of stages, as it compares digests and tells how it stands with the reporting: what an
 * agent and the log say goes in, and what verdicts and commands come out is looked at.
 */
#include <stdlib.h>

#include "core/digest.h"
#include "processors/roles.h"
#include "processors/state/facts.h"
#include "processors/state/tables.h"
#include "proto/command.pb-c.h"
#include "tests/support/chain.h"

enum { MINUTE_MS = 60 * 1000, EPOCH = 3 };

static const char *const tables[] = { STATE_TABLE_NAMES };

static const uint8_t agent[16] = "\x01"
				 "an agent";

struct fixture {
	struct chain chain;
	uint64_t ids, verdicts_seen, commands_seen;
	struct digest digest; /* as the agent has it */
};

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	*test = at;
	return chain_start(&at->chain, tables, processor_stages);
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result = chain_stop(&at->chain);

	free(at);
	return result;
}

struct said {
	uint64_t revision;
	enum lane lane; /* 0: the log itself says it */
	uint32_t kind;
	int64_t skew_ms;
	const ProtobufCMessage *message;
};

static void give(struct fixture *at, const struct said *said)
{
	chain_give(&at->chain,
	    &(struct chain_record){ .writer = agent,
		.flow = said->lane == 0 ? (uint32_t)SUBLOG_NOTICE
	                                : sublog_flow(sublog_slot_of(agent), said->lane),
		.kind = said->kind,
		.lane = said->lane,
		.epoch = EPOCH,
		.revision = said->revision,
		.wall_ms = (uint64_t)((int64_t)at->chain.now_ms + said->skew_ms),
		.body = chain_body(&at->chain, said->message) });
	chain_settle(&at->chain);
}

/* ---- the agent ---- */

static void say(struct fixture *at, uint64_t revision, const char *key, const char *text)
{
	const struct fact_field field = FACT_FIELD_TEXT("text", text);
	Fettle__Fact fact = FETTLE__FACT__INIT;
	struct buffer value = { 0 };

	fact_value_encode(&value, &field, 1);
	RECORD_SET_BYTES(&fact, key, bytes_of_text(key));
	fact.collector = RECORD_TEXT("files");
	RECORD_SET(&fact, status, FETTLE__FACT_STATUS__FACT_STATUS_PRESENT);
	RECORD_SET_BYTES(&fact, value, buffer_bytes(&value));
	give(at, &(struct said){ .revision = revision,
		     .lane = LANE_DELTA,
		     .kind = FETTLE__KIND__KIND_FACT_SET,
		     .message = &fact.base });
	buffer_fini(&value);
}

/* The agent believes that KEY is TEXT, or takes that back. */
static void believe(struct fixture *at, const char *key, const char *text)
{
	const struct fact_field field = FACT_FIELD_TEXT("text", text);
	struct buffer value = { 0 };
	uint8_t content[HASH_SIZE], told[HASH_SIZE];

	fact_value_encode(&value, &field, 1);
	fact_hash(FACT_PRESENT, buffer_bytes(&value), content);
	digest_told(content, NULL, told);
	digest_toggle(&at->digest, bytes_of_text(key), told);
	buffer_fini(&value);
}

struct marked {
	uint64_t revision, floor;
	bool with_buckets;
	const char *complete; /* a key whose bucket is told anew; or NULL */
	uint64_t id;          /* 0: the next */
};

static void mark(struct fixture *at, const struct marked *marked, enum lane lane)
{
	Fettle__Digest digest = FETTLE__DIGEST__INIT;
	uint8_t id[HASH_SIZE] = { 0 }, root[HASH_SIZE], bucket;

	id[7] = (uint8_t)(marked->id > 0 ? marked->id : at->ids);
	digest_root(&at->digest, root);
	RECORD_SET_BYTES(&digest, id, BYTES_OF(id));
	RECORD_SET(&digest, revision, marked->revision);
	RECORD_SET_BYTES(&digest, root, BYTES_OF(root));
	if (marked->with_buckets)
		RECORD_SET_BYTES(&digest, buckets, BYTES(at->digest.buckets, DIGEST_SIZE));
	if (marked->complete != NULL) {
		bucket = digest_bucket(bytes_of_text(marked->complete));
		RECORD_SET(&digest, floor, marked->floor);
		RECORD_SET_BYTES(&digest, complete, BYTES(&bucket, 1));
	}
	give(at, &(struct said){ .lane = lane,
		     .kind = FETTLE__KIND__KIND_DIGEST,
		     .message = &digest.base });
}

static void compare(struct fixture *at, struct marked marked)
{
	at->ids++;
	mark(at, &marked, LANE_CRITICAL);
	mark(at, &marked, LANE_BULK);
	mark(at, &marked, LANE_DELTA);
}

static void beat(struct fixture *at, int64_t skew_ms, bool is_prompt)
{
	Fettle__Heartbeat heartbeat = FETTLE__HEARTBEAT__INIT;

	RECORD_SET(&heartbeat, every_ms, MINUTE_MS);
	RECORD_SET(&heartbeat, is_prompt, is_prompt);
	give(at, &(struct said){ .lane = LANE_DELTA,
		     .kind = FETTLE__KIND__KIND_HEARTBEAT,
		     .skew_ms = skew_ms,
		     .message = &heartbeat.base });
}

static void note(struct fixture *at, Fettle__NoticeWhat what, const char *principal)
{
	Fettle__Notice notice = FETTLE__NOTICE__INIT;

	RECORD_SET(&notice, what, what);
	RECORD_SET_BYTES(&notice, agent, BYTES_OF(agent));
	notice.principal = RECORD_TEXT(principal);
	RECORD_SET(&notice, at_ms, at->chain.now_ms);
	give(at, &(struct said){ .kind = FETTLE__KIND__KIND_NOTICE, .message = &notice.base });
}

/* ---- looking ---- */

/* The last verdict about the health since the last look; NULL: there was none. */
static const Fettle__HealthVerdict *health(struct fixture *at)
{
	const Fettle__HealthVerdict *found = NULL;

	while (at->verdicts_seen < host_verdict_head(at->chain.host)) {
		const Fettle__Record *record = chain_verdict(&at->chain, ++at->verdicts_seen);

		if (record->envelope->kind == FETTLE__KIND__KIND_HEALTH)
			found = record_unpack(&fettle__health_verdict__descriptor,
			    record_bytes(record->body), &at->chain.arena);
	}
	return found;
}

/* The last request to send again since the last look; NULL: there was none. */
static const Fettle__Resync *asked(struct fixture *at)
{
	const Fettle__Resync *found = NULL;

	while (at->commands_seen < host_outbox_head(at->chain.host)) {
		const Fettle__Record *record = chain_command(&at->chain, ++at->commands_seen);

		if (record->envelope->kind == FETTLE__KIND__KIND_RESYNC)
			found = record_unpack(&fettle__resync__descriptor,
			    record_bytes(record->body), &at->chain.arena);
	}
	return found;
}

static bool is_known(struct fixture *at, const char *key)
{
	struct txn *txn;
	struct asset_ref asset;
	struct facts_entry entry;
	bool out;

	assert_int_equal(txn_begin(at->chain.kv, &txn), STATUS_OK);
	assert_int_equal(asset_of_agent(txn, agent, &asset), STATUS_OK);
	out = facts_get(txn, &asset, bytes_of_text(key), &at->chain.arena, &entry) == STATUS_OK
	   && entry.record->status != FACT_NONE;
	txn_abort(&txn);
	return out;
}

static void assert_health(struct fixture *at, Fettle__HealthWhat what, bool is_over)
{
	const Fettle__HealthVerdict *verdict = health(at);

	assert_non_null(verdict);
	assert_int_equal(verdict->what, what);
	assert_int_equal(verdict->is_over, is_over);
}

/* ---- digests ---- */

static void where_both_hold_the_same_nothing_is_asked_for(void **test)
{
	struct fixture *at = *test;

	say(at, 1, "file/a", "1");
	believe(at, "file/a", "1");
	compare(at, (struct marked){ .revision = 1 });
	assert_null(asked(at));
	assert_null(health(at));
}

static void a_root_that_differs_asks_for_buckets_and_a_bucket_for_its_facts(void **test)
{
	struct fixture *at = *test;
	uint8_t bucket = digest_bucket(bytes_of_text("file/b"));
	const Fettle__Resync *resync;

	say(at, 1, "file/a", "1");
	say(at, 2, "file/b", "wrong");
	believe(at, "file/a", "1");
	believe(at, "file/b", "1");
	compare(at, (struct marked){ .revision = 2 });
	resync = asked(at);
	assert_non_null(resync);
	assert_true(resync->wants_digest);
	compare(at, (struct marked){ .revision = 2, .with_buckets = true });
	resync = asked(at);
	assert_non_null(resync);
	assert_true(bytes_equal(record_bytes(resync->buckets), BYTES(&bucket, 1)));
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_RESYNC, false);
	say(at, 4, "file/b", "1");
	compare(at, (struct marked){ .revision = 4, .floor = 3, .complete = "file/b" });
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_RESYNC, true);
}

static void what_the_agent_does_not_tell_anew_goes_and_only_that(void **test)
{
	struct fixture *at = *test;

	say(at, 1, "file/kept", "1");
	say(at, 2, "file/gone", "1");
	believe(at, "file/kept", "1");
	compare(at, (struct marked){ .revision = 2, .with_buckets = true });
	assert_non_null(asked(at));
	compare(at, (struct marked){ .revision = 3, .floor = 3, .complete = "file/gone" });
	assert_false(is_known(at, "file/gone"));
	assert_true(is_known(at, "file/kept"));
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_RESYNC, true);
	/* One that was told after the request and comes late is not older than that. */
	say(at, 4, "file/gone", "1");
	assert_true(is_known(at, "file/gone"));
}

static void nothing_is_compared_before_the_marks_of_all_lanes(void **test)
{
	struct fixture *at = *test;
	const struct marked marked = { .revision = 1 };

	say(at, 1, "file/a", "1");
	at->ids++;
	mark(at, &marked, LANE_CRITICAL);
	mark(at, &marked, LANE_DELTA);
	assert_null(asked(at));
	mark(at, &marked, LANE_BULK);
	assert_non_null(asked(at));
}

static void a_mark_of_a_digest_that_another_took_over_from_is_passed_over(void **test)
{
	struct fixture *at = *test;
	const struct marked older = { .revision = 1, .id = 1 }, newer = { .revision = 1, .id = 2 };

	say(at, 1, "file/a", "1");
	mark(at, &older, LANE_CRITICAL);
	mark(at, &newer, LANE_CRITICAL);
	mark(at, &newer, LANE_DELTA);
	mark(at, &older, LANE_DELTA);
	mark(at, &older, LANE_BULK);
	assert_null(asked(at));
	mark(at, &newer, LANE_BULK);
	assert_non_null(asked(at));
}

static void a_bucket_that_was_touched_since_is_left_for_the_next_time(void **test)
{
	struct fixture *at = *test;

	say(at, 1, "file/a", "1");
	believe(at, "file/a", "1");
	say(at, 2, "file/a", "2");
	compare(at, (struct marked){ .revision = 1, .with_buckets = true });
	assert_null(asked(at));
	assert_null(health(at));
}

static void an_agent_is_not_asked_again_at_once(void **test)
{
	struct fixture *at = *test;

	say(at, 1, "file/a", "1");
	compare(at, (struct marked){ .revision = 1, .with_buckets = true });
	assert_non_null(asked(at));
	compare(at, (struct marked){ .revision = 1, .with_buckets = true });
	assert_null(asked(at));
	at->chain.now_ms += 11 * MINUTE_MS;
	compare(at, (struct marked){ .revision = 1, .with_buckets = true });
	assert_non_null(asked(at));
}

/* ---- clocks and silence ---- */

static void a_clock_that_is_off_three_times_in_a_row_is_told_of_until_it_is_right(void **test)
{
	struct fixture *at = *test;

	beat(at, 6 * MINUTE_MS, true);
	beat(at, 6 * MINUTE_MS, true);
	beat(at, 0, true);
	beat(at, -6 * MINUTE_MS, true);
	beat(at, -6 * MINUTE_MS, true);
	assert_null(health(at));
	beat(at, -6 * MINUTE_MS, true);
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_SKEW, false);
	beat(at, -6 * MINUTE_MS, true);
	assert_null(health(at));
	beat(at, 5 * MINUTE_MS, true);
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_SKEW, true);
}

static void what_waited_in_a_spool_is_old_and_not_wrong(void **test)
{
	struct fixture *at = *test;

	for (unsigned i = 0; i < 10; i++)
		beat(at, -60 * MINUTE_MS, false);
	assert_null(health(at));
}

static void silence_is_told_of_and_so_is_its_end(void **test)
{
	struct fixture *at = *test;

	beat(at, 0, true);
	at->chain.now_ms += 14 * MINUTE_MS;
	chain_settle(&at->chain);
	assert_null(health(at));
	at->chain.now_ms += MINUTE_MS;
	chain_settle(&at->chain);
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_STALE, false);
	at->chain.now_ms += 60 * MINUTE_MS;
	chain_settle(&at->chain);
	assert_null(health(at));
	beat(at, 0, true);
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_STALE, true);
	at->chain.now_ms += 15 * MINUTE_MS;
	chain_settle(&at->chain);
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_STALE, false);
}

static void a_processor_that_did_not_run_hears_first_what_waited(void **test)
{
	struct fixture *at = *test;

	beat(at, 0, true);
	at->chain.now_ms += 60 * MINUTE_MS;
	chain_settle(&at->chain);
	assert_null(health(at));
	at->chain.now_ms += 15 * MINUTE_MS;
	chain_settle(&at->chain);
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_STALE, false);
}

/* ---- notices ---- */

static void a_clone_is_told_of_once_until_somebody_has_decided(void **test)
{
	struct fixture *at = *test;

	beat(at, 0, true);
	note(at, FETTLE__NOTICE_WHAT__NOTICE_WHAT_CLONE, "log");
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_CLONE, false);
	note(at, FETTLE__NOTICE_WHAT__NOTICE_WHAT_CLONE, "log");
	note(at, FETTLE__NOTICE_WHAT__NOTICE_WHAT_MEMBER, "log");
	assert_null(health(at));
	note(at, FETTLE__NOTICE_WHAT__NOTICE_WHAT_MEMBER, "ann");
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_CLONE, true);
}

static void a_quarantine_that_is_full_is_told_of_once_and_when_it_has_room_again(void **test)
{
	struct fixture *at = *test;

	beat(at, 0, true);
	note(at, FETTLE__NOTICE_WHAT__NOTICE_WHAT_QUARANTINE_OPEN, "processor");
	assert_null(health(at));
	note(at, FETTLE__NOTICE_WHAT__NOTICE_WHAT_QUARANTINE_FULL, "processor");
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_QUARANTINE_FULL, false);
	note(at, FETTLE__NOTICE_WHAT__NOTICE_WHAT_QUARANTINE_FULL, "processor");
	assert_null(health(at));
	note(at, FETTLE__NOTICE_WHAT__NOTICE_WHAT_QUARANTINE_OPEN, "processor");
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_QUARANTINE_FULL, true);
}

static void a_spool_from_a_backup_is_told_of(void **test)
{
	struct fixture *at = *test;

	beat(at, 0, true);
	note(at, FETTLE__NOTICE_WHAT__NOTICE_WHAT_ROLLED_BACK, "log");
	assert_health(at, FETTLE__HEALTH_WHAT__HEALTH_WHAT_ROLLED_BACK, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(where_both_hold_the_same_nothing_is_asked_for),
		TEST(a_root_that_differs_asks_for_buckets_and_a_bucket_for_its_facts),
		TEST(what_the_agent_does_not_tell_anew_goes_and_only_that),
		TEST(nothing_is_compared_before_the_marks_of_all_lanes),
		TEST(a_mark_of_a_digest_that_another_took_over_from_is_passed_over),
		TEST(a_bucket_that_was_touched_since_is_left_for_the_next_time),
		TEST(an_agent_is_not_asked_again_at_once),
		TEST(a_clock_that_is_off_three_times_in_a_row_is_told_of_until_it_is_right),
		TEST(what_waited_in_a_spool_is_old_and_not_wrong),
		TEST(silence_is_told_of_and_so_is_its_end),
		TEST(a_processor_that_did_not_run_hears_first_what_waited),
		TEST(a_clone_is_told_of_once_until_somebody_has_decided),
		TEST(a_quarantine_that_is_full_is_told_of_once_and_when_it_has_room_again),
		TEST(a_spool_from_a_backup_is_told_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
