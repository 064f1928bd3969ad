/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an observer and its spool make of facts that nobody was told of: records of hashes, the
 * bundles behind them, and what becomes of these.
 */
#include "core/bundler.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/observer.h"
#include "core/record.h"
#include "core/spool.h"
#include "proto/observation.pb-c.h"
#include "tests/support/scratch.h"

enum { SPOOL_SIZE = 4 * 1024 * 1024, SMALL = 1024 * 1024 /* the least that is allowed */ };

struct fixture {
	void *directory;
	uint64_t size;
	struct spool *spool;
	struct observer *observer;
	struct arena arena;
	uint64_t read[LANE_END];
};

static void open_spool(struct fixture *at)
{
	assert_int_equal(spool_open(at->directory, at->size, &at->spool), STATUS_OK);
	at->observer = observer_new(at->spool);
	observer_set_bundles(at->observer, true);
}

static void close_spool(struct fixture *at)
{
	observer_free(at->observer);
	spool_close(at->spool);
}

static void reopen(struct fixture *at, uint64_t size)
{
	close_spool(at);
	at->size = size;
	open_spool(at);
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0)
		return -1;
	at->size = SPOOL_SIZE;
	open_spool(at);
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

/* ---- saying ---- */

static struct fact fact_of(const char *key, const struct fact_field *field)
{
	return (struct fact){ .key = bytes_of_text(key),
		.status = FACT_PRESENT,
		.fields = field,
		.fields_count = 1 };
}

static enum status set(struct fixture *at, const char *key, const char *text)
{
	const struct fact_field field = FACT_FIELD_TEXT("text", text);
	const struct fact fact = fact_of(key, &field);

	return observer_set(at->observer, "files", LANE_DELTA, &fact);
}

static struct observer_pass *begin(struct fixture *at)
{
	return observer_pass_begin(at->observer, "files", LANE_DELTA, bytes_of_text("file/"),
	    BYTES_NONE);
}

static enum status name(struct observer_pass *pass, const char *key, const char *text)
{
	const struct fact_field field = FACT_FIELD_TEXT("text", text);
	const struct fact fact = fact_of(key, &field);

	return observer_pass_set(pass, &fact);
}

/* file/000, ..., each with TEXT; backwards, to see that the order does not count. */
static void name_many(struct fixture *at, struct observer_pass *pass, unsigned count,
    const char *text)
{
	while (count-- > 0)
		(void)name(pass, arena_format(&at->arena, "file/%05u", count), text);
}

static enum status pass_of(struct fixture *at, unsigned count, const char *text)
{
	struct observer_pass *pass = begin(at);

	name_many(at, pass, count, text);
	return observer_pass_end(&pass);
}

/* ---- looking ---- */

/* The next record of LANE, which is numbered now; NULL: there is none. */
static const Fettle__Record *next(struct fixture *at, enum lane lane)
{
	struct link_batch batch = { .count = 0 };
	Fettle__Record *record = NULL;

	assert_int_equal(spool_number(at->spool), STATUS_OK);
	assert_int_equal(spool_commit(at->spool), STATUS_OK);
	assert_int_equal(spool_read(at->spool, lane, at->read[lane] + 1, 1, &batch), STATUS_OK);
	if (batch.count > 0) {
		at->read[lane]++;
		assert_int_equal(
		    record_decode(arena_bytes(&at->arena, batch.records[0]), &at->arena, &record),
		    STATUS_OK);
	}
	spool_release(at->spool);
	return record;
}

static void *body_of(struct fixture *at, const Fettle__Record *record, uint32_t kind,
    const ProtobufCMessageDescriptor *descriptor)
{
	void *body;

	assert_non_null(record);
	assert_int_equal(record->envelope->kind, kind);
	body = record_unpack(descriptor, record_bytes(record->body), &at->arena);
	assert_non_null(body);
	return body;
}

static Fettle__Have *next_have(struct fixture *at)
{
	return body_of(at, next(at, LANE_BULK), FETTLE__KIND__KIND_HAVE, &fettle__have__descriptor);
}

static void acknowledge(struct fixture *at)
{
	for (unsigned lane = 1; lane < LANE_END; lane++)
		assert_int_equal(
		    spool_acked(at->spool, (enum lane)lane, spool_head(at->spool, (enum lane)lane)),
		    STATUS_OK);
	assert_int_equal(spool_commit(at->spool), STATUS_OK);
}

static struct bytes hash_at(const Fettle__Have *have, size_t index)
{
	return BYTES(have->hash.data + index * BUNDLE_HASH_SIZE, BUNDLE_HASH_SIZE);
}

static bool is_untold(struct fixture *at, const char *key)
{
	uint8_t hash[HASH_SIZE];

	return spool_ledger_get(at->spool, bytes_of_text(key), hash) == STATUS_OK
	    && spool_is_untold_baseline(hash);
}

static bool is_known(struct fixture *at, const char *key)
{
	uint8_t hash[HASH_SIZE];

	return spool_ledger_get(at->spool, bytes_of_text(key), hash) == STATUS_OK;
}

/* ---- what goes ---- */

static void a_first_pass_goes_as_hashes_and_its_mark_follows(void **test)
{
	struct fixture *at = *test;
	const Fettle__Have *have;
	size_t facts = 0;

	assert_int_equal(pass_of(at, 100, "blue"), STATUS_OK);
	have = next_have(at);
	assert_string_equal(have->collector, "files");
	assert_true(have->is_baseline);
	assert_int_equal(have->revision, 1);
	assert_int_equal(have->hash.len, have->counts.len * BUNDLE_HASH_SIZE);
	for (size_t i = 0; i < have->counts.len; i++)
		facts += have->counts.data[i];
	assert_int_equal(facts, 100);
	assert_int_equal(have->facts, 100);
	assert_int_equal(next(at, LANE_BULK)->envelope->kind, FETTLE__KIND__KIND_PASS);
	assert_null(next(at, LANE_BULK));
	assert_null(next(at, LANE_DELTA));
}

static void the_same_seen_again_says_nothing_and_another_value_goes_alone(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(pass_of(at, 100, "blue"), STATUS_OK);
	(void)next_have(at);
	(void)next(at, LANE_BULK);
	assert_int_equal(pass_of(at, 100, "blue"), STATUS_OK);
	assert_int_equal(next(at, LANE_DELTA)->envelope->kind, FETTLE__KIND__KIND_PASS);
	assert_int_equal(set(at, "file/00007", "red"), STATUS_OK);
	assert_int_equal(next(at, LANE_DELTA)->envelope->fact_revision, 101);
	assert_null(next(at, LANE_BULK));
}

static void few_facts_go_alone(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(pass_of(at, 7, "blue"), STATUS_OK);
	for (unsigned i = 0; i < 7; i++) {
		const Fettle__Fact *fact = body_of(at, next(at, LANE_BULK),
		    FETTLE__KIND__KIND_FACT_SET, &fettle__fact__descriptor);

		assert_true(fact->is_baseline);
	}
	assert_int_equal(next(at, LANE_BULK)->envelope->kind, FETTLE__KIND__KIND_PASS);
}

/* Its older value waits for its neighbours, and must not come after it. */
static void what_is_seen_while_it_waits_for_its_neighbours_takes_its_place(void **test)
{
	struct fixture *at = *test;
	struct observer_pass *pass = begin(at);
	const Fettle__Have *have;

	name_many(at, pass, 100, "blue");
	assert_int_equal(set(at, "file/00007", "red"), STATUS_OK);
	assert_int_equal(
	    observer_unset(at->observer, "files", LANE_DELTA, bytes_of_text("file/00008")),
	    STATUS_OK);
	assert_int_equal(name(pass, "file/00009", "green"), STATUS_OK);
	assert_int_equal(observer_pass_end(&pass), STATUS_OK);
	(void)body_of(at, next(at, LANE_BULK), FETTLE__KIND__KIND_FACT_SET,
	    &fettle__fact__descriptor);
	have = next_have(at);
	assert_int_equal(have->facts, 98);
	assert_false(is_known(at, "file/00008"));
}

static void a_pass_that_is_given_up_has_said_what_it_saw(void **test)
{
	struct fixture *at = *test;
	struct observer_pass *pass = begin(at);

	name_many(at, pass, 100, "blue");
	observer_pass_abandon(&pass);
	assert_int_equal(next_have(at)->facts, 100);
	assert_null(next(at, LANE_BULK));
	assert_true(is_known(at, "file/00099"));
}

/* What is gathered is not remembered before it is appended, with its bundle. */
static void killed_before_it_was_committed_all_of_it_is_seen_anew(void **test)
{
	struct fixture *at = *test;
	struct observer_pass *pass = begin(at);
	const Fettle__Have *have;

	name_many(at, pass, 100, "blue");
	observer_pass_abandon(&pass); /* and no commit */
	reopen(at, SPOOL_SIZE);
	assert_false(is_known(at, "file/00000"));
	assert_int_equal(pass_of(at, 100, "blue"), STATUS_OK);
	reopen(at, SPOOL_SIZE);
	have = next_have(at);
	assert_int_equal(have->facts, 100);
	for (size_t i = 0; i < have->counts.len; i++)
		assert_int_equal(spool_append_bundle(at->spool, hash_at(have, i).data), STATUS_OK);
}

/* ---- what is asked for ---- */

static void a_bundle_that_is_asked_for_is_what_its_hash_says(void **test)
{
	struct fixture *at = *test;
	const Fettle__Record *record;
	const Fettle__Have *have;
	uint8_t hash[BUNDLE_HASH_SIZE];

	assert_int_equal(pass_of(at, 100, "blue"), STATUS_OK);
	have = next_have(at);
	(void)next(at, LANE_BULK);
	acknowledge(at);
	assert_int_equal(spool_append_bundle(at->spool, hash_at(have, 3).data), STATUS_OK);
	record = next(at, LANE_BULK);
	assert_int_equal(record->envelope->kind, FETTLE__KIND__KIND_BUNDLE);
	bundle_hash(record_bytes(record->body), hash);
	assert_memory_equal(hash, hash_at(have, 3).data, BUNDLE_HASH_SIZE);
}

/* The server has heard of a pass of 100, and asks for its first bundle too late. */
static struct spool_withdrawn lose_first(struct fixture *at)
{
	const Fettle__Have *have;

	assert_int_equal(pass_of(at, 100, "blue"), STATUS_OK);
	have = next_have(at);
	(void)next(at, LANE_BULK);
	acknowledge(at);
	assert_int_equal(spool_expire_bundles(at->spool, clock_wall_ms() + 1), STATUS_OK);
	assert_int_equal(spool_append_bundle(at->spool, hash_at(have, 0).data), STATUS_NOT_FOUND);
	return (struct spool_withdrawn){ hash_at(have, 0), 1, have->counts.data[0] };
}

static void is_baseline(struct fixture *at, const char *key)
{
	const Fettle__Fact *fact = body_of(at, next(at, LANE_BULK), FETTLE__KIND__KIND_FACT_SET,
	    &fettle__fact__descriptor);

	assert_true(fact->is_baseline);
	assert_true(bytes_equal(record_bytes(fact->key), bytes_of_text(key)));
}

static void what_is_withdrawn_is_baseline_again_before_the_next_pass_too(void **test)
{
	struct fixture *at = *test;
	const struct spool_withdrawn lost = lose_first(at);

	assert_int_equal(spool_withdraw_bundles(at->spool, &lost, 1), STATUS_OK);
	(void)next_have(at);
	assert_int_equal(set(at, "file/00000", "red"), STATUS_OK);
	is_baseline(at, "file/00000");
	assert_int_equal(
	    observer_unset(at->observer, "files", LANE_DELTA, bytes_of_text("file/00001")),
	    STATUS_OK);
	assert_int_equal(next(at, LANE_BULK)->envelope->kind, FETTLE__KIND__KIND_FACT_UNSET);
	assert_null(next(at, LANE_DELTA));
}

static void what_was_told_since_it_was_asked_for_is_not_withdrawn(void **test)
{
	struct fixture *at = *test;
	const struct spool_withdrawn lost = lose_first(at);

	assert_int_equal(set(at, "file/00000", "red"), STATUS_OK);
	assert_int_equal(spool_withdraw_bundles(at->spool, &lost, 1), STATUS_OK);
	assert_false(is_untold(at, "file/00000"));
	assert_true(is_untold(at, "file/00001"));
}

static void what_is_not_kept_any_more_is_withdrawn_and_seen_anew(void **test)
{
	struct fixture *at = *test;
	const struct spool_withdrawn lost = lose_first(at);
	const Fettle__Have *withdrawn;

	assert_int_equal(spool_withdraw_bundles(at->spool, &lost, 1), STATUS_OK);
	withdrawn = next_have(at);
	assert_true(withdrawn->is_withdrawn);
	assert_true(bytes_equal(record_bytes(withdrawn->hash), lost.hash));
	assert_int_equal(withdrawn->n_revisions, 1);
	assert_int_equal(withdrawn->revisions[0], 1);
	assert_true(is_untold(at, "file/00000"));
	assert_false(is_untold(at, arena_format(&at->arena, "file/%05u", (unsigned)lost.facts)));
	assert_int_equal(pass_of(at, 100, "blue"), STATUS_OK);
	for (unsigned i = 0; i < lost.facts; i++)
		is_baseline(at, arena_format(&at->arena, "file/%05u", i));
	assert_int_equal(next(at, LANE_BULK)->envelope->kind, FETTLE__KIND__KIND_PASS);
}

static void what_the_server_has_not_heard_of_does_not_expire(void **test)
{
	struct fixture *at = *test;
	const Fettle__Have *have;

	assert_int_equal(pass_of(at, 100, "blue"), STATUS_OK);
	assert_int_equal(spool_expire_bundles(at->spool, clock_wall_ms() + 1), STATUS_OK);
	have = next_have(at);
	assert_int_equal(spool_append_bundle(at->spool, hash_at(have, 0).data), STATUS_OK);
}

/* ---- a full spool ---- */

/* A text of the size of a few bundles. */
static const char *long_text(struct fixture *at)
{
	char text[400];

	memset(text, 'x', sizeof(text));
	return arena_format(&at->arena, "%.*s", (int)sizeof(text), text);
}

/* What cannot wait, while bulk takes any: how many. */
static uint64_t fill_up(struct fixture *at)
{
	uint64_t count = 0;

	while (spool_append(at->spool, LANE_BULK, FETTLE__KIND__KIND_JOB_PROGRESS, 0,
		   bytes_of_text(long_text(at)))
	       == STATUS_OK)
		count++;
	assert_int_equal(spool_commit(at->spool), STATUS_OK);
	return count;
}

static void what_finds_no_room_is_refused_counted_and_not_remembered(void **test)
{
	struct fixture *at = *test;
	uint64_t facts = 0, known = 0;
	const Fettle__Record *record;

	reopen(at, SMALL);
	assert_int_equal(pass_of(at, 1000, long_text(at)), STATUS_FULL);
	while ((record = next(at, LANE_BULK)) != NULL) {
		const Fettle__Have *have = body_of(at, record, FETTLE__KIND__KIND_HAVE,
		    &fettle__have__descriptor);

		facts += have->facts;
	}
	for (unsigned i = 0; i < 1000; i++)
		known += is_known(at, arena_format(&at->arena, "file/%05u", i));
	assert_int_equal(known, facts);
	assert_int_equal(spool_refused(at->spool), 1000 - facts);
	assert_false(spool_has_room(at->spool));
	assert_int_equal(spool_evicted(at->spool), 0);
}

static void what_the_server_has_heard_of_makes_room(void **test)
{
	struct fixture *at = *test;
	unsigned rounds = 0;

	reopen(at, SMALL);
	while (pass_of(at, 1000, long_text(at)) != STATUS_OK) {
		while (next(at, LANE_BULK) != NULL)
			continue;
		acknowledge(at);
		assert_true(spool_has_room(at->spool));
		assert_true(++rounds < 100);
	}
	assert_true(rounds > 1);
	for (unsigned i = 0; i < 1000; i++)
		assert_true(is_known(at, arena_format(&at->arena, "file/%05u", i)));
}

/* Bundles weigh in the lane as well: a digest waits for its room, and undoes nothing of others. */
static void a_digest_that_finds_no_room_is_tried_again_at_no_cost(void **test)
{
	struct fixture *at = *test;
	uint64_t undone, refused;

	reopen(at, SMALL);
	assert_int_equal(pass_of(at, 1000, long_text(at)), STATUS_FULL);
	fill_up(at);
	undone = spool_undone(at->spool);
	refused = spool_refused(at->spool);
	for (int i = 0; i < 10; i++)
		assert_int_equal(spool_append_digest(at->spool, true, true), STATUS_FULL);
	assert_int_equal(spool_undone(at->spool), undone);
	assert_int_equal(spool_refused(at->spool), refused);
	while (next(at, LANE_BULK) != NULL)
		continue;
	acknowledge(at);
	/* The server has heard of the bundles: they make room. */
	assert_int_equal(spool_append_digest(at->spool, true, true), STATUS_OK);
}

/* A gap, which cannot wait, takes no record of hashes along. */
static void hashes_that_wait_do_not_go_for_others(void **test)
{
	struct fixture *at = *test;
	uint64_t kept;

	reopen(at, SMALL);
	assert_int_equal(pass_of(at, 1000, long_text(at)), STATUS_FULL);
	assert_int_equal(spool_commit(at->spool), STATUS_OK);
	kept = spool_kept(at->spool);
	kept += fill_up(at);
	assert_int_equal(spool_kept(at->spool), kept);
	assert_int_equal(spool_evicted(at->spool), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_first_pass_goes_as_hashes_and_its_mark_follows),
		TEST(the_same_seen_again_says_nothing_and_another_value_goes_alone),
		TEST(few_facts_go_alone),
		TEST(what_is_seen_while_it_waits_for_its_neighbours_takes_its_place),
		TEST(a_pass_that_is_given_up_has_said_what_it_saw),
		TEST(killed_before_it_was_committed_all_of_it_is_seen_anew),
		TEST(a_bundle_that_is_asked_for_is_what_its_hash_says),
		TEST(what_is_not_kept_any_more_is_withdrawn_and_seen_anew),
		TEST(what_is_withdrawn_is_baseline_again_before_the_next_pass_too),
		TEST(what_was_told_since_it_was_asked_for_is_not_withdrawn),
		TEST(what_the_server_has_not_heard_of_does_not_expire),
		TEST(what_finds_no_room_is_refused_counted_and_not_remembered),
		TEST(what_the_server_has_heard_of_makes_room),
		TEST(a_digest_that_finds_no_room_is_tried_again_at_no_cost),
		TEST(hashes_that_wait_do_not_go_for_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
